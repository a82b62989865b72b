"""Whom an edited rule leaves alone: those for whom it has begun go on by the version with which it began."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.model import Order
from connector.reconciler import reconcile
from connector.store.followups import Followup
from rules.events import Sight, observe
from rules.facts import Active, Facts, State
from rules.planner import explain, plan
from rules.rule import Rule
from tests.connector.test_reconciler import (
    CALENDAR,
    CAREFUL,
    EDITS,
    EVENTS,
    MESSAGE,
    NOTE,
    NOW,
    PERSON,
    Records,
    changed,
    hours,
    order,
    rule,
    step,
)

FIRST = rule(step(1, "1 hour", NOTE), step(2, "1 day", NOTE), version="first")
SECOND = rule(step(1, "5 hours", NOTE, MESSAGE), version="second")


@dataclass
class Shop:
    """A shop in which people may go on by earlier versions of the rule."""

    active: Active
    records: Records = field(default_factory=Records)
    orders: dict[str, Order] = field(default_factory=dict)
    journals: dict[str, Any] = field(default_factory=dict)
    now: Any = NOW

    def edit(self, edited: Rule) -> None:
        """The rule is edited, with `in_flight: keep`."""
        earlier = {**self.active.earlier, self.active.rule.version: self.active.rule}
        self.active = replace(self.active, rule=edited, earlier=earlier)

    def facts(self, seen: Order) -> Facts:
        deeds = tuple(row.deed for row in self.records.rows.values())
        return Facts(seen, PERSON, CALENDAR, CAREFUL, deeds)

    def see(self, seen: Order) -> None:
        self.orders[seen.id] = seen
        self.journals[seen.id] = observe(seen, self.journals.get(seen.id, ()), Sight(self.now, CAREFUL, CALENDAR))
        planned = plan(self.facts(seen), self.journals[seen.id], [self.active], self.now)
        recorded = list(self.records.rows.values())
        self.records.apply(reconcile("tea", seen, PERSON, planned, recorded, self.now))

    def act(self, order_id: str, outcome: State) -> None:
        """What is due of this order's is done, or comes to another end."""
        due = [row for row in self.records.of("pending") if row.order_id == order_id and row.due_at <= self.now]
        self.records.become(due[:1], outcome, self.now, final=outcome != "unknown")

    def settle(self, order_id: str, outcome: State) -> None:
        open_ends = [row for row in self.records.of("unknown") if row.order_id == order_id]
        self.records.become(open_ends[:1], outcome, self.now, final=outcome == "done")

    def of(self, order_id: str) -> list[Followup]:
        """What is recorded of an order, but for the row's own number."""
        return [replace(row, id=0) for row in self.records.rows.values() if row.order_id == order_id]


def shop_with(first: Rule = FIRST) -> Shop:
    return Shop(Active(first, NOW - hours(1)))


# In single steps ----------------------------------------------------------------------------------------------


def test_who_is_under_way_goes_on_by_the_version_with_which_it_began_and_others_get_the_new_one() -> None:
    shop = shop_with()
    shop.see(order())
    shop.edit(SECOND)
    shop.see(order())
    shop.see(order(id="8", number="1008"))
    told = [(row.order_id, row.action, row.version, row.due_at) for row in shop.records.of("pending")]
    assert told == [
        ("7", 1, "first", NOW + hours(1)),
        ("8", 1, "second", NOW + hours(5)),
        ("8", 2, "second", NOW + hours(5)),
    ]


def test_they_go_on_to_the_end_of_its_steps_and_no_further() -> None:
    shop = shop_with()
    shop.see(order())
    shop.edit(rule(*FIRST.steps, replace(FIRST.steps[1], id="3", position=3), version="longer"))
    for _ in range(4):
        shop.now += hours(48)
        shop.act("7", "done")
        shop.see(order())
    assert [(row.step, row.state, row.version) for row in shop.records.rows.values()] == [
        ("1", "done", "first"),
        ("2", "done", "first"),
    ]


def test_a_version_that_has_come_to_its_end_has_nothing_left_to_say() -> None:
    shop = shop_with()
    shop.see(order())
    shop.records.become(shop.records.of("pending"), "done", NOW)
    shop.active = Active(SECOND, NOW - hours(1), earlier={"first": replace(SECOND, steps=())})
    (verdict,) = explain(shop.facts(order()), shop.journals["7"], [shop.active], shop.now)
    assert (verdict.wanted, verdict.outcome) == (None, "all steps are settled")


def test_without_an_earlier_version_all_follow_the_latest() -> None:
    shop = shop_with()
    shop.see(order())
    shop.active = Active(SECOND, NOW - hours(1))
    shop.see(order())
    assert {(row.version, row.due_at) for row in shop.records.of("pending")} == {("second", NOW + hours(5))}


def test_what_a_customer_gets_once_goes_on_with_another_order_of_theirs_by_the_version_with_which_it_began() -> None:
    shop = shop_with(replace(FIRST, once_per="customer"))
    shop.see(order())
    shop.edit(replace(SECOND, once_per="customer"))
    shop.see(order("refunded"))
    shop.see(order(id="8", number="1008"))
    (row,) = shop.records.rows.values()
    assert (row.order_id, row.version, row.due_at) == ("8", "first", NOW + hours(1))


# As stories ---------------------------------------------------------------------------------------------------

ORDERS = st.sampled_from(["7", "8"])
STORIES = st.lists(st.tuples(ORDERS, EVENTS), max_size=15)
SWITCHED_ON = EDITS.map(lambda edited: replace(edited, enabled=True))


def happen(shop: Shop, story: Sequence[tuple[str, tuple[str, Any]]], edits: str) -> None:
    """What happens in a shop; each edit is another version, if edits are made at all."""
    for number, (order_id, event) in enumerate(story):
        match event:
            case ("wait", span):
                shop.now += hours(span)
            case ("act", outcome):
                shop.act(order_id, "unknown" if outcome == "held" else outcome)
            case ("settle", outcome):
                shop.settle(order_id, outcome)
            case ("edit", edited) if edits:
                shop.edit(replace(edited, enabled=True, version=f"{edits}{number}"))
        shop.see(changed(shop.orders[order_id], event, shop.now))
        for seen in [*shop.orders.values(), *shop.orders.values()]:
            shop.see(seen)


@settings(max_examples=300)
@given(SWITCHED_ON, STORIES, SWITCHED_ON, STORIES)
def test_who_is_under_way_gets_what_they_would_have_got_without_the_edit(
    first: Rule, before: Sequence[tuple[str, Any]], second: Rule, after: Sequence[tuple[str, Any]]
) -> None:
    edited, unedited = (shop_with(replace(first, version="first")) for _ in range(2))
    for shop in (edited, unedited):
        for order_id in ("7", "8"):
            shop.see(order(id=order_id, number=f"100{order_id}"))
        happen(shop, before, edits="")
    rows = list(edited.records.rows.values())
    customers = any(row.subject.startswith("customer:") for row in rows)
    under_way = {row.order_id for row in rows} if not customers else set(edited.orders)
    edited.edit(replace(second, version="second"))
    happen(edited, after, edits="later")
    happen(unedited, after, edits="")
    for order_id in under_way:
        assert edited.of(order_id) == unedited.of(order_id)
