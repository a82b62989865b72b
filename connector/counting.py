"""Frequency caps and suppression, asked inside an intent's transaction: what is open counts, one person at a time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial

import sqlalchemy as sa

from adapters.model import Order
from connector.actions import NotNow
from connector.people import addresses_of, email_of, marks, phones_of
from connector.prepare import Judged, Made
from connector.privacy import why_not_to, why_not_written_to
from connector.shop import Shop
from connector.store import ledger, orders, suppressions
from rules.protection import PAUSE, Cap, Ledger, Outgoing, Sent, allowed

KEPT = timedelta(days=100)
"""How long it is known who was written to, so that caps may become longer meanwhile."""


def enter_in_ledger(connection: sa.Connection, shop: Shop, judged: Judged, made: Sequence[Made], now: datetime) -> None:
    """Count a step's messages as sent to their customer, if all of them may be by now. Raises NotNow if not."""
    messages = [each for each in made if each.prepared.to is not None]
    if not messages:
        return
    order, rule, caps = judged.facts.order, judged.wanted.rule, shop.protection.caps
    person = marks_of(shop, order, messages)
    ledger.lock(connection, person)
    sent = ledger.sent_to(connection, person, now - longest(caps), [each.row.id for each in messages])
    about = (shop.id, order.id)
    admit(sent, caps, [Outgoing(each.prepared.marketing, about, rule.urgent) for each in messages], now)
    ledger.forget_before(connection, now - max(longest(caps), KEPT))
    for each in messages:
        ledger.enter(connection, each.row.id, person, order=about, marketing=each.prepared.marketing, at=now)


def admit(sent: Sequence[Sent], caps: Sequence[Cap], messages: Sequence[Outgoing], now: datetime) -> None:
    """Raises NotNow unless all the messages of one step may go out now to a person who was `sent` these."""
    for number, message in enumerate(messages):
        # The messages of one step are one to their customer, but for the caps.
        wait = allowed(Ledger(sent, caps), message._replace(urgent=message.urgent or number > 0), now)
        if wait is not None:
            raise NotNow(wait.until, wait.reason)
        sent = [*sent, Sent(now, message.marketing, message.order)]


def marks_of(shop: Shop, order: Order, messages: Sequence[Made]) -> frozenset[str]:
    """All by which the customer may be known: by e-mail and by phone, in the order and to the channels."""
    addresses = phones_of(order) | ({email} if (email := email_of(order)) else frozenset())
    reached = (addresses_of(each.prepared.to) for each in messages if each.prepared.to is not None)
    return marks(addresses.union(*reached), shop.secret)


def longest(caps: Sequence[Cap]) -> timedelta:
    """How far back what was sent may still count."""
    return max((cap.span for cap in caps), default=PAUSE)


def why_not_any_more(connection: sa.Connection, shop: Shop, made: Made) -> str | None:
    """Why a message that was admissible when its step began is so no more; None if it still is."""
    to, marketing = made.prepared.to, made.prepared.marketing
    if to is None:
        return None
    known = orders.load(connection, shop.id, [made.row.order_id])[made.row.order_id]
    listed = partial(suppressions.of, connection)
    reasons = why_not_written_to(listed, shop.id, shop.secret, known)
    purpose = "marketing" if marketing else "transactional"
    return reasons.get(purpose) or why_not_to(listed, shop.secret, to, marketing=marketing)
