"""Making a sandbox store fail, in the ways that real ones do."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from adapters.sandbox.server import Answer, Request, Response

Matcher = Callable[[Request], bool]

MOST_PATIENT = 60.0
"""Seconds after which a held connection is let go even if nobody says so."""

_WARNING = b"<br />\n<b>Warning</b>:  Undefined variable $theme in <b>functions.php</b> on line <b>3</b><br />\n"


@dataclass(slots=True)
class Fault:
    """One thing that goes wrong for the next `left` matching requests (None: for all of them).

    With `after_commit` the store does what it was asked to, and it is the answer that goes wrong.
    `delay` is in seconds; without it, a request that is held waits until `release`.
    """

    how: str
    match: Matcher
    left: int | None
    after_commit: bool
    delay: float | None
    retry_after: str | None


@dataclass(slots=True)
class Faults:
    """The faults that wait for their requests, earliest first. `canned` are a platform's own bad answers."""

    canned: Mapping[str, Callable[[Request], Response]]
    waiting: list[Fault] = field(default_factory=list)
    _guard: threading.Lock = field(default_factory=threading.Lock)
    _released: threading.Event = field(default_factory=threading.Event)

    def add(self, fault: Fault) -> None:
        """Queue a fault. Raises ValueError if there is no such fault."""
        if fault.how not in _MADE and fault.how not in self.canned:
            known = ", ".join([*_MADE, *self.canned])
            raise ValueError(f"A sandbox cannot fail by {fault.how!r}; it can by: {known}.")
        with self._guard:
            self.waiting.append(fault)

    def clear(self) -> None:
        """Forget every fault that waits, and let go of every request that is held."""
        with self._guard:
            self.waiting.clear()
        self.release()

    def release(self) -> None:
        """Let go of every request that is held now; those held later wait again."""
        with self._guard:
            self._released.set()
            self._released = threading.Event()

    def answer(self, request: Request, honest: Answer) -> Response | None:
        """Answer as `honest` would, unless a fault waits for this request."""
        fault = self._take(request)
        if fault is None:
            return honest(request)
        if fault.how in _MADE:
            return _MADE[fault.how](self, fault, request, honest)
        if fault.after_commit:
            honest(request)
        response = self.canned[fault.how](request)
        if fault.retry_after is None:
            return response
        others = tuple(header for header in response.headers if header[0] != "Retry-After")
        return replace(response, headers=(*others, ("Retry-After", fault.retry_after)))

    def _take(self, request: Request) -> Fault | None:
        with self._guard:
            for fault in self.waiting:
                if fault.match(request):
                    if fault.left is not None:
                        fault.left -= 1
                        if fault.left <= 0:
                            self.waiting.remove(fault)
                    return fault
        return None

    def hold(self, delay: float | None) -> None:
        """Wait `delay` seconds, or until released."""
        with self._guard:
            released = self._released
        released.wait(MOST_PATIENT if delay is None else delay)


def _reset(faults: Faults, fault: Fault, request: Request, honest: Answer) -> Response | None:
    if fault.after_commit:
        honest(request)
    return None


def _timeout(faults: Faults, fault: Fault, request: Request, honest: Answer) -> Response | None:
    if fault.after_commit:
        honest(request)
    faults.hold(fault.delay)
    return None


def _late(faults: Faults, fault: Fault, request: Request, honest: Answer) -> Response | None:
    faults.hold(fault.delay)
    return honest(request)


def _notice(faults: Faults, fault: Fault, request: Request, honest: Answer) -> Response | None:
    return _spoilt(honest(request), lambda body: _WARNING + body)


def _bom(faults: Faults, fault: Fault, request: Request, honest: Answer) -> Response | None:
    return _spoilt(honest(request), lambda body: b"\xef\xbb\xbf" + body)


def _truncated(faults: Faults, fault: Fault, request: Request, honest: Answer) -> Response | None:
    whole = honest(request)
    return whole and replace(whole, body=whole.body[: len(whole.body) // 2], promised=len(whole.body))


def _spoilt(response: Response | None, spoil: Callable[[bytes], bytes]) -> Response | None:
    # Output before WordPress's own costs it its headers: PHP's default content type is what is left.
    headers = (("Content-type", "text/html; charset=UTF-8"),)
    return response and replace(response, body=spoil(response.body), headers=headers)


_MADE: dict[str, Callable[[Faults, Fault, Request, Answer], Response | None]] = {
    "reset": _reset,
    "timeout": _timeout,
    "late": _late,
    "php_notice": _notice,
    "bom": _bom,
    "truncated": _truncated,
}
