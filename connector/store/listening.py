"""How far we have heard what is said in each store: its reviews, and the notes of its staff."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from adapters.base import Capability
from connector.store.tables import listening


@dataclass(frozen=True, slots=True)
class Heard:
    """What is remembered of one thing that a store is asked for: how far it was heard, and since when it fails."""

    cursor: str | None = None
    heard_at: datetime | None = None
    error: str | None = None
    error_since: datetime | None = None
    failures: int = 0
    retry_at: datetime | None = None


def load(connection: sa.Connection, store: str, what: Capability) -> Heard:
    """What is remembered; nothing of what was never asked for."""
    columns = [listening.c[name] for name in Heard.__dataclass_fields__]
    row = connection.execute(sa.select(*columns).where(*_chosen(store, what))).first()
    return Heard(*row) if row is not None else Heard()


def update(connection: sa.Connection, store: str, what: Capability, **values: object) -> None:
    """Remember this."""
    if connection.execute(sa.update(listening).where(*_chosen(store, what)).values(**values)).rowcount == 0:
        connection.execute(sa.insert(listening).values(store=store, what=what.value, **{"failures": 0, **values}))


def _chosen(store: str, what: Capability) -> tuple[sa.ColumnElement[bool], ...]:
    return (listening.c.store == store, listening.c.what == what.value)
