"""`order.unhandled: 4 business hours`: somebody bought, and nobody in the shop has touched the order for so long."""

from __future__ import annotations

from rules.events import PLATFORM, Event
from rules.history import is_purchase
from rules.timing import Duration, after, parse_duration
from rules.triggers import NOT_YET, About, Concluded, TriggerKind
from rules.triggers.bought import bought

NAME = "order.unhandled"

UNTOUCHED = "processing"
"""The status, on every platform, of what was bought and awaits the shop."""


def _read(value: object) -> Duration:
    if not isinstance(value, str) or (span := parse_duration(value)).amount == 0:
        raise ValueError("write how long after the payment, such as '4 business hours'")
    return span


def _conclude(span: Duration, about: About) -> Concluded:
    order = about.facts.order
    paid = bought(NAME, about.entries)
    if paid is None or not is_purchase(order) or order.status != UNTOUCHED or order.shipments or order.returns:
        return NOT_YET
    at = after(paid.at, span, about.facts.calendar)
    return Concluded(None, at) if at > about.now else Concluded(Event(NAME, at, PLATFORM))


TRIGGER = TriggerKind(NAME, _read, _conclude, example="4 hours", by_time=True, ended="somebody has seen to the order")
