"""Each preset that comes with Aftersale: without a mistake, its messages in four languages, its tests passing."""

from __future__ import annotations

import re

import pytest

from connector.actions import known_actions
from connector.ruletests.playing import play, stand_for
from connector.ruletests.presets import invented_shop, preset_cases
from connector.ruletests.verdicts import verdict
from connector.texts import shipped_presets
from rules.document import Problem
from rules.inputs import Given
from rules.loader import check_preset
from rules.preset import Preset, PresetFiles, examples, fill_in, read_preset

LANGUAGES = {"ar", "en", "he", "ru"}
PRESETS = {preset.name: preset for preset in shipped_presets()}
every_preset = pytest.mark.parametrize("name", PRESETS)


def read(files: PresetFiles) -> Preset:
    problems: list[Problem] = []
    found = read_preset(files, problems)
    assert found is not None, "\n".join(map(str, problems))
    return found


def texts_of(preset: Preset) -> str:
    """All that a preset says: its rules as they are written, and its messages."""
    said = [each.text for files in preset.messages.values() for each in files.values()]
    return "\n".join([preset.document.text, *said])


@every_preset
def test_a_preset_has_no_mistake(name: str) -> None:
    actions = {kind.name: kind.spec for kind in known_actions().values()}
    assert [*map(str, check_preset(PRESETS[name], actions=actions, channels=["platform"], windows={}))] == []


@every_preset
def test_a_message_is_there_in_four_languages_and_sent_by_some_rule(name: str) -> None:
    preset = read(PRESETS[name])
    sent = re.findall(r"\btemplate: *([\w-]+)", preset.document.text)
    assert preset.messages.keys() == {*sent}
    assert {message: files.keys() for message, files in preset.messages.items()} == dict.fromkeys(sent, LANGUAGES)


@every_preset
def test_an_input_is_used_and_what_may_be_left_out_can_be(name: str) -> None:
    preset = read(PRESETS[name])
    said = texts_of(preset)
    assert {each for each in preset.inputs if not re.search(rf"!input {each}\b|\binput\.{each}\b", said)} == set()
    defaults = {
        each: Given(spec.type, None) if spec.default is None and not spec.must_be_given else examples(preset)[each]
        for each, spec in preset.inputs.items()
    }
    assert [fill_in(rule, defaults).rule["id"] for rule in preset.rules] == [rule["id"] for rule in preset.rules]


@every_preset
def test_a_preset_passes_its_own_tests(name: str) -> None:
    problems: list[Problem] = []
    cases = list(preset_cases([PRESETS[name]], problems))
    assert [*map(str, problems)] == []
    assert {case.store.platform for case in cases} == {"woocommerce", "shopify"}
    with stand_for(invented_shop()) as stand:
        assert [(case.name, verdict(play(stand, case), 0.0).complaints) for case in cases] == [
            (case.name, ()) for case in cases
        ]
