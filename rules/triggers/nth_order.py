"""`customer.nth_order: 3`: somebody bought for the third time."""

from __future__ import annotations

from rules.history import NO_HISTORY, is_purchase, place_of
from rules.triggers import NOT_YET, About, Concluded, TriggerKind
from rules.triggers.bought import bought

NAME = "customer.nth_order"


def _read(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 10_000:
        raise ValueError("write which of a customer's orders, such as 3")
    return value


def _conclude(number: int, about: About) -> Concluded:
    return nth_purchase(number, NAME, about)


def nth_purchase(number: int, name: str, about: About) -> Concluded:
    """The purchase, if it is the person's n-th."""
    order, history = about.facts.order, about.facts.history or NO_HISTORY
    if not is_purchase(order) or place_of(order, history) != number:
        return NOT_YET
    return Concluded(bought(name, about.entries))


TRIGGER = TriggerKind(
    NAME,
    _read,
    _conclude,
    example=3,
    once_per="customer",
    looks_back=True,
    ended="an order was called off, or an earlier one counts",
)
