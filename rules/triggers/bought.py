"""When an order became a purchase."""

from __future__ import annotations

from msgspec.structs import replace

from rules.events import STATUS, Entries, Event

_KINDS = ("order.paid", STATUS + "processing", STATUS + "completed")
"""The first of these is when it was paid, or is on its way to be paid on delivery."""


def bought(name: str, entries: Entries) -> Event | None:
    """The purchase, as an event of this name; None where nothing tells of it."""
    told = [event for kind in _KINDS if (event := entries.get((kind, None))) is not None]
    return replace(min(told, key=lambda event: event.at), kind=name) if told else None
