"""`holdout`: some of a rule's people get nothing of it, so that it can be told what it is worth."""

from __future__ import annotations

import pytest

from tests.conftest import World, is_write

pytestmark = pytest.mark.every_database

PEOPLE = 24

RULE = """
- id: {id}
  trigger: order.placed
  holdout: 50%
  steps:
    - wait: 1 hour
      actions:
        - send: {{ text: "Thank you for {{{{ order.number }}}}", purpose: transactional }}
        - add_note: Thanked
    - wait: 1 day
      actions: [{{ add_tag: thanked }}]
"""


def rule(id: str = "thanks", more: str = "") -> str:
    return RULE.format(id=id) + more


def person(number: int) -> dict[str, str]:
    return {"email": f"buyer{number}@example.com"}


def placed(world: World, people: int = PEOPLE) -> list[int]:
    orders = [world.store.add_order(billing=person(number)) for number in range(people)]
    world.run()
    return orders


def thanked(world: World) -> set[str]:
    """Who got a mail."""
    return {mail.to for mail in world.store.mails}


def left_out(world: World) -> set[int]:
    """The orders of those who are to get nothing."""
    return {int(row.order_id) for row in world.rows("skipped") if row.held_for == "holdout"}


def test_some_people_get_nothing_of_the_rule_and_the_others_all_of_it(world: World) -> None:
    world.rules(rule())
    world.run()
    orders = placed(world)
    world.run_for(days=2)
    without = left_out(world)
    assert 0 < len(without) < PEOPLE
    for order in orders:
        there = order not in without
        assert len(world.messages(order)) == there
        assert world.notes(order) == ["Thanked"] * there
        assert ("thanked" in str(world.store.order(order).meta)) == there


def test_nothing_is_written_to_the_store_for_somebody_who_is_held_out(world: World) -> None:
    world.rules(rule())
    world.run()
    placed(world)
    ids = [f"/{order}" for order in left_out(world)]
    asked = world.asked(lambda: world.run_for(days=2))
    assert not [each.path for each in asked if is_write(each) and any(id_ in each.path for id_ in ids)]


def test_history_has_one_row_of_somebody_who_is_held_out(world: World) -> None:
    world.rules(rule())
    world.run()
    placed(world)
    world.run_for(days=2)
    rows = [row for row in world.rows() if int(row.order_id) in left_out(world)]
    assert len(rows) == len(left_out(world))
    assert {row.reason for row in rows} == {"held out: 50 % of this rule's people get nothing, to compare"}
    assert {(row.state, row.final) for row in rows} == {("skipped", True)}


def test_the_same_people_are_left_out_of_their_next_order(world: World) -> None:
    world.rules(rule())
    world.run()
    placed(world)
    world.run_for(hours=2)
    before = thanked(world)
    placed(world)
    world.run_for(hours=2)
    assert thanked(world) == before


def test_a_rule_with_a_new_name_keeps_its_people(world: World) -> None:
    world.rules(rule())
    world.run()
    placed(world)
    world.run_for(hours=2)
    before = thanked(world)
    world.rules(rule("gratitude", "  was: thanks\n"))
    placed(world)
    world.rules(rule("gratitude"))  # it need not say for ever what it was called
    placed(world)
    world.run_for(hours=2)
    assert thanked(world) == before
    assert len(world.store.mails) == 3 * len(before)


def test_who_was_left_out_gets_nothing_late_when_the_comparison_ends(world: World) -> None:
    world.rules(rule())
    world.run()
    placed(world)
    without = left_out(world)
    world.rules(rule().replace("  holdout: 50%\n", ""))
    world.run_for(days=2)
    assert all(world.messages(order) == [] and world.notes(order) == [] for order in without)
    orders = placed(world)
    world.run_for(hours=2)
    assert all(len(world.messages(order)) == 1 for order in orders)


def test_a_comparison_that_begins_leaves_out_some_who_were_to_be_written_to(world: World) -> None:
    world.rules(rule().replace("  holdout: 50%\n", ""))
    world.run()
    orders = placed(world)
    assert len(world.rows("pending")) == 2 * PEOPLE
    world.rules(rule())
    world.run_for(hours=2)
    without = left_out(world)
    assert 0 < len(without) < PEOPLE
    assert [len(world.messages(order)) for order in orders] == [int(order not in without) for order in orders]


def test_what_was_begun_with_somebody_is_brought_to_its_end(world: World) -> None:
    world.rules(rule().replace("  holdout: 50%\n", ""))
    world.run()
    orders = placed(world)
    world.run_for(hours=2)
    world.rules(rule())
    world.run_for(days=2)
    assert left_out(world) == set()
    assert all("thanked" in str(world.store.order(order).meta) for order in orders)


def test_other_rules_are_none_of_its_business(world: World) -> None:
    world.rules(rule() + "- id: hello\n  trigger: order.placed\n  actions: [{ add_note: Hello }]\n")
    world.run()
    orders = placed(world)
    assert [world.notes(order) for order in orders] == [["Hello"]] * PEOPLE
