"""Words for a replay: a few messages are written out in full, the others only to the point of how they could go."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from connector.prepare import WRITTEN, Judged, Words
from connector.shop import Shop
from rules.letter import FrontMatter, read_letter
from rules.locales import choose_locale, wanted_locales
from rules.messages import NO_BRAND, Rendered, render_words
from rules.templates import Context

BLANK = "…"


def mostly_blank(in_full: Callable[[str, str], bool]) -> Words:
    """Words of which `in_full` says, by store and rule, whether the next message is to be written out."""

    def message(
        shop: Shop, judged: Judged, context: Context, text: str | None, template: str | None, unsubscribe: str | None
    ) -> Rendered:
        rule = judged.wanted.rule.id
        if in_full(shop.id, rule):
            return WRITTEN.message(shop, judged, context, text, template, unsubscribe)
        if template is None:
            return render_words(BLANK, context, name=rule)
        texts = shop.templates[template]
        locale = choose_locale(texts, wanted_locales(judged.facts.order, shop.config.locale))
        return blank_letter(context, locale, texts[locale])

    return Words(lambda source, context, markup, name: BLANK, message)


def blank_letter(context: Context, locale: str, source: str) -> Rendered:
    """A message that goes by the same channels as this template, and says nothing."""
    return Rendered(_blank_front(source), BLANK, None, context, locale, "", NO_BRAND, None)


@lru_cache(maxsize=256)
def _blank_front(source: str) -> FrontMatter:
    approved = read_letter(source, "").front.whatsapp
    if approved is None:
        return FrontMatter()
    return FrontMatter(whatsapp=approved.model_copy(update={"parameters": (BLANK,) * len(approved.parameters)}))
