"""The JSON Schema for editors, and what an action's model tells the loader."""

from __future__ import annotations

from typing import Any, ClassVar

import jsonschema
import pytest
import yaml

from rules.rule import Rule
from rules.schema import ActionSpec, Channels, Mark, RuleSpec, Span, StepSpec, TemplateName, Text, json_schema, marked
from rules.timing import Duration


class AddNote(ActionSpec):
    """Write a note."""

    shorthand: ClassVar[str] = "text"
    text: Text


class Send(ActionSpec):
    template: TemplateName | None = None
    text: Text | None = None
    via: Channels = ("platform",)
    fields: dict[str, Text] = {}
    after: Span | None = None


SCHEMA = json_schema({"add_note": AddNote, "send": Send})

GOOD = """
version: 1
rules:
  - id: thanks
    name: Thank you
    trigger: order.delivered
    conditions:
      order.status: [processing, completed]
      order.total: { at_least: 50, not: { more_than: 100 } }
      order.meta.gift: present
    any_of:
      - { order.source: shop }
      - { order.tags: vip }
    stop_if: { order.refunded_in_full: true }
    hold_while: [ { order.tags: hold, order.status: processing } ]
    wait: 4 hours
    backfill: 30 days
    actions:
      - add_note: Hello
      - send: { template: thanks, via: email, after: 2 days }
  - id: late
    trigger: order.status:ready-for-pickup
    enabled: false
    steps:
      - wait: 1 day
        id: first
        actions: [ { add_note: { text: Hello } } ]
      - wait: { until: "10:00" }
        actions: [ { add_note: Hello } ]
      - wait: { per_unit: 30 days, minus: 5 days }
        actions: [ { add_note: Hello } ]
      - wait: { days_before: order.paid_at, days: 2, until: "10:00" }
        actions: [ { add_note: Hello } ]
"""


def errors(text: str) -> list[str]:
    validator = jsonschema.Draft202012Validator(SCHEMA)
    return [error.message for error in validator.iter_errors(yaml.safe_load(text))]


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_a_good_file_passes() -> None:
    assert errors(GOOD) == []


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("version: 1", "version: 2"),
        ("version: 1", "versions: 1"),
        ("id: thanks", "id: Thank you"),
        ("trigger: order.delivered", "trigger: order.deliverd"),
        ("order.status:ready-for-pickup", "order.status:Ready"),
        ("    wait: 4 hours", "    wiat: 4 hours"),
        ("wait: 4 hours", "wait: soon"),
        ('{ until: "10:00" }', "{ until: soon }"),
        ('{ until: "10:00" }', '{ until: "10:00", days: 2 }'),
        ("per_unit: 30 days", "per_unti: 30 days"),
        ("days: 2", "days: -2"),
        ("order.tags: hold", "order.tgas: hold"),
        ("order.status: [", "order.statsu: ["),
        ("at_least: 50", "at_leest: 50"),
        ("add_note: Hello", "ad_note: Hello"),
        ("add_note: Hello", "add_note: { txt: Hello }"),
        ("add_note: Hello", "{ add_note: Hello, send: { text: x } }"),
        ("enabled: false", "actions: [ { add_note: x } ]"),
        ("enabled: false", "wait: 3 days"),
        ("template: thanks", "template: [thanks]"),
    ],
)
def test_a_mistake_is_found_by_an_editor(right: str, wrong: str) -> None:
    assert right in GOOD
    assert errors(GOOD.replace(right, wrong, 1))


def test_every_key_of_rules_and_steps_says_what_it_is() -> None:
    for name in ("rule", "step"):
        assert all("description" in key for key in SCHEMA["$defs"][name]["properties"].values())


def test_the_schema_names_every_key_of_a_rule() -> None:
    assert SCHEMA["$defs"]["rule"]["properties"].keys() == RuleSpec.model_fields.keys()
    assert SCHEMA["$defs"]["step"]["properties"].keys() == StepSpec.model_fields.keys()


def test_a_rule_has_the_same_defaults_in_yaml_as_in_code() -> None:
    shared = {"enabled", "cooldown", "expires_after", "backfill", "max_per_run", "was"}
    defaults: dict[str, Any] = {name: Rule.__dataclass_fields__[name].default for name in shared}
    assert {name: RuleSpec.model_fields[name].default for name in shared} == defaults


def test_marked_texts_are_found_with_their_paths() -> None:
    spec = Send(text="Hi", via=("sms", "email"), fields={"a": "x"})
    assert list(marked(spec, Mark.TEXT)) == [(("text",), "Hi"), (("fields", "a"), "x")]
    assert list(marked(spec, Mark.CHANNEL)) == [(("via", 0), "sms"), (("via", 1), "email")]
    assert list(marked(Send(template="thanks"), Mark.TEMPLATE)) == [(("template",), "thanks")]


def test_a_default_is_not_something_its_author_wrote() -> None:
    assert list(marked(Send(text="Hi"), Mark.CHANNEL)) == []


def test_a_single_channel_may_stand_without_a_list_and_a_span_is_a_duration() -> None:
    spec = Send.model_validate({"via": "sms", "after": "2 days"})
    assert spec.via == ("sms",)
    assert spec.after == Duration(2, "days")
    assert spec.model_dump(mode="json", exclude_unset=True) == {"via": ["sms"], "after": "2 days"}


def test_a_number_where_a_text_is_wanted_is_that_text() -> None:
    assert AddNote.model_validate({"text": 2026}).text == "2026"


@pytest.mark.parametrize(
    ("trigger", "once_per", "subject"),
    [
        ("order.delivered", {}, "order"),
        ("checkout.abandoned", {}, "order"),
        ("shipment.delivered", {}, "shipment"),
        ("shipment.late", {}, "shipment"),
        ("shipment.delivered", {"once_per": "order"}, "order"),
        ("order.delivered", {"once_per": "shipment"}, "shipment"),
    ],
)
def test_what_happens_to_a_parcel_is_once_for_that_parcel_unless_told(
    trigger: str, once_per: dict[str, Any], subject: str
) -> None:
    assert RuleSpec.model_validate({"id": "r", "trigger": trigger, **once_per}).subject == subject
