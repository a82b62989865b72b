"""What WooCommerce tells of products apart from its orders: asked for where a rule looks at it, and no more."""

from __future__ import annotations

from datetime import timedelta

import pytest

from adapters.sandbox.server import Request
from connector.products import TRY_AGAIN_AFTER
from connector.store import orders, products
from tests.conftest import World

BREWING = """
    - id: brewing
      trigger: order.placed
      conditions:
        item.categories: coffee
      actions:
        - add_note: How to brew it
"""
WELCOME = """
    - id: welcome
      trigger: order.placed
      actions:
        - add_note: Welcome
"""
NO_GIFT_CARDS = """
    - id: how-was-it
      trigger: order.placed
      none_of:
        item.categories: Gift cards
      actions:
        - add_note: How was it?
"""
NOT_WITHOUT_KNOWING = """
    - id: how-was-it
      trigger: order.placed
      conditions:
        item.categories: present
      none_of:
        item.categories: Gift cards
      actions:
        - add_note: How was it?
"""


def begun(world: World, rules: str) -> None:
    """A shop that is looked after already, past its first sweep."""
    world.rules(rules)
    world.run()
    world.later(minutes=10)
    world.run()


def order_of(world: World, *product_ids: int) -> int:
    items = [{"product_id": id_, "price": "30.00"} for id_ in product_ids]
    return world.store.add_order(items=items)


def asks_for_products(request: Request) -> bool:
    return request.path.endswith("/products")


def asked_for(requests: list[Request]) -> list[list[str]]:
    """The ids of the products in each request for products."""
    return [request.params["include"].split(",") for request in requests if asks_for_products(request)]


@pytest.mark.every_database
def test_a_rule_may_look_at_what_is_not_told_with_the_order(world: World) -> None:
    begun(world, BREWING)
    world.store.add_product(10, categories=["Coffee", "New"])
    world.store.add_product(11, categories=["Cups"])
    coffee, cup = order_of(world, 10), order_of(world, 11)
    world.run()
    assert [world.notes(order) for order in (coffee, cup)] == [["How to brew it"], []]


def test_names_come_as_people_read_them(world: World) -> None:
    begun(world, BREWING.replace("coffee", "Cups & mugs"))
    world.store.add_product(11, categories=["Cups & mugs"])
    order = order_of(world, 11)
    world.run()
    assert world.notes(order) == ["How to brew it"]


def test_a_message_may_link_to_the_page_of_each_product(world: World) -> None:
    begun(
        world,
        """
        - id: review
          trigger: order.placed
          actions:
            - add_note: "{% for each in items %}{{ each.name }}: {{ each.url | default('no page') }}. {% endfor %}"
        """,
    )
    world.store.add_product(10, name="Dark roast")
    world.store.add_product(11, name="Secret blend", status="private")
    order = order_of(world, 10, 11)
    world.run()
    (note,) = world.notes(order)
    assert note == f"Product 10: {world.store.url}/product/dark-roast/. Product 11: no page."


def test_a_template_in_any_language_may_be_what_needs_it(world: World) -> None:
    world.template("review", "en", "Hello.")
    world.template("review", "he", "{{ items | map(attribute='url') | join(' ') }}")
    begun(world, "\n- id: review\n  trigger: order.placed\n  actions:\n    - send: { template: review }\n")
    world.store.add_product(10, name="Dark roast")
    order = world.store.add_order(items=[{"product_id": 10, "price": "30"}], meta={"wpml_language": "he"})
    world.run()
    (message,) = world.messages(order)
    assert f"{world.store.url}/product/dark-roast/" in message


# What it costs ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "rules",
    [
        WELCOME,
        WELCOME + BREWING + "      enabled: false\n",
        WELCOME.replace("Welcome", "'{{ store.url }} {{ item.name }}'"),
    ],
    ids=["no rule looks at them", "the rule that does is off", "another thing is called alike"],
)
def test_where_no_rule_looks_at_products_none_is_asked_for(world: World, rules: str) -> None:
    begun(world, rules)
    world.store.add_product(10, categories=["Coffee"])
    order = order_of(world, 10)
    assert asked_for(world.asked(world.run)) == []
    assert len(world.notes(order)) == 1


def test_an_idle_poll_is_one_request_where_a_rule_does_too(world: World) -> None:
    begun(world, BREWING)
    world.store.add_product(10, categories=["Coffee"])
    order_of(world, 10)
    world.run()
    world.later(minutes=2)
    world.run()
    world.later(minutes=2)
    assert [request.path for request in world.asked(world.run)] == ["/wp-json/wc/v3/orders"]


def test_products_are_asked_for_a_hundred_at_a_time_and_each_but_once(world: World) -> None:
    begun(world, BREWING)
    for number in range(1, 151):
        world.store.add_product(number)
    order_of(world, *range(1, 100))
    order_of(world, *range(1, 151))
    batches = asked_for(world.asked(world.run))
    assert [len(ids) for ids in batches] == [100, 50]
    assert len({id_ for ids in batches for id_ in ids}) == 150


def test_a_product_is_asked_for_once_a_day(world: World) -> None:
    begun(world, BREWING)
    world.store.add_product(10, categories=["Coffee"])
    order_of(world, 10)
    world.run()
    world.later(hours=23)
    order_of(world, 10)
    assert asked_for(world.asked(world.run)) == []
    world.later(hours=1)
    order_of(world, 10)
    assert asked_for(world.asked(world.run)) == [["10"]]


def test_what_a_product_becomes_reaches_an_open_order_the_day_after(world: World) -> None:
    begun(world, BREWING)
    world.store.add_product(10, categories=["Tea"])
    order = order_of(world, 10)
    world.run()
    world.store.add_product(10, categories=["Coffee"])
    world.run_for(hours=12)
    assert world.notes(order) == []
    world.run_for(hours=14)
    assert world.notes(order) == ["How to brew it"]


# When the store does not tell ---------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["500", "403", "404", "html", "wrong_json", "timeout"])
def test_orders_are_looked_after_while_products_cannot_be_read(world: World, how: str) -> None:
    begun(world, WELCOME + BREWING)
    world.store.add_product(10, categories=["Coffee"])
    world.store.fail_next(how, match=asks_for_products, times=None)
    order = order_of(world, 10)
    assert world.run().error is None
    assert world.notes(order) == ["Welcome"]
    assert world.store_state().products_error is not None
    assert world.store_state().error is None


def test_a_store_that_did_not_tell_is_left_alone_for_a_while(world: World) -> None:
    begun(world, BREWING)
    world.store.fail_next("403", match=asks_for_products, times=None)
    order_of(world, 10)
    assert asked_for(world.asked(world.run)) == [["10"]]
    world.later(minutes=2)
    order_of(world, 11)
    assert asked_for(world.asked(world.run)) == []
    world.clock.advance(TRY_AGAIN_AFTER)
    order_of(world, 12)
    assert asked_for(world.asked(world.run)) != []


def test_what_it_did_not_tell_it_is_asked_for_within_the_hour(world: World) -> None:
    begun(world, BREWING)
    world.store.add_product(10, categories=["Coffee"])
    world.store.fail_next("500", match=asks_for_products, times=3)
    order = order_of(world, 10)
    world.run()
    assert world.notes(order) == []
    world.run_for(hours=1.5)
    assert world.notes(order) == ["How to brew it"]
    assert world.store_state().products_error is None


def test_what_was_told_before_holds_while_the_store_does_not_tell(world: World) -> None:
    begun(world, BREWING)
    world.store.add_product(10, categories=["Coffee"])
    order_of(world, 10)
    world.run()
    world.later(days=2)
    world.store.fail_next("500", match=asks_for_products, times=None)
    order = order_of(world, 10)
    world.run()
    assert world.notes(order) == ["How to brew it"]


@pytest.mark.parametrize(("rules", "notes"), [(NO_GIFT_CARDS, ["How was it?"]), (NOT_WITHOUT_KNOWING, [])])
def test_what_is_not_known_is_in_no_category(world: World, rules: str, notes: list[str]) -> None:
    begun(world, rules)
    world.store.add_product(10, categories=["Gift cards"])
    world.store.fail_next("500", match=asks_for_products, times=None)
    order = order_of(world, 10)
    world.run()
    assert world.notes(order) == notes


# Odd goods ----------------------------------------------------------------------------------------------------


def test_a_product_that_is_deleted_stays_what_it_was(world: World) -> None:
    begun(world, BREWING)
    world.store.add_product(10, categories=["Coffee"])
    order_of(world, 10)
    world.run()
    world.store.delete_product(10)
    world.later(days=2)
    order = order_of(world, 10)
    world.run()
    assert world.notes(order) == ["How to brew it"]


def test_a_product_that_was_gone_before_is_not_asked_for_at_every_poll(world: World) -> None:
    begun(world, BREWING + WELCOME)
    order = order_of(world, 10)
    world.run()
    world.later(minutes=10)
    order_of(world, 10)
    assert asked_for(world.asked(world.run)) == []
    assert world.notes(order) == ["Welcome"]


def test_lines_without_a_product_and_ids_that_are_none_spoil_nothing(world: World) -> None:
    begun(world, BREWING)
    world.store.add_product(10, categories=["Coffee"])
    order = order_of(world, 0, 10)
    world.store.order(order).line_items.append(
        {**world.store.order(order).line_items[0], "id": 999, "product_id": "ticket-7"}
    )
    assert asked_for(world.asked(world.run)) == [["10"]]
    assert world.notes(order) == ["How to brew it"]


def test_a_variation_is_of_its_products_categories(world: World) -> None:
    begun(world, BREWING)
    world.store.add_product(10, categories=["Coffee"])
    order = world.store.add_order(items=[{"product_id": 10, "variation_id": 55, "price": "30"}])
    assert asked_for(world.asked(world.run)) == [["10"]]
    assert world.notes(order) == ["How to brew it"]


def test_an_order_keeps_what_its_goods_were(world: World) -> None:
    """All that looks at the recorded state, such as `explain`, sees the order as the rules saw it."""
    begun(world, BREWING)
    world.store.add_product(10, categories=["Coffee"], tags=["organic"])
    order = order_of(world, 10)
    world.run()
    with world.shop.database.read() as connection:
        (item,) = orders.load(connection, "tea", [str(order)])[str(order)].order.items
        told = products.load(connection, "tea", ["10"])["10"]
    assert (item.categories, item.product_tags, item.url) == (("Coffee",), ("organic",), told.product.url)
    assert world.clock() - told.at < timedelta(minutes=1)
