"""A person's data: found, handed over, erased at their wish, and erased by age.

What stays of a forgotten person is that this was done for that order, and hashes by which they are known again.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

import sqlalchemy as sa
import structlog

from adapters.model import Address, Order, Remarks
from connector.people import email_of, ending, endings_of, mark, marks, phones_of
from connector.privacy import bare
from connector.shop import Shop
from connector.store import orders, personal, stores, suppressions
from connector.store.database import Database
from connector.store.errors import StateError
from connector.store.suppressions import Suppression

log = structlog.get_logger()

TIDIED_EVERY = timedelta(days=1)
"""How often it is looked for data that are kept too long."""

AT_ONCE = 200
"""How many orders lose their person in one transaction, so that the others' turn comes."""

SHORTEST_WORD = 5
"""Letters; what is shorter may stand in any sentence, and tells of nobody."""

GIVEN_UP = "the customer was forgotten before it was known whether this went out; it is not asked about any more"
REMOVED = "(a reason with personal data: erased when the customer was forgotten)"


@dataclass(frozen=True, slots=True)
class Request:
    """Whom a request is about: by addresses as connector.people has them, or by what these stores call them."""

    addresses: frozenset[str] = frozenset()
    stores: frozenset[str] = frozenset()
    customer: str | None = None
    orders: frozenset[str] = frozenset()


class Trace(NamedTuple):
    """An order, and what tells whose it is."""

    store: str
    id: str
    number: str
    person: str
    email: str | None
    endings: frozenset[str]
    customer: str | None


@dataclass(frozen=True, slots=True)
class Found:
    """A person's orders, those `by_phone` told by nothing but their phone, and their addresses."""

    orders: tuple[Trace, ...]
    by_phone: tuple[Trace, ...]
    addresses: frozenset[str]

    @property
    def all(self) -> tuple[Trace, ...]:
        return self.orders + self.by_phone


# Finding ------------------------------------------------------------------------------------------------------


def find(connection: sa.Connection, requests: Sequence[Request], secret: bytes) -> list[Found]:
    """What is kept of each of these people."""
    traces = [
        Trace(
            kept.store,
            kept.order.id,
            kept.order.number,
            kept.person,
            email_of(kept.order),
            endings_of(kept.order),
            kept.order.customer.id,
        )
        for kept in personal.every_order(connection)
    ]
    return [_find(connection, traces, each, secret) for each in requests]


def _find(connection: sa.Connection, traces: Sequence[Trace], request: Request, secret: bytes) -> Found:
    """By address and the store's own ids; then by e-mail; then guests' orders by phone, as a family may share one."""
    known = marks(request.addresses, secret)
    emails = {address for address in request.addresses if address.startswith("email:")}
    called = set(_with_phone(connection, traces, request.addresses))
    named = [each for each in traces if each in called or _is_named(each, request, known)]
    emails |= {each.email for each in named if each.email is not None}
    own = {(each.store, each.id): each for each in (*named, *(each for each in traces if each.email in emails))}
    phones = request.addresses.union(*(_phones(connection, each) for each in own.values())) - emails
    others = [each for each in traces if (each.store, each.id) not in own]
    guests = _with_phone(connection, [each for each in others if each.email is None or each.customer is None], phones)
    return Found(tuple(own.values()), tuple(guests), request.addresses | emails | phones)


def _is_named(trace: Trace, request: Request, known: frozenset[str]) -> bool:
    if trace.person in known:
        return True
    by_customer = request.customer is not None and trace.customer == request.customer
    return trace.store in request.stores and (by_customer or trace.id in request.orders)


def _with_phone(connection: sa.Connection, traces: Sequence[Trace], addresses: Collection[str]) -> list[Trace]:
    """Those with one of these phones. To read a phone takes a while, so only those are read that may be the same."""
    endings = {ending(address) for address in addresses}
    alike = [each for each in traces if not endings.isdisjoint(each.endings)]
    return [each for each in alike if not _phones(connection, each).isdisjoint(addresses)]


def _phones(connection: sa.Connection, trace: Trace) -> frozenset[str]:
    return phones_of(orders.load(connection, trace.store, [trace.id])[trace.id].order)


# Forgetting ---------------------------------------------------------------------------------------------------


def forget(database: Database, requests: Sequence[Request], secret: bytes, now: datetime) -> list[Found]:
    """Erase these people from every table and from the disk, and leave them forgotten: found again by hash alone."""
    with database.write(durable=True) as connection:
        found = find(connection, requests, secret)
        theirs = {(each.store, each.id) for person in found for each in person.all}
        words: set[str] = set()
        for kept in personal.every_order(connection):
            if (kept.store, kept.order.id) in theirs:
                words |= _words(kept.order, kept.remarks)
                personal.give_up_outcomes(connection, kept.store, kept.order.id, GIVEN_UP, now)
                personal.erase_order(connection, kept.store, bare(kept.order), "forgotten")
        for request, person in zip(requests, found, strict=True):
            words |= {address.partition(":")[2] for address in person.addresses}
            suppressions.put(connection, _remembered(request, person, secret, now))
        personal.rewrite(connection, lambda text: REMOVED if _mentions(text, words) else text)
    database.cleanse()
    return found


def _remembered(request: Request, person: Found, secret: bytes, now: datetime) -> list[Suppression]:
    """The marks by which they are known again. Those that were not named go along with one that was."""
    named = [mark(address, secret) for address in sorted(request.addresses)]
    every = [*named, *sorted(marks(person.addresses, secret) | {each.person for each in person.orders})]
    return [
        Suppression(each, "everything", None, None, True, None if each in named or each == every[0] else every[0], now)
        for each in dict.fromkeys(every)
    ]


def _words(order: Order, remarks: Remarks) -> set[str]:
    """What leads to the person, should it stand in a sentence."""
    customer = order.customer
    found = {customer.email, customer.phone, _name(customer.first_name, customer.last_name)}
    found |= {review.email for review in remarks.reviews}
    found |= {review.name for review in remarks.reviews if review.name is not None and " " in review.name}
    for address in (order.billing, order.shipping):
        found |= _words_of(address)
    return {word.casefold() for word in found if word is not None and len(word) >= SHORTEST_WORD}


def _words_of(address: Address) -> set[str | None]:
    return {_name(address.first_name, address.last_name), address.line1, address.line2, address.phone}


def _name(first: str | None, last: str | None) -> str | None:
    return f"{first} {last}" if first and last else None


def _mentions(text: str, words: Collection[str]) -> bool:
    lowered = text.casefold()
    return any(word in lowered for word in words)


# Erasing by age -----------------------------------------------------------------------------------------------


def tidy(shop: Shop) -> int:
    """Once a day, erase the person from orders that were kept long enough; returns how many those were.

    They are orders on which nothing has changed for as long as `keep_for` says, and for which nothing is to be done.
    """
    now = shop.clock()
    if shop.config.keep_for is None:
        return 0
    with shop.database.read() as connection:
        state = stores.load(connection, shop.id)
        if state.tidied_at is not None and now - state.tidied_at < TIDIED_EVERY:
            return 0
        since = now - shop.config.keep_for
        old = [kept.order.id for kept in personal.unerased(connection, shop.id) if kept.order.modified_at < since]
    if old:
        with shop.database.write() as connection:
            stores.update(connection, shop.id, tidied_at=None)  # until the disk is clean, too
    for start in range(0, len(old), AT_ONCE):
        _erase_old(shop, old[start : start + AT_ONCE], since)
    if old or state.tidied_at is None:
        try:
            shop.database.cleanse()
        except StateError as error:
            log.warning("erased by age, but not from the disk yet", store=shop.id, reason=str(error))
            return len(old)
        log.info("erased by age", store=shop.id, orders=len(old))
    with shop.database.write() as connection:
        stores.update(connection, shop.id, tidied_at=now)
    return len(old)


def _erase_old(shop: Shop, ids: Sequence[str], since: datetime) -> None:
    """As they are by now: one of them may have changed meanwhile."""
    with shop.database.write() as connection:
        for kept in personal.unerased(connection, shop.id, ids):
            if kept.order.modified_at < since:
                personal.erase_order(connection, shop.id, bare(kept.order), "age")
