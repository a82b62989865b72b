"""Right before acting the order is looked at again: what changed at the last moment still counts."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from adapters.sandbox.server import Request
from tests.conftest import World, is_write

pytestmark = pytest.mark.every_database

CHECK_IN = """
    - id: check-in
      trigger: order.placed
      wait: 4 hours
      stop_if:
        order.status: [refunded, cancelled]
      actions:
        - send: How was it?
"""
WITH_CONDITION = """
    - id: check-in
      trigger: order.placed
      wait: 4 hours
      conditions:
        order.status: processing
      actions:
        - add_note: Still in the works
"""


def placed(world: World, rules: str) -> int:
    world.rules(rules)
    world.run()
    order = world.store.add_order()
    world.run()
    return order


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda world, order: world.store.refund(order), "order.status is refunded"),
        (lambda world, order: world.store.set_status(order, "cancelled"), "order.status is cancelled"),
        (lambda world, order: world.store.trash(order), "the order is in the trash"),
    ],
    ids=["refunded", "cancelled", "trashed"],
)
def test_what_ends_just_before_its_message_gets_none(
    world: World, change: Callable[[World, int], object], why: str
) -> None:
    order = placed(world, CHECK_IN)
    world.later(hours=4)
    change(world, order)
    report = world.run(polling=False)
    assert world.messages(order) == []
    assert report.tally.skipped == 1
    assert why in str(world.reasons("skipped")[0])


def test_an_edit_at_the_last_moment_is_in_the_message(world: World) -> None:
    order = placed(world, CHECK_IN.replace("How was it?", '"How was it, {{ customer.first_name }}?"'))
    world.later(hours=4)
    world.store.edit(order, billing={"first_name": "Tamar"})
    world.run(polling=False)
    assert world.messages(order) == ["How was it, Tamar?"]


def test_facts_older_than_a_minute_are_read_again(world: World) -> None:
    order = placed(world, CHECK_IN)
    world.later(hours=4)
    reads = [request.path for request in world.asked(lambda: world.run(polling=False)) if request.method == "GET"]
    assert reads == ["/wp-json/wc/v3/orders"]
    assert world.messages(order) == ["How was it?"]


def test_facts_that_the_poll_just_brought_are_not_read_again(world: World) -> None:
    world.rules(CHECK_IN.replace("wait: 4 hours", "wait: 0 minutes"))
    world.run()
    world.later(minutes=1)
    world.store.add_order()
    reads = [request for request in world.asked(world.run) if request.method == "GET"]
    assert len(reads) == 1


def test_what_a_long_cycle_has_read_a_minute_ago_is_read_again(world: World) -> None:
    world.store_keys = "parallel: 1"
    world.rules(CHECK_IN.replace("wait: 4 hours", "wait: 0 minutes"))
    world.run()
    orders = [world.store.add_order(), world.store.add_order()]

    def take_long(request: Request) -> None:
        if is_write(request):
            world.store.on_request = None
            world.later(seconds=61)
            world.store.refund(next(order for order in orders if f"/{order}/" not in request.path))

    world.store.on_request = take_long
    world.run()
    assert sorted(len(world.messages(order)) for order in orders) == [0, 1]
    assert "order.status is refunded" in str(world.reasons("skipped")[0])


def test_a_condition_that_turns_false_and_true_again_brings_its_follow_up_back(world: World) -> None:
    order = placed(world, WITH_CONDITION)
    world.later(hours=1)
    world.store.set_status(order, "on-hold")
    world.run()
    assert world.states() == ["skipped"]
    world.later(hours=1)
    world.store.set_status(order, "processing")
    world.run()
    assert world.states() == ["pending"]
    world.later(hours=2)
    world.run()
    assert world.notes(order) == ["Still in the works"]


def test_a_condition_that_is_false_when_due_and_true_later_is_done_then_and_once(world: World) -> None:
    order = placed(world, WITH_CONDITION)
    world.store.set_status(order, "on-hold")
    world.run_for(hours=6)
    assert (world.states(), world.notes(order)) == (["skipped"], [])
    world.store.set_status(order, "processing")
    world.run_for(hours=3)
    world.store.set_status(order, "on-hold")
    world.run_for(hours=1)
    world.store.set_status(order, "processing")
    world.run_for(hours=10)
    assert world.notes(order) == ["Still in the works"]


def test_what_was_due_within_business_hours_is_not_done_late_outside_of_them(world: World) -> None:
    order = placed(world, CHECK_IN.replace("stop_if", "send_between: 09:00-18:00\n      stop_if"))
    world.clock.advance(world.clock().replace(hour=22, minute=0) - world.clock())
    world.run()
    assert world.messages(order) == []
    assert world.reasons("pending") == ["put off: it is outside 09:00-18:00"]
    world.later(hours=7, minutes=59)  # 08:59 in Jerusalem
    world.run()
    assert world.messages(order) == []
    world.later(minutes=1)
    world.run()
    assert world.messages(order) == ["How was it?"]


def test_an_order_without_an_e_mail_address_gets_no_message_and_says_why(world: World) -> None:
    world.rules(CHECK_IN)
    world.run()
    order = world.store.add_order(billing={"email": ""})
    world.run_for(hours=5)
    assert world.store.customer_notes(order) == []
    assert world.reasons("skipped") == ["the order has no e-mail address: the platform could not reach the customer"]
