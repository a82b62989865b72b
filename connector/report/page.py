"""The report as one HTML file: nothing in it comes from elsewhere, and nobody's name or address stands in it.

Each store has a part of its own, in its own language and direction. What stores and rules are called is escaped.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from jinja2 import Environment, StrictUndefined, Template
from markupsafe import Markup

from connector.report.sheet import Section
from connector.report.wording import Wording
from rules.plots import STYLE


@dataclass(frozen=True, slots=True)
class Part:
    """What is told of one store. `closing` is what counts, but is not known whole."""

    name: str
    period: str
    orders: int
    say: Wording
    sections: Sequence[Section]
    closing: str | None


def page(parts: Sequence[Part]) -> str:
    """The whole page, which begins in the language of its first store."""
    return _template().render(parts=parts, first=parts[0].say, plots=STYLE, style=_style())


@cache
def _template() -> Template:
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string((files("connector.report") / "page.html").read_text(encoding="utf-8"))


@cache
def _style() -> Markup:
    return Markup((files("connector.report") / "page.css").read_text(encoding="utf-8"))  # noqa: S704  ours
