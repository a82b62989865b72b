"""The database as one object: opened, migrated, read, and written by one transaction at a time."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Protocol

import sqlalchemy as sa
import structlog

from connector.store import postgresql, sqlite, tables
from connector.store.errors import Locked, StateError, in_words

log = structlog.get_logger()

HEAD = "0001"
"""The newest migration. A test holds it to what Alembic says."""

MIGRATIONS = "connector.store:migrations"

COPIED_AT_ONCE = 1000


class Kind(Protocol):
    """What differs between the databases that a state can be in; a module each."""

    def exists(self, url: str) -> bool: ...

    def create(self, url: str) -> None: ...

    def engine(self, url: str, *, durable: bool) -> sa.Engine: ...

    def locked(self, url: str) -> AbstractContextManager[None]: ...

    def copy_to(self, url: str, path: Path) -> bool: ...

    def back_up(self, url: str, revision: str) -> Path | None: ...

    def cleanse(self, engine: sa.Engine) -> None: ...


KINDS: dict[str, Kind] = {"sqlite": sqlite, "postgresql+psycopg": postgresql}
"""By what stands before `://` in `database`."""


class Database:
    """Many readers, one writer.

    Writers of this process take turns, so that none waits for a lock of the database's; a durable transaction is on
    disk, not only in a cache, when it returns.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        kind = self._kind = _kind(url)
        self._engine = kind.engine(url, durable=False)
        self._durable_engine = kind.engine(url, durable=True)
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
        """The same state in an SQLite file, to be tried on and thrown away."""
        if self._kind.copy_to(self._url, path):
            return open_database(f"sqlite:///{path}")
        copy = open_database(f"sqlite:///{path}")
        with self._engine.connect() as source, copy.write() as target:
            for table in tables.metadata.sorted_tables:
                for rows in source.execute(sa.select(table)).mappings().partitions(COPIED_AT_ONCE):
                    target.execute(sa.insert(table), [dict(row) for row in rows])
        return copy

    def cleanse(self) -> None:
        """Let nothing that was erased stay on the disk: not in free pages, nor in a log.

        Raises StateError where another process keeps the state from it; what was erased stays erased.
        """
        with self._writing:
            self._kind.cleanse(self._durable_engine)

    def close(self) -> None:
        self._engine.dispose()
        self._durable_engine.dispose()


def open_database(url: str) -> Database:
    """Open the state, making or migrating it as needed.

    Raises StateError when it is newer than this version of Aftersale, cannot be written, or is no database of ours.
    """
    _kind(url).create(url)
    database = Database(url)
    try:
        revision = _revision(database)
        if revision != HEAD:
            _migrate(database, url, revision)
    except StateError:
        database.close()
        raise
    except sa.exc.DBAPIError as error:
        database.close()
        raise StateError(f"the database {_shown(url)} cannot be used: {in_words(error)}") from None
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


def exists(url: str) -> bool:
    """Whether there is a state at all. Raises StateError where that cannot be told."""
    return _kind(url).exists(url)


@contextmanager
def locked(url: str) -> Iterator[None]:
    """Hold the lock of this state. Raises Locked at once if another run has it."""
    with _kind(url).locked(url):
        _locked_by_us.add(url)
        try:
            yield
        finally:
            _locked_by_us.discard(url)


_locked_by_us: set[str] = set()
"""A lock is this process's as a whole: who migrates a state has to know that it is not somebody else's."""


def _kind(url: str) -> Kind:
    return KINDS[url.partition("://")[0]]


def _shown(url: str) -> str:
    return sa.make_url(url).render_as_string(hide_password=True)


def _revision(database: Database) -> str | None:
    with database.read() as connection:
        if not sa.inspect(connection).has_table("alembic_version"):
            return None
        found: str | None = connection.scalar(sa.text("SELECT version_num FROM alembic_version"))
        return found


def _migrate(database: Database, url: str, revision: str | None) -> None:
    """Bring the schema up to date, in one transaction, and after a copy was made of what is there already.

    Alembic is imported here only: it takes a while, and is needed once a version.
    """
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", MIGRATIONS)
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if revision is not None and revision not in known:
        raise StateError(
            f"the database {_shown(url)} was made by a newer Aftersale (its schema is {revision}); "
            "upgrade Aftersale, or point `database` elsewhere"
        )
    with nullcontext() if revision is None or url in _locked_by_us else _alone(url):
        backup = _kind(url).back_up(url, HEAD) if revision is not None else None
        with database.write(durable=True) as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    if revision is not None:
        log.info("state migrated", before=revision, after=HEAD, backup=str(backup) if backup is not None else None)


@contextmanager
def _alone(url: str) -> Iterator[None]:
    """A run that knows the old schema alone must not find the new one under its hands."""
    try:
        with locked(url):
            yield
    except Locked as error:
        raise StateError(
            f"the database {_shown(url)} has to be upgraded first, and {error}: stop that run, and start it anew with "
            "this Aftersale"
        ) from None
