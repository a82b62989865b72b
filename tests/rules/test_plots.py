"""Numbers as pictures that a page can hold, that everybody can read, and into which nothing can be smuggled."""

import xml.etree.ElementTree as ET

import pytest

from rules.plots import LETTER, STYLE, WIDTH, Bar, Mark, Span, bars, columns, spans

SVG = "{http://www.w3.org/2000/svg}"
TWO = [Bar("after-delivery", 40, "40"), Bar("replenish", 10, "10")]


def rects(picture: str) -> list[dict[str, float]]:
    names = ("x", "width", "height")
    return [{name: float(rect.attrib[name]) for name in names} for rect in ET.fromstring(picture).iter(f"{SVG}rect")]


def texts(picture: str) -> list[str]:
    return [text.text or "" for text in ET.fromstring(picture).iter(f"{SVG}text")]


def told(picture: str) -> tuple[str | None, str | None]:
    root = ET.fromstring(picture)
    return root.findtext(f"{SVG}title"), root.findtext(f"{SVG}desc")


PICTURES = [
    bars(TWO, title="Sent", description="By rule"),
    columns(TWO, title="Sent", description="By rule", marks=[Mark(1, "median")]),
    spans([Span("x", -1, 0, 1, "0")], title="Sent", description="By rule", low="less", high="more"),
]


@pytest.mark.parametrize("picture", PICTURES)
def test_whoever_hears_the_page_read_is_told_what_a_picture_shows(picture: str) -> None:
    assert told(picture) == ("Sent", "By rule")
    assert ET.fromstring(picture).attrib["role"] == "img"


def test_bars_are_as_long_as_their_numbers() -> None:
    longer, shorter = rects(bars(TWO, title="t", description="d"))
    assert longer["width"] == pytest.approx(4 * shorter["width"], abs=0.2)
    assert longer["x"] == shorter["x"]


def test_bars_grow_from_the_side_where_the_language_begins() -> None:
    longer, shorter = rects(bars(TWO, title="t", description="d", rtl=True))
    assert longer["x"] + longer["width"] == pytest.approx(shorter["x"] + shorter["width"], abs=0.2)
    assert longer["x"] < shorter["x"]


def test_columns_run_from_left_to_right_in_every_language() -> None:
    first, second = rects(columns(TWO, title="t", description="d", rtl=True))
    assert first["x"] < second["x"]
    assert first["height"] == pytest.approx(4 * second["height"], abs=0.2)


def test_what_is_nothing_has_no_bar_and_what_is_little_still_shows() -> None:
    _, little, nothing = rects(bars([Bar("a", 9999, ""), Bar("b", 1, ""), Bar("c", 0, "")], title="t", description="d"))
    assert little["width"] == 1
    assert nothing["width"] == 0


def test_a_picture_of_nothing_is_still_a_picture() -> None:
    assert rects(bars([], title="t", description="d")) == []
    assert rects(columns([Bar("0", 0, "0")], title="t", description="d"))[0]["height"] == 0


def test_a_long_name_is_cut_and_told_in_full_to_whoever_points_at_it() -> None:
    name = "A very long name of a rule that nobody would write"
    picture = bars([Bar(name, 1, "1")], title="t", description="d")
    assert name in [title.text for title in ET.fromstring(picture).iter(f"{SVG}title")]
    assert texts(picture)[0].endswith("…")


def test_of_many_columns_only_some_say_what_they_are_and_none_reaches_into_the_next() -> None:
    hours = [Bar(f"{hour:02}:00", 1, "1") for hour in range(24)]
    labels = texts(columns(hours, title="t", description="d"))
    assert labels == [f"{hour:02}:00" for hour in range(0, 24, 2)]


def test_a_difference_lies_beside_the_line_that_means_none() -> None:
    picture = ET.fromstring(
        spans([Span("r", 0.01, 0.03, 0.05, "+3 %")], title="t", description="d", low="less", high="more")
    )
    zero, span = list(picture.iter(f"{SVG}line"))
    assert float(zero.attrib["x1"]) < float(span.attrib["x1"]) < float(span.attrib["x2"])
    assert "less" not in [text.text for text in picture.iter(f"{SVG}text")]


def test_what_is_written_of_a_difference_stays_in_the_picture() -> None:
    far = Span("r", 0, 99, 100, "+99.0 [+0.0, +100.0] percentage points")
    picture = ET.fromstring(spans([far], title="t", description="d", low="less", high="more"))
    (words,) = [text for text in picture.iter(f"{SVG}text") if text.text == far.told]
    assert float(words.attrib["x"]) + len(far.told) * LETTER / 2 <= WIDTH


def test_a_name_cannot_smuggle_anything_into_the_page() -> None:
    evil = '</text></svg><script>alert("x")</script>'
    for picture in (
        bars([Bar(evil, 1, evil)], title=evil, description=evil),
        columns([Bar(evil, 1, evil)], title=evil, description=evil, marks=[Mark(0, evil)]),
        spans([Span(evil, 0, 1, 2, evil)], title=evil, description=evil, low=evil, high=evil),
    ):
        assert "<script" not in picture
        assert told(picture) == (evil, evil)


def test_the_looks_need_nothing_from_elsewhere() -> None:
    assert "url(" not in STYLE
    assert "@import" not in STYLE
