"""The pictures of presets show each message once, in all of its languages, and nothing that an order could not fill."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from connector.preview.gallery import LANGUAGES, WALL, paint, rows_of
from connector.texts import shipped_presets

PRESETS = {preset.name: preset for preset in shipped_presets()}


@pytest.mark.parametrize("name", PRESETS)
def test_a_message_is_shown_once_and_in_each_language(name: str) -> None:
    rows = list(rows_of(PRESETS[name]))
    assert len({row[0].words for row in rows}) == len(rows) > 0
    for row in rows:
        assert tuple(sheet.form.language for sheet in row) in (LANGUAGES, (None,))
    mails = {file.parent.name for file in Path(PRESETS[name].definition.file).parent.glob("messages/*/*.md")}
    assert not mails or len(rows) == len(mails)


@pytest.mark.parametrize("name", PRESETS)
def test_nothing_odd_is_left_in_a_message(name: str) -> None:
    for row in rows_of(PRESETS[name]):
        for sheet in row:
            assert sheet.form.prepared is not None
            message = sheet.form.prepared.message
            text = message.text if message is not None else sheet.words
            assert not re.search(r"None|\{\{|\}\}|\{%|\(\)|\[\]|\n\n\n|(?<!--) $", text, re.MULTILINE), text


def test_a_picture_is_as_wide_as_four_phones(tmp_path: Path) -> None:
    (picture,) = paint([PRESETS["after-delivery"]], tmp_path)
    assert picture == tmp_path / "after-delivery.png"
    assert int.from_bytes(picture.read_bytes()[16:20], "big") == WALL.width
