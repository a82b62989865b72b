"""What happened to an order: facts → events.

The journal of an order only grows. An event carries the platform's own time where it has one, else the time it was
first seen; of two events of one kind the later entry counts. What counts as shipped and delivered is a shop's own
ladder of rungs: the first that holds wins, and is recorded with its source.
"""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from adapters.model import Order, Remarks, Shipment
from rules.journey import DELIVERED, RETURNED, STATES, entered, expected_by
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

PARCEL = "shipment.shipped"
"""A parcel on its way."""

ARRIVED = "shipment.delivered"
LATE = "shipment.late"
"""A parcel that was not there by its estimated delivery; it comes true by time alone."""

JOURNEY: Mapping[str, str] = {state: f"shipment.{state}" for state in STATES}
"""By a parcel's state, the event of coming into it."""

PARCEL_TRIGGERS = frozenset({PARCEL, LATE, *JOURNEY.values()})
"""Events of one parcel each; their subject is the parcel's id."""

PARTLY_REFUNDED = "order.partially_refunded"
RETURN_REQUESTED = "order.return_requested"
ABANDONED = "checkout.abandoned"

REVIEW = "review.posted"
NOTE = "note.added"
REMARK_TRIGGERS = frozenset({REVIEW, NOTE})
"""Events of one review, or one of the staff's notes, each; their subject is its id."""

TRIGGERS = (
    "order.placed",
    "order.paid",
    "order.shipped",
    "order.delivered",
    "order.refunded",
    PARTLY_REFUNDED,
    RETURN_REQUESTED,
    *TRIGGER_STATUS,
    PARCEL,
    *JOURNEY.values(),
    LATE,
    ABANDONED,
    REVIEW,
    NOTE,
)


class Event(Struct, frozen=True, gc=False, omit_defaults=True):
    """Something that happened to an order, at `at` (UTC).

    `source` says who dated it: the platform, we (first seen), or the rung of a ladder. `old` events are the past that
    a store had before we looked after it. `dated` is false where the platform has no time of its own.
    `subject` is the id of the parcel, refund, return, review or note where the event is that one's.
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


Ladder = tuple[Rung, ...]
COMPLETED = Rung("status", "completed")
BY_PARCELS = Rung("shipment", "delivered")


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
        case "shipment" if text in ("present", "delivered"):
            return Rung("shipment", text)
        case "shipment":
            raise ValueError("write 'shipment: present' (it has a parcel with tracking) or 'shipment: delivered'")
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
        return _unfinished(order, journal or (_event(sight, "order.drafted", None),), sight)
    found = tuple(_order_events(order, journal, sight))
    journal = journal + found if found else journal
    for kind, ladder in sight.ladders.of(order).items():
        climbed = _climb(kind, ladder, order, journal, sight)
        if climbed is not None:
            journal = (*journal, climbed)
    return journal


def hear(remarks: Remarks, journal: Journal, sight: Sight) -> Journal:
    """The journal, with what was said and is not in it yet (the same object if that is nothing)."""
    if not remarks.reviews and not remarks.notes:
        return journal
    known = {(event.kind, event.subject) for event in journal}
    said = [(REVIEW, each.id, each.created_at) for each in remarks.reviews]
    said += [(NOTE, each.id, each.at) for each in remarks.notes]
    news = [_event(sight, kind, at, id_) for kind, id_, at in said if (kind, id_) not in known]
    return (*journal, *news) if news else journal


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


def next_lateness(order: Order, now: datetime) -> datetime | None:
    """When the next parcel will be late, if it does not arrive first."""
    moments = [moment for parcel in order.shipments if (moment := expected_by(parcel)) is not None and moment > now]
    return min(moments, default=None)


def latest(journal: Journal, kind: str, subject: str | None = None) -> Event | None:
    """The last entry of this kind (of this parcel, refund or return)."""
    for event in reversed(journal):
        if event.kind == kind and event.subject == subject:
            return event
    return None


Entries = Mapping[tuple[str, str | None], Event]


def standing(order: Order, journal: Journal, ladders: Ladders) -> Entries:
    """What counts now: the latest event of each kind and parcel, review or note. A rung taken down takes its events
    with it, and some events last only as long as what they tell of.
    """
    climbed = ladders.of(order)
    return {
        (event.kind, event.subject if event.kind in _BY_SUBJECT else None): event
        for event in journal
        if (event.kind not in climbed or _is_on(climbed[event.kind], event))
        and (event.kind not in _LASTS or _LASTS[event.kind](order, event))
    }


_BY_SUBJECT = PARCEL_TRIGGERS | REMARK_TRIGGERS


def _is_on(ladder: Ladder, event: Event) -> bool:
    """Whether the event was found by one of these rungs."""
    return any(rung.source == event.source for rung in ladder)


def _is_still_in_part(order: Order, event: Event) -> bool:
    return not order.refunded_in_full and any(refund.id == event.subject for refund in order.refunds)


WITHDRAWN = frozenset({"canceled", "cancelled", "declined"})
"""A return in one of these statuses comes to nothing."""


def _is_still_wanted(order: Order, event: Event) -> bool:
    return any(each.id == event.subject and each.status not in WITHDRAWN for each in order.returns)


def _is_still_late(order: Order, event: Event) -> bool:
    return any(parcel.id == event.subject and expected_by(parcel) == event.at for parcel in order.shipments)


_LASTS: Mapping[str, Callable[[Order, Event], bool]] = {
    PARTLY_REFUNDED: _is_still_in_part,
    RETURN_REQUESTED: _is_still_wanted,
    LATE: _is_still_late,
    ABANDONED: lambda order, event: order.draft,
}
"""Whether an event of these kinds still counts."""

ENDED = {
    PARTLY_REFUNDED: "the refund is gone, or the whole order was refunded",
    RETURN_REQUESTED: "the return was called off",
    LATE: "the parcel has arrived, or has another date",
    ABANDONED: "the checkout was completed",
}
"""What has happened when one counts no more."""


def dated(order: Order, journal: Journal) -> Order:
    """The order, with when its refunds were first seen where the platform does not date them."""
    if all(refund.created_at is not None for refund in order.refunds):
        return order
    seen = {event.subject: event.at for event in journal if event.kind in (PARTLY_REFUNDED, "order.refunded")}
    refunds = [
        replace(each, created_at=each.created_at or seen.get(each.id) or seen.get(None)) for each in order.refunds
    ]
    return replace(order, refunds=tuple(refunds))


# What a look at an order finds --------------------------------------------------------------------------------


def _order_events(order: Order, journal: Journal, sight: Sight) -> Iterator[Event]:
    kinds = {event.kind for event in journal}
    if "order.placed" not in kinds:
        yield _event(sight, "order.placed", None if "order.drafted" in kinds else order.created_at)
    if order.paid_at is not None and "order.paid" not in kinds:
        yield _event(sight, "order.paid", order.paid_at)
    if (entered := _status_entered(order, journal, sight)) is not None:
        yield entered
    if order.refunds or order.status == "refunded":
        yield from _given_back(order, journal, sight)
    for each in order.returns:
        if each.status not in WITHDRAWN and latest(journal, RETURN_REQUESTED, each.id) is None:
            yield _event(sight, RETURN_REQUESTED, each.created_at, each.id)
    for parcel in order.shipments:
        if latest(journal, PARCEL, parcel.id) is None:
            yield _parcel_left(parcel, sight)
        if parcel.state is not None or parcel.milestones or parcel.delivered_at is not None:
            yield from _parcel_went_on(parcel, journal, sight)
        if parcel.estimated_delivery_at is not None:
            yield from _parcel_is_late(parcel, journal, sight)


def _unfinished(order: Order, journal: Journal, sight: Sight) -> Journal:
    """A checkout that its customer left, and can be asked about; each edit begins the wait anew.

    What was an order once, or is being written by the staff, is no checkout.
    """
    reachable = order.customer.email or order.customer.phone
    if not reachable or order.source == "admin" or latest(journal, "order.placed") is not None:
        return journal
    if not _is_newer(order.modified_at, latest(journal, ABANDONED), sight):
        return journal
    return (*journal, _event(sight, ABANDONED, order.modified_at))


def _is_newer(dated: datetime, known: Event | None, sight: Sight, *, corrects: bool = False) -> bool:
    """Whether a date tells of something after the entry that is known, or `corrects` it. One to come can wait."""
    if known is None:
        return True
    return dated <= sight.at and (dated > known.at or (corrects and dated != known.at))


def _given_back(order: Order, journal: Journal, sight: Sight) -> Iterator[Event]:
    """All of the money, once; or each part of it."""
    if order.refunded_in_full:
        if latest(journal, "order.refunded") is None:
            dates = [refund.created_at for refund in order.refunds if refund.created_at is not None]
            yield _event(sight, "order.refunded", max(dates, default=None))
        return
    for refund in sorted(order.refunds, key=lambda refund: refund.created_at or sight.at):
        if refund.amount.amount > 0 and latest(journal, PARTLY_REFUNDED, refund.id) is None:
            yield _event(sight, PARTLY_REFUNDED, refund.created_at, refund.id)


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


def _parcel_went_on(parcel: Shipment, journal: Journal, sight: Sight) -> Iterator[Event]:
    """The states that the parcel came into: by the platform's time, else when it was first seen in the one it is in."""
    known = {event.kind: event for event in journal if event.subject == parcel.id and event.kind in _OF_THE_JOURNEY}
    for state, dated in entered(parcel):
        kind = JOURNEY.get(state)
        corrects = state == DELIVERED and parcel.delivered_at is not None
        if kind is not None and _is_newer(dated, known.get(kind), sight, corrects=corrects):
            known[kind] = _event(sight, kind, dated, parcel.id)
            yield known[kind]
    kind = JOURNEY.get(parcel.state or "")
    if kind is None or (kind == ARRIVED and parcel.delivered_at is not None):
        return
    came = known.get(kind)
    if came is None or any(event.at > came.at for event in known.values()):
        yield _event(sight, kind, None, parcel.id)


_OF_THE_JOURNEY = frozenset(JOURNEY.values())


def _parcel_is_late(parcel: Shipment, journal: Journal, sight: Sight) -> Iterator[Event]:
    """Late from its estimated delivery on; one that is moved counts anew."""
    expected = expected_by(parcel)
    if expected is None or expected > sight.at:
        return
    known = latest(journal, LATE, parcel.id)
    if known is None or known.at != expected:
        yield _event(sight, LATE, expected, parcel.id)


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
        case "shipment" if rung == BY_PARCELS:
            return _last_arrival(order, journal)
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
        case "shipment" if rung == BY_PARCELS:
            return hit is not None and hit.at != recorded.at
    return False


def _last_arrival(order: Order, journal: Journal) -> Event | None:
    """The arrival of the last parcel, once all that was not refunded is there."""
    arrivals = {event.subject: event for event in journal if event.kind == ARRIVED}
    if not arrivals or not order.needs_shipping or order.refunded_in_full:
        return None
    parcels = {parcel.id: parcel for parcel in order.shipments}  # plugins may list one twice
    there = [each for each in parcels.values() if each.id in arrivals and each.state != RETURNED]
    # What is not known to be in one of them may be in any: then none may be missing.
    is_whole = _hold_all_of(order, there) if all(each.items for each in there) else len(there) == len(parcels)
    return max((arrivals[each.id] for each in there), key=lambda event: event.at) if there and is_whole else None


def _hold_all_of(order: Order, parcels: Sequence[Shipment]) -> bool:
    """Whether every piece that is to be shipped, and was not refunded, is in these parcels."""
    pieces: Counter[str] = Counter()
    for parcel in parcels:
        for item, quantity in parcel.items:
            pieces[item] += quantity
    return all(pieces[item.id] >= item.quantity - item.refunded for item in order.items if item.needs_shipping)


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
