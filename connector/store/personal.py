"""What the tables hold about people: read to be handed over, and erased."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec
import sqlalchemy as sa

from adapters.model import NOTHING_SAID, Order, Remarks
from connector.store.followups import Followup
from connector.store.orders import Erased, encode
from connector.store.tables import followups, ledger, listening, orders, quarantine, stores
from rules.events import Journal

AT_ONCE = 500

_decode_order = msgspec.json.Decoder(Order).decode
_decode_remarks = msgspec.json.Decoder(Remarks).decode


class Kept(NamedTuple):
    """An order as it is kept, with what was said about it."""

    store: str
    order: Order
    person: str
    erased: Erased | None
    remarks: Remarks


def every_order(connection: sa.Connection) -> Iterator[Kept]:
    """All that is kept of orders, of all stores."""
    yield from _orders(connection, sa.true())


def unerased(connection: sa.Connection, store: str, ids: Sequence[str] | None = None) -> Iterator[Kept]:
    """Orders of a store (or those of them) with all their facts, for which nothing is still to be done."""
    open_ends = sa.exists().where(
        followups.c.store == orders.c.store,
        followups.c.order_id == orders.c.id,
        followups.c.state.in_(["pending", "held", "unknown"]),
    )
    these = orders.c.id.in_(ids) if ids is not None else sa.true()
    yield from _orders(connection, sa.and_(orders.c.store == store, orders.c.erased.is_(None), these, ~open_ends))


def _orders(connection: sa.Connection, chosen: sa.ColumnElement[bool]) -> Iterator[Kept]:
    """Order by order, by key: none of them stays in memory."""
    key = sa.tuple_(orders.c.store, orders.c.id)
    columns = [orders.c[name] for name in ("store", "id", "facts", "person", "erased", "remarks")]
    query = sa.select(*columns).where(chosen)
    last = ("", "")
    while True:
        rows = connection.execute(query.where(key > last).order_by(orders.c.store, orders.c.id).limit(AT_ONCE)).all()
        for row in rows:
            remarks = _decode_remarks(row.remarks) if row.remarks is not None else NOTHING_SAID
            yield Kept(row.store, _decode_order(row.facts), row.person, row.erased, remarks)
        if len(rows) < AT_ONCE:
            return
        last = (rows[-1].store, rows[-1].id)


def journal_of(connection: sa.Connection, store: str, order_id: str) -> Journal:
    """What happened to an order."""
    chosen = (orders.c.store == store, orders.c.id == order_id)
    return msgspec.json.decode(connection.scalar(sa.select(orders.c.journal).where(*chosen)) or b"[]", type=Journal)


def followups_of(connection: sa.Connection, store: str, order_id: str) -> list[Followup]:
    """What was planned and done for an order."""
    columns = [followups.c[name] for name in Followup.__dataclass_fields__]
    query = sa.select(*columns).where(followups.c.store == store, followups.c.order_id == order_id)
    return [Followup(*row) for row in connection.execute(query.order_by(followups.c.id))]


def erase_order(connection: sa.Connection, store: str, order: Order, erased: Erased) -> None:
    """Keep this much of an order, nothing that was said about it, and no words of what was sent."""
    chosen = (orders.c.store == store, orders.c.id == order.id)
    connection.execute(sa.update(orders).where(*chosen).values(facts=encode(order), erased=erased, remarks=None))
    theirs = (followups.c.store == store, followups.c.order_id == order.id)
    connection.execute(sa.update(followups).where(*theirs, followups.c.intent.is_not(None)).values(intent=None))
    about_it = (ledger.c.store == store, ledger.c.order_id == order.id)
    connection.execute(sa.delete(ledger).where(*about_it))


def give_up_outcomes(connection: sa.Connection, store: str, order_id: str, reason: str, now: datetime) -> None:
    """What may or may not have gone out about an order is asked no more, and never tried again."""
    open_ends = sa.or_(followups.c.state == "unknown", followups.c.held_for == "outcome")
    chosen = (followups.c.store == store, followups.c.order_id == order_id, open_ends)
    values = {"state": "skipped", "final": True, "held_for": None, "at": now, "reason": reason}
    connection.execute(sa.update(followups).where(*chosen).values(**values))


def rewrite(connection: sa.Connection, change: Callable[[str], str]) -> None:
    """Let every sentence that we wrote down go through this: reasons, and what troubles stores and orders are in."""
    for table, column in ((followups, "reason"), (quarantine, "reason"), (stores, "error"), (listening, "error")):
        keys: Sequence[sa.Column[object]] = list(table.primary_key)
        query = sa.select(*keys, table.c[column].label("text")).where(table.c[column].is_not(None))
        for row in connection.execute(query).all():
            if (text := change(row.text)) != row.text:
                of_row = [key == value for key, value in zip(keys, row, strict=False)]
                connection.execute(sa.update(table).where(*of_row).values({column: text}))
