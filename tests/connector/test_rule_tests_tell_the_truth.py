"""A rule test says what a run would do: the same stories, told in a test and lived through with the worker."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent, indent

import pytest

from adapters.model import Address, Customer, LineItem, Order
from connector.ruletests.cases import read_cases
from connector.ruletests.keys import AddressKeys, CustomerKeys, ItemKeys, OrderKeys
from connector.ruletests.playing import play, stand_for
from rules.history import CONCLUDED
from tests.connector.telling import MUG, TEA, ZONE, Both, Life, both_stores

TRIGGERS = (
    "order.placed",
    "order.paid",
    "order.shipped",
    "order.delivered",
    "order.completed",
    "order.cancelled",
    "order.refunded",
    "order.partially_refunded",
    "shipment.shipped",
    "shipment.delivered",
)
EACH = "\n".join(
    f"- {{ id: {trigger.replace('.', '-')}, trigger: {trigger}, actions: [add_note: It came to {trigger}] }}"
    for trigger in TRIGGERS
)
RULES = f"""
{EACH}
- id: twice
  trigger: order.delivered
  stop_if: {{ order.status: refunded }}
  steps:
    - wait: 4 hours
      send_between: "09:00-18:00"
      actions: [send: "How was it?", add_tag: asked]
    - wait: 2 days
      actions: [add_note: Asked twice]
- id: tagged
  trigger: order.delivered
  wait: 1 day
  conditions: {{ order.tags: asked }}
  actions: [add_note: It was asked before]
- id: unpaid
  trigger: order.placed
  wait: 2 days
  conditions: {{ order.status: pending }}
  actions: [add_note: Still not paid]
- id: welcome
  trigger: order.placed
  once_per: customer
  actions: [send: Welcome]
"""

Done = list[tuple[str, str, str, str]]


@pytest.fixture
def both(tmp_path: Path) -> Iterator[Both]:
    both = both_stores(tmp_path)
    both.rules = RULES
    with both.stores[0].sandbox, both.stores[1].sandbox:
        yield both
    both.close()


def delivered(life: Life) -> None:
    life.place(paid=True)
    life.until("06-02 15:00")
    life.ship()
    life.until("06-04 17:00")
    life.arrive()
    life.until("06-10 12:00")


def paid_late_and_refunded(life: Life) -> None:
    life.place(paid=False)
    life.until("06-03 18:00")
    life.pay()
    life.until("06-04 10:00")
    life.refund(amount="10.00")
    life.until("06-05 10:00")
    life.refund()
    life.until("06-10 12:00")


def cancelled(life: Life) -> None:
    life.place(paid=False)
    life.until("06-01 18:00")
    life.cancel()
    life.until("06-10 12:00")


def two_parcels(life: Life) -> None:
    life.place(items=[MUG, TEA])
    life.until("06-02 10:00")
    life.ship(parcel="parcel-1", items=slice(0, 1))
    life.until("06-03 10:00")
    life.ship(parcel="parcel-2", items=slice(1, 2))
    life.until("06-04 10:00")
    life.arrive(parcel="parcel-1")
    life.until("06-05 10:00")
    life.arrive(parcel="parcel-2")
    life.until("06-10 12:00")


def returning(life: Life) -> None:
    life.place("A")
    life.until("06-02 10:00")
    life.place("B")
    life.until("06-05 10:00")


ONE_MUG = "items: [{ sku: MUG-1, price: 49.90 }]"
TWO = "items: [{ sku: MUG-1, price: 49.90 }, { sku: TEA-1, price: 30.00 }]"

DELIVERED = "{ 2026-06-01 12:00: paid, 2026-06-02 15:00: shipped, 2026-06-04 17:00: delivered }"
COMPLETED = DELIVERED.replace("delivered", "completed")
REFUNDED = """{
  2026-06-01 12:00: placed, 2026-06-03 18:00: paid, 2026-06-04 10:00: { refunded: 10.00 }, 2026-06-05 10:00: refunded
}"""
CANCELLED = "{ 2026-06-01 12:00: placed, 2026-06-01 18:00: cancelled }"
TWO_PARCELS = """{
  2026-06-01 12:00: paid,
  2026-06-02 10:00: { shipped: { parcel: A, items: { MUG-1: 1 } } },
  2026-06-03 10:00: { shipped: B },
  2026-06-04 10:00: { delivered: A },
  2026-06-05 10:00: { delivered: B }
}"""
TWO_TRACKED = """{
  2026-06-01 12:00: paid,
  2026-06-02 10:00: { shipped: A },
  2026-06-03 10:00: { shipped: B },
  2026-06-05 10:00: completed
}"""
TOLD: list[tuple[Callable[[Life], None], str, str, str]] = [
    (delivered, ONE_MUG, COMPLETED, DELIVERED),
    (paid_late_and_refunded, ONE_MUG, REFUNDED, REFUNDED),
    (cancelled, ONE_MUG, CANCELLED, CANCELLED),
    (two_parcels, TWO, TWO_TRACKED, TWO_PARCELS),
]
"""Stories, the items of their order, and how they are told of a store on WooCommerce and on Shopify."""


@pytest.mark.parametrize(
    ("story", "items", "on_woocommerce", "on_shopify"), TOLD, ids=lambda each: getattr(each, "__name__", "")
)
def test_a_story_told_is_done_as_it_is_when_it_is_lived(
    both: Both, story: Callable[[Life], None], items: str, on_woocommerce: str, on_shopify: str
) -> None:
    both.tell_apart(story)
    for life, when in zip(both.lives, (on_woocommerce, on_shopify), strict=True):
        order = f"order: {{ {items} }}, when: {when}"
        told = f"- {{ name: the same, {order}, expect: nothing, until: 2026-06-10 12:00 }}"
        assert done_in(life) == done_in_test(life, told)


def test_orders_of_one_customer_are_done_as_when_they_are_lived(both: Both) -> None:
    both.tell_apart(returning)
    for life in both.lives:
        lives = "[{ number: A, when: { 2026-06-01 12:00: paid } }, { number: B, when: { 2026-06-02 10:00: paid } }]"
        told = f"- {{ name: the same, orders: {lives}, expect: nothing, until: 2026-06-05 10:00 }}"
        assert done_in(life) == done_in_test(life, told)


def done_in(life: Life) -> Done:
    """What the worker did, which is not nothing: (when, rule, step, action)."""
    done = sorted(
        (f"{row.at.astimezone(ZONE):%m-%d %H:%M}", row.rule, row.step, row.kind) for row in life.world.rows("done")
    )
    assert len(done) > 2
    return done


def done_in_test(life: Life, told: str) -> Done:
    """What a test of the same rules tells."""
    assert life.world.client is not None
    loaded = life.world.client.loaded
    cases, problems = read_cases({"told.yaml": "version: 1\ntests:\n" + indent(dedent(told), "  ")}, loaded)
    assert problems == []
    with stand_for(loaded.config) as stand:
        (played,) = (play(stand, case) for case in cases)
    return sorted(
        (f"{act.row.at.astimezone(ZONE):%m-%d %H:%M}", act.row.rule, act.row.step, act.row.kind) for act in played.done
    )


# Everything can be told -----------------------------------------------------------------------------------------

BY_WHAT_HAPPENS = {"created_at", "modified_at", "paid_at", "completed_at", "cancelled_at", "draft", "trashed"}
BY_WHAT_HAPPENS |= {"shipments", "refunds", "returns", "id"}


def test_everything_that_rules_can_see_of_an_order_can_be_told() -> None:
    assert set(Order.__struct_fields__) - BY_WHAT_HAPPENS <= OrderKeys.model_fields.keys()
    assert set(Address.__struct_fields__) == AddressKeys.model_fields.keys()
    by_other_orders = {name.partition(".")[2] for name in CONCLUDED} - {"orders_count"}
    assert set(Customer.__struct_fields__) - by_other_orders == CustomerKeys.model_fields.keys()
    assert set(LineItem.__struct_fields__) - {
        "id",
        "total",
        "refunded",
    } - by_other_orders == ItemKeys.model_fields.keys() - {"price"}
