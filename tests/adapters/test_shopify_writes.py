"""Notes, messages, tags, statuses and coupons on Shopify: once, whatever breaks, and without harm to anyone's words.

Most of it runs against a store kept in memory that answers document by document, so that every single request can be
made to fail; the rest over HTTP against the sandbox, which judges the documents themselves.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import product
from types import SimpleNamespace
from typing import Any, TypeVar, cast

import msgspec
import pytest

from adapters.base import StoreAdapter
from adapters.errors import NotFound, RateLimited, Rejected, Unavailable, UnknownOutcome, Unsupported
from adapters.model import Coupon, Money
from adapters.registry import create
from adapters.sandbox.clock import MovableClock
from adapters.sandbox.shopify import ShopifySandbox, runs
from adapters.shopify.client import Client, Refused, UserError
from adapters.shopify.coupons import create_coupon, find_coupon
from adapters.shopify.messages import find_message, send_invoice, send_to_flow
from adapters.shopify.notes import LONGEST_NOTE, Locks, add_note, find_note
from adapters.shopify.status import GOALS, STATUSES, set_status
from adapters.shopify.tags import add_tags

T = TypeVar("T")

ORDER = "1001"
KEY = "0123456789abcdef0123456789abcdef"
OTHER_KEY = "fedcba9876543210fedcba9876543210"
NOW = datetime(2026, 11, 1, 9, 30, tzinfo=UTC)


class Crash(BaseException):
    """The machine goes down."""


@dataclass
class Store:
    """A store with one order. `faults` says what happens to the request of that number, counted from 0:
    lost (done, but no answer), never (not done, and no answer), no (surely not done), crash (done, and we go down).
    `meanwhile` is run right before the request of that document, the first time it comes.
    """

    note: str | None = None
    marks: dict[str, str] = field(default_factory=dict)
    tags: list[str] = field(default_factory=list)
    closed: bool = False
    cancelled_at: str | None = None
    financial: str = "PENDING"
    mails: list[dict[str, str]] = field(default_factory=list)
    flows: list[dict[str, Any]] = field(default_factory=list)
    coupons: dict[str, dict[str, Any]] = field(default_factory=dict)
    refuses: dict[str, str] = field(default_factory=dict)
    cancels_after: int = 0
    tells: bool = True
    keeps: Callable[[str], str] = str
    requests: list[str] = field(default_factory=list)
    sent: list[Mapping[str, Any]] = field(default_factory=list)
    faults: dict[int, str] = field(default_factory=dict)
    meanwhile: dict[str, Callable[[], None]] = field(default_factory=dict)
    http: SimpleNamespace = field(default_factory=lambda: SimpleNamespace(where="the store at https://x.example.com"))

    @property
    def client(self) -> Client:
        return cast(Client, self)

    def read(self, document: str, variables: Mapping[str, Any], shape: type[T]) -> T:
        try:
            return self._ask(document, variables, shape)
        except UnknownOutcome as error:
            raise Unavailable(str(error)) from None

    def write(self, document: str, variables: Mapping[str, Any], shape: type[T]) -> T:
        return self._ask(document, variables, shape)

    def _ask(self, document: str, variables: Mapping[str, Any], shape: type[T]) -> T:
        fault = self.faults.pop(len(self.requests), "")
        self.requests.append(document)
        self.sent.append(variables)
        self.meanwhile.pop(document, lambda: None)()
        if fault == "no":
            raise RateLimited("slow down")
        if fault == "never":
            raise UnknownOutcome("no answer")
        if document in self.refuses:
            raise Refused(f"refuses {document}", (UserError((), self.refuses[document], "no"),))
        data = getattr(self, f"_{document}")(variables)
        if fault == "crash":
            raise Crash
        if fault == "lost":
            raise UnknownOutcome("no answer")
        return msgspec.convert(data, shape)

    def _known(self, gid: str) -> bool:
        return gid == f"gid://shopify/Order/{ORDER}"

    def _mark(self, key: str) -> dict[str, str] | None:
        value = self.marks.get(key)
        return None if value is None else {"value": value, "compareDigest": f"digest of {value}"}

    def _claim(self, variables: Mapping[str, Any]) -> object:
        (given,) = variables["metafields"]
        assert (given["namespace"], given["type"]) == ("$app:aftersale", "single_line_text_field")
        there = self._mark(given["key"])
        if not self._known(given["ownerId"]):
            raise Refused("no such owner", (UserError(("ownerId",), "INVALID", "no"),))
        if given["compareDigest"] != (there["compareDigest"] if there is not None else None):
            raise Refused("stale", (UserError((), "STALE_OBJECT", "no"),))
        self.marks[given["key"]] = given["value"]
        return {"metafieldsSet": {"metafields": [self._mark(given["key"])]}}

    def _claim_find(self, variables: Mapping[str, Any]) -> object:
        return {"order": {"metafield": self._mark(variables["key"])} if self._known(variables["id"]) else None}

    def _order_note(self, variables: Mapping[str, Any]) -> object:
        if not self._known(variables["id"]):
            return {"order": None}
        nodes = [{"key": key, "value": value} for key, value in self.marks.items()]
        mark = self._mark(variables["key"])
        return {"order": {"note": self.note, "metafield": mark, "metafields": {"nodes": nodes}}}

    def _order_note_write(self, variables: Mapping[str, Any]) -> object:
        before, self.note = self.note, self.keeps(variables["note"])
        if not self.tells:
            return {"before": None, "after": None}
        return {"before": {"order": {"note": before}}, "after": {"order": {"note": self.note}}}

    def _invoice_send(self, variables: Mapping[str, Any]) -> object:
        self.mails.append(variables["email"])
        return {}

    def _flow_order(self, variables: Mapping[str, Any]) -> object:
        return {"order": {"name": "#1001", "email": "customer@example.com", "customerLocale": "he-IL"}}

    def _flow_trigger(self, variables: Mapping[str, Any]) -> object:
        self.flows.append(dict(variables))
        return {}

    def _order_state(self, variables: Mapping[str, Any]) -> object:
        if self.cancels_after > 0:
            self.cancels_after -= 1
            if self.cancels_after == 0:
                self.cancelled_at = "2026-11-01T09:30:00Z"
        state = {
            "tags": self.tags,
            "closed": self.closed,
            "cancelledAt": self.cancelled_at,
            "displayFinancialStatus": self.financial,
        }
        return {"order": state if self._known(variables["id"]) else None}

    def _tags_add(self, variables: Mapping[str, Any]) -> object:
        self.tags += variables["tags"]
        return {}

    def _order_close(self, variables: Mapping[str, Any]) -> object:
        self.closed = True
        return {}

    def _order_mark_paid(self, variables: Mapping[str, Any]) -> object:
        self.financial = "PAID"
        return {}

    def _order_cancel(self, variables: Mapping[str, Any]) -> object:
        self.cancels_after = self.cancels_after or 1
        return {}

    def _coupon_create(self, variables: Mapping[str, Any]) -> object:
        coupon = variables["basicCodeDiscount"]
        if coupon["code"] in self.coupons:
            raise Refused("taken", (UserError(("code",), "TAKEN", "no"),))
        self.coupons[coupon["code"]] = coupon
        return {}

    def _coupon_find(self, variables: Mapping[str, Any]) -> object:
        return {"codeDiscountNodeByCode": {"id": "gid://1"} if variables["code"] in self.coupons else None}


@pytest.fixture
def store() -> Store:
    return Store()


def note(store: Store, text: str = "Review request sent", key: str = KEY) -> str:
    return add_note(store.client, Locks(), ORDER, text, key)


def found(store: Store, text: str = "Review request sent", key: str = KEY) -> str | None:
    return find_note(store.client, Locks(), ORDER, text, key)


def invoice(store: Store, key: str = KEY) -> str:
    return send_invoice(store.client, ORDER, "Thank you", "Your order", key)


def sent(store: Store) -> str | None:
    return find_message(store.client, ORDER, KEY)


# Notes


def test_a_note_is_appended_to_what_the_merchant_wrote(store: Store) -> None:
    store.note = "Call Dana first\r\nand then the depot"
    note_id = note(store)
    assert store.note == "Call Dana first\r\nand then the depot\n\nReview request sent"
    assert found(store) == note_id


def test_a_note_on_an_order_without_one_stands_alone(store: Store) -> None:
    note(store)
    assert store.note == "Review request sent"


@pytest.mark.parametrize(
    "text", ["one\r\ntwo\rthree", "  padded \n", "half a \ud83d sign", "a (b) [c] $1\\d+", "🔔 שלום"]
)
def test_any_text_is_found_again(store: Store, text: str) -> None:
    store.marks[KEY] = "trying 0"
    assert found(store, text) is None
    del store.marks[KEY]
    store.faults = {3: "crash"}
    with pytest.raises(Crash):
        note(store, text)
    assert found(store, text) == KEY


def test_a_note_is_written_in_five_requests_and_a_second_time_found_in_two(store: Store) -> None:
    note(store)
    assert store.requests == ["claim", "order_note", "order_note_write", "order_note", "claim"]
    store.requests.clear()
    note(store)
    assert store.requests == ["claim", "order_note"]
    assert store.note == "Review request sent"


@pytest.mark.parametrize("fault", ["lost", "never", "no", "crash"])
@pytest.mark.parametrize("request_number", range(5))
@pytest.mark.parametrize("elsewhere", [None, "Written by the merchant"])
def test_a_note_stands_there_once_whichever_request_fails(
    store: Store, fault: str, request_number: int, elsewhere: str | None
) -> None:
    store.note = elsewhere
    store.faults = {request_number: fault}
    note_at_last(store)
    assert found(store) == KEY
    assert store.note == "\n\n".join(filter(None, [elsewhere, "Review request sent"]))


@pytest.mark.parametrize("fault", ["lost", "never", "no", "crash"])
@pytest.mark.parametrize("request_number", range(5))
def test_the_same_words_of_another_rule_are_not_taken_for_ours(store: Store, fault: str, request_number: int) -> None:
    note(store, key=OTHER_KEY)
    store.faults = {len(store.requests) + request_number: fault}
    note_at_last(store)
    assert store.note == "Review request sent\n\nReview request sent"


@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize("second", ["lost", "never", "no", "crash"])
@pytest.mark.parametrize("first", ["lost", "never", "no", "crash"])
def test_two_notes_of_the_same_words_both_stand_there_wherever_each_was_broken_off(
    first: str, second: str, at_once: bool
) -> None:
    for one, other in product(range(5), repeat=2):
        store = Store(faults={one: first})
        in_doubt = [KEY] if begun(store, KEY) else []
        if not at_once:
            settle(store, in_doubt)
        store.faults[len(store.requests) + other] = second
        in_doubt += [OTHER_KEY] if begun(store, OTHER_KEY) else []
        settle(store, in_doubt)
        assert store.note == "Review request sent\n\nReview request sent", (one, other)


def test_a_note_that_is_found_but_cannot_be_marked_as_ours_stays_in_doubt(store: Store) -> None:
    store.faults = {3: "crash", 5: "never"}
    with pytest.raises(Crash):
        note(store)
    with pytest.raises(UnknownOutcome, match="was written, but not marked"):
        found(store)
    assert found(store) == KEY
    assert store.marks[KEY].startswith("done")


def begun(store: Store, key: str) -> bool:
    """Whether it is in doubt, after a first try, that the note is there."""
    try:
        note(store, key=key)
    except (UnknownOutcome, Crash):
        return True
    except (RateLimited, Unavailable):
        note(store, key=key)
    return False


def settle(store: Store, in_doubt: list[str]) -> None:
    """As a caller goes about it: after a doubt they ask whether the note is there, and try anew if not."""
    for key in in_doubt:
        if found(store, key=key) is None:
            note(store, key=key)


def note_at_last(store: Store) -> None:
    settle(store, [KEY] if begun(store, KEY) else [])


def test_words_inside_a_longer_line_are_not_ours(store: Store) -> None:
    store.faults = {1: "crash"}
    with pytest.raises(Crash):
        note(store, "Late")
    note(store, "Late parcel: ask the carrier", OTHER_KEY)
    assert found(store, "Late") is None


def test_a_note_that_a_person_deleted_is_not_written_again(store: Store) -> None:
    note(store)
    store.note = None
    assert found(store) == KEY
    note(store)
    assert store.note is None


@pytest.mark.parametrize("size", [LONGEST_NOTE + 1, 10 * LONGEST_NOTE])
def test_a_text_that_never_fits_is_refused_before_anything_is_asked(store: Store, size: int) -> None:
    with pytest.raises(Rejected, match="5,000 characters"):
        note(store, "x" * size)
    assert store.requests == []


@pytest.mark.parametrize(("room", "fits"), [(0, True), (1, False)])
def test_the_merchants_text_is_never_cut_to_make_room(store: Store, room: int, fits: bool) -> None:
    theirs = store.note = "x" * (LONGEST_NOTE - len("\n\nours") + room)
    if fits:
        note(store, "ours")
        assert len(store.note) == LONGEST_NOTE
    else:
        with pytest.raises(Rejected, match="Shorten"):
            note(store, "ours")
        assert store.note == theirs
        assert "order_note_write" not in store.requests


def test_what_the_merchant_wrote_right_before_ours_is_put_back(store: Store) -> None:
    """Shopify replaces the note as a whole: between our look and our writing there was another."""
    store.note = "Call Dana"
    store.meanwhile = {"order_note_write": lambda: setattr(store, "note", "Call Dana, or Avi")}
    note(store)
    assert store.note == "Call Dana, or Avi\n\nReview request sent"


def test_what_the_merchant_wrote_right_after_ours_is_kept_and_ours_added_again(store: Store) -> None:
    """They had opened the order before our note, and saved it after."""
    store.note = "Call Dana"

    def edit() -> None:
        store.meanwhile["order_note"] = lambda: setattr(store, "note", "Call Dana, or Avi")

    store.meanwhile = {"order_note_write": edit}
    note(store)
    assert store.note == "Call Dana, or Avi\n\nReview request sent"


def test_a_merchant_who_fills_the_note_meanwhile_keeps_every_letter(store: Store) -> None:
    full = "x" * LONGEST_NOTE
    store.meanwhile = {"order_note_write": lambda: setattr(store, "note", full)}
    with pytest.raises(Rejected, match="5,000"):
        note(store)
    assert store.note == full


def test_words_that_the_merchant_adds_to_ours_disturb_nothing(store: Store) -> None:
    def edit() -> None:
        store.meanwhile["order_note"] = lambda: setattr(store, "note", f"{store.note}\r\nGood. Dana")

    store.meanwhile = {"order_note_write": edit}
    note(store)
    assert store.note == "Review request sent\r\nGood. Dana"


def test_a_note_that_others_keep_replacing_is_left_in_doubt(store: Store) -> None:
    class Stubborn(Store):
        def _order_note_write(self, variables: Mapping[str, Any]) -> object:
            return {"before": None}

    stubborn = Stubborn(note="Mine, all mine")
    with pytest.raises(UnknownOutcome, match="keep replacing"):
        note(stubborn)
    assert found(stubborn) is None
    assert len(stubborn.requests) < 15


def test_a_store_that_does_not_tell_what_was_replaced_takes_notes_all_the_same(store: Store) -> None:
    store.note, store.tells = "Call Dana", False
    note(store)
    assert store.note == "Call Dana\n\nReview request sent"


@pytest.mark.parametrize("keeps", [str.upper, lambda text: text.replace("\n", "\r\n"), lambda text: text + "\n"])
def test_a_store_that_keeps_texts_in_its_own_way_is_not_written_to_again(
    store: Store, keeps: Callable[[str], str]
) -> None:
    store.keeps = keeps
    note(store)
    assert store.requests.count("order_note_write") == 1


def test_a_trouble_after_the_writing_is_no_sure_no(store: Store) -> None:
    store.faults = {3: "no"}
    with pytest.raises(UnknownOutcome):
        note(store)
    assert found(store) == KEY


def test_threads_do_not_replace_one_anothers_notes(store: Store) -> None:
    locks = Locks()
    keys = [f"{number:032x}" for number in range(8)]
    threads = [threading.Thread(target=add_note, args=(store.client, locks, ORDER, f"Note {key}", key)) for key in keys]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted((store.note or "").split("\n\n")) == sorted(f"Note {key}" for key in keys)
    assert store.requests.count("order_note_write") == len(keys)


WRITES: dict[str, Callable[[Client, str], object]] = {
    "add_note": lambda client, order_id: add_note(client, Locks(), order_id, "text", KEY),
    "find_note": lambda client, order_id: find_note(client, Locks(), order_id, "text", KEY),
    "send_invoice": lambda client, order_id: send_invoice(client, order_id, "text", None, KEY),
    "find_message": lambda client, order_id: find_message(client, order_id, KEY),
    "add_tags": lambda client, order_id: add_tags(client, order_id, ["late"]),
    "set_status": lambda client, order_id: set_status(client, order_id, "closed", lambda seconds: None),
}


@pytest.mark.parametrize("what", WRITES)
def test_an_order_that_is_not_there_is_not_found(store: Store, what: str) -> None:
    with pytest.raises(NotFound, match="no order 999"):
        WRITES[what](store.client, "999")


@pytest.mark.parametrize("what", WRITES)
def test_a_checkout_can_not_be_written_to(store: Store, what: str) -> None:
    with pytest.raises(Rejected, match="is no order"):
        WRITES[what](store.client, "checkout-7")
    assert store.requests == []


# Messages


def test_an_invoice_carries_our_subject_and_text(store: Store) -> None:
    message_id = invoice(store)
    assert store.mails == [{"customMessage": "Thank you", "subject": "Your order"}]
    assert sent(store) == message_id
    assert store.requests[:4] == ["claim", "claim", "invoice_send", "claim"]


def test_an_invoice_without_a_subject_has_the_shops(store: Store) -> None:
    send_invoice(store.client, ORDER, "Thank you", None, KEY)
    assert store.mails == [{"customMessage": "Thank you"}]


def test_a_message_is_not_sent_twice_under_one_key(store: Store) -> None:
    assert invoice(store) == invoice(store)
    assert len(store.mails) == 1
    invoice(store, OTHER_KEY)
    assert len(store.mails) == 2


@pytest.mark.parametrize("fault", ["lost", "never", "crash"])
@pytest.mark.parametrize("request_number", range(4))
def test_a_message_is_never_sent_twice_whichever_request_fails(store: Store, fault: str, request_number: int) -> None:
    """Only what went wrong around the sending itself needs a person; everything else settles itself."""
    needs_a_person = request_number == 2 or (request_number, fault) == (1, "crash")
    store.faults = {request_number: fault}
    try:
        invoice(store)
    except (UnknownOutcome, Crash):
        if needs_a_person:
            with pytest.raises(Unsupported):
                sent(store)
            with pytest.raises(UnknownOutcome):
                invoice(store)
        elif sent(store) is None:
            invoice(store)
    never_sent = (request_number, fault) in [(1, "crash"), (2, "never")]
    assert len(store.mails) == (0 if never_sent else 1)


def test_a_message_whose_sending_is_in_doubt_is_for_a_person_and_not_tried_again(store: Store) -> None:
    store.faults = {2: "lost"}
    with pytest.raises(UnknownOutcome):
        invoice(store)
    with pytest.raises(Unsupported, match="cannot be told"):
        sent(store)
    with pytest.raises(UnknownOutcome, match="tried before"):
        invoice(store)
    assert len(store.mails) == 1


def test_a_lost_answer_right_before_the_sending_is_read_up(store: Store) -> None:
    """Or a message that was surely not sent would be held for a person."""
    store.faults = {1: "lost"}
    invoice(store)
    assert store.requests[:4] == ["claim", "claim", "claim_find", "invoice_send"]


def test_of_two_runs_at_the_same_message_one_is_turned_away(store: Store) -> None:
    store.meanwhile = {"invoice_send": lambda: _turned_away(store)}
    invoice(store)
    assert len(store.mails) == 1


def _turned_away(store: Store) -> None:
    with pytest.raises(UnknownOutcome):
        invoice(store)


@pytest.mark.parametrize("request_number", range(3))
def test_after_a_sure_no_a_message_may_be_tried_again(store: Store, request_number: int) -> None:
    store.faults = {request_number: "no"}
    with pytest.raises(RateLimited):
        invoice(store)
    assert store.mails == []
    assert sent(store) is None
    invoice(store)
    assert len(store.mails) == 1


def test_a_sure_no_that_cannot_be_marked_is_for_a_person(store: Store) -> None:
    store.faults = {2: "no", 3: "no"}
    with pytest.raises(RateLimited):
        invoice(store)
    with pytest.raises(UnknownOutcome):
        invoice(store)
    with pytest.raises(Unsupported):
        sent(store)
    assert store.mails == []


def test_a_message_that_shopify_refuses_has_failed_and_was_not_sent(store: Store) -> None:
    store.refuses = {"invoice_send": "ORDER_INVOICE_SEND_UNSUCCESSFUL"}
    with pytest.raises(Rejected):
        invoice(store)
    assert sent(store) is None


def test_a_flow_is_given_what_it_needs_to_write_to_the_customer(store: Store) -> None:
    message_id = send_to_flow(store.client, "aftersale-message", ORDER, "Thank you", None, KEY)
    assert store.flows == [
        {
            "handle": "aftersale-message",
            "payload": {
                "order_id": 1001,
                "order_name": "#1001",
                "message_id": KEY,
                "subject": "",
                "text": "Thank you",
                "locale": "he-IL",
                "customer_email": "customer@example.com",
            },
        }
    ]
    assert sent(store) == message_id
    assert message_id.startswith("flow")


def test_a_flow_is_started_once(store: Store) -> None:
    for _ in range(2):
        send_to_flow(store.client, "aftersale-message", ORDER, "Thank you", "Hello", KEY)
    assert len(store.flows) == 1


# Tags


def test_tags_are_added_to_those_there_are(store: Store) -> None:
    store.tags = ["VIP"]
    add_tags(store.client, ORDER, ["vip", "late parcel"])
    assert store.tags == ["VIP", "late parcel"]


def test_tags_that_are_there_are_not_written_again(store: Store) -> None:
    store.tags = ["VIP", "late"]
    add_tags(store.client, ORDER, ["late", "vip"])
    assert store.requests == ["order_state"]


def test_a_tag_with_a_comma_would_be_two(store: Store) -> None:
    with pytest.raises(Rejected, match="comma"):
        add_tags(store.client, ORDER, ["late, parcel"])
    assert store.requests == []


# Statuses


def move(store: Store, status: str, slept: list[float] | None = None) -> None:
    set_status(store.client, ORDER, status, (slept if slept is not None else []).append)


@pytest.mark.parametrize(
    ("status", "document"),
    [
        ("closed", "order_close"),
        ("archived", "order_close"),
        ("cancelled", "order_cancel"),
        ("paid", "order_mark_paid"),
    ],
)
def test_a_status_is_set_once(store: Store, status: str, document: str) -> None:
    move(store, status)
    move(store, status)
    assert store.requests.count(document) == 1


@pytest.mark.parametrize("status", ["completed", "processing", "pending", "on-hold", "refunded", "shipped"])
def test_what_shopify_cannot_do_is_refused_and_named(store: Store, status: str) -> None:
    with pytest.raises(Unsupported, match="Shopify cannot move an order to"):
        move(store, status)
    assert store.requests == []


def test_the_words_for_goals_and_for_statuses_are_told(store: Store) -> None:
    assert GOALS == ("closed", "archived", "cancelled", "paid")
    assert "cancelled" in STATUSES


def test_a_cancellation_is_waited_for_a_little(store: Store) -> None:
    store.meanwhile = {"order_cancel": lambda: setattr(store, "cancels_after", 3)}
    slept: list[float] = []
    move(store, "cancelled", slept)
    assert store.cancelled_at is not None
    assert 0 < sum(slept) < 10


def test_a_cancellation_that_takes_longer_is_in_doubt(store: Store) -> None:
    store.meanwhile = {"order_cancel": lambda: setattr(store, "cancels_after", 99)}
    with pytest.raises(UnknownOutcome, match="not carried it out"):
        move(store, "cancelled")


@pytest.mark.parametrize("status", ["closed", "cancelled", "paid"])
def test_a_lost_answer_to_a_change_of_status_is_settled_by_looking(store: Store, status: str) -> None:
    store.faults = {1: "lost"}
    move(store, status)
    assert len([document for document in store.requests if document != "order_state"]) == 1


@pytest.mark.parametrize("status", ["closed", "cancelled", "paid"])
def test_a_change_of_status_that_does_not_show_is_in_doubt(store: Store, status: str) -> None:
    store.faults = {1: "never"}
    with pytest.raises(UnknownOutcome, match="no answer"):
        move(store, status)


def test_a_cancellation_that_cannot_be_watched_is_in_doubt(store: Store) -> None:
    store.faults = {2: "no"}
    with pytest.raises(UnknownOutcome, match="cannot be looked at"):
        move(store, "cancelled")


# Coupons


def coupon(**changes: Any) -> Coupon:
    usual: dict[str, Any] = {"code": "thanks7f3k", "percent": Decimal("12.5"), "expires_at": NOW + timedelta(days=14)}
    return Coupon(**usual | changes)


def test_a_coupon_can_be_used_once_and_is_valid_at_once(store: Store) -> None:
    create_coupon(store.client, coupon(), NOW)
    made = store.coupons["thanks7f3k"]
    assert (made["usageLimit"], made["appliesOncePerCustomer"], made["context"]) == (1, True, {"all": "ALL"})
    assert made["customerGets"] == {"value": {"percentage": 0.125}, "items": {"all": True}}
    assert (made["startsAt"], made["endsAt"]) == ("2026-11-01T09:25:00Z", "2026-11-15T09:30:00Z")


def test_a_coupon_of_an_amount_is_taken_off_the_whole_order(store: Store) -> None:
    create_coupon(store.client, coupon(percent=None, amount=Money(Decimal("20.00"), "ILS"), expires_at=None), NOW)
    made = store.coupons["thanks7f3k"]
    assert made["customerGets"]["value"] == {"discountAmount": {"amount": "20.00", "appliesOnEachItem": False}}
    assert made["endsAt"] is None


def test_a_code_that_exists_is_ours(store: Store) -> None:
    create_coupon(store.client, coupon(), NOW)
    create_coupon(store.client, coupon(), NOW)
    assert find_coupon(store.client, "thanks7f3k")
    assert not find_coupon(store.client, "never-made")


def test_any_other_refusal_of_a_coupon_is_told(store: Store) -> None:
    store.refuses = {"coupon_create": "INVALID"}
    with pytest.raises(Rejected):
        create_coupon(store.client, coupon(), NOW)
    with pytest.raises(Rejected, match="neither"):
        create_coupon(store.client, coupon(percent=None), NOW)


def test_a_customers_address_is_no_part_of_a_coupon(store: Store) -> None:
    create_coupon(store.client, coupon(email="customer@example.com"), NOW)
    assert "customer@example.com" not in str(store.sent)


# Over HTTP


@pytest.fixture
def sandbox(clock: MovableClock) -> Iterator[ShopifySandbox]:
    with ShopifySandbox(clock=clock, restore_rate=None) as shop:
        yield shop


@pytest.fixture
def by_http(sandbox: ShopifySandbox, clock: MovableClock) -> Iterator[StoreAdapter]:
    adapter = create(
        "shopify",
        url=sandbox.url,
        access_token=sandbox.access_token,
        platform_messages="invoice",
        timeout=1.0,
        clock=clock,
        sleep=lambda seconds: None,
    )
    yield adapter
    adapter.close()


def test_everything_is_written_as_shopify_wants_it(
    sandbox: ShopifySandbox, by_http: StoreAdapter, clock: MovableClock
) -> None:
    order_id = sandbox.add_order()
    sandbox.set_note(order_id, "Call Dana first")
    note_id = by_http.add_note(order_id, "Late", KEY)
    message_id = by_http.send_message(order_id, "Thank you", "Your order", OTHER_KEY)
    by_http.add_tags(order_id, ["late-parcel", "שמח"])
    by_http.create_coupon(coupon(expires_at=clock.now + timedelta(days=14)))
    by_http.create_coupon(coupon(expires_at=clock.now + timedelta(days=14)))
    by_http.set_status(order_id, "cancelled")
    assert sandbox.note(order_id) == "Call Dana first\n\nLate"
    assert [(mail.subject, mail.custom_message) for mail in sandbox.invoices] == [("Your order", "Thank you")]
    assert sandbox.tags(order_id) == ["late-parcel", "שמח"]
    assert sandbox.order(order_id).cancelled is not None
    assert by_http.find_coupon("thanks7f3k")
    assert by_http.find_note(order_id, "Late", KEY, clock.now, ()) == note_id
    assert by_http.find_message(order_id, "Thank you", OTHER_KEY, clock.now, ()) == message_id


@pytest.mark.parametrize(("status", "document"), [("closed", "OrderClose"), ("paid", "OrderMarkPaid")])
def test_an_order_is_closed_or_marked_as_paid_once(
    sandbox: ShopifySandbox, by_http: StoreAdapter, status: str, document: str
) -> None:
    order_id = sandbox.add_order(paid=False)
    by_http.set_status(order_id, status)
    by_http.set_status(order_id, status)
    assert [request.operation for request in sandbox.requests].count(document) == 1


def test_a_cancellation_gives_no_money_back(sandbox: ShopifySandbox, by_http: StoreAdapter) -> None:
    order_id = sandbox.add_order()
    by_http.set_status(order_id, "cancelled")
    assert sandbox.order(order_id).refunds == []


@pytest.mark.parametrize("operation", ["Claim", "OrderNoteWrite"])
@pytest.mark.parametrize("how", ["reset", "html", "truncated", "INTERNAL_SERVER_ERROR", "502", "THROTTLED", "429"])
@pytest.mark.parametrize("done", [True, False])
def test_a_note_survives_every_bad_answer(
    sandbox: ShopifySandbox, by_http: StoreAdapter, clock: MovableClock, operation: str, how: str, done: bool
) -> None:
    order_id = sandbox.add_order()
    sandbox.set_note(order_id, "Call Dana first")
    sandbox.fail_next(how, match=runs(operation), after_commit=done and how not in ("THROTTLED", "429"))
    try:
        by_http.add_note(order_id, "Late", KEY)
    except (UnknownOutcome, RateLimited, Unavailable):
        if by_http.find_note(order_id, "Late", KEY, clock.now, ()) is None:
            by_http.add_note(order_id, "Late", KEY)
    assert sandbox.note(order_id) == "Call Dana first\n\nLate"


@pytest.mark.parametrize("how", ["THROTTLED", "429", "userErrors"])
def test_a_sure_no_to_an_invoice_leaves_the_way_free(sandbox: ShopifySandbox, by_http: StoreAdapter, how: str) -> None:
    order_id = sandbox.add_order()
    sandbox.fail_next(how, match=runs("InvoiceSend"))
    with pytest.raises((RateLimited, Rejected)):
        by_http.send_message(order_id, "Thank you", None, KEY)
    by_http.send_message(order_id, "Thank you", None, KEY)
    assert len(sandbox.invoices) == 1


@pytest.mark.parametrize("operation", ["OrderNoteWrite", "OrderNote"])
def test_an_edit_at_the_same_moment_is_merged(sandbox: ShopifySandbox, by_http: StoreAdapter, operation: str) -> None:
    order_id = sandbox.add_order()
    sandbox.set_note(order_id, "Call Dana")
    sandbox.before_next(operation, lambda: sandbox.set_note(order_id, "Call Dana, or Avi"))
    by_http.add_note(order_id, "Late", KEY)
    assert sandbox.note(order_id) == "Call Dana, or Avi\n\nLate"


def test_a_customer_is_in_no_error(sandbox: ShopifySandbox, by_http: StoreAdapter) -> None:
    order_id = sandbox.add_order()
    sandbox.edit(order_id, email="noa at example")
    with pytest.raises(Rejected) as caught:
        by_http.send_message(order_id, "Dear Noa", "For Noa", KEY)
    assert "noa" not in str(caught.value).casefold()
