"""Follow-ups as rows: one an action, unique by (store, rule, subject, step, action)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from connector.store.tables import Utc, followups, orders
from rules.facts import Deed, State

HOLDOUT = "holdout"
"""What a row is `held_for` whose person gets nothing of the rule, for comparison."""

HOLD_WHILE = "hold_while"
"""What a planned row is `held_for` while its rule's `hold_while` holds it up. It is due when it expires, or never."""

NEVER = datetime(9999, 1, 1, tzinfo=UTC)

AT_ONCE = 1000
"""How many rows are fetched in one go where there may be very many."""


@dataclass(frozen=True, slots=True)
class Followup:
    """A follow-up's row. `action` counts from 1; `number` is the order's as people see it.

    `locale` is the language that a message was written in. `held_for` is what a person is asked for (approval,
    outcome), or what a planned row waits for; one that is skipped for `holdout` stands for all that its rule would have
    done.
    `basis` is on what grounds a message was sent, `passed_over` which channels it did not go by, and why.
    """

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
    locale: str | None
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
    version: str
    tries: int
    intent: bytes | None
    intent_at: datetime | None
    result: str | None
    basis: str | None = None
    passed_over: str | None = None

    @property
    def of_step(self) -> tuple[str, str, str]:
        """What the actions of one step have in common, within a store."""
        return (self.rule, self.subject, self.step)

    @property
    def meant_for(self) -> datetime:
        """When it is, or was, to be done: nobody knows how long something is held up."""
        return self.planned_at if self.held_for == HOLD_WHILE else self.due_at

    @property
    def deed(self) -> Deed:
        """The row as the planner knows it."""
        return Deed(
            rule=self.rule,
            subject=self.subject,
            order_id=self.order_id,
            number=self.number,
            step=self.step,
            position=self.position,
            action=self.action,
            state=self.state,
            final=self.final,
            at=self.at,
            event_at=self.event_at,
            held_out=self.held_for == HOLDOUT,
            version=self.version,
        )


_columns = [followups.c[name] for name in Followup.__dataclass_fields__]


_IN_STORE = followups.c.store == sa.bindparam("store")
_NOW = sa.bindparam("now", type_=Utc)


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
    if not people or not rules:
        return []
    chosen = (followups.c.person.in_(people), followups.c.store == store, followups.c.rule.in_(rules))
    return _read(connection, _rows(*chosen).order_by(followups.c.id))


def written_to(
    connection: sa.Connection, store: str, people: Collection[str], kinds: Collection[str], since: datetime
) -> dict[str, list[datetime]]:
    """By person, when an action of these kinds was done for them, or may have been, after `since`."""
    query = sa.select(followups.c.person, followups.c.at).where(
        followups.c.person.in_(set(people)),
        followups.c.store == store,
        followups.c.kind.in_(kinds),
        followups.c.state.in_(["done", "unknown"]),
        followups.c.at > since,
    )
    found: dict[str, list[datetime]] = {}
    for row in connection.execute(query):
        found.setdefault(row.person, []).append(row.at)
    return found


def due(
    connection: sa.Connection, store: str, now: datetime, limit: int, paused: Collection[str] = ()
) -> list[Followup]:
    """What may be done now in this store, the longest waiting first.

    Left out are paused rules, and what stands beside an action of its step that awaits its outcome or a person.
    """
    values = {"store": store, "now": now, "paused": list(paused), "limit": limit}
    return [Followup(*row) for row in connection.execute(_DUE_NOW, values)]


_beside = followups.alias("beside")
_AWAITED = sa.exists().where(
    *(_beside.c[name] == followups.c[name] for name in ("store", "rule", "subject", "step")),
    _beside.c.state.in_(["unknown", "held"]),
)
_DUE_NOW = (
    _rows(
        _IN_STORE,
        followups.c.state == sa.literal_column("'pending'"),
        followups.c.due_at <= _NOW,
        followups.c.rule.not_in(sa.bindparam("paused", expanding=True)),
        ~_AWAITED,
    )
    .order_by(followups.c.due_at, followups.c.id)
    .limit(sa.bindparam("limit"))
)


def _due(store: str, now: datetime) -> tuple[sa.ColumnElement[bool], ...]:
    return followups.c.store == store, followups.c.state == sa.literal_column("'pending'"), followups.c.due_at <= now


def of_step(
    connection: sa.Connection, store: str, rule: str, subject: str, step: str, *, claiming: bool = False
) -> list[Followup]:
    """The actions of one step, in their order; when `claiming`, those alone that no other machine has in hand."""
    chosen = (
        followups.c.store == store,
        followups.c.rule == rule,
        followups.c.subject == subject,
        followups.c.step == step,
    )
    query = _rows(*chosen).order_by(followups.c.action)
    return _read(connection, query.with_for_update(skip_locked=True) if claiming else query)


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


def planned(connection: sa.Connection, store: str, rules: Collection[str]) -> list[Followup]:
    """What is planned of these rules in a store."""
    chosen = (followups.c.store == store, followups.c.state == sa.literal_column("'pending'"))
    return _read(connection, _rows(*chosen, followups.c.rule.in_(rules)).order_by(followups.c.id))


def leave_out_others(connection: sa.Connection, store: str, rules: Collection[str]) -> None:
    """Drop what other rules have recorded: of a copy of the state, in which they are of no interest."""
    connection.execute(sa.delete(followups).where(followups.c.store == store, followups.c.rule.not_in(rules)))


def something_to_do(connection: sa.Connection, store: str, now: datetime) -> bool:
    """Whether anything is due, unknown, or to be planned again in this store."""
    return bool(connection.scalar(SOMETHING_TO_DO, {"store": store, "now": now}))


SOMETHING_TO_DO = sa.select(
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


def open_counts(connection: sa.Connection, store: str) -> dict[str, int]:
    """How many rows of a store are pending, held and unknown: those that an index leads to, however many are done."""
    return {row[0]: row[1] for row in connection.execute(_OPEN_COUNTS, {"store": store})}


_OPEN_COUNTS: sa.CompoundSelect[Any] = sa.union_all(
    *(
        sa.select(sa.literal_column(f"'{state}'"), sa.func.count()).where(
            _IN_STORE, followups.c.state == sa.literal_column(f"'{state}'")
        )
        for state in ("pending", "held", "unknown")
    )
)


def due_rules(connection: sa.Connection, store: str, now: datetime) -> list[str]:
    """The rules of which something is due that no person has approved."""
    query = sa.select(followups.c.rule).where(*_due(store, now), followups.c.approved.is_(False))
    return list(connection.scalars(query.distinct().order_by(followups.c.rule)))


def busy_steps(connection: sa.Connection, store: str, rule: str, now: datetime, since: datetime) -> int:
    """How many steps of this rule are due, or were acted on or held since, without a person's approval."""
    values = {"store": store, "rule": rule, "now": now, "since": since}
    return connection.scalar(_BUSY_STEPS, values) or 0


_OF_RULE = (_IN_STORE, followups.c.rule == sa.bindparam("rule"))
_DONE_STEP = (followups.c.state == sa.literal_column("'done'"), followups.c.action == sa.literal_column("1"))
"""A step counts by its first action: without that, none of it is done."""


def _busy_steps(*which: sa.ColumnElement[bool]) -> sa.Select[Any]:
    return sa.select(followups.c.subject, followups.c.step).where(*_OF_RULE, followups.c.approved.is_(False), *which)


_IN_TIME = sa.or_(followups.c.expires_at.is_(None), followups.c.expires_at >= _NOW)
_SINCE = followups.c.at > sa.bindparam("since", type_=Utc)
_BUSY_STEPS = sa.select(sa.func.count()).select_from(
    sa.union(
        _busy_steps(followups.c.state == sa.literal_column("'pending'"), followups.c.due_at <= _NOW, _IN_TIME),
        _busy_steps(followups.c.state == sa.literal_column("'held'"), _SINCE),
        _busy_steps(followups.c.state == sa.literal_column("'unknown'"), _SINCE),
        _busy_steps(*_DONE_STEP, _SINCE),
    ).subquery()
)


class Waiting(NamedTuple):
    """What is planned, in actions: what is due by now, what comes later, how many of both will have expired by a given
    moment, and when the first of them does.
    """

    due: int
    later: int
    will_expire: int
    first_expiry: datetime | None


def waiting(connection: sa.Connection, of: tuple[str | None, str | None], now: datetime, until: datetime) -> Waiting:
    """What is planned of a store and a rule (None: of all), apart from what has expired. `until` is when to count what
    will have expired by then.
    """
    in_time = sa.or_(followups.c.expires_at.is_(None), followups.c.expires_at >= now)
    will_expire = followups.c.expires_at < until
    query = sa.select(
        sa.func.count().filter(followups.c.due_at <= now),
        sa.func.count().filter(followups.c.due_at > now),
        sa.func.count().filter(will_expire),
        sa.func.min(followups.c.expires_at).filter(will_expire),
    ).where(*_of(*of), followups.c.state == sa.literal_column("'pending'"), in_time)
    return Waiting(*connection.execute(query).one())


def count_expired(connection: sa.Connection, of: tuple[str | None, str | None], since: datetime, now: datetime) -> int:
    """How many actions of a store and a rule (None: of all) have come too late since then."""
    too_late = sa.or_(
        sa.and_(followups.c.state == "pending", followups.c.expires_at < now),
        sa.and_(followups.c.state == "skipped", followups.c.expires_at < followups.c.at),
    )
    query = sa.select(sa.func.count()).where(*_of(*of), too_late, followups.c.expires_at >= since)
    return connection.scalar(query) or 0


def _of(store: str | None, rule: str | None) -> Iterator[sa.ColumnElement[bool]]:
    if store is not None:
        yield followups.c.store == store
    if rule is not None:
        yield followups.c.rule == rule


def steps_done(connection: sa.Connection, store: str, rule: str, begin: datetime, end: datetime) -> int:
    """How many steps of this rule were done from `begin` on and before `end`, but for those that reached back into the
    past.
    """
    values = {"store": store, "rule": rule, "begin": begin, "end": end}
    return connection.scalar(_STEPS_DONE, values) or 0


_STEPS_DONE = sa.select(sa.func.count()).where(
    *_OF_RULE,
    *_DONE_STEP,
    followups.c.at >= sa.bindparam("begin", type_=Utc),
    followups.c.at < sa.bindparam("end", type_=Utc),
    followups.c.backfilled == sa.false(),
)


class About(NamedTuple):
    """Whom follow-ups are about: the orders' numbers, and how many people."""

    numbers: tuple[str, ...]
    people: int


def due_about(connection: sa.Connection, store: str, rule: str, now: datetime) -> About:
    """Whom is meant by what is due of this rule, and not approved."""
    query = sa.select(followups.c.number, followups.c.person).where(
        *_due(store, now), followups.c.rule == rule, followups.c.approved.is_(False)
    )
    rows = connection.execute(query.order_by(followups.c.due_at, followups.c.id)).all()
    return About(tuple(dict.fromkeys(row.number for row in rows)), len({row.person for row in rows}))


def is_held(connection: sa.Connection, store: str, rule: str) -> bool:
    """Whether something of this rule awaits a person's approval."""
    chosen = (followups.c.store == store, followups.c.rule == rule, followups.c.state == sa.literal_column("'held'"))
    return bool(connection.scalar(sa.select(sa.exists().where(*chosen, followups.c.held_for == "approval"))))


def credited(connection: sa.Connection, store: str, order_id: str) -> set[str]:
    """The ids of notes and messages on this order that are known to be other follow-ups'."""
    chosen = (followups.c.store == store, followups.c.order_id == order_id, followups.c.result.is_not(None))
    return set(connection.scalars(sa.select(followups.c.result).where(*chosen)))


def sent_by(connection: sa.Connection, channel: str, since: datetime) -> set[str]:
    """The ids of the messages that went by this channel, of whatever store, on an intent since then."""
    chosen = (followups.c.channel == channel, followups.c.intent_at >= since, followups.c.result.is_not(None))
    return set(connection.scalars(sa.select(followups.c.result).where(*chosen)))


def coupons(connection: sa.Connection, store: str) -> Iterator[Followup]:
    """What has made a coupon, whenever that was."""
    made = (followups.c.kind == "create_coupon", followups.c.state == sa.literal_column("'done'"))
    query = _rows(followups.c.store == store, *made).execution_options(yield_per=AT_ONCE)
    with connection.execute(query) as found:
        yield from (Followup(*row) for row in found)


def compared(connection: sa.Connection, store: str) -> dict[str, tuple[datetime, datetime]]:
    """By rule, from when to when people were held out of it: the due times of what they did not get."""
    times = (sa.func.min(followups.c.planned_at), sa.func.max(followups.c.planned_at))
    query = sa.select(followups.c.rule, *times).where(followups.c.store == store, followups.c.held_for == HOLDOUT)
    return {row[0]: (row[1], row[2]) for row in connection.execute(query.group_by(followups.c.rule))}


def insert(connection: sa.Connection, rows: Sequence[dict[str, object]]) -> None:
    """Record new follow-ups; their identity must be new."""
    if rows:
        connection.execute(sa.insert(followups), list(rows))


def update(connection: sa.Connection, ids: Iterable[int], **values: object) -> int:
    """Change these rows; returns how many there were."""
    result = connection.execute(sa.update(followups).where(followups.c.id.in_(list(ids))).values(**values))
    return result.rowcount


def put_off(connection: sa.Connection, step: Followup, due_at: datetime, reason: str | None) -> None:
    """All that is pending of this action's step waits until then: its actions stay together, and in their order."""
    rows = of_step(connection, step.store, *step.of_step)
    waiting = [row.id for row in rows if row.state == "pending"]
    update(connection, waiting, due_at=due_at, reason=reason)


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
        .where(*_due(store, now), followups.c.rule == rule, followups.c.approved.is_(False))
        .values(state="held", held_for="approval", at=now, reason=reason)
    )
    return result.rowcount


def rename_rule(connection: sa.Connection, store: str, old: str, new: str) -> None:
    """A rule has a new id; what it did stays done."""
    connection.execute(sa.update(followups).where(followups.c.store == store, followups.c.rule == old).values(rule=new))


def expired(connection: sa.Connection, store: str, now: datetime, limit: int) -> list[Followup]:
    """Pending ones that may not be done any more, this late."""
    return _read(connection, _rows(*_due(store, now), followups.c.expires_at < now).limit(limit))
