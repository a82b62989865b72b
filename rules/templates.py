"""Templates become words: what they name is looked up, and nothing that is missing shows.

Pure: a template and what it is about go in, text comes out. `template_language` has what a template may say;
`template_check` finds mistakes in it before anything is sent; `messages` makes messages of it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from decimal import Decimal
from functools import cache
from types import NoneType
from typing import Literal, NamedTuple, TypeVar, cast, get_args, get_type_hints

import msgspec
from jinja2 import TemplateError, TemplateSyntaxError, UndefinedError
from jinja2.exceptions import SecurityError
from markupsafe import escape
from msgspec import Struct

from adapters.model import LineItem, Money, Order, Review, Shipment, StaffNote
from rules.template_language import (
    LONGEST_OUTPUT,
    LONGEST_SOURCE,
    MISSING,
    Data,
    GivenCoupon,
    Store,
    compiled,
    data_for,
)
from rules.tidy import tidy

Markup = Literal["html", "plain"]
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What a template is about. `items` are the follow-up's; `zone` is the store's, `locale` the reader's."""

    order: Order
    items: tuple[LineItem, ...]
    store: Store
    locale: str
    zone: tzinfo
    shipment: Shipment | None = None
    item: LineItem | None = None
    coupon: GivenCoupon | None = None
    review: Review | None = None
    note: StaffNote | None = None
    signed_by: str | None = None
    inputs: Mapping[str, object] = field(default_factory=dict)
    """Those of a preset, as messages are told them; amounts are in the order's currency."""


class Written(NamedTuple):
    """A template's text with tokens for its data, and the data."""

    text: str
    data: Data


class RenderError(Exception):
    """A template that cannot be worked out for this order. Says where and why, without the order's data."""

    def __init__(self, template: str, line: int, sentence: str) -> None:
        super().__init__(f"{template}:{line}: {sentence}")
        self.template = template
        self.line = line
        self.sentence = sentence


def render_text(source: str, context: Context, markup: Markup, *, name: str = "text") -> str:
    """A text with its data put in. With "html", data is escaped and the author's own text is left as it is.

    `name` is what a RenderError calls the template.
    """
    text, data = run(source, names_of(context), name)
    return bounded(data.put_back(text, _escaped if markup == "html" else str).strip(), name)


def names_of(context: Context) -> Mapping[str, object]:
    """What a template may name, cleaned of what no text should hold."""
    order = _clean(context.order)
    return {
        "order": order,
        "customer": order.customer,
        "items": _clean(context.items),
        "store": _clean(context.store),
        "shipment": _clean(context.shipment) or MISSING,
        "item": _clean(context.item) or MISSING,
        "coupon": _clean(context.coupon) or MISSING,
        "review": _clean(context.review) or MISSING,
        "note": _clean(context.note) or MISSING,
        "signed_by": _clean(context.signed_by) or MISSING,
        "input": _inputs(context),
        "_locale": context.locale,
        "_zone": context.zone,
    }


def _inputs(context: Context) -> dict[str, object]:
    currency = context.order.total.currency
    return {
        name: Money(value.amount, currency) if isinstance(value, Money) else _cleaned(value, several_lines=True)
        for name, value in context.inputs.items()
    }


def run(source: str, names: Mapping[str, object], name: str) -> Written:
    """The template's text, tidied of what is missing. Raises RenderError, which calls the template `name`."""
    if len(source) > LONGEST_SOURCE:
        raise RenderError(name, 1, f"the template is over {LONGEST_SOURCE:,} characters long; shorten it")
    data = data_for(source)
    text = tidy(_run(source, {**names, "_data": data}, data, name))
    return Written(_with_single_stops(text, data), data)


def _with_single_stops(text: str, data: Data) -> str:
    """The text without the author's full stop after data that ends in one, such as the Russian `2026 г.`."""

    def stopped(found: re.Match[str]) -> str:
        return found[1] if data.values[int(found[2])].endswith(".") else found[0]

    return re.sub(rf"({data.key}([0-9]+)z)\.(?!\w)", stopped, text)


def bounded(text: str, name: str) -> str:
    """The text, unless it is too long. Raises RenderError then."""
    if len(text) > LONGEST_OUTPUT:
        raise _too_long(name)
    return text


# --- running ----------------------------------------------------------------------------------------------


def _run(source: str, values: Mapping[str, object], data: Data, name: str) -> str:
    """The template's text, with tokens for data and marks for what is missing."""
    parts: list[str] = []
    length = 0
    try:
        for part in compiled(source).generate(values):
            parts.append(part)
            length += len(part)
            if length + data.size > LONGEST_OUTPUT:
                raise _too_long(name)
    except TemplateSyntaxError as error:
        raise RenderError(name, error.lineno, f"the template cannot be read: {error.message}") from None
    except UndefinedError as error:
        raise RenderError(name, _line_of(error), _undefined(error, source)) from None
    except SecurityError as error:
        raise RenderError(name, _line_of(error), "a template may not do this") from None
    except TemplateError as error:
        raise RenderError(name, _line_of(error), str(error.message)) from None
    except (SyntaxError, RecursionError):
        raise RenderError(name, 1, "the template is nested too deep; write it more simply") from None
    except (TypeError, ValueError, ArithmeticError, LookupError, AttributeError, NameError) as error:
        # What Python says about a value may quote it, and it may be a customer's.
        sentence = f"this cannot be worked out for the order ({type(error).__name__})"
        raise RenderError(name, _line_of(error), sentence) from None
    return "".join(parts)


def _line_of(error: Exception) -> int:
    """The template's line that an error came from: Jinja2 writes it into the traceback."""
    line, step = 1, error.__traceback__
    while step is not None:
        if step.tb_frame.f_code.co_filename == "<template>":
            line = step.tb_lineno
        step = step.tb_next
    return line


def _undefined(error: UndefinedError, source: str) -> str:
    """Jinja2 names what is not there; told only if it is the template's own word, for it may be data."""
    named = re.search("'([^']+)'(?: is undefined)?$", str(error.message))
    if named and named[1] in source:
        return f"there is no '{named[1]}' here"
    return "a value that this order does not have is used here as if it were there"


def _too_long(name: str) -> RenderError:
    return RenderError(name, 1, f"this makes a text of over {LONGEST_OUTPUT:,} characters; write out less")


def _escaped(text: str) -> str:
    return str(escape(text))


# --- clean data --------------------------------------------------------------------------------------------

_SEVERAL_LINES = frozenset({"customer_note", "reason", "text"})
_REORDERING = dict.fromkeys((*range(0x202A, 0x202F), *range(0x2066, 0x206A)))
_NO_TEXT = dict.fromkeys((*range(0x20), *range(0x7F, 0xA0), 0xFEFF, *range(0xFDD0, 0xFDF0), *range(0xD800, 0xE000)))
_UNWANTED: Mapping[int, str | None] = {**_REORDERING, **_NO_TEXT, ord("\t"): " "}


def _clean(value: T) -> T:
    """The data without control characters, and without line breaks but for the fields that have lines."""
    return cast("T", _cleaned(value))


def _cleaned(value: object, *, several_lines: bool = False) -> object:
    if isinstance(value, str):
        if value.isprintable() and "  " not in value and value == value.strip():
            return value
        lines = (" ".join(line.translate(_UNWANTED).split()) for line in value.splitlines())
        return "\n".join(lines).strip() if several_lines else " ".join(filter(None, lines))
    if isinstance(value, Struct):
        changed = {}
        for name in _fields_with_text(type(value)):
            entry = getattr(value, name)
            cleaned = _cleaned(entry, several_lines=name in _SEVERAL_LINES)
            if cleaned is not entry:
                changed[name] = None if cleaned == "" else cleaned
        return msgspec.structs.replace(value, **changed) if changed else value
    if isinstance(value, tuple) and value:
        return tuple([_cleaned(entry) for entry in value])
    if isinstance(value, dict) and value:
        return {_cleaned(key): _cleaned(entry) for key, entry in value.items()}
    return value


@cache
def _fields_with_text(kind: type[Struct]) -> tuple[str, ...]:
    """The fields of a record that are, or hold, text."""
    others = {datetime, Decimal, int, bool, NoneType}
    hints = get_type_hints(kind).items()
    return tuple(name for name, hint in hints if not {*(get_args(hint) or (hint,))} <= others)
