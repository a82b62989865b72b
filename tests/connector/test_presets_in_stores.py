"""Ready rule packs, lived through in a store on each platform: what its customer and its staff get of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.register_assert_rewrite("tests.connector.telling")

from tests.connector.telling import MUG, TEA, Both, Life, Shopify, Woo, both_stores  # noqa: E402


@pytest.fixture
def both(tmp_path: Path) -> Iterator[Both]:
    both = both_stores(tmp_path)
    with both.stores[0].sandbox, both.stores[1].sandbox:
        yield both
        both.close()


def test_from_the_order_to_the_question_how_it_was(both: Both) -> None:
    both.rules = """
    - use: order-confirmation
    - use: packing-slip-coupon
    - use: shipped-notice
    - use: parcel-late
    - use: after-delivery
    """

    def story(shop: Life) -> None:
        shop.place()
        shop.until("06-02 10:00")
        shop.ship()
        shop.until("06-03 11:00")
        shop.arrive()
        shop.until("06-12 12:00")

    for told in both.tell_apart(story):
        confirmed, sent, asked = told.mailed
        assert confirmed.startswith("06-01 12:05 A: Hi Noa, Thank you! We have your order A:")
        assert "1 × Ceramic mug" in confirmed
        assert sent.startswith("06-02 10:00 A: Hi Noa, Your order A is on its way to you")
        assert "Tracking number: parcel-1" in sent
        assert asked.startswith("06-03 15:00 A: Hi Noa, Your order A should be with you by now. How was it?")
        assert "10% off your next order with the code COUPON, until August 30, 2026." in told.notes["A"]
        assert told.coupons == ["10% until 08-30 12:00"]
        assert (told.told, told.tags) == ([], {})


def test_a_late_parcel_is_owned_up_to_before_the_staff_are_told(both: Both) -> None:
    both.rules = "- use: parcel-late"

    def story(shop: Life) -> None:
        shop.place()
        shop.ship()
        shop.until("06-10 12:00")
        shop.arrive()
        shop.until("06-20 12:00")

    told = both.tell(story)
    [sorry] = told.mailed
    assert sorry.startswith("06-08 12:00 A: Hi Noa, Your parcel from order A is taking longer than it should")
    [task] = told.told
    assert task.startswith("Late parcel: order A Ask the carrier where parcel parcel-1 is")
    assert told.notes["A"].startswith("Told the customer that parcel parcel-1 is late")
    assert told.tags == {"A": ["late-parcel"]}


def test_in_woocommerce_a_paid_order_is_held_until_it_is_verified(both: Both) -> None:
    both.rules = "- use: verify-before-packing"
    statuses = []

    def story(shop: Life) -> None:
        shop.place()
        if isinstance(shop.store, Woo):
            order = int(shop.id_of("A"))
            statuses.append(shop.store.sandbox.order(order).status)
            shop.store.sandbox.set_meta(order, "aftersale_tags", "verified")
            shop.world.run()
            statuses.append(shop.store.sandbox.order(order).status)
        shop.until("06-03 12:00")

    woo, _ = both.tell_apart(story)
    assert statuses == ["on-hold", "processing"]
    assert [task.partition(" Who:")[0] for task in woo.told] == ["Call before packing: order A"]
    assert "How much: ₪74.90" in woo.notes["A"]
    assert woo.notes["A"].endswith("Verified, and ready to be packed.")


def test_on_shopify_it_is_tagged_and_the_staff_are_reminded(both: Both) -> None:
    both.rules = "- use: verify-before-packing"

    def story(shop: Life) -> None:
        shop.place()
        shop.until("06-01 15:00")
        if isinstance(shop.store, Shopify):
            assert shop.store.tags(shop.id_of("A")) == ["to-verify"]
        shop.until("06-03 12:00")

    _, shopify = both.tell_apart(story)
    call, reminder = shopify.told
    assert call.startswith("Call before packing: order A Who: Noa")
    assert reminder.startswith("Order A still waits to be verified")


def test_on_shopify_the_carriers_news_of_two_parcels_are_told_at_once_and_a_failure_by_itself(both: Both) -> None:
    both.rules = """
    - use: delivery-progress
    - use: delivery-failed
    """

    def story(shop: Life) -> None:
        shop.place(items=(MUG, TEA))
        shop.until("06-02 10:00")
        shop.ship(parcel="parcel-1", items=slice(0, 1))
        shop.ship(parcel="parcel-2", items=slice(1, 2))
        shop.until("06-03 09:00")
        if isinstance(shop.store, Shopify):
            order, parcels = shop.id_of("A"), shop.store.parcels
            for parcel in parcels.values():
                shop.store.sandbox.carrier(order, parcel, "OUT_FOR_DELIVERY")
            shop.until("06-03 13:00")
            shop.store.sandbox.carrier(order, parcels["parcel-2"], "ATTEMPTED_DELIVERY")
        shop.until("06-04 12:00")

    woo, shopify = both.tell_apart(story)
    out, failed = shopify.mailed
    assert "A parcel from your order A is out for delivery" in out
    assert "parcel-1: out for delivery" in out
    assert "parcel-2: out for delivery" in out
    assert "tried to bring you your order A, and could not hand it over" in failed
    [task] = shopify.told
    assert task.startswith("Delivery failed: order A")
    assert (woo.mailed, woo.told) == ([], [])
