"""What a run did, counted in actions."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

Told = Callable[[str, str, str | None, int], None]
"""Is told (what became of them, the rule, the channel if there is one, how many actions) as it happens."""


def nobody(what: str, rule: str, channel: str | None, number: int) -> None:
    """Does not want to be told."""


@dataclass(slots=True)
class Tally:
    """Counts by what became of the actions; may be counted up from several threads."""

    planned: int = 0
    done: int = 0
    skipped: int = 0
    held: int = 0
    failed: int = 0
    unknown: int = 0
    told: Told = field(default=nobody, repr=False, compare=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def count(self, what: str, number: int = 1) -> None:
        """Add to one of the counts, by its name."""
        with self._lock:
            setattr(self, what, getattr(self, what) + number)

    def became(self, what: str, rule: str, channel: str | None = None, number: int = 1) -> None:
        """Add what became of a rule's actions to one of the counts, and pass it on."""
        self.count(what, number)
        if number:
            self.told(what, rule, channel, number)
