"""Whatever a store answers becomes an order, or a reason why not; it never stops the others."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, tzinfo
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.base import NAMELESS, Broken
from adapters.model import Order
from adapters.shopify import normalise as shopify
from adapters.shopify.raw import RawCheckout, read_nodes
from adapters.shopify.raw import RawOrder as ShopifyOrder
from adapters.woocommerce import normalise as woocommerce
from adapters.woocommerce.client import _one_order
from connector.store.orders import encode

texts = (
    st.text(st.characters(codec="utf-8"), max_size=20)
    | st.sampled_from(
        ["", "0", "-1", "1e999", "1E+999999999", "NaN", "Infinity", "2026-06-01T09:00:00", "2026-06-01T09:00:00Z"]
    )
    | st.sampled_from(
        ["9999-12-31T23:59:59Z", "0001-01-01T00:00:00+14:00", "-0001-11-30T00:00:00", "\x00", "&#0;", "gid:"]
    )
)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | texts
junk = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3), max_leaves=8
)


def utc() -> tzinfo:
    return UTC


def fields_of(shape: type) -> dict[str, str]:
    """How the fields of a struct are called in JSON."""
    return {field.encode_name: field.name for field in msgspec.structs.fields(shape)}


def garbled(good: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """A good order in which some fields, at any depth, hold what they should not."""
    return st.lists(st.tuples(st.sampled_from(list(paths(good))), junk), min_size=1, max_size=4).map(
        lambda changes: with_changes(good, changes)
    )


def paths(value: Any, path: tuple[Any, ...] = ()) -> Sequence[tuple[Any, ...]]:
    if isinstance(value, dict):
        inner = [(*path, key) for key in value]
    elif isinstance(value, list):
        inner = [(*path, number) for number in range(len(value))]
    else:
        return []
    return [found for each in inner for found in (each, *paths(value[each[-1]], each))]


def with_changes(good: dict[str, Any], changes: Sequence[tuple[tuple[Any, ...], Any]]) -> dict[str, Any]:
    changed = msgspec.json.decode(msgspec.json.encode(good))
    for path, value in changes:
        at = changed
        for step in path[:-1]:
            try:
                at = at[step]
            except (KeyError, IndexError, TypeError):
                break
        else:
            if isinstance(at, dict) or (isinstance(at, list) and isinstance(path[-1], int) and path[-1] < len(at)):
                at[path[-1]] = value
    return changed  # type: ignore[no-any-return]


TEA: dict[str, Any] = {
    "id": 7,
    "number": "7",
    "status": "completed",
    "currency": "ILS",
    "total": "74.90",
    "customer_id": 3,
    "billing": {"first_name": "Dana", "email": "dana@example.com", "phone": "050", "country": "IL"},
    "shipping": {"first_name": "Dana", "city": "Haifa"},
    "payment_method": "card",
    "customer_note": "Hello",
    "date_created_gmt": "2026-06-01T09:00:00",
    "date_modified_gmt": "2026-06-01T09:00:00",
    "date_paid_gmt": None,
    "meta_data": [
        {"key": "aftersale_tags", "value": "a, b"},
        {
            "key": "_wc_shipment_tracking_items",
            "value": [{"tracking_id": "1", "tracking_number": "A1", "date_shipped": "1780000000"}],
        },
    ],
    "line_items": [{"id": 1, "name": "Tea", "product_id": 5, "quantity": 2, "total": "70.00", "sku": "T"}],
    "shipping_lines": [{"method_title": "Post"}],
    "coupon_lines": [{"code": "x"}],
    "refunds": [{"id": 1, "reason": "broken", "total": "-5.00"}],
}
MONEY = {"shopMoney": {"amount": "74.90", "currencyCode": "ILS"}}
LINE = {
    "id": "gid://shopify/LineItem/1",
    "quantity": 1,
    "currentQuantity": 1,
    "title": "Mug",
    "discountedTotalSet": MONEY,
}
MUGS: dict[str, Any] = {
    "__typename": "Order",
    "id": "gid://shopify/Order/7",
    "name": "#1007",
    "createdAt": "2026-06-01T09:00:00Z",
    "updatedAt": "2026-06-01T09:00:00Z",
    "displayFinancialStatus": "PAID",
    "displayFulfillmentStatus": "FULFILLED",
    "tags": ["a"],
    "email": "dana@example.com",
    "paymentGatewayNames": ["card"],
    "customAttributes": [{"key": "gift", "value": "yes"}],
    "totalPriceSet": MONEY,
    "customer": {
        "id": "gid://shopify/Customer/1",
        "firstName": "Dana",
        "numberOfOrders": "3",
        "defaultEmailAddress": {"emailAddress": "dana@example.com", "marketingState": "SUBSCRIBED"},
    },
    "shippingAddress": {"firstName": "Dana", "countryCodeV2": "IL"},
    "lineItems": {"nodes": [LINE], "pageInfo": {"hasNextPage": False}},
    "fulfillments": [
        {
            "id": "gid://shopify/Fulfillment/1",
            "status": "SUCCESS",
            "displayStatus": "DELIVERED",
            "createdAt": "2026-06-01T09:00:00Z",
            "trackingInfo": [{"company": "Post", "number": "A1"}],
            "events": {"nodes": [{"status": "DELIVERED", "happenedAt": "2026-06-02T09:00:00Z"}]},
        }
    ],
    "refunds": [{"id": "gid://shopify/Refund/1", "note": "x", "totalRefundedSet": MONEY}],
    "returns": {"nodes": [{"id": "gid://shopify/Return/1", "status": "OPEN"}]},
    "transactions": [{"kind": "SALE", "status": "SUCCESS", "createdAt": "2026-06-01T09:00:00Z"}],
}
CHECKOUT: dict[str, Any] = {
    "__typename": "AbandonedCheckout",
    **{
        key: MUGS[key]
        for key in ("createdAt", "updatedAt", "customer", "totalPriceSet", "lineItems", "customAttributes")
    },
    "id": "gid://shopify/AbandonedCheckout/7",
    "abandonedCheckoutUrl": "https://mugs.example.com/x",
}


def is_sound(made: Order | Broken) -> bool:
    """An order can be kept, and what it says of times and money can be used."""
    if isinstance(made, Broken):
        return bool(made.order_id and made.reason)
    encode(made)
    assert made.created_at.tzinfo is UTC
    assert made.modified_at.astimezone(UTC) >= datetime.min.replace(tzinfo=UTC)
    assert len(f"{made.total.amount:f}") < 100
    assert made.refunded_in_full in (True, False)
    return True


@given(garbled(TEA))
def test_a_garbled_woocommerce_order_is_understood_or_set_aside(order: dict[str, Any]) -> None:
    raw = _one_order(msgspec.Raw(msgspec.json.encode(order)))
    assert is_sound(woocommerce.normalise(raw, utc))
    woocommerce.modified_at(raw)


@given(garbled(MUGS) | garbled(CHECKOUT))
def test_a_garbled_shopify_order_is_understood_or_set_aside(order: dict[str, Any]) -> None:
    for raw in read_nodes([msgspec.Raw(msgspec.json.encode(order))]):
        assert is_sound(shopify.normalise(raw))
        shopify.modified_at(raw)


@given(st.binary(max_size=200) | junk.map(msgspec.json.encode))
def test_what_is_no_order_at_all_is_set_aside(body: bytes) -> None:
    try:
        msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return  # the answer as a whole is refused before
    assert is_sound(woocommerce.normalise(_one_order(msgspec.Raw(body)), utc))
    for raw in read_nodes([msgspec.Raw(body)]):
        assert is_sound(shopify.normalise(raw))


@pytest.mark.parametrize("name", [None, "", "../7", {"email": "dana@example.com"}, "dana@example.com", True])
def test_an_order_whose_name_is_none_is_not_called_by_it(name: object) -> None:
    """It would stand in logs, and in the addresses of requests."""
    raw = _one_order(msgspec.Raw(msgspec.json.encode({"id": name, "status": []})))
    [node] = read_nodes([msgspec.Raw(msgspec.json.encode({"__typename": "Order", "id": name}))])
    for made in (woocommerce.normalise(raw, utc), shopify.normalise(node)):
        assert isinstance(made, Broken)
        assert made.order_id == NAMELESS


@pytest.mark.parametrize("name", ["createdAt", "updatedAt"])
@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00"])
def test_a_date_beyond_the_calendar_sets_its_own_order_aside(name: str, moment: str) -> None:
    [node] = read_nodes([msgspec.Raw(msgspec.json.encode(MUGS | {name: moment}))])
    made = shopify.normalise(node)
    assert isinstance(made, Broken)
    assert made.order_id == "7"
    shopify.modified_at(node)


@pytest.mark.parametrize("name", ["", "../7", "7?x"])
def test_a_good_order_whose_name_is_none_is_set_aside(name: str) -> None:
    raw = _one_order(msgspec.Raw(msgspec.json.encode(TEA | {"id": name})))
    [node] = read_nodes([msgspec.Raw(msgspec.json.encode(MUGS | {"id": name}))])
    for made in (woocommerce.normalise(raw, utc), shopify.normalise(node)):
        assert isinstance(made, Broken)
        assert made.order_id == NAMELESS


def test_an_amount_that_would_fill_memory_is_no_amount() -> None:
    for amount in ("1E+999999999", "1E-999999999"):
        raw = _one_order(msgspec.Raw(msgspec.json.encode(TEA | {"total": amount})))
        assert isinstance(woocommerce.normalise(raw, utc), Broken)
        money = {"shopMoney": {"amount": amount, "currencyCode": "ILS"}}
        [node] = read_nodes([msgspec.Raw(msgspec.json.encode(MUGS | {"totalPriceSet": money}))])
        assert isinstance(shopify.normalise(node), Broken)


def test_the_good_orders_are_good() -> None:
    """Or nothing above would be near the truth; and they use what the decoders know."""
    assert isinstance(woocommerce.normalise(_one_order(msgspec.Raw(msgspec.json.encode(TEA))), utc), Order)
    for good, shape in ((MUGS, ShopifyOrder), (CHECKOUT, RawCheckout)):
        [raw] = read_nodes([msgspec.Raw(msgspec.json.encode(good))])
        assert isinstance(shopify.normalise(raw), Order)
        assert good.keys() - {"__typename"} <= fields_of(shape).keys()
