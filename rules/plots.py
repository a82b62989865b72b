"""Numbers as pictures: SVG that stands in an HTML page, in light, dark and print, without a script.

Pure: numbers and labels in, safe markup out; whatever a label says is escaped. Put `STYLE` into the page once. Each
picture has a title and a description for whoever hears the page read. Names stand where the language begins, and bars
grow from there; a scale of numbers, hours or days runs from left to right in every language, as mathematics does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from markupsafe import Markup

STYLE = Markup("""
.plot { --plot-bar: #2f6b4f; --plot-ink: #26302b; --plot-faint: #5d6a63; --plot-line: #cfd6d0;
  --plot-ground: #fff; display: block; overflow: visible; width: 100%; max-width: 40rem; height: auto;
  margin: .5rem 0 1rem; break-inside: avoid;
  font: 13px system-ui, -apple-system, "Segoe UI", "Noto Sans", "Noto Sans Hebrew", "Noto Sans Arabic", sans-serif; }
.plot text { fill: var(--plot-ink); unicode-bidi: plaintext; paint-order: stroke; stroke: var(--plot-ground);
  stroke-width: 3px; } .plot text.faint { fill: var(--plot-faint); }
.plot .bar { fill: var(--plot-bar); }
.plot .line { stroke: var(--plot-line); } .plot .mark { stroke: var(--plot-ink); stroke-dasharray: 3 3; }
.plot .span { stroke: var(--plot-bar); stroke-width: 3; stroke-linecap: round; }
@media (prefers-color-scheme: dark) { .plot { --plot-bar: #6fbf97; --plot-ink: #e6ebe7;
  --plot-faint: #a5b1aa; --plot-line: #414a45; --plot-ground: #171b19; } }
@media print { .plot { --plot-bar: #2f6b4f; --plot-ink: #000; --plot-faint: #444;
  --plot-line: #bbb; --plot-ground: #fff; print-color-adjust: exact; -webkit-print-color-adjust: exact; } }
""")
"""The looks of every picture here. Behind them is white, and #171b19 in the dark (`--plot-ground`)."""

WIDTH = 640
ROW = 26
"""The height of a bar's row."""
NAMES = 200
"""How much of the width belongs to the bars' names."""
VALUES = 96
"""And to what is written behind them."""
LETTER = 7.2
"""About how wide a letter is."""
HEIGHT = 130
"""Of the columns in a histogram."""
LABEL = 34
"""How much room the label of a column takes at the least."""


class Bar(NamedTuple):
    """A row: its name, its number (zero or more), and how that number is written."""

    name: str
    value: float
    told: str


class Mark(NamedTuple):
    """A place on the scale of a histogram, in columns from its beginning, and what is there."""

    at: float
    name: str


class Span(NamedTuple):
    """A number that is known to lie between two others, and how that is written."""

    name: str
    low: float
    value: float
    high: float
    told: str


def bars(rows: Sequence[Bar], *, title: str, description: str, rtl: bool = False) -> Markup:
    """A bar a row, from names to values: for what is counted by kind."""
    most = max((row.value for row in rows), default=0) or 1
    room = WIDTH - NAMES - VALUES
    drawn: list[Markup] = []
    for position, row in enumerate(rows):
        top, length = position * ROW, max(row.value / most * room, 1 if row.value else 0)
        start = NAMES if not rtl else WIDTH - NAMES - length
        drawn += [
            _name(row.name, top, rtl=rtl),
            Markup('<rect class="bar" x="{:.1f}" y="{}" width="{:.1f}" height="{}" rx="2"/>').format(
                start, top + 5, length, ROW - 10
            ),
            _text(row.told, NAMES + length + 8, top, rtl=rtl),
        ]
    return _picture(drawn, len(rows) * ROW, title, description, rtl=rtl)


def columns(
    values: Sequence[Bar], *, title: str, description: str, marks: Sequence[Mark] = (), rtl: bool = False
) -> Markup:
    """A column a value, side by side and in order: for days, hours, and how often which time was taken.

    Where there are too many to write under each what it is, it is written under some.
    """
    most = max((value.value for value in values), default=0) or 1
    width = WIDTH / max(len(values), 1)
    top = ROW * (1 + len(marks))
    ground = top + HEIGHT
    drawn: list[Markup] = [
        Markup('<line class="line" x1="0" y1="{0}" x2="{1}" y2="{0}"/>').format(ground, WIDTH),
        *_marks(marks, width, ground),
    ]
    every = _labelled_every(values, width)
    for position, value in enumerate(values):
        height = max(value.value / most * HEIGHT, 1 if value.value else 0)
        middle = (position + 0.5) * width
        drawn.append(
            Markup(
                '<rect class="bar" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"><title>{}</title></rect>'
            ).format(
                position * width + width * 0.1, ground - height, width * 0.8, height, f"{value.name}: {value.told}"
            )
        )
        if width >= LABEL and value.value:
            drawn.append(_centred(value.told, middle, ground - height - 5, "faint"))
        if position % every == 0:
            drawn.append(_centred(value.name, middle, ground + 17))
    return _picture(drawn, ground + ROW, title, description, rtl=rtl)


def spans(rows: Sequence[Span], *, title: str, description: str, low: str, high: str, rtl: bool = False) -> Markup:
    """A dot a row within the span that it is known to lie in, beside a line at zero: for differences.

    `low` and `high` say what it means to lie to the left and to the right of that line.
    """
    ends = [0.0, *(end for row in rows for end in (row.low, row.high))]
    least, most = min(ends), max(ends)
    left, right = (8, WIDTH - NAMES) if rtl else (NAMES, WIDTH - 8)
    scale = (right - left) / ((most - least) or 1)

    def place(value: float) -> float:
        return left + (value - least) * scale

    zero, bottom = place(0), len(rows) * ROW * 2
    drawn: list[Markup] = [
        Markup('<line class="mark" x1="{0:.1f}" y1="0" x2="{0:.1f}" y2="{1}"/>').format(zero, bottom),
        _text(low, left, bottom, "faint") if least < 0 else Markup(""),
        _text(high, right, bottom, "faint", anchor="end") if most > 0 else Markup(""),
    ]
    for position, row in enumerate(rows):
        top = position * ROW * 2
        y = top + ROW / 2
        drawn += [
            _name(row.name, top, rtl=rtl),
            Markup('<line class="span" x1="{0:.1f}" y1="{2}" x2="{1:.1f}" y2="{2}"/>').format(
                place(row.low), place(row.high), y
            ),
            Markup('<circle class="bar" cx="{:.1f}" cy="{}" r="6"/>').format(place(row.value), y),
            _centred(row.told, _within(place(row.value), left, right, len(row.told)), top + ROW * 1.6, "faint"),
        ]
    return _picture(drawn, bottom + ROW, title, description, rtl=rtl)


def _within(x: float, left: float, right: float, letters: int) -> float:
    """Where words have to be centred to stay between two edges, as near to `x` as can be."""
    half = min(letters * LETTER / 2, (right - left) / 2)
    return min(max(x, left + half), right - half)


def _marks(marks: Sequence[Mark], width: float, ground: float) -> Iterator[Markup]:
    """Lines over the whole height, each with its words in a row of its own above the columns."""
    for row, mark in enumerate(marks):
        x = mark.at * width
        anchor = "start" if x < WIDTH / 2 else "end"
        top = row * ROW
        yield Markup('<line class="mark" x1="{0:.1f}" y1="{1}" x2="{0:.1f}" y2="{2}"/>').format(x, top, ground)
        yield _text(mark.name, x + (6 if anchor == "start" else -6), top, anchor=anchor)


def _labelled_every(values: Sequence[Bar], width: float) -> int:
    """Under which columns there is room for a label: every one, every second …"""
    longest = max((len(value.name) * LETTER + 10 for value in values), default=0)
    return max(1, -int(-max(longest, LABEL if width < LABEL else 0) // width))


def _picture(drawn: Iterable[Markup], height: float, title: str, description: str, *, rtl: bool) -> Markup:
    return Markup(
        '<svg class="plot" role="img" viewBox="0 0 {} {:.0f}" direction="{}" xmlns="http://www.w3.org/2000/svg">'
        "<title>{}</title><desc>{}</desc>{}</svg>"
    ).format(WIDTH, max(height, 1), "rtl" if rtl else "ltr", title, description, Markup("").join(drawn))


def _name(name: str, top: float, *, rtl: bool) -> Markup:
    """A row's name where the language begins, cut to the room that there is; in full for whoever points at it."""
    letters = int(NAMES / LETTER)
    cut = name if len(name) <= letters else name[: letters - 1].rstrip() + "…"
    return Markup("<g><title>{}</title>{}</g>").format(name, _text(cut, 0, top, rtl=rtl))


def _text(text: str, x: float, top: float, style: str = "", *, anchor: str = "start", rtl: bool = False) -> Markup:
    """Words in a row; `x` is from where the language begins."""
    return _written(text, WIDTH - x if rtl else x, top + ROW / 2 + 4.5, style, anchor, "rtl" if rtl else "ltr")


def _centred(text: str, x: float, y: float, style: str = "") -> Markup:
    return _written(text, x, y, style, "middle", "ltr")


def _written(text: str, x: float, y: float, style: str, anchor: str, direction: str) -> Markup:
    return Markup('<text class="{}" x="{:.1f}" y="{:.1f}" text-anchor="{}" direction="{}">{}</text>').format(
        style, x, y, anchor, direction, text
    )
