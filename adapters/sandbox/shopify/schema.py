"""The schema that the sandbox executes against: the text of `schema.graphql`, brought to life."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from functools import cache
from importlib.resources import files
from typing import Any

from graphql import (
    GraphQLError,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLSchema,
    build_schema,
    get_named_type,
    get_nullable_type,
    is_list_type,
)

from adapters.sandbox.shopify.execute import Info
from adapters.sandbox.shopify.life import namespace
from adapters.sandbox.shopify.mutations import MUTATIONS, Do, Refused
from adapters.sandbox.shopify.pages import paged
from adapters.sandbox.shopify.queries import QUERIES, Ask
from adapters.sandbox.shopify.wire import denied, number_of

Json = dict[str, Any]

_GUARDED = {
    ("AbandonedCheckout", "customer"): "read_customers",
    ("AbandonedCheckoutLineItem", "product"): "read_products",
    ("AbandonedCheckoutLineItem", "variant"): "read_products",
    ("CommentEvent", "author"): "read_users",
    ("LineItem", "product"): "read_products",
    ("LineItem", "variant"): "read_products",
    ("Order", "customer"): "read_customers",
    ("Order", "returns"): "read_returns",
}
"""Fields below the root that need a scope of their own."""


@cache
def schema() -> GraphQLSchema:
    """The schema, made once: it holds no store, that comes with each call."""
    made = build_schema(files(__package__).joinpath("schema.graphql").read_text("utf-8"))
    for name, kind in made.type_map.items():
        if isinstance(kind, GraphQLObjectType) and not name.startswith("__"):
            _bring_to_life(kind)
    for name, read in {"DateTime": _moment, "Decimal": _decimal}.items():
        scalar = made.type_map[name]
        assert isinstance(scalar, GraphQLScalarType)
        for attribute in ("parse_value", "coerce_input_value"):  # its name before graphql-core 3.3, and since
            setattr(scalar, attribute, read)
    assert made.query_type is not None
    assert made.mutation_type is not None
    for name, (scope, ask) in QUERIES.items():
        made.query_type.fields[name].resolve = _asking(scope, ask)
    for name, (scope, do) in MUTATIONS.items():
        made.mutation_type.fields[name].resolve = _doing(scope, do)
    return made


def _bring_to_life(kind: GraphQLObjectType) -> None:
    for name, field in kind.fields.items():
        resolve: Callable[..., Any] = _plain
        if kind.name == "Order" and name in ("metafield", "metafields"):
            resolve = _one_metafield if name == "metafield" else _metafields
        elif get_named_type(field.type).name.endswith("Connection"):
            resolve = _connection
        elif "first" in field.args and is_list_type(get_nullable_type(field.type)):
            resolve = _first_few
        if (kind.name, name) in _GUARDED:
            resolve = _guarded(_GUARDED[kind.name, name], resolve)
        if resolve is not _plain:
            field.resolve = resolve


def _plain(source: Json, info: Info) -> Any:
    value = source[info.field_name]
    return value() if callable(value) else value


def _connection(source: Json, info: Info, **args: Any) -> Json:
    return _paged(_plain(source, info), info, args)


def _paged(nodes: list[Json], info: Info, args: Mapping[str, Any]) -> Json:
    by = "happenedAt" if args.get("sortKey") == "HAPPENED_AT" else None
    call = info.context
    return paged(
        nodes, lambda node: (node[by] if by else "", number_of(node["id"])), lambda node: node, args, bulk=call.bulk
    )


def _first_few(source: Json, info: Info, first: int | None = None) -> list[Json]:
    values: list[Json] = _plain(source, info)
    return values[:first]


def _metafields(source: Json, info: Info, **args: Any) -> Json:
    nodes: list[Json] = _plain(source, info)
    if args.get("namespace") is not None:
        nodes = [node for node in nodes if node["namespace"] == namespace(args["namespace"])]
    if args.get("keys") is not None:
        wanted = {_key(name) for name in args["keys"]}
        nodes = [node for node in nodes if (node["namespace"], node["key"]) in wanted]
    return _paged(nodes, info, args)


def _key(name: str) -> tuple[str, str]:
    space, _, key = name.rpartition(".")
    return namespace(space or None), key


def _one_metafield(source: Json, info: Info, **args: Any) -> Json | None:
    wanted = (namespace(args.get("namespace")), args["key"])
    return next((node for node in _plain(source, info) if (node["namespace"], node["key"]) == wanted), None)


def _guarded(scope: str, resolve: Callable[..., Any]) -> Callable[..., Any]:
    def guard(source: Json, info: Info, **args: Any) -> Any:
        call = info.context
        if not call.store.may(scope):
            raise denied(info.field_name, scope)
        return resolve(source, info, **args)

    return guard


def _asking(scope: str | None, ask: Ask) -> Callable[..., Any]:
    def resolve(source: None, info: Info, **args: Any) -> Any:
        call = info.context
        if scope is not None and not call.store.may(scope):
            raise denied(info.field_name, scope)
        return ask(call, args, info)

    return resolve


def _doing(scope: str | None, do: Do) -> Callable[..., Any]:
    """A mutation's resolver: what it gives is the payload, with nothing for what it does not say."""

    def resolve(source: None, info: Info, **args: Any) -> Json:
        call = info.context
        if scope is not None and not call.store.may(scope):
            raise denied(info.field_name, scope)
        payload = get_named_type(info.return_type)
        assert isinstance(payload, GraphQLObjectType)
        errors: list[Json] = []
        done: Json = {}
        try:
            done = do(call, args, info)
        except Refused as refused:
            errors = [{"elementIndex": None, "extraInfo": None, **error} for error in refused.errors]
        return {name: errors if name.endswith("serErrors") else done.get(name) for name in payload.fields}

    return resolve


def _moment(value: Any) -> datetime:
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise GraphQLError(f"invalid DateTime '{value}'") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC).replace(microsecond=0)


def _decimal(value: Any) -> Decimal:
    try:
        return Decimal(str(value))
    except InvalidOperation:
        raise GraphQLError(f"invalid decimal '{value}'") from None
