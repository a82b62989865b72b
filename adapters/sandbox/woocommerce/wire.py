"""How WordPress says things over HTTP: its parameters, its JSON, its headers and its errors."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl

from adapters.sandbox.server import Response

Parsers = Mapping[str, Callable[[str, Any], Any]]
"""For each known parameter what turns (its name, its raw value) into a value, or raises Invalid."""

_DATE_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d(:\d\d)?)?")


class WpError(Exception):
    """An answer that is an error. `data` replaces the usual {"status": …} where WooCommerce differs."""

    def __init__(self, status: int, code: str | int, message: str, data: Any = None) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"code": code, "message": message, "data": {"status": status} if data is None else data}


class Invalid(Exception):
    """One parameter is not what it should be."""

    def __init__(self, code: str, message: str, data: Any = None) -> None:
        super().__init__(message)
        self.details = {"code": code, "message": message, "data": data}


def php_params(query: str) -> dict[str, str]:
    """The parameters of a query string as PHP reads them: the last of a name wins, `name[]` counts up."""
    params: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name.endswith("[]"):
            stem = name[:-2]
            name = f"{stem}[{sum(known.startswith(f'{stem}[') for known in params)}]"
        params[name] = value
    return params


def without_credentials(query: str) -> dict[str, str]:
    """As `php_params`, without what signs or authorises the request."""
    secret = ("oauth_", "consumer_")
    return {name: value for name, value in php_params(query).items() if not name.startswith(secret)}


def php_json(payload: Any) -> bytes:
    """JSON as PHP writes it: ASCII only, slashes escaped."""
    return json.dumps(payload, separators=(",", ":")).replace("/", "\\/").encode("ascii")


def reply(url: str, payload: Any, *, status: int = 200, headers: tuple[tuple[str, str], ...] = ()) -> Response:
    """A JSON response with the headers WordPress adds to every one."""
    usual = (
        ("Content-Type", "application/json; charset=UTF-8"),
        ("X-Robots-Tag", "noindex"),
        ("Link", f'<{url}/wp-json/>; rel="https://api.w.org/"'),
        ("X-Content-Type-Options", "nosniff"),
        ("Access-Control-Expose-Headers", "X-WP-Total, X-WP-TotalPages, Link"),
        ("Cache-Control", "no-cache, must-revalidate, max-age=0, no-store, private"),
    )
    return Response(status, php_json(payload), (*usual, *headers))


def validated(raw: Mapping[str, Any], parsers: Parsers) -> dict[str, Any]:
    """The known parameters among `raw`, parsed; others are ignored. Raises WpError naming all bad ones."""
    values: dict[str, Any] = {}
    wrong: dict[str, dict[str, Any]] = {}
    for name, parse in parsers.items():
        if name in raw:
            try:
                values[name] = parse(name, raw[name])
            except Invalid as problem:
                wrong[name] = problem.details
    if wrong:
        data = {
            "status": 400,
            "params": {name: details["message"] for name, details in wrong.items()},
            "details": wrong,
        }
        raise WpError(400, "rest_invalid_param", f"Invalid parameter(s): {', '.join(wrong)}", data)
    return values


def required(raw: Mapping[str, Any], name: str) -> Any:
    """The value of a parameter that has to be there. Raises WpError if it is not."""
    if name not in raw:
        data = {"status": 400, "params": [name]}
        raise WpError(400, "rest_missing_callback_param", f"Missing parameter(s): {name}", data)
    return raw[name]


def gathered(params: Mapping[str, str]) -> dict[str, Any]:
    """Parameters with `name[0]`, `name[1]` … brought together as one list."""
    values: dict[str, Any] = {}
    for name, value in params.items():
        stem, bracket, _ = name.partition("[")
        if bracket:
            values.setdefault(stem, []).append(value)
        else:
            values[name] = value
    return values


def whole(*, at_least: int | None = None, at_most: int | None = None) -> Callable[[str, Any], int]:
    """A parser of whole numbers within bounds."""

    def parse(name: str, value: Any) -> int:
        if not re.fullmatch(r"[+-]?\d+", str(value)):
            raise Invalid("rest_invalid_type", f"{name} is not of type integer.", {"param": name})
        number = int(value)
        if at_least is not None and at_most is not None and not at_least <= number <= at_most:
            bounds = f"between {at_least} (inclusive) and {at_most} (inclusive)"
            raise Invalid("rest_out_of_bounds", f"{name} must be {bounds}")
        if at_least is not None and number < at_least:
            raise Invalid("rest_out_of_bounds", f"{name} must be greater than or equal to {at_least}")
        return number

    return parse


def one_of(*words: str) -> Callable[[str, Any], str]:
    """A parser of words from a list."""

    def parse(name: str, value: Any) -> str:
        if value not in words:
            listing = f"{', '.join(words[:-1])}, and {words[-1]}"
            raise Invalid("rest_not_in_enum", f"{name} is not one of {listing}.")
        return str(value)

    return parse


def several(parse_one: Callable[[str, Any], Any]) -> Callable[[str, Any], list[Any]]:
    """A parser of lists: an array, or one text with commas."""

    def parse(name: str, value: Any) -> list[Any]:
        parts = value if isinstance(value, list) else [part for part in re.split(r"[\s,]+", value) if part]
        return [parse_one(f"{name}[{position}]", part) for position, part in enumerate(parts)]

    return parse


def truth(name: str, value: Any) -> bool:
    """Parse a boolean the way WordPress does: `true`, `1` and their opposites, in any case."""
    word = str(value).lower()
    if word not in ("true", "false", "1", "0", ""):
        raise Invalid("rest_invalid_type", f"{name} is not of type boolean.", {"param": name})
    return word in ("true", "1")


def date_time(name: str, value: Any) -> datetime:
    """Parse a date with a time, naive if it names no zone; fractions of a second are dropped."""
    if _DATE_TIME.fullmatch(value):
        with suppress(ValueError):  # a thirteenth month
            return datetime.fromisoformat(value.upper()).replace(microsecond=0)
    raise Invalid("rest_invalid_date", "Invalid date.")
