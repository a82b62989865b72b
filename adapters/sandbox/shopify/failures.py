"""The bad answers of Shopify, and of what stands between it and its clients."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from graphql import FieldNode, GraphQLError, OperationDefinitionNode, parse

from adapters.sandbox.server import Request, Response
from adapters.sandbox.shopify.wire import DOCS, reply

_HTML = ("Content-Type", "text/html; charset=utf-8")
_EMPTY: dict[str, Any] = {
    "nodes": [],
    "edges": [],
    "pageInfo": {"hasNextPage": False, "hasPreviousPage": False, "startCursor": None, "endCursor": None},
    "count": 0,
    "precision": "EXACT",
}
_COST = {
    "requestedQueryCost": 100,
    "actualQueryCost": None,
    "throttleStatus": {"maximumAvailable": 40000.0, "currentlyAvailable": 12, "restoreRate": 2000.0},
}


def canned() -> Mapping[str, Callable[[Request], Response]]:
    """Bad answers by name: for a status, its number as text; for an error inside HTTP 200, its code."""
    return {
        "THROTTLED": _error("THROTTLED", "Throttled", {"cost": _COST}, documentation=f"{DOCS}/rate-limits"),
        "INTERNAL_SERVER_ERROR": _error(
            "INTERNAL_SERVER_ERROR",
            "Internal error. Looks like something went wrong on our end.\n"
            "Request ID: 00000000-0000-4000-8000-000000000000 (include this in support requests).",
            {},
            requestId="00000000-0000-4000-8000-000000000000",
        ),
        "401": _json(401, "[API] Invalid API key or access token (unrecognized login or wrong password)"),
        "402": _json(402, "Unavailable Shop"),
        "403": _json(403, "[API] This action requires merchant approval for read_orders scope."),
        "404": _json(404, "Not Found"),
        "423": _json(423, "This shop is locked."),
        "429": _json(429, "Exceeded the limit of calls. Reduce request rates.", ("Retry-After", "2.0")),
        "430": _json(430, "Shopify Security Rejection"),
        "500": _json(500, "Internal Server Error"),
        "502": _html(502, "<html><body><h1>502 Bad Gateway</h1></body></html>"),
        "503": _html(503, "<html><body><h1>503 Service Unavailable</h1></body></html>"),
        "html": _html(200, "<!DOCTYPE html><html><body>One moment, we are checking your browser.</body></html>"),
        "redirect": _redirect,
        "wrong_json": lambda request: reply({"success": False, "data": "0"}),
        "userErrors": lambda request: reply({"data": _each(request, _refused)}),
        "empty_list": lambda request: reply({"data": _each(request, _nothing)}),
    }


def _error(code: str, message: str, beside: Mapping[str, Any], **more: Any) -> Callable[[Request], Response]:
    said: dict[str, Any] = {"errors": [{"message": message, "extensions": {"code": code, **more}}]}
    return lambda request: reply({**said, "extensions": beside} if beside else said)


def _json(status: int, errors: str, *headers: tuple[str, str]) -> Callable[[Request], Response]:
    return lambda request: reply({"errors": errors}, status=status, headers=headers)


def _html(status: int, page: str) -> Callable[[Request], Response]:
    return lambda request: Response(status, page.encode(), (_HTML,))


def _redirect(request: Request) -> Response:
    # A store that was renamed sends its callers to the new domain, and who follows takes the token along.
    return Response(301, b"", (_HTML, ("Location", f"https://another-shop.example.com{request.path}")))


def _each(request: Request, make: Callable[[FieldNode], Any]) -> dict[str, Any] | None:
    """An answer made up of each field that the document asks of the root; None if it is no document."""
    try:
        document = parse(json.loads(request.body)["query"])
    except (ValueError, KeyError, TypeError, GraphQLError):
        return None
    operations = [part for part in document.definitions if isinstance(part, OperationDefinitionNode)]
    fields = [field for each in operations for field in _fields(each)]
    return {_name(field): make(field) for field in fields}


def _refused(payload: FieldNode) -> dict[str, Any]:
    words = {"field": ["id"], "message": "The store refuses to do this.", "code": "INVALID", "elementIndex": 0}
    said: dict[str, Any] = {}
    for part in _fields(payload):
        wrong = part.name.value.endswith("serErrors")
        said[_name(part)] = [{_name(word): words.get(word.name.value) for word in _fields(part)}] if wrong else None
    return said


def _nothing(field: FieldNode) -> Any:
    if field.name.value == "nodes":
        return []
    inner = {_name(part): _EMPTY.get(part.name.value) for part in _fields(field)}
    return inner if any(part.name.value in ("nodes", "edges", "count") for part in _fields(field)) else None


def _fields(node: OperationDefinitionNode | FieldNode) -> list[FieldNode]:
    selected = node.selection_set.selections if node.selection_set else ()
    return [part for part in selected if isinstance(part, FieldNode)]


def _name(field: FieldNode) -> str:
    return field.alias.value if field.alias else field.name.value
