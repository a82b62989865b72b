"""What can happen to orders, parcels and checkouts, with all that Shopify then does of itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from adapters.sandbox.shopify.records import (
    APP_ID,
    Checkout,
    Consent,
    Customer,
    Entry,
    Fulfillment,
    Line,
    Metafield,
    Order,
    ParcelEvent,
    Refund,
    Return,
    Store,
    Transaction,
)

EVENT_STATUSES = (
    "ATTEMPTED_DELIVERY",
    "CARRIER_PICKED_UP",
    "CONFIRMED",
    "DELAYED",
    "DELIVERED",
    "FAILURE",
    "IN_TRANSIT",
    "LABEL_PRINTED",
    "LABEL_PURCHASED",
    "OUT_FOR_DELIVERY",
    "READY_FOR_PICKUP",
)
"""What a carrier's event can say; the other words are only ever shown on the parcel."""


class RefundTooLargeError(Exception):
    """More would be given back than was paid."""


def touch(store: Store, it: Order) -> None:
    """Mark the order as updated now."""
    it.updated = store.now()


def tell(store: Store, it: Order, message: str, at: datetime | None = None, author: str | None = None) -> None:
    """Add a line to the order's timeline; somebody's comment, if it has an author."""
    it.timeline.append(Entry(next(store.ids), message, at or store.now(), author))


def known_customer(store: Store, given: Mapping[str, Any], at: datetime) -> Customer:
    """The customer with this e-mail address or, where there is none, a new one."""
    email = given.get("email")
    if email in store.customers_by_email:
        return store.customers_by_email[email]
    it = Customer(
        id=next(store.ids),
        first_name=given.get("first_name"),
        last_name=given.get("last_name"),
        email=email,
        phone=given.get("phone"),
        locale=given.get("locale", "en"),
        tags=tuple(given.get("tags", ())),
        created=at,
        updated=at,
        email_consent=_consent(given.get("email_consent", "NOT_SUBSCRIBED"), at),
        sms_consent=_consent(given.get("sms_consent", "NOT_SUBSCRIBED"), at),
    )
    store.customers[it.id] = it
    if it.email:
        store.customers_by_email[it.email] = it
    return it


def _consent(state: str, at: datetime) -> Consent:
    said = state not in ("NOT_SUBSCRIBED", "INVALID", "REDACTED")
    return Consent(state, at if said else None, "SINGLE_OPT_IN" if said else None)


def lines(store: Store, items: Iterable[Mapping[str, Any]]) -> list[Line]:
    """New lines. Keys of an item: title, sku, quantity, price, variant_title, product_id, product_type, product_tags,
    category (of Shopify's own list), vendor, requires_shipping, attributes.
    """
    return [
        Line(
            id=next(store.ids),
            title=item.get("title", "Ceramic mug"),
            sku=item.get("sku"),
            quantity=int(item.get("quantity", 1)),
            price=Decimal(str(item.get("price", "49.90"))),
            variant_title=item.get("variant_title"),
            product_id=item.get("product_id"),
            product_type=item.get("product_type", ""),
            product_tags=tuple(item.get("product_tags", ())),
            category=item.get("category"),
            vendor=item.get("vendor", store.name),
            requires_shipping=item.get("requires_shipping", True),
            attributes=dict(item.get("attributes", {})),
        )
        for item in items
    ]


def keep(store: Store, it: Order) -> None:
    """Take a new order in: its customer has one more, and its payment is written down."""
    store.orders[it.id] = it
    if it.customer is not None:
        it.customer.orders.append(it)
    tell(store, it, "The order was placed on Online Store.", it.created)
    if it.financial_status in ("PAID", "AUTHORIZED"):
        kind = "SALE" if it.financial_status == "PAID" else "AUTHORIZATION"
        it.transactions.append(Transaction(next(store.ids), kind, it.total, it.created))


def forget(store: Store, it: Order) -> None:
    """Delete the order for good."""
    del store.orders[it.id]
    if it.customer is not None:
        it.customer.orders.remove(it)


def pay(store: Store, it: Order) -> None:
    """The money came in."""
    it.financial_status = "PAID"
    it.transactions.append(Transaction(next(store.ids), "SALE", it.total, store.now()))
    tell(store, it, "The payment was received.")
    touch(store, it)


def cancel(store: Store, it: Order, reason: str, *, give_back: bool) -> None:
    """Cancel the order; what was paid stays paid unless it is given back, what was not is void."""
    it.cancelled, it.cancel_reason = store.now(), reason
    it.closed = it.closed or store.now()
    if it.financial_status in ("PENDING", "AUTHORIZED"):
        it.financial_status = "VOIDED"
    elif give_back and it.total > it.refunded:
        refund(store, it, it.total - it.refunded, {line.id: it.unsent(line) for line in it.lines}, None)
    tell(store, it, "The order was canceled.")
    touch(store, it)


def refund(store: Store, it: Order, amount: Decimal, items: Mapping[int, int], note: str | None) -> Refund:
    """Give money back, and quantities of lines with it. Raises RefundTooLargeError."""
    if not 0 < amount <= it.total - it.refunded:
        raise RefundTooLargeError
    given = Refund(next(store.ids), amount, note, store.now(), {line: many for line, many in items.items() if many})
    it.refunds.append(given)
    for line in it.lines:
        line.removed += given.items.get(line.id, 0)
    it.transactions.append(Transaction(next(store.ids), "REFUND", amount, given.at))
    it.financial_status = "REFUNDED" if it.refunded == it.total else "PARTIALLY_REFUNDED"
    tell(store, it, "A refund was issued.")
    touch(store, it)
    return given


def fulfill(store: Store, it: Order, items: Mapping[int, int], at: datetime, tracking: Mapping[str, Any]) -> int:
    """Send a parcel, its tracking given by company, number, url and estimated; gives its id."""
    name = f"{it.name}-F{len(it.fulfillments) + 1}"
    parcel = Fulfillment(next(store.ids), name, dict(items), created=at, updated=at, **tracking)
    it.fulfillments.append(parcel)
    it.on_hold = False
    tell(store, it, "Items were fulfilled.")
    touch(store, it)
    return parcel.id


def carry(
    store: Store, parcel: Fulfillment, status: str, at: datetime, message: str | None, estimated: datetime | None
) -> ParcelEvent | None:
    """The carrier tells where a parcel is: its state and dates follow. Gives the event, if one can say this."""
    parcel.display = status
    parcel.updated = store.now()
    parcel.estimated = estimated or parcel.estimated
    if status == "IN_TRANSIT":
        parcel.in_transit = parcel.in_transit or at
    if status == "DELIVERED":
        parcel.delivered = at
    if status not in EVENT_STATUSES:
        return None
    event = ParcelEvent(next(store.ids), status, at, message, estimated)
    parcel.events.append(event)
    return event


def ask_back(store: Store, it: Order, quantity: int) -> int:
    """The customer wants to send something back; gives the return's id."""
    back = Return(next(store.ids), f"{it.name}-R{len(it.returns) + 1}", "REQUESTED", store.now(), quantity)
    it.returns.append(back)
    tell(store, it, "A return was requested.")
    touch(store, it)
    return back.id


def move_return(store: Store, it: Order, return_id: int, status: str) -> None:
    """Bring a return into another state. Raises KeyError if there is none."""
    back = next((back for back in it.returns if back.id == return_id), None)
    if back is None:
        raise KeyError(return_id)
    back.status = status
    if status == "OPEN":
        back.approved = store.now()
    else:
        back.closed = store.now()
    touch(store, it)


def set_note(store: Store, it: Order, note: str | None) -> None:
    """Replace the one note that an order has."""
    it.note = note
    touch(store, it)


def set_tags(store: Store, it: Order, tags: Iterable[str]) -> None:
    """Give the order these tags, each once whatever its case, in the alphabet's order."""
    kept: dict[str, str] = {}
    for tag in tags:
        kept.setdefault(tag.strip().casefold(), tag.strip())
    it.tags = sorted(filter(None, kept.values()), key=str.casefold)
    touch(store, it)


def namespace(given: str | None) -> str:
    """A metafield's namespace as it is kept: the app's own, `$app`, is spelled out."""
    given = given or "$app"
    if given == "$app" or given.startswith("$app:"):
        return f"app--{APP_ID}{given.removeprefix('$app').replace(':', '--', 1)}"
    return given


def find_metafield(it: Order, space: str | None, key: str) -> Metafield | None:
    """The order's metafield of that name, if it has one."""
    space = namespace(space)
    return next((one for one in it.metafields if (one.namespace, one.key) == (space, key)), None)


def set_metafield(store: Store, it: Order, space: str | None, key: str, kind: str, value: str) -> Metafield:
    """Write one metafield, in place if the order has it."""
    known = find_metafield(it, space, key)
    if known is None:
        known = Metafield(next(store.ids), namespace(space), key, kind, value, store.now(), store.now())
        it.metafields.append(known)
    known.type, known.value, known.updated = kind, value, store.now()
    touch(store, it)
    return known


def complete(store: Store, it: Checkout) -> None:
    """The checkout was paid after all."""
    it.completed = it.updated = store.now()
