"""Hebrew in English lines, English in Hebrew ones, and nothing jumps."""

from __future__ import annotations

import pytest

from rules.bidi import LEFT_TO_RIGHT_MARK as LRM
from rules.bidi import RIGHT_TO_LEFT_MARK as RLM
from rules.bidi import closed_off, kept_whole, lines_led, needs_isolation


def test_a_value_of_the_other_direction_is_kept_apart() -> None:
    assert needs_isolation("נועה", right_to_left=False)
    assert needs_isolation("UPS", right_to_left=True)
    assert needs_isolation("050 123 4567", right_to_left=True)


def test_a_value_of_the_same_direction_needs_nothing() -> None:
    assert not needs_isolation("Emma", right_to_left=False)
    assert not needs_isolation("ליאור כהן", right_to_left=True)


def test_after_a_value_of_the_other_direction_a_mark_turns_back() -> None:
    assert closed_off("נועה", right_to_left=False) == f"נועה{LRM}"
    assert closed_off("UPS (Israel)", right_to_left=True) == f"UPS (Israel){RLM}"
    assert closed_off("נועה", right_to_left=True) == "נועה"


def test_a_line_of_the_other_direction_keeps_its_number_where_it_was_written() -> None:
    assert kept_whole("1 Tea Street, Haifa", right_to_left=True) == f"{LRM}1 Tea Street, Haifa{LRM}"
    assert (
        lines_led(kept_whole("1 Tea Street", right_to_left=True), right_to_left=True) == f"{RLM}{LRM}1 Tea Street{LRM}"
    )
    assert kept_whole("רחוב התה 1", right_to_left=True) == "רחוב התה 1"
    assert kept_whole("1 Tea Street", right_to_left=False) == "1 Tea Street"


def test_an_address_on_the_web_stays_as_it_is() -> None:
    assert closed_off("https://example.com/a", right_to_left=True) == "https://example.com/a"
    assert lines_led("שלום\nhttps://example.com/a", right_to_left=True) == "שלום\nhttps://example.com/a"


@pytest.mark.parametrize(
    ("text", "right_to_left", "led"),
    [
        ("UPS בדרך\nשלום", True, f"{RLM}UPS בדרך\nשלום"),
        ("2 × Sencha", True, f"{RLM}2 × Sencha"),
        ("נועה, hello", False, f"{LRM}נועה, hello"),
        ("123\n\nHello", False, "123\n\nHello"),
        (f"{RLM}UPS", True, f"{RLM}UPS"),
    ],
)
def test_a_line_that_begins_with_the_other_direction_is_led_by_a_mark(text: str, right_to_left: bool, led: str) -> None:
    assert lines_led(text, right_to_left=right_to_left) == led
