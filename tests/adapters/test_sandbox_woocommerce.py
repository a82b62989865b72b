"""The sandbox store against what real WooCommerce was seen to do: each trap of its API has its story here."""

from __future__ import annotations

import base64
import hashlib
import hmac
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

import pytest
import requests
from woocommerce import API
from woocommerce.oauth import OAuth

from adapters.sandbox.clock import MovableClock
from adapters.sandbox.server import Request
from adapters.sandbox.woocommerce import WooSandbox

NOON = datetime(2026, 11, 10, 8, 0, 0, tzinfo=UTC)  # ten o'clock in Jerusalem
SECOND = timedelta(seconds=1)

ORDER_KEYS = """
id parent_id status currency version prices_include_tax date_created date_modified discount_total discount_tax
shipping_total shipping_tax cart_tax total total_tax customer_id order_key billing shipping payment_method
payment_method_title transaction_id customer_ip_address customer_user_agent created_via customer_note
date_completed date_paid cart_hash number meta_data line_items tax_lines shipping_lines fee_lines coupon_lines
refunds payment_url is_editable needs_payment needs_processing date_created_gmt date_modified_gmt
date_completed_gmt date_paid_gmt currency_symbol _links
"""
LINE_KEYS = """
id name product_id variation_id quantity tax_class subtotal subtotal_tax total total_tax taxes meta_data sku
global_unique_id price image parent_name
"""
PRODUCT_KEYS = """
id name slug permalink date_created date_created_gmt date_modified date_modified_gmt type status featured
catalog_visibility description short_description sku price regular_price sale_price date_on_sale_from
date_on_sale_from_gmt date_on_sale_to date_on_sale_to_gmt on_sale purchasable total_sales virtual downloadable
downloads download_limit download_expiry external_url button_text tax_status tax_class manage_stock stock_quantity
backorders backorders_allowed backordered low_stock_amount sold_individually weight dimensions shipping_required
shipping_taxable shipping_class shipping_class_id reviews_allowed average_rating rating_count upsell_ids
cross_sell_ids parent_id purchase_note categories brands tags images attributes default_attributes variations
grouped_products menu_order price_html related_ids meta_data stock_status has_options post_password
global_unique_id permalink_template generated_slug _links
"""


class Client:
    """Asks with the woocommerce package's signatures, at the sandbox's time."""

    def __init__(self, shop: WooSandbox) -> None:
        self.shop = shop
        self.session = requests.Session()

    def __call__(
        self,
        method: str,
        path: str,
        params: dict[str, Any] | None = None,
        body: dict[str, Any] | None = None,
        **more: Any,
    ) -> requests.Response:
        url = self.signed(method, path, params or {}, **more)
        return self.session.request(method, url, json=body, timeout=more.get("timeout", 5))

    def signed(
        self,
        method: str,
        path: str,
        params: dict[str, Any],
        *,
        key: str = "ck_sandbox",
        secret: str = "cs_sandbox",
        late: int = 0,
        timeout: float = 5,
    ) -> str:
        url = f"{self.shop.url}/wp-json/wc/v3/{path}?{urlencode(params)}"
        timestamp = int(self.shop.now().timestamp()) - late
        oauth = OAuth(url, key, secret, version="wc/v3", method=method, oauth_timestamp=timestamp)
        return str(oauth.get_oauth_url())

    def ids(self, **params: Any) -> list[int]:
        response = self("GET", "orders", {"per_page": 100, **params})
        assert response.status_code == 200, response.text
        return [order["id"] for order in response.json()]

    def modified(self, order_id: int) -> str:
        return str(self("GET", f"orders/{order_id}").json()["date_modified_gmt"])


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock(NOON)


@pytest.fixture
def shop(clock: MovableClock) -> Iterator[WooSandbox]:
    with WooSandbox(clock=clock, fulfillments=True, statuses=["delivered"]) as open_shop:
        yield open_shop


@pytest.fixture
def legacy(clock: MovableClock) -> Iterator[WooSandbox]:
    with WooSandbox(clock=clock, hpos=False) as open_shop:
        yield open_shop


@pytest.fixture
def ask(shop: WooSandbox) -> Iterator[Client]:
    client = Client(shop)
    yield client
    client.session.close()


@pytest.fixture
def ask_legacy(legacy: WooSandbox) -> Iterator[Client]:
    client = Client(legacy)
    yield client
    client.session.close()


def code_of(response: requests.Response) -> tuple[int, str]:
    return response.status_code, response.json()["code"]


# What an order looks like


def test_an_order_has_exactly_the_keys_of_a_real_one(shop: WooSandbox, ask: Client) -> None:
    order = ask("GET", f"orders/{shop.add_order()}").json()
    assert list(order) == ORDER_KEYS.split()
    assert list(order["line_items"][0]) == LINE_KEYS.split()


def test_local_dates_are_the_sites_and_gmt_dates_carry_no_z(shop: WooSandbox, ask: Client) -> None:
    order = ask("GET", f"orders/{shop.add_order()}").json()
    assert order["date_created"] == "2026-11-10T10:00:00"
    assert order["date_created_gmt"] == "2026-11-10T08:00:00"


def test_local_dates_repeat_in_the_autumn_hour(shop: WooSandbox, ask: Client) -> None:
    first = shop.add_order(created=datetime(2026, 10, 24, 22, 30, tzinfo=UTC))
    second = shop.add_order(created=datetime(2026, 10, 24, 23, 30, tzinfo=UTC))
    dates = {ask("GET", f"orders/{order}").json()["date_created"] for order in (first, second)}
    assert dates == {"2026-10-25T01:30:00"}


def test_money_is_text_but_a_lines_price_is_a_number(shop: WooSandbox, ask: Client) -> None:
    items = [{"sku": "A", "product_id": 1, "quantity": 3, "price": "49.90"}, {"sku": "B", "price": 25}]
    order = ask("GET", f"orders/{shop.add_order(items=items, shipping_total='10')}").json()
    assert [line["price"] for line in order["line_items"]] == [49.9, 25]
    assert [line["total"] for line in order["line_items"]] == ["149.70", "25.00"]
    assert (order["shipping_total"], order["total"]) == ("10.00", "184.70")


def test_the_body_is_ascii_with_escaped_slashes_as_php_writes_it(shop: WooSandbox, ask: Client) -> None:
    response = ask("GET", f"orders/{shop.add_order(billing={'city': 'חיפה'})}")
    assert response.content.isascii()
    assert b"http:\\/\\/" in response.content
    assert response.json()["billing"]["city"] == "חיפה"


# Which orders changed


def test_modified_after_and_before_are_strict(shop: WooSandbox, ask: Client) -> None:
    order = shop.add_order()
    assert ask.ids(modified_after="2026-11-10T07:59:59", dates_are_gmt="true") == [order]
    assert ask.ids(modified_after="2026-11-10T08:00:00", dates_are_gmt="true") == []
    assert ask.ids(modified_before="2026-11-10T08:00:01", dates_are_gmt="true") == [order]
    assert ask.ids(modified_before="2026-11-10T08:00:00", dates_are_gmt="true") == []


def test_created_after_is_strict_too(shop: WooSandbox, ask: Client) -> None:
    order = shop.add_order()
    assert ask.ids(after="2026-11-10T07:59:59", dates_are_gmt="true") == [order]
    assert ask.ids(after="2026-11-10T08:00:00", dates_are_gmt="true") == []


@pytest.mark.parametrize(
    "right",
    [
        {"modified_after": "2026-11-10T07:59:59", "dates_are_gmt": "true"},
        {"modified_after": "2026-11-10T07:59:59", "dates_are_gmt": "1"},
        {"modified_after": "2026-11-10T07:59:59", "dates_are_gmt": True},
        {"modified_after": "2026-11-10 07:59:59", "dates_are_gmt": "true"},
        {"modified_after": "2026-11-10T07:59:59Z"},
        {"modified_after": "2026-11-10T07:59:59.000Z"},
        {"modified_after": "2026-11-10T09:59:59"},
        {"modified_after": "2026-11-10T09:59:59+02:00"},
    ],
)
def test_a_bound_is_taken_as_meant(shop: WooSandbox, ask: Client, right: dict[str, Any]) -> None:
    order = shop.add_order()
    assert ask.ids(**right) == [order]


@pytest.mark.parametrize("bound", ["2026-11-10T07:59:59Z", "2026-11-10T09:59:59+02:00"])
def test_a_zone_together_with_dates_are_gmt_skips_the_sites_offset(shop: WooSandbox, ask: Client, bound: str) -> None:
    skipped = shop.add_order(created=NOON + timedelta(hours=1, minutes=59))
    later = shop.add_order(created=NOON + timedelta(hours=2))
    assert ask.ids(modified_after=bound, dates_are_gmt="true") == [later]
    assert set(ask.ids(modified_after=bound)) == {skipped, later}


def test_a_naive_bound_in_the_hour_that_spring_skips_is_moved_an_hour(shop: WooSandbox, ask: Client) -> None:
    shop.add_order(created=datetime(2026, 3, 27, 2, 45, tzinfo=UTC))
    assert ask.ids(modified_after="2026-03-27T02:30:00", dates_are_gmt="true") == []
    assert len(ask.ids(modified_after="2026-03-27T02:30:00Z")) == 1


def test_fractions_of_a_second_are_dropped(shop: WooSandbox, ask: Client) -> None:
    shop.add_order()
    assert len(ask.ids(modified_after="2026-11-10T07:59:59.999", dates_are_gmt="true")) == 1
    assert ask.ids(modified_after="2026-11-10T08:00:00.500", dates_are_gmt="true") == []


@pytest.mark.parametrize("bound", ["2026-11-10", "1794297599", "yesterday", "2026-13-10T00:00:00"])
def test_what_is_no_date_and_time_is_refused(ask: Client, bound: str) -> None:
    response = ask("GET", "orders", {"modified_after": bound})
    assert code_of(response) == (400, "rest_invalid_param")
    assert response.json()["data"]["details"]["modified_after"]["code"] == "rest_invalid_date"


def test_an_empty_parameter_breaks_the_packages_signature() -> None:
    with WooSandbox() as shop:
        response = API(shop.url, "ck_sandbox", "cs_sandbox").get("orders", params={"modified_after": ""})
    assert code_of(response) == (401, "woocommerce_rest_authentication_error")


def test_several_edits_share_a_second_and_come_by_id(shop: WooSandbox, ask: Client) -> None:
    orders = [shop.add_order() for _ in range(3)]
    shop.edit(orders[0])
    assert ask.ids(orderby="modified", order="asc") == orders
    assert ask.ids(orderby="modified", order="desc") == orders[::-1]


def test_orders_come_newest_first_unless_asked_otherwise(shop: WooSandbox, ask: Client) -> None:
    old = shop.add_order(created=NOON - timedelta(days=2))
    new = shop.add_order(created=NOON - timedelta(days=1))
    shop.edit(old)
    assert ask.ids() == [new, old]
    assert ask.ids(orderby="date", order="asc") == [old, new]
    assert ask.ids(orderby="modified") == [old, new]


@pytest.mark.parametrize("word", ["date_modified", "modified_gmt", "total"])
def test_only_known_orderings_are_taken(ask: Client, word: str) -> None:
    response = ask("GET", "orders", {"orderby": word})
    assert code_of(response) == (400, "rest_invalid_param")
    known = "date, id, include, title, slug, and modified"
    assert response.json()["data"]["params"] == {"orderby": f"orderby is not one of {known}."}


def test_paging_by_number_loses_orders_that_are_edited_meanwhile(
    shop: WooSandbox, clock: MovableClock, ask: Client
) -> None:
    orders = [shop.add_order(created=NOON - timedelta(hours=6 - n)) for n in range(6)]

    def edit_between_the_pages(request: Request) -> None:
        if request.params.get("page") == "2":
            shop.edit(orders[0])

    shop.on_request = edit_between_the_pages
    seen = [order for page in (1, 2) for order in ask.ids(per_page=3, page=page, orderby="modified", order="asc")]
    assert seen == [*orders[:3], *orders[4:], orders[0]]


def test_totals_and_pages_are_in_the_headers(shop: WooSandbox, ask: Client) -> None:
    for _ in range(5):
        shop.add_order()
    headers = ask("GET", "orders", {"per_page": 2}).headers
    assert (headers["X-WP-Total"], headers["X-WP-TotalPages"]) == ("5", "3")
    assert len(ask("GET", "orders", {"per_page": 2, "offset": 4}).json()) == 1


def test_past_the_end_hpos_says_nought(shop: WooSandbox, ask: Client) -> None:
    shop.add_order()
    response = ask("GET", "orders", {"page": 9})
    assert (response.status_code, response.json(), response.headers["X-WP-Total"]) == (200, [], "0")


def test_past_the_end_posts_say_the_true_total(legacy: WooSandbox, ask_legacy: Client) -> None:
    legacy.add_order()
    response = ask_legacy("GET", "orders", {"page": 9})
    assert (response.json(), response.headers["X-WP-Total"]) == ([], "1")


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"per_page": 101}, "per_page must be between 1 (inclusive) and 100 (inclusive)"),
        ({"per_page": 0}, "per_page must be between 1 (inclusive) and 100 (inclusive)"),
        ({"page": 0}, "page must be greater than or equal to 1"),
        ({"page": "abc"}, "page is not of type integer."),
        ({"include": "1,x"}, "include[1] is not of type integer."),
        ({"dates_are_gmt": "maybe"}, "dates_are_gmt is not of type boolean."),
    ],
)
def test_a_bad_parameter_is_named(ask: Client, params: dict[str, Any], said: str) -> None:
    response = ask("GET", "orders", params)
    assert code_of(response) == (400, "rest_invalid_param")
    assert list(response.json()["data"]["params"].values()) == [said]


def test_all_bad_parameters_are_named_at_once(ask: Client) -> None:
    response = ask("GET", "orders", {"page": 0, "per_page": 0})
    assert response.json()["message"] == "Invalid parameter(s): page, per_page"


def test_the_link_to_the_next_page_leaks_the_key_and_cannot_be_followed(shop: WooSandbox, ask: Client) -> None:
    for _ in range(3):
        shop.add_order()
    response = ask("GET", "orders", {"per_page": 2})
    following = response.links["next"]["url"]
    assert "oauth_consumer_key=ck_sandbox" in following
    assert code_of(requests.get(following, timeout=5)) == (401, "woocommerce_rest_authentication_error")


def test_misspelt_parameters_are_ignored(shop: WooSandbox, ask: Client) -> None:
    order = shop.add_order()
    assert ask.ids(modifed_after="2030-01-01T00:00:00") == [order]


def test_fields_can_be_chosen(shop: WooSandbox, ask: Client) -> None:
    order = shop.add_order()
    fields = {"_fields": "id,status,date_modified_gmt"}
    row = {"id": order, "status": "processing", "date_modified_gmt": "2026-11-10T08:00:00"}
    assert ask("GET", "orders", fields).json() == [row]
    assert ask("GET", f"orders/{order}", fields).json() == row


def test_orders_can_be_included_and_excluded(shop: WooSandbox, ask: Client) -> None:
    first, second, third = (shop.add_order() for _ in range(3))
    assert ask.ids(include=f"{third},{first}", orderby="include") == [third, first]
    assert set(ask.ids(**{"include[0]": first, "include[1]": third})) == {first, third}
    assert ask.ids(exclude=f"{first},{third}") == [second]


def test_a_search_looks_at_names_and_addresses(shop: WooSandbox, ask: Client) -> None:
    shop.add_order()
    found = shop.add_order(billing={"last_name": "Sampleson"})
    assert ask.ids(search="sampleson") == [found]


# Drafts, the bin, and what is gone


def test_by_default_checkout_drafts_are_listed_and_trash_and_auto_drafts_are_not(shop: WooSandbox, ask: Client) -> None:
    shop.add_order(status="auto-draft")
    draft, trashed = shop.add_order(status="checkout-draft"), shop.add_order()
    shop.trash(trashed)
    assert ask.ids() == ask.ids(status="any") == [draft]
    assert ask.ids(status="trash") == [trashed]


def test_a_draft_is_empty_and_becomes_the_order_under_the_same_id(
    shop: WooSandbox, clock: MovableClock, ask: Client
) -> None:
    draft = shop.add_order(status="checkout-draft")
    before = ask("GET", f"orders/{draft}").json()
    assert not any(before["billing"].values())
    clock.advance(timedelta(minutes=7))
    shop.edit(draft, status="processing", billing={"first_name": "Dana"})
    after = ask("GET", f"orders/{draft}").json()
    assert (after["status"], after["date_created_gmt"]) == ("processing", before["date_created_gmt"])
    assert after["date_modified_gmt"] == "2026-11-10T08:07:00"


def test_statuses_are_asked_for_without_prefix(shop: WooSandbox, ask: Client) -> None:
    done, delivered = shop.add_order(status="completed"), shop.add_order(status="delivered")
    shop.add_order()
    assert set(ask.ids(status="completed,delivered")) == {done, delivered}
    for word in ("wc-processing", "draft", "bogus"):
        response = ask("GET", "orders", {"status": word})
        assert code_of(response) == (400, "rest_invalid_param")
        assert response.json()["data"]["params"]["status"].startswith("status[0] is not one of any, trash, ")


def test_the_shops_own_statuses_are_listed_with_the_others(ask: Client) -> None:
    statuses = ask("GET", "orders/statuses").json()
    assert statuses[0] == {"slug": "pending", "name": "Pending payment"}
    assert statuses[-1] == {"slug": "delivered", "name": "Delivered"}


def test_trashing_moves_the_date_and_keeps_the_order_readable(
    shop: WooSandbox, clock: MovableClock, ask: Client
) -> None:
    order = shop.add_order(status="completed")
    clock.advance(SECOND)
    answer = ask("DELETE", f"orders/{order}").json()
    assert (answer["status"], answer["date_modified_gmt"]) == ("completed", "2026-11-10T08:00:00")
    trashed = ask("GET", f"orders/{order}").json()
    assert (trashed["status"], trashed["date_modified_gmt"]) == ("trash", "2026-11-10T08:00:01")
    assert code_of(ask("DELETE", f"orders/{order}")) == (410, "woocommerce_rest_already_trashed")
    assert ask("PUT", f"orders/{order}", body={"status": "processing"}).json()["status"] == "processing"


def test_a_deleted_order_leaves_no_trace(shop: WooSandbox, ask: Client) -> None:
    order = shop.add_order()
    assert ask("DELETE", f"orders/{order}", {"force": True}).status_code == 200
    assert code_of(ask("GET", f"orders/{order}")) == (404, "woocommerce_rest_shop_order_invalid_id")
    assert code_of(ask("GET", f"orders/{order}/notes")) == (404, "woocommerce_rest_shop_order_invalid_id")
    note = ask("POST", f"orders/{order}/notes", body={"note": "late"})
    assert code_of(note) == (404, "woocommerce_rest_order_invalid_id")
    assert ask.ids() == []


def test_writing_to_an_unknown_order_is_a_400_where_reading_it_is_a_404(ask: Client) -> None:
    response = ask("PUT", "orders/999999", body={"status": "completed"})
    assert code_of(response) == (400, "woocommerce_rest_shop_order_invalid_id")
    assert code_of(ask("DELETE", "orders/999999")) == (404, "woocommerce_rest_shop_order_invalid_id")


def test_refunds_share_the_ids_of_orders_but_are_none(shop: WooSandbox, ask: Client) -> None:
    order = shop.add_order()
    refund = shop.refund(order, "5.00")
    assert shop.add_order() == refund + 1 == order + 2
    assert code_of(ask("GET", f"orders/{refund}")) == (404, "woocommerce_rest_shop_order_invalid_id")


# What moves the date of modification


def test_notes_do_not_move_it(shop: WooSandbox, clock: MovableClock, ask: Client) -> None:
    order = shop.add_order()
    clock.advance(SECOND)
    note = ask("POST", f"orders/{order}/notes", body={"note": "x", "customer_note": True}).json()["id"]
    ask("DELETE", f"orders/{order}/notes/{note}", {"force": "true"})
    assert ask.modified(order) == "2026-11-10T08:00:00"


@pytest.mark.parametrize("body", [{}, {"meta_data": [{"key": "k", "value": "v"}]}, {"status": "processing"}])
def test_with_hpos_any_put_moves_it(shop: WooSandbox, clock: MovableClock, ask: Client, body: dict[str, Any]) -> None:
    order = shop.add_order()
    clock.advance(SECOND)
    assert ask("PUT", f"orders/{order}", body=body).json()["date_modified_gmt"] == "2026-11-10T08:00:01"


@pytest.mark.parametrize("body", [{}, {"meta_data": [{"key": "k", "value": "v"}]}])
def test_with_posts_an_empty_or_meta_only_put_does_not(
    legacy: WooSandbox, clock: MovableClock, ask_legacy: Client, body: dict[str, Any]
) -> None:
    order = legacy.add_order()
    clock.advance(SECOND)
    ask_legacy("PUT", f"orders/{order}", body=body)
    assert ask_legacy.modified(order) == "2026-11-10T08:00:00"
    ask_legacy("PUT", f"orders/{order}", body={**body, "status": "completed"})
    assert ask_legacy.modified(order) == "2026-11-10T08:00:01"


def test_refunds_and_parcels_move_it(shop: WooSandbox, clock: MovableClock, ask: Client) -> None:
    order = shop.add_order()
    clock.advance(SECOND)
    shop.refund(order, "1.00")
    assert ask.modified(order) == "2026-11-10T08:00:01"
    clock.advance(SECOND)
    shop.add_fulfillment(order)
    assert ask.modified(order) == "2026-11-10T08:00:02"


def test_a_plugin_can_write_meta_past_the_date(shop: WooSandbox, clock: MovableClock, ask: Client) -> None:
    order = shop.add_order()
    clock.advance(SECOND)
    shop.set_meta(order, "_wc_shipment_tracking_items", [{"tracking_number": "RR1"}], bump=False)
    assert ask.modified(order) == "2026-11-10T08:00:00"
    shop.set_meta(order, "_delivered_at", "2026-11-10")
    assert ask.modified(order) == "2026-11-10T08:00:01"


# Notes and messages


def test_a_note_comes_back_as_it_was_written(shop: WooSandbox, ask: Client) -> None:
    order = shop.add_order()
    text = 'Tracking 123 <b>bold</b> & "quoted" <script>alert(1)</script> 🔔 שלום'
    response = ask("POST", f"orders/{order}/notes", body={"note": text})
    note = response.json()
    assert response.status_code == 201
    assert response.headers["Location"] == f"{shop.url}/wp-json/wc/v3/orders/{order}/notes/{note['id']}"
    links = note.pop("_links")
    assert links["up"] == [{"href": f"{shop.url}/wp-json/wc/v3/orders/{order}"}]
    assert note == {
        "id": note["id"],
        "author": "WooCommerce",
        "date_created": "2026-11-10T10:00:00",
        "date_created_gmt": "2026-11-10T08:00:00",
        "note": text,
        "customer_note": False,
    }
    assert shop.mails == []


@pytest.mark.parametrize("flag", [True, "true", 1])
def test_a_customer_note_is_mailed_unescaped(shop: WooSandbox, ask: Client, flag: Any) -> None:
    order = shop.add_order(billing={"email": "dana@example.org"})
    ask("POST", f"orders/{order}/notes", body={"note": "Hi <b>Dana</b> & co", "customer_note": flag})
    assert [note.text for note in shop.customer_notes(order)] == ["Hi <b>Dana</b> & co"]
    (mail,) = shop.mails
    assert (mail.to, mail.order_id, mail.body, mail.at) == (
        "dana@example.org",
        order,
        "Hi <b>Dana</b> & co",
        NOON,
    )


def test_a_customer_note_without_an_address_is_a_201_and_no_mail(shop: WooSandbox, ask: Client) -> None:
    order = shop.add_order(billing={"email": ""})
    response = ask("POST", f"orders/{order}/notes", body={"note": "Hi", "customer_note": True})
    assert (response.status_code, response.json()["customer_note"], shop.mails) == (201, True, [])


def test_the_same_note_is_taken_twice(shop: WooSandbox, ask: Client) -> None:
    order = shop.add_order()
    first, second = (ask("POST", f"orders/{order}/notes", body={"note": "twice"}).json() for _ in range(2))
    assert first["id"] != second["id"]


ARRIVED = "Order status changed from Pending payment to Processing."


def test_notes_are_listed_whole_newest_second_first(shop: WooSandbox, clock: MovableClock, ask: Client) -> None:
    order = shop.add_order()
    for text in ("one", "two"):
        ask("POST", f"orders/{order}/notes", body={"note": text})
    clock.advance(SECOND)
    ask("POST", f"orders/{order}/notes", body={"note": "three", "customer_note": True})
    texts = [note["note"] for note in ask("GET", f"orders/{order}/notes", {"per_page": 1}).json()]
    assert texts == ["three", ARRIVED, "one", "two"]  # inside one second the order is that of writing


def test_notes_can_be_asked_for_by_type(shop: WooSandbox, ask: Client) -> None:
    order = shop.add_order()
    ask("POST", f"orders/{order}/notes", body={"note": "staff"})
    ask("POST", f"orders/{order}/notes", body={"note": "customer", "customer_note": True})
    kinds = {
        "internal": [ARRIVED, "staff"],
        "customer": ["customer"],
        "any": [ARRIVED, "staff", "customer"],
    }
    for kind, wanted in kinds.items():
        assert [n["note"] for n in ask("GET", f"orders/{order}/notes", {"type": kind}).json()] == wanted
    assert code_of(ask("GET", f"orders/{order}/notes", {"type": "x"})) == (400, "rest_invalid_param")


def test_a_note_cannot_be_changed_and_is_deleted_only_by_force(shop: WooSandbox, ask: Client) -> None:
    order, other = shop.add_order(), shop.add_order()
    path = f"orders/{order}/notes/{ask('POST', f'orders/{order}/notes', body={'note': 'x'}).json()['id']}"
    assert code_of(ask("PUT", path, body={"note": "y"})) == (404, "rest_no_route")
    assert code_of(ask("DELETE", path)) == (501, "woocommerce_rest_trash_not_supported")
    assert ask("GET", path).json()["note"] == "x"
    assert code_of(ask("GET", path.replace(str(order), str(other)))) == (404, "woocommerce_rest_invalid_id")
    assert ask("DELETE", path, {"force": True}).status_code == 200
    assert shop.notes(order) == []


@pytest.mark.parametrize(("letter", "most"), [("a", 65_535), ("ש", 32_767)])
def test_a_note_too_long_for_the_database_is_a_500(shop: WooSandbox, ask: Client, letter: str, most: int) -> None:
    order = shop.add_order()
    assert ask("POST", f"orders/{order}/notes", body={"note": letter * most}).status_code == 201
    response = ask("POST", f"orders/{order}/notes", body={"note": letter * (most + 1)})
    assert code_of(response) == (500, "woocommerce_api_cannot_create_order_note")
    assert len(shop.notes(order)) == 1


def test_an_empty_note_is_taken_and_a_missing_one_is_not(shop: WooSandbox, ask: Client) -> None:
    order = shop.add_order()
    assert ask("POST", f"orders/{order}/notes", body={"note": ""}).status_code == 201
    response = ask("POST", f"orders/{order}/notes", body={})
    assert code_of(response) == (400, "rest_missing_callback_param")
    assert response.json()["data"]["params"] == ["note"]


@pytest.mark.parametrize(
    ("sent", "kept"), [(r"C:\temp", "C:temp"), (r"\\server", r"\server"), ("end\\", "end"), ("a\nb", "a\nb")]
)
def test_a_stored_note_loses_its_backslashes(shop: WooSandbox, ask: Client, sent: str, kept: str) -> None:
    order = shop.add_order()
    note = ask("POST", f"orders/{order}/notes", body={"note": sent, "customer_note": True}).json()
    assert note["note"] == kept
    assert shop.mails[0].body == sent  # the mail is made from what was sent


def test_trashed_orders_still_take_notes(shop: WooSandbox, ask: Client) -> None:
    order = shop.add_order()
    shop.trash(order)
    assert ask("POST", f"orders/{order}/notes", body={"note": "n"}).status_code == 201


def test_a_client_that_stops_waiting_does_not_cancel_its_note(shop: WooSandbox, ask: Client) -> None:
    order = shop.add_order()
    shop.fail_next("timeout", after_commit=True)
    with pytest.raises(requests.ReadTimeout):
        ask("POST", f"orders/{order}/notes", body={"note": "kept"}, timeout=0.1)
    assert [note.text for note in shop.notes(order)] == ["kept"]


# Changing orders


def test_a_change_of_status_leaves_a_note_and_dates(shop: WooSandbox, clock: MovableClock, ask: Client) -> None:
    order = shop.add_order(status="pending")
    clock.advance(SECOND)
    paid = ask("PUT", f"orders/{order}", body={"status": "processing"}).json()
    assert (paid["date_paid_gmt"], paid["date_completed_gmt"]) == ("2026-11-10T08:00:01", None)
    clock.advance(SECOND)
    done = ask("PUT", f"orders/{order}", body={"status": "completed"}).json()
    assert (done["date_paid_gmt"], done["date_completed_gmt"]) == (
        "2026-11-10T08:00:01",
        "2026-11-10T08:00:02",
    )
    assert [note.text for note in shop.notes(order)] == [
        "Order status changed from Pending payment to Processing.",
        "Order status changed from Processing to Completed.",
    ]


def test_cash_on_delivery_counts_as_paid_once_completed(shop: WooSandbox, ask: Client) -> None:
    order = shop.add_order(payment_method="cod")
    assert ask("GET", f"orders/{order}").json()["date_paid"] is None
    assert ask("PUT", f"orders/{order}", body={"status": "completed"}).json()["date_paid"] is not None


def test_the_same_status_again_leaves_no_note(shop: WooSandbox, ask: Client) -> None:
    order = shop.add_order(status="completed")
    ask("PUT", f"orders/{order}", body={"status": "completed"})
    assert shop.notes(order) == []


@pytest.mark.parametrize("status", ["bogus", "wc-processing", "trash", "any"])
def test_an_unknown_status_is_refused(shop: WooSandbox, ask: Client, status: str) -> None:
    response = ask("PUT", f"orders/{shop.add_order()}", body={"status": status})
    assert code_of(response) == (400, "rest_invalid_param")
    assert response.json()["data"]["params"]["status"].endswith("failed, checkout-draft, and delivered.")


def test_refunded_as_a_status_makes_a_full_refund_that_stays(shop: WooSandbox, ask: Client) -> None:
    order = shop.add_order()
    refunded = ask("PUT", f"orders/{order}", body={"status": "refunded"}).json()
    assert refunded["total"] == "74.90"
    (summary,) = refunded["refunds"]
    assert (summary["reason"], summary["total"]) == ("Order fully refunded.", "-74.90")
    back = ask("PUT", f"orders/{order}", body={"status": "processing"}).json()
    assert back["refunds"] == [summary]


def test_refunds_add_up_to_the_status_refunded(shop: WooSandbox, ask: Client) -> None:
    order = shop.add_order()
    first = ask("POST", f"orders/{order}/refunds", body={"amount": "5.00", "reason": "chipped"})
    assert (first.status_code, first.json()["amount"], first.json()["reason"]) == (201, "5.00", "chipped")
    assert ask("GET", f"orders/{order}").json()["status"] == "processing"
    too_much = ask("POST", f"orders/{order}/refunds", body={"amount": "100.00"})
    assert (too_much.status_code, too_much.json()["data"]) == (500, 500)  # `data` is a bare number here
    shop.refund(order)
    assert ask("GET", f"orders/{order}").json()["status"] == "refunded"
    listing = ask("GET", f"orders/{order}/refunds")
    assert [refund["amount"] for refund in listing.json()] == ["69.90", "5.00"]
    assert listing.headers["X-WP-Total"] == "2"


def test_meta_is_changed_in_place_turned_into_text_and_deleted_by_null(shop: WooSandbox, ask: Client) -> None:
    order = shop.add_order()

    def put(*entries: dict[str, Any]) -> list[dict[str, Any]]:
        answer = ask("PUT", f"orders/{order}", body={"meta_data": list(entries)}).json()
        return [dict(entry) for entry in answer["meta_data"]]

    written = put({"key": "n", "value": 5}, {"key": "t", "value": True}, {"key": "x", "value": {"a": [1, "ב"]}})
    assert [entry["value"] for entry in written] == ["5", "1", {"a": [1, "ב"]}]
    again = put({"key": "n", "value": 6}, {"id": written[1]["id"], "key": "t", "value": "no"})
    assert [(entry["id"], entry["value"]) for entry in again[:2]] == [
        (written[0]["id"], "6"),
        (written[1]["id"], "no"),
    ]
    assert [entry["key"] for entry in put({"key": "t", "value": None})] == ["n", "x"]


def test_the_date_of_creation_cannot_be_written(shop: WooSandbox, ask: Client) -> None:
    order = ask("PUT", f"orders/{shop.add_order()}", body={"date_created": "2020-01-01T00:00:00"}).json()
    assert order["date_created"] == "2026-11-10T10:00:00"


def test_orders_can_be_made_over_the_api(shop: WooSandbox, ask: Client) -> None:
    billing = {"first_name": "Zoë", "email": "zoe@example.org"}
    body = {"billing": billing, "line_items": [{"product_id": 7, "quantity": 2, "total": "30.00"}]}
    response = ask("POST", "orders", body={**body, "status": "completed", "payment_method": "cod"})
    order = response.json()
    assert response.status_code == 201
    assert (order["status"], order["total"], order["date_completed_gmt"]) == (
        "completed",
        "30.00",
        "2026-11-10T08:00:00",
    )
    assert shop.notes(order["id"])[0].text == "Order status changed from Pending payment to Completed."


def test_a_billing_address_needs_a_real_e_mail(ask: Client) -> None:
    response = ask("POST", "orders", body={"billing": {"email": "not-an-email"}})
    assert code_of(response) == (400, "order_invalid_billing_email")


def test_setting_paid_moves_an_order_that_waits_for_money(shop: WooSandbox, ask: Client) -> None:
    order = ask("PUT", f"orders/{shop.add_order(status='pending')}", body={"set_paid": True}).json()
    assert (order["status"], order["date_paid_gmt"]) == ("processing", "2026-11-10T08:00:00")


def test_a_body_that_is_no_json_is_a_400(shop: WooSandbox, ask: Client) -> None:
    url = ask.signed("POST", f"orders/{shop.add_order()}/notes", {})
    assert code_of(requests.post(url, data=b"{", timeout=5)) == (400, "rest_invalid_json")


# Coupons


def test_coupon_codes_are_lower_case_and_unique(shop: WooSandbox, ask: Client) -> None:
    body = {"code": "WELCOME-שלום", "discount_type": "percent", "amount": "10", "usage_limit": 1}
    made = ask("POST", "coupons", body={**body, "email_restrictions": ["dana@example.org"]})
    coupon = made.json()
    assert made.status_code == 201
    assert (coupon["code"], coupon["amount"], coupon["usage_limit"]) == ("welcome-שלום", "10.00", 1)
    assert coupon["email_restrictions"] == ["dana@example.org"]
    again = ask("POST", "coupons", body={**body, "code": "Welcome-שלום"})
    assert code_of(again) == (400, "woocommerce_rest_coupon_code_already_exists")
    assert [found["id"] for found in ask("GET", "coupons", {"code": "WELCOME-שלום"}).json()] == [coupon["id"]]
    assert ask("GET", "coupons", {"code": "other"}).json() == []
    assert list(shop.coupons) == ["welcome-שלום"]


def test_a_coupons_end_is_local_and_the_gmt_one_is_ignored(ask: Client) -> None:
    local = ask("POST", "coupons", body={"code": "a", "date_expires": "2026-12-31T23:59:59"}).json()
    assert local["date_expires_gmt"] == "2026-12-31T21:59:59"
    ignored = ask("POST", "coupons", body={"code": "b", "date_expires_gmt": "2026-12-31T21:59:59"}).json()
    assert (ignored["date_expires"], ignored["date_expires_gmt"]) == (None, None)


def test_a_coupon_needs_a_code_and_a_known_type(ask: Client) -> None:
    assert code_of(ask("POST", "coupons", body={"amount": "5"})) == (400, "rest_missing_callback_param")
    response = ask("POST", "coupons", body={"code": "a", "discount_type": "gift"})
    assert code_of(response) == (400, "rest_invalid_param")


# Products


def test_a_product_has_exactly_the_keys_of_a_real_one(shop: WooSandbox, ask: Client) -> None:
    shop.add_product(11, name="Note book", categories=["Paper & pens"], tags=["gift"])
    (product,) = ask("GET", "products").json()
    assert list(product) == PRODUCT_KEYS.split()
    assert product["permalink"] == f"{shop.url}/product/note-book/"
    assert product["categories"] == [{"id": 15, "name": "Paper &amp; pens", "slug": "paper-&-pens"}]
    assert product["tags"] == [{"id": 16, "name": "gift", "slug": "gift"}]


def test_products_are_listed_by_id_in_pages_without_those_in_the_bin(shop: WooSandbox, ask: Client) -> None:
    for number in range(1, 6):
        shop.add_product(number, status="trash" if number == 3 else "publish")
    listed = ask("GET", "products", {"include": "1,2,3,9", "per_page": 1, "page": 2})
    assert ([each["id"] for each in listed.json()], listed.headers["X-WP-Total"]) == ([1], "2")
    assert [each["id"] for each in ask("GET", "products", {"per_page": 100}).json()] == [5, 4, 2, 1]


# Parcels


def test_without_the_feature_there_is_no_route_for_parcels(legacy: WooSandbox, ask_legacy: Client) -> None:
    response = ask_legacy("GET", f"orders/{legacy.add_order()}/fulfillments")
    assert code_of(response) == (404, "rest_no_route")


def test_a_parcels_dates_are_local_and_its_fields_are_meta(shop: WooSandbox, ask: Client) -> None:
    order = shop.add_order()
    shop.add_fulfillment(order, tracking_number="RR1", provider="post", tracking_url="https://t.example.com/RR1")
    line = shop.order(order).line_items[0]["id"]
    (parcel,) = ask("GET", f"orders/{order}/fulfillments").json()
    assert parcel["date_updated"] == "2026-11-10 10:00:00"
    assert (parcel["entity_id"], parcel["is_fulfilled"], parcel["status"]) == (str(order), True, "fulfilled")
    assert {entry["key"]: entry["value"] for entry in parcel["meta_data"]} == {
        "_items": [{"item_id": line, "qty": 1}],
        "_tracking_number": "RR1",
        "_shipment_provider": "post",
        "_tracking_url": "https://t.example.com/RR1",
        "_date_fulfilled": "2026-11-10 10:00:00",
    }


def test_a_parcels_meta_without_a_zero_id_is_dropped(shop: WooSandbox, ask: Client) -> None:
    path = f"orders/{shop.add_order()}/fulfillments"
    items = {"id": 0, "key": "_items", "value": [{"item_id": 1, "qty": 1}]}
    number = {"key": "_tracking_number", "value": "RR1"}
    parcel = ask("POST", path, body={"status": "unfulfilled", "meta_data": [items, number]})
    assert parcel.status_code == 201
    assert [entry["key"] for entry in parcel.json()["meta_data"]] == ["_items"]
    assert ask("GET", f"{path}/{parcel.json()['id']}").json() == parcel.json()


def test_errors_about_parcels_break_the_rules(shop: WooSandbox, ask: Client) -> None:
    order = shop.add_order()
    empty = ask("POST", f"orders/{order}/fulfillments", body={"meta_data": []}).json()
    assert (empty["code"], empty["data"]) == (0, {"status": 400})
    assert ask("GET", f"orders/{order}/fulfillments/9").json()["code"] == 0
    unknown = ask("GET", "orders/999999/fulfillments")
    assert (unknown.status_code, unknown.json()["data"]) == (404, {"status": "404"})


# The shop itself


def test_anyone_may_read_what_the_site_is(shop: WooSandbox) -> None:
    site = requests.get(f"{shop.url}/wp-json/", timeout=5).json()
    assert (site["url"], site["timezone_string"], site["gmt_offset"]) == (shop.url, "Asia/Jerusalem", 2)
    assert "wc/v3" in site["namespaces"]


def test_the_currency_comes_with_an_html_symbol(ask: Client) -> None:
    currency = ask("GET", "data/currencies/current").json()
    assert (currency["code"], currency["symbol"]) == ("ILS", "&#8362;")


def test_the_system_status_tells_one_installation_from_another(shop: WooSandbox, ask: Client) -> None:
    environment = ask("GET", "system_status").json()["environment"]
    assert (environment["store_id"], environment["home_url"]) == (shop.store_id, shop.url)
    shop.become_another_store()
    assert ask("GET", "system_status").json()["environment"]["store_id"] != environment["store_id"]


def test_an_unknown_path_is_no_route(ask: Client) -> None:
    assert code_of(ask("GET", "nonexistent")) == (404, "rest_no_route")
    assert code_of(ask("POST", "orders/1/notes/batch", body={})) == (404, "rest_no_route")


# Who may ask


def test_the_package_sends_each_parameter_twice_and_is_understood() -> None:
    with WooSandbox() as shop:
        shop.add_order()
        response = API(shop.url, "ck_sandbox", "cs_sandbox").get("orders", params={"per_page": 1, "status": "any"})
    assert response.status_code == 200
    assert response.url.count("per_page=1") == 2
    assert shop.requests[0].params == {"per_page": "1", "status": "any"}


@pytest.mark.parametrize(
    ("who", "said"),
    [
        ({"key": "ck_wrong"}, "Consumer key is invalid."),
        ({"secret": "cs_wrong"}, "Invalid signature - provided signature does not match."),
        ({"late": 901}, "Invalid timestamp."),
        ({"late": -3600}, "Invalid timestamp."),
    ],
)
def test_bad_credentials_are_named(ask: Client, who: dict[str, Any], said: str) -> None:
    response = ask("GET", "orders", **who)
    assert code_of(response) == (401, "woocommerce_rest_authentication_error")
    assert response.json()["message"] == said


@pytest.mark.parametrize("late", [899, 600, -600, -899])
def test_a_clock_less_than_a_quarter_of_an_hour_off_will_do(ask: Client, late: int) -> None:
    assert ask("GET", "orders", late=late).status_code == 200


def test_an_empty_key_is_a_missing_parameter(ask: Client) -> None:
    response = ask("GET", "orders", key="")
    assert code_of(response) == (401, "woocommerce_rest_authentication_missing_parameter")
    assert response.json()["message"] == "Missing OAuth parameter oauth_consumer_key"


def test_a_signed_request_cannot_be_repeated(ask: Client) -> None:
    url = ask.signed("GET", "orders", {})
    assert requests.get(url, timeout=5).status_code == 200
    replay = requests.get(url, timeout=5)
    assert replay.json()["message"] == "Invalid nonce - nonce has already been used."


def test_a_signature_covers_every_parameter(ask: Client) -> None:
    url = ask.signed("GET", "orders", {"per_page": 1})
    assert requests.get(f"{url}&status=any", timeout=5).status_code == 401


def test_sha1_signatures_are_good_too(shop: WooSandbox, ask: Client) -> None:
    unsigned = dict(parse_qsl(ask.signed("GET", "orders", {}).partition("?")[2]))
    del unsigned["oauth_signature"]
    unsigned["oauth_signature_method"] = "HMAC-SHA1"
    pairs = "&".join(f"{name}={quote(value, safe='')}" for name, value in sorted(unsigned.items()))
    url = f"{shop.url}/wp-json/wc/v3/orders"
    base = f"GET&{quote(url, safe='')}&{quote(pairs, safe='')}"
    digest = hmac.new(b"cs_sandbox&", base.encode(), hashlib.sha1).digest()
    params = {**unsigned, "oauth_signature": base64.b64encode(digest).decode()}
    assert requests.get(url, params=params, timeout=5).status_code == 200


def test_over_http_basic_and_query_credentials_count_for_nothing(shop: WooSandbox) -> None:
    url = f"{shop.url}/wp-json/wc/v3/orders"
    basic = requests.get(url, auth=("ck_sandbox", "cs_sandbox"), timeout=5)
    assert code_of(basic) == (401, "woocommerce_rest_cannot_view")
    query = {"consumer_key": "ck_sandbox", "consumer_secret": "cs_sandbox"}
    assert code_of(requests.get(url, params=query, timeout=5)) == (401, "woocommerce_rest_cannot_view")
    assert shop.requests[-1].params == {}  # the log keeps no secrets
    assert code_of(requests.post(url, json={}, timeout=5)) == (401, "woocommerce_rest_cannot_create")


def test_a_read_only_key_that_writes_is_a_401_before_the_path_is_looked_at(shop: WooSandbox, ask: Client) -> None:
    shop.add_key("ck_reader", "cs_reader", "read")
    reader = {"key": "ck_reader", "secret": "cs_reader"}
    assert ask("GET", "orders", **reader).status_code == 200
    refused = ask("POST", "orders/0/notes", body={"note": "may I?"}, **reader)
    assert code_of(refused) == (401, "woocommerce_rest_authentication_error")
    assert refused.json()["message"] == "The API key provided does not have write permissions."
    allowed = ask("POST", "orders/0/notes", body={"note": "may I?"})
    assert code_of(allowed) == (404, "woocommerce_rest_order_invalid_id")


def test_a_write_only_key_cannot_read(shop: WooSandbox, ask: Client) -> None:
    shop.add_key("ck_writer", "cs_writer", "write")
    response = ask("GET", "orders", key="ck_writer", secret="cs_writer")
    assert response.json()["message"] == "The API key provided does not have read permissions."


# Time, and being closed


def test_the_date_header_and_all_dates_follow_the_clock_and_its_skew(
    shop: WooSandbox, clock: MovableClock, ask: Client
) -> None:
    clock.advance(timedelta(days=1))
    shop.skew = timedelta(minutes=20)
    response = ask("POST", f"orders/{shop.add_order()}/notes", body={"note": "x"})
    assert response.headers["Date"] == "Wed, 11 Nov 2026 08:20:00 GMT"
    assert response.json()["date_created_gmt"] == "2026-11-11T08:20:00"
    assert ask("GET", "orders", late=20 * 60).json()["message"] == "Invalid timestamp."


def test_a_closed_shop_refuses_and_an_opened_one_remembers(shop: WooSandbox, ask: Client) -> None:
    order, url = shop.add_order(), shop.url
    ask("POST", f"orders/{order}/notes", body={"note": "before"})
    shop.stop()
    with pytest.raises(requests.ConnectionError):
        requests.get(f"{url}/wp-json/", timeout=5)
    shop.start()
    assert shop.url == url
    assert [note["note"] for note in ask("GET", f"orders/{order}/notes").json()] == [ARRIVED, "before"]


def test_connections_are_kept_alive(shop: WooSandbox) -> None:
    port = int(shop.url.rpartition(":")[2])
    with (
        socket.create_connection(("127.0.0.1", port), timeout=5) as connection,
        connection.makefile("rb") as answers,
    ):
        for _ in range(2):
            connection.sendall(b"GET /wp-json/ HTTP/1.1\r\nHost: shop\r\n\r\n")
            assert answers.readline() == b"HTTP/1.1 200 OK\r\n"
            headers = dict(line.split(b": ", 1) for line in iter(answers.readline, b"\r\n"))
            answers.read(int(headers[b"Content-Length"]))


def test_many_writers_lose_nothing(shop: WooSandbox) -> None:
    order = shop.add_order()

    def write(number: int) -> None:
        client = Client(shop)
        client("POST", f"orders/{order}/notes", body={"note": str(number)})
        client.session.close()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(40)))
    assert sorted(int(note.text) for note in shop.notes(order)) == list(range(40))
    assert len({note.id for note in shop.notes(order)}) == 40


# Faults


def posts(request: Request) -> bool:
    return request.method == "POST"


def test_a_reset_before_the_commit_leaves_nothing(shop: WooSandbox, ask: Client) -> None:
    order = shop.add_order()
    shop.fail_next("reset", match=posts)
    with pytest.raises(requests.ConnectionError):
        ask("POST", f"orders/{order}/notes", body={"note": "x"})
    assert shop.notes(order) == []
    assert ask("POST", f"orders/{order}/notes", body={"note": "x"}).status_code == 201


def test_a_reset_after_the_commit_leaves_the_note(shop: WooSandbox, ask: Client) -> None:
    order = shop.add_order()
    shop.fail_next("reset", match=posts, after_commit=True)
    with pytest.raises(requests.ConnectionError):
        ask("POST", f"orders/{order}/notes", body={"note": "x"})
    assert len(shop.notes(order)) == 1


def test_a_time_out_before_the_commit_leaves_nothing_however_long_one_waits(shop: WooSandbox, ask: Client) -> None:
    order = shop.add_order()
    shop.fail_next("timeout", delay=0.05)
    with pytest.raises(requests.ConnectionError):
        ask("POST", f"orders/{order}/notes", body={"note": "x"})
    assert shop.notes(order) == []


def test_a_late_write_lands_when_the_client_has_gone(shop: WooSandbox, ask: Client) -> None:
    order = shop.add_order()
    shop.fail_next("late", match=posts)
    with pytest.raises(requests.ReadTimeout):
        ask("POST", f"orders/{order}/notes", body={"note": "late"}, timeout=0.1)
    assert shop.notes(order) == []
    shop.faults.release()
    for _ in range(1000):  # it lands in a thread of its own, soon
        if ask("GET", f"orders/{order}/notes").json():
            break
    assert [note.text for note in shop.notes(order)] == ["late"]


@pytest.mark.parametrize(
    ("how", "code"),
    [
        ("401", "rest_disabled"),
        ("403", "rest_forbidden"),
        ("404", "rest_no_route"),
        ("429", "too_many_requests"),
        ("500", "internal_server_error"),
        ("503", "wp_die"),
    ],
)
def test_a_host_can_answer_in_the_shops_stead(shop: WooSandbox, ask: Client, how: str, code: str) -> None:
    shop.fail_next(how)
    assert code_of(ask("GET", "orders")) == (int(how), code)
    assert ask("GET", "orders").status_code == 200


def test_the_time_to_wait_can_be_told(shop: WooSandbox, ask: Client) -> None:
    shop.fail_next("503")
    shop.fail_next("429", retry_after="2")
    assert ask("GET", "orders").headers["Retry-After"] == "600"
    assert ask("GET", "orders").headers["Retry-After"] == "2"


def test_a_proxy_answers_in_html(shop: WooSandbox, ask: Client) -> None:
    shop.fail_next("502")
    shop.fail_next("html")
    assert ask("GET", "orders").status_code == 502
    page = ask("GET", "orders")
    assert (page.status_code, page.headers["Content-Type"]) == (200, "text/html; charset=UTF-8")


def test_an_error_may_come_after_the_commit(shop: WooSandbox, ask: Client) -> None:
    order = shop.add_order()
    shop.fail_next("500", match=posts, after_commit=True)
    assert ask("POST", f"orders/{order}/notes", body={"note": "x"}).status_code == 500
    assert len(shop.notes(order)) == 1


@pytest.mark.parametrize(("how", "start"), [("php_notice", b"<br />"), ("bom", b"\xef\xbb\xbf[")])
def test_php_can_spoil_a_true_answer(shop: WooSandbox, ask: Client, how: str, start: bytes) -> None:
    shop.add_order()
    shop.fail_next(how)
    response = ask("GET", "orders")
    assert response.status_code == 200
    assert response.content.startswith(start)
    with pytest.raises(ValueError, match=r"Expecting|BOM"):
        response.json()


def test_a_body_can_end_too_soon(shop: WooSandbox, ask: Client) -> None:
    shop.add_order()
    shop.fail_next("truncated")
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        ask("GET", "orders")


def test_json_can_be_of_the_wrong_shape(shop: WooSandbox, ask: Client) -> None:
    shop.fail_next("wrong_json")
    assert ask("GET", "orders").json() == {"success": False, "data": "0"}


def test_a_broken_orders_table_looks_like_an_empty_shop(shop: WooSandbox, ask: Client) -> None:
    order = shop.add_order()
    shop.fail_next("empty_list", times=None)
    listing = ask("GET", "orders")
    assert (listing.status_code, listing.json(), listing.headers["X-WP-Total"]) == (200, [], "0")
    assert code_of(ask("GET", f"orders/{order}")) == (404, "woocommerce_rest_shop_order_invalid_id")
    shop.faults.clear()
    assert ask.ids() == [order]


def test_a_fault_waits_for_its_request_and_strikes_as_often_as_told(shop: WooSandbox, ask: Client) -> None:
    order = shop.add_order()
    shop.fail_next("500", match=posts, times=2)
    assert ask("GET", "orders").status_code == 200
    codes = [ask("POST", f"orders/{order}/notes", body={"note": "x"}).status_code for _ in range(3)]
    assert codes == [500, 500, 201]


def test_an_unknown_fault_is_refused_with_the_known_ones(shop: WooSandbox) -> None:
    with pytest.raises(ValueError, match="cannot fail by 'explode'; it can by: reset, timeout"):
        shop.fail_next("explode")


# Leading the shop by hand


def test_an_added_order_has_a_past(shop: WooSandbox, ask: Client) -> None:
    created, completed = NOON - timedelta(days=9), NOON - timedelta(days=5)
    number = shop.add_order(status="completed", created=created, completed=completed, number="A-17")
    order = ask("GET", f"orders/{number}").json()
    assert (order["number"], order["date_created_gmt"]) == ("A-17", "2026-11-01T08:00:00")
    assert (order["date_paid_gmt"], order["date_completed_gmt"]) == (
        "2026-11-01T08:00:00",
        "2026-11-05T08:00:00",
    )
    assert order["date_modified_gmt"] == "2026-11-05T08:00:00"
    assert shop.notes(number) == []


def test_an_edit_is_a_save_by_the_merchant(shop: WooSandbox, clock: MovableClock, ask: Client) -> None:
    number = shop.add_order(meta={"gift": "yes"}, coupons=["WELCOME"])
    clock.advance(SECOND)
    shop.edit(number, billing={"phone": ""}, items=[{"name": "Cup", "price": 5, "quantity": 2}], meta={"gift": None})
    order = ask("GET", f"orders/{number}").json()
    assert (order["billing"]["phone"], order["total"], order["meta_data"]) == ("", "35.00", [])
    assert order["coupon_lines"][0]["code"] == "welcome"
    assert order["date_modified_gmt"] == "2026-11-10T08:00:01"


def test_what_cannot_be_is_refused_by_hand_too(shop: WooSandbox) -> None:
    order = shop.add_order()
    with pytest.raises(ValueError, match="no status 'shipped'"):
        shop.set_status(order, "shipped")
    with pytest.raises(TypeError, match="'colour'"):
        shop.edit(order, colour="red")
    with pytest.raises(ValueError, match="aware"):
        shop.add_order(created=datetime(2026, 1, 1))  # noqa: DTZ001 naive on purpose
    shop.delete(order)
    with pytest.raises(KeyError):
        shop.order(order)


def test_every_request_is_logged_with_what_it_asked(shop: WooSandbox, ask: Client) -> None:
    ask("GET", "orders", {"per_page": 5})
    (request,) = shop.requests
    assert (request.method, request.path, request.params, request.at) == (
        "GET",
        "/wp-json/wc/v3/orders",
        {"per_page": "5"},
        NOON,
    )


def test_refunds_by_hand_are_exact(shop: WooSandbox) -> None:
    order = shop.add_order()
    shop.refund(order, Decimal("70"))
    assert shop.order(order).refundable == Decimal("4.90")
