"""Orders as WooCommerce and its plugins write them, in the words of the model."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from adapters.base import Broken
from adapters.model import Money, Order, Shipment
from adapters.woocommerce.client import RawFulfillment, RawOrder
from adapters.woocommerce.normalise import fulfilled, normalise

JERUSALEM = ZoneInfo("Asia/Jerusalem")

ORDER: dict[str, Any] = {
    "id": 71,
    "number": "71",
    "status": "processing",
    "currency": "EUR",
    "total": "35.50",
    "customer_id": 4,
    "billing": {
        "first_name": "Noa",
        "last_name": "",
        "address_1": "1 Sample Street",
        "postcode": "3100001",
        "country": "IL",
        "email": " noa@example.com ",
        "phone": "050-0000000",
    },
    "shipping": {"first_name": "Noa", "phone": ""},
    "created_via": "checkout",
    "customer_note": "",
    "needs_processing": True,
    "date_created": "2026-03-01T11:30:00",
    "date_created_gmt": "2026-03-01T09:30:00",
    "date_modified_gmt": "2026-03-01T09:31:00",
    "date_completed_gmt": None,
    "date_paid_gmt": "2026-03-01T09:30:05",
    "meta_data": [],
    "line_items": [
        {
            "id": 5,
            "name": "Mug",
            "product_id": 10,
            "variation_id": 0,
            "quantity": 2,
            "total": "30.00",
            "sku": "MUG",
            "price": 15.0,
        }
    ],
    "shipping_lines": [{"id": 6, "method_title": "Courier"}],
    "coupon_lines": [],
    "refunds": [],
}


def told(**changes: Any) -> Order | Broken:
    raw = msgspec.json.decode(msgspec.json.encode(ORDER | changes), type=RawOrder)
    return normalise(raw, lambda: JERUSALEM)


def order(**changes: Any) -> Order:
    normal = told(**changes)
    assert isinstance(normal, Order)
    return normal


def meta(**fields: Any) -> list[dict[str, Any]]:
    return [{"id": number, "key": key, "value": value} for number, (key, value) in enumerate(fields.items())]


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_times_are_those_in_gmt_and_aware() -> None:
    normal = order()
    assert normal.created_at == at("2026-03-01T09:30:00")
    assert normal.modified_at == at("2026-03-01T09:31:00")
    assert normal.paid_at == at("2026-03-01T09:30:05")
    assert normal.completed_at is None


def test_what_is_empty_is_none_and_text_is_trimmed() -> None:
    normal = order()
    assert normal.customer_note is None
    assert normal.customer.last_name is None
    assert normal.shipping.phone is None
    assert normal.customer.email == "noa@example.com"


def test_customer_0_is_a_guest() -> None:
    assert order(customer_id=0).customer.id is None
    assert order(customer_id="4").customer.id == "4"


def test_variation_0_is_no_variation() -> None:
    (item,) = order().items
    assert (item.product_id, item.variation_id) == ("10", None)


def test_money_is_exact() -> None:
    assert order(total="0.10").total == Money(Decimal("0.10"), "EUR")
    assert order(total=0.1).total == Money(Decimal("0.1"), "EUR")
    assert order(total=3).total == Money(Decimal(3), "EUR")
    assert order(total="").total == Money(Decimal(0), "EUR")


@pytest.mark.parametrize(("quantity", "pieces"), [(2, 2), ("2", 2), (2.0, 2), (0.5, 1), (2.5, 3), (None, 0)])
def test_quantities_count_begun_pieces(quantity: object, pieces: int) -> None:
    line = {"id": "5", "name": "Tea", "quantity": quantity, "total": "1"}
    assert order(line_items=[line]).items[0].quantity == pieces


def test_names_lose_their_html_escapes() -> None:
    line = ORDER["line_items"][0] | {"name": "Mug &quot;Big&quot; &amp; saucer"}
    assert order(line_items=[line]).items[0].name == 'Mug "Big" & saucer'


@pytest.mark.parametrize("empty", [[], None, "", False])
def test_an_empty_object_may_come_as_anything_empty(empty: object) -> None:
    normal = order(billing=empty, shipping=empty)
    assert normal.customer.email is None
    assert normal.billing.city is None


@pytest.mark.parametrize("field", ["meta_data", "line_items", "shipping_lines", "coupon_lines", "refunds"])
def test_a_list_may_be_missing_or_have_become_an_object(field: str) -> None:
    assert isinstance(told(**{field: None}), Order)
    assert order(**{field: {str(n): entry for n, entry in enumerate(ORDER[field])}}) == order()


def test_scalars_may_come_in_any_type() -> None:
    billing = ORDER["billing"] | {"postcode": 3100001, "city": [], "phone": False}
    normal = order(id="71", number=71, billing=billing, customer_note=[])
    assert (normal.id, normal.number, normal.billing.postcode) == ("71", "71", "3100001")
    assert (normal.billing.city, normal.billing.phone, normal.customer_note) == (None, None, None)


@pytest.mark.parametrize("unset", [None, "", "0000-00-00T00:00:00", "-0001-11-30T00:00:00", 0, "soon"])
def test_an_order_without_a_date_of_change_has_that_of_its_creation(unset: object) -> None:
    assert order(date_modified_gmt=unset).modified_at == at("2026-03-01T09:30:00")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"date_created_gmt": None, "date_modified_gmt": None}, "neither"),
        ({"total": "noa@example.com"}, "total is not a number"),
        ({"total": "NaN"}, "total is not a number"),
        ({"line_items": [{"id": 1, "quantity": "noa@example.com", "total": "1"}]}, "quantity"),
    ],
)
def test_an_order_that_makes_no_sense_is_broken_for_a_reason_without_personal_data(
    changes: dict[str, Any], reason: str
) -> None:
    broken = told(**changes)
    assert isinstance(broken, Broken)
    assert broken.order_id == "71"
    assert reason in broken.reason
    assert "noa@" not in broken.reason


def test_meta_keeps_short_scalars_as_text() -> None:
    fields = {"gift": "yes", "count": 3, "ratio": 0.5, "flag": True, "nothing": "", "long": "x" * 256}
    entries = meta(**fields, nested={"a": 1}, listed=[1])
    assert order(meta_data=entries).meta == {"gift": "yes", "count": "3", "ratio": "0.5", "flag": "1"}


def test_tags_are_what_a_merchant_typed_between_commas() -> None:
    assert order(meta_data=meta(aftersale_tags=" vip, late-parcel,,vip ،שמח")).tags == ("vip", "late-parcel", "שמח")


@pytest.mark.parametrize("key", ["wpml_language", "_locale"])
def test_the_language_of_the_order_is_the_customers(key: str) -> None:
    normal = order(meta_data=meta(**{key: "he"}))
    assert (normal.locale, normal.customer.locale) == ("he", "he")


def test_drafts_trash_and_test_orders_are_marked() -> None:
    assert order(status="checkout-draft").draft
    assert order(status="auto-draft").draft
    assert order(status="trash").trashed
    assert order(meta_data=meta(_wcpay_mode="test")).test
    usual = order()
    assert (usual.draft, usual.trashed, usual.test) == (False, False, False)


def test_a_custom_status_is_ordinary_and_has_no_prefix() -> None:
    assert order(status="wc-packed").status == "packed"


def test_an_order_of_downloads_needs_no_shipping() -> None:
    assert not order(shipping_lines=[], needs_processing=False).needs_shipping
    assert order(shipping_lines=[], needs_processing=True).needs_shipping
    assert order(needs_processing=False).needs_shipping


def test_refunds_are_positive_amounts() -> None:
    (refund,) = order(refunds=[{"id": 9, "reason": "", "total": "-12.30"}]).refunds
    assert (refund.amount, refund.reason, refund.created_at) == (Money(Decimal("12.30"), "EUR"), None, None)


# Parcels


def parcels(*entries: object) -> tuple[Shipment, ...]:
    return order(meta_data=meta(_wc_shipment_tracking_items=list(entries))).shipments


def stamp(text: str) -> str:
    return str(int(at(text).timestamp()))


def test_a_parcel_is_read_from_the_tracking_plugins_field() -> None:
    entry = {
        "tracking_provider": "",
        "custom_tracking_provider": "Post &amp; Co",
        "custom_tracking_link": "https://track.example.com/1",
        "tracking_number": "RR1",
        "date_shipped": stamp("2026-03-02T13:45:00"),
        "tracking_id": "f00",
    }
    (parcel,) = parcels(entry)
    assert parcel == Shipment(
        id="f00",
        carrier="Post & Co",
        tracking_number="RR1",
        tracking_url="https://track.example.com/1",
        shipped_at=at("2026-03-02T13:45:00"),
    )


@pytest.mark.parametrize(
    ("written", "start_of_day"),
    [
        (stamp("2026-03-02T00:00:00"), "2026-03-01T22:00:00"),
        (stamp("2026-03-01T22:00:00"), "2026-03-01T22:00:00"),
        ("2026-03-02", "2026-03-01T22:00:00"),
        (int(stamp("2026-07-02T00:00:00")), "2026-07-01T21:00:00"),
    ],
)
def test_a_midnight_is_a_day_and_starts_when_the_stores_day_does(written: object, start_of_day: str) -> None:
    (parcel,) = parcels({"tracking_number": "RR1", "date_shipped": written})
    assert (parcel.shipped_at, parcel.shipped_on_day) == (at(start_of_day), True)


@pytest.mark.parametrize("written", ["", "0", None, "yesterday", "9" * 30, [], "0001-01-01"])
def test_a_senseless_shipping_date_is_none(written: object) -> None:
    (parcel,) = parcels({"tracking_number": "RR1", "date_shipped": written})
    assert (parcel.shipped_at, parcel.shipped_on_day) == (None, False)


def test_broken_parcels_are_passed_over() -> None:
    assert [parcel.id for parcel in parcels("x", None, {"tracking_number": 12}, 5, {})] == ["12", "2"]
    assert order(meta_data=meta(_wc_shipment_tracking_items="a:1:{}")).shipments == ()
    by_number = order(meta_data=meta(_wc_shipment_tracking_items={"1": {"tracking_number": "RR1"}}))
    assert [parcel.id for parcel in by_number.shipments] == ["RR1"]


def fulfillment(**changes: Any) -> Shipment:
    fields = {
        "_items": [{"item_id": 5, "qty": 2}],
        "_tracking_number": "RR1",
        "_shipment_provider": "ups",
        "_tracking_url": "",
        "_date_fulfilled": "2026-07-02 12:00:00",
    }
    raw = {"id": 3, "is_fulfilled": True, "date_updated": "2026-07-03 08:00:00", "meta_data": meta(**fields)}
    decoded = msgspec.json.decode(msgspec.json.encode([raw | changes]), type=list[RawFulfillment])
    (parcel,) = fulfilled(decoded, lambda: JERUSALEM)
    return parcel


def test_a_fulfilments_date_is_local() -> None:
    parcel = fulfillment()
    assert parcel.shipped_at == at("2026-07-02T09:00:00")
    assert (parcel.id, parcel.items) == ("fulfillment-3", (("5", 2),))


def test_a_fulfilment_that_has_not_gone_out_is_not_shipped() -> None:
    assert fulfillment(is_fulfilled=False).shipped_at is None


def test_a_fulfilment_without_its_own_date_went_out_at_its_last_change() -> None:
    assert fulfillment(meta_data=[]).shipped_at == at("2026-07-03T05:00:00")


def test_an_order_survives_json() -> None:
    normal = order(meta_data=meta(a="b"), refunds=[{"id": 9, "total": "-1.00"}])
    assert msgspec.json.decode(msgspec.json.encode(normal), type=Order) == normal
    assert normal.modified_at - normal.created_at == timedelta(minutes=1)
