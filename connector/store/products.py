"""What stores told of products, each as last read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec
import sqlalchemy as sa

from adapters.model import Product
from connector.store.tables import products


class Told(NamedTuple):
    """A product, and when the store told of it (UTC)."""

    product: Product
    at: datetime


def load(connection: sa.Connection, store: str, ids: Sequence[str]) -> dict[str, Told]:
    """What is known of these products, by id."""
    query = sa.select(products.c.id, products.c.facts, products.c.read_at)
    rows = connection.execute(query.where(products.c.store == store, products.c.id.in_(ids)))
    return {row.id: Told(msgspec.json.decode(row.facts, type=Product), row.read_at) for row in rows}


def save(connection: sa.Connection, store: str, told: Iterable[Product], now: datetime) -> None:
    """Remember what the store told of these products now."""
    rows = [{"store": store, "id": each.id, "facts": msgspec.json.encode(each), "read_at": now} for each in told]
    ids = [row["id"] for row in rows]
    connection.execute(sa.delete(products).where(products.c.store == store, products.c.id.in_(ids)))
    connection.execute(sa.insert(products), rows)
