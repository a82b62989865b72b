"""How a store is, as its state tells: the same for `/healthz`, `/metrics`, the heartbeat and `aftersale status`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import sqlalchemy as sa

from connector.store import channels, followups, orders, stores
from connector.store.channels import Rest
from connector.store.stores import EVERY, StoreState

LONGEST_WITHOUT_POLL = timedelta(minutes=15)
POLLS_MISSED = 5
"""So many polls may be missed in a row; in a store that is polled often, as many as fit into the time above."""

LONGEST_DUE = timedelta(minutes=30)
"""How long what is due may wait, if nobody has said that it should."""


@dataclass(frozen=True, slots=True)
class Vitals:
    """A store as its state tells. `counts` are of what is pending, held or unknown; `due_since` is when what waits
    longest came due, apart from what is paused, or stands beside something held or unknown in its step; `set_aside`
    is how many orders cannot be understood; `resting` are the channels in trouble, by name, which all stores share.
    """

    state: StoreState
    counts: Mapping[str, int]
    due_since: datetime | None
    paused_rules: tuple[str, ...]
    is_paused: bool
    set_aside: int
    resting: Mapping[str, Rest] = field(default_factory=dict)


def vitals_of(connection: sa.Connection, store: str, now: datetime) -> Vitals:
    """Look at a store's state; at nothing that takes longer as the state grows."""
    paused = {pause.rule for pause in stores.paused(connection, store)}
    due = [] if EVERY in paused else followups.due(connection, store, now, 1, paused)
    return Vitals(
        state=stores.load(connection, store),
        counts=followups.open_counts(connection, store),
        due_since=due[0].due_at if due else None,
        paused_rules=tuple(sorted(paused - {EVERY})),
        is_paused=EVERY in paused,
        set_aside=len(orders.set_aside_ids(connection, store)),
        resting=channels.every(connection),
    )


def ailments(vitals: Vitals, poll_every: timedelta, now: datetime, since: datetime | None = None) -> tuple[str, ...]:
    """What lags, in words for people; nothing if all is well.

    `since` is when the daemon began: for what was late before, it is given the same time as for anything else.
    """
    return tuple(told for told in (_poll_lags(vitals.state, poll_every, now, since), _lags(vitals, now, since)) if told)


def _poll_lags(state: StoreState, poll_every: timedelta, now: datetime, since: datetime | None) -> str | None:
    if state.baseline_at is not None and state.baseline_done_at is None and state.error is None:
        return None  # The first walk takes as long as it takes.
    last = _latest(state.polled_at or state.error_since, since)
    limit = max(LONGEST_WITHOUT_POLL, poll_every * POLLS_MISSED)
    if last is None or now - last <= limit:
        return None
    return f"no poll has come to its end for {in_words(now - last)}"


def _lags(vitals: Vitals, now: datetime, since: datetime | None) -> str | None:
    if vitals.due_since is None:
        return None
    waiting = now - (_latest(vitals.due_since, since) or now)
    return f"what is due has been waiting for {in_words(waiting)}" if waiting > LONGEST_DUE else None


def _latest(*moments: datetime | None) -> datetime | None:
    return max((moment for moment in moments if moment is not None), default=None)


def in_words(span: timedelta) -> str:
    """`42 minutes`, `3 hours`, `2 days`: rounded down."""
    minutes = int(span.total_seconds()) // 60
    if minutes < 120:
        return f"{minutes} {'minute' if minutes == 1 else 'minutes'}"
    return f"{minutes // 60} hours" if minutes < 2 * 24 * 60 else f"{minutes // 1440} days"
