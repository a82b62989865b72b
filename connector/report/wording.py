"""The words of a report in the shop's language, and numbers as that language writes them.

A language is a file in `words/`: one more file, and reports can be read in it. English stands in for the others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache
from importlib.resources import files

import yaml
from babel.dates import format_date
from babel.numbers import format_currency, format_decimal, format_percent

from connector.report.statistics import Interval
from rules.locales import babel_locale, choose_locale, fallbacks, is_right_to_left, read_in

DASH = "–"
"""Stands where there is no number."""
_TOGETHER = "\u00a0"
_ISOLATED = "\u2068{}\u2069"


@dataclass(frozen=True, slots=True)
class Wording:
    """The language of a report. Values in a sentence are kept apart where it runs from right to left."""

    locale: str
    words: Mapping[str, str]

    @property
    def rtl(self) -> bool:
        """Whether it is read from right to left."""
        return is_right_to_left(self.locale)

    @property
    def lang(self) -> str:
        """As HTML names it."""
        return "-".join(fallbacks(self.locale)[:1])

    def __call__(self, word: str, **values: str) -> str:
        """The sentence of this name, with these values in it."""
        kept = {name: _ISOLATED.format(value) for name, value in values.items()} if self.rtl else values
        return self.words[word].format(**kept)

    def known(self, name: str) -> str:
        """The word for a channel or an action; its own name where a shop or an extension gave it."""
        return self.words.get(name, name)

    def number(self, number: float) -> str:
        return str(format_decimal(number, locale=babel_locale(self.locale)))

    def tenths(self, number: float | None) -> str:
        """With one digit after the point."""
        return DASH if number is None else str(format_decimal(number, "#,##0.0", locale=babel_locale(self.locale)))

    def percent(self, part: float) -> str:
        """With one digit after the point, and the sign where the language has it."""
        locale = babel_locale(self.locale)
        pattern = locale.percent_formats[None].pattern.replace("0", "0.0")
        return str(format_percent(part, pattern, locale=locale))

    def share(self, found: Interval | None) -> str:
        """A share with its interval: `12.0% [8.5%, 16.6%]`; a word where too few are known."""
        if found is None:
            return self("too_few")
        return f"{self.percent(found.value)} [{self.percent(found.low)},{_TOGETHER}{self.percent(found.high)}]"

    def points(self, found: Interval) -> str:
        """A difference of shares in percentage points."""
        return self._signed([each * 100 for each in found], "+#,##0.0;-#,##0.0")

    def money(self, amount: Decimal, currency: str) -> str:
        return str(format_currency(amount, currency, locale=babel_locale(self.locale)))

    def every_money(self, amounts: Mapping[str, Decimal]) -> str:
        """Amounts, each in its currency; they are never added up."""
        return ", ".join(self.money(amount, currency) for currency, amount in sorted(amounts.items())) or DASH

    def money_difference(self, found: Interval, currency: str) -> str:
        """A difference of amounts, in their currency."""
        return f"{currency}{_TOGETHER}{self._signed(found, '+#,##0.00;-#,##0.00')}"

    def _signed(self, found: Sequence[float], pattern: str) -> str:
        low, value, high = (format_decimal(each, pattern, locale=babel_locale(self.locale)) for each in found)
        return f"{value} [{low},{_TOGETHER}{high}]"

    def day(self, moment: date) -> str:
        return str(format_date(moment, "medium", locale=babel_locale(self.locale)))

    def language(self, locale: str | None) -> str:
        """What a language is called in this one."""
        if locale is None:
            return self("unknown")
        return str(babel_locale(locale).get_display_name(babel_locale(self.locale)) or locale)


def wording(locale: str) -> Wording:
    """The words that suit this locale best; dates and numbers as the locale has them, where it is in that language."""
    language = choose_locale(languages(), [locale])
    return Wording(read_in(language, [locale]), {**_words("en"), **_words(language)})


@cache
def languages() -> tuple[str, ...]:
    """The languages that there are words in."""
    return tuple(sorted(file.name.removesuffix(".yaml") for file in _FOLDER.iterdir() if file.name.endswith(".yaml")))


@cache
def _words(language: str) -> Mapping[str, str]:
    words: dict[str, str] = yaml.safe_load((_FOLDER / f"{language}.yaml").read_text(encoding="utf-8"))
    return words


_FOLDER = files("connector.report") / "words"
