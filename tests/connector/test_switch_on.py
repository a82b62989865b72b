"""A rule acts on what happens after it was switched on; edits change what is planned, never what was done."""

from __future__ import annotations

import pytest

from connector.store.errors import StateError
from tests.conftest import World, is_write

pytestmark = pytest.mark.every_database

RULE = """
    - id: welcome
      trigger: order.placed
      wait: 1 hour
      actions:
        - add_note: Hello
"""
BACKFILL = RULE.replace("wait: 1 hour", "backfill: 30 days")


def aged(world: World, rules: str = RULE) -> int:
    """An order that was placed two hours before the rules come in, by a shop that we look after."""
    world.rules("- {id: nothing, trigger: order.failed, actions: [add_note: Failed]}")
    world.run()
    order = world.store.add_order()
    world.run()
    world.later(hours=2)
    world.rules(rules)
    return order


def test_a_new_rule_leaves_alone_what_happened_before(world: World) -> None:
    order = aged(world)
    world.run_for(hours=3)
    assert world.notes(order) == []
    later = world.store.add_order()
    world.run_for(hours=2)
    assert world.notes(later) == ["Hello"]


def test_what_happens_while_a_rule_is_switched_off_is_not_made_up_for(world: World) -> None:
    world.rules(RULE)
    world.run()
    before = world.store.add_order()
    world.run()
    world.rules(RULE.replace("wait", "enabled: false\n      wait"))
    world.run()
    assert world.reasons("skipped") == ["the rule is switched off"]
    world.later(hours=1)
    meanwhile = world.store.add_order()
    world.run()
    world.later(hours=1)
    world.rules(RULE)
    world.run_for(hours=3)
    after = world.store.add_order()
    world.run_for(hours=2)
    assert [world.notes(order) for order in (before, meanwhile, after)] == [[], [], ["Hello"]]


def test_a_renamed_rule_keeps_what_it_did_and_what_it_planned(world: World) -> None:
    world.rules(RULE)
    world.run()
    done = world.store.add_order()
    world.run_for(hours=1)
    pending = world.store.add_order()
    world.run()
    world.rules(RULE.replace("welcome", "greeting\n      was: welcome"))
    world.run_for(hours=3)
    assert [world.notes(order) for order in (done, pending)] == [["Hello"], ["Hello"]]
    assert {row.rule for row in world.rows()} == {"greeting"}


def test_a_rule_that_is_taken_out_takes_its_plans_with_it_and_says_why(world: World) -> None:
    world.rules(RULE)
    world.run()
    order = world.store.add_order()
    world.run()
    world.rules("- {id: other, trigger: order.failed, actions: [add_note: Failed]}")
    report = world.run()
    world.run_for(hours=3)
    assert world.notes(order) == []
    assert report.tally.skipped == 1
    assert "no longer planned" in str(world.reasons("skipped")[0])


def test_an_edited_wait_moves_what_is_planned(world: World) -> None:
    world.rules(RULE)
    world.run()
    order = world.store.add_order()
    world.run()
    world.rules(RULE.replace("1 hour", "3 hours"))
    world.later(hours=2)
    world.run()
    assert world.notes(order) == []
    world.later(hours=1)
    world.run()
    assert world.notes(order) == ["Hello"]


def test_a_shorter_wait_brings_it_forward(world: World) -> None:
    world.rules(RULE.replace("1 hour", "3 days"))
    world.run()
    order = world.store.add_order()
    world.run()
    world.later(hours=2)
    world.rules(RULE)
    world.run()
    assert world.notes(order) == ["Hello"]


def test_a_condition_that_an_edit_loosens_lets_in_orders_since_the_rule_was_switched_on(world: World) -> None:
    strict = RULE.replace("wait", "conditions: {order.total: {more_than: 1000}}\n      wait")
    world.rules(strict)
    world.run()
    order = world.store.add_order()
    world.run()
    assert world.rows() == []
    world.rules(strict.replace("1000", "10"))
    world.run_for(hours=2)
    assert world.notes(order) == ["Hello"]


def test_an_edited_text_is_what_goes_out(world: World) -> None:
    world.rules(RULE)
    world.run()
    order = world.store.add_order()
    world.run()
    world.rules(RULE.replace("Hello", "Welcome"))
    world.run_for(hours=2)
    assert world.notes(order) == ["Welcome"]


def test_an_edit_never_repeats_what_was_done(world: World) -> None:
    world.rules(RULE)
    world.run()
    order = world.store.add_order()
    world.run_for(hours=2)
    world.rules(RULE.replace("Hello", "Welcome").replace("1 hour", "5 hours"))
    world.run_for(hours=8)
    assert world.notes(order) == ["Hello"]


def test_backfill_acts_on_the_past_as_far_as_it_says(world: World) -> None:
    now = world.clock()
    near = world.store.add_order(created=now.replace(day=1, month=5, hour=10))
    recent = world.store.add_order(created=now.replace(day=20, month=5))
    far = world.store.add_order(created=now.replace(day=1, month=4))
    world.rules("- {id: nothing, trigger: order.failed, actions: [add_note: Failed]}")
    world.run()
    world.rules(BACKFILL)
    world.later(hours=1)
    world.run()
    assert [world.notes(order) for order in (near, recent, far)] == [[], ["Hello"], []]


def test_a_lost_database_writes_nothing_to_anyone_again(world: World) -> None:
    world.rules(
        BACKFILL.replace("- add_note: Hello", "- add_note: Hello\n        - add_tag: greeted\n        - send: Hi")
    )
    world.run()
    orders = [world.store.add_order() for _ in range(5)]
    world.run()
    assert [world.notes(order) for order in orders] == [["Hello"]] * 5
    world.close()
    for file in world.folder.glob("aftersale.db*"):
        file.unlink()
    world.later(days=2)
    world.open()
    writes = [request for request in world.asked(lambda: world.run_for(hours=3)) if is_write(request)]
    assert writes == []
    assert world.states() == ["done"] * 15


def test_a_new_id_for_a_rule_that_reaches_back_is_refused(world: World) -> None:
    world.rules(BACKFILL)
    world.run()
    with pytest.raises(StateError, match=r"rule 'hello' does just what 'welcome' did.*was: welcome"):
        world.rules(BACKFILL.replace("welcome", "hello"))


def test_a_new_id_that_adds_a_backfill_to_what_an_old_rule_did_is_refused_too(world: World) -> None:
    world.rules(RULE.replace("      wait: 1 hour\n", ""))
    with pytest.raises(StateError, match=r"rule 'hello' does just what 'welcome' did"):
        world.rules(BACKFILL.replace("id: welcome", "id: hello"))


def test_a_stricter_look_at_what_is_old_survives_a_restart(world: World) -> None:
    order = aged(world)
    world.run()
    for _ in range(3):
        world.open()
        world.run_for(hours=1)
    assert world.notes(order) == []
