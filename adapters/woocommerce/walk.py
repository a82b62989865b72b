"""The walk over changed orders: by keyset, not by page number, so that orders edited meanwhile are not lost.

WooCommerce's `modified_after` is strict and counts whole seconds, and many orders may share one. So each
request starts a second before the last one seen, and names the orders already had of that second in
`exclude`. Where they are too many for a URL, that one second is read by page number, again and again until a
whole pass brings nothing new.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import count

from adapters.base import Cursor
from adapters.errors import Unavailable
from adapters.woocommerce.client import PAGE, Client, RawOrder, RawStamp
from adapters.woocommerce.normalise import Zone, modified_at

OVERLAP = timedelta(minutes=5)
LONGEST_EXCLUDE = 4000
"""Characters. Servers take URLs of 8 KB; this leaves room for escaped commas and the signature."""

_SECOND = timedelta(seconds=1)

RawOrders = list[RawOrder | RawStamp]
Query = dict[str, str | int]


@dataclass(frozen=True, slots=True)
class Step:
    """Orders not had before in this walk, a cursor that holds once they are stored, and the walk's total."""

    orders: RawOrders
    cursor: Cursor | None
    total: int | None


@dataclass(slots=True)
class _Place:
    """How far a walk has come. `bound` is the strict lower limit of the next request, None without one;
    `edge` the last second seen; `had` the orders had of that second, or, before there is one, those without a
    date.
    """

    bound: datetime | None
    edge: datetime | None = None
    had: set[str] = field(default_factory=set)

    def take(self, orders: RawOrders) -> RawOrders:
        """Move on past these orders, and return those that were not had yet."""
        fresh = [order for order in orders if str(order.id) not in self.had]
        seconds = [modified_at(order) for order in fresh]
        latest = max((second for second in seconds if second is not None), default=None)
        if latest is not None and (self.edge is None or latest > self.edge):
            self.edge, self.bound, self.had = latest, latest - _SECOND, set()
        self.had |= {str(order.id) for order, at in zip(fresh, seconds, strict=True) if at in (None, self.edge)}
        return fresh

    def query(self, zone: Zone) -> Query:
        """What has changed since."""
        limits = {} if self.bound is None else _limits(zone, modified_after=self.bound)
        excluded = ",".join(sorted(self.had))
        return limits | {"orderby": "modified", "order": "asc", "per_page": PAGE, "exclude": excluded}

    def edge_query(self, zone: Zone) -> Query:
        """The orders of the edge alone; all there are, while none had a date."""
        limits: Query = {}
        if self.edge is not None:
            limits = _limits(zone, modified_after=self.edge - _SECOND, modified_before=self.edge + _SECOND)
        return limits | {"orderby": "id", "order": "asc", "per_page": PAGE}


@dataclass(slots=True)
class Memory:
    """The last walk's answer, where that was a single page and its orders were taken in: if it comes again, to the
    letter, nothing has changed and nothing has to be read.
    """

    query: Query = field(default_factory=dict)
    digest: bytes | None = None


def walk(client: Client, after: Cursor | None, zone: Zone, memory: Memory) -> Iterator[Step]:
    """Every order changed since `after`, oldest change first, in steps of at most a hundred; one at least.

    The cursor is the latest change seen, as the store dated it; an empty answer never moves it. It is held at
    the store's time of the walk's first answer: an order edited while it is excluded is in the next walk,
    which starts before that.
    """
    reached = datetime.fromisoformat(after) if after is not None else None
    place = _Place(reached - OVERLAP - _SECOND if reached is not None else None)
    query = place.query(zone)
    known = memory.digest if query == memory.query else None
    listed = client.orders(query, unless=known)
    began, total = listed.answered_at, listed.total
    fresh = place.take(listed.orders)
    reached = _later(reached, place.edge)
    yield Step(fresh, _cursor(reached), total)
    if len(listed.orders) < PAGE:
        memory.query, memory.digest = query, listed.digest
    while len(listed.orders) == PAGE:
        if not fresh or len(",".join(place.had)) > LONGEST_EXCLUDE:
            for fresh in _edge_by_pages(client, place, zone):
                yield Step(fresh, _cursor(reached), total)
            if place.edge is None:
                return
            place.bound, place.had = place.edge, set()
        listed = client.orders(place.query(zone))
        fresh = place.take(listed.orders)
        if place.bound == place.edge and len(listed.orders) == PAGE:
            raise _going_in_circles(client)
        reached = _later(reached, min(place.edge, began) if place.edge and began else place.edge)
        yield Step(fresh, _cursor(reached), total)


def _edge_by_pages(client: Client, place: _Place, zone: Zone) -> Iterator[RawOrders]:
    """What was not had yet of the edge. An order that leaves it meanwhile, and so shifts the pages, was
    edited and comes later in the walk; one that is skipped by the shift comes in the next pass.
    """
    news = True
    while news:
        news = False
        before: RawOrders = []
        for page in count(1):
            orders = client.orders(place.edge_query(zone) | {"page": page}).orders
            if orders and [order.id for order in orders] == [order.id for order in before]:
                raise _going_in_circles(client)
            before = orders
            fresh = [order for order in orders if str(order.id) not in place.had]
            place.had |= {str(order.id) for order in fresh}
            if fresh:
                news = True
                yield fresh
            if len(orders) < PAGE:
                break


def _going_in_circles(client: Client) -> Unavailable:
    return Unavailable(
        f"{client.http.where} gives the same orders whatever is asked for. A cache or plugin ignores what "
        "stands after the ? in an address: exclude /wp-json/ from it. (WooCommerce before 5.8 is too old.)"
    )


def _later(one: datetime | None, other: datetime | None) -> datetime | None:
    return max(one, other) if one is not None and other is not None else one or other


def _limits(zone: Zone, **limits: datetime) -> Query:
    """Limits of time as WordPress understands them, which it does in one of two ways, each with a trap.

    Without a Z it takes them for the shop's wall clock, and with `dates_are_gmt` what that clock shows for
    UTC: right, but for the hour that the clock skips in spring, which it pushes on by an hour. With a Z and
    without the flag they are right in that hour. (With both they are always wrong, by the shop's offset.)
    """
    naive = {name: moment.astimezone(UTC).replace(tzinfo=None) for name, moment in limits.items()}
    texts: Query = {name: moment.isoformat(timespec="seconds") for name, moment in naive.items()}
    # Clocks skip small hours only; at others the zone, which may cost a request, need not be known.
    if any(moment.hour < 5 and not _exists(moment, zone()) for moment in naive.values()):
        return {name: f"{text}Z" for name, text in texts.items()}
    return texts | {"dates_are_gmt": "true"}


def _exists(wall_clock: datetime, tz: tzinfo) -> bool:
    there_and_back = wall_clock.replace(tzinfo=tz).astimezone(UTC).astimezone(tz)
    return there_and_back.replace(tzinfo=None) == wall_clock


def _cursor(moment: datetime | None) -> Cursor | None:
    return Cursor(moment.isoformat()) if moment is not None else None
