"""Moments as people type them, in a store's own time."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from connector.cli._exits import Exit, Stop
from rules.timing import instant, midnight

_FIRST, _LAST = 2000, 2100


def moment_of(text: str, zone: ZoneInfo, option: str) -> datetime:
    """The moment (UTC) that is meant: a day is meant to its end, and what names no zone is in the store's.

    Raises Stop for what is no moment; `option` is where it was typed.
    """
    try:
        moment = _read(" ".join(text.split()), zone)
    except (ValueError, OverflowError):
        moment = None
    if moment is None or not _FIRST <= moment.year < _LAST:
        raise Stop(
            Exit.MISTAKE,
            f"{option}: '{text}' is no time; write 2026-11-20 (the end of that day), '2026-11-20 09:00' "
            "(in the store's time zone) or 2026-11-20T09:00+02:00",
        )
    return moment


def _read(text: str, zone: ZoneInfo) -> datetime:
    if len(text) == len("2026-11-20"):
        return midnight(date.fromisoformat(text) + timedelta(days=1), zone) - timedelta(seconds=1)
    moment = datetime.fromisoformat(text)
    return moment.astimezone(UTC) if moment.tzinfo is not None else instant(moment, zone)
