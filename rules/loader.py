"""Rule files to rules: everything is compiled and checked before anything runs, and every mistake is told at once.

Pure: the files' texts go in, and so do the actions, channels, windows and templates that rules may name.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType

from rules.compiling import Known, Written, compile_rule, entries, mistakes_in
from rules.document import Document, Path, Problem, parse
from rules.inputs import Given
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
from rules.rule import Rule
from rules.schema import (
    ActionSpec,
    RuleFile,
)
from rules.template_language import IN_MESSAGES
from rules.timing import Window
from rules.validation import did_you_mean, validate

Templates = Mapping[str, Mapping[str, str]]
"""The text of each Markdown template, by its name and then by its locale."""

NO_PRESETS: Mapping[str, PresetFiles] = MappingProxyType({})


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
    known = Known(actions, channels, windows, templates_dir)
    right = {name: _read(preset, known) for name, preset in presets.items() if preset.own}
    documents = [parse(text, file) for file, text in files.items()]
    found: dict[str, tuple[Written, Rule]] = {}
    places: dict[str, str] = {}
    for document in documents:
        _check_file(document, known.problems)
        for written in _written(document, presets, right, templates, known):
            rule = compile_rule(written, known)
            if _has_its_own_id(written, places, known.problems) and rule is not None:
                found[rule.id] = written, rule
    for document in documents:
        for position, overlay in entries(document.data, "overlays"):
            _lay_over(document, ("overlays", position), overlay, found, places, known)
    for texts in templates.values():
        known.problems.extend(mistakes_in(texts, IN_MESSAGES))
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
    known = Known(actions, channels, windows, "templates")
    document = parse(f'{{"rules": [{source}]}}', "as it was")  # JSON is YAML
    data = json.loads(source)
    used = data.pop("preset", {"name": None, "inputs": {}})
    inputs = {name: Given(*given) for name, given in used["inputs"].items()}
    messages = {
        name: {locale: TextFile(f"{name}/{locale}.md", text) for locale, text in texts.items()}
        for name, texts in templates.items()
    }
    rule = compile_rule(Written(document, ("rules", 0), data, messages, used["name"], inputs), known)
    return rule if rule is not None else sorted(set(known.problems))


def check_preset(
    files: PresetFiles,
    *,
    actions: Mapping[str, type[ActionSpec]],
    channels: Collection[str],
    windows: Mapping[str, Window],
) -> list[Problem]:
    """The mistakes of a preset, with any inputs: sorted, each once."""
    known = Known(actions, channels, windows, "templates")
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


def _has_its_own_id(written: Written, places: dict[str, str], problems: list[Problem]) -> bool:
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


def _read(files: PresetFiles, known: Known) -> Preset | None:
    """A preset, or None if anything in it is wrong. One of the shop's own is looked at as if it were used."""
    before = len(known.problems)
    preset = read_preset(files, known.problems)
    if preset is None or not files.own:
        return preset
    inputs = examples(preset)
    filled = [fill_in(rule, inputs).rule for rule in preset.rules]
    document = replace(preset.document, data={"rules": filled})
    for position, rule in enumerate(filled):
        compile_rule(Written(document, ("rules", position), rule, preset.messages, preset.name, inputs), known)
    for texts in preset.messages.values():
        known.problems.extend(mistakes_in(texts, IN_MESSAGES))
    return preset if len(known.problems) == before else None


def _written(
    document: Document,
    presets: Mapping[str, PresetFiles],
    right: dict[str, Preset | None],
    templates: Messages,
    known: Known,
) -> Iterator[Written]:
    """The rules of a document: those that stand there, and those of the presets that it uses. `right` keeps presets
    that have been read; None is one that has mistakes.
    """
    for position, data in entries(document.data, "rules"):
        path: Path = ("rules", position)
        if not isinstance(data, dict) or "use" not in data:
            yield Written(document, path, data, templates)
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
            yield Written(each.document, path, each.rule, merged(preset.messages, templates), name, each.inputs)


def _lay_over(
    document: Document,
    path: Path,
    overlay: object,
    found: dict[str, tuple[Written, Rule]],
    places: Collection[str],
    known: Known,
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
    rule = compile_rule(laid, known)
    if rule is not None:
        found[name] = laid, replace(rule, where=before.where)
