"""The first walk over a large Shopify store: by a bulk operation, resumed after a crash, given up where it fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import islice

import pytest

from adapters.base import Page, StoreAdapter
from adapters.errors import Unavailable
from adapters.registry import create
from adapters.sandbox.clock import MovableClock
from adapters.sandbox.shopify import ShopifySandbox, runs
from adapters.shopify import bulk

NUMBER = 130
Connect = Callable[[], StoreAdapter]


@pytest.fixture(autouse=True)
def _a_hundred_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "FROM", 100)
    monkeypatch.setattr(bulk, "AT_ONCE", 40)


@pytest.fixture
def mugs(clock: MovableClock) -> Iterator[ShopifySandbox]:
    with ShopifySandbox(clock=clock, restore_rate=None, bulk_polls=3) as shop:
        for n in range(NUMBER):
            shop.add_order(created_at=clock.now - timedelta(hours=n + 1))
        yield shop


@pytest.fixture
def pauses() -> list[float]:
    """How long was waited, in seconds."""
    return []


@pytest.fixture
def connect(mugs: ShopifySandbox, clock: MovableClock, pauses: list[float]) -> Iterator[Connect]:
    made: list[StoreAdapter] = []

    def make() -> StoreAdapter:
        made.append(
            create(
                "shopify",
                url=mugs.url,
                access_token=mugs.access_token,
                timeout=2.0,
                clock=clock,
                sleep=pauses.append,
            )
        )
        return made[-1]

    yield make
    for adapter in made:
        adapter.close()


def ids(pages: list[Page]) -> list[str]:
    return [order.id for page in pages for order in page.orders]


def keep(pages: Iterator[Page], seen: list[Page]) -> None:
    """As a poll does: what came before the walk breaks off is kept."""
    for page in pages:
        seen.append(page)  # noqa: PERF402


def everything(shop: ShopifySandbox) -> set[str]:
    return {str(order.id) for order in shop.orders}


def operations(shop: ShopifySandbox) -> list[str | None]:
    return [request.operation for request in shop.requests]


def test_a_large_store_is_read_by_one_operation(mugs: ShopifySandbox, connect: Connect) -> None:
    pages = list(connect().changed_orders(None))
    assert len(ids(pages)) == NUMBER
    assert set(ids(pages)) == everything(mugs)
    assert operations(mugs).count("BulkRun") == 1
    assert {page.total for page in pages} == {NUMBER}


def test_orders_come_with_their_lines_and_returns(mugs: ShopifySandbox, connect: Connect) -> None:
    order = mugs.add_order(items=[{"title": f"Mug {n}"} for n in range(30)])
    mugs.request_return(order)
    pages = list(connect().changed_orders(None))
    [read] = [each for page in pages for each in page.orders if each.id == order][:1]
    assert [item.name for item in read.items] == [f"Mug {n}" for n in range(30)]
    assert [each.status for each in read.returns] == ["requested"]


def test_while_the_file_is_written_there_are_pages_to_stop_at(connect: Connect, pauses: list[float]) -> None:
    pages = list(connect().changed_orders(None))
    waiting = [page for page in pages if not page.orders]
    assert len(waiting) >= 3
    assert all(page.cursor is not None for page in waiting)
    assert pauses[:3] == [1.0, 2.0, 3.0]


@pytest.mark.parametrize("after", range(1, 8))
def test_a_walk_that_broke_off_goes_on_where_it_was(mugs: ShopifySandbox, connect: Connect, after: int) -> None:
    seen = list(islice(connect().changed_orders(None), after))
    rest = list(connect().changed_orders(seen[-1].cursor))
    assert set(ids(seen)) | set(ids(rest)) == everything(mugs)
    assert operations(mugs).count("BulkRun") == 1
    bulk_orders = [order for page in seen for order in page.orders]
    assert len(ids(rest)) <= NUMBER - len(bulk_orders) + 10


def test_what_changes_meanwhile_follows(mugs: ShopifySandbox, clock: MovableClock, connect: Connect) -> None:
    walk = connect().changed_orders(None)
    next(walk)
    clock.advance(timedelta(minutes=20))
    late = mugs.add_order()
    *_, last = walk
    assert late in [order.id for order in last.orders]
    assert last.cursor == clock.now.isoformat()


def test_an_operation_that_may_not_begin_is_done_without(mugs: ShopifySandbox, connect: Connect) -> None:
    mugs.fail_next("userErrors", match=runs("BulkRun"))
    assert set(ids(list(connect().changed_orders(None)))) == everything(mugs)


def test_an_operation_whose_beginning_is_not_known_is_begun_anew(mugs: ShopifySandbox, connect: Connect) -> None:
    mugs.fail_next("reset", match=runs("BulkRun"), after_commit=True)
    with pytest.raises(Unavailable):
        list(connect().changed_orders(None))
    assert set(ids(list(connect().changed_orders(None)))) == everything(mugs)


def test_a_file_that_has_expired_is_done_without(mugs: ShopifySandbox, connect: Connect) -> None:
    mugs.fail_next("404", match=lambda request: request.method == "GET")
    assert set(ids(list(connect().changed_orders(None)))) == everything(mugs)


def test_a_file_that_breaks_off_is_read_on_the_next_time(mugs: ShopifySandbox, connect: Connect) -> None:
    for order in everything(mugs):
        mugs.edit(order, attributes={"engraving": "x" * 5000})
    mugs.fail_next("truncated", match=lambda request: request.method == "GET")
    seen: list[Page] = []
    with pytest.raises(Unavailable):
        keep(connect().changed_orders(None), seen)
    rest = list(connect().changed_orders(seen[-1].cursor))
    assert seen[-1].orders
    assert set(ids(seen)) | set(ids(rest)) == everything(mugs)
    assert operations(mugs).count("BulkRun") == 1


def test_an_operation_that_is_gone_is_done_without(mugs: ShopifySandbox, connect: Connect) -> None:
    place = bulk.Place("gid://shopify/BulkOperation/1").cursor()
    assert set(ids(list(connect().changed_orders(place)))) == everything(mugs)


def test_an_operation_that_takes_for_ever_is_done_without(
    mugs: ShopifySandbox, connect: Connect, pauses: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "PATIENCE", 5.0)
    assert set(ids(list(connect().changed_orders(None)))) == everything(mugs)
    assert sum(pauses) <= 10.0
