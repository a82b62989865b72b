"""One run at a time on one state: a lock that the system takes back even from a killed process."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from connector.store.database import path_of


class Locked(Exception):
    """Another run holds the lock."""


@contextmanager
def locked(database: str) -> Iterator[None]:
    """Hold the lock beside this database's file. Raises Locked at once if another process has it."""
    path = path_of(database)
    if path is None:
        yield  # a state in memory is nobody else's
        return
    lock = Path(f"{path}.lock")
    handle = os.open(lock, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(handle, 32).decode(errors="replace").strip()
            raise Locked(f"another run (process {holder or 'unknown'}) is at work on {path}") from None
        os.ftruncate(handle, 0)
        os.write(handle, str(os.getpid()).encode())
        yield
    finally:
        os.close(handle)
