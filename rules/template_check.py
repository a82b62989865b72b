"""Mistakes in a template, found before anything is sent.

The template's tree is walked with the types of the model: every name, every part of it, every filter. What a filter
makes of a value is not always known; there the walk trusts the author, and the rendering reports.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import cache
from types import UnionType
from typing import Any, NamedTuple, Union, get_args, get_origin, get_type_hints

from jinja2 import TemplateSyntaxError, nodes
from msgspec import Struct

from adapters.model import Money
from rules.document import Mark, Problem
from rules.template_language import LANGUAGE, LONGEST_SOURCE, PROVIDED, ROOTS
from rules.templates import read_letter
from rules.validation import did_you_mean

DEEPEST_LOOP = 2


class Flaw(NamedTuple):
    """A mistake in a text; line and column count from 1."""

    line: int
    column: int
    message: str


@dataclass(frozen=True, slots=True)
class _Loop:
    """What `loop` is inside a for."""

    index: int
    index0: int
    revindex: int
    revindex0: int
    first: bool
    last: bool
    length: int
    depth: int


Scope = dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Walk:
    """A template on its way through the check."""

    lines: Sequence[str]
    flaws: list[Flaw] = field(default_factory=list)

    def flaw(self, node: nodes.Node, message: str, word: str = "") -> None:
        """Note a mistake at `word`, as far as it is found on the node's line: Jinja2 knows no columns."""
        line = self.lines[node.lineno - 1] if node.lineno <= len(self.lines) else ""
        tag = max(line.find("{{"), line.find("{%")) if "{{" not in line or "{%" not in line else 0
        spelling = re.compile(r"\s*\.\s*".join(map(re.escape, word.split("."))) + r"(?!\w)")
        found = spelling.search(line, max(tag, 0)) if word else None
        self.flaws.append(Flaw(node.lineno, (found.start() if found else max(tag, 0)) + 1, message))


def check_text(source: str, provided: Collection[str] = ()) -> list[Flaw]:
    """The mistakes of a text. `provided` are the names that earlier actions provide, such as `coupon`."""
    if len(source) > LONGEST_SOURCE:
        return [Flaw(1, 1, f"the template is over {LONGEST_SOURCE:,} characters long; shorten it")]
    try:
        tree = LANGUAGE.parse(source)
        LANGUAGE.compile(tree)
    except TemplateSyntaxError as error:
        tree = None
        unreadable = Flaw(error.lineno, _first_tag(source, error.lineno), _readable(error))
    except RecursionError:
        return [Flaw(1, 1, "the template is nested too deep; write it more simply")]
    if tree is None:
        return [unreadable]
    walk = _Walk(source.split("\n"))
    _body(tree.body, {name: kind for name, kind in ROOTS.items() if name not in PROVIDED - {*provided}}, walk)
    return sorted(set(walk.flaws))


def check_message(source: str, file: str, provided: Collection[str] = ()) -> list[Problem]:
    """The mistakes of a Markdown template with its front matter; `file` is the name that its problems carry."""
    letter = read_letter(source, file)
    problems = list(letter.problems)
    for name, text in letter.front.items():
        for flaw in check_text(text, provided):
            mark = letter.document.mark_inside((name,), flaw.line, flaw.column)
            problems.append(Problem(file, *mark, f"{name}: {flaw.message}"))
    problems.extend(Problem(file, *flaw) for flaw in check_text(letter.body, provided))
    if not letter.body.strip() and not problems:
        problems.append(Problem(file, 1, 1, "the message is empty; write it below the front matter"))
    return problems
