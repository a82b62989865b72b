"""How soon the shop's people see to a paid order.

What the journal can tell of that: the order's status went on from where the payment had put it, a parcel was made, or
money was given back. Notes, calls and packing leave no trace in it, and a status that a rule set, or a plugin, is not
told from one that a person set.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from adapters.model import Order
from connector.report.frame import Frame, is_real
from connector.report.statistics import quantile
from connector.store.by_person import Person
from rules.events import PARCEL, PARTLY_REFUNDED, STATUS, Event, Journal

NOT_YET = frozenset({"pending", "processing", "on-hold", "failed", "checkout-draft", "draft", "auto-draft"})
"""Statuses in which an order still waits for somebody."""

LONG = timedelta(days=2)
"""An order that waits longer than this is told of."""

BOUNDS = (1, 4, 8, 24, 48, 96)
"""Hours; how long it took is counted between these."""

_HOUR = timedelta(hours=1)


@dataclass(slots=True)
class Handling:
    """Orders paid in the period that have to be shipped. Of `undated` ones it is not known when they were seen to."""

    frame: Frame
    paid: int = 0
    waiting: int = 0
    waiting_long: int = 0
    longest_wait: timedelta = timedelta(0)
    undated: int = 0
    hours: array[float] = field(default_factory=lambda: array("d"))

    def add(self, person: Person) -> None:
        for past in person.orders:
            order, paid_at = past.order, past.order.paid_at
            if paid_at is not None and self.frame.holds(paid_at) and is_real(order) and order.needs_shipping:
                self._add(order, past.journal, paid_at)

    def _add(self, order: Order, journal: Journal, paid_at: datetime) -> None:
        self.paid += 1
        seen_to = list(_seen_to(journal, paid_at))
        dated = [event.at for event in seen_to if event.dated or not event.old]
        if dated:
            self.hours.append(max(0.0, (min(dated) - paid_at) / _HOUR))
        elif seen_to or order.status not in NOT_YET:
            self.undated += 1
        else:
            wait = self.frame.until - paid_at
            self.waiting += 1
            self.waiting_long += wait > LONG
            self.longest_wait = max(self.longest_wait, wait)

    @property
    def median(self) -> float | None:
        """Hours."""
        return quantile(sorted(self.hours), 0.5) if self.hours else None

    @property
    def nine_tenths(self) -> float | None:
        """Within how many hours nine of ten orders were seen to."""
        return quantile(sorted(self.hours), 0.9) if self.hours else None

    @property
    def by_hours(self) -> list[int]:
        """How many took less than each of the bounds, and how many took longer."""
        counts = [0] * (len(BOUNDS) + 1)
        for hours in self.hours:
            counts[sum(hours >= bound for bound in BOUNDS)] += 1
        return counts


def _seen_to(journal: Journal, paid_at: datetime) -> Iterator[Event]:
    """What tells that somebody saw to the order after it was paid."""
    for event in journal:
        status = event.kind.removeprefix(STATUS) if event.kind.startswith(STATUS) else None
        by_status = status is not None and status not in NOT_YET
        if (by_status or event.kind in (PARCEL, "order.refunded", PARTLY_REFUNDED)) and event.at >= paid_at:
            yield event
