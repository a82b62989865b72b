"""Shopify stores in the cycle: checkouts are a walk of their own, bulk walks can be stopped, trouble is one's own."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from textwrap import dedent

import pytest
from pydantic import SecretStr

from adapters.base import StoreAdapter
from adapters.registry import create
from adapters.sandbox.clock import MovableClock
from adapters.sandbox.shopify import ShopifySandbox
from adapters.shopify import bulk
from connector.config import StoreConfig
from connector.cycle import Report, run_cycle
from connector.loading import Loaded, load
from connector.opening import Client, open_client
from connector.poller import Progress
from connector.shop import Clock
from connector.staff import Staff
from connector.store import followups, orders, stores
from connector.store.followups import Followup
from connector.store.stores import StoreState
from tests.conftest import MONDAY, indent

STORE = """
  - id: {id}
    platform: shopify
    url: {url}
    {access}
"""
ON_PLACED = "- { id: welcome, trigger: order.placed, actions: [ { add_note: Hello } ] }"
ON_ABANDONED = "- { id: forgotten, trigger: checkout.abandoned, actions: [ { notify_staff: Somebody left } ] }"


@dataclass
class Street:
    """Shopify stores side by side under one config, and the time."""

    folder: Path
    clock: MovableClock
    shops: dict[str, ShopifySandbox]
    access: str = "access_token: shpat_sandbox"
    timeout: float = 2.0
    told: list[str] = field(default_factory=list)
    client: Client | None = None

    def open(self, rules: str) -> None:
        self.close()
        listed = "".join(STORE.format(id=name, url=shop.url, access=self.access) for name, shop in self.shops.items())
        (self.folder / "rules").mkdir(exist_ok=True)
        (self.folder / "rules" / "rules.yaml").write_text(f"version: 1\nrules:\n{indent(dedent(rules).strip())}\n")
        config = f"version: 1\ntimezone: Asia/Jerusalem\nstaff: ['json://127.0.0.1:9']\nstores:{listed}"
        (self.folder / "config.yaml").touch(mode=0o600)  # it holds a token
        (self.folder / "config.yaml").write_text(config)
        loaded = load(self.folder / "config.yaml", {})
        assert isinstance(loaded, Loaded), "\n".join(map(str, loaded))
        staff = Staff((SecretStr("json://staff"),), self._tell)
        self.client = open_client(loaded, self.clock, make_adapter=self._adapter, staff=staff)

    def close(self) -> None:
        if self.client is not None:
            self.client.close()
            self.client = None

    def run(self, name: str = "mugs", stop: threading.Event | None = None, progress: Progress | None = None) -> Report:
        assert self.client is not None
        [shop] = [shop for shop in self.client.shops if shop.id == name]
        return run_cycle(shop, stop or threading.Event(), progress=progress)

    def later(self, **span: float) -> None:
        self.clock.advance(timedelta(**span))

    def state(self, name: str = "mugs") -> StoreState:
        assert self.client is not None
        with self.client.database.read() as connection:
            return stores.load(connection, name)

    def known(self, ids: list[str], name: str = "mugs") -> int:
        assert self.client is not None
        with self.client.database.read() as connection:
            return len(orders.load(connection, name, ids))

    def planned(self) -> int:
        return len(self.rows())

    def rows(self) -> list[Followup]:
        assert self.client is not None
        with self.client.database.read() as connection:
            return followups.in_state(connection, ["pending", "done", "skipped", "held", "failed", "unknown"])

    def _adapter(self, config: StoreConfig, clock: Clock) -> StoreAdapter:
        settings = config.plain_settings()
        return create(config.platform, **settings, clock=clock, timeout=self.timeout, sleep=lambda seconds: None)

    def _tell(self, urls: object, title: str, body: str) -> bool:
        self.told.append(body)
        return True


@pytest.fixture
def street(tmp_path: Path) -> Iterator[Street]:
    clock = MovableClock(MONDAY)
    with (
        ShopifySandbox(clock=clock, restore_rate=None) as mugs,
        ShopifySandbox(clock=clock, restore_rate=None, domain="plates.myshopify.com") as plates,
    ):
        street = Street(tmp_path, clock, {"mugs": mugs, "plates": plates})
        yield street
        street.close()


def asked(shop: ShopifySandbox, run: Callable[[], object]) -> list[str | None]:
    before = len(shop.requests)
    run()
    return [request.operation for request in shop.requests[before:]]


# Checkouts


def test_checkouts_are_only_walked_over_where_a_rule_waits_for_them(street: Street) -> None:
    mugs = street.shops["mugs"]
    street.open(ON_PLACED)
    assert "Checkouts" not in asked(mugs, street.run)
    street.open(ON_ABANDONED)
    assert "Checkouts" in asked(mugs, street.run)


def test_a_checkout_left_from_now_on_is_followed_up_and_those_before_are_not(street: Street) -> None:
    mugs = street.shops["mugs"]
    mugs.add_checkout(created_at=street.clock.now - timedelta(days=2))
    street.open(ON_ABANDONED)
    street.run()
    street.clock.advance(timedelta(hours=1))
    mugs.add_checkout()
    street.clock.advance(timedelta(minutes=5))
    street.run()
    assert street.told == ["Somebody left"]


def test_the_two_walks_have_a_cursor_each(street: Street) -> None:
    mugs = street.shops["mugs"]
    mugs.add_order(created_at=street.clock.now - timedelta(days=3))
    mugs.add_checkout(created_at=street.clock.now - timedelta(days=2))
    street.open(ON_ABANDONED)
    street.run()
    state = street.state()
    assert state.cursor == (street.clock.now - timedelta(days=3)).isoformat()
    assert state.checkout_cursor == (street.clock.now - timedelta(days=2)).isoformat()


def test_a_store_is_not_begun_with_before_its_checkouts_were_walked_over(street: Street) -> None:
    mugs = street.shops["mugs"]
    street.open(ON_ABANDONED)
    mugs.fail_next("500", match=lambda request: b"abandonedCheckouts" in request.body, times=None)
    assert street.run().error is not None
    assert street.state().baseline_done_at is None
    mugs.faults.clear()
    street.run()
    assert street.state().baseline_done_at is not None


# A large store


def test_a_bulk_walk_that_was_stopped_goes_on_after_a_restart_and_fires_nothing(
    street: Street, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "FROM", 50)
    mugs = street.shops["mugs"]
    ids = [mugs.add_order(created_at=street.clock.now - timedelta(hours=n + 1)) for n in range(70)]
    street.open(ON_PLACED)
    stop = threading.Event()
    stop.set()
    street.run(stop=stop)
    assert str(street.state().cursor).startswith("gid://shopify/BulkOperation/")
    assert street.state().baseline_done_at is None
    street.open(ON_PLACED)
    assert street.run().error is None
    assert street.state().baseline_done_at is not None
    assert street.known(ids) == 70
    assert [request.operation for request in mugs.requests].count("BulkRun") == 1
    assert street.planned() == 0


# Trouble


@pytest.mark.parametrize(("how", "why"), [("402", "frozen"), ("423", "locked"), ("401", "token")])
def test_a_store_that_is_closed_to_us_waits_and_the_other_goes_on(street: Street, how: str, why: str) -> None:
    street.open(ON_PLACED)
    street.run("mugs")
    street.run("plates")
    street.shops["mugs"].fail_next(how, times=None)
    street.clock.advance(timedelta(hours=1))
    order = street.shops["plates"].add_order()
    assert why in str(street.run("mugs").error)
    assert street.state("mugs").retry_at is not None
    assert street.run("plates").error is None
    assert street.shops["plates"].note(order) == "Hello"


# What Shopify tells with an order -----------------------------------------------------------------------------


def test_customers_can_be_shown_where_to_see_their_order(street: Street) -> None:
    street.open('- { id: seen, trigger: order.placed, actions: [ { add_note: "See {{ order.status_url }}" } ] }')
    street.run()
    shop = street.shops["mugs"]
    order = shop.add_order()
    street.run()
    assert re.fullmatch(r"See https://\S+/orders/\w+", shop.note(order) or "")


def test_a_product_is_linked_to_for_as_long_as_it_is_there(street: Street) -> None:
    street.open('- { id: seen, trigger: order.placed, actions: [ { add_note: "{{ item.name }}: {{ item.url }}" } ] }')
    street.run()
    shop = street.shops["mugs"]
    order = shop.add_order(items=[{"title": "Blue mug", "product_id": 7}])
    gone = shop.add_order(items=[{"title": "Red mug", "product_id": None}])
    street.run()
    assert re.fullmatch(r"Blue mug: https://\S+/products/blue-mug", shop.note(order) or "")
    assert shop.note(gone) == "Red mug"
