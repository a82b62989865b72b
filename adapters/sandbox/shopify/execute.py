"""Running a document: who asks, what came of it, and in which words errors are told.

graphql-core reads and checks documents, variables and arguments. The walk over the data is our own: it holds objects
whose values are ready to be sent, and a page of 250 orders has 30,000 of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLIncludeDirective,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLSchema,
    GraphQLSkipDirective,
    GraphQLSyntaxError,
    InlineFragmentNode,
    SelectionNode,
    SelectionSetNode,
    get_named_type,
    get_nullable_type,
    is_abstract_type,
    is_leaf_type,
    parse,
    validate,
)
from graphql.execution.values import get_argument_values, get_directive_values, get_variable_values

from adapters.sandbox.shopify.cost import operation_of
from adapters.sandbox.shopify.records import Store

Json = dict[str, Any]
Path = tuple[str | int, ...]


@dataclass(slots=True)
class Call:
    """One run of a document. `searches` gathers what was wrong with searches; `bulk` runs know no pages."""

    store: Store
    bulk: bool = False
    searches: list[Json] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Info:
    """What a resolver is told about its field."""

    schema: GraphQLSchema
    context: Call
    field_name: str
    return_type: GraphQLOutputType


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a run; without data where an error left no place for any."""

    data: Json | None
    errors: tuple[GraphQLError, ...] = ()


@lru_cache(maxsize=256)
def understood(schema: GraphQLSchema, text: str) -> tuple[DocumentNode | None, tuple[GraphQLError, ...]]:
    """A document and all that is wrong with it; kept, as the same few are sent over and over."""
    try:
        document = parse(text)
    except GraphQLSyntaxError as error:
        return None, (error,)
    return document, tuple(validate(schema, document))


def run(
    schema: GraphQLSchema, document: DocumentNode, call: Call, variables: Mapping[str, Any], name: str | None
) -> Result:
    """Execute a valid document. What goes wrong in the sandbox itself is raised, not told to the client."""
    operation = operation_of(document, name)
    if operation is None:
        return Result(None, (GraphQLError("An operation name is required"),))
    values = get_variable_values(schema, operation.variable_definitions or (), dict(variables))
    if isinstance(values, list):
        return Result(None, tuple(values))
    walk = _Walk(schema, document, call, values)
    root = schema.get_root_type(operation.operation)
    assert root is not None
    try:
        data = walk.object(root, {}, (operation.selection_set,), ())
    except _Nothing:
        data = None
    return Result(data, tuple(walk.errors))


class _Nothing(Exception):
    """There is an error where something has to be: whatever it is part of is null too."""


@dataclass(frozen=True, slots=True)
class _Step:
    """A field of an object, made ready once for all objects of its type at that place in the document."""

    key: str
    name: str
    resolve: Callable[..., Any] | None
    args: Json
    info: Info
    nodes: tuple[FieldNode, ...]
    leaf: bool
    inner: tuple[SelectionSetNode, ...]
    required: bool
    full: bool


@dataclass(slots=True)
class _Walk:
    schema: GraphQLSchema
    document: DocumentNode
    call: Call
    variables: Any
    errors: list[GraphQLError] = field(default_factory=list)
    plans: dict[tuple[str, tuple[int, ...]], list[_Step]] = field(default_factory=dict)

    def object(self, kind: GraphQLObjectType, source: Json, selected: tuple[SelectionSetNode, ...], path: Path) -> Json:
        """What is selected of one object."""
        place = (kind.name, tuple(map(id, selected)))
        plan = self.plans.get(place)
        if plan is None:
            plan = self.plans[place] = self._plan(kind, selected)
        found: Json = {}
        for step in plan:
            key = step.key
            try:
                if step.resolve is None:
                    value = kind.name if step.name == "__typename" else source[step.name]
                    value = value() if callable(value) else value
                else:
                    value = step.resolve(source, step.info, **step.args)
                found[key] = value if step.leaf or value is None else self._inside(step, value, (*path, key))
            except GraphQLError as error:
                self.errors.append(
                    GraphQLError(error.message, list(step.nodes), path=[*path, key], original_error=error)
                )
                found[key] = None
            except _Nothing:
                found[key] = None
            if found[key] is None and step.required:
                raise _Nothing
        return found

    def _inside(self, step: _Step, value: Any, path: Path) -> Any:
        if isinstance(value, list):
            return [self._item(step, each, (*path, at)) for at, each in enumerate(value)]
        kind: Any = get_named_type(step.info.return_type)
        if is_abstract_type(kind):
            kind = self.schema.type_map[value["__typename"]]
        return self.object(kind, value, step.inner, path)

    def _item(self, step: _Step, value: Any, path: Path) -> Any:
        if value is None:
            return None
        try:
            return self._inside(step, value, path)
        except _Nothing:
            if step.full:
                raise
            return None

    def _plan(self, kind: GraphQLObjectType, selected: tuple[SelectionSetNode, ...]) -> list[_Step]:
        gathered: dict[str, list[FieldNode]] = {}
        for each in selected:
            self._gather(kind, each, gathered)
        return [self._step(kind, key, tuple(nodes)) for key, nodes in gathered.items()]

    def _gather(self, kind: GraphQLObjectType, selected: SelectionSetNode, into: dict[str, list[FieldNode]]) -> None:
        for part in selected.selections:
            if not self._is_wanted(part):
                continue
            if isinstance(part, FieldNode):
                into.setdefault(part.alias.value if part.alias else part.name.value, []).append(part)
                continue
            assert isinstance(part, InlineFragmentNode | FragmentSpreadNode)
            fragment = self._fragment(part.name.value) if isinstance(part, FragmentSpreadNode) else part
            condition = fragment.type_condition and self.schema.type_map[fragment.type_condition.name.value]
            if condition in (None, kind) or (is_abstract_type(condition) and self.schema.is_sub_type(condition, kind)):
                self._gather(kind, fragment.selection_set, into)

    def _is_wanted(self, part: SelectionNode) -> bool:
        included = get_directive_values(GraphQLIncludeDirective, part, self.variables) or {"if": True}
        skipped = get_directive_values(GraphQLSkipDirective, part, self.variables) or {"if": False}
        return included["if"] is True and skipped["if"] is False

    def _fragment(self, name: str) -> FragmentDefinitionNode:
        fragments = (part for part in self.document.definitions if isinstance(part, FragmentDefinitionNode))
        return next(fragment for fragment in fragments if fragment.name.value == name)

    def _step(self, kind: GraphQLObjectType, key: str, nodes: tuple[FieldNode, ...]) -> _Step:
        name = nodes[0].name.value
        made = kind.fields.get(name)
        if made is None:  # __typename, which every object has
            info = Info(self.schema, self.call, name, GraphQLNonNull(kind))
            return _Step(key, name, None, {}, info, nodes, leaf=True, inner=(), required=True, full=True)
        info = Info(self.schema, self.call, name, made.type)
        inner = tuple(node.selection_set for node in nodes if node.selection_set)
        args = get_argument_values(made, nodes[0], self.variables)
        leaf, required = is_leaf_type(get_named_type(made.type)), isinstance(made.type, GraphQLNonNull)
        items = getattr(get_nullable_type(made.type), "of_type", None)
        full = isinstance(items, GraphQLNonNull)
        return _Step(key, name, made.resolve, args, info, nodes, leaf=leaf, inner=inner, required=required, full=full)


def told(errors: Iterable[GraphQLError]) -> list[Json]:
    """Errors in Shopify's words, as far as they have been seen."""
    return [_told(error) for error in errors]


def _told(error: GraphQLError) -> Json:
    said: Json = {**error.formatted}
    unknown = re.match(r"Cannot query field '(\w+)' on type '(\w+)'", error.message)
    if unknown:
        field_name, type_name = unknown.groups()
        said["message"] = f"Field '{field_name}' doesn't exist on type '{type_name}'"
        said["extensions"] = {"code": "undefinedField", "typeName": type_name, "fieldName": field_name}
    elif error.message.startswith("Variable '$"):
        said["extensions"] = {"code": "INVALID_VARIABLE"}
    return said
