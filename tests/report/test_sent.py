"""What went out, and what was withheld and why, as real runs left it."""

from __future__ import annotations

import pytest

from connector.forgetting import tidy
from connector.report.sent import in_general
from tests.conftest import World
from tests.report.conftest import account_of

pytestmark = pytest.mark.every_database

THANKS = """
- id: thanks
  trigger: order.placed
  wait: 1 hour
  stop_if: { order.status: cancelled }
  actions:
    - send: { template: thanks }
    - add_note: Thanked
- id: late
  trigger: order.status:packed
  actions: [{ notify_staff: "{{ order.number }} is packed" }]
"""


@pytest.fixture
def thanking(world: World) -> World:
    world.template("thanks", "en", "Thank you")
    world.template("thanks", "he", "תודה")
    world.rules(THANKS)
    world.run()
    return world


def order(world: World, person: str = "noa", locale: str = "en") -> int:
    placed = world.store.add_order(billing={"email": f"{person}@example.com"}, meta={"wpml_language": locale})
    world.run()
    return placed


def test_messages_are_counted_by_rule_channel_and_language(thanking: World) -> None:
    order(thanking, "noa", "he")
    order(thanking, "noa", "he")
    order(thanking, "tal", "en")
    thanking.later(hours=2)
    thanking.run()
    sent = account_of(thanking).sent
    assert (sent.rules["thanks"].messages, sent.rules["thanks"].people, sent.people) == (3, 2, 2)
    assert sent.channels == {"platform": 3}
    assert sent.locales == {"he": 2, "en": 1}
    assert sent.others == {"add_note": 3}


def test_what_went_out_before_the_time_that_is_asked_for_is_left_out(thanking: World) -> None:
    order(thanking)
    thanking.later(hours=2)
    thanking.run()
    thanking.later(days=3)
    order(thanking)
    thanking.later(hours=2)
    thanking.run()
    assert account_of(thanking, days=1).sent.rules["thanks"].messages == 1
    assert account_of(thanking, days=4).sent.rules["thanks"].messages == 2


def test_a_step_that_was_withheld_counts_once_with_its_reason(thanking: World) -> None:
    for _ in range(2):
        placed = order(thanking)
        thanking.store.set_status(placed, "cancelled")
        thanking.run()
    sent = account_of(thanking).sent
    assert sent.rules["thanks"].withheld == 2
    assert sent.rules["thanks"].messages == 0
    assert sent.reasons == {"order.status is not as wanted: anything but cancelled": 2}


def test_what_is_still_to_come_is_neither_sent_nor_withheld(thanking: World) -> None:
    order(thanking)
    sent = account_of(thanking).sent
    assert not sent.rules
    assert not sent.reasons


def test_a_message_that_the_staff_got_instead_is_no_message_to_a_customer(world: World) -> None:
    world.extra = "mode: redirect\nredirect_to: boss@example.com"
    world.rules("- id: hello\n  trigger: order.placed\n  actions: [{ send: Hello }]\n")
    world.run()
    order(world)
    world.later(days=20)
    world.run()
    made = account_of(world)
    assert made.sent.channels == {"redirected": 1}
    assert made.worth.rules["hello"].written_to.people == 0


def test_whoever_is_held_out_is_counted_once_however_many_orders_they_make(world: World) -> None:
    world.rules("- id: hello\n  trigger: order.placed\n  holdout: 50%\n  actions: [{ add_note: Hello }]\n")
    world.run()
    for person in range(8):
        for _ in range(2):
            order(world, f"buyer{person}")
    hello = account_of(world).sent.rules["hello"]
    without = {row.person for row in world.rows("skipped")}
    assert 0 < len(without) < 8
    assert hello.held_out == len(without)
    assert hello.withheld == 0


def test_orders_that_were_kept_long_enough_count_without_who_made_them(world: World) -> None:
    world.extra = "keep_for: 90 days"
    world.rules("- id: hello\n  trigger: order.placed\n  actions: [{ send: Hello }]\n")
    world.run()
    order(world)
    world.later(days=100)
    assert tidy(world.shop) == 1
    made = account_of(world, days=120)
    assert (made.orders, made.erased) == (1, 1)
    assert (made.sent.people, made.sent.locales) == (1, {"en": 1})
    assert made.worth.rules["hello"].written_to.people == 1


def test_reasons_that_differ_in_a_date_or_an_order_are_alike() -> None:
    assert in_general("once per customer: this one was for order 1042") == in_general(
        "once per customer: this one was for order A-7"
    )
    assert in_general("cooldown: this rule has acted for this customer, until 2026-06-01 09:00 UTC") == (
        "cooldown: this rule has acted for this customer, until …"
    )
    assert in_general("order.total is 12.00, wanted at least 50") == "order.total is not as wanted: at least 50"
