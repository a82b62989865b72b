"""What a report looks at, and how."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from adapters.model import Money, Order
from rules.events import Ladders
from rules.timing import Calendar

NO_SALE = frozenset({"pending", "on-hold", "failed", "cancelled", "refunded", "checkout-draft"})
"""Statuses of orders that brought nothing, or not yet."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One store from `since` until `until` (UTC).

    What is bought within `window` of a message counts as bought after it. `coupons` are the codes that we made (in
    small letters), each with its rule; `compared` says from when to when people were held out of a rule.
    """

    since: datetime
    until: datetime
    window: timedelta
    calendar: Calendar
    ladders: Ladders
    coupons: Mapping[str, str] = field(default_factory=dict)
    compared: Mapping[str, tuple[datetime, datetime]] = field(default_factory=dict)

    def holds(self, moment: datetime) -> bool:
        """Whether this moment is looked at."""
        return self.since <= moment <= self.until

    def is_over(self, moment: datetime) -> bool:
        """Whether what was to be bought within the window after this moment has been by now."""
        return moment + self.window <= self.until


def is_real(order: Order) -> bool:
    """Whether a customer made this order, and it is there."""
    return not (order.draft or order.trashed or order.test)


def sale_of(order: Order) -> Money | None:
    """What an order brought, without what was given back; None if nothing, or not yet."""
    if not is_real(order) or order.status in NO_SALE:
        return None
    left = order.total.amount - sum(refund.amount.amount for refund in order.refunds)
    return Money(left, order.total.currency) if left > 0 else None
