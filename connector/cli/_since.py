"""`--since`: a day, or how far back."""

from __future__ import annotations

from datetime import datetime, timedelta, tzinfo

from connector.cli._exits import Exit, Stop
from rules.timing import parse_duration

_UNITS = {"seconds": 1, "minutes": 60, "hours": 3600, "days": 86400, "weeks": 604800}
HOW = "write a day, as in 2026-05-01, or how far back, as in 30d"


def read_since(text: str, now: datetime, zone: tzinfo) -> datetime:
    """The moment (UTC) that `--since` names: `2026-05-01` (its midnight in the zone), an ISO time, or `30d`, `2 weeks`.

    Raises Stop where it is none, or one to come.
    """
    since = _day(text, zone)
    if since is None:
        try:
            span = parse_duration(text)
        except ValueError as error:
            raise Stop(Exit.MISTAKE, f"--since: {error if any(map(str.isdigit, text)) else HOW}") from None
        if span.unit not in _UNITS:
            raise Stop(Exit.MISTAKE, f"--since: {HOW}")
        since = now - timedelta(seconds=span.amount * _UNITS[span.unit])
    if since >= now:
        raise Stop(Exit.MISTAKE, f"--since: {text} is still to come; {HOW}")
    return since


def _day(text: str, zone: tzinfo) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=zone)
