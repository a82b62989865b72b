"""Results on stdout: JSON for programs, tables and plain lines for people."""

from __future__ import annotations

import json
import re
import sys
from datetime import UTC, datetime, tzinfo

from rich import box
from rich.console import Console
from rich.table import Table


def console() -> Console:
    """Where results for people go. Nothing in them is taken for markup."""
    return Console(markup=False, highlight=False, emoji=False, soft_wrap=False)


def print_json(result: object) -> None:
    """The result and nothing else, in one piece."""
    text = json.dumps(result, ensure_ascii=False, indent=2)
    sys.stdout.write(_UNSEEN.sub(lambda found: f"\\u{ord(found[0]):04x}", text) + "\n")


_UNSEEN = re.compile("[\\x7f-\\x9f\\u2028\\u2029\\u202a-\\u202e\\u2066-\\u2069\\ud800-\\udfff]")
"""What JSON leaves as it is, and a terminal obeys."""


def table(*headers: str) -> Table:
    """An empty table; text that does not fit its column is wrapped, never cut."""
    made = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    for header in headers:
        made.add_column(header, overflow="fold")
    return made


def clean(text: str | None) -> str:
    """Text from a store, without what a terminal would take for a command."""
    return "".join(letter if letter.isprintable() else " " for letter in text or "")


def iso(moment: datetime | None) -> str | None:
    """UTC, as 2026-06-01T09:00:00Z."""
    return None if moment is None else f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def local(moment: datetime | None, zone: tzinfo) -> str:
    """As a clock in the zone shows it: 2026-06-01 12:00."""
    return "never" if moment is None else f"{moment.astimezone(zone):%Y-%m-%d %H:%M}"


def ago(moment: datetime, now: datetime) -> str:
    """How long since, or until: `3 minutes ago`, `in 2 hours`."""
    seconds = (now - moment).total_seconds()
    for size, unit in ((86400, "day"), (3600, "hour"), (60, "minute")):
        number = int(abs(seconds) // size)
        if number:
            span = count(number, unit)
            return f"{span} ago" if seconds > 0 else f"in {span}"
    return "just now" if seconds >= 0 else "in a moment"


def count(number: int, noun: str, plural: str | None = None) -> str:
    """`1 order`, `1,200 orders`."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"
