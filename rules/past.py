"""An order's past, as far as its dates tell: when it changed, and how it was at a moment.

A store shows an order as it is now. What it dates (paid, completed, a parcel's way) can be taken back to a moment. What
it does not date (most statuses, WooCommerce's refunds) counts from the order's last change on, unless a journal knows
better, and is no event that a rule could act on. Tags, custom fields and the like stay as they are now.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from msgspec.structs import replace

from adapters.model import Order, Remarks, Shipment
from rules.events import PARCEL, PARTLY_REFUNDED, RETURN_REQUESTED, SEEN, STATUS, Event, Journal

REFUNDED = "order.refunded"

FIRST_STATUS: Mapping[str | None, str] = {"bacs": "on-hold", "cheque": "on-hold", "cod": "processing"}
"""How an order that is yet to be paid begins, by its payment method; all others begin as `pending`."""

Dates = Mapping[tuple[str, str | None], datetime]
"""When what the store does not date was first seen: by the kind of event, and by what it happened to."""


@dataclass(frozen=True, slots=True)
class Past:
    """What is known of an order's past: the order as it is now, and the moments (UTC) at which it changed, in order.

    `statuses` are those it had, each with since when; `seen` when what has no date was seen. `untold` is what happened
    at a time that nobody knows: old events, at the order's last change. Where everything is known, `versions` are the
    order as it was from each moment on, and nothing has to be concluded.
    """

    order: Order
    moments: tuple[datetime, ...]
    statuses: tuple[tuple[datetime, str], ...]
    seen: Dates
    untold: Journal
    versions: tuple[tuple[datetime, Order], ...] = ()


def known_past(versions: Sequence[tuple[datetime, Order]]) -> Past:
    """The past of an order of which it is known how it was from each moment (UTC) on; the earliest comes first."""
    return Past(versions[-1][1], tuple(at for at, _ in versions), (), {}, (), tuple(versions))


def past_of(order: Order, journal: Journal = ()) -> Past:
    """The past of an order, from its dates and from what was journaled while it was looked after."""
    if order.draft:  # each edit of a checkout begins its story anew
        return Past(order, (order.modified_at,), ((order.modified_at, order.status),), {}, ())
    begins, changed = order.created_at, max(order.modified_at, order.created_at)
    seen = {(event.kind, event.subject): event.at for event in journal}
    statuses = _statuses(order, journal)
    untold = [
        Event(kind, changed, SEEN, old=True, dated=False, subject=subject)
        for kind, subject in _undated(order)
        if (kind, subject) not in seen
    ]
    if statuses[-1][1] != order.status:
        untold.append(Event(STATUS + order.status, max(changed, statuses[-1][0]), SEEN, old=True, dated=False))
        statuses.append((untold[-1].at, order.status))
    moments = {
        *(at for at, _ in statuses),
        *_dates(order),
        *(event.at for event in (*journal, *untold)),
        *((order.modified_at,) if order.trashed else ()),
    }
    told = tuple(sorted({max(at, begins) for at in moments}))
    return Past(order, told, tuple(statuses), seen, tuple(untold))


def as_of(past: Past, moment: datetime) -> Order:
    """The order as it was at `moment`, which is not before the first of its moments."""
    order = past.order
    if moment >= past.moments[-1]:
        return order
    if past.versions:
        return next(version for at, version in reversed(past.versions) if at <= moment)
    refunds = tuple(each for each in order.refunds if _when(past, each.created_at, each.id, *_REFUNDS) <= moment)
    returns = (each for each in order.returns if _when(past, each.created_at, each.id, RETURN_REQUESTED) <= moment)
    parcels = (each for each in order.shipments if _when(past, each.shipped_at, each.id, PARCEL) <= moment)
    return replace(
        order,
        status=next(status for at, status in reversed(past.statuses) if at <= moment),
        modified_at=max(at for at in past.moments if at <= moment),
        paid_at=_by(order.paid_at, moment),
        completed_at=_by(order.completed_at, moment),
        cancelled_at=_by(order.cancelled_at, moment),
        shipments=tuple(_parcel_at(each, moment) for each in parcels),
        refunds=refunds,
        items=order.items if refunds else tuple(replace(item, refunded=0) for item in order.items),
        returns=tuple(returns),
        trashed=False,
    )


def said_by(remarks: Remarks, moment: datetime) -> Remarks:
    """What of it had been said at `moment`, as it reads now."""
    return Remarks(
        tuple(each for each in remarks.reviews if each.created_at <= moment),
        tuple(each for each in remarks.notes if each.at <= moment),
    )


_REFUNDS = (PARTLY_REFUNDED, REFUNDED)


def _statuses(order: Order, journal: Journal) -> list[tuple[datetime, str]]:
    """The statuses that the order had, as its journal has them, and before that as its dates tell."""
    seen = [(event.at, event.kind.removeprefix(STATUS)) for event in journal if event.kind.startswith(STATUS)]
    told = _told_by_dates(order, before=min((at for at, _ in seen), default=None))
    return sorted([*told, *seen], key=lambda each: each[0])  # of two at once, the later in an order's life is last


def _told_by_dates(order: Order, before: datetime | None) -> Iterator[tuple[datetime, str]]:
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


def _undated(order: Order) -> Iterator[tuple[str, str | None]]:
    """What happened to the order without leaving a date: the kinds of event, and to what."""
    undated = [refund.id for refund in order.refunds if refund.created_at is None]
    if order.refunded_in_full and undated:
        yield REFUNDED, None
    elif not order.refunded_in_full:
        yield from ((PARTLY_REFUNDED, each) for each in undated)
    yield from ((RETURN_REQUESTED, each.id) for each in order.returns if each.created_at is None)
    yield from ((PARCEL, parcel.id) for parcel in order.shipments if parcel.shipped_at is None)


def _when(past: Past, dated: datetime | None, subject: str, *kinds: str) -> datetime:
    """Since when the order has this refund, return or parcel."""
    if dated is not None:
        return dated
    seen = (past.seen.get((kind, each)) for kind in kinds for each in (subject, None))
    return next((at for at in seen if at is not None), past.order.modified_at)


def _by(date: datetime | None, moment: datetime) -> datetime | None:
    return date if date is not None and date <= moment else None


def _parcel_at(parcel: Shipment, moment: datetime) -> Shipment:
    milestones = tuple(each for each in parcel.milestones if each.at <= moment)
    delivered_at = _by(parcel.delivered_at, moment)
    is_now = len(milestones) == len(parcel.milestones) and delivered_at == parcel.delivered_at
    state = parcel.state if is_now else (milestones[-1].state if milestones else "in_transit")
    return replace(parcel, milestones=milestones, delivered_at=delivered_at, state=state)
