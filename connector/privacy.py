"""What is kept of people, and who is not written to.

An order whose customer is forgotten, or that was kept long enough, is reduced to what planning needs: what was bought,
when, and what became of it. It never enters the state in any other way again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

import msgspec
import sqlalchemy as sa

from adapters.model import Address, Customer, Order
from connector.people import addresses_of, email_of, mark, marks, person_of, phones_of
from connector.shop import Shop
from connector.store import suppressions
from connector.store.orders import Erased, Known
from connector.store.suppressions import Listed, Suppression
from rules.protection import NO_FOLLOWUP


def bare(order: Order) -> Order:
    """The order without the person: no names, addresses (but the country), e-mail, phone, notes or custom fields, and
    nothing that leads to them. What is not named here is left out.
    """
    return Order(
        id=order.id,
        number=order.number,
        status=order.status,
        created_at=order.created_at,
        modified_at=order.modified_at,
        total=order.total,
        customer=Customer(orders_count=order.customer.orders_count),
        billing=Address(country=order.billing.country),
        shipping=Address(country=order.shipping.country),
        paid_at=order.paid_at,
        completed_at=order.completed_at,
        cancelled_at=order.cancelled_at,
        items=order.items,
        shipments=tuple(
            msgspec.structs.replace(parcel, tracking_number=None, tracking_url=None) for parcel in order.shipments
        ),
        refunds=tuple(msgspec.structs.replace(refund, reason=None) for refund in order.refunds),
        returns=order.returns,
        coupons=order.coupons,
        tags=order.tags,
        payment_method=order.payment_method,
        shipping_method=order.shipping_method,
        source=order.source,
        needs_shipping=order.needs_shipping,
        draft=order.draft,
        trashed=order.trashed,
        test=order.test,
    )


@dataclass(frozen=True, slots=True)
class Keeping:
    """What may be kept of the orders that a store shows: all, but of those who are forgotten and of what is too old."""

    store: str
    secret: bytes = field(repr=False)
    forgotten: frozenset[str]
    kept_since: datetime | None

    def look(self, order: Order, before: Known | None) -> tuple[Order, Erased | None]:
        """The order as it may be kept, and why it is not kept whole.

        What has grown old while it was kept is left to `tidy`, which knows whether something is still to be done.
        """
        if self.forgotten and is_of(order, self.store, self.secret, self.forgotten):
            return bare(order), "forgotten"
        is_old = self.kept_since is not None and order.modified_at < self.kept_since
        if is_old and (before is None or before.erased is not None):
            return bare(order), "age"
        return order, None


def keeping(connection: sa.Connection, shop: Shop, now: datetime) -> Keeping:
    """What may be kept of this shop's orders, as things stand in this transaction."""
    keep_for = shop.config.keep_for
    since = now - keep_for if keep_for is not None else None
    return Keeping(shop.id, shop.secret, suppressions.forgotten(connection), since)


def is_of(order: Order, store: str, secret: bytes, known: frozenset[str]) -> bool:
    """Whether an order is from one of the people with these marks.

    Families share a phone: it only tells whose an order is where a guest made it, or nobody's e-mail stands in it.
    """
    if person_of(order, store, secret) in known:
        return True
    by_phone = order.customer.email is None or order.customer.id is None
    return by_phone and not known.isdisjoint(marks(phones_of(order), secret))


def why_not_written_to(listed: Listed, store: str, secret: bytes, known: Known) -> Mapping[str, str]:
    """Why the customer of an order gets no messages of a purpose (transactional, marketing); empty if they may."""
    if known.erased == "age":
        reason = "who made this order is not known any more: it was kept as long as 'keep_for' says"
        return {"transactional": reason, "marketing": reason}
    order = known.order
    addresses = phones_of(order) | ({email} if (email := email_of(order)) else frozenset())
    reasons: dict[str, str] = {}
    if NO_FOLLOWUP in {tag.casefold() for tag in (*order.tags, *order.customer.tags)}:
        reasons |= dict.fromkeys(
            ("transactional", "marketing"), f"the order or its customer has the tag '{NO_FOLLOWUP}'"
        )
    for row in listed(marks(addresses, secret) | {known.person}):
        if row.purpose == "address":
            continue  # somebody whose mailbox is gone may still be reached by phone
        if row.along_with is None or known.erased or is_of(order, store, secret, frozenset({row.mark})):
            reasons |= _in_words(row)
    if known.erased and not reasons:
        reasons = dict.fromkeys(("transactional", "marketing"), "this customer was forgotten")
    return reasons


def why_not_to(listed: Listed, secret: bytes, to: str, *, marketing: bool) -> str | None:
    """Why nothing is sent to this address, as a channel has it; None if it may be."""
    for row in listed(marks(addresses_of(to), secret)):
        if row.purpose == "address":
            return f"this customer's address takes no more messages since {row.at:%Y-%m-%d}: {row.reason or 'bounced'}"
        if row.purpose == "everything" or marketing:
            return f"this customer's address is on the suppression list since {row.at:%Y-%m-%d}"
    return None


def no_more_to(connection: sa.Connection, secret: bytes, to: str, reason: str, now: datetime) -> None:
    """Never write to this address again, by any channel."""
    address = min(addresses_of(to))
    known = {row.mark for row in suppressions.of(connection, [mark(address, secret)])}
    if not known:
        row = Suppression(mark(address, secret), "address", to, reason, False, None, now)
        suppressions.put(connection, [row])


def _in_words(row: Suppression) -> dict[str, str]:
    if row.forgotten:
        reason = f"this customer was forgotten on {row.at:%Y-%m-%d}, and is never written to"
    else:
        reason = f"this customer is on the suppression list since {row.at:%Y-%m-%d}"
    if row.purpose == "marketing":
        return {"marketing": f"{reason}, for marketing"}
    return {"transactional": reason, "marketing": reason}
