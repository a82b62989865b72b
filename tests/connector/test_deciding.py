"""A person's word counts, but never makes anything happen twice."""

from __future__ import annotations

from datetime import timedelta

import pytest

from connector.deciding import take_word
from connector.settling import SETTLES_AFTER
from tests.conftest import World, is_write

pytestmark = pytest.mark.every_database

RULE = """
    - id: welcome
      trigger: order.placed
      actions:
        - add_note: Hello
"""


def lost_answer(world: World) -> int:
    """An order whose note is stored, though nobody knows: its answer was lost, and the store does not tell."""
    world.rules(RULE)
    world.run()
    order = world.store.add_order()
    world.store.fail_next("reset", match=is_write, after_commit=True)
    world.store.fail_next("500", match=lambda request: request.path.endswith("/notes"), times=3)
    world.run()
    assert world.states() == ["unknown"]
    return order


def test_what_may_still_be_under_way_is_not_tried_again_on_a_persons_word(world: World) -> None:
    order = lost_answer(world)
    (row,) = world.rows()
    world.later(minutes=1)
    take_word(world.shop, [row.id], sent=False)
    assert world.states() == ["unknown"]
    world.run()
    assert world.notes(order) == ["Hello"]


def test_what_a_run_has_settled_meanwhile_stays_settled_whatever_a_person_says(world: World) -> None:
    order = lost_answer(world)
    (row,) = world.rows()
    world.clock.advance(SETTLES_AFTER + timedelta(minutes=1))
    world.run()  # between the person's look and the person's word
    take_word(world.shop, [row.id], sent=False)
    world.run_for(hours=1)
    assert world.states() == ["done"]
    assert world.notes(order) == ["Hello"]


def test_when_it_can_be_known_a_persons_word_counts(world: World) -> None:
    lost_answer(world)
    (row,) = world.rows()
    world.clock.advance(SETTLES_AFTER)
    take_word(world.shop, [row.id], sent=True)
    assert world.states() == ["done"]
