"""What a query costs, by the rule that recorded costs fit, and the bucket it is paid from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from math import floor, log
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    get_named_type,
    is_leaf_type,
    value_from_ast_untyped,
)

MUTATION = 10
"""What each field of a mutation costs."""

DEAREST = 1000
"""What a single query may cost at most."""


@dataclass(slots=True)
class Bucket:
    """Points that come back at `rate` a second, up to twenty times that; without a rate it is always full."""

    rate: float | None
    at: datetime
    spent: float = 0.0

    @property
    def size(self) -> float:
        """How much a full bucket holds."""
        return 20 * self.restored

    @property
    def restored(self) -> float:
        """How much comes back each second."""
        return float(self.rate or 1000)

    def available(self, now: datetime) -> int:
        """What is in the bucket now."""
        if self.rate is None:
            return int(self.size)
        self.spent = max(0.0, self.spent - self.rate * max(0.0, (now - self.at).total_seconds()))
        self.at = now
        return floor(self.size - self.spent)

    def pay(self, points: int) -> None:
        """Take points out."""
        self.spent += points if self.rate else 0


@dataclass(frozen=True, slots=True)
class Paged:
    """A field of the root that gives many: as `times` says, at the price of `each`."""

    times: int
    each: int


@dataclass(frozen=True, slots=True)
class Price:
    """What a query is said to cost beforehand; `paged` are the fields of its root that may give fewer than asked."""

    requested: int
    paged: Mapping[str, Paged]

    def actual(self, data: Mapping[str, Any] | None) -> int:
        """What it costs once it is known how many came."""
        saved = 0
        for name, field in self.paged.items():
            came = _many((data or {}).get(name))
            saved += (field.times - (_times(came) if came else 0)) * field.each
        return max(1, self.requested - saved)


def price(schema: GraphQLSchema, document: DocumentNode, name: str | None, variables: Mapping[str, Any]) -> Price:
    """Price the operation called `name` of a valid document, or its only one."""
    operation = operation_of(document, name)
    if operation is None:
        return Price(0, {})
    if operation.operation is OperationType.MUTATION:
        return Price(MUTATION * len(operation.selection_set.selections), {})
    defaults = {
        definition.variable.name.value: value_from_ast_untyped(definition.default_value)
        for definition in operation.variable_definitions or ()
        if definition.default_value is not None
    }
    scale = _Scale(schema, document, {**defaults, **variables})
    root = schema.query_type
    assert root is not None
    paged = {}
    for field, owner in scale.fields(operation.selection_set, root):
        times = scale.times(field)
        if times is not None:
            paged[field.alias.value if field.alias else field.name.value] = Paged(times, scale.node(field, owner))
    return Price(scale.weight(operation.selection_set, root), paged)


def operation_of(document: DocumentNode, name: str | None) -> OperationDefinitionNode | None:
    """The operation called `name`, or the only one if none is named; None if there is no such."""
    operations = [found for found in document.definitions if isinstance(found, OperationDefinitionNode)]
    if name:
        return next((found for found in operations if found.name and found.name.value == name), None)
    return operations[0] if len(operations) == 1 else None


Owner = GraphQLObjectType | GraphQLInterfaceType


class _Scale:
    """Weighs the parts of one document."""

    def __init__(self, schema: GraphQLSchema, document: DocumentNode, variables: Mapping[str, Any]) -> None:
        self.schema, self.variables = schema, variables
        self.fragments = {
            found.name.value: found for found in document.definitions if isinstance(found, FragmentDefinitionNode)
        }

    def fields(self, selected: SelectionSetNode, owner: Any) -> Iterator[tuple[FieldNode, Owner]]:
        """The fields that are selected, those in fragments too, each with the type that has it."""
        for part in selected.selections:
            if isinstance(part, FieldNode):
                if not part.name.value.startswith("__"):
                    yield part, owner
                continue
            assert isinstance(part, InlineFragmentNode | FragmentSpreadNode)
            fragment = self.fragments[part.name.value] if isinstance(part, FragmentSpreadNode) else part
            condition = fragment.type_condition
            kind = self.schema.type_map[condition.name.value] if condition else owner
            yield from self.fields(fragment.selection_set, kind)

    def weight(self, selected: SelectionSetNode, owner: Any) -> int:
        """What all that is selected costs."""
        return sum(self.field(field, kind) for field, kind in self.fields(selected, owner))

    def field(self, field: FieldNode, owner: Owner) -> int:
        """What one field costs: nothing for a scalar, 1 for an object, more for many."""
        kind = get_named_type(owner.fields[field.name.value].type)
        if is_leaf_type(kind) or kind.name == "PageInfo":
            return 0
        connected = 2 if kind.name.endswith("Connection") else 0
        return connected + (self.times(field) or 1) * self.node(field, owner)

    def node(self, field: FieldNode, owner: Owner) -> int:
        """What one of the objects that a field gives costs, with all that hangs on it."""
        kind: Any = get_named_type(owner.fields[field.name.value].type)
        if field.selection_set is None:
            return 0
        weight = self.weight(field.selection_set, kind)
        # Of a connection it is `nodes` or `edges { node }` that weigh 1 a piece, and an edge weighs nothing.
        return weight if kind.name.endswith(("Connection", "Edge")) else 1 + weight

    def times(self, field: FieldNode) -> int | None:
        """How often a node is charged, if the field says how many it wants."""
        for argument in field.arguments or ():
            if argument.name.value in ("first", "ids"):
                value = value_from_ast_untyped(argument.value, dict(self.variables))
                many = len(value) if isinstance(value, list) else value
                return _times(many) if isinstance(many, int) else None
        return None


def _times(many: int) -> int:
    return max(1, floor(2 * log(many))) if many > 0 else 0


def _many(value: Any) -> int:
    nodes = value if isinstance(value, list) else (value or {}).get("nodes", (value or {}).get("edges", ()))
    return len(nodes)
