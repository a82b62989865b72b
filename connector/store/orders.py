"""Orders as last seen, each with its journal."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Literal, NamedTuple

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Dialect

from adapters.model import NOTHING_SAID, Order, Remarks
from connector.store.tables import followups, orders, quarantine
from rules.events import Event, Journal, dated

_encode = msgspec.json.Encoder().encode
_decode_order = msgspec.json.Decoder(Order).decode
_decode_remarks = msgspec.json.Decoder(Remarks).decode
_decode_journal = msgspec.json.Decoder(tuple[Event, ...]).decode

SOONEST_LOOK, LATEST_LOOK = timedelta(hours=1), timedelta(days=1)

NOT_THERE = "the store answers 404 for this order"

Erased = Literal["forgotten", "age"]
"""Why an order is kept without the person who made it."""


class Known(NamedTuple):
    """An order's row. `raw` is the facts' exact bytes, by which a change is told. `erased` says why they have no person
    in them any more: somebody was `forgotten`, or they were kept long enough (`age`). At `ask_at` it is to be planned
    again. `remarks` are what was said about it.
    """

    raw: bytes
    journal: Journal
    person: str
    open: bool
    was_missing: bool
    erased: Erased | None = None
    ask_at: datetime | None = None
    remarks: Remarks = NOTHING_SAID

    @property
    def order(self) -> Order:
        return decode(self.raw)


class Seen(NamedTuple):
    """An order to be stored: what was seen, and what follows from it."""

    order: Order
    raw: bytes
    journal: Journal
    person: str
    open: bool
    ask_at: datetime | None
    erased: Erased | None = None
    remarks: Remarks = NOTHING_SAID


def encode(order: Order) -> bytes:
    """The bytes under which an order's facts are stored and compared."""
    return _encode(order)


def decode(raw: bytes) -> Order:
    """The order whose facts these bytes are."""
    return _decode_order(raw)


def load(connection: sa.Connection, store: str, ids: Sequence[str]) -> dict[str, Known]:
    """The known ones among these orders, by id."""
    # The ids go as one parameter: SQLAlchemy would write a statement anew for every number of them.
    rows = connection.execute(_loading(connection.dialect.name), _these(store, ids)) if ids else ()
    return {row.id: _known(row) for row in rows}


def _known(row: Any) -> Known:
    journal = _decode_journal(row.journal)
    remarks = _decode_remarks(row.remarks) if row.remarks is not None else NOTHING_SAID
    was_missing = row.missing_since is not None
    return Known(row.facts, journal, row.person, row.open, was_missing, row.erased, row.ask_at, remarks)


_KNOWN = [
    orders.c[name]
    for name in ("id", "facts", "journal", "person", "open", "missing_since", "erased", "ask_at", "remarks")
]


def _these(store: str, ids: Sequence[str]) -> dict[str, str]:
    return {"store": store, "ids": _encode(ids).decode()}


@cache
def _loading(dialect: str) -> sa.Select[Any]:
    each = {"sqlite": sa.func.json_each, "postgresql": sa.func.json_array_elements_text}[dialect]
    ids = each(sa.cast(sa.bindparam("ids"), sa.JSON) if dialect == "postgresql" else sa.bindparam("ids"))
    chosen = orders.c.id.in_(sa.select(ids.table_valued("value").c.value))
    return sa.select(*_KNOWN).where(orders.c.store == sa.bindparam("store"), chosen)


def save(connection: sa.Connection, store: str, seen: Iterable[Seen]) -> None:
    """Store these orders, new or known."""
    statement, when = _saving(connection.dialect)
    rows = [
        (
            store,
            each.order.id,
            each.order.number,
            each.person,
            each.raw,
            _encode(each.journal),
            each.open,
            all(event.old for event in each.journal),
            when(each.ask_at),
            each.erased,
            _encode(each.remarks) if each.remarks != NOTHING_SAID else None,
        )
        for each in seen
    ]
    if rows:
        connection.exec_driver_sql(statement, rows)


_SAVED = ("store", "id", "number", "person", "facts", "journal", "open", "past", "ask_at", "erased", "remarks")


@cache
def _saving(dialect: Dialect) -> tuple[str, Callable[[datetime | None], Any]]:
    """The statement as the driver takes it, its values in the order of `_SAVED`; and what it makes of a time.

    Thousands of orders come at once: SQLAlchemy's look at each value would cost as much as SQLite's work.
    """
    in_order = type(dialect)(paramstyle="qmark" if dialect.name == "sqlite" else "format")  # type: ignore[call-arg]
    values: dict[str, Any] = {name: sa.bindparam(name) for name in _SAVED}
    insert = (sqlite.insert(orders) if dialect.name == "sqlite" else postgresql.insert(orders)).values(values)
    news = {column.name: insert.excluded[column.name] for column in orders.c if not column.primary_key}
    statement = insert.on_conflict_do_update(index_elements=list(orders.primary_key), set_=news)
    return str(statement.compile(dialect=in_order)), orders.c.ask_at.type.bind_processor(dialect) or (lambda when: when)


def find(connection: sa.Connection, store: str, number: str) -> str | None:
    """The id of the order that people call by this number, or whose id it is."""
    number = number.removeprefix("#")
    by_number = sa.select(orders.c.id).where(orders.c.store == store, orders.c.number == number)
    by_id = sa.select(orders.c.id).where(orders.c.store == store, orders.c.id == number)
    found: str | None = connection.scalar(by_number) or connection.scalar(by_id)
    return found


def open_ids(connection: sa.Connection, store: str) -> list[str]:
    """Orders to whom something may still happen that does not touch their modification date."""
    return list(connection.scalars(sa.select(orders.c.id).where(orders.c.store == store, orders.c.open.is_(True))))


def to_hear(connection: sa.Connection, store: str, limit: int) -> list[str]:
    """The open orders whose notes are to be looked at next: first those that never were, the newest first, then those
    whose last look was the longest ago.
    """
    newest_first = (sa.func.length(orders.c.id).desc(), orders.c.id.desc())  # stores number them as they come in
    query = sa.select(orders.c.id).where(*_heard(store)).order_by(orders.c.noted_at.asc().nulls_first(), *newest_first)
    return list(connection.scalars(query.limit(limit)))


def note_heard(connection: sa.Connection, store: str, ids: Sequence[str], now: datetime) -> None:
    """The notes of these orders were looked at."""
    chosen = (orders.c.store == store, orders.c.id.in_(ids))
    connection.execute(sa.update(orders).where(*chosen).values(noted_at=now))


class Looks(NamedTuple):
    """How the notes of open orders are looked at: of how many, how many never were, and when the oldest look was."""

    orders: int
    waiting: int
    oldest_at: datetime | None


def looks(connection: sa.Connection, store: str) -> Looks:
    """How far the staff's notes on a store's open orders were looked at."""
    never = sa.func.count().filter(orders.c.noted_at.is_(None))
    query = sa.select(sa.func.count(), never, sa.func.min(orders.c.noted_at)).where(*_heard(store))
    return Looks(*connection.execute(query).one())


def _heard(store: str) -> tuple[sa.ColumnElement[bool], ...]:
    return (orders.c.store == store, orders.c.open.is_(True), orders.c.erased.is_(None))


def to_ask(connection: sa.Connection, store: str, now: datetime, limit: int) -> list[str]:
    """Orders whose plan may have changed by time alone."""
    query = sa.select(orders.c.id).where(orders.c.store == store, orders.c.ask_at <= now)
    return list(connection.scalars(query.order_by(orders.c.ask_at).limit(limit)))


def to_ask_count(connection: sa.Connection, store: str, now: datetime) -> int:
    """How many orders have a plan that may have changed by time alone."""
    query = sa.select(sa.func.count()).where(orders.c.store == store, orders.c.ask_at <= now)
    return connection.scalar(query) or 0


def set_ask_at(connection: sa.Connection, store: str, order_id: str, ask_at: datetime | None) -> None:
    """When to plan this order again."""
    connection.execute(sa.update(orders).where(orders.c.store == store, orders.c.id == order_id).values(ask_at=ask_at))


def of_people(connection: sa.Connection, store: str, people: Collection[str]) -> dict[str, list[Order]]:
    """By person, all their orders in this store; refunds that the platform does not date, by when they were seen."""
    columns = (orders.c.person, orders.c.facts, orders.c.journal)
    query = sa.select(*columns).where(orders.c.store == store, orders.c.person.in_(set(people)))
    found: dict[str, list[Order]] = {}
    for row in connection.execute(query):
        order = decode(row.facts)
        known = dated(order, _decode_journal(row.journal)) if order.refunds else order
        found.setdefault(row.person, []).append(known)
    return found


def ask_all_again(connection: sa.Connection, store: str, now: datetime) -> None:
    """Plan all orders of the store again at once."""
    connection.execute(sa.update(orders).where(orders.c.store == store, _not_asked_by(now)).values(ask_at=now))


def _not_asked_by(now: datetime) -> sa.ColumnElement[bool]:
    """Who is to be planned again by now stays so: it is told since when."""
    return sa.or_(orders.c.ask_at.is_(None), orders.c.ask_at > now)


def ask_again_of(connection: sa.Connection, store: str, person: str, but_not: str, now: datetime) -> None:
    """Plan this person's orders again at once, all but one. What is of the past, and has no plans, stays so."""
    _ask_again(connection, store, sa.and_(orders.c.person == person, orders.c.id != but_not), now)


def ask_again(connection: sa.Connection, store: str, ids: Collection[str], now: datetime) -> None:
    """Plan these orders again at once. What is of the past, and has no plans, stays so."""
    _ask_again(connection, store, orders.c.id.in_(ids), now)


def _ask_again(connection: sa.Connection, store: str, these: sa.ColumnElement[bool], now: datetime) -> None:
    of_order = followups.c.store == orders.c.store, followups.c.order_id == orders.c.id
    has_plans = sa.exists().where(*of_order, followups.c.state == sa.literal_column("'pending'"))
    chosen = sa.and_(
        orders.c.store == store,
        these,
        sa.or_(orders.c.past.is_(False), has_plans),
        _not_asked_by(now),
    )
    connection.execute(sa.update(orders).where(chosen).values(ask_at=now))


def next_asked(connection: sa.Connection, store: str) -> datetime | None:
    """When the next order of this store is to be planned again, as time alone may change its plan."""
    found: datetime | None = connection.scalar(sa.select(sa.func.min(orders.c.ask_at)).where(orders.c.store == store))
    return found


def note_missing(connection: sa.Connection, store: str, order_id: str, now: datetime) -> datetime:
    """The order answered 404, alone among its neighbours; returns since when it does."""
    chosen = sa.and_(orders.c.store == store, orders.c.id == order_id)
    known = connection.execute(sa.select(orders.c.missing_since).where(chosen)).first()
    if known is None:  # of an order that was never understood, quarantine alone knows
        return set_aside(connection, store, order_id, NOT_THERE, now).at
    if known.missing_since is None:
        connection.execute(sa.update(orders).where(chosen).values(missing_since=now))
    return known.missing_since or now


def close(connection: sa.Connection, store: str, order_id: str) -> None:
    """Nothing more is expected of this order."""
    connection.execute(
        sa.update(orders).where(orders.c.store == store, orders.c.id == order_id).values(open=False, ask_at=None)
    )


class Aside(NamedTuple):
    """An order in quarantine: why, since when for this reason, and when it is looked at again."""

    reason: str
    at: datetime
    look_at: datetime


def set_aside(connection: sa.Connection, store: str, order_id: str, reason: str, now: datetime) -> Aside:
    """Quarantine an order that cannot be understood; it is news if that is since now.

    It is looked at again after as long as it has been there already: an hour at least, a day at most.
    """
    known = aside(connection, store, order_id)
    at = known.at if known is not None and known.reason == reason else now
    news = Aside(reason, at, now + min(max(now - at, SOONEST_LOOK), LATEST_LOOK))
    release(connection, store, [order_id])
    connection.execute(sa.insert(quarantine).values(store=store, order_id=order_id, **news._asdict()))
    return news


def aside(connection: sa.Connection, store: str, order_id: str) -> Aside | None:
    """How an order is set aside; None where it is not."""
    columns = (quarantine.c.reason, quarantine.c.at, quarantine.c.look_at)
    query = sa.select(*columns).where(quarantine.c.store == store, quarantine.c.order_id == order_id)
    row = connection.execute(query).first()
    return Aside(*row) if row is not None else None


def to_look_at(connection: sa.Connection, store: str, now: datetime) -> list[str]:
    """The orders in quarantine that are to be looked at again."""
    query = sa.select(quarantine.c.order_id).where(quarantine.c.store == store, quarantine.c.look_at <= now)
    return list(connection.scalars(query))


def release(connection: sa.Connection, store: str, ids: Sequence[str]) -> None:
    """These orders can be understood (again)."""
    connection.execute(sa.delete(quarantine).where(quarantine.c.store == store, quarantine.c.order_id.in_(ids)))


def set_aside_ids(connection: sa.Connection, store: str) -> list[str]:
    """The orders of a store that are in quarantine."""
    return list(connection.scalars(_SET_ASIDE, {"store": store}))


_SET_ASIDE = sa.select(quarantine.c.order_id).where(quarantine.c.store == sa.bindparam("store"))


def quarantined(connection: sa.Connection, store: str) -> list[tuple[str, str, datetime]]:
    """The orders that are set aside: (id, reason, since when)."""
    columns = (quarantine.c.order_id, quarantine.c.reason, quarantine.c.at)
    query = sa.select(*columns).where(quarantine.c.store == store).order_by(quarantine.c.at)
    return [(row.order_id, row.reason, row.at) for row in connection.execute(query)]


def every(connection: sa.Connection, store: str) -> Iterator[Known]:
    """All known orders of this store, one after the other, as what is known of them."""
    query = sa.select(*_KNOWN).where(orders.c.store == store).order_by(orders.c.id)
    for row in connection.execution_options(yield_per=1000).execute(query):
        yield _known(row)


def count(connection: sa.Connection, store: str) -> int:
    """How many orders of this store are known."""
    return connection.scalar(sa.select(sa.func.count()).where(orders.c.store == store)) or 0


def numbers_like(connection: sa.Connection, store: str, number: str, limit: int) -> list[str]:
    """Order numbers that have this in them."""
    query = sa.select(orders.c.number).where(orders.c.store == store, orders.c.number.contains(number, autoescape=True))
    return list(connection.scalars(query.order_by(orders.c.number).limit(limit)))
