"""An order that is to be written to: which one it is, and where it stands."""

from __future__ import annotations

from datetime import datetime
from typing import TypeVar

from msgspec import Struct

from adapters.errors import NotFound, Rejected
from adapters.shopify.client import Client

T = TypeVar("T")


class OrderState(Struct, frozen=True, rename="camel"):
    """The facts that a change of tags or status starts from."""

    tags: tuple[str, ...] = ()
    closed: bool = False
    cancelled_at: datetime | None = None
    display_financial_status: str | None = None


class Written(Struct):
    """The answer to a change of which only the errors matter, and those the client has looked at."""


class _Answer(Struct, frozen=True):
    order: OrderState | None = None


def order_gid(order_id: str) -> str:
    """What Shopify calls an order. Raises Rejected for an abandoned checkout, which is none yet."""
    if not (order_id.isascii() and order_id.isdigit()):
        raise Rejected(
            f"{order_id} is no order: to a checkout, Shopify can write neither notes, tags and statuses nor messages. "
            "Send by another channel."
        )
    return f"gid://shopify/Order/{order_id}"


def existing(client: Client, order_id: str, order: T | None) -> T:
    """The order that was asked for, where there is one. Raises NotFound."""
    if order is None:
        raise NotFound(f"{client.http.where} has no order {order_id}, or no longer shows it.")
    return order


def read_state(client: Client, order_id: str) -> OrderState:
    """Where the order stands now. Raises NotFound, Rejected for a checkout, and the errors of reading."""
    answer = client.read("order_state", {"id": order_gid(order_id)}, _Answer)
    return existing(client, order_id, answer.order)
