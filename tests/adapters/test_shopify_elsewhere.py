"""The adapter on a server that is not our sandbox: true to the official schema, and to nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from adapters.base import Cursor, StoreAdapter
from adapters.model import Address, Coupon, Order
from adapters.registry import create
from adapters.sandbox.clock import MovableClock
from tests.adapters.schema_server import Json, SchemaServer, gid, stamp
from tests.schemas import VERSIONS

KEY = "0123456789abcdef0123456789abcdef"
UPDATED = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)


@pytest.fixture(params=VERSIONS)
def server(request: pytest.FixtureRequest, clock: MovableClock) -> Iterator[SchemaServer]:
    with SchemaServer(request.param, clock) as server:
        yield server


@pytest.fixture
def store(server: SchemaServer, clock: MovableClock) -> Iterator[StoreAdapter]:
    adapter = create(
        "shopify",
        url=server.url,
        access_token="shpat_elsewhere",
        api_version=server.version,
        platform_messages="invoice",
        timeout=5.0,
        clock=clock,
        sleep=lambda seconds: None,
    )
    yield adapter
    adapter.close()


def bare(number: int, **more: Any) -> Json:
    """An order of which nothing is known but what cannot be missing."""
    moment = stamp(UPDATED + timedelta(seconds=number))
    known = {"id": gid("Order", number), "name": f"#{number}", "createdAt": moment, "updatedAt": moment}
    return {**known, "displayFulfillmentStatus": "UNFULFILLED", **more}


def add(server: SchemaServer, *orders: Json) -> None:
    server.orders |= {int(order["id"].rpartition("/")[2]): order for order in orders}


def walked(store: StoreAdapter, after: Cursor | None = None) -> list[Order]:
    pages = list(store.changed_orders(after))
    assert [page.broken for page in pages if page.broken] == []
    return [order for page in pages for order in page.orders]


# Reading ----------------------------------------------------------------------------------------------------


def test_an_order_of_which_hardly_anything_is_known_is_an_order(server: SchemaServer, store: StoreAdapter) -> None:
    add(server, bare(7))
    [order] = walked(store)
    assert (order.id, order.number, order.status) == ("7", "7", "pending")
    assert (order.customer.email, order.customer.id, order.paid_at) == (None, None, None)
    assert (order.items, order.shipments, order.refunds, order.returns) == ((), (), (), ())


PARTS: dict[str, Any] = {
    "customer": {"id": gid("Customer", 1)},
    "billingAddress": {},
    "shippingAddress": {},
    "shippingLine": {},
    "lineItems": {"nodes": [{"id": gid("LineItem", 1), "quantity": 1, "product": {"id": gid("Product", 1)}}]},
    "fulfillments": [
        {
            "id": gid("Fulfillment", 1),
            "status": "SUCCESS",
            "events": {"nodes": [{"status": "IN_TRANSIT"}]},
            "trackingInfo": [{}],
        }
    ],
    "refunds": [{"id": gid("Refund", 1)}],
    "returns": {"nodes": [{"id": gid("Return", 1)}]},
    "transactions": [{}],
    "customAttributes": [{"key": "gift"}],
}


def test_parts_of_which_hardly_anything_is_known_are_told_as_such(server: SchemaServer, store: StoreAdapter) -> None:
    add(server, bare(7, **PARTS))
    [order] = walked(store)
    [item], [parcel] = order.items, order.shipments
    assert (item.quantity, item.sku, item.product_type) == (1, None, None)
    assert (parcel.tracking_number, parcel.delivered_at) == (None, None)
    assert order.billing == Address()
    assert order.meta == {}


BLANKS = {
    "email": "",
    "phone": "",
    "customerLocale": "",
    "sourceName": "",
    "customer": {
        "id": gid("Customer", 1),
        "firstName": "",
        "lastName": "",
        "defaultEmailAddress": {"emailAddress": ""},
        "defaultPhoneNumber": {"phoneNumber": ""},
    },
    "billingAddress": dict.fromkeys(("firstName", "lastName", "company", "address1", "city", "zip", "phone"), ""),
    "paymentGatewayNames": [""],
    "discountCodes": [],
}


def test_what_is_empty_is_nothing(server: SchemaServer, store: StoreAdapter) -> None:
    add(server, bare(7, **BLANKS))
    [order] = walked(store)
    customer = order.customer
    assert [customer.email, customer.phone, customer.first_name, customer.last_name] == [None] * 4
    assert [order.locale, order.source, order.payment_method, order.payment_title] == [None] * 4
    assert order.billing == Address()


def test_a_state_of_a_parcel_that_has_no_word_of_ours_keeps_its_own(server: SchemaServer, store: StoreAdapter) -> None:
    add(
        server, bare(7, fulfillments=[{"id": gid("Fulfillment", 1), "status": "SUCCESS", "displayStatus": "CONFIRMED"}])
    )
    [order] = walked(store)
    assert order.shipments[0].state == "confirmed"


@pytest.mark.parametrize(
    "moment",
    ["2026-03-01T08:00:00Z", "2026-03-01T08:00:00+00:00", "2026-03-01T10:00:00+02:00", "2026-03-01T08:00:00.250Z"],
)
def test_a_time_is_read_however_it_is_written(server: SchemaServer, store: StoreAdapter, moment: str) -> None:
    add(server, bare(7, updatedAt=moment))
    *_, page = store.changed_orders(None)
    assert page.orders[0].modified_at.replace(microsecond=0) == UPDATED
    assert [order.id for order in walked(store, page.cursor)] == ["7"]


def test_pages_go_on_by_cursors_that_mean_nothing_to_us(server: SchemaServer, store: StoreAdapter) -> None:
    add(server, *(bare(number) for number in range(1, 131)))
    server.longest = 30
    assert [order.id for order in walked(store)] == [str(number) for number in range(1, 131)]


BUCKET = {"maximumAvailable": 2000.0, "currentlyAvailable": 1990, "restoreRate": 100.0}


@pytest.mark.parametrize(
    "extensions",
    [
        None,
        {},
        {"cost": None},
        {"cost": {}},
        {"cost": {"requestedQueryCost": 12, "actualQueryCost": None}},
        {"cost": {"requestedQueryCost": 12, "actualQueryCost": 12, "throttleStatus": BUCKET}},
        {"cost": {"requestedQueryCost": 12, "actualQueryCost": 12, "throttleStatus": None}},
        {"cost": {"requestedQueryCost": 12, "actualQueryCost": 12, "throttleStatus": BUCKET}, "search": None},
        {"search": [{"path": ["orders"], "query": "x", "warnings": []}], "other": [1, 2]},
    ],
)
def test_answers_that_say_little_of_their_cost_are_answers(
    server: SchemaServer, store: StoreAdapter, extensions: Json | None
) -> None:
    add(server, *(bare(number) for number in range(1, 81)))
    server.extensions = extensions
    assert len(walked(store)) == 80
    assert store.get_orders(["1", "2"]).missing == ()


def test_orders_are_fetched_by_id_and_missing_ones_named(server: SchemaServer, store: StoreAdapter) -> None:
    add(server, bare(7), bare(8, **PARTS))
    fetched = store.get_orders(["8", "9", "7"])
    assert [order.id for order in fetched.orders] == ["8", "7"]
    assert fetched.missing == ("9",)


def test_a_store_says_who_it_is(server: SchemaServer, store: StoreAdapter) -> None:
    info = store.check([])
    assert info.identity.url == "https://elsewhere.myshopify.com"
    assert [finding.message for finding in info.findings if finding.fatal] == []


# Writing ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reads_back", ["$app:aftersale", "app--1234567--aftersale", "aftersale"])
def test_a_note_is_appended_once(server: SchemaServer, store: StoreAdapter, reads_back: str) -> None:
    add(server, bare(7))
    server.reads_back = reads_back
    server.notes[gid("Order", 7)] = "Gift"
    for _ in range(2):
        store.add_note("7", "Hello", KEY)
    assert server.notes[gid("Order", 7)] == "Gift\n\nHello"
    assert store.find_note("7", "Hello", KEY, UPDATED, ()) == KEY
    assert store.find_note("7", "Hello", KEY[::-1], UPDATED, ()) is None


@pytest.mark.parametrize("empty", [None, ""])
def test_a_note_on_an_order_without_one_stands_alone(
    server: SchemaServer, store: StoreAdapter, empty: str | None
) -> None:
    add(server, bare(7))
    server.notes[gid("Order", 7)] = empty
    store.add_note("7", "Hello", KEY)
    assert server.notes[gid("Order", 7)] == "Hello"


def test_an_invoice_is_sent_once(server: SchemaServer, store: StoreAdapter) -> None:
    add(server, bare(7))
    for _ in range(2):
        store.send_message("7", "All well?", "Your order", KEY)
    assert server.invoices == [{"id": gid("Order", 7), "customMessage": "All well?", "subject": "Your order"}]
    assert store.find_message("7", "All well?", KEY, UPDATED, ()) is not None


def test_tags_are_added_and_an_order_closed(server: SchemaServer, store: StoreAdapter) -> None:
    add(server, bare(7, tags=["gift"]))
    for _ in range(2):
        store.add_tags("7", ["vip"])
        store.set_status("7", "closed")
    assert "vip" in server.tags[gid("Order", 7)]
    assert sum("mutation TagsAdd" in document for document in server.asked) == 1
    assert sum("mutation OrderClose" in document for document in server.asked) == 1


def test_a_coupon_is_made_once(server: SchemaServer, store: StoreAdapter) -> None:
    coupon = Coupon(code="THANKS-1", percent=Decimal(10))
    assert not store.find_coupon("THANKS-1")
    for _ in range(2):
        store.create_coupon(coupon)
    assert list(server.coupons) == ["THANKS-1"]
    assert store.find_coupon("THANKS-1")
