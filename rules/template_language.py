"""The language of templates: what they may name, and a sandbox to run them in.

Whatever an expression writes out is data: it is kept aside, and the text holds a token in its place. So nothing
done to the text can take data for markup, and each output escapes it in its own way when it is put back.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from decimal import Decimal
from functools import cache, lru_cache
from typing import Any

from jinja2 import (
    ChainableUndefined,
    StrictUndefined,
    Template,
    TemplateRuntimeError,
    Undefined,
    nodes,
    pass_context,
)
from jinja2.exceptions import SecurityError
from jinja2.filters import FILTERS
from jinja2.runtime import Context as JinjaContext
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.tests import TESTS
from msgspec import Struct

from adapters.model import Customer, LineItem, Money, Order, Review, Shipment, StaffNote
from rules.locales import babel_locale
from rules.template_work import OURS, Rewriting, entries, flat, joined, metered, size, spend
from rules.tidy import GAP, tidy

LONGEST_SOURCE = 100_000
LONGEST_OUTPUT = 200_000


class Store(Struct, frozen=True, kw_only=True):
    """The store as templates know it."""

    id: str
    name: str | None = None
    url: str | None = None


class GivenCoupon(Struct, frozen=True, kw_only=True):
    """The coupon that an earlier action of the follow-up has made. `expires_at` is in UTC."""

    code: str
    expires_at: datetime | None = None


ROOTS: Mapping[str, Any] = {
    "order": Order,
    "customer": Customer,
    "shipment": Shipment,
    "item": LineItem,
    "items": tuple[LineItem, ...],
    "store": Store,
    "coupon": GivenCoupon,
    "review": Review,
    "note": StaffNote,
    "signed_by": str,
    "input": Any,
}
"""What a template may name, and its type. Shipment, item, coupon, review, note and signed_by may be missing; what
`input` is depends on the preset.
"""

PROVIDED: Mapping[str, str] = {
    "coupon": "no earlier action of the rule provides it",
    "review": "only 'trigger: review.posted' comes with one",
    "note": "only 'trigger: note.added' comes with one, and it is for the staff's eyes alone",
    "input": "only rules of presets have inputs",
}
"""Names that exist only where something provides them, and why they may not be known."""

IN_MESSAGES = frozenset(PROVIDED) - {"note"}
"""Those of them that a message to a customer may use."""


class Missing(ChainableUndefined):
    """A value that this order does not have: false, without parts, tidied away where it is written out."""

    __slots__ = ()

    def __str__(self) -> str:
        return GAP

    def __eq__(self, other: object) -> bool:
        return other is None or isinstance(other, Missing)

    __hash__ = Undefined.__hash__


MISSING = Missing()


@dataclass(slots=True)
class Data:
    """What one rendering has written out. `key` begins the tokens, and occurs nowhere in the template."""

    key: str
    values: list[str] = field(default_factory=list)
    size: int = 0
    work: int = 0

    def keep(self, text: str) -> str:
        """Keep the data; the answer is its token. What is missing as a whole stays a gap in the text."""
        text = tidy(text)
        if not text:
            return GAP
        self.values.append(text)
        self.size += len(text)
        return f"{self.key}{len(self.values) - 1}z"

    def put_back(self, text: str, turn: Callable[[str], str] = str) -> str:
        """The text with its data, each `turn`ed into what the output takes."""
        if self.key not in text:
            return text
        return tokens(self.key).sub(lambda found: turn(self.values[int(found[1])]), text)


@cache
def tokens(key: str) -> re.Pattern[str]:
    """Finds the tokens of data, whose numbers are its group."""
    return re.compile(f"{key}([0-9]+)z")


def data_for(source: str) -> Data:
    """A place for a template's data. Tokens begin with a digit: nothing makes them capitals, or a list."""
    key = "0q"
    while key in source:
        key += "q"
    return Data(key)


@lru_cache(maxsize=1024)
def compiled(source: str) -> Template:
    """The template, ready to run. Raises jinja2's TemplateSyntaxError."""
    return LANGUAGE.from_string(source.replace(GAP, ""))


# --- the sandbox --------------------------------------------------------------------------------------


class _Language(ImmutableSandboxedEnvironment):
    """Jinja2 without calls, with values that may be missing, and with bounds to what it may cost."""

    intercepted_binops = frozenset({"+", "-", "*", "/", "//", "%", "**"})
    entries, flat, joined = staticmethod(entries), staticmethod(flat), staticmethod(joined)

    def getattr(self, obj: Any, attribute: str) -> Any:
        if isinstance(obj, dict):
            return _entry(obj, attribute)
        value = super().getattr(obj, attribute)
        return MISSING if value is None else value

    def getitem(self, obj: Any, argument: Any) -> Any:
        if isinstance(obj, dict):
            return _entry(obj, argument)
        value = super().getitem(obj, argument)
        return MISSING if value is None else value

    def is_safe_callable(self, obj: Any) -> bool:
        return any(obj is ours for ours in OURS)  # no name in a template leads to these

    def _generate(self, source: nodes.Template, *args: Any, **kwargs: Any) -> str:
        return super()._generate(Rewriting().visit(source), *args, **kwargs)

    def call_binop(self, context: JinjaContext, operator: str, left: Any, right: Any) -> Any:
        """Only numbers, but for sums: text can be multiplied until memory is full, and so can powers."""
        numbers = all(isinstance(side, int | float | Decimal) for side in (left, right))
        if operator == "**" or (operator in ("*", "%") and not numbers):
            raise SecurityError(f"'{operator}' is for numbers only")
        spend(context, size(left) + size(right))
        return super().call_binop(context, operator, left, right)


def _entry(mapping: Mapping[Any, Any], key: Any) -> Any:
    """What a mapping has by this name. An empty text is as good as none."""
    value = mapping.get(key)
    return MISSING if value is None or value == "" else value


@pass_context
def _write_out(context: JinjaContext, value: object) -> str:
    kept: str = context["_data"].keep(_as_text(context, value))
    return kept


def _as_text(context: JinjaContext, value: object) -> str:
    if value is None:
        return GAP
    if isinstance(value, datetime):
        return date(context, value)
    if not isinstance(value, str | int | float | Decimal | Money | Undefined):
        raise TemplateRuntimeError("a list or a whole record cannot be written out")
    return str(value)


# --- filters ------------------------------------------------------------------------------------------


@pass_context
def money(context: JinjaContext, value: object) -> str:
    """An amount as the reader's language writes it: `{{ order.total | money }}`."""
    if isinstance(value, Undefined):
        return str(value)
    if not isinstance(value, Money):
        raise TemplateRuntimeError("'money' needs an amount such as order.total")
    return _amount(value.amount, value.currency, context["_locale"])


@pass_context
def date(context: JinjaContext, value: object, style: str = "medium") -> str:
    """A time as the reader's language writes its day, in the store's zone.

    `style` is short, medium, long, full, or a pattern such as `d MMMM, HH:mm`.
    """
    if isinstance(value, Undefined):
        return str(value)
    if not isinstance(value, datetime):
        raise TemplateRuntimeError("'date' needs a time such as order.created_at")
    return _moment(value, style, context["_zone"], context["_locale"])


DATE_STYLES = ("short", "medium", "long", "full")


@lru_cache(maxsize=4096)
def _amount(amount: Decimal, currency: str, locale: str) -> str:
    from babel.numbers import format_currency

    return format_currency(amount, currency, locale=babel_locale(locale))


@lru_cache(maxsize=4096)
def _moment(value: datetime, style: str, zone: tzinfo, locale: str) -> str:
    from babel.dates import format_date, format_datetime

    if style in DATE_STYLES:
        return format_date(value.astimezone(zone), style, locale=babel_locale(locale))
    return format_datetime(value, style, tzinfo=zone, locale=babel_locale(locale))


PLURALS = ("zero", "one", "two", "few", "many", "other")


@pass_context
def plural(context: JinjaContext, value: object, **forms: object) -> str:
    """The form that goes with a number in the reader's language, `#` in it being the number.

    `{{ items | length | plural(one='# parcel', other='# parcels') }}`; the forms are CLDR's, by its names, and
    `other` stands for those that are not given.
    """
    if isinstance(value, Undefined):
        return str(value)
    if not isinstance(value, int | float | Decimal) or isinstance(value, bool):
        raise TemplateRuntimeError("'plural' needs a number such as items | length")
    from babel.numbers import format_decimal

    locale = babel_locale(context["_locale"])
    form = forms.get(locale.plural_form(value), forms.get("other"))
    if not isinstance(form, str):
        raise TemplateRuntimeError("'plural' has no form for this number; give it one as other='…'")
    return form.replace("#", format_decimal(value, locale=locale))


def _is_missing(value: object) -> bool:
    return value is None or isinstance(value, Undefined)


def _make_language() -> _Language:
    """Only filters that cannot fill memory, turn escaping off or reach for anything."""
    language = _Language(undefined=StrictUndefined, finalize=_write_out, keep_trailing_newline=True)
    useful = (
        "abs capitalize count d default first float int join last length list lower map max min reject"
        " rejectattr reverse round select selectattr sort string sum title trim truncate unique upper"
        " urlencode"
    )
    known = {**{name: FILTERS[name] for name in useful.split()}, "money": money, "date": date, "plural": plural}
    language.filters = {name: metered(filter_) for name, filter_ in known.items()}
    language.tests = {**TESTS, "none": _is_missing}
    language.globals = {}
    return language


LANGUAGE = _make_language()
