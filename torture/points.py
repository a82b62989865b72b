"""What is done to a run: its time, the hardship that it is under, and the moment at which it is killed.

It can be killed before and after each commit, request and answer.
"""

from __future__ import annotations

import os
import resource
import signal
import smtplib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import time_machine

from adapters.channels.wire import Wire
from adapters.http import Http
from connector.store import database, sqlite

NOBODY = 65_534

EXCHANGES = ((Http, "_exchange"), (Wire, "_exchange"), (smtplib.SMTP, "getreply"))
"""Where a request is sent and its answer read: by HTTP to stores and providers; by SMTP the answer to each command."""


def set_stage(now: datetime, point: int) -> None:
    """Let this process live at that time, and die (SIGKILL) at its n-th point (0: not at all)."""
    time_machine.travel(now, tick=False).start()
    die_at(point)


def endure(hardship: str) -> None:
    """Put this process under a hardship.

    `room:<bytes>`: no file may grow beyond that, which is what a full disk is to SQLite; `nobody`: of the files of
    others, none may be written; `impatient`: it does not wait for a locked database; `-`: there is none.
    """
    kind, _, value = hardship.partition(":")
    match kind:
        case "room":
            resource.setrlimit(resource.RLIMIT_FSIZE, (int(value), resource.RLIM_INFINITY))
        case "nobody":
            if os.geteuid() == 0:
                os.seteuid(NOBODY)
        case "impatient":
            sqlite.PATIENCE = 0.2


def die_at(point: int) -> None:
    """See to it that this process is killed at the n-th point from now."""
    left = [point]
    guard = threading.Lock()

    def pass_by() -> None:
        with guard:
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    write = database.Database.write

    @contextmanager
    def fragile_write(self: database.Database, *, durable: bool = False) -> Iterator[Any]:
        with write(self, durable=durable) as connection:
            yield connection
            pass_by()
        pass_by()

    def fragile(wait: Callable[..., Any]) -> Callable[..., Any]:
        def passed(*args: Any, **named: Any) -> Any:
            pass_by()
            answer = wait(*args, **named)
            pass_by()
            return answer

        return passed

    database.Database.write = fragile_write  # type: ignore[method-assign]
    for owner, name in EXCHANGES:
        setattr(owner, name, fragile(getattr(owner, name)))
