"""Presets at the command line: what `check` tells of them, their messages, their tests, and how an input is changed."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest
import yaml

from tests.cli.conftest import Desk, Shop

CARE = """
version: 1
name: Care
about: Tells how to care for it.
inputs:
  wait: { type: duration, default: 1 day, about: How long after the order. }
  page: { type: link, about: Where it is told. }
rules:
  - id: care
    trigger: order.placed
    wait: !input wait
    actions:
      - send: { template: care }
"""
TESTS = """
version: 1
with: { page: "https://tea.example.com/care" }
tests:
  - name: tells a day later
    when: { 2026-06-01 10:00: placed }
    expect:
      2026-06-02 10:00: { send: care, contains: tea.example.com/care }
  - name: tells sooner, if it is to
    with: { page: "https://example.org/", wait: 2 hours }
    when: { 2026-06-01 10:00: placed }
    expect:
      2026-06-01 12:00: { send: care, contains: example.org }
"""


def with_preset(desk: Desk, *, uses: str = "") -> None:
    """A preset of the shop's own, and what uses it."""
    desk.write("presets/care/preset.yaml", CARE)
    desk.write("presets/care/messages/care/en.md", "Care for it: {{ input.page }}\n")
    desk.write("presets/care/messages/care/he.md", "לשמור עליו: {{ input.page }}\n")
    desk.write("presets/care/tests.yaml", TESTS)
    desk.rules(uses or "- use: care\n  with: { page: https://tea.example.com/care, wait: 0 seconds }")


@pytest.fixture
def tea(desk: Desk) -> Desk:
    desk.config("https://tea.example.com")
    with_preset(desk)
    return desk


# What check tells ---------------------------------------------------------------------------------------------


def test_check_tells_what_a_use_gives_and_with_which_inputs(tea: Desk) -> None:
    result = tea.type("check")
    assert (result.code, result.err) == (0, "")
    assert "1 rule; 1 template." in result.out
    told = " ".join(result.out.split())
    assert (
        "rules/rules.yaml:3: the preset 'care' gives care (wait: 0 seconds; page: https://tea.example.com/care)" in told
    )


def test_a_mistake_in_a_preset_of_ones_own_is_told_at_its_place_used_or_not(tea: Desk) -> None:
    tea.write("presets/care/preset.yaml", CARE.replace("order.placed", "order.plced"))
    tea.write("presets/care/messages/care/he.md", "{{ input.pgae }} {{ ordr.number }}\n")
    tea.rules("- { id: x, trigger: order.paid, actions: [ add_note: Hi ] }")
    assert [line.split(",")[0] for line in tea.type("check").lines] == [
        "presets/care/messages/care/he.md:1:4: there is no 'pgae' in 'input'; did you mean 'page'?",
        "presets/care/messages/care/he.md:1:21: there is no 'ordr' here; did you mean 'order'?",
        "presets/care/preset.yaml:9:14: rule 'care'",
    ]


def test_a_use_without_what_the_preset_needs_is_told_in_the_rule_file(tea: Desk) -> None:
    tea.rules("- use: care")
    (problem,) = tea.type("check").lines
    assert problem.startswith("rules/rules.yaml:3:5: rule 'care': 'page' has to be given: an address that begins with")


def test_a_preset_that_comes_with_aftersale_needs_no_folder(desk: Desk) -> None:
    desk.config("https://tea.example.com")
    desk.rules("- use: after-delivery\n  with: { wait: 6 hours }")
    result = desk.type("check")
    assert (result.code, result.err) == (0, "")
    assert "after-delivery" in result.out
    desk.write("templates/after-delivery/he.md", "שלום {{ input.wait }}")
    (problem,) = desk.type("check").lines
    assert problem.startswith("templates/after-delivery/he.md:1:9: there is no 'wait' in 'input'")


def test_a_config_with_mistakes_does_not_hide_those_of_a_use(tea: Desk) -> None:
    tea.config("https://tea.example.com", "moed: live\n")
    tea.rules("- use: care\n  with: { page: nowhere }")
    assert [line.split(": ", 1)[0] for line in tea.type("check").lines] == ["config.yaml:3:1", "rules/rules.yaml:4:19"]


# What customers get -------------------------------------------------------------------------------------------


def customer_notes(shop: Shop, number: str) -> list[str]:
    return [note.text for note in shop.store.notes(int(number)) if note.customer]


def test_a_customer_gets_the_presets_message_and_the_shops_own_where_it_has_one(shop: Shop) -> None:
    with_preset(shop)
    shop.write("templates/care/he.md", "בעברית: {{ input.page }}\n")
    shop.begin()
    english, hebrew = (shop.order(meta={"_locale": each}) for each in ("en", "he"))
    assert shop.type("run", "--once").code == 0
    assert "Care for it: " in customer_notes(shop, english)[0]
    assert "https://tea.example.com/care" in customer_notes(shop, english)[0]
    assert "בעברית: " in customer_notes(shop, hebrew)[0]


def test_plan_shows_what_another_input_changes(shop: Shop) -> None:
    use = "- use: care\n  with: { page: https://tea.example.com/care, wait: 2 days }"
    with_preset(shop, uses=use)
    shop.begin()
    shop.order()
    assert shop.type("run", "--once").code == 0
    shop.rules(use.replace("2 days", "3 days"))
    (edit,) = shop.type("plan", "--json").json["stores"]["tea"]["rules"]
    assert (edit["rule"], edit["how"], edit["moved"]["count"]) == ("care", ["edited"], 1)


# Tests and schemas --------------------------------------------------------------------------------------------


def test_the_tests_of_presets_are_played_without_a_config_and_with_a_shops_own(tea: Desk) -> None:
    told = tea.type("test", "--presets", "-k", "presets/care", "--json").json
    assert [(each["name"], each["passed"]) for each in told["tests"]] == [
        ("tells a day later", True),
        ("tells sooner, if it is to", True),
    ]
    (tea.folder / "config.yaml").unlink()
    result = tea.type("test", "--presets", "-k", "after-delivery")
    assert (result.code, result.err) == (0, "")
    assert " passed in " in result.out


@pytest.mark.parametrize(
    ("right", "wrong", "mistake"),
    [
        (
            "wait: 2 hours",
            "wiat: 2 hours",
            "9:5: tests.1: rule 'care', with: the preset 'care' has no input 'wiat'",
        ),
        ('with: { page: "https://tea.example.com/care" }', "rules: cre", "2:8: rules: there is no rule 'cre'"),
        ("send: care", "send: crae", "7:33: tests.0.expect.2026-06-02 10:00.send: there is no template 'crae'"),
    ],
)
def test_a_mistake_in_a_presets_tests_is_told_at_its_place(tea: Desk, right: str, wrong: str, mistake: str) -> None:
    tea.write("presets/care/tests.yaml", TESTS.replace(right, wrong, 1))
    result = tea.type("test", "--presets")
    assert result.code == 2
    assert any(line.startswith(f"presets/care/tests.yaml:{mistake}") for line in result.lines), result.err


def test_inputs_have_no_place_in_the_tests_of_rules(tea: Desk) -> None:
    tea.write("rules/tests/care.yaml", TESTS)
    assert "'with' is for the tests of a preset, which stand beside it" in tea.type("test").err
    assert tea.type("test", "--presets", "x.yaml").code == 2


def schema(desk: Desk, which: str) -> Any:
    found = desk.type("schema", which).json
    jsonschema.Draft202012Validator.check_schema(found)
    return jsonschema.Draft202012Validator(found)


@pytest.mark.parametrize(
    ("rules", "fits"),
    [
        ("rules: [ { use: after-delivery } ]", True),
        ("rules: [ { use: after-delivery, with: { wait: 6 hours, via: [sms] }, holdout: 10% } ]", True),
        ("rules: [ { use: after-delivery, with: { wiat: 6 hours } } ]", False),
        ("rules: [ { use: after-delivery, wait: 6 hours } ]", False),
        ("rules: [ { use: care, with: { page: 3 } } ]", True),
        ("overlays: [ { rule: care, wait: 3 days, cooldown: null } ]", True),
        ("overlays: [ { rule: care, trigger: order.paid } ]", False),
        ("overlays: [ { wait: 3 days } ]", False),
    ],
)
def test_editors_know_uses_with_their_inputs_and_overlays(desk: Desk, rules: str, fits: bool) -> None:
    assert schema(desk, "rules").is_valid({"version": 1, **yaml.safe_load(rules)}) == fits


@pytest.mark.parametrize(
    ("right", "wrong", "fits"),
    [
        ("", "", True),
        ("type: link", "type: lnik", False),
        ("about: Where it is told.", "", False),
        ("id:", "di:", False),
    ],
)
def test_editors_know_presets(desk: Desk, right: str, wrong: str, fits: bool) -> None:
    text = CARE.replace(right, wrong).replace("!input ", "")  # editors read a tag of their own as a text
    assert schema(desk, "presets").is_valid(yaml.safe_load(text)) == fits
