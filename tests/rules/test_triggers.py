"""Triggers that are concluded from a person's other orders, and from the time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from textwrap import dedent
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.model import Customer, LineItem, Money, Order, Refund, Return, Shipment
from rules.events import Journal, Ladders, Sight, observe
from rules.facts import Active, Deed, Facts
from rules.history import History, has_open_problem, is_purchase, with_history
from rules.loader import load_rules
from rules.planner import Plan, explain, plan
from rules.rule import Rule
from rules.schema import ActionSpec, Text
from rules.timing import Calendar, after, parse_duration
from rules.triggers.schedule import around, read

NOW = datetime(2026, 6, 1, 9, tzinfo=UTC)
"""A Monday, noon in Jerusalem."""
JERUSALEM = Calendar(ZoneInfo("Asia/Jerusalem"))
DAY = timedelta(days=1)


class AddNote(ActionSpec):
    shorthand: ClassVar[str] = "text"
    text: Text


def load(text: str) -> tuple[tuple[Rule, ...], list[str]]:
    file = "version: 1\nrules:\n" + dedent(text)
    rules, problems = load_rules(
        {"rules.yaml": file}, actions={"add_note": AddNote}, channels=(), windows={}, templates={}
    )
    return rules, [str(problem) for problem in problems]


def rule(trigger: str, more: str = "") -> Rule:
    (found,), problems = load(f"- id: the-rule\n  trigger: {{ {trigger} }}\n{more}  actions:\n    - add_note: Hello\n")
    assert problems == []
    return found


def order(id_: str = "7", age: timedelta = timedelta(0), status: str = "processing", **changed: Any) -> Order:
    at = NOW - age
    usual: dict[str, Any] = {
        "id": id_,
        "number": id_,
        "status": status,
        "created_at": at,
        "modified_at": at,
        "paid_at": at,
        "total": Money(Decimal(100), "ILS"),
        "customer": Customer(email="noa@example.com"),
        "items": (LineItem(id="1", name="Tea", quantity=1, total=Money(Decimal(100), "ILS"), sku="TEA-1"),),
    }
    return Order(**usual | changed)


def past_of(seen: Order, at: datetime | None = None) -> Journal:
    """The journal of an order that was there before the shop was looked after."""
    return observe(seen, (), Sight(at or NOW, Ladders(), JERUSALEM, baseline=at or NOW))


def planned(
    the_rule: Rule,
    about: Order,
    *others: Order,
    now: datetime = NOW,
    since: datetime = NOW - 30 * DAY,
    journal: Journal | None = None,
    deeds: Sequence[Deed] = (),
    asked_at: datetime | None = None,
    messages: Sequence[datetime] = (),
) -> Plan:
    told = journal if journal is not None else observe(about, (), Sight(now, Ladders(), JERUSALEM))
    facts = Facts(
        about, "noa", JERUSALEM, deeds=tuple(deeds), history=History(others, tuple(messages)), asked_at=asked_at
    )
    return plan(facts, told, [Active(the_rule, since)], now)


def due(found: Plan) -> list[datetime]:
    return [wanted.due_at for wanted in found.wanted]


# Who bought how often -------------------------------------------------------------------------------------------


def test_the_first_purchase_is_a_customers_first_order() -> None:
    first, second = order("7", 2 * DAY), order("8")
    welcome = rule("customer.first_order:")
    assert due(planned(welcome, first, second)) == [first.paid_at]
    assert planned(welcome, second, first).wanted == ()


def test_what_came_to_nothing_is_no_first_order() -> None:
    cancelled = order("6", 5 * DAY, "cancelled", paid_at=None)
    unpaid = order("5", 6 * DAY, "on-hold", paid_at=None)
    refunded = order("4", 7 * DAY, "refunded")
    checkout = order("3", 8 * DAY, "checkout-draft", paid_at=None, draft=True)
    assert due(planned(rule("customer.first_order:"), order(), cancelled, unpaid, refunded, checkout)) == [NOW]


def test_payment_on_delivery_is_a_purchase_once_it_is_processed() -> None:
    assert is_purchase(order(paid_at=None, payment_method="cod"))
    assert due(planned(rule("customer.first_order:"), order(paid_at=None))) == [NOW]


def test_the_third_order_counts_those_before_it_and_not_those_after() -> None:
    third = rule("customer.nth_order: 3")
    orders = [order(str(number), (9 - number) * DAY) for number in range(1, 6)]
    reached = [each.id for each in orders if planned(third, each, *[o for o in orders if o is not each]).wanted]
    assert reached == ["3"]


def test_orders_that_only_the_platform_can_see_count() -> None:
    told = order(customer=Customer(email="noa@example.com", orders_count=4))
    assert planned(rule("customer.nth_order: 4"), told).wanted
    assert planned(rule("customer.nth_order: 4"), told, order("6", DAY)).wanted
    assert not planned(rule("customer.first_order:"), told).wanted


def test_an_order_that_tells_of_a_later_one_is_not_taken_for_it() -> None:
    both_told = Customer(email="noa@example.com", orders_count=2)
    first, second = order("7", DAY, customer=both_told), order("8", customer=both_told)
    assert planned(rule("customer.first_order:"), first, second).wanted
    assert not planned(rule("customer.nth_order: 2"), first, second).wanted
    assert planned(rule("customer.nth_order: 2"), second, first).wanted


def test_the_order_that_carries_a_customer_over_an_amount_sets_the_rule_off() -> None:
    over_250 = rule("customer.total_spent: 250")
    orders = [order(str(number), (9 - number) * DAY) for number in range(1, 6)]
    reached = [each.id for each in orders if planned(over_250, each, *[o for o in orders if o is not each]).wanted]
    assert reached == ["3"]


def test_what_was_given_back_is_not_spent() -> None:
    returned = order("6", 3 * DAY, refunds=(Refund(id="1", amount=Money(Decimal(60), "ILS")),))
    assert not planned(rule("customer.total_spent: 150"), order(), returned).wanted
    assert planned(rule("customer.total_spent: 140"), order(), returned).wanted


def test_another_currency_is_not_added_up() -> None:
    dollars = order("6", 3 * DAY, total=Money(Decimal(900), "USD"))
    assert not planned(rule("customer.total_spent: 150"), order(), dollars).wanted


def test_a_milestone_before_the_rule_was_switched_on_is_left_alone() -> None:
    old = order("7", 40 * DAY)
    assert not planned(rule("customer.first_order:"), old, journal=past_of(old)).wanted


def in_90_days(since: Order) -> datetime:
    return after(since.created_at, parse_duration("90 days"), JERUSALEM)


# Who has not come back ------------------------------------------------------------------------------------------


def test_somebody_is_inactive_so_long_after_their_latest_order() -> None:
    win_back = rule("customer.inactive: 90 days")
    latest = order("7", 89 * DAY)
    early = planned(win_back, latest, journal=past_of(latest))
    assert early.wanted == ()
    assert early.ask_at == in_90_days(latest)
    later = planned(win_back, latest, order("6", 120 * DAY), journal=past_of(latest), now=NOW + 2 * DAY)
    assert due(later) == [in_90_days(latest)]


def test_who_was_inactive_before_the_rule_was_switched_on_is_left_alone_without_backfill() -> None:
    long_ago = order("7", 200 * DAY)
    for more, asked in (("", False), ("  backfill: true\n", True)):
        found = planned(rule("customer.inactive: 90 days", more), long_ago, journal=past_of(long_ago))
        assert bool(found.wanted) == asked


def test_who_came_back_is_not_inactive() -> None:
    win_back = rule("customer.inactive: 90 days")
    old = order("6", 100 * DAY)
    for back in (order("7", DAY), order("7", DAY, "pending", paid_at=None)):
        assert not planned(win_back, old, back, journal=past_of(old)).wanted
    gone_wrong = order("7", DAY, "failed", paid_at=None)
    assert planned(win_back, old, gone_wrong, journal=past_of(old)).wanted


# What nobody has touched ----------------------------------------------------------------------------------------


def test_an_order_that_nobody_touched_is_told_of_and_one_that_was_is_not() -> None:
    alert = rule("order.unhandled: 4 hours")
    waiting = order("7", timedelta(hours=3))
    assert planned(alert, waiting).ask_at == waiting.created_at + timedelta(hours=4)
    assert due(planned(alert, waiting, now=NOW + timedelta(hours=2))) == [waiting.created_at + timedelta(hours=4)]
    parcel = Shipment(id="1", shipped_at=NOW)
    for touched in ({"status": "packed"}, {"status": "completed"}, {"status": "cancelled"}, {"shipments": (parcel,)}):
        handled = order("7", timedelta(hours=3), **touched)
        assert not planned(alert, handled, now=NOW + timedelta(hours=2)).wanted


# What comes round -----------------------------------------------------------------------------------------------

MONDAYS = rule('schedule: "every monday 09:00"')
EIGHT = NOW.replace(hour=6)
"""Monday, nine in Jerusalem."""


def test_a_schedule_asks_to_be_looked_at_when_it_comes_round() -> None:
    found = planned(MONDAYS, order("7", DAY), asked_at=EIGHT + 7 * DAY)
    assert found.wanted == ()
    assert found.ask_at == EIGHT + 7 * DAY


def test_an_hour_that_came_round_since_the_last_look_sets_the_rule_off_however_late_it_is_looked_at() -> None:
    for late in (timedelta(0), timedelta(minutes=1), 3 * DAY):
        found = planned(MONDAYS, order("7", 5 * DAY), asked_at=EIGHT, now=EIGHT + late)
        assert due(found) == [EIGHT]


def test_what_is_so_only_after_the_hour_waits_for_the_next_one() -> None:
    on_hold = rule('schedule: "every monday 09:00"', "  conditions:\n    order.status: on-hold\n")
    assert not planned(on_hold, order("7", DAY, "processing"), asked_at=EIGHT, now=EIGHT).wanted
    tuesday = planned(on_hold, order("7", DAY, "on-hold"), asked_at=EIGHT + 7 * DAY, now=EIGHT + DAY)
    assert tuesday.wanted == ()
    assert tuesday.ask_at == EIGHT + 7 * DAY


def deed(subject: str, at: datetime, state: Any = "done") -> Deed:
    return Deed("the-rule", subject, "7", "7", "1", 1, 1, state, False, at, at)


def test_what_an_hour_has_planned_stays_planned_after_it() -> None:
    found = planned(MONDAYS, order("7", DAY), deeds=[deed("order:7", EIGHT, "pending")], asked_at=EIGHT + 7 * DAY)
    assert due(found) == [EIGHT]


def test_each_order_is_acted_on_once_or_each_time_that_it_comes_round() -> None:
    again = rule('schedule: "every monday 09:00"', "  once_per: occurrence\n")
    next_week = EIGHT + 7 * DAY
    done = deed("order:7", EIGHT)
    assert not planned(MONDAYS, order("7", DAY), deeds=[done], asked_at=next_week, now=next_week).wanted
    done = deed(f"occurrence:7:{EIGHT:%Y-%m-%dT%H:%MZ}", EIGHT)
    found = planned(again, order("7", DAY), deeds=[done], asked_at=next_week, now=next_week)
    assert due(found) == [next_week]
    assert not planned(again, order("7", DAY), deeds=[done], asked_at=next_week, now=EIGHT + DAY).wanted


def test_an_order_of_more_than_a_year_is_on_no_schedule() -> None:
    found = planned(MONDAYS, order("7", 400 * DAY), asked_at=EIGHT, now=EIGHT)
    assert (found.wanted, found.ask_at) == ((), None)


@pytest.mark.parametrize(
    ("text", "last", "following"),
    [
        ("every day 12:00", "06-01 12:00", "06-02 12:00"),
        ("every day 12:01", "05-31 12:01", "06-01 12:01"),
        ("every mon, thu 09:00", "06-01 09:00", "06-04 09:00"),
        ("every sun-thu at 08:30", "06-01 08:30", "06-02 08:30"),
        ("Every  Business Day 16:00", "05-29 16:00", "06-01 16:00"),
        ("every 31st 10:00", "05-31 10:00", "07-31 10:00"),
        ("every 1st of the month 10:00", "06-01 10:00", "07-01 10:00"),
        ("every 24 december 08:00", "12-24 08:00", "12-24 08:00"),
    ],
)
def test_schedules_are_written_as_people_say_them(text: str, last: str, following: str) -> None:
    before, after = around(read(text), JERUSALEM, NOW)
    shown = [f"{at.astimezone(JERUSALEM.zone):%m-%d %H:%M}" for at in (before, after) if at is not None]
    assert shown == [last, following]


@given(st.integers(0, 3 * 365 * 24 * 60))
def test_a_schedule_comes_round_at_its_time_on_the_stores_clock_whatever_clocks_do(minutes: int) -> None:
    now = NOW + timedelta(minutes=minutes)
    last, following = around(read("every day 02:30"), JERUSALEM, now)
    assert last is not None
    assert following is not None
    assert last <= now < following <= last + timedelta(hours=26)
    assert following.astimezone(JERUSALEM.zone).hour in (2, 3)  # half past two is skipped on one day in spring


# What else conditions can ask -----------------------------------------------------------------------------------


def test_what_is_known_of_a_customer_is_told_with_their_order() -> None:
    tea = order("6", 20 * DAY)
    told = with_history(order(), History((tea, order("5", DAY, "failed")), (NOW - 40 * DAY, NOW - DAY)), NOW).customer
    assert (told.orders_count, told.total_spent) == (2, Money(Decimal(200), "ILS"))
    assert (told.last_order_at, told.last_message_at, told.messages_in_30_days) == (NOW, NOW - DAY, 1)


def test_an_item_that_was_bought_again_is_told_by_product_or_article_number() -> None:
    again = order(
        "8", timedelta(0), items=(LineItem(id="9", name="x", quantity=1, total=Money(Decimal(1), "ILS"), sku="tea-1"),)
    )
    assert with_history(order("7", DAY), History((again,)), NOW).items[0].bought_again is True
    assert with_history(again, History((order("7", DAY),)), NOW).items[0].bought_again is False


def test_conditions_on_a_customer_flip_by_time_alone() -> None:
    quiet = rule("customer.first_order:", "  conditions:\n    customer.messages_in_30_days: { less_than: 1 }\n")
    lately = NOW - 29 * DAY
    found = planned(quiet, order(), messages=[lately])
    assert found.wanted == ()
    assert found.ask_at == lately + 30 * DAY
    assert planned(quiet, order(), messages=[lately], now=lately + 30 * DAY).wanted


@pytest.mark.parametrize(
    ("what", "is_open"),
    [
        ({}, False),
        ({"returns": (Return(id="1", status="open"),)}, True),
        ({"returns": (Return(id="1", status="closed", closed_at=NOW),)}, False),
        ({"returns": (Return(id="1", status="declined"),)}, False),
        ({"refunds": (Refund(id="1", amount=Money(Decimal(9), "ILS"), created_at=NOW - DAY),)}, True),
        ({"refunds": (Refund(id="1", amount=Money(Decimal(9), "ILS"), created_at=NOW - 8 * DAY),)}, False),
        ({"shipments": (Shipment(id="1", state="exception"),)}, True),
        ({"shipments": (Shipment(id="1", state="delivered"),)}, False),
        ({"shipments": (Shipment(id="1", state="in_transit", estimated_delivery_at=NOW - DAY),)}, True),
        ({"shipments": (Shipment(id="1", state="in_transit", estimated_delivery_at=NOW + DAY),)}, False),
    ],
)
def test_a_problem_is_open_until_it_is_over(what: dict[str, Any], is_open: bool) -> None:
    assert has_open_problem(order("7", 10 * DAY, **what), NOW) == is_open
    assert not has_open_problem(order("7", 100 * DAY, **what), NOW)


def test_explain_shows_what_is_known_of_the_customer() -> None:
    loyal = rule("customer.first_order:", "  conditions:\n    customer.orders_count: { at_least: 3 }\n")
    facts = Facts(order(), "noa", JERUSALEM, history=History((order("8", -DAY),)))
    journal = observe(order(), (), Sight(NOW, Ladders(), JERUSALEM))
    (verdict,) = explain(facts, journal, [Active(loyal, NOW - DAY)], NOW + 2 * DAY)
    assert verdict.outcome == "customer.orders_count is not as wanted: at least 3"
    assert verdict.checks[-1].saw == 2


# Mistakes -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("trigger", "mistake"),
    [
        ("customer.nth_order", "'customer.nth_order': write which of a customer's orders, such as 3"),
        ("{ customer.nth_order: 0 }", "'customer.nth_order': write which of a customer's orders, such as 3"),
        ("{ customer.nth_order: many }", "'customer.nth_order': write which of a customer's orders, such as 3"),
        ("{ customer.first_order: 3 }", "'customer.first_order': write it without anything behind it"),
        (
            "{ customer.total_spent: lots }",
            "write an amount in the store's currency, such as 500",
        ),
        ("{ customer.inactive: 90 dyas }", "'customer.inactive': '90 dyas' is not a wait; did you mean '90 days'?"),
        ("{ customer.nthorder: 3 }", "there is no trigger 'customer.nthorder'; did you mean 'customer.nth_order'?"),
        ("{ order.paid: 3 }", "'order.paid' stands alone: write 'trigger: order.paid'"),
        ("[order.paid]", "write one trigger, such as order.delivered or customer.nth_order: 3"),
        (
            '{ schedule: "every 30 february 09:00" }',
            "'every 30 february 09:00' never comes: there is no such day",
        ),
        ('{ schedule: "every 32nd 09:00" }', "'schedule': 'every 32nd 09:00' never comes: there is no such day"),
        ('{ schedule: "every monday 25:00" }', "'schedule': no clock shows 25:00; times go from 00:00 to 23:59"),
        ('{ schedule: "every mondy 09:00" }', "'schedule': 'mondy' is not a day of the week; did you mean 'monday'?"),
        ("{ schedule: mondays }", "'schedule': write it like 'every monday 09:00'"),
    ],
)
def test_a_wrong_trigger_is_a_mistake_at_its_place(trigger: str, mistake: str) -> None:
    rules, problems = load(f"- id: the-rule\n  trigger: {trigger}\n  actions:\n    - add_note: Hello\n")
    assert rules == ()
    (problem,) = problems
    assert problem.startswith("rules.yaml:4:")
    assert mistake in problem


def test_only_a_schedule_comes_round() -> None:
    _, problems = load("- id: x\n  trigger: order.paid\n  once_per: occurrence\n  actions:\n    - add_note: Hello\n")
    assert problems == [
        "rules.yaml:5:13: rule 'x', once_per: only a schedule comes round: 'occurrence' goes with no other trigger"
    ]


def test_a_condition_on_what_the_trigger_never_fills_is_a_mistake() -> None:
    _, problems = load(
        "- id: x\n  trigger: checkout.abandoned\n  none_of:\n    - shipment.state: delivered\n"
        "  stop_if:\n    order.paid_at: present\n  actions:\n    - add_note: Hello\n"
    )
    cause = "is always missing here: an abandoned checkout has come to nothing of the kind yet"
    assert problems == [
        f"rules.yaml:6:7: rule 'x', none_of.0: 'shipment.state' {cause}",
        f"rules.yaml:8:5: rule 'x', stop_if: 'order.paid_at' {cause}",
    ]
