"""The state in an SQLite file, for its owner alone: in WAL mode, many readers and one writer."""

from __future__ import annotations

import fcntl
import glob
import os
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import sqlalchemy as sa

from connector.store.errors import Locked, StateError

PATIENCE = 30.0
"""Seconds to wait for another process to finish writing."""

KEPT = 3
"""How many copies from before upgrades are kept."""


def exists(url: str) -> bool:
    """Whether there is a state."""
    path = _path(url)
    return path is not None and path.exists()


def create(url: str) -> None:
    """The state holds what customers bought and where they live: its file is for its owner alone."""
    path = _path(url)
    if path is None:
        return
    if path.exists():
        _close_to_others(path)
        return
    try:
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
    except OSError as error:
        raise StateError(f"the database file {path} cannot be made: {error.strerror}") from None


def _close_to_others(path: Path) -> None:
    """A copy that was put back is as open as whoever copied it left it; and what lies beside it, as it was."""
    for name in ("", "-wal", "-shm", ".lock"):
        file = path.with_name(path.name + name)
        with suppress(OSError):  # not there, or somebody else's: then it is theirs to say
            if file.is_file() and stat.S_IMODE(file.stat().st_mode) & 0o077:
                file.chmod(0o600)


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


def copy_to(url: str, path: Path) -> bool:
    """Copy the state, as it is at one moment, into a new file for its owner alone; false where it is no file."""
    source = _path(url)
    if source is None:
        return False
    os.close(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600))
    with closing(sqlite3.connect(source, timeout=PATIENCE)) as original, closing(sqlite3.connect(path)) as copy:
        original.backup(copy)
    return True


def back_up(url: str, revision: str) -> Path | None:
    """Copy the state before it is migrated to this revision, beside its file, and for its owner alone; the latest
    copies are kept. Raises StateError where there is no room for it.
    """
    path = _path(url)
    if path is None:
        return None
    copy = path.with_name(f"{path.name}.before-{revision}.bak")
    begun = copy.with_name(f"{copy.name}.part")
    try:
        copy_to(url, begun)
        begun.replace(copy)
    except (OSError, sqlite3.Error) as error:
        with suppress(OSError):
            begun.unlink(missing_ok=True)
        raise StateError(
            f"the database file {path} has to be upgraded, and cannot be copied before that ({error}): nothing was "
            "changed. Make room beside it, and try again"
        ) from None
    for old in sorted(backups(url), key=lambda each: each.stat().st_mtime)[:-KEPT]:
        old.unlink(missing_ok=True)
    return copy


def cleanse(engine: sa.Engine) -> None:
    """Write the file anew, and empty the log before it: both would still hold what was erased. So would old copies."""
    with engine.connect() as connection:
        connection.exec_driver_sql("VACUUM")
        is_busy, *_ = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()
    if is_busy:
        raise StateError(f"the database {engine.url} is being read, so what was erased is still on the disk: try again")
    for copy in backups(str(engine.url)):
        copy.unlink(missing_ok=True)


def backups(url: str) -> list[Path]:
    """The copies of the file that were made before its schema was changed."""
    path = _path(url)
    return sorted(path.parent.glob(f"{glob.escape(path.name)}.before-*")) if path is not None else []


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
