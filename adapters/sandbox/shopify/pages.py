"""Connections: lists by pages, whose cursors stay good while the list changes."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from graphql import GraphQLError

from adapters.sandbox.shopify.wire import problem

Json = dict[str, Any]
Key = Callable[[Any], tuple[str, int]]
"""Where a row stands in its list: a value to sort by, and its id."""

MOST = 250
"""Nodes on the largest page."""


def paged(rows: Sequence[Any], key: Key, show: Callable[[Any], Json], args: Mapping[str, Any], *, bulk: bool) -> Json:
    """One page of a connection, `args` being first, after and reverse; for a bulk operation all of it.

    A cursor names the last row's place, not its position: what moves behind it comes again, nothing is missed.
    Raises GraphQLError for a page that is too large, or a cursor that is none.
    """
    backwards = bool(args.get("reverse"))
    ordered = sorted(rows, key=key, reverse=backwards)
    if args.get("after") is not None:
        last = _place(args["after"])
        ordered = [row for row in ordered if (key(row) < last if backwards else key(row) > last)]
    page = ordered if bulk else ordered[: _first(args)]
    nodes = [show(row) for row in page]
    return {
        "nodes": nodes,
        "edges": lambda: [{"cursor": _cursor(key(row)), "node": node} for row, node in zip(page, nodes, strict=True)],
        "pageInfo": {
            "hasNextPage": len(page) < len(ordered),
            "hasPreviousPage": args.get("after") is not None,
            "startCursor": _cursor(key(page[0])) if page else None,
            "endCursor": _cursor(key(page[-1])) if page else None,
        },
    }


def _first(args: Mapping[str, Any]) -> int:
    first = args.get("first")
    if first is None:
        raise problem("you must provide one of first or last", "BAD_REQUEST")
    if not 0 <= first <= MOST:
        raise problem(f"first must be between 0 and {MOST}", "BAD_REQUEST")
    return int(first)


def _cursor(place: tuple[str, int]) -> str:
    return base64.b64encode(json.dumps({"last_id": place[1], "last_value": place[0]}).encode()).decode()


def _place(cursor: str) -> tuple[str, int]:
    try:
        place = json.loads(base64.b64decode(cursor, validate=True))
        return str(place["last_value"]), int(place["last_id"])
    except (binascii.Error, ValueError, TypeError, KeyError):
        raise _invalid() from None


def _invalid() -> GraphQLError:
    return problem("Invalid cursor for current pagination sort.", "BAD_REQUEST")
