"""Rules about customers and time, from a store over HTTP to what the customer and the staff got."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.connector.telling import MUG, TEA, Both, Life, both_stores, local


@pytest.fixture
def both(tmp_path: Path) -> Iterator[Both]:
    both = both_stores(tmp_path)
    with both.stores[0].sandbox, both.stores[1].sandbox:
        yield both
        both.close()


def test_the_first_order_is_welcomed_and_the_third_is_thanked_once_each(both: Both) -> None:
    both.rules = """
    - id: welcome
      trigger: customer.first_order
      actions:
        - send: "Welcome, {{ customer.first_name }}"
    - id: third
      trigger: { customer.nth_order: 3 }
      actions:
        - add_tag: regular
        - add_note: "Order {{ customer.orders_count }} of this customer"
    """

    def story(shop: Life) -> None:
        shop.place("A")
        for day, order in enumerate("BCD", start=2):
            shop.until(f"06-0{day} 10:00")
            shop.place(order)
        shop.place("X", email="lea@example.com")
        shop.until("06-08 10:00")

    told = both.tell(story)
    assert [mail.partition(": ")[0] for mail in told.mailed] == ["06-01 12:00 A", "06-04 10:00 X"]
    assert told.tags == {"C": ["regular"]}
    assert told.notes == {"C": "Order 3 of this customer"}


def test_of_somebody_with_very_many_orders_the_latest_are_looked_at_and_the_older_counted(
    both: Both, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connector.histories.MOST_ORDERS", 2)
    monkeypatch.setattr("connector.histories.MOST_ASKED", 1)
    both.rules = """
    - id: welcome
      trigger: customer.first_order
      actions:
        - add_note: First
    - id: fifth
      trigger: { customer.nth_order: 5 }
      actions:
        - add_note: "Order {{ customer.orders_count }}"
    """

    def story(shop: Life) -> None:
        for day, order in enumerate("ABCDEF", start=2):
            shop.place(order)
            shop.until(f"06-0{day} 10:00")
        shop.refund("F")
        shop.until("06-09 10:00")

    assert both.tell(story).notes == {"A": "First", "E": "Order 5"}


def test_an_order_that_was_called_off_makes_way_for_the_next_first_order(both: Both) -> None:
    both.rules = """
    - id: welcome
      trigger: customer.first_order
      wait: 1 day
      actions:
        - send: "Welcome with order {{ order.number }}"
    """

    def story(shop: Life) -> None:
        shop.place("A")
        shop.until("06-01 14:00")
        shop.place("B")
        shop.until("06-01 15:00")
        shop.cancel("A")
        shop.until("06-04 10:00")

    assert both.tell(story).mailed == ["06-02 14:00 B: Welcome with order B"]


def test_who_spent_enough_gets_a_coupon_with_the_order_that_made_it_so(both: Both) -> None:
    both.rules = """
    - id: spent
      trigger: { customer.total_spent: 100 }
      actions:
        - create_coupon: { percent: 15, expires: 30 days }
        - send: "{{ customer.total_spent | money }} so far. Thank you: {{ coupon.code }}"
    """

    def story(shop: Life) -> None:
        shop.place("A", items=[TEA])
        shop.place("B", items=[TEA, MUG])
        shop.place("C", items=[MUG])
        shop.until("06-02 10:00")

    told = both.tell(story)
    assert [mail.partition(": ")[0] for mail in told.mailed] == ["06-01 12:00 B"]
    assert len(told.coupons) == 1


def test_somebody_who_stays_away_is_asked_back_and_who_comes_back_in_time_is_not(both: Both) -> None:
    both.rules = """
    - id: win-back
      trigger: { customer.inactive: 30 days }
      steps:
        - actions:
            - send: "We have not seen you for a while, {{ customer.first_name }}"
        - wait: 7 days
          actions:
            - send: "Still there?"
    """

    def story(shop: Life) -> None:
        shop.place("A")
        shop.place("B", email="lea@example.com")
        shop.until("06-20 12:00")
        shop.place("C", email="lea@example.com")
        shop.until("07-03 12:00")
        shop.place("D")
        shop.until("07-25 12:00")

    assert [mail.partition(": ")[0] for mail in both.tell(story).mailed] == ["07-01 14:00 A", "07-20 14:00 C"]


def test_what_waits_for_somebody_of_the_past_goes_on_when_another_order_of_theirs_changes(both: Both) -> None:
    both.rules = """
    - id: win-back
      trigger: { customer.inactive: 10 days }
      expires_after: 60 days
      hold_while:
        customer.orders_count: { at_least: 2 }
      actions:
        - send: "Come back, {{ order.number }}"
    """

    def bought(shop: Life) -> None:
        for order in "AB":
            order_id = shop.store.place(order, paid=True, email="noa@example.com", locale="en", items=[MUG])
            shop.names[order_id] = order
            shop.world.clock.now += timedelta(days=1)

    def story(shop: Life) -> None:
        shop.until("06-20 12:00")
        shop.cancel("A")
        shop.until("06-21 12:00")

    both.before = bought
    assert both.tell(story).mailed == ["06-20 12:00 B: Come back, B"]


def test_nobody_has_touched_an_order_and_the_staff_is_told_again_until_somebody_does(both: Both) -> None:
    both.rules = """
    - id: unhandled
      trigger: { order.unhandled: 4 hours }
      steps:
        - actions:
            - notify_staff: "Order {{ order.number }} waits"
        - wait: 1 day
          actions:
            - notify_staff: "Order {{ order.number }} still waits"
    """

    def story(shop: Life) -> None:
        shop.place("A")
        shop.place("B")
        shop.until("06-01 14:00")
        shop.ship("B")
        shop.until("06-02 10:00")
        shop.place("C")
        shop.until("06-02 15:00")
        shop.ship("C", "parcel-2")
        shop.until("06-05 10:00")

    assert both.tell(story).told == ["Order A waits", "Order C waits", "Order A still waits"]
    for life in both.lives:
        (reason,) = set(life.world.reasons("skipped"))
        assert reason == "order.unhandled: 4 hours no longer holds: somebody has seen to the order"


def test_every_monday_the_staff_hears_of_what_is_stuck(both: Both) -> None:
    both.rules = """
    - id: stuck
      trigger: { schedule: "every monday 09:00" }
      once_per: occurrence
      conditions:
        order.paid_at: missing
        order.created_at: { older_than: 2 days }
      actions:
        - notify_staff: "Order {{ order.number }} is not paid"
    """

    def story(shop: Life) -> None:
        shop.place("A", paid=False)
        shop.until("06-07 12:00")
        shop.place("B", paid=False)
        shop.until("06-09 10:00")
        shop.place("C", paid=False)
        shop.until("06-12 10:00")
        shop.pay("C")
        shop.until("06-16 10:00")

    assert both.tell(story).told == [
        "Order A is not paid",  # on the 8th
        "Order A is not paid",
        "Order B is not paid",
    ]


def test_an_hour_that_came_round_while_the_store_was_down_is_not_lost(both: Both) -> None:
    both.rules = """
    - id: stuck
      trigger: { schedule: "every monday 09:00" }
      actions:
        - notify_staff: "Order {{ order.number }}"
        - add_note: "Looked at"
    """

    def story(shop: Life) -> None:
        shop.place("A")
        shop.until("06-07 20:00")
        shop.go_down()
        shop.until("06-08 20:00")
        shop.come_back()
        shop.until("06-10 20:00")

    told = both.tell(story)
    assert told.told[-1:] == ["Order A"]
    assert told.notes == {"A": "Looked at"}
    assert sum(line == "Order A" for line in told.told) == 1


def test_an_hour_that_came_round_counts_for_who_buys_something_else_just_then(both: Both) -> None:
    both.rules = """
    - id: at-nine
      trigger: { schedule: "every monday 09:00" }
      actions:
        - add_note: "Looked at"
    - id: welcome
      trigger: customer.first_order
      actions:
        - add_tag: new
    """

    def story(shop: Life) -> None:
        shop.place("A")
        shop.until("06-08 08:55")
        shop.go_down()
        shop.until("06-08 09:05")
        shop.come_back()
        shop.place("B")  # seen in the very cycle that is the first after nine
        shop.until("06-08 20:00")

    told = both.tell(story)
    assert told.notes == {"A": "Looked at"}
    assert told.tags == {"A": ["new"]}


def test_what_was_bought_again_is_not_recommended(both: Both) -> None:
    both.rules = """
    - id: again
      trigger: order.paid
      once_per: line_item
      wait: 20 days
      stop_if:
        item.bought_again: true
      actions:
        - send: "Time for more {{ item.name }}?"
    """

    def story(shop: Life) -> None:
        shop.place("A", items=[TEA, MUG])
        shop.until("06-10 12:00")
        shop.place("B", items=[TEA])
        shop.until("06-25 12:00")

    for told in both.tell_apart(story):
        assert told.mailed == ["06-21 12:00 A: Time for more Ceramic mug?"]


def test_who_was_written_to_lately_is_left_alone_until_that_is_long_ago(both: Both) -> None:
    both.rules = """
    - id: thanks
      trigger: order.paid
      actions:
        - send: "Thank you"
    - id: survey
      trigger: order.paid
      wait: 2 days
      expires_after: 60 days
      conditions:
        customer.messages_in_30_days: { less_than: 2 }
      actions:
        - send: "Two questions"
    """

    def story(shop: Life) -> None:
        shop.place("A")
        shop.until("06-02 12:00")
        shop.place("B")
        shop.until("07-12 12:00")

    told = both.tell(story)
    assert [mail[6:] for mail in told.mailed if "questions" in mail] == [
        "12:00 A: Two questions",
        "12:00 B: Two questions",
    ]
    assert [mail[:5] for mail in told.mailed] == ["06-01", "06-02", "07-01", "07-02"]


def test_money_given_back_is_an_open_problem_for_a_week_also_with_another_order(both: Both) -> None:
    both.rules = """
    - id: ask
      trigger: order.paid
      wait: 1 day
      expires_after: 30 days
      hold_while:
        customer.open_problem: true
      actions:
        - send: "How was {{ order.number }}?"
    """

    def story(shop: Life) -> None:
        shop.place("A")
        shop.place("B")
        shop.until("06-01 20:00")
        shop.refund("A", "5.00")
        shop.until("06-11 12:00")

    told = both.tell(story)
    assert sorted(mail[:5] + mail[11:] for mail in told.mailed) == ["06-08 A: How was A?", "06-08 B: How was B?"]


def test_an_order_that_came_in_before_the_hour_and_was_seen_after_it_is_looked_at(both: Both) -> None:
    both.rules = """
    - id: morning
      trigger: { schedule: "every day 09:00" }
      actions:
        - add_note: "Good morning"
    """

    def story(shop: Life) -> None:
        shop.until("06-02 20:00")
        order_id = shop.store.place("A", paid=True, email="noa@example.com", locale="en", items=[MUG])
        shop.names[order_id] = "A"
        shop.world.clock.now = local("06-03 09:30")
        shop.world.run()

    assert both.tell(story).notes == {"A": "Good morning"}
