"""What the store tells of products, laid over the items of orders before anything is concluded from them.

Asked for only where a rule looks at it and orders do not tell it by themselves: at most once a day of each product, a
hundred at a time. A store that will not tell holds nobody up: its items are then what was known of them before.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

import structlog
from msgspec.structs import replace

from adapters.errors import AdapterError
from adapters.model import LineItem, Order, Product
from connector.shop import Shop
from connector.store import products, stores

log = structlog.get_logger()

GOOD_FOR = timedelta(days=1)
"""How long it holds what the store told of a product."""

TRY_AGAIN_AFTER = timedelta(minutes=15)
"""How long a store that did not tell is not asked again."""


def with_products(shop: Shop, seen: Sequence[Order]) -> Sequence[Order]:
    """The orders with what is known of their products, once the store was asked for what is not, or not lately."""
    if not seen or not shop.needs_products:
        return seen
    now = shop.clock()
    ids = _products_in(seen)
    with shop.database.read() as connection:
        known = products.load(connection, shop.id, ids)
        retry_at = stores.load(connection, shop.id).products_retry_at
    told = {id_: each.product for id_, each in known.items()}
    asked = [id_ for id_ in ids if id_ not in known or now - known[id_].at >= GOOD_FOR]
    if asked and (retry_at is None or retry_at <= now):
        told |= _ask(shop, asked, told, now)
    return _laid_over(seen, told)


def with_products_asked(shop: Shop, seen: Sequence[Order], told: dict[str, Product]) -> Sequence[Order]:
    """The same without a state, for a look in passing: what is known is in `told`, and what is asked is put there.

    Raises the adapter's errors.
    """
    if not shop.needs_products:
        return seen
    asked = [id_ for id_ in _products_in(seen) if id_ not in told]
    found = {each.id: each for each in shop.adapter.get_products(asked)} if asked else {}
    told |= {id_: found.get(id_) or Product(id=id_) for id_ in asked}
    return _laid_over(seen, told)


def _ask(shop: Shop, ids: Sequence[str], known: Mapping[str, Product], now: datetime) -> Mapping[str, Product]:
    """What the store tells now, which is kept; nothing if it does not."""
    try:
        found = {each.id: each for each in shop.adapter.get_products(ids)}
    except AdapterError as error:
        log.warning("products cannot be read", store=shop.id, reason=str(error))
        with shop.database.write() as connection:
            retry_at = now + TRY_AGAIN_AFTER
            stores.update(connection, shop.id, products_error=str(error), products_retry_at=retry_at)
        return {}
    if not found:  # a list that is empty as a whole tells nothing: not even that all of them are gone
        with shop.database.write() as connection:
            stores.update(connection, shop.id, products_error=None, products_retry_at=now + TRY_AGAIN_AFTER)
        return {}
    # One that is gone from the shop goes on being what it was.
    told = {id_: found.get(id_) or known.get(id_) or Product(id=id_) for id_ in ids}
    with shop.database.write() as connection:
        products.save(connection, shop.id, told.values(), now)
        stores.update(connection, shop.id, products_error=None, products_retry_at=None)
    return told


def _products_in(seen: Iterable[Order]) -> list[str]:
    return sorted({item.product_id for order in seen for item in order.items if item.product_id is not None})


def _laid_over(seen: Iterable[Order], told: Mapping[str, Product]) -> list[Order]:
    """The orders, each item with what is told of its product."""
    return [
        replace(order, items=tuple([_item(item, told.get(item.product_id or "")) for item in order.items]))
        for order in seen
    ]


def _item(item: LineItem, product: Product | None) -> LineItem:
    if product is None:
        return item
    return replace(item, categories=product.categories, product_tags=product.tags, url=product.url)
