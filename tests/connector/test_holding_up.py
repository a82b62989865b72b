"""`hold_while`: a step waits as long as something is so, then goes on, or comes too late."""

from __future__ import annotations

import pytest

from tests.conftest import World, is_write

pytestmark = pytest.mark.every_database

ASK = """
    - id: ask
      trigger: order.placed
      wait: 4 hours
      hold_while:
        order.status: on-hold
      actions:
        - send: How was it?
        - add_note: Asked
"""
WAITS = "waits while order.status is on-hold"


def placed(world: World, rules: str = ASK, status: str = "on-hold") -> int:
    """An order that comes in with this status, and is looked after by these rules."""
    world.rules(rules)
    world.run()
    order = world.store.add_order(status=status)
    world.run()
    return order


def test_it_waits_as_long_as_that_is_so_and_then_goes_on(world: World) -> None:
    order = placed(world)
    world.run_for(hours=30)
    assert (world.states(), world.reasons()) == (["pending"] * 2, [WAITS] * 2)
    assert world.messages(order) == world.notes(order) == []
    world.store.set_status(order, "processing")
    world.run()
    assert (world.messages(order), world.notes(order)) == (["How was it?"], ["Asked"])
    assert [row.held_for for row in world.rows("done")] == [None, None]


def test_the_wait_goes_on_meanwhile(world: World) -> None:
    order = placed(world)
    world.run_for(hours=1)
    world.store.set_status(order, "processing")
    world.run_for(hours=2.5)
    assert world.messages(order) == []
    world.run_for(hours=1)
    assert world.messages(order) == ["How was it?"]


def test_the_store_is_not_asked_more_often_for_what_waits(world: World) -> None:
    placed(world)
    world.run_for(hours=6)
    world.later(minutes=2)
    assert len(world.asked(world.run)) == 1
    assert world.asked(lambda: world.run(polling=False)) == []


def test_it_may_come_to_be_so_at_the_last_moment(world: World) -> None:
    order = placed(world, status="processing")
    world.later(hours=4)
    world.store.set_status(order, "on-hold")
    asked = world.asked(lambda: world.run(polling=False))
    assert not any(map(is_write, asked))
    assert (world.states(), world.reasons()) == (["pending"] * 2, [WAITS] * 2)


def test_what_waits_too_long_expires_and_says_why(world: World) -> None:
    order = placed(world, ASK.replace("wait: 4 hours", "wait: 4 hours\n      expires_after: 2 days"))
    world.run_for(hours=50)
    assert world.states() == ["pending"] * 2
    world.run_for(hours=3)
    world.store.set_status(order, "processing")
    world.run_for(hours=3)
    assert world.states() == ["skipped"] * 2
    assert all(str(reason).startswith("expired: ") and f"({WAITS})" in str(reason) for reason in world.reasons())
    assert world.messages(order) == []


def test_what_never_expires_waits_for_as_long_as_it_takes(world: World) -> None:
    order = placed(world, ASK.replace("- send: How was it?\n        ", ""))
    for _ in range(10):
        world.later(days=30)
        world.run()
    assert world.states() == ["pending"]
    world.store.set_status(order, "processing")
    world.run()
    assert world.notes(order) == ["Asked"]


def test_what_ends_the_follow_up_ends_it_though_it_waits(world: World) -> None:
    order = placed(world, ASK.replace("actions:", "stop_if: { order.status: cancelled }\n      actions:"))
    world.run_for(hours=6)
    world.store.set_status(order, "cancelled")
    world.run()
    assert world.states() == ["skipped"] * 2
    assert world.messages(order) == []


def test_each_step_waits_for_itself(world: World) -> None:
    steps = """
    - id: ask
      trigger: order.placed
      hold_while: { order.status: on-hold }
      steps:
        - actions: [ add_note: One ]
        - wait: 1 hour
          actions: [ add_note: Two ]
    """
    order = placed(world, steps, status="processing")
    world.store.set_status(order, "on-hold")
    world.run_for(hours=5)
    assert world.notes(order) == ["One"]
    world.store.set_status(order, "processing")
    world.run()
    assert world.notes(order) == ["One", "Two"]


def test_a_time_that_passes_lets_it_go_though_nothing_is_edited(world: World) -> None:
    rule = ASK.replace("order.status: on-hold", "order.created_at: { newer_than: 2 days }")
    order = placed(world, rule)
    world.run_for(hours=47)
    assert (world.messages(order), world.reasons()) == ([], ["waits while order.created_at is newer than 2 days"] * 2)
    world.run_for(hours=2)
    assert world.messages(order) == ["How was it?"]


def test_what_is_let_go_at_night_waits_for_the_rules_hours(world: World) -> None:
    order = placed(world, ASK.replace("actions:", "send_between: 09:00-18:00\n      actions:"))
    world.run_for(hours=12)  # it is midnight in the shop
    world.store.set_status(order, "processing")
    world.run()
    assert (world.messages(order), world.reasons("pending")) == ([], ["put off: it is outside 09:00-18:00"] * 2)
    world.run_for(hours=10)
    assert world.messages(order) == ["How was it?"]


def test_a_restart_changes_nothing(world: World) -> None:
    order = placed(world)
    world.run_for(hours=6)
    world.open()
    world.run_for(hours=1)
    assert (world.messages(order), world.reasons()) == ([], [WAITS] * 2)
    world.store.set_status(order, "processing")
    world.open()
    world.run()
    assert world.messages(order) == ["How was it?"]


def test_an_edit_holds_up_what_is_planned_and_another_lets_it_go(world: World) -> None:
    without = ASK.replace("      hold_while:\n        order.status: on-hold\n", "")
    order = placed(world, without)
    world.rules(ASK)
    world.run_for(hours=6)
    assert (world.messages(order), world.reasons()) == ([], [WAITS] * 2)
    world.rules(ASK.replace("order.status: on-hold", "order.status: [on-hold, pending]"))
    world.run()
    assert world.reasons() == ["waits while order.status is any of on-hold, pending"] * 2
    world.rules(without)
    world.run()
    assert world.messages(order) == ["How was it?"]


def test_what_waits_is_no_work_for_the_breaker_before_it_may_go(world: World) -> None:
    world.rules(ASK.replace("actions:", "max_per_run: 3\n      actions:"))
    world.run()
    orders = [world.store.add_order(status="on-hold") for _ in range(5)]
    world.run_for(hours=6)
    assert world.states() == ["pending"] * 10
    for order in orders:
        world.store.set_status(order, "processing")
    world.run()
    assert world.states() == ["held"] * 10, "five at once are more than three"
