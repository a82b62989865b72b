"""Words for a replay: a few messages are written out in full, of the others only how they could go."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from connector.wording import InWords, Wording
from rules.letter import FrontMatter, read_letter
from rules.locales import choose_locale
from rules.messages import NO_BRAND, Rendered, render_words

BLANK = "…"


def mostly_blank(in_full: Callable[[str, str], bool]) -> InWords:
    """Words of which `in_full` says, by store and rule, whether the next message is to be written out."""
    return lambda wording: wording if in_full(wording.about.store.id, wording.rule) else Blank(wording)


@dataclass(frozen=True, slots=True)
class Blank:
    """Says nothing, by the channels that the message could go by."""

    wording: Wording

    def for_store(self, source: str) -> str:
        return BLANK

    def plain(self, source: str) -> str:
        return BLANK

    def compose(self, text: str | None, template: str | None, unsubscribe: str | None) -> Rendered:
        wording = self.wording
        if template is None:
            return render_words(BLANK, wording.about, name=wording.rule)
        texts = wording.templates[template]
        locale = choose_locale(texts, wording.locales)
        front = _blank_front(texts[locale])
        return Rendered(front, BLANK, None, wording.about, locale, wording.rule, NO_BRAND, None)


@lru_cache(maxsize=256)
def _blank_front(source: str) -> FrontMatter:
    approved = read_letter(source, "").front.whatsapp
    if approved is None:
        return FrontMatter()
    return FrontMatter(whatsapp=approved.model_copy(update={"parameters": (BLANK,) * len(approved.parameters)}))
