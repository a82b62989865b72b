"""What keeps a state from being used; `str(error)` says why, and what to do."""

from __future__ import annotations


class StateError(Exception):
    """The state cannot be used."""


class Locked(Exception):
    """Another run holds the lock."""
