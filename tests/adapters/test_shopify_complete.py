"""Orders that have more than one page holds, read with our documents from a store with the official schema."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from graphql import ExecutionResult, execute, parse

from adapters.base import Broken
from adapters.model import Order
from adapters.shopify import complete as module
from adapters.shopify.complete import complete
from adapters.shopify.normalise import normalise
from adapters.shopify.raw import NodesAnswer, RawNode, read_nodes
from tests.adapters.test_shopify_normalise import CHECKOUT, LINE, ORDER, PARCEL, REFUND, RETURN, SALE
from tests.schemas import VERSIONS, schema

QUERIES = Path(module.__file__).parent / "queries"

T = TypeVar("T")
Node = dict[str, Any]


class Store:
    """A store in which everything has an id, and a client that reads it."""

    def __init__(self, *nodes: Node) -> None:
        self.nodes = {node["id"]: node for node in nodes}
        for node in nodes:
            self.nodes |= {parcel["id"]: parcel for parcel in node.get("parcels", ())}
        self.asked: list[str] = []
        self.answers: dict[str, Any] = {}

    def read(self, document: str, variables: Mapping[str, object], shape: type[T]) -> T:
        self.asked.append(document)
        if document in self.answers:
            return msgspec.convert(self.answers[document], shape)
        query = parse((QUERIES / f"{document}.graphql").read_text(encoding="utf-8"))
        one = self._one
        root = {"order": one, "fulfillment": one, "node": one, "nodes": self._several}
        answer = execute(schema(VERSIONS[-1]), query, root, variable_values=dict(variables))
        assert isinstance(answer, ExecutionResult)
        assert answer.errors is None
        return msgspec.json.decode(msgspec.json.encode(answer.data), type=shape)

    def all(self) -> list[RawNode]:
        """Every order as a page has it, completed."""
        orders = [gid for gid in self.nodes if "/Fulfillment/" not in gid]
        page = read_nodes(self.read("nodes", {"ids": orders}, NodesAnswer).nodes)
        self.asked.clear()
        return complete(self, page)

    def order(self) -> Order:
        (raw,) = self.all()
        order = normalise(raw)
        assert isinstance(order, Order), order
        return order

    def _one(self, _: object, id: str) -> Node | None:
        return self.nodes.get(id)

    def _several(self, _: object, ids: Sequence[str]) -> list[Node | None]:
        return [self.nodes.get(each) for each in ids]


def connection(nodes: Sequence[Node]) -> Callable[..., Node]:
    def page(_: object, first: int, after: str | None = None, **__: object) -> Node:
        start = int(after or 0)
        end = min(start + first, len(nodes))
        return {"nodes": nodes[start:end], "pageInfo": {"hasNextPage": end < len(nodes), "endCursor": str(end)}}

    return page


def plain(nodes: Sequence[Node]) -> Callable[..., Sequence[Node]]:
    return lambda _, first: nodes[:first]


def numbered(node: Node, count: int) -> list[Node]:
    kind = node["id"].rpartition("/")[0]
    return [node | {"id": f"{kind}/{number}"} for number in range(1, count + 1)]


def hour(number: int) -> str:
    return (datetime(2026, 3, 2, tzinfo=UTC) + timedelta(hours=number)).isoformat()


def parcel(number: int = 1, events: int = 1, lines: int = 1) -> Node:
    scans = [{"status": "IN_TRANSIT" if scan % 2 else "DELAYED", "happenedAt": hour(scan)} for scan in range(events)]
    inside = [{"quantity": 1, "lineItem": each} for each in numbered(LINE, lines)]
    return PARCEL | {
        "__typename": "Fulfillment",
        "id": f"gid://shopify/Fulfillment/{number}",
        "trackingInfo": plain([]),
        "events": connection(scans),
        "fulfillmentLineItems": connection(inside),
    }


def order(number: int = 71, lines: int = 1, parcels: Sequence[Node] = (), **changes: Any) -> Node:
    return (
        ORDER
        | {
            "id": f"gid://shopify/Order/{number}",
            # Shopify calls them by another name; this one is for our own book-keeping.
            "parcels": parcels,
            "lineItems": connection(numbered(LINE, lines)),
            "fulfillments": plain(parcels),
            "refunds": plain([]),
            "returns": connection([]),
            "transactions": plain([SALE]),
        }
        | changes
    )


def checkout(lines: int) -> Node:
    line = {"quantity": 1, "title": "Mug", "sku": None, "discountedTotalPriceSet": LINE["discountedTotalSet"]}
    kind = "gid://shopify/AbandonedCheckoutLineItem"
    items = [line | {"id": f"{kind}/{number}"} for number in range(1, lines + 1)]
    return CHECKOUT | {"lineItems": connection(items)}


def ids(things: Sequence[Any]) -> list[str]:
    return [thing.id for thing in things]


def up_to(last: int) -> list[str]:
    return [str(number) for number in range(1, last + 1)]


def test_an_order_that_came_whole_costs_no_request() -> None:
    store = Store(order(lines=12, parcels=[parcel(events=12, lines=4)]), checkout(lines=12))
    assert len(store.all()) == 2
    assert store.asked == []


def test_every_line_item_is_told() -> None:
    store = Store(order(lines=130))
    assert ids(store.order().items) == up_to(130)
    assert store.asked == ["order_lines", "order_lines"]


def test_every_line_item_of_a_checkout_is_told() -> None:
    store = Store(checkout(lines=13))
    assert ids(store.order().items) == up_to(13)
    assert store.asked == ["checkout_lines"]


def test_everything_that_happened_to_a_parcel_is_told() -> None:
    store = Store(order(parcels=[parcel(events=30)]))
    (shipment,) = store.order().shipments
    assert len(shipment.milestones) == 30
    assert store.asked == ["order_fulfillments"]


def test_everything_in_a_parcel_is_told() -> None:
    store = Store(order(parcels=[parcel(lines=9)]))
    (shipment,) = store.order().shipments
    assert shipment.items == tuple((number, 1) for number in up_to(9))
    assert store.asked == ["order_fulfillments"]


def test_a_parcel_may_have_more_than_any_page_holds() -> None:
    store = Store(order(parcels=[parcel(events=220, lines=130)]))
    (shipment,) = store.order().shipments
    assert (len(shipment.milestones), len(shipment.items)) == (220, 130)
    assert store.asked == ["order_fulfillments", "fulfillment_events", "fulfillment_events", "fulfillment_lines"]


def test_every_parcel_is_told_and_whole() -> None:
    store = Store(order(parcels=[parcel(number, lines=9 if number == 30 else 1) for number in range(1, 31)]))
    shipments = store.order().shipments
    assert ids(shipments) == up_to(30)
    assert len(shipments[-1].items) == 9
    assert store.asked == ["order_fulfillments"]


def test_every_refund_and_return_is_told() -> None:
    store = Store(order(refunds=plain(numbered(REFUND, 9)), returns=connection(numbered(RETURN, 9))))
    normal = store.order()
    assert (ids(normal.refunds), ids(normal.returns)) == (up_to(9), up_to(9))
    assert sorted(store.asked) == ["order_refunds", "order_returns"]


def test_the_payment_after_many_vain_ones_is_found() -> None:
    vain = [SALE | {"status": "FAILURE"}] * 20
    paid = SALE | {"processedAt": "2026-03-05T00:00:00Z"}
    normal = Store(order(transactions=plain([*vain, paid]))).order()
    assert normal.paid_at is not None
    assert normal.paid_at.isoformat() == "2026-03-05T00:00:00+00:00"


def test_a_list_that_came_just_as_long_as_asked_for_is_looked_at_again_and_nothing_told_twice() -> None:
    store = Store(order(parcels=[parcel(number) for number in range(1, 5)], refunds=plain(numbered(REFUND, 4))))
    normal = store.order()
    assert (ids(normal.shipments), ids(normal.refunds)) == (up_to(4), up_to(4))
    assert sorted(store.asked) == ["order_fulfillments", "order_refunds"]


def test_an_order_that_is_gone_by_now_stays_as_it_came() -> None:
    store = Store(order(lines=13))
    store.answers["order_lines"] = {"node": msgspec.Raw(b"null")}
    assert ids(store.order().items) == up_to(12)


def test_a_store_that_goes_in_circles_is_left_off() -> None:
    store = Store(order(lines=13))
    again = {"lineItems": {"nodes": [], "pageInfo": {"hasNextPage": True, "endCursor": "12"}}}
    store.answers["order_lines"] = {"node": msgspec.Raw(msgspec.json.encode(again))}
    assert ids(store.order().items) == up_to(12)
    assert store.asked == ["order_lines"]


def test_a_part_that_makes_no_sense_spoils_its_own_order_alone() -> None:
    store = Store(order(71), order(72, lines=13), order(73))
    odd = {"lineItems": {"nodes": [{"id": "1", "quantity": "noa@example.com"}]}}
    store.answers["order_lines"] = {"node": msgspec.Raw(msgspec.json.encode(odd))}
    whole, broken, also = map(normalise, store.all())
    assert isinstance(whole, Order)
    assert isinstance(also, Order)
    assert isinstance(broken, Broken)
    assert (broken.order_id, "noa@" in broken.reason) == ("72", False)
