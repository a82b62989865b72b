"""Text in which both directions meet: a Hebrew name in an English line, a Latin parcel number in a Hebrew one.

Without help, signs and numbers beside such a name jump to its other side. HTML has <bdi> for it; plain text has
invisible marks that every telephone knows (LRM and RLM), and nothing of this in a text that needs no help.
"""

from __future__ import annotations

import re

LEFT_TO_RIGHT_MARK, RIGHT_TO_LEFT_MARK = "\u200e", "\u200f"

_RIGHT_TO_LEFT = "\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc"
_HAS_RIGHT_TO_LEFT = re.compile(f"[{_RIGHT_TO_LEFT}]")
_ONLY_RIGHT_TO_LEFT = re.compile(rf"[{_RIGHT_TO_LEFT}\s]+")
_HAS_LEFT_TO_RIGHT = re.compile(rf"[^\W\d_{_RIGHT_TO_LEFT}]")
_FIRST_LETTER = re.compile(rf"(?P<right_to_left>[{_RIGHT_TO_LEFT}\u200f])|[^\W\d_]|\u200e")
_ONLY_AN_ADDRESS = re.compile(r"\s*[a-z]+://\S+\s*|\s*", re.IGNORECASE)


def needs_isolation(value: str, *, right_to_left: bool) -> bool:
    """Whether a value in a text of this direction should be kept apart from what stands around it."""
    if right_to_left:
        return _ONLY_RIGHT_TO_LEFT.fullmatch(value) is None
    return _HAS_RIGHT_TO_LEFT.search(value) is not None


def closed_off(value: str, *, right_to_left: bool) -> str:
    """The value, for plain text; where it runs the other way, a mark after it turns back."""
    if right_to_left:
        return f"{value}{RIGHT_TO_LEFT_MARK}" if _HAS_LEFT_TO_RIGHT.search(value) and "://" not in value else value
    return f"{value}{LEFT_TO_RIGHT_MARK}" if _HAS_RIGHT_TO_LEFT.search(value) else value


def kept_whole(line: str, *, right_to_left: bool) -> str:
    """A line of plain text that runs all its own way: a house number before a street stays there."""
    mark = RIGHT_TO_LEFT_MARK if _HAS_RIGHT_TO_LEFT.search(line) else LEFT_TO_RIGHT_MARK
    return line if (mark == RIGHT_TO_LEFT_MARK) == right_to_left else f"{mark}{line}{mark}"


def lines_led(text: str, *, right_to_left: bool) -> str:
    """Plain text whose lines all run its way: programs take a line's direction from its first letter."""
    return "\n".join(_led(line, right_to_left) for line in text.split("\n"))


def _led(line: str, right_to_left: bool) -> str:
    first = _FIRST_LETTER.search(line)
    if first is None or bool(first["right_to_left"]) == right_to_left or _ONLY_AN_ADDRESS.fullmatch(line):
        return line
    return (RIGHT_TO_LEFT_MARK if right_to_left else LEFT_TO_RIGHT_MARK) + line
