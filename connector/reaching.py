"""How a channel reaches an order's customer: whether it can, whether it may, and on what grounds."""

from __future__ import annotations

from datetime import datetime

from adapters.base import Capability
from adapters.channels.base import Unreachable
from adapters.model import Order
from connector.actions import NotNow, PassedOver, Way
from connector.channel_keys import PLATFORM
from connector.lines import Circuit
from connector.privacy import why_not_to
from connector.shop import Shop
from connector.store.suppressions import Listed
from connector.unsubscribing import NOBODY, link_for
from rules.protection import TRANSACTIONAL, NoConsent, consent_basis


def reach(listed: Listed, shop: Shop, order: Order, channel: str, now: datetime, *, marketing: bool) -> Way:
    """The way by this channel to who made the order.

    Raises PassedOver where it does not reach them, or may not; NotNow where it would, but is in trouble.
    """
    to = _address(shop, order, channel)
    basis = _basis(shop, order, channel) if marketing else TRANSACTIONAL
    why_not = why_not_to(listed, shop.secret, to, marketing=marketing)
    if why_not is not None:
        raise PassedOver(why_not)
    line = shop.lines.get(channel)
    if line is not None:
        heed(line.circuit, now)
    offered = shop.protection.unsubscribe if marketing else None
    # Whoever gets a customer's message instead of them can unsubscribe nobody.
    who = to if shop.mode != "redirect" else NOBODY
    return Way(channel, to, basis, link_for(offered, shop.secret, who, shop.id) if offered is not None else None)


def heed(circuit: Circuit, now: datetime) -> None:
    """Raises NotNow while a circuit is open."""
    if (rest := circuit.resting(now)) is not None:
        raise NotNow(rest.until, f"it rests until {rest.until:%Y-%m-%d %H:%M} UTC: {rest.reason}")


def _address(shop: Shop, order: Order, channel: str) -> str:
    if channel == PLATFORM:
        if Capability.MESSAGES not in shop.adapter.capabilities:
            raise PassedOver("this store sends no messages of its own")
        if order.customer.email is None:
            raise PassedOver("the order has no e-mail address: the platform could not reach the customer")
        return order.customer.email
    if channel not in shop.lines:
        raise PassedOver("it is not configured")
    try:
        return shop.lines[channel].channel.reach(order)
    except Unreachable as why:
        raise PassedOver(str(why)) from None


def _basis(shop: Shop, order: Order, channel: str) -> str:
    protection, meta = shop.protection, shop.config.consent_meta
    try:
        return consent_basis(order, channel, meta_key=meta, soft_opt_in=protection.soft_opt_in)
    except NoConsent as why:
        raise PassedOver(str(why)) from None
