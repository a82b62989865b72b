"""A store's clock may differ from ours."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.conftest import World, is_write

RULES = """
    - id: welcome
      trigger: order.placed
      wait: 1 hour
      actions:
        - add_note: Hello
    - id: thanks
      trigger: order.completed
      actions:
        - add_note: Thank you
"""
SKEWS = [timedelta(minutes=-14), timedelta(minutes=-3), timedelta(minutes=3), timedelta(minutes=14)]


@pytest.mark.parametrize("skew", SKEWS, ids=str)
def test_what_happens_is_followed_up_once_whatever_the_stores_clock_says(world: World, skew: timedelta) -> None:
    world.store.skew = skew
    old = world.store.add_order(created=world.store.now() - timedelta(hours=1))
    world.rules(RULES)
    world.run()
    world.later(minutes=1)
    order = world.store.add_order()
    world.run()
    world.later(minutes=1)
    world.store.set_status(order, "completed")
    world.run_for(hours=3)
    assert sorted(world.notes(order)) == ["Hello", "Thank you"]
    assert world.notes(old) == []
    assert world.store_state().skew == skew.total_seconds()


@pytest.mark.parametrize("skew", SKEWS, ids=str)
def test_a_lost_answer_is_found_on_the_stores_clock(world: World, skew: timedelta) -> None:
    world.store.skew = skew
    world.rules(RULES)
    world.run()
    order = world.store.add_order()
    world.run()
    world.later(hours=2)
    world.store.fail_next("reset", match=is_write, after_commit=True)
    world.run_for(hours=1)
    assert world.notes(order) == ["Hello"]


@pytest.mark.parametrize("skew", SKEWS, ids=str)
def test_a_rule_switched_on_now_leaves_alone_what_was_before_on_the_stores_clock(world: World, skew: timedelta) -> None:
    world.store.skew = skew
    world.rules("- {id: nothing, trigger: order.failed, actions: [add_note: Failed]}")
    world.run()
    before = world.store.add_order()
    world.run()
    world.later(minutes=5)
    world.rules(RULES)
    world.run()
    world.later(minutes=5)
    after = world.store.add_order()
    world.run_for(hours=3)
    assert (world.notes(before), world.notes(after)) == ([], ["Hello"])


@pytest.mark.parametrize("minutes", [-20, 20])
def test_twenty_minutes_off_the_cause_is_named_and_nothing_lost_once_it_is_mended(world: World, minutes: int) -> None:
    world.rules(RULES)
    world.run()
    order = world.store.add_order()
    world.run()
    world.store.skew = timedelta(minutes=minutes)
    world.later(hours=2)
    error = str(world.run().error)
    assert "The store's clock and this machine's are 20 minutes apart" in error
    assert world.notes(order) == []
    world.store.skew = timedelta(0)
    world.later(hours=1)
    world.run()
    assert world.notes(order) == ["Hello"]


def test_a_store_whose_clock_is_put_right_fires_nothing_old_and_loses_nothing_new(world: World) -> None:
    world.store.skew = timedelta(minutes=-14)
    old = world.store.add_order()
    world.later(minutes=1)
    world.rules(RULES)
    world.run()
    world.later(hours=1)
    world.store.skew = timedelta(0)
    order = world.store.add_order()
    world.run_for(hours=3)
    assert (world.notes(old), world.notes(order)) == ([], ["Hello"])
