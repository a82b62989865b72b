"""A rule, compiled: what the loader makes of YAML and the planner works with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Literal

from pydantic import BaseModel

from rules.conditions import Conditions
from rules.inputs import Given
from rules.timing import Duration, Window
from rules.triggers import Conclusion
from rules.waits import StepWait, spans_of

NO_CONDITIONS = Conditions()

OncePer = Literal["order", "customer", "shipment", "line_item", "review", "note", "occurrence"]
InFlight = Literal["follow", "keep"]


@dataclass(frozen=True, slots=True)
class Action:
    """One thing to do: `kind` is its name in YAML, `spec` its content. Some speak to the customer, or to the staff."""

    kind: str
    spec: BaseModel
    to_customer: bool = False
    to_staff: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """Actions that happen together, `wait` after the trigger or after the step before.

    `id` is the step's own, else its position as text; positions count from 1.
    """

    id: str
    position: int
    wait: StepWait | None
    send_between: Window | None
    actions: tuple[Action, ...]


@dataclass(frozen=True, slots=True)
class Rule:
    """A follow-up rule. `trigger` is an event kind (`order.delivered`, `order.status:packed`), or reads as the one that
    is `concluded` (`customer.nth_order: 3`). `platform` is the only one in whose stores it acts; None for all.

    Where `stop_if` does not hold, the follow-up ends; where `hold_while` does not, its next step waits.
    `backfill` is how far back from being switched on the rule may reach (True: without limit).
    Of messages that are due at the same time, those of a higher `priority` go first; an `urgent` rule's need not keep
    an hour's distance. `holdout` is the share of its people who get nothing, for comparison. `in_flight` says whether
    an edit reaches those for whom the rule has begun (`follow`), or lets them go on as they began (`keep`). `version`
    changes when anything that the rule does changes; before its '+' stands all but `backfill`. `source` is the rule as
    it was written, as JSON, and `where` is `file:line`. `preset` names the preset that gives the rule, and
    `inputs` are what that was given.
    """

    id: str
    name: str
    trigger: str
    steps: tuple[Step, ...]
    conditions: Conditions
    stop_if: Conditions
    hold_while: Conditions = NO_CONDITIONS
    once_per: OncePer = "order"
    concluded: Conclusion | None = None
    platform: str | None = None
    enabled: bool = True
    cooldown: Duration | None = None
    expires_after: Duration | None = None
    backfill: Duration | Literal[True] | None = None
    max_per_run: int = 200
    holdout: Fraction | None = None
    priority: int = 0
    urgent: bool = False
    in_flight: InFlight = "follow"
    was: str | None = None
    preset: str | None = None
    inputs: Mapping[str, Given] = field(default_factory=dict)
    version: str = ""
    source: str = ""
    where: str = ""

    @property
    def asked(self) -> tuple[Conditions, ...]:
        """All that it asks of an order."""
        return (self.conditions, self.stop_if, self.hold_while)


def durations(rule: Rule) -> Iterator[Duration]:
    """All spans of time that a rule speaks of."""
    for conditions in rule.asked:
        yield from conditions.spans
    for step in rule.steps:
        yield from spans_of(step.wait)
        for action in step.actions:
            yield from (value for _, value in action.spec if isinstance(value, Duration))
    others = (rule.cooldown, rule.expires_after, rule.backfill, rule.concluded and rule.concluded.argument)
    yield from (each for each in others if isinstance(each, Duration))
