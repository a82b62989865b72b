"""Cursor → pages → facts and journal, one transaction a page; and a slower sweep for what the cursor can't see."""

from __future__ import annotations

import hashlib
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import sqlalchemy as sa
import structlog

from adapters.base import NAMELESS, Broken, Capability, Cursor, Page
from adapters.errors import AdapterError
from adapters.model import Identity, Order
from connector.hearing import hear
from connector.ingest import OPEN_FOR, Ingested, ingest
from connector.products import with_products
from connector.shop import Shop
from connector.store import followups, orders, polls, stores
from connector.store.stores import StoreState
from rules.events import ABANDONED

log = structlog.get_logger()

GONE_AFTER = timedelta(hours=24)
"""How long an order must answer 404, while its neighbours read well, before it counts as gone."""

FRESH_FOR = timedelta(seconds=60)
"""How long a look at an order is good for."""

OPEN_ENDS = ("pending", "held", "unknown")

BATCH = 100
"""How many orders one request may ask for."""

Progress = Callable[[int, int | None], None]
"""Told (orders done, orders in all if known) as a walk goes on."""


class StoreRefused(AdapterError):
    """This is not the store that the state was made with. Nothing is done until a person accepts it."""


@dataclass(slots=True)
class Polled:
    """What a poll brought, and whether the store was in trouble before. `fresh` orders were read just now: they need
    no second look before acting.
    """

    changed: int = 0
    planned: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    was_in_trouble: bool = False
    fresh: dict[str, datetime] = field(default_factory=dict)

    def add(self, ingested: Ingested) -> None:
        self.changed += ingested.changed
        self.planned += ingested.planned
        self.skipped += ingested.skipped

    def is_fresh(self, order_id: str, now: datetime) -> bool:
        """Whether the order was read a moment ago, so that nobody need look again before acting."""
        seen_at = self.fresh.get(order_id)
        return seen_at is not None and now - seen_at <= FRESH_FOR


def poll(
    shop: Shop,
    state: StoreState,
    polled: Polled,
    *,
    accept_store: bool = False,
    progress: Progress | None = None,
    stop: threading.Event | None = None,
) -> bool:
    """Bring the state (of which `state` is the store's row) up to date with the store, and count in `polled` what that
    brought.

    Returns whether anything is there to be done; not before the whole poll is through, so never if it was stopped.
    Raises the adapter's errors; what was stored by then stays. `stop` ends it after the page in hand.
    """
    polled.was_in_trouble = state.error is not None
    sweeping = state.swept_at is None or shop.clock() - state.swept_at >= shop.config.sweep_every
    if sweeping or _may_be_another(shop, state):
        _verify_identity(shop, state, accept=accept_store)
    if state.baseline_at is None:
        state = _begin_baseline(shop)
    stop = stop or threading.Event()
    if not all(_go(shop, state, walk, polled, stop) for walk in _walks(shop, state, progress)):
        return False
    if sweeping and state.baseline_done_at is not None and not _sweep(shop, state, polled, stop):
        return False
    if not hear(shop, state, polled.add, stop):
        return False
    return _record_success(shop, state, swept=sweeping)


@dataclass(frozen=True, slots=True)
class _Walk:
    """A walk over what changed in the store, from the cursor that stands in this column of the store's row."""

    pages: Callable[[Cursor | None], Iterable[Page]]
    column: str
    cursor: Cursor | None
    progress: Progress | None = None


def _walks(shop: Shop, state: StoreState, progress: Progress | None) -> list[_Walk]:
    """Over orders; and over abandoned checkouts, if a rule waits for them and they are not among the orders."""
    adapter = shop.adapter
    walks = [_Walk(adapter.changed_orders, "cursor", _cursor(state.cursor), progress)]
    waits = any(active.rule.enabled and active.rule.trigger == ABANDONED for active in shop.rules)
    if waits and Capability.CHECKOUTS in adapter.capabilities:
        walks.append(_Walk(adapter.changed_checkouts, "checkout_cursor", _cursor(state.checkout_cursor)))
    return walks


def _cursor(kept: str | None) -> Cursor | None:
    return Cursor(kept) if kept is not None else None


def _go(shop: Shop, state: StoreState, walk: _Walk, polled: Polled, stop: threading.Event) -> bool:
    """Store page after page. False if it was stopped before the end."""
    cursor = walk.cursor
    done = 0
    for page in walk.pages(cursor):
        seen = with_products(shop, page.orders)
        now = shop.clock()
        if page.orders or page.broken or page.cursor != cursor:
            with shop.database.write() as connection:
                ingested = ingest(connection, shop, seen, now, state.past_until)
                broken = [*page.broken, *ingested.broken]
                if ingested.changed or broken:
                    _settle_quarantine(connection, shop, page.orders, broken, now)
                if page.cursor is not None and page.cursor != cursor:
                    stores.update(connection, shop.id, **{walk.column: page.cursor})
                    cursor = page.cursor
            polled.add(ingested)
            _note_fresh(polled, page.orders, broken, now)
        done += len(page.orders)
        if walk.progress is not None:
            walk.progress(done, page.total)
        if stop.is_set():
            return False
    return True


def _sweep(shop: Shop, state: StoreState, polled: Polled, stop: threading.Event) -> bool:
    """Look at every open order: carriers' plugins write where the modification date does not move. False if stopped."""
    now = shop.clock()
    with shop.database.write() as connection:
        _let_go(connection, shop, now)
        aside = orders.set_aside_ids(connection, shop.id)
        ids = {*orders.open_ids(connection, shop.id)}.difference(aside)
        ids.update(orders.to_look_at(connection, shop.id, now))
    for batch in batches(sorted(ids - polled.fresh.keys())):
        if stop.is_set():
            return False
        look_again(shop, batch, state.past_until, polled)
    return True


def _let_go(connection: sa.Connection, shop: Shop, now: datetime) -> None:
    """Expect nothing more of orders that are set aside, are too old to bring news, and for which nothing is to be done;
    nor of what has no id, and cannot be asked for. If one of them changes, a poll brings it all the same.
    """
    for ids in batches(orders.to_look_at(connection, shop.id, now)):
        busy = {row.order_id for row in followups.of_orders(connection, shop.id, ids) if row.state in OPEN_ENDS}
        known = orders.load(connection, shop.id, ids)
        old = [id_ for id_ in known.keys() - busy if now - known[id_].order.created_at > OPEN_FOR]
        for order_id in old:
            orders.close(connection, shop.id, order_id)
        orders.release(connection, shop.id, [*old, NAMELESS])


def look_again(shop: Shop, ids: Sequence[str], past_until: datetime | None, polled: Polled) -> dict[str, str]:
    """Read up to a hundred orders afresh, and store what changed. Returns why, by id, where one could not be read."""
    fetched = shop.adapter.get_orders(ids)
    seen = with_products(shop, fetched.orders)
    now = shop.clock()
    with shop.database.write() as connection:
        ingested = ingest(connection, shop, seen, now, past_until)
        broken = [*fetched.broken, *ingested.broken]
        _settle_quarantine(connection, shop, fetched.orders, broken, now)
        for order_id in fetched.missing:
            since = orders.note_missing(connection, shop.id, order_id, now)
            if now - since >= GONE_AFTER:
                ingested.skipped += _give_up(connection, shop, order_id, since, now)
    polled.add(ingested)
    _note_fresh(polled, fetched.orders, broken, now)
    missing = dict.fromkeys(fetched.missing, orders.NOT_THERE)
    return missing | {each.order_id: each.reason for each in broken}


def _note_fresh(polled: Polled, seen: Sequence[Order], broken: Sequence[Broken], now: datetime) -> None:
    polled.fresh.update((order.id, now) for order in seen)
    for each in broken:
        polled.fresh.pop(each.order_id, None)


def batches(ids: Sequence[str]) -> Iterable[Sequence[str]]:
    """As many as one request may ask for."""
    return (ids[start : start + BATCH] for start in range(0, len(ids), BATCH))


def _give_up(connection: sa.Connection, shop: Shop, order_id: str, since: datetime, now: datetime) -> Counter[str]:
    """The order is gone for good, and with it what was still to be done: returns how many actions of each rule."""
    orders.close(connection, shop.id, order_id)
    orders.release(connection, shop.id, [order_id])
    pending = [row for row in followups.of_orders(connection, shop.id, [order_id]) if row.state == "pending"]
    reason = f"the order is gone from the store (not found since {since:%Y-%m-%d %H:%M} UTC)"
    followups.update(connection, [row.id for row in pending], state="skipped", final=True, at=now, reason=reason)
    return Counter(row.rule for row in pending)


def _settle_quarantine(
    connection: sa.Connection, shop: Shop, seen: Sequence[Order], broken: Sequence[Broken], now: datetime
) -> None:
    """Set aside what could not be understood; release what is understood again."""
    if seen and orders.set_aside_ids(connection, shop.id):
        still_broken = {each.order_id for each in broken}
        orders.release(connection, shop.id, [order.id for order in seen if order.id not in still_broken])
    for each in broken:
        if orders.set_aside(connection, shop.id, each.order_id, each.reason, now).at == now:
            log.warning("order set aside", store=shop.id, order=each.order_id, reason=each.reason)


def _begin_baseline(shop: Shop) -> StoreState:
    """From now on the store is looked after; what it has by now, on its own clock, is the past."""
    baseline_at = shop.clock() + (shop.adapter.skew or timedelta(0))
    with shop.database.write() as connection:
        stores.update(connection, shop.id, baseline_at=baseline_at)
        return stores.load(connection, shop.id)


def _record_success(shop: Shop, state: StoreState, *, swept: bool) -> bool:
    """Note that the poll is through; returns whether anything is to be done, as it is cheap to ask here."""
    now = shop.clock()
    skew = shop.adapter.skew
    values: dict[str, object] = {"polled_at": now, "skew": skew.total_seconds() if skew is not None else None}
    if swept:
        values["swept_at"] = now
    if state.baseline_done_at is None:
        values["baseline_done_at"] = now
    with shop.database.write() as connection:
        return polls.note(connection, shop.id, now, **values)


# Is it still the same store? ----------------------------------------------------------------------------------


IDENTIFYING = {
    "url": "address",
    "reached_at": "address in the configuration",
    "site_id": "site id",
    "currency": "currency",
}
"""What tells stores apart, and how people call it."""


def key_mark(shop: Shop) -> str:
    """A mark that changes with the store's key or URL, from which neither can be read."""
    text = "\n".join([shop.config.url, *shop.config.secrets()])
    return hashlib.blake2b(text.encode(), key=shop.secret, digest_size=8).hexdigest()


def _may_be_another(shop: Shop, state: StoreState) -> bool:
    return state.identity is None or state.key_mark != key_mark(shop)


def _verify_identity(shop: Shop, state: StoreState, *, accept: bool) -> None:
    found = shop.adapter.identify().identity
    if not accept:
        refuse_another(state, found)
    mark = key_mark(shop)
    if state.identity != found or state.key_mark != mark:
        with shop.database.write() as connection:
            stores.update(connection, shop.id, identity=_completed(found, state.identity), key_mark=mark)


def refuse_another(state: StoreState, found: Identity) -> None:
    """Raises StoreRefused if this is not the store that the state was made with."""
    told_apart = difference(state.identity, found) if state.identity is not None else None
    if told_apart is not None:
        raise StoreRefused(
            f"this is not the store it was: {told_apart}. Nothing was done. If it is meant "
            f"(the shop has moved), run once with --accept-store"
        )


def difference(was: Identity, found: Identity) -> str | None:
    """What tells two stores apart; what could not be learnt tells nothing."""
    for name, label in IDENTIFYING.items():
        before, after = getattr(was, name), getattr(found, name)
        if before and after and before != after:
            return f"its {label} was {before} and is now {after}"
    return None


def _completed(found: Identity, was: Identity | None) -> Identity:
    """What is known now, with what was known before where it could not be learnt this time."""
    if was is None:
        return found
    return Identity(**{name: getattr(found, name) or getattr(was, name) for name in IDENTIFYING})
