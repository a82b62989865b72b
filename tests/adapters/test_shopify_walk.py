"""Walking over what has changed in a Shopify store: orders, checkouts, and those asked for by id."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from adapters.base import Cursor, StoreAdapter
from adapters.errors import Unavailable
from adapters.registry import create
from adapters.sandbox.clock import MovableClock
from adapters.sandbox.shopify import ShopifySandbox, runs
from adapters.shopify.raw import OrdersAnswer, RawStamp
from adapters.shopify.walk import walk_orders

MONTHS_AGO = Cursor("2026-01-01T00:00:00+00:00")


@pytest.fixture
def mugs(clock: MovableClock) -> Iterator[ShopifySandbox]:
    with ShopifySandbox(clock=clock, restore_rate=None) as shop:
        yield shop


@pytest.fixture
def store(mugs: ShopifySandbox, clock: MovableClock) -> Iterator[StoreAdapter]:
    adapter = create(
        "shopify", url=mugs.url, access_token=mugs.access_token, timeout=2.0, clock=clock, sleep=lambda seconds: None
    )
    yield adapter
    adapter.close()


def asked(shop: ShopifySandbox, run: Callable[[], object]) -> list[str | None]:
    """The operations that the store ran meanwhile."""
    before = len(shop.requests)
    run()
    return [request.operation for request in shop.requests[before:]]


def fill(shop: ShopifySandbox, clock: MovableClock, number: int) -> list[str]:
    """So many orders, a second apart, the last one a second ago."""
    now = clock.now
    return [shop.add_order(created_at=now - timedelta(seconds=number - n)) for n in range(number)]


# Orders


def test_a_walk_without_news_takes_one_request(mugs: ShopifySandbox, store: StoreAdapter) -> None:
    mugs.add_order()
    *_, page = store.changed_orders(None)
    assert asked(mugs, lambda: list(store.changed_orders(page.cursor))) == ["Orders"]


def test_a_first_look_at_a_store_without_orders_takes_one_request(mugs: ShopifySandbox, store: StoreAdapter) -> None:
    assert asked(mugs, lambda: list(store.changed_orders(None))) == ["Orders"]


def test_the_walk_goes_on_where_a_page_ends(mugs: ShopifySandbox, clock: MovableClock, store: StoreAdapter) -> None:
    ids = fill(mugs, clock, 120)
    pages = list(store.changed_orders(None))
    assert [order.id for page in pages for order in page.orders] == ids
    assert len(pages) > 1


def test_a_first_walk_says_how_much_it_will_bring_and_later_ones_do_not(
    mugs: ShopifySandbox, clock: MovableClock, store: StoreAdapter
) -> None:
    fill(mugs, clock, 120)
    assert {page.total for page in store.changed_orders(None)} == {120}
    assert {page.total for page in store.changed_orders(MONTHS_AGO)} == {None}


def test_an_order_edited_during_the_walk_is_walked_over_anew_the_next_time(
    mugs: ShopifySandbox, clock: MovableClock, store: StoreAdapter
) -> None:
    ids = fill(mugs, clock, 120)
    began = clock.now
    walk = store.changed_orders(None)
    next(walk)
    clock.advance(timedelta(hours=1))
    mugs.edit(ids[0], source_name="pos")
    *_, last = walk
    assert last.orders[-1].id == ids[0]
    assert last.cursor == began.isoformat()


class Scripted:
    """Gives these pages of orders, whatever it is asked; the last one again and again."""

    class Http:
        where = "the store at https://mugs.myshopify.com"

    http = Http()
    answered_at = datetime(2026, 3, 1, tzinfo=UTC)

    def __init__(self, *pages: dict[str, object]) -> None:
        self._pages = list(pages)

    def first(self, document: str) -> int:
        return 50

    def read(self, document: str, variables: dict[str, object], shape: type[OrdersAnswer]) -> OrdersAnswer:
        page = self._pages.pop(0) if len(self._pages) > 1 else self._pages[0]
        return msgspec.json.decode(msgspec.json.encode({"orders": page}), type=shape)


def test_an_order_that_cannot_be_understood_moves_the_cursor_all_the_same() -> None:
    odd = {"__typename": "Order", "id": "gid://shopify/Order/7", "updatedAt": "2026-02-01T10:00:00Z"}
    client: Any = Scripted({"nodes": [odd], "pageInfo": {"hasNextPage": False}})
    [step] = walk_orders(client, None)
    [node] = step.nodes
    assert isinstance(node, RawStamp)
    assert step.cursor == "2026-02-01T10:00:00+00:00"


def test_a_store_that_goes_in_circles_is_a_fault() -> None:
    client: Any = Scripted({"nodes": [], "pageInfo": {"hasNextPage": True, "endCursor": "x"}})
    with pytest.raises(Unavailable, match="not where they begin"):
        list(walk_orders(client, None))


# By id


def test_orders_and_checkouts_are_fetched_together(mugs: ShopifySandbox, store: StoreAdapter) -> None:
    order, checkout = mugs.add_order(), f"checkout-{mugs.add_checkout()}"
    fetched = store.get_orders([order, checkout, "987654321"])
    assert [one.id for one in fetched.orders] == [order, checkout]
    assert [one.draft for one in fetched.orders] == [False, True]
    assert fetched.missing == ("987654321",)


def test_a_batch_that_costs_too_much_is_fetched_in_smaller_ones(mugs: ShopifySandbox, store: StoreAdapter) -> None:
    ids = [mugs.add_order() for _ in range(120)]
    assert {order.id for order in store.get_orders(ids).orders} == set(ids)


# Checkouts


def test_abandoned_checkouts_are_drafts_that_no_order_shares_its_id_with(
    mugs: ShopifySandbox, store: StoreAdapter
) -> None:
    number = mugs.add_checkout()
    [page] = store.changed_checkouts(None)
    [checkout] = page.orders
    assert (checkout.id, checkout.draft, checkout.trashed) == (f"checkout-{number}", True, False)
    assert checkout.customer.email is not None


def test_a_checkout_that_was_paid_after_all_is_done_with(
    mugs: ShopifySandbox, clock: MovableClock, store: StoreAdapter
) -> None:
    number = mugs.add_checkout()
    [page] = store.changed_checkouts(None)
    clock.advance(timedelta(minutes=3))
    mugs.complete_checkout(number)
    [page] = store.changed_checkouts(page.cursor)
    assert [checkout.trashed for checkout in page.orders] == [True]


def test_the_cursor_of_checkouts_stays_until_the_walk_is_through(
    mugs: ShopifySandbox, clock: MovableClock, store: StoreAdapter
) -> None:
    for n in range(120):
        # The first made is the last changed.
        mugs.add_checkout(created_at=clock.now - timedelta(hours=200 - n), updated_at=clock.now - timedelta(minutes=n))
    *pages, last = store.changed_checkouts(MONTHS_AGO)
    assert {page.cursor for page in pages} == {MONTHS_AGO}
    assert last.cursor == clock.now.isoformat()


def test_a_store_in_trouble_is_told_of_before_any_page(mugs: ShopifySandbox, store: StoreAdapter) -> None:
    mugs.fail_next("INTERNAL_SERVER_ERROR", match=runs("Checkouts"), times=None)
    with pytest.raises(Unavailable):
        next(iter(store.changed_checkouts(None)))
