"""The suppression list: who is never written to, and who is forgotten. Shared by the stores of one config."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import sqlalchemy as sa

from connector.store.tables import suppressions

Purpose = Literal["everything", "marketing", "address"]
"""What is not sent: nothing, no marketing, or nothing to this address alone, which takes no more messages."""


@dataclass(frozen=True, slots=True)
class Suppression:
    """A row. `mark` is the keyed hash of an address; `address` and `reason` are as given, and nobody's who is
    forgotten. A phone of theirs was forgotten `along_with` another mark, and is only taken for them where nothing
    tells otherwise.
    """

    mark: str
    purpose: Purpose
    address: str | None
    reason: str | None
    forgotten: bool
    along_with: str | None
    at: datetime


Listed = Callable[[Collection[str]], Sequence[Suppression]]
"""Gives the rows of these marks."""

_columns = [suppressions.c[name] for name in Suppression.__dataclass_fields__]


def of(connection: sa.Connection, marks: Collection[str]) -> list[Suppression]:
    """The rows of these marks."""
    query = sa.select(*_columns).where(suppressions.c.mark.in_(marks))
    return [Suppression(*row) for row in connection.execute(query.order_by(suppressions.c.at, suppressions.c.mark))]


def every(connection: sa.Connection) -> list[Suppression]:
    """The whole list, the oldest first."""
    query = sa.select(*_columns).order_by(suppressions.c.at, suppressions.c.address, suppressions.c.mark)
    return [Suppression(*row) for row in connection.execute(query)]


def forgotten(connection: sa.Connection) -> frozenset[str]:
    """The marks of those who are forgotten."""
    return frozenset(connection.scalars(_FORGOTTEN))


_FORGOTTEN = sa.select(suppressions.c.mark).where(suppressions.c.forgotten.is_(True))


def put(connection: sa.Connection, rows: Iterable[Suppression]) -> None:
    """Put these on the list, in place of what stands there of the same marks."""
    values = [{name: getattr(row, name) for name in Suppression.__dataclass_fields__} for row in rows]
    if values:
        before = sa.delete(suppressions).where(suppressions.c.mark == sa.bindparam("before"))
        connection.execute(before, [{"before": each["mark"]} for each in values])
        connection.execute(sa.insert(suppressions), values)


def remove(connection: sa.Connection, marks: Collection[str]) -> int:
    """Take these off the list, with what was forgotten along with them; returns how many rows that were."""
    chosen = sa.or_(suppressions.c.mark.in_(marks), suppressions.c.along_with.in_(marks))
    return connection.execute(sa.delete(suppressions).where(chosen)).rowcount
