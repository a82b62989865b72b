"""The rule tests of presets: each plays its preset alone, with the inputs that it names, in an invented shop."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib.resources import as_file, files
from pathlib import Path

from connector.config import STAND_IN, Config, load_config
from connector.loading import Loaded, compose
from connector.ruletests.cases import Case, read_cases
from connector.ruletests.reading import Using
from connector.texts import Texts, rule_texts
from rules.document import Problem
from rules.preset import PresetFiles, examples, read_preset

TESTS = "tests.yaml"
"""The tests of a preset, beside its definition."""

ADDRESSES = {
    "KEY": STAND_IN,
    "MAIL": "smtp://127.0.0.1:9",
    "SMS": "https://sms.example.com/send",
    "STAFF": "json://127.0.0.1:9",
}
"""What would be secret in a real shop."""


def preset_cases(presets: Iterable[PresetFiles], problems: list[Problem]) -> Iterator[Case]:
    """The tests of these presets; mistakes in them, and in presets of the shop's own, are added to `problems`."""
    config = invented_shop()
    for files_ in presets:
        preset = read_preset(files_, problems)
        if preset is None:
            continue
        needed = {name: each.value for name, each in examples(preset).items() if preset.inputs[name].must_be_given}
        loaded = using(config, files_, needed)
        if isinstance(loaded, list):
            problems += loaded
            continue
        tests = rule_texts([str(Path(files_.definition.file).with_name(TESTS))], problems)
        cases, found = read_cases(tests, loaded, _using(config, files_))
        problems += found
        yield from cases


def invented_shop() -> Config:
    """The configuration in which presets are tried."""
    problems: list[Problem] = []
    with as_file(files("connector.ruletests") / "shop.yaml") as file:
        config = load_config(file, ADDRESSES, problems)
    assert config is not None, problems
    return config


def _using(config: Config, preset: PresetFiles) -> Using:
    """How the preset is used with other inputs; each of them once."""

    @cache
    def loaded(inputs: str) -> Loaded | list[Problem]:
        return using(config, preset._replace(own=False), json.loads(inputs))

    return lambda inputs: loaded(json.dumps(inputs))


def using(config: Config, preset: PresetFiles, inputs: Mapping[str, object]) -> Loaded | list[Problem]:
    """The preset alone, used with these inputs in all stores of the config; or the mistakes in that."""
    problems: list[Problem] = []
    using = json.dumps({"version": 1, "rules": [{"use": preset.name, "with": inputs}]})  # JSON is YAML
    texts = Texts({preset.definition.file: using}, {}, "templates", {preset.name: preset})
    loaded = compose(config, texts, problems)
    return problems or loaded
