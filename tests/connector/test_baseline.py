"""The past of a store fires nothing; what happens from the first look on is followed up, and never forgotten."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.conftest import World, lists_orders

pytestmark = pytest.mark.every_database

NOTE_ON_PLACED = """
    - id: welcome
      trigger: order.placed
      actions:
        - add_note: Hello
"""
NOTE_ON_COMPLETED = """
    - id: thanks
      trigger: order.completed
      actions:
        - add_note: Thank you
"""


def test_an_old_store_fires_nothing(world: World) -> None:
    old = [world.store.add_order(status="completed", created=world.clock() - timedelta(days=n)) for n in range(1, 30)]
    world.rules(NOTE_ON_PLACED)
    world.run_for(hours=3)
    assert [world.notes(order) for order in old] == [[]] * len(old)
    assert world.rows() == []


def test_an_old_order_in_a_state_that_nobody_dates_fires_nothing(world: World) -> None:
    order = world.store.add_order(status="on-hold", created=world.clock() - timedelta(days=3))
    world.rules(NOTE_ON_PLACED.replace("order.placed", "order.on_hold"))
    world.run_for(hours=3)
    assert world.notes(order) == []
    assert world.rows() == []


def test_what_an_old_order_does_from_now_on_is_followed_up(world: World) -> None:
    order = world.store.add_order(created=world.clock() - timedelta(days=3))
    world.rules(NOTE_ON_PLACED + NOTE_ON_COMPLETED)
    world.run()
    world.later(hours=1)
    world.store.set_status(order, "completed")
    world.run()
    assert world.notes(order) == ["Thank you"]


def test_a_first_walk_that_breaks_goes_on_after_a_restart_and_still_fires_nothing(world: World) -> None:
    for n in range(250):
        world.store.add_order(created=world.clock() - timedelta(hours=n + 1))
    world.rules(NOTE_ON_PLACED)
    world.store.fail_next("500", match=_second_page, times=None)
    assert world.run().error is not None
    assert world.store_state().baseline_done_at is None
    world.store.faults.clear()
    world.later(hours=1)
    world.open()
    report = world.run()
    assert report.error is None
    assert world.store_state().baseline_done_at is not None
    world.run_for(hours=2)
    assert world.rows() == []


def _second_page(request: object) -> bool:
    return lists_orders(request) and "exclude" in request.params  # type: ignore[arg-type,attr-defined]


def test_nothing_fires_before_the_first_walk_is_complete(world: World) -> None:
    world.rules(NOTE_ON_PLACED)
    world.store.fail_next("500", match=lists_orders, times=6)
    world.run()
    world.later(minutes=5)
    order = world.store.add_order()
    world.run()
    assert world.notes(order) == []
    world.later(minutes=5)
    world.run()
    assert world.notes(order) == ["Hello"]


def test_a_shop_that_first_shows_no_orders_and_then_all_of_them_fires_nothing(world: World) -> None:
    old = [world.store.add_order(created=world.clock() - timedelta(days=n)) for n in range(1, 20)]
    world.rules(NOTE_ON_PLACED)
    world.store.fail_next("empty_list", match=lists_orders, times=None)
    world.run()
    world.store.faults.clear()
    world.later(minutes=10)
    world.run_for(hours=2)
    assert world.rows() == []
    assert [world.notes(order) for order in old] == [[]] * len(old)


def test_an_old_order_that_is_first_seen_later_is_part_of_the_past(world: World) -> None:
    world.rules(NOTE_ON_PLACED)
    world.run()
    world.later(days=2)
    imported = world.store.add_order(created=world.clock() - timedelta(days=30), modified=world.clock())
    world.run_for(hours=1)
    assert world.notes(imported) == []


def test_an_order_placed_during_the_first_walk_is_followed_up_after_it(world: World) -> None:
    for n in range(150):
        world.store.add_order(created=world.clock() - timedelta(hours=n + 1))
    world.rules(NOTE_ON_PLACED)
    placed: list[int] = []

    def place_one(request: object) -> None:
        if _second_page(request) and not placed:
            world.later(seconds=30)
            placed.append(world.store.add_order())

    world.store.on_request = place_one
    world.run()
    world.run()
    assert len(placed) == 1
    assert world.notes(placed[0]) == ["Hello"]
    assert len(world.rows()) == 1


def test_an_abandoned_checkout_is_placed_when_it_becomes_a_real_order(world: World) -> None:
    world.rules(NOTE_ON_PLACED)
    world.run()
    world.later(minutes=1)
    order = world.store.add_order(status="checkout-draft")
    world.run_for(hours=1)
    assert world.notes(order) == []
    world.store.edit(order, status="processing", billing={"first_name": "Noa", "email": "noa@example.com"})
    world.run()
    assert world.notes(order) == ["Hello"]


def test_a_checkout_that_was_abandoned_before_the_first_look_can_still_become_an_order(world: World) -> None:
    order = world.store.add_order(status="checkout-draft", created=world.clock() - timedelta(days=1))
    world.rules(NOTE_ON_PLACED)
    world.run()
    world.later(hours=1)
    world.store.edit(order, status="processing", billing={"email": "noa@example.com"})
    world.run()
    assert world.notes(order) == ["Hello"]


def test_what_was_due_while_nobody_ran_is_done_late(world: World) -> None:
    world.rules("""
        - id: check-in
          trigger: order.placed
          wait: 4 hours
          actions:
            - add_note: Four hours later
    """)
    world.run()
    order = world.store.add_order()
    world.run()
    world.close()
    world.later(days=3)
    world.open()
    world.run()
    assert world.notes(order) == ["Four hours later"]


def test_an_event_while_nobody_ran_is_followed_up(world: World) -> None:
    world.rules(NOTE_ON_PLACED + NOTE_ON_COMPLETED)
    world.run()
    world.close()
    world.later(days=1)
    order = world.store.add_order()
    world.later(days=1)
    world.store.set_status(order, "completed")
    world.later(days=1)
    world.open()
    world.run()
    assert sorted(world.notes(order)) == ["Hello", "Thank you"]


def test_a_message_that_comes_too_late_is_not_sent_and_says_so(world: World) -> None:
    world.rules("""
        - id: check-in
          trigger: order.placed
          wait: 4 hours
          actions:
            - send: How was it?
    """)
    world.run()
    order = world.store.add_order()
    world.run()
    world.later(days=7, hours=5)
    report = world.run()
    assert world.messages(order) == []
    assert world.reasons("skipped") == ["expired: it was due 2026-06-01 13:00 UTC, and is not to be done this late"]
    assert (report.tally.done, report.tally.skipped) == (0, 1)


@pytest.mark.parametrize(("late", "sent"), [({"hours": 1, "minutes": 59}, 1), ({"hours": 2, "minutes": 1}, 0)])
def test_a_rule_says_itself_how_late_is_too_late(world: World, late: dict[str, float], sent: int) -> None:
    world.rules("""
        - id: check-in
          trigger: order.placed
          wait: 1 hour
          expires_after: 2 hours
          actions:
            - add_note: An hour later
    """)
    world.run()
    order = world.store.add_order()
    world.run()
    world.later(hours=1)
    world.later(**late)
    world.run()
    assert len(world.notes(order)) == sent
