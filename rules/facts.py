"""What is known when an order's follow-ups are planned: the rules in force, the order, and what was done about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, NamedTuple

from adapters.model import NOTHING_SAID, LineItem, Order, Remarks, Review, Shipment, StaffNote
from rules.events import Ladders
from rules.history import History
from rules.protection import QuietTimes
from rules.rule import Rule
from rules.timing import Calendar

State = Literal["pending", "done", "skipped", "held", "failed", "unknown"]

DEFAULT_LADDERS = Ladders()
NEVER_QUIET = QuietTimes()


@dataclass(frozen=True, slots=True)
class Active:
    """A rule as it stands in one store: `since` is when it was switched on there, `first_id` the id that it had first,
    if not the one that it has. `earlier` is the rule as it was, by version, for those versions by which somebody is to
    go on.
    """

    rule: Rule
    since: datetime
    first_id: str | None = None
    earlier: Mapping[str, Rule] = field(default_factory=dict)

    def by(self, version: str | None) -> Rule:
        """The rule for whom it has begun by this version; the latest for whom it has not begun."""
        return self.rule if version is None else self.earlier.get(version, self.rule)


@dataclass(frozen=True, slots=True)
class Deed:
    """A recorded follow-up action: what is planned for, or was done about, one step of one rule.

    `final` deeds are never planned again. `at` is when the state was reached, `event_at` when what it follows up
    happened. `order_id` is the order it was for, `number` what people call that order; `action` counts from 1.
    `held_out` stands for all that the rule would have done for somebody who gets nothing of it.
    `version` is that of the rule by which it was planned last.
    """

    rule: str
    subject: str
    order_id: str
    number: str
    step: str
    position: int
    action: int
    state: State
    final: bool
    at: datetime
    event_at: datetime
    held_out: bool = False
    version: str = ""


class Facts(NamedTuple):
    """All that is known about an order, but for what happened when: see the journal.

    `person` identifies the customer across orders. `deeds` are the recorded follow-ups of the order and the person.
    `history` is what else is known of them, where a rule asks. `asked_at` (UTC) is when the order was to be planned
    again, as its last plan said. `remarks` are what was said about it.
    """

    order: Order
    person: str
    calendar: Calendar
    ladders: Ladders = DEFAULT_LADDERS
    deeds: tuple[Deed, ...] = ()
    quiet: QuietTimes = NEVER_QUIET
    history: History | None = None
    asked_at: datetime | None = None
    remarks: Remarks = NOTHING_SAID


@dataclass(frozen=True, slots=True)
class Subject:
    """What a follow-up is about, once per which its rule acts. The `review` or `note` is the one that set it off."""

    key: str
    shipments: tuple[Shipment, ...]
    items: tuple[LineItem, ...]
    shipment: Shipment | None = None
    item: LineItem | None = None
    review: Review | None = None
    note: StaffNote | None = None
