"""`customer.inactive: 90 days`: somebody has not come back for so long since their latest purchase."""

from __future__ import annotations

from rules.events import PLATFORM, Event
from rules.history import NO_HISTORY, is_latest, is_purchase
from rules.timing import Duration, after, parse_duration
from rules.triggers import NOT_YET, About, Concluded, TriggerKind

NAME = "customer.inactive"


def _read(value: object) -> Duration:
    if not isinstance(value, str) or (span := parse_duration(value)).amount == 0:
        raise ValueError("write how long after their latest order, such as '90 days'")
    return span


def _conclude(span: Duration, about: About) -> Concluded:
    facts = about.facts
    if not is_purchase(facts.order) or not is_latest(facts.order, facts.history or NO_HISTORY):
        return NOT_YET
    at = after(facts.order.created_at, span, facts.calendar)
    return Concluded(None, at) if at > about.now else Concluded(Event(NAME, at, PLATFORM))


TRIGGER = TriggerKind(
    NAME,
    _read,
    _conclude,
    example="90 days",
    looks_back=True,
    by_time=True,
    ended="they have come back, or the order was called off",
)
