"""Being told how a store answers, as it happens, for whoever wants to count it."""

from __future__ import annotations

from typing import Protocol


class Watch(Protocol):
    """Is told of one store's answers, from several threads; must be quick, and never raises."""

    def answered(self, status: int | None, seconds: float) -> None:
        """A request was answered with this HTTP status, or not at all (None), after so many seconds."""

    def points(self, left: float, most: float) -> None:
        """The store says how many points it has left for our questions, of how many it gives at most."""


class _Nobody:
    def answered(self, status: int | None, seconds: float) -> None: ...

    def points(self, left: float, most: float) -> None: ...


NOBODY: Watch = _Nobody()
"""Does not want to know."""
