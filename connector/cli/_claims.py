"""Conditions in words: what they ask for, and what they saw."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, tzinfo

from connector.cli._screen import clean, local
from rules.conditions import Check, Part


def must_hold(part: Part, zone: tzinfo) -> str:
    """A rule's condition: whether it holds, what it asks for, and what it saw."""
    held = all(check.held for check in part.checks)
    claims = [f"{check.field} {_claim(check.wanted, must=True)}" for check in part.checks]
    if part.kind == "none_of":
        claims = [f"{check.field} {_claim(check.wanted, must=True, negated=True)}" for check in part.checks]
    joined = (" or " if part.kind == "none_of" else " and ").join(claims)
    front = "one of several: " if part.kind == "any_of" else ""
    return f"{mark(held)} {front}{clean(joined)}; {_seen(part.checks, zone)}"


def would_stop(part: Part, zone: tzinfo) -> str:
    """A reason to stop, and what it saw."""
    claims = " and ".join(f"{check.field} {_claim(check.wanted, must=False)}" for check in part.checks)
    return f"{clean(claims)}; {_seen(part.checks, zone)}"


def _claim(wanted: str, *, must: bool, negated: bool = False) -> str:
    """`must be at least 100`, `must not contain tea`, `is one of refunded, cancelled`."""
    if wanted.startswith("not "):
        return _claim(wanted.removeprefix("not "), must=must, negated=not negated)
    verb = next((verb for verb in _INFINITIVES if wanted.startswith(f"{verb} ")), None)
    rest = wanted if verb is None else wanted.removeprefix(f"{verb} ")
    if rest.startswith("any of "):
        rest = f"one of {rest.removeprefix('any of ')}"
    infinitive = _INFINITIVES.get(verb or "", "be")
    if must:
        return f"must {'not ' if negated else ''}{infinitive} {rest}"
    if verb is None:
        return f"is {'not ' if negated else ''}{rest}"
    return f"does not {infinitive} {rest}" if negated else f"{verb} {rest}"


_INFINITIVES = {"contains": "contain", "starts with": "start with"}


def _seen(checks: Sequence[Check], zone: tzinfo) -> str:
    """What was seen: of each field, where there are several."""
    several = len(checks) > 1
    told = []
    for check in checks:
        saw = ", ".join(map(str, check.saw)) if isinstance(check.saw, list) else check.saw
        value = "missing" if saw in (None, "") else "true" if saw is True else "false" if saw is False else str(saw)
        flips = f" (time alone changes that on {local(check.flips_at, zone)})" if check.flips_at is not None else ""
        told.append(f"{check.field if several else 'it'} is {with_times(clean(value), zone)}{flips}")
    return ", ".join(told)


def mark(held: bool) -> str:
    """Whether something holds, at a glance."""
    return "✓" if held else "✗"


def with_times(text: str, zone: tzinfo) -> str:
    """The text with its times as a clock in the zone shows them."""
    return MOMENT.sub(lambda found: local(datetime.fromisoformat(found[0]), zone), text)


MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00")
"""A time as conditions tell what they saw: UTC."""
