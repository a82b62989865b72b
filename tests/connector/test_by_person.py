"""A store's customers, one after another, with all that is known of each."""

from __future__ import annotations

import pytest

from connector.store import by_person
from tests.conftest import World

pytestmark = pytest.mark.every_database


@pytest.fixture
def busy(world: World) -> World:
    """Five customers, of whom each has more orders than the one before; every order got a note."""
    world.rules("- id: hello\n  trigger: order.placed\n  actions: [{ add_note: Hello }]\n")
    world.run()
    for number in range(5):
        for _ in range(number + 1):
            world.store.add_order(billing={"email": f"buyer{number}@example.com"})
    world.run()
    return world


@pytest.mark.parametrize("at_once", [1, 4, 500])
def test_nobody_is_torn_apart_however_few_orders_are_read_together(
    busy: World, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(by_person, "AT_ONCE", at_once)
    with busy.shop.database.read() as connection:
        people = list(by_person.everybody(connection, "tea"))
    assert sorted(len(person.orders) for person in people) == [1, 2, 3, 4, 5]
    assert all(len({past.order.customer.email for past in person.orders}) == 1 for person in people)
    assert all(len(past.rows) == 1 for person in people for past in person.orders)


def test_they_are_read_while_they_are_asked_for(busy: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(by_person, "AT_ONCE", 1)
    read: list[int] = []
    load = by_person.load
    monkeypatch.setattr(by_person, "load", lambda *asked: read.append(len(asked[2])) or load(*asked))
    with busy.shop.database.read() as connection:
        next(iter(by_person.everybody(connection, "tea")))
    assert len(read) == 1


def test_another_stores_customers_are_none_of_it(busy: World) -> None:
    with busy.shop.database.read() as connection:
        assert list(by_person.everybody(connection, "mugs")) == []
