"""The life of an invented order: what happens to it, in each platform's way of telling it.

Pure. `HAPPENINGS` lists what can happen, by the word for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import groupby
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from msgspec.structs import replace
from pydantic import BaseModel

from adapters.base import Capability
from adapters.model import (
    Address,
    Consent,
    Customer,
    LineItem,
    Milestone,
    Money,
    Order,
    Refund,
    Remarks,
    Return,
    Review,
    Shipment,
    StaffNote,
)
from adapters.registry import lacks_of
from connector.config import StoreConfig
from connector.ruletests import keys as written
from connector.ruletests.keys import Detail, NoDetail, OneParcel, OrderKeys
from connector.ruletests.times import in_zone, parse_moment
from rules.events import BY_PARCELS
from rules.journey import DELIVERED, STATES
from rules.past import FIRST_STATUS, Past, known_past
from rules.sample import sample
from rules.template_language import Store
from rules.validation import did_you_mean

WOOCOMMERCE, SHOPIFY = "woocommerce", "shopify"


class Untold(ValueError):
    """This cannot happen, or nobody would learn of it; the text says why, and what to write."""


class Stage(NamedTuple):
    """When something happens (UTC), and in which store."""

    at: datetime
    store: StoreConfig

    @property
    def platform(self) -> str:
        return self.store.platform

    @property
    def zone(self) -> ZoneInfo:
        return self.store.calendar.zone


@dataclass(frozen=True, slots=True)
class Happening:
    """Something that happens to an order at a moment (UTC). `by_rule` is the rule that did it, if one did."""

    at: datetime
    kind: str
    detail: Any
    by_rule: str | None = None

    def __str__(self) -> str:
        detail = self.detail
        words = [
            _shown(value) if name == detail.shorthand else f"{name} {_shown(value)}"
            for name, value in detail
            if name in detail.model_fields_set
        ]
        return " ".join([self.kind.replace("_", " "), ", ".join(words)]).strip()


def _shown(value: object) -> str:
    """What was told of something that happened, for people."""
    match value:
        case BaseModel():
            return ", ".join(f"{name} {_shown(each)}" for name, each in value if name in value.model_fields_set)
        case Mapping():
            return ", ".join(f"{name} {_shown(each)}" for name, each in value.items())
        case tuple():
            return ", ".join(map(_shown, value))
    return str(value)


def lived(first: Order, happenings: Sequence[Happening], store: StoreConfig) -> Past:
    """The order through all that happens to it. Raises Untold."""
    order, versions = first, []
    for at, together in groupby(sorted(happenings, key=lambda each: each.at), key=lambda each: each.at):
        for each in together:
            stage = Stage(at, store)
            order = _settled(HAPPENINGS[each.kind].tell(order, each.detail, stage), stage)
        order = replace(order, modified_at=at)
        versions.append((at, order))
    return known_past(versions)


def said_in(happenings: Sequence[Happening], first: Order) -> Remarks:
    """What is said about the order in all that happens to it: its customer reviews it, and the staff writes notes."""
    reviews, notes = [], []
    for number, each in enumerate(happenings, 1):
        match each.detail:
            case written.Reviewed(rating=rating, text=text, product_name=product):
                name = product or next((item.name for item in first.items), None)
                reviews.append(Review(id=str(number), created_at=each.at, rating=rating, text=text, product_name=name))
            case written.Noted(text=text, author=author):
                notes.append(StaffNote(id=str(number), at=each.at, text=text, author=author))
    return Remarks(tuple(reviews), tuple(notes))


def newborn(keys: OrderKeys | None, number: int, at: datetime, store: StoreConfig, language: str | None) -> Order:
    """An order that comes in at this moment; what is not told of it is invented."""
    locale = language or store.locale
    seen = Store(id=store.id, name=store.name, url=store.url)
    currency = keys.currency if keys is not None else OrderKeys().currency
    invented = sample(seen, locale=locale, zone=store.calendar.zone, now=at, signed_by=None, currency=currency).order
    who, where = invented.customer, invented.shipping
    order = Order(
        id=str(number),
        number=str(number),
        status="pending",
        created_at=at,
        modified_at=at,
        total=invented.total,
        customer=Customer(
            id=who.id, email=who.email, first_name=who.first_name, last_name=who.last_name, locale=language
        ),
        shipping=Address(first_name=who.first_name, last_name=who.last_name, line1=where.line1, city=where.city),
        items=invented.items,
        payment_url=invented.payment_url,
        status_url=invented.status_url if store.platform == SHOPIFY else None,
        locale=language,
    )
    if keys is not None:
        order = _changed(order, keys)
        order = replace(order, id=order.number)
    first = FIRST_STATUS.get(order.payment_method, "pending") if store.platform != SHOPIFY else "pending"
    return replace(order, status=(keys.status if keys is not None else None) or first)


# The order's own keys -----------------------------------------------------------------------------------------

_AS_TOLD = frozenset(
    {"number", "status", "tags", "coupons", "payment_method", "payment_title", "shipping_method", "customer_note"}
    | {"payment_url", "status_url", "source", "locale", "needs_shipping", "test"}
)


def _changed(order: Order, keys: OrderKeys) -> Order:
    """The order with what is told of it."""
    told = keys.model_fields_set
    new: dict[str, Any] = {name: getattr(keys, name) for name in told & _AS_TOLD}
    for name in ("billing", "shipping"):
        if (address := getattr(keys, name)) is not None:
            new[name] = replace(getattr(order, name), **address.model_dump(exclude_unset=True))
    if keys.customer is not None:
        new["customer"] = _customer(order.customer, keys.customer)
    if "meta" in told:
        new["meta"] = {**order.meta, **keys.meta}
    currency = order.total.currency
    if keys.items is not None:
        new["items"] = tuple(_item(each, str(n), currency) for n, each in enumerate(keys.items, 1))
        new["total"] = Money(sum((item.total.amount for item in new["items"]), Decimal(0)), currency)
    if keys.total is not None:
        new["total"] = Money(keys.total, currency)
    return replace(order, **new)


def _customer(customer: Customer, keys: written.CustomerKeys) -> Customer:
    told = {name: getattr(keys, name) for name in keys.model_fields_set}
    if "consents" in told:
        told["consents"] = tuple(Consent(channel=channel, state=state) for channel, state in keys.consents.items())
    return replace(customer, **told)


def _item(keys: written.ItemKeys, id_: str, currency: str) -> LineItem:
    told = {name: value for name, value in keys if name not in ("price",)}
    return LineItem(id=id_, total=Money(keys.price * keys.quantity, currency), **told)


# What happens -------------------------------------------------------------------------------------------------


def _settled(order: Order, stage: Stage) -> Order:
    """Shopify has no statuses of its own: where an order stands is read off what happened to it."""
    if stage.platform != SHOPIFY or order.draft:
        return order
    sent = _all_sent(order)
    if sent is not None and order.completed_at is None:
        order = replace(order, completed_at=sent)
    if order.cancelled_at is not None:
        status = "cancelled"
    elif _left_to_pay_back(order) <= 0 < order.total.amount:
        status = "refunded"
    elif sent is not None:
        status = "completed"
    elif order.status == "on-hold":
        status = "on-hold"
    else:
        status = "processing" if order.paid_at is not None else "pending"
    return replace(order, status=status)


def _all_sent(order: Order) -> datetime | None:
    """Since when nothing of it is left to be sent; None if something is."""
    if not order.needs_shipping:
        return order.paid_at
    if not order.shipments or _rest(order):
        return None
    return max((each.shipped_at for each in order.shipments if each.shipped_at is not None), default=None)


def _rest(order: Order) -> dict[str, int]:
    """What is in no parcel yet, by line."""
    packed = [item for parcel in order.shipments for item in parcel.items]
    left = {
        item.id: item.quantity - item.refunded - sum(n for id_, n in packed if id_ == item.id)
        for item in order.items
        if item.needs_shipping
    }
    return {id_: number for id_, number in left.items() if number > 0}


def _placed(order: Order, detail: NoDetail, stage: Stage) -> Order:
    first = FIRST_STATUS.get(order.payment_method, "pending")
    return replace(order, draft=False, status=first if order.draft else order.status)


def _abandoned(order: Order, detail: NoDetail, stage: Stage) -> Order:
    return replace(order, draft=True, status="checkout" if stage.platform == SHOPIFY else "checkout-draft")


def _paid(order: Order, detail: NoDetail, stage: Stage) -> Order:
    moves_on = order.status in ("pending", "on-hold", "failed")
    return replace(order, paid_at=stage.at, status="processing" if moves_on else order.status)


def _on_hold(order: Order, detail: NoDetail, stage: Stage) -> Order:
    return replace(order, status="on-hold")


def _failed(order: Order, detail: NoDetail, stage: Stage) -> Order:
    if stage.platform == SHOPIFY:
        raise Untold("Shopify has no failed orders: leave the order unpaid")
    return replace(order, status="failed")


def _cancelled(order: Order, detail: NoDetail, stage: Stage) -> Order:
    dated = stage.platform != WOOCOMMERCE
    return replace(order, status="cancelled", cancelled_at=stage.at if dated else None)


def _completed(order: Order, detail: NoDetail, stage: Stage) -> Order:
    if stage.platform == SHOPIFY:  # where that says that all was sent
        return _parcelled(order, written.Left(), stage) if _rest(order) else order
    return replace(order, status="completed", completed_at=stage.at)


def _to_status(order: Order, detail: written.ToStatus, stage: Stage) -> Order:
    if stage.platform == SHOPIFY:
        if detail.status in ("processing", "pending", "on-hold"):
            return replace(order, status=detail.status)
        words = ", ".join(HAPPENINGS)
        raise Untold(f"on Shopify a status comes of what happens to the order: write one of {words}")
    done = {"completed_at": stage.at} if detail.status == "completed" else {}
    return replace(order, status=detail.status, **done)


def _shipped(order: Order, detail: written.Left, stage: Stage) -> Order:
    """As this store tells it: by a parcel, or else by whatever its `shipped_when` asks for first."""
    rung = stage.store.ladders.shipped_when[0]
    if rung.by == "status":
        order = replace(order, status=rung.value)
    elif rung.by == "meta":
        order = replace(order, meta={**order.meta, rung.value: stage.at.isoformat()})
    return _parcelled(order, detail, stage) if rung.by == "shipment" or detail.model_fields_set else order


def _parcelled(order: Order, detail: written.Left, stage: Stage) -> Order:
    number = str(len(order.shipments) + 1)
    id_ = detail.parcel or number
    if any(each.id == id_ for each in order.shipments):
        raise Untold(f"there is a parcel '{id_}' already; give this one another name")
    inside = _rest(order) if detail.items is None else _pieces(order, detail.items)
    parcel = Shipment(
        id=id_,
        carrier=detail.carrier,
        tracking_number=detail.tracking_number or f"TRACK-{id_}",
        tracking_url=detail.tracking_url,
        shipped_at=stage.at,
        estimated_delivery_at=_estimated(detail.estimated, stage),
        items=tuple(inside.items()) if stage.platform != WOOCOMMERCE else (),
    )
    return replace(order, shipments=(*order.shipments, parcel))


def _pieces(order: Order, skus: Mapping[str, int]) -> dict[str, int]:
    """Pieces by line, from pieces by SKU."""
    lines = {item.sku: item.id for item in order.items if item.sku is not None}
    for sku in skus:
        if sku not in lines:
            hint = did_you_mean(sku, lines) or f"; there is {', '.join(lines) or 'none with an SKU'}"
            raise Untold(f"the order has no item '{sku}'{hint}")
    return {lines[sku]: number for sku, number in skus.items()}


def _estimated(written_as: str | None, stage: Stage) -> datetime | None:
    if written_as is None:
        return None
    _refuse_on_woocommerce("when a parcel ought to arrive", stage)
    return in_zone(parse_moment(written_as), stage.zone)


def _refuse_on_woocommerce(what: str, stage: Stage) -> None:
    if stage.platform == WOOCOMMERCE:
        raise Untold(f"WooCommerce does not tell {what}; leave it out, or say 'platform: shopify'")


def _delivered(order: Order, detail: OneParcel, stage: Stage) -> Order:
    """One parcel, where it is named; else the order, as this store tells it: by the first rung that can."""
    if detail.parcel is not None:
        return _came_into(DELIVERED)(order, detail, stage)
    for rung in stage.store.ladders.delivered_when:
        if rung == BY_PARCELS:
            if not order.shipments:
                raise Untold("there is no parcel yet; write 'shipped' before it")
            for parcel in order.shipments:
                order = _moved(order, parcel, DELIVERED, stage) if parcel.delivered_at is None else order
            return order
        if rung.by == "status":
            return _to_status(order, written.ToStatus(status=rung.value), stage)
        if rung.by == "meta":
            return replace(order, meta={**order.meta, rung.value: stage.at.isoformat()})
    raise Untold("this store is never told of a delivery: its 'delivered_when' only assumes it. Leave it out")


def _came_into(state: str) -> Callable[[Order, OneParcel, Stage], Order]:
    """A parcel comes into a state of its journey."""

    def tell(order: Order, detail: OneParcel, stage: Stage) -> Order:
        _refuse_on_woocommerce("where a parcel is", stage)
        return _moved(order, _parcel(order, detail), state, stage)

    return tell


def _moved(order: Order, parcel: Shipment, state: str, stage: Stage) -> Order:
    milestones = (*parcel.milestones, Milestone(state, stage.at))
    delivered_at = stage.at if state == DELIVERED else parcel.delivered_at
    return _with_parcel(order, replace(parcel, state=state, milestones=milestones, delivered_at=delivered_at))


def _about_parcel(order: Order, detail: written.AboutParcel, stage: Stage) -> Order:
    if "state" in detail.model_fields_set:
        _refuse_on_woocommerce("where a parcel is", stage)
    told = {name: getattr(detail, name) for name in detail.model_fields_set - {"parcel", "estimated"}}
    if "estimated" in detail.model_fields_set:
        told["estimated_delivery_at"] = _estimated(detail.estimated, stage)
    return _with_parcel(order, replace(_parcel(order, detail), **told))


def _parcel(order: Order, detail: OneParcel) -> Shipment:
    """The parcel that is meant: the one that is named, or the only one."""
    parcels = {each.id: each for each in order.shipments}
    if not parcels:
        raise Untold("there is no parcel yet; write 'shipped' before it")
    if detail.parcel is None and len(parcels) > 1:
        raise Untold(f"there are several parcels: say which, {' or '.join(parcels)}")
    name = detail.parcel or next(iter(parcels))
    if name not in parcels:
        raise Untold(f"there is no parcel '{name}' by then; there is {', '.join(parcels)}")
    return parcels[name]


def _with_parcel(order: Order, parcel: Shipment) -> Order:
    return replace(order, shipments=tuple(parcel if each.id == parcel.id else each for each in order.shipments))


def _left_to_pay_back(order: Order) -> Decimal:
    return order.total.amount - sum((each.amount.amount for each in order.refunds), Decimal(0))


def _refunded(order: Order, detail: written.GivenBack, stage: Stage) -> Order:
    left = _left_to_pay_back(order)
    amount = detail.amount if detail.amount is not None else left
    if amount > left or left <= 0:
        raise Untold(f"that is more than is left of the order's total: {left}")
    refund = Refund(
        id=str(len(order.refunds) + 1),
        amount=Money(amount, order.total.currency),
        reason=detail.reason,
        created_at=stage.at if stage.platform != WOOCOMMERCE else None,
    )
    order = replace(order, refunds=(*order.refunds, refund))
    if stage.platform == WOOCOMMERCE:
        return replace(order, status="refunded") if amount == left else order
    back = _pieces(order, detail.items or {})
    if amount == left and not back:
        back = {item.id: item.quantity - item.refunded for item in order.items}
    return replace(
        order, items=tuple(replace(item, refunded=item.refunded + back.get(item.id, 0)) for item in order.items)
    )


def _sent_back(order: Order, detail: written.SentBack, stage: Stage) -> Order:
    _refuse_on_woocommerce("of returns", stage)
    if detail.status in ("requested", "open") or not order.returns:
        number = str(len(order.returns) + 1)
        return replace(order, returns=(*order.returns, Return(id=number, status=detail.status, created_at=stage.at)))
    closed_at = stage.at if detail.status == "closed" else None
    last = replace(order.returns[-1], status=detail.status, closed_at=closed_at)
    return replace(order, returns=(*order.returns[:-1], last))


def _tagged(order: Order, detail: written.Tagged, stage: Stage) -> Order:
    return replace(order, tags=tuple(dict.fromkeys((*order.tags, *detail.tags))))


def _edited(order: Order, detail: written.Changed, stage: Stage) -> Order:
    if "currency" in detail.model_fields_set:
        raise Untold("an order keeps its currency; say it under 'order'")
    return _changed(order, detail)


def _trashed(order: Order, detail: NoDetail, stage: Stage) -> Order:
    return replace(order, trashed=True, status="trash" if stage.platform == WOOCOMMERCE else order.status)


def _reviewed(order: Order, detail: written.Reviewed, stage: Stage) -> Order:
    _refuse_lacking(Capability.REVIEWS, stage)
    return order


def _noted(order: Order, detail: written.Noted, stage: Stage) -> Order:
    _refuse_lacking(Capability.STAFF_NOTES, stage)
    return order


def _refuse_lacking(needed: Capability, stage: Stage) -> None:
    if (why_not := lacks_of(stage.platform).get(needed)) is not None:
        raise Untold(f"{why_not}; leave it out")


class Kind(NamedTuple):
    """Something that can happen: what there is to say of it, and what becomes of the order."""

    detail: type[Detail]
    tell: Callable[[Order, Any, Stage], Order]


HAPPENINGS: Mapping[str, Kind] = {
    "placed": Kind(NoDetail, _placed),
    "abandoned": Kind(NoDetail, _abandoned),
    "paid": Kind(NoDetail, _paid),
    "on_hold": Kind(NoDetail, _on_hold),
    "failed": Kind(NoDetail, _failed),
    "cancelled": Kind(NoDetail, _cancelled),
    "completed": Kind(NoDetail, _completed),
    "status": Kind(written.ToStatus, _to_status),
    "shipped": Kind(written.Left, _shipped),
    **{state: Kind(OneParcel, _came_into(state)) for state in STATES},
    "delivered": Kind(OneParcel, _delivered),
    "parcel": Kind(written.AboutParcel, _about_parcel),
    "refunded": Kind(written.GivenBack, _refunded),
    "return": Kind(written.SentBack, _sent_back),
    "tagged": Kind(written.Tagged, _tagged),
    "reviewed": Kind(written.Reviewed, _reviewed),
    "staff_note": Kind(written.Noted, _noted),
    "changed": Kind(written.Changed, _edited),
    "trashed": Kind(NoDetail, _trashed),
}
"""What can happen to an order, by the word for it in a test."""

BEGINNINGS = frozenset({"placed", "abandoned"})

MOVES = frozenset({"on_hold", "failed", "cancelled", "completed", "refunded"})
"""What a rule can make happen by setting the status of that name."""
