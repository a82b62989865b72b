"""What happened to an order: facts → events.

The journal of an order only grows. An event carries the platform's own time where it has one, else the time it was
first seen; of two events of one kind the later entry counts. What counts as shipped and delivered is a shop's own
ladder of rungs: the first that holds wins, and is recorded with its source.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Literal

from msgspec import Struct

from adapters.model import Order, Shipment
from rules.timing import Calendar, Duration, after, parse_duration

PLATFORM = "platform"
SEEN = "seen"
ASSUMED = "assumed"

ONE_DAY = Duration(1, "days")

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

PARCEL = "shipment.shipped"
"""A parcel on its way; its event's subject is the parcel's id."""


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


Ladder = tuple[Rung, ...]
COMPLETED = Rung("status", "completed")


@dataclass(frozen=True)
class Ladders:
    """What counts as shipped and as delivered in a shop, best evidence first."""

    shipped_when: Ladder = (Rung("shipment", "present"), Rung("status", "shipped"))
    delivered_when: Ladder = (Rung("status", "delivered"), COMPLETED)

    def of(self, order: Order) -> Mapping[str, Ladder]:
        """By event, the ladder that this order climbs. With nothing to ship, completed is delivered at last."""
        return self._goods if order.needs_shipping else self._services

    @cached_property
    def _goods(self) -> Mapping[str, Ladder]:
        return {"order.shipped": self.shipped_when, "order.delivered": self.delivered_when}

    @cached_property
    def _services(self) -> Mapping[str, Ladder]:
        return {"order.shipped": self.shipped_when, "order.delivered": (*self.delivered_when, COMPLETED)}

    @cached_property
    def assumes(self) -> tuple[Duration, ...]:
        """How long after it was shipped an order is assumed to be delivered."""
        return tuple(rung.wait for rung in self.delivered_when if rung.wait is not None)

    @cached_property
    def counts_parcels(self) -> bool:
        """Whether a parcel with tracking counts as shipped."""
        return any(rung.by == "shipment" for rung in self.shipped_when)


def parse_rung(what: str, value: object) -> Rung:
    """One `what: value` of `shipped_when` or `delivered_when`. Raises ValueError with a sentence for the user."""
    text = str(value).strip() if isinstance(value, str | int) and not isinstance(value, bool) else ""
    match what:
        case "status" if text:
            return Rung("status", text.lower().removeprefix("wc-"))
        case "status":
            raise ValueError("write the status that tells it, like 'status: delivered'")
        case "meta" if text:
            return Rung("meta", text)
        case "meta":
            raise ValueError("write the custom field that tells it, like 'meta: _delivered_at'")
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
    for kind, ladder in sight.ladders.of(order).items():
        climbed = _climb(kind, ladder, order, journal, sight)
        if climbed is not None:
            journal = (*journal, climbed)
    return journal


def assumed_delivery(
    order: Order, journal: Journal, ladders: Ladders, calendar: Calendar, now: datetime
) -> datetime | None:
    """When the next assumed delivery comes true, if no better news arrives first."""
    if not ladders.assumes:
        return None
    entries = standing(order, journal, ladders)
    shipped = entries.get(("order.shipped", None))
    if shipped is None or ("order.delivered", None) in entries:
        return None
    moments = (after(shipped.at, wait, calendar) for wait in ladders.assumes)
    return min((moment for moment in moments if moment > now), default=None)


def latest(journal: Journal, kind: str, subject: str | None = None) -> Event | None:
    """The last entry of this kind (of this parcel)."""
    for event in reversed(journal):
        if event.kind == kind and event.subject == subject:
            return event
    return None


Entries = Mapping[tuple[str, str | None], Event]


def standing(order: Order, journal: Journal, ladders: Ladders) -> Entries:
    """What counts now: the latest event of each kind and parcel. A rung taken down takes its events with it."""
    climbed = ladders.of(order)
    return {
        (event.kind, event.subject): event
        for event in journal
        if event.kind not in climbed or _is_on(climbed[event.kind], event)
    }


def _is_on(ladder: Ladder, event: Event) -> bool:
    """Whether the event was found by one of these rungs."""
    return any(rung.source == event.source for rung in ladder)


# What a look at an order finds --------------------------------------------------------------------------------


def _order_events(order: Order, journal: Journal, sight: Sight) -> Iterator[Event]:
    kinds = {event.kind for event in journal}
    if "order.placed" not in kinds:
        yield _event(sight, "order.placed", None if "order.drafted" in kinds else order.created_at)
    if order.paid_at is not None and "order.paid" not in kinds:
        yield _event(sight, "order.paid", order.paid_at)
    if (entered := _status_entered(order, journal, sight)) is not None:
        yield entered
    if "order.refunded" not in kinds and (order.refunds or order.status == "refunded") and order.refunded_in_full:
        dates = [refund.created_at for refund in order.refunds if refund.created_at is not None]
        yield _event(sight, "order.refunded", max(dates, default=None))
    for shipment in order.shipments:
        if latest(journal, PARCEL, shipment.id) is None:
            yield _parcel_left(shipment, sight)


def _status_entered(order: Order, journal: Journal, sight: Sight) -> Event | None:
    """The order's status, unless that is what it was when last seen."""
    kind = STATUS + order.status
    last = next((event for event in reversed(journal) if event.kind.startswith(STATUS)), None)
    if last is None:
        return _event(sight, kind, _status_time(order))
    if last.kind == kind:
        return None
    dated = _status_time(order)
    if dated is not None and dated <= last.at and latest(journal, kind) is not None:
        dated = None  # it was in this status before, and that is when
    return _event(sight, kind, dated)


def _status_time(order: Order) -> datetime | None:
    """When the order got its status, where the platform says so."""
    match order.status:
        case "completed":
            return order.completed_at
        case "cancelled":
            return order.cancelled_at
    return None


def _parcel_left(parcel: Shipment, sight: Sight) -> Event:
    """Where only the day is known, the parcel left at its end, or by the moment we saw it on that day."""
    if parcel.shipped_at is None or not parcel.shipped_on_day:
        return _event(sight, PARCEL, parcel.shipped_at, parcel.id)
    day = parcel.shipped_at
    old = sight.baseline is not None and not sight.baseline < day <= sight.at
    return Event(PARCEL, min(after(day, ONE_DAY, sight.calendar), sight.at), PLATFORM, old, True, parcel.id)


def _event(sight: Sight, kind: str, dated: datetime | None, subject: str | None = None) -> Event:
    """An event at the earlier of the platform's time and ours."""
    if dated is None:
        return Event(kind, sight.at, SEEN, sight.baseline is not None, False, subject)
    old = sight.baseline is not None and dated <= sight.baseline
    return Event(kind, min(dated, sight.at), PLATFORM, old, True, subject)


# Ladders ------------------------------------------------------------------------------------------------------


def _climb(kind: str, ladder: Ladder, order: Order, journal: Journal, sight: Sight) -> Event | None:
    """The first rung that holds, if it is better evidence than what the journal has."""
    recorded = _last_on(kind, ladder, journal)
    for rung in ladder:
        hit = _hit(rung, order, journal, sight)
        if recorded is not None and recorded.source == rung.source and not _is_news(rung, hit, recorded, sight):
            return None
        if hit is not None:
            return Event(kind, hit.at, rung.source, hit.old, hit.dated)
    return None


def _last_on(kind: str, ladder: Ladder, journal: Journal) -> Event | None:
    for event in reversed(journal):
        if event.kind == kind and _is_on(ladder, event):
            return event
    return None


def _hit(rung: Rung, order: Order, journal: Journal, sight: Sight) -> Event | None:
    """What this rung tells, as an event; None where it does not hold."""
    match rung.by:
        case "status":
            return latest(journal, STATUS + rung.value)
        case "meta":
            value = order.meta.get(rung.value)
            return _event(sight, "", _moment(value)) if value and not _is_no(value) else None
        case "shipment":
            parcels = [event for event in journal if event.kind == PARCEL]
            return min(parcels, key=lambda event: event.at, default=None)
        case "shipped_plus":
            return _assumed(rung, order, journal, sight)


def _is_news(rung: Rung, hit: Event | None, recorded: Event, sight: Sight) -> bool:
    """Whether the rung that was recorded tells more: its status was entered again, or its date was moved."""
    match rung.by:
        case "status":
            return hit is not None and hit.at > recorded.at
        case "meta":
            return hit is not None and hit.dated and hit.at not in (recorded.at, sight.at)
    return False


def _assumed(rung: Rung, order: Order, journal: Journal, sight: Sight) -> Event | None:
    shipped = _last_on("order.shipped", sight.ladders.of(order)["order.shipped"], journal)
    if shipped is None or rung.wait is None:
        return None
    at = after(shipped.at, rung.wait, sight.calendar)
    if at > sight.at:
        return None
    # A parcel that left before our care may arrive within it, if it is known when it left.
    old = (shipped.old and not shipped.dated) or (sight.baseline is not None and at <= sight.baseline)
    return Event("", at, ASSUMED, old, shipped.dated)


def _is_no(value: str) -> bool:
    """How plugins write that something has not happened; a day of zeros is what databases make of no date."""
    return value.casefold() in ("0", "no", "false") or value.startswith("0000-00-00")


def _moment(text: str) -> datetime | None:
    """A time that a plugin wrote into a custom field: ISO 8601 or unix seconds; a bare local time is no moment."""
    try:
        if text.isdigit() and len(text) == 10:
            return datetime.fromtimestamp(int(text), UTC)
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC) if moment.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None
