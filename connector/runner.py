"""What is due in a store: hold, expire, claim → look again → act, until nothing is due any more."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog

from connector.acting import act_on_all
from connector.ingest import replan
from connector.poller import Polled, batches, look_again
from connector.settling import settle_unknown
from connector.shop import Shop
from connector.store import followups, orders, stores
from connector.store.followups import Followup
from connector.store.stores import EVERY
from connector.tally import Tally

log = structlog.get_logger()

FRESH_FOR = timedelta(seconds=60)
"""How long a look at an order is good for."""

ROLLING = timedelta(hours=1)
CLAIM = 500


def run_due(shop: Shop, polled: Polled, tally: Tally, stop: threading.Event) -> None:
    """Do everything that is due in this store. Raises AdapterError where the store does not let us go on."""
    with shop.database.read() as connection:
        if not followups.something_to_do(connection, shop.id, shop.clock()):
            return
        state = stores.load(connection, shop.id)
    if state.baseline_done_at is None:
        return
    settle_unknown(shop, tally)
    _ask_again(shop, polled)
    idle_rounds = 0
    while not stop.is_set() and idle_rounds < 2:
        _expire(shop, tally)
        _break_circuits(shop, tally)
        steps = _claim(shop)
        if not steps:
            return
        steps = _look_again(shop, steps, polled, state.past_until)
        acted = act_on_all(shop, steps, tally, stop)
        idle_rounds = 0 if acted else idle_rounds + 1


def _claim(shop: Shop) -> list[list[Followup]]:
    """The steps that are due and not paused, each with its due actions."""
    with shop.database.read() as connection:
        due = followups.due(connection, shop.id, shop.clock(), CLAIM)
        paused = stores.paused(connection)
    steps: dict[tuple[str, str, str], list[Followup]] = {}
    for row in due:
        if not _is_paused(paused, shop.id, row.rule):
            steps.setdefault(row.of_step, []).append(row)
    return list(steps.values())


def _is_paused(paused: set[tuple[str, str]], store: str, rule: str) -> bool:
    return not paused.isdisjoint({(store, rule), (store, EVERY), (EVERY, rule), (EVERY, EVERY)})


def _ask_again(shop: Shop, polled: Polled) -> None:
    """Plan again what time alone may have changed."""
    while True:
        now = shop.clock()
        with shop.database.write() as connection:
            ids = orders.to_ask(connection, shop.id, now, limit=500)
            if not ids:
                return
            polled.add(replan(connection, shop, ids, now))


def _expire(shop: Shop, tally: Tally) -> None:
    """What came too late is skipped for good, and says so."""
    now = shop.clock()
    with shop.database.read() as connection:
        late = followups.expired(connection, shop.id, now)
    if not late:
        return
    with shop.database.write() as connection:
        for row in late:
            reason = f"expired: it was due {row.due_at:%Y-%m-%d %H:%M} UTC, and is not to be done this late"
            followups.update(connection, [row.id], state="skipped", final=True, at=now, reason=reason)
        replan(connection, shop, sorted({row.order_id for row in late}), now)
    tally.count("skipped", len(late))


def _break_circuits(shop: Shop, tally: Tally) -> None:
    """A rule that would act on far more than usual in one go is held, and the staff told."""
    now = shop.clock()
    limits = {active.rule.id: active.rule.max_per_run for active in shop.rules}
    with shop.database.read() as connection:
        busy = followups.busy_rules(connection, shop.id, now, now - ROLLING)
    for rule, count in busy.items():
        limit = limits.get(rule, 0)
        if rule not in limits or count <= limit:
            continue
        reason = f"held: {count} follow-ups of this rule within an hour, and max_per_run is {limit}"
        with shop.database.write(durable=True) as connection:
            held = followups.hold(connection, shop.id, rule, now, reason)
        if held:
            tally.count("held", held)
            log.warning("rule held", store=shop.id, rule=rule, followups=count, limit=limit)
            shop.staff.tell(
                f"{shop.id}: rule '{rule}' is held",
                f"The rule '{rule}' would act on {count} follow-ups within an hour; its max_per_run is {limit}. "
                f"Nothing of it goes out until you say so:\n\n"
                f"  aftersale approve {rule}         lets them go\n"
                f"  aftersale approve {rule} --drop  drops them",
            )


def _look_again(
    shop: Shop, steps: Sequence[list[Followup]], polled: Polled, past_until: datetime | None
) -> list[list[Followup]]:
    """Fetch the orders that we did not just see, a hundred a request; what is still wanted comes back."""
    now = shop.clock()
    stale = {row.order_id for step in steps for row in step if _is_stale(polled, row.order_id, now)}
    for batch in batches(sorted(stale)):
        fetched = look_again(shop, batch, past_until, polled)
        unreadable = {each.order_id: each.reason for each in fetched.broken}
        unreadable |= dict.fromkeys(fetched.missing, "the store answers 404 for this order")
        for order_id, reason in unreadable.items():
            _put_off_order(shop, order_id, timedelta(hours=1), f"put off: {reason}")
    return [step for step in steps if not any(_is_stale(polled, row.order_id, now) for row in step)]


def _is_stale(polled: Polled, order_id: str, now: datetime) -> bool:
    seen_at = polled.fresh.get(order_id)
    return seen_at is None or now - seen_at > FRESH_FOR


def _put_off_order(shop: Shop, order_id: str, delay: timedelta, reason: str) -> None:
    now = shop.clock()
    with shop.database.write() as connection:
        due = [
            row.id
            for row in followups.of_orders(connection, shop.id, [order_id])
            if row.state == "pending" and row.due_at <= now
        ]
        followups.update(connection, due, due_at=now + delay, reason=reason)
