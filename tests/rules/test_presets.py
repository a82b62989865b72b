"""Presets in rule files: what a use of one gives, what may stand beside it, and what is told of mistakes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from textwrap import dedent, indent
from zoneinfo import ZoneInfo

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from connector.actions import known_actions
from rules.inputs import told
from rules.loader import check_preset, load_rule, load_rules
from rules.preset import Messages, PresetFiles, TextFile
from rules.rule import Rule
from rules.sample import sample
from rules.template_language import Store
from rules.templates import render_text
from rules.timing import Duration, parse_window

ACTIONS = {kind.name: kind.spec for kind in known_actions().values()}
HOURS = {"business_hours": parse_window("09:00-18:00")}
CHANNELS = ("platform", "email", "sms")

LENSES = """\
version: 1
name: Time for more
about: Reminds customers.
inputs:
  skus: { type: texts, about: Which articles. }
  wait: { type: duration, default: 30 days, about: How long one lasts. }
  window: { type: window, default: "09:00-20:00", about: When. }
  via: { type: channels, default: null, about: How. }
  off: { type: percent, default: null, about: How much off. }
  links: { type: links, default: null, about: Where to buy. }
  tone: { type: choice, options: [warm, dry], default: warm, about: How it sounds. }
  gift: { type: money, default: null, about: What it is worth. }
  again: { type: flag, default: false, about: Whether to remind again. }
rules:
  - id: lenses
    trigger: order.delivered
    conditions: { item.sku: !input skus }
    stop_if: { order.status: refunded }
    wait: !input wait
    send_between: !input window
    actions:
      - create_coupon: !input off
      - send: { template: lenses, via: !input via }
  - id: lenses-again
    enabled: !input again
    trigger: order.delivered
    steps:
      - wait: 60 days
        actions:
          - add_note: "Reminded of {{ input.skus | join(', ') }}"
"""
WORDS = "Hi{% for link in input.links %} [{{ link.site }}]({{ link.url }}){% endfor %} {{ input.tone }}"


def preset(
    text: str = LENSES, name: str = "lenses", *, own: bool = False, messages: Mapping[str, str] | None = None
) -> PresetFiles:
    found: Messages = {
        name: {"en": TextFile(f"presets/lenses/messages/{name}/en.md", words)}
        for name, words in (messages or {"lenses": WORDS}).items()
    }
    return PresetFiles(name, TextFile(f"presets/{name}/preset.yaml", text), found, own)


def load(
    rules: str,
    *more: str,
    using: PresetFiles | None = None,
    templates: Messages | None = None,
) -> tuple[dict[str, Rule], list[str]]:
    """The rules of these files, by id, and what is wrong."""
    texts = {f"{name}.yaml": "version: 1\n" + dedent(text) for name, text in zip("abc", (rules, *more), strict=False)}
    files = using or preset()
    found, problems = load_rules(
        texts, actions=ACTIONS, channels=CHANNELS, windows=HOURS, templates=templates or {}, presets={files.name: files}
    )
    return {rule.id: rule for rule in found}, [str(problem) for problem in problems]


def used(body: str, **known: PresetFiles) -> dict[str, Rule]:
    """The rules of one use, of which these are the keys beside `use`."""
    rules, problems = load("rules:\n  - use: lenses\n" + indent(dedent(body), "    "), **known)
    assert problems == []
    return rules


def mistakes(body: str) -> list[str]:
    """What is wrong with one use, whose keys beside `use` begin on line 4."""
    return load("rules:\n  - use: lenses\n" + indent(dedent(body), "    "))[1]


def version(body: str) -> str:
    return used(body)["lenses"].version


# What a use gives ---------------------------------------------------------------------------------------------


def test_a_use_gives_the_presets_rules_with_its_inputs() -> None:
    rules = used("with: { skus: [LENS-30, LENS-90], wait: 3 weeks, via: sms, off: 10% }")
    assert [*rules] == ["lenses", "lenses-again"]
    (step,) = rules["lenses"].steps
    coupon, send = (action.spec.model_dump(exclude_unset=True) for action in step.actions)
    assert (step.wait, step.send_between) == (Duration(3, "weeks"), parse_window("09:00-20:00"))
    assert (str(coupon["percent"]), send["via"]) == ("10", ("sms",))
    assert rules["lenses"].conditions.all_of[0].wanted == "any of LENS-30, LENS-90"
    assert (rules["lenses"].preset, rules["lenses"].where) == ("lenses", "a.yaml:3")


def test_what_is_left_out_takes_its_key_with_it_and_what_that_leaves_empty() -> None:
    (step,) = used("with: { skus: LENS-30 }")["lenses"].steps
    assert [action.kind for action in step.actions] == ["send"]
    assert step.actions[0].spec.model_fields_set == {"template"}


def test_a_preset_is_used_twice_by_another_id() -> None:
    rules, problems = load(
        """\
        rules:
          - use: lenses
            with: { skus: A }
          - use: lenses
            id: drops
            was: old-drops
            with: { skus: B, again: true }
        """
    )
    assert problems == []
    assert [*rules] == ["lenses", "lenses-again", "drops", "drops-again"]
    assert [(rule.was, rule.enabled) for rule in rules.values()] == [
        (None, True),
        (None, False),
        ("old-drops", True),
        ("old-drops-again", True),
    ]


def test_what_stands_beside_it_is_laid_over_each_rule() -> None:
    rules = used("with: { skus: A }\nholdout: 10%\nmax_per_run: 5\ncooldown: 90 days\npriority: 3")
    for rule in rules.values():
        assert (str(rule.holdout), rule.max_per_run, rule.priority) == ("1/10", 5, 3)
        assert rule.cooldown == Duration(90, "days")


def test_a_use_can_be_switched_off_but_not_every_rule_on() -> None:
    assert [rule.enabled for rule in used("with: { skus: A }\nenabled: true").values()] == [True, False]
    assert [rule.enabled for rule in used("with: { skus: A, again: true }\nenabled: false").values()] == [False, False]


def test_conditions_beside_it_are_added_to_those_of_the_rule() -> None:
    rule = used("with: { skus: A }\nconditions: { order.total: { at_least: 50 } }\nstop_if: { order.tags: quiet }")[
        "lenses"
    ]
    assert [each.field.name for each in rule.conditions.all_of] == ["item.sku", "order.total"]
    assert [group[0].field.name for group in rule.stop_if.none_of] == ["order.status", "order.tags"]


def test_a_rule_is_made_anew_from_its_source_whatever_becomes_of_the_preset() -> None:
    rule = used("with: { skus: A, links: { Google: https://g.example.com/ } }")["lenses-again"]
    again = load_rule(rule.source, actions=ACTIONS, channels=CHANNELS, windows=HOURS, templates={})
    assert again == replace(rule, where="as it was:1")


@pytest.mark.parametrize(
    "other",
    [
        "with: { skus: B }",
        "with: { skus: A, tone: dry }",
        "with: { skus: A, wait: 31 days }",
        "with: { skus: A, off: 5 }",
    ],
)
def test_the_version_changes_with_an_input_that_changes_what_is_done_or_said(other: str) -> None:
    assert version(other) != version("with: { skus: A }")


def test_the_version_is_the_same_however_an_input_is_given() -> None:
    assert version("with: { skus: A, wait: 30d }") == version("with: { skus: [A] }")
    assert version("id: drops\nwith: { skus: A }".replace("id: drops\n", "enabled: false\n")) == version(
        "with: { skus: A }"
    )


# In messages --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("inputs", "text", "says"),
    [
        ("off: 12.50%", "{{ input.off }}%", "12.5%"),
        ("gift: 20", "{{ input.gift | money }}", "€20.00"),
        ("links: { Google: https://g.example.com/ }", "{{ (input.links | first).url }}", "https://g.example.com/"),
        ("tone: dry", "{% if input.tone == 'dry' %}So.{% endif %}", "So."),
        ("again: false", "{{ 'yes' if input.again else 'no' }}", "no"),
        ("again: true", "{{ 'yes' if input.again else 'no' }}", "yes"),
        ("tone: warm", "Hi {{ input.gift | money }}, {{ input.off }}!", "Hi!"),
    ],
)
def test_a_message_is_told_each_input_as_what_it_is(inputs: str, text: str, says: str) -> None:
    rule = used(f"with: {{ skus: A, {inputs} }}")["lenses"]
    about = sample(
        Store(id="tea"), locale="en", zone=ZoneInfo("UTC"), now=datetime(2026, 6, 1, tzinfo=UTC), signed_by=""
    )
    assert render_text(text, replace(about, inputs=told(rule.inputs)), "plain") == says


def test_a_wrong_input_in_a_message_is_told_at_its_place() -> None:
    (problem,) = load(
        "rules: [ { use: lenses, with: { skus: A } } ]",
        using=preset(messages={"lenses": "Hi\n{{ input.tonne }} {{ input.wait }}"}, own=True)._replace(own=False),
    )[1][:1]
    assert problem == (
        "presets/lenses/messages/lenses/en.md:2:4: there is no 'tonne' in 'input'; did you mean 'tone'?, "
        "and rule 'lenses' uses this template"
    )


def test_a_message_that_ships_may_still_lack_what_an_input_left_out_takes_away() -> None:
    says = {"lenses": {"en": TextFile("lenses/en.md", "Hi {{ coupon.code }}", ships=True)}}
    files = preset()._replace(messages=says)
    assert load("rules: [ { use: lenses, with: { skus: A, off: 10 } } ]", using=files)[1] == []
    (problem,) = load("rules: [ { use: lenses, with: { skus: A } } ]", using=files)[1]
    assert problem.startswith("lenses/en.md:1:7: 'coupon' is not known here: no earlier action of the rule provides it")


def test_only_rules_of_presets_have_inputs() -> None:
    rules = "rules:\n  - { id: x, trigger: order.paid, actions: [ add_note: '{{ input.tone }}' ] }"
    (problem,) = load(rules)[1]
    assert "'input' is not known here: only rules of presets have inputs" in problem


def test_a_shops_own_file_stands_in_place_of_the_presets_message_and_may_name_its_inputs() -> None:
    own = {"lenses": {"en": TextFile("templates/lenses/en.md", "Ours: {{ input.tone }} {{ input.tine }}")}}
    problems = load("rules: [ { use: lenses, with: { skus: A } } ]", templates=own)[1]
    assert [problem.split(" ", 1)[0] for problem in problems] == ["templates/lenses/en.md:1:27:"]


# Mistakes -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("enabled: true", "3:5: rule 'lenses': 'skus' has to be given: a text, or a list of them. Which"),
        (
            "with: { skus: A, wiat: 3 }",
            "4:22: rule 'lenses', with: the preset 'lenses' has no input 'wiat'; did you mean",
        ),
        ("with: { skus: A, wait: soon }", "4:28: rule 'lenses', with.wait: 'soon' is not a wait."),
        ("with: { skus: A, off: 150 }", "4:27: rule 'lenses', with.off: write a percentage, such as 10 or 10%"),
        ("with: { skus: A, tone: drry }", "4:28: rule 'lenses', with.tone: there is no 'drry'; did you mean 'dry'?"),
        ("with: { skus: A, again: yes }", "4:29: rule 'lenses', with.again: write true or false"),
        ("with: { skus: A, gift: 0 }", "4:28: rule 'lenses', with.gift: write an amount in the store's currency"),
        ("with: { skus: [] }", "4:19: rule 'lenses', with.skus: write at least one"),
        ("with: { skus: }", "4:13: rule 'lenses', with: 'skus' is empty; it takes a text, or a list of them"),
        ("with: { skus: A, links: { G: http://g.example.com } }", "4:29: rule 'lenses', with.links: write an address"),
        ("with: { skus: A, via: [sms, emial] }", "4:33: rule 'lenses', with.via.1: there is no channel 'emial'; did"),
        ("with: { skus: A, window: mornings }", "4:30: rule 'lenses', with.window: there is no 'mornings'"),
        ("with: 3", "4:11: rule 'lenses', with: write inputs as 'name: value'"),
        ("with: { skus: A }\nwait: 3 days", "5:5: rule 'lenses': 'wait' is an input: write it under 'with'"),
        ("with: { skus: A }\nactions: []", "5:5: rule 'lenses': 'actions' cannot stand beside 'use'; an overlay can"),
        ("with: { skus: A }\nholdot: 3%", "5:5: rule 'lenses': there is no key 'holdot'; did you mean 'holdout'?"),
        ("with: { skus: A }\nholdout: lots", "5:14: rule 'lenses', holdout: "),
        ("with: { skus: A }\nid: My lenses", "5:9: rule 'My lenses', id: an id is at most 64 small letters"),
        ("with: { skus: A }\nstop_if: { order.tgas: x }", "5:16: rule 'lenses', stop_if.order.tgas: there is no field"),
        ("with: { skus: A }\nstop_if: [ { order.tgas: x } ]", "5:18: rule 'lenses', stop_if.0.order.tgas: there is no"),
        ("with: { skus: A }\nconditions: { item.sku: B }", "5:19: rule 'lenses', conditions: rule 'lenses' has a cond"),
    ],
)
def test_a_mistake_is_told_where_it_stands_in_the_shops_own_file(body: str, problem: str) -> None:
    assert any(each.startswith(f"a.yaml:{problem}") for each in mistakes(body)), mistakes(body)


def test_all_mistakes_of_a_use_are_told_at_once() -> None:
    told = mistakes("with: { wait: soon, off: 0, via: emial }\ncooldown: later\nstop_if: { order.x: 3 }")
    assert [each.split(": ", 1)[0] for each in told] == [
        "a.yaml:4:11",
        "a.yaml:4:19",
        "a.yaml:4:30",
        "a.yaml:4:38",
        "a.yaml:5:15",
        "a.yaml:6:16",
    ]


def test_an_unknown_preset_is_told_once_and_overlays_of_its_rules_are_not() -> None:
    _, (problem,) = load("rules: [ { use: lensse } ]\noverlays: [ { rule: lensse-again, wait: 3 days } ]")
    assert problem == "a.yaml:2:17: rule 'lensse', use: there is no preset 'lensse'; did you mean 'lenses'?"


# Presets of one's own -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("right", "wrong", "problem"),
    [
        ("id: lenses\n", "id: drops\n", "15:9: rule 'drops', id: a rule of a preset goes by its name: 'lenses', or"),
        ("!input wait", "!input wiat", "19:11: rule 'lenses', wait: there is no input 'wiat'; did you mean 'wait'?"),
        ("type: texts", "type: text list", "5:17: inputs.skus.type: "),
        ("default: 30 days", "default: a month", "6:36: inputs.wait.default: "),
        ("options: [warm, dry], ", "", "11:9: inputs.tone: a choice has 'options: [this, that]'"),
        ("wait: 60 days", "wait: !input tone", "28:15: rule 'lenses-again', steps.0.wait: 'warm' is not a wait."),
        ("item.sku: !input", "item.skuu: !input", "17:19: rule 'lenses', conditions.item.skuu: there is no field"),
        (
            "input.skus | join",
            "input.skis | join",
            "30:39: rule 'lenses-again', steps.0.actions.0.add_note: there is no",
        ),
        ("name: Time for more\n", "", "1:1: 'name' is missing"),
        ("  skus: {", "  the-skus: {", "5:3: inputs: 'the-skus' can't be called in messages: write small letters"),
    ],
)
def test_a_mistake_in_a_preset_of_ones_own_is_told_though_nobody_uses_it(right: str, wrong: str, problem: str) -> None:
    files = preset(LENSES.replace(right, wrong, 1), own=True)
    _, problems = load("rules: []", using=files)
    assert any(each.startswith(f"presets/lenses/preset.yaml:{problem}") for each in problems), problems
    assert [str(each) for each in check_preset(files, actions=ACTIONS, channels=CHANNELS, windows={})] == problems


def test_a_use_of_a_preset_with_mistakes_adds_none() -> None:
    files = preset(LENSES.replace("item.sku:", "item.skuu:"), own=True)
    _, problems = load("rules: [ { use: lenses } ]\noverlays: [ { rule: lenses, wait: 3 days } ]", using=files)
    assert len(problems) == 1


def test_a_message_goes_by_the_presets_name() -> None:
    (problem,) = check_preset(
        preset(messages={"lenses": "Hi", "drops": "Hi"}), actions=ACTIONS, channels=[], windows={}
    )
    assert str(problem).startswith("presets/lenses/messages/drops/en.md:1:1: a message of a preset goes by its name")


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 200) | st.sampled_from(["A", "lenses", "{{ input.x }}", "4 hours"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["skus", "wait", "type", "default", "about", "id", "rules"]), inner, max_size=4
        )
    ),
    max_leaves=10,
)
KEYS = st.sampled_from(["use", "with", "id", "was", "conditions", "any_of", "stop_if", "enabled", "holdout", "rule"])


@given(st.dictionaries(KEYS, VALUES), st.dictionaries(KEYS, VALUES))
def test_no_use_and_no_overlay_makes_the_loader_raise(use: dict[str, object], overlay: dict[str, object]) -> None:
    text = yaml.safe_dump({"rules": [{"use": "lenses", **use}], "overlays": [{"rule": "lenses", **overlay}]})
    rules, problems = load(text)
    assert rules or problems


@given(st.dictionaries(st.sampled_from(["version", "name", "about", "inputs", "rules"]), VALUES))
def test_no_preset_makes_the_loader_raise(written: dict[str, object]) -> None:
    text = yaml.safe_dump({**yaml.safe_load(LENSES.replace("!input ", "")), **written})
    _, problems = load("rules: []", using=preset(text, own=True))
    assert all(problem.startswith("presets/lenses/") for problem in problems)


# Overlays -----------------------------------------------------------------------------------------------------

SHARED = """\
rules:
  - id: late
    trigger: order.shipped
    wait: 5 business days
    cooldown: 2 days
    actions: [ add_note: Late ]
  - use: lenses
    with: { skus: A }
"""


def test_an_overlay_in_another_file_replaces_keys_and_takes_some_away() -> None:
    rules, problems = load(SHARED, "overlays:\n  - rule: late\n    wait: 3 business days\n    cooldown: null\n")
    assert problems == []
    assert rules["late"].steps[0].wait == Duration(3, "business days")
    assert (rules["late"].cooldown, rules["late"].where) == (None, "a.yaml:3")


def test_an_overlay_changes_the_rules_of_a_use_and_several_follow_each_other() -> None:
    overlays = """\
    overlays:
      - rule: lenses
        wait: 3 days
      - rule: lenses
        send_between: null
        actions: [ add_note: "{{ input.tone }}" ]
    """
    rules, problems = load(SHARED, overlays)
    assert problems == []
    (step,) = rules["lenses"].steps
    assert (step.wait, step.send_between, step.actions[0].kind) == (Duration(3, "days"), None, "add_note")
    assert rules["lenses"].preset == "lenses"


@pytest.mark.parametrize(
    ("overlay", "problem"),
    [
        ("rule: lat", "3:11: overlay 'lat', rule: there is no rule 'lat'; did you mean 'late'?"),
        ("rule: late\n    id: other", "4:5: overlay 'late': an overlay cannot replace 'id': write a rule of its own"),
        ("rule: late\n    trigger: order.paid", "4:5: overlay 'late': an overlay cannot replace 'trigger'"),
        ("rule: late\n    wiat: 3", "4:5: overlay 'late': there is no key 'wiat'; did you mean 'wait'?"),
        ("rule: late\n    wait: soon", "4:11: overlay 'late', wait: 'soon' is not a wait."),
        ("rule: late\n    actions: null", "3:5: overlay 'late': 'actions' is missing (or 'steps', for several)"),
        ("wait: 3 days", "3:5: overlays.0: say of which rule: 'rule: its-id', and what to replace in it"),
    ],
)
def test_a_mistake_in_an_overlay_is_told_in_its_file(overlay: str, problem: str) -> None:
    _, problems = load(SHARED, f"overlays:\n  - {overlay}\n")
    assert any(each.startswith(f"b.yaml:{problem}") for each in problems), problems


def test_a_file_has_rules_or_overlays() -> None:
    assert load(SHARED, "")[1] == ["b.yaml:1:1: 'rules' is missing"]
