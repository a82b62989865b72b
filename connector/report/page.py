"""The report as one HTML file: nothing in it comes from elsewhere, and nobody's name or address stands in it.

Each store has a part of its own, in its own language and direction. What stores and rules are called is escaped.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from connector.pages import render_page
from connector.report.sheet import Section
from connector.report.wording import Wording


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
    say = parts[0].say
    return render_page("connector.report", title=say("title"), lang=say.lang, rtl=say.rtl, parts=parts)
