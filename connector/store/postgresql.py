"""The state in a PostgreSQL database, for those who have one: other machines may look at it meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from connector.store.errors import Locked, StateError, in_words
from connector.store.tables import metadata

PATIENCE = 10
"""Seconds to wait for a connection."""

THE_RUN = 0x4166746572
"""The number of the advisory lock that a run holds in its database."""


def exists(url: str) -> bool:
    """Whether there is a state. Raises StateError where the server cannot be asked."""
    made = engine(url, durable=True)
    try:
        return sa.inspect(made).has_table("alembic_version")
    except DBAPIError as error:
        raise StateError(f"the database {shown(url)} cannot be used: {in_words(error)}") from None
    finally:
        made.dispose()


def create(url: str) -> None:
    """The database itself is its owner's to make."""


def copy_to(url: str, path: Path) -> bool:
    """A database is no file that could be copied as a whole."""
    return False


def engine(url: str, *, durable: bool) -> sa.Engine:
    """Connections of one kind: those of durable transactions wait for the disk at each commit."""
    settings = {"connect_timeout": PATIENCE, "application_name": "aftersale", "options": "-c timezone=UTC"}
    try:
        # The server may have been restarted since a connection was used last.
        made = sa.create_engine(url, connect_args=settings, hide_parameters=True, pool_pre_ping=True)
    except ModuleNotFoundError:
        raise StateError("PostgreSQL needs one more package: pip install 'aftersale[postgresql]'") from None
    if not durable:
        sa.event.listen(made, "connect", _hurry)
    return made


def _hurry(connection: Any, _: object) -> None:
    """What is read from a store again if it is lost need not wait for the disk."""
    connection.execute("SET synchronous_commit = off")
    connection.commit()


@contextmanager
def locked(url: str) -> Iterator[None]:
    """Hold the database's advisory lock: the server takes it back when our connection ends, however it ends."""
    made = engine(url, durable=True)
    try:
        with made.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            if not connection.scalar(sa.select(sa.func.pg_try_advisory_lock(THE_RUN))):
                raise Locked(f"another run is at work on {shown(url)}")
            yield
    except sa.exc.OperationalError as error:
        raise StateError(f"the database {shown(url)} cannot be used: {in_words(error)}") from None
    finally:
        made.dispose()


def back_up(url: str, revision: str) -> None:
    """Copies of the database are its owner's to make."""


def cleanse(engine: sa.Engine) -> None:
    """Write the tables anew: their old pages would still hold what was erased."""
    names = ", ".join(f'"{table.name}"' for table in metadata.sorted_tables)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql(f"VACUUM (FULL) {names}")


def shown(url: str) -> str:
    return sa.make_url(url).render_as_string(hide_password=True)
