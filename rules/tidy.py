"""A text with gaps, made to read as if it had been written without them.

`Hi ⟂,` becomes `Hi,`, and `⟂, thank you` becomes `Thank you`, where ⟂ is the mark of a missing value.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

GAP = "\ufdd0"
"""Stands in a text where a value is missing; Unicode keeps this character for private use."""

_RUN = re.compile(rf"{GAP}(?:[ \t]*{GAP})+")
_WRAPPED = (
    (re.compile(rf"\[([^\[\]\n]*)\]\([^()\s]*{GAP}[^()\s]*\)"), r"\1"),  # a link to nowhere: its text stays
    (re.compile(rf"<a\s[^<>]*{GAP}[^<>]*>(.*?)</a>", re.DOTALL), r"\1"),
    (re.compile(rf"<(\w+)[^<>]*>{GAP}</\1>"), GAP),
    (re.compile(rf"(\*{{1,3}}|_{{1,3}}|`+|\"|'){GAP}\1"), GAP),
    (re.compile(rf"\({GAP}\)|«{GAP}»|„{GAP}[“”]|“{GAP}”|‘{GAP}’|<{GAP}>|\[{GAP}\](?!\()"), GAP),
)

_PREFIX = r"\s*(?:<[^<>]+>\s*|(?:[#>*+–—-]+|\d+[.)])\s+)*"
_PAUSE = r"[\s,;:،؛.!?…–—-]*"
_AT_START = re.compile(rf"(?P<prefix>{_PREFIX}){GAP}(?P<pause>{_PAUSE})(?P<rest>.*)")
_NEW_SENTENCE = re.compile(rf"([.!?…؟] +){GAP}[ ,;:،؛]+(\w)")
_BEFORE_PAUSE = re.compile(rf"[,،:]?[ \t]*{GAP}(?=[.!?,;:…،؛؟)]|\s*$)")
_BETWEEN_WORDS = re.compile(rf"[ \t]+{GAP}(?=[ \t])")
_FIRST_LETTER = re.compile(r"^([*_\[(\"'«„“‘]*)(\w)")


def tidy(text: str) -> str:
    """The text without its gaps and what would look odd around them. Lines without a gap stay as they are."""
    if GAP not in text:
        return text
    text = _unwrap(_RUN.sub(GAP, text))
    return "\n".join(_lines(text.split("\n")))


def _unwrap(text: str) -> str:
    """Take away emphasis, quotes, brackets and links that hold nothing."""
    while True:
        before = text
        for pattern, instead in _WRAPPED:
            text = pattern.sub(instead, text)
        if text == before:
            return text


def _lines(lines: list[str]) -> Iterator[str]:
    """The lines, less those that held only a gap; a salutation leaves its capital to what follows."""
    blank_before, opening, capital = True, False, False
    for line in lines:
        at_start = _AT_START.match(line)
        if at_start and not at_start["rest"]:
            opening, capital = blank_before, capital or bool(re.search("[,،]", at_start["pause"]))
            continue
        if not line.strip() and opening:
            continue
        if line.strip() and capital:
            line, capital = _capital(line), False
        yield _filled(line)
        blank_before, opening = not line.strip(), False


def _filled(line: str) -> str:
    if GAP not in line:
        return line
    if found := _AT_START.match(line):
        line = found["prefix"] + _capital(found["rest"])
    line = _NEW_SENTENCE.sub(lambda found: found[1] + found[2].upper(), line)
    line = _BEFORE_PAUSE.sub("", line)
    return _BETWEEN_WORDS.sub("", line).replace(GAP, "")


def _capital(text: str) -> str:
    return _FIRST_LETTER.sub(lambda found: found[1] + found[2].upper(), text)
