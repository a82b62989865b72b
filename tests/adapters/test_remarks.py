"""Reviews and staff notes as the platforms really answer: their shapes, their oddities, their limits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import responses

from adapters.base import NAMELESS, Broken, Capability, StoreAdapter
from adapters.errors import Unavailable, Unsupported
from adapters.model import LONGEST_REMARK, Review, StaffNote
from adapters.registry import create, lacks_of
from adapters.sandbox.clock import MovableClock
from adapters.sandbox.shopify import ShopifySandbox
from adapters.sandbox.woocommerce import WooSandbox

SHOP = "https://shop.example.com"
API = f"{SHOP}/wp-json/wc/v3"

# As WooCommerce 10.5 answered, its links and pictures left out.
REVIEW = {
    "id": 323,
    "date_created": "2026-11-21T21:52:47",
    "date_created_gmt": "2026-11-21T19:52:47",
    "product_id": 10,
    "product_name": "Ceramic mug / ספל קרמיקה",
    "status": "hold",
    "reviewer": "דוד",
    "reviewer_email": "rev@example.com",
    "review": "<p>מצוין! Отлично &amp; more<br />\nnext</p>\n",
    "rating": 5,
    "verified": False,
}
NOTE = {
    "id": 315,
    "author": "admin",
    "date_created": "2026-11-21T21:52:10",
    "date_created_gmt": "2026-11-21T19:52:10",
    "note": "Called, <em>twice</em>",
    "customer_note": False,
}


@pytest.fixture
def woo() -> Iterator[StoreAdapter]:
    now = datetime(2026, 11, 22, tzinfo=UTC)
    adapter = create(
        "woocommerce",
        url=SHOP,
        consumer_key="ck_1",
        consumer_secret="cs_1",
        clock=lambda: now,
        sleep=lambda seconds: None,
    )
    yield adapter
    adapter.close()


def reviews(store: StoreAdapter, *listed: Any) -> tuple[tuple[Review, ...], tuple[Broken, ...]]:
    with responses.RequestsMock() as shop:
        shop.get(f"{API}/products/reviews", json=list(listed))
        (page,) = store.new_reviews(None)
    return page.reviews, page.broken


def notes(store: StoreAdapter, listed: Any) -> tuple[tuple[StaffNote, ...], tuple[Broken, ...]]:
    with responses.RequestsMock() as shop:
        shop.get(f"{API}/orders/258/notes", json=listed)
        noted = store.staff_notes(["258"])
    return noted.notes["258"], noted.broken


def test_a_review_is_told_in_the_words_of_the_model(woo: StoreAdapter) -> None:
    (review,), broken = reviews(woo, REVIEW)
    assert review == Review(
        id="323",
        created_at=datetime(2026, 11, 21, 19, 52, 47, tzinfo=UTC),
        rating=5,
        text="מצוין! Отлично & more\nnext",
        product_id="10",
        product_name="Ceramic mug / ספל קרמיקה",
        email="rev@example.com",
        name="דוד",
    )
    assert broken == ()


@pytest.mark.parametrize(
    ("written", "stars"), [(0, None), (6, None), ("4", 4), ("", None), (None, None), (True, 1), (-1, None), ([5], None)]
)
def test_stars_are_one_to_five_or_none(woo: StoreAdapter, written: object, stars: int | None) -> None:
    (review,), _ = reviews(woo, REVIEW | {"rating": written})
    assert review.rating == stars


@pytest.mark.parametrize("odd", [{}, [], None, "x", 7, {"id": "323a", "status": "hold"}])
def test_what_is_no_review_is_set_aside_and_the_others_are_told(woo: StoreAdapter, odd: object) -> None:
    found, broken = reviews(woo, odd, REVIEW)
    assert ([review.id for review in found], [each.order_id for each in broken]) == (["323"], [NAMELESS])


def test_a_review_without_a_date_is_set_aside(woo: StoreAdapter) -> None:
    found, broken = reviews(woo, REVIEW | {"date_created_gmt": "0000-00-00T00:00:00"})
    assert (found, broken) == ((), (Broken("323", "it has no date_created_gmt that is a date"),))


def test_fields_of_any_shape_crash_nothing(woo: StoreAdapter) -> None:
    fields = ("product_id", "product_name", "reviewer", "reviewer_email", "review", "rating")
    odd = {name: {"a": [1]} for name in fields}
    (review,), broken = reviews(woo, REVIEW | odd)
    assert (review.text, review.email, review.rating, broken) == (None, None, None, ())


def test_a_long_review_is_cut(woo: StoreAdapter) -> None:
    (review,), _ = reviews(woo, REVIEW | {"review": "<p>" + "x" * 70_000 + "</p>"})
    assert len(review.text or "") == LONGEST_REMARK


def test_the_cursor_is_never_later_than_the_stores_own_time(clock: MovableClock, connect: Callable[..., Any]) -> None:
    with WooSandbox(clock=clock) as shop:
        store = connect(shop)
        shop.write_review(email="a@example.com", at=clock() + timedelta(days=400))
        (page,) = store.new_reviews(None)
        shop.write_review(email="b@example.com", at=clock())
        found = [review.email for page in store.new_reviews(page.cursor) for review in page.reviews]
    assert found == ["b@example.com", "a@example.com"]


def test_reviews_that_are_deleted_during_the_walk_hide_no_other(
    clock: MovableClock, connect: Callable[..., Any]
) -> None:
    with WooSandbox(clock=clock) as shop:
        store = connect(shop)
        ids = [shop.write_review(email="a@example.com", at=clock() - timedelta(days=9, minutes=-n)) for n in range(250)]
        seen: set[str] = set()
        for page in store.new_reviews(None):
            seen |= {review.id for review in page.reviews}
            for gone in ids[:8]:
                shop.edit_review(gone, status="trash")
    assert seen == {str(review) for review in ids}


def test_a_cache_that_gives_the_same_page_for_ever_is_told(woo: StoreAdapter) -> None:
    with responses.RequestsMock() as shop:
        shop.get(f"{API}/products/reviews", json=[REVIEW | {"id": number} for number in range(1, 101)])
        with pytest.raises(Unavailable, match="gives the same reviews whatever is asked for"):
            list(woo.new_reviews(None))


def test_a_shop_without_the_list_of_reviews_is_told(woo: StoreAdapter) -> None:
    with responses.RequestsMock() as shop:
        shop.get(f"{API}/products/reviews", status=404, json={"code": "rest_no_route", "message": "", "data": {}})
        with pytest.raises(Unavailable, match="has no list of reviews: has a plugin switched them off"):
            list(woo.new_reviews(None))


def test_a_note_is_told_in_the_words_of_the_model(woo: StoreAdapter) -> None:
    at = datetime(2026, 11, 21, 19, 52, 10, tzinfo=UTC)
    assert notes(woo, [NOTE]) == ((StaffNote(id="315", at=at, text="Called, twice", author="admin"),), ())


@pytest.mark.parametrize(
    "change", [{"author": "WooCommerce"}, {"author": "system"}, {"author": ""}, {"customer_note": True}, {"note": ""}]
)
def test_what_nobody_wrote_for_the_staff_is_no_note_of_theirs(woo: StoreAdapter, change: dict[str, object]) -> None:
    assert notes(woo, [NOTE | change]) == ((), ())


def test_a_list_with_a_gap_comes_as_an_object_and_an_odd_note_is_set_aside(woo: StoreAdapter) -> None:
    found, broken = notes(woo, {"0": NOTE, "2": NOTE | {"id": None}, "3": None})
    assert ([note.id for note in found], [each.order_id for each in broken]) == (["315"], ["258"])


def test_something_else_than_a_list_is_a_fault_of_the_store(woo: StoreAdapter) -> None:
    with pytest.raises(Unavailable, match="something else than a list"):
        notes(woo, {"code": "maintenance"})


# Shopify ------------------------------------------------------------------------------------------------------


@pytest.fixture
def mugs(clock: MovableClock) -> Iterator[ShopifySandbox]:
    with ShopifySandbox(clock=clock, restore_rate=None) as shop:
        yield shop


@pytest.fixture
def shopify(mugs: ShopifySandbox, clock: MovableClock) -> Iterator[StoreAdapter]:
    adapter = create(
        "shopify", url=mugs.url, access_token=mugs.access_token, clock=clock, timeout=2.0, sleep=lambda seconds: None
    )
    yield adapter
    adapter.close()


def test_shopify_says_offline_that_it_has_no_reviews(shopify: StoreAdapter) -> None:
    assert Capability.REVIEWS in lacks_of("shopify")
    assert lacks_of("woocommerce") == {}
    with pytest.raises(Unsupported, match="Shopify has no reviews of its own"):
        list(shopify.new_reviews(None))


def test_who_wrote_a_comment_is_not_asked_as_it_may_be_denied(mugs: ShopifySandbox, shopify: StoreAdapter) -> None:
    order = mugs.add_order()
    mugs.comment(order, "Please call", author="Dana")
    (note,) = shopify.staff_notes([order]).notes[order]
    assert (note.text, note.author) == ("Please call", None)


def test_many_timelines_are_read_in_one_request(mugs: ShopifySandbox, shopify: StoreAdapter) -> None:
    ids = [mugs.add_order() for _ in range(50)]
    before = len(mugs.requests)
    assert len(shopify.staff_notes(ids).notes) == 50
    assert [request.operation for request in mugs.requests[before:]] == ["Comments"]


def test_the_latest_comments_are_found_among_many_lines(mugs: ShopifySandbox, shopify: StoreAdapter) -> None:
    order = mugs.add_order()
    for number in range(40):
        mugs.comment(order, f"Line {number}")
    (*_, note) = shopify.staff_notes([order]).notes[order]
    assert note.text == "Line 39"
