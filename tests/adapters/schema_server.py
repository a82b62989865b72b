"""A Shopify that knows nothing but the official schema: it runs whatever document is valid, over plain data.

What the data does not hold is null where it may be; where it may not, it is made up from its type alone. Nothing here
is shared with the sandbox but the sockets.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLError,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLResolveInfo,
    GraphQLUnionType,
    execute,
    parse,
    validate,
)

from adapters.sandbox.clock import MovableClock
from adapters.sandbox.server import Loopback, Request, Response
from tests.schemas import schema

Json = dict[str, Any]

MADE_UP: Mapping[str, Any] = {
    "String": "",
    "ID": "gid://shopify/Thing/1",
    "Int": 0,
    "Float": 0.0,
    "Boolean": False,
    "Decimal": "0.0",
    "DateTime": "2026-01-01T00:00:00Z",
    "URL": "https://example.com/",
    "UnsignedInt64": "0",
}


def gid(kind: str, number: int | str) -> str:
    return f"gid://shopify/{kind}/{number}"


@dataclass
class SchemaServer:
    """One store with `orders` (by number, in Shopify's own field names), on loopback.

    `extensions` go with every answer as they are. `reads_back` is the namespace that an app's own metafields are kept
    under, `longest` the most nodes that any page has.
    """

    version: str
    clock: MovableClock
    orders: dict[int, Json] = field(default_factory=dict)
    extensions: Json | None = None
    reads_back: str = "$app:aftersale"
    longest: int = 250
    notes: dict[str, str | None] = field(default_factory=dict)
    metafields: dict[tuple[str, str], str] = field(default_factory=dict)
    tags: dict[str, list[str]] = field(default_factory=dict)
    coupons: dict[str, Json] = field(default_factory=dict)
    invoices: list[Json] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.schema = schema(self.version)
        self.server = Loopback(self.answer, lambda query: {}, self.clock)

    def __enter__(self) -> SchemaServer:
        self.server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.stop()

    @property
    def url(self) -> str:
        return self.server.url

    def answer(self, request: Request) -> Response:
        said = json.loads(request.body)
        document = parse(said["query"])
        self.asked.append(said["query"])
        wrong = validate(self.schema, document)
        if request.path != f"/admin/api/{self.version}/graphql.json" or wrong:
            return Response(200, json.dumps({"errors": [error.formatted for error in wrong]}).encode())
        result = execute(
            self.schema, document, Root(self), variable_values=said.get("variables"), field_resolver=resolve
        )
        body: Json = {"data": result.data}
        if result.errors:  # type: ignore[union-attr]
            body["errors"] = [error.formatted for error in result.errors]  # type: ignore[union-attr]
        if self.extensions is not None:
            body["extensions"] = self.extensions
        return Response(200, json.dumps(body).encode(), (("Content-Type", "application/json"),))


@dataclass
class Root:
    """What can be asked for and done, each by the name that the schema gives it."""

    server: SchemaServer

    def orders(self, first: int, after: str | None = None, query: str | None = None, **_: Any) -> Json:
        nodes = [self._order(each) for each in self.server.orders.values()]
        since = re.fullmatch(r"updated_at:>='(.+)'", query or "")
        if since is not None:
            begin = datetime.fromisoformat(since[1])
            nodes = [node for node in nodes if datetime.fromisoformat(node["updatedAt"]) >= begin]
        nodes.sort(key=lambda node: datetime.fromisoformat(node["updatedAt"]))
        return page(nodes, min(first, self.server.longest), after)

    def orders_count(self, **_: Any) -> Json:
        return {"count": len(self.server.orders), "precision": "EXACT"}

    def order(self, id: str) -> Json | None:
        found = self.server.orders.get(number_in(id)) if id.startswith("gid://shopify/Order/") else None
        return self._order(found) if found is not None else None

    def node(self, id: str) -> Json | None:
        return self.order(id)

    def nodes(self, ids: Sequence[str]) -> list[Json | None]:
        return [self.order(each) for each in ids]

    def shop(self) -> Json:
        return {"id": gid("Shop", 1), "name": "Elsewhere", "myshopifyDomain": "elsewhere.myshopify.com"}

    def current_app_installation(self) -> Json:
        return {"accessScopes": [{"handle": "read_all_orders"}, {"handle": "write_orders"}]}

    def order_update(self, input: Json) -> Json:
        if "note" in input:
            self.server.notes[input["id"]] = input["note"]
        return {"order": self.order(input["id"])}

    def tags_add(self, id: str, tags: list[str]) -> Json:
        has = self.server.tags.setdefault(id, [])
        has += [tag for tag in tags if tag not in has]
        return {"node": self.order(id)}

    def metafields_set(self, metafields: list[Json]) -> Json:
        kept = []
        for given in metafields:
            place = (given["ownerId"], given["key"])
            there = self.server.metafields.get(place)
            if "compareDigest" in given and given["compareDigest"] != (digest(there) if there is not None else None):
                return {"userErrors": [{"message": "The metafield was changed meanwhile.", "code": "STALE_OBJECT"}]}
            self.server.metafields[place] = given["value"]
            kept.append(self._metafield(*place))
        return {"metafields": kept}

    def discount_code_basic_create(self, **given: Json) -> Json:
        code = given["basicCodeDiscount"]["code"]
        if code in self.server.coupons:
            return {"userErrors": [{"message": "Code must be unique.", "code": "TAKEN"}]}
        self.server.coupons[code] = given["basicCodeDiscount"]
        return {"codeDiscountNode": {"id": gid("DiscountCodeNode", len(self.server.coupons))}}

    def code_discount_node_by_code(self, code: str) -> Json | None:
        return {"id": gid("DiscountCodeNode", 1)} if code in self.server.coupons else None

    def order_invoice_send(self, id: str, email: Json | None = None) -> Json:
        self.server.invoices.append({"id": id, **(email or {})})
        return {"order": self.order(id)}

    def order_close(self, input: Json) -> Json:
        self.server.orders[number_in(input["id"])]["closed"] = True
        return {"order": self.order(input["id"])}

    def _order(self, it: Json) -> Json:
        ours = {key: value for (owner, key), value in self.server.metafields.items() if owner == it["id"]}
        return {
            "__typename": "Order",
            **it,
            "note": self.server.notes.get(it["id"]),
            "tags": self.server.tags.get(it["id"], it.get("tags", [])),
            "metafield": lambda key, namespace: self._metafield(it["id"], key) if key in ours else None,
            "metafields": lambda first, **_: page([self._metafield(it["id"], key) for key in ours], first, None),
        }

    def _metafield(self, owner: str, key: str) -> Json:
        value = self.server.metafields[owner, key]
        return {"namespace": self.server.reads_back, "key": key, "value": value, "compareDigest": digest(value)}


def resolve(source: Any, info: GraphQLResolveInfo, **args: Any) -> Any:
    """What the data holds under the field's name, or what stands in for it."""
    name = info.field_name
    if isinstance(source, Root):
        found = getattr(source, re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower(), None)
    else:
        found = source.get(name)
    value = found(**args) if callable(found) else found
    return value if value is not None else made_up(info.return_type)


def made_up(kind: Any) -> Any:
    """As little as the type lets pass."""
    if not isinstance(kind, GraphQLNonNull):
        return None
    inner = kind.of_type
    if isinstance(inner, GraphQLList):
        return []
    if isinstance(inner, GraphQLEnumType):
        return next(iter(inner.values))
    if isinstance(inner, GraphQLInterfaceType | GraphQLUnionType):
        raise GraphQLError(f"There is nothing that could stand for a {inner.name}.")
    return MADE_UP.get(inner.name, {})


def page(nodes: Sequence[Json], first: int, after: str | None) -> Json:
    """A connection's page. Its cursors mean something to nobody else."""
    begin = int(base64.b64decode(after).decode().rpartition("|")[2]) if after else 0
    end = min(begin + first, len(nodes))
    cursor = base64.b64encode(f"opaque=/+|{end}".encode()).decode()
    return {"nodes": nodes[begin:end], "pageInfo": {"hasNextPage": end < len(nodes), "endCursor": cursor}}


def digest(value: str) -> str:
    return hashlib.sha256(value.encode()).hexdigest()


def number_in(global_id: str) -> int:
    return int(global_id.rpartition("/")[2])


def stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
