"""What a report tells of a story."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from adapters.sandbox.clock import MovableClock
from adapters.sandbox.shopify import ShopifySandbox
from connector.report.account import Account
from connector.report.reading import read_account
from tests.conftest import MONDAY, World
from tests.connector.telling import world_on_shopify


def account_of(world: World, days: float = 60) -> Account:
    """The account of so many days until now."""
    shop, until = world.shop, world.clock()
    return read_account(shop.database, shop.config, shop.secret, until - timedelta(days=days), until, lambda seen: None)


@pytest.fixture
def shopify(tmp_path: Path, database: str) -> Iterator[tuple[World, ShopifySandbox]]:
    """A store whose carriers tell of parcels."""
    clock = MovableClock(MONDAY)
    with ShopifySandbox(clock=clock, restore_rate=None) as store:
        world = world_on_shopify(tmp_path, store, clock)
        world.database = database
        yield world, store
        world.close()


Story = Callable[[World], None]
