"""Steps come one after the other, and the actions of a step together or not at all."""

from __future__ import annotations

import pytest

from tests.conftest import World, is_write

pytestmark = pytest.mark.every_database


def placed(world: World, rules: str, **fields: object) -> int:
    world.rules(rules)
    world.run()
    order = world.store.add_order(**fields)  # type: ignore[arg-type]
    world.run()
    return order


def only_coupon(world: World) -> str:
    (code,) = world.store.coupons
    return code


def test_a_step_waits_from_the_moment_the_one_before_was_done(world: World) -> None:
    order = placed(
        world,
        """
        - id: two-steps
          trigger: order.placed
          steps:
            - wait: 1 hour
              actions: [add_note: One]
            - wait: 2 hours
              actions: [add_note: Two]
        """,
    )
    world.later(hours=5)
    world.run()
    assert world.notes(order) == ["One"]
    world.later(hours=1, minutes=59)
    world.run()
    assert world.notes(order) == ["One"]
    world.later(minutes=1)
    world.run()
    assert world.notes(order) == ["One", "Two"]


def test_steps_without_a_wait_follow_at_once(world: World) -> None:
    order = placed(
        world,
        """
        - id: two-steps
          trigger: order.placed
          steps:
            - actions: [add_note: One]
            - actions: [add_note: Two]
        """,
    )
    assert world.notes(order) == ["One", "Two"]


COUPON_THEN_MESSAGES = """
    - id: thanks
      trigger: order.placed
      steps:
        - actions:
            - create_coupon: { percent: 10, expires: 14 days }
            - send: "Your code: {{ coupon.code }}"
        - wait: 3 days
          actions:
            - send: "Do not forget {{ coupon.code }}"
"""


def test_a_coupons_code_can_be_used_in_its_step_and_later_even_after_a_restart(world: World) -> None:
    order = placed(world, COUPON_THEN_MESSAGES)
    code = only_coupon(world)
    assert world.messages(order) == [f"Your code: {code}"]
    world.open()
    world.later(days=3)
    world.run()
    assert world.messages(order)[1:] == [f"Do not forget {code}"]


def test_a_message_that_is_put_off_still_knows_the_coupon_made_before(world: World) -> None:
    world.rules(COUPON_THEN_MESSAGES)
    world.run()
    order = world.store.add_order()
    world.store.fail_next("429", match=lambda request: is_write(request) and request.path.endswith("/notes"))
    world.run()
    assert len(world.store.coupons) == 1
    assert world.messages(order) == []
    world.open()
    world.later(hours=1)
    world.run()
    assert world.messages(order) == [f"Your code: {only_coupon(world)}"]


def test_no_coupon_is_made_for_a_message_that_may_not_go(world: World) -> None:
    placed(world, COUPON_THEN_MESSAGES, billing={"email": ""})
    assert world.store.coupons == {}
    assert world.states()[:2] == ["skipped", "skipped"]


def test_no_coupon_is_made_for_marketing_without_consent(world: World) -> None:
    world.extra = "unsubscribe: mailto:stop@tea.example.com"
    marketing = '{ text: "Code: {{ coupon.code }}", purpose: marketing }'
    placed(world, COUPON_THEN_MESSAGES.replace('"Your code: {{ coupon.code }}"', marketing))
    assert world.store.coupons == {}


def test_a_failed_action_ends_its_step_and_the_next_step_still_comes(world: World) -> None:
    order = placed(
        world,
        """
        - id: two-steps
          trigger: order.placed
          steps:
            - actions:
                - set_status: no-such-status
                - add_note: Never
            - wait: 1 hour
              actions: [add_note: Two]
        """,
    )
    assert world.states() == ["failed", "skipped", "pending"]
    assert world.reasons("skipped") == ["an action before it in its step failed"]
    world.later(hours=1)
    world.run()
    assert world.notes(order) == ["Two"]


def test_a_text_that_comes_out_empty_is_not_sent(world: World) -> None:
    order = placed(
        world,
        """
        - id: thanks
          trigger: order.placed
          actions:
            - add_note: "{% if order.total.amount > 1000 %}A big one{% endif %}"
        """,
    )
    assert world.store.notes(order) == []
    assert world.reasons("skipped") == ["its text comes out empty for this order"]


ONCE = """
    - id: welcome
      trigger: order.placed
      once_per: customer
      actions:
        - send: Welcome
"""


def test_once_per_customer_holds_for_two_orders_in_one_page(world: World) -> None:
    world.rules(ONCE)
    world.run()
    first, second = (world.store.add_order(billing={"email": "noa@example.com"}) for _ in range(2))
    world.run()
    assert world.messages(first) + world.messages(second) == ["Welcome"]


def test_once_per_customer_knows_a_person_by_another_spelling_of_their_address(world: World) -> None:
    world.rules(ONCE)
    world.run()
    world.store.add_order(billing={"email": "noa@example.com"})
    world.run()
    world.later(days=1)
    world.store.add_order(billing={"email": " Noa@Example.COM "})
    world.run()
    assert len(world.store.mails) == 1


def test_once_per_customer_takes_strangers_without_an_address_for_different_people(world: World) -> None:
    world.rules(ONCE.replace("send: Welcome", "add_note: Welcome"))
    world.run()
    nobody = {"email": "", "phone": ""}
    orders = [world.store.add_order(billing=nobody, shipping={"phone": ""}) for _ in range(2)]
    world.run()
    assert [world.notes(order) for order in orders] == [["Welcome"], ["Welcome"]]


def test_when_the_order_it_was_for_is_cancelled_another_of_the_customer_steps_in(world: World) -> None:
    world.rules(ONCE.replace("actions:", "wait: 1 day\n      stop_if: {order.status: cancelled}\n      actions:"))
    world.run()
    first, second = (world.store.add_order(billing={"email": "noa@example.com"}) for _ in range(2))
    world.run()
    world.store.set_status(first, "cancelled")
    world.run_for(days=1, hours=1)
    assert (world.messages(first), world.messages(second)) == ([], ["Welcome"])


COOLDOWN = """
    - id: thanks
      trigger: order.placed
      cooldown: 7 days
      actions:
        - send: Thank you
"""


def test_cooldown_leaves_a_customer_alone_for_as_long_and_no_longer(world: World) -> None:
    world.rules(COOLDOWN)
    world.run()
    for days in (0, 6, 2):
        world.later(days=days)
        world.store.add_order(billing={"email": "noa@example.com"})
        world.store.add_order(billing={"email": f"other{days}@example.com"})
        world.run()
    assert [mail.to for mail in world.store.mails].count("noa@example.com") == 2
    (reason,) = world.reasons("skipped")
    assert reason == "cooldown: this rule has acted for this customer, and leaves them alone until 2026-06-08 09:00 UTC"


def test_cooldown_holds_for_two_orders_in_one_page(world: World) -> None:
    world.rules(COOLDOWN)
    world.run()
    for _ in range(3):
        world.store.add_order(billing={"email": "noa@example.com"})
    world.run()
    assert len(world.store.mails) == 1


def test_a_note_per_parcel_names_each_parcel_once(world: World) -> None:
    world.rules("""
        - id: parcel
          trigger: order.shipped
          once_per: shipment
          actions:
            - add_note: "Parcel {{ shipment.tracking_number }}"
    """)
    world.run()
    order = world.store.add_order()
    world.run()
    parcels = []
    for number in ("RR1", "RR2"):
        world.later(hours=1)
        parcels.append({"tracking_provider": "Post", "tracking_number": number, "tracking_id": number.lower()})
        world.store.set_meta(order, "_wc_shipment_tracking_items", list(parcels))
        world.run()
    world.run_for(hours=2)
    assert world.notes(order) == ["Parcel RR1", "Parcel RR2"]
