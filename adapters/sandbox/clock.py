"""What time it is in a sandbox store."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

Clock = Callable[[], datetime]
"""Gives the present as an aware datetime in UTC."""


def wall_clock() -> datetime:
    """The present, in UTC."""
    return datetime.now(UTC)


@dataclass(slots=True)
class MovableClock:
    """A clock that stands still until it is moved. `now` is aware and in UTC."""

    now: datetime

    def __call__(self) -> datetime:
        return self.now

    def advance(self, by: timedelta) -> None:
        """Move the clock on (or back, by a negative time)."""
        self.now += by
