"""`check --online` on a Shopify store: what the rules' actions really do there, and what they lack."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from adapters.sandbox.shopify import SCOPES, ShopifySandbox
from tests.cli.conftest import Desk

SEND = "- { id: hello, trigger: order.placed, actions: [ { send: { text: Hello } } ] }"
NOTE = "- { id: note, trigger: order.placed, actions: [ { add_note: Hello } ] }"


@pytest.fixture
def mugs() -> Iterator[ShopifySandbox]:
    with ShopifySandbox(restore_rate=None) as shop:
        shop.add_order()
        yield shop


def configure(desk: Desk, shop: ShopifySandbox, *more: str) -> None:
    lines = ["id: mugs", "platform: shopify", f"url: {shop.url}", f"access_token: {shop.access_token}", *more]
    body = "\n".join(f"    {line}" for line in lines)
    desk.write("config.yaml", f"version: 1\ntimezone: Asia/Jerusalem\nstores:\n  -\n{body}\n")
    (desk.folder / "config.yaml").chmod(0o600)


def test_what_the_rules_actions_really_do_is_told(desk: Desk, mugs: ShopifySandbox) -> None:
    configure(desk, mugs, "platform_messages: invoice")
    desk.rules(SEND)
    result = desk.type("check", "--online")
    assert result.code == 0
    assert "send: goes out as Shopify's invoice e-mail" in " ".join(result.out.split())
    assert "add_note" not in result.out


def test_what_the_rules_actions_really_do_is_told_to_programs_too(desk: Desk, mugs: ShopifySandbox) -> None:
    configure(desk, mugs)
    desk.rules(NOTE)
    store = desk.type("check", "--online", "--json").json["stores"]["mugs"]
    assert list(store["actions"]) == ["add_note"]
    assert store["findings"] == []


def test_a_rule_that_sends_where_the_store_does_not_needs_another_channel(desk: Desk, mugs: ShopifySandbox) -> None:
    configure(desk, mugs)
    desk.rules(SEND)
    result = desk.type("check", "--online")
    assert result.code == 1
    said = " ".join(result.out.split())
    assert "Rule 'hello' uses 'send', which this store does not do" in said
    assert "another channel" in said
    assert "platform_messages: invoice" in said


def test_only_scopes_that_the_rules_need_are_asked_for(desk: Desk, mugs: ShopifySandbox) -> None:
    mugs.set_scopes(*(scope for scope in SCOPES if scope != "write_discounts"))
    configure(desk, mugs)
    desk.rules(NOTE)
    assert desk.type("check", "--online").code == 0
    desk.rules("- { id: gift, trigger: order.placed, actions: [ { create_coupon: { percent: 10 } } ] }")
    result = desk.type("check", "--online")
    assert result.code == 1
    assert "write_discounts" in result.out


def test_a_status_that_shopify_decides_itself_cannot_be_set(desk: Desk, mugs: ShopifySandbox) -> None:
    configure(desk, mugs)
    desk.rules("- { id: done, trigger: order.status:completed, actions: [ { set_status: completed } ] }")
    result = desk.type("check", "--online")
    assert result.code == 1
    said = " ".join(result.out.split())
    assert "can move none to 'completed'; there is closed, archived, cancelled, paid" in said
    assert "never comes" not in said
