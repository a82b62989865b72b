"""What else is known of the people whose orders are planned: their other orders, and when they were written to."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from operator import attrgetter
from typing import NamedTuple

import sqlalchemy as sa

from adapters.model import Order
from connector.actions import known_actions
from connector.shop import Shop
from connector.store import followups, orders
from rules.history import LATELY, History

MOST_ORDERS = 200
"""So many of a person's orders are looked back on, the latest. Who has more is no person: a till, or a marketplace."""

MOST_ASKED = 20
"""So many of them, the latest, are planned again when another of theirs changes."""


class Records(NamedTuple):
    """What is known of a person in one store: their `orders`, the latest first; how many `older` ones they have beside
    these; and when they were written to lately (UTC).
    """

    orders: Sequence[Order]
    older: int
    messages: tuple[datetime, ...]

    def beside(self, order_id: str) -> History:
        """What is known of them beside this order."""
        return History(tuple([each for each in self.orders if each.id != order_id]), self.messages, self.older)

    def to_ask(self, order_id: str) -> list[str]:
        """The orders that may be concerned when this one changes."""
        return [each.id for each in self.orders if each.id != order_id][:MOST_ASKED]


def history_of(connection: sa.Connection, shop: Shop, order_id: str, person: str, now: datetime) -> History:
    """What else is known of the person of one order."""
    return records_of(connection, shop, [person], now)[person].beside(order_id)


def records_of(
    connection: sa.Connection,
    shop: Shop,
    people: Collection[str],
    now: datetime,
    news: Sequence[tuple[str, Order]] = (),
) -> dict[str, Records]:
    """By person, all that is known of them; `news` are orders newer than what is stored, with their persons."""
    stored = orders.of_people(connection, shop.id, people)
    to_customers = [kind.name for kind in known_actions().values() if kind.spec.to_customer]
    written_to = followups.written_to(connection, shop.id, people, to_customers, now - LATELY)
    newer = {order.id for _, order in news}
    theirs = {person: [each for each in stored.get(person, ()) if each.id not in newer] for person in people}
    for person, order in news:
        theirs[person].append(order)
    return {person: records(theirs[person], written_to.get(person, ())) for person in people}


def records(orders: Iterable[Order], messages: Iterable[datetime]) -> Records:
    """What is looked back on of a person with these orders, who was written to then (UTC)."""
    by_age = sorted(orders, key=attrgetter("created_at"), reverse=True)
    return Records(by_age[:MOST_ORDERS], max(0, len(by_age) - MOST_ORDERS), tuple(sorted(messages)))
