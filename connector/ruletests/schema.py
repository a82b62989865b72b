"""The JSON Schema of a file of rule tests, for editors."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from connector.ruletests.keys import Detail, ExpectedKeys, LivingOrderKeys, RuleTestFile, RuleTestKeys
from connector.ruletests.life import HAPPENINGS
from connector.ruletests.reading import NOTHING
from rules.schema import without_noise

_TEXTS = {"anyOf": [{"type": ["string", "number"]}, {"type": "array", "items": {"type": ["string", "number"]}}]}


def tests_schema(actions: Collection[str]) -> dict[str, Any]:
    """The JSON Schema (2020-12) of a file of tests for rules with these actions."""
    details = {kind: each.detail for kind, each in HAPPENINGS.items()}
    models: tuple[type[BaseModel], ...] = (RuleTestFile, RuleTestKeys, LivingOrderKeys, ExpectedKeys)
    models += tuple(dict.fromkeys(details.values()))
    _, generated = models_json_schema([(model, "validation") for model in models], ref_template="#/$defs/{model}")
    definitions: dict[str, Any] = generated["$defs"]
    file, test, expected = (definitions.pop(each.__name__) for each in (RuleTestFile, RuleTestKeys, ExpectedKeys))
    expected["properties"] |= dict.fromkeys(actions, _TEXTS)
    _refer(file, "tests", {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/test"}})
    _refer(test, "when", {"$ref": "#/$defs/life"})
    _refer(test, "orders", {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/LivingOrderKeys"}})
    _refer(test, "expect", {"anyOf": [{"const": NOTHING}, _by_time("expected")]})
    _refer(test, "never", {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/expected"}})
    _refer(definitions["LivingOrderKeys"], "when", {"$ref": "#/$defs/life"})
    definitions |= {"test": test, "expected": expected, "life": _by_time("happening"), "happening": _happening(details)}
    whole: dict[str, Any] = _with_numbers(without_noise({**file, "$defs": definitions}))
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Aftersale rule tests", **whole}


def _with_numbers(schema: Any) -> Any:
    """Where a text is wanted, a number is one: an order's, say."""
    if isinstance(schema, list):
        return [_with_numbers(entry) for entry in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: ["string", "number"] if key == "type" and value == "string" else _with_numbers(value)
        for key, value in schema.items()
    }


def _refer(owner: dict[str, Any], name: str, schema: dict[str, Any]) -> None:
    owner["properties"][name] = {"description": owner["properties"][name]["description"], **schema}


def _by_time(what: str) -> dict[str, Any]:
    """Times, each with one of these, or several."""
    one = {"$ref": f"#/$defs/{what}"}
    entries = {"anyOf": [one, {"type": "array", "minItems": 1, "items": one}]}
    return {"type": "object", "minProperties": 1, "additionalProperties": entries}


def _happening(details: dict[str, type[Detail]]) -> dict[str, Any]:
    properties = {}
    for kind, model in details.items():
        full: dict[str, Any] = {"$ref": f"#/$defs/{model.__name__}"}
        short = {"$ref": f"#/$defs/{model.__name__}/properties/{model.shorthand}"}
        properties[kind] = {"anyOf": [full, short]} if model.shorthand else full
    described = {"type": "object", "properties": properties, "additionalProperties": False, "minProperties": 1}
    return {"anyOf": [{"enum": list(details)}, described]}
