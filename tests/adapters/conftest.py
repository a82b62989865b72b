"""A WooCommerce store on loopback whose clock stands still, and adapters to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from adapters.base import StoreAdapter
from adapters.registry import create
from adapters.sandbox.clock import MovableClock
from adapters.sandbox.woocommerce import WooSandbox

Connect = Callable[..., StoreAdapter]


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock(datetime(2026, 3, 1, 9, 30, tzinfo=UTC))


@pytest.fixture
def shop(clock: MovableClock) -> Iterator[WooSandbox]:
    with WooSandbox(clock=clock) as sandbox:
        yield sandbox


@pytest.fixture
def connect(clock: MovableClock) -> Iterator[Connect]:
    """Makes adapters to sandboxes, patient for a second, and closes them afterwards."""
    made: list[StoreAdapter] = []

    def make(shop: WooSandbox, **settings: Any) -> StoreAdapter:
        usual: dict[str, Any] = {
            "url": shop.url,
            "consumer_key": shop.consumer_key,
            "consumer_secret": shop.consumer_secret,
            "timeout": 1.0,
            "clock": clock,
            "sleep": lambda seconds: None,
        }
        made.append(create("woocommerce", **usual | settings))
        return made[-1]

    yield make
    for adapter in made:
        adapter.close()


@pytest.fixture
def store(shop: WooSandbox, connect: Connect) -> StoreAdapter:
    return connect(shop)
