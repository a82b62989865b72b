"""`check`: every mistake at once, each with its place; and with --online, what the shop says."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from tests.channels.mail_server import mail_server
from tests.cli.conftest import Desk, Shop

ONE_LINE = re.compile(r"[^\s:]+\.(yaml|md):\d+:\d+: .+")
HELLO = "- { id: hello, trigger: order.placed, actions: [ { add_note: Hello } ] }"


def test_what_is_right_is_told_in_a_summary(shop: Shop) -> None:
    shop.rules(HELLO)
    result = shop.type("check")
    assert result.code == 0
    assert result.err == ""
    assert "config.yaml: no mistakes." in result.out
    assert "tea: woocommerce" in result.out
    assert re.search(r"hello +order\.placed +at once: add_note", result.out)


def test_every_mistake_is_listed_at_once_each_on_a_line_with_its_place(shop: Shop) -> None:
    shop.write("templates/thanks/en.md", "---\nsubject: Thanks\n---\nHello {{ costumer.first_name }}\n")
    shop.rules(
        """
        - id: wrong-key
          trigger: order.placed
          condition: { order.status: processing }
          actions: [ { add_note: Hello } ]
        - id: unknown-field
          trigger: order.placed
          conditions: { order.stauts: processing }
          actions: [ { add_note: Hello } ]
        - id: bad-wait
          trigger: order.placed
          wait: 4 horses
          actions: [ { sedn: { template: thanks } } ]
        """
    )
    result = shop.type("check")
    assert result.code == 2
    assert all(ONE_LINE.fullmatch(line) for line in result.lines), result.err
    for told in ("'condition'", "'order.stauts'", "4 horses", "'sedn'; did you mean 'send'?", "costumer"):
        assert any(told in line for line in result.lines), told


def test_broken_yaml_is_one_line(shop: Shop) -> None:
    shop.write("rules/rules.yaml", "version: 1\nrules:\n\t- id: hello\n")
    result = shop.type("check")
    assert result.code == 2
    assert result.lines == ["rules/rules.yaml:3:1: there is a tab here; indent with spaces"]


def test_a_missing_environment_variable_is_named(desk: Desk) -> None:
    desk.write(
        "config.yaml",
        """
        version: 1
        stores:
          - id: tea
            platform: woocommerce
            url: https://tea.example.com
            consumer_key: ${TEA_KEY}
            consumer_secret: cs_x
        """,
    )
    desk.rules(HELLO)
    result = desk.type("check")
    assert result.code == 2
    assert len(result.lines) == 1
    assert result.lines[0].startswith("config.yaml:6:19: ")
    assert "TEA_KEY" in result.lines[0]


@pytest.mark.parametrize("hours", ['{ sun-thu: "09:00-18:00", fri: }', "{ fri: [] }", "09:00-18:00", "[fri]"])
def test_odd_business_hours_are_met_with_what_to_write(desk: Desk, hours: str) -> None:
    desk.config("https://tea.example.com", f"business_hours: {hours}\n")
    desk.rules(HELLO)
    result = desk.type("check")
    assert result.code == 2
    assert "as in" in result.err
    assert ONE_LINE.fullmatch(result.lines[0]), result.err


def test_http_on_a_public_host_is_refused(desk: Desk) -> None:
    desk.config("http://tea.example.com")
    desk.rules(HELLO)
    result = desk.type("check")
    assert result.code == 2
    assert "https://" in result.lines[0]


def test_mistakes_are_told_to_programs_too(shop: Shop) -> None:
    shop.rules("- { id: hello, trigger: order.plaecd, actions: [ { add_note: Hello } ] }")
    result = shop.type("check", "--json")
    assert result.code == 2
    [problem] = result.json["problems"]
    assert (problem["file"], problem["line"]) == ("rules/rules.yaml", 3)
    assert "did you mean 'order.placed'?" in problem["message"]


def test_a_config_with_secrets_that_everybody_can_read_is_refused(shop: Shop) -> None:
    shop.rules(HELLO)
    (shop.folder / "config.yaml").chmod(0o644)
    result = shop.type("check")
    assert result.code == 2
    assert "chmod 600" in result.err


def test_marketing_is_warned_of_while_no_consent_is_known(shop: Shop) -> None:
    shop.rules("- { id: hello, trigger: order.placed, actions: [ { send: { text: Buy, purpose: marketing } } ] }")
    shop.config(shop.store.url, "unsubscribe: mailto:stop@tea.example.com\n")
    result = shop.type("check")
    assert result.code == 0
    assert "rule 'hello'" in result.err
    assert "purpose: marketing" in result.err


def test_an_old_rule_under_a_new_name_that_reaches_back_is_a_mistake(shop: Shop) -> None:
    shop.rules("- { id: hello, trigger: order.placed, backfill: 7 days, actions: [ { add_note: Hello } ] }")
    shop.type("run", "--once")
    shop.rules("- { id: hello-again, trigger: order.placed, backfill: 7 days, actions: [ { add_note: Hello } ] }")
    result = shop.type("check")
    assert result.code == 2
    assert "was: hello" in result.err


# Online -------------------------------------------------------------------------------------------------------


def test_a_shop_that_is_well_is_told_so(shop: Shop) -> None:
    shop.rules(HELLO)
    result = shop.type("check", "--online")
    assert result.code == 0
    assert "tea: reached, and all is well" in result.out


def test_a_wrong_key_is_named_with_its_cure(shop: Shop) -> None:
    shop.rules(HELLO)
    text = (shop.folder / "config.yaml").read_text()
    (shop.folder / "config.yaml").write_text(text.replace("ck_sandbox", "ck_wrong"))
    result = shop.type("check", "--online")
    assert result.code == 1
    assert "key" in result.out
    assert "ck_wrong" not in result.out + result.err


def test_a_read_only_key_is_named_with_its_cure(shop: Shop) -> None:
    shop.rules(HELLO)
    shop.store.add_key("ck_sandbox", "cs_sandbox", "read")
    result = shop.type("check", "--online")
    assert result.code == 1
    assert "Read/Write" in result.out


def test_an_address_without_a_shop_is_named(shop: Shop) -> None:
    shop.rules(HELLO)
    shop.config(f"{shop.store.url}/elsewhere")
    result = shop.type("check", "--online", "--json")
    assert result.code == 1
    assert result.json["stores"]["tea"]["findings"][0]["fatal"]


def test_a_clock_that_is_off_is_named(shop: Shop) -> None:
    shop.rules(HELLO)
    shop.store.skew = timedelta(minutes=20)
    result = shop.type("check", "--online")
    assert result.code == 1
    assert "are 20 minutes apart" in " ".join(result.out.split())


def test_another_time_zone_than_the_shops_is_warned_of(shop: Shop) -> None:
    shop.rules(HELLO)
    text = (shop.folder / "config.yaml").read_text()
    (shop.folder / "config.yaml").write_text(text.replace("Asia/Jerusalem", "Europe/Berlin"))
    result = shop.type("check", "--online")
    assert result.code == 0
    assert "timezone: Asia/Jerusalem" in " ".join(result.out.split())


@pytest.mark.parametrize(
    ("rule", "told", "code"),
    [
        ("trigger: order.status:pakced, actions: [ { add_note: Hello } ]", "did you mean 'packed'?", 0),
        ("trigger: order.paid, actions: [ { set_status: complted } ]", "did you mean 'completed'?", 1),
    ],
    ids=["a trigger that never comes", "a status to move to"],
)
def test_a_status_that_the_shop_does_not_have_is_named(shop: Shop, rule: str, told: str, code: int) -> None:
    shop.rules(f"- {{ id: hello, {rule} }}")
    result = shop.type("check", "--online")
    assert result.code == code
    assert told in " ".join(result.out.split())


def test_another_shop_under_the_same_config_is_named(noted: Shop) -> None:
    noted.store.become_another_store()
    result = noted.type("check", "--online")
    assert result.code == 1
    assert "not the store it was" in result.out
    assert "--accept-store tea" in " ".join(result.out.split())


def test_a_shop_that_is_down_does_not_hide_the_others(shop: Shop) -> None:
    shop.rules(HELLO)
    with (shop.folder / "config.yaml").open("a") as config:
        config.write("  - id: mugs\n    platform: woocommerce\n    url: http://127.0.0.1:9\n")
        config.write("    consumer_key: ck_x\n    consumer_secret: cs_x\n")
    result = shop.type("check", "--online", "--json")
    assert result.code == 1
    stores = result.json["stores"]
    assert stores["tea"]["findings"] == []
    assert stores["mugs"]["findings"][0]["fatal"]


def test_marketing_by_mail_without_a_way_to_unsubscribe_is_a_mistake(shop: Shop) -> None:
    shop.rules("- { id: hello, trigger: order.placed, actions: [ { send: { text: Buy, purpose: marketing } } ] }")
    result = shop.type("check")
    assert result.code == 2
    assert "rule 'hello': marketing by mail needs a way to unsubscribe: set 'unsubscribe'" in result.err


def test_mistakes_in_channels_and_protection_have_their_places(shop: Shop) -> None:
    extra = (
        "channels:\n  emial: { type: smtp }\n  sms: { type: twillio }\n"
        "via: [platform, whatsapp]\nfrequency_caps: [at most two]\nquiet_times: 21-8\nunsubscribe: stop\n"
    )
    shop.rules("- { id: hello, trigger: order.placed, actions: [ add_note: Hi ] }")
    shop.config(shop.store.url, extra)
    result = shop.type("check")
    assert result.code == 2
    for told in ("'at most two' is no cap", "'21-8' is not a time window", "unsubscribe: write mailto:"):
        assert told in result.err
    shop.config(shop.store.url, extra[: extra.index("frequency_caps")])
    result = shop.type("check")
    for told in (
        "there is no channel 'emial'; did you mean 'email'?",
        "there is no type 'twillio' of 'sms'; did you mean 'twilio'?",
        "there is no channel 'whatsapp' (configure it under 'channels')",
    ):
        assert told in result.err


def test_hours_that_are_all_quiet_are_a_mistake(shop: Shop) -> None:
    shop.rules(
        "- { id: hello, trigger: order.placed, send_between: '22:00-23:00', actions: [ send: Hi ] }\n"
        "- { id: note, trigger: order.placed, send_between: '22:00-23:00', actions: [ add_note: Hi ] }"
    )
    shop.config(shop.store.url, 'quiet_times: "21:00-08:00"\n')
    result = shop.type("check")
    assert result.code == 2
    assert "rule 'hello': 22:00-23:00 is all within the quiet times" in result.err
    assert "rule 'note'" not in result.err


def test_channels_are_logged_in_to_and_nothing_is_sent(shop: Shop) -> None:
    shop.rules("- { id: hello, trigger: order.placed, actions: [ { send: { text: Hi, via: email } } ] }")
    with mail_server() as mail:
        url = f'"smtp://shop:secret-9f@127.0.0.1:{mail.port}"'
        shop.config(shop.store.url, f"channels: {{ email: {{ type: smtp, url: {url}, from: tal@example.com }} }}\n")
        result = shop.type("check", "--online")
        assert result.code == 0
        assert "email: reached, and all is well" in result.out
        assert "send by email" in result.out
        mail.replies["AUTH"] = "535 5.7.8 no"
        result = shop.type("check", "--online", "--json")
    assert result.code == 1
    assert "refuses the user name" in result.json["channels"]["email"][0]["message"]
    assert mail.mails == []


@pytest.mark.parametrize(("purpose", "warned"), [("transactional", True), ("marketing", False)])
def test_a_holdout_that_leaves_customers_without_their_news_is_warned_of(
    shop: Shop, purpose: str, warned: bool
) -> None:
    shop.config(shop.store.url, "unsubscribe: https://tea.example.com/stop\nsoft_opt_in: [IL]\n")
    shop.rules(
        f"""
        - id: shipped
          trigger: order.shipped
          holdout: 10%
          actions: [{{ send: {{ text: On its way, purpose: {purpose} }} }}]
        """
    )
    result = shop.type("check")
    assert result.code == 0
    assert ("'holdout' leaves some customers without a message" in result.err) == warned


def test_a_holdout_that_is_no_share_is_met_with_how_to_write_one(shop: Shop) -> None:
    shop.rules("- id: a\n  trigger: order.placed\n  holdout: 0.1\n  actions: [{ add_note: x }]")
    result = shop.type("check")
    assert result.code == 2
    assert result.lines == ["rules/rules.yaml:5:14: rule 'a', holdout: write a share of the rule's people, such as 10%"]


@pytest.mark.parametrize("window", ["2 hours", "2 years", "400 days", "soon"])
def test_a_conversion_window_is_between_a_day_and_a_year(shop: Shop, window: str) -> None:
    shop.config(shop.store.url, f"conversion_window: {window}\n")
    shop.rules("- id: a\n  trigger: order.placed\n  actions: [{ add_note: x }]")
    result = shop.type("check")
    assert result.code == 2
    assert result.lines[0].startswith("config.yaml:3:20: conversion_window: ")


def test_nobody_can_be_reached_at_a_checkout_by_a_platform_that_lets_nobody_write_there(desk: Desk) -> None:
    desk.write(
        "config.yaml",
        """
        version: 1
        unsubscribe: mailto:stop@example.com
        stores:
          - { id: mugs, platform: shopify, url: "https://mugs.myshopify.com", access_token: "shpat_example" }
        """,
    )
    desk.rules("- use: abandoned-checkout")
    told = desk.type("check")
    assert told.code == 2
    assert (
        "'platform' reaches nobody in store 'mugs': Shopify lets nobody write to a checkout before it is an order; "
        "name another channel in 'via'"
    ) in told.err.replace("\n", " ")
