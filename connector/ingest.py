"""Orders as just seen → facts, journal, plan, records: all in the caller's transaction.

Polling, sweeping and looking again before acting differ only in how the orders were fetched.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from adapters.model import Order
from connector.reconciler import Changes, reconcile
from connector.shop import Shop, person_of
from connector.store import followups, orders
from connector.store.followups import Followup
from rules.events import ASSUMED, Journal, Sight, latest, observe
from rules.planner import Facts, plan

OPEN_FOR = timedelta(days=90)
"""How long an order may still bring news that its modification date does not tell."""

CLOSED = frozenset({"cancelled", "refunded", "failed", "trash"})


@dataclass(frozen=True, slots=True)
class Ingested:
    """How many orders had changed, and how many follow-ups were planned for them."""

    changed: int = 0
    planned: int = 0
    skipped: int = 0


def ingest(
    connection: sa.Connection,
    shop: Shop,
    seen: Iterable[Order],
    now: datetime,
    past_until: datetime | None,
    *,
    replan: bool = False,
) -> Ingested:
    """Store what was seen, journal what is new in it, and bring the records in line with the plan.

    An order first seen now, but created before `past_until` (on the store's clock), is part of the past.
    With `replan`, unchanged orders are planned again too, as time may have changed their plan.
    """
    arrived = {order.id: order for order in seen}
    known = orders.load(connection, shop.id, list(arrived))
    news: list[_News] = []
    changed = 0
    for order in arrived.values():
        raw = orders.encode(order)
        before = known.get(order.id)
        is_changed = before is None or before.raw != raw
        if not is_changed and not replan:
            continue
        changed += is_changed
        is_past = before is None and (past_until is None or order.created_at <= past_until)
        sight = Sight(now, shop.ladders, shop.calendar, (past_until or now) if is_past else None)
        journal = observe(order, before.journal if before else (), sight)
        news.append(_News(order, raw, journal, person_of(order, shop.secret)))
    planned = skipped = 0
    for batch in _one_a_person(news) if shop.person_rules else [news] if news else []:
        changes = _plan_and_save(connection, shop, batch, known, now)
        planned += len(changes.inserted)
        skipped += len(changes.skipped)
    return Ingested(changed, planned, skipped)


def replan(connection: sa.Connection, shop: Shop, ids: Sequence[str], now: datetime) -> Ingested:
    """Plan these orders again from what is known of them, as time or the rules have changed."""
    known = orders.load(connection, shop.id, ids)
    return ingest(connection, shop, [each.order for each in known.values()], now, now, replan=True)


@dataclass(frozen=True, slots=True)
class _News:
    order: Order
    raw: bytes
    journal: Journal
    person: str


def _one_a_person(news: Sequence[_News]) -> list[list[_News]]:
    """Batches in which nobody comes twice: what is planned for one of a person's orders counts for the next."""
    batches: list[list[_News]] = []
    turns: Counter[str] = Counter()
    for each in news:
        turn = turns[each.person]
        if turn == len(batches):
            batches.append([])
        batches[turn].append(each)
        turns[each.person] += 1
    return batches


def _plan_and_save(
    connection: sa.Connection, shop: Shop, news: Sequence[_News], known: Collection[str], now: datetime
) -> Changes:
    """Plan each order with what is recorded of it and of its person, and write all that follows."""
    recorded = _recorded(connection, shop, news, known)
    rules = shop.rules_now()
    changes = Changes()
    to_save = []
    for each in news:
        rows = recorded.get(each.order.id, [])
        deeds = tuple(row.deed for row in rows)
        facts = Facts(each.order, each.person, shop.calendar, shop.ladders, deeds)
        planned = plan(facts, each.journal, rules, now)
        changes.add(reconcile(shop.id, each.order, each.person, planned, rows, now))
        is_open = _is_open(each.order, each.journal, now)
        to_save.append(orders.Seen(each.order, each.raw, each.journal, each.person, is_open, planned.ask_at))
    orders.save(connection, shop.id, to_save)
    followups.insert(connection, changes.inserted)
    followups.update_each(connection, changes.moved)
    followups.update_each(connection, changes.skipped)
    return changes


def _recorded(
    connection: sa.Connection, shop: Shop, news: Sequence[_News], known: Collection[str]
) -> dict[str, list[Followup]]:
    """By order: its recorded follow-ups, then those of its person that its rules have to know."""
    of_order: dict[str, list[Followup]] = {}
    if known:
        for row in followups.of_orders(connection, shop.id, list(known)):
            of_order.setdefault(row.order_id, []).append(row)
    if shop.person_rules:
        of_person: dict[str, list[Followup]] = {}
        people = {each.person for each in news}
        for row in followups.of_people(connection, shop.id, people, shop.person_rules):
            of_person.setdefault(row.person, []).append(row)
        for each in news:
            others = [row for row in of_person.get(each.person, []) if row.order_id != each.order.id]
            of_order[each.order.id] = [*of_order.get(each.order.id, []), *others]
    return of_order


def _is_open(order: Order, journal: Journal, now: datetime) -> bool:
    """Whether news of this order may come that its modification date does not tell."""
    if order.draft or order.trashed or order.status in CLOSED or now - order.created_at > OPEN_FOR:
        return False
    delivered = latest(journal, "order.delivered")
    return delivered is None or delivered.source == ASSUMED
