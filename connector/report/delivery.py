"""On the way: how long each carrier took, how often it was late, and how often it failed.

A parcel counts in the period in which it left. When it left and arrived is what the journal says: the carrier's own
dates where there are any, else what the shop's `shipped_when` and `delivered_when` tell.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from adapters.model import Shipment
from connector.report.frame import Frame, is_real
from connector.report.statistics import Interval, difference_of_shares, quantile, share
from connector.store.by_person import Past, Person
from rules.events import ARRIVED, JOURNEY, PARCEL, Event, Journal
from rules.facts import Facts
from rules.subjects import entries_of

ENOUGH = 20
"""Parcels; of fewer it is not said how often they are late or fail."""

FAILURES = frozenset({JOURNEY["delivery_failed"], JOURNEY["exception"], JOURNEY["returned"]})
LONGEST = 14
"""Days; what took longer stands together."""

_DAY = timedelta(days=1)


@dataclass(slots=True)
class Carrier:
    """What a carrier did. `days` are how long its delivered parcels took. `expected` parcels had a date by which to be
    there that has passed or was kept; of `followed` ones it is known how they fared.
    """

    name: str
    parcels: int = 0
    days: array[float] = field(default_factory=lambda: array("d"))
    expected: int = 0
    late: int = 0
    followed: int = 0
    failed: int = 0

    @property
    def median(self) -> float | None:
        return quantile(sorted(self.days), 0.5) if self.days else None

    @property
    def nine_tenths(self) -> float | None:
        """Within how many days nine of ten parcels were there."""
        return quantile(sorted(self.days), 0.9) if self.days else None

    @property
    def by_days(self) -> list[int]:
        """How many parcels took less than one day, less than two …; the last are all that took longer."""
        counts = Counter(min(int(days), LONGEST) for days in self.days)
        return [counts[days] for days in range(LONGEST + 1)]

    @property
    def late_share(self) -> Interval | None:
        return share(self.late, self.expected) if self.expected >= ENOUGH else None

    @property
    def failed_share(self) -> Interval | None:
        return share(self.failed, self.followed) if self.followed >= ENOUGH else None


@dataclass(slots=True)
class Delivery:
    """Every carrier's parcels, by its name in small letters; "" where nobody says which it was."""

    frame: Frame
    carriers: dict[str, Carrier] = field(default_factory=dict)
    undated: int = 0
    """Parcels that had left before we looked after the store, nobody knows when."""

    def add(self, person: Person) -> None:
        for past in person.orders:
            if past.order.shipments and is_real(past.order):
                self._add(past, person.mark)

    def _add(self, past: Past, mark: str) -> None:
        entries = entries_of(Facts(past.order, mark, self.frame.calendar, self.frame.ladders), past.journal)
        for parcel in {parcel.id: parcel for parcel in past.order.shipments}.values():
            left = _moment(entries.get((PARCEL, parcel.id)))
            if left is None:
                self.undated += 1
            elif self.frame.holds(left):
                name = (parcel.carrier or "").strip()
                carrier = self.carriers.setdefault(name.casefold(), Carrier(name))
                self._count(carrier, parcel, left, entries.get((ARRIVED, parcel.id)), past.journal)

    def _count(
        self, carrier: Carrier, parcel: Shipment, left: datetime, arrival: Event | None, journal: Journal
    ) -> None:
        arrived, expected = _moment(arrival), parcel.estimated_delivery_at
        carrier.parcels += 1
        if arrived is not None:
            carrier.days.append(max(0.0, (arrived - left) / _DAY))
        if expected is not None and (arrived is not None or expected < self.frame.until):
            carrier.expected += 1
            carrier.late += arrived is None or arrived > expected
        if parcel.state is not None or parcel.milestones or parcel.delivered_at is not None:
            carrier.followed += 1
            carrier.failed += any(event.kind in FAILURES and event.subject == parcel.id for event in journal)

    @property
    def by_parcels(self) -> list[Carrier]:
        """The carriers, that with the most parcels first."""
        return sorted(self.carriers.values(), key=lambda carrier: -carrier.parcels)

    @property
    def worst_late(self) -> Carrier | None:
        """The carrier that is late more often than the others together, if that is more than chance."""
        return _worst([(each, each.late, each.expected) for each in self.carriers.values()])

    @property
    def worst_failing(self) -> Carrier | None:
        """The carrier that fails more often than the others together, if that is more than chance."""
        return _worst([(each, each.failed, each.followed) for each in self.carriers.values()])


def _worst(counts: Sequence[tuple[Carrier, int, int]]) -> Carrier | None:
    every_hit, every = sum(hits for _, hits, _ in counts), sum(of for _, _, of in counts)
    found = [
        (difference_of_shares(share(hits, of), share(every_hit - hits, every - of)).low, carrier)
        for carrier, hits, of in counts
        if of >= ENOUGH and every - of >= ENOUGH
    ]
    low, carrier = max(found, key=lambda each: each[0], default=(0.0, None))
    return carrier if low > 0 else None


def _moment(event: Event | None) -> datetime | None:
    """When it happened; None if that was before we looked after the store, and nobody dated it."""
    return None if event is None or (event.old and not event.dated) else event.at
