"""What happened to an order: facts → events.

The journal of an order only grows. An event carries the platform's own time where it has one, else the time it was
first seen; of two events of one kind the later entry counts. What counts as shipped and delivered is a shop's own
ladder of rungs: the first that holds wins, and is recorded with its source.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Literal

from msgspec import Struct

from adapters.model import Order
from rules.timing import Calendar, Duration, after, parse_duration

PLATFORM = "platform"
SEEN = "seen"
ASSUMED = "assumed"

STATUS = "order.status:"
TRIGGER_STATUS: Mapping[str, str] = {
    "order.on_hold": STATUS + "on-hold",
    "order.failed": STATUS + "failed",
    "order.completed": STATUS + "completed",
    "order.cancelled": STATUS + "cancelled",
}
"""Triggers that are another name for entering a status."""

TRIGGERS = (
    "order.placed",
    "order.paid",
    "order.shipped",
    "order.delivered",
    "order.refunded",
    *TRIGGER_STATUS,
)


class Event(Struct, frozen=True, gc=False, omit_defaults=True):
    """Something that happened to an order, at `at` (UTC).

    `source` says who dated it: the platform, we (first seen), or the rung of a ladder. `old` events are the past that
    a store had before we looked after it. `dated` is false where the platform has no time of its own.
    `subject` is the parcel's id where the event is a parcel's.
    """

    kind: str
    at: datetime
    source: str = PLATFORM
    old: bool = False
    dated: bool = True
    subject: str | None = None


Journal = tuple[Event, ...]


@dataclass(frozen=True)
class Rung:
    """One way to tell that an order was shipped or delivered."""

    by: Literal["status", "meta", "shipment", "shipped_plus"]
    value: str
    wait: Duration | None = None

    @cached_property
    def source(self) -> str:
        """What an event says that was found by this rung."""
        return ASSUMED if self.by == "shipped_plus" else f"{self.by}: {self.value}"


@dataclass(frozen=True)
class Ladders:
    """What counts as shipped and as delivered in a shop, best evidence first."""

    shipped_when: tuple[Rung, ...] = (Rung("shipment", "present"), Rung("status", "shipped"))
    delivered_when: tuple[Rung, ...] = (Rung("status", "delivered"), Rung("status", "completed"))

    @cached_property
    def sources(self) -> frozenset[str]:
        """The sources of events that stand: a rung taken down takes its events with it."""
        return frozenset(rung.source for rung in (*self.shipped_when, *self.delivered_when, *NOTHING_TO_SHIP))


NOTHING_TO_SHIP = (Rung("status", "completed"),)


def parse_rung(what: str, value: object) -> Rung:
    """One `what: value` of `shipped_when` or `delivered_when`. Raises ValueError with a sentence for the user."""
    text = str(value)
    match what:
        case "status":
            return Rung("status", text.removeprefix("wc-"))
        case "meta":
            return Rung("meta", text)
        case "shipment" if text == "present":
            return Rung("shipment", text)
        case "shipment":
            raise ValueError("write 'shipment: present': the order has a parcel with tracking")
        case "shipped_plus":
            return Rung("shipped_plus", text, parse_duration(text))
    known = ("status", "meta", "shipment", "shipped_plus")
    close = difflib.get_close_matches(what, known, n=1)
    hint = f"did you mean '{close[0]}'?" if close else f"there are {', '.join(known)}"
    raise ValueError(f"there is no rung '{what}'; {hint}")


@dataclass(frozen=True, slots=True)
class Sight:
    """One look at an order: when it was, and how to judge what is seen.

    `baseline` is set on the first look at an order that is older than our care for the store: what the platform does
    not date after that moment (on the store's clock) is the past.
    """

    at: datetime
    ladders: Ladders
    calendar: Calendar
    baseline: datetime | None = None


def observe(order: Order, journal: Journal, sight: Sight) -> Journal:
    """The journal, with what this look at the order adds to it (the same object if that is nothing)."""
    if order.trashed:
        return journal
    if order.draft:
        return journal or (_event(sight, "order.drafted", None),)
    found = tuple(_order_events(order, journal, sight))
    journal = journal + found if found else journal
    delivered_when = sight.ladders.delivered_when if order.needs_shipping else NOTHING_TO_SHIP
    for kind, ladder in (("order.shipped", sight.ladders.shipped_when), ("order.delivered", delivered_when)):
        climbed = _climb(kind, ladder, order, journal, sight)
        if climbed is not None:
            journal = (*journal, climbed)
    return journal


def assumed_delivery(journal: Journal, ladders: Ladders, calendar: Calendar, now: datetime) -> datetime | None:
    """When the next assumed delivery comes true, if no better news arrives first."""
    waits = [rung.wait for rung in ladders.delivered_when if rung.wait is not None]
    shipped = latest(journal, "order.shipped") if waits else None
    if shipped is None or latest(journal, "order.delivered") is not None:
        return None
    moments = (after(shipped.at, wait, calendar) for wait in waits)
    return min((moment for moment in moments if moment > now), default=None)


def latest(journal: Journal, kind: str, subject: str | None = None) -> Event | None:
    """The last entry of this kind (of this parcel)."""
    for event in reversed(journal):
        if event.kind == kind and event.subject == subject:
            return event
    return None


def standing(journal: Journal, ladders: Ladders) -> dict[tuple[str, str | None], Event]:
    """What counts now: the latest event of each kind (and parcel), without those whose rung the shop has taken down."""
    return {
        (event.kind, event.subject): event
        for event in journal
        if event.kind not in _LADDERED or event.source in ladders.sources
    }


_LADDERED = frozenset({"order.shipped", "order.delivered"})


def _order_events(order: Order, journal: Journal, sight: Sight) -> Iterator[Event]:
    kinds = {event.kind for event in journal}
    if "order.placed" not in kinds:
        yield _event(sight, "order.placed", None if "order.drafted" in kinds else order.created_at)
    if order.paid_at is not None and "order.paid" not in kinds:
        yield _event(sight, "order.paid", order.paid_at)
    status = STATUS + order.status
    last = next((event for event in reversed(journal) if event.kind.startswith(STATUS)), None)
    if last is None or last.kind != status:
        dated = _STATUS_TIMES.get(order.status, _no_time)(order)
        stale = any(event.kind == status and event.at == dated for event in journal)
        yield _event(sight, status, None if stale else dated)
    if "order.refunded" not in kinds and order.refunded_in_full:
        dates = [refund.created_at for refund in order.refunds if refund.created_at is not None]
        yield _event(sight, "order.refunded", max(dates, default=None))
    for shipment in order.shipments:
        if latest(journal, "shipment.shipped", shipment.id) is None:
            dated = shipment.shipped_at
            if dated is not None and shipment.shipped_on_day:
                dated += timedelta(days=1)  # only the day is known: its end, or the moment we saw it on that day
            yield _event(sight, "shipment.shipped", dated, subject=shipment.id)


def _no_time(_: Order) -> datetime | None:
    return None


_STATUS_TIMES: Mapping[str, Callable[[Order], datetime | None]] = {
    "completed": lambda order: order.completed_at,
    "cancelled": lambda order: order.cancelled_at,
}


def _event(
    sight: Sight, kind: str, dated: datetime | None, *, subject: str | None = None, source: str | None = None
) -> Event:
    """An event at the earlier of the platform's time and ours."""
    old = sight.baseline is not None and (dated is None or dated <= sight.baseline)
    at = sight.at if dated is None or dated > sight.at else dated
    return Event(kind, at, source or (PLATFORM if dated else SEEN), old, dated is not None, subject)


def _climb(kind: str, ladder: Sequence[Rung], order: Order, journal: Journal, sight: Sight) -> Event | None:
    """The first rung that holds, if it is better evidence than what the journal has."""
    recorded = latest(journal, kind)
    for rung in ladder:
        hit = _hit(rung, order, journal, sight)
        if recorded is not None and recorded.source == rung.source:
            entered_anew = rung.by == "status" and hit is not None and hit.at > recorded.at
            if hit is None or not entered_anew:
                return None
        if hit is not None:
            return Event(kind, hit.at, rung.source, hit.old, hit.dated)
    return None


def _hit(rung: Rung, order: Order, journal: Journal, sight: Sight) -> Event | None:
    match rung.by:
        case "status":
            return latest(journal, STATUS + rung.value)
        case "meta":
            value = order.meta.get(rung.value)
            return _event(sight, "", _moment(value)) if value and value.casefold() not in _NO else None
        case "shipment":
            parcels = [event for event in journal if event.kind == "shipment.shipped"]
            return min(parcels, key=lambda event: event.at, default=None)
        case "shipped_plus":
            shipped = latest(journal, "order.shipped")
            if shipped is None or rung.wait is None:
                return None
            at = after(shipped.at, rung.wait, sight.calendar)
            return Event("", at, old=shipped.old, dated=shipped.dated) if at <= sight.at else None


_NO = frozenset({"0", "no", "false"})


def _moment(text: str) -> datetime | None:
    """A time that a plugin wrote into a custom field: ISO 8601 or unix seconds; a bare local time is no moment."""
    try:
        if text.isdigit() and len(text) == 10:
            return datetime.fromtimestamp(int(text), UTC)
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment.astimezone(UTC) if moment.tzinfo is not None else None
