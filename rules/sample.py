"""An invented order in which everything is known: templates are looked at with it before anybody gets them."""

from __future__ import annotations

from datetime import datetime, timedelta, tzinfo
from decimal import Decimal

from adapters.model import Address, Customer, LineItem, Money, Order, Refund, Shipment
from rules.locales import fallbacks
from rules.template_language import GivenCoupon, Store
from rules.templates import Context

SAMPLE_COUPON = "sample4you"

_NAMES = {"ar": "ليلى", "he": "נועה", "ru": "Анна"}


def sample(
    store: Store, *, locale: str, zone: tzinfo, now: datetime, signed_by: str | None, currency: str = "EUR"
) -> Context:
    """What a template is about, for this store and in this language, two days before `now` (aware, UTC)."""
    language = next(iter(fallbacks(locale)[-1:]), "en")
    placed = now - timedelta(days=2)
    items = (
        LineItem(id="1", name="Sample tea, 100 g", quantity=2, total=Money(Decimal("48.00"), currency), sku="SAMPLE-1"),
        LineItem(id="2", name="Sample teapot", quantity=1, total=Money(Decimal("51.00"), currency), sku="SAMPLE-2"),
    )
    shipment = Shipment(
        id="1",
        carrier="Sample Couriers",
        tracking_number="SC123456789",
        tracking_url="https://track.example.com/SC123456789",
        shipped_at=now - timedelta(days=1),
        estimated_delivery_at=now + timedelta(days=1),
    )
    customer = Customer(
        id="1", email="customer@example.com", first_name=_NAMES.get(language, "Emma"), last_name="Sample", locale=locale
    )
    order = Order(
        id="7001",
        number="7001",
        status="processing",
        created_at=placed,
        modified_at=now,
        paid_at=placed,
        total=Money(Decimal("99.00"), currency),
        customer=customer,
        shipping=Address(first_name=customer.first_name, last_name="Sample", line1="1 Sample Street", city="Sampleton"),
        items=items,
        shipments=(shipment,),
        refunds=(Refund(id="1", amount=Money(Decimal("9.00"), currency), created_at=now),),
        payment_url=f"{store.url or 'https://shop.example.com'}/pay/7001",
        locale=locale,
    )
    return Context(
        order=order,
        items=items,
        item=items[0],
        shipment=shipment,
        store=store,
        coupon=GivenCoupon(code=SAMPLE_COUPON, expires_at=now + timedelta(days=14)),
        signed_by=signed_by,
        locale=locale,
        zone=zone,
    )
