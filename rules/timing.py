"""When: waits, daily windows, business hours, holidays, and clocks that change twice a year.

Nothing here knows what time it is. Moments go in and come out aware and in UTC; the store's zone, its
business hours and its country's holidays come in as a `Calendar`. Texts written by people are parsed into
frozen values, and whatever cannot be read raises a ValueError that says what to write instead.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from difflib import get_close_matches
from functools import cache, lru_cache
from typing import Literal
from zoneinfo import ZoneInfo

Unit = Literal["seconds", "minutes", "hours", "days", "weeks", "business hours", "business days"]

ABSOLUTE: Mapping[str, timedelta] = {
    "seconds": timedelta(seconds=1),
    "minutes": timedelta(minutes=1),
    "hours": timedelta(hours=1),
}
ONE_DAY = timedelta(days=1)
ONE_SECOND = timedelta(seconds=1)
DAY_MINUTES = 24 * 60
SEARCH_DAYS = 400
LONGEST_DAYS = 5 * 366


# --- waits ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Duration:
    """A wait as written: `Duration(4, "hours")`. `str()` gives text that `parse_duration` reads back."""

    amount: int
    unit: Unit

    def __str__(self) -> str:
        return f"{self.amount} {self.unit.removesuffix('s') if self.amount == 1 else self.unit}"


WORDS: Mapping[str, Unit] = {
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), "seconds"),
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes"), "minutes"),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), "hours"),
    **dict.fromkeys(("d", "day", "days"), "days"),
    **dict.fromkeys(("w", "week", "weeks"), "weeks"),
    **dict.fromkeys(("business hour", "business hours"), "business hours"),
    **dict.fromkeys(("business day", "business days"), "business days"),
}
SMALLER: Mapping[Unit, tuple[int, Unit]] = {
    "weeks": (7, "days"),
    "days": (24, "hours"),
    "hours": (60, "minutes"),
    "minutes": (60, "seconds"),
}
MOST: Mapping[Unit, int] = {
    "seconds": LONGEST_DAYS * 86_400,
    "minutes": LONGEST_DAYS * 1_440,
    "hours": LONGEST_DAYS * 24,
    "days": LONGEST_DAYS,
    "weeks": LONGEST_DAYS // 7,
    "business hours": LONGEST_DAYS * 5 // 7 * 8,
    "business days": LONGEST_DAYS * 5 // 7,
}
WAIT = re.compile(r"(?P<minus>[-−]?) ?(?P<number>[0-9]{1,20}(?:\.[0-9]{1,9})?) ?(?P<word>[A-Za-z][A-Za-z ]*)?")
HOW_TO_WAIT = "Write a number and seconds, minutes, hours, days, weeks, business hours or business days"


def parse_duration(text: str) -> Duration:
    """Read `90 minutes`, `4 hours`, `1 day`, `2 weeks`, `4 business hours`, or short `90 min`, `4h`, `30d`.

    Raises ValueError, with a suggestion where there is one, for anything else: also for a negative number, a
    fraction, and more than five years.
    """
    found = WAIT.fullmatch(" ".join(text.split()))
    if not found:
        raise ValueError(f"{text!r} is not a wait. {HOW_TO_WAIT}, as in '4 hours'")
    number, word = Decimal(found["number"]), found["word"] or ""
    # A lone capital is no unit: M is months to some.
    unit = WORDS.get(word if len(word) == 1 else word.lower())
    if unit is None:
        raise ValueError(_unknown_unit(text, number, word))
    if found["minus"]:
        raise ValueError(f"{text!r} is negative; a wait cannot end before it begins")
    if "." in found["number"]:
        raise ValueError(f"{text!r} has a fraction; write a whole number{_in_whole_numbers(number, unit)}")
    if number > MOST[unit]:  # five years of eight hours a day, where hours are the business's
        raise ValueError(f"{text!r} is over 5 years; nothing waits that long")
    return Duration(int(number), unit)


def _unknown_unit(text: str, number: Decimal, word: str) -> str:
    if not word:
        return f"{text!r} has no unit. {HOW_TO_WAIT}, as in '{number} minutes'"
    if word.lower() in {"month", "months", "year", "years"}:
        return f"{text!r} has no fixed length; write days or weeks, as in '30 days'"
    meant = _nearest(word.lower(), WORDS)
    hint = f"; did you mean '{Duration(int(number), WORDS[meant])}'?" if meant else "."
    return f"{text!r} is not a wait{hint} {HOW_TO_WAIT}"


def _in_whole_numbers(number: Decimal, unit: Unit) -> str:
    """`1.5 hours` as `, as in '90 minutes'`; nothing where no unit gives a whole number."""
    while number != int(number):
        if unit not in SMALLER:
            return ""
        times, unit = SMALLER[unit]
        number *= times
    return f", as in '{Duration(int(number), unit)}'"


# --- times of day ---------------------------------------------------------------------------------

CLOCK = re.compile(r"([0-9]{1,2}):([0-9]{2})")


def parse_clock(text: str) -> time:
    """Read a time of day: `10:00`. Raises ValueError for what no 24-hour clock shows."""
    found = CLOCK.fullmatch(text.strip())
    if not found:
        raise ValueError(f"{text!r} is not a time of day; write hours and minutes of a 24-hour clock, as in '10:00'")
    hour, minute = map(int, found.groups())
    if hour > 23 or minute > 59:
        raise ValueError(f"{text!r} is a time that no clock shows; times go from 00:00 to 23:59")
    return time(hour, minute)


# --- windows --------------------------------------------------------------------------------------

Span = tuple[int, int]
"""Opening and closing in minutes after the day's first midnight; a closing past 1440 is on the next day."""


@dataclass(frozen=True, slots=True)
class Window:
    """When something is open: the spans of each weekday, Monday first, in the order of their openings.

    Spans are half open, and one that runs over midnight belongs to the day it starts on. `str()` gives the
    text.
    """

    days: tuple[tuple[Span, ...], ...]
    text: str = field(compare=False)

    def __str__(self) -> str:
        return self.text


WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
SPAN = re.compile(r"([0-9]{1,2}):([0-9]{2}) ?[-–] ?([0-9]{1,2}):([0-9]{2})")


def parse_window(text: str) -> Window:
    """Read `09:00-18:00`, `21:00-08:00` (over midnight) or `09:00-13:00, 16:00-19:00`, the same on every day.

    Raises ValueError where it cannot be read or has a span without length.
    """
    return Window((_parse_spans(text),) * 7, text.strip())


def parse_business_hours(hours: Mapping[str, str]) -> Window:
    """Read `{"sun-thu": "09:00-18:00", "fri": "09:00-13:00"}`; days that are not named are closed.

    Raises ValueError where a day is unknown or named twice, a time cannot be read, or no day is named at all.
    """
    days: list[tuple[Span, ...]] = [()] * 7
    for names, times in hours.items():
        try:
            spans = _parse_spans(times)
        except ValueError as error:
            hint = "" if any(map(str.isdigit, times)) else "; leave out a day on which you are closed"
            raise ValueError(f"{names}: {error}{hint}") from None
        for day in parse_days(names):
            if days[day]:
                raise ValueError(f"{names}: {WEEKDAYS[day]} is named twice; name each day once")
            days[day] = spans
    if not hours:
        raise ValueError('no business hours; name at least one day, as in sun-thu: "09:00-18:00"')
    return Window(tuple(days), ", ".join(f"{names} {times}" for names, times in hours.items()))


STRETCH = re.compile(r"([A-Za-z]+) ([0-9:]+) ?[-–] ?([A-Za-z]+) ([0-9:]+)")
LONGEST_SABBATH = 3 * DAY_MINUTES


def parse_sabbath(text: str) -> Window:
    """Read `fri 16:00 - sat 20:00`: once a week, from one moment to another.

    Raises ValueError where it cannot be read, ends before it begins, or is longer than three days.
    """
    found = STRETCH.fullmatch(" ".join(text.split()))
    if not found:
        raise ValueError(f"{text!r} is no sabbath; write when it begins and ends, as in 'fri 16:00 - sat 20:00'")
    begins, ends = _parse_day(found[1]), _parse_day(found[3])
    from_clock, to_clock = parse_clock(found[2]), parse_clock(found[4])
    opens = from_clock.hour * 60 + from_clock.minute
    closes = (ends - begins) % 7 * DAY_MINUTES + to_clock.hour * 60 + to_clock.minute
    if closes <= opens:
        raise ValueError(f"{text!r} ends before it begins")
    if closes - opens > LONGEST_SABBATH:
        raise ValueError(f"{text!r} is longer than three days; is it the other way round?")
    days = tuple(((opens, closes),) if day == begins else () for day in range(7))
    return Window(days, text.strip())


def _parse_spans(text: str) -> tuple[Span, ...]:
    return tuple(sorted(_parse_span(" ".join(part.split())) for part in text.split(",")))


def _parse_span(text: str) -> Span:
    found = SPAN.fullmatch(text)
    if not found:
        raise ValueError(
            f"{text!r} is not a time window; write hours and minutes of a 24-hour clock, as in '09:00-18:00'"
        )
    hour, minute, last_hour, last_minute = map(int, found.groups())
    opens, closes = hour * 60 + minute, last_hour * 60 + last_minute
    if opens >= DAY_MINUTES or closes > DAY_MINUTES or max(minute, last_minute) > 59:
        raise ValueError(f"{text!r} has a time that no clock shows; times go from 00:00 to 23:59, an end to 24:00")
    if opens == closes:
        raise ValueError(f"{text!r} is never open; for the whole day write '00:00-24:00'")
    return opens, closes if closes > opens else closes + DAY_MINUTES


def parse_days(names: str) -> Iterable[int]:
    """The weekdays (Monday is 0) of `fri`, `Sunday`, `sun-thu`, `fri-mon` or `mon, wed`."""
    for part in names.split(","):
        first, dash, last = (name.strip() for name in part.replace("–", "-").partition("-"))
        begin = _parse_day(first)
        end = _parse_day(last) if dash else begin
        for step in range((end - begin) % 7 + 1):
            yield (begin + step) % 7


def _parse_day(name: str) -> int:
    for number, day in enumerate(WEEKDAYS):
        if len(name) >= 3 and day.startswith(name.lower()):
            return number
    meant = _nearest(name.lower(), [*WEEKDAYS, *(day[:3] for day in WEEKDAYS)])
    hint = f"; did you mean {meant!r}?" if meant else "."
    raise ValueError(f"{name!r} is not a day of the week{hint} Write mon, tue, wed, thu, fri, sat or sun, or sun-thu")


# --- the calendar ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Calendar:
    """A store's sense of time: its zone, when it works, whose holidays it keeps (by `parse_holidays`), and when in the
    week it writes to nobody (by `parse_sabbath`).
    """

    zone: ZoneInfo
    business_hours: Window | None = None
    country: str | None = None
    sabbath: Window | None = None

    def is_holiday(self, day: date) -> bool:
        """Whether `day` is a public holiday; never so where no country is set."""
        return self.country is not None and day in _country_year(self.country, day.year).holidays

    def is_business_day(self, day: date) -> bool:
        """Whether people work on `day`: by the country's weekend and holidays, else by the days that
        `business_hours` names, else Monday to Friday.
        """
        if self.country is not None:
            return day in _country_year(self.country, day.year).working_days
        if self.business_hours is not None:
            return bool(self.business_hours.days[day.weekday()])
        return day.weekday() < 5


@dataclass(frozen=True, slots=True)
class CountryYear:
    holidays: frozenset[date]
    working_days: frozenset[date]


@cache
def _country_year(country: str, year: int) -> CountryYear:
    import holidays  # a tenth of a second that a store without holidays need not pay

    code, _, region = country.partition("-")
    known = holidays.country_holidays(code, subdiv=region or None, years=year)
    new_year = date(year, 1, 1)
    days = (new_year + n * ONE_DAY for n in range((date(year, 12, 31) - new_year).days + 1))
    return CountryYear(frozenset(known), frozenset(day for day in days if known.is_working_day(day)))


def parse_holidays(text: str) -> str:
    """Read an ISO country code, perhaps with a region: `IL`, `US-CA`.

    Case does not matter, and other codes in use come out as the two-letter one: `UK` as `GB`.
    Raises ValueError where the country or the region is unknown, or its holidays are.
    """
    import holidays

    name, dash, region = (part.strip() for part in text.partition("-"))
    supported = holidays.list_supported_countries(include_aliases=True)
    if name.upper() not in supported:
        meant = _code_of(text.strip(), supported)
        hint = f"; did you mean {meant!r}?" if meant else "."
        raise ValueError(f"{text!r} is not a country with known holidays{hint} Write its ISO code, as in IL or US-CA")
    code = holidays.country_holidays(name.upper()).country
    regions = {known.upper(): known for known in supported[code]}
    if not dash:
        return code
    if region.upper() in regions:
        return f"{code}-{regions[region.upper()]}"
    if not regions:
        raise ValueError(f"{text!r}: the holidays of {code} are the same in all its regions; write {code}")
    raise ValueError(f"{text!r}: {code} has no region {region!r}; write one of {', '.join(regions.values())}")


def _code_of(text: str, codes: Iterable[str]) -> str | None:
    """The code of a country that is written out in English, more or less: `Isreal` is IL."""
    from babel import Locale

    territories = Locale("en").territories
    by_name = {territories[code].lower(): code for code in codes if code in territories}
    name = _nearest(text.lower(), by_name)
    return by_name[name] if name else None


def _nearest(word: str, known: Iterable[str]) -> str | None:
    """What `word` was probably meant to be, of what is known."""
    return next(iter(get_close_matches(word, list(known), n=1)), None)


# --- arithmetic -----------------------------------------------------------------------------------


def after(start: datetime, wait: Duration, calendar: Calendar) -> datetime:
    """The moment (UTC) when `wait`, begun at `start` (aware), is over.

    Seconds, minutes and hours are absolute. Days, weeks and business days keep the wall time of the
    calendar's zone: one that the clocks skip becomes the first moment after the gap, one that they show twice
    the first of the two. Business days are counted as carriers do, from the day after: one business day after
    a Thursday, a Friday or a Saturday in Israel is Sunday. A wait of 0 is over at `start`. Of business hours, only the
    time within the calendar's `business_hours` counts, without them all of it; they are over when the shop is open.

    Raises ValueError where `start` is naive, or the calendar has no business day, or hour, within 400 days.
    """
    start = _utc(start)
    absolute = ABSOLUTE.get(wait.unit)
    if absolute is not None:
        return start + absolute * wait.amount
    if wait.unit == "business hours":
        return _business_hours_later(start, wait.amount * ABSOLUTE["hours"], calendar)
    if not wait.amount:
        return start
    wall = start.astimezone(calendar.zone).replace(tzinfo=None)
    if wait.unit == "business days":
        day = _business_days_later(wall.date(), wait.amount, calendar)
    else:
        day = wall.date() + ONE_DAY * (wait.amount * 7 if wait.unit == "weeks" else wait.amount)
    return instant(datetime.combine(day, wall.time()), calendar.zone)


IsOver = Callable[[datetime, Calendar, datetime], bool]


def over(wait: Duration) -> IsOver:
    """A function of `start`, `calendar` and `now` (both times UTC): whether `after(start, wait, calendar)` has come.

    Conditions ask it of every order, so the calendar is asked only where it may make a difference.
    """
    if wait.unit not in _ABOUT:
        return lambda start, calendar, now: after(start, wait, calendar) <= now
    unit, sooner, later = _ABOUT[wait.unit]
    about = unit * wait.amount

    def is_over(start: datetime, calendar: Calendar, now: datetime) -> bool:
        left = start + about - now
        if left > later:
            return False
        return left <= sooner or after(start, wait, calendar) <= now

    return is_over


_EXACT = timedelta(0)
_MOST_MOVED = timedelta(hours=26)
"""No two clocks on earth are further apart, so neither are those of one place on two days."""
_ABOUT: Mapping[str, tuple[timedelta, timedelta, timedelta]] = {
    **{unit: (length, _EXACT, _EXACT) for unit, length in ABSOLUTE.items()},
    "days": (ONE_DAY, -_MOST_MOVED, _MOST_MOVED),
    "weeks": (7 * ONE_DAY, -_MOST_MOVED, _MOST_MOVED),
}
"""How long a unit is, and by how much a wait of such may be over sooner, or later, than so many times that."""


def next_open(moment: datetime, window: Window | None, calendar: Calendar) -> datetime:
    """`moment` itself (aware) if `window` is open then, else the next moment (UTC) at which it opens.

    No window is always open. Spans that start on a holiday do not count. A span lasts from the first moment
    that the wall clock shows its opening, or has skipped it, to the first that it shows its closing, or has
    skipped it: an hour that repeats in autumn does not open or close it twice, and one lost in spring may
    leave nothing of it.

    Raises ValueError where `moment` is naive, or the window does not open within 400 days.
    """
    moment = _utc(moment)
    return moment if window is None else _next_opening(moment, window, calendar)[0]


def _next_opening(moment: datetime, window: Window, calendar: Calendar) -> tuple[datetime, datetime]:
    """What is left of the span in which `moment` is, else the next span: from when, and until when."""
    today = moment.astimezone(calendar.zone).date()
    yesterday = today - ONE_DAY  # whose span may have run over midnight
    for opens, closes in openings(window, calendar, yesterday, SEARCH_DAYS + 1):
        if moment < closes:
            return max(moment, opens), closes
    raise ValueError(f"{window} does not open within {SEARCH_DAYS} days of {today}; are all its days holidays?")


def openings(window: Window, calendar: Calendar, first: date, days: int) -> Iterator[tuple[datetime, datetime]]:
    """When a window opens and closes (UTC), on so many days from the `first` on, as the calendar has them."""
    for distance in range(days):
        day = first + distance * ONE_DAY
        spans = window.days[day.weekday()]
        if spans and not calendar.is_holiday(day):
            yield from _openings(day, spans, calendar.zone)


@lru_cache(maxsize=4096)
def _openings(day: date, spans: tuple[Span, ...], zone: ZoneInfo) -> tuple[tuple[datetime, datetime], ...]:
    midnight = datetime.combine(day, time.min)
    moments = (
        (
            instant(midnight + timedelta(minutes=opens), zone),
            instant(midnight + timedelta(minutes=closes), zone),
        )
        for opens, closes in spans
    )
    return tuple((opens, closes) for opens, closes in moments if opens < closes)


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """The moment (UTC) at which a day begins in a zone; where clocks skip midnight, the first after the gap."""
    return instant(datetime.combine(day, time.min), zone)


def _business_days_later(day: date, count: int, calendar: Calendar) -> date:
    last = day
    while count:
        day += ONE_DAY
        if calendar.is_business_day(day):
            count, last = count - 1, day
        elif (day - last).days > SEARCH_DAYS:
            raise ValueError(f"there is no business day within {SEARCH_DAYS} days of {last}")
    return day


def _business_hours_later(start: datetime, left: timedelta, calendar: Calendar) -> datetime:
    if calendar.business_hours is None:
        return start + left
    while True:
        opens, closes = _next_opening(start, calendar.business_hours, calendar)
        if left < closes - opens:
            return opens + left
        left -= closes - opens
        start = closes


def instant(wall: datetime, zone: ZoneInfo) -> datetime:
    """The first moment (UTC) at which a clock in `zone` shows `wall` (naive), or has skipped it."""
    moment = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if moment.astimezone(zone).replace(tzinfo=None) == wall:
        return moment
    # By the old offset `wall` falls after the change, by the new one before it: close in from both sides.
    late = moment.replace(microsecond=0)
    early = wall.replace(tzinfo=zone, fold=1, microsecond=0).astimezone(UTC)
    offset = early.astimezone(zone).utcoffset()
    while late - early > ONE_SECOND:
        middle = early + (late - early) // ONE_SECOND // 2 * ONE_SECOND
        if middle.astimezone(zone).utcoffset() == offset:
            early = middle
        else:
            late = middle
    return late


def _utc(moment: datetime) -> datetime:
    if moment.tzinfo is UTC:
        return moment
    if moment.tzinfo is None:
        raise ValueError(f"{moment} has no time zone")
    return moment.astimezone(UTC)
