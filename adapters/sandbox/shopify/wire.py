"""How Shopify says things: its ids, times, amounts, JSON and errors."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
from graphql import GraphQLError

from adapters.sandbox.server import Response

JSON = ("Content-Type", "application/json; charset=utf-8")
DOCS = "https://shopify.dev/api/usage"


def gid(kind: str, number: int | str) -> str:
    """A global id, like `gid://shopify/Order/5501000001`."""
    return f"gid://shopify/{kind}/{number}"


def number_of(global_id: str) -> int:
    """The number in a global id; 0 where there is none."""
    tail = global_id.rpartition("/")[2].partition("?")[0]
    return int(tail) if tail.isdigit() else 0


def kind_of(global_id: str) -> str:
    """The type that a global id names. Raises GraphQLError if it is not one."""
    parts = global_id.split("/")
    if not global_id.startswith("gid://shopify/") or len(parts) != 5 or not number_of(global_id):
        raise problem(f"Invalid global id '{global_id}'", "INVALID_VARIABLE")
    return parts[3]


def moment(at: datetime | None) -> str | None:
    """A time in UTC to the second, like `2026-11-10T08:00:00Z`."""
    return None if at is None else f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def decimal(amount: Decimal) -> str:
    """An amount without idle noughts but one: `49.9`, `100.0`."""
    whole, _, cents = f"{amount:.2f}".partition(".")
    return f"{whole}.{cents.rstrip('0') or '0'}"


def problem(message: str, code: str, **more: Any) -> GraphQLError:
    """An error for `errors`, its code among the extensions."""
    return GraphQLError(message, extensions={"code": code, **more})


def denied(field: str, scope: str) -> GraphQLError:
    """The app may not have this field."""
    needed = f"`{scope}` access scope."
    message = f"Access denied for {field} field. Required access: {needed}"
    return problem(message, "ACCESS_DENIED", documentation=f"{DOCS}/access-scopes", requiredAccess=needed)


def reply(payload: Any, *, status: int = 200, headers: tuple[tuple[str, str], ...] = ()) -> Response:
    """A JSON response."""
    return Response(status, msgspec.json.encode(payload), (JSON, *headers))


def user_error(field: tuple[str, ...] | None, message: str, code: str | None = None, **more: Any) -> Mapping[str, Any]:
    """One of a payload's `userErrors`."""
    return {"field": list(field) if field else None, "message": message, "code": code, **more}
