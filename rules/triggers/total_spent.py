"""`customer.total_spent: 500`: all that somebody has bought comes to this much with this order."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

from rules.history import NO_HISTORY, before, is_purchase, spent_on
from rules.triggers import NOT_YET, About, Concluded, TriggerKind
from rules.triggers.bought import bought

NAME = "customer.total_spent"


def _read(value: object) -> Decimal:
    try:
        amount = Decimal(str(value)) if isinstance(value, int | float | str) and not isinstance(value, bool) else None
    except InvalidOperation:
        amount = None
    if amount is None or not amount.is_finite() or amount <= 0:
        raise ValueError("write an amount in the store's currency, such as 500")
    return amount


def _conclude(amount: Decimal, about: About) -> Concluded:
    order, history = about.facts.order, about.facts.history or NO_HISTORY
    if not is_purchase(order):
        return NOT_YET
    currency = order.total.currency
    so_far = sum((spent_on(each) for each in before(order, history) if each.total.currency == currency), Decimal(0))
    if not so_far < amount <= so_far + spent_on(order):
        return NOT_YET
    return Concluded(bought(NAME, about.entries))


TRIGGER = TriggerKind(
    NAME,
    _read,
    _conclude,
    example=500,
    once_per="customer",
    looks_back=True,
    ended="something was called off or given back",
)
