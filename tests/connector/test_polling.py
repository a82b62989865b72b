"""Polling costs little, loses nothing, and concludes nothing from a fault."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from math import ceil

import pytest

from adapters.base import NAMELESS
from adapters.sandbox.server import Request
from adapters.sandbox.woocommerce import WooSandbox
from connector.cycle import Report
from connector.store import orders
from tests.conftest import World, lists_orders

NOTE = """
    - id: welcome
      trigger: order.placed
      actions:
        - add_note: Hello
"""
NOTE_LATER = """
    - id: check-in
      trigger: order.placed
      wait: 2 hours
      actions:
        - add_note: Two hours later
"""


def place(world: World, count: int) -> list[int]:
    return [world.store.add_order() for _ in range(count)]


def of_order(order: int) -> Callable[[Request], bool]:
    return lambda request: request.path.endswith(f"/orders/{order}")


def move_on(world: World) -> None:
    """Another order comes in, so that the earlier ones are beyond the overlap of the next polls."""
    world.later(minutes=10)
    world.store.add_order(status="cancelled")
    world.run()


def settled(world: World) -> None:
    """Begun, and past the first identity check and sweep."""
    world.run()
    world.later(minutes=10)
    world.run()


def test_an_unchanged_store_is_asked_once(world: World) -> None:
    world.store.add_order(created=world.clock() - timedelta(days=1))
    world.rules(NOTE)
    settled(world)
    world.later(minutes=2)
    asked = world.asked(world.run)
    assert [(request.method, request.path) for request in asked] == [("GET", "/wp-json/wc/v3/orders")]


def test_an_unchanged_store_is_asked_once_even_if_much_is_planned(world: World) -> None:
    world.rules(NOTE_LATER)
    settled(world)
    place(world, 150)
    world.run()
    world.later(minutes=30)
    world.run()
    world.later(minutes=2)
    assert len(world.asked(world.run)) <= ceil(150 / 100) + 1


@pytest.mark.parametrize("changed", [1, 99, 100, 101, 250])
def test_changed_orders_are_read_a_hundred_at_a_time(world: World, changed: int) -> None:
    world.rules(NOTE_LATER)
    settled(world)
    for number in range(changed):
        world.later(seconds=0.5)
        world.store.add_order()
        assert number >= 0
    reads = [request for request in world.asked(world.run) if lists_orders(request)]
    assert len(reads) <= ceil(changed / 100) + 1
    assert len(world.rows()) == changed


@pytest.mark.parametrize("due", [1, 100, 101, 250])
def test_orders_are_looked_at_again_a_hundred_at_a_time(world: World, due: int) -> None:
    world.rules(NOTE_LATER + "      max_per_run: 1000\n")
    settled(world)
    placed = place(world, due)
    world.run()
    world.later(hours=2)
    reads = [request for request in world.asked(lambda: world.run(polling=False)) if request.method == "GET"]
    assert len(reads) <= ceil(due / 100)
    assert all(world.notes(order) == ["Two hours later"] for order in placed)


def test_the_cursor_moves_only_with_what_was_stored(world: World) -> None:
    for n in range(250):
        world.store.add_order(created=world.clock() - timedelta(hours=n + 1))
    world.rules(NOTE)
    seen: list[str | None] = []

    def look(request: Request) -> None:
        if lists_orders(request):
            seen.append(world.store_state().cursor)

    world.store.on_request = look
    world.run()
    with world.shop.database.read() as connection:
        assert orders.count(connection, "tea") == 250
    assert seen[0] is None
    assert seen == sorted(seen, key=lambda cursor: cursor or "")


def test_an_empty_answer_never_moves_the_cursor(world: World) -> None:
    world.rules(NOTE)
    place(world, 3)
    settled(world)
    cursor = world.store_state().cursor
    world.store.fail_next("empty_list", match=lists_orders, times=None)
    world.later(days=1)
    world.run()
    assert world.store_state().cursor == cursor
    world.store.faults.clear()
    order = world.store.add_order()
    world.run()
    assert world.notes(order) == ["Hello"]


@pytest.mark.parametrize(
    "fault", ["500", "502", "503", "html", "php_notice", "bom", "truncated", "wrong_json", "reset"]
)
def test_a_store_that_answers_nonsense_waits_and_loses_nothing(world: World, fault: str) -> None:
    world.rules(NOTE)
    settled(world)
    world.later(minutes=1)
    order = world.store.add_order()
    world.store.fail_next(fault, match=lists_orders, times=None)
    report = world.run()
    assert report.error is not None
    assert world.store_state().error == report.error
    assert world.notes(order) == []
    world.store.faults.clear()
    world.later(minutes=2)
    assert world.run().error is None
    assert world.notes(order) == ["Hello"]
    assert world.store_state().error is None


def test_a_store_in_trouble_is_left_alone_longer_each_time_up_to_an_hour(world: World) -> None:
    world.rules(NOTE)
    world.store.stop()
    waits: list[timedelta] = []
    for _ in range(12):
        world.run()
        state = world.store_state()
        assert state.retry_at is not None
        waits.append(state.retry_at - world.clock())
        world.later(hours=1)
    assert waits[0] <= timedelta(seconds=30)
    assert timedelta(minutes=45) < waits[-1] <= timedelta(hours=1)
    assert world.store_state().failures == 12


def test_a_store_that_asks_for_ten_minutes_gets_them(world: World) -> None:
    world.rules(NOTE)
    world.store.fail_next("503", match=lists_orders, retry_after="600")
    world.run()
    assert world.store_state().retry_at == world.clock() + timedelta(minutes=10)


def test_a_wish_to_be_left_alone_for_years_is_not_granted(world: World) -> None:
    world.rules(NOTE)
    settled(world)
    order = world.store.add_order()
    world.store.fail_next("429", match=lambda request: request.method == "POST", retry_after="99999999")
    world.run()
    world.later(days=1)
    world.run()
    assert world.notes(order) == ["Hello"]


@pytest.fixture
def legacy(world: World) -> World:
    """A shop that keeps orders as posts: what plugins write past WooCommerce moves no date."""
    world.store.stop()
    world.store = WooSandbox(clock=world.clock, hpos=False)
    world.store.start()
    return world


def test_the_sweep_finds_what_moves_no_date(legacy: World) -> None:
    legacy.rules("""
        - id: on-its-way
          trigger: order.shipped
          actions:
            - add_note: "Shipped with {{ shipment.tracking_number }}"
    """)
    settled(legacy)
    order = legacy.store.add_order()
    legacy.run()
    move_on(legacy)
    parcel = {"tracking_provider": "Post", "tracking_number": "RR1", "date_shipped": "1780304400", "tracking_id": "a1"}
    legacy.store.set_meta(order, "_wc_shipment_tracking_items", [parcel], bump=False)
    legacy.later(minutes=5)
    legacy.run()
    assert legacy.notes(order) == []
    legacy.later(hours=1)
    legacy.run()
    assert legacy.notes(order) == ["Shipped with RR1"]
    legacy.store.stop()


def test_the_sweep_asks_for_a_hundred_open_orders_at_a_time_and_leaves_out_the_closed(world: World) -> None:
    world.rules(NOTE_LATER)
    settled(world)
    place(world, 130)
    for _ in range(50):
        world.store.add_order(status="completed")
    world.run()
    move_on(world)
    world.later(hours=1)
    sweeps = [request for request in world.asked(world.run) if "include" in request.params]
    assert len(sweeps) == 2


def test_an_order_too_old_for_news_is_swept_no_more(world: World) -> None:
    world.rules(NOTE_LATER)
    settled(world)
    place(world, 1)
    world.run()
    move_on(world)
    world.later(days=91)
    world.run()
    world.later(hours=2)
    assert [request for request in world.asked(world.run) if "include" in request.params] == []


def break_order(world: World, order: int) -> None:
    world.store.order(order).line_items.append({"name": "A line without an id", "total": "0.00"})


def mend_order(world: World, order: int) -> None:
    """In the database: no date moves."""
    world.store.order(order).line_items.pop()


def test_an_order_that_makes_no_sense_is_set_aside_and_the_others_go_on(world: World) -> None:
    world.rules(NOTE)
    settled(world)
    broken, sound = place(world, 2)
    break_order(world, broken)
    report = world.run()
    assert report.error is None
    assert (world.notes(broken), world.notes(sound)) == ([], ["Hello"])
    with world.shop.database.read() as connection:
        assert [id_ for id_, _, _ in orders.quarantined(connection, "tea")] == [str(broken)]


def test_a_set_aside_order_is_followed_up_once_it_can_be_read(world: World) -> None:
    world.rules(NOTE)
    settled(world)
    (broken,) = place(world, 1)
    break_order(world, broken)
    world.run()
    world.later(hours=3)
    mend_order(world, broken)
    world.run()
    assert world.notes(broken) == ["Hello"]
    with world.shop.database.read() as connection:
        assert orders.quarantined(connection, "tea") == []


def test_an_order_that_breaks_before_its_action_is_put_off_and_the_others_are_done(world: World) -> None:
    world.rules(NOTE_LATER)
    settled(world)
    broken, sound = place(world, 2)
    world.run()
    break_order(world, broken)
    world.later(hours=2)
    world.run()
    assert (world.notes(broken), world.notes(sound)) == ([], ["Two hours later"])
    mend_order(world, broken)
    world.later(hours=1)
    world.run()
    assert world.notes(broken) == ["Two hours later"]


def test_a_trashed_order_is_left_alone_and_taken_up_again_when_it_comes_back(world: World) -> None:
    world.rules(NOTE_LATER)
    settled(world)
    (order,) = place(world, 1)
    world.run()
    world.store.trash(order)
    world.later(hours=2)
    world.run()
    assert world.notes(order) == []
    assert world.reasons("skipped") == ["the order is in the trash"]
    world.store.edit(order, status="processing")
    world.later(minutes=5)
    world.run()
    assert world.notes(order) == ["Two hours later"]


def test_an_order_that_is_not_found_for_a_day_among_sound_neighbours_is_gone(world: World) -> None:
    world.rules(NOTE_LATER)
    settled(world)
    deleted, sound = place(world, 2)
    world.run()
    world.store.delete(deleted)
    world.later(hours=2)
    world.run()
    assert world.notes(sound) == ["Two hours later"]
    assert sorted(world.states()) == ["done", "pending"]
    world.run_for(hours=26)
    assert world.states().count("skipped") == 1
    assert world.reasons("skipped")[0].startswith("the order is gone from the store")  # type: ignore[union-attr]


def test_an_order_that_is_back_after_a_404_is_not_gone_at_its_next_one(world: World) -> None:
    world.rules(NOTE_LATER.replace("2 hours", "30 days"))
    settled(world)
    lost, _sound = place(world, 2)
    world.run()
    kept = world.store.order(lost)
    world.store.delete(lost)
    world.later(hours=2)
    world.run()
    world.store._store.orders[lost] = kept
    world.later(hours=2)
    world.run()
    world.later(days=3)
    world.store.delete(lost)
    world.run()
    assert world.states() == ["pending", "pending"]


def test_from_a_broken_orders_table_nothing_is_concluded(world: World) -> None:
    world.rules(NOTE_LATER)
    settled(world)
    placed = place(world, 3)
    world.run()
    world.store.fail_next("empty_list", match=lambda request: "/orders" in request.path, times=None)
    errors: list[Report] = []
    for _ in range(60):
        world.later(minutes=30)
        errors.append(world.run())
    assert any(report.error for report in errors)
    assert world.states() == ["pending"] * 3
    world.store.faults.clear()
    world.later(hours=2)
    world.run()
    assert [world.notes(order) for order in placed] == [["Two hours later"]] * 3


# What is looked at again, and how often -----------------------------------------------------------------------


def looks_at(world: World, order: int) -> int:
    """How often the order was asked for by its id."""
    asked = [request for request in world.store.requests if request.method == "GET"]
    return sum(str(order) in request.params.get("include", "").split(",") for request in asked)


def set_aside(world: World) -> list[str]:
    with world.shop.database.read() as connection:
        return [id_ for id_, _, _ in orders.quarantined(connection, "tea")]


def test_a_set_aside_order_is_looked_at_less_and_less_often_and_never_forgotten(world: World) -> None:
    world.rules(NOTE)
    settled(world)
    (broken,) = place(world, 1)
    break_order(world, broken)
    world.run_for(days=1)
    first_day = looks_at(world, broken)
    world.run_for(days=9)
    later = looks_at(world, broken) - first_day
    assert 4 <= first_day <= 8
    assert 8 <= later <= 10
    mend_order(world, broken)
    world.run_for(days=1)
    assert world.notes(broken) == ["Hello"]
    assert set_aside(world) == []


def test_of_an_order_that_is_too_old_for_news_nothing_more_is_expected(world: World) -> None:
    world.rules(NOTE)
    settled(world)
    (order,) = place(world, 1)
    world.run()
    break_order(world, order)
    world.store.edit(order)
    world.run()
    assert set_aside(world) == [str(order)]
    world.later(days=91)
    world.run()
    assert set_aside(world) == []
    before = looks_at(world, order)
    world.run_for(days=2)
    assert looks_at(world, order) == before


def test_but_what_is_planned_for_it_is_done_once_it_can_be_read(world: World) -> None:
    world.rules("- { id: later, trigger: order.placed, wait: 100 days, actions: [ { add_note: Hello } ] }")
    settled(world)
    (order,) = place(world, 1)
    world.run()
    break_order(world, order)
    world.store.edit(order)
    world.run()
    world.later(days=99)
    world.run_for(days=3)
    assert set_aside(world) == [str(order)]
    assert world.states() == ["pending"]
    mend_order(world, order)
    world.run_for(days=2)
    assert world.notes(order) == ["Hello"]


def test_an_order_that_was_never_understood_and_is_deleted_is_gone_after_a_day(world: World) -> None:
    world.rules(NOTE)
    settled(world)
    place(world, 1)
    (broken,) = place(world, 1)
    break_order(world, broken)
    world.run()
    world.store.delete(broken)
    world.run_for(hours=20)
    assert set_aside(world) == [str(broken)]
    world.run_for(days=4)
    assert set_aside(world) == []


def test_an_order_without_an_id_is_told_of_and_stops_nothing(world: World) -> None:
    world.rules(NOTE)
    settled(world)
    with world.shop.database.write() as connection:
        orders.set_aside(connection, "tea", NAMELESS, "it has no id", world.clock())
    (sound,) = place(world, 1)
    assert world.run().error is None
    assert set_aside(world) == [NAMELESS]
    world.later(hours=2)
    assert world.run().error is None
    assert set_aside(world) == []
    assert world.notes(sound) == ["Hello"]
