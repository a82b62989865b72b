"""All that is known of a store's customers, one person after another: never more than some of them are in memory."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import NamedTuple

import sqlalchemy as sa

from adapters.model import Order
from connector.store.followups import Followup, of_orders
from connector.store.orders import Erased, load
from connector.store.tables import orders
from rules.events import Journal

AT_ONCE = 500
"""Orders that are read together; those of one person always are."""


class Past(NamedTuple):
    """An order, what happened to it, and what was planned and done about it; `erased` says why its person is gone."""

    order: Order
    journal: Journal
    rows: tuple[Followup, ...]
    erased: Erased | None


class Person(NamedTuple):
    """Somebody, by the mark that the state knows them by, with all their orders in this store."""

    mark: str
    orders: tuple[Past, ...]


def everybody(connection: sa.Connection, store: str) -> Iterator[Person]:
    """Every person who has an order in this store."""
    query = sa.select(orders.c.person, orders.c.id).where(orders.c.store == store)
    query = query.order_by(orders.c.person, orders.c.id).execution_options(yield_per=AT_ONCE)
    batch: dict[str, list[str]] = {}
    with connection.execute(query) as keys:
        for person, theirs in groupby(keys, key=lambda row: str(row.person)):
            batch[person] = [row.id for row in theirs]
            if sum(map(len, batch.values())) >= AT_ONCE:
                yield from _read(connection, store, batch)
                batch = {}
    yield from _read(connection, store, batch)


def _read(connection: sa.Connection, store: str, batch: dict[str, list[str]]) -> Iterator[Person]:
    ids = [order_id for theirs in batch.values() for order_id in theirs]
    known = load(connection, store, ids)
    rows: dict[str, list[Followup]] = {}
    for row in of_orders(connection, store, ids):
        rows.setdefault(row.order_id, []).append(row)
    for person, theirs in batch.items():
        pasts = [
            Past(known[each].order, known[each].journal, tuple(rows.get(each, ())), known[each].erased)
            for each in theirs
            if each in known
        ]
        yield Person(person, tuple(pasts))
