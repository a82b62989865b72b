"""Shopify's search syntax, as far as a follower of orders needs it: `updated_at:>='…' AND -status:cancelled`."""

from __future__ import annotations

import operator
import re
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

Test = Callable[[Any], bool]
"""Says whether a record is wanted."""

Field = Callable[[Any], datetime | int | str | tuple[str, ...] | None]
"""Gives what a record has under a searchable name."""

_TOKEN = re.compile(
    r"""\s*(?: (?P<paren>[()])
             | (?P<not>-|NOT\s+)?(?P<field>\w+):(?P<how>>=|<=|>|<)?(?P<value>'[^']*'|"[^"]*"|[^\s()]+)
             | (?P<word>[^\s()]+) )""",
    re.VERBOSE,
)
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
    "": operator.eq,
}


@dataclass(slots=True)
class Search:
    """What was searched for, and what of it was not understood: that is ignored, as if it had not been said."""

    wanted: Test
    warnings: list[dict[str, str]] = field(default_factory=list)


def understand(query: str | None, fields: Mapping[str, Field], zone: ZoneInfo) -> Search:
    """Read a query. Days without a time are days of the store's `zone`."""
    search = Search(lambda record: True)
    tokens = deque(_TOKEN.finditer(query or ""))
    reader = _Reader(tokens, fields, zone, search.warnings)
    search.wanted = reader.either() or search.wanted
    return search


@dataclass(slots=True)
class _Reader:
    tokens: deque[re.Match[str]]
    fields: Mapping[str, Field]
    zone: ZoneInfo
    warnings: list[dict[str, str]]

    def either(self) -> Test | None:
        """One of several, of which OR binds the looser. None: nothing that was understood."""
        choices = [self.every()]
        while self.tokens and self.tokens[0]["word"] == "OR":
            self.tokens.popleft()
            choices.append(self.every())
        tests = [test for test in choices if test is not None]
        return (lambda record: any(test(record) for test in tests)) if tests else None

    def every(self) -> Test | None:
        """All of several, with AND between them or nothing."""
        tests = []
        while self.tokens and self.tokens[0]["word"] != "OR" and self.tokens[0]["paren"] != ")":
            token = self.tokens.popleft()
            if token["word"] == "AND":
                continue
            test = self.group() if token["paren"] else self.term(token)
            if test is not None:
                tests.append(test)
        return (lambda record: all(test(record) for test in tests)) if tests else None

    def group(self) -> Test | None:
        """What stands in parentheses, their end included."""
        test = self.either()
        if self.tokens:
            self.tokens.popleft()
        return test

    def term(self, token: re.Match[str]) -> Test | None:
        """One comparison; None with a warning if there is no such field or the value makes no sense."""
        # A bare word searches the names.
        name, value = token["field"] or "name", (token["value"] or token["word"]).strip("'\"")
        if name not in self.fields:
            self.warn(name, "Invalid search field for this query.", "invalid_field")
            return None
        read, compare = self.fields[name], _COMPARE[token["how"] or ""]
        try:
            test = _test(read, compare, value, self.zone)
        except ValueError:
            self.warn(name, f"Input `{value}` is not an accepted value.", "invalid_value")
            return None
        return (lambda record: not test(record)) if token["not"] else test

    def warn(self, name: str, message: str, code: str) -> None:
        """Keep a warning for `extensions.search`."""
        self.warnings.append({"field": name, "message": message, "code": code})


def _test(read: Field, compare: Callable[[Any, Any], bool], value: str, zone: ZoneInfo) -> Test:
    moment = _moment(value, zone) if re.match(r"\d{4}-", value) else None
    number = int(value) if value.isdigit() else None
    word = value.lower()

    def test(record: Any) -> bool:
        found = read(record)
        if isinstance(found, datetime):
            return moment is not None and compare(found, moment)
        if isinstance(found, int):
            return number is not None and compare(found, number)
        words = (found,) if isinstance(found, str) else found or ()
        return any(compare(each.lower(), word) for each in words)

    return test


def _moment(value: str, zone: ZoneInfo) -> datetime:
    """A moment in UTC. Raises ValueError for what is none."""
    moment = datetime.fromisoformat(value)
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)
