"""The state in an SQLite file, for its owner alone: in WAL mode, many readers and one writer."""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

from connector.store.errors import Locked, StateError

PATIENCE = 30.0
"""Seconds to wait for another process to finish writing."""


def exists(url: str) -> bool:
    """Whether there is a state."""
    path = _path(url)
    return path is not None and path.exists()


def create(url: str) -> None:
    """The state holds what customers bought and where they live: its file is for its owner alone."""
    path = _path(url)
    if path is None or path.exists():
        return
    try:
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
    except OSError as error:
        raise StateError(f"the database file {path} cannot be made: {error.strerror}") from None


def engine(url: str, *, durable: bool) -> sa.Engine:
    """Connections of one kind: those of durable transactions wait for the disk at each commit."""
    # Without parameters in its errors: they are customers' data, and errors are logged.
    settings = {"timeout": PATIENCE, "check_same_thread": False}
    made = sa.create_engine(url, connect_args=settings, hide_parameters=True, pool_reset_on_return=None)
    synchronous = f"synchronous = {'FULL' if durable else 'NORMAL'}"

    def prepare(connection: sqlite3.Connection, _: object) -> None:
        connection.isolation_level = None  # Python's sqlite3 opens transactions by itself, and late: ours begin here
        for pragma in ("journal_mode = WAL", synchronous, "cache_size = -16000"):
            connection.execute(f"PRAGMA {pragma}")

    sa.event.listen(made, "connect", prepare)
    sa.event.listen(made, "begin", _begin)
    return made


def _begin(connection: sa.Connection) -> None:
    if connection.get_execution_options().get("write"):
        connection.exec_driver_sql("BEGIN IMMEDIATE")


@contextmanager
def locked(url: str) -> Iterator[None]:
    """Hold the lock beside the file: the system takes it back even from a killed process."""
    path = _path(url)
    if path is None:
        yield  # a state in memory is nobody else's
        return
    handle = os.open(f"{path}.lock", os.O_CREAT | os.O_RDWR, 0o600)
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


def _path(url: str) -> Path | None:
    """The file, if there is one."""
    name = sa.make_url(url).database
    return Path(name) if name and name != ":memory:" else None
