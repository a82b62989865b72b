"""The invented order that templates are looked at with."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from rules.messages import render_template
from rules.sample import sample
from rules.template_language import Store

EVERYTHING = (
    "{{ customer.first_name }}, {{ items | length }} × {{ item.name }}, {{ shipment.carrier }}"
    " {{ shipment.tracking_url }}, {{ coupon.code }} {{ coupon.expires_at | date }},"
    " {{ (order.refunds | last).amount | money }}, {{ order.payment_url }}, {{ signed_by }}"
)


@pytest.mark.parametrize(
    ("locale", "name"), [("en", "Emma"), ("he-IL", "נועה"), ("ar", "ليلى"), ("ru", "Анна"), ("", "Emma")]
)
def test_everything_that_a_template_may_name_is_known(locale: str, name: str) -> None:
    about = sample(
        Store(id="tea", name="Tea for Two"),
        locale=locale,
        zone=ZoneInfo("Asia/Jerusalem"),
        now=datetime(2026, 6, 1, 9, tzinfo=UTC),
        signed_by="Tal",
    )
    text = render_template({"en": EVERYTHING}, [locale], about, name="hi").plain
    assert text.startswith(f"{name}, 2 × Sample tea, 100 g, Sample Couriers https://track.example.com/")
    assert "sample4you Jun 15, 2026, €9.00" in text
    assert text.endswith("/pay/7001, Tal")


def test_nothing_that_a_template_may_name_is_empty() -> None:
    about = sample(
        Store(id="tea", name="Tea for Two", url="https://tea.example.com"),
        locale="en",
        zone=ZoneInfo("UTC"),
        now=datetime(2026, 6, 1, 9, tzinfo=UTC),
        signed_by="Tal",
        meta={"gift": "yes"},
    )
    order = about.order
    assert about.shipment is not None
    records = [order, order.customer, order.billing, order.shipping, *order.items, about.shipment, *order.refunds]
    empty = {
        f"{type(each).__name__}.{name}"
        for each in records
        for name in each.__struct_fields__
        if not getattr(each, name)
    }
    assert empty == {
        "Order.draft",
        "Order.trashed",
        "Order.test",
        "Customer.open_problem",
        "LineItem.refunded",
        "LineItem.bought_again",
        "Shipment.shipped_on_day",
    }
