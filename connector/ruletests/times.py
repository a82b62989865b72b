"""Times in rule tests: days and hours as they stand on a store's wall, for a moment or for a span of them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

HOW_TO_WRITE = "A day and a time, as in 2026-06-07 09:00; the weekday may stand before it."
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_WRITTEN = re.compile(
    r"(?:(?P<bound>before|after) )?(?:(?P<weekday>[A-Za-z]{3,9}),? )?(?P<day>\d{4}-\d\d-\d\d)"
    r"(?: (?P<opens>\d\d:\d\d)(?:-(?P<closes>\d\d:\d\d))?)?"
)
_MINUTE = timedelta(minutes=1)
_FIRST, _LAST = datetime(1, 1, 1), datetime(9999, 12, 31)  # noqa: DTZ001  times on a wall


@dataclass(frozen=True, slots=True)
class Span:
    """From one time on a wall until just before another; `text` is how it was written."""

    first: datetime
    last: datetime
    text: str

    @property
    def is_exact(self) -> bool:
        return self.last - self.first <= _MINUTE

    def holds(self, moment: datetime, zone: ZoneInfo) -> bool:
        return self.first <= moment.astimezone(zone).replace(tzinfo=None) < self.last


def parse_moment(text: str) -> datetime:
    """The time on a wall of `2026-06-07 09:00` or `Sun 2026-06-07 09:00`. Raises ValueError, with what to write."""
    found = _WRITTEN.fullmatch(text.strip())
    if found is None or found["bound"] or found["closes"] or not found["opens"]:
        raise ValueError(f"'{text}' is no time; write a day and a time, as in 2026-06-07 09:00")
    return _time(found["day"], found["opens"], found["weekday"])


def parse_span(text: str) -> Span:
    """When something is expected: `2026-06-07 09:00` is that minute, `2026-06-07` that day, `2026-06-07 09:00-18:00` a
    part of it; before each may stand `before` or `after`, and the weekday. Raises ValueError, with what to write.
    """
    found = _WRITTEN.fullmatch(text.strip())
    if found is None or (found["bound"] and found["closes"]):
        raise ValueError(
            f"'{text}' is no time; write it as in 2026-06-07 09:00, 2026-06-07, 2026-06-07 09:00-18:00 or "
            "after 2026-06-07 09:00"
        )
    first = _time(found["day"], found["opens"] or "00:00", found["weekday"])
    last = first + (_MINUTE if found["opens"] else timedelta(days=1))
    if found["closes"]:
        last = _time(found["day"], found["closes"], None)
    if found["bound"]:
        first, last = (_FIRST, first) if found["bound"] == "before" else (first, _LAST)
    if last <= first:
        raise ValueError(f"'{text}' ends before it begins")
    return Span(first, last, text.strip())


def _time(day: str, time: str, weekday: str | None) -> datetime:
    try:
        moment = datetime.fromisoformat(f"{day} {time}")  # its zone is the store's
    except ValueError:
        raise ValueError(f"there is no {day} {time}") from None
    if not 2000 <= moment.year < 2100:
        raise ValueError(f"{day} is out of reach: write a day from 2000 to 2099")
    name = _DAYS[moment.weekday()]
    if weekday is not None and weekday.casefold() not in (name.casefold(), name[:3].casefold()):
        raise ValueError(f"{day} is a {name}, not '{weekday}'")
    return moment


def in_zone(moment: datetime, zone: ZoneInfo) -> datetime:
    """A time on the wall there, as a moment (UTC). Raises ValueError where the clocks skip it."""
    there = moment.replace(tzinfo=zone).astimezone(UTC)
    if there.astimezone(zone).replace(tzinfo=None) != moment:
        raise ValueError(f"there is no {moment:%Y-%m-%d %H:%M} in {zone}: the clocks skip it")
    return there


def on_the_wall(moment: datetime, zone: ZoneInfo) -> str:
    """A moment as the clocks there show it: Sun 2026-06-07 09:00."""
    return f"{moment.astimezone(zone):%a %Y-%m-%d %H:%M}"
