"""Who was sent what lately: what frequency caps count. A person goes by the marks of all their addresses."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime

import sqlalchemy as sa

from connector.store.tables import ledger
from rules.protection import Sent


def lock(connection: sa.Connection, marks: Iterable[str]) -> None:
    """Until the transaction ends, nobody else counts or sends to the person of these marks, on whichever machine.

    SQLite lets one transaction write at a time anyway.
    """
    if connection.dialect.name == "postgresql":
        for mark in sorted(marks):  # in one order everywhere, so that no two wait for each other
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_number(mark))))


def _number(mark: str) -> int:
    return int(mark[:16], 16) - (1 << 63)


def sent_to(
    connection: sa.Connection, marks: Collection[str], since: datetime, but: Collection[int] = ()
) -> list[Sent]:
    """What the person of these marks was sent at or after `since`, each message once, `but` these follow-ups."""
    columns = (ledger.c.followup, ledger.c.at, ledger.c.marketing, ledger.c.store, ledger.c.order_id)
    chosen = (ledger.c.mark.in_(marks), ledger.c.at >= since, ledger.c.followup.not_in(but))
    rows = connection.execute(sa.select(*columns).where(*chosen).distinct())
    return [Sent(row.at, row.marketing, (row.store, row.order_id)) for row in rows]


def enter(
    connection: sa.Connection,
    followup: int,
    marks: Collection[str],
    *,
    order: tuple[str, str],
    marketing: bool,
    at: datetime,
) -> None:
    """A message is on its way, and counts from now on. `order` is its store and its id there."""
    strike_out(connection, [followup])
    store, order_id = order
    values = {"followup": followup, "store": store, "order_id": order_id, "marketing": marketing, "at": at}
    if marks:
        connection.execute(sa.insert(ledger), [{"mark": mark, **values} for mark in sorted(marks)])


def strike_out(connection: sa.Connection, followups: Collection[int]) -> None:
    """These messages did not go out after all."""
    connection.execute(sa.delete(ledger).where(ledger.c.followup.in_(followups)))


def forget_before(connection: sa.Connection, moment: datetime) -> None:
    """What is older counts no more."""
    connection.execute(sa.delete(ledger).where(ledger.c.at < moment))
