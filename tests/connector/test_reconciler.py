"""Wanted follow-ups against recorded ones: told in single steps, then as stories that nobody thought of."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, cast
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from adapters.model import Customer, Milestone, Money, Order, Refund, Shipment
from connector.reconciler import Changes, reconcile
from connector.store.followups import Followup
from rules.conditions import compile_conditions, compile_stop_if
from rules.events import Journal, Ladders, Sight, observe, parse_rung
from rules.facts import Active, Facts, State
from rules.planner import Plan, plan
from rules.rule import Action, Rule, Step
from rules.timing import Calendar, parse_duration, parse_window

NOW = datetime(2026, 6, 1, 9, tzinfo=UTC)
CALENDAR = Calendar(ZoneInfo("Asia/Jerusalem"))
PERSON = "noa"
DECIDED = ("done", "failed", "unknown", "held")


def hours(count: float) -> timedelta:
    return timedelta(hours=count)


class Nothing(BaseModel):
    """What an action says is nothing to the reconciler."""


NOTE = Action("add_note", Nothing())
MESSAGE = Action("send", Nothing(), to_customer=True)


def step(position: int, wait: str, *actions: Action, id_: str | None = None) -> Step:
    return Step(id_ or str(position), position, parse_duration(wait), parse_window("09:00-18:00"), actions)


def rule(*steps: Step, **changed: Any) -> Rule:
    usual: dict[str, Any] = {
        "id": "r",
        "name": "A rule",
        "trigger": "order.placed",
        "steps": steps or (step(1, "1 hour", NOTE),),
        "conditions": compile_conditions(None, None, None, []),
        "stop_if": compile_stop_if({"order.status": "refunded"}, []),
    }
    return Rule(**usual | changed)


def order(status: str = "processing", **changed: Any) -> Order:
    usual: dict[str, Any] = {
        "id": "7",
        "number": "1007",
        "status": status,
        "created_at": NOW,
        "modified_at": NOW,
        "total": Money(Decimal(100), "ILS"),
        "customer": Customer(email="noa@example.com"),
    }
    return Order(**usual | changed)


@dataclass
class Records:
    """The follow-ups' table, in memory, as strict as the real one and stricter."""

    rows: dict[int, Followup] = field(default_factory=dict)

    def apply(self, changes: Changes) -> None:
        for new in changes.inserted:
            self._insert(new)
        for change in (*changes.moved, *changes.skipped):
            row = self.rows[cast(int, change["id"])]
            assert row.state not in DECIDED, f"{row.state} is final"
            assert not row.final, "skipped for good is final"
            self.rows[row.id] = replace(row, **cast(dict[str, Any], change))

    def _insert(self, new: dict[str, object]) -> None:
        identity = ("store", "rule", "subject", "step", "action")
        for row in self.rows.values():
            assert any(getattr(row, name) != new[name] for name in identity), "an identity is recorded once"
        unset = dict.fromkeys(("channel", "locale", "held_for", "intent", "intent_at", "result"))
        row = Followup(**cast(dict[str, Any], {**unset, **new, "id": len(self.rows) + 1}))
        self.rows[row.id] = row

    def become(self, rows: Iterable[Followup], state: State, at: datetime, *, final: bool = True) -> None:
        for row in rows:
            self.rows[row.id] = replace(row, state=state, final=final, at=at)

    def of(self, state: State) -> list[Followup]:
        return [row for row in self.rows.values() if row.state == state]


@dataclass
class Shop:
    """One rule, a customer's orders, and what is recorded of them."""

    rule: Rule
    records: Records = field(default_factory=Records)
    orders: dict[str, Order] = field(default_factory=dict)
    journals: dict[str, Journal] = field(default_factory=lambda: defaultdict(tuple))
    now: datetime = NOW
    ladders: Ladders = field(default_factory=Ladders)
    person: str = PERSON

    def see(self, seen: Order) -> Changes:
        """Look at an order, plan, and bring the records in line."""
        self.orders[seen.id] = seen
        self.journals[seen.id] = observe(seen, self.journals[seen.id], Sight(self.now, self.ladders, CALENDAR))
        changes = self.reconciled(seen)
        self.records.apply(changes)
        return changes

    def planned(self, seen: Order) -> Plan:
        deeds = tuple(row.deed for row in self.records.rows.values())
        facts = Facts(seen, self.person, CALENDAR, self.ladders, deeds)
        return plan(facts, self.journals[seen.id], [Active(self.rule, NOW - hours(1))], self.now)

    def reconciled(self, seen: Order) -> Changes:
        return reconcile("tea", seen, self.person, self.planned(seen), list(self.records.rows.values()), self.now)

    def states(self) -> list[tuple[str, int, str]]:
        return [(row.step, row.action, row.state) for row in self.records.rows.values()]


# In single steps ----------------------------------------------------------------------------------------------


def test_a_wanted_step_becomes_a_row_an_action() -> None:
    shop = Shop(rule(step(1, "1 hour", NOTE, MESSAGE)))
    shop.see(order())
    note, message = shop.records.rows.values()
    assert (note.kind, message.kind) == ("add_note", "send")
    assert (note.state, note.subject, note.due_at, note.event_at) == ("pending", "order:7", NOW + hours(1), NOW)
    assert (note.order_id, note.number, note.person, note.approved, note.tries) == ("7", "1007", PERSON, False, 0)


def test_to_reconcile_twice_changes_nothing() -> None:
    shop = Shop(rule())
    shop.see(order())
    assert shop.see(order()) == Changes()


def test_what_is_wanted_no_more_is_skipped_with_its_reason_and_comes_back_to_life() -> None:
    shop = Shop(rule())
    shop.see(order())
    shop.see(order("refunded"))
    (row,) = shop.records.of("skipped")
    assert row.reason == "order.status is refunded, wanted anything but refunded"
    assert not row.final
    shop.see(order("processing"))
    (row,) = shop.records.of("pending")
    assert (row.reason, row.due_at) == (None, NOW + hours(1))


@pytest.mark.parametrize("state", DECIDED)
def test_what_is_decided_is_never_touched(state: State) -> None:
    shop = Shop(rule())
    shop.see(order())
    shop.records.become(shop.records.of("pending"), state, NOW)
    assert shop.see(order("refunded")) == Changes()
    assert shop.see(order()) == Changes()


def test_what_is_skipped_for_good_stays_so() -> None:
    shop = Shop(rule())
    shop.see(order())
    shop.records.become(shop.records.of("pending"), "skipped", NOW)
    assert shop.see(order()) == Changes()


def test_an_action_skipped_for_good_stays_so_though_the_rest_of_its_step_is_wanted() -> None:
    shop = Shop(rule(step(1, "1 hour", NOTE, MESSAGE)))
    shop.see(order())
    shop.records.become(shop.records.of("pending")[:1], "skipped", NOW)
    assert shop.see(order()) == Changes()


def test_a_row_moves_when_its_time_does() -> None:
    shop = Shop(rule(trigger="order.on_hold"))
    shop.see(order("on-hold"))
    for hour, status in ((2, "processing"), (4, "on-hold")):
        shop.now = NOW + hours(hour)
        shop.see(order(status))
    (row,) = shop.records.rows.values()
    assert (row.event_at, row.due_at) == (NOW + hours(4), NOW + hours(5))


def test_a_row_that_was_put_off_stays_put_off_until_its_time_moves() -> None:
    shop = Shop(rule())
    shop.see(order())
    (row,) = shop.records.rows.values()
    shop.records.rows[row.id] = replace(row, due_at=NOW + hours(9), reason="put off: the store was down")
    shop.rule = rule(version="edited, but for its time")
    shop.see(order())
    (row,) = shop.records.rows.values()
    assert (row.version, row.due_at, row.reason) == (shop.rule.version, NOW + hours(9), "put off: the store was down")
    shop.rule = rule(step(1, "2 hours", NOTE), version="edited")
    shop.see(order())
    (row,) = shop.records.rows.values()
    assert (row.due_at, row.reason) == (NOW + hours(2), None)


def test_a_row_follows_its_order_to_another_person() -> None:
    shop = Shop(rule())
    shop.see(order())
    shop.person = "noa, at another address"
    shop.see(order())
    (row,) = shop.records.rows.values()
    assert row.person == shop.person


def test_an_action_that_is_taken_out_of_a_rule_is_skipped_and_says_so() -> None:
    shop = Shop(rule(step(1, "1 hour", NOTE, MESSAGE)))
    shop.see(order())
    shop.rule = rule(step(1, "1 hour", NOTE))
    shop.see(order())
    (row,) = shop.records.of("skipped")
    assert (row.action, row.reason) == (2, "the rule was edited: it no longer has this action")


def test_an_action_that_is_taken_out_while_its_step_is_under_way_does_not_stop_what_follows() -> None:
    shop = Shop(rule(step(1, "1 hour", NOTE, MESSAGE), step(2, "1 hour", NOTE)))
    shop.see(order())
    shop.records.become([row for row in shop.records.of("pending") if row.action == 1], "done", NOW)
    shop.rule = rule(step(1, "1 hour", NOTE), step(2, "1 hour", NOTE))
    shop.see(order())
    assert shop.states() == [("1", 1, "done"), ("1", 2, "skipped"), ("2", 1, "pending")]


def test_a_parcel_that_is_gone_takes_its_follow_up_with_it() -> None:
    shop = Shop(rule(trigger="order.shipped", once_per="shipment"))
    shop.see(order(shipments=(Shipment(id="p1"),)))
    shop.see(order())
    (row,) = shop.records.of("skipped")
    assert row.reason == "no longer planned: its rule, its trigger or what it was about is gone"


def test_another_order_of_the_customer_takes_over_what_is_once_for_them() -> None:
    shop = Shop(rule(once_per="customer"))
    shop.see(order())
    assert shop.see(order(id="8", number="1008")) == Changes()
    shop.see(order("refunded"))
    shop.see(order(id="8", number="1008"))
    (row,) = shop.records.rows.values()
    assert (row.order_id, row.number, row.state) == ("8", "1008", "pending")
    assert shop.see(order()) == Changes()


# As stories ---------------------------------------------------------------------------------------------------

NAMED = {name: step(1, "1 hour", NOTE, id_=name) for name in ("a", "b", "c")}


def in_order(*steps: Step) -> tuple[Step, ...]:
    return tuple(replace(each, position=position) for position, each in enumerate(steps, start=1))


A, B, C = NAMED.values()
LONGER = replace(B, actions=(NOTE, MESSAGE, NOTE))
VARIANTS = [
    in_order(A, B, C),
    in_order(B, A, C),
    in_order(A, C),
    in_order(C),
    in_order(A, LONGER, C),
    (step(1, "1 hour", NOTE), step(2, "5 hours", MESSAGE, NOTE)),
    (step(1, "1 hour", NOTE, MESSAGE),),
]
NEWS = ("shipment.delivered", "shipment.late", "order.partially_refunded", "checkout.abandoned")
EDITS = st.builds(
    lambda steps, once_per, trigger, conditions, enabled, version: rule(
        *steps,
        once_per=once_per,
        trigger=trigger,
        conditions=compile_conditions(conditions, None, None, []),
        enabled=enabled,
        version=version,
    ),
    st.sampled_from(VARIANTS),
    st.sampled_from(["order", "order", "customer", "shipment"]),
    st.sampled_from(["order.placed", "order.delivered", "order.shipped", "order.on_hold", *NEWS]),
    st.sampled_from([None, {"order.created_at": {"older_than": "2 days"}}, {"shipment.delivered_at": "missing"}]),
    st.sampled_from([True, True, True, False]),
    st.text("xy", max_size=2),
)
DISTANCES = st.none() | st.integers(-50, 50)
CARRIERS = st.tuples(
    st.sampled_from([None, "in_transit", "exception", "delivered", "returned"]),
    st.lists(st.tuples(st.sampled_from(["in_transit", "exception", "delivered"]), st.integers(-50, 5)), max_size=3),
    DISTANCES,
    DISTANCES,
)
"""A parcel's state, its milestones, and how many hours off it arrives and was to arrive."""
EVENTS = st.one_of(
    st.tuples(st.just("status"), st.sampled_from(["processing", "on-hold", "completed", "delivered", "refunded"])),
    st.tuples(st.just("date"), st.integers(-50, 50)),
    st.tuples(st.just("parcels"), st.lists(st.sampled_from(["p1", "p2"]), unique=True)),
    st.tuples(st.just("carrier"), CARRIERS),
    st.tuples(st.just("draft"), st.booleans()),
    st.tuples(st.just("refund"), st.integers(0, 100)),
    st.tuples(st.just("trash"), st.booleans()),
    st.tuples(st.just("wait"), st.integers(1, 60)),
    st.tuples(st.just("act"), st.sampled_from(["done", "done", "failed", "skipped", "unknown", "held"])),
    st.tuples(st.just("settle"), st.sampled_from(["done", "pending"])),
    st.tuples(st.just("edit"), EDITS),
)
STORIES = st.lists(st.tuples(st.sampled_from(["7", "8"]), EVENTS), max_size=25)
CAREFUL = Ladders(
    delivered_when=(
        parse_rung("shipment", "delivered"),
        parse_rung("status", "delivered"),
        parse_rung("meta", "_delivered_at"),
        parse_rung("status", "completed"),
        parse_rung("shipped_plus", "1 day"),
    )
)


def changed(seen: Order, event: tuple[str, Any], now: datetime) -> Order:
    """The order after what happened to it; what happens to the worker changes nothing in it."""
    match event:
        case ("status", status):
            dated = now if status == "completed" else seen.completed_at
            return msgspec.structs.replace(seen, status=status, completed_at=dated)
        case ("date", distance):
            return msgspec.structs.replace(seen, meta={"_delivered_at": (now + hours(distance)).isoformat()})
        case ("parcels", ids):
            return msgspec.structs.replace(seen, shipments=tuple(Shipment(id=id_, shipped_at=now) for id_ in ids))
        case ("carrier", told):
            return msgspec.structs.replace(seen, shipments=(carried(told, now), *seen.shipments[1:]))
        case ("draft", draft):
            return msgspec.structs.replace(seen, draft=draft, modified_at=now)
        case ("refund", amount):
            refund = Refund(id="1", amount=Money(Decimal(amount), "ILS"))
            return msgspec.structs.replace(seen, refunds=(refund,))
        case ("trash", trashed):
            return msgspec.structs.replace(seen, trashed=trashed)
    return seen


def carried(told: tuple[str | None, Sequence[tuple[str, int]], int | None, int | None], now: datetime) -> Shipment:
    """The first parcel, as its carrier tells of it."""
    state, scans, arrives, expected = told
    return Shipment(
        id="p1",
        shipped_at=now,
        state=state,
        milestones=tuple(sorted((Milestone(at, now + hours(hour)) for at, hour in scans), key=lambda each: each.at)),
        delivered_at=now + hours(arrives) if arrives is not None else None,
        estimated_delivery_at=now + hours(expected) if expected is not None else None,
    )


def happen(shop: Shop, event: tuple[str, Any]) -> None:
    """What happens to the worker: time passes, it acts, a person edits the rule."""
    match event:
        case ("wait", count):
            shop.now += hours(count)
        case ("act", outcome):
            act(shop, outcome)
        case ("settle", outcome):
            open_ends = [*shop.records.of("unknown"), *shop.records.of("held")]
            shop.records.become(open_ends[:1], outcome, shop.now, final=outcome == "done")
        case ("edit", edited):
            shop.rule = edited


def act(shop: Shop, outcome: State) -> None:
    """As the runner does: plan again, take what is due of one step, and end it at the first that is not done."""
    for row in sorted(shop.records.of("pending"), key=lambda row: (row.due_at, row.id)):
        seen = shop.orders[row.order_id]
        shop.see(seen)
        row = shop.records.rows[row.id]
        its_step = [each for each in shop.records.rows.values() if each.of_step == row.of_step]
        if row.state != "pending" or row.due_at > shop.now or {each.state for each in its_step} & {"unknown", "held"}:
            continue
        todo = [each for each in its_step if each.state == "pending"]
        if outcome in ("done", "unknown", "held"):
            shop.records.become(todo[:1], outcome, shop.now, final=outcome == "done")
        else:
            shop.records.become(todo[:1], outcome, shop.now)
            shop.records.become(todo[1:], "skipped", shop.now)
        return


@settings(max_examples=300)
@given(STORIES)
def test_in_any_story_the_laws_hold(story: Sequence[tuple[str, tuple[str, Any]]]) -> None:
    shop = Shop(rule(*VARIANTS[0]), ladders=CAREFUL)
    for id_ in ("7", "8"):
        shop.see(order(id=id_, number=f"100{id_}"))
    for id_, event in story:
        happen(shop, event)
        shop.see(changed(shop.orders[id_], event, shop.now))
        for seen in [*shop.orders.values(), *shop.orders.values()]:  # what one lets go, another may take
            shop.see(seen)
        assert_planning_again_changes_nothing(shop)
        assert_one_step_at_a_time(shop)
        assert_a_customer_has_it_from_one_order(shop)


def assert_planning_again_changes_nothing(shop: Shop) -> None:
    for seen in shop.orders.values():
        journal = shop.journals[seen.id]
        assert observe(seen, journal, Sight(shop.now, shop.ladders, CALENDAR)) is journal
        made = shop.planned(seen)
        assert made == shop.planned(seen)
        assert made.ask_at is None or made.ask_at > shop.now
        assert shop.reconciled(seen) == Changes()


def assert_one_step_at_a_time(shop: Shop) -> None:
    """Nothing is planned beside a step that is under way, nor up to where a follow-up has come."""
    for subject in {row.subject for row in shop.records.rows.values()}:
        rows = [row for row in shop.records.rows.values() if row.subject == subject]
        pending = {row.step for row in rows if row.state == "pending"}
        under_way = {row.step for row in rows if row.state in ("unknown", "held")}
        assert len(pending) <= 1
        assert not pending or under_way <= pending
        positions = {each.id: each.position for each in shop.rule.steps}
        passed = max((positions.get(row.step, row.position) for row in rows if is_whole(row, rows)), default=0)
        assert all(positions[name] > passed for name in pending)


def is_whole(row: Followup, rows: Sequence[Followup]) -> bool:
    """Whether the whole step of this row came to its end."""
    return all(each.state in ("done", "failed") or each.final for each in rows if each.step == row.step)


def assert_a_customer_has_it_from_one_order(shop: Shop) -> None:
    rows = [row for row in shop.records.rows.values() if row.subject.startswith("customer:")]
    assert len({row.order_id for row in rows if row.state != "skipped" or row.final}) <= 1
