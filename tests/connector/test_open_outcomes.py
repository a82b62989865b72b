"""While it is not known what became of one action, the rest of its step waits: two looks guard that, each by itself."""

from __future__ import annotations

import threading

import pytest

from connector.acting import act_on_all
from connector.poller import Polled
from connector.store import followups
from connector.tally import Tally
from tests.conftest import World, is_write

pytestmark = pytest.mark.every_database


@pytest.fixture
def halfway(world: World) -> World:
    """A step of two actions: nobody knows yet what became of the first."""
    world.rules("""
        - id: rule
          trigger: order.placed
          actions:
            - send: For the customer
            - add_note: Told the customer
    """)
    world.run()
    world.store.add_order()
    world.store.fail_next("timeout", match=is_write, delay=0.3)
    world.run()
    assert world.states() == ["unknown", "pending"]
    return world


def test_what_stands_beside_an_open_outcome_is_not_due(halfway: World) -> None:
    halfway.later(minutes=1)
    with halfway.shop.database.read() as connection:
        assert followups.due(connection, halfway.shop.id, halfway.clock(), limit=10) == []


def test_a_step_that_was_claimed_before_its_outcome_was_open_is_left_alone(halfway: World) -> None:
    (waiting,) = halfway.rows("pending")
    polled = Polled(fresh={waiting.order_id: halfway.clock()})
    act_on_all(halfway.shop, [[waiting]], polled, Tally(), threading.Event())
    assert halfway.states() == ["unknown", "pending"]
    assert halfway.notes(int(waiting.order_id)) == []
