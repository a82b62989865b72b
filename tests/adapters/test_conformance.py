"""The suite that every adapter passes, run on WooCommerce's and Shopify's, over real HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

pytest.register_assert_rewrite("adapters.conformance")

from adapters.conformance import Conformance, Trouble  # noqa: E402
from adapters.registry import create  # noqa: E402
from adapters.sandbox.clock import MovableClock  # noqa: E402
from adapters.sandbox.shopify import ShopifySandbox  # noqa: E402
from adapters.sandbox.woocommerce import WooSandbox  # noqa: E402

SECRETS = ("ck_conformance", "cs_conformance")


class WooShop:
    """A sandbox store in the words of the suite."""

    secrets = SECRETS
    other_status = "completed"

    def __init__(self, sandbox: WooSandbox, clock: MovableClock) -> None:
        self._sandbox, self._clock = sandbox, clock
        key, secret = SECRETS
        sandbox.add_product(10)
        self.adapter = create(
            "woocommerce",
            url=sandbox.url,
            consumer_key=key,
            consumer_secret=secret,
            timeout=1.0,
            clock=clock,
            sleep=lambda seconds: None,
        )

    def now(self) -> datetime:
        return self._clock.now

    def tick(self, by: timedelta) -> None:
        self._clock.advance(by)

    def add_order(self) -> str:
        return str(self._sandbox.add_order())

    def edit_order(self, order_id: str) -> None:
        self._sandbox.edit(int(order_id), customer_note="Please ring twice")

    def delete_order(self, order_id: str) -> None:
        self._sandbox.delete(int(order_id))

    def notes(self, order_id: str) -> list[str]:
        notes = self._sandbox.notes(int(order_id))
        return [note.text for note in notes if not note.customer and note.author == "WooCommerce"]

    def messages(self, order_id: str) -> list[str]:
        return [mail.body for mail in self._sandbox.mails if mail.order_id == int(order_id)]

    def write_review(self, order_id: str, text: str) -> None:
        email = self._sandbox.order(int(order_id)).billing["email"]
        self._sandbox.write_review(email=email, rating=2, text=text)

    def write_note(self, order_id: str, text: str) -> None:
        self._sandbox.write_note(int(order_id), text)

    def trouble(self, kind: Trouble) -> None:
        shop = self._sandbox
        match kind:
            case "unreachable":
                shop.stop()
            case "denied":
                shop.fail_next("403", times=None)
            case "slow_down":
                shop.fail_next("429", retry_after="3600", times=None)
            case "answer_lost":
                shop.fail_next("reset", after_commit=True, times=None)
            case "nonsense":
                shop.fail_next("html", times=None)

    def peace(self) -> None:
        self._sandbox.faults.clear()
        self._sandbox.stop()
        self._sandbox.start()


class TestWooCommerce(Conformance):
    @pytest.fixture
    def shop(self) -> Iterator[WooShop]:
        clock = MovableClock(datetime(2026, 3, 1, 9, 30, tzinfo=UTC))
        key, secret = SECRETS
        with WooSandbox(clock=clock, consumer_key=key, consumer_secret=secret) as sandbox:
            shop = WooShop(sandbox, clock)
            yield shop
            shop.adapter.close()


TOKEN = "shpat_conformance"


class ShopifyShop:
    """A sandbox store in the words of the suite, whose messages go out as invoices."""

    secrets = (TOKEN,)
    other_status = "cancelled"

    def __init__(self, sandbox: ShopifySandbox, clock: MovableClock) -> None:
        self._sandbox, self._clock = sandbox, clock
        self.adapter = create(
            "shopify",
            url=sandbox.url,
            access_token=TOKEN,
            platform_messages="invoice",
            timeout=1.0,
            clock=clock,
            sleep=lambda seconds: None,
        )

    def now(self) -> datetime:
        return self._clock.now

    def tick(self, by: timedelta) -> None:
        self._clock.advance(by)

    def add_order(self) -> str:
        return self._sandbox.add_order()

    def edit_order(self, order_id: str) -> None:
        self._sandbox.edit(order_id, source_name="pos")

    def delete_order(self, order_id: str) -> None:
        self._sandbox.delete(order_id)

    def notes(self, order_id: str) -> list[str]:
        return [note] if (note := self._sandbox.note(order_id)) else []

    def messages(self, order_id: str) -> list[str]:
        gid = f"gid://shopify/Order/{order_id}"
        return [mail.custom_message or "" for mail in self._sandbox.invoices if mail.order_id in (order_id, gid)]

    def write_review(self, order_id: str, text: str) -> None:
        raise AssertionError("Shopify has no reviews")

    def write_note(self, order_id: str, text: str) -> None:
        self._sandbox.comment(order_id, text)

    def trouble(self, kind: Trouble) -> None:
        shop = self._sandbox
        match kind:
            case "unreachable":
                shop.stop()
            case "denied":
                shop.fail_next("401", times=None)
            case "slow_down":
                shop.fail_next("429", retry_after="3600", times=None)
            case "answer_lost":
                shop.fail_next("reset", after_commit=True, times=None)
            case "nonsense":
                shop.fail_next("html", times=None)

    def peace(self) -> None:
        self._sandbox.faults.clear()
        self._sandbox.stop()
        self._sandbox.start()


class TestShopify(Conformance):
    @pytest.fixture
    def shop(self) -> Iterator[ShopifyShop]:
        clock = MovableClock(datetime(2026, 3, 1, 9, 30, tzinfo=UTC))
        with ShopifySandbox(clock=clock, access_token=TOKEN, restore_rate=None) as sandbox:
            shop = ShopifyShop(sandbox, clock)
            yield shop
            shop.adapter.close()
