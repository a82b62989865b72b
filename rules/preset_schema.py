"""The JSON Schema of rule files that use presets, and of presets, for editors."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from rules.inputs import INPUT_KINDS
from rules.preset import ADDED, LAID_OVER, NOT_BY_OVERLAY, InputSpec, Preset, PresetFile
from rules.schema import ActionSpec, json_schema, without_noise


def rules_schema(actions: Mapping[str, type[ActionSpec]], presets: Iterable[Preset]) -> dict[str, Any]:
    """The JSON Schema (2020-12) of a rule file with these actions, in which these presets, or others, may be used."""
    schema = json_schema(actions)
    rule = schema["$defs"]["rule"]
    known = {preset.name: _use(rule, preset) for preset in presets}
    names = {"type": "string", "not": {"enum": list(known)}}
    other = _entry(rule, names, {"type": "object", "description": "Its inputs."}, "Use a preset of your own.")
    schema["$defs"]["overlay"] = _overlay(rule)
    schema["properties"]["rules"]["items"] = {"anyOf": [{"$ref": "#/$defs/rule"}, *known.values(), other]}
    schema["properties"]["overlays"]["items"] = {"$ref": "#/$defs/overlay"}
    return schema


def preset_schema(actions: Mapping[str, type[ActionSpec]]) -> dict[str, Any]:
    """The JSON Schema (2020-12) of a preset with these actions. Editors know `!input name` as a text."""
    rules = json_schema(actions)
    definitions = {name: _or_input(each) for name, each in rules["$defs"].items()}
    definitions["input"] = InputSpec.model_json_schema()
    file = PresetFile.model_json_schema()
    file["properties"]["inputs"]["additionalProperties"] = {"$ref": "#/$defs/input"}
    file["properties"]["rules"]["items"] = {"$ref": "#/$defs/rule"}
    whole: dict[str, Any] = without_noise({**file, "$defs": definitions})
    return {"$schema": rules["$schema"], "title": "Aftersale preset", **whole}


def _use(rule: Mapping[str, Any], preset: Preset) -> dict[str, Any]:
    """An entry that uses this preset."""
    inputs = {
        "type": "object",
        "description": "Its inputs.",
        "properties": {name: _input(spec) for name, spec in preset.inputs.items()},
        "required": [name for name, spec in preset.inputs.items() if spec.must_be_given],
        "additionalProperties": False,
    }
    entry = _entry(rule, {"const": preset.name}, inputs, f"{preset.title} {preset.about}")
    return {**entry, "required": ["use", *(["with"] if inputs["required"] else [])]}


def _entry(
    rule: Mapping[str, Any], name: Mapping[str, Any], inputs: Mapping[str, Any], description: str
) -> dict[str, Any]:
    beside = {key: rule["properties"][key] for key in ("id", "was", *LAID_OVER, *ADDED)}
    return {
        "type": "object",
        "description": " ".join(description.split()),
        "properties": {"use": {**name, "description": "The preset."}, "with": inputs, **beside},
        "required": ["use"],
        "additionalProperties": False,
    }


def _input(spec: InputSpec) -> dict[str, Any]:
    schema: dict[str, Any] = {"description": spec.about.strip(), **INPUT_KINDS[spec.type].schema}
    if spec.options:
        schema = {"description": spec.about.strip(), "enum": list(spec.options)}
    if spec.default is not None:
        schema["default"] = spec.default
    return schema


def _overlay(rule: Mapping[str, Any]) -> dict[str, Any]:
    replaced = {
        key: {"description": each.get("description", ""), "anyOf": [each, {"type": "null"}]}
        for key, each in rule["properties"].items()
        if key not in NOT_BY_OVERLAY
    }
    return {
        "type": "object",
        "description": "What to replace in a rule; a key without a value is taken away from it.",
        "properties": {"rule": {"type": "string", "description": "The rule's id."}, **replaced},
        "required": ["rule"],
        "additionalProperties": False,
    }


def _or_input(schema: Any) -> Any:
    """The same, with a text allowed wherever a value may stand."""
    if isinstance(schema, list):
        return [_or_input(entry) for entry in schema]
    if not isinstance(schema, dict):
        return schema
    tidy = {key: _or_input(value) for key, value in schema.items()}
    if isinstance(tidy.get("properties"), dict):
        tidy["properties"] = {key: _valued(each) for key, each in tidy["properties"].items()}
    return tidy


def _valued(schema: Mapping[str, Any]) -> dict[str, Any]:
    described = {"description": schema["description"]} if "description" in schema else {}
    return {**described, "anyOf": [schema, {"type": "string"}]}
