"""What a preset asks of whoever uses it: typed inputs, each with its value, its default, or none.

A value is read once, into plain data that can stand in a rule; messages are told it as what it is: an amount, links.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Literal, NamedTuple
from urllib.parse import urlsplit

from msgspec import Struct, defstruct

from adapters.model import Money
from rules.fields import find_field
from rules.timing import parse_duration
from rules.validation import did_you_mean

Kind = Literal[
    "text",
    "number",
    "money",
    "percent",
    "flag",
    "duration",
    "window",
    "channels",
    "choice",
    "link",
    "links",
    "texts",
    "field",
]

Plain = str | int | bool | list[str] | dict[str, str] | None
"""A value as it stands in a rule. None: it was left out."""


class Link(Struct, frozen=True):
    """A page on some site."""

    site: str
    url: str


class Given(NamedTuple):
    """An input's value, and what kind of value it is."""

    kind: Kind
    value: Plain


class InputKind(NamedTuple):
    """One kind of input. `takes` says in words what it takes, `example` is a value that fits.

    `read` makes plain data of what somebody wrote, and raises ValueError. `told` is the type that messages know the
    value by, which `tell` makes of it; None where it is not for messages.
    """

    takes: str
    read: Callable[[object], Plain]
    example: Plain
    schema: Mapping[str, Any]
    told: Any = None
    tell: Callable[[Any], object] = lambda value: value


# Reading ------------------------------------------------------------------------------------------------------


def _text(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int) or not str(value).strip():
        raise ValueError("write a text")
    return str(value)


def _number(value: object) -> int | str:
    number = _decimal(value)
    if number is None:
        raise ValueError("write a number")
    return int(number) if number == int(number) else f"{number.normalize():f}"


def _amount(value: object) -> str:
    number = _decimal(value)
    if number is None or number <= 0:
        raise ValueError("write an amount in the store's currency, such as 20 or 19.90")
    return str(number)


def _percent(value: object) -> str:
    number = _decimal(value.rstrip().removesuffix("%") if isinstance(value, str) else value)
    if number is None or not 0 < number <= 100:
        raise ValueError("write a percentage, such as 10 or 10%, and 100 at most")
    return f"{number.normalize():f}"


_LARGEST = 10**12


def _decimal(value: object) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    try:
        number = Decimal(str(value).strip())
    except InvalidOperation:
        return None
    return number if number.is_finite() and abs(number) <= _LARGEST else None


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError("write true or false")  # noqa: TRY004  a mistake of who wrote it, as all here
    return value


def _duration(value: object) -> str:
    return str(parse_duration(_text(value)))


def _texts(value: object) -> list[str]:
    entries = value if isinstance(value, list) else [value]
    if not entries:
        raise ValueError("write at least one")
    return [_text(entry) for entry in entries]


def _link(value: object) -> str:
    address = _text(value).strip()
    parts = urlsplit(address)
    if parts.scheme != "https" or not parts.hostname or any(sign.isspace() for sign in address):
        raise ValueError("write an address that begins with https://")
    return address


def _links(value: object) -> dict[str, str]:
    if not isinstance(value, dict) or not value:
        raise ValueError("write sites with their addresses, as in { Google: https://… }")
    return {_text(site): _link(address) for site, address in value.items()}


def _field(value: object) -> str:
    name = _text(value)
    if find_field(name) is None:
        raise ValueError(f"there is no field '{name}'")
    return name


# The kinds ----------------------------------------------------------------------------------------------------

_TEXT = {"type": ["string", "number"]}
_NUMBER = {"type": ["string", "number"]}
_ONE_OR_MORE = {"type": ["string", "number", "array"], "items": _TEXT, "minItems": 1}
_LINK = {"type": "string", "pattern": "^ *https://"}

INPUT_KINDS: Mapping[Kind, InputKind] = MappingProxyType(
    {
        "text": InputKind("a text", _text, "Sample", _TEXT, str),
        "number": InputKind("a number", _number, 1, _NUMBER, Decimal, lambda value: Decimal(str(value))),
        "money": InputKind(
            "an amount in the store's currency, such as 20 or 19.90",
            _amount,
            "1.00",
            _NUMBER,
            Money,
            lambda value: Money(Decimal(value), ""),
        ),
        "percent": InputKind("a percentage, such as 10 or 10%", _percent, "10", _NUMBER, Decimal, Decimal),
        "flag": InputKind("true or false", _flag, True, {"type": "boolean"}, bool),
        "duration": InputKind("a duration, such as 4 hours", _duration, "1 hour", {"type": "string"}),
        "window": InputKind(
            "hours, such as 09:00-18:00, or the name that the configuration has for some",
            _text,
            "00:00-24:00",
            {"type": "string"},
        ),
        "channels": InputKind(
            "a channel, or a list of them in order of preference", _texts, ["platform"], _ONE_OR_MORE
        ),
        "choice": InputKind("one of its options", _text, "", _TEXT, str),
        "link": InputKind("an address that begins with https://", _link, "https://example.com/", _LINK, str),
        "links": InputKind(
            "sites with their addresses, as in { Google: https://… }",
            _links,
            {"Example": "https://example.com/"},
            {"type": "object", "additionalProperties": _LINK, "minProperties": 1},
            tuple[Link, ...],
            lambda value: tuple(Link(site, url) for site, url in value.items()),
        ),
        "texts": InputKind("a text, or a list of them", _texts, ["sample"], _ONE_OR_MORE, tuple[str, ...], tuple),
        "field": InputKind("the name of a field, such as order.created_at", _field, "order.created_at", _TEXT),
    }
)


def read_input(kind: Kind, options: tuple[str, ...], value: object) -> Plain:
    """A value as plain data. Raises ValueError, which says what to write, where it is none of its kind."""
    plain = INPUT_KINDS[kind].read(value)
    if kind == "choice" and plain not in options:
        hint = did_you_mean(str(plain), options) or f"; write {' or '.join(options)}"
        raise ValueError(f"there is no '{plain}'{hint}")
    return plain


# In messages --------------------------------------------------------------------------------------------------


def told(inputs: Mapping[str, Given]) -> dict[str, object]:
    """What messages are told: each input's value as what it is. An amount has no currency yet: it is the order's."""
    return {
        name: INPUT_KINDS[given.kind].tell(given.value)
        for name, given in inputs.items()
        if given.value is not None and INPUT_KINDS[given.kind].told is not None
    }


def told_types(inputs: Mapping[str, Given]) -> type[Struct]:
    """What `input` is in a message with these inputs: a record, whose parts have their types."""
    return _record(tuple((name, given.kind) for name, given in inputs.items()))


@lru_cache(maxsize=256)
def _record(kinds: tuple[tuple[str, Kind], ...]) -> type[Struct]:
    parts = [(name, INPUT_KINDS[kind].told, None) for name, kind in kinds if INPUT_KINDS[kind].told is not None]
    return defstruct("Inputs", parts, module=__name__, frozen=True)
