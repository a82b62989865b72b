"""What can go wrong with a store or a channel, sorted by what to do about it.

No message carries a response body, a secret, or a customer's data: they are written to logs and shown to people.
"""

from __future__ import annotations


class AdapterError(Exception):
    """Anything an adapter raises on purpose. `str(error)` is a sentence that a shop owner can act on."""


class AuthFailed(AdapterError):
    """The key is wrong, revoked, or lacks a right. Back off up to an hour, and tell the staff once."""


class RateLimited(AdapterError):
    """The platform asks to slow down; nothing was done. Wait `retry_after` seconds (None: our own back-off)."""

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Unavailable(AdapterError):
    """The store or network is down, or answers nonsense, and for sure nothing was written. Back off and retry."""

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class NotFound(AdapterError):
    """The order or resource is not there, or the store is broken in a way that looks so. Never conclude from one."""


class Rejected(AdapterError):
    """The platform understood and refused. Trying again cannot help."""


class Unsupported(AdapterError):
    """This platform or shop cannot do that at all."""


class UnknownOutcome(AdapterError):
    """A write may or may not have happened (time-out, reset, 5xx, garbled answer). Settle it; never repeat it."""
