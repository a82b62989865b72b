"""What people say about orders: customers in reviews, the staff in notes.

Neither moves an order's date of change, so they are asked for by themselves: only where a rule waits for them, and
within a budget. Trouble with that keeps no order from being looked after.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable
from datetime import timedelta

import sqlalchemy as sa
import structlog

from adapters.base import Broken, Capability, Cursor
from adapters.errors import AdapterError, RateLimited
from adapters.model import Order, Remarks, Review
from connector.ingest import Ingested, take_in
from connector.people import email_address, mark
from connector.resources import WAITED_FOR
from connector.shop import Shop
from connector.store import listening, orders
from connector.store.listening import Heard
from connector.store.orders import Known
from connector.store.stores import StoreState
from connector.waiting import delay_after
from rules.rule import Rule

log = structlog.get_logger()

NOTES_EVERY = timedelta(minutes=2)
"""How often, at most, some orders' notes are looked at; how many at once is the adapter's word."""

A_LITTLE = timedelta(seconds=10)
"""Polls are never quite on time."""

Count = Callable[[Ingested], None]


def listens_for(rules: Iterable[Rule], capabilities: Collection[Capability]) -> list[Capability]:
    """What a store with these capabilities is asked for, as one of these rules waits for it."""
    triggers = {rule.trigger for rule in rules if rule.enabled}
    return [what for what, trigger in WAITED_FOR.items() if trigger in triggers and what in capabilities]


def hear(shop: Shop, state: StoreState, count: Count, stop: threading.Event) -> bool:
    """Take in what was said since the last time. False if it was stopped before the end.

    Raises RateLimited, as the store wants to be left alone altogether; any other trouble is remembered, for `status`.
    """
    asking = {Capability.REVIEWS: _hear_reviews, Capability.STAFF_NOTES: _hear_notes}
    for what in listens_for((active.rule for active in shop.rules), shop.adapter.capabilities):
        with shop.database.read() as connection:
            heard = listening.load(connection, shop.id, what)
        if _is_too_soon(shop, what, heard):
            continue
        try:
            if not asking[what](shop, state, heard, count, stop):
                return False
        except RateLimited:
            raise
        except AdapterError as error:
            _note_trouble(shop, what, heard, error)
        else:
            well = {"error": None, "error_since": None, "failures": 0, "retry_at": None}
            with shop.database.write() as connection:
                listening.update(connection, shop.id, what, heard_at=shop.clock(), **well)
    return True


def _is_too_soon(shop: Shop, what: Capability, heard: Heard) -> bool:
    now = shop.clock()
    if heard.retry_at is not None and now < heard.retry_at:
        return True
    by_turns = what is Capability.STAFF_NOTES and heard.heard_at is not None
    return by_turns and heard.heard_at is not None and now - heard.heard_at < NOTES_EVERY - A_LITTLE


def _note_trouble(shop: Shop, what: Capability, heard: Heard, error: AdapterError) -> None:
    now, failures = shop.clock(), heard.failures + 1
    if heard.error is None:
        log.warning("cannot be heard", store=shop.id, what=what.value, reason=str(error))
    trouble = {"error": str(error), "error_since": heard.error_since or now, "failures": failures}
    with shop.database.write() as connection:
        listening.update(connection, shop.id, what, retry_at=now + delay_after(error, failures), **trouble)


# Reviews ------------------------------------------------------------------------------------------------------


def _hear_reviews(shop: Shop, state: StoreState, heard: Heard, count: Count, stop: threading.Event) -> bool:
    """Store page after page of what customers wrote, each with the order that it is about."""
    cursor = Cursor(heard.cursor) if heard.cursor is not None else None
    for page in shop.adapter.new_reviews(cursor):
        with shop.database.write() as connection:
            placed = _placed(connection, shop, page.reviews)
            said = {order_id: Remarks(reviews=tuple(reviews)) for order_id, reviews in placed.items()}
            ingested = take_in(connection, shop, said, shop.clock(), state.past_until)
            if page.cursor is not None and page.cursor != cursor:
                listening.update(connection, shop.id, Capability.REVIEWS, cursor=page.cursor)
        count(ingested)
        if page.cursor != cursor:  # else it was all told before
            _tell_of_the_rest(shop, len(page.reviews) - sum(map(len, placed.values())), [*page.broken])
        cursor = page.cursor
        if stop.is_set():
            return False
    return True


def _placed(connection: sa.Connection, shop: Shop, reviews: Collection[Review]) -> dict[str, list[Review]]:
    """By order, the reviews that are about it. Those of people who never bought here are about none."""
    writers = {each.id: mark(email_address(each.email), shop.secret) for each in reviews if each.email is not None}
    bought = orders.of_people(connection, shop.id, writers.values())
    known = orders.load(connection, shop.id, [order.id for theirs in bought.values() for order in theirs])
    placed: dict[str, list[Review]] = {}
    for review in reviews:
        theirs = [(order, known[order.id]) for order in bought.get(writers.get(review.id, ""), ())]
        if (order_id := order_of(review, theirs)) is not None:
            placed.setdefault(order_id, []).append(review)
    return placed


def order_of(review: Review, theirs: Iterable[tuple[Order, Known]]) -> str | None:
    """Which of its writer's orders a review is about: the latest by then that has the product, else the latest.

    Once it was said of one, it stays with that.
    """
    may_be = [(order, known) for order, known in theirs if known.erased is None]
    for order, known in may_be:
        if any(each.id == review.id for each in known.remarks.reviews):
            return order.id
    by_then = [order for order, _ in may_be if order.created_at <= review.created_at and not order.draft]
    with_it = [order for order in by_then if _has(order, review.product_id)]
    latest = max(with_it or by_then, key=lambda order: order.created_at, default=None)
    return latest.id if latest is not None else None


def _has(order: Order, product_id: str | None) -> bool:
    return product_id is not None and any(product_id in (item.product_id, item.variation_id) for item in order.items)


def _tell_of_the_rest(shop: Shop, strangers: int, broken: list[Broken]) -> None:
    if strangers:
        log.info("reviews of people without an order", store=shop.id, number=strangers)
    for each in broken:
        log.warning("review set aside", store=shop.id, review=each.order_id, reason=each.reason)


# The staff's notes --------------------------------------------------------------------------------------------


def _hear_notes(shop: Shop, state: StoreState, heard: Heard, count: Count, stop: threading.Event) -> bool:
    """Look at the notes of those open orders whose turn it is: new ones first, then in rounds."""
    with shop.database.read() as connection:
        ids = orders.to_hear(connection, shop.id, shop.adapter.notes_at_once)
    if not ids:
        return True
    noted = shop.adapter.staff_notes(ids)
    now = shop.clock()
    with shop.database.write() as connection:
        said = {order_id: Remarks(notes=notes) for order_id, notes in noted.notes.items() if notes}
        ingested = take_in(connection, shop, said, now, state.past_until)
        orders.note_heard(connection, shop.id, ids, now)
    count(ingested)
    for each in noted.broken:
        log.warning("note set aside", store=shop.id, order=each.order_id, reason=each.reason)
    return True
