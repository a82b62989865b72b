"""Follow-ups as rows: one an action, unique by (store, rule, subject, step, action)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from connector.store.tables import Utc, followups, orders
from rules.planner import Deed, State


@dataclass(frozen=True, slots=True)
class Followup:
    """A follow-up's row. `action` counts from 1; `number` is the order's as people see it."""

    id: int
    store: str
    rule: str
    subject: str
    step: str
    action: int
    position: int
    kind: str
    order_id: str
    number: str
    person: str
    channel: str | None
    state: State
    final: bool
    held_for: str | None
    approved: bool
    reason: str | None
    event_at: datetime
    planned_at: datetime
    due_at: datetime
    expires_at: datetime | None
    backfilled: bool
    at: datetime
    digest: str
    tries: int
    intent: bytes | None
    intent_at: datetime | None
    result: str | None

    @property
    def of_step(self) -> tuple[str, str, str]:
        """What the actions of one step have in common, within a store."""
        return (self.rule, self.subject, self.step)

    @property
    def deed(self) -> Deed:
        """The row as the planner knows it."""
        return Deed(self.rule, self.subject, self.order_id, self.step, self.position, self.state, self.final, self.at)


_columns = [followups.c[name] for name in Followup.__dataclass_fields__]


def _rows(*conditions: sa.ColumnElement[bool]) -> sa.Select[Any]:
    return sa.select(*_columns).where(*conditions)


def _read(connection: sa.Connection, query: sa.Select[Any]) -> list[Followup]:
    return [Followup(*row) for row in connection.execute(query)]


def of_orders(connection: sa.Connection, store: str, ids: Sequence[str]) -> list[Followup]:
    """All that is recorded about these orders."""
    chosen = (followups.c.store == store, followups.c.order_id.in_(ids))
    return _read(connection, _rows(*chosen).order_by(followups.c.id))


def of_people(connection: sa.Connection, store: str, people: Collection[str], rules: Collection[str]) -> list[Followup]:
    """What these rules have recorded about these people, whatever the order."""
    chosen = (followups.c.person.in_(people), followups.c.store == store, followups.c.rule.in_(rules))
    return _read(connection, _rows(*chosen).order_by(followups.c.id))


def due(connection: sa.Connection, store: str, now: datetime, limit: int) -> list[Followup]:
    """What is due in this store, the longest waiting first."""
    chosen = (followups.c.store == store, followups.c.state == "pending", followups.c.due_at <= now)
    return _read(connection, _rows(*chosen).order_by(followups.c.due_at, followups.c.id).limit(limit))


def of_step(connection: sa.Connection, store: str, rule: str, subject: str, step: str) -> list[Followup]:
    """The actions of one step, in their order."""
    chosen = (
        followups.c.store == store,
        followups.c.rule == rule,
        followups.c.subject == subject,
        followups.c.step == step,
    )
    return _read(connection, _rows(*chosen).order_by(followups.c.action))


def by_ids(connection: sa.Connection, ids: Sequence[int]) -> list[Followup]:
    """These rows, by id."""
    return _read(connection, _rows(followups.c.id.in_(ids)).order_by(followups.c.id))


def in_state(
    connection: sa.Connection, states: Sequence[State], store: str | None = None, limit: int | None = None
) -> list[Followup]:
    """Rows in these states: pending ones by due time, others by when they got there, the latest last."""
    chosen: list[sa.ColumnElement[bool]] = [followups.c.state.in_(states)]
    if store is not None:
        chosen.append(followups.c.store == store)
    column = followups.c.due_at if "pending" in states else followups.c.at
    query = _rows(*chosen)
    if limit is None:
        return _read(connection, query.order_by(column, followups.c.id))
    return _read(connection, query.order_by(column.desc(), followups.c.id.desc()).limit(limit))[::-1]


def something_to_do(connection: sa.Connection, store: str, now: datetime) -> bool:
    """Whether anything is due, unknown, or to be planned again in this store."""
    return bool(connection.scalar(_SOMETHING_TO_DO, {"store": store, "now": now}))


_IN_STORE = followups.c.store == sa.bindparam("store")
_NOW = sa.bindparam("now", type_=Utc)
_SOMETHING_TO_DO = sa.select(
    sa.or_(
        sa.exists().where(_IN_STORE, followups.c.state == sa.literal_column("'pending'"), followups.c.due_at <= _NOW),
        sa.exists().where(_IN_STORE, followups.c.state == sa.literal_column("'unknown'")),
        sa.exists().where(orders.c.store == sa.bindparam("store"), orders.c.ask_at <= _NOW),
    )
)


def counts(connection: sa.Connection, store: str) -> dict[str, int]:
    """How many rows of a store are in each state."""
    query = sa.select(followups.c.state, sa.func.count()).where(followups.c.store == store)
    return {row[0]: row[1] for row in connection.execute(query.group_by(followups.c.state))}


def busy_rules(connection: sa.Connection, store: str, now: datetime, since: datetime) -> dict[str, int]:
    """By rule: its steps that are due, or were acted on or held since, without a person's approval."""
    unapproved = followups.c.approved.is_(False)
    due_now = sa.and_(followups.c.state == "pending", followups.c.due_at <= now)
    acted = sa.and_(followups.c.state.in_(["done", "unknown", "held"]), followups.c.at >= since)
    totals: dict[str, int] = {}
    for chosen in (due_now, acted):
        one_a_step = (
            sa.select(followups.c.rule, followups.c.subject, followups.c.step)
            .where(followups.c.store == store, unapproved, chosen)
            .distinct()
            .subquery()
        )
        query = sa.select(one_a_step.c.rule, sa.func.count()).group_by(one_a_step.c.rule)
        for rule, count in connection.execute(query):
            totals[rule] = totals.get(rule, 0) + count
    return totals


def credited(connection: sa.Connection, store: str, order_id: str) -> set[str]:
    """The ids of notes and messages on this order that are known to be other follow-ups'."""
    chosen = (followups.c.store == store, followups.c.order_id == order_id, followups.c.result.is_not(None))
    return set(connection.scalars(sa.select(followups.c.result).where(*chosen)))


def insert(connection: sa.Connection, rows: Sequence[dict[str, object]]) -> None:
    """Record new follow-ups; their identity must be new."""
    if rows:
        connection.execute(sa.insert(followups), list(rows))


def update(connection: sa.Connection, ids: Iterable[int], **values: object) -> int:
    """Change these rows; returns how many there were."""
    result = connection.execute(sa.update(followups).where(followups.c.id.in_(list(ids))).values(**values))
    return result.rowcount


def update_each(connection: sa.Connection, rows: Sequence[dict[str, object]]) -> None:
    """Change many rows, each in its own way; every dict has the row's `id` and the same other keys."""
    if not rows:
        return
    names = [name for name in rows[0] if name != "id"]
    statement = (
        sa.update(followups)
        .where(followups.c.id == sa.bindparam("row_id"))
        .values({name: sa.bindparam(f"new_{name}") for name in names})
    )
    connection.execute(
        statement, [{"row_id": row["id"], **{f"new_{name}": row[name] for name in names}} for row in rows]
    )


def hold(connection: sa.Connection, store: str, rule: str, now: datetime, reason: str) -> int:
    """Hold what is due of this rule until a person approves; returns how many actions."""
    result = connection.execute(
        sa.update(followups)
        .where(
            followups.c.store == store,
            followups.c.rule == rule,
            followups.c.state == "pending",
            followups.c.due_at <= now,
            followups.c.approved.is_(False),
        )
        .values(state="held", held_for="approval", at=now, reason=reason)
    )
    return result.rowcount


def rename_rule(connection: sa.Connection, store: str, old: str, new: str) -> None:
    """A rule has a new id; what it did stays done."""
    connection.execute(sa.update(followups).where(followups.c.store == store, followups.c.rule == old).values(rule=new))


def expired(connection: sa.Connection, store: str, now: datetime) -> list[Followup]:
    """Pending ones that may not be done any more, this late."""
    chosen = (followups.c.store == store, followups.c.state == "pending", followups.c.due_at <= now)
    return _read(connection, _rows(*chosen, followups.c.expires_at < now))
