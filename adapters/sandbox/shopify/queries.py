"""What can be asked of the store: the fields of QueryRoot."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from adapters.sandbox.shopify import bulk, shown
from adapters.sandbox.shopify.execute import Call, Info
from adapters.sandbox.shopify.pages import MOST, Key, paged
from adapters.sandbox.shopify.records import Checkout, Order
from adapters.sandbox.shopify.search import Field, understand
from adapters.sandbox.shopify.wire import denied, kind_of, number_of, problem

Json = dict[str, Any]
Args = Mapping[str, Any]

_ORDER_FIELDS: dict[str, Field] = {
    "id": lambda it: it.id,
    "name": lambda it: (it.name, it.name.lstrip("#")),
    "created_at": lambda it: it.created,
    "updated_at": lambda it: it.updated,
    "processed_at": lambda it: it.processed,
    "status": lambda it: "cancelled" if it.cancelled else "closed" if it.closed else "open",
    "financial_status": lambda it: it.financial_status,
    "fulfillment_status": shown.fulfillment_status,
    "tag": lambda it: tuple(it.tags),
    "email": lambda it: it.email,
    "customer_id": lambda it: it.customer and it.customer.id,
    "sku": lambda it: tuple(line.sku for line in it.lines if line.sku),
    "test": lambda it: str(it.test).lower(),
}
_CHECKOUT_FIELDS: dict[str, Field] = {
    "id": lambda it: it.id,
    "name": lambda it: (f"#{it.id}", str(it.id)),
    "created_at": lambda it: it.created,
    "updated_at": lambda it: it.updated,
    "status": lambda it: "closed" if it.completed else "open",
}
_ORDER_KEYS: dict[str, Key] = {
    "CREATED_AT": lambda it: (_sortable(it.created), it.id),
    "UPDATED_AT": lambda it: (_sortable(it.updated), it.id),
    "PROCESSED_AT": lambda it: (_sortable(it.processed), it.id),
    "ORDER_NUMBER": lambda it: (f"{it.number:012}", it.id),
    "ID": lambda it: ("", it.id),
}
_CHECKOUT_KEYS: dict[str, Key] = {
    "CREATED_AT": lambda it: (_sortable(it.created), it.id),
    "ID": lambda it: ("", it.id),
}


def _sortable(at: datetime) -> str:
    return at.isoformat()


def orders(call: Call, args: Args, info: Info) -> Json:
    """Orders by pages."""
    found = _orders(call, args, info)
    key = _ORDER_KEYS[args["sortKey"]]
    return paged(found, key, lambda it: shown.order(call.store, it), args, bulk=call.bulk)


def orders_count(call: Call, args: Args, info: Info) -> Json:
    """How many orders there are, up to the limit."""
    return _count(_orders(call, args, info), args)


def abandoned_checkouts(call: Call, args: Args, info: Info) -> Json:
    """Checkouts by pages."""
    key = _CHECKOUT_KEYS[args["sortKey"]]
    found = _checkouts(call, args, info)
    return paged(found, key, lambda it: shown.checkout(call.store, it), args, bulk=call.bulk)


def abandoned_checkouts_count(call: Call, args: Args, info: Info) -> Json:
    """How many checkouts there are, up to the limit."""
    return _count(_checkouts(call, args, info), args)


def _count(found: Sequence[object], args: Args) -> Json:
    limit = args.get("limit")
    over = limit is not None and len(found) > limit
    return {"count": limit if over else len(found), "precision": "AT_LEAST" if over else "EXACT"}


def _orders(call: Call, args: Args, info: Info) -> list[Order]:
    rows = [it for it in call.store.orders.values() if call.store.sees(it)]
    return _searched(call, args, info, rows, _ORDER_FIELDS)


def _checkouts(call: Call, args: Args, info: Info) -> list[Checkout]:
    return _searched(call, args, info, list(call.store.checkouts.values()), _CHECKOUT_FIELDS)


def _searched(call: Call, args: Args, info: Info, rows: list[Any], fields: Mapping[str, Field]) -> list[Any]:
    search = understand(args.get("query"), fields, call.store.zone)
    if search.warnings:
        path = [info.field_name]
        call.searches.append({"path": path, "query": args["query"], "warnings": search.warnings})
    return [row for row in rows if search.wanted(row)]


def order(call: Call, args: Args, info: Info) -> Json | None:
    """One order, if there is such."""
    return _order(call, number_of(args["id"])) if kind_of(args["id"]) == "Order" else None


def node(call: Call, args: Args, info: Info) -> Json | None:
    """Whatever has this id, if there is such."""
    kind, number = kind_of(args["id"]), number_of(args["id"])
    if kind not in _NODES:
        return None
    scope, find = _NODES[kind]
    if not call.store.may(scope):
        raise denied(info.field_name, scope)
    return find(call, number)


def nodes(call: Call, args: Args, info: Info) -> list[Json | None]:
    """Whatever has these ids, None for those that nothing has."""
    ids = args["ids"]
    if len(ids) > MOST:
        message = f"The input array size of {len(ids)} is greater than the maximum allowed of {MOST}."
        raise problem(message, "MAX_INPUT_SIZE_EXCEEDED")
    return [node(call, {"id": each}, info) for each in ids]


def _order(call: Call, number: int) -> Json | None:
    it = call.store.orders.get(number)
    return shown.order(call.store, it) if it and call.store.sees(it) else None


def _checkout(call: Call, number: int) -> Json | None:
    it = call.store.checkouts.get(number)
    return shown.checkout(call.store, it) if it else None


def _customer(call: Call, number: int) -> Json | None:
    it = call.store.customers.get(number)
    return shown.customer(call.store, it) if it else None


def _part(name: str, show: Callable[..., Json]) -> Callable[[Call, int], Json | None]:
    """Finds what belongs to an order: a parcel, a refund, a return."""

    def find(call: Call, number: int) -> Json | None:
        for it in filter(call.store.sees, call.store.orders.values()):
            for part in getattr(it, name):
                if part.id == number:
                    return show(call.store, it, part)
        return None

    return find


_NODES: dict[str, tuple[str, Callable[[Call, int], Json | None]]] = {
    "Order": ("read_orders", _order),
    "AbandonedCheckout": ("read_orders", _checkout),
    "Customer": ("read_customers", _customer),
    "LineItem": ("read_orders", _part("lines", shown.line_item)),
    "Fulfillment": ("read_orders", _part("fulfillments", shown.fulfillment)),
    "Refund": ("read_orders", _part("refunds", shown.refund)),
    "Return": ("read_returns", _part("returns", shown.returned)),
}


def customer(call: Call, args: Args, info: Info) -> Json | None:
    """One customer, if there is such."""
    return _customer(call, number_of(args["id"]))


def shop(call: Call, args: Args, info: Info) -> Json:
    """The shop itself."""
    return shown.shop(call.store)


def installation(call: Call, args: Args, info: Info) -> Json:
    """The app that asks, with what it may do."""
    return shown.installation(call.store)


def versions(call: Call, args: Args, info: Info) -> list[Json]:
    """The versions of the API that are supported."""
    return [{"handle": handle, "displayName": handle, "supported": True} for handle in call.store.versions]


def coupon(call: Call, args: Args, info: Info) -> Json | None:
    """The discount with this code, whatever its case."""
    it = call.store.coupons.get(args["code"].lower())
    return shown.coupon(call.store, it) if it else None


def job(call: Call, args: Args, info: Info) -> Json:
    """How far a job is; one that nobody knows any more is done."""
    return {"id": args["id"], "done": args["id"] not in call.store.jobs}


def bulk_operation(call: Call, args: Args, info: Info) -> Json | None:
    """How far a bulk operation is."""
    it = call.store.bulks.get(number_of(args["id"]))
    if it is None:
        return None
    bulk.go_on(info.schema, call.store, it)
    return shown.bulk(call.store, it)


Ask = Callable[[Call, Args, Info], Any]

QUERIES: dict[str, tuple[str | None, Ask]] = {
    "abandonedCheckouts": ("read_orders", abandoned_checkouts),
    "abandonedCheckoutsCount": ("read_orders", abandoned_checkouts_count),
    "bulkOperation": (None, bulk_operation),
    "codeDiscountNodeByCode": ("read_discounts", coupon),
    "currentAppInstallation": (None, installation),
    "customer": ("read_customers", customer),
    "job": (None, job),
    "node": (None, node),
    "nodes": (None, nodes),
    "order": ("read_orders", order),
    "orders": ("read_orders", orders),
    "ordersCount": ("read_orders", orders_count),
    "publicApiVersions": (None, versions),
    "shop": (None, shop),
}
"""Each field of QueryRoot: the scope it needs, and what answers it."""
