"""What is remembered of each store: how far we read, how it is, which rules stand there since when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache, lru_cache
from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sa

from adapters.model import Identity
from connector.store.tables import pauses, rules, stores

EVERY = "*"
"""Stands for every store, or every rule, in a pause."""


@dataclass(frozen=True, slots=True)
class StoreState:
    """A store's row. `baseline_at` is on the store's clock: what it had by then is the past. `checkout_cursor` is how
    far abandoned checkouts were read, where they are a walk of their own. `refused_at` is when the store last turned us
    away, the staff having been told, `tidied_at` when it was last looked for data that are kept too long. `planned_by`
    is a mark of the store's hours, and of whatever else but the rules is planned by. `products_error` is why products
    could not be read, and `products_retry_at` when they are asked for again.
    """

    id: str
    identity: Identity | None = None
    key_mark: str | None = None
    cursor: str | None = None
    checkout_cursor: str | None = None
    baseline_at: datetime | None = None
    baseline_done_at: datetime | None = None
    polled_at: datetime | None = None
    swept_at: datetime | None = None
    error: str | None = None
    error_since: datetime | None = None
    failures: int = 0
    retry_at: datetime | None = None
    skew: float | None = None
    refused_at: datetime | None = None
    tidied_at: datetime | None = None
    planned_by: str | None = None
    products_error: str | None = None
    products_retry_at: datetime | None = None

    @property
    def past_until(self) -> datetime | None:
        """Orders created by then, and not known, are part of the past. What a complete baseline has not seen in its
        own last second came after it: dates are whole seconds, and clocks are compared no better."""
        if self.baseline_at is None or self.baseline_done_at is None:
            return self.baseline_at
        return self.baseline_at - timedelta(seconds=2)


_LOAD = sa.select(*(stores.c[name] for name in StoreState.__dataclass_fields__)).where(
    stores.c.id == sa.bindparam("store")
)


def load(connection: sa.Connection, store: str) -> StoreState:
    """What is remembered of this store; an empty state for a new one."""
    row = connection.execute(_LOAD, {"store": store}).first()
    if row is None:
        return StoreState(store)
    id_, identity, *rest = row
    return StoreState(id_, _identity(identity) if identity is not None else None, *rest)


@lru_cache(maxsize=1024)
def _identity(kept: bytes) -> Identity:
    return msgspec.json.decode(kept, type=Identity)


def update(connection: sa.Connection, store: str, **values: object) -> None:
    """Remember these columns of the store's row."""
    if isinstance(identity := values.get("identity"), Identity):
        values["identity"] = msgspec.json.encode(identity)
    if connection.execute(_update(tuple(values)), {"store": store, **values}).rowcount == 0:
        connection.execute(sa.insert(stores).values(id=store, **values))


@cache
def _update(names: tuple[str, ...]) -> sa.Update:
    columns: dict[str, Any] = {name: sa.bindparam(name) for name in names}
    return sa.update(stores).where(stores.c.id == sa.bindparam("store")).values(columns)


@dataclass(frozen=True, slots=True)
class RuleState:
    """A rule as it was last loaded for a store, and since when it has been switched on there. `first_id` is the id that
    it had before it was ever renamed.
    """

    rule: str
    version: str
    enabled: bool
    since: datetime
    first_id: str


def load_rules(connection: sa.Connection, store: str) -> dict[str, RuleState]:
    """The rules that were last loaded for this store, by id."""
    query = sa.select(rules.c.rule, rules.c.version, rules.c.enabled, rules.c.since, rules.c.first_id)
    return {row.rule: RuleState(*row) for row in connection.execute(query.where(rules.c.store == store))}


def save_rule(connection: sa.Connection, store: str, rule: RuleState) -> None:
    """Remember a rule as loaded."""
    forget_rule(connection, store, rule.rule)
    values = {
        "version": rule.version,
        "enabled": rule.enabled,
        "since": rule.since,
        "first_id": rule.first_id,
    }
    connection.execute(sa.insert(rules).values(store=store, rule=rule.rule, **values))


def forget_rule(connection: sa.Connection, store: str, rule: str) -> None:
    """The rule is gone, or has another name."""
    connection.execute(sa.delete(rules).where(rules.c.store == store, rules.c.rule == rule))


class Pause(NamedTuple):
    """A pause in force, since when: of a store and a rule, each of which may be EVERY."""

    store: str
    rule: str
    since: datetime

    def holds_up(self, store: str, rule: str) -> bool:
        """Whether this rule waits for it in this store."""
        return self.store in (store, EVERY) and self.rule in (rule, EVERY)


def paused(connection: sa.Connection, store: str | None = None) -> list[Pause]:
    """The pauses in force, or those that touch this store."""
    found = [Pause(*row) for row in connection.execute(_PAUSES)]
    return [each for each in found if store is None or each.store in (store, EVERY)]


_PAUSES = sa.select(pauses.c.store, pauses.c.rule, pauses.c.at).order_by(pauses.c.store, pauses.c.rule)


def pause(connection: sa.Connection, store: str, rule: str, now: datetime) -> bool:
    """Pause a store, a rule or everything; false if it was paused already."""
    if any((each.store, each.rule) == (store, rule) for each in paused(connection)):
        return False
    connection.execute(sa.insert(pauses).values(store=store, rule=rule, at=now))
    return True


def resume(connection: sa.Connection, store: str, rule: str) -> bool:
    """End exactly this pause; false if there was none."""
    chosen = sa.and_(pauses.c.store == store, pauses.c.rule == rule)
    return connection.execute(sa.delete(pauses).where(chosen)).rowcount > 0
