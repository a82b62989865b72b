"""Products about which customers complained more than once."""

from __future__ import annotations

from datetime import timedelta

import pytest

from adapters.sandbox.shopify import ShopifySandbox
from connector.report.products import Product
from tests.conftest import World
from tests.report.conftest import account_of

pytestmark = pytest.mark.every_database

NOTHING = "- id: quiet\n  trigger: order.failed\n  actions: [{ add_note: x }]\n"
MUG = {"title": "Ceramic mug", "product_id": 10, "price": "49.90"}
TEA = {"title": "Green tea", "product_id": 11, "price": "30.00"}
Shop = tuple[World, ShopifySandbox]


def complained_of(world: World) -> dict[str, Product]:
    return {each.name: each for each in account_of(world).products.complained_of}


@pytest.fixture
def sent_off(shopify: Shop) -> tuple[World, ShopifySandbox, list[str]]:
    """Three orders with a mug and tea, that have left."""
    world, store = shopify
    world.rules(NOTHING)
    world.run()
    orders = [store.add_order(items=[MUG, TEA]) for _ in range(3)]
    for order in orders:
        store.fulfill(order, tracking_number="1")
    world.run()
    return world, store, orders


def test_what_is_given_back_again_and_again_is_told(sent_off: tuple[World, ShopifySandbox, list[str]]) -> None:
    world, store, orders = sent_off
    for order in orders[:2]:
        store.refund(order, items={store.line_ids(order)[0]: 1})
    store.refund(orders[2], items={store.line_ids(orders[2])[1]: 1})
    world.later(minutes=1)
    world.run()
    found = complained_of(world)
    assert list(found) == ["Ceramic mug"]  # of the tea, one customer alone complained
    assert (found["Ceramic mug"].complaints, found["Ceramic mug"].refunded, found["Ceramic mug"].orders) == (2, 2, 3)


def test_what_is_taken_out_before_it_leaves_is_no_complaint(shopify: Shop) -> None:
    world, store = shopify
    world.rules(NOTHING)
    world.run()
    for _ in range(3):
        order = store.add_order(items=[MUG, TEA])
        store.refund(order, items={store.line_ids(order)[0]: 1})
    world.run()
    assert complained_of(world) == {}


def test_a_return_counts_where_the_order_has_nothing_else(shopify: Shop) -> None:
    world, store = shopify
    world.rules(NOTHING)
    world.run()
    for items in ([MUG], [MUG], [MUG, TEA], [MUG, TEA]):
        order = store.add_order(items=items)
        store.fulfill(order, tracking_number="1")
        store.request_return(order)
    world.run()
    found = complained_of(world)
    assert list(found) == ["Ceramic mug"]
    assert (found["Ceramic mug"].returned, found["Ceramic mug"].complaints) == (2, 2)


def test_a_store_that_names_no_product_tells_by_orders_with_only_one(world: World) -> None:
    world.rules(NOTHING)
    world.run()
    for names in (["Ceramic mug"], ["Ceramic mug"], ["Ceramic mug", "Green tea"]):
        items = [{"name": name, "product_id": len(name), "price": "30.00"} for name in names]
        order = world.store.add_order(items=items, completed=world.clock() - timedelta(days=1))
        world.store.set_status(order, "completed")
        world.store.refund(order, "5.00")
    world.run()
    assert {name: each.complaints for name, each in complained_of(world).items()} == {"Ceramic mug": 2}
