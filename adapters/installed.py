"""What other people's packages offer. It is looked for once: that takes a while, and nothing is installed meanwhile."""

from __future__ import annotations

from functools import cache
from importlib import metadata


@cache
def entry_points(group: str) -> tuple[metadata.EntryPoint, ...]:
    """All that is installed under this group."""
    return tuple(metadata.entry_points(group=group))
