"""Orders of which there is more than one page holds are completed, not cut.

A page asks for little of what an order may have much of, as all of it is paid for whether it is there or not. What
is left is asked for order by order. A connection says where to go on; a plain list says nothing, so one that came as
long as it was asked for is read anew, at its longest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol, TypeGuard, TypeVar

import msgspec
from msgspec import Raw, Struct
from msgspec.structs import replace

from adapters.shopify.raw import (
    ODD,
    Connection,
    RawCheckout,
    RawEvent,
    RawLine,
    RawNode,
    RawOrder,
    RawParcel,
    RawParcelLine,
    RawRefund,
    RawReturn,
    RawStamp,
    RawTransaction,
    stamp_of,
)

FULFILLMENTS = 4
REFUNDS = 4
TRANSACTIONS = 7
"""How many of each the documents ask for with an order (`first` of the plain lists in `OrderFields`)."""

T = TypeVar("T")


class Reads(Protocol):
    """The part of `adapters.shopify.client.Client` that is needed here."""

    def read(self, document: str, variables: Mapping[str, object], shape: type[T]) -> T:
        """Run `queries/<document>.graphql`; its data, decoded as `shape`."""


class _Answer(Struct, frozen=True, gc=False):
    """What completes an order is decoded apart, so that an odd part spoils its own order alone."""

    node: Raw = Raw(b"null")


class _Rest(Struct, frozen=True, gc=False, rename="camel"):
    line_items: Connection[RawLine] = Connection()
    returns: Connection[RawReturn] = Connection()
    events: Connection[RawEvent] = Connection()
    fulfillment_line_items: Connection[RawParcelLine] = Connection()
    fulfillments: list[RawParcel] | None = None
    refunds: list[RawRefund] | None = None
    transactions: list[RawTransaction] | None = None


_REST: msgspec.json.Decoder[_Rest | None] = msgspec.json.Decoder(_Rest | None)


def complete(client: Reads, nodes: Iterable[RawNode]) -> list[RawNode]:
    """The same orders and checkouts, in the same order, each with all that it has.

    Costs no request for those that came whole. One of which a part cannot be understood becomes a RawStamp; one that
    is gone by now stays as it came. Raises what `client.read` raises.
    """
    return [_completed(client, node) for node in nodes]


def _completed(client: Reads, node: RawNode) -> RawNode:
    if isinstance(node, RawStamp):
        return node
    try:
        return _order(client, node) if isinstance(node, RawOrder) else _checkout(client, node)
    except ODD as error:
        return stamp_of(node, error)


def _checkout(client: Reads, raw: RawCheckout) -> RawCheckout:
    if not _goes_on(raw.line_items):
        return raw
    return replace(raw, line_items=_all(client, "checkout_lines", raw.id, raw.line_items, lambda rest: rest.line_items))


def _order(client: Reads, raw: RawOrder) -> RawOrder:
    if _goes_on(raw.line_items):
        raw = replace(raw, line_items=_all(client, "order_lines", raw.id, raw.line_items, lambda rest: rest.line_items))
    if _goes_on(raw.returns):
        raw = replace(raw, returns=_all(client, "order_returns", raw.id, raw.returns, lambda rest: rest.returns))
    if _is_full(raw.refunds, REFUNDS):
        raw = replace(raw, refunds=_read(client, "order_refunds", id=raw.id).refunds or raw.refunds)
    if _is_full(raw.transactions, TRANSACTIONS):
        payments = _read(client, "order_transactions", id=raw.id).transactions
        raw = replace(raw, transactions=payments or raw.transactions)
    parcels = raw.fulfillments or []
    if _is_full(parcels, FULFILLMENTS) or any(
        _goes_on(each.events) or _goes_on(each.fulfillment_line_items) for each in parcels
    ):
        anew = _read(client, "order_fulfillments", id=raw.id).fulfillments or parcels
        raw = replace(raw, fulfillments=[_parcel(client, parcel) for parcel in anew])
    return raw


def _parcel(client: Reads, raw: RawParcel) -> RawParcel:
    if _goes_on(raw.events):
        raw = replace(raw, events=_all(client, "fulfillment_events", raw.id, raw.events, lambda rest: rest.events))
    if _goes_on(raw.fulfillment_line_items):
        lines = raw.fulfillment_line_items
        lines = _all(client, "fulfillment_lines", raw.id, lines, lambda rest: rest.fulfillment_line_items)
        raw = replace(raw, fulfillment_line_items=lines)
    return raw


def _all(
    client: Reads, document: str, owner: str, page: Connection[T], part: Callable[[_Rest], Connection[T]]
) -> Connection[T]:
    """All that a connection holds, its first page included."""
    nodes = list(page.nodes)
    while _goes_on(page):
        after = page.page_info.end_cursor
        page = part(_read(client, document, id=owner, after=after))
        nodes += page.nodes
        if page.page_info.end_cursor == after:
            break
    return Connection(nodes)


def _read(client: Reads, document: str, **variables: str | None) -> _Rest:
    """What a document says of its one node; nothing where that is gone by now."""
    return _REST.decode(client.read(document, variables, _Answer).node) or _Rest()


def _goes_on(page: Connection[T] | None) -> TypeGuard[Connection[T]]:
    return page is not None and page.page_info.has_next_page and page.page_info.end_cursor is not None


def _is_full(listed: Sequence[object] | None, asked: int) -> bool:
    """Whether as many came as were asked for: there may be more."""
    return listed is not None and len(listed) >= asked
