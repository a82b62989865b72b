"""A real order's way, from HTTP to a note: the whole worker against a store on a socket."""

from __future__ import annotations

import pytest

from tests.conftest import World

pytestmark = pytest.mark.every_database


def test_a_note_is_written_at_its_time_and_only_once(world: World) -> None:
    world.rules("""
        - id: welcome
          trigger: order.placed
          wait: 4 hours
          actions:
            - add_note: "Hello {{ customer.first_name }}"
    """)
    world.run()
    order = world.store.add_order()
    world.run()
    assert world.notes(order) == []
    world.later(hours=4)
    world.run()
    assert world.notes(order) == ["Hello Noa"]
    world.run_for(hours=12)
    assert world.notes(order) == ["Hello Noa"]
