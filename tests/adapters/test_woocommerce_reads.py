"""Fetching orders by id, fulfilments, and what a check finds."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
import requests
import responses

from adapters.base import Broken, StoreAdapter
from adapters.errors import AuthFailed, Rejected, Unavailable, UnknownOutcome
from adapters.model import Finding, Product
from adapters.registry import create
from adapters.sandbox.clock import MovableClock
from adapters.sandbox.server import Request
from adapters.sandbox.woocommerce import WooSandbox

Connect = Callable[..., StoreAdapter]
SHOP = "https://shop.example.com"
API = f"{SHOP}/wp-json/wc/v3"


# Fetching


def test_a_hundred_orders_are_one_request(shop: WooSandbox, store: StoreAdapter) -> None:
    ids = [str(shop.add_order()) for _ in range(250)]
    fetched = store.get_orders(ids)
    assert [order.id for order in fetched.orders] == ids
    assert len(shop.requests) == 3


def test_an_order_in_the_bin_comes_marked_as_trashed(shop: WooSandbox, store: StoreAdapter) -> None:
    kept, trashed = shop.add_order(), shop.add_order()
    shop.trash(trashed)
    fetched = store.get_orders([str(kept), str(trashed)])
    assert [(order.id, order.trashed) for order in fetched.orders] == [(str(kept), False), (str(trashed), True)]


def test_a_store_with_nothing_but_trash_is_no_fault(shop: WooSandbox, store: StoreAdapter) -> None:
    trashed = shop.add_order()
    shop.trash(trashed)
    assert store.get_orders([str(trashed)]).orders[0].trashed


def test_a_refund_is_no_order(shop: WooSandbox, store: StoreAdapter) -> None:
    order_id = shop.add_order()
    refund_id = str(shop.refund(order_id, "5.00"))
    assert store.get_orders([str(order_id), refund_id]).missing == (refund_id,)


def test_a_broken_orders_table_is_no_proof_of_deletion(shop: WooSandbox, store: StoreAdapter) -> None:
    ids = [str(shop.add_order()) for _ in range(3)]
    shop.fail_next("empty_list", times=None)
    with pytest.raises(Unavailable, match="orders table is broken"):
        store.get_orders(ids)


def test_legacy_storage_reads_alike(clock: MovableClock, connect: Connect) -> None:
    with WooSandbox(clock=clock, hpos=False) as shop:
        kept, gone = shop.add_order(), shop.add_order()
        shop.delete(gone)
        fetched = connect(shop).get_orders([str(gone), str(kept)])
    assert ([order.id for order in fetched.orders], fetched.missing) == ([str(kept)], (str(gone),))


def test_meta_that_leaves_no_trace_in_the_dates_is_seen_by_id(clock: MovableClock, connect: Connect) -> None:
    with WooSandbox(clock=clock, hpos=False) as shop:
        order_id, store = shop.add_order(), connect(shop)
        clock.advance(timedelta(hours=1))
        shop.set_meta(order_id, "_delivered_at", "2026-03-01", bump=False)
        (order,) = store.get_orders([str(order_id)]).orders
    assert order.meta["_delivered_at"] == "2026-03-01"


# Fulfilments


@pytest.fixture
def parcels(clock: MovableClock, connect: Connect) -> tuple[WooSandbox, StoreAdapter]:
    shop = WooSandbox(clock=clock, fulfillments=True)
    shop.start()
    return shop, connect(shop, fulfillments=True)


def test_fulfilments_are_read_for_orders_that_may_have_some(parcels: tuple[WooSandbox, StoreAdapter]) -> None:
    shop, store = parcels
    order_id = shop.add_order()
    shop.add_order(status="pending")
    shop.add_fulfillment(order_id, tracking_number="RR1", at=datetime(2026, 3, 1, 8, 0, tzinfo=UTC))
    (page,) = store.changed_orders(None)
    told = {order.id: order.shipments for order in page.orders}
    asked = [request for request in shop.requests if request.path.endswith("/fulfillments")]
    assert told[str(order_id)][0].shipped_at == datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
    assert len(asked) == 1
    shop.stop()


def test_fulfilments_switched_off_in_the_shop_are_none(shop: WooSandbox, connect: Connect) -> None:
    shop.add_order()
    store = connect(shop, fulfillments=True)
    assert [order.shipments for page in store.changed_orders(None) for order in page.orders] == [()]
    assert [finding.fatal for finding in store.check(frozenset()).findings] == [False]


def test_old_orders_are_not_asked_for_fulfilments(
    parcels: tuple[WooSandbox, StoreAdapter], clock: MovableClock
) -> None:
    shop, store = parcels
    shop.add_order()
    clock.advance(timedelta(days=90))
    list(store.changed_orders(None))
    assert len(shop.requests) == 1
    shop.stop()


# Checking


def fatal(store: StoreAdapter) -> str:
    """What is fatally wrong, in one sentence."""
    (message,) = [finding.message for finding in store.check(frozenset()).findings if finding.fatal]
    return message


def test_a_check_asks_one_thing_at_most_once(shop: WooSandbox, store: StoreAdapter) -> None:
    shop.add_order()
    store.check(frozenset())
    paths = [request.path for request in shop.requests]
    assert len(paths) == len(set(paths))


def test_a_check_of_a_healthy_store_tells_all_about_it(shop: WooSandbox, store: StoreAdapter) -> None:
    shop.add_order()
    info = store.check(frozenset())
    assert info.identity.site_id == shop.store_id
    assert (info.identity.url, info.identity.currency) == (shop.url, "ILS")
    assert (info.name, info.timezone) == ("Sandbox shop", "Asia/Jerusalem")
    assert "on-hold" in info.statuses
    assert (info.can_write, info.findings) == (True, ())


def test_a_clone_is_told_from_the_store(shop: WooSandbox, store: StoreAdapter) -> None:
    before = store.identify().identity
    shop.become_another_store()
    assert store.identify().identity != before


def test_the_index_is_asked_without_our_key(shop: WooSandbox, store: StoreAdapter) -> None:
    """WordPress would take it for a wrong password of its own."""
    store.identify()
    index = shop.requests[0]
    assert index.path == "/wp-json/"
    assert "oauth" not in index.query
    assert "authorization" not in index.headers


@pytest.mark.parametrize(
    ("settings", "cure"),
    [
        ({"consumer_key": "ck_other"}, "wrong, revoked or for another shop"),
        ({"consumer_secret": "cs_other"}, "wrong, revoked or for another shop"),
    ],
)
def test_a_wrong_key_is_named(shop: WooSandbox, connect: Connect, settings: dict[str, str], cure: str) -> None:
    store = connect(shop, **settings)
    assert cure in fatal(store)
    with pytest.raises(AuthFailed):
        store.identify()


def test_a_read_only_key_is_named(shop: WooSandbox, connect: Connect) -> None:
    shop.add_order()
    shop.add_key("ck_reader", "cs_reader", "read")
    store = connect(shop, consumer_key="ck_reader", consumer_secret="cs_reader")
    assert "Give it Read/Write" in fatal(store)
    assert store.check(frozenset()).can_write is False


@pytest.mark.parametrize("minutes", [20, -20])
def test_a_clock_twenty_minutes_off_is_named(shop: WooSandbox, store: StoreAdapter, minutes: int) -> None:
    shop.skew = timedelta(minutes=minutes)
    assert "20 minutes apart" in fatal(store)
    assert "NTP" in fatal(store)


def test_a_clock_three_minutes_off_is_a_warning(shop: WooSandbox, store: StoreAdapter) -> None:
    shop.add_order()
    shop.skew = timedelta(minutes=3)
    info = store.check(frozenset())
    assert info.skew == timedelta(minutes=3)
    expected = "The store's clock is 3 minutes ahead of this machine's. Set both by NTP."
    assert info.findings == (Finding(False, expected),)


@pytest.mark.parametrize(
    ("how", "cure"),
    [
        ("401", "a security plugin or firewall blocks the REST API"),
        ("403", "a security plugin or firewall blocks the REST API"),
        ("404", "Is WooCommerce active?"),
        ("html", "Let requests to /wp-json/ through"),
        ("php_notice", "WP_DEBUG_DISPLAY"),
        ("503", "under maintenance"),
        ("reset", "broke the connection"),
    ],
)
def test_whatever_stands_in_the_way_is_named_with_its_cure(
    shop: WooSandbox, store: StoreAdapter, how: str, cure: str
) -> None:
    shop.fail_next(how, times=None)
    assert cure in fatal(store)


def test_a_store_that_is_down_is_named(shop: WooSandbox, store: StoreAdapter) -> None:
    shop.stop()
    assert "refuses connections" in fatal(store)


def test_an_empty_store_may_be_new_or_broken(store: StoreAdapter) -> None:
    (finding,) = store.check(frozenset()).findings
    assert not finding.fatal
    assert "no orders" in finding.message


def test_a_blocked_index_is_no_more_than_a_pity(shop: WooSandbox, store: StoreAdapter) -> None:
    shop.add_order()
    shop.fail_next("403", match=lambda request: request.path == "/wp-json/", times=None)
    info = store.check(frozenset())
    assert [finding.fatal for finding in info.findings] == [False]
    assert (info.identity.site_id, info.timezone) == (shop.store_id, None)
    assert store.identify().identity == info.identity


def test_a_key_without_the_right_to_the_system_status_still_knows_the_currency(
    shop: WooSandbox, store: StoreAdapter
) -> None:
    shop.add_order()

    def is_for_managers(request: Request) -> bool:
        return request.path.endswith(("/system_status", "/data/currencies/current"))

    shop.fail_next("403", match=is_for_managers, times=None)
    assert store.identify().identity.currency == "ILS"


# What only a real network shows


def over_https() -> StoreAdapter:
    return create("woocommerce", url=SHOP, consumer_key="ck_1", consumer_secret="cs_1", sleep=lambda seconds: None)


@responses.activate
def test_over_https_the_key_is_in_a_header_and_not_in_the_address() -> None:
    responses.get(f"{API}/orders", json=[])
    list(over_https().changed_orders(None))
    request = responses.calls[0].request
    assert request.headers["Authorization"].startswith("Basic ")
    assert "ck_1" not in str(request.url)
    assert "oauth" not in str(request.url)


@responses.activate
def test_wordpress_in_a_subfolder_is_asked_there() -> None:
    responses.get(f"{SHOP}/wp/wp-json/wc/v3/orders", json=[])
    store = create("woocommerce", url=f"{SHOP}/wp/", consumer_key="ck_1", consumer_secret="cs_1")
    assert len(list(store.changed_orders(None))) == 1


@pytest.mark.parametrize(
    ("failure", "cure"),
    [
        (requests.exceptions.SSLError("certificate has expired"), "Renew the certificate"),
        (requests.exceptions.ConnectTimeout("timed out"), "did not accept a connection"),
        (requests.exceptions.ReadTimeout("timed out"), "did not answer within 30 s"),
    ],
)
@responses.activate
def test_a_network_that_fails_is_named(failure: Exception, cure: str) -> None:
    responses.get(f"{SHOP}/wp-json/", body=failure)
    responses.get(f"{API}/orders", body=failure)
    assert cure in fatal(over_https())


@responses.activate
def test_a_redirect_is_named_with_the_address_to_use() -> None:
    headers = {"Location": "https://www.shop.example.com/wp-json/"}
    responses.get(f"{SHOP}/wp-json/", status=301, headers=headers)
    responses.get(f"{API}/orders", status=301, headers=headers)
    assert "redirects to https://www.shop.example.com." in fatal(over_https())


@responses.activate
def test_a_header_that_the_web_server_drops_looks_like_missing_rights() -> None:
    body = {"code": "woocommerce_rest_cannot_view", "message": "Sorry.", "data": {"status": 401}}
    responses.get(f"{SHOP}/wp-json/", json={"name": "Shop", "gmt_offset": "2", "timezone_string": ""})
    responses.get(f"{API}/orders", status=401, json=body)
    assert "drops the Authorization header" in fatal(over_https())


@pytest.mark.parametrize("data", [404, "gone", None, {"status": 400}, {"params": 5}, []])
@responses.activate
def test_an_error_may_have_any_data(data: object) -> None:
    responses.get(f"{API}/orders", status=400, json={"code": 0, "message": [], "data": data})
    assert "refuses" in fatal(over_https())


@responses.activate
def test_bytes_that_are_no_text_spoil_one_order_only() -> None:
    good = b'{"id":2,"status":"processing","currency":"EUR","date_created_gmt":"2026-03-01T09:30:00"}'
    responses.get(
        f"{API}/orders", body=b"[" + good.replace(b"2,", b"1,").replace(b"processing", b"\xff") + b"," + good + b"]"
    )
    (page,) = over_https().changed_orders(None)
    assert [order.id for order in page.orders] == ["2"]
    assert page.broken == (Broken("1", "it holds text that is not UTF-8"),)


@pytest.mark.parametrize("body", [b'{"id":"\xff"}', b"[" * 100_000, b"", b"null", b"[]", b'{"id":null}'])
@responses.activate
def test_a_success_that_makes_no_sense_is_in_doubt(body: bytes) -> None:
    responses.post(f"{API}/orders/7/notes", status=201, body=body)
    with pytest.raises(UnknownOutcome):
        over_https().add_note("7", "Thanks", "a-follow-up")


@pytest.mark.parametrize("body", [b'{"code":"\xff"}', b"[" * 100_000, b"", b"null", b"[]", b"<html>"])
@responses.activate
def test_a_refusal_that_makes_no_sense_is_a_refusal(body: bytes) -> None:
    responses.post(f"{API}/orders/7/notes", status=400, body=body)
    with pytest.raises(Rejected):
        over_https().add_note("7", "Thanks", "a-follow-up")


@pytest.mark.parametrize(
    ("index", "zone"),
    [
        ({"timezone_string": "Europe/Moscow", "gmt_offset": 3}, "Europe/Moscow"),
        ({"timezone_string": "", "gmt_offset": 2}, "Etc/GMT-2"),
        ({"timezone_string": "", "gmt_offset": "-5"}, "Etc/GMT+5"),
        ({"timezone_string": "", "gmt_offset": 0}, "UTC"),
        ({"timezone_string": "", "gmt_offset": 5.5}, None),
        ({"timezone_string": "Mars/Olympus", "gmt_offset": 1}, "Etc/GMT-1"),
        ({}, None),
    ],
)
@responses.activate
def test_the_time_zone_has_its_name_where_it_has_one(index: dict[str, object], zone: str | None) -> None:
    responses.get(f"{SHOP}/wp-json/", json=index)
    responses.get(f"{API}/system_status", json={"settings": {"currency": "EUR"}})
    assert over_https().identify().timezone == zone


def test_a_route_that_is_not_there_is_asked_for_once(shop: WooSandbox, store: StoreAdapter) -> None:
    shop.fail_next("404", match=lambda request: request.path.endswith("/wp-json/"), times=None)
    store.identify()
    assert sum(request.path.endswith("/wp-json/") for request in shop.requests) == 1


# Products


def test_products_tell_their_categories_tags_and_page(shop: WooSandbox, store: StoreAdapter) -> None:
    shop.add_product(10, name="Dark roast", categories=["Coffee & tea", "New"], tags=["organic"])
    page = f"{shop.url}/product/dark-roast/"
    assert store.get_products(["10"]) == (
        Product(id="10", categories=("Coffee & tea", "New"), tags=("organic",), url=page),
    )


def test_a_product_that_nobody_can_see_has_no_page(shop: WooSandbox, store: StoreAdapter) -> None:
    shop.add_product(10, status="draft")
    assert store.get_products(["10"]) == (Product(id="10"),)


def test_a_hundred_products_are_one_request(shop: WooSandbox, store: StoreAdapter) -> None:
    ids = [str(number) for number in range(1, 251)]
    for id_ in ids:
        shop.add_product(int(id_))
    assert sorted(each.id for each in store.get_products([*ids, *ids])) == sorted(ids)
    assert len(shop.requests) == 3


def test_products_that_are_not_there_and_ids_that_are_none_are_left_out(shop: WooSandbox, store: StoreAdapter) -> None:
    shop.add_product(10)
    assert [each.id for each in store.get_products(["10", "11", "0", "ticket-7", "1,2"])] == ["10"]
    assert [request.params["include"] for request in shop.requests] == ["10,11"]


@responses.activate
def test_odd_products_are_told_as_far_as_they_make_sense() -> None:
    odd = [
        {"id": "10", "status": "publish", "permalink": "", "categories": False, "tags": [None, {"name": 7}, "x"]},
        {"id": 11, "status": "publish", "permalink": [], "categories": {"1": {"name": " Tea "}}, "tags": [{}]},
        {"id": 99, "status": "publish", "permalink": "https://shop.example.com/asked-by-nobody"},
    ]
    responses.get(f"{API}/products", json=odd)
    store = create("woocommerce", url=SHOP, consumer_key="ck_1", consumer_secret="cs_1")
    assert store.get_products(["10", "11"]) == (Product(id="10", tags=("7",)), Product(id="11", categories=("Tea",)))
    store.close()


def test_what_is_no_list_of_products_is_a_fault_of_the_store(shop: WooSandbox, store: StoreAdapter) -> None:
    shop.fail_next("wrong_json", times=None)
    with pytest.raises(Unavailable, match="/products"):
        store.get_products(["10"])
