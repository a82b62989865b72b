"""The database as one object: opened, migrated, read, and written by one transaction at a time."""

from __future__ import annotations

import os
import secrets
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.exc import OperationalError

from connector.store import tables

HEAD = "0001"
"""The newest migration. A test holds it to what Alembic says."""

PATIENCE = 30.0
"""Seconds to wait for another process to finish writing."""


class StateError(Exception):
    """The state cannot be used: `str(error)` says why, and what to do."""


class Database:
    """SQLite in WAL mode: many readers, one writer.

    Writers of this process take turns, so that none waits for SQLite's lock; a durable transaction is on disk,
    not only in the system's cache, when it returns.
    """

    def __init__(self, url: str) -> None:
        self._engine = _engine(url, durable=False)
        self._durable_engine = _engine(url, durable=True)
        self._writing = threading.RLock()
        self._writer = self._engine.execution_options(write=True)
        self._durable_writer = self._durable_engine.execution_options(write=True)

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """A connection to read from; each statement sees the latest committed state."""
        with self._engine.connect() as connection:
            yield connection

    @contextmanager
    def write(self, *, durable: bool = False) -> Iterator[sa.Connection]:
        """A transaction that is committed at the end, or rolled back by an exception."""
        engine = self._durable_writer if durable else self._writer
        with self._writing, engine.begin() as connection:
            yield connection

    def copy_to(self, path: Path) -> Database:
        """The same state in another file, to be tried on and thrown away."""
        copy = Database(f"sqlite:///{path}")
        with self._engine.connect() as source, copy._engine.connect() as target:
            original, twin = source.connection.driver_connection, target.connection.driver_connection
            assert original is not None
            original.backup(twin)
        return copy

    def close(self) -> None:
        self._engine.dispose()
        self._durable_engine.dispose()


def open_database(url: str) -> Database:
    """Open the state, making or migrating it as needed.

    Raises StateError when it is newer than this version of Aftersale, cannot be written, or is no database of ours.
    """
    _create_privately(url)
    database = Database(url)
    try:
        revision = _revision(database)
        if revision != HEAD:
            _migrate(database, url, revision)
    except sa.exc.DatabaseError as error:
        database.close()
        raise StateError(f"the database {_shown(url)} cannot be used: {error.orig}") from None
    return database


def secret_of(database: Database) -> bytes:
    """The secret that this state derives coupon codes and person keys from; made once."""
    with database.read() as connection:
        found = connection.scalar(sa.select(tables.state.c.value).where(tables.state.c.key == "secret"))
    if found is None:
        found = secrets.token_hex(32)
        with database.write(durable=True) as connection:
            connection.execute(sa.insert(tables.state).values(key="secret", value=found))
    return bytes.fromhex(found)


def path_of(url: str) -> Path | None:
    """The file of a SQLite URL, if there is one."""
    name = sa.make_url(url).database
    return Path(name) if name and name != ":memory:" else None


def _shown(url: str) -> str:
    return sa.make_url(url).render_as_string(hide_password=True)


def _create_privately(url: str) -> None:
    """The state holds what customers bought and where they live: its file is for its owner alone."""
    path = path_of(url)
    if path is None or path.exists():
        return
    try:
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
    except OSError as error:
        raise StateError(f"the database file {path} cannot be made: {error.strerror}") from None


def _revision(database: Database) -> str | None:
    try:
        with database.read() as connection:
            found: str | None = connection.scalar(sa.text("SELECT version_num FROM alembic_version"))
            return found
    except OperationalError as error:
        if "no such table" in str(error.orig):
            return None
        raise


def _migrate(database: Database, url: str, revision: str | None) -> None:
    """Alembic is imported here only: it takes a while, and is needed once a version."""
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", "connector.store:migrations")
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if revision is not None and revision not in known:
        raise StateError(
            f"the database {_shown(url)} was made by a newer Aftersale (its schema is {revision}); "
            "upgrade Aftersale, or point `database` elsewhere"
        )
    with database.write(durable=True) as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _engine(url: str, *, durable: bool) -> sa.Engine:
    """Connections of one kind: those of durable transactions wait for the disk at each commit."""
    # Without parameters in its errors: they are customers' data, and errors are logged.
    settings = {"timeout": PATIENCE, "check_same_thread": False}
    engine = sa.create_engine(url, connect_args=settings, hide_parameters=True, pool_reset_on_return=None)
    synchronous = f"synchronous = {'FULL' if durable else 'NORMAL'}"

    def prepare(connection: sqlite3.Connection, _: object) -> None:
        connection.isolation_level = None  # Python's sqlite3 opens transactions by itself, and late: ours begin here
        for pragma in ("journal_mode = WAL", synchronous, "cache_size = -16000"):
            connection.execute(f"PRAGMA {pragma}")

    sa.event.listen(engine, "connect", prepare)
    sa.event.listen(engine, "begin", _begin)
    return engine


def _begin(connection: sa.Connection) -> None:
    if connection.get_execution_options().get("write"):
        connection.exec_driver_sql("BEGIN IMMEDIATE")
