"""What else is known of the people whose orders are planned: their other orders, and when they were written to."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import sqlalchemy as sa

from connector.actions import known_actions
from connector.shop import Shop
from connector.store import followups, orders
from rules.history import LATELY, History


def histories(connection: sa.Connection, shop: Shop, people: Mapping[str, str], now: datetime) -> dict[str, History]:
    """By order, the history of its person; `people` are the persons' marks by order."""
    of_person = orders.of_people(connection, shop.id, people.values())
    to_customers = [kind.name for kind in known_actions().values() if kind.spec.to_customer]
    written_to = followups.written_to(connection, shop.id, people.values(), to_customers, now - LATELY)
    return {
        order_id: History(
            tuple(order for order in of_person.get(person, ()) if order.id != order_id),
            tuple(sorted(written_to.get(person, ()))),
        )
        for order_id, person in people.items()
    }
