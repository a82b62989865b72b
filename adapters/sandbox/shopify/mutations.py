"""What can be done to the store: the fields of Mutation, each with what it refuses to do."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Any
from uuid import uuid4

from adapters.sandbox.shopify import bulk, life, shown
from adapters.sandbox.shopify.execute import Call, Info
from adapters.sandbox.shopify.records import Bulk, Consent, Coupon, Customer, Flow, Invoice, Order, Store
from adapters.sandbox.shopify.wire import gid, kind_of, number_of, user_error

Json = dict[str, Any]
Args = Mapping[str, Any]

LONGEST_NOTE = 5000
LONGEST_TAG = 40
MOST_METAFIELDS = 25
LARGEST_PAYLOAD = 50_000
"""Bytes that a workflow's trigger takes."""


class Refused(Exception):
    """The store would not do it: what stands in the payload's errors."""

    def __init__(self, *errors: Mapping[str, Any]) -> None:
        super().__init__(errors)
        self.errors = errors


def _refusal(field: str | tuple[str, ...] | None, message: str, code: str | None = None, **more: Any) -> Refused:
    return Refused(user_error((field,) if isinstance(field, str) else field, message, code, **more))


def _order(call: Call, global_id: str, field: str = "id", code: str | None = None) -> Order:
    it = call.store.orders.get(number_of(global_id)) if kind_of(global_id) == "Order" else None
    if it is None or not call.store.sees(it):
        raise _refusal(field, "Order does not exist", code)
    return it


def update_order(call: Call, args: Args, info: Info) -> Json:
    """Replace what is given: the note as a whole, the tags as a whole; metafields one by one."""
    given = args["input"]
    it = _order(call, given["id"])
    if len(given.get("note") or "") > LONGEST_NOTE:
        raise _refusal("note", f"Note is too long (maximum is {LONGEST_NOTE} characters)")
    for one in given.get("metafields") or ():
        space, key, value = one.get("namespace"), one.get("key") or "", one.get("value") or ""
        life.set_metafield(call.store, it, space, key, one.get("type") or "single_line_text_field", value)
    if "note" in given:
        life.set_note(call.store, it, given["note"])
    if given.get("tags") is not None:
        life.set_tags(call.store, it, given["tags"])
    if given.get("customAttributes") is not None:
        it.attributes = {one["key"]: one["value"] for one in given["customAttributes"]}
    it.email, it.phone = given.get("email", it.email), given.get("phone", it.phone)
    life.touch(call.store, it)
    return {"order": shown.order(call.store, it)}


def add_tags(call: Call, args: Args, info: Info) -> Json:
    """Add tags to an order."""
    it = _order(call, args["id"])
    long = next((tag for tag in args["tags"] if len(tag) > LONGEST_TAG), None)
    if long is not None:
        raise _refusal("tags", f"Tags is invalid: a tag has more than {LONGEST_TAG} characters")
    life.set_tags(call.store, it, [*it.tags, *args["tags"]])
    return {"node": shown.order(call.store, it)}


def remove_tags(call: Call, args: Args, info: Info) -> Json:
    """Take tags off an order, whatever their case."""
    it = _order(call, args["id"])
    gone = {tag.strip().casefold() for tag in args["tags"]}
    life.set_tags(call.store, it, [tag for tag in it.tags if tag.casefold() not in gone])
    return {"node": shown.order(call.store, it)}


def close_order(call: Call, args: Args, info: Info) -> Json:
    """Archive the order."""
    it = _order(call, args["input"]["id"])
    it.closed = it.closed or call.store.now()
    life.touch(call.store, it)
    return {"order": shown.order(call.store, it)}


def open_order(call: Call, args: Args, info: Info) -> Json:
    """Take the order out of the archive."""
    it = _order(call, args["input"]["id"])
    it.closed = None
    life.touch(call.store, it)
    return {"order": shown.order(call.store, it)}


def mark_as_paid(call: Call, args: Args, info: Info) -> Json:
    """Write down that the money came."""
    it = _order(call, args["input"]["id"])
    if not shown.may_be_paid(it):
        raise _refusal("id", "Order cannot be marked as paid.")
    life.pay(call.store, it)
    return {"order": shown.order(call.store, it)}


def cancel_order(call: Call, args: Args, info: Info) -> Json:
    """Start to cancel the order: it is done when the next request comes in."""
    it = _order(call, args["orderId"], "orderId", "NOT_FOUND")
    if it.cancelled is not None:
        raise _refusal("orderId", "Cannot cancel an order that has already been canceled", "INVALID")
    if any(map(it.sent, it.lines)):
        raise _refusal("orderId", "Cannot cancel an order that has been fulfilled", "INVALID")
    give_back = bool((args.get("refundMethod") or {}).get("originalPaymentMethodsRefund") or args.get("refund"))
    job_id = gid("Job", str(uuid4()))
    call.store.jobs[job_id] = partial(life.cancel, call.store, it, args["reason"], give_back=give_back)
    return {"job": {"id": job_id, "done": False}}


def set_metafields(call: Call, args: Args, info: Info) -> Json:
    """Write metafields, all or none. A `compareDigest` that is given has to be today's; null: not there yet."""
    given = args["metafields"]
    if len(given) > MOST_METAFIELDS:
        message = f"Exceeded the maximum metafields input limit of {MOST_METAFIELDS}."
        raise _refusal("metafields", message, "LESS_THAN_OR_EQUAL_TO")
    wrong = [error for place, one in enumerate(given) for error in _metafield_errors(call, place, one)]
    if wrong:
        raise Refused(*wrong)
    written = [
        life.set_metafield(
            call.store, _order(call, one["ownerId"]), one.get("namespace"), one["key"], one["type"], one["value"]
        )
        for one in given
    ]
    return {"metafields": [shown.metafield(one) for one in written]}


def _metafield_errors(call: Call, place: int, one: Args) -> list[Mapping[str, Any]]:
    def error(field: str, message: str, code: str) -> list[Mapping[str, Any]]:
        return [user_error(("metafields", str(place), field), message, code, elementIndex=place)]

    it = call.store.orders.get(number_of(one["ownerId"]))
    if it is None or kind_of(one["ownerId"]) != "Order":
        return error("ownerId", "Owner does not exist.", "INVALID")
    if not one.get("type"):
        return error("type", "Type can't be blank", "BLANK")
    if not one["value"]:
        return error("value", "Value can't be blank.", "BLANK")
    if not 2 <= len(one["key"]) <= 64:
        return error("key", "Key must have between 2 and 64 characters.", "INVALID")
    if not re.fullmatch(r"[\w-]+", one["key"]):
        return error("key", "Key must only contain letters, digits, underscores and hyphens.", "INVALID")
    if not _fits(one["type"], one["value"]):
        return error("value", f"Value is not a valid {one['type']}.", "INVALID_VALUE")
    known = life.find_metafield(it, one.get("namespace"), one["key"])
    if "compareDigest" in one and one["compareDigest"] != (known and shown.digest(known)):
        message = "The resource has been updated since it was loaded. Try again with an updated `compareDigest` value."
        return [user_error(("metafields", str(place)), message, "STALE_OBJECT", elementIndex=place)]
    return []


def _fits(kind: str, value: str) -> bool:
    if kind == "single_line_text_field":
        return "\n" not in value
    if kind == "json":
        try:
            json.loads(value)
        except ValueError:
            return False
    return True


def send_invoice(call: Call, args: Args, info: Info) -> Json:
    """Mail the customer, in the merchant's invoice template."""
    it = _order(call, args["id"])
    mail = args.get("email") or {}
    to = mail.get("to") or it.email
    sender = mail.get("from")
    if not to or "@" not in to:
        raise _refusal("email", "The invoice could not be sent: there is no address.", _UNSENT)
    if sender and sender != call.store.email:
        raise _refusal(("email", "from"), "From must be the store's or a staff member's address.", _UNSENT)
    bcc = tuple(mail.get("bcc") or ())
    sent = Invoice(str(it.id), to, mail.get("subject"), mail.get("customMessage"), sender, bcc, call.store.now())
    call.store.invoices.append(sent)
    return {"order": shown.order(call.store, it)}


_UNSENT = "ORDER_INVOICE_SEND_UNSUCCESSFUL"


def start_flow(call: Call, args: Args, info: Info) -> Json:
    """Hand a payload to the workflows with that trigger, if there are any: nobody says so."""
    if not args.get("handle"):
        raise _refusal("handle", "Errors validating schema:\n  Handle can't be blank.\n")
    if len(json.dumps(args.get("payload")).encode()) > LARGEST_PAYLOAD:
        raise _refusal("payload", f"Errors validating schema:\n  Properties size exceeds {LARGEST_PAYLOAD} bytes.\n")
    call.store.flows.append(Flow(args["handle"], args.get("payload"), call.store.now()))
    return {}


def create_coupon(call: Call, args: Args, info: Info) -> Json:
    """Make a discount code. Each exists once, whatever its case."""
    given = args["basicCodeDiscount"]
    wrong = _coupon_errors(call.store, given)
    if wrong:
        raise Refused(*(user_error(("basicCodeDiscount", field), text, code) for field, text, code in wrong))
    gets = given["customerGets"]["value"]
    percentage, amount = gets.get("percentage"), (gets.get("discountAmount") or {}).get("amount")
    it = Coupon(
        id=next(call.store.ids),
        code=given["code"],
        title=given["title"],
        percent=None if percentage is None else round(Decimal(str(percentage)) * 100, 4).normalize(),
        amount=amount,
        starts=given["startsAt"],
        ends=given.get("endsAt"),
        usage_limit=given.get("usageLimit"),
        once_per_customer=bool(given.get("appliesOncePerCustomer")),
        customers=tuple(((given.get("context") or {}).get("customers") or {}).get("add") or ()),
        created=call.store.now(),
    )
    call.store.coupons[it.code.lower()] = it
    return {"codeDiscountNode": shown.coupon(call.store, it)}


def _coupon_errors(store: Store, given: Args) -> list[tuple[str, str, str]]:
    wrong = [
        (field, f"{name} can't be blank", "BLANK")
        for field, name in (
            ("title", "Title"),
            ("code", "Code"),
            ("startsAt", "Starts at"),
            ("customerGets", "Customer gets"),
            ("context", "Context"),
        )
        if not given.get(field)
    ]
    if wrong:
        return wrong
    gets = given["customerGets"].get("value") or {}
    percentage, ends = gets.get("percentage"), given.get("endsAt")
    if given["code"].lower() in store.coupons:
        wrong.append(("code", "Code must be unique. Please try a different code.", "TAKEN"))
    if len(given["code"]) > 255:
        wrong.append(("code", "Code is too long (maximum is 255 characters)", "TOO_LONG"))
    if percentage is not None and not 0 < percentage <= 1:
        wrong.append(("customerGets", "Value must be between 0.0 and 1.0", "VALUE_OUTSIDE_RANGE"))
    if percentage is None and not gets.get("discountAmount"):
        wrong.append(("customerGets", "Value can't be blank", "BLANK"))
    if ends is not None and ends <= given["startsAt"]:
        wrong.append(("endsAt", "Ends at needs to be after starts_at", "END_DATE_BEFORE_START_DATE"))
    return wrong


def run_bulk(call: Call, args: Args, info: Info) -> Json:
    """Start a bulk operation; one at a time."""
    if any(it.status in ("CREATED", "RUNNING") for it in call.store.bulks.values()):
        message = "A bulk query operation for this app and shop is already in progress."
        raise _refusal(None, message, "OPERATION_IN_PROGRESS")
    refusal = bulk.refusal(info.schema, args["query"])
    if refusal is not None:
        raise _refusal("query", refusal, "INVALID")
    now, polls = call.store.now(), call.store.bulk_polls
    it = Bulk(next(call.store.ids), args["query"], args["groupObjects"], now, polls)
    call.store.bulks[it.id] = it
    return {"bulkOperation": shown.bulk(call.store, it)}


def cancel_bulk(call: Call, args: Args, info: Info) -> Json:
    """Stop a bulk operation."""
    it = call.store.bulks.get(number_of(args["id"]))
    if it is None:
        raise _refusal("id", "Bulk operation does not exist")
    if it.status not in ("CREATED", "RUNNING"):
        raise _refusal(None, f"A bulk operation cannot be canceled when it is {it.status.lower()}.")
    it.status = "CANCELED"
    return {"bulkOperation": shown.bulk(call.store, it)}


def add_parcel_event(call: Call, args: Args, info: Info) -> Json:
    """Tell of a parcel's whereabouts in the carrier's stead."""
    given = args["fulfillmentEvent"]
    wanted = number_of(given["fulfillmentId"])
    parcels = [parcel for it in call.store.orders.values() for parcel in it.fulfillments if parcel.id == wanted]
    if not parcels:
        raise _refusal(("fulfillmentEvent", "fulfillmentId"), "Fulfillment does not exist.")
    at: datetime = given.get("happenedAt") or call.store.now()
    message, estimated = given.get("message"), given.get("estimatedDeliveryAt")
    event = life.carry(call.store, parcels[0], given["status"], at, message, estimated)
    return {"fulfillmentEvent": event and shown.parcel_event(event)}


def consent_to_email(call: Call, args: Args, info: Info) -> Json:
    """Write down what a customer says about e-mail."""
    it, consent = _consent(call, args["input"], args["input"]["emailMarketingConsent"])
    it.email_consent = consent
    return {"customer": shown.customer(call.store, it)}


def consent_to_sms(call: Call, args: Args, info: Info) -> Json:
    """Write down what a customer says about text messages."""
    it, consent = _consent(call, args["input"], args["input"]["smsMarketingConsent"])
    if not it.phone:
        raise _refusal("input", "A phone number is required to set the SMS consent state.", "INVALID")
    it.sms_consent = consent
    return {"customer": shown.customer(call.store, it)}


def _consent(call: Call, given: Args, said: Args) -> tuple[Customer, Consent]:
    it = call.store.customers.get(number_of(given["customerId"]))
    if it is None:
        raise _refusal(("input", "customerId"), "Customer not found", "INVALID")
    it.updated = call.store.now()
    at = said.get("consentUpdatedAt") or call.store.now()
    return it, Consent(said["marketingState"], at, said.get("marketingOptInLevel"))


Do = Callable[[Call, Args, Info], Json]

MUTATIONS: dict[str, tuple[str | None, Do]] = {
    "bulkOperationCancel": (None, cancel_bulk),
    "bulkOperationRunQuery": (None, run_bulk),
    "customerEmailMarketingConsentUpdate": ("write_customers", consent_to_email),
    "customerSmsMarketingConsentUpdate": ("write_customers", consent_to_sms),
    "discountCodeBasicCreate": ("write_discounts", create_coupon),
    "flowTriggerReceive": (None, start_flow),
    "fulfillmentEventCreate": ("write_fulfillments", add_parcel_event),
    "metafieldsSet": ("write_orders", set_metafields),
    "orderCancel": ("write_orders", cancel_order),
    "orderClose": ("write_orders", close_order),
    "orderInvoiceSend": ("write_orders", send_invoice),
    "orderMarkAsPaid": ("write_orders", mark_as_paid),
    "orderOpen": ("write_orders", open_order),
    "orderUpdate": ("write_orders", update_order),
    "tagsAdd": ("write_orders", add_tags),
    "tagsRemove": ("write_orders", remove_tags),
}
"""Each field of Mutation: the scope it needs, and what does it."""
