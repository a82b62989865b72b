"""A replay keeps its orders in a temporary file: memory does not grow with their number."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from adapters.model import Customer, Money, Order
from connector.simulation.replay import Setup, begin
from connector.simulation.shelf import Story
from connector.store import orders
from connector.wording import written_out
from tests.conftest import World

RULES = """
    - id: thanks
      trigger: order.paid
      wait: 1 hour
      actions:
        - add_note: Thanked
"""
START = datetime(2026, 3, 8, 7, tzinfo=UTC)


def stories(number: int) -> Iterator[Story]:
    for each in range(number):
        placed = START + timedelta(minutes=1 + each)
        order = Order(
            id=str(each),
            number=str(each),
            status="processing",
            created_at=placed,
            modified_at=placed,
            paid_at=placed,
            total=Money(Decimal(40), "ILS"),
            customer=Customer(email=f"customer{each}@example.com"),
        )
        yield Story("tea", orders.encode(order), f"person-{each}")


@pytest.fixture
def setup(world: World) -> Setup:
    world.rules(RULES)
    return Setup({"tea": world.shop}, START, START + timedelta(days=30), lambda marks: (), written_out)


def taken(setup: Setup, number: int) -> int:
    """How much memory so many orders take that wait for something to happen."""
    tracemalloc.start()
    try:
        with begin(setup, stories(number)):
            return tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()


def test_orders_to_which_nothing_happens_take_no_memory(setup: Setup) -> None:
    taken(setup, 10)  # whatever is made once
    assert taken(setup, 1000) < taken(setup, 100) + 50_000


def test_all_orders_are_there_when_they_are_asked_for(setup: Setup) -> None:
    with begin(setup, stories(50)) as going:
        assert [life.story.past.order.id for life in going.shelf] == [str(each) for each in range(50)]
        assert going.shelf.awake() == []
