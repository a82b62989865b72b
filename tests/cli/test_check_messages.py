"""`check` on messages: how long they are as SMS, which can never go out, and what a rule that is off still lacks."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Shop
from tests.cli.test_usage import HEAVY, imported

GATEWAY = """
channels:
  sms:
    type: http
    url: https://gateway.example.com/send
    fields: { to: "{{ to }}", text: "{{ text }}" }
    success: { status: 200 }
"""
ASK = "{ id: ask, trigger: order.delivered, actions: [ { send: { template: ask, via: [%s] } } ] }"
CURLY = """
---
subject: It’s here
sms: |
  Hi {{ customer.first_name }},
  we don’t want to be a bother, but how was order {{ order.number }}? Tell us now
---
How was it?
"""


def rows(shop: Shop) -> list[str]:
    """What `check` says of SMS, each on a line."""
    result = shop.type("check", COLUMNS="300")
    assert result.code == 0, result.err
    return [line.strip() for line in result.out.splitlines() if ": SMS of " in line]


# SMS ----------------------------------------------------------------------------------------------------------


def test_each_language_of_a_template_that_goes_by_sms_has_its_segments(shop: Shop) -> None:
    shop.config(shop.store.url, GATEWAY)
    shop.rules("- " + ASK % "sms, platform")
    shop.write("templates/ask/en.md", "Hi {{ customer.first_name }}, how was it?")
    shop.write("templates/ask/he.md", "היי {{ customer.first_name }}, " + "איך היה " * 10)
    assert rows(shop) == [
        "templates/ask/en.md: SMS of 1 segment (GSM-7, 20 characters)",
        "templates/ask/he.md: SMS of 2 segments (UCS-2, 89 characters)",
    ]


def test_the_one_character_that_makes_a_text_dearer_is_named_with_its_place(shop: Shop) -> None:
    shop.config(shop.store.url, GATEWAY)
    shop.rules("- " + ASK % "sms")
    shop.write("templates/ask/en.md", CURLY)
    [row] = rows(shop)
    assert row.startswith("templates/ask/en.md: SMS of 2 segments (UCS-2, ")
    assert row.endswith("; '’' (line 5, in don’t) makes it UCS-2: with a plain sign instead, 1 segment")
    [told] = shop.type("check", "--json").json["sms"]
    assert (told["template"], told["locale"], told["segments"], told["encoding"]) == ("ask", "en", 2, "UCS-2")
    assert row.endswith(told["hint"])


def test_the_text_of_a_rule_has_its_segments_and_marketing_has_its_link(shop: Shop) -> None:
    shop.config(
        shop.store.url, GATEWAY + "via: sms\nsoft_opt_in: { IL: sms }\nunsubscribe: https://tea.example.com/u\n"
    )
    shop.rules(
        """
        - { id: thanks, trigger: order.paid, actions: [ send: Thank you ] }
        - { id: offer, trigger: order.paid, actions: [ send: { text: Ten percent off, purpose: marketing } ] }
        """
    )
    thanks, offer = shop.type("check", "--json").json["sms"]
    assert rows(shop)[0] == "rules/rules.yaml:3: rule 'thanks': SMS of 1 segment (GSM-7, 9 characters)"
    assert (thanks["rule"], thanks["characters"]) == ("thanks", 9)
    assert offer["characters"] > len("Ten percent off\nUnsubscribe: https://tea.example.com/u?t=") + 40


@pytest.mark.parametrize(
    ("config", "rule"),
    [
        (GATEWAY, ASK % "platform"),
        (GATEWAY, ASK.replace("{ id", "{ enabled: false, id") % "sms"),
        ("", ASK % "platform"),
    ],
    ids=["another channel", "switched off", "no channel for it"],
)
def test_what_no_rule_sends_by_sms_is_not_counted(shop: Shop, config: str, rule: str) -> None:
    shop.config(shop.store.url, config)
    shop.rules(f"- {rule}")
    shop.write("templates/ask/en.md", "How was it?")
    assert rows(shop) == []
    assert shop.type("check", "--json").json["sms"] == []


def test_what_cannot_be_an_sms_even_for_an_invented_order_is_warned_of(shop: Shop) -> None:
    shop.config(shop.store.url, GATEWAY)
    shop.rules("- " + ASK % "sms")
    shop.write("templates/ask/en.md", "word " * 400)
    shop.write("templates/ask/he.md", "שלום\n\n{{ order.total.amount / (items | length - 2) }}")
    long, broken = shop.type("check").lines
    assert long.startswith(
        "warning: templates/ask/en.md:1:1: as an SMS about an invented order: the text is over 1,600"
    )
    assert broken.startswith(
        "warning: templates/ask/he.md:3:1: as an SMS about an invented order: this cannot be worked"
    )


def test_counting_segments_needs_no_database_and_no_network(shop: Shop) -> None:
    shop.config(shop.store.url, GATEWAY)
    shop.rules("- " + ASK % "sms")
    shop.write("templates/ask/en.md", "How was it?")
    assert imported(shop, "check").isdisjoint(HEAVY)


# What can never go out ----------------------------------------------------------------------------------------


def test_a_step_that_a_cap_always_holds_back_until_it_expires_is_warned_of(shop: Shop) -> None:
    keys = "frequency_caps: at most 1 marketing a week\nunsubscribe: mailto:stop@example.com\nsoft_opt_in: [IL]\n"
    shop.config(shop.store.url, keys)
    rule = """
        - id: offers
          trigger: order.paid
          expires_after: 2 days
          steps:
            - actions: [ send: { text: One, purpose: marketing } ]
            - wait: {wait}
              actions: [ send: { text: Two, purpose: marketing } ]
        """
    shop.rules(rule.replace("{wait}", "1 day"))
    result = shop.type("check")
    assert result.code == 0
    [warning] = result.lines
    assert warning.startswith("warning: rules/rules.yaml:3:1: rule 'offers': step 2 can never go out once step 1 has")
    shop.rules(rule.replace("{wait}", "6 days"))
    assert shop.type("check").lines == []


def test_a_cap_of_nothing_is_a_mistake(shop: Shop) -> None:
    shop.config(shop.store.url, "frequency_caps: at most 0 messages a day\n")
    shop.rules("- { id: hello, trigger: order.paid, actions: [ send: Hi ] }")
    result = shop.type("check")
    assert result.code == 2
    assert result.lines[0].startswith("config.yaml:3:17: frequency_caps")
    assert "'at most 0 messages a day' is no cap" in result.err


# What the configuration lacks ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("countries", "told"),
    [
        ("{ IL: [email, smss] }", "config.yaml:3:20: soft_opt_in.IL: there is no channel 'smss'; did you mean 'sms'?"),
        ("{ IL: platform }", "there is no channel 'platform'; the store's own messages are e-mails: write 'email'"),
    ],
)
def test_a_channel_that_there_is_not_in_soft_opt_in_is_a_mistake(shop: Shop, countries: str, told: str) -> None:
    shop.config(shop.store.url, f"soft_opt_in: {countries}\n")
    shop.rules("- { id: hello, trigger: order.paid, actions: [ add_note: Hi ] }")
    result = shop.type("check")
    assert result.code == 2
    [line] = result.lines
    assert told in line


def test_what_a_rule_lacks_that_is_switched_off_is_a_warning(shop: Shop) -> None:
    offer = "{ id: offer, trigger: order.paid, actions: [ send: { text: Buy, purpose: marketing } ] }"
    shop.rules(f"- {offer}")
    assert shop.type("check").code == 2
    shop.rules("- " + offer.replace("{ id", "{ enabled: false, id"))
    result = shop.type("check")
    assert result.code == 0
    [warning] = result.lines
    assert warning.startswith(
        "warning: rules/rules.yaml:3:1: rule 'offer': it is switched off; before it is switched on:"
    )
    assert "set 'unsubscribe' in config.yaml" in warning


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ("locale: hebrew\n", "config.yaml:3:9: locale: there is no language 'hebrew'; did you mean 'he'?"),
        ("locale: qq\n", "config.yaml:3:9: locale: there is no language 'qq'; write a code such as he or pt-BR"),
        (
            'mode: redirect\nredirect_to: "boss@example.com\\nBcc: all@example.com"\n',
            "config.yaml:4:14: redirect_to: write an e-mail address such as you@example.com",
        ),
        (
            "channels: { whatsapp: { type: cloud, phone_number_id: +972, access_token: t, api_version: v23.0 } }\n",
            "channels.whatsapp.phone_number_id: this is not what belongs here: the id that Meta gives to your number",
        ),
    ],
    ids=["a language in words", "an unknown language", "an address with a line break", "a number that is no id"],
)
def test_a_value_that_cannot_be_is_told_in_plain_words(shop: Shop, keys: str, told: str) -> None:
    shop.config(shop.store.url, keys)
    shop.rules("- { id: hello, trigger: order.paid, actions: [ add_note: Hi ] }")
    result = shop.type("check")
    assert result.code == 2
    assert told in result.lines[0]
