"""Channels in trouble: they rest, longer each time, whichever process asks."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa

from connector.store.tables import channels


class Rest(NamedTuple):
    """A channel's trouble: how often in a row, until when it is left alone, why, since when, and whether the staff
    knows.
    """

    failures: int
    until: datetime
    reason: str
    since: datetime
    staff_knows: bool


_REST = [channels.c[name] for name in Rest._fields]


def every(connection: sa.Connection) -> dict[str, Rest]:
    """The channels that are in trouble, by name; some of them may be tried again by now."""
    rows = connection.execute(sa.select(channels.c.name, *_REST).order_by(channels.c.name))
    return {row.name: Rest(*row[1:]) for row in rows}


def load(connection: sa.Connection, name: str, mark: str) -> Rest | None:
    """The trouble that a channel is in with the settings that have this mark."""
    query = sa.select(*_REST).where(channels.c.name == name, channels.c.mark == mark)
    row = connection.execute(query).first()
    return Rest(*row) if row is not None else None


def put(connection: sa.Connection, name: str, mark: str, rest: Rest) -> None:
    """Remember a channel's trouble, and the mark of the settings that it happened with."""
    remove(connection, name)
    connection.execute(sa.insert(channels).values(name=name, mark=mark, **rest._asdict()))


def remove(connection: sa.Connection, name: str) -> None:
    """The channel is well, or is another."""
    connection.execute(sa.delete(channels).where(channels.c.name == name))
