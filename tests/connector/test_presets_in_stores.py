"""Ready rule packs, lived through in a store on each platform: what its customer and its staff get of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.sandbox.clock import MovableClock
from adapters.sandbox.shopify import ShopifySandbox
from tests.channels.mail_server import mail_server
from tests.conftest import MONDAY
from tests.connector.telling import (
    MUG,
    TEA,
    Both,
    Life,
    Shopify,
    Woo,
    both_stores,
    local,
    world_on_shopify,
)


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


def test_a_part_of_the_money_and_then_the_rest_are_told_each_by_itself(both: Both) -> None:
    both.rules = "- use: refund-and-return-care"

    def story(shop: Life) -> None:
        shop.place()
        shop.until("06-02 10:00")
        shop.refund("A", "20.00")
        shop.until("06-04 22:30")
        shop.refund("A", "54.90")
        shop.until("06-08 12:00")

    told = both.tell(story)
    part, rest = told.mailed
    assert part.startswith("06-02 11:00 A: Hi Noa, We have refunded ₪20.00 of your order A.")
    assert rest.startswith("06-05 09:00 A: Hi Noa, We have refunded your order A: ₪74.90.")
    assert "money is on its way back." in told.notes["A"]


def test_an_unpaid_order_is_reminded_of_until_it_is_paid(both: Both) -> None:
    both.rules = "- use: unpaid-reminder"

    def story(shop: Life) -> None:
        shop.place("A", paid=False)
        shop.place("B", paid=False, email="dan@example.org")
        shop.until("06-03 10:00")
        shop.pay("B")
        shop.until("06-08 12:00")

    for told in both.tell_apart(story):
        assert [mail.partition(": Hi")[0] for mail in told.mailed] == [
            "06-02 12:00 A",
            "06-02 12:00 B",
            "06-05 12:00 A",
        ]
        assert "Would you still like it?" in told.mailed[-1]


def test_the_staff_hear_of_an_order_that_lies_and_of_none_that_was_sent(both: Both) -> None:
    both.rules = "- use: unhandled-order-alert"

    def story(shop: Life) -> None:
        shop.place("A")
        shop.place("B", email="dan@example.org")
        shop.until("06-01 14:00")
        shop.ship("B")
        shop.until("06-05 12:00")

    told = both.tell(story)
    first, again = told.told
    assert first.startswith("Order A is paid, and nobody has touched it yet.")
    assert again.startswith("Order A still waits: paid, and not touched.")
    assert told.mailed == []


def test_a_low_rating_is_told_at_once_apologised_for_and_asked_about(both: Both) -> None:
    both.rules = "- use: low-rating-rescue"

    def story(shop: Life) -> None:
        shop.place()
        shop.until("06-03 10:00")
        if isinstance(shop.store, Woo):
            shop.store.sandbox.write_review(email="noa@example.com", rating=2, text="The handle broke")
        else:
            shop.store.sandbox.edit(shop.id_of("A"), tags=["low-rating"])
        shop.world.later(minutes=2)
        shop.world.run()
        shop.until("06-10 12:00")

    woo, shopify = both.tell_apart(story)
    [review] = woo.told
    assert review.startswith("Order A: 2 of 5 stars.")
    assert "Ceramic mug: “The handle broke”" in review
    [tagged] = shopify.told
    assert tagged.startswith("Order A: a low rating.")
    for told, at in ((woo, "13:00"), (shopify, "13:02")):  # a review is dated by its store, a tag when it is seen
        sorry, asked = told.mailed
        assert sorry.startswith(f"06-03 {at} A: Hi Noa, Thank you for your honest rating.")
        assert asked.startswith(f"06-07 {at} A: Hi Noa, A few days ago you told us that you were not happy.")


def test_on_shopify_tips_wait_until_a_return_is_over(both: Both) -> None:
    both.rules = """
    - use: tips-after-purchase
      with: { tips: [Rinse it first., Keep it dry.] }
    """

    def story(shop: Life) -> None:
        shop.place()
        shop.ship()
        shop.until("06-02 12:00")
        shop.arrive()
        if isinstance(shop.store, Shopify):
            order, store = shop.id_of("A"), shop.store.sandbox
            back = store.request_return(order)
            store.approve_return(order, back)
            shop.until("06-08 12:00")
            store.close_return(order, back)
        shop.until("06-09 12:00")

    (at_once,), (later,) = (told.mailed for told in both.tell_apart(story))
    assert at_once.startswith("06-05 12:00 A: Hi Noa, Your order A should have been with you")
    assert later.startswith("06-08 ")
    assert "Rinse it first." in later
    assert "Keep it dry." in later


def test_a_regular_is_thanked_reminded_and_asked_to_come_back_once_each(both: Both) -> None:
    both.extra = """
    unsubscribe: mailto:stop@tea.example.com
    soft_opt_in: { IL: [email] }
    """
    both.rules = """
    - use: loyalty-milestones
      with: { orders: 2, spent: 5000 }
    - use: replenishment
      with: { skus: TEA-1, per_unit: 10 days, minus: 3 days }
    - use: win-back
      with: { after: 14 days }
    """

    def story(shop: Life) -> None:
        shop.place("A", items=(TEA,))
        shop.until("06-04 12:00")
        shop.place("B", items=(TEA,))
        shop.until("06-19 12:00")

    for told in both.tell_apart(story):
        thanks, reminder, come_back = told.mailed
        assert thanks.startswith("06-05 12:00 B: Hi Noa, You have ordered from us 2 times now")
        assert reminder.startswith("06-11 12:00 B: Hi Noa, It has been a while since you bought Green tea")
        assert come_back.startswith("06-18 12:00 B: Hi Noa, It has been a while since your last order")
        assert told.tags == {"B": ["loyal"]}
        assert told.coupons == ["10% until 08-04 12:00", "10% until 07-18 12:00"]


def test_a_checkout_on_shopify_is_asked_about_by_mail_unless_its_customer_bought_after_all(tmp_path: Path) -> None:
    clock = MovableClock(MONDAY)
    with mail_server() as mail, ShopifySandbox(clock=clock, restore_rate=None) as mugs:
        world = world_on_shopify(tmp_path, mugs, clock)
        world.extra = f"""
        channels: {{ email: {{ type: smtp, url: "smtp://127.0.0.1:{mail.port}", from: tal@mugs.example.com }} }}
        unsubscribe: mailto:stop@mugs.example.com
        """
        world.rules("- { use: abandoned-checkout, with: { via: email, coupon: true, percent: 15 } }")
        world.run()
        noa, dan, lea = (
            {"email": f"{name}@example.com", "locale": "en", "email_consent": "SUBSCRIBED"}
            for name in ("noa", "dan", "lea")
        )
        left = [mugs.add_checkout(customer=each) for each in (noa, dan, lea)]
        world.later(minutes=30)
        world.run()
        mugs.complete_checkout(left[1])
        mugs.add_order(customer=lea)
        clock.now = local("06-01 15:30")
        world.run()
        clock.now = local("06-02 09:30")
        world.run()
        world.close()
        [coupon] = mugs.coupons.values()
        asked, offered = mail.read()
        assert [asked["To"], offered["To"]] == ["noa@example.com", "noa@example.com"]
        assert [asked["Subject"], offered["Subject"]] == ["Was anything unclear?", "Still thinking it over?"]
        assert coupon.code in str(offered.get_body(["plain"]))
