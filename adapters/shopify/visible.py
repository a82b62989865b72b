"""What we are shown of a store's orders. Without the scope `read_all_orders` those of the last 60 days, so that an
order that has grown older answers just as one that was deleted.
"""

from __future__ import annotations

from dataclasses import dataclass

from msgspec import Struct

from adapters.shopify.client import Client
from adapters.shopify.raw import RawId, tail

ALL_ORDERS = "read_all_orders"

TOO_OLD = (
    "Shopify shows the app only the orders of the last 60 days, and this one may be older. Add read_all_orders to the "
    "app's scopes, and install the new version on the shop."
)


@dataclass(frozen=True, slots=True)
class Visible:
    """How far back orders are shown: `all` of them, or those from the number `first` on (None: none at all).

    `limited` says that the store has told us so; else, what is shown may be less than it should be.
    """

    all: bool
    limited: bool
    first: int | None

    def ought_to_show(self, order_id: str) -> bool:
        """Whether an order of this id would be shown, were it there. Shopify numbers orders as they come in."""
        if self.all or not order_id.isdecimal():
            return True
        return self.first is not None and int(order_id) >= self.first


class _Scope(Struct, frozen=True):
    handle: str


class _Installation(Struct, frozen=True, rename="camel"):
    access_scopes: tuple[_Scope, ...] = ()


class _Orders(Struct, frozen=True):
    nodes: tuple[RawId, ...] = ()


class _Answer(Struct, frozen=True, rename="camel"):
    orders: _Orders
    current_app_installation: _Installation | None = None


def visible(client: Client) -> Visible:
    """Ask the store, in one request. Raises the errors of reading."""
    answer = client.read("visible", {}, _Answer)
    installation = answer.current_app_installation
    scopes = {scope.handle for scope in installation.access_scopes} if installation is not None else set()
    first = next((tail(order.id) for order in answer.orders.nodes), "")
    return Visible(
        all=ALL_ORDERS in scopes,
        limited=installation is not None and ALL_ORDERS not in scopes,
        first=int(first) if first.isdecimal() else None,
    )
