"""Notes, messages, tags, status and coupons: written once, settled when in doubt, and without side effects."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from adapters.base import StoreAdapter
from adapters.errors import AuthFailed, NotFound, Rejected, Unavailable, UnknownOutcome
from adapters.model import Coupon, Money
from adapters.sandbox.clock import MovableClock
from adapters.sandbox.server import Request
from adapters.sandbox.woocommerce import WooSandbox

Connect = Callable[..., StoreAdapter]

KEY = "a-follow-up"


def is_write(request: Request) -> bool:
    return request.method != "GET"


def writes(shop: WooSandbox) -> list[Request]:
    return [request for request in shop.requests if is_write(request)]


@pytest.fixture
def order_id(shop: WooSandbox) -> str:
    return str(shop.add_order())


# Notes


def test_a_note_is_private_and_a_message_is_mailed(shop: WooSandbox, store: StoreAdapter, order_id: str) -> None:
    store.add_note(order_id, "For the staff", KEY)
    store.send_message(order_id, "For the customer", "Subject", KEY)
    assert [(note.text, note.customer) for note in shop.notes(int(order_id))] == [
        ("For the staff", False),
        ("For the customer", True),
    ]
    assert [mail.body for mail in shop.mails] == ["For the customer"]


@pytest.mark.parametrize(
    "text", ["C:\\new\\\\table", "one\r\ntwo\rthree", "  padded \n", "half a \ud83d sign", "🔔 שלום"]
)
def test_any_text_is_found_again_letter_by_letter(
    shop: WooSandbox, clock: MovableClock, store: StoreAdapter, order_id: str, text: str
) -> None:
    """WordPress strips backslashes from what it stores."""
    note_id = store.add_note(order_id, text, KEY)
    assert store.find_note(order_id, text, KEY, clock.now, ()) == note_id


def test_a_backslash_reaches_the_reader(shop: WooSandbox, store: StoreAdapter, order_id: str) -> None:
    store.send_message(order_id, "a\\b", None, KEY)
    assert shop.mails[0].body == "a&#92;b"


@pytest.mark.parametrize(("letters", "fits"), [("x" * 65535, True), ("x" * 65536, False), ("ש" * 32768, False)])
def test_the_longest_note_is_counted_in_bytes_before_it_is_sent(
    shop: WooSandbox, store: StoreAdapter, order_id: str, letters: str, fits: bool
) -> None:
    """WooCommerce answers a longer one with an error 500, for ever."""
    if fits:
        store.add_note(order_id, letters, KEY)
    else:
        with pytest.raises(Rejected, match="65,535"):
            store.add_note(order_id, letters, KEY)
    assert len(writes(shop)) == fits


@pytest.mark.parametrize("how", ["reset", "timeout", "500", "502", "503"])
@pytest.mark.parametrize("done", [True, False])
def test_a_doubtful_note_is_not_repeated_and_can_be_looked_up(
    shop: WooSandbox, clock: MovableClock, store: StoreAdapter, order_id: str, how: str, done: bool
) -> None:
    shop.fail_next(how, match=is_write, after_commit=done, delay=1.5, times=None)
    with pytest.raises(UnknownOutcome):
        store.add_note(order_id, "Thank you", KEY)
    shop.faults.clear()
    assert len(writes(shop)) == 1
    assert (store.find_note(order_id, "Thank you", KEY, clock.now, ()) is not None) == done


@pytest.mark.parametrize("how", ["html", "php_notice", "bom", "truncated", "wrong_json"])
def test_a_garbled_success_is_in_doubt(shop: WooSandbox, store: StoreAdapter, order_id: str, how: str) -> None:
    shop.fail_next(how, match=is_write)
    with pytest.raises(UnknownOutcome):
        store.add_note(order_id, "Thank you", KEY)


def test_a_store_that_is_down_has_surely_not_written(shop: WooSandbox, store: StoreAdapter, order_id: str) -> None:
    shop.stop()
    with pytest.raises(Unavailable, match="refuses connections"):
        store.add_note(order_id, "Thank you", KEY)


def test_a_note_on_an_order_that_is_gone_is_not_found(store: StoreAdapter) -> None:
    with pytest.raises(NotFound):
        store.add_note("987654321", "Thank you", KEY)


def test_a_missing_route_is_no_word_about_an_order(shop: WooSandbox, store: StoreAdapter, order_id: str) -> None:
    """WooCommerce switched off answers 404 to everything."""
    shop.fail_next("404", times=None)
    with pytest.raises(Unavailable, match="Is WooCommerce active"):
        store.add_note(order_id, "Thank you", KEY)
    with pytest.raises(Unavailable):
        store.get_orders([order_id])


def test_a_customers_note_is_no_private_note(clock: MovableClock, store: StoreAdapter, order_id: str) -> None:
    store.send_message(order_id, "Thank you", None, KEY)
    assert store.find_note(order_id, "Thank you", KEY, clock.now, ()) is None


def test_of_two_equal_notes_the_one_not_credited_is_ours(
    clock: MovableClock, store: StoreAdapter, order_id: str
) -> None:
    first, second = store.add_note(order_id, "Thanks", KEY), store.add_note(order_id, "Thanks", KEY)
    assert store.find_note(order_id, "Thanks", KEY, clock.now, {first}) == second
    assert store.find_note(order_id, "Thanks", KEY, clock.now, {second}) == first
    assert store.find_note(order_id, "Thanks", KEY, clock.now, {first, second}) is None


@pytest.mark.parametrize("skew", [timedelta(minutes=10), timedelta(minutes=-10)])
def test_notes_are_dated_by_the_stores_clock(
    shop: WooSandbox, clock: MovableClock, store: StoreAdapter, order_id: str, skew: timedelta
) -> None:
    shop.skew = skew
    store.add_note(order_id, "An old one", KEY)
    clock.advance(timedelta(minutes=1))
    since = clock.now
    new = store.add_note(order_id, "A new one", KEY)
    assert store.find_note(order_id, "A new one", KEY, since, ()) == new
    assert store.find_note(order_id, "An old one", KEY, since, ()) is None


def test_absence_is_proven_by_reading_the_order(
    shop: WooSandbox, clock: MovableClock, store: StoreAdapter, order_id: str
) -> None:
    shop.fail_next("empty_list", times=None)
    with pytest.raises(NotFound):
        store.find_note(order_id, "Thanks", KEY, clock.now, ())


def test_a_read_only_key_is_told_its_cure(shop: WooSandbox, connect: Connect, order_id: str) -> None:
    shop.add_key("ck_reader", "cs_reader", "read")
    reader = connect(shop, consumer_key="ck_reader", consumer_secret="cs_reader")
    with pytest.raises(AuthFailed, match="Give it Read/Write"):
        reader.add_note(order_id, "Thanks", KEY)


# Tags


def test_adding_a_tag_that_is_there_writes_nothing(shop: WooSandbox, store: StoreAdapter, order_id: str) -> None:
    """Any write dates the order anew, so it would come back with every poll."""
    shop.set_meta(int(order_id), "aftersale_tags", "vip,late")
    store.add_tags(order_id, ["late"])
    assert writes(shop) == []
    store.add_tags(order_id, ["late", "happy"])
    (order,) = store.get_orders([order_id]).orders
    assert order.tags == ("vip", "late", "happy")


# Status


def test_a_status_that_is_there_is_not_set_again(shop: WooSandbox, store: StoreAdapter, order_id: str) -> None:
    """Completing a completed order mails the customer again."""
    store.set_status(order_id, "completed")
    store.set_status(order_id, "completed")
    store.set_status(order_id, "wc-completed")
    assert len(writes(shop)) == 1


def test_an_unknown_status_is_named(store: StoreAdapter, order_id: str) -> None:
    with pytest.raises(Rejected, match="no order status 'packed'"):
        store.set_status(order_id, "packed")


def test_a_custom_status_is_ordinary(clock: MovableClock, connect: Connect) -> None:
    with WooSandbox(clock=clock, statuses=["packed"]) as shop:
        store, order_id = connect(shop), str(shop.add_order())
        store.set_status(order_id, "packed")
        (order,) = store.get_orders([order_id]).orders
    assert order.status == "packed"


@pytest.mark.parametrize("hidden", ["trash", "checkout-draft"])
def test_what_is_in_the_bin_or_abandoned_stays_there(shop: WooSandbox, store: StoreAdapter, hidden: str) -> None:
    order_id = shop.add_order(status="checkout-draft" if hidden == "checkout-draft" else "processing")
    if hidden == "trash":
        shop.trash(order_id)
    with pytest.raises(Rejected, match=hidden):
        store.set_status(str(order_id), "completed")
    assert writes(shop) == []


# Coupons


def coupon(**changes: object) -> Coupon:
    usual: dict[str, object] = {"code": "Thanks-7F3K", "percent": Decimal(10)}
    return Coupon(**usual | changes)  # type: ignore[arg-type]


def test_a_coupon_expires_at_the_moment_asked_for(shop: WooSandbox, store: StoreAdapter) -> None:
    """WooCommerce ignores date_expires_gmt, and takes the other for local time."""
    expires = datetime(2026, 7, 1, 20, 59, 59, tzinfo=UTC)
    store.create_coupon(coupon(expires_at=expires))
    assert shop.coupons["thanks-7f3k"].expires == expires


def test_a_coupon_is_for_one_use_of_one_customer(shop: WooSandbox, store: StoreAdapter) -> None:
    store.create_coupon(coupon(email="noa@example.com"))
    made = shop.coupons["thanks-7f3k"]
    assert (made.discount_type, made.amount) == ("percent", Decimal(10))
    assert made.settings["usage_limit"] == 1
    assert made.settings["email_restrictions"] == ["noa@example.com"]


def test_a_coupon_may_be_an_amount(shop: WooSandbox, store: StoreAdapter) -> None:
    store.create_coupon(coupon(percent=None, amount=Money(Decimal("1E+2"), "ILS")))
    made = shop.coupons["thanks-7f3k"]
    assert (made.discount_type, made.amount) == ("fixed_cart", Decimal(100))


def test_a_coupon_that_exists_is_ours_whatever_its_case(shop: WooSandbox, store: StoreAdapter) -> None:
    store.create_coupon(coupon())
    store.create_coupon(coupon(code="THANKS-7f3k"))
    assert len(shop.coupons) == 1
    assert store.find_coupon("THANKS-7F3K") is True
    assert store.find_coupon("THANKS") is False


def test_a_coupon_that_woocommerce_refuses_is_rejected_by_its_field(store: StoreAdapter) -> None:
    with pytest.raises(Rejected, match="neither a percentage nor an amount"):
        store.create_coupon(coupon(percent=None))


def test_no_error_of_a_refused_write_repeats_what_was_sent(
    shop: WooSandbox, store: StoreAdapter, order_id: str
) -> None:
    shop.fail_next("403", match=is_write)
    with pytest.raises(AuthFailed) as caught:
        store.add_note(order_id, "for noa@example.com", KEY)
    for secret in ("noa@", shop.consumer_key, shop.consumer_secret, "oauth"):
        assert secret not in str(caught.value)


def test_an_order_that_shows_no_notes_at_all_proves_no_absence(
    shop: WooSandbox, store: StoreAdapter, order_id: str, clock: MovableClock
) -> None:
    shop.fail_next("empty_list", match=lambda request: request.path.endswith("/notes"))
    with pytest.raises(Unavailable, match="no notes at all"):
        store.find_message(order_id, "Thank you", KEY, clock.now, ())
    assert store.find_message(order_id, "Thank you", KEY, clock.now, ()) is None
