"""What an order does not tell of its customer: what is concluded from their other orders, and what they were sent.

Fields of the model that no platform fills are filled here, so that conditions, templates and explanations see them as
they see all others.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from decimal import Decimal

from msgspec import Struct
from msgspec.structs import replace

from adapters.model import LineItem, Money, Order
from rules.events import WITHDRAWN
from rules.journey import TROUBLE, expected_by, has_arrived

CONCLUDED = frozenset(
    {
        "customer.orders_count",
        "customer.total_spent",
        "customer.last_order_at",
        "customer.open_problem",
        "customer.last_message_at",
        "customer.messages_in_30_days",
        "item.bought_again",
    }
)
"""Fields of which an order alone does not tell, or not on every platform."""

LATELY = timedelta(days=30)
"""Messages count for so long in `messages_in_30_days`."""

SORE = timedelta(days=7)
"""How long something that was given back counts as an open problem."""

LONG_OVER = timedelta(days=90)
"""An order this old has no open problem, whatever a carrier left its parcel in."""

UNPAID = frozenset({"pending", "on-hold"})
CALLED_OFF = frozenset({"cancelled", "failed", "refunded", "trash"})


class History(Struct, frozen=True, gc=False):
    """What else is known of an order's person: `orders`, their others in the same store, in no order; `messages`, when
    they were written to in the last 30 days (UTC), the earliest first; `unseen`, how many older ones they are known to
    have made, of which no more is known.
    """

    orders: tuple[Order, ...] = ()
    messages: tuple[datetime, ...] = ()
    unseen: int = 0


NO_HISTORY = History()


def is_purchase(order: Order) -> bool:
    """Whether somebody bought: it is paid, or is to be paid on delivery, and was neither called off nor given back."""
    if order.draft or order.trashed or order.status in CALLED_OFF or order.refunded_in_full:
        return False
    return order.paid_at is not None or order.status not in UNPAID


def spent_on(order: Order) -> Decimal:
    """What was paid for an order, less what was given back, in its own currency."""
    return order.total.amount - sum((refund.amount.amount for refund in order.refunds), Decimal(0))


def place_of(order: Order, history: History) -> int:
    """Which of the person's purchases this order is, from 1; those count that only the platform knows of."""
    return 1 + sum(1 for each in before(order, history)) + history.unseen


def before(order: Order, history: History) -> Iterator[Order]:
    """The person's earlier purchases."""
    return (each for each in history.orders if _by_age(each) < _by_age(order) and is_purchase(each))


def unseen(order: Order, history: History) -> int:
    """How many orders the platform counts for this person that are older than those that it shows us.

    Each order tells how many there were when it was first seen. Where one tells of more than another, those came later.
    """
    known = sorted((each for each in (order, *history.orders) if not each.draft), key=_by_age)
    told = ((place, each.customer.orders_count) for place, each in enumerate(known))
    return max(0, min((count - 1 - older for older, count in told if count is not None), default=0))


def _by_age(order: Order) -> tuple[datetime, str]:
    return order.created_at, order.id


def is_latest(order: Order, history: History) -> bool:
    """Whether the person has not come back since: later orders count even before they are paid."""
    return not any(
        each.created_at > order.created_at and not (each.draft or each.trashed or each.status in CALLED_OFF)
        for each in history.orders
    )


def with_history(order: Order, history: History, now: datetime) -> Order:
    """The order, with all that is known of its customer now."""
    every = [order, *history.orders]
    bought = [each for each in every if is_purchase(each)]
    currency = order.total.currency
    spent = sum((spent_on(each) for each in bought if each.total.currency == currency), Decimal(0))
    customer = replace(
        order.customer,
        orders_count=len([each for each in bought if each is not order]) + 1 + history.unseen,
        total_spent=Money(spent, currency),
        last_order_at=max(each.created_at for each in every if each is order or is_purchase(each)),
        open_problem=any(has_open_problem(each, now) for each in every),
        last_message_at=history.messages[-1] if history.messages else None,
        messages_in_30_days=sum(1 for at in history.messages if at > now - LATELY),
    )
    later = [each for each in history.orders if each.created_at > order.created_at and is_purchase(each)]
    again = _products(item for each in later for item in each.items)
    items = tuple([replace(item, bought_again=not again.isdisjoint(_products([item]))) for item in order.items])
    return replace(order, customer=customer, items=items)


def changes_at(order: Order, history: History, now: datetime) -> datetime | None:
    """When time alone will next change what is concluded of the customer."""
    every = [order, *history.orders]
    moments = [
        *(at + LATELY for at in history.messages),
        *(refund.created_at + SORE for each in every for refund in each.refunds if refund.created_at is not None),
        *(late for each in every for parcel in each.shipments if (late := expected_by(parcel)) is not None),
    ]
    return min((at for at in moments if at > now), default=None)


def has_open_problem(order: Order, now: datetime) -> bool:
    """Whether something went wrong with an order and is not over: a parcel is late, or did not arrive; a return is on
    its way; money was given back within a week.
    """
    if order.draft or order.trashed or now - order.created_at > LONG_OVER:
        return False
    if any(each.closed_at is None and each.status not in WITHDRAWN for each in order.returns):
        return True
    if any(each.created_at is not None and now - each.created_at < SORE for each in order.refunds):
        return True
    return any(
        (not has_arrived(parcel) and parcel.state in TROUBLE)
        or ((expected := expected_by(parcel)) is not None and expected <= now)
        for parcel in order.shipments
    )


def _products(items: Iterable[LineItem]) -> set[tuple[str, str]]:
    """What tells products apart: the platform's id of the product, and the shop's own code for it."""
    marks = (
        (kind, name)
        for item in items
        for kind, name in (("product", item.product_id), ("sku", item.sku.casefold() if item.sku else None))
    )
    return {(kind, name) for kind, name in marks if name}
