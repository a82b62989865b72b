"""The same rules give the same follow-ups on the same story, told in WooCommerce's words and in Shopify's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.connector.telling import MUG, TEA, Both, Life, both_stores

AFTER_DELIVERY = """
    - id: after-delivery
      trigger: order.delivered
      stop_if:
        order.status: [refunded, cancelled]
      steps:
        - wait: 4 hours
          send_between: business_hours
          actions:
            - send: "Hello {{ customer.first_name }}, is all well with order {{ order.number }}?"
        - wait: 3 days
          send_between: business_hours
          actions:
            - send: "How do you like {{ items | map(attribute='name') | join(', ') }}?"
            - add_note: Review request sent
"""


@pytest.fixture
def both(tmp_path: Path) -> Iterator[Both]:
    both = both_stores(tmp_path)
    with both.stores[0].sandbox, both.stores[1].sandbox:
        yield both
        both.close()


def test_paid_shipped_delivered_then_asked_for_a_review(both: Both) -> None:
    both.rules = AFTER_DELIVERY

    def story(shop: Life) -> None:
        shop.place(paid=False)
        shop.until("06-01 15:00")
        shop.pay()
        shop.until("06-02 10:00")
        shop.ship()
        shop.until("06-03 11:00")
        shop.arrive()
        shop.until("06-08 12:00")

    told = both.tell(story)
    assert told.mailed == [
        "06-03 15:00 A: Hello Noa, is all well with order A?",
        "06-07 09:00 A: How do you like Ceramic mug?",  # three days later is a Saturday
    ]
    assert told.notes == {"A": "Review request sent"}


def test_what_was_refunded_before_it_arrived_is_not_asked_about(both: Both) -> None:
    both.rules = f"""{AFTER_DELIVERY}
    - id: not-there
      trigger: order.shipped
      wait: 5 business days
      stop_if:
        order.status: [refunded, cancelled]
      actions:
        - notify_staff: "Where is {{{{ order.number }}}}?"
    - id: sorry
      trigger: order.refunded
      actions:
        - send: "Your money is on its way, {{{{ order.total | money }}}}."
    """

    def story(shop: Life) -> None:
        shop.place()
        shop.ship()
        shop.until("06-03 10:30")
        shop.refund()
        shop.until("06-12 12:00")

    told = both.tell(story)
    assert told.mailed == ["06-03 10:30 A: Your money is on its way, ₪74.90."]
    assert told.told == []
    [not_there] = [each for each in told.followups if each.startswith("not-there")]
    assert "skipped 06-03 10:30 order.status is refunded, wanted anything but refunded, cancelled" in not_there


def test_a_cancelled_order_is_not_reminded_to_pay(both: Both) -> None:
    both.rules = """
    - id: reminder
      trigger: order.placed
      wait: 2 days
      conditions:
        order.paid_at: missing
      stop_if:
        order.status: cancelled
      actions:
        - send: "Order {{ order.number }} is not paid yet."
    - id: gone
      trigger: order.cancelled
      actions:
        - add_note: "Cancelled: {{ order.total | money }}"
    """

    def story(shop: Life) -> None:
        shop.place("A", paid=False)
        shop.place("B", paid=False)
        shop.place("C", paid=False)
        shop.until("06-02 12:00")
        shop.cancel("A")
        shop.pay("B")
        shop.until("06-05 12:00")

    told = both.tell(story)
    assert told.mailed == ["06-03 12:00 C: Order C is not paid yet."]
    assert told.notes == {"A": "Cancelled: ₪74.90"}


def test_a_parcel_that_is_late_is_told_to_the_staff_once(both: Both) -> None:
    both.rules = """
    - id: parcel-late
      trigger: order.shipped
      once_per: shipment
      wait: 5 business days
      conditions:
        shipment.delivered_at: missing
      actions:
        - notify_staff: "{{ order.number }}: {{ shipment.tracking_number }} is late"
        - add_tag: late-parcel
    """

    def story(shop: Life) -> None:
        shop.place("A")
        shop.place("B", email="dan@example.org")
        shop.ship("A", "parcel-1")
        shop.ship("B", "parcel-2")
        shop.until("06-03 12:00")
        shop.arrive("A", "parcel-1")
        shop.until("06-14 12:00")

    told = both.tell(story)
    assert told.told == ["B: parcel-2 is late"]
    assert told.tags == {"B": ["late-parcel"]}


def test_an_order_in_two_parcels_is_delivered_with_the_last(both: Both) -> None:
    both.rules = f"""{AFTER_DELIVERY}
    - id: on-its-way
      trigger: order.shipped
      once_per: shipment
      actions:
        - send: "{{{{ shipment.tracking_number }}}} has left."
    """

    def story(shop: Life) -> None:
        shop.place(items=(MUG, TEA))
        shop.until("06-02 09:00")
        shop.ship("A", "parcel-1", slice(0, 1))
        shop.until("06-02 16:00")
        shop.ship("A", "parcel-2", slice(1, 2))
        shop.until("06-03 10:00")
        shop.arrive("A", "parcel-2")
        shop.until("06-07 11:00")
        shop.arrive("A", "parcel-1")
        shop.until("06-11 12:00")

    assert both.tell(story).mailed == [
        "06-02 09:00 A: parcel-1 has left.",
        "06-02 16:00 A: parcel-2 has left.",
        "06-07 15:00 A: Hello Noa, is all well with order A?",
        "06-10 15:00 A: How do you like Ceramic mug, Green tea?",
    ]


def test_a_guest_whom_nobody_can_write_to_leaves_the_rest_as_it_is(both: Both) -> None:
    both.rules = """
    - id: thanks
      trigger: order.paid
      actions:
        - send: Thank you!
        - add_note: Thanked
    - id: for-the-staff
      trigger: order.paid
      conditions:
        customer.email: missing
        customer.id: missing
      actions:
        - add_note: A guest
    """

    def story(shop: Life) -> None:
        shop.place(email=None)
        shop.until("06-02 12:00")

    told = both.tell(story)
    assert (told.mailed, told.notes) == ([], {"A": "A guest"})
    assert any("the order has no e-mail address" in each for each in told.followups)


def test_a_customer_who_reads_hebrew_is_written_to_in_hebrew(both: Both) -> None:
    both.rules = """
    - id: thanks
      trigger: order.paid
      wait: 1 hour
      actions:
        - send: { template: thanks }
    """
    both.templates = {
        (
            "thanks",
            "he",
        ): "---\nsubject: תודה\n---\nשלום {{ customer.first_name }},\n\n**תודה** על הזמנה {{ order.number }}.\n",
        ("thanks", "en"): "---\nsubject: Thanks\n---\nHello {{ customer.first_name }}, thank you & see you.\n",
    }

    def story(shop: Life) -> None:
        shop.place("A", locale="he")
        shop.place("B", locale="en-GB", email="dan@example.org")
        shop.until("06-01 14:00")

    told = both.tell(story)
    assert sorted(told.mailed) == [
        "06-01 13:00 A: שלום Noa, תודה על הזמנה A.",
        "06-01 13:00 B: Hello Noa, thank you & see you.",
    ]


def test_a_coupon_is_made_once_and_named_in_the_message(both: Both) -> None:
    both.rules = """
    - id: come-back
      trigger: order.paid
      wait: 1 day
      conditions:
        order.total: { at_least: 70 }
      actions:
        - create_coupon: { percent: 10, expires: 14 days }
        - send: "10% off with {{ coupon.code }}, until {{ coupon.expires_at | date }}"
    """

    def story(shop: Life) -> None:
        shop.place("A")
        shop.place("B", items=(TEA,), email="dan@example.org")
        shop.until("06-03 12:00")

    told = both.tell(story)
    assert told.mailed == ["06-02 12:00 A: 10% off with COUPON, until Jun 16, 2026"]
    assert told.coupons == ["10% until 06-16 12:00"]


def test_an_order_that_is_never_paid_is_cancelled_tagged_and_noted_and_that_is_an_event_too(both: Both) -> None:
    both.rules = """
    - id: clean-up
      trigger: order.placed
      wait: 3 days
      conditions:
        order.paid_at: missing
      actions:
        - set_status: cancelled
        - add_tag: never-paid
        - add_note: Cancelled, as it was not paid
    - id: cancelled
      trigger: order.cancelled
      send_between: "09:00-10:00"             # WooCommerce does not say when it was: the next poll finds it
      actions:
        - notify_staff: "{{ order.number }} is cancelled"
    """

    def story(shop: Life) -> None:
        shop.place(paid=False)
        shop.until("06-05 12:00")

    told = both.tell(story)
    assert (told.tags, told.notes) == ({"A": ["never-paid"]}, {"A": "Cancelled, as it was not paid"})
    assert told.told == ["A is cancelled"]


def test_a_rule_that_is_edited_meanwhile_holds_for_what_is_still_to_come(both: Both) -> None:
    both.rules = AFTER_DELIVERY

    def story(shop: Life) -> None:
        shop.place()
        shop.ship()
        shop.until("06-02 10:00")
        shop.arrive()
        shop.until("06-03 10:00")
        shop.rules(AFTER_DELIVERY.replace("wait: 3 days", "wait: 2 days").replace("How do you like", "Enjoying"))
        shop.until("06-08 12:00")

    assert both.tell(story).mailed == [
        "06-02 14:00 A: Hello Noa, is all well with order A?",
        "06-04 14:00 A: Enjoying Ceramic mug?",
    ]


def test_after_an_outage_what_was_due_is_done_late_and_what_is_stale_is_dropped(both: Both) -> None:
    both.rules = """
    - id: thanks
      trigger: order.paid
      wait: 2 hours
      actions:
        - send: Thank you!
    - id: today-only
      trigger: order.paid
      wait: 2 hours
      expires_after: 3 hours
      actions:
        - send: Order again today!
    """

    def story(shop: Life) -> None:
        shop.place()
        shop.until("06-01 13:00")
        shop.go_down()
        shop.until("06-02 08:00")
        shop.come_back()
        shop.until("06-02 18:00")

    told = both.tell(story)
    assert [text.partition(" A: ")[2] for text in told.mailed] == ["Thank you!"]
    assert any(each.startswith("today-only") and "expired" in each for each in told.followups)


def test_nothing_is_sent_by_night_or_on_a_holiday(both: Both) -> None:
    both.begin("09-10 10:00")  # Thursday; Saturday and Sunday are Rosh Hashana
    both.rules = AFTER_DELIVERY

    def story(shop: Life) -> None:
        shop.place("A")
        shop.place("B", email="dan@example.org")
        shop.ship("A", "parcel-1")
        shop.ship("B", "parcel-2")
        shop.until("09-10 15:30")
        shop.arrive("A", "parcel-1")
        shop.until("09-11 11:00")
        shop.arrive("B", "parcel-2")
        shop.until("09-18 12:00")

    assert both.tell(story).mailed == [
        "09-11 09:00 A: Hello Noa, is all well with order A?",
        "09-14 09:00 A: How do you like Ceramic mug?",
        "09-14 09:00 B: Hello Noa, is all well with order B?",
        "09-17 09:00 B: How do you like Ceramic mug?",
    ]


def test_a_part_of_the_money_given_back_is_news_and_the_rest_goes_on(both: Both) -> None:
    both.rules = f"""{AFTER_DELIVERY}
    - id: part-of-it
      trigger: order.partially_refunded
      actions:
        - send: "You get {{{{ order.refunds[-1].amount | money }}}} back."
    """

    def story(shop: Life) -> None:
        shop.place()
        shop.ship()
        shop.until("06-02 10:00")
        shop.refund(amount="20.00")
        shop.until("06-03 09:00")
        shop.arrive()
        shop.until("06-07 12:00")

    assert both.tell(story).mailed == [
        "06-02 10:00 A: You get ₪20.00 back.",
        "06-03 13:00 A: Hello Noa, is all well with order A?",
        "06-07 09:00 A: How do you like Ceramic mug?",
    ]


def test_a_customer_who_orders_twice_is_welcomed_once(both: Both) -> None:
    both.rules = """
    - id: welcome
      trigger: order.paid
      once_per: customer
      wait: 1 hour
      actions:
        - send: Welcome!
    """

    def story(shop: Life) -> None:
        shop.place("A")
        shop.until("06-01 12:30")
        shop.place("B")
        shop.until("06-02 12:00")

    assert both.tell(story).mailed == ["06-01 13:00 A: Welcome!"]


# Where the platforms do not tell the same -------------------------------------------------------------------


def test_parcels_that_arrive_are_told_of_one_by_one_on_shopify_and_with_the_order_on_woocommerce(both: Both) -> None:
    both.rules = """
    - id: arrived
      trigger: shipment.delivered
      wait: 3 hours
      actions:
        - send: "{{ shipment.tracking_number }} is there."
    """

    def story(shop: Life) -> None:
        shop.place(items=(MUG, TEA))
        shop.ship("A", "parcel-1", slice(0, 1))
        shop.ship("A", "parcel-2", slice(1, 2))
        shop.until("06-02 10:00")
        shop.arrive("A", "parcel-1")
        shop.until("06-03 10:00")
        shop.arrive("A", "parcel-2")
        shop.until("06-04 12:00")

    woocommerce, shopify = both.tell_apart(story)
    assert shopify.mailed == ["06-02 13:00 A: parcel-1 is there.", "06-03 13:00 A: parcel-2 is there."]
    # An order is written about once an hour, whatever arrives with it.
    assert sorted(woocommerce.mailed) == ["06-03 13:00 A: parcel-1 is there.", "06-03 14:00 A: parcel-2 is there."]


def test_a_cancellation_that_happens_in_an_outage_is_dated_by_shopify_and_else_by_who_sees_it(both: Both) -> None:
    both.rules = """
    - id: cancelled
      trigger: order.cancelled
      wait: 1 day
      actions:
        - add_note: Cancelled a day ago
    """

    def story(shop: Life) -> None:
        shop.place(paid=False)
        shop.go_down()
        shop.cancel()
        shop.until("06-01 18:00")
        shop.come_back()
        shop.until("06-03 12:00")

    woocommerce, shopify = both.tell_apart(story)
    assert shopify.notes == woocommerce.notes == {"A": "Cancelled a day ago"}
    assert [each.rpartition("done ")[2].strip() for each in shopify.followups] == ["06-02 12:00"]
    assert [each.rpartition("done ")[2].strip() for each in woocommerce.followups] == ["06-02 19:00"]
