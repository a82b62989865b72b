"""An order's past, as far as its dates tell: when it changed, and how it was at a moment.

A store shows an order as it is now. What it dates (paid, completed, refunded, a parcel's way) can be taken back to
a moment; what it does not (tags, custom fields, most statuses) stays as it is now. A status without a date counts from
the last change of its order on, unless a journal knows better.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from msgspec.structs import replace

from adapters.model import Order, Shipment
from rules.events import STATUS, Journal

FIRST_STATUS: Mapping[str | None, str] = {"bacs": "on-hold", "cheque": "on-hold", "cod": "processing"}
"""How an order that is yet to be paid begins, by its payment method; all others begin as `pending`."""


@dataclass(frozen=True, slots=True)
class Past:
    """What is known of an order's past: the order as it is now, and the moments (UTC) at which it changed, in order.

    `statuses` are those it had, each with since when; `guessed` is true where the last one's time is the order's last
    change, for want of a better.
    """

    order: Order
    moments: tuple[datetime, ...]
    statuses: tuple[tuple[datetime, str], ...]
    guessed: bool


def past_of(order: Order, journal: Journal = ()) -> Past:
    """The past of an order, from its dates and from what was journaled while it was looked after."""
    if order.draft:  # each edit of a checkout begins its story anew
        return Past(order, (order.modified_at,), ((order.modified_at, order.status),), guessed=False)
    seen = [(event.at, event.kind.removeprefix(STATUS)) for event in journal if event.kind.startswith(STATUS)]
    statuses = sorted([*_told_by_dates(order, before=min((at for at, _ in seen), default=None)), *seen])
    guessed = statuses[-1][1] != order.status
    if guessed:
        statuses.append((max(order.modified_at, statuses[-1][0]), order.status))
    moments = {at for at, _ in statuses} | set(_dates(order)) | {event.at for event in journal}
    if order.trashed:
        moments.add(order.modified_at)
    begins = order.created_at
    return Past(order, tuple(sorted({max(at, begins) for at in moments})), tuple(statuses), guessed)


def as_of(past: Past, moment: datetime) -> Order:
    """The order as it was at `moment`, which is not before the first of its moments."""
    order = past.order
    if moment >= past.moments[-1]:
        return order
    refunds = tuple(each for each in order.refunds if each.created_at is None or each.created_at <= moment)
    return replace(
        order,
        status=_status_at(past, moment),
        modified_at=max(at for at in past.moments if at <= moment),
        paid_at=_by(order.paid_at, moment),
        completed_at=_by(order.completed_at, moment),
        cancelled_at=_by(order.cancelled_at, moment),
        shipments=tuple(_parcel_at(each, moment) for each in order.shipments if _had_left(each, moment)),
        refunds=refunds,
        items=order.items if refunds else tuple(replace(item, refunded=0) for item in order.items),
        returns=tuple(each for each in order.returns if each.created_at is None or each.created_at <= moment),
        trashed=False,
    )


def _told_by_dates(order: Order, before: datetime | None) -> Iterator[tuple[datetime, str]]:
    """The statuses that the order's dates tell of, up to where a journal knows them."""
    dated: list[tuple[datetime | None, str]] = [
        (order.created_at, FIRST_STATUS.get(order.payment_method, "pending")),
        (order.paid_at, "processing"),
        (order.completed_at, "completed"),
        (order.cancelled_at, "cancelled"),
    ]
    if order.refunded_in_full:
        dated.append((max((each.created_at for each in order.refunds if each.created_at), default=None), "refunded"))
    for at, status in dated:
        if at is not None and (before is None or at < before):
            yield max(at, order.created_at), status


def _dates(order: Order) -> Iterator[datetime]:
    """All that the store dates of an order, but its statuses."""
    yield from (refund.created_at for refund in order.refunds if refund.created_at is not None)
    yield from (each.created_at for each in order.returns if each.created_at is not None)
    for parcel in order.shipments:
        for at in (parcel.shipped_at, parcel.delivered_at, *(milestone.at for milestone in parcel.milestones)):
            if at is not None:
                yield at


def _status_at(past: Past, moment: datetime) -> str:
    return next(status for at, status in reversed(past.statuses) if at <= moment)


def _by(date: datetime | None, moment: datetime) -> datetime | None:
    return date if date is not None and date <= moment else None


def _had_left(parcel: Shipment, moment: datetime) -> bool:
    return parcel.shipped_at is None or parcel.shipped_at <= moment


def _parcel_at(parcel: Shipment, moment: datetime) -> Shipment:
    milestones = tuple(each for each in parcel.milestones if each.at <= moment)
    delivered_at = _by(parcel.delivered_at, moment)
    is_now = len(milestones) == len(parcel.milestones) and delivered_at == parcel.delivered_at
    state = parcel.state if is_now else (milestones[-1].state if milestones else "in_transit")
    return replace(parcel, milestones=milestones, delivered_at=delivered_at, state=state)
