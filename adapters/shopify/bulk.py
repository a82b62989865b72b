"""The first walk over a large store: Shopify writes all its orders into a file, which is read from end to end.

It costs no points, and takes minutes where paging takes hours. The cursor meanwhile names the operation and how much
of its file was taken in, so that a walk that broke off goes on there, in another process and days later, too.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC

import msgspec
import structlog
from msgspec import Raw, Struct

from adapters.base import Cursor
from adapters.errors import AuthFailed, NotFound, Rejected, Unavailable, UnknownOutcome
from adapters.shopify.client import QUERIES, Client
from adapters.shopify.raw import ODD, Moment, RawId, RawNode, read_nodes
from adapters.shopify.walk import Step, walk_orders

log = structlog.get_logger()

FROM = 5_000
"""Orders. So many are paged through in a minute or two at 100 points a second, about as long as an operation takes to
begin and end; with more, paging only takes longer."""

AT_ONCE = 250
"""Orders in a step."""

PAUSES = (1.0, 2.0, 3.0, 5.0)
"""Seconds between looks at an operation under way; the last one again and again."""
PATIENCE = 3600.0
"""Seconds until an operation is taken for stuck."""

_UNDER_WAY = frozenset({"CREATED", "RUNNING"})


class _Operation(Struct, frozen=True, rename="camel"):
    status: str
    created_at: Moment
    error_code: str | None = None
    url: str | None = None


class _Begun(Struct, frozen=True, rename="camel"):
    bulk_operation: RawId | None = None


class _Run(Struct, frozen=True, rename="camel"):
    bulk_operation_run_query: _Begun


class _Poll(Struct, frozen=True, rename="camel"):
    bulk_operation: _Operation | None = None


class _Line(Struct, frozen=True):
    id: str
    parent: str | None = msgspec.field(name="__parentId", default=None)


@dataclass(frozen=True, slots=True)
class Place:
    """How far the file of an operation was read, in bytes."""

    operation: str
    offset: int = 0

    def cursor(self) -> Cursor:
        """The place as a cursor, which no moment of an ordinary walk looks like."""
        return Cursor(f"{self.operation} {self.offset}")


def place_at(cursor: Cursor | None) -> Place | None:
    """The place that a cursor names; None for the cursor of an ordinary walk."""
    operation, _, offset = (cursor or "").partition(" ")
    return Place(operation, int(offset)) if operation.startswith("gid:") and offset.isdigit() else None


def walk_in_bulk(client: Client, place: Place | None, sleep: Callable[[float], None]) -> Iterator[Step]:
    """Every order of the store, in whatever order, from `place` on; steps without orders while Shopify writes the file.

    What has changed since the operation began follows as in an ordinary walk. Where the operation comes to nothing, all
    is read in an ordinary walk, and the log says why. `sleep` waits for seconds. Raises AuthFailed, RateLimited and
    Unavailable: the walk can be resumed then from the last step's cursor.
    """
    try:
        began = yield from _by_operation(client, place or _begin(client), sleep)
    except _FailedError as why:
        log.warning("bulk operation given up, reading page by page", store=client.url, reason=str(why))
        began = None
    yield from walk_orders(client, began)


class _FailedError(Exception):
    """The operation came to nothing; the text says why."""


def _by_operation(client: Client, place: Place, sleep: Callable[[float], None]) -> Generator[Step, None, Cursor]:
    """Returns when the operation began, as an ordinary walk's cursor. Raises _FailedError."""
    operation = yield from _finished(client, place, sleep)
    if operation.url is not None:  # A store without orders has no file.
        try:
            yield from _read(client, operation.url, place)
        except NotFound:
            raise _FailedError("its file has expired") from None
        except (*ODD, _NotGroupedError):
            raise _FailedError("its file is not as it should be") from None
    return Cursor(operation.created_at.astimezone(UTC).isoformat())


def _begin(client: Client) -> Place:
    query = (QUERIES / "bulk_orders.graphql").read_text(encoding="utf-8")
    try:
        begun = client.write("bulk_run", {"query": query}, _Run).bulk_operation_run_query.bulk_operation
    except (AuthFailed, Rejected) as error:  # Another operation of this app may be under way.
        raise _FailedError(str(error)) from None
    except UnknownOutcome as error:
        # It writes nothing in the store: at worst a file that nobody reads.
        raise Unavailable(f"{error} It is begun anew.") from None
    if begun is None:
        raise _FailedError("Shopify began none")
    return Place(begun.id)


def _finished(client: Client, place: Place, sleep: Callable[[float], None]) -> Generator[Step, None, _Operation]:
    """The operation once its file is there. Raises _FailedError if that will never be."""
    waited = 0.0
    for pause in _pauses():
        operation = client.read("bulk_poll", {"id": place.operation}, _Poll).bulk_operation
        if operation is None:
            raise _FailedError("it is not there any more")
        if operation.status == "COMPLETED":
            return operation
        if operation.status not in _UNDER_WAY:
            why = f" ({operation.error_code.lower()})" if operation.error_code else ""
            raise _FailedError(f"it is {operation.status.lower()}{why}")
        # A page for whoever wants to stop, and for the cursor to be kept.
        yield Step([], place.cursor(), to_come=True)
        sleep(pause)
        waited += pause
        if waited > PATIENCE:
            break
    raise _FailedError("it takes too long")


def _pauses() -> Iterator[float]:
    yield from PAUSES
    while True:
        yield PAUSES[-1]


class _NotGroupedError(ValueError):
    """A part of an order stands where it does not belong."""


@dataclass(slots=True)
class _Group:
    """An order's line, the lines of its children, and where the file goes on behind them."""

    id: str
    order: bytes
    end: int
    children: dict[str, list[bytes]] = field(default_factory=dict)

    def whole(self) -> Raw:
        """The order as a page would have brought it."""
        lines, returns = (b",".join(self.children.get(kind, ())) for kind in ("LineItem", "Return"))
        order = self.order.rstrip()[:-1]
        return Raw(b'%b,"lineItems":{"nodes":[%b]},"returns":{"nodes":[%b]}}' % (order, lines, returns))


def _read(client: Client, url: str, place: Place) -> Iterator[Step]:
    """What the file holds from the place on, so many orders at once."""
    groups: list[_Group] = []
    for group in _groups(client.http.lines(url, place.offset), place.offset):
        groups.append(group)
        if len(groups) == AT_ONCE:
            yield _step(groups, place)
            groups = []
    if groups:
        yield _step(groups, place)


def _step(groups: list[_Group], place: Place) -> Step:
    nodes: list[RawNode] = read_nodes(group.whole() for group in groups)
    return Step(nodes, Place(place.operation, groups[-1].end).cursor(), to_come=True, whole=True)


def _groups(lines: Iterable[bytes], offset: int) -> Iterator[_Group]:
    """Orders with their children, which stand right behind them (`groupObjects`)."""
    group: _Group | None = None
    for line in lines:
        offset += len(line)
        if not line.strip():
            continue
        told = _LINE.decode(line)
        if told.parent is None:
            if group is not None:
                yield group
            group = _Group(told.id, line, offset)
        elif group is None or group.id != told.parent:
            raise _NotGroupedError
        else:
            kind = told.id.rpartition("/")[0].rpartition("/")[2]
            group.children.setdefault(kind, []).append(line.rstrip())
            group.end = offset
    if group is not None:
        yield group


_LINE = msgspec.json.Decoder(_Line)
