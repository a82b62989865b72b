"""What keeps a state from being used; `str(error)` says why, and what to do."""

from __future__ import annotations

from sqlalchemy.exc import DBAPIError


class StateError(Exception):
    """The state cannot be used."""


class Locked(Exception):
    """Another run holds the lock."""


def in_words(error: DBAPIError) -> str:
    """What the database said, in a line. The lines after the first are left out: PostgreSQL's repeat a row's values."""
    return next(iter(str(error.orig).splitlines()), type(error.orig).__name__)
