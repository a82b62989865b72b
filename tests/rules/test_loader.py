"""Rule files become rules, or a list of all that is wrong with them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import time
from decimal import Decimal
from textwrap import dedent
from typing import Any, ClassVar, Literal, cast

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from rules.document import Problem
from rules.loader import load_rule, load_rules
from rules.preset import Messages, TextFile
from rules.rule import Rule, durations
from rules.schema import ActionSpec, Channels, Span, TemplateName, Text
from rules.timing import Duration, parse_window
from rules.waits import DaysBefore, PerUnit, StepWait, Until


class AddNote(ActionSpec):
    shorthand: ClassVar[str] = "text"
    text: Text


class Send(ActionSpec):
    shorthand: ClassVar[str] = "text"
    to_customer: ClassVar[bool] = True
    template: TemplateName | None = None
    text: Text | None = None
    via: Channels = ()
    purpose: Literal["transactional", "marketing"] = "transactional"


class CreateCoupon(ActionSpec):
    provides: ClassVar[frozenset[str]] = frozenset({"coupon"})
    percent: Decimal
    expires: Span | None = None


ACTIONS: Mapping[str, type[ActionSpec]] = {"add_note": AddNote, "send": Send, "create_coupon": CreateCoupon}
HOURS = parse_window("09:00-18:00")
THANKS = {"thanks": {"en": "Hi {{ customer.first_name }},", "he": "שלום {{ customer.first_name }},"}}


def load(
    *texts: str, templates: Mapping[str, Mapping[str, str]] = THANKS, channels: Collection[str] = ("platform", "email")
) -> tuple[tuple[Rule, ...], list[str]]:
    files = {f"rules/{name}.yaml": dedent(text) for name, text in zip("abc", texts, strict=False)}
    rules, problems = load_rules(
        files, actions=ACTIONS, channels=channels, windows={"business_hours": HOURS}, templates=messages(templates)
    )
    return rules, [str(problem) for problem in problems]


def messages(templates: Mapping[str, Mapping[str, str]], folder: str = "templates") -> Messages:
    """Templates as they are read from a folder."""
    return {
        name: {locale: TextFile(f"{folder}/{name}/{locale}.md", text) for locale, text in texts.items()}
        for name, texts in templates.items()
    }


def rule(body: str) -> str:
    """A file of one rule, `body` being its keys after id and trigger; they begin on line 5."""
    keys = "\n".join(f"    {line}" for line in dedent(body).strip().splitlines())
    return f"version: 1\nrules:\n  - id: one\n    trigger: order.paid\n{keys}\n"


def problems_of(body: str, **known: Mapping[str, Mapping[str, str]]) -> list[str]:
    return load(rule(body), **known)[1]


def only(text: str) -> Rule:
    rules, problems = load(text)
    assert problems == []
    (found,) = rules
    return found


# --- what comes out -----------------------------------------------------------------------------------


def test_the_short_form_is_one_step() -> None:
    found = only(rule("wait: 4 hours\nsend_between: business_hours\nactions: [ { add_note: Hello } ]"))
    (step,) = found.steps
    assert (step.id, step.position, step.wait, step.send_between) == ("1", 1, Duration(4, "hours"), HOURS)
    assert [(action.kind, action.spec) for action in step.actions] == [("add_note", AddNote(text="Hello"))]


def test_steps_keep_their_order_and_their_own_ids() -> None:
    found = only(
        rule("""\
        steps:
          - actions: [ { add_note: a } ]
          - id: later
            wait: 3 days
            send_between: 21:00-23:00
            actions: [ { add_note: b }, { send: c } ]
        """)
    )
    assert [(step.id, step.position) for step in found.steps] == [("1", 1), ("later", 2)]
    assert found.steps[1].send_between == parse_window("21:00-23:00")
    assert [action.to_customer for action in found.steps[1].actions] == [False, True]


def test_every_key_finds_its_place() -> None:
    found = only(
        rule("""\
        name: The one
        enabled: no
        once_per: line_item
        cooldown: 30 days
        expires_after: 2 days
        backfill: true
        max_per_run: 7
        in_flight: keep
        was: zero
        conditions: { order.total: { at_least: 50 } }
        stop_if: { order.status: refunded }
        actions: [ { add_note: a } ]
        """)
    )
    assert (found.name, found.enabled, found.once_per, found.was) == ("The one", False, "line_item", "zero")
    assert (found.cooldown, found.expires_after) == (Duration(30, "days"), Duration(2, "days"))
    assert (found.backfill, found.max_per_run, found.in_flight) == (True, 7, "keep")
    assert len(found.conditions.all_of) == len(found.stop_if.none_of) == 1
    assert found.where == "rules/a.yaml:3"


def test_a_rule_without_a_name_goes_by_its_id() -> None:
    assert only(rule("actions: [ { add_note: a } ]")).name == "one"


@pytest.mark.parametrize(("written", "backfill"), [("true", True), ("false", None), ("30 days", Duration(30, "days"))])
def test_backfill_is_all_none_or_as_far_as_it_says(written: str, backfill: object) -> None:
    assert only(rule(f"backfill: {written}\nactions: [ {{ add_note: a }} ]")).backfill == backfill


# --- mistakes, each in its place ------------------------------------------------------------------------


def test_an_unknown_action_is_told_as_the_manual_shows_it() -> None:
    assert problems_of("wait: 1 day\nactions:\n  - sedn: { template: x }") == [
        "rules/a.yaml:7:9: rule 'one', actions.0: there is no action 'sedn'; did you mean 'send'?"
    ]


@pytest.mark.parametrize(
    ("body", "place", "problem"),
    [
        ("wiat: 1 day", "5:5", "there is no key 'wiat'; did you mean 'wait'?"),
        (
            "once_per: parcel",
            "5:15",
            "'review', 'note' or 'occurrence', got text",
        ),
        ("max_per_run: 0", "5:18", "max_per_run: must be at least 1"),
        ("enabled: perhaps", "5:14", "enabled: expected true or false, got text"),
        ("stop_if:", "5:5", "'stop_if' is empty; give it a value or leave it out"),
        ("was: Old One", "5:10", "was: an id is at most 64 small letters a-z, digits and dashes; 'old-one' would do"),
        (
            "send_between: busines_hours",
            "5:19",
            "send_between: there is no 'busines_hours' in the configuration; did you mean 'business_hours'?",
        ),
        (
            "conditions: { order.statsu: x }",
            "5:19",
            "conditions.order.statsu: there is no field 'order.statsu'; did you mean 'order.status'?",
        ),
        (
            "stop_if: { order.total: { at_leest: 1 } }",
            "5:16",
            "stop_if.order.total: there is no operator 'at_leest'; did you mean 'at_least'?",
        ),
    ],
)
def test_a_mistake_in_a_rules_keys_is_told_in_its_place(body: str, place: str, problem: str) -> None:
    (told,) = problems_of(f"{body}\nactions: [ {{ add_note: a }} ]")
    assert (told.startswith(f"rules/a.yaml:{place}: rule 'one'"), told.endswith(problem)) == (True, True)


def test_a_bad_wait_says_what_to_write_instead() -> None:
    (problem,) = problems_of("wait: 5 hourz\nactions: [ { add_note: a } ]")
    assert problem.startswith("rules/a.yaml:5:11: rule 'one', wait: '5 hourz' is not a wait; did you mean '5 hours'?")


STATUS_HINT = "write order.status: and the status in small letters, such as 'order.status:ready-for-pickup'"


@pytest.mark.parametrize(
    ("trigger", "problem"),
    [
        ("order.shiped", "there is no trigger 'order.shiped'; did you mean 'order.shipped'?"),
        ("Order.Paid", "there is no trigger 'Order.Paid'; did you mean 'order.paid'?"),
        ("delivered", "there is no trigger 'delivered'; did you mean 'order.delivered'?"),
        ("order.status:wc-packed", "leave out the 'wc-': write 'order.status:packed'"),
        ("order.status", STATUS_HINT),
        ("order.status:Ready for it", STATUS_HINT),
    ],
)
def test_a_wrong_trigger_is_told(trigger: str, problem: str) -> None:
    text = f"version: 1\nrules:\n  - id: one\n    trigger: {trigger}\n    actions: [ {{ add_note: a }} ]\n"
    assert load(text)[1] == [f"rules/a.yaml:4:14: rule 'one', trigger: {problem}"]


@pytest.mark.parametrize(
    ("actions", "place", "problem"),
    [
        ("- add_note", "6:9", "actions.0: 'add_note' needs to be told what to do: write 'add_note: …'"),
        (
            "- { add_note: a, send: b }",
            "6:9",
            "actions.0: an entry is one action, and this has add_note and send; begin each with its own '-'",
        ),
        ("- add_note: { txt: a, text: b }", "6:21", "actions.0.add_note: there is no key 'txt'; did you mean 'text'?"),
        ("- add_note:", "6:18", "actions.0.add_note: 'text' is missing"),
        (
            "- send: { template: thakns }",
            "6:27",
            "actions.0.send.template: there is no template 'thakns'; did you mean 'thanks'?",
        ),
        (
            "- send: { text: a, via: [platform, emial] }",
            "6:42",
            "actions.0.send.via.1: there is no channel 'emial'; did you mean 'email'?",
        ),
        ("- create_coupon: { percent: ten }", "6:35", "actions.0.create_coupon.percent: expected a number, got text"),
    ],
)
def test_a_mistake_in_an_action_is_told_in_its_place(actions: str, place: str, problem: str) -> None:
    assert problems_of(f"actions:\n  {actions}") == [f"rules/a.yaml:{place}: rule 'one', {problem}"]


def test_a_mistake_inside_a_text_is_placed_inside_it() -> None:
    body = """\
    actions:
      - add_note: "Order {{ order.nubmer }}"
      - add_note: |
          Hello,
          {{ custmer.first_name }}
    """
    assert problems_of(body) == [
        "rules/a.yaml:6:29: rule 'one', actions.0.add_note: there is no 'nubmer' in 'order'; did you mean 'number'?",
        "rules/a.yaml:9:14: rule 'one', actions.1.add_note: there is no 'custmer' here; did you mean 'customer'?",
    ]


def test_a_coupon_may_be_named_only_after_the_action_that_makes_it() -> None:
    before = 'actions: [ { add_note: "{{ coupon.code }}" }, { create_coupon: { percent: 5 } } ]'
    after = 'actions: [ { create_coupon: { percent: 5 } }, { add_note: "{{ coupon.code }}" } ]'
    assert ["no earlier action of the rule provides it" in problem for problem in problems_of(before)] == [True]
    assert problems_of(after) == []


def test_a_coupon_of_an_earlier_step_may_be_named() -> None:
    body = """\
    steps:
      - actions: [ { create_coupon: { percent: 5 } } ]
      - wait: 1 day
        actions: [ { add_note: "{{ coupon.code }}" } ]
    """
    assert problems_of(body) == []


def test_a_template_that_needs_a_coupon_names_the_rule_that_has_none() -> None:
    templates = {"gift": {"en": "Use {{ coupon.code }}"}}
    (problem,) = problems_of("actions: [ { send: { template: gift } } ]", templates=templates)
    assert problem.startswith("templates/gift/en.md:1:8: 'coupon' is not known here: no earlier action")
    assert problem.endswith("and rule 'one' uses this template")


def test_a_mistake_in_a_template_is_placed_in_its_own_file_and_told_once() -> None:
    templates = {"gift": {"en": "---\nsubject: Hi\n---\nDear {{ customer.nmae }}", "he": "שלום"}}
    body = "actions: [ { send: { template: gift } }, { send: { template: gift } } ]"
    (problem,) = problems_of(body, templates=templates)
    assert problem.startswith("templates/gift/en.md:4:9: there is no 'nmae' in 'customer'")


def test_a_template_that_no_rule_uses_is_checked_too() -> None:
    assert len(problems_of("actions: [ { add_note: a } ]", templates={"gift": {"en": "{{ nothing }}"}})) == 1


APPROVED = "---\nwhatsapp: { template: gift, parameters: [] }\n---\nHi"


@pytest.mark.parametrize(
    ("send", "cure"),
    [
        ("template: gift", "add 'whatsapp:' to the front matter of template 'gift'"),
        ("text: Hi", "use a 'template'"),
    ],
)
def test_what_is_to_go_by_whatsapp_has_to_name_an_approved_template(send: str, cure: str) -> None:
    body = f"actions: [ {{ send: {{ {send}, via: [whatsapp, email] }} }} ]"
    _, (problem,) = load(rule(body), templates={"gift": {"en": "Hi"}}, channels=("email", "whatsapp"))
    assert problem.endswith(f"WhatsApp takes approved templates only, and none is named here; {cure}")


def test_one_language_with_an_approved_template_is_enough_for_whatsapp() -> None:
    body = "actions: [ { send: { template: gift, via: [whatsapp, email] } } ]"
    _, problems = load(rule(body), templates={"gift": {"en": "Hi", "he": APPROVED}}, channels=("email", "whatsapp"))
    assert problems == []


def test_a_template_without_any_language_is_missing() -> None:
    (problem,) = problems_of("actions: [ { send: { template: gift } } ]", templates={"gift": {}})
    assert problem.endswith("there is no template 'gift'; write templates/gift/en.md")


def test_both_forms_at_once_are_a_mistake() -> None:
    body = "wait: 1 day\nactions: [ { add_note: a } ]\nsteps:\n  - actions: [ { add_note: b } ]"
    assert problems_of(body) == [
        "rules/a.yaml:5:5: rule 'one': 'wait' belongs in the steps, as there are 'steps'",
        "rules/a.yaml:6:5: rule 'one': 'actions' belongs in the steps, as there are 'steps'",
    ]


def test_a_rule_that_does_nothing_is_a_mistake() -> None:
    assert problems_of("wait: 1 day") == [
        "rules/a.yaml:3:5: rule 'one': 'actions' is missing (or 'steps', for several)"
    ]
    assert len(problems_of("actions: []")) == 1


def test_two_steps_cannot_share_an_id_nor_take_a_position_for_one() -> None:
    body = """\
    steps:
      - { id: a, actions: [ { add_note: x } ] }
      - { id: a, actions: [ { add_note: x } ] }
      - { id: "1", actions: [ { add_note: x } ] }
    """
    assert problems_of(body) == [
        "rules/a.yaml:7:15: rule 'one', steps.1.id: step 1 has the id 'a' already; give this one another",
        "rules/a.yaml:8:15: rule 'one', steps.2.id: a step's id needs a letter: a number is another step's position",
    ]


def test_an_id_used_in_two_files_is_told_with_both_places() -> None:
    text = rule("actions: [ { add_note: a } ]")
    rules, problems = load(text, text)
    assert len(rules) == 1
    assert problems == [
        "rules/b.yaml:3:9: there is a rule 'one' already, at rules/a.yaml:3:9; give this one another id"
    ]


def test_all_mistakes_of_all_files_are_told_at_once_in_order() -> None:
    first = "version: 1\nrules:\n  - id: a\n    trigger: x.y\n    wait: 3\n    actions: [ { ad_note: a } ]\n  - 5\n"
    _, problems = load(first, "version: 2\nrulse: []\n", "rules: [")
    places = [problem.split(": ")[0] for problem in problems]
    assert places == [
        "rules/a.yaml:4:14",
        "rules/a.yaml:5:11",
        "rules/a.yaml:6:18",
        "rules/a.yaml:7:5",
        "rules/b.yaml:1:1",
        "rules/b.yaml:1:10",
        "rules/b.yaml:2:1",
        "rules/c.yaml:1:9",
    ]


def test_a_rule_with_a_mistake_is_left_out_and_the_others_are_not() -> None:
    good = rule("actions: [ { add_note: a } ]").replace("id: one", "id: two")
    rules, problems = load(rule("actions: [ { ad_note: a } ]"), good)
    assert [found.id for found in rules] == ["two"]
    assert len(problems) == 1


# --- the version -----------------------------------------------------------------------------------------

BODY = "wait: 4 hours\nactions: [ { send: { template: thanks } }, { add_note: Hello } ]"


def version(text: str) -> str:
    return only(text).version


@pytest.mark.parametrize(
    "same",
    [
        rule("name: Another\n" + BODY),
        rule("enabled: false\n" + BODY),
        rule("in_flight: keep\n" + BODY),
        rule("was: zero\n" + BODY).replace("id: one", "id: two"),
        "# a comment\n" + rule(BODY),
        rule(BODY.replace("add_note: Hello", "add_note: { text: Hello }")),
        rule("steps:\n  - wait: 4 hours\n    actions: [ { send: { template: thanks } }, { add_note: Hello } ]"),
    ],
)
def test_the_version_stays_while_the_rule_does_the_same(same: str) -> None:
    assert version(same) == version(rule(BODY))


@pytest.mark.parametrize(
    "other",
    [
        rule(BODY.replace("4 hours", "5 hours")),
        rule(BODY.replace("Hello", "Hallo")),
        rule("conditions: { order.status: completed }\n" + BODY),
        rule("once_per: customer\n" + BODY),
        rule("send_between: business_hours\n" + BODY),
        rule(BODY).replace("order.paid", "order.placed"),
    ],
)
def test_the_version_changes_with_what_the_rule_does(other: str) -> None:
    assert version(other) != version(rule(BODY))


def recalled(source: str, **changed: Any) -> Rule | list[Problem]:
    known = {"channels": ["platform"], "windows": {"business_hours": HOURS}, "templates": THANKS}
    return load_rule(source, actions=ACTIONS, **known | changed)


@pytest.mark.parametrize(
    "body",
    [
        BODY,
        "actions: [ { add_note: \"שלום, {{ customer.first_name }}: 'no'\\n1.10\" } ]",
        "send_between: business_hours\nbackfill: true\n" + BODY,
        "steps:\n  - { id: first, actions: [ add_note: on ] }\n  - wait: 2 days\n    actions: [ add_note: '012' ]",
    ],
)
def test_a_rule_is_made_anew_from_its_source(body: str) -> None:
    found = only(rule(body))
    assert recalled(found.source) == replace(found, where="as it was:1")


def test_a_source_that_fits_no_more_says_why() -> None:
    (problem,) = cast(list[Problem], recalled(only(rule(BODY)).source, templates={}))
    assert problem.message.startswith("rule 'one', actions.0.send.template: there is no template 'thanks'")


# --- whatever comes in -------------------------------------------------------------------------------------

KEYS = ("version", "rules", "id", "trigger", "steps", "actions", "wait", "send_between", "conditions", "any_of")
MORE = ("none_of", "stop_if", "add_note", "send", "template", "text", "via", "create_coupon", "percent", "backfill")
WORDS = st.sampled_from([*KEYS, *MORE, "order.paid", "order.status", "order.total", "at_least", "not"])
TEXTS = st.sampled_from(["{{ x", "{% if %}", "{{ order }}", "4 hours"])
SCALARS = st.none() | st.booleans() | st.integers(-5, 5) | WORDS | TEXTS
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=12,
)
RULES = st.fixed_dictionaries({"version": st.just(1), "rules": st.lists(st.dictionaries(WORDS, VALUES), max_size=2)})


@given(st.text(max_size=120) | (RULES | VALUES).map(yaml.safe_dump))
def test_no_file_makes_the_loader_raise(text: str) -> None:
    rules, problems = load(text)
    assert rules or problems or "rules" in text


def test_loading_rules_imports_none_of_the_heavy_libraries() -> None:
    heavy = ["sqlalchemy", "requests", "apscheduler", "babel", "holidays", "markdown_it"]
    program = f"import sys, rules.loader; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


# --- waits that are reckoned, and what holds a step up --------------------------------------------------


@pytest.mark.parametrize(
    ("keys", "wait"),
    [
        (
            "once_per: line_item\nwait: { per_unit: 30 days, minus: 5 days }",
            PerUnit(Duration(30, "days"), Duration(5, "days")),
        ),
        ("once_per: line_item\nwait: { per_unit: 2 weeks }", PerUnit(Duration(2, "weeks"))),
        ("wait: { until: 10:00 }", Until(time(10))),
        ("wait: 4 business hours", Duration(4, "business hours")),
        ("wait: { days_before: order.paid_at, days: 0 }", DaysBefore("order.paid_at", 0)),
        (
            "once_per: shipment\nwait: { days_before: shipment.estimated_delivery_at, days: 2, until: 9:30 }",
            DaysBefore("shipment.estimated_delivery_at", 2, time(9, 30)),
        ),
    ],
)
def test_a_wait_may_be_reckoned(keys: str, wait: StepWait) -> None:
    found = only(rule(f"{keys}\nactions: [ {{ add_note: Hello }} ]"))
    assert found.steps[0].wait == wait
    again = load_rule(
        found.source, actions=ACTIONS, channels=("platform",), windows={"business_hours": HOURS}, templates=THANKS
    )
    assert isinstance(again, Rule)
    assert (again.version, again.steps[0].wait) == (found.version, wait)


@pytest.mark.parametrize(
    ("wait", "told"),
    [
        ("›{ per_unti: 30 days }", "there is no key 'per_unti'; did you mean 'per_unit'?"),
        ("›{ minus: 5 days }", "'per_unit' is missing beside 'minus'"),
        ("›{ days: 5 }", "'days_before' is missing beside 'days'"),
        ("›{ after: 5 days }", "write a duration, such as '4 hours', or one of per_unit, days_before, until"),
        ("›{}", "write a duration, such as '4 hours', or one of per_unit, days_before, until"),
        ("›[4 hours]", "write a duration, such as '4 hours'"),
        ("›true", "write a duration, such as '4 hours'"),
        ("{ per_unit: ›30 dasy }", "'30 dasy' is not a wait; did you mean '30 days'?"),
        ("{ per_unit: 30 days, ›mins: 5 days }", "there is no key 'mins'; did you mean 'minus'?"),
        ("{ per_unit: 30 days, minus: ›2 business days }", "'2 business days' cannot be taken off: write days"),
        ("{ per_unit: 30 days, ›until: 10:00 }", "'until' does not go with 'per_unit'; write one or the other"),
        ("{ until: ›10am }", "'10am' is not a time of day; write hours and minutes of a 24-hour clock"),
        ("{ until: ›24:00 }", "'24:00' is a time that no clock shows"),
        ("›{ days_before: order.paid_at }", "'days' is missing"),
        ("{ days_before: order.paid_at, days: ›-1 }", "must be at least 0"),
        ("{ days_before: order.paid_at, days: ›soon }", "expected a whole number"),
        ("{ days_before: ›order.payd_at, days: 1 }", "no field 'order.payd_at'; did you mean 'order.paid_at'?"),
        ("{ days_before: ›order.total, days: 1 }", "order.total is no time"),
        ("{ days_before: ›refund.created_at, days: 1 }", "refund.created_at is no time of the order"),
        ("›{ per_unit: 30 days }", "'per_unit' counts the pieces of one line of the order: add 'once_per: line_item'"),
        (
            "›{ days_before: shipment.estimated_delivery_at, days: 1 }",
            "each with its shipment.estimated_delivery_at: add 'once_per: shipment' to the rule",
        ),
    ],
)
def test_a_wait_that_makes_no_sense_is_a_mistake_at_its_place(wait: str, told: str) -> None:
    [problem] = problems_of(f"wait: {wait.replace('›', '')}\nactions: [ {{ add_note: Hello }} ]")
    column = len("    wait: ") + wait.index("›") + 1
    assert problem.startswith(f"rules/a.yaml:5:{column}: rule 'one', wait")
    assert told in problem


def test_a_wait_is_checked_in_each_of_several_steps() -> None:
    steps = "steps:\n  - wait: { until: 10:00 }\n    actions: [ { add_note: a } ]"
    [problem] = problems_of(f"{steps}\n  - wait: {{ per_unit: 1 day }}\n    actions: [ {{ add_note: b }} ]")
    assert "steps.1.wait: 'per_unit' counts the pieces" in problem


def test_a_parcels_own_trigger_has_a_parcel_to_count_from() -> None:
    text = rule("wait: { days_before: shipment.estimated_delivery_at, days: 1 }\nactions: [ { add_note: Hello } ]")
    assert only(text.replace("order.paid", "shipment.shipped")).once_per == "shipment"
    assert only(text.replace("order.paid", "shipment.shipped\n    once_per: order")).once_per == "order"


def test_hold_while_is_written_like_stop_if() -> None:
    found = only(rule("hold_while: { order.tags: hold }\nactions: [ { add_note: Hello } ]"))
    assert [predicate.field.name for (predicate,) in found.hold_while.none_of] == ["order.tags"]
    without = only(rule("actions: [ { add_note: Hello } ]"))
    assert without.hold_while.none_of == ()
    assert found.version != without.version


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("{ order.tgas: hold }", "hold_while.order.tgas: there is no field 'order.tgas'; did you mean 'order.tags'?"),
        ("[ { order.total: much } ]", "hold_while.0.order.total: order.total is a number"),
        ("", "'hold_while' is empty"),
        ("soon", "write conditions as 'field: value', one a line"),
    ],
)
def test_a_mistake_in_hold_while_is_told_at_its_place(written: str, told: str) -> None:
    [problem] = problems_of(f"hold_while: {written}\nactions: [ {{ add_note: Hello }} ]")
    assert told in problem


def test_every_span_of_time_in_a_rule_is_known() -> None:
    found = only(
        rule("""\
        once_per: line_item
        conditions: { order.paid_at: { older_than: 1 hour, not: { newer_than: 2 hours } } }
        hold_while: { order.created_at: { newer_than: 3 hours } }
        wait: { per_unit: 4 hours, minus: 5 hours }
        cooldown: 6 hours
        expires_after: 7 hours
        backfill: 8 hours
        actions: [ { create_coupon: { percent: 10, expires: 9 hours } } ]
        """)
    )
    assert sorted(each.amount for each in durations(found)) == [1, 2, 3, 4, 5, 6, 7, 8, 9]


# --- reviews and notes ----------------------------------------------------------------------------------


def set_off_by(trigger: str, body: str) -> str:
    return rule(body).replace("trigger: order.paid", f"trigger: {trigger}")


def test_a_rule_acts_once_for_each_review_or_note_unless_told() -> None:
    found = {
        trigger: only(set_off_by(trigger, "actions: [ { add_note: a } ]")).once_per
        for trigger in ("review.posted", "note.added", "{ note.added: call }")
    }
    assert found == {"review.posted": "review", "note.added": "note", "{ note.added: call }": "note"}


def test_a_notes_keyword_is_a_condition_beside_the_others() -> None:
    found = only(
        set_off_by("{ note.added: call }", "conditions: { order.status: processing }\nactions: [ { add_note: a } ]")
    )
    wanted = [(each.field.name, each.wanted) for each in found.conditions.all_of]
    assert (found.trigger, wanted) == ("note.added", [("order.status", "processing"), ("note.text", "contains call")])


@pytest.mark.parametrize(
    ("trigger", "body", "mistake"),
    [
        ("order.paid", "once_per: review", "'review' goes with 'trigger: review.posted' alone"),
        ("review.posted", "once_per: note", "'note' goes with 'trigger: note.added' alone"),
        ("{ note.added: [call] }", "", "write a word that the note has to contain"),
        ("{ note.added: '' }", "", "write a word that the note has to contain"),
        ("{ review.posted: 2 }", "", "'review.posted' stands alone"),
    ],
)
def test_a_mistake_about_reviews_and_notes_is_told(trigger: str, body: str, mistake: str) -> None:
    (told,) = load(set_off_by(trigger, f"{body}\nactions: [ {{ add_note: a }} ]"))[1]
    assert mistake in told


@pytest.mark.parametrize(
    ("trigger", "action", "mistake"),
    [
        ("order.paid", "add_note: '{{ review.text }}'", "only 'trigger: review.posted' comes with one"),
        ("review.posted", "add_note: '{{ note.text }}'", "only 'trigger: note.added' comes with one"),
        ("note.added", "send: '{{ note.text }}'", "it is for the staff's eyes alone"),
    ],
)
def test_a_text_that_names_what_its_rule_never_has_is_a_mistake(trigger: str, action: str, mistake: str) -> None:
    (told,) = load(set_off_by(trigger, f"actions: [ {{ {action.replace(chr(39), chr(34))} }} ]"))[1]
    assert mistake in told


def test_a_template_may_speak_of_the_review_but_never_of_a_note_of_the_staff() -> None:
    review = {"sorry": {"en": "Only {{ review.rating }} stars?"}}
    note = {"sorry": {"en": "Our staff says: {{ note.text }}"}}
    body = "actions: [ { send: { template: sorry } } ]"
    assert load(set_off_by("review.posted", body), templates=review)[1] == []
    assert "for the staff's eyes alone" in load(set_off_by("note.added", body), templates=note)[1][0]
