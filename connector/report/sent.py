"""What went out: by rule, channel and language; what was withheld, and why."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby

import msgspec

from connector.actions import Prepared
from connector.report.frame import Frame
from connector.store.by_person import Person
from connector.store.followups import HOLDOUT, Followup

REDIRECTED = "redirected"
"""Stands for the channel of a message that somebody else got instead of the customer."""

MESSAGE = "send"


@dataclass(slots=True)
class OfRule:
    """What a rule did: messages sent, to how many people; steps withheld and failed; and people held out."""

    messages: int = 0
    people: int = 0
    withheld: int = 0
    failed: int = 0
    held_out: int = 0


@dataclass(slots=True)
class Sent:
    """Counts of a period. `others` are actions that are no messages, `reasons` those of withheld steps."""

    frame: Frame
    people: int = 0
    rules: defaultdict[str, OfRule] = field(default_factory=lambda: defaultdict(OfRule))
    channels: Counter[str] = field(default_factory=Counter)
    locales: Counter[str | None] = field(default_factory=Counter)
    others: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)

    def add(self, person: Person) -> None:
        rows = [row for past in person.orders for row in past.rows if self.frame.holds(row.at)]
        done = [row for row in rows if row.state == "done"]
        messages = [row for row in done if row.kind == MESSAGE]
        self.people += bool(messages)
        for row in messages:
            self.rules[row.rule].messages += 1
            self.channels[REDIRECTED if is_redirected(row) else row.channel or "?"] += 1
            self.locales[row.locale] += 1
        self.others.update(row.kind for row in done if row.kind != MESSAGE)
        for rule in {row.rule for row in messages}:
            self.rules[rule].people += 1
        for rule in {row.rule for row in rows if row.held_for == HOLDOUT}:
            self.rules[rule].held_out += 1
        for rule, state, reason in _not_done(rows):
            if state == "failed":
                self.rules[rule].failed += 1
            else:
                self.rules[rule].withheld += 1
                self.reasons[reason] += 1


def is_redirected(row: Followup) -> bool:
    """Whether somebody else got this message, as far as that is still known."""
    return row.intent is not None and msgspec.json.decode(row.intent, type=Prepared).redirected_to is not None


def _not_done(rows: Iterable[Followup]) -> Iterator[tuple[str, str, str]]:
    """The steps of which nothing was done: rule, what became of it, and why."""
    ordered = sorted(rows, key=lambda row: (row.rule, row.subject, row.position, row.action))
    for (rule, *_), step in groupby(ordered, key=lambda row: row.of_step):
        its = list(step)
        if any(row.state in ("done", "unknown", "held", "pending") or row.held_for == HOLDOUT for row in its):
            continue
        yield rule, its[0].state, in_general(its[0].reason or "")


def in_general(reason: str) -> str:
    """A reason without what is this order's alone, so that those that are alike can be counted."""
    reason = _CONDITION.sub(r"\1 is not as wanted: \2", reason)
    return _OWN.sub("…", reason)


_CONDITION = re.compile(r"^([a-z_]+\.\S+) is .*, wanted (.*)$", re.DOTALL)
_OWN = re.compile(r"\d{4}-\d\d-\d\d(?:[ T]\d\d:\d\d(?::\d\d)?)?(?:\+00:00| UTC)?|(?<=for order )\S+")
"""Times, and the numbers of orders."""
