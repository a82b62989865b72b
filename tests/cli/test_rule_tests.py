"""`test`: what is expected of the rules, written beside them, and what is told when it is not what they do."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

import jsonschema
import pytest
import yaml

from connector.cli.init import STARTER
from tests.cli.conftest import Desk, Result

CONFIG = """
business_hours: { sun-thu: "09:00-18:00", fri: "09:00-13:00" }
locale: en
staff: ["json://127.0.0.1:9"]
unsubscribe: mailto:stop@example.com
soft_opt_in: [IL]
"""

RULES = """
- id: how-was-it
  trigger: order.delivered
  stop_if:
    order.status: refunded
  steps:
    - wait: 4 hours
      send_between: business_hours
      actions:
        - send: { template: how-was-it }
        - add_tag: asked
    - wait: 3 days
      actions:
        - create_coupon: { percent: 10 }
        - send: { text: "For your next order: {{ coupon.code }}", purpose: marketing }
- id: asked-and-back
  trigger: order.partially_refunded
  conditions: { order.tags: asked }
  actions:
    - notify_staff: "{{ order.number }} was asked, and got money back"
- id: unused
  enabled: false
  trigger: order.paid
  actions:
    - set_status: packed
- id: packed
  trigger: order.status:packed
  actions:
    - add_note: "Packed & ready: {{ customer.first_name }}"
"""

DELIVERED = """
    when:
      2026-06-04 10:00: paid
      2026-06-06 21:30: completed
"""

AS_IT_IS = f"""
  - name: asks how it went, once, in business hours
    rules: how-was-it
    order: {{ customer: {{ locale: en }}, billing: {{ country: IL }} }}
    {DELIVERED.strip()}
    expect:
      Sun 2026-06-07 09:00:
        - {{ send: how-was-it, via: platform, to: customer@example.com, locale: en, contains: Hello Emma, lacks: Dear }}
        - {{ add_tag: asked, rule: how-was-it, order: 7001 }}
      2026-06-10 09:00:
        - create_coupon: 10%
        - send: For your next order
"""


@pytest.fixture
def tea(desk: Desk) -> Desk:
    """A shop whose keys nobody knows here."""
    desk.config("https://tea.example.com", CONFIG)
    config = (desk.folder / "config.yaml").read_text()
    desk.write("config.yaml", config.replace("ck_sandbox", "${TEA_KEY}").replace("cs_sandbox", "${TEA_SECRET}"))
    desk.rules(RULES)
    desk.write("templates/how-was-it/en.md", "Hello {{ customer.first_name }}, how was {{ order.number }}?\n")
    desk.write("templates/how-was-it/he.md", "שלום {{ customer.first_name }}, איך היה?\n")
    return desk


def played(desk: Desk, text: str, *arguments: str) -> Result:
    desk.write("rules/tests/tea.yaml", "version: 1\ntests:\n" + text.strip("\n") + "\n")
    return desk.type("test", *arguments)


def complaints(desk: Desk, text: str) -> list[str]:
    """What is told of the only test, which fails."""
    result = played(desk, text, "--json")
    assert (result.code, result.json["failed"]) == (1, 1), result
    told: list[str] = result.json["tests"][0]["complaints"]
    return told


def mistakes(desk: Desk, text: str) -> list[str]:
    result = played(desk, text)
    assert (result.code, result.out) == (2, "")
    return result.lines


# Passing ------------------------------------------------------------------------------------------------------


def test_what_the_rules_do_as_expected_passes_without_any_key(tea: Desk) -> None:
    result = played(tea, AS_IT_IS)
    assert (result.code, result.err) == (0, "")
    assert result.out.startswith("1 passed in ")
    assert sorted(each.name for each in tea.folder.iterdir()) == ["config.yaml", "rules", "templates"]


def test_what_rules_do_to_an_order_is_seen_by_other_rules(tea: Desk) -> None:
    story = """
  - name: the tag that one rule writes lets another act
    when:
      2026-06-04 10:00: paid
      2026-06-06 10:00: completed
      2026-06-08 10:00: { refunded: 5.00 }
    more_is_fine: true
    expect:
      2026-06-08 10:00: { notify_staff: 7001 was asked }
  - name: and a status that one sets sets another off
    rules: [unused, packed]
    when:
      2026-06-04 10:00: paid
    expect:
      2026-06-04 10:00: { set_status: packed }
      2026-06-04 10:00-10:02: { add_note: "Packed & ready: Emma" }
"""
    assert played(tea, story).code == 0


def test_a_story_is_told_on_both_platforms_and_in_each_language(tea: Desk) -> None:
    story = """
  - name: asks in each language
    platform: [woocommerce, shopify]
    languages: [en, he]
    when:
      2026-06-04 10:00: paid
      2026-06-05 10:00: { shipped: { carrier: Camel, tracking_number: P1 } }
      2026-06-07 10:00: delivered
    more_is_fine: true
    expect:
      2026-06-07 14:00: { send: how-was-it, contains: { en: Hello Emma, he: שלום נועה } }
"""
    told = played(tea, story, "--json").json
    assert [each["name"].removeprefix("asks in each language ") for each in told["tests"]] == [
        "(tea, en)",
        "(tea, he)",
        "(shopify, en)",
        "(shopify, he)",
    ]
    assert told["passed"] == 4


def test_a_rule_for_one_platform_alone_is_tested_there(tea: Desk) -> None:
    tea.write(
        "rules/elsewhere.yaml",
        """
        version: 1
        rules:
          - id: elsewhere
            platform: shopify
            trigger: order.paid
            actions: [ { add_note: Paid elsewhere } ]
        """,
    )
    story = """
  - name: only on Shopify
    rules: [elsewhere]
    platform: shopify
    when:
      2026-06-04 10:00: paid
    expect:
      2026-06-04 10:00: { add_note: Paid elsewhere }
  - name: and not on WooCommerce
    rules: [elsewhere]
    when:
      2026-06-04 10:00: paid
    expect: nothing
"""
    assert played(tea, story).code == 0


def test_orders_of_one_customer_count_together(tea: Desk) -> None:
    tea.rules(
        """
        - id: welcome
          trigger: order.paid
          once_per: customer
          actions: [{ send: "Welcome, {{ customer.first_name }}" }]
        """
    )
    story = """
  - name: welcomes each customer once
    order: { customer: { email: noa@example.com, first_name: Noa } }
    orders:
      - { number: A, when: { 2026-06-04 10:00: paid } }
      - { number: B, when: { 2026-06-05 10:00: paid } }
      - { number: C, customer: { email: tal@example.org }, when: { 2026-06-06 10:00: paid } }
    expect:
      2026-06-04 10:00: { send: "Welcome, Noa", order: A }
      2026-06-06: { send: Welcome, order: C, to: tal@example.org }
    why_not:
      welcome: this one was for order A
"""
    assert played(tea, story).code == 0


def test_why_nothing_is_done_can_be_expected(tea: Desk) -> None:
    story = """
  - name: not a word about what was given back
    when:
      2026-06-04 10:00: paid
      2026-06-05 10:00: completed
      2026-06-05 11:00: refunded
    expect: nothing
    why_not:
      how-was-it: order.status is refunded
      packed: has not happened
"""
    assert played(tea, story).code == 0


def test_time_may_stop_before_the_end(tea: Desk) -> None:
    story = AS_IT_IS.partition("      2026-06-10")[0]
    assert played(tea, story).code == 1
    assert played(tea, story + "    until: 2026-06-09 12:00\n").code == 0


def test_what_happened_before_the_rules_were_switched_on_is_the_past(tea: Desk) -> None:
    story = f"""
  - name: leaves the past alone
    switched_on: 2026-06-07 08:00
    {DELIVERED.strip()}
    expect: nothing
    why_not: {{ how-was-it: happened before }}
"""
    assert played(tea, story).code == 0


def test_consents_caps_and_quiet_times_are_those_of_the_configuration(tea: Desk) -> None:
    story = """
  - name: no advertising without consent
    rules: how-was-it
    when:
      2026-06-04 10:00: paid
      2026-06-07 10:00: completed
    expect:
      2026-06-07 14:00: [{ send: how-was-it }, { add_tag: asked }]
    why_not:
      how-was-it: no consent of this customer is known
"""
    assert played(tea, story).code == 0


def test_caps_put_off_and_expiry_drops_as_in_a_run(tea: Desk) -> None:
    config = (tea.folder / "config.yaml").read_text()
    tea.write("config.yaml", config.replace("locale: en\n", "locale: en\nfrequency_caps: at most 1 message a day\n"))
    tea.rules(
        """
        - { id: first, trigger: order.paid, actions: [send: One] }
        - { id: second, trigger: order.paid, expires_after: 6 hours, actions: [send: Two] }
        - { id: third, trigger: order.paid, actions: [send: Three] }
        """
    )
    story = """
  - name: one message a day
    when: { 2026-06-01 10:00: paid }
    expect:
      2026-06-01 10:00: { send: One }
      2026-06-02 10:00: { send: Three }
    why_not: { second: expired }
"""
    assert played(tea, story).code == 0


def test_a_checkout_that_is_left_and_one_that_is_finished_after_all(tea: Desk) -> None:
    tea.rules("[{ id: left, trigger: checkout.abandoned, wait: 3 hours, actions: [{ send: 'Still there?' }] }]")
    story = """
  - name: asks three hours after the last change
    platform: [woocommerce, shopify]
    when: { 2026-06-01 10:00: abandoned, 2026-06-01 12:00: abandoned }
    expect:
      2026-06-01 15:00: { send: Still there }
  - name: asks nobody who came back
    platform: [woocommerce, shopify]
    when: { 2026-06-01 10:00: abandoned, 2026-06-01 12:00: [placed, paid] }
    expect: nothing
"""
    result = played(tea, story)
    assert result.out.startswith("4 passed"), result


def test_what_the_staff_edits_counts_from_its_moment_on(tea: Desk) -> None:
    tea.rules(
        """
        - id: ask
          trigger: order.paid
          stop_if: { order.meta.spoke_to: present }
          steps:
            - { wait: 1 day, actions: [send: One] }
            - { wait: 1 day, actions: [send: Two] }
            - { wait: 1 day, actions: [send: Three] }
        """
    )
    edited = """
  - name: stops once somebody has spoken to them
    when:
      2026-06-01 10:00: paid
      2026-06-02 12:00: { tagged: no-followup }
      2026-06-03 12:00: { changed: { meta: { spoke_to: Tal } } }
    expect:
      2026-06-02 10:00: { send: One }
    why_not: { ask: the tag 'no-followup' }
"""
    assert played(tea, edited).code == 0
    without_tag = edited.replace(
        "      2026-06-02 12:00: { tagged: no-followup }\n", "      2026-06-03 09:00: on_hold\n"
    )
    without_tag = without_tag.replace("{ send: One }", "{ send: One }\n      2026-06-03 10:00: { send: Two }")
    assert played(tea, without_tag.replace("the tag 'no-followup'", "order.meta.spoke_to is Tal")).code == 0


def test_each_client_of_a_folder_has_its_tests(tea: Desk) -> None:
    text = (tea.folder / "config.yaml").read_text()
    for name in ("leaf", "cup"):
        tea.write(
            f"clients/{name}.yaml",
            text + f"rules: ../rules/*.yaml\ntemplates: ../templates\ndatabase: sqlite:///{name}.db\n",
        )
    result = played(tea, AS_IT_IS, "-c", "clients", "--json")
    assert [each["client"] for each in result.json["tests"]] == ["cup", "leaf"]
    assert result.json["passed"] == 2


def test_only_the_tests_that_are_meant_are_played(tea: Desk) -> None:
    second = AS_IT_IS.replace("asks how it went", "asks Again")
    assert played(tea, AS_IT_IS + second, "-k", "again").out.startswith("1 passed")
    result = played(tea, AS_IT_IS, "-k", "nonsense")
    assert (result.code, result.lines) == (2, ["-k: no test has 'nonsense' in its name or file"])


# Failing ------------------------------------------------------------------------------------------------------


def test_what_was_done_at_another_time_is_told_with_both_times_and_the_whole_story(tea: Desk) -> None:
    result = played(tea, AS_IT_IS.replace("2026-06-07 09:00", "2026-06-07 10:00"))
    assert result.code == 1
    lines = result.out.splitlines()
    assert lines[0] == "rules/tests/tea.yaml:3: asks how it went, once, in business hours"
    assert lines[1] == (
        "  ✗ line 11: expected send how-was-it to customer@example.com via platform locale en at Sun 2026-06-07 10:00; "
        "send how-was-it by platform in en was done, but it was at Sun 2026-06-07 09:00, not Sun 2026-06-07 10:00"
    )
    story = lines[lines.index("  What happened:") + 1 :]
    assert story[0] == "    Thu 2026-06-04 10:00  placed"
    assert (
        "    Sun 2026-06-07 09:00    how-was-it, step 1: send how-was-it by platform in en: “Hello Emma, how was 7001?”"
        in story
    )
    assert lines[-1].startswith("0 passed, 1 failed in ")


def test_whatever_else_is_done_is_a_failure(tea: Desk) -> None:
    told = complaints(tea, AS_IT_IS.replace("        - create_coupon: 10%\n", ""))
    assert told == ["not expected: Wed 2026-06-10 09:00, how-was-it, step 2: create_coupon 10%"]


def test_what_did_not_happen_is_told_with_the_reason(tea: Desk) -> None:
    refunded = AS_IT_IS.replace("    expect:", "      2026-06-06 22:00: refunded\n    expect:")
    told = complaints(tea, refunded)
    assert len(told) == 4
    why = "skipped at Sat 2026-06-06 22:00: order.status is refunded, wanted anything but refunded"
    assert told[0].endswith(f"at Sun 2026-06-07 09:00; rule 'how-was-it' did not: {why}")


def test_a_rule_that_never_began_says_why(tea: Desk) -> None:
    never_paid = AS_IT_IS.replace("      2026-06-06 21:30: completed\n", "")
    assert complaints(tea, never_paid)[0].endswith("; rule 'how-was-it' did not: order.delivered has not happened")


def test_words_that_are_missing_are_told_with_the_text(tea: Desk) -> None:
    (told,) = complaints(tea, AS_IT_IS.replace("Hello Emma", "Hello Noa"))
    assert told.endswith("but it does not say 'Hello Noa' (“Hello Emma, how was 7001?”)")


def test_what_is_never_to_be_done_and_is_fails(tea: Desk) -> None:
    story = f"""
  - name: never writes
    {DELIVERED.strip()}
    more_is_fine: true
    never:
      - send: how-was-it
"""
    (told,) = complaints(tea, story)
    assert told.startswith("line 9: never send how-was-it; but it was done at Sun 2026-06-07 09:00")


def test_another_reason_than_was_expected_fails(tea: Desk) -> None:
    story = """
  - name: not about what is not there
    when: { 2026-06-04 10:00: paid }
    expect: nothing
    why_not: { how-was-it: refunded }
"""
    (told,) = complaints(tea, story)
    assert told.endswith("because of 'refunded'; but: order.delivered has not happened")


def test_an_action_that_fails_is_never_as_expected(tea: Desk) -> None:
    tea.rules('[{ id: broken, trigger: order.paid, actions: [{ add_note: "{{ 1 / order.items[0].refunded }}" }] }]')
    (told,) = complaints(tea, "  - { name: notes, when: { 2026-06-04 10:00: paid }, expect: nothing }")
    assert told.startswith("rule 'broken', step 1: add_note failed: ")


def test_what_the_store_would_refuse_is_told(tea: Desk) -> None:
    story = """
  - name: Shopify knows no such status
    platform: shopify
    rules: unused
    when: { 2026-06-04 10:00: paid }
    expect:
      2026-06-04 10:00: { set_status: packed }
"""
    (told,) = complaints(tea, story)
    assert told.startswith(
        "rule 'unused', step 1: the store would refuse set_status: on Shopify a status comes of what"
    )


# Mistakes -----------------------------------------------------------------------------------------------------


def test_all_mistakes_are_told_at_once_and_in_their_places(tea: Desk) -> None:
    lines = mistakes(
        tea,
        """
  - name: full of mistakes
    rule: how-was-it
    rules: how-was-itt
    when:
      2026-06-04: paid
      Sun 2026-06-04 11:00: paid
      2026-06-05 10:00: [payid, { shipped: { carier: Camel } }, { status: Not One }]
    expect:
      2026-06-07 25:00: { send: how-was-it }
      2026-06-07 09:00: { sedn: how-was-it }
      2026-06-08 09:00: { send: how-wasit }
      2026-06-09 09:00: { send: how-was-it, add_tag: asked }
    why_not: { how-was: refunded }
  - name: expects nothing at all
    when: { 2026-06-04 10:00: paid }
""",
    )
    at_five = "tests.0.when.2026-06-05 10:00"
    assert [line.removeprefix("rules/tests/tea.yaml:") for line in lines] == [
        "4:5: tests.0: there is no key 'rule'; did you mean 'rules'?",
        "5:12: tests.0.rules: there is no rule 'how-was-itt'; did you mean 'how-was-it'?",
        "7:7: tests.0.when: '2026-06-04' is no time; write a day and a time, as in 2026-06-07 09:00",
        "8:7: tests.0.when: 2026-06-04 is a Thursday, not 'Sun'",
        f"9:26: {at_five}.0: nothing is called 'payid'; did you mean 'paid'?",
        f"9:46: {at_five}.1.shipped: there is no key 'carier'; did you mean 'carrier'?",
        f"9:75: {at_five}.2.status: this is not what belongs here: a status, in small letters",
        "11:7: tests.0.expect: there is no 2026-06-07 25:00",
        "12:27: tests.0.expect.2026-06-07 09:00: there is no key 'sedn'; did you mean 'send'?",
        "13:33: tests.0.expect.2026-06-08 09:00.send: there is no template 'how-wasit'; did you mean 'how-was-it'?",
        "14:25: tests.0.expect.2026-06-09 09:00: an entry is about one action, and this has send and add_tag",
        "15:16: tests.0.why_not: there is no rule 'how-was'; did you mean 'how-was-it'?",
        "16:5: tests.1: say what is to come of it: 'expect', and be it 'expect: nothing'",
    ]


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ("when: { 2026-06-04 10:00: paid }\n    expect:", "'expect' is empty"),
        ("when: { 2026-06-04 10:00: paid }\n    expect: []", "write what is done by its time"),
        ("when: { 9999-06-04 10:00: paid }\n    expect: nothing", "write a day from 2000 to 2099"),
        ("when: { 2026-06-04 10:00: { paid: now } }\n    expect: nothing", "'paid' stands alone"),
        ("store: tee\n    when: { 2026-06-04 10:00: paid }\n    expect: nothing", "did you mean 'tea'?"),
        ("languages: xx\n    when: { 2026-06-04 10:00: paid }\n    expect: nothing", "there is no language 'xx'"),
        ("order: { total: 1E+99 }\n    when: { 2026-06-04 10:00: paid }\n    expect: nothing", "must be at most"),
        (
            "orders: [&one { number: A, when: { 2026-06-04 10:00: paid } }, *one]\n    expect: nothing",
            "there is an order 'A' already",
        ),
    ],
)
def test_what_makes_no_sense_is_a_mistake(tea: Desk, written: str, why: str) -> None:
    (line,) = mistakes(tea, f"  - name: odd\n    {written}")
    assert why in line


@pytest.mark.parametrize(
    ("platform", "happens", "why"),
    [
        (
            "woocommerce",
            "{ shipped: { estimated: 2026-06-09 10:00 } }",
            "WooCommerce does not tell when a parcel",
        ),
        ("woocommerce", "out_for_delivery", "WooCommerce does not tell where a parcel is"),
        ("woocommerce", "return", "WooCommerce does not tell of returns"),
        ("shopify", "failed", "Shopify has no failed orders"),
        ("shopify", "{ status: packed }", "on Shopify a status comes of what happens to the order"),
        ("shopify", "delivered", "there is no parcel yet; write 'shipped' before it"),
        (
            "shopify",
            "{ shipped: { items: { TEA-1: 1 } } }",
            "the order has no item 'TEA-1'; there is SAMPLE-1",
        ),
        ("shopify", "{ refunded: 1000 }", "that is more than is left of the order's total"),
    ],
)
def test_what_cannot_happen_in_a_store_is_a_mistake(tea: Desk, platform: str, happens: str, why: str) -> None:
    story = f"""
  - name: impossible
    platform: {platform}
    when:
      2026-06-04 10:00: paid
      2026-06-05 10:00: {happens}
    expect: nothing
"""
    (line,) = mistakes(tea, story)
    assert line.startswith("rules/tests/tea.yaml:7:")
    assert why in line


def test_a_time_that_the_clocks_skip_is_a_mistake(tea: Desk) -> None:
    (line,) = mistakes(tea, "  - { name: skipped, when: { 2026-03-27 02:30: paid }, expect: nothing }")
    assert line.endswith("there is no 2026-03-27 02:30 in Asia/Jerusalem: the clocks skip it")


def test_where_there_are_no_tests_it_says_where_they_belong(tea: Desk) -> None:
    result = tea.type("test")
    assert (result.code, result.lines) == (
        2,
        ["there are no rule tests at rules/tests/*.yaml; docs/rule-tests.md tells how to write one"],
    )


def test_a_setting_that_no_stand_in_can_be_says_so(tea: Desk) -> None:
    config = (tea.folder / "config.yaml").read_text()
    tea.write("config.yaml", config + "heartbeat: ${HEARTBEAT}\n")
    result = played(tea, AS_IT_IS)
    assert result.code == 2
    assert "not set, and stood in for: HEARTBEAT, TEA_KEY, TEA_SECRET" in result.lines[-1]


# For machines -------------------------------------------------------------------------------------------------


def test_ci_systems_read_the_result_as_junit_xml(tea: Desk) -> None:
    failing = AS_IT_IS.replace("asks how", "asks <&> how").replace("2026-06-07 09:00", "2026-06-07 10:00")
    result = played(tea, AS_IT_IS + failing, "--junit", "report.xml")
    assert result.code == 1
    root = ElementTree.parse(tea.folder / "report.xml").getroot()
    assert (root.tag, root.get("tests"), root.get("failures"), root.get("errors")) == ("testsuites", "2", "1", "0")
    (suite,) = root
    passed, failed = suite
    assert suite.get("name") == passed.get("file") == "rules/tests/tea.yaml"
    assert passed.get("classname") == "rules.tests.tea"
    assert (passed.get("line"), len(passed)) == ("3", 0)
    failure = failed.find("failure")
    assert failure is not None
    assert "not Sun 2026-06-07 10:00" in (failure.get("message") or "")
    assert "What happened:" in (failure.text or "")
    assert played(tea, AS_IT_IS, "--junit", "report.xml").code == 0  # it takes the place of the last one
    assert ElementTree.parse(tea.folder / "report.xml").getroot().get("tests") == "1"


def test_the_schema_takes_what_the_command_takes_and_refuses_what_it_refuses(tea: Desk) -> None:
    schema: Any = tea.type("schema", "tests").json
    jsonschema.Draft202012Validator.check_schema(schema)
    good = yaml.load("version: 1\ntests:\n" + AS_IT_IS, yaml.BaseLoader) | {"version": 1}
    jsonschema.validate(good, schema)
    bad = yaml.load("tests:\n" + AS_IT_IS.replace("send:", "sedn:"), yaml.BaseLoader) | {"version": 1}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(bad, schema)


def test_the_tests_that_init_writes_pass(desk: Desk) -> None:
    desk.type("init")
    assert "rules/tests/starter.yaml" in desk.type("test", "--json").out
    assert desk.type("test").code == 0


def test_the_tests_that_init_writes_for_shopify_pass(desk: Desk) -> None:
    desk.type("init")
    config = (desk.folder / "config.yaml").read_text().replace("shop.example.com", "shop.myshopify.com")
    config = config.replace('"woocommerce"', "shopify").replace("consumer_key:", "client_id:")
    desk.write("config.yaml", config.replace("consumer_secret:", "client_secret:"))
    for kind in ("rules", "tests"):
        text = (STARTER / kind / "shopify.yaml").read_text(encoding="utf-8")
        desk.write("rules/starter.yaml" if kind == "rules" else "rules/tests/starter.yaml", text)
    result = desk.type("test")
    assert (result.code, result.err) == (0, "")
