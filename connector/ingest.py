"""What was seen → facts, journal, plan, records: all in the caller's transaction.

Polling, sweeping and looking again before acting differ only in how the orders were fetched. An order that our own
code stumbles over is named as broken, and never keeps the others from being looked after.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

import sqlalchemy as sa
import structlog
from msgspec.structs import replace

from adapters.base import Broken
from adapters.model import NOTHING_SAID, Order, Remarks
from connector.histories import Records, records_of
from connector.people import person_of
from connector.privacy import keeping
from connector.reconciler import Changes, reconcile
from connector.shop import Shop
from connector.store import followups, orders
from connector.store.followups import Followup
from connector.store.orders import Erased, Known
from connector.tally import Tally
from rules.events import ASSUMED, Journal, Sight, dated, hear, latest, observe
from rules.facts import Facts
from rules.journey import is_under_way
from rules.planner import Plan, plan

log = structlog.get_logger()

OPEN_FOR = timedelta(days=90)
"""How long an order may still bring news that its modification date does not tell."""

CLOSED = frozenset({"cancelled", "refunded", "failed", "trash"})

ANOTHER = (
    "it is another customer's order than before, made at another time: was the shop's database put back from a copy? "
    "Nothing is done about it"
)

MOST_REMARKS = 100
"""Reviews, and as many notes, that are kept of one order: nobody means what comes after them."""

AFTER_A_FAULT = timedelta(hours=1)
"""How long an order, or a follow-up, that we stumbled over is left alone."""


@dataclass(slots=True)
class Ingested:
    """How many orders had changed, what was planned and (by rule) skipped for them, and which we stumbled over."""

    changed: int = 0
    planned: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    broken: list[Broken] = field(default_factory=list)

    def count_in(self, tally: Tally) -> None:
        """Add what was planned and skipped to the counts of a run."""
        tally.count("planned", self.planned)
        count_skipped(tally, self.skipped)


def count_skipped(tally: Tally, skipped: Counter[str]) -> None:
    """Add what was skipped, by rule, to the counts of a run."""
    for rule, number in skipped.items():
        tally.became("skipped", rule, number=number)


def ingest(
    connection: sa.Connection, shop: Shop, seen: Iterable[Order], now: datetime, past_until: datetime | None
) -> Ingested:
    """Store what was seen, journal what is new in it, and bring the records in line with the plan.

    An order first seen now, but created before `past_until` (on the store's clock), is part of the past.
    """
    arrived = {order.id: order for order in seen}
    known = orders.load(connection, shop.id, list(arrived))
    ingested = Ingested()
    news: list[_News] = []
    present = Sight(now, shop.ladders, shop.calendar)
    past = Sight(now, shop.ladders, shop.calendar, past_until or now)
    may_keep = keeping(connection, shop, now)
    for whole in arrived.values():
        before = known.get(whole.id)
        try:
            order, erased = may_keep.look(_as_first_counted(whole, before), before)
            raw = orders.encode(order)
            is_changed = before is None or before.raw != raw
            if before is None or is_changed or _is_due_for_care(order, before, now):
                person = person_of(whole, shop.id, shop.secret)
                if before is not None and person != before.person and _is_another(whole, before.order):
                    ingested.broken.append(Broken(whole.id, ANOTHER))
                    continue
                is_past = before is None and (past_until is None or order.created_at <= past_until)
                journal = observe(order, before.journal if before else (), past if is_past else present)
                asked_at = before.ask_at if before is not None else None
                remarks = before.remarks if before is not None and erased is None else NOTHING_SAID
                about = (order, raw, journal, person, erased, asked_at, remarks)
                news.append(_News(*about, is_new=before is None, is_changed=is_changed))
        except Exception as error:  # noqa: BLE001  one order must not keep the others from being seen
            ingested.broken.append(_stumbled_over(shop, whole.id, error))
        else:
            ingested.changed += is_changed
    _plan_all(connection, shop, news, now, ingested)
    return ingested


def replan(connection: sa.Connection, shop: Shop, ids: Sequence[str], now: datetime) -> Ingested:
    """Plan these orders again from what is known of them, as time, the rules or the records have changed."""
    ingested = Ingested()
    news: list[_News] = []
    for order_id, known in orders.load(connection, shop.id, ids).items():
        try:
            journal = observe(known.order, known.journal, Sight(now, shop.ladders, shop.calendar))
            about = (known.order, known.raw, journal, known.person, known.erased, known.ask_at, known.remarks)
            news.append(_News(*about, is_new=False, is_changed=False))
        except Exception as error:  # noqa: BLE001  one order must not keep the others from being planned
            ingested.broken.append(_stumbled_over(shop, order_id, error))
    _plan_all(connection, shop, news, now, ingested)
    for each in ingested.broken:
        aside = orders.set_aside(connection, shop.id, each.order_id, each.reason, now)
        orders.set_ask_at(connection, shop.id, each.order_id, aside.look_at)
    return ingested


def take_in(
    connection: sa.Connection, shop: Shop, said: Mapping[str, Remarks], now: datetime, past_until: datetime | None
) -> Ingested:
    """Keep what was said about these orders, journal what is new of it, and plan them again.

    What was said by `past_until` (on the store's clock) is part of the past. Nothing is kept of people who are erased.
    """
    ingested = Ingested()
    news: list[_News] = []
    sight = Sight(now, shop.ladders, shop.calendar, past_until or now)
    for order_id, known in orders.load(connection, shop.id, list(said)).items():
        remarks = _together(known.remarks, said[order_id])
        if known.erased is not None or remarks == known.remarks:
            continue
        try:
            journal = hear(remarks, known.journal, sight)
            about = (known.order, known.raw, journal, known.person, known.erased, known.ask_at, remarks)
            news.append(_News(*about, is_new=False, is_changed=False))
        except Exception as error:  # noqa: BLE001  one order must not keep the others from being heard of
            ingested.broken.append(_stumbled_over(shop, order_id, error))
    _plan_all(connection, shop, news, now, ingested)
    return ingested


def _together(before: Remarks, news: Remarks) -> Remarks:
    """What was said, as it was last read, the first of it first."""
    reviews = {each.id: each for each in (*before.reviews, *news.reviews)}
    notes = {each.id: each for each in (*before.notes, *news.notes)}
    return Remarks(tuple(reviews.values())[:MOST_REMARKS], tuple(notes.values())[:MOST_REMARKS])


class _News(NamedTuple):
    order: Order
    raw: bytes
    journal: Journal
    person: str
    erased: Erased | None
    asked_at: datetime | None
    remarks: Remarks
    is_new: bool
    is_changed: bool


def _as_first_counted(order: Order, before: Known | None) -> Order:
    """The order, with how many its customer had made when it was first seen: later ones tell of themselves."""
    if before is None or order.customer.orders_count is None:
        return order
    first = before.order.customer.orders_count
    if first is None or first == order.customer.orders_count:
        return order
    return replace(order, customer=replace(order.customer, orders_count=first))


def _is_another(order: Order, before: Order) -> bool:
    """Whether this is somebody else's order under the id of one that we knew: it was made at another time, too."""
    people = (order.customer.email, before.customer.email)
    return all(people) and not before.draft and order.created_at != before.created_at


def _is_due_for_care(order: Order, before: Known, now: datetime) -> bool:
    """Whether the row of an unchanged order is out of date: it is back after a 404, or too old to be swept for news."""
    return before.was_missing or (before.open and not _is_open(order, before.journal, now))


def _stumbled_over(shop: Shop, order_id: str, error: Exception) -> Broken:
    log.exception("internal fault over an order", store=shop.id, order=order_id)
    return Broken(order_id, f"an internal fault ({type(error).__name__}); the log has the details")


def _plan_all(connection: sa.Connection, shop: Shop, news: Sequence[_News], now: datetime, ingested: Ingested) -> None:
    looks_at_people = shop.person_rules or shop.looks_back
    known = _known_of(connection, shop, news, now) if shop.looks_back else {}
    for batch in _one_a_person(news) if looks_at_people else [news] if news else []:
        _plan_and_save(connection, shop, batch, known, now, ingested)


def _known_of(connection: sa.Connection, shop: Shop, news: Sequence[_News], now: datetime) -> dict[str, Records]:
    """By person, all that is known of them by now."""
    seen = [(each.person, dated(each.order, each.journal)) for each in news]
    return records_of(connection, shop, {each.person for each in news}, now, seen)


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
    connection: sa.Connection,
    shop: Shop,
    news: Sequence[_News],
    known: Mapping[str, Records],
    now: datetime,
    ingested: Ingested,
) -> None:
    """Plan each order with what is recorded of it and `known` of its person, and write all that follows."""
    recorded = _recorded(connection, shop, news)
    rules = shop.rules_now()
    changes = Changes()
    to_save = []
    for each in news:
        rows = recorded.get(each.order.id, [])
        try:
            facts = Facts(
                each.order,
                each.person,
                shop.calendar,
                shop.ladders,
                tuple([row.deed for row in rows]),
                shop.protection.quiet,
                known[each.person].beside(each.order.id) if shop.looks_back else None,
                each.asked_at,
                each.remarks,
            )
            planned = plan(facts, each.journal, rules, now)
            if planned.wanted or planned.held_out or rows:
                changes.add(reconcile(shop.id, each.order, each.person, planned, rows, now))
            to_save.append(_to_save(each, planned, now))
        except Exception as error:  # noqa: BLE001  one order must not keep the others from being planned
            ingested.broken.append(_stumbled_over(shop, each.order.id, error))
    orders.save(connection, shop.id, to_save)
    followups.insert(connection, changes.inserted)
    followups.update_each(connection, changes.moved)
    followups.update_each(connection, changes.skipped)
    _let_others_step_in(connection, shop, news, known, recorded, changes, now)
    ingested.planned += sum(row["state"] == "pending" for row in changes.inserted)
    if changes.skipped:
        skipped = {row["id"] for row in changes.skipped}
        of_rule = {row.id: row.rule for rows in recorded.values() for row in rows if row.id in skipped}
        ingested.skipped.update(of_rule.values())


def _to_save(each: _News, planned: Plan, now: datetime) -> orders.Seen:
    is_open = _is_open(each.order, each.journal, now)
    planned_for = ask_at(planned, now)
    return orders.Seen(each.order, each.raw, each.journal, each.person, is_open, planned_for, each.erased, each.remarks)


def ask_at(planned: Plan, now: datetime) -> datetime | None:
    """When to plan again what time alone may change.

    Never at once: whoever asks until nothing is left to ask would not come to an end.
    """
    return max(planned.ask_at, now + timedelta(seconds=1)) if planned.ask_at is not None else None


def _recorded(connection: sa.Connection, shop: Shop, news: Sequence[_News]) -> dict[str, list[Followup]]:
    """By order: its recorded follow-ups, then those of its person that its rules have to know."""
    of_order: dict[str, list[Followup]] = {}
    known = [each.order.id for each in news if not each.is_new]
    if known:
        for row in followups.of_orders(connection, shop.id, known):
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


def _let_others_step_in(
    connection: sa.Connection,
    shop: Shop,
    news: Sequence[_News],
    known: Mapping[str, Records],
    recorded: dict[str, list[Followup]],
    changes: Changes,
    now: datetime,
) -> None:
    """What is once per customer, and is not to be for this order any more, may be for another of theirs; and what is
    known of a customer by one order may count for another.
    """
    if shop.looks_back:
        for each in news:
            is_past = all(event.old for event in each.journal)  # and what a baseline finds was known to be there
            if each.is_changed and not is_past:
                orders.ask_again(connection, shop.id, known[each.person].to_ask(each.order.id), now)
    skipped = {row["id"] for row in changes.skipped}
    if not skipped or not shop.person_rules:
        return
    for each in news:
        rows = [row for row in recorded.get(each.order.id, []) if row.id in skipped and row.rule in shop.person_rules]
        if rows:
            orders.ask_again_of(connection, shop.id, each.person, each.order.id, now)


def _is_open(order: Order, journal: Journal, now: datetime) -> bool:
    """Whether news of this order may come that its modification date does not tell: above all of its parcels."""
    if order.draft or order.trashed or order.status in CLOSED or now - order.created_at > OPEN_FOR:
        return False
    if any(is_under_way(parcel) for parcel in order.shipments):
        return True
    delivered = latest(journal, "order.delivered")
    return delivered is None or delivered.source == ASSUMED
