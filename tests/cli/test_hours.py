"""Windows with names, a sabbath, business hours, and waits that are reckoned: told of by `check`, and kept."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import jsonschema
import pytest
import yaml

from connector.cli.schema import config_schema
from tests.cli.conftest import Desk, Result, Shop

ZONE = ZoneInfo("Asia/Jerusalem")
HELLO = "- { id: hello, trigger: order.placed, actions: [ { send: Hello } ] }"


@pytest.fixture
def tea(desk: Desk) -> Desk:
    desk.config("https://tea.example.com", 'business_hours: { sun-thu: "09:00-18:00" }\n')
    return desk


def checked(desk: Desk, rules: str, config: str = "") -> Result:
    desk.rules(rules)
    desk.config("https://tea.example.com", config)
    return desk.type("check")


def story(desk: Desk, text: str) -> Result:
    desk.write("rules/tests/tea.yaml", "version: 1\ntests:\n" + text.strip("\n") + "\n")
    return desk.type("test")


# Windows --------------------------------------------------------------------------------------------------------

MORNING = HELLO.replace("actions", "send_between: mornings, actions")


def test_a_rule_calls_a_window_by_its_name(desk: Desk) -> None:
    result = checked(desk, MORNING, 'windows: { mornings: "09:00-12:00", evenings: { sun-thu: "18:00-20:30" } }\n')
    assert (result.code, result.err) == (0, "")
    assert re.search(r"at once, within 09:00-12:00:\s+send", result.out)


def test_a_store_may_have_hours_of_its_own_under_the_same_name(desk: Desk) -> None:
    desk.rules(MORNING)
    desk.config("https://tea.example.com", 'windows: { mornings: "09:00-12:00", noon: "12:00-13:00" }\n')
    config = (desk.folder / "config.yaml").read_text()
    mugs = config.partition("stores:\n")[2].replace("id: tea", "id: mugs").replace("tea.", "mugs.")
    desk.write("config.yaml", f"{config}{mugs}    windows: {{ mornings: '10:00-11:00' }}\n")
    result = desk.type("check")
    assert result.code == 0, result.err
    assert "1 rule of tea;" in result.out
    assert "1 rule of mugs;" in result.out
    assert re.search(r"within 10:00-11:00:\s+send", result.out)


def test_a_window_that_is_not_there_is_met_with_the_one_that_was_meant(desk: Desk) -> None:
    result = checked(desk, MORNING.replace("mornings", "mornigns"), 'windows: { mornings: "09:00-12:00" }\n')
    assert result.code == 2
    told = "there is no 'mornigns' in the configuration; did you mean 'mornings'?"
    assert result.lines == [f"rules/rules.yaml:3:55: rule 'hello', send_between: {told}"]


@pytest.mark.parametrize(
    ("windows", "told"),
    [
        ('{ business_hours: "09:00-12:00" }', "'business_hours' is the name of the key 'business_hours'"),
        ('{ "09:00-12:00": "09:00-12:00" }', "'09:00-12:00' is no name for a window; begin with a letter"),
        ('{ mornings: "9-12" }', "mornings: '9-12' is not a time window"),
        ('{ mornings: { sum: "09:00-12:00" } }', "mornings: 'sum' is not a day of the week; did you mean 'sun'?"),
        ("{ mornings: }", "mornings: '' is not a time window"),
        ("mornings", "write names with their hours, as in { mornings:"),
    ],
)
def test_windows_that_make_no_sense_are_met_with_what_to_write(desk: Desk, windows: str, told: str) -> None:
    result = checked(desk, HELLO, f"windows: {windows}\n")
    assert result.code == 2
    assert result.lines[0].startswith("config.yaml:3:10: windows: ")
    assert told in result.lines[0]


def test_a_window_is_known_though_the_configuration_has_another_mistake(desk: Desk) -> None:
    result = checked(desk, MORNING, 'windows: { mornings: "09:00-12:00" }\nsabath: "fri 16:00 - sat 20:00"\n')
    assert result.code == 2
    assert [line.partition(": ")[2] for line in result.lines] == ["there is no key 'sabath'; did you mean 'sabbath'?"]


# The sabbath ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sabbath", "told"),
    [
        ("fri - sat", "as in 'fri 16:00 - sat 20:00'"),
        ("sat 20:00 - fri 16:00", "is it the other way round?"),
    ],
)
def test_a_sabbath_that_makes_no_sense_is_met_with_what_to_write(desk: Desk, sabbath: str, told: str) -> None:
    result = checked(desk, HELLO, f'sabbath: "{sabbath}"\n')
    assert result.code == 2
    assert result.lines[0].startswith("config.yaml:3:10: sabbath: ")
    assert told in result.lines[0]


def test_hours_that_are_all_within_the_sabbath_are_a_mistake_for_a_message_and_none_for_a_note(desk: Desk) -> None:
    windows = 'windows: { saturdays: { sat: "10:00-12:00" } }\nsabbath: "fri 16:00 - sat 20:00"\n'
    rule = HELLO.replace("actions", "send_between: saturdays, actions")
    result = checked(desk, rule, windows)
    assert result.code == 2
    assert "rule 'hello': sat 10:00-12:00 is all within the quiet times (fri 16:00 - sat 20:00)" in result.err
    assert checked(desk, rule.replace("send: Hello", "add_note: Hello"), windows).code == 0


def test_no_message_goes_on_the_sabbath_and_notes_do(desk: Desk) -> None:
    desk.rules(HELLO + "\n- { id: note, trigger: order.placed, actions: [ { add_note: Came in } ] }")
    desk.config("https://tea.example.com", 'sabbath: "fri 16:00 - sat 20:00"\n')
    passed = story(
        desk,
        """
  - name: an order on a Saturday
    when: { Sat 2026-06-06 10:00: placed }
    expect:
      Sat 2026-06-06 10:00: { add_note: Came in }
      Sat 2026-06-06 20:00: { send: Hello }
""",
    )
    assert passed.code == 0, passed.out


def test_a_store_may_have_a_sabbath_of_its_own(desk: Desk) -> None:
    desk.rules(HELLO)
    desk.config("https://tea.example.com", 'sabbath: "fri 16:00 - sat 20:00"\n')
    config = (desk.folder / "config.yaml").read_text()
    mugs = config.partition("stores:\n")[2].replace("id: tea", "id: mugs").replace("tea.", "mugs.")
    desk.write("config.yaml", f"{config}{mugs}    sabbath: sat 00:00 - mon 06:00\n")
    passed = story(
        desk,
        """
  - name: the one
    store: tea
    when: { Sat 2026-06-06 10:00: placed }
    expect: { Sat 2026-06-06 20:00: { send: Hello } }
  - name: the other
    store: mugs
    when: { Sat 2026-06-06 10:00: placed }
    expect: { Mon 2026-06-08 06:00: { send: Hello } }
""",
    )
    assert passed.code == 0, passed.out


def test_what_is_planned_moves_with_the_hours_of_its_window(shop: Shop) -> None:
    open_now, later = (f"{datetime.now(ZONE) + timedelta(hours=hours):%H:00}" for hours in (2, 4))
    shop.rules(MORNING)
    shop.config(shop.store.url, f'windows: {{ mornings: "{open_now}-{later}" }}\n')
    shop.begin()
    shop.order()
    shop.type("run", "--once")
    [before] = shop.rows("pending")
    shop.config(shop.store.url, f'windows: {{ mornings: "{later}-{later[:3]}30" }}\n')
    foreseen = shop.type("plan")
    assert "The store's hours, or what counts as shipped or delivered, were edited" in foreseen.out
    assert "1 moved" in foreseen.out
    shop.type("run", "--once")
    [after] = shop.rows("pending")
    moved = datetime.fromisoformat(after["due_at"]) - datetime.fromisoformat(before["due_at"])
    assert moved % timedelta(days=1) == timedelta(hours=2)


# Business hours as a unit -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "keys",
    [
        "wait: 4 business hours",
        "cooldown: 4 business hours",
        "expires_after: 4 business hours",
        "backfill: 4 business hours",
        "conditions: { order.paid_at: { not: { older_than: 4 business hours } } }",
        "hold_while: { order.paid_at: { newer_than: 4 business hours } }",
        "once_per: line_item, wait: { per_unit: 4 business hours }",
    ],
)
def test_business_hours_cannot_be_counted_where_the_configuration_has_none(desk: Desk, keys: str) -> None:
    rule = HELLO.replace("actions", f"{keys}, actions")
    result = checked(desk, rule)
    assert result.code == 2
    assert result.lines == [
        "rules/rules.yaml:3:1: rule 'hello': '4 business hours' cannot be counted: set 'business_hours' in config.yaml"
    ]
    assert checked(desk, rule, 'business_hours: { sun-thu: "09:00-18:00" }\n').code == 0


def test_an_assumed_delivery_cannot_count_business_hours_that_are_not_set(desk: Desk) -> None:
    desk.rules(HELLO)
    desk.config("https://tea.example.com")
    config = (desk.folder / "config.yaml").read_text()
    desk.write("config.yaml", config + "    delivered_when: [{ shipped_plus: 9 business hours }]\n")
    result = desk.type("check")
    assert result.code == 2
    assert "delivered_when: business hours cannot be counted without 'business_hours'" in result.lines[0]


def test_business_hours_pass_while_the_shop_is_open(tea: Desk) -> None:
    tea.rules("- { id: nobody, trigger: order.paid, wait: 4 business hours, actions: [ { add_note: Unhandled } ] }")
    passed = story(
        tea,
        """
  - name: paid on a Thursday afternoon
    when: { Thu 2026-06-04 16:00: paid }
    expect: { Sun 2026-06-07 11:00: { add_note: Unhandled } }
""",
    )
    assert passed.code == 0, passed.out


# Waits that are reckoned ----------------------------------------------------------------------------------------


def test_a_reckoned_wait_is_told_in_words(tea: Desk) -> None:
    tea.rules(
        """
        - id: lenses
          trigger: order.delivered
          once_per: line_item
          steps:
            - wait: { per_unit: 30 days, minus: 5 days }
              actions: [ { send: New lenses } ]
            - wait: { until: "10:00" }
              actions: [ { add_note: Asked } ]
        """
    )
    result = tea.type("check")
    told = " ".join(result.out.split())
    assert "1. 30 days for each piece, less 5 days, later: send" in told
    assert "2. at the next 10:00: add_note" in told


@pytest.mark.parametrize("platform", ["woocommerce", "shopify"])
def test_customers_hear_when_what_they_bought_is_used_up(tea: Desk, platform: str) -> None:
    tea.rules(
        """
        - id: lenses
          trigger: order.paid
          once_per: line_item
          conditions: { item.sku: [LENS-30, LENS-60] }
          wait: { per_unit: 30 days, minus: 5 days }
          actions: [ { send: "{{ item.name }}" } ]
        """
    )
    passed = story(
        tea,
        f"""
  - name: one box of the one, three of the other
    platform: {platform}
    order: {{ items: [ {{ name: One, sku: LENS-30 }}, {{ name: Two, sku: LENS-60, quantity: 3 }}, {{ sku: CASE }} ] }}
    when: {{ 2026-06-01 10:00: paid }}
    expect:
      2026-06-26 10:00: {{ send: One }}
      2026-08-25 10:00: {{ send: Two }}
""",
    )
    assert passed.code == 0, passed.out


BEFORE = """
- id: soon
  trigger: shipment.shipped
  wait: { days_before: shipment.estimated_delivery_at, days: 1, until: "10:00" }
  actions: [ { send: Tomorrow } ]
"""


@pytest.mark.parametrize(
    ("news", "expected"),
    [
        ("", "2026-06-08 10:00: { send: Tomorrow }"),
        ("2026-06-03 09:00: { parcel: { estimated: 2026-06-12 15:00 } }", "2026-06-11 10:00: { send: Tomorrow }"),
        ("2026-06-03 09:00: { parcel: { estimated: 2026-06-03 20:00 } }", "2026-06-03 09:00: { send: Tomorrow }"),
    ],
    ids=["as it was told", "a date that moved", "a date that is too near"],
)
def test_a_follow_up_comes_the_day_before_a_date(tea: Desk, news: str, expected: str) -> None:
    tea.rules(BEFORE)
    passed = story(
        tea,
        f"""
  - name: the parcel is announced
    platform: shopify
    when:
      2026-06-01 12:00: paid
      2026-06-02 12:00: {{ shipped: {{ estimated: 2026-06-09 15:00 }} }}
      {news}
    expect:
      {expected}
""",
    )
    assert passed.code == 0, passed.out


def test_without_a_date_nothing_comes_and_it_says_why(tea: Desk) -> None:
    tea.rules(BEFORE)
    passed = story(
        tea,
        """
  - name: nobody knows when
    platform: [shopify, woocommerce]
    when: { 2026-06-01 12:00: paid, 2026-06-02 12:00: shipped }
    expect: nothing
    why_not: { soon: shipment.estimated_delivery_at is missing }
""",
    )
    assert passed.code == 0, passed.out


# For editors ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("extra", "right"),
    [
        ("windows: { mornings: 09:00-12:00, late: { sun-thu: 18:00-20:30 } }", True),
        ("windows: { mornings: [09:00-12:00] }", False),
        ("sabbath: fri 16:00 - sat 20:00", True),
        ("sabbath: { fri: 16:00 }", False),
    ],
)
def test_an_editor_knows_the_keys(tea: Desk, extra: str, right: bool) -> None:
    config = yaml.safe_load((tea.folder / "config.yaml").read_text() + extra + "\n")
    schema = json.loads(json.dumps(config_schema()))
    assert jsonschema.Draft202012Validator(schema).is_valid(config) is right
