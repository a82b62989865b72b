"""An invented order in which everything is known: templates are looked at with it before anybody gets them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta, tzinfo
from decimal import Decimal
from types import MappingProxyType

from adapters.model import (
    Address,
    Consent,
    Customer,
    LineItem,
    Milestone,
    Money,
    Order,
    Refund,
    Return,
    Review,
    Shipment,
    StaffNote,
)
from rules.locales import fallbacks
from rules.template_language import GivenCoupon, Store
from rules.templates import Context

SAMPLE_COUPON = "sample4you"
NOTHING: Mapping[str, str] = MappingProxyType({})

_NAMES = {"ar": "ليلى", "he": "נועה", "ru": "Анна"}


def sample(
    store: Store,
    *,
    locale: str,
    zone: tzinfo,
    now: datetime,
    signed_by: str | None,
    currency: str = "EUR",
    meta: Mapping[str, str] = NOTHING,
) -> Context:
    """What a template is about, for this store and in this language, two days before `now` (aware, UTC); `meta` are the
    order's custom fields.
    """
    language = next(iter(fallbacks(locale)[-1:]), "en")
    placed = now - timedelta(days=2)
    shop = store.url or "https://shop.example.com"
    items = (
        _item("1", "Sample tea, 100 g", 2, Money(Decimal("48.00"), currency), shop),
        _item("2", "Sample teapot", 1, Money(Decimal("51.00"), currency), shop),
    )
    shipment = Shipment(
        id="1",
        carrier="Sample Couriers",
        tracking_number="SC123456789",
        tracking_url="https://track.example.com/SC123456789",
        shipped_at=now - timedelta(days=1),
        delivered_at=now,
        estimated_delivery_at=now + timedelta(days=1),
        state="delivered",
        milestones=(Milestone("delivered", now),),
        items=tuple((item.id, item.quantity) for item in items),
    )
    customer = Customer(
        id="1",
        email="customer@example.com",
        phone="+12025550142",
        first_name=_NAMES.get(language, "Emma"),
        last_name="Sample",
        locale=locale,
        tags=("sample",),
        consents=(Consent(channel="email", state="subscribed"),),
        orders_count=2,
        total_spent=Money(Decimal("198.00"), currency),
        last_order_at=placed,
        open_problem=False,
        last_message_at=placed,
        messages_in_30_days=1,
    )
    address = Address(
        first_name=customer.first_name,
        last_name=customer.last_name,
        company="Sample Ltd",
        line1="1 Sample Street",
        line2="Second floor",
        city="Sampleton",
        region="Sampleshire",
        postcode="12345",
        country="US",
        phone=customer.phone,
    )
    order = Order(
        id="7001",
        number="7001",
        status="processing",
        created_at=placed,
        modified_at=now,
        paid_at=placed,
        completed_at=now,
        cancelled_at=now,
        total=Money(Decimal("99.00"), currency),
        customer=customer,
        billing=address,
        shipping=address,
        items=items,
        shipments=(shipment,),
        refunds=(
            Refund(id="1", amount=Money(Decimal("9.00"), currency), reason="A sample of a reason", created_at=now),
        ),
        returns=(Return(id="1", status="open", created_at=now, closed_at=now),),
        coupons=("sample4me",),
        tags=("sample",),
        meta=dict(meta),
        payment_method="sample",
        payment_title="Sample Card",
        shipping_method="Sample Express",
        customer_note="A sample of a note",
        source="sample",
        payment_url=f"{shop}/pay/7001",
        status_url=f"{shop}/orders/7001",
        locale=locale,
    )
    return Context(
        order=order,
        items=items,
        item=items[0],
        shipment=shipment,
        store=store,
        coupon=GivenCoupon(code=SAMPLE_COUPON, expires_at=now + timedelta(days=14)),
        review=Review(
            id="1",
            created_at=now,
            rating=4,
            text="A sample of a review",
            product_id="1",
            product_name=items[0].name,
            email=customer.email,
            name=f"{customer.first_name} {customer.last_name}",
        ),
        note=StaffNote(id="1", at=now, text="A sample of a staff note", author="Sample"),
        signed_by=signed_by,
        locale=locale,
        zone=zone,
    )


def _item(id_: str, name: str, quantity: int, total: Money, shop: str) -> LineItem:
    return LineItem(
        id=id_,
        name=name,
        quantity=quantity,
        total=total,
        product_id=id_,
        variation_id=id_,
        sku=f"SAMPLE-{id_}",
        product_type="sample",
        categories=("Samples",),
        product_tags=("sample",),
        vendor="Sample & Sons",
        url=f"{shop}/product/{id_}",
        bought_again=False,
    )
