"""The circuit breakers: when a rule is about to act on so much more than usual that a person should look first.

Pure. Work is counted in steps, whatever the number of their actions. Days are those of the store's zone, whether they
have 23 hours, 24 or 25.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from statistics import median_high
from typing import NamedTuple

from rules.timing import Calendar, midnight

HOUR = timedelta(hours=1)
ONE_DAY = timedelta(days=1)

LOOKED_BACK = 28
"""Over how many days it is told what is usual."""

KNOWN_FOR = 7
"""How many days ago a rule must have begun to act before its days are called usual."""

DAYS_KNOWN = 3
"""On how many days at least it must have acted."""

TIMES = 5
"""More than so many usual days at once are held."""

FEW = 20
"""So many steps a day, or fewer, are never called too many, however few are usual."""


class Load(NamedTuple):
    """What a rule does, or is about to do, that nobody has approved: steps done, tried, held or due.

    `within_hour` counts the last hour, `today` the day so far.
    """

    within_hour: int
    today: int


class Usual(NamedTuple):
    """A rule's usual day: so many `steps`, as told by so many `days` on which it acted."""

    steps: int
    days: int


class Excess(NamedTuple):
    """More than a rule may do unseen: so many `steps` within a `span`, against a `limit`, both in words."""

    steps: int
    span: str
    limit: str

    @property
    def reason(self) -> str:
        """What is kept with the follow-ups that are held for it."""
        return f"held: {self.steps:,} follow-ups of this rule {self.span}, and its {self.limit}"


class Day(NamedTuple):
    """A day of a store, from its `begin` to its `end` (UTC)."""

    day: date
    begin: datetime
    end: datetime


def past_days(now: datetime, calendar: Calendar) -> tuple[Day, ...]:
    """The days over which it is told what is usual: whole ones, up to yesterday, the latest last."""
    today = now.astimezone(calendar.zone).date()
    days = [today - n * ONE_DAY for n in range(LOOKED_BACK, 0, -1)]
    return tuple(Day(day, midnight(day, calendar.zone), midnight(day + ONE_DAY, calendar.zone)) for day in days)


def day_begins(now: datetime, calendar: Calendar) -> datetime:
    """When the store's day began (UTC)."""
    return midnight(now.astimezone(calendar.zone).date(), calendar.zone)


def usual_day(done: Mapping[date, int], now: datetime, calendar: Calendar) -> Usual | None:
    """The middle one of the days on which the rule acted at all, of two the busier; None where it is too early to say.

    `done` is how many steps were done on each of the past days; what reached back into the past was no usual work.
    """
    today = now.astimezone(calendar.zone).date()
    active = {day: steps for day, steps in done.items() if steps and today - LOOKED_BACK * ONE_DAY <= day < today}
    if len(active) < DAYS_KNOWN or (today - min(active)).days < KNOWN_FOR:
        return None
    return Usual(median_high(active.values()), len(active))


def excess_of(load: Load, max_per_run: int, usual: Usual | None) -> Excess | None:
    """Why a rule has to wait for a person; None if it may go on. `usual` is not asked for where `is_few`."""
    if load.within_hour > max_per_run:
        return Excess(load.within_hour, "within an hour", f"max_per_run is {max_per_run:,}")
    if usual is None or is_few(load) or load.today <= TIMES * usual.steps:
        return None
    told = f"usual day is {usual.steps:,} (the middle one of {usual.days} in the last {LOOKED_BACK} days)"
    return Excess(load.today, "today", told)


def is_few(load: Load) -> bool:
    """Whether this is so little for a day that nobody need look, whatever is usual."""
    return load.today <= FEW
