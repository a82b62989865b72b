"""Orders and abandoned checkouts as Shopify tells them, in the words of the model."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from graphql import ExecutionResult, execute, parse

from adapters.base import Broken
from adapters.model import Consent, Milestone, Money, Order, Refund, Return, Shipment
from adapters.shopify import normalise as module
from adapters.shopify.normalise import modified_at, normalise
from adapters.shopify.raw import OrdersAnswer, global_id, model_id, read_nodes
from tests.schemas import VERSIONS, schema

QUERIES = Path(module.__file__).parent / "queries"


def euros(amount: str) -> dict[str, Any]:
    return {"shopMoney": {"amount": amount, "currencyCode": "EUR"}}


def listed(*nodes: dict[str, Any]) -> dict[str, Any]:
    return {"nodes": list(nodes), "pageInfo": {"hasNextPage": False, "endCursor": None}}


ADDRESS = {
    "firstName": "Noa",
    "lastName": "Example",
    "company": "",
    "address1": "1 Sample Street",
    "address2": None,
    "city": "Haifa",
    "province": None,
    "zip": "3100001",
    "countryCodeV2": "IL",
    "phone": None,
}
CUSTOMER = {
    "id": "gid://shopify/Customer/4",
    "firstName": "Noa",
    "lastName": "",
    "locale": "en",
    "numberOfOrders": "3",
    "tags": ["vip"],
    "defaultEmailAddress": {
        "emailAddress": "noa@example.com",
        "marketingState": "SUBSCRIBED",
        "marketingUpdatedAt": "2026-01-02T03:04:05Z",
    },
    "defaultPhoneNumber": {
        "phoneNumber": "+972500000000",
        "marketingState": "NOT_SUBSCRIBED",
        "marketingUpdatedAt": None,
    },
}
LINE: dict[str, Any] = {
    "id": "gid://shopify/LineItem/5",
    "title": "Mug",
    "variantTitle": "Blue",
    "sku": "MUG",
    "vendor": "Potter",
    "quantity": 2,
    "currentQuantity": 1,
    "requiresShipping": True,
    "discountedTotalSet": euros("30.00"),
    "product": {
        "id": "gid://shopify/Product/10",
        "productType": "Mugs",
        "vendor": "Potter",
        "tags": ["kitchen"],
        "onlineStoreUrl": "https://mugs.example.com/products/mug",
        "category": {"name": "Drinkware"},
    },
    "variant": {"id": "gid://shopify/ProductVariant/11"},
}
PARCEL = {
    "id": "gid://shopify/Fulfillment/7",
    "status": "SUCCESS",
    "displayStatus": "OUT_FOR_DELIVERY",
    "createdAt": "2026-03-02T08:00:00Z",
    "updatedAt": "2026-03-04T09:00:00Z",
    "inTransitAt": "2026-03-02T12:00:00Z",
    "deliveredAt": None,
    "estimatedDeliveryAt": "2026-03-05T12:00:00Z",
    "trackingInfo": [{"company": "Post", "number": "RR1", "url": "https://track.example.com/RR1"}],
    "events": listed(
        {"status": "IN_TRANSIT", "happenedAt": "2026-03-02T12:00:00Z"},
        {"status": "IN_TRANSIT", "happenedAt": "2026-03-03T12:00:00Z"},
        {"status": "OUT_FOR_DELIVERY", "happenedAt": "2026-03-04T09:00:00Z"},
    ),
    "fulfillmentLineItems": listed({"quantity": 2, "lineItem": {"id": "gid://shopify/LineItem/5"}}),
}
REFUND = {
    "id": "gid://shopify/Refund/8",
    "createdAt": "2026-03-06T10:00:00Z",
    "note": "One was broken",
    "totalRefundedSet": euros("15.0"),
}
RETURN = {
    "id": "gid://shopify/Return/9",
    "status": "REQUESTED",
    "createdAt": "2026-03-05T10:00:00Z",
    "closedAt": None,
}
SALE = {
    "kind": "SALE",
    "status": "SUCCESS",
    "createdAt": "2026-03-01T09:30:04Z",
    "processedAt": "2026-03-01T09:30:05Z",
}
ORDER: dict[str, Any] = {
    "__typename": "Order",
    "id": "gid://shopify/Order/71",
    "name": "#1071",
    "createdAt": "2026-03-01T09:30:00Z",
    "updatedAt": "2026-03-01T09:31:00Z",
    "processedAt": "2026-03-01T09:30:00Z",
    "cancelledAt": None,
    "displayFinancialStatus": "PAID",
    "displayFulfillmentStatus": "UNFULFILLED",
    "test": False,
    "email": " noa@example.com ",
    "phone": None,
    "tags": ["vip"],
    "customerLocale": "he",
    "sourceName": "web",
    "requiresShipping": True,
    "discountCodes": ["WELCOME"],
    "paymentGatewayNames": ["gift_card", "shopify_payments"],
    "customAttributes": [{"key": "gift", "value": "yes"}, {"key": "empty", "value": None}],
    "totalPriceSet": euros("35.50"),
    "paymentCollectionDetails": {"additionalPaymentCollectionUrl": None},
    "statusPageUrl": "https://mugs.example.com/900/orders/71?key=1",
    "shippingLine": {"title": "Courier"},
    "customer": CUSTOMER,
    "billingAddress": ADDRESS,
    "shippingAddress": ADDRESS,
    "lineItems": listed(LINE),
    "fulfillments": [],
    "refunds": [],
    "returns": listed(),
    "transactions": [SALE],
}
CHECKOUT: dict[str, Any] = {
    "__typename": "AbandonedCheckout",
    "id": "gid://shopify/AbandonedCheckout/71?key=0",
    "name": "#900",
    "createdAt": "2026-03-01T09:30:00Z",
    "updatedAt": "2026-03-01T09:40:00Z",
    "completedAt": None,
    "abandonedCheckoutUrl": "https://mugs.example.com/recover/1",
    "discountCodes": [],
    "customAttributes": [],
    "totalPriceSet": euros("30.00"),
    "customer": CUSTOMER,
    "billingAddress": None,
    "shippingAddress": ADDRESS,
    "lineItems": listed(
        {
            "id": "gid://shopify/AbandonedCheckoutLineItem/f00",
            "name": "Mug",
            "variantTitle": None,
            "sku": "MUG",
            "quantity": 2,
            "discountedTotalSet": euros("30.00"),
            "product": None,
            "variant": None,
        }
    ),
}


def told(node: object) -> Order | Broken:
    (raw,) = read_nodes([msgspec.Raw(msgspec.json.encode(node))])
    return normalise(raw)


def order(**changes: Any) -> Order:
    normal = told(ORDER | changes)
    assert isinstance(normal, Order), normal
    return normal


def checkout(**changes: Any) -> Order:
    normal = told(CHECKOUT | changes)
    assert isinstance(normal, Order), normal
    return normal


def parcel(**changes: Any) -> Shipment:
    (shipment,) = order(fulfillments=[PARCEL | changes]).shipments
    return shipment


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_the_document_asks_for_all_that_the_model_is_told() -> None:
    """Run by the official schema over a store that has everything, it yields what the stories below begin with."""
    full = ORDER | {"fulfillments": [PARCEL], "refunds": [REFUND], "returns": listed(RETURN), "note": "not asked for"}
    document = parse((QUERIES / "orders.graphql").read_text(encoding="utf-8"))
    variables = {"first": 1}
    answer = execute(schema(VERSIONS[-1]), document, {"orders": listed(full)}, variable_values=variables)
    assert isinstance(answer, ExecutionResult)
    assert answer.errors is None
    assert answer.data is not None
    assert answer.data["orders"]["nodes"] == [{key: value for key, value in full.items() if key != "note"}]


def test_a_page_holds_its_orders_and_where_to_go_on() -> None:
    page = {"orders": {"nodes": [ORDER], "pageInfo": {"hasNextPage": True, "endCursor": "abc"}}}
    answer = msgspec.json.decode(msgspec.json.encode(page), type=OrdersAnswer)
    assert answer.orders.page_info.end_cursor == "abc"
    assert [normalise(node) for node in read_nodes(answer.orders.nodes)] == [order()]


def test_an_order_is_named_by_its_number_and_by_the_last_part_of_its_global_id() -> None:
    assert (order().id, order().number) == ("71", "1071")
    assert order(name="EU-1071/A").number == "EU-1071/A"
    assert order(name="#").number == "71"


def test_ids_lead_back_to_what_they_name() -> None:
    for order_id in ("71", "checkout-71"):
        assert model_id(global_id(order_id)) == order_id


def test_times_are_in_utc() -> None:
    normal = order(createdAt="2026-03-01T11:30:00+02:00")
    assert normal.created_at == at("2026-03-01T09:30:00")
    assert normal.created_at.tzinfo is UTC
    assert normal.modified_at == at("2026-03-01T09:31:00")


def test_money_is_what_was_ordered_for_in_the_stores_currency() -> None:
    assert order().total == Money(Decimal("35.50"), "EUR")


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({}, "processing"),
        ({"displayFinancialStatus": "AUTHORIZED"}, "processing"),
        ({"displayFinancialStatus": "PARTIALLY_REFUNDED"}, "processing"),
        ({"displayFinancialStatus": "PARTIALLY_PAID"}, "pending"),
        ({"displayFinancialStatus": "PENDING"}, "pending"),
        ({"displayFinancialStatus": "EXPIRED"}, "pending"),
        ({"displayFinancialStatus": "WHATEVER_COMES", "displayFulfillmentStatus": "NEW_TOO"}, "pending"),
        ({"displayFinancialStatus": None, "displayFulfillmentStatus": None}, "pending"),
        ({"displayFinancialStatus": "VOIDED"}, "cancelled"),
        ({"displayFinancialStatus": "REFUNDED", "cancelledAt": "2026-03-03T00:00:00Z"}, "cancelled"),
        ({"displayFinancialStatus": "REFUNDED", "displayFulfillmentStatus": "FULFILLED"}, "refunded"),
        ({"displayFulfillmentStatus": "FULFILLED"}, "completed"),
        ({"displayFulfillmentStatus": "PARTIALLY_FULFILLED"}, "processing"),
        ({"displayFulfillmentStatus": "ON_HOLD"}, "on-hold"),
        ({"displayFulfillmentStatus": "FULFILLMENT_NOT_REQUIRED"}, "completed"),
        ({"displayFulfillmentStatus": "FULFILLMENT_NOT_REQUIRED", "displayFinancialStatus": "PENDING"}, "pending"),
    ],
)
def test_the_status_is_the_first_word_that_holds(changes: dict[str, Any], status: str) -> None:
    assert order(**changes).status == status


def test_an_order_is_paid_when_its_last_payment_was_taken() -> None:
    authorization = SALE | {"kind": "AUTHORIZATION", "processedAt": "2026-03-01T09:30:01Z"}
    failed = SALE | {"kind": "CAPTURE", "status": "FAILURE", "processedAt": "2026-03-09T00:00:00Z"}
    capture = SALE | {"kind": "CAPTURE", "processedAt": "2026-03-04T08:00:00Z"}
    refund = SALE | {"kind": "REFUND", "processedAt": "2026-03-10T08:00:00Z"}
    payments = [authorization, SALE, capture, failed, refund]
    assert order(transactions=payments).paid_at == at("2026-03-04T08:00:00")


def test_an_order_of_nothing_is_paid_as_it_is_placed() -> None:
    assert order(transactions=[]).paid_at == at("2026-03-01T09:30:00")


@pytest.mark.parametrize("owing", ["PENDING", "AUTHORIZED", "PARTIALLY_PAID", "VOIDED", None])
def test_what_is_not_paid_in_full_has_no_date_of_payment(owing: str | None) -> None:
    assert order(displayFinancialStatus=owing).paid_at is None


def test_an_order_is_complete_when_its_last_parcel_was_made() -> None:
    later = PARCEL | {"id": "gid://shopify/Fulfillment/8", "createdAt": "2026-03-07T08:00:00Z"}
    undone = PARCEL | {"id": "gid://shopify/Fulfillment/9", "createdAt": "2026-03-09T08:00:00Z", "status": "CANCELLED"}
    parcels = [later, PARCEL, undone]
    fulfilled = order(fulfillments=parcels, displayFulfillmentStatus="FULFILLED")
    assert fulfilled.completed_at == at("2026-03-07T08:00:00")
    assert order(fulfillments=parcels, displayFulfillmentStatus="PARTIALLY_FULFILLED").completed_at is None


def test_an_order_with_nothing_to_send_is_complete_when_it_is_paid() -> None:
    normal = order(displayFulfillmentStatus="FULFILLMENT_NOT_REQUIRED", requiresShipping=False)
    assert (normal.needs_shipping, normal.completed_at) == (False, at("2026-03-01T09:30:05"))


# Who bought


def test_the_customer_is_told_with_tags_orders_and_consent() -> None:
    customer = order().customer
    assert (customer.id, customer.email, customer.phone) == ("4", "noa@example.com", "+972500000000")
    assert (customer.first_name, customer.last_name) == ("Noa", "Example")
    assert (customer.tags, customer.orders_count) == (("vip",), 3)
    assert customer.consents == (
        Consent(channel="email", state="subscribed", given_at=at("2026-01-02T03:04:05")),
        Consent(channel="sms", state="not_subscribed"),
    )


def test_the_language_is_that_of_the_order_or_else_of_the_account() -> None:
    assert (order().locale, order().customer.locale) == ("he", "he")
    assert order(customerLocale=None).locale == "en"


def test_a_guest_is_who_the_order_says() -> None:
    guest = order(customer=None).customer
    assert (guest.id, guest.email, guest.first_name) == (None, "noa@example.com", "Noa")
    assert (guest.consents, guest.orders_count) == ((), None)


def test_a_redacted_customer_is_nobody() -> None:
    normal = order(customer=None, email=None, phone=None, billingAddress=None, shippingAddress=None)
    assert (normal.customer.id, normal.customer.email, normal.customer.phone) == (None, None, None)
    assert normal.shipping.city is None


def test_what_the_key_may_not_see_is_none() -> None:
    wanted = {"__typename", "id", "name", "createdAt", "updatedAt", "totalPriceSet"}
    assert isinstance(told({key: value if key in wanted else None for key, value in ORDER.items()}), Order)


def test_the_one_order_note_is_nobodys() -> None:
    assert order(note="Ring twice").customer_note is None


# What was bought


def test_a_line_item_is_told_with_its_product_and_what_was_taken_back() -> None:
    (item,) = order().items
    assert (item.id, item.name, item.sku, item.quantity, item.refunded) == ("5", "Mug - Blue", "MUG", 2, 1)
    assert (item.product_id, item.variation_id, item.total) == ("10", "11", Money(Decimal("30.00"), "EUR"))
    assert (item.product_type, item.product_tags, item.vendor) == ("Mugs", ("kitchen",), "Potter")
    assert (item.categories, item.url) == (("Mugs", "Drinkware"), "https://mugs.example.com/products/mug")


def test_a_product_may_have_been_deleted() -> None:
    (item,) = order(lineItems=listed(LINE | {"product": None, "variant": None, "sku": None})).items
    assert (item.product_id, item.variation_id, item.sku, item.vendor) == (None, None, None, "Potter")


def test_a_product_may_have_neither_a_page_nor_a_category() -> None:
    bare = LINE["product"] | {"onlineStoreUrl": None, "category": None, "productType": ""}
    (item,) = order(lineItems=listed(LINE | {"product": bare})).items
    assert (item.categories, item.url) == ((), None)


def test_a_product_of_one_variant_is_called_by_its_own_name() -> None:
    for variant in (None, "", "Default Title"):
        assert order(lineItems=listed(LINE | {"variantTitle": variant})).items[0].name == "Mug"


def test_the_rest_of_an_order_is_told() -> None:
    normal = order(paymentCollectionDetails={"additionalPaymentCollectionUrl": "https://mugs.example.com/pay"})
    assert (normal.coupons, normal.tags, normal.meta) == (("WELCOME",), ("vip",), {"gift": "yes"})
    assert (normal.payment_method, normal.payment_title) == ("gift_card", "gift_card, shopify_payments")
    assert (normal.shipping_method, normal.source) == ("Courier", "web")
    assert normal.payment_url == "https://mugs.example.com/pay"
    assert normal.status_url == "https://mugs.example.com/900/orders/71?key=1"
    assert (normal.test, order(test=True).test) == (False, True)


def test_long_attributes_are_left_out() -> None:
    assert order(customAttributes=[{"key": "long", "value": "x" * 256}]).meta == {}


# Parcels


def test_a_parcel_is_told_with_what_is_in_it_and_how_far_it_came() -> None:
    assert parcel() == Shipment(
        id="7",
        carrier="Post",
        tracking_number="RR1",
        tracking_url="https://track.example.com/RR1",
        shipped_at=at("2026-03-02T08:00:00"),
        estimated_delivery_at=at("2026-03-05T12:00:00"),
        state="out_for_delivery",
        milestones=(
            Milestone("in_transit", at("2026-03-02T12:00:00")),
            Milestone("out_for_delivery", at("2026-03-04T09:00:00")),
        ),
        items=(("5", 2),),
    )


@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("IN_TRANSIT", "in_transit"),
        ("CARRIER_PICKED_UP", "in_transit"),
        ("OUT_FOR_DELIVERY", "out_for_delivery"),
        ("READY_FOR_PICKUP", "available_for_pickup"),
        ("ATTEMPTED_DELIVERY", "delivery_failed"),
        ("NOT_DELIVERED", "delivery_failed"),
        ("FAILURE", "exception"),
        ("DELAYED", "exception"),
        ("DELIVERED", "delivered"),
        ("PICKED_UP", "delivered"),
        ("LABEL_PRINTED", "label_printed"),
        ("SENT_BY_PIGEON", "sent_by_pigeon"),
    ],
)
def test_a_parcels_state_is_in_the_models_words(word: str, state: str) -> None:
    assert parcel(displayStatus=word).state == state


def test_a_parcel_without_a_status_is_where_it_was_last_seen() -> None:
    assert parcel(displayStatus=None).state == "out_for_delivery"
    assert parcel(displayStatus=None, events=listed(), inTransitAt=None).state is None


def test_dates_of_the_parcel_stand_in_for_events_that_the_carrier_does_not_tell() -> None:
    delivered = parcel(events=listed(), deliveredAt="2026-03-05T10:00:00Z", displayStatus="DELIVERED")
    assert delivered.delivered_at == at("2026-03-05T10:00:00")
    assert delivered.milestones == (
        Milestone("in_transit", at("2026-03-02T12:00:00")),
        Milestone("delivered", at("2026-03-05T10:00:00")),
    )


def test_milestones_come_earliest_first_and_a_second_attempt_is_a_new_one() -> None:
    days = {5: "ATTEMPTED_DELIVERY", 3: "IN_TRANSIT", 6: "OUT_FOR_DELIVERY", 7: "ATTEMPTED_DELIVERY"}
    events = [{"status": word, "happenedAt": f"2026-03-0{day}T00:00:00Z"} for day, word in days.items()]
    states = [milestone.state for milestone in parcel(events=listed(*events)).milestones]
    assert states == ["in_transit", "delivery_failed", "out_for_delivery", "delivery_failed"]


def test_a_parcel_that_was_picked_up_undated_has_arrived_but_nobody_says_when() -> None:
    picked_up = parcel(displayStatus="PICKED_UP")
    assert (picked_up.state, picked_up.delivered_at) == ("delivered", None)


def test_a_cancelled_fulfilment_is_no_parcel() -> None:
    assert order(fulfillments=[PARCEL | {"status": "CANCELLED", "displayStatus": "CANCELED"}]).shipments == ()


# Money and goods that came back


def test_a_refund_is_told_with_its_amount_and_date() -> None:
    (refund,) = order(refunds=[REFUND]).refunds
    assert refund == Refund(
        id="8",
        amount=Money(Decimal("15.0"), "EUR"),
        reason="One was broken",
        created_at=at("2026-03-06T10:00:00"),
    )


def test_goods_taken_out_of_an_order_without_money_are_no_refund() -> None:
    assert order(refunds=[REFUND | {"totalRefundedSet": euros("0.0")}]).refunds == ()


def test_a_return_is_told_with_its_status() -> None:
    (back,) = order(returns=listed(RETURN)).returns
    assert back == Return(id="9", status="requested", created_at=at("2026-03-05T10:00:00"))


# Abandoned checkouts


def test_an_abandoned_checkout_is_a_draft_that_can_still_be_paid() -> None:
    draft = checkout()
    assert (draft.id, draft.number, draft.status, draft.draft) == ("checkout-71", "900", "checkout", True)
    assert (draft.modified_at, draft.trashed) == (at("2026-03-01T09:40:00"), False)
    assert draft.payment_url == "https://mugs.example.com/recover/1"
    assert (draft.customer.email, draft.customer.phone, draft.locale) == ("noa@example.com", "+972500000000", "en")
    assert [(item.id, item.name, item.quantity) for item in draft.items] == [("f00", "Mug", 2)]


def test_a_checkout_that_was_completed_after_all_is_trashed() -> None:
    assert checkout(completedAt="2026-03-01T10:00:00Z").trashed


def test_a_checkout_may_be_nobodys() -> None:
    assert checkout(customer=None, shippingAddress=None).customer.email is None


# What makes no sense


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"createdAt": "noa@example.com"}, "$.createdAt"),
        ({"updatedAt": "2026-03-01T09:31:00"}, "timezone"),
        ({"totalPriceSet": None}, "total is missing"),
        ({"totalPriceSet": euros("NaN")}, "not a number"),
        ({"totalPriceSet": euros("noa@example.com")}, "decimal"),
        ({"lineItems": listed({"id": "1", "quantity": "noa@example.com"})}, "quantity"),
        ({"__typename": "noa@example.com"}, "neither an order"),
    ],
)
def test_an_order_that_makes_no_sense_is_broken_for_a_reason_without_personal_data(
    changes: dict[str, Any], reason: str
) -> None:
    broken = told(ORDER | changes)
    assert isinstance(broken, Broken)
    assert broken.order_id == "71"
    assert reason in broken.reason
    assert "noa@" not in broken.reason


def test_one_broken_order_spoils_no_other() -> None:
    page = [ORDER, ORDER | {"createdAt": 5}, CHECKOUT, [], ORDER]
    nodes = read_nodes([msgspec.Raw(msgspec.json.encode(node)) for node in page])
    assert [type(normalise(node)) for node in nodes] == [Order, Broken, Order, Broken, Order]


def test_a_broken_order_still_says_when_it_was_changed() -> None:
    (odd,) = read_nodes([msgspec.Raw(msgspec.json.encode(ORDER | {"createdAt": 5}))])
    assert modified_at(odd) == at("2026-03-01T09:31:00")
    (odder,) = read_nodes([msgspec.Raw(msgspec.json.encode(ORDER | {"updatedAt": "soon"}))])
    assert modified_at(odder) is None


def test_what_is_not_there_is_left_out() -> None:
    assert read_nodes([msgspec.Raw(b"null")]) == []


def test_an_order_survives_json() -> None:
    normal = order(fulfillments=[PARCEL], refunds=[REFUND], returns=listed(RETURN))
    assert msgspec.json.decode(msgspec.json.encode(normal), type=Order) == normal
