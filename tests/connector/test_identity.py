"""A store is known again: a clone or a wrong key is refused until a person accepts it."""

from __future__ import annotations

import pytest

from tests.conftest import World, is_write

pytestmark = pytest.mark.every_database

RULE = """
    - id: welcome
      trigger: order.placed
      wait: 2 hours
      actions:
        - add_note: Hello
"""


def test_another_store_behind_the_same_address_is_refused_and_the_staff_told_once(world: World) -> None:
    world.rules(RULE)
    world.run()
    order = world.store.add_order()
    world.run()
    world.store.become_another_store()
    world.later(hours=2)
    asked = world.asked(lambda: world.run_for(hours=3))
    assert [request for request in asked if is_write(request)] == []
    assert world.notes(order) == []
    assert "this is not the store it was: its site id was" in str(world.store_state().error)
    assert "--accept-store" in str(world.store_state().error)
    assert len(world.told) == 1


def test_once_accepted_it_goes_on_where_it_was(world: World) -> None:
    world.rules(RULE)
    world.run()
    order = world.store.add_order()
    world.run()
    world.store.become_another_store()
    world.later(hours=2)
    assert world.run().error is not None
    assert world.run(accept_store=True).error is None
    assert world.notes(order) == ["Hello"]
    world.open()
    world.later(hours=2)
    assert world.run().error is None


def test_a_new_key_has_the_identity_looked_at_before_anything_is_done(world: World) -> None:
    world.rules(RULE)
    world.run()
    order = world.store.add_order()
    world.run()
    world.store.add_key("ck_other", "cs_other", "read_write")
    world.store.become_another_store()
    world.later(minutes=5)
    assert world.run().error is None  # nobody looks every few minutes
    world.edit = lambda config: config.replace("_sandbox", "_other")
    world.open()
    assert "not the store" in str(world.run().error)
    assert world.notes(order) == []


def test_a_new_key_to_the_same_store_changes_nothing(world: World) -> None:
    world.rules(RULE)
    world.run()
    order = world.store.add_order()
    world.run()
    world.store.add_key("ck_other", "cs_other", "read_write")
    world.edit = lambda config: config.replace("_sandbox", "_other")
    world.open()
    world.later(hours=2)
    assert world.run().error is None
    assert world.notes(order) == ["Hello"]
