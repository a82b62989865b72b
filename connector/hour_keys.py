"""What the config's keys may hold that say when a shop works, and when it leaves people in peace."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated

from pydantic import BeforeValidator, WithJsonSchema

from rules.timing import Window, parse_business_hours, parse_holidays, parse_sabbath, parse_window

BUSINESS_HOURS = "business_hours"
"""What rules call the hours of the key of this name."""

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,63}", re.IGNORECASE)


def _hours(value: object) -> Window:
    if not (isinstance(value, dict) and value):
        raise ValueError('write days with their hours, as in { sun-thu: "09:00-18:00" }')
    for names, times in value.items():
        if not (isinstance(times, str) and times):
            raise ValueError(f"{names}: write hours as in '09:00-18:00'; leave out a day on which you are closed")
    return parse_business_hours({str(names): times for names, times in value.items()})


def _windows(value: object) -> Mapping[str, Window]:
    """Names, each with hours that are the same every day, or with days and their hours."""
    if not (isinstance(value, dict) and value):
        raise ValueError('write names with their hours, as in { mornings: "09:00-12:00" }')
    return {_name(str(name)): _window(str(name), hours) for name, hours in value.items()}


def _name(name: str) -> str:
    if name == BUSINESS_HOURS:
        raise ValueError(f"'{name}' is the name of the key 'business_hours'; call this window something else")
    if not _NAME.fullmatch(name):
        raise ValueError(f"'{name}' is no name for a window; begin with a letter, as in 'mornings'")
    return name


def _window(name: str, hours: object) -> Window:
    try:
        return _hours(hours) if isinstance(hours, dict) else parse_window(str(hours or ""))
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


_DAYS = {"type": "object", "additionalProperties": {"type": "string"}, "minProperties": 1}

Hours = Annotated[Window, BeforeValidator(_hours), WithJsonSchema(_DAYS)]
Holidays = Annotated[str, BeforeValidator(lambda text: parse_holidays(str(text)))]
Windows = Annotated[
    Mapping[str, Window],
    BeforeValidator(_windows),
    WithJsonSchema(
        {"type": "object", "additionalProperties": {"anyOf": [{"type": "string"}, _DAYS]}, "minProperties": 1}
    ),
]
Sabbath = Annotated[
    Window,
    BeforeValidator(lambda text: parse_sabbath(str(text))),
    WithJsonSchema({"type": "string", "examples": ["fri 16:00 - sat 20:00"]}),
]
