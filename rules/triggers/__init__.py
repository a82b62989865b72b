"""Triggers that no single look at an order tells: they are concluded from all that is known, and from the time.

A module here that has a `TRIGGER` is a trigger: nothing else has to be edited.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from rules.events import Entries, Event
    from rules.facts import Facts
    from rules.rule import OncePer


class About(NamedTuple):
    """What a trigger is concluded from: the rule that waits for it, the order, what counts of its journal, and now."""

    rule: str
    facts: Facts
    entries: Entries
    now: datetime


class Concluded(NamedTuple):
    """What set the rule off, if it has happened; `ask_at` (UTC) is when time alone may change the answer."""

    event: Event | None
    ask_at: datetime | None = None


NOT_YET = Concluded(None)


@dataclass(frozen=True, slots=True)
class TriggerKind:
    """A trigger: its name in YAML, what may stand behind it, and how it is concluded.

    `read` makes of what stands behind the name its argument, whose `str()` reads as people write it, or raises
    ValueError with a sentence for them. It gets None where nothing does. `conclude` gets that argument. `once_per` is
    what the rule acts once for, unless it says. A trigger that `looks_back` needs the person's other orders; one that
    comes `by_time` may happen to an order of the past; one that `comes_round` happens to it again and again. `ended`
    says what has happened when it no longer holds.
    """

    name: str
    read: Callable[[object], Hashable]
    conclude: Callable[[Any, About], Concluded]
    example: object = None
    """What may stand behind the name, for editors; None where nothing does."""
    once_per: OncePer = "order"
    looks_back: bool = False
    by_time: bool = False
    comes_round: bool = False
    ended: str | None = None


@dataclass(frozen=True, slots=True)
class Conclusion:
    """A trigger as a rule has it: of a kind, with an argument."""

    kind: TriggerKind
    argument: Hashable

    def __str__(self) -> str:
        return self.kind.name if self.argument is None else f"{self.kind.name}: {self.argument}"

    def of(self, about: About) -> Concluded:
        """What has happened by now, under this trigger's name."""
        return self.kind.conclude(self.argument, about)


@cache
def concluded_triggers() -> Mapping[str, TriggerKind]:
    """Every one of these triggers, by its name in YAML."""
    modules = (import_module(f"{__name__}.{module.name}") for module in pkgutil.iter_modules(__path__))
    found: list[TriggerKind] = [module.TRIGGER for module in modules if hasattr(module, "TRIGGER")]
    return {kind.name: kind for kind in sorted(found, key=lambda kind: kind.name)}


def nothing(value: object) -> None:
    """The argument of a trigger that takes none."""
    if value is not None:
        raise ValueError("write it without anything behind it")
