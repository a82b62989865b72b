"""Presets: ready rules with messages and typed inputs, and what becomes of them where a rule file uses one.

A preset's rules are YAML in which `!input name` stands for values. Using it fills them in; what stands beside `use` is
laid over each rule. What comes out is written as any rule is, so from there on nothing is special about it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BeforeValidator, Field

from rules.document import Document, Path, Placeholder, Problem, parse
from rules.inputs import INPUT_KINDS, Given, Kind, Plain, read_input
from rules.schema import RuleSpec, Slug, Strict
from rules.validation import did_you_mean, known_version, validate, validate_part


class TextFile(NamedTuple):
    """A text, and the file that it stands in. One that `ships` with Aftersale has no mistake in itself."""

    file: str
    text: str
    ships: bool = False


Messages = Mapping[str, Mapping[str, TextFile]]
"""Markdown templates by name, each by locale."""

WrittenRule = dict[str, object]
"""A rule as it stands in YAML."""


class PresetFiles(NamedTuple):
    """A preset as it is written. `own` is false of those that come with Aftersale: there is no mistake in them."""

    name: str
    definition: TextFile
    messages: Messages
    own: bool


class InputSpec(Strict):
    """What a preset asks for."""

    type: Kind = Field(description="What kind of value it takes.")
    about: str = Field(description="What it is for, in a sentence.")
    default: Any = Field(None, description="The value that it has unless told; null, if it may be left out.")
    options: tuple[str, ...] = Field((), description="What a choice may be.")

    @property
    def must_be_given(self) -> bool:
        return "default" not in self.model_fields_set


class PresetFile(Strict):
    """A preset: rules that take inputs."""

    version: Annotated[Literal[1], BeforeValidator(partial(known_version, newest=1))] = Field(
        description="The version of this format: 1."
    )
    name: str = Field(description="What people call it, in a line.")
    about: str = Field(description="What it does, for who has a shop, in a paragraph.")
    inputs: dict[str, Any] = Field({}, description="What it asks for, by name.")
    rules: list[Any] = Field(min_length=1, description="The rules; `!input name` stands for an input's value.")


@dataclass(frozen=True, slots=True)
class Preset:
    """A preset that has been read: what it asks for, by name, and its rules, of which each is a mapping."""

    name: str
    title: str
    about: str
    document: Document
    inputs: Mapping[str, InputSpec]
    rules: tuple[WrittenRule, ...]
    messages: Messages


def merged(messages: Messages, own: Messages) -> Messages:
    """All messages; a shop's own file stands in place of the preset's in that language."""
    return {name: {**messages.get(name, {}), **own.get(name, {})} for name in {**messages, **own}}


# Reading one --------------------------------------------------------------------------------------------------


def read_preset(files: PresetFiles, problems: list[Problem]) -> Preset | None:
    """The preset, or None with `problems` appended. Its rules are not looked into yet."""
    before = len(problems)
    document = parse(files.definition.text, files.definition.file, placeholders=True)
    spec = validate(document, PresetFile, problems)
    data = document.data if isinstance(document.data, dict) else {}
    asked = data.get("inputs")
    inputs = {
        name: read
        for name, written in (asked.items() if isinstance(asked, dict) else ())
        if (read := _input(document, name, written, problems)) is not None
    }
    for path, name in _placeholders(data.get("rules"), ("rules",)):
        if name not in (asked if isinstance(asked, dict) else ()):
            hint = did_you_mean(name, inputs) or "; name it under 'inputs'"
            problems.append(document.problem(path, f"there is no input '{name}'{hint}"))
    _check_names(files, document, data.get("rules"), problems)
    if spec is None or len(problems) > before:
        return None
    return Preset(files.name, spec.name, spec.about, document, inputs, tuple(spec.rules), files.messages)


def _input(document: Document, name: str, written: object, problems: list[Problem]) -> InputSpec | None:
    path: Path = ("inputs", name)
    spec = validate_part(document, path, written, InputSpec, problems)
    if not re.fullmatch("[a-z][a-z0-9_]*", name):
        message = f"'{name}' can't be called in messages: write small letters, digits and '_'"
        problems.append(document.problem(path, message, key=True))
    if spec is None:
        return None
    if (spec.type == "choice") != bool(spec.options):
        sentence = "a choice has 'options: [this, that]'" if spec.type == "choice" else "only a choice has 'options'"
        problems.append(document.problem(path, sentence))
    elif spec.default is not None:
        try:
            read_input(spec.type, spec.options, spec.default)
        except ValueError as error:
            problems.append(document.problem((*path, "default"), str(error)))
    return spec


def _placeholders(value: object, path: Path) -> Iterator[tuple[Path, str]]:
    """Where inputs stand in, and which."""
    if isinstance(value, Placeholder):
        yield path, value.name
    elif isinstance(value, dict):
        for key, entry in value.items():
            yield from _placeholders(entry, (*path, key))
    elif isinstance(value, list):
        for position, entry in enumerate(value):
            yield from _placeholders(entry, (*path, position))


def _check_names(files: PresetFiles, document: Document, rules: object, problems: list[Problem]) -> None:
    """Rules and messages go by the preset's name, so that no two presets have the same."""
    seen: set[str] = set()
    for position, rule in enumerate(rules if isinstance(rules, list) else ()):
        if not isinstance(rule, dict):
            problems.append(document.problem(("rules", position), "expected keys with values"))
            continue
        name = rule.get("id")
        if not (isinstance(name, str) and is_of(files.name, name)):
            problems.append(document.problem(("rules", position, "id"), _misnamed(files.name, "a rule")))
        elif name in seen:
            problems.append(document.problem(("rules", position, "id"), f"there is a rule '{name}' already"))
        seen.add(str(name))
    for name, texts in files.messages.items():
        if not is_of(files.name, name):
            problems.extend(Problem(each.file, 1, 1, _misnamed(files.name, "a message")) for each in texts.values())


def is_of(preset: str, name: str) -> bool:
    """Whether this is the id of one of a preset's rules, or the name of one of its messages."""
    return name == preset or name.startswith(f"{preset}-")


def _misnamed(preset: str, what: str) -> str:
    return f"{what} of a preset goes by its name: '{preset}', or '{preset}-…'"


# Filling it in ------------------------------------------------------------------------------------------------


class Filled(NamedTuple):
    """A preset's rule with its inputs in place. `came_from` has, by path, the input that a value is of."""

    rule: WrittenRule
    came_from: Mapping[Path, str]


def fill_in(rule: WrittenRule, inputs: Mapping[str, Given]) -> Filled:
    """The rule with these inputs. Where one was left out, its key goes, and with its last key what held it."""
    came_from: dict[Path, str] = {}
    filled = _filled(rule, (), inputs, came_from)
    return Filled(filled if isinstance(filled, dict) else {}, came_from)


_GONE = object()


def _filled(value: object, path: Path, inputs: Mapping[str, Given], came_from: dict[Path, str]) -> object:
    if isinstance(value, Placeholder):
        came_from[path] = value.name
        given = inputs[value.name].value
        return _GONE if given is None else given
    if isinstance(value, dict):
        entries = {key: _filled(entry, (*path, key), inputs, came_from) for key, entry in value.items()}
        kept = {key: entry for key, entry in entries.items() if entry is not _GONE}
        return kept if kept or not value else _GONE
    if isinstance(value, list):
        left: list[object] = []
        for entry in value:
            filled = _filled(entry, (*path, len(left)), inputs, came_from)
            left += [filled] if filled is not _GONE else []
        return left if left or not value else _GONE
    return value


def examples(preset: Preset) -> dict[str, Given]:
    """Inputs with which a preset can be looked at: its defaults, and values that fit, but for names of the shop's."""
    return {name: Given(spec.type, _example(spec)) for name, spec in preset.inputs.items()}


def _example(spec: InputSpec) -> Plain:
    if spec.default is not None and spec.type not in ("window", "channels"):
        return read_input(spec.type, spec.options, spec.default)
    return spec.options[0] if spec.options else INPUT_KINDS[spec.type].example


# Using it -----------------------------------------------------------------------------------------------------

LAID_OVER = (
    "enabled",
    "cooldown",
    "expires_after",
    "backfill",
    "max_per_run",
    "holdout",
    "priority",
    "urgent",
    "in_flight",
    "platform",
)
"""What may stand beside `use`, in place of what the preset's rules say."""

ADDED = ("conditions", "any_of", "none_of", "stop_if")
"""What may stand there besides what they say."""

NOT_BY_OVERLAY = ("id", "was", "trigger")
"""What an overlay cannot replace: with another of these, it is another rule."""

BESIDE = ("use", "with", "id", "was", *LAID_OVER, *ADDED)


class Used(NamedTuple):
    """One of the rules that a `use` gives: as it would be written, and in whose document."""

    rule: WrittenRule
    document: Document
    inputs: Mapping[str, Given]


def use(
    document: Document, path: Path, data: Mapping[str, object], preset: Preset, problems: list[Problem]
) -> list[Used]:
    """The rules that this entry of a rule file gives; what is wrong in the entry is added to `problems`, and something
    that fits stands in its place, so that the rest can be looked at.
    """
    _check_keys(document, path, data, preset, problems)
    told = data.get("with", {})
    if not isinstance(told, dict):
        problems.append(document.problem((*path, "with"), "write inputs as 'name: value'"))
        told = {name: _example(spec) for name, spec in preset.inputs.items()}
    for name in sorted(told.keys() - preset.inputs.keys()):
        hint = did_you_mean(name, preset.inputs) or f"; there are {', '.join(preset.inputs) or 'none'}"
        message = f"the preset '{preset.name}' has no input '{name}'{hint}"
        problems.append(document.problem((*path, "with", name), message, key=True))
    inputs = {name: _given(document, path, told, name, spec, problems) for name, spec in preset.inputs.items()}
    used = []
    for written in preset.rules:
        rule, came_from = fill_in(written, inputs)
        at: dict[Path, Path] = {
            (*path, *inner): (*path, "with", name) for inner, name in came_from.items() if name in told
        }
        for key in ("id", "was"):
            if isinstance(data.get(key), str):
                rule[key] = str(data[key]) + str(written["id"]).removeprefix(preset.name)
        _lay_over(document, path, data, rule, at, problems)
        used.append(Used(rule, replace(document, written_at=at), inputs))
    return used


class _Names(Strict):
    id: Slug | None = None
    was: Slug | None = None


def _check_keys(
    document: Document, path: Path, data: Mapping[str, object], preset: Preset, problems: list[Problem]
) -> None:
    for key in data:
        if key in BESIDE:
            continue
        if key in preset.inputs:
            message = f"'{key}' is an input: write it under 'with'"
        elif key in RuleSpec.model_fields:
            message = f"'{key}' cannot stand beside 'use'; an overlay can replace what the preset says"
        else:
            message = f"there is no key '{key}'{did_you_mean(key, BESIDE)}"
        problems.append(document.problem((*path, key), message, key=True))
    validate_part(document, path, {key: data[key] for key in ("id", "was") if key in data}, _Names, problems)


def _given(
    document: Document,
    path: Path,
    told: Mapping[str, object],
    name: str,
    spec: InputSpec,
    problems: list[Problem],
) -> Given:
    """An input as it is told, or its default."""
    takes = " or ".join(spec.options) if spec.options else INPUT_KINDS[spec.type].takes
    may_be_none = not spec.must_be_given and spec.default is None
    here = (*path, "with", name)
    if name not in told and spec.must_be_given:
        message = f"'{name}' has to be given: {takes}. {spec.about.strip()}"
        problems.append(document.problem_at(document.mark((*path, "with")), path, message))
    elif told.get(name, spec.default) is None and not may_be_none:
        problems.append(document.problem(here, f"'{name}' is empty; it takes {takes}", key=True))
    else:
        value = told.get(name, spec.default)
        try:
            return Given(spec.type, read_input(spec.type, spec.options, value) if value is not None else None)
        except ValueError as error:
            problems.append(document.problem(here, str(error)))
    return Given(spec.type, _example(spec))


def _lay_over(
    document: Document,
    path: Path,
    data: Mapping[str, object],
    rule: WrittenRule,
    at: dict[Path, Path],
    problems: list[Problem],
) -> None:
    """Put into the rule what stands beside `use`. Switching on is left to the preset: some rules wait for an input."""
    for key in LAID_OVER:
        if key in data and not (key == "enabled" and data[key] is True):
            rule[key] = data[key]
    for key in ADDED:
        if key not in data:
            continue
        has, more = rule.get(key), data[key]
        if not isinstance(more, dict | list) or has is None:
            rule[key] = more
        elif key == "conditions" and isinstance(has, dict) and isinstance(more, dict):
            for name in has.keys() & more.keys():
                message = f"rule '{rule['id']}' has a condition on it already; an overlay can replace that"
                problems.append(document.problem((*path, key, name), message, key=True))
            rule[key] = {**has, **more}
        elif key == "any_of":
            message = f"rule '{rule['id']}' has an 'any_of' already; an overlay can replace that"
            problems.append(document.problem((*path, key), message, key=True))
        else:
            before, added = _groups(has), _groups(more)
            for position in range(len(added)):
                inner = (position,) if isinstance(more, list) else ()
                at[*path, key, len(before) + position] = (*path, key, *inner)
            rule[key] = before + added


def _groups(conditions: object) -> list[object]:
    """Conditions as a list, of which each entry counts by itself."""
    if isinstance(conditions, dict):
        return [{name: wanted} for name, wanted in conditions.items()]
    return conditions if isinstance(conditions, list) else [conditions]
