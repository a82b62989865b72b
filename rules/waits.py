"""What a step waits for: a span of time, or a moment that comes of the clock, or of the order itself.

Pure: from a moment and what is known of the order to the moment at which the wait is over, or to why there is none.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time

from rules.fields import FIELDS, Scene
from rules.timing import MOST, ONE_DAY, Calendar, Duration, after, instant
from rules.validation import did_you_mean


@dataclass(frozen=True, slots=True)
class PerUnit:
    """As long as a line's pieces last: `per_unit` for each, less `minus`, which has no business days or hours."""

    per_unit: Duration
    minus: Duration | None = None

    def __str__(self) -> str:
        return f"per_unit: {self.per_unit}" + (f", minus: {self.minus}" if self.minus is not None else "")


@dataclass(frozen=True, slots=True)
class Until:
    """Until the store's clock shows this time of day next."""

    clock: time

    def __str__(self) -> str:
        return f"until: {self.clock:%H:%M}"


@dataclass(frozen=True, slots=True)
class DaysBefore:
    """Until so many days before a field's day (by `check_date`), at `until`, else at the field's own time of day."""

    field: str
    days: int
    until: time | None = None

    def __str__(self) -> str:
        until = f", until: {self.until:%H:%M}" if self.until is not None else ""
        return f"days_before: {self.field}, days: {self.days}{until}"


StepWait = Duration | PerUnit | Until | DaysBefore
"""What a step may wait for. `str()` gives it as people write it."""


def spans_of(wait: StepWait | None) -> tuple[Duration, ...]:
    """The spans of time that a wait is made of."""
    match wait:
        case Duration():
            return (wait,)
        case PerUnit():
            return (wait.per_unit,) if wait.minus is None else (wait.per_unit, wait.minus)
    return ()


# --- when it is over --------------------------------------------------------------------------------


def over_at(wait: StepWait | None, start: datetime, scene: Scene) -> datetime | str:
    """The moment (UTC) at which a wait is over that began at `start` (aware): never before that.

    Where nothing tells it for this order, the reason: words for the shop's people.
    """
    match wait:
        case PerUnit():
            return _used_up_at(wait, start, scene)
        case DaysBefore():
            return _before_date(wait, start, scene)
    return over_by_clock(wait, start, scene.calendar)


def over_by_clock(wait: Duration | Until | None, start: datetime, calendar: Calendar) -> datetime:
    """The moment (UTC) at which a wait is over that has nothing to do with the order."""
    match wait:
        case Duration():
            return after(start, wait, calendar)
        case Until():
            today = start.astimezone(calendar.zone).date()
            moments = (instant(datetime.combine(day, wait.clock), calendar.zone) for day in (today, today + ONE_DAY))
            return next(moment for moment in moments if moment > start)
    return start


def _used_up_at(wait: PerUnit, start: datetime, scene: Scene) -> datetime | str:
    pieces = sum(item.quantity - item.refunded for item in scene.items)
    if pieces <= 0:
        return "no piece of this line is left to count: all were taken back"
    amount, unit = pieces * wait.per_unit.amount, wait.per_unit.unit
    if amount > MOST[unit]:
        return f"{pieces} pieces at {wait.per_unit} each would be over 5 years; nothing waits that long"
    end = after(start, Duration(amount, unit), scene.calendar)
    if wait.minus is not None:
        end = after(end, Duration(-wait.minus.amount, wait.minus.unit), scene.calendar)
    return max(start, end)


def _before_date(wait: DaysBefore, start: datetime, scene: Scene) -> datetime | str:
    zone = scene.calendar.zone
    date = next((value for value in FIELDS[wait.field].values(scene) if isinstance(value, datetime)), None)
    if date is None:
        return f"{wait.field} is missing, so nothing tells when it would be due"
    wall = date.astimezone(zone).replace(tzinfo=None)
    clock = wait.until if wait.until is not None else wall.time()
    return max(start, instant(datetime.combine(wall.date() - wait.days * ONE_DAY, clock), zone))


# --- what may be written ----------------------------------------------------------------------------


def check_date(name: str) -> str:
    """The name of a field whose day can be counted from. Raises ValueError, with a suggestion, for any other."""
    dates = [each.name for each in FIELDS.values() if each.kind == "time" and each.name.startswith(_NOUNS)]
    if name in dates:
        return name
    hint = did_you_mean(name, dates) or f"; there are {', '.join(dates)}"
    if name not in FIELDS:
        raise ValueError(f"there is no field '{name}'{hint}")
    kind = "no time" if FIELDS[name].kind != "time" else "no time of the order or of its parcel"
    raise ValueError(f"{name} is {kind}{hint}")


_NOUNS = ("order.", "shipment.")


def why_not_here(wait: StepWait | None, *, of_item: bool, of_parcel: bool) -> str | None:
    """What a rule lacks that has this wait: one that is about a line, or a parcel, of the order knows which."""
    if isinstance(wait, PerUnit) and not of_item:
        return "'per_unit' counts the pieces of one line of the order: add 'once_per: line_item' to the rule"
    if isinstance(wait, DaysBefore) and wait.field.startswith("shipment.") and not of_parcel:
        return f"an order may have several parcels, each with its {wait.field}: add 'once_per: shipment' to the rule"
    return None


# --- words ------------------------------------------------------------------------------------------


def in_words(wait: StepWait | None, begins: str | None = None) -> str:
    """When a step comes: `4 hours later`; of what `begins` its wait, `4 hours after order.paid`."""
    later = f"after {begins}" if begins is not None else "later"
    match wait:
        case None:
            return f"right {later}" if begins is not None else "at once"
        case Duration():
            return f"{wait} {later}"
        case PerUnit():
            less = f", less {wait.minus}," if wait.minus is not None else ""
            return f"{wait.per_unit} for each piece{less} {later}"
        case Until():
            return f"at the next {wait.clock:%H:%M}" + (f" {later}" if begins is not None else "")
        case DaysBefore():
            at = f", at {wait.until:%H:%M}" if wait.until is not None else ""
            return f"{Duration(wait.days, 'days')} before {wait.field}{at}"
