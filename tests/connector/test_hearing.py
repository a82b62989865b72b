"""What customers and staff say sets rules off: within the poll, once, and at no cost where no rule waits for it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from adapters.base import Capability
from adapters.sandbox.clock import MovableClock
from adapters.sandbox.server import Request
from adapters.sandbox.shopify import ShopifySandbox
from connector import hearing
from connector.cycle import run_cycle
from connector.forgetting import Request as Forgetting
from connector.forgetting import forget
from connector.people import address_of
from connector.store import listening, orders
from connector.store.listening import Heard
from tests.conftest import World
from tests.connector.test_shopify_stores import Street

RESCUE = """
    - id: rescue
      trigger: review.posted
      conditions: { review.rating: { at_most: 3 } }
      actions:
        - notify_staff: >-
            {{ review.rating }} stars for {{ review.product_name }}, order {{ order.number }}: {{ review.text }}
"""
CALL = """
    - id: call
      trigger: note.added
      conditions: { note.text: { contains: call } }
      actions:
        - notify_staff: "{{ note.author }} on order {{ order.number }}: {{ note.text }}"
"""
NOA = "noa@example.com"
pytestmark = pytest.mark.every_database


def bought(world: World, **about: object) -> int:
    """Noa's order, and a shop that has come to rest."""
    order = world.store.add_order(billing={"email": NOA}, **about)  # type: ignore[arg-type]
    world.run()
    world.later(minutes=10)
    world.run()
    return order


def told(world: World) -> list[str]:
    return [body for _, body in world.told]


def asks(world: World, what: str) -> list[Request]:
    """The requests of one poll, two minutes later, whose path has this in it."""
    world.later(minutes=2)
    return [request for request in world.asked(world.run) if what in request.path]


def heard(world: World, what: Capability = Capability.REVIEWS) -> Heard:
    with world.shop.database.read() as connection:
        return listening.load(connection, "tea", what)


# Reviews ------------------------------------------------------------------------------------------------------


def test_the_staff_is_told_of_a_bad_review_within_the_poll_and_once(world: World) -> None:
    world.rules(RESCUE)
    order = bought(world)
    world.store.write_review(email=NOA, rating=2, text="The handle broke <3")
    world.later(minutes=2)
    world.run()
    assert told(world) == [f"2 stars for Ceramic mug, order {order}: The handle broke <3"]
    world.run_for(hours=3)
    assert len(told(world)) == 1


def test_a_good_review_is_not_what_the_rule_waits_for(world: World) -> None:
    world.rules(RESCUE)
    bought(world)
    world.store.write_review(email=NOA, rating=4)
    world.run_for(hours=1)
    assert told(world) == []


def test_a_review_that_is_held_back_counts_and_one_that_is_spam_does_not(world: World) -> None:
    world.rules(RESCUE)
    bought(world)
    world.store.write_review(email=NOA, rating=1, text="Held", status="hold")
    world.store.write_review(email=NOA, rating=1, text="Spam", status="spam")
    world.store.write_review(email=NOA, rating=1, text="Binned", status="trash")
    world.run_for(hours=1)
    assert [text.endswith("Held") for text in told(world)] == [True]


def test_each_review_is_followed_up_by_itself(world: World) -> None:
    world.rules(RESCUE)
    bought(world)
    for text in ("First", "Second"):
        world.store.write_review(email=NOA.upper(), rating=2, text=text)
        world.run_for(hours=1)
    assert [text.rpartition(" ")[2] for text in told(world)] == ["First", "Second"]


def test_a_review_that_is_edited_sets_nothing_off_again(world: World) -> None:
    world.rules(RESCUE)
    bought(world)
    review = world.store.write_review(email=NOA, rating=2)
    world.later(minutes=2)
    world.run()
    world.store.edit_review(review, rating=1, text="Worse still")
    world.run_for(hours=2)
    assert len(told(world)) == 1


def test_a_review_that_is_edited_before_its_time_is_judged_as_it_reads_now(world: World) -> None:
    world.rules(RESCUE + "      wait: 30 minutes\n")
    bought(world)
    review = world.store.write_review(email=NOA, rating=2)
    world.later(minutes=2)
    world.run()
    world.store.edit_review(review, rating=5)
    world.run_for(hours=2)
    assert (told(world), world.states()) == ([], ["skipped"])
    assert world.reasons() == ["review.rating is 5, wanted at most 3"]


def test_what_a_customer_wrote_is_not_repeated_in_a_reason(world: World) -> None:
    world.rules("""
    - id: rescue
      trigger: review.posted
      wait: 30 minutes
      stop_if: { review.text: { contains: sorted } }
      actions: [ { notify_staff: A review } ]
    """)
    bought(world)
    review = world.store.write_review(email=NOA, text="Broken, says Noa")
    world.run()
    world.store.edit_review(review, text="All sorted, says Noa")
    world.run_for(hours=2)
    assert world.reasons() == ["review.text is not as wanted: anything but contains sorted"]


def test_a_review_by_a_stranger_is_nobodys(world: World) -> None:
    world.rules(RESCUE)
    order = bought(world)
    world.store.write_review(email="stranger@example.com", rating=1)
    world.store.write_review(email="", rating=1)
    world.run_for(hours=1)
    with world.shop.database.read() as connection:
        known = orders.load(connection, "tea", [str(order)])[str(order)]
    assert (told(world), known.remarks.reviews) == ([], ())


def test_a_review_is_about_the_latest_order_with_the_product_that_was_there_by_then(world: World) -> None:
    tea = [{"name": "Green tea", "sku": "TEA-1", "product_id": 20, "price": "10"}]
    world.rules(RESCUE)
    now = world.clock()
    world.store.add_order(billing={"email": NOA}, created=now - timedelta(days=30))
    mugs = world.store.add_order(billing={"email": NOA}, created=now - timedelta(days=20))
    world.store.add_order(billing={"email": NOA}, created=now - timedelta(days=10), items=tea)
    world.run()
    world.store.write_review(email=NOA, rating=1, product_id=10)
    world.later(minutes=1)
    world.store.add_order(billing={"email": NOA})
    world.run()
    assert [f"order {mugs}:" in text for text in told(world)] == [True]


def test_a_review_of_something_never_bought_is_about_the_latest_order(world: World) -> None:
    world.rules(RESCUE)
    order = bought(world)
    world.store.write_review(email=NOA, rating=1, product_id=99)
    world.run()
    assert [f"order {order}:" in text for text in told(world)] == [True]


def test_reviews_from_before_the_store_was_looked_after_are_the_past(world: World) -> None:
    world.store.add_order(billing={"email": NOA}, created=world.clock() - timedelta(days=9))
    world.store.write_review(email=NOA, rating=1, at=world.clock() - timedelta(days=2))
    world.rules(RESCUE)
    world.run_for(hours=1)
    assert told(world) == []


def test_ten_thousand_reviews_are_walked_once_and_set_nothing_off(world: World) -> None:
    start = world.clock() - timedelta(days=30)
    world.store.add_order(billing={"email": NOA}, created=start)
    for number in range(10_000):
        writer = NOA if number % 1_000 == 0 else f"reader{number}@example.com"
        world.store.write_review(email=writer, rating=1, at=start + timedelta(minutes=number))
    world.rules(RESCUE)
    first = [request for request in world.asked(world.run) if "reviews" in request.path]
    assert (len(first) <= 120, told(world)) == (True, [])
    world.store.write_review(email=NOA, rating=1, text="New")
    assert (len(asks(world, "reviews")), len(told(world))) == (1, 1)


def test_a_walk_that_was_stopped_goes_on_where_it_was(world: World) -> None:
    world.store.add_order(billing={"email": NOA}, created=world.clock() - timedelta(days=30))
    for number in range(500):
        world.store.write_review(email="reader@example.com", at=world.clock() - timedelta(days=20, hours=-number / 2))
    world.rules(RESCUE)
    world.run()
    cursor = heard(world).cursor
    with world.shop.database.write() as connection:  # as if it had been killed after three pages
        listening.update(connection, "tea", Capability.REVIEWS, cursor=None)
    stop = threading.Event()
    world.store.on_request = lambda request: stop.set() if request.params.get("offset") == "180" else None
    run_cycle(world.shop, stop)
    world.store.on_request = None
    stopped_at = heard(world).cursor
    assert stopped_at is not None
    assert cursor is not None
    assert stopped_at < cursor
    assert len(asks(world, "reviews")) == 3
    assert heard(world).cursor == cursor


def test_reviews_written_in_the_hour_that_comes_twice_are_all_heard(world: World) -> None:
    world.clock.advance(datetime(2026, 10, 24, 22, 15, tzinfo=UTC) - world.clock())  # 01:15, for the first time
    world.rules(RESCUE)
    bought(world)
    world.later(minutes=20)
    world.store.write_review(email=NOA, rating=1, text="Early")
    world.run()
    world.later(minutes=35)
    world.store.write_review(email=NOA, rating=1, text="Late")  # 01:20 once more
    world.run()
    assert [text.rpartition(" ")[2] for text in told(world)] == ["Early", "Late"]


@pytest.mark.parametrize("how", ["404", "500", "html", "403"])
def test_a_shop_without_reviews_is_looked_after_all_the_same(world: World, how: str) -> None:
    world.rules(RESCUE + CALL)
    bought(world)
    world.store.fail_next(how, match=lambda request: "reviews" in request.path, times=None)
    order = bought(world)
    world.store.write_note(order, "Please call")
    world.later(minutes=5)
    report = world.run()
    state = world.store_state()
    assert (report.error, state.error, state.polled_at) == (None, None, world.clock())
    assert [text.endswith("Please call") for text in told(world)] == [True]
    assert heard(world).error is not None
    world.store.faults.clear()
    world.store.write_review(email=NOA, rating=1, text="At last")
    world.run_for(hours=2)
    assert (heard(world).error, told(world)[-1].endswith("At last")) == (None, True)


def test_a_shop_without_reviews_is_not_asked_for_them_at_every_poll(world: World) -> None:
    world.rules(RESCUE)
    bought(world)
    world.store.fail_next("404", match=lambda request: "reviews" in request.path, times=None)
    asked = [len(asks(world, "reviews")) for _ in range(30)]
    assert sum(asked) < 10


def test_an_odd_review_spoils_no_other(world: World) -> None:
    world.rules(RESCUE)
    bought(world)
    odd = world.store.write_review(email=NOA, rating=1, text="Odd")
    world.store.edit_review(odd, rating=[7], name={"a": 1}, product_id="x", email=["a"])
    world.store.write_review(email=NOA, rating=1, text="Sound")
    world.run()
    assert [text.rpartition(" ")[2] for text in told(world)] == ["Sound"]


# What it costs ------------------------------------------------------------------------------------------------


def test_without_such_a_rule_nothing_but_orders_is_asked_for(world: World) -> None:
    world.rules("- { id: welcome, trigger: order.placed, actions: [ { add_note: Hello } ] }")
    bought(world)
    world.later(minutes=2)
    assert [request.path for request in world.asked(world.run)] == ["/wp-json/wc/v3/orders"]


def test_a_rule_that_is_switched_off_waits_for_nothing(world: World) -> None:
    world.rules(RESCUE + "      enabled: false\n" + CALL + "      enabled: false\n")
    bought(world)
    world.later(minutes=2)
    assert [request.path for request in world.asked(world.run)] == ["/wp-json/wc/v3/orders"]


def test_an_idle_poll_costs_one_request_more_where_a_rule_waits_for_reviews(world: World) -> None:
    world.rules(RESCUE)
    bought(world)
    world.store.write_review(email=NOA)
    world.run()
    world.later(minutes=2)
    paths = [request.path for request in world.asked(world.run)]
    assert paths == ["/wp-json/wc/v3/orders", "/wp-json/wc/v3/products/reviews"]


def test_notes_are_asked_for_ten_orders_at_a_time_the_newest_first_and_then_in_rounds(world: World) -> None:
    world.rules(CALL)
    placed = [world.store.add_order() for _ in range(25)]
    world.run()
    newest_first = [str(order) for order in reversed(placed)]
    seen = [[request.path.split("/")[-2] for request in asks(world, "/notes")] for _ in range(3)]
    assert seen[0] == newest_first[10:20]
    assert seen[1][:5] == newest_first[20:]
    assert sorted(seen[1][5:] + seen[2][:5]) == sorted(newest_first[:10])


def test_a_new_order_does_not_wait_for_the_round_to_end(world: World) -> None:
    world.rules(CALL)
    for _ in range(25):
        world.store.add_order()
    world.run()
    order = world.store.add_order()
    world.store.write_note(order, "call them")
    world.later(minutes=2)
    world.run()
    assert [text.endswith("call them") for text in told(world)] == [True]


def test_a_shop_that_is_polled_more_often_is_not_asked_for_notes_more_often(world: World) -> None:
    world.store_keys = "poll_every: 30 seconds"
    world.rules(CALL)
    bought(world)
    asked = 0
    for _ in range(8):
        world.later(seconds=30)
        asked += len([request for request in world.asked(world.run) if "/notes" in request.path])
    assert asked == 2


def test_looking_again_before_acting_asks_for_no_notes(world: World) -> None:
    world.rules(CALL + "      wait: 61 minutes\n")
    order = bought(world)
    world.store.write_note(order, "call")
    world.later(minutes=2)
    world.run()
    world.later(minutes=70)
    asked = world.asked(world.run)
    assert len([request for request in asked if "/notes" in request.path]) <= 1
    assert len(told(world)) == 1


# Notes --------------------------------------------------------------------------------------------------------


def test_a_note_of_the_staff_sets_its_rule_off_once_and_our_own_never_do(world: World) -> None:
    world.rules(
        CALL
        + """
    - id: ours
      trigger: order.placed
      actions: [ { add_note: We call it a day } ]
    """
    )
    order = bought(world)
    world.store.write_note(order, "packed", author="Amir")
    world.store.write_note(order, "Please <b>call</b> her &amp; ask", author="Dana")
    world.run_for(hours=2)
    assert told(world) == [f"Dana on order {order}: Please call her & ask"]


def test_each_note_counts_by_itself_unless_the_rule_is_once_per_order(world: World) -> None:
    world.rules(CALL + CALL.replace("id: call", "id: once").replace("actions", "once_per: order\n      actions"))
    order = bought(world)
    for text in ("packed", "call", "call again"):
        world.store.write_note(order, text)
        world.run_for(hours=1)
    by_rule = [row.rule for row in world.rows("done")]
    assert (by_rule.count("call"), by_rule.count("once")) == (2, 1)


def test_a_note_to_the_customer_is_none_of_the_staffs(world: World) -> None:
    world.rules(
        CALL
        + """
    - id: ours
      trigger: order.placed
      actions: [ { send: "Do not call us, we call you" } ]
    """
    )
    bought(world)
    world.run_for(hours=2)
    assert told(world) == []


def test_notes_on_an_order_that_is_delivered_are_not_asked_for(world: World) -> None:
    world.rules(CALL)
    order = bought(world)
    world.store.set_status(order, "completed")
    world.run()
    assert asks(world, "/notes") == []


def test_an_order_that_is_deleted_meanwhile_stops_no_other(world: World) -> None:
    world.rules(CALL)
    order, gone = bought(world), bought(world)
    world.store.delete(gone)
    world.store.write_note(order, "call")
    world.run_for(hours=1)
    assert len(told(world)) == 1


# Kills, and people --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", range(1, 7))
def test_whatever_breaks_on_the_way_the_staff_is_told_once(world: World, number: int) -> None:
    world.rules(RESCUE)
    bought(world)
    world.store.write_review(email=NOA, rating=1)
    broken_at: list[int] = []

    def pull_the_plug(request: Request) -> None:
        broken_at.append(1)
        if len(broken_at) == number:
            world.store.faults.clear()
            world.store.fail_next("reset", times=1)

    world.store.on_request = pull_the_plug
    for _ in range(4):
        world.later(minutes=2)
        world.run()
        world.open()
    world.run_for(hours=2)
    assert len(told(world)) == 1


@pytest.mark.parametrize("moment", ["take_in", "_tell_of_the_rest"])  # before a page is committed, and after
def test_a_kill_while_a_page_is_stored_loses_nothing_and_doubles_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    world.rules(RESCUE)
    bought(world)
    world.store.write_review(email=NOA, rating=1)
    real = getattr(hearing, moment)

    def killed(*arguments: object) -> None:
        real(*arguments)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(hearing, moment, killed)
        with pytest.raises(KeyboardInterrupt):
            world.run()
    assert told(world) == []
    world.open()
    world.run_for(hours=1)
    assert len(told(world)) == 1


def test_what_somebody_said_is_forgotten_with_them(world: World) -> None:
    world.rules(RESCUE)
    order = bought(world)
    world.store.write_review(email=NOA, rating=1, text="My number is private")
    world.run()
    forget(world.shop.database, [Forgetting(frozenset({address_of(NOA)}))], world.shop.secret, world.clock())
    world.store.write_review(email=NOA, rating=1, text="Me again")
    world.run_for(hours=2)
    with world.shop.database.read() as connection:
        known = orders.load(connection, "tea", [str(order)])[str(order)]
    assert (known.remarks.reviews, len(told(world))) == ((), 1)


# Shopify ------------------------------------------------------------------------------------------------------


@pytest.fixture
def street(tmp_path: Path) -> Iterator[Street]:
    clock = MovableClock(datetime(2026, 6, 1, 9, tzinfo=UTC))
    with ShopifySandbox(clock=clock, restore_rate=None) as mugs:
        street = Street(tmp_path, clock, {"mugs": mugs})
        yield street
        street.close()


def _operations(shop: ShopifySandbox, run: Callable[[], object]) -> list[str | None]:
    before = len(shop.requests)
    run()
    return [request.operation for request in shop.requests[before:]]


def test_a_comment_on_shopifys_timeline_sets_its_rule_off_once(street: Street) -> None:
    shop = street.shops["mugs"]
    street.open(CALL.replace("{{ note.author }} on", "On"))
    street.run()
    order = shop.add_order()
    street.later(minutes=10)
    street.run()
    shop.comment(order, "Please call her")
    shop.set_note(order, "call: a note is no comment")
    for _ in range(5):
        street.later(minutes=2)
        street.run()
    assert len(street.told) == 1


def test_shopifys_comments_are_read_in_one_request_and_only_where_a_rule_waits(street: Street) -> None:
    shop = street.shops["mugs"]
    for rules, asked in ((CALL, 1), ("- { id: a, trigger: order.placed, actions: [ { add_note: Hello } ] }", 0)):
        street.open(rules)
        for _ in range(30):
            shop.add_order()
        street.run()
        street.later(minutes=10)
        street.run()
        street.later(minutes=2)
        assert _operations(shop, street.run).count("Comments") == asked
