"""A parcel's journey: the states that it came into, whether it is still under way, and until when it is expected."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from adapters.model import Shipment

DELIVERED = "delivered"
RETURNED = "returned"
TROUBLE = frozenset({"delivery_failed", "exception", RETURNED})
"""States of a parcel that its customer must not be left alone with."""

STATES = (
    "in_transit",
    "out_for_delivery",
    "available_for_pickup",
    "delivery_failed",
    "exception",
    RETURNED,
    DELIVERED,
)
"""The states of a parcel that mean the same on every platform; other words of a platform's are no news."""


def entered(parcel: Shipment) -> Iterator[tuple[str, datetime]]:
    """The states that the parcel came into, each with the platform's time, the earliest first.

    Carriers scan a parcel in every depot: what repeats the state before it is none of its own. Of an arrival,
    `delivered_at` knows better than any scan.
    """
    before = None
    for milestone in parcel.milestones:
        if milestone.state != before and (milestone.state != DELIVERED or parcel.delivered_at is None):
            yield milestone.state, milestone.at
        before = milestone.state
    if parcel.delivered_at is not None:
        yield DELIVERED, parcel.delivered_at


def has_arrived(parcel: Shipment) -> bool:
    """Whether the platform says that the parcel was delivered."""
    if parcel.delivered_at is not None or parcel.state == DELIVERED:
        return True
    return any(milestone.state == DELIVERED for milestone in parcel.milestones)


def is_under_way(parcel: Shipment) -> bool:
    """Whether the platform follows the parcel, and its journey is not over."""
    return parcel.state not in (None, RETURNED) and not has_arrived(parcel)


def expected_by(parcel: Shipment) -> datetime | None:
    """By when the parcel ought to arrive (UTC); None where nobody says, or where it is not to come any more."""
    if parcel.estimated_delivery_at is None or parcel.state == RETURNED or has_arrived(parcel):
        return None
    return parcel.estimated_delivery_at
