"""`customer.first_order`: somebody bought for the first time."""

from __future__ import annotations

from rules.triggers import About, Concluded, TriggerKind, nothing
from rules.triggers.nth_order import nth_purchase

NAME = "customer.first_order"


def _conclude(_: None, about: About) -> Concluded:
    return nth_purchase(1, NAME, about)


TRIGGER = TriggerKind(
    NAME,
    nothing,
    _conclude,
    once_per="customer",
    looks_back=True,
    ended="this order was called off, or an earlier one counts",
)
