"""Which language a person reads, which of the languages that there are suits them, and which way it runs."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from functools import cache, lru_cache
from typing import TYPE_CHECKING

from adapters.model import Order

if TYPE_CHECKING:
    from babel import Locale

_RENAMED = {"iw": "he", "in": "id", "ji": "yi"}


@lru_cache(maxsize=1024)
def fallbacks(locale: str) -> tuple[str, ...]:
    """`he_IL` as `("he-IL", "he")`: the locale, then what is left when its parts are dropped from the end."""
    parts = re.split("[-_]", re.split("[.@]", locale.strip())[0])
    parts[0] = _RENAMED.get(parts[0].lower(), parts[0].lower())
    return tuple("-".join(parts[:end]) for end in range(len(parts), 0, -1) if parts[0])


def wanted_locales(order: Order, store_locale: str) -> tuple[str, ...]:
    """The languages to write in, the best first: the customer's, the order's, their country's, the store's.

    The country is the one that the goods go to, else the payer's. Where it has several official languages and the
    store's is among them, that one is taken; else its first.
    """
    country = order.shipping.country or order.billing.country or ""
    told = (order.customer.locale, order.locale, _of_country(country.upper(), store_locale), store_locale)
    return tuple(dict.fromkeys(locale for locale in told if locale))


@lru_cache(maxsize=512)
def _of_country(country: str, home: str) -> str | None:
    from babel.languages import get_official_languages

    spoken = get_official_languages(country, de_facto=True)
    if not spoken:
        return None
    ours = fallbacks(home)[-1]
    return f"{ours if ours in spoken else spoken[0]}-{country}"


def choose_locale(available: Collection[str], wanted: Sequence[str | None]) -> str:
    """The one of `available` that suits best: `he-IL`, else `he`, else the next wanted, English, any.

    Case, `-` or `_`, and the old code `iw` make no difference. Raises ValueError if nothing is available.
    """
    if not available:
        raise ValueError("there is no locale to choose from")
    by_name = {"-".join(fallbacks(locale)[:1]).lower(): locale for locale in sorted(available, reverse=True)}
    for locale in (*wanted, "en"):
        for name in fallbacks(locale or ""):
            relatives = (other for other in sorted(by_name) if other.split("-")[0] == name.lower())
            found = name.lower() if name.lower() in by_name else next(relatives, None)
            if found is not None:
                return by_name[found]
    return min(available)


def read_in(locale: str, wanted: Sequence[str | None]) -> str:
    """How dates and money are written in a text of `locale`: as the first wanted locale of that language has them."""
    language = fallbacks(locale)[-1:]
    return next((each for each in wanted if each and fallbacks(each)[-1:] == language), locale)


@lru_cache(maxsize=1024)
def babel_locale(name: str) -> Locale:
    """Babel's locale of this name, or of its language; English where it knows neither."""
    return _known(name) or _english()


@lru_cache(maxsize=1024)
def is_right_to_left(locale: str) -> bool:
    """Whether this language, like Hebrew and Arabic, is written from right to left."""
    return babel_locale(locale).character_order == "right-to-left"


def unknown_locale(name: str) -> str | None:
    """What is wrong with a locale as the name of a file, in a sentence; None if it is one."""
    if _is_known(name):
        return None
    better = _meant(name)
    hint = f"'{better}.md'" if better else "a code such as 'he.md' or 'pt-BR.md'"
    return f"there is no language '{name}'; name the file by {hint}"


def unknown_language(code: str) -> str | None:
    """The same of a locale that stands in a configuration."""
    if _is_known(code):
        return None
    better = _meant(code)
    hint = f"did you mean '{better}'?" if better else "write a code such as he or pt-BR"
    return f"there is no language '{code}'; {hint}"


def _is_known(name: str) -> bool:
    from babel import Locale, UnknownLocaleError

    try:
        Locale.parse("-".join(fallbacks(name)[:1]), sep="-")
    except (UnknownLocaleError, ValueError):
        return False
    return True


def _meant(name: str) -> str | None:
    """The code of a language that is written out, or of what is left of a wrong locale."""
    code = next((code for code, word in _english().languages.items() if word.lower() == name.lower()), None)
    known = _known(name)
    return code or (str(known).replace("_", "-") if known else None)


@cache
def whole_number_plurals(locale: str) -> frozenset[str]:
    """The CLDR categories that whole numbers fall into in this language; for Russian: one, few, many."""
    rule = babel_locale(locale).plural_form
    return frozenset(rule(number) for number in range(200))


def _known(name: str) -> Locale | None:
    from babel import Locale, UnknownLocaleError

    for wanted in fallbacks(name):
        try:
            return Locale.parse(wanted, sep="-")
        except (UnknownLocaleError, ValueError):
            continue
    return None


@cache
def _english() -> Locale:
    from babel import Locale

    return Locale("en")
