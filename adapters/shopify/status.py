"""Statuses: on Shopify an order's status is what has happened to it; three things can be made to happen.

The words that rules use for where an order stands are `STATUSES`; those it can be moved to, `GOALS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from adapters.errors import AdapterError, UnknownOutcome, Unsupported
from adapters.shopify.client import Client
from adapters.shopify.order import OrderState, Written, order_gid, read_state

STATUSES = ("pending", "processing", "on-hold", "completed", "cancelled", "refunded")
"""What `Order.status` may be."""

_PATIENCE = (0.5, 1.0, 2.0, 4.0)
"""Seconds between looks at an order that Shopify changes in the background."""

_INSTEAD = {
    "completed": "an order is completed when all of it is fulfilled, which Aftersale does not do for you; "
    "to archive it, write 'closed'",
    "processing": "an order is processing once it is paid; to record a payment that came by another way, write 'paid'",
    "pending": "an order is pending until it is paid or fulfilled, and cannot be moved back",
    "on-hold": "an order is on hold when its fulfilment is, which people set in Shopify's admin",
    "refunded": "an order is refunded by giving money back, which is for people to do",
}


@dataclass(frozen=True, slots=True)
class _Goal:
    document: str
    variables: Callable[[str], dict[str, object]]
    reached: Callable[[OrderState], bool]


def _with_input(gid: str) -> dict[str, object]:
    return {"input": {"id": gid}}


_CLOSED = _Goal("order_close", _with_input, lambda order: order.closed)
_CANCELLED = _Goal("order_cancel", lambda gid: {"id": gid}, lambda order: order.cancelled_at is not None)
_PAID = _Goal("order_mark_paid", _with_input, lambda order: order.display_financial_status == "PAID")

_GOALS: Mapping[str, _Goal] = {"closed": _CLOSED, "archived": _CLOSED, "cancelled": _CANCELLED, "paid": _PAID}

GOALS = tuple(_GOALS)
"""What `set_status` can do."""


def set_status(client: Client, order_id: str, status: str, sleep: Callable[[float], None]) -> None:
    """Close (archive) the order, cancel it, or mark it as paid, unless that is so already.

    Cancelling gives no money back, takes no stock back and tells the customer nothing (Shopify itself lets go of a
    payment that is only authorized); it happens in the background and is waited for, by `sleep` (seconds), a little. A
    lost answer is settled by looking, where that shows it was done.
    Raises Unsupported for any other status, UnknownOutcome for a cancellation that takes longer, NotFound, and the
    errors of a write.
    """
    goal = _GOALS.get(status)
    if goal is None:
        instead = _INSTEAD.get(status, f"an order can be moved to {', '.join(GOALS)}")
        raise Unsupported(f"Shopify cannot move an order to '{status}': {instead}.")
    if goal.reached(read_state(client, order_id)):
        return
    doubt: UnknownOutcome | None = None
    try:
        client.write(goal.document, goal.variables(order_gid(order_id)), Written)
    except UnknownOutcome as error:
        doubt = error
    if doubt is not None or goal is _CANCELLED:
        _wait_for(client, order_id, goal, doubt, sleep)


def _wait_for(
    client: Client, order_id: str, goal: _Goal, doubt: UnknownOutcome | None, sleep: Callable[[float], None]
) -> None:
    """Look whether it came to be, and again a little later. Raises UnknownOutcome, or the doubt there was."""
    for pause in (0.0, *_PATIENCE):
        sleep(pause)
        try:
            state = read_state(client, order_id)
        except AdapterError as error:
            said = f"Order {order_id} was to be changed, but cannot be looked at: {error}"
            raise doubt or UnknownOutcome(said) from None
        if goal.reached(state):
            return
    raise doubt or UnknownOutcome(
        f"{client.http.where} has taken the cancellation of order {order_id}, but has not carried it out so far."
    )
