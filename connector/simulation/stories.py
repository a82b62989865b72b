"""What a replay begins with: the stores with their rules, and their orders, from the state or asked from the store.

Only ever reads. A store that is looked after already is taken from the state, as last polled; another is asked for what
has changed since.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from adapters.model import Product
from connector.config import StoreConfig
from connector.lines import Line
from connector.loading import Loaded
from connector.opening import MakeAdapter, make_adapter
from connector.people import person_of
from connector.poller import Progress as Walked
from connector.products import with_products_asked
from connector.shop import Clock, Shop
from connector.simulation.shelf import Story
from connector.staff import Staff
from connector.store import orders, stores, suppressions
from connector.store.database import Database, secret_of
from connector.store.suppressions import Listed, Suppression
from rules.facts import Active
from rules.rule import Rule


def rehearsing(
    loaded: Loaded,
    chosen: Sequence[StoreConfig],
    rules: Mapping[str, Sequence[Rule]],
    start: datetime,
    database: Database,
    lines: Mapping[str, Line],
    clock: Clock,
    make_adapter: MakeAdapter = make_adapter,
) -> dict[str, Shop]:
    """These stores with their rules switched on at `start`. Nothing is asked of anybody yet."""
    config = loaded.config
    secret = secret_of(database)
    return {
        store.id: Shop(
            config=store,
            adapter=make_adapter(store, clock),
            database=database,
            secret=secret,
            rules=tuple(Active(rule, start) for rule in rules[store.id]),
            calendar=store.calendar,
            ladders=store.ladders,
            staff=Staff(config.staff),
            clock=clock,
            signed_by=config.signed_by,
            templates=loaded.templates,
            lines=lines,
            protection=config.protection,
            webhook_secret=config.webhook_secret,
        )
        for store in chosen
    }


def suppressed(database: Database) -> Listed:
    """The suppression list as it is now, looked up without asking the database each time."""
    with database.read() as connection:
        rows = suppressions.every(connection)
    by_mark: dict[str, list[Suppression]] = defaultdict(list)
    for row in rows:
        by_mark[row.mark].append(row)
    return lambda marks: [row for mark in sorted(marks) for row in by_mark.get(mark, ())]


def is_known(shop: Shop) -> bool:
    """Whether the state has the store's orders, so that nothing need be asked of the store."""
    with shop.database.read() as connection:
        return stores.load(connection, shop.id).baseline_done_at is not None


def known_stories(shop: Shop) -> Iterator[Story]:
    """The orders that the state knows, as last polled, each with its journal."""
    with shop.database.read() as connection:
        for known in orders.every(connection, shop.id):
            yield Story(shop.id, known.raw, known.person, known.journal, known.erased, remarks=known.remarks)


def fetched_stories(shop: Shop, start: datetime, broken: list[tuple[str, str, str]], walked: Walked) -> Iterator[Story]:
    """The orders that have changed since, asked from the store. Raises the adapter's errors; what came first counts."""
    done = 0
    told: dict[str, Product] = {}
    for page in shop.adapter.changed_orders(shop.adapter.since(start)):
        for order in with_products_asked(shop, page.orders, told):
            yield Story(shop.id, orders.encode(order), person_of(order, shop.id, shop.secret))
        broken += [(shop.id, each.order_id, each.reason) for each in page.broken]
        done += len(page.orders)
        walked(done, page.total)
