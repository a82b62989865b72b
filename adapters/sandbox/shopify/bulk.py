"""Bulk operations: a query run to its end in the background, its result a file of JSON lines."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
from graphql import (
    FieldNode,
    GraphQLSchema,
    OperationType,
    TypeInfo,
    TypeInfoVisitor,
    Visitor,
    get_named_type,
    get_nullable_type,
    is_list_type,
    visit,
)

from adapters.sandbox.shopify.cost import operation_of
from adapters.sandbox.shopify.execute import Call, run, understood
from adapters.sandbox.shopify.records import Bulk, Store

Json = dict[str, Any]

MOST_CONNECTIONS = 5
DEEPEST = 2
"""How deep a connection may lie within others."""


def refusal(schema: GraphQLSchema, query: str) -> str | None:
    """Why this query cannot be run in bulk, or None if it can."""
    document, errors = understood(schema, query)
    if document is None or errors:
        return f"Invalid bulk query: {errors[0].message}"
    operation = operation_of(document, None)
    if operation is None or operation.operation is not OperationType.QUERY or operation.variable_definitions:
        return "Bulk queries must be one query operation without variables."
    look = _Connections(TypeInfo(schema))
    visit(document, TypeInfoVisitor(look.types, look))
    if look.in_list:
        return "Queries that contain a connection field within a list field are not currently supported."
    if not look.count:
        return "Bulk queries must contain at least one connection."
    if look.count > MOST_CONNECTIONS or look.deepest > DEEPEST:
        return f"Bulk queries cannot contain more than {MOST_CONNECTIONS} connections, or nest them deeper than 2."
    return None


class _Connections(Visitor):
    """Counts the connections of a document, and sees how they lie in each other."""

    def __init__(self, types: TypeInfo) -> None:
        super().__init__()
        self.types = types
        self.count = self.deepest = self.depth = self.lists = 0
        self.in_list = False

    def enter_field(self, node: FieldNode, *_: Any) -> None:
        if self._connection():
            self.count += 1
            self.deepest = max(self.deepest, self.depth)
            self.in_list = self.in_list or self.lists > 0
            self.depth += 1
        elif self._plain_list(node):
            self.lists += 1

    def leave_field(self, node: FieldNode, *_: Any) -> None:
        if self._connection():
            self.depth -= 1
        elif self._plain_list(node):
            self.lists -= 1

    def _connection(self) -> bool:
        kind = self.types.get_type()
        return kind is not None and get_named_type(kind).name.endswith("Connection")

    def _plain_list(self, node: FieldNode) -> bool:
        kind = self.types.get_type()
        many = kind is not None and is_list_type(get_nullable_type(kind))
        return many and node.name.value not in ("edges", "nodes")


def go_on(schema: GraphQLSchema, store: Store, it: Bulk) -> None:
    """Whoever asks how far an operation is brings it a step further: created, running, completed."""
    if it.status in ("CREATED", "RUNNING"):
        it.status = "RUNNING"
        it.polls -= 1
        if it.polls < 0:
            _complete(schema, store, it)


def _complete(schema: GraphQLSchema, store: Store, it: Bulk) -> None:
    document, _ = understood(schema, it.query)
    assert document is not None
    result = run(schema, document, Call(store, bulk=True), {}, None)
    it.completed = store.now()
    if result.errors:
        it.status, it.error = "FAILED", "ACCESS_DENIED"
        return
    rows = [row for value in (result.data or {}).values() for row in _rows(value or {}, None)]
    it.roots = sum("__parentId" not in row for row in rows)
    if not it.grouped:
        # Ungrouped children follow whenever they were found; nobody may count on their parents' being near.
        rows.sort(key=lambda row: "__parentId" in row)
    it.objects = len(rows)
    it.lines = b"".join(msgspec.json.encode(row) + b"\n" for row in rows)
    it.status = "COMPLETED"


def _rows(connection: Json, parent: str | None) -> Iterator[Json]:
    """The nodes of a connection as lines, each followed by those of the connections within it."""
    nodes = connection.get("nodes") or [edge["node"] for edge in connection.get("edges", ())]
    for node in nodes:
        inner = {name: value for name, value in node.items() if _is_connection(value)}
        own = {name: value for name, value in node.items() if name not in inner}
        yield own if parent is None else {**own, "__parentId": parent}
        for value in inner.values():
            yield from _rows(value, node.get("id"))


def _is_connection(value: Any) -> bool:
    return isinstance(value, dict) and bool(value.keys() & {"edges", "nodes"})
