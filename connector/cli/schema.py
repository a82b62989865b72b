"""The JSON Schema of rule, config, rule test or preset files, for editors.

Editors with YAML support check and complete what you write with it:

    aftersale schema rules > rules.schema.json
    aftersale schema config > config.schema.json
    aftersale schema tests > tests.schema.json
    aftersale schema presets > presets.schema.json
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import typer
from pydantic import BaseModel

from adapters.registry import platforms, settings_of
from connector.actions import known_actions
from connector.cli._exits import Exit, Stop, trouble
from connector.cli._screen import print_json
from connector.config import ConfigKeys, StoreKeys
from connector.ruletests.schema import tests_schema
from connector.texts import shipped_presets
from rules.document import Problem
from rules.preset import Preset, read_preset
from rules.preset_schema import preset_schema, rules_schema
from rules.schema import without_noise


def schema(
    which: Annotated[Literal["rules", "config", "tests", "presets"], typer.Argument(help="Of which files.")] = "rules",
) -> Exit:
    actions = {kind.name: kind.spec for kind in known_actions().values()}
    if which == "rules":
        print_json(rules_schema(actions, _shipped()))
    elif which == "tests":
        print_json(tests_schema(actions))
    elif which == "presets":
        print_json(preset_schema(actions))
    else:
        print_json(config_schema())
    return Exit.WELL


def _shipped() -> list[Preset]:
    """The presets that come with Aftersale. Raises Stop where they cannot be read."""
    problems: list[Problem] = []
    presets = [read_preset(files, problems) for files in shipped_presets()]
    if problems:
        raise Stop(Exit.MISTAKE, *map(trouble, problems))
    return [each for each in presets if each is not None]


def config_schema() -> dict[str, Any]:
    """The config file's schema: its keys, and a store's for each platform that is installed."""
    file, ours = _of(ConfigKeys), _of(StoreKeys)
    stores = []
    for platform in platforms():
        theirs = _of(settings_of(platform))
        stores.append(
            {
                "type": "object",
                "properties": {**ours["properties"], **theirs["properties"], "platform": {"const": platform}},
                "required": [*ours["required"], *theirs.get("required", ())],
                "additionalProperties": False,
            }
        )
    file["properties"]["stores"]["items"] = {"anyOf": stores}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Aftersale configuration", **file}


def _of(model: type[BaseModel]) -> dict[str, Any]:
    """A model's schema, without the defaults: those are not as one would write them."""
    found: dict[str, Any] = without_noise(model.model_json_schema())
    for entry in found["properties"].values():
        entry.pop("default", None)
    return {key: value for key, value in found.items() if key not in ("$defs", "description")}
