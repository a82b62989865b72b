"""Waits that are reckoned from the order, and from what else its customer has going on, on a store that tells of it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from adapters.sandbox.clock import MovableClock
from adapters.sandbox.shopify import ShopifySandbox
from tests.conftest import MONDAY, World
from tests.connector.telling import ZONE, world_on_shopify

NOA = {"email": "noa@example.com", "first_name": "Noa", "locale": "en"}


@pytest.fixture
def mugs() -> Iterator[ShopifySandbox]:
    with ShopifySandbox(clock=MovableClock(MONDAY), restore_rate=None) as store:
        yield store


@pytest.fixture
def shop(tmp_path: Path, mugs: ShopifySandbox) -> Iterator[World]:
    assert isinstance(mugs.clock, MovableClock)
    world = world_on_shopify(tmp_path, mugs, mugs.clock)
    yield world
    world.close()


def begin(shop: World, rules: str) -> None:
    shop.rules(rules)
    shop.run()
    shop.later(hours=1)  # it is 13:00 in the shop


def live(shop: World, *, days: int) -> None:
    """Let time pass, and look after the shop every three hours."""
    for _ in range(days * 8):
        shop.later(hours=3)
        shop.run()


def mailed(mugs: ShopifySandbox) -> list[str]:
    """When and what customers were mailed."""
    return [f"{mail.at.astimezone(ZONE):%m-%d %H:%M} {mail.custom_message}" for mail in mugs.invoices]


SOON = """
    - id: soon
      trigger: shipment.shipped
      wait: { days_before: shipment.estimated_delivery_at, days: 1, until: "10:00" }
      actions: [ { send: Be at home tomorrow } ]
"""


def test_a_delivery_is_announced_the_day_before_and_news_of_the_carrier_moves_that(
    shop: World, mugs: ShopifySandbox
) -> None:
    begin(shop, SOON)
    order = mugs.add_order(customer=NOA)
    parcel = mugs.fulfill(order, tracking_number="T-1", estimated_delivery_at=MONDAY + timedelta(days=3))
    shop.run()
    assert [f"{row.due_at.astimezone(ZONE):%m-%d %H:%M}" for row in shop.rows("pending")] == ["06-03 10:00"]
    mugs.carrier(order, parcel, "IN_TRANSIT", estimated_delivery_at=MONDAY + timedelta(days=5))
    live(shop, days=6)
    assert mailed(mugs) == ["06-05 10:00 Be at home tomorrow"]


def test_a_parcel_that_nobody_estimates_is_not_announced_until_somebody_does(shop: World, mugs: ShopifySandbox) -> None:
    begin(shop, SOON)
    order = mugs.add_order(customer=NOA)
    parcel = mugs.fulfill(order, tracking_number="T-1")
    live(shop, days=1)
    assert shop.rows() == []
    mugs.carrier(order, parcel, "IN_TRANSIT", estimated_delivery_at=MONDAY + timedelta(days=4))
    live(shop, days=4)
    assert mailed(mugs) == ["06-04 10:00 Be at home tomorrow"]


def test_pieces_that_come_back_make_it_earlier_and_if_all_do_nothing_is_sent(shop: World, mugs: ShopifySandbox) -> None:
    begin(
        shop,
        """
    - id: lenses
      trigger: order.paid
      once_per: line_item
      wait: { per_unit: 10 days, minus: 2 days }
      actions: [ { send: "New {{ item.name }}?" } ]
        """,
    )
    lines = [{"title": name, "sku": name, "quantity": 3, "price": "20.00"} for name in ("Lenses", "Drops")]
    order = mugs.add_order(customer=NOA, items=lines)
    shop.run()
    assert [row.due_at - row.event_at for row in shop.rows("pending")] == [timedelta(days=28)] * 2
    lenses, drops = mugs.line_ids(order)
    mugs.refund(order, items={lenses: 1, drops: 3})
    live(shop, days=20)
    assert [mail.partition(" ")[2][6:] for mail in mailed(mugs)] == ["New Lenses?"]
    assert mailed(mugs)[0].startswith("06-19 ")
    assert shop.reasons("skipped") == ["no piece of this line is left to count: all were taken back"]


def test_a_request_waits_while_another_order_of_the_customer_is_in_trouble(shop: World, mugs: ShopifySandbox) -> None:
    begin(
        shop,
        """
    - id: ask
      trigger: order.paid
      wait: 2 days
      hold_while: { customer.open_problem: true }
      actions: [ { send: How was it } ]
        """,
    )
    before = mugs.add_order(customer=NOA, created_at=MONDAY - timedelta(days=20))
    mugs.fulfill(before, tracking_number="T-1")
    mugs.add_order(customer=NOA)
    mugs.add_order(customer={"email": "lea@example.com", "first_name": "Lea"})
    shop.run()
    back = mugs.request_return(before)
    live(shop, days=4)
    assert len(mailed(mugs)) == 1, "Lea has no problem"
    assert set(shop.reasons("pending")) == {"waits while customer.open_problem is true"}
    mugs.close_return(before, back)
    live(shop, days=1)
    assert len(mailed(mugs)) == 2, "and Noa is asked by now"
