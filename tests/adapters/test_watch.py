"""Who watches an adapter is told of every answer of its store, and of none that is somebody else's."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from adapters.errors import AdapterError
from adapters.registry import create
from adapters.sandbox.clock import MovableClock
from adapters.sandbox.shopify import ShopifySandbox
from adapters.sandbox.woocommerce import WooSandbox

NOW = datetime(2026, 6, 1, 9, 0, tzinfo=UTC)


@dataclass
class Noted:
    """What it was told."""

    answers: list[int | None] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    buckets: list[tuple[float, float]] = field(default_factory=list)

    def answered(self, status: int | None, seconds: float) -> None:
        self.answers.append(status)
        self.seconds.append(seconds)

    def points(self, left: float, most: float) -> None:
        self.buckets.append((left, most))


def test_every_answer_of_a_woocommerce_store_is_told_and_how_long_it_took() -> None:
    noted, clock = Noted(), MovableClock(NOW)
    with WooSandbox(clock=clock) as store:
        adapter = create(
            "woocommerce",
            url=store.url,
            consumer_key="ck_sandbox",
            consumer_secret="cs_sandbox",
            clock=clock,
            sleep=lambda seconds: None,
            watch=noted,
        )
        store.fail_next("404")
        with pytest.raises(AdapterError):
            adapter.add_note("101", "Hello", "key")
        list(adapter.changed_orders(None))
        store.stop()
        with pytest.raises(AdapterError):
            list(adapter.changed_orders(None))
        adapter.close()
    assert noted.answers[0] == 404
    assert set(noted.answers[1:-3]) == {200}
    assert noted.answers[-3:] == [None, None, None]
    assert all(seconds > 0 for seconds in noted.seconds)
    assert noted.buckets == []


def test_of_a_shopify_store_the_tokens_and_the_points_are_told_too() -> None:
    noted, clock = Noted(), MovableClock(NOW)
    with ShopifySandbox(clock=clock) as store:
        adapter = create(
            "shopify",
            url=store.url,
            client_id=store.client_id,
            client_secret=store.client_secret,
            clock=clock,
            watch=noted,
        )
        adapter.identify()
        adapter.close()
        assert len(noted.answers) == len(store.requests)
    assert noted.answers == [200] * len(noted.answers)
    left, most = noted.buckets[-1]
    assert 0 < left <= most
