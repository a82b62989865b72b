"""From facts, journal, rules and the time to the follow-ups that ought to exist."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from pydantic import BaseModel

from adapters.model import NOTHING_SAID, Customer, LineItem, Milestone, Money, Order, Refund, Shipment
from rules.conditions import compile_conditions, compile_stop_if
from rules.events import Event, Journal, Ladders, Sight, observe, parse_rung
from rules.facts import Active, Deed, Facts
from rules.planner import Plan, Verdict, Wanted, cooling_down, explain, plan, scene_of
from rules.rule import Action, Rule, Step
from rules.subjects import subjects
from rules.timing import Calendar, Duration, parse_duration, parse_window
from rules.waits import DaysBefore, PerUnit, StepWait, Until

NOW = datetime(2026, 6, 1, 9, tzinfo=UTC)
"""A Monday, noon in Jerusalem."""
LONG_AGO = NOW - timedelta(days=100)
CALENDAR = Calendar(ZoneInfo("Asia/Jerusalem"))


class Nothing(BaseModel):
    """What an action says is nothing to the planner."""


NOTE = Action("add_note", Nothing())
MESSAGE = Action("send", Nothing(), to_customer=True)
PERSON = "noa"


def hours(count: float) -> timedelta:
    return timedelta(hours=count)


def days(count: float) -> timedelta:
    return timedelta(days=count)


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


def item(id_: str, sku: str) -> LineItem:
    return LineItem(id=id_, name=sku, quantity=1, total=Money(Decimal(40), "ILS"), sku=sku)


def parcel(id_: str, shipped_at: datetime | None = None) -> Shipment:
    return Shipment(id=id_, shipped_at=shipped_at)


def step(
    position: int,
    wait: str | StepWait | None,
    *actions: Action,
    send_between: str | None = None,
    id_: str | None = None,
) -> Step:
    return Step(
        id_ or str(position),
        position,
        parse_duration(wait) if isinstance(wait, str) else wait,
        parse_window(send_between) if send_between else None,
        actions or (NOTE,),
    )


def steps(*names: str) -> tuple[Step, ...]:
    """Steps of a note each, a day apart, called by these ids."""
    return tuple(step(position, "1 day", id_=name) for position, name in enumerate(names, start=1))


def rule(
    trigger: str = "order.placed",
    *its_steps: Step,
    conditions: object = None,
    stop_if: object = None,
    hold_while: object = None,
    **changed: Any,
) -> Rule:
    for name in ("expires_after", "cooldown"):
        if name in changed:
            changed[name] = parse_duration(changed[name])
    if isinstance(changed.get("backfill"), str):
        changed["backfill"] = parse_duration(changed["backfill"])
    return Rule(
        **{
            "id": "r",
            "name": "A rule",
            "trigger": trigger,
            "steps": its_steps or (step(1, "4 hours"),),
            "conditions": compile_conditions(conditions, None, None, []),
            "stop_if": compile_stop_if(stop_if, []),
            "hold_while": compile_stop_if(hold_while, []),
            **changed,
        }
    )


def deed(state: str = "done", step_: str = "1", **changed: Any) -> Deed:
    """What is recorded of a step; done deeds were done an hour after the order was placed."""
    usual: dict[str, Any] = {
        "rule": "r",
        "subject": "order:7",
        "order_id": "7",
        "number": "1007",
        "step": step_,
        "position": int(step_) if step_.isdigit() else 1,
        "action": 1,
        "state": state,
        "final": state in ("done", "failed"),
        "at": NOW + hours(1),
        "event_at": NOW,
    }
    return Deed(**usual | changed)


def look(*looks: tuple[datetime, Order], by: Ladders | None = None, baseline: datetime | None = None) -> Journal:
    """The journal after these looks; the first is a baseline if that is given."""
    journal: Journal = ()
    for at, seen in looks:
        journal = observe(seen, journal, Sight(at, by or Ladders(), CALENDAR, None if journal else baseline))
    return journal


def planned(
    its_rule: Rule,
    seen: Order | None = None,
    journal: Journal | None = None,
    *,
    deeds: Sequence[Deed] = (),
    since: datetime = LONG_AGO,
    now: datetime = NOW,
    by: Ladders | None = None,
) -> Plan:
    seen = seen or order()
    facts = Facts(seen, PERSON, CALENDAR, by or Ladders(), tuple(deeds))
    return plan(facts, look((now, seen), by=by) if journal is None else journal, [Active(its_rule, since)], now)


def the_one(made: Plan) -> Wanted:
    (wanted,) = made.wanted
    return wanted


def why_not(made: Plan) -> str:
    assert made.wanted == ()
    (reason,) = made.refused.values()
    return reason


def next_step(its_rule: Rule, *deeds: Deed) -> str | None:
    wanted = planned(its_rule, deeds=deeds).wanted
    return wanted[0].step.id if wanted else None


# Steps and their times ----------------------------------------------------------------------------------------


def test_a_step_is_due_when_its_wait_after_the_event_is_over() -> None:
    wanted = the_one(planned(rule()))
    assert (wanted.subject.key, wanted.step.id, wanted.due_at) == ("order:7", "1", NOW + hours(4))


def test_a_step_without_a_wait_is_due_at_once() -> None:
    assert the_one(planned(rule("order.placed", step(1, None)))).due_at == NOW


def test_a_window_puts_a_step_off_to_its_next_opening() -> None:
    at_night = rule("order.placed", step(1, "10 hours", send_between="09:00-18:00"))
    assert the_one(planned(at_night)).due_at == datetime(2026, 6, 2, 6, tzinfo=UTC)


def test_only_the_first_step_is_wanted_until_it_is_settled() -> None:
    three = rule("order.placed", *steps("1", "2", "3"))
    assert next_step(three) == "1"
    for state in ("pending", "unknown", "held"):
        assert next_step(three, deed(state)) == "1"
    assert next_step(three, deed("skipped")) == "1"


@pytest.mark.parametrize("settled", [deed("done"), deed("failed"), deed("skipped", final=True)])
def test_the_next_step_counts_from_the_moment_when_the_one_before_was_settled(settled: Deed) -> None:
    wanted = the_one(planned(rule("order.placed", *steps("1", "2")), deeds=[settled]))
    assert (wanted.step.id, wanted.due_at) == ("2", settled.at + days(1))


def test_a_step_is_settled_when_its_last_action_is() -> None:
    two = rule("order.placed", step(1, "1 day", NOTE, NOTE), step(2, "1 day"))
    assert next_step(two, deed("done"), deed("pending", action=2)) == "1"
    wanted = the_one(planned(two, deeds=[deed("done"), deed("done", action=2, at=NOW + hours(2))]))
    assert wanted.due_at == NOW + hours(2) + days(1)


def test_after_the_last_step_nothing_is_wanted() -> None:
    assert why_not(planned(rule(), deeds=[deed()])) == "all steps are settled"


def test_a_wait_per_unit_counts_the_pieces_of_its_own_line() -> None:
    seen = order(items=(item("1", "LENS-30"), msgspec.structs.replace(item("2", "LENS-90"), quantity=3)))
    lasts = PerUnit(Duration(30, "days"), Duration(5, "days"))
    made = planned(rule("order.placed", step(1, lasts), once_per="line_item"), seen)
    assert [wanted.due_at - NOW for wanted in made.wanted] == [days(25), days(85)]


def test_each_wait_until_an_hour_counts_from_the_step_before() -> None:
    two = rule("order.placed", step(1, Until(time(15))), step(2, Until(time(15))))
    assert the_one(planned(two)).due_at == NOW + hours(3)
    assert the_one(planned(two, deeds=[deed(at=NOW + hours(3))])).due_at == NOW + hours(27)


ARRIVES_SOON = rule(
    "order.shipped", step(1, DaysBefore("shipment.estimated_delivery_at", 2, time(10))), once_per="shipment"
)


def estimated(date: datetime | None) -> Order:
    return order(shipments=(Shipment(id="p1", shipped_at=NOW, estimated_delivery_at=date),))


def test_a_date_that_moves_moves_the_follow_up() -> None:
    assert the_one(planned(ARRIVES_SOON, estimated(NOW + days(6)))).due_at == NOW + days(4) - hours(2)
    assert the_one(planned(ARRIVES_SOON, estimated(NOW + days(9)))).due_at == NOW + days(7) - hours(2)
    assert the_one(planned(ARRIVES_SOON, estimated(NOW + days(1)))).due_at == NOW


def test_without_the_date_nothing_is_wanted_and_it_says_so() -> None:
    refusal = why_not(planned(ARRIVES_SOON, estimated(None)))
    assert refusal == "shipment.estimated_delivery_at is missing, so nothing tells when it would be due"


# Lateness -----------------------------------------------------------------------------------------------------


def test_messages_expire_a_week_after_they_were_due_before_any_deferral() -> None:
    to_customer = rule("order.placed", step(1, "10 hours", NOTE, MESSAGE, send_between="09:00-18:00"))
    assert the_one(planned(to_customer)).expires_at == NOW + hours(10) + days(7)


def test_notes_and_staff_messages_never_expire() -> None:
    assert the_one(planned(rule("order.placed", step(1, "4 hours", NOTE)))).expires_at is None


def test_a_rule_may_say_itself_how_late_all_its_actions_may_be() -> None:
    for action in (NOTE, MESSAGE):
        hasty = rule("order.placed", step(1, "4 hours", action), expires_after="2 days")
        assert the_one(planned(hasty)).expires_at == NOW + hours(4) + days(2)


def test_a_later_step_is_late_by_its_own_time() -> None:
    two = rule("order.placed", step(1, "4 hours", MESSAGE), step(2, "3 days", MESSAGE))
    assert the_one(planned(two, deeds=[deed()])).expires_at == NOW + hours(1) + days(3) + days(7)


# Switched on --------------------------------------------------------------------------------------------------


def test_an_event_up_to_a_minute_before_the_rule_was_switched_on_counts() -> None:
    assert planned(rule(), since=NOW + timedelta(seconds=60)).wanted
    refusal = why_not(planned(rule(), since=NOW + timedelta(seconds=61)))
    assert refusal == "order.placed happened before the rule was switched on"


def test_what_belongs_to_the_baseline_is_past_whenever_the_rule_was_switched_on() -> None:
    journal = look((NOW, order()), baseline=NOW)
    assert planned(rule(), journal=journal) == Plan()
    (verdict,) = explain(Facts(order(), PERSON, CALENDAR), journal, [Active(rule(), LONG_AGO)], NOW)
    assert verdict.outcome == "order.placed happened before the store was looked after"


def test_an_old_order_is_followed_up_for_what_happens_to_it_now() -> None:
    journal = look((NOW, order()), (NOW + hours(1), order("completed")), baseline=NOW)
    assert the_one(planned(rule("order.completed"), order("completed"), journal)).event.at == NOW + hours(1)


def test_a_disabled_rule_wants_nothing() -> None:
    assert why_not(planned(rule(enabled=False))) == "the rule is switched off"


def test_a_rule_that_was_off_does_not_go_on_with_what_it_had_begun() -> None:
    two = rule("order.placed", *steps("1", "2"))
    assert why_not(planned(two, deeds=[deed()], since=NOW + days(2), now=NOW + days(3)))


def test_a_backfill_without_limit_reaches_all_dated_events() -> None:
    journal = look((NOW, order("completed", created_at=LONG_AGO, completed_at=LONG_AGO)), baseline=NOW)
    wanted = the_one(planned(rule("order.completed", backfill=True), journal=journal, since=NOW))
    assert wanted.backfilled
    assert wanted.due_at == LONG_AGO + hours(4)


@pytest.mark.parametrize(("age", "reached"), [(days(30), True), (days(30) + hours(1), False)])
def test_a_backfill_with_a_limit_reaches_that_far_back_from_being_switched_on(age: timedelta, reached: bool) -> None:
    journal = look((NOW, order(created_at=NOW - age)), baseline=NOW)
    made = planned(rule(backfill="720 hours"), journal=journal, since=NOW, now=NOW + days(9))
    assert bool(made.wanted) is reached


def test_a_backfill_never_reaches_what_the_platform_does_not_date() -> None:
    journal = look((NOW, order("on-hold")), baseline=NOW)
    assert why_not(planned(rule("order.on_hold", backfill=True), journal=journal))


def test_a_backfilled_message_is_late_from_when_the_rule_was_switched_on() -> None:
    journal = look((NOW, order(created_at=LONG_AGO)), baseline=NOW)
    old = rule("order.placed", step(1, "4 hours", MESSAGE), backfill=True)
    assert the_one(planned(old, journal=journal, since=NOW)).expires_at == NOW + days(7)


def test_a_rule_that_reaches_back_no_more_says_why_it_takes_back_what_was_planned() -> None:
    journal = look((NOW, order()), baseline=NOW)
    refusal = why_not(planned(rule(), journal=journal, deeds=[deed("pending")]))
    assert refusal == "order.placed happened before the store was looked after"


def test_what_is_new_is_not_backfilled_though_the_rule_could() -> None:
    assert not the_one(planned(rule(backfill=True))).backfilled


# True, false, true --------------------------------------------------------------------------------------------


def test_conditions_are_judged_on_now() -> None:
    paid = rule("order.placed", conditions={"order.status": "processing"})
    assert planned(paid).wanted
    assert why_not(planned(paid, order("on-hold"))) == "order.status is on-hold, wanted processing"


def test_stop_if_is_looked_at_before_every_step() -> None:
    two = rule("order.placed", *steps("1", "2"), stop_if={"order.status": ["refunded", "cancelled"]})
    assert planned(two, deeds=[deed()]).wanted
    refusal = why_not(planned(two, order("refunded"), deeds=[deed()]))
    assert refusal == "order.status is refunded, wanted anything but refunded, cancelled"


def test_a_skipped_step_comes_to_life_again_when_its_conditions_do() -> None:
    wanted = the_one(planned(rule(), deeds=[deed("skipped", at=NOW + days(1))]))
    assert wanted.due_at == NOW + hours(4)


def test_a_step_that_is_held_up_stays_wanted_and_says_what_it_waits_for() -> None:
    patient = rule("order.placed", step(1, "4 hours", MESSAGE), hold_while={"order.tags": "hold"})
    wanted = the_one(planned(patient, order(tags=("hold",)), now=NOW + hours(5)))
    assert (wanted.waits_while, wanted.due_at) == ("waits while order.tags is hold", NOW + hours(4))
    assert wanted.expires_at == NOW + hours(4) + days(7)
    free = the_one(planned(patient, now=NOW + hours(5)))
    assert (free.waits_while, free.due_at, free.expires_at) == (None, wanted.due_at, wanted.expires_at)


def test_a_list_under_hold_while_names_what_has_to_be_so_at_once() -> None:
    patient = rule(hold_while=[{"order.tags": "hold", "order.status": ["pending", "on-hold"]}, {"order.test": True}])
    assert the_one(planned(patient, order(tags=("hold",)))).waits_while is None
    waits = the_one(planned(patient, order("on-hold", tags=("hold",)))).waits_while
    assert waits == "waits while order.tags is hold and order.status is any of pending, on-hold"
    assert the_one(planned(patient, order(test=True))).waits_while == "waits while order.test is true"


def test_what_ends_a_follow_up_ends_it_while_it_is_held_up() -> None:
    patient = rule(hold_while={"order.tags": "hold"}, stop_if={"order.tags": "stop"})
    refusal = why_not(planned(patient, order(tags=("hold", "stop"))))
    assert refusal == "order.tags is hold, stop, wanted anything but stop"


def test_a_hold_that_time_alone_ends_is_asked_about_again() -> None:
    patient = rule(hold_while={"order.created_at": {"newer_than": "2 days"}})
    made = planned(patient)
    assert the_one(made).waits_while == "waits while order.created_at is newer than 2 days"
    assert made.ask_at == NOW + days(2)
    assert the_one(planned(patient, now=NOW + days(2))).waits_while is None


def test_explaining_tells_what_holds_a_step_up() -> None:
    patient = rule(hold_while={"order.tags": "hold"})
    seen = order(tags=("hold",))
    (verdict,) = explain(Facts(seen, PERSON, CALENDAR), look((NOW, seen)), [Active(patient, LONG_AGO)], NOW)
    assert verdict.outcome == "waits while order.tags is hold"
    assert [(check.field, check.held) for check in verdict.checks] == [("trigger", True), ("order.tags", False)]


HELD_UP = rule("order.on_hold", *steps("1", "2"), conditions={"order.status": "on-hold"})
TWICE = look((NOW, order("on-hold")), (NOW + days(1), order()), (NOW + days(2), order("on-hold")))


def test_the_latest_entry_counts_until_a_step_has_been_done() -> None:
    assert the_one(planned(HELD_UP, order("on-hold"), TWICE)).due_at == NOW + days(3)


def test_a_step_that_expired_is_not_taken_for_done_and_the_next_counts_from_the_latest_entry() -> None:
    expired = deed("skipped", final=True, at=NOW + days(1.5))
    wanted = the_one(planned(HELD_UP, order("on-hold"), TWICE, deeds=[expired]))
    assert (wanted.step.id, wanted.due_at) == ("2", NOW + days(3))


def test_once_a_step_has_been_done_a_new_entry_changes_nothing() -> None:
    wanted = the_one(planned(HELD_UP, order("on-hold"), TWICE, deeds=[deed("done", at=NOW + days(1))]))
    assert (wanted.step.id, wanted.due_at) == ("2", NOW + days(2))


def test_a_delivery_that_is_known_better_moves_what_has_not_begun() -> None:
    by = Ladders(delivered_when=(parse_rung("status", "delivered"), parse_rung("shipped_plus", "3 days")))
    shipped = order(shipments=(parcel("1", NOW),))
    arrived = order("delivered", shipments=shipped.shipments)
    assumed = look((NOW, shipped), (NOW + days(3), shipped), by=by)
    known = look((NOW, shipped), (NOW + days(3), shipped), (NOW + days(4), arrived), by=by)
    thanks = rule("order.delivered")
    assert the_one(planned(thanks, shipped, assumed, by=by)).due_at == NOW + days(3) + hours(4)
    assert the_one(planned(thanks, arrived, known, by=by)).due_at == NOW + days(4) + hours(4)


def test_what_has_begun_goes_on_though_its_event_is_replaced_by_one_out_of_reach() -> None:
    by = Ladders(delivered_when=(parse_rung("meta", "_delivered_at"), parse_rung("shipped_plus", "3 days")))
    shipped = order(shipments=(parcel("1", NOW),))
    dated = order(shipments=shipped.shipments, meta={"_delivered_at": (NOW + days(1)).isoformat()})
    journal = look((NOW, shipped), (NOW + days(3), shipped), (NOW + days(5), dated), by=by)
    two = rule("order.delivered", *steps("1", "2"))
    first = deed(at=NOW + days(4), event_at=NOW + days(3))
    since = NOW + days(2)
    wanted = the_one(planned(two, dated, journal, deeds=[first], since=since, by=by))
    assert (wanted.step.id, wanted.due_at) == ("2", NOW + days(5))
    assert why_not(planned(two, dated, journal, since=since, by=by))


def test_an_order_in_the_trash_is_left_alone_until_it_is_restored() -> None:
    journal = look((NOW, order()))
    assert why_not(planned(rule(), order("trash", trashed=True), journal)) == "the order is in the trash"
    assert planned(rule(), order(), journal).wanted


# Rules that are edited while a follow-up is under way ---------------------------------------------------------


def edited(*names: str) -> Rule:
    return rule("order.placed", *steps(*names))


A_DONE = deed(step_="a", position=1)
B_DONE = deed(step_="b", position=2, at=NOW + hours(9))


def test_a_step_inserted_before_what_is_done_is_never_done() -> None:
    assert next_step(edited("new", "a", "b"), A_DONE) == "b"


def test_a_step_inserted_after_what_is_done_is_done_next() -> None:
    assert next_step(edited("a", "new", "b"), A_DONE) == "new"


def test_steps_that_change_places_are_not_done_twice() -> None:
    assert next_step(edited("b", "a", "c"), A_DONE) == "c"
    assert next_step(edited("b", "a", "c"), A_DONE, B_DONE) == "c"


def test_a_done_step_that_is_taken_out_keeps_the_place_that_it_had() -> None:
    assert next_step(edited("a", "c", "d"), A_DONE, B_DONE) == "d"


def test_steps_that_are_given_names_are_not_done_again() -> None:
    assert next_step(edited("first", "second", "third"), deed(), deed(step_="2")) == "third"


def test_without_names_steps_go_by_their_places() -> None:
    assert next_step(edited("1", "2", "3"), deed(), deed(step_="2")) == "3"
    assert next_step(edited("1", "2"), deed(), deed(step_="2")) is None


def test_the_wait_after_reordered_steps_counts_from_the_last_that_was_settled() -> None:
    wanted = the_one(planned(edited("b", "a", "c"), deeds=[A_DONE, B_DONE]))
    assert wanted.due_at == B_DONE.at + days(1)


def test_an_action_taken_out_of_a_step_does_not_keep_the_next_step_waiting() -> None:
    for state in ("pending", "skipped"):
        assert next_step(edited("a", "b"), A_DONE, deed(state, "a", action=2)) == "b"


def test_an_action_added_to_a_step_that_is_settled_is_never_done() -> None:
    longer = rule("order.placed", step(1, None, NOTE, NOTE), step(2, None))
    assert next_step(longer, deed()) == "2"


@pytest.mark.parametrize("state", ["unknown", "held"])
def test_whatever_is_edited_nothing_goes_on_before_it_is_known_what_became_of_a_step(state: str) -> None:
    open_end = deed(state, "a", position=1)
    assert next_step(edited("a", "b"), open_end) == "a"
    for changed in (edited("b", "a"), edited("b", "c")):
        assert why_not(planned(changed, deeds=[open_end])) == "waits until it is known what became of step 'a'"


@pytest.mark.parametrize(
    ("before", "now_once_per"),
    [("order:7", "customer"), ("order:7", "line_item"), ("customer:noa", "order"), ("line_item:7:1", "order")],
)
def test_what_was_done_for_an_order_is_not_done_again_when_once_per_is_edited(before: str, now_once_per: str) -> None:
    seen = order(items=(item("1", "TEA"),))
    refusal = why_not(planned(rule(once_per=now_once_per), seen, deeds=[deed(subject=before)]))
    assert "before its customer, or 'once_per', was changed" in refusal


# Once per … ---------------------------------------------------------------------------------------------------


def test_once_per_customer_is_for_the_first_order_that_takes_it() -> None:
    once = rule(once_per="customer")
    assert the_one(planned(once)).subject.key == "customer:noa"
    for state in ("pending", "done", "failed", "unknown", "held"):
        theirs = deed(state, subject="customer:noa", order_id="6", number="1006")
        assert why_not(planned(once, deeds=[theirs])) == "once per customer: this one was for order 1006"


def test_once_per_customer_is_free_again_when_the_other_order_no_longer_wants_it() -> None:
    theirs = deed("skipped", subject="customer:noa", order_id="6", number="1006")
    assert planned(rule(once_per="customer"), deeds=[theirs]).wanted


def test_a_customer_whose_address_is_corrected_is_not_followed_up_twice_for_one_order() -> None:
    before = deed(subject="customer:misspelt")
    assert why_not(planned(rule(once_per="customer"), deeds=[before])).startswith("once per customer: the rule acted")
    pending = deed("pending", subject="customer:misspelt")
    assert planned(rule(once_per="customer"), deeds=[pending]).wanted


def test_once_per_line_item_asks_the_conditions_of_each_item() -> None:
    seen = order(items=(item("1", "LENS-30"), item("2", "CASE")))
    made = planned(rule(once_per="line_item", conditions={"item.sku": "LENS-30"}), seen)
    assert [wanted.subject.key for wanted in made.wanted] == ["line_item:7:1"]
    assert made.refused == {("r", "line_item:7:2"): "item.sku is CASE, wanted LENS-30"}


def test_without_parcels_there_is_nothing_to_do_once_per_shipment() -> None:
    once = rule("order.placed", once_per="shipment")
    assert planned(once) == Plan()
    (verdict,) = explain(Facts(order(), PERSON, CALENDAR), look((NOW, order())), [Active(once, LONG_AGO)], NOW)
    assert (verdict.subject, verdict.outcome) == (None, "the order has no shipment yet")


PARCELS = order(shipments=(parcel("p1", NOW), parcel("p2", NOW + days(2))))


def test_each_parcel_is_followed_up_from_when_it_left() -> None:
    first = order(shipments=PARCELS.shipments[:1])
    journal = look((NOW, first), (NOW + days(2), PARCELS))
    made = planned(rule("order.shipped", once_per="shipment"), PARCELS, journal)
    assert [(wanted.subject.key, wanted.due_at) for wanted in made.wanted] == [
        ("shipment:7:p1", NOW + hours(4)),
        ("shipment:7:p2", NOW + days(2) + hours(4)),
    ]


def test_a_new_parcel_of_an_old_order_is_new() -> None:
    first = order(shipments=PARCELS.shipments[:1])
    journal = look((NOW, first), (NOW + days(2), PARCELS), baseline=NOW)
    made = planned(rule("order.shipped", once_per="shipment"), PARCELS, journal)
    assert [wanted.subject.key for wanted in made.wanted] == ["shipment:7:p2"]


def test_where_parcels_do_not_count_as_shipped_each_is_followed_up_from_when_the_order_was() -> None:
    by = Ladders(shipped_when=(parse_rung("status", "shipped"),))
    labelled = order(shipments=(parcel("p1", NOW), parcel("p2", NOW)))
    shipped = order("shipped", shipments=labelled.shipments)
    each = rule("order.shipped", once_per="shipment")
    assert planned(each, labelled, by=by) == Plan()
    made = planned(each, shipped, look((NOW, labelled), (NOW + days(1), shipped), by=by), by=by)
    assert [wanted.due_at for wanted in made.wanted] == [NOW + days(1) + hours(4)] * 2


def test_a_parcel_that_becomes_known_later_is_followed_up_from_then() -> None:
    journal = look((NOW, order()), (NOW + days(9), order(shipments=(parcel("p1"),))))
    tracking = rule("order.placed", step(1, None, MESSAGE), once_per="shipment")
    wanted = the_one(planned(tracking, order(shipments=(parcel("p1"),)), journal))
    assert wanted.due_at == NOW + days(9)
    assert wanted.expires_at == NOW + days(16)


def test_the_orders_delivery_is_every_parcels_but_those_that_left_later() -> None:
    both = (parcel("p1", NOW - days(1)), parcel("p2", NOW + hours(12)), parcel("p3", NOW + days(3)))
    delivered = order("completed", completed_at=NOW, shipments=both)
    journal = look((NOW, order("completed", completed_at=NOW, shipments=both[:1])), (NOW + days(3), delivered))
    made = planned(rule("order.delivered", once_per="shipment"), delivered, journal)
    assert [wanted.subject.key for wanted in made.wanted] == ["shipment:7:p1", "shipment:7:p2"]
    late = rule("order.shipped", once_per="shipment", conditions={"shipment.delivered_at": "missing"})
    made = planned(late, delivered, journal)
    assert [wanted.subject.key for wanted in made.wanted] == ["shipment:7:p3"]


def test_an_assumed_delivery_delivers_no_parcel() -> None:
    by = Ladders(delivered_when=(parse_rung("shipped_plus", "1 day"),))
    shipped = order(shipments=(parcel("p1", NOW),))
    journal = look((NOW, shipped), (NOW + days(2), shipped), by=by)
    facts = Facts(shipped, PERSON, CALENDAR, by)
    (subject,) = subjects(rule(), shipped, PERSON, NOTHING_SAID)
    assert scene_of(facts, subject, journal, NOW).shipments[0].delivered_at is None
    late = rule("order.shipped", conditions={"shipment.delivered_at": "missing"})
    assert planned(late, shipped, journal, by=by).wanted
    assert planned(rule("order.delivered"), shipped, journal, by=by).wanted


# What happens to a parcel ---------------------------------------------------------------------------------------


def moving(id_: str, state: str, entered: datetime, *items: tuple[str, int]) -> Shipment:
    return Shipment(id=id_, state=state, milestones=(Milestone(state, entered),), items=items)


def test_what_happens_to_each_parcel_is_followed_up_by_itself() -> None:
    failed = rule("shipment.delivery_failed", once_per="shipment")
    seen = order(
        shipments=(
            moving("p1", "delivery_failed", NOW),
            moving("p2", "in_transit", NOW),
            moving("p3", "delivery_failed", NOW + hours(1)),
        )
    )
    made = planned(failed, seen, now=NOW + hours(2))
    assert [(each.subject.key, each.due_at) for each in made.wanted] == [
        ("shipment:7:p1", NOW + hours(4)),
        ("shipment:7:p3", NOW + hours(5)),
    ]
    assert made.refused == {("r", "shipment:7:p2"): "shipment.delivery_failed has not happened"}


def test_once_per_order_the_first_parcel_counts_and_is_the_one_that_is_seen() -> None:
    seen = order(shipments=(moving("p1", "exception", NOW + hours(1)), moving("p2", "exception", NOW)))
    wanted = the_one(planned(rule("shipment.exception"), seen, now=NOW + hours(2)))
    assert (wanted.subject.key, wanted.due_at) == ("order:7", NOW + hours(4))
    assert [each.id for each in wanted.subject.shipments] == ["p2"]


def test_once_per_order_a_parcel_from_before_the_rule_does_not_stand_in_the_way() -> None:
    seen = order(shipments=(moving("p1", "exception", NOW - days(2)), moving("p2", "exception", NOW)))
    wanted = the_one(planned(rule("shipment.exception"), seen, since=NOW - days(1), now=NOW))
    assert wanted.event.subject == "p2"


def test_once_per_line_item_the_parcel_that_holds_the_item_counts() -> None:
    seen = order(
        items=(item("1", "TEA"), item("2", "MUG")),
        shipments=(moving("p1", "delivered", NOW, ("1", 1)), moving("p2", "in_transit", NOW, ("2", 1))),
    )
    wanted = the_one(planned(rule("shipment.delivered", once_per="line_item"), seen))
    assert wanted.subject.key == "line_item:7:1"


def test_a_plan_says_when_a_parcel_will_be_late_even_of_an_order_from_the_past() -> None:
    coming = order(shipments=(Shipment(id="p1", estimated_delivery_at=NOW + days(3)),))
    late = rule("shipment.late", once_per="shipment")
    journal = look((NOW, coming), baseline=NOW)
    made = planned(late, coming, journal)
    assert (made.wanted, made.ask_at) == ((), NOW + days(3))
    journal = observe(coming, journal, Sight(NOW + days(3), Ladders(), CALENDAR))
    wanted = the_one(planned(late, coming, journal, now=NOW + days(3)))
    assert (wanted.event.at, wanted.due_at) == (NOW + days(3), NOW + days(3) + hours(4))


def test_a_parcel_that_arrives_or_is_expected_later_is_late_no_more() -> None:
    late = rule("shipment.late", once_per="shipment")
    coming = Shipment(id="p1", estimated_delivery_at=NOW)
    journal = look((NOW, order(shipments=(coming,))))
    assert planned(late, order(shipments=(coming,)), journal).wanted
    for news in ({"delivered_at": NOW + hours(1)}, {"estimated_delivery_at": NOW + days(2)}):
        seen = order(shipments=(msgspec.structs.replace(coming, **news),))
        its_journal = observe(seen, journal, Sight(NOW + hours(2), Ladders(), CALENDAR))
        begun = (deed("pending", subject="shipment:7:p1"),)
        found = planned(late, seen, its_journal, deeds=begun, now=NOW + hours(2))
        assert found.wanted == ()
        over = "shipment.late no longer holds: the parcel has arrived, or has another date"
        assert found.refused == {("r", "shipment:7:p1"): over}


def test_where_no_carrier_tells_the_orders_delivery_is_its_parcels_arrival() -> None:
    seen = order("completed", completed_at=NOW, shipments=(parcel("p1", NOW - days(1)), parcel("p2", NOW - days(2))))
    made = planned(rule("shipment.delivered", once_per="shipment"), seen)
    assert [(each.subject.key, each.event.at) for each in made.wanted] == [
        ("shipment:7:p1", NOW),
        ("shipment:7:p2", NOW),
    ]


def test_an_order_delivered_by_its_parcels_delivers_no_other_parcel() -> None:
    by = Ladders(delivered_when=(parse_rung("shipment", "delivered"),))
    goods = (item("1", "TEA"),)
    sample = moving("p2", "in_transit", NOW - hours(3), ("gift", 1))
    seen = order(items=goods, shipments=(moving("p1", "delivered", NOW - hours(1), ("1", 1)), sample))
    assert the_one(planned(rule("order.delivered"), seen, by=by)).event.at == NOW - hours(1)
    for trigger in ("order.delivered", "shipment.delivered"):
        wanted = the_one(planned(rule(trigger, once_per="shipment"), seen, by=by))
        assert wanted.subject.key == "shipment:7:p1"
    asked = rule("order.placed", once_per="shipment", conditions={"shipment.delivered_at": "missing"})
    assert [each.subject.key for each in planned(asked, seen, by=by).wanted] == ["shipment:7:p1", "shipment:7:p2"]


# Abandoned checkouts ---------------------------------------------------------------------------------------------


def test_an_abandoned_checkout_is_followed_up_until_it_becomes_an_order() -> None:
    asking = rule("checkout.abandoned")
    left = order("checkout-draft", draft=True)
    journal = look((NOW, left))
    assert the_one(planned(asking, left, journal)).due_at == NOW + hours(4)
    assert planned(rule("order.placed"), left, journal).wanted == ()
    bought = look((NOW, left), (NOW + hours(1), order()))
    assert planned(asking, order(), bought, now=NOW + hours(1)) == Plan()


def test_each_edit_of_a_checkout_begins_the_wait_anew() -> None:
    edited = order("checkout-draft", draft=True, modified_at=NOW + hours(3))
    journal = look((NOW, order("checkout-draft", draft=True)), (NOW + hours(3), edited))
    assert the_one(planned(rule("checkout.abandoned"), edited, journal, now=NOW + hours(3))).due_at == NOW + hours(7)


def test_a_checkout_that_is_gone_says_so() -> None:
    gone = order("checkout-draft", draft=True, trashed=True)
    journal = look((NOW, order("checkout-draft", draft=True)))
    assert why_not(planned(rule("checkout.abandoned"), gone, journal)) == "the checkout was completed, or deleted"


def test_a_parcel_that_is_listed_twice_is_one_subject() -> None:
    twice = order(shipments=(parcel("p1", NOW), parcel("p1", NOW)))
    assert len(planned(rule("order.shipped", once_per="shipment"), twice).wanted) == 1


# By time alone ------------------------------------------------------------------------------------------------


def test_a_plan_says_when_a_condition_may_come_true_by_itself() -> None:
    waiting = rule(conditions={"order.created_at": {"older_than": "3 days"}})
    made = planned(waiting)
    assert made.wanted == ()
    assert made.ask_at == NOW + days(3)
    assert planned(waiting, now=NOW + days(3)).wanted


def test_a_plan_says_when_what_it_wants_may_be_wanted_no_more() -> None:
    fresh = rule(stop_if={"order.created_at": {"older_than": "3 days"}})
    assert planned(fresh).wanted
    assert planned(fresh).ask_at == NOW + days(3)


def test_what_is_settled_need_not_be_asked_again() -> None:
    waiting = rule(conditions={"order.created_at": {"older_than": "3 days"}})
    assert planned(waiting, deeds=[deed()]).ask_at is None


def test_a_plan_says_when_a_delivery_will_be_assumed_even_of_an_order_from_the_past() -> None:
    by = Ladders(delivered_when=(parse_rung("shipped_plus", "3 days"),))
    shipped = order(shipments=(parcel("p1", NOW),))
    for baseline in (None, NOW):
        assert planned(rule(), shipped, look((NOW, shipped), by=by, baseline=baseline), by=by).ask_at == NOW + days(3)


# Why ----------------------------------------------------------------------------------------------------------


def explained(its_rule: Rule, seen: Order, journal: Journal, **changed: Any) -> Verdict:
    facts = Facts(seen, PERSON, CALENDAR, Ladders(), tuple(changed.get("deeds", ())))
    (verdict,) = explain(facts, journal, [Active(its_rule, changed.get("since", LONG_AGO))], NOW)
    return verdict


def test_every_rule_explains_itself_though_its_trigger_never_came() -> None:
    verdict = explained(rule("order.refunded"), order(), look((NOW, order())))
    assert verdict.outcome == "order.refunded has not happened"
    assert [(check.field, check.held) for check in verdict.checks] == [("trigger", False)]


def test_a_wanted_follow_up_shows_all_that_let_it_through() -> None:
    verdict = explained(
        rule(conditions={"order.status": "processing"}, stop_if={"order.status": "refunded"}),
        order(),
        look((NOW, order())),
    )
    assert verdict.outcome == "wanted"
    assert [(check.field, check.wanted, check.saw, check.held) for check in verdict.checks] == [
        ("trigger", "order.placed", "2026-06-01T09:00:00+00:00 (platform)", True),
        ("order.status", "processing", "processing", True),
        ("order.status", "not: refunded", "processing", True),
    ]


def test_the_conditions_are_shown_even_where_something_else_stands_in_the_way() -> None:
    verdict = explained(rule(conditions={"order.status": "x"}), order(), look((NOW, order())), since=NOW + days(1))
    assert verdict.outcome == "order.placed happened before the rule was switched on"
    assert [check.field for check in verdict.checks] == ["trigger", "switched on", "order.status"]


def test_a_reason_that_is_kept_tells_nobodys_address() -> None:
    refusal = why_not(planned(rule(conditions={"customer.email": {"contains": "@example.org"}})))
    assert "noa@" not in refusal
    assert refusal == "customer.email is not as wanted: contains @example.org"


def test_nor_where_somebody_can_see_their_order_or_pay_it() -> None:
    seen = order(status_url="https://shop.example.com/orders/1?key=7", payment_url="https://shop.example.com/pay?key=7")
    for name in ("order.status_url", "order.payment_url"):
        refusal = why_not(planned(rule(conditions={name: {"contains": "/elsewhere"}}), seen))
        assert refusal == f"{name} is not as wanted: contains /elsewhere"


def test_what_explain_says_is_what_plan_does() -> None:
    seen = order("refunded", refunds=(Refund(id="1", amount=Money(Decimal(100), "ILS")),))
    journal = look((NOW, order()), (NOW, seen))
    rules = [
        Active(rule(trigger, id=f"{trigger}-{n}", stop_if=stop), LONG_AGO)
        for trigger in ("order.placed", "order.refunded", "order.delivered", "order.status:refunded")
        for n, stop in enumerate((None, {"order.status": "refunded"}))
    ]
    facts = Facts(seen, PERSON, CALENDAR)
    made = plan(facts, journal, rules, NOW)
    verdicts = list(explain(facts, journal, rules, NOW))
    assert [verdict.wanted for verdict in verdicts if verdict.wanted] == list(made.wanted)
    assert made.refused.items() <= {(v.rule.id, v.subject.key): v.outcome for v in verdicts if v.subject}.items()


def test_order_status_triggers_by_both_their_names() -> None:
    journal = look((NOW, order("failed")))
    for trigger in ("order.failed", "order.status:failed"):
        assert planned(rule(trigger), order("failed"), journal).wanted


def test_an_event_that_no_rule_knows_disturbs_nothing() -> None:
    assert planned(rule(), journal=(Event("order.yet_unheard_of", NOW),)) == Plan()


# Cooldown -----------------------------------------------------------------------------------------------------

RESTING = rule(cooldown="30 days")


def test_a_rule_leaves_a_customer_alone_for_its_cooldown_after_it_acted() -> None:
    done = deed(subject="order:6", order_id="6")
    until = NOW + hours(1) + days(30)
    assert cooling_down(RESTING, "order:7", [done], CALENDAR, NOW + days(1)) == until
    assert cooling_down(RESTING, "order:7", [done], CALENDAR, until) is None


def test_the_steps_of_one_follow_up_do_not_cool_each_other() -> None:
    assert cooling_down(RESTING, "order:7", [deed()], CALENDAR, NOW) is None


def test_what_may_have_been_done_cools_too_and_what_was_not_does_not() -> None:
    for state, cools in (("unknown", True), ("skipped", False), ("failed", False), ("pending", False)):
        other = deed(state, subject="order:6")
        assert (cooling_down(RESTING, "order:7", [other], CALENDAR, NOW) is not None) is cools


def test_other_rules_and_rules_without_a_cooldown_cool_nothing() -> None:
    assert cooling_down(RESTING, "order:7", [deed(rule="other", subject="order:6")], CALENDAR, NOW) is None
    assert cooling_down(rule(), "order:7", [deed(subject="order:6")], CALENDAR, NOW) is None
