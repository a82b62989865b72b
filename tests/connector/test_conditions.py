"""Conditions over the whole order, on both platforms: a rule acts on what an order has, and not on what it has not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest

from adapters.sandbox.clock import MovableClock
from adapters.sandbox.shopify import ShopifySandbox
from adapters.sandbox.woocommerce import WooSandbox
from tests.conftest import MONDAY, World
from tests.connector.telling import world_on_shopify

CONDITIONS = [
    # field, what holds for the order, what does not
    ("item.name", "dark roast", "Light roast"),
    ("item.name", "{ contains: roast }", "{ starts_with: roast }"),
    ("item.sku", "[COF-1, COF-2]", "COF-2"),
    ("item.sku", "{ not: missing }", "{ not: COF-1 }"),
    ("item.categories", "coffee", "Tea"),
    ("item.categories", "{ not: Gift cards }", "{ not: Coffee }"),
    ("item.product_tags", "organic", "sale"),
    ("item.url", "{ contains: /dark-roast }", "missing"),
    ("item.quantity", "{ at_least: 3 }", "{ more_than: 3 }"),
    ("item.total", "90", "{ less_than: 20 }"),
    ("item.product_id", "10", "{ not: [10, 11] }"),
    ("order.quantity", "4", "{ at_most: 3 }"),
    ("order.total", "{ at_least: 135.00 }", "{ more_than: 135.00 }"),
    ("order.coupons", "welcome10", "bye10"),
    ("order.coupons", "present", "missing"),
    ("order.payment_method", "cod", "card"),
    ("order.payment_title", "{ contains: cod }", "{ not: { contains: cod } }"),
    ("order.shipping_method", "present", "Pigeon"),
    ("order.shipping.country", "[il, fr]", "FR"),
    ("order.shipping.city", "haifa", "Acre"),
    ("order.shipping.postcode", "{ starts_with: 310 }", "{ starts_with: 311 }"),
    ("order.billing.country", "IL", "{ not: IL }"),
    ("order.billing.city", "Haifa", "missing"),
    ("order.billing.postcode", "3100001", "missing"),
    ("order.meta.gift_wrap", "Gold", "Silver"),
    ("order.meta.nowhere", "missing", "present"),
    ("order.customer_note", "missing", "present"),
    ("order.source", "present", "nowhere"),
    ("order.needs_shipping", "true", "false"),
    ("order.created_at", "{ newer_than: 1 day }", "{ older_than: 1 day }"),
    ("customer.email", "{ contains: '@example.com' }", "noa@example.org"),
    ("customer.first_name", "Noa", "missing"),
    ("refund.amount", "missing", "{ more_than: 0 }"),
    ("shipment.tracking_number", "missing", "present"),
]
RULE = """
- id: {id}
  trigger: order.placed
  conditions:
    {field}: {wanted}
  actions:
    - add_tag: {id}
"""


def woocommerce(world: World) -> None:
    shop = world.store
    shop.add_product(10, name="Dark roast", categories=["Coffee"], tags=["organic"])
    shop.add_product(11, name="Cup", categories=["Cups"])
    shop.add_order(
        items=[
            {"name": "Dark roast", "sku": "COF-1", "product_id": 10, "price": "30.00", "quantity": 3},
            {"name": "Cup", "sku": "CUP-1", "product_id": 11, "price": "20.00"},
        ],
        coupons=["WELCOME10"],
        payment_method="cod",
        payment_method_title="Cash on delivery (COD)",
        meta={"gift_wrap": "gold"},
        billing={"email": "noa@example.com"},
    )


def shopify(shop: ShopifySandbox) -> None:
    shop.add_order(
        items=[
            {
                "title": "Dark roast",
                "sku": "COF-1",
                "product_id": 10,
                "price": "30.00",
                "quantity": 3,
                "product_type": "Coffee",
                "product_tags": ["organic"],
            },
            {"title": "Cup", "sku": "CUP-1", "product_id": 11, "price": "20.00", "category": "Cups"},
        ],
        discount_codes=["WELCOME10"],
        gateway="cod",
        attributes={"gift_wrap": "gold"},
        customer={"first_name": "Noa", "last_name": "Example", "email": "noa@example.com"},
    )


@pytest.fixture(scope="module")
def acted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, set[str]]]:
    """Which rules have acted on such an order, by platform."""
    rules = "".join(
        RULE.format(id=f"{place}-{which}", field=field, wanted=wanted)
        for place, (field, *both) in enumerate(CONDITIONS)
        for which, wanted in zip(("holds", "does-not"), both, strict=True)
    )
    clocks = MovableClock(MONDAY), MovableClock(MONDAY)
    with WooSandbox(clock=clocks[0]) as woo, ShopifySandbox(clock=clocks[1], restore_rate=None) as mugs:
        worlds = {
            "woocommerce": World(tmp_path_factory.mktemp("woo"), woo, clocks[0]),
            "shopify": world_on_shopify(tmp_path_factory.mktemp("shopify"), mugs, clocks[1]),
        }
        for world in worlds.values():
            world.rules(rules)
            world.run()
        woocommerce(worlds["woocommerce"])
        shopify(mugs)
        for world in worlds.values():
            world.run()
        yield {name: {row.rule for row in world.rows("done")} for name, world in worlds.items()}
        for world in worlds.values():
            world.close()


@pytest.mark.parametrize("platform", ["woocommerce", "shopify"])
@pytest.mark.parametrize("place", range(len(CONDITIONS)), ids=[f"{field} {is_}" for field, is_, _ in CONDITIONS])
def test_a_rule_acts_where_its_condition_holds_and_not_where_it_does_not(
    acted: Mapping[str, set[str]], platform: str, place: int
) -> None:
    assert f"{place}-holds" in acted[platform]
    assert f"{place}-does-not" not in acted[platform]
