"""What a run did, counted in actions."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field


@dataclass(slots=True)
class Tally:
    """Counts by what became of the actions; may be counted up from several threads."""

    planned: int = 0
    done: int = 0
    skipped: int = 0
    held: int = 0
    failed: int = 0
    unknown: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def count(self, what: str, number: int = 1) -> None:
        """Add to one of the counts, by its name."""
        with self._lock:
            setattr(self, what, getattr(self, what) + number)
