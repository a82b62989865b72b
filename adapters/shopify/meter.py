"""What questions cost, and when the store has the points for the next one.

Shopify gives every app a bucket of points a store, refilled by so many a second. There is no formula here: what a
document costs, and what the bucket holds, is believed as the store's latest answers said it.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from msgspec import Struct

from adapters.errors import RateLimited
from adapters.http import LONGEST_PAUSE

FIRST = 50
"""Nodes to ask for in a page of a document whose cost is not known yet."""
LARGEST = 250
"""The most nodes that Shopify gives in one page."""
DEAREST = 1000.0
"""Points. No question may cost more, whatever the bucket holds."""
UNKNOWN = 100.0
"""Points that a document never asked before is taken to cost: a wrong guess is told, and costs nothing."""
ROUNDING = 1.0
"""Points. The store tells what its bucket holds in whole ones."""

A_MOMENT = 0.001
"""Seconds, not worth sleeping for."""
LONG_ENOUGH = 1.0
"""Seconds between two answers that tell how fast the bucket really fills."""
SLOWEST = 0.25
"""Of the promised pace: what another app took at one go says little about what it will take."""
WORTH_IT = 1.2
"""Pages grow by a fifth or more: so small a step may cost more than in proportion, as costs move in steps, too."""


class Bucket(Struct, rename="camel"):
    """`throttleStatus`: points, and points a second."""

    maximum_available: float
    currently_available: float
    restore_rate: float


class Cost(Struct, rename="camel"):
    """`extensions.cost`, in points. What is asked for must be in the bucket; what was used is taken from it."""

    requested_query_cost: float | None = None
    actual_query_cost: float | None = None
    throttle_status: Bucket | None = None


class Meter:
    """The points of one store, shared by all its threads.

    `monotonic` tells seconds, `sleep` waits for so many.
    """

    def __init__(self, monotonic: Callable[[], float], sleep: Callable[[float], None]) -> None:
        self._monotonic = monotonic
        self._sleep = sleep
        self._lock = threading.Lock()
        self._bucket: Bucket | None = None
        self._told_at = 0.0
        self._pace = 0.0
        # Points kept aside for questions under way, how many these are, and how many began since the last answer.
        self._in_flight = 0.0
        self._under_way = 0
        self._asked_since = 0
        # By document: what it cost at which size, and sizes that are known to cost too much.
        self._costs: defaultdict[str, dict[int, float]] = defaultdict(dict)
        self._ceilings: dict[str, int] = {}

    @contextmanager
    def spending(self, document: str, size: int, where: str) -> Iterator[None]:
        """Wait until the bucket holds what `document` is expected to cost, and keep that aside until it is answered.

        Raises RateLimited, for the store at `where`, instead of a very long wait.
        """
        cost = self._take(document, size, where)
        try:
            yield
        finally:
            with self._lock:
                self._in_flight -= cost
                self._under_way -= 1

    def learn(self, document: str, size: int, cost: Cost) -> None:
        """Believe what an answer says of its cost and of the bucket (which other apps may drain as well)."""
        with self._lock:
            if cost.requested_query_cost is not None:
                self._costs[document][size] = cost.requested_query_cost
            if cost.throttle_status is not None:
                now = self._monotonic()
                self._pace = self._pace_until(now, cost.throttle_status, cost.actual_query_cost or 0.0)
                self._bucket, self._told_at, self._asked_since = cost.throttle_status, now, 0

    def shortfall(self, cost: Cost) -> float | None:
        """Seconds until the bucket holds what an answer says was asked for in vain, as far as it says."""
        bucket = cost.throttle_status
        if bucket is None or cost.requested_query_cost is None or self._pace <= 0:
            return None
        return max(0.0, (cost.requested_query_cost - bucket.currently_available) / self._pace)

    def first(self, document: str) -> int:
        """How many nodes the next page of `document` may ask for (1..250).

        Costs grow no faster than sizes, so a page may grow by as much as its cost leaves room.
        """
        with self._lock:
            costs = self._costs.get(document)
            room = FIRST
            if costs:
                size = max(costs)
                dearest = min(DEAREST, self._bucket.maximum_available) if self._bucket is not None else DEAREST
                room = int(size * dearest / max(costs[size], 1.0))
                room = size if size < room < size * WORTH_IT else room
            return max(1, min(room, self._ceilings.get(document, LARGEST)))

    def too_dear(self, document: str, size: int) -> int:
        """Remember that `size` nodes cost more than one question may; returns how many to ask for instead.

        That is the largest page that was once let through, and half the size where there is none.
        """
        with self._lock:
            costs = self._costs[document]
            for dear in [known for known in costs if known >= size]:
                del costs[dear]
            self._ceilings[document] = max(costs, default=max(1, size // 2))
            return self._ceilings[document]

    def _take(self, document: str, size: int, where: str) -> float:
        while True:
            with self._lock:
                cost = self._expected(document, size)
                pause = self._pause(cost)
                if pause < A_MOMENT:
                    self._in_flight += cost
                    self._under_way += 1
                    self._asked_since += 1
                    return cost
            if pause > LONGEST_PAUSE:
                raise RateLimited(f"{where} has no points left for our questions. Other apps may use them up.", pause)
            # Others may be quicker, so it is looked at again: what is cheap need not queue behind what is dear.
            self._sleep(pause)

    def _expected(self, document: str, size: int) -> float:
        """What `size` nodes cost: as last time, else no less than they can, from what other sizes did."""
        costs = self._costs.get(document)
        if not costs:
            return UNKNOWN
        if size in costs:
            return costs[size]
        fewer = max((known for known in costs if known < size), default=0)
        more = min((known for known in costs if known > size), default=0)
        bounds = ([costs[fewer] * size / fewer] if fewer else []) + ([costs[more]] if more else [])
        return min(bounds)

    def _pause(self, cost: float) -> float:
        """Seconds until the bucket, less what is under way, holds `cost`."""
        bucket = self._bucket
        if bucket is None or self._pace <= 0:
            return 0.0
        restored = (self._monotonic() - self._told_at) * self._pace
        held = min(bucket.maximum_available, bucket.currently_available + restored) - self._in_flight
        wanted = min(cost + ROUNDING, bucket.maximum_available)
        return (wanted - held) / self._pace

    def _pace_until(self, now: float, told: Bucket, charged: float) -> float:
        """Points a second that come in for us: the promised ones, less what other apps were seen to take."""
        before, passed = self._bucket, now - self._told_at
        brimming = told.currently_available + charged >= told.maximum_available - ROUNDING
        if before is None or brimming or before.restore_rate != told.restore_rate or passed > LONGEST_PAUSE:
            return told.restore_rate
        if passed < LONG_ENOUGH or not self._asked_since == self._under_way == 1:
            return self._pace  # Too short to tell, or muddled by other threads' questions.
        seen = (told.currently_available + charged - before.currently_available + ROUNDING) / passed
        return min(told.restore_rate, max(seen, told.restore_rate * SLOWEST))
