"""How soon paid orders are seen to, as far as the journal tells."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.conftest import World
from tests.report.conftest import account_of

pytestmark = pytest.mark.every_database

NOTHING = "- id: quiet\n  trigger: order.failed\n  actions: [{ add_note: x }]\n"


@pytest.fixture
def open_shop(world: World) -> World:
    world.rules(NOTHING)
    world.run()
    return world


def test_an_order_is_seen_to_when_its_status_goes_on(open_shop: World) -> None:
    order = open_shop.store.add_order()
    open_shop.run()
    open_shop.later(hours=6)
    open_shop.store.set_status(order, "on-hold")
    open_shop.run()
    assert account_of(open_shop).handling.waiting == 1
    open_shop.later(hours=3)
    open_shop.store.set_status(order, "completed")
    open_shop.run()
    open_shop.later(minutes=1)
    handling = account_of(open_shop).handling
    assert (handling.paid, handling.waiting) == (1, 0)
    assert handling.median == pytest.approx(9, abs=0.1)
    assert handling.by_hours == [0, 0, 0, 1, 0, 0, 0]


def test_giving_the_money_back_is_seeing_to_it_too(open_shop: World) -> None:
    order = open_shop.store.add_order()
    open_shop.run()
    open_shop.later(hours=2)
    open_shop.store.refund(order, "5.00")
    open_shop.run()
    open_shop.later(minutes=1)
    assert account_of(open_shop).handling.median == pytest.approx(2, abs=0.1)


def test_orders_that_wait_long_are_told_of(open_shop: World) -> None:
    open_shop.store.add_order()
    open_shop.run()
    open_shop.later(days=3)
    open_shop.store.add_order()
    open_shop.run()
    open_shop.later(hours=1)
    handling = account_of(open_shop).handling
    assert (handling.waiting, handling.waiting_long) == (2, 1)
    assert handling.longest_wait == timedelta(days=3, hours=1)
    assert handling.median is None


def test_orders_that_are_not_paid_or_need_no_parcel_are_none_of_it(open_shop: World) -> None:
    open_shop.store.add_order(status="pending")
    open_shop.store.add_order(status="on-hold")
    open_shop.run()
    open_shop.later(hours=1)
    assert account_of(open_shop).handling.paid == 0


def test_what_happened_before_our_time_is_not_timed(world: World) -> None:
    world.store.add_order(status="refunded", paid=world.clock() - timedelta(days=2))
    world.rules(NOTHING)
    world.run()
    world.later(hours=1)
    handling = account_of(world).handling
    assert handling.paid == 1
    assert (handling.waiting, handling.undated) == (0, 1)
