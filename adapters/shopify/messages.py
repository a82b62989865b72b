"""Messages to an order's customer: as invoice e-mails, or handed to a workflow in Shopify Flow.

Shopify keeps no list of what it has sent, so a mark on the order (see `claims`) keeps it for us:

    claimed → trying → invoice, or flow
          ↖ sure no ↙

From `claimed` nothing has been tried, and who finds it may try. `trying` names one try, whose end it does not tell:
if that try has died, only a person can find out. It is never tried again from there.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from contextlib import suppress

from msgspec import Struct

from adapters.errors import AdapterError, UnknownOutcome, Unsupported
from adapters.shopify.claims import Mark, find_mark, set_mark
from adapters.shopify.client import Client, Refused
from adapters.shopify.order import Written, existing, order_gid

_CLAIMED = "claimed"
_INVOICE = "invoice"
_FLOW = "flow"


class _FlowOrder(Struct, frozen=True, rename="camel"):
    name: str | None = None
    email: str | None = None
    customer_locale: str | None = None


class _FlowAnswer(Struct, frozen=True):
    order: _FlowOrder | None = None


def send_invoice(client: Client, order_id: str, text: str, subject: str | None, key: str) -> str:
    """E-mail the order's invoice with this text, which is plain, and this subject (None: the shop's); returns an id.

    It goes to the order's own address, at most once under one key, and whatever the customer has consented to.
    Raises UnknownOutcome where an earlier try under this key may have sent it, Rejected for a checkout or where
    Shopify refuses, NotFound, and the errors of a write.
    """
    email = {"customMessage": text} if subject is None else {"customMessage": text, "subject": subject}

    def deliver() -> None:
        client.write("invoice_send", {"id": order_gid(order_id), "email": email}, Written)

    return _once(client, order_id, key, _INVOICE, deliver)


def send_to_flow(client: Client, trigger: str, order_id: str, text: str, subject: str | None, key: str) -> str:
    """Hand the message to the workflows that start with the trigger of this handle; returns an id.

    That Shopify takes it says nothing of what those workflows do. They are given `order_id` (a number: Flow makes the
    order of it), `order_name`, `message_id` (the key), `subject`, `text`, `locale` and `customer_email`; what is not
    known is empty. Raises as `send_invoice`.
    """

    def deliver() -> None:
        answer = client.read("flow_order", {"id": order_gid(order_id)}, _FlowAnswer)
        order = existing(client, order_id, answer.order)
        payload = {
            "order_id": int(order_id),
            "order_name": order.name or "",
            "message_id": key,
            "subject": subject or "",
            "text": text,
            "locale": order.customer_locale or "",
            "customer_email": order.email or "",
        }
        client.write("flow_trigger", {"handle": trigger, "payload": payload}, Written)

    return _once(client, order_id, key, _FLOW, deliver)


def find_message(client: Client, order_id: str, key: str) -> str | None:
    """The id of the message of this key; None says that it has surely not been sent so far.

    Raises Unsupported where a try has begun and its end is not known, NotFound, and the errors of reading.
    """
    mark = find_mark(client, order_id, key)
    if mark is None or mark.value == _CLAIMED:
        return None
    if mark.value in (_INVOICE, _FLOW):
        return _message_id(mark.value, key)
    raise Unsupported(
        "whether Shopify has sent the message cannot be told: it was asked to, and its answer was lost. Look into the "
        "order's timeline"
    )


def _once(client: Client, order_id: str, key: str, way: str, deliver: Callable[[], None]) -> str:
    claimed = _claim(client, order_id, key)
    if claimed.value in (_INVOICE, _FLOW):
        return _message_id(claimed.value, key)
    if claimed.value != _CLAIMED:
        raise UnknownOutcome(f"The message to order {order_id} was tried before, and it is not known how that ended.")
    trying = _begin(client, order_id, key, claimed)
    try:
        deliver()
    except UnknownOutcome:
        raise
    except AdapterError:
        # A sure no. If that cannot be marked either, the next try finds this one's mark, and asks a person.
        with suppress(AdapterError):
            set_mark(client, order_id, key, _CLAIMED, trying)
        raise
    # It is sent, whether or not that can be marked: the mark only serves those who do not get to know it from us.
    with suppress(AdapterError):
        set_mark(client, order_id, key, way, trying)
    return _message_id(way, key)


def _claim(client: Client, order_id: str, key: str) -> Mark:
    """The mark of this key: a new one, or the one there is."""
    try:
        return set_mark(client, order_id, key, _CLAIMED, None)
    except Refused:
        mark = find_mark(client, order_id, key)
        if mark is None:
            raise
        return mark


def _begin(client: Client, order_id: str, key: str, claimed: Mark) -> Mark:
    """Mark that this very try begins. Raises UnknownOutcome where another may have begun."""
    value = f"trying {secrets.token_hex(8)}"
    try:
        return set_mark(client, order_id, key, value, claimed)
    except Refused:
        raise UnknownOutcome(f"Another run is sending this very message to order {order_id}.") from None
    except UnknownOutcome as doubt:
        mark = _seen_again(client, order_id, key, doubt)
        if mark is None or mark.value != value:
            raise
        return mark


def _seen_again(client: Client, order_id: str, key: str, doubt: UnknownOutcome) -> Mark | None:
    try:
        return find_mark(client, order_id, key)
    except AdapterError:
        raise doubt from None


def _message_id(way: str, key: str) -> str:
    return f"{way}-{key}"
