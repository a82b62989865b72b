"""`schedule: "every monday 09:00"`: the same hour comes round, for every order that is not long over.

An hour that came round while nobody looked counts when somebody does; one that was looked at, and whose conditions did
not hold then, is over.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from rules.events import PLATFORM, Event
from rules.timing import ONE_DAY, Calendar, instant, parse_days
from rules.triggers import NOT_YET, About, Concluded, TriggerKind

NAME = "schedule"

LONG_OVER = timedelta(days=366)
"""An order older than this is on no schedule any more."""

SEARCH_DAYS = 366 * 8 + 1
"""A leap day may be eight years away."""

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")

_EVERY = re.compile(r"every (?P<days>.+?) (?:at )?(?P<hour>[0-9]{1,2}):(?P<minute>[0-9]{2})")
_OF_MONTH = re.compile(r"([0-9]{1,2})(?:st|nd|rd|th)(?: of (?:the|every|each) month)?")
_OF_YEAR = re.compile(r"([0-9]{1,2})(?:st|nd|rd|th)?(?: of)? ([a-z]{3,})")
HOW = "write it like 'every monday 09:00', 'every business day 16:30', 'every 1st 10:00' or 'every 24 december 08:00'"


@dataclass(frozen=True, slots=True)
class Schedule:
    """When an hour comes round, as it was written."""

    text: str

    def __str__(self) -> str:
        return self.text


class Hour(NamedTuple):
    """On which days a schedule comes round, and at which time of the store's clock."""

    on: Callable[[date, Calendar], bool]
    at: time


def read(value: object) -> Schedule:
    """A schedule from what was written. Raises ValueError where it cannot be read, or would never come."""
    if not isinstance(value, str):
        raise ValueError(HOW)  # noqa: TRY004  as all mistakes in a rule file
    text = " ".join(value.lower().split())
    hour = _hour(text)
    days = (_ANY_DAY + n * ONE_DAY for n in range(SEARCH_DAYS))
    if not any(hour.on(day, _ANYWHERE) for day in days):
        raise ValueError(f"'{text}' never comes: there is no such day")
    return Schedule(text)


_ANY_DAY = date(2024, 1, 1)
_ANYWHERE = Calendar(ZoneInfo("UTC"))


@lru_cache(maxsize=256)
def _hour(text: str) -> Hour:
    found = _EVERY.fullmatch(text)
    if not found:
        raise ValueError(HOW)
    hour, minute = int(found["hour"]), int(found["minute"])
    if hour > 23 or minute > 59:
        raise ValueError(f"no clock shows {found['hour']}:{found['minute']}; times go from 00:00 to 23:59")
    return Hour(_days(found["days"]), time(hour, minute))


def _days(words: str) -> Callable[[date, Calendar], bool]:
    if words == "day":
        return lambda day, _: True
    if words == "business day":
        return lambda day, calendar: calendar.is_business_day(day)
    if of_month := _OF_MONTH.fullmatch(words):
        number = int(of_month[1])
        return lambda day, _: day.day == number
    of_year = _OF_YEAR.fullmatch(words)
    if of_year and of_year[2][:3] in MONTHS:
        number, month = int(of_year[1]), MONTHS.index(of_year[2][:3]) + 1
        return lambda day, _: (day.day, day.month) == (number, month)
    try:
        chosen = frozenset(parse_days(words))
    except ValueError as error:
        raise ValueError(f"{error}; {HOW}") from None
    return lambda day, _: day.weekday() in chosen


def _conclude(schedule: Schedule, about: About) -> Concluded:
    facts, now = about.facts, about.now
    order = facts.order
    if order.draft or now - order.created_at > LONG_OVER:
        return NOT_YET
    latest, following = around(schedule, facts.calendar, now)
    since = facts.asked_at if facts.asked_at is not None else _first_seen(about)
    is_new = latest is not None and since is not None and since <= latest
    # What was planned at an hour that came round goes on from it.
    begun = (deed.event_at for deed in facts.deeds if deed.rule == about.rule and deed.order_id == order.id)
    at = latest if is_new else max(begun, default=None)
    return Concluded(Event(NAME, at, PLATFORM) if at is not None else None, following)


def _first_seen(about: About) -> datetime | None:
    """Since when an order that was never planned before is one."""
    placed = about.entries.get(("order.placed", None))
    return placed.at if placed is not None else None


def around(schedule: Schedule, calendar: Calendar, now: datetime) -> tuple[datetime | None, datetime | None]:
    """When a schedule came round the last time by now, and when it will the next time (UTC)."""
    moments = _near(schedule.text, calendar, now.astimezone(calendar.zone).date())
    return (
        max((at for at in moments if at <= now), default=None),
        min((at for at in moments if at > now), default=None),
    )


@lru_cache(maxsize=1024)
def _near(text: str, calendar: Calendar, today: date) -> tuple[datetime, ...]:
    """The last time before today, today's, and the first after it."""
    hour = _hour(text)
    found = [today] if hour.on(today, calendar) else []
    for direction in (-ONE_DAY, ONE_DAY):
        days = (today + n * direction for n in range(1, SEARCH_DAYS))
        found += [next(day for day in days if hour.on(day, calendar))]
    return tuple(instant(datetime.combine(day, hour.at), calendar.zone) for day in found)


TRIGGER = TriggerKind(NAME, read, _conclude, example="every monday 09:00", by_time=True, comes_round=True)
