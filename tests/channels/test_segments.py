"""How many pieces a text message is charged for."""

from __future__ import annotations

import pytest

from adapters.channels.segments import beyond_gsm, segments


@pytest.mark.parametrize(
    ("text", "count", "encoding"),
    [
        ("", 0, "GSM-7"),
        ("a" * 160, 1, "GSM-7"),
        ("a" * 161, 2, "GSM-7"),
        ("a" * 306, 2, "GSM-7"),
        ("a" * 307, 3, "GSM-7"),
        ("€" * 80, 1, "GSM-7"),
        ("€" * 81, 2, "GSM-7"),
        ("a" * 152 + "€" + "a" * 10, 2, "GSM-7"),
        ("א" * 70, 1, "UCS-2"),
        ("א" * 71, 2, "UCS-2"),
        ("א" * 134, 2, "UCS-2"),
        ("א" * 135, 3, "UCS-2"),
        ("🍵" * 35, 1, "UCS-2"),
        ("🍵" * 36, 2, "UCS-2"),
        ("🍵" * 67, 3, "UCS-2"),
        ("café à Ñandù, £5\n", 1, "GSM-7"),
        ("ç", 1, "UCS-2"),
        ("Ç", 1, "GSM-7"),
        ("’", 1, "UCS-2"),
        ("`", 1, "UCS-2"),
        ("\t", 1, "UCS-2"),
    ],
)
def test_segments_are_counted_as_networks_do(text: str, count: int, encoding: str) -> None:
    assert segments(text) == (count, encoding)


def test_a_character_of_two_parts_is_not_cut_between_them() -> None:
    # 152 and an escaped one do not fit 153: the second begins early, and so does the third.
    assert segments("a" * 152 + "€" + "a" * 151)[0] == 2
    assert segments("a" * 152 + "€" + "a" * 152)[0] == 3


def test_every_character_of_the_table_is_known() -> None:
    basic = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ"
    basic += " !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
    assert len(set(basic)) == 127
    assert {segments(each) for each in basic} == {(1, "GSM-7")}
    assert [segments(each * 81) for each in "\f^{}\\[~]|€"] == [(2, "GSM-7")] * 10


def test_the_characters_that_make_a_text_longer_are_named_once_each() -> None:
    assert beyond_gsm("don’t, can’t — €5") == ("’", "—")
    assert beyond_gsm("don't - €5") == ()
