"""Shopify's orders and abandoned checkouts, told in the words of `adapters.model`. Pure: nothing is asked of the store.

Three things are not told. An order's one note is written by customers and staff alike, so it is nobody's
`customer_note`. WhatsApp consent is only there in newer versions of the API. And where an order is authorized or paid
in part, it has no `paid_at` yet.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from operator import itemgetter

from adapters.base import NAMELESS, Broken
from adapters.model import Address, Consent, Customer, LineItem, Milestone, Money, Order, Refund, Return, Shipment
from adapters.shopify.raw import (
    Connection,
    RawAddress,
    RawAttribute,
    RawCheckout,
    RawCustomer,
    RawEmail,
    RawLine,
    RawMoneyBag,
    RawNode,
    RawOrder,
    RawParcel,
    RawPhone,
    RawProduct,
    RawRefund,
    RawReturn,
    RawStamp,
    T,
    model_id,
    tail,
)

_PAID = frozenset({"PAID", "PARTIALLY_REFUNDED", "REFUNDED"})
_GONE = frozenset({"CANCELLED", "CANCELED"})
_PARCEL_STATES = {
    "IN_TRANSIT": "in_transit",
    "CARRIER_PICKED_UP": "in_transit",
    "OUT_FOR_DELIVERY": "out_for_delivery",
    "READY_FOR_PICKUP": "available_for_pickup",
    "ATTEMPTED_DELIVERY": "delivery_failed",
    "NOT_DELIVERED": "delivery_failed",
    "FAILURE": "exception",
    "DELAYED": "exception",
    "DELIVERED": "delivered",
    "PICKED_UP": "delivered",
    "RETURN_TO_SENDER": "returned",
    "RETURNED_TO_SENDER": "returned",
}
_NO_VARIANT = "Default Title"
_LONGEST_META = 255
_CENT = Decimal("0.01")
_MOST_DIGITS = 20
"""Of an amount, on either side of the point: 1E+999999999 is a number, and fills memory once it is written out."""
_GID = re.compile(r"gid://shopify/(Order|AbandonedCheckout)/[0-9]{1,20}(\?.*)?")
_NO_ADDRESS = Address()
_NOBODY = RawCustomer(id="")


class NotUnderstoodError(ValueError):
    """An order that makes no sense; the text says why, without personal data."""


def normalise(raw: RawNode) -> Order | Broken:
    """One order or abandoned checkout, or why it cannot be understood."""
    if not _GID.fullmatch(str(raw.id)):
        return Broken(NAMELESS, raw.reason if isinstance(raw, RawStamp) else "its id is none that Shopify gives")
    if isinstance(raw, RawStamp):
        return Broken(model_id(raw.id), raw.reason)
    try:
        return _order(raw) if isinstance(raw, RawOrder) else _checkout(raw)
    except NotUnderstoodError as error:
        return Broken(model_id(raw.id), str(error))
    except OverflowError:  # a time of the year 1 or 9999 that is in another year as UTC
        return Broken(model_id(raw.id), "there is a date in it that cannot be")


def modified_at(raw: RawNode) -> datetime | None:
    """When it was last changed, by the store's clock; None for the odd ones without."""
    try:
        if not isinstance(raw, RawStamp):
            return _utc(raw.updated_at)
        moment = datetime.fromisoformat(raw.updated_at) if isinstance(raw.updated_at, str) else None
        return moment.astimezone(UTC) if moment is not None and moment.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None


def _order(raw: RawOrder) -> Order:
    billing, shipping = _address(raw.billing_address), _address(raw.shipping_address)
    locale = _text(raw.customer_locale) or (_text(raw.customer.locale) if raw.customer else None)
    total = _money(raw.total_price_set, "total")
    gateways = raw.payment_gateway_names or ()
    collection = raw.payment_collection_details
    paid_at = _paid_at(raw)
    return Order(
        id=tail(raw.id),
        number=raw.name.removeprefix("#") or tail(raw.id),
        status=_status(raw),
        created_at=_utc(raw.created_at),
        modified_at=_utc(raw.updated_at),
        total=total,
        customer=_customer(raw.customer, raw.email, raw.phone, billing, shipping, locale),
        billing=billing,
        shipping=shipping,
        paid_at=paid_at,
        completed_at=_completed_at(raw, paid_at),
        cancelled_at=_moment(raw.cancelled_at),
        items=tuple([_item(line, total.currency) for line in _nodes(raw.line_items)]),
        shipments=tuple([_shipment(parcel) for parcel in raw.fulfillments or () if not _gone(parcel)]),
        refunds=tuple([refund for each in raw.refunds or () if (refund := _refund(each)) is not None]),
        returns=tuple([_return(each) for each in _nodes(raw.returns)]),
        coupons=tuple(raw.discount_codes or ()),
        tags=tuple(raw.tags or ()),
        meta=_meta(raw.custom_attributes),
        payment_method=_text(gateways[0]) if gateways else None,
        payment_title=_text(", ".join(gateways)),
        shipping_method=_text(raw.shipping_line.title) if raw.shipping_line else None,
        payment_url=_text(collection.additional_payment_collection_url) if collection else None,
        status_url=_text(raw.status_page_url),
        source=_text(raw.source_name),
        locale=locale,
        needs_shipping=raw.requires_shipping is not False,
        test=raw.test is True,
    )


def _checkout(raw: RawCheckout) -> Order:
    billing, shipping = _address(raw.billing_address), _address(raw.shipping_address)
    locale = _text(raw.customer.locale) if raw.customer else None
    total = _money(raw.total_price_set, "total")
    return Order(
        id=model_id(raw.id),
        number=(raw.name or "").removeprefix("#") or tail(raw.id),
        status="checkout",
        created_at=_utc(raw.created_at),
        modified_at=_utc(raw.updated_at),
        total=total,
        customer=_customer(raw.customer, None, None, billing, shipping, locale),
        billing=billing,
        shipping=shipping,
        items=tuple([_item(line, total.currency) for line in _nodes(raw.line_items)]),
        coupons=tuple(raw.discount_codes or ()),
        meta=_meta(raw.custom_attributes),
        payment_url=_text(raw.abandoned_checkout_url),
        locale=locale,
        draft=True,
        trashed=raw.completed_at is not None,
    )


def _status(raw: RawOrder) -> str:
    """One word for where the order stands; the first that holds."""
    paid, sent = raw.display_financial_status, raw.display_fulfillment_status
    if raw.cancelled_at is not None or paid == "VOIDED":
        return "cancelled"
    if paid == "REFUNDED":
        return "refunded"
    if sent == "FULFILLED" or (sent == "FULFILLMENT_NOT_REQUIRED" and paid in _PAID):
        return "completed"
    if sent == "ON_HOLD":
        return "on-hold"
    return "processing" if paid in _PAID or paid == "AUTHORIZED" else "pending"


def _paid_at(raw: RawOrder) -> datetime | None:
    """When the latest payment was taken, once nothing is owed. An order of nothing is paid as it is placed."""
    if raw.display_financial_status not in _PAID:
        return None
    taken = [
        moment
        for each in raw.transactions or ()
        if each.status == "SUCCESS" and each.kind in ("SALE", "CAPTURE")
        if (moment := each.processed_at or each.created_at) is not None
    ]
    return _utc(max(taken)) if taken else _utc(raw.processed_at or raw.created_at)


def _completed_at(raw: RawOrder, paid_at: datetime | None) -> datetime | None:
    """When the last parcel was made, once all is sent. Where nothing has to be, it is done when it is paid."""
    if raw.display_fulfillment_status == "FULFILLMENT_NOT_REQUIRED":
        return paid_at
    if raw.display_fulfillment_status != "FULFILLED":
        return None
    made = [each.created_at for each in raw.fulfillments or () if each.created_at is not None and not _gone(each)]
    return _utc(max(made)) if made else None


def _customer(
    raw: RawCustomer | None,
    email: str | None,
    phone: str | None,
    billing: Address,
    shipping: Address,
    locale: str | None,
) -> Customer:
    """Who bought. What the order itself says comes before what the account says."""
    known = raw or _NOBODY
    mail, mobile = known.default_email_address, known.default_phone_number
    return Customer(
        id=tail(known.id) or None,
        email=_text(email) or (_text(mail.email_address) if mail else None),
        phone=_text(phone) or (_text(mobile.phone_number) if mobile else None) or billing.phone or shipping.phone,
        first_name=_text(known.first_name) or billing.first_name or shipping.first_name,
        last_name=_text(known.last_name) or billing.last_name or shipping.last_name,
        locale=locale,
        tags=tuple(known.tags or ()),
        consents=tuple(_consents(mail, mobile)),
        orders_count=_count(known.number_of_orders),
    )


def _consents(mail: RawEmail | None, mobile: RawPhone | None) -> Iterable[Consent]:
    if mail is not None and mail.marketing_state:
        yield Consent(channel="email", state=mail.marketing_state.lower(), given_at=_moment(mail.marketing_updated_at))
    if mobile is not None and mobile.marketing_state:
        yield Consent(
            channel="sms", state=mobile.marketing_state.lower(), given_at=_moment(mobile.marketing_updated_at)
        )


def _address(raw: RawAddress | None) -> Address:
    if raw is None:
        return _NO_ADDRESS
    return Address(
        first_name=_text(raw.first_name),
        last_name=_text(raw.last_name),
        company=_text(raw.company),
        line1=_text(raw.address1),
        line2=_text(raw.address2),
        city=_text(raw.city),
        region=_text(raw.province),
        postcode=_text(raw.zip),
        country=_text(raw.country_code_v2),
        phone=_text(raw.phone),
    )


def _item(raw: RawLine, currency: str) -> LineItem:
    product = raw.product
    left = raw.current_quantity
    return LineItem(
        id=tail(raw.id),
        name=_titled(raw.title or raw.name, raw.variant_title),
        quantity=raw.quantity,
        total=_money(raw.discounted_total_set, "a line item", currency),
        product_id=tail(product.id) if product else None,
        variation_id=tail(raw.variant.id) if raw.variant else None,
        sku=_text(raw.sku),
        refunded=max(0, raw.quantity - left) if left is not None else 0,
        product_type=_text(product.product_type) if product else None,
        categories=_categories(product) if product else (),
        product_tags=tuple(product.tags or ()) if product else (),
        vendor=_text(raw.vendor) or (_text(product.vendor) if product else None),
        url=_text(product.online_store_url) if product else None,
        needs_shipping=raw.requires_shipping is not False,
    )


def _categories(raw: RawProduct) -> tuple[str, ...]:
    """What the merchant calls this kind of product, and what Shopify's own list of categories does."""
    told = (_text(raw.product_type), _text(raw.category.name) if raw.category else None)
    return tuple(dict.fromkeys(filter(None, told)))


def _titled(title: str | None, variant: str | None) -> str:
    """A line's name, as Shopify itself writes it."""
    told = _text(title) or ""
    return f"{told} - {variant}" if variant and variant != _NO_VARIANT else told


def _gone(raw: RawParcel) -> bool:
    """A cancelled fulfilment is no parcel."""
    return raw.status in _GONE or raw.display_status in _GONE


def _shipment(raw: RawParcel) -> Shipment:
    tracking = raw.tracking_info[0] if raw.tracking_info else None
    milestones = _milestones(raw)
    state = _parcel_state(raw.display_status) if raw.display_status else None
    if state is None:
        state = milestones[-1].state if milestones else None
    return Shipment(
        id=tail(raw.id),
        carrier=_text(tracking.company) if tracking else None,
        tracking_number=_text(tracking.number) if tracking else None,
        tracking_url=_text(tracking.url) if tracking else None,
        shipped_at=_moment(raw.created_at),
        delivered_at=_delivered_at(raw, state, milestones),
        estimated_delivery_at=_moment(raw.estimated_delivery_at),
        state=state,
        milestones=milestones,
        items=tuple([(tail(line.line_item.id), line.quantity or 0) for line in _nodes(raw.fulfillment_line_items)]),
    )


def _milestones(raw: RawParcel) -> tuple[Milestone, ...]:
    """When the parcel came into each state; a state that is told again while it lasts is not a new one."""
    dated = [(_utc(event.happened_at), _parcel_state(event.status)) for event in _nodes(raw.events)]
    told = {state for _, state in dated}
    for state, moment in (("in_transit", raw.in_transit_at), ("delivered", raw.delivered_at)):
        if moment is not None and state not in told:
            dated.append((_utc(moment), state))
    dated.sort(key=itemgetter(0))
    return tuple([Milestone(state, at) for n, (at, state) in enumerate(dated) if n == 0 or dated[n - 1][1] != state])


def _delivered_at(raw: RawParcel, state: str | None, milestones: tuple[Milestone, ...]) -> datetime | None:
    """Where no one dates the delivery, as when a customer picks up, it is dated by who sees it first: any later change
    of the parcel moves its `updatedAt`.
    """
    if raw.delivered_at is not None or state != "delivered":
        return _moment(raw.delivered_at)
    return next((each.at for each in milestones if each.state == "delivered"), None)


def _parcel_state(word: str) -> str:
    return _PARCEL_STATES.get(word) or word.lower()


def _refund(raw: RawRefund) -> Refund | None:
    """Money given back; None for goods that were taken back or out without any."""
    amount = _money(raw.total_refunded_set, "a refund")
    if not amount.amount:
        return None
    return Refund(id=tail(raw.id), amount=amount, reason=_text(raw.note), created_at=_moment(raw.created_at))


def _return(raw: RawReturn) -> Return:
    return Return(
        id=tail(raw.id),
        status=raw.status.lower(),
        created_at=_moment(raw.created_at),
        closed_at=_moment(raw.closed_at),
    )


def _meta(attributes: Iterable[RawAttribute] | None) -> dict[str, str]:
    """The custom fields with something in them; of a key that comes twice, the latest."""
    return {
        each.key: value
        for each in attributes or ()
        if (value := _text(each.value)) is not None and len(value) <= _LONGEST_META
    }


def _money(raw: RawMoneyBag | None, of: str, currency: str | None = None) -> Money:
    """What stands in the store's own currency; with a `currency` to fall back on, nothing is zero."""
    if raw is None:
        if currency is None:
            raise NotUnderstoodError(f"the amount of {of} is missing")
        return Money(Decimal(0), currency)
    money = raw.shop_money
    if not money.amount.is_finite() or abs(money.amount.adjusted()) > _MOST_DIGITS:
        raise NotUnderstoodError(f"the amount of {of} is not a number")
    # Shopify drops a last zero; people do not write 74.9.
    drops_zero = money.amount.as_tuple().exponent == -1
    return Money(money.amount.quantize(_CENT) if drops_zero else money.amount, money.currency_code)


def _count(value: int | str | None) -> int | None:
    """Shopify writes large numbers as text."""
    return int(value) if value is not None and str(value).isdecimal() else None


def _nodes(connection: Connection[T] | None) -> list[T]:
    return connection.nodes if connection is not None else []


def _moment(moment: datetime | None) -> datetime | None:
    return _utc(moment) if moment is not None else None


def _utc(moment: datetime) -> datetime:
    return moment if moment.tzinfo is UTC else moment.astimezone(UTC)


def _text(value: str | None) -> str | None:
    return (value.strip() or None) if value else None
