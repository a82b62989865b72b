"""What every adapter owes to its callers, as tests. Needs pytest.

To run it on an adapter of your own, give it a store to play with, real or not:

    import pytest
    pytest.register_assert_rewrite("adapters.conformance")
    from adapters.conformance import Conformance

    class TestMyPlatform(Conformance):
        @pytest.fixture
        def shop(self):
            with MyTestStore() as store:      # everything that `Shop` asks for
                yield store

What the platform cannot do is absent from the adapter's `capabilities`; there the suite wants `Unsupported`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Literal, Protocol

import pytest

from adapters.base import Capability, Cursor, Page, StoreAdapter
from adapters.errors import (
    AdapterError,
    AuthFailed,
    NotFound,
    RateLimited,
    Unavailable,
    UnknownOutcome,
    Unsupported,
)
from adapters.model import Coupon, Order, Review

Trouble = Literal["unreachable", "denied", "slow_down", "answer_lost", "nonsense"]
"""unreachable: connections are refused · denied: the key is turned down · slow_down: "come back in an hour" ·
answer_lost: a write is done, and the connection breaks before the answer · nonsense: 200 with a web page."""


class Shop(Protocol):
    """A store that the suite fills and breaks. Its clock stands still but for `tick`."""

    adapter: StoreAdapter
    """Made with this clock, a time-out of a second, and a `sleep` that returns at once."""
    secrets: tuple[str, ...]
    """What must never be in an error: keys, tokens."""
    other_status: str
    """A status that a new order does not have, and that may be set."""

    def now(self) -> datetime: ...

    def tick(self, by: timedelta) -> None: ...

    def add_order(self) -> str:
        """A paid order of a customer with an e-mail address, for what the store sells, made now; returns its id."""

    def edit_order(self, order_id: str) -> None:
        """Change something about it now, as the merchant would."""

    def delete_order(self, order_id: str) -> None:
        """Delete it for good."""

    def notes(self, order_id: str) -> list[str]:
        """The private notes on it that came through the API, as stored."""

    def messages(self, order_id: str) -> list[str]:
        """The messages its customer was sent, as stored."""

    def write_review(self, order_id: str, text: str) -> None:
        """The order's customer reviews something of it now, with two stars. Needed where there are reviews."""

    def write_note(self, order_id: str, text: str) -> None:
        """Somebody of the staff writes a private note on it now. Needed where such notes can be read."""

    def trouble(self, kind: Trouble) -> None:
        """From now on every request meets with this."""

    def peace(self) -> None:
        """The trouble is over."""


TEXT = 'Tea & "biscuits" for שרה, C:\\temp\nsecond line'
ABSENT = "987654321"


class Conformance:
    """Subclass it, and give it a fixture `shop`."""

    # Knowing the store

    def test_a_check_tells_who_the_store_is_and_finds_nothing_wrong(self, shop: Shop) -> None:
        shop.add_order()
        info = shop.adapter.check(shop.adapter.capabilities)
        assert info.findings == ()
        assert info.can_write is True
        assert info.identity.url
        assert info.identity.currency is not None
        assert info.timezone is not None

    def test_identify_tells_the_same_store_as_check(self, shop: Shop) -> None:
        shop.add_order()
        assert shop.adapter.identify().identity == shop.adapter.check(shop.adapter.capabilities).identity

    def test_a_check_writes_nothing(self, shop: Shop) -> None:
        order_id = shop.add_order()
        before = _one(shop, order_id)
        shop.adapter.check(shop.adapter.capabilities)
        assert (shop.notes(order_id), shop.messages(order_id), _one(shop, order_id)) == ([], [], before)

    @pytest.mark.parametrize("kind", ["unreachable", "denied", "nonsense"])
    def test_a_check_puts_what_is_wrong_into_its_findings(self, shop: Shop, kind: Trouble) -> None:
        shop.trouble(kind)
        assert [finding.fatal for finding in shop.adapter.check(shop.adapter.capabilities).findings].count(True) == 1

    # Walking over changed orders

    def test_an_empty_store_gives_one_empty_page_without_a_cursor(self, shop: Shop) -> None:
        assert list(shop.adapter.changed_orders(None)) == [Page(orders=(), cursor=None, total=0)]

    def test_a_first_walk_brings_every_order_once_and_the_oldest_change_first(self, shop: Shop) -> None:
        ids = _fill(shop, 205)
        shop.edit_order(ids[0])
        assert _walked(shop) == [*ids[1:], ids[0]]

    def test_orders_that_share_a_second_are_all_walked(self, shop: Shop) -> None:
        ids = [shop.add_order() for _ in range(230)]
        walked = _walked(shop)
        assert sorted(walked) == sorted(ids)

    def test_a_walk_from_the_last_cursor_brings_what_has_changed_since(self, shop: Shop) -> None:
        ids = _fill(shop, 3)
        *_, page = shop.adapter.changed_orders(None)
        shop.tick(timedelta(hours=1))
        shop.edit_order(ids[1])
        assert _ids(shop.adapter.changed_orders(page.cursor))[-1] == ids[1]

    def test_a_walk_without_news_keeps_its_cursor(self, shop: Shop) -> None:
        _fill(shop, 3)
        *_, page = shop.adapter.changed_orders(None)
        shop.tick(timedelta(days=1))
        *_, later = shop.adapter.changed_orders(page.cursor)
        assert later.cursor == page.cursor

    def test_a_walk_overlaps_the_one_before_by_five_minutes(self, shop: Shop) -> None:
        early = shop.add_order()
        shop.tick(timedelta(minutes=5))
        shop.add_order()
        *_, page = shop.adapter.changed_orders(None)
        assert early in _ids(shop.adapter.changed_orders(page.cursor))

    def test_a_walk_can_be_resumed_from_any_page(self, shop: Shop) -> None:
        ids = _fill(shop, 205)
        first = next(iter(shop.adapter.changed_orders(None)))
        rest = _ids(shop.adapter.changed_orders(first.cursor))
        assert {order.id for order in first.orders} | set(rest) == set(ids)

    def test_an_order_edited_during_the_walk_is_not_lost_and_hides_no_other(self, shop: Shop) -> None:
        ids = _fill(shop, 205)
        seen: list[str] = []
        for number, page in enumerate(shop.adapter.changed_orders(None)):
            seen += [order.id for order in page.orders]
            if number < 2:
                shop.tick(timedelta(minutes=1))
                shop.edit_order(ids[number])
            cursor = page.cursor
        seen += _ids(shop.adapter.changed_orders(cursor))
        assert set(seen) == set(ids)
        assert min(seen.count(ids[0]), seen.count(ids[1])) >= 2

    def test_orders_are_told_in_the_words_of_the_model(self, shop: Shop) -> None:
        order = _one(shop, shop.add_order())
        assert order.customer.email is not None
        assert order.total.amount > 0
        assert isinstance(order.total.amount, Decimal)
        assert order.items
        assert order.created_at.tzinfo is UTC
        assert abs(order.created_at - shop.now()) < timedelta(seconds=2)
        assert (order.draft, order.trashed) == (False, False)

    # Fetching orders

    def test_orders_are_fetched_by_id_each_once(self, shop: Shop) -> None:
        ids = _fill(shop, 130)
        fetched = shop.adapter.get_orders([*ids, *ids[:5]])
        assert sorted(order.id for order in fetched.orders) == sorted(ids)
        assert fetched.missing == ()

    def test_a_deleted_order_is_missing_where_its_neighbours_read_well(self, shop: Shop) -> None:
        kept, deleted = _fill(shop, 2)
        shop.delete_order(deleted)
        fetched = shop.adapter.get_orders([deleted, kept])
        assert ([order.id for order in fetched.orders], fetched.missing) == ([kept], (deleted,))

    def test_a_store_that_shows_no_order_at_all_is_a_fault(self, shop: Shop) -> None:
        with pytest.raises(Unavailable):
            shop.adapter.get_orders([ABSENT])

    def test_nothing_is_fetched_for_no_ids(self, shop: Shop) -> None:
        assert shop.adapter.get_orders([]).orders == ()

    def test_the_products_of_orders_are_told_by_their_ids(self, shop: Shop) -> None:
        ids = [item.product_id or "" for item in _one(shop, shop.add_order()).items]
        if _unsupported(shop, Capability.PRODUCTS, lambda: shop.adapter.get_products(ids)):
            return
        assert [each.id for each in shop.adapter.get_products([*ids, ABSENT])] == ids
        assert shop.adapter.get_products([]) == ()

    # What goes wrong

    @pytest.mark.parametrize(
        ("kind", "error"),
        [
            ("unreachable", Unavailable),
            ("denied", AuthFailed),
            ("slow_down", RateLimited),
            ("nonsense", Unavailable),
        ],
    )
    def test_reading_says_what_is_wrong_and_leaks_no_secret(
        self, shop: Shop, kind: Trouble, error: type[AdapterError]
    ) -> None:
        shop.trouble(kind)
        with pytest.raises(error) as caught:
            list(shop.adapter.changed_orders(None))
        assert _leaks(caught.value, shop.secrets) == []

    def test_a_store_that_asks_for_patience_says_how_long(self, shop: Shop) -> None:
        shop.trouble("slow_down")
        with pytest.raises(RateLimited) as caught:
            shop.adapter.get_orders([ABSENT])
        assert caught.value.retry_after == pytest.approx(3600)

    # Notes and messages

    @pytest.mark.parametrize("kind", ["note", "message"])
    def test_a_text_is_written_once_and_found_again(self, shop: Shop, kind: str) -> None:
        voice = _Voice(shop, kind)
        order_id = shop.add_order()
        if voice.is_mute(order_id):
            return
        since = shop.now()
        text_id = voice.say(order_id, TEXT)
        assert len(voice.said(order_id)) == 1
        assert voice.find(order_id, TEXT, since) == text_id

    @pytest.mark.parametrize("kind", ["note", "message"])
    def test_another_text_an_older_one_and_a_credited_one_are_not_ours(self, shop: Shop, kind: str) -> None:
        voice = _Voice(shop, kind)
        order_id = shop.add_order()
        if voice.is_mute(order_id):
            return
        since = shop.now()
        text_id = voice.say(order_id, TEXT)
        assert voice.find(order_id, TEXT + "!", since) is None
        assert voice.find(order_id, TEXT, since, text_id, key="of-another") is None
        assert voice.find(order_id, TEXT, since + timedelta(minutes=1), key="of-another") is None

    @pytest.mark.parametrize("kind", ["note", "message"])
    def test_a_lost_answer_is_an_unknown_outcome_that_can_be_settled(self, shop: Shop, kind: str) -> None:
        voice = _Voice(shop, kind)
        order_id = shop.add_order()
        if voice.is_mute(order_id):
            return
        since = shop.now()
        shop.trouble("answer_lost")
        with pytest.raises(UnknownOutcome) as caught:
            voice.say(order_id, TEXT)
        shop.peace()
        if voice.said(order_id) == []:  # it takes several requests, and another than the last got no answer
            assert voice.find(order_id, TEXT, since) is None
            voice.say(order_id, TEXT)
        assert len(voice.said(order_id)) == 1
        assert voice.find(order_id, TEXT, since) is not None
        assert _leaks(caught.value, (*shop.secrets, TEXT)) == []

    @pytest.mark.parametrize("kind", ["note", "message"])
    @pytest.mark.parametrize(
        ("trouble", "error"),
        [("unreachable", Unavailable), ("denied", AuthFailed), ("slow_down", RateLimited)],
    )
    def test_a_sure_no_is_told_as_one(self, shop: Shop, kind: str, trouble: Trouble, error: type[AdapterError]) -> None:
        voice = _Voice(shop, kind)
        order_id = shop.add_order()
        if voice.is_mute(order_id):
            return
        shop.trouble(trouble)
        with pytest.raises(error):
            voice.say(order_id, TEXT)
        shop.peace()
        assert voice.said(order_id) == []

    @pytest.mark.parametrize("kind", ["note", "message"])
    def test_garbled_success_is_an_unknown_outcome(self, shop: Shop, kind: str) -> None:
        voice = _Voice(shop, kind)
        order_id = shop.add_order()
        if voice.is_mute(order_id):
            return
        shop.trouble("nonsense")
        with pytest.raises(UnknownOutcome):
            voice.say(order_id, TEXT)

    def test_absence_is_not_told_of_an_order_that_cannot_be_read(self, shop: Shop) -> None:
        if Capability.NOTES not in shop.adapter.capabilities:
            return
        shop.add_order()
        with pytest.raises(NotFound):
            shop.adapter.find_note(ABSENT, TEXT, _key(TEXT), shop.now(), ())

    # What people say

    def test_reviews_are_walked_the_oldest_first_and_each_tells_who_wrote_it(self, shop: Shop) -> None:
        order_id = shop.add_order()
        if _unsupported(shop, Capability.REVIEWS, lambda: list(shop.adapter.new_reviews(None))):
            return
        assert _reviews(shop, None) == []
        for text in ("First & foremost", "Second"):
            shop.tick(timedelta(minutes=1))
            shop.write_review(order_id, text)
        first, second = _reviews(shop, None)
        assert (first.text, second.text, second.rating) == ("First & foremost", "Second", 2)
        assert (first.email, first.product_id) == (_email(shop, order_id), _one(shop, order_id).items[0].product_id)
        assert abs(second.created_at - shop.now()) < timedelta(seconds=2)

    def test_a_walk_over_reviews_goes_on_from_its_cursor(self, shop: Shop) -> None:
        order_id = shop.add_order()
        if Capability.REVIEWS not in shop.adapter.capabilities:
            return
        for number in range(230):
            shop.tick(timedelta(minutes=1))
            shop.write_review(order_id, f"Review {number}")
        pages = list(shop.adapter.new_reviews(None))
        texts = list(dict.fromkeys(review.text for page in pages for review in page.reviews))
        assert texts == [f"Review {number}" for number in range(230)]
        shop.tick(timedelta(days=1))
        shop.write_review(order_id, "New")
        found = _reviews(shop, pages[-1].cursor)
        assert found[-1].text == "New"
        assert len(found) < 100
        resumed = _reviews(shop, pages[0].cursor)
        assert {review.text for review in (*pages[0].reviews, *resumed)} == {*texts, "New"}

    def test_what_the_staff_wrote_is_told_and_what_we_wrote_is_not(self, shop: Shop) -> None:
        order_id, other = shop.add_order(), shop.add_order()
        if _unsupported(shop, Capability.STAFF_NOTES, lambda: shop.adapter.staff_notes([order_id])):
            return
        if Capability.NOTES in shop.adapter.capabilities:
            shop.adapter.add_note(order_id, TEXT, _key(TEXT))
        for text in ("Please call", "Called"):
            shop.tick(timedelta(minutes=1))
            shop.write_note(order_id, text)
        noted = shop.adapter.staff_notes([order_id, other])
        assert ([note.text for note in noted.notes[order_id]], noted.notes[other]) == (["Please call", "Called"], ())
        assert abs(noted.notes[order_id][-1].at - shop.now()) < timedelta(seconds=2)

    def test_of_an_order_that_is_gone_nothing_was_noted(self, shop: Shop) -> None:
        order_id, gone = shop.add_order(), shop.add_order()
        if Capability.STAFF_NOTES not in shop.adapter.capabilities:
            return
        shop.delete_order(gone)
        assert shop.adapter.staff_notes([gone, order_id]).notes == {order_id: ()}
        assert shop.adapter.staff_notes([]).notes == {}

    # Tags, status, coupons

    def test_tags_are_added_to_those_there_are_and_twice_is_once(self, shop: Shop) -> None:
        order_id = shop.add_order()
        adapter = shop.adapter
        if _unsupported(shop, Capability.TAGS, lambda: adapter.add_tags(order_id, ["late-parcel"])):
            return
        adapter.add_tags(order_id, ["late-parcel"])
        adapter.add_tags(order_id, ["late-parcel", "שמח"])
        before = _one(shop, order_id)
        shop.tick(timedelta(hours=1))
        adapter.add_tags(order_id, ["שמח"])
        assert sorted(before.tags) == sorted(["late-parcel", "שמח"])
        assert _one(shop, order_id) == before

    def test_a_status_is_set_and_setting_it_twice_changes_nothing(self, shop: Shop) -> None:
        order_id, status = shop.add_order(), shop.other_status
        adapter = shop.adapter
        if _unsupported(shop, Capability.STATUS, lambda: adapter.set_status(order_id, status)):
            return
        adapter.set_status(order_id, status)
        before = _one(shop, order_id)
        shop.tick(timedelta(hours=1))
        adapter.set_status(order_id, status)
        assert before.status == status
        assert _one(shop, order_id) == before

    @pytest.mark.parametrize("given", ["percent", "amount"])
    def test_a_coupon_is_made_and_found_and_making_it_again_is_fine(self, shop: Shop, given: str) -> None:
        adapter = shop.adapter
        total = _one(shop, shop.add_order()).total
        coupon = Coupon(
            code="Thanks-7F3K",
            percent=Decimal(10) if given == "percent" else None,
            amount=total if given == "amount" else None,
            expires_at=shop.now() + timedelta(days=14),
            email="customer@example.com",
        )
        if _unsupported(shop, Capability.COUPONS, lambda: adapter.create_coupon(coupon)):
            return
        assert adapter.find_coupon(coupon.code) is False
        adapter.create_coupon(coupon)
        adapter.create_coupon(coupon)
        assert adapter.find_coupon(coupon.code) is True


class _Voice:
    """Notes and messages alike, as far as they are alike."""

    def __init__(self, shop: Shop, kind: str) -> None:
        self._shop = shop
        self._is_note = kind == "note"

    def is_mute(self, order_id: str) -> bool:
        """Whether the platform has no such thing, and says so."""
        needed = Capability.NOTES if self._is_note else Capability.MESSAGES
        return _unsupported(self._shop, needed, lambda: self.say(order_id, TEXT))

    def say(self, order_id: str, text: str) -> str:
        adapter, key = self._shop.adapter, _key(text)
        if self._is_note:
            return adapter.add_note(order_id, text, key)
        return adapter.send_message(order_id, text, "Hello", key)

    def find(self, order_id: str, text: str, since: datetime, *credited: str, key: str | None = None) -> str | None:
        adapter = self._shop.adapter
        find = adapter.find_note if self._is_note else adapter.find_message
        return find(order_id, text, key or _key(text), since, credited)

    def said(self, order_id: str) -> list[str]:
        return self._shop.notes(order_id) if self._is_note else self._shop.messages(order_id)


def _key(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def _unsupported(shop: Shop, needed: Capability, act: Callable[[], object]) -> bool:
    """Whether the platform lacks a capability; then the act has to say so."""
    if needed in shop.adapter.capabilities:
        return False
    with pytest.raises(Unsupported):
        act()
    return True


def _fill(shop: Shop, number: int) -> list[str]:
    """So many orders, a second apart, oldest first."""
    ids: list[str] = []
    for _ in range(number):
        ids.append(shop.add_order())
        shop.tick(timedelta(seconds=1))
    return ids


def _ids(pages: Iterable[Page]) -> list[str]:
    return [order.id for page in pages for order in page.orders]


def _walked(shop: Shop) -> list[str]:
    return _ids(shop.adapter.changed_orders(None))


def _reviews(shop: Shop, after: Cursor | None) -> list[Review]:
    return [review for page in shop.adapter.new_reviews(after) for review in page.reviews]


def _email(shop: Shop, order_id: str) -> str | None:
    return _one(shop, order_id).customer.email


def _one(shop: Shop, order_id: str) -> Order:
    (order,) = shop.adapter.get_orders([order_id]).orders
    return order


def _leaks(error: BaseException, secrets: tuple[str, ...]) -> list[str]:
    """Which secrets an error gives away, in its own words or in those of the errors behind it."""
    said = ""
    behind: BaseException | None = error
    while behind is not None:
        said += f"{behind!r} {behind}"
        behind = None if behind.__suppress_context__ else behind.__cause__ or behind.__context__
    return [secret for secret in secrets if secret in said]
