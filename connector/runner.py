"""What is due in a store: expire, hold, claim → look again → act, until nothing is due any more."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence
from datetime import datetime

import structlog

from connector.acting import act_on_all
from connector.breaking import break_circuits
from connector.ingest import AFTER_A_FAULT, count_skipped, replan
from connector.poller import BATCH, Polled, look_again
from connector.settling import settle_unknown
from connector.shop import Shop
from connector.store import followups, orders, stores
from connector.store.followups import Followup
from connector.store.stores import EVERY
from connector.tally import Tally

log = structlog.get_logger()

CLAIM = 500
"""How many actions are taken in hand at once."""


def run_due(shop: Shop, polled: Polled, tally: Tally, stop: threading.Event) -> None:
    """Do everything that is due in this store. Raises AdapterError where the store does not let us go on."""
    with shop.database.read() as connection:
        if not followups.something_to_do(connection, shop.id, shop.clock()):
            return
        state = stores.load(connection, shop.id)
    if state.baseline_done_at is None:
        return
    settle_unknown(shop, tally, stop)
    _ask_again(shop, tally, stop)
    before: list[list[Followup]] = []
    while not stop.is_set():
        _expire(shop, tally, stop)
        paused = _paused_rules(shop)
        break_circuits(shop, paused, tally)
        steps = _claim(shop, paused)
        if steps == before:  # nothing is due, or nothing moves
            return
        ready = _look_again(shop, steps, polled, state.past_until)
        act_on_all(shop, ready, polled, tally, stop)
        before = steps


def _paused_rules(shop: Shop) -> frozenset[str]:
    """The rules that are paused in this store."""
    with shop.database.read() as connection:
        paused = {pause.rule for pause in stores.paused(connection, shop.id)}
    return frozenset(active.rule.id for active in shop.rules) if EVERY in paused else frozenset(paused)


def _claim(shop: Shop, paused: frozenset[str]) -> list[list[Followup]]:
    """The steps that are due and not paused, each with its due actions; the rules of a higher priority first."""
    with shop.database.read() as connection:
        due = followups.due(connection, shop.id, shop.clock(), CLAIM, paused)
    steps: dict[tuple[str, str, str], list[Followup]] = {}
    for row in due:
        steps.setdefault(row.of_step, []).append(row)
    priorities = {active.rule.id: active.rule.priority for active in shop.rules}
    return sorted(steps.values(), key=lambda step: -priorities.get(step[0].rule, 0))


def _ask_again(shop: Shop, tally: Tally, stop: threading.Event) -> None:
    """Plan again what time alone may have changed."""
    while not stop.is_set():
        now = shop.clock()
        with shop.database.write() as connection:
            ids = orders.to_ask(connection, shop.id, now, limit=500)
            if not ids:
                return
            replan(connection, shop, ids, now).count_in(tally)


def _expire(shop: Shop, tally: Tally, stop: threading.Event) -> None:
    """What came too late is skipped for good, and says so."""
    while not stop.is_set():
        now = shop.clock()
        with shop.database.read() as connection:
            late = followups.expired(connection, shop.id, now, CLAIM)
        if not late:
            return
        with shop.database.write() as connection:
            for row in late:
                reason = f"expired: it was due {row.planned_at:%Y-%m-%d %H:%M} UTC, and is not to be done this late"
                if row.reason is not None:
                    reason += f" ({row.reason})"
                skipped = {"state": "skipped", "final": True, "held_for": None, "at": now, "reason": reason}
                followups.update(connection, [row.id], **skipped)
            replan(connection, shop, sorted({row.order_id for row in late}), now).count_in(tally)
        count_skipped(tally, Counter(row.rule for row in late))


def _look_again(
    shop: Shop, steps: Sequence[list[Followup]], polled: Polled, past_until: datetime | None
) -> list[list[Followup]]:
    """The steps whose orders we have just seen: up to a hundred that we have not are fetched, in one request."""
    now = shop.clock()
    stale = dict.fromkeys(step[0].order_id for step in steps if not polled.is_fresh(step[0].order_id, now))
    batch = list(stale)[:BATCH]
    if batch:
        unreadable = look_again(shop, batch, past_until, polled)
        for order_id in batch:
            if not polled.is_fresh(order_id, shop.clock()):
                _put_off_order(shop, order_id, unreadable.get(order_id, "the store did not show this order"))
    return [step for step in steps if polled.is_fresh(step[0].order_id, shop.clock())]


def _put_off_order(shop: Shop, order_id: str, reason: str) -> None:
    """What is due for it waits until it is looked at again."""
    now = shop.clock()
    with shop.database.write() as connection:
        aside = orders.aside(connection, shop.id, order_id)
        look_at = max(now + AFTER_A_FAULT, aside.look_at) if aside is not None else now + AFTER_A_FAULT
        rows = followups.of_orders(connection, shop.id, [order_id])
        due = [row.id for row in rows if row.state == "pending" and row.due_at <= now]
        followups.update(connection, due, due_at=look_at, reason=f"put off: {reason}")
