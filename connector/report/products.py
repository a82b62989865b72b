"""Products about which customers complained more than once.

A complaint is an order that tells that a product was not what was hoped for: after it was sent off, it was paid back,
or a return was asked for. Where the store does not tell of which product, it counts if the order has no other.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from adapters.model import LineItem, Order
from connector.report.frame import Frame, is_real
from connector.store.by_person import Past, Person
from rules.events import PARCEL, WITHDRAWN

REPEATED = 2
"""Orders; fewer complaints than these are chance."""

SENT_OFF = frozenset({PARCEL, "order.shipped", "order.delivered"})
"""What tells that a customer has seen the goods, or is about to."""


@dataclass(slots=True)
class Product:
    """A product in the orders of the period: how many it was in, and in how many it was `refunded` and `returned`."""

    name: str
    orders: int = 0
    refunded: int = 0
    returned: int = 0
    complaints: int = 0
    """Orders with a complaint, of whatever kind."""


@dataclass(slots=True)
class Products:
    """Every product that was ordered in the period."""

    frame: Frame
    products: dict[str, Product] = field(default_factory=dict)

    def add(self, person: Person) -> None:
        for past in person.orders:
            if is_real(past.order) and self.frame.holds(past.order.created_at):
                self._add(past)

    def _add(self, past: Past) -> None:
        names = {_key(item): item.name for item in past.order.items}
        refunded, returned = set(_refunded(past)), set(_returned(past.order))
        for key, name in names.items():
            product = self.products.setdefault(key, Product(name))
            product.orders += 1
            product.refunded += key in refunded
            product.returned += key in returned
            product.complaints += key in refunded | returned

    @property
    def complained_of(self) -> list[Product]:
        """Those with repeated complaints, the most first."""
        found = [each for each in self.products.values() if each.complaints >= REPEATED]
        return sorted(found, key=lambda each: (-each.complaints, each.orders, each.name))


def _refunded(past: Past) -> Iterator[str]:
    """The products that were given back, or paid back: what is taken out of an order before it left is no complaint."""
    order = past.order
    if order.needs_shipping and not any(event.kind in SENT_OFF for event in past.journal):
        return
    if order.refunded_in_full:
        yield from _products(order)
    else:
        yield from (_key(item) for item in order.items if item.refunded > 0)
        if any(refund.amount.amount > 0 for refund in order.refunds):
            yield from _only_product(order)


def _returned(order: Order) -> Iterator[str]:
    if any(each.status not in WITHDRAWN for each in order.returns):
        yield from _only_product(order)


def _only_product(order: Order) -> frozenset[str]:
    """What a refund or a return is about, where that can be nothing else: stores seldom tell."""
    products = _products(order)
    return products if len(products) == 1 else frozenset()


def _products(order: Order) -> frozenset[str]:
    return frozenset(map(_key, order.items))


def _key(item: LineItem) -> str:
    return item.product_id or item.name.casefold()
