"""What is checked about a Shopify store: its keys in the config, and what the store says of itself and of us."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from adapters.base import Capability, StoreAdapter
from adapters.errors import Unsupported
from adapters.model import StoreInfo
from adapters.registry import create, settings_of
from adapters.sandbox.clock import MovableClock
from adapters.sandbox.shopify import SCOPES, ShopifySandbox

Connect = Callable[..., StoreAdapter]

MUGS = {"url": "https://mugs.myshopify.com"}


@pytest.fixture
def mugs(clock: MovableClock) -> Iterator[ShopifySandbox]:
    with ShopifySandbox(clock=clock, restore_rate=None) as shop:
        shop.add_order()
        yield shop


@pytest.fixture
def connect(mugs: ShopifySandbox, clock: MovableClock) -> Iterator[Connect]:
    made: list[StoreAdapter] = []

    def make(**settings: Any) -> StoreAdapter:
        usual = {"url": mugs.url, "access_token": mugs.access_token, "timeout": 2.0, "clock": clock}
        made.append(create("shopify", **usual | settings, sleep=lambda seconds: None))
        return made[-1]

    yield make
    for adapter in made:
        adapter.close()


def told(info: StoreInfo) -> str:
    return "\n".join(finding.message for finding in info.findings)


# The config


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({}, "write 'access_token', or both"),
        ({"client_id": "id"}, "or both 'client_id' and 'client_secret'"),
        ({"access_token": "t", "client_id": "id", "client_secret": "s"}, "not both ways at once"),
        ({"access_token": " "}, "is empty"),
        ({"access_token": "t", "platform_messages": "flow"}, "needs 'flow_trigger'"),
        ({"access_token": "t", "flow_trigger": "message"}, "only used with 'platform_messages: flow'"),
        ({"access_token": "t", "url": "https://mugs.example.com"}, "https://my-shop.myshopify.com"),
        ({"access_token": "t", "url": "https://admin.shopify.com/store/mugs"}, "write https://mugs.myshopify.com"),
        ({"access_token": "t", "url": "http://mugs.myshopify.com"}, "unprotected"),
    ],
    ids=[
        "no way in",
        "half of the second way",
        "both ways",
        "a blank token",
        "flow without its trigger",
        "a trigger without flow",
        "the shop's own domain",
        "the admin's address",
        "plain http",
    ],
)
def test_settings_that_cannot_be_are_told_in_words(keys: dict[str, str], said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        settings_of("shopify").model_validate(MUGS | keys)
    assert said in str(caught.value)


def test_the_newest_version_is_used_unless_told() -> None:
    settings = settings_of("shopify").model_validate(MUGS | {"access_token": "t"})
    assert settings.model_dump()["api_version"] == "2026-10"


def test_secrets_are_not_shown_with_the_settings() -> None:
    settings = settings_of("shopify").model_validate(MUGS | {"client_id": "an-id", "client_secret": "a-secret"})
    assert "a-secret" not in repr(settings)


# The store


def test_a_store_that_is_well_tells_who_it_is(mugs: ShopifySandbox, connect: Connect) -> None:
    info = connect().check(frozenset(Capability))
    assert info.findings == ()
    assert info.identity.url == f"https://{mugs.domain}"
    assert info.identity.site_id == mugs.shop_id.rpartition("/")[2]
    assert (info.timezone, info.identity.currency, info.can_write) == ("Asia/Jerusalem", "ILS", True)


def test_an_app_is_let_in_by_its_id_and_secret(mugs: ShopifySandbox, connect: Connect) -> None:
    app = {"access_token": None, "client_id": mugs.client_id, "client_secret": mugs.client_secret}
    assert connect(**app).check(()).findings == ()


@pytest.mark.parametrize(
    ("scope", "said", "fatal"),
    [
        ("read_all_orders", "only the last 60 days of orders are visible", False),
        ("read_products", "types, categories, tags, pages and vendors", False),
        ("read_returns", "returns are not seen", False),
        ("write_discounts", "which the rules need for coupons", True),
    ],
)
def test_a_scope_that_is_lacking_is_named_with_what_it_costs_us(
    mugs: ShopifySandbox, connect: Connect, scope: str, said: str, fatal: bool
) -> None:
    mugs.set_scopes(*(each for each in SCOPES if each != scope))
    info = connect().check(frozenset(Capability))
    assert any(scope in each.message and said in each.message and each.fatal is fatal for each in info.findings)


def test_a_scope_that_no_rule_needs_is_not_asked_for(mugs: ShopifySandbox, connect: Connect) -> None:
    mugs.set_scopes(*(each for each in SCOPES if each != "write_discounts"))
    assert connect().check([Capability.NOTES]).findings == ()


def test_reading_only_is_no_right_to_write(mugs: ShopifySandbox, connect: Connect) -> None:
    mugs.set_scopes("read_orders", *(each for each in SCOPES if each != "write_orders"))
    info = connect().check([Capability.NOTES])
    assert info.can_write is False
    assert "write_orders, which the rules need for notes" in told(info)


def test_customers_that_shopify_hides_are_told_of(mugs: ShopifySandbox, connect: Connect) -> None:
    mugs.protect_data()
    info = connect().check(())
    assert "hides protected customer data" in told(info)


def test_guests_without_an_address_among_others_are_nothing_to_tell(mugs: ShopifySandbox, connect: Connect) -> None:
    mugs.add_order(customer=None)
    assert connect().check(()).findings == ()


@pytest.mark.parametrize(
    ("now", "said"),
    [
        (datetime(2026, 12, 1, tzinfo=UTC), ""),
        (datetime(2027, 1, 15, tzinfo=UTC), "Shopify retires the version 2026-04 of its API on 2027-04-01"),
        (datetime(2027, 4, 2, tzinfo=UTC), "Shopify has retired the version 2026-04 of its API. Set"),
    ],
)
def test_an_old_version_is_warned_of_a_quarter_before_its_end(
    clock: MovableClock, connect: Connect, now: datetime, said: str
) -> None:
    clock.now = now
    found = told(connect(api_version="2026-04").check(()))
    assert said in found if said else found == ""


def test_a_clock_that_is_off_is_told_of(mugs: ShopifySandbox, connect: Connect) -> None:
    mugs.skew = timedelta(minutes=20)
    assert "20 minutes behind Shopify's" in told(connect().check(()))


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("401", "token"),
        ("402", "frozen"),
        ("423", "locked"),
        ("404", "`url`"),
        ("html", "proxy"),
        ("redirect", "https"),
    ],
)
def test_what_keeps_us_out_is_named(mugs: ShopifySandbox, connect: Connect, how: str, said: str) -> None:
    mugs.fail_next(how, times=None)
    [finding] = connect().check(()).findings
    assert finding.fatal
    assert said in finding.message
    assert mugs.access_token not in finding.message


# What the actions really do


def test_a_store_that_sends_nothing_says_what_to_do(connect: Connect) -> None:
    adapter = connect()
    assert Capability.MESSAGES not in adapter.capabilities
    assert "platform_messages: invoice" in adapter.identify().means[Capability.MESSAGES]
    with pytest.raises(Unsupported, match="another channel"):
        adapter.send_message("1", "Hello", None, "key")


def test_an_invoice_is_not_promised_to_arrive(connect: Connect) -> None:
    adapter = connect(platform_messages="invoice")
    assert Capability.MESSAGES in adapter.capabilities
    assert "checks no consent" in adapter.identify().means[Capability.MESSAGES]


def test_a_workflow_is_named(connect: Connect) -> None:
    adapter = connect(platform_messages="flow", flow_trigger="aftersale-message")
    assert "'aftersale-message'" in adapter.identify().means[Capability.MESSAGES]
