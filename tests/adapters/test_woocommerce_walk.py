"""The walk over changed orders, against everything that makes one lose orders."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta

import pytest
import responses

from adapters.base import Cursor, Page, StoreAdapter
from adapters.errors import Unavailable
from adapters.registry import create
from adapters.sandbox.clock import MovableClock
from adapters.sandbox.server import Request
from adapters.sandbox.woocommerce import WooSandbox

SECOND = timedelta(seconds=1)


def ids(pages: Iterable[Page]) -> list[str]:
    return [order.id for page in pages for order in page.orders]


def last(pages: Iterable[Page]) -> Cursor | None:
    *_, page = pages
    return page.cursor


def add(shop: WooSandbox, clock: MovableClock, number: int, apart: timedelta = SECOND) -> list[str]:
    added = []
    for _ in range(number):
        added.append(str(shop.add_order()))
        clock.advance(apart)
    return added


def listings(shop: WooSandbox) -> list[Request]:
    return [request for request in shop.requests if request.path.endswith("/orders")]


# What is asked


def test_an_idle_poll_is_exactly_one_request(shop: WooSandbox, clock: MovableClock, store: StoreAdapter) -> None:
    add(shop, clock, 3)
    cursor = last(store.changed_orders(None))
    clock.advance(timedelta(hours=1))
    shop.requests.clear()
    list(store.changed_orders(cursor))
    assert len(shop.requests) == 1


def test_the_same_answer_as_before_brings_no_order_again_until_something_in_it_changes(
    shop: WooSandbox, clock: MovableClock, store: StoreAdapter
) -> None:
    (order,) = add(shop, clock, 1)
    cursor = last(store.changed_orders(None))
    assert ids(store.changed_orders(cursor)) == [order]
    assert ids(store.changed_orders(cursor)) == []
    shop.set_meta(int(order), "colour", "blue", bump=False)
    assert ids(store.changed_orders(cursor)) == [order]


def test_an_answer_that_its_reader_never_came_back_from_is_read_again(
    shop: WooSandbox, clock: MovableClock, store: StoreAdapter
) -> None:
    (order,) = add(shop, clock, 1)
    cursor = last(store.changed_orders(None))
    for _ in store.changed_orders(cursor):
        break  # as when the page could not be stored
    assert ids(store.changed_orders(cursor)) == [order]


@pytest.mark.parametrize("number", [99, 100, 101, 200, 250])
@pytest.mark.parametrize("apart", [SECOND, timedelta(0)])
def test_a_walk_costs_a_request_a_hundred_orders_and_one_more_at_most(
    shop: WooSandbox, clock: MovableClock, store: StoreAdapter, number: int, apart: timedelta
) -> None:
    added = add(shop, clock, number, apart)
    assert sorted(ids(store.changed_orders(None))) == sorted(added)
    assert len(shop.requests) <= -(-number // 100) + 1


def test_limits_are_naive_utc_with_the_flag_for_gmt(shop: WooSandbox, clock: MovableClock, store: StoreAdapter) -> None:
    list(store.changed_orders(Cursor("2026-03-01T09:30:00+00:00")))
    (request,) = shop.requests
    assert request.params["modified_after"] == "2026-03-01T09:24:59"
    assert request.params["dates_are_gmt"] == "true"


def test_each_parameter_is_sent_once_and_none_is_empty(shop: WooSandbox, store: StoreAdapter) -> None:
    """The woocommerce package sends each twice over http, and an empty one breaks the signature."""
    list(store.changed_orders(Cursor("2026-03-01T09:30:00+00:00")))
    names = [pair.split("=")[0] for pair in shop.requests[0].query.split("&")]
    assert len(names) == len(set(names))
    assert not any(pair.endswith("=") for pair in shop.requests[0].query.replace("%3D", "").split("&"))


def test_a_first_walk_sets_no_limit(shop: WooSandbox, store: StoreAdapter) -> None:
    list(store.changed_orders(None))
    assert "modified_after" not in shop.requests[0].params


# Where the cursor stands


def test_the_cursor_is_the_latest_change_seen_and_not_our_clock(
    shop: WooSandbox, clock: MovableClock, store: StoreAdapter
) -> None:
    add(shop, clock, 3)
    clock.advance(timedelta(days=2))
    assert last(store.changed_orders(None)) == "2026-03-01T09:30:02+00:00"


def test_an_empty_answer_never_moves_the_cursor(shop: WooSandbox, clock: MovableClock, store: StoreAdapter) -> None:
    cursor = Cursor("2026-03-01T09:30:00+00:00")
    shop.fail_next("empty_list")
    assert list(store.changed_orders(cursor)) == [Page(orders=(), cursor=cursor, total=0)]


def test_an_empty_first_answer_gives_no_cursor(shop: WooSandbox, store: StoreAdapter) -> None:
    shop.add_order()
    shop.fail_next("empty_list")
    assert last(store.changed_orders(None)) is None


def test_a_short_overlap_never_moves_the_cursor_back(
    shop: WooSandbox, clock: MovableClock, store: StoreAdapter
) -> None:
    shop.add_order()
    cursor = Cursor((clock.now + timedelta(minutes=4)).isoformat())
    assert last(store.changed_orders(cursor)) == cursor


def test_an_edit_in_a_second_already_seen_is_caught_by_the_overlap(
    shop: WooSandbox, clock: MovableClock, store: StoreAdapter
) -> None:
    first = shop.add_order()
    cursor = last(store.changed_orders(None))
    second = shop.add_order()
    clock.advance(SECOND)
    assert ids(store.changed_orders(cursor)) == [str(first), str(second)]


# Orders on the move


def test_orders_edited_between_two_pages_are_neither_lost_nor_hide_others(
    shop: WooSandbox, clock: MovableClock, store: StoreAdapter
) -> None:
    """By page number, each edited order pulls another one past the reader."""
    added = add(shop, clock, 250)
    pages = store.changed_orders(None)
    seen = [next(pages)]
    for order_id in added[:20]:
        shop.edit(int(order_id))
        clock.advance(SECOND)
    seen += pages
    assert set(ids(seen)) == set(added)
    assert ids(seen)[-20:] == added[:20]


def test_an_order_edited_while_it_is_excluded_comes_with_the_next_walk(
    shop: WooSandbox, clock: MovableClock, store: StoreAdapter
) -> None:
    """Between two pages that are ten minutes apart, the one order that the second page leaves out is edited."""
    add(shop, clock, 99)
    at_the_edge = str(shop.add_order())
    pages = store.changed_orders(None)
    next(pages)
    clock.advance(timedelta(minutes=1))
    shop.edit(int(at_the_edge), customer_note="Ring twice")
    clock.advance(timedelta(minutes=9))
    shop.add_order()
    cursor = last(pages)
    assert at_the_edge in ids(store.changed_orders(cursor))


def test_an_order_deleted_between_two_pages_hides_no_other(
    shop: WooSandbox, clock: MovableClock, store: StoreAdapter
) -> None:
    added = add(shop, clock, 150)
    pages = store.changed_orders(None)
    seen = [next(pages)]
    shop.delete(int(added[0]))
    shop.trash(int(added[1]))
    assert ids(seen + list(pages)) == added


@pytest.mark.parametrize("number", [450, 1050])
def test_any_number_of_orders_may_share_a_second(
    shop: WooSandbox, clock: MovableClock, store: StoreAdapter, number: int
) -> None:
    before = add(shop, clock, 3)
    together = add(shop, clock, number, timedelta(0))
    clock.advance(SECOND)
    after = add(shop, clock, 3)
    walked = ids(store.changed_orders(None))
    assert walked[:3] + walked[-3:] == before + after
    assert sorted(walked) == sorted(before + together + after)
    assert max(len(request.query) for request in shop.requests) < 8000


def test_orders_that_leave_their_crowded_second_meanwhile_hide_no_other(
    shop: WooSandbox, clock: MovableClock, store: StoreAdapter
) -> None:
    added = add(shop, clock, 1500, timedelta(0))
    clock.advance(timedelta(minutes=1))
    leaving = iter(added)

    def leave(request: Request) -> None:
        if request.params.get("orderby") == "id" and int(request.params.get("page", 1)) > 1:
            shop.edit(int(next(leaving)))

    shop.on_request = leave
    walked = ids(store.changed_orders(None))
    assert set(walked) == set(added)


def test_a_store_that_ignores_the_question_is_told_apart_from_one_with_many_orders() -> None:
    def order(number: int) -> dict[str, object]:
        when = "2026-03-01T09:30:00"
        dates = {"date_created_gmt": when, "date_modified_gmt": when}
        return {"id": number, "status": "processing", "currency": "EUR", "total": "1.00", **dates}

    store = create("woocommerce", url="https://shop.example.com", consumer_key="ck", consumer_secret="cs")
    with responses.RequestsMock() as mock:
        mock.get("https://shop.example.com/wp-json/wc/v3/orders", json=[order(n) for n in range(1, 101)])
        with pytest.raises(Unavailable, match="A cache or plugin ignores"):
            list(store.changed_orders(None))


def test_many_odd_orders_without_a_date_do_not_hold_up_the_walk() -> None:
    """They come first, and no limit of time ever excludes or includes them."""
    odd = [f"{number}" for number in range(1, 131)]
    asked: list[str] = []

    def answer(request: object) -> tuple[int, dict[str, str], str]:
        params = getattr(request, "params")  # noqa: B009
        asked.append(params.get("exclude", ""))
        had = set(params.get("exclude", "").split(","))
        left = [number for number in odd if number not in had] if "modified_after" not in params else []
        orders = [_undated(number) for number in left][:100]
        return 200, {}, f"[{','.join(orders)}]"

    store = create("woocommerce", url="https://shop.example.com", consumer_key="ck", consumer_secret="cs")
    with responses.RequestsMock() as mock:
        mock.add_callback(responses.GET, "https://shop.example.com/wp-json/wc/v3/orders", callback=answer)
        assert ids(store.changed_orders(None)) == odd
    assert len(asked) == 2


def _undated(order_id: str) -> str:
    created = '"date_created_gmt":"2019-01-01T00:00:00","date_modified_gmt":null'
    return f'{{"id":{order_id},"status":"completed","currency":"EUR","total":"5.00",{created}}}'


# Clocks that jump


@pytest.mark.parametrize("forward", ["2026-03-27T02:30:00", "2026-03-27T02:00:30"])
def test_the_hour_that_the_stores_clock_skips_in_spring_loses_no_order(
    shop: WooSandbox, clock: MovableClock, store: StoreAdapter, forward: str
) -> None:
    """WordPress takes 02:30 UTC for 02:30 in Jerusalem, which there is not that day, and makes it 03:30."""
    clock.now = datetime.fromisoformat(forward).replace(tzinfo=UTC)
    added = add(shop, clock, 120)
    assert ids(store.changed_orders(None)) == added
    assert added[50] in ids(store.changed_orders(Cursor(clock.now.isoformat())))


@pytest.mark.parametrize("hour", range(20, 28))
def test_no_hour_of_the_night_when_clocks_go_back_loses_an_order(
    shop: WooSandbox, clock: MovableClock, store: StoreAdapter, hour: int
) -> None:
    clock.now = datetime(2026, 10, 24, tzinfo=UTC) + timedelta(hours=hour)
    added = add(shop, clock, 120)
    assert ids(store.changed_orders(None)) == added


# What is in the pages


def test_abandoned_checkouts_come_marked_as_drafts(shop: WooSandbox, store: StoreAdapter) -> None:
    shop.add_order(status="checkout-draft")
    ((order,),) = [page.orders for page in store.changed_orders(None)]
    assert (order.draft, order.customer.email) == (True, None)


def test_an_order_that_makes_no_sense_is_set_aside_and_the_others_come(
    shop: WooSandbox, clock: MovableClock, store: StoreAdapter
) -> None:
    good, bad, also_good = add(shop, clock, 3)
    shop.order(int(bad)).line_items[0]["quantity"] = "noa@example.com"
    (page,) = store.changed_orders(None)
    assert [order.id for order in page.orders] == [good, also_good]
    assert [broken.order_id for broken in page.broken] == [bad]
    assert "noa@example.com" not in page.broken[0].reason


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ("php_notice", "something before the JSON"),
        ("bom", "something before the JSON"),
        ("html", "a web page instead of JSON"),
        ("wrong_json", "something else than orders"),
        ("truncated", "broke off"),
        ("503", "answered 503"),
        ("500", "answered 500"),
        ("reset", "broke the connection"),
    ],
)
def test_what_is_no_list_of_orders_is_a_store_out_of_order(
    shop: WooSandbox, store: StoreAdapter, how: str, told: str
) -> None:
    shop.add_order()
    shop.fail_next(how, times=None)
    with pytest.raises(Unavailable, match=told):
        list(store.changed_orders(None))


def test_the_pause_for_maintenance_is_handed_on(shop: WooSandbox, store: StoreAdapter) -> None:
    shop.fail_next("503")
    with pytest.raises(Unavailable) as caught:
        list(store.changed_orders(None))
    assert caught.value.retry_after == 600


@pytest.mark.parametrize("legacy", [False, True])
def test_a_walk_ends_well_at_a_whole_hundred(
    clock: MovableClock, connect: Callable[..., StoreAdapter], legacy: bool
) -> None:
    """Past the end, one storage says that there are no orders at all, the other how many there are."""
    with WooSandbox(clock=clock, hpos=not legacy) as shop:
        added = add(shop, clock, 200)
        pages = list(connect(shop).changed_orders(None))
    assert ids(pages) == added
    assert pages[0].total == 200


def test_signed_requests_never_repeat_a_nonce(
    shop: WooSandbox, store: StoreAdapter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The woocommerce package draws from few enough to repeat itself, and a repeated one is refused."""
    monkeypatch.setattr("woocommerce.oauth.randint", lambda low, high: 7)
    for _ in range(3):
        list(store.changed_orders(None))
    nonces = {part for request in shop.requests for part in request.query.split("&") if "nonce" in part}
    assert len(nonces) == 3
