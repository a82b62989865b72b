"""Coupons: discount codes that can be used once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from msgspec import Struct

from adapters.errors import Rejected
from adapters.model import Coupon
from adapters.shopify.client import Client, Refused
from adapters.shopify.order import Written

_EARLIER = timedelta(minutes=5)
"""A coupon holds from a little before now, so that clocks that differ do not make it one for later."""


class _Node(Struct):
    id: str


class _Found(Struct, rename="camel"):
    code_discount_node_by_code: _Node | None = None


def create_coupon(client: Client, coupon: Coupon, now: datetime) -> None:
    """Make the coupon; a code that exists already is ours, and fine. `now` is the store's time, aware.

    Whoever has the code can use it, once: Shopify ties coupons to customers' ids, never to e-mail addresses, and a
    guest has none. Raises Rejected for a coupon that gives nothing, and the errors of a write.
    """
    try:
        client.write("coupon_create", {"basicCodeDiscount": _as_sent(coupon, now)}, Written)
    except Refused as refusal:
        if all(error.code != "TAKEN" for error in refusal.errors):
            raise


def find_coupon(client: Client, code: str) -> bool:
    """Whether there is a coupon of this code. Raises the errors of reading."""
    return client.read("coupon_find", {"code": code}, _Found).code_discount_node_by_code is not None


def _as_sent(coupon: Coupon, now: datetime) -> dict[str, object]:
    return {
        "title": coupon.code,
        "code": coupon.code,
        "startsAt": _as_text(now - _EARLIER),
        "endsAt": _as_text(coupon.expires_at) if coupon.expires_at is not None else None,
        "usageLimit": 1,
        "appliesOncePerCustomer": True,
        "context": {"all": "ALL"},
        "customerGets": {"value": _value(coupon), "items": {"all": True}},
    }


def _value(coupon: Coupon) -> dict[str, object]:
    if coupon.percent is not None:
        return {"percentage": float(coupon.percent / 100)}
    if coupon.amount is not None:
        return {"discountAmount": {"amount": format(coupon.amount.amount, "f"), "appliesOnEachItem": False}}
    raise Rejected(f"coupon {coupon.code} has neither a percentage nor an amount.")


def _as_text(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
