"""Templates become words: texts that stand in a rule, and messages in Markdown with front matter.

Pure: a template, what it is about and the markup of the output go in, text comes out. `template_language` has
what a template may say; `template_check` finds mistakes in it before anything is sent.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from functools import lru_cache
from typing import Literal, NamedTuple, TypeVar, cast

import msgspec
from jinja2 import TemplateError, TemplateSyntaxError, UndefinedError
from jinja2.exceptions import SecurityError
from markupsafe import escape
from msgspec import Struct

from adapters.model import LineItem, Order, Shipment
from rules import markdown
from rules.document import Document, Problem, parse
from rules.template_language import (
    LONGEST_OUTPUT,
    LONGEST_SOURCE,
    MISSING,
    Data,
    GivenCoupon,
    Store,
    compiled,
    data_for,
    fallbacks,
    is_right_to_left,
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
    signed_by: str | None = None


class Message(NamedTuple):
    """A message, ready to go out."""

    subject: str | None
    body: str


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
    data = data_for(source)
    text = tidy(_run(source, context, data, name))
    return _bounded(data.put_back(text, _escaped if markup == "html" else str).strip(), name)


def render_message(source: str, context: Context, markup: Markup, *, name: str = "message") -> Message:
    """A Markdown message, written in the language of `context.locale`, as HTML or plain text.

    Raises RenderError; `name` is what that calls the template.
    """
    letter = read_letter(source, name)
    if letter.problems:
        raise RenderError(name, letter.problems[0].line, letter.problems[0].message)
    data = data_for(letter.body)
    text = tidy(_run(letter.body, context, data, name))
    body = markdown.to_html(text, data) if markup == "html" else markdown.to_plain(text, data)
    if markup == "html" and is_right_to_left(context.locale):
        body = f'<div dir="rtl">{body}</div>'  # the shop's own mail around it may run the other way
    subject = render_text(letter.front.get("subject", ""), context, "plain", name=name)
    return Message(" ".join(subject.split()) or None, _bounded(body, name))


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


# --- letters: front matter and Markdown -----------------------------------------------------------------

FRONT_MATTER = ("subject", "sms", "whatsapp")


class Letter(NamedTuple):
    """A Markdown template taken apart. `body` begins with as many empty lines as the front matter takes."""

    front: Mapping[str, str]
    body: str
    document: Document
    problems: tuple[Problem, ...]


@lru_cache(maxsize=256)
def read_letter(source: str, file: str) -> Letter:
    """Take a Markdown template apart; `file` is the name that its problems carry."""
    lines = source.removeprefix("\ufeff").replace("\r\n", "\n").split("\n")
    if lines[0].rstrip() != "---":
        return Letter({}, "\n".join(lines), Document(file, ""), ())
    end = next((number for number, line in enumerate(lines) if number and line.rstrip() == "---"), None)
    if end is None:
        problem = Problem(file, 1, 1, "the front matter that begins here is not closed; put '---' below it")
        return Letter({}, "", Document(file, ""), (problem,))
    document = parse("\n" + "\n".join(lines[1:end]), file)
    problems = list(document.problems)
    front = _front_matter(document, problems)
    return Letter(front, "\n" * (end + 1) + "\n".join(lines[end + 1 :]), document, tuple(problems))


def _front_matter(document: Document, problems: list[Problem]) -> dict[str, str]:
    data = document.data or {}
    if not isinstance(data, dict):
        problems.append(document.problem((), "write the front matter as 'subject: …'"))
        return {}
    for name, value in data.items():
        if name not in FRONT_MATTER:
            known = ", ".join(FRONT_MATTER)
            problems.append(document.problem((name,), f"there is no '{name}' here, only {known}", key=True))
        elif not isinstance(value, str | int):
            problems.append(document.problem((name,), "write a text, in quotes if it begins with '{'"))
    return {name: str(value) for name, value in data.items() if isinstance(value, str | int)}


# --- running ----------------------------------------------------------------------------------------------


def _run(source: str, context: Context, data: Data, name: str) -> str:
    """The template's text, with tokens for data and marks for what is missing."""
    if len(source) > LONGEST_SOURCE:
        raise RenderError(name, 1, f"the template is over {LONGEST_SOURCE:,} characters long; shorten it")
    parts: list[str] = []
    length = 0
    try:
        for part in compiled(source).generate(_values(context, data)):
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
    except (TypeError, ValueError, ArithmeticError, LookupError, AttributeError, RecursionError) as error:
        # What Python says about a value may quote it, and it may be a customer's.
        sentence = f"this cannot be worked out for the order ({type(error).__name__})"
        raise RenderError(name, _line_of(error), sentence) from None
    return "".join(parts)


def _values(context: Context, data: Data) -> dict[str, object]:
    order = _clean(context.order)
    return {
        "order": order,
        "customer": order.customer,
        "items": _clean(context.items),
        "store": _clean(context.store),
        "shipment": _clean(context.shipment) or MISSING,
        "item": _clean(context.item) or MISSING,
        "coupon": _clean(context.coupon) or MISSING,
        "signed_by": _clean(context.signed_by) or MISSING,
        "_locale": context.locale,
        "_zone": context.zone,
        "_data": data,
    }


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


def _bounded(text: str, name: str) -> str:
    if len(text) > LONGEST_OUTPUT:
        raise _too_long(name)
    return text


def _too_long(name: str) -> RenderError:
    return RenderError(name, 1, f"this makes a text of over {LONGEST_OUTPUT:,} characters; write out less")


def _escaped(text: str) -> str:
    return str(escape(text))


# --- clean data --------------------------------------------------------------------------------------------

_SEVERAL_LINES = frozenset({"customer_note", "reason"})
_REORDERING = dict.fromkeys((*range(0x202A, 0x202F), *range(0x2066, 0x206A)))
_NO_TEXT = dict.fromkeys((*range(0x20), *range(0x7F, 0xA0), 0xFEFF, *range(0xFDD0, 0xFDF0), *range(0xD800, 0xE000)))
_UNWANTED: Mapping[int, str | None] = {**_REORDERING, **_NO_TEXT, ord("\t"): " "}


def _clean(value: T) -> T:
    """The data without control characters, and without line breaks but for the fields that have lines."""
    return cast("T", _cleaned(value))


def _cleaned(value: object, *, several_lines: bool = False) -> object:
    if isinstance(value, str):
        lines = (" ".join(line.translate(_UNWANTED).split()) for line in value.splitlines())
        return "\n".join(lines).strip() if several_lines else " ".join(filter(None, lines))
    if isinstance(value, Struct):
        fields = msgspec.structs.asdict(value).items()
        cleaned = {name: _cleaned(entry, several_lines=name in _SEVERAL_LINES) for name, entry in fields}
        return type(value)(**{name: None if entry == "" else entry for name, entry in cleaned.items()})
    if isinstance(value, tuple):
        return tuple(_cleaned(entry) for entry in value)
    if isinstance(value, dict):
        return {_cleaned(key): _cleaned(entry) for key, entry in value.items()}
    return value
