"""Rule files to rules: everything is compiled and checked before anything runs, and every mistake is told at once.

Pure: the files' texts go in, and so do the actions, channels, windows and templates that rules may name.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import NamedTuple

from msgspec import Struct

from rules.conditions import ConditionProblem, Conditions, compile_conditions, compile_stop_if
from rules.document import Document, Path, Problem, parse
from rules.events import PARCEL_TRIGGERS
from rules.filling import never_filled
from rules.inputs import INPUT_KINDS, Given, told_types
from rules.preset import (
    NOT_BY_OVERLAY,
    Messages,
    Preset,
    PresetFiles,
    TextFile,
    examples,
    fill_in,
    is_of,
    merged,
    read_preset,
    use,
)
from rules.rule import Action, Rule, Step
from rules.schema import (
    ONE_EACH,
    WAITS,
    ActionSpec,
    DaysBeforeSpec,
    Mark,
    PerUnitSpec,
    RuleFile,
    RuleSpec,
    StepSpec,
    UntilSpec,
    as_duration,
    marked,
)
from rules.template_check import check_message, check_text, goes_by_whatsapp
from rules.template_language import IN_MESSAGES, PROVIDED
from rules.timing import Window, parse_window
from rules.validation import did_you_mean, validate, validate_part
from rules.waits import DaysBefore, PerUnit, StepWait, Until, why_not_here

Templates = Mapping[str, Mapping[str, str]]
"""The text of each Markdown template, by its name and then by its locale."""

NO_PRESETS: Mapping[str, PresetFiles] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class _Known:
    """What all rules may name, and what has come up so far; `not_used` are the ids of uses that give no rules."""

    actions: Mapping[str, type[ActionSpec]]
    channels: Collection[str]
    windows: Mapping[str, Window]
    templates_dir: str
    problems: list[Problem] = field(default_factory=list)
    not_used: list[str] = field(default_factory=list)


class _Written(NamedTuple):
    """A rule as it is written at a place in a document, and what it may name there."""

    document: Document
    path: Path
    data: object
    templates: Messages
    preset: str | None = None
    inputs: Mapping[str, Given] = {}


@dataclass(frozen=True, slots=True)
class _Draft:
    """A rule that is being read, and the names that its actions have provided so far."""

    written: _Written
    known: _Known
    provided: set[str] = field(default_factory=set)

    @property
    def document(self) -> Document:
        return self.written.document

    def problem(self, path: Path, message: str, *, key: bool = False) -> None:
        self.known.problems.append(self.document.problem(path, message, key=key))


def load_rules(
    files: Mapping[str, str],
    *,
    actions: Mapping[str, type[ActionSpec]],
    channels: Collection[str],
    windows: Mapping[str, Window],
    templates: Messages,
    templates_dir: str = "templates",
    presets: Mapping[str, PresetFiles] = NO_PRESETS,
) -> tuple[tuple[Rule, ...], list[Problem]]:
    """The rules of these files (name → text), and the mistakes: sorted, each once. A rule with a mistake is left out.

    `channels` are all names that `via` may give, `platform` among them; `windows` those that `send_between` may.
    All templates are checked, used or not; of `presets`, by their names, the shop's own. One that is not there is to be
    written in `templates_dir`.
    """
    known = _Known(actions, channels, windows, templates_dir)
    right = {name: _read(preset, known) for name, preset in presets.items() if preset.own}
    documents = [parse(text, file) for file, text in files.items()]
    found: dict[str, tuple[_Written, Rule]] = {}
    places: dict[str, str] = {}
    for document in documents:
        _check_file(document, known.problems)
        for written in _written(document, presets, right, templates, known):
            rule = _rule(written, known)
            if _has_its_own_id(written, places, known.problems) and rule is not None:
                found[rule.id] = written, rule
    for document in documents:
        for position, overlay in _entries(document.data, "overlays"):
            _lay_over(document, ("overlays", position), overlay, found, places, known)
    for texts in templates.values():
        known.problems.extend(_mistakes_in(texts, IN_MESSAGES))
    return tuple(rule for _, rule in found.values()), sorted(set(known.problems))


def load_rule(
    source: str,
    *,
    actions: Mapping[str, type[ActionSpec]],
    channels: Collection[str],
    windows: Mapping[str, Window],
    templates: Templates,
) -> Rule | list[Problem]:
    """A rule from the `source` of one that was loaded before; or why it does not fit what is known by now."""
    known = _Known(actions, channels, windows, "templates")
    document = parse(f'{{"rules": [{source}]}}', "as it was")  # JSON is YAML
    data = json.loads(source)
    used = data.pop("preset", {"name": None, "inputs": {}})
    inputs = {name: Given(*given) for name, given in used["inputs"].items()}
    messages = {
        name: {locale: TextFile(f"{name}/{locale}.md", text) for locale, text in texts.items()}
        for name, texts in templates.items()
    }
    rule = _rule(_Written(document, ("rules", 0), data, messages, used["name"], inputs), known)
    return rule if rule is not None else sorted(set(known.problems))


def check_preset(
    files: PresetFiles,
    *,
    actions: Mapping[str, type[ActionSpec]],
    channels: Collection[str],
    windows: Mapping[str, Window],
) -> list[Problem]:
    """The mistakes of a preset, with any inputs: sorted, each once."""
    known = _Known(actions, channels, windows, "templates")
    messages = {
        name: {locale: each._replace(ships=False) for locale, each in texts.items()}
        for name, texts in files.messages.items()
    }
    _read(files._replace(own=True, messages=messages), known)
    return sorted(set(known.problems))


def _check_file(document: Document, problems: list[Problem]) -> None:
    validate(document, RuleFile, problems)
    data = {} if document.data is None else document.data
    if document.readable and isinstance(data, dict) and not data.keys() & {"rules", "overlays"}:
        problems.append(document.problem((), "'rules' is missing"))


def _entries(data: object, key: str) -> list[tuple[int, object]]:
    """The entries of a list in a mapping, with their positions; none if there is no such list."""
    entries = data.get(key) if isinstance(data, dict) else None
    return list(enumerate(entries)) if isinstance(entries, list) else []


def _has_its_own_id(written: _Written, places: dict[str, str], problems: list[Problem]) -> bool:
    """Whether no rule before it, in any file, has its id; a problem names both places."""
    name = written.data.get("id") if isinstance(written.data, dict) else None
    if not isinstance(name, str):
        return True
    document = written.document
    mark = document.mark((*written.path, "id"))
    here = f"{document.file}:{mark.line}:{mark.column}"
    first = places.setdefault(name, here)
    if first != here:
        message = f"there is a rule '{name}' already, at {first}; give this one another id"
        problems.append(Problem(document.file, *mark, message))
    return first == here


# --- presets and overlays ---------------------------------------------------------------------------------


def _read(files: PresetFiles, known: _Known) -> Preset | None:
    """A preset, or None if anything in it is wrong. One of the shop's own is looked at as if it were used."""
    before = len(known.problems)
    preset = read_preset(files, known.problems)
    if preset is None or not files.own:
        return preset
    inputs = examples(preset)
    filled = [fill_in(rule, inputs).rule for rule in preset.rules]
    document = replace(preset.document, data={"rules": filled})
    for position, rule in enumerate(filled):
        _rule(_Written(document, ("rules", position), rule, preset.messages, preset.name, inputs), known)
    for texts in preset.messages.values():
        known.problems.extend(_mistakes_in(texts, IN_MESSAGES))
    return preset if len(known.problems) == before else None


def _written(
    document: Document,
    presets: Mapping[str, PresetFiles],
    right: dict[str, Preset | None],
    templates: Messages,
    known: _Known,
) -> Iterator[_Written]:
    """The rules of a document: those that stand there, and those of the presets that it uses. `right` keeps presets
    that have been read; None is one that has mistakes.
    """
    for position, data in _entries(document.data, "rules"):
        path: Path = ("rules", position)
        if not isinstance(data, dict) or "use" not in data:
            yield _Written(document, path, data, templates)
            continue
        name = str(data["use"])
        if name not in presets:
            hint = did_you_mean(name, presets) or f"; there are {', '.join(presets) or 'none'}"
            known.problems.append(document.problem((*path, "use"), f"there is no preset '{name}'{hint}"))
        elif name not in right:
            right[name] = _read(presets[name], known)
        preset = right.get(name)
        if preset is None:
            known.not_used.append(str(data.get("id", name)))
            continue
        for each in use(document, path, data, preset, known.problems):
            yield _Written(each.document, path, each.rule, merged(preset.messages, templates), name, each.inputs)


def _lay_over(
    document: Document,
    path: Path,
    overlay: object,
    found: dict[str, tuple[_Written, Rule]],
    places: Collection[str],
    known: _Known,
) -> None:
    """Replace what an overlay says of a rule; what is none there goes."""
    name = overlay.get("rule") if isinstance(overlay, dict) else None
    if not isinstance(overlay, dict) or not isinstance(name, str):
        known.problems.append(document.problem(path, "say of which rule: 'rule: its-id', and what to replace in it"))
        return
    if name not in places and not any(is_of(used, name) for used in known.not_used):
        hint = did_you_mean(name, places) or f"; there are {', '.join(places) or 'none'}"
        known.problems.append(document.problem((*path, "rule"), f"there is no rule '{name}'{hint}"))
    for key in NOT_BY_OVERLAY:
        if key in overlay:
            message = f"an overlay cannot replace '{key}': write a rule of its own"
            known.problems.append(document.problem((*path, key), message, key=True))
    if name not in found or overlay.keys() & {*NOT_BY_OVERLAY}:
        return
    written, before = found[name]
    assert isinstance(written.data, dict)
    data = {**written.data, **{key: value for key, value in overlay.items() if key != "rule"}}
    kept = {key: value for key, value in data.items() if value is not None}
    laid = written._replace(document=document, path=path, data=kept)
    rule = _rule(laid, known)
    if rule is not None:
        found[name] = laid, replace(rule, where=before.where)


# --- one rule ---------------------------------------------------------------------------------------------


def _rule(written: _Written, known: _Known) -> Rule | None:
    """The compiled rule, or None if anything in it is wrong. All its parts are looked at in any case."""
    document, path, data = written.document, written.path, written.data
    draft = _Draft(written, known, {"input"} if written.preset is not None else set())
    problems = known.problems
    before = len(problems)
    spec = validate_part(document, path, data, RuleSpec, problems)
    if not isinstance(data, dict):
        return None
    _refuse_empty(draft, path, data)
    conditions, stop_if, hold_while = _conditions(draft, path, data)
    if spec is not None:
        draft.provided.update(filter(None, [ONE_EACH.get(spec.trigger.text)]))
        conditions = _with_keyword(conditions, spec.trigger.keyword)
        _refuse_empty_fields(draft, path, data, spec.trigger.text)
    steps = _steps(draft, path, data)
    if spec is not None:
        _refuse_once_per(draft, path, spec)
        _check_waits(draft, path, spec, steps)
    if spec is None or len(problems) > before:
        return None
    return Rule(
        id=spec.id,
        name=spec.name or spec.id,
        trigger=spec.trigger.text,
        concluded=spec.trigger.concluded,
        platform=spec.platform,
        steps=steps,
        conditions=conditions,
        stop_if=stop_if,
        hold_while=hold_while,
        once_per=spec.subject,
        enabled=spec.enabled,
        cooldown=spec.cooldown,
        expires_after=spec.expires_after,
        backfill=spec.backfill,
        max_per_run=spec.max_per_run,
        holdout=spec.holdout,
        priority=spec.priority,
        urgent=spec.urgent,
        in_flight=spec.in_flight,
        was=spec.was,
        preset=written.preset,
        inputs=written.inputs,
        version=_version(data, steps, written.inputs),
        source=_source(written, data),
        where=f"{document.file}:{document.mark(path).line}",
    )


def _source(written: _Written, data: Mapping[str, object]) -> str:
    """All that `load_rule` needs to make the rule anew, whatever becomes of its preset."""
    used = {"preset": {"name": written.preset, "inputs": written.inputs}} if written.preset is not None else {}
    return json.dumps({**data, **used}, ensure_ascii=False)


def _refuse_empty(draft: _Draft, path: Path, data: Mapping[str, object]) -> None:
    """A key without a value was meant to have one: an empty `stop_if` would never stop anything."""
    known = {*RuleSpec.model_fields, *StepSpec.model_fields}
    for name, value in data.items():
        if value is None and name in known:
            draft.problem((*path, name), f"'{name}' is empty; give it a value or leave it out", key=True)


def _conditions(draft: _Draft, path: Path, data: Mapping[str, object]) -> tuple[Conditions, Conditions, Conditions]:
    """What must hold, what ends the follow-up, and what holds it up."""
    mistakes: list[ConditionProblem] = []
    conditions = compile_conditions(data.get("conditions"), data.get("any_of"), data.get("none_of"), mistakes)
    stop_if = compile_stop_if(data.get("stop_if"), mistakes)
    hold_while = compile_stop_if(data.get("hold_while"), mistakes, "hold_while")
    for where, message in mistakes:
        mark = draft.document.mark((*path, *where), key=True)
        draft.known.problems.append(draft.document.problem_at(mark, (*path, *where), message))
    return conditions, stop_if, hold_while


def _refuse_once_per(draft: _Draft, path: Path, spec: RuleSpec) -> None:
    """What a trigger never is one of, a rule with it cannot act once for."""
    if spec.once_per == "occurrence" and not spec.trigger.comes_round:
        draft.problem((*path, "once_per"), "only a schedule comes round: 'occurrence' goes with no other trigger")
    for trigger, noun in ONE_EACH.items():
        if spec.once_per == noun and spec.trigger.text != trigger:
            draft.problem((*path, "once_per"), f"'{noun}' goes with 'trigger: {trigger}' alone")


def _with_keyword(conditions: Conditions, keyword: str | None) -> Conditions:
    """The conditions, and that the note which sets the rule off contains this word."""
    if keyword is None:
        return conditions
    contains = compile_conditions({"note.text": {"contains": keyword}}, None, None, [])
    return replace(conditions, all_of=(*conditions.all_of, *contains.all_of))


def _refuse_empty_fields(draft: _Draft, path: Path, data: Mapping[str, object], trigger: str) -> None:
    for where, group in _groups(data):
        for name in group:
            if (why := never_filled(str(name), trigger)) is not None:
                draft.problem((*path, *where, name), why, key=True)


def _groups(data: Mapping[str, object]) -> Iterator[tuple[Path, Mapping[str, object]]]:
    """The rule's conditions as they are written, a mapping at a time."""
    for key in ("conditions", "any_of", "none_of", "stop_if", "hold_while"):
        written = data.get(key)
        if isinstance(written, dict):
            yield (key,), written
        yield from (((key, at), group) for at, group in _entries(data, key) if isinstance(group, dict))


# --- steps ------------------------------------------------------------------------------------------------

_SHORT_FORM = ("wait", "send_between", "actions")


def _steps(draft: _Draft, path: Path, data: Mapping[str, object]) -> tuple[Step, ...]:
    """The rule's steps. Its short form, without `steps`, is one step."""
    if "steps" not in data:
        if "actions" not in data:
            draft.problem(path, "'actions' is missing (or 'steps', for several)")
        only = _step(draft, path, {name: data[name] for name in _SHORT_FORM if name in data}, 1)
        return (only,) if only else ()
    for name in _SHORT_FORM:
        if name in data:
            draft.problem((*path, name), f"'{name}' belongs in the steps, as there are 'steps'", key=True)
    steps: list[Step] = []
    for index, entry in _entries(data, "steps"):
        where = (*path, "steps", index)
        validate_part(draft.document, where, entry, StepSpec, draft.known.problems)
        if isinstance(entry, dict):
            _refuse_empty(draft, where, entry)
            if step := _step(draft, where, entry, index + 1):
                steps.append(step)
    _refuse_twins(draft, path, steps)
    return tuple(steps)


def _refuse_twins(draft: _Draft, path: Path, steps: Sequence[Step]) -> None:
    """What was done is remembered by a step's id, so two steps cannot share one."""
    first: dict[str, int] = {}
    for step in steps:
        if first.setdefault(step.id, step.position) != step.position:
            message = f"step {first[step.id]} has the id '{step.id}' already; give this one another"
            draft.problem((*path, "steps", step.position - 1, "id"), message)


def _step(draft: _Draft, path: Path, data: dict[str, object], position: int) -> Step | None:
    """A step, whose own keys have been checked, with its wait, window and actions; None if a key was wrong."""
    actions = [_action(draft, (*path, "actions", index), entry) for index, entry in _entries(data, "actions")]
    wait = _wait(draft, (*path, "wait"), data.get("wait"))
    window = _window(draft, path, data.get("send_between"))
    spec = validate_part(draft.document, path, data, StepSpec, [])
    if spec is None:
        return None
    right = tuple(action for action in actions if action is not None)
    return Step(spec.id or str(position), position, wait, window, right)


def _wait(draft: _Draft, path: Path, written: object) -> StepWait | None:
    """`wait`: a duration, or a mapping that says what is waited for."""
    if isinstance(written, dict):
        return _reckoned_wait(draft, path, written)
    if written is None:
        return None
    try:
        return as_duration(written)
    except ValueError as error:
        draft.problem(path, str(error))
        return None


def _reckoned_wait(draft: _Draft, path: Path, written: dict[str, object]) -> StepWait | None:
    key = next((name for name in WAITS if name in written), None)
    if key is None:
        draft.problem(path, _no_wait(written))
        return None
    others = {name for model in WAITS.values() for name in model.model_fields} - WAITS[key].model_fields.keys()
    mixed = others & written.keys()
    for name in mixed:
        draft.problem((*path, name), f"'{name}' does not go with '{key}'; write one or the other", key=True)
    right = {name: value for name, value in written.items() if name not in others}
    spec = validate_part(draft.document, path, right, WAITS[key], draft.known.problems)
    if mixed:
        return None
    match spec:
        case PerUnitSpec(per_unit=per_unit, minus=minus):
            return PerUnit(per_unit, minus)
        case UntilSpec(until=until):
            return Until(until)
        case DaysBeforeSpec(days_before=field, days=days, until=until):
            return DaysBefore(field, days, until)
    return None


def _no_wait(written: Mapping[str, object]) -> str:
    for name in written:
        if name in ("minus", "days"):
            return f"'{'per_unit' if name == 'minus' else 'days_before'}' is missing beside '{name}'"
        if hint := did_you_mean(name, WAITS):
            return f"there is no key '{name}'{hint}"
    return f"write a duration, such as '4 hours', or one of {', '.join(WAITS)}"


def _check_waits(draft: _Draft, path: Path, spec: RuleSpec, steps: Sequence[Step]) -> None:
    """A wait that is reckoned from a line or a parcel needs a rule that is about one."""
    of_parcel = spec.subject == "shipment" or spec.trigger.text in PARCEL_TRIGGERS
    for step in steps:
        why_not = why_not_here(step.wait, of_item=spec.subject == "line_item", of_parcel=of_parcel)
        if why_not is None and isinstance(step.wait, DaysBefore):
            why_not = never_filled(step.wait.field, spec.trigger.text)
        if why_not is not None:
            where = (*path, "wait") if spec.steps is None else (*path, "steps", step.position - 1, "wait")
            draft.problem(where, why_not)


def _window(draft: _Draft, path: Path, written: object) -> Window | None:
    """`send_between`: a window that the configuration names, or one written out."""
    windows = draft.known.windows
    if not isinstance(written, str) or written in windows:
        return windows.get(str(written))
    try:
        return parse_window(written)
    except ValueError as error:
        message, hint = str(error), did_you_mean(written, windows)
        if hint or not any(sign.isdigit() for sign in written):
            hint = hint or "; write hours, such as 09:00-18:00, or a name"
            message = f"there is no '{written}' in the configuration{hint}"
        draft.problem((*path, "send_between"), message)
        return None


# --- actions ----------------------------------------------------------------------------------------------


def _action(draft: _Draft, path: Path, entry: object) -> Action | None:
    """One entry of `actions`: a mapping of one key, the action's name."""
    document, known = draft.document, draft.known
    if not isinstance(entry, dict) or len(entry) != 1:
        draft.problem(path, _not_one_action(entry, known))
        return None
    kind, data = next(iter(entry.items()))
    model = known.actions.get(kind)
    if model is None:
        hint = did_you_mean(kind, known.actions) or f"; there are {', '.join(known.actions)}"
        draft.problem((*path, kind), f"there is no action '{kind}'{hint}", key=True)
        return None
    whole = {} if data is None else data
    if model.shorthand and data is not None and not isinstance(data, dict):
        whole = {model.shorthand: data}
    spec = validate_part(document, (*path, kind), whole, model, known.problems)
    if spec is not None:
        _check_marked(draft, (*path, kind), spec)
    draft.provided.update(model.provides)
    return Action(kind, spec, model.to_customer, model.to_staff) if spec is not None else None


def _not_one_action(entry: object, known: _Known) -> str:
    if isinstance(entry, dict) and entry:
        return f"an entry is one action, and this has {' and '.join(entry)}; begin each with its own '-'"
    if isinstance(entry, str) and entry in known.actions:
        return f"'{entry}' needs to be told what to do: write '{entry}: …'"
    return "write an action and what it needs, such as 'add_note: Hello'"


def _check_marked(draft: _Draft, path: Path, spec: ActionSpec) -> None:
    """The texts, channels and template names of an action."""
    document, known, templates = draft.document, draft.known, draft.written.templates
    inputs = told_types(draft.written.inputs) if draft.written.preset is not None else None
    provided = draft.provided & IN_MESSAGES if spec.to_customer else draft.provided
    for where, text in marked(spec, Mark.TEXT):
        place = document.known_part((*path, *where))
        for flaw in check_text(text, provided, inputs=inputs):
            mark = document.mark_inside(place, flaw.line, flaw.column)
            known.problems.append(document.problem_at(mark, place, flaw.message))
    for where, name in marked(spec, Mark.CHANNEL):
        if name not in known.channels:
            hint = did_you_mean(name, known.channels) or f"; there are {', '.join(sorted(known.channels))}"
            draft.problem(document.known_part((*path, *where)), f"there is no channel '{name}'{hint}")
    for where, name in marked(spec, Mark.TEMPLATE):
        if not templates.get(name):
            hint = did_you_mean(name, templates.keys() - {name})
            message = f"there is no template '{name}'{hint or f'; write {known.templates_dir}/{name}/en.md'}"
            draft.problem(document.known_part((*path, *where)), message)
            continue
        user = document.describe(path[:2])
        found = set(_mistakes_in(templates[name], provided, inputs))
        for problem in found.difference(_mistakes_in(templates[name], IN_MESSAGES)) if found else ():
            known.problems.append(problem._replace(message=f"{problem.message}, and {user} uses this template"))
    _check_whatsapp(draft, path, spec)


def _check_whatsapp(draft: _Draft, path: Path, spec: ActionSpec) -> None:
    """WhatsApp takes approved templates only, so what is to go by it has to name one."""
    known = draft.written.templates
    templates = [name for _, name in marked(spec, Mark.TEMPLATE)]
    if all(name in known and goes_by_whatsapp(_texts(known[name])) for name in templates or [""]):
        return
    cure = f"add 'whatsapp:' to the front matter of template '{templates[0]}'" if templates else "use a 'template'"
    for where, name in marked(spec, Mark.CHANNEL):
        if name == "whatsapp" and all(known.get(template) for template in templates):
            message = f"WhatsApp takes approved templates only, and none is named here; {cure}"
            draft.problem(draft.document.known_part((*path, *where)), message)


def _texts(files: Mapping[str, TextFile]) -> dict[str, str]:
    return {locale: each.text for locale, each in files.items()}


def _mistakes_in(
    files: Mapping[str, TextFile], provided: Collection[str], inputs: type[Struct] | None = None
) -> Iterator[Problem]:
    """The mistakes of a Markdown template in all its languages. What ships can only lack what nothing provides."""
    for each in files.values():
        if each.ships and all(name in provided or name not in each.text for name in PROVIDED):
            continue
        yield from check_message(each.text, each.file, provided, inputs)


# --- version ----------------------------------------------------------------------------------------------

_NOT_WHAT_IT_DOES = frozenset({"id", "name", "enabled", "in_flight", "was"})
_IN_STEPS = frozenset({"steps", *_SHORT_FORM})


def _version(data: Mapping[str, object], steps: Sequence[Step], inputs: Mapping[str, Given]) -> str:
    """SHA-256 over what the rule does, whichever form it is written in; what messages are told is part of it.

    How far back it reaches stands behind a '+', so that two rules can be told to do the same but for that.
    """
    reach = f"+{data['backfill']}" if "backfill" in data else ""
    entries = [entry for _, entry in _entries(data, "steps")] or [data]
    content: dict[str, object] = {
        "rule": {name: data[name] for name in data.keys() - _NOT_WHAT_IT_DOES - _IN_STEPS - {"backfill"}},
        "steps": [
            {
                "id": step.id,
                "wait": str(step.wait),
                "send_between": written.get("send_between") if isinstance(written, Mapping) else None,
                "actions": [
                    {action.kind: action.spec.model_dump(mode="json", exclude_unset=True)} for action in step.actions
                ],
            }
            for step, written in zip(steps, entries, strict=True)
        ],
    }
    if said := {name: each.value for name, each in inputs.items() if INPUT_KINDS[each.kind].told is not None}:
        content["inputs"] = said
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest() + reach
