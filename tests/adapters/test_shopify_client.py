"""One question, one POST: what Shopify's answers are taken for, what questions cost, and how points are waited for."""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import responses
from msgspec import Struct

from adapters.errors import AdapterError, AuthFailed, RateLimited, Rejected, Unavailable, UnknownOutcome
from adapters.http import LONGEST_PAUSE, READ_TRIES, Http, Misconfigured
from adapters.shopify import client as client_module
from adapters.shopify.access import FixedToken
from adapters.shopify.client import Client, Refused, TooDear, UserError
from adapters.shopify.meter import DEAREST, FIRST, LARGEST
from tests.adapters.loopback import Asked, Said, serving

NOW = datetime(2026, 11, 1, 9, 30, tzinfo=UTC)
SHOP = "https://mugs.myshopify.com"
GRAPHQL = f"{SHOP}/admin/api/2026-10/graphql.json"
TOKEN = "shpat_5f0c"
NOTE = "Noa Example asked for tea"


class Customer(Struct):
    name: str


class Order(Struct):
    name: str
    customer: Customer | None = None


class Orders(Struct):
    orders: list[Order]


class NoteWritten(Struct):
    id: str


class NoteAnswer(Struct, rename="camel"):
    order_update: NoteWritten


@dataclass
class Time:
    """Stands still but for those who sleep in it."""

    now: float = 1000.0
    naps: list[float] = field(default_factory=list)

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.naps.append(seconds)
        self.now += seconds


@pytest.fixture
def moment() -> Time:
    return Time()


@pytest.fixture(autouse=True)
def _documents(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The client takes any document; what the real ones say is tested where they are written."""
    for name in ("orders", "nodes", "note"):
        (tmp_path / f"{name}.graphql").write_text(f"# {name}\n")
    monkeypatch.setattr(client_module, "QUERIES", tmp_path)


def connected(moment: Time, url: str = SHOP) -> Client:
    return Client(url, "2026-10", FixedToken(TOKEN), timeout=5, clock=lambda: NOW, sleep=moment.sleep, monotonic=moment)


def cost(
    requested: float, available: float, *, used: float | None = None, full: float = 2000, rate: float = 100
) -> dict[str, Any]:
    status = {"maximumAvailable": full, "currentlyAvailable": available, "restoreRate": rate}
    return {"cost": {"requestedQueryCost": requested, "actualQueryCost": used, "throttleStatus": status}}


def failing(code: str, extensions: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    error = {"message": f"It failed for {NOTE}", "extensions": {"code": code}, **more}
    return {"errors": [error], "extensions": extensions or {}}


def answers(*bodies: dict[str, Any] | bytes, status: int = 200, headers: dict[str, str] | None = None) -> None:
    for body in bodies:
        told = body if isinstance(body, bytes) else json.dumps(body).encode()
        responses.post(GRAPHQL, body=told, status=status, headers=headers)


def orders(*names: str) -> dict[str, Any]:
    return {"data": {"orders": [{"name": name} for name in names]}}


WRITTEN = {"data": {"orderUpdate": {"id": "1", "userErrors": []}}}


def sent(call: responses.Call) -> Any:
    return json.loads(call.request.body or b"")


def read(client: Client, **variables: Any) -> Orders:
    return client.read("orders", variables, Orders)


def write(client: Client) -> NoteAnswer:
    return client.write("note", {"note": NOTE}, NoteAnswer)


# Asking


@responses.activate
def test_a_question_is_one_post_of_the_document_with_its_variables_and_the_token(moment: Time) -> None:
    answers(orders("1001"))
    assert read(connected(moment), first=3).orders == [Order("1001")]
    (call,) = responses.calls
    assert sent(call) == {"query": "# orders\n", "variables": {"first": 3}}
    assert call.request.headers["X-Shopify-Access-Token"] == TOKEN
    assert call.request.headers["Content-Type"] == "application/json"


@responses.activate
def test_an_answer_tells_the_version_it_is_in_and_the_stores_time(moment: Time) -> None:
    answers(orders(), headers={"X-Shopify-API-Version": "2026-07", "Date": "Sun, 01 Nov 2026 09:31:00 GMT"})
    client = connected(moment)
    assert (client.answered_version, client.answered_at) == (None, None)
    read(client)
    assert (client.answered_version, client.answered_at) == ("2026-07", datetime(2026, 11, 1, 9, 31, tzinfo=UTC))
    elsewhere: list[datetime | None] = []
    thread = threading.Thread(target=lambda: elsewhere.append(client.answered_at))
    thread.start()
    thread.join()
    assert elsewhere == [None]


@pytest.mark.parametrize("code", ["INTERNAL_SERVER_ERROR", "TIMEOUT", "SOMETHING_NEW", ""])
@responses.activate
def test_a_read_that_fails_inside_a_200_is_tried_again(code: str, moment: Time) -> None:
    answers(failing(code), orders("1001"))
    assert read(connected(moment)).orders == [Order("1001")]
    assert len(responses.calls) == 2


@responses.activate
def test_a_read_that_keeps_failing_names_shopifys_code_and_request(moment: Time) -> None:
    answers(failing("INTERNAL_SERVER_ERROR"), headers={"X-Request-Id": "5f0c-11aa"})
    with pytest.raises(Unavailable, match=r"'orders': INTERNAL_SERVER_ERROR \(request 5f0c-11aa\)") as caught:
        read(connected(moment))
    assert len(responses.calls) == READ_TRIES
    assert "Noa" not in str(caught.value)


@responses.activate
def test_half_an_answer_is_not_taken_for_a_whole_one(moment: Time) -> None:
    answers(orders() | failing("INTERNAL_SERVER_ERROR", path=["orders", 0]))
    with pytest.raises(Unavailable):
        read(connected(moment))


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"<!DOCTYPE html><title>Please wait</title>", "web page"),
        (b'{"data": {"orders": [', "cut off"),
        (b'{"data": {"orders": [{"name": 5}, ', "cut off"),
        (b"", "something else"),
        (b'{"data": {"orders": [{"name": 5}]}}', r"got 'int' - at '\$\.data\.orders\[0\]\.name'"),
        (b'{"data": null}', "without data"),
        (b"[]", "Expected 'object'"),
        (b'{"errors": "It is broken"}', "unnamed error"),
        (b'{"errors": {"base": ["It is broken"]}}', "unnamed error"),
    ],
)
@responses.activate
def test_an_answer_that_is_none_makes_the_store_unavailable(body: bytes, words: str, moment: Time) -> None:
    answers(body)
    with pytest.raises(Unavailable, match=words):
        read(connected(moment))


@pytest.mark.parametrize(
    ("status", "error", "words"),
    [
        (401, AuthFailed, "token is wrong, revoked, or another shop's"),
        (402, AuthFailed, "frozen. Its owner has to settle"),
        (403, AuthFailed, "check the app's scopes"),
        (404, Misconfigured, "`url` .* and `api_version`"),
        (423, AuthFailed, "locked the shop. Its owner has to ask Shopify Support"),
        (400, Rejected, "refuses the request"),
    ],
)
@responses.activate
def test_a_closed_door_is_named_and_knocked_at_once(
    status: int, error: type[AdapterError], words: str, moment: Time
) -> None:
    answers({"errors": f"[API] Invalid API key or access token {TOKEN}"}, status=status)
    for attempt in (read, write):
        responses.calls.reset()
        with pytest.raises(error, match=words) as caught:
            attempt(connected(moment))
        assert len(responses.calls) == 1
        assert TOKEN not in str(caught.value)


@pytest.mark.parametrize("status", [429, 430])
@responses.activate
def test_too_many_requests_are_waited_out_as_long_as_asked(status: int, moment: Time) -> None:
    answers({}, status=status, headers={"Retry-After": "4"})
    answers(orders())
    read(connected(moment))
    assert moment.naps == [4.0]


@responses.activate
def test_a_redirect_to_another_shop_is_refused(moment: Time) -> None:
    answers({}, status=301, headers={"Location": "https://cups.myshopify.com/admin/api/2026-10/graphql.json"})
    with pytest.raises(Misconfigured, match=r"redirects to https://cups\.myshopify\.com\."):
        read(connected(moment))
    assert len(responses.calls) == 1


# Rights


DENIED = {
    "message": "Access denied for customer field. Required access: `read_customers` access scope.",
    "path": ["orders", 0, "customer"],
    "extensions": {"code": "ACCESS_DENIED"},
}


@responses.activate
def test_fields_that_are_denied_are_done_without_and_remembered(moment: Time) -> None:
    answers(orders("1001") | {"errors": [DENIED]}, orders("1001"))
    client = connected(moment)
    assert read(client).orders == [Order("1001")]
    assert client.denied == {"orders.customer"}
    read(client)
    assert client.denied == frozenset()


@pytest.mark.parametrize("data", [None, {"orders": None}])
@responses.activate
def test_what_is_denied_and_cannot_be_done_without_names_the_scope(data: object, moment: Time) -> None:
    denied = DENIED | {"path": ["orders"], "message": "Access denied for orders field. Required access: `read_orders`"}
    answers({"data": data, "errors": [denied]})
    with pytest.raises(AuthFailed, match=r"denies access for 'orders' \(orders, read_orders\)\. Add"):
        read(connected(moment))
    assert len(responses.calls) == 1


@responses.activate
def test_a_search_that_ignores_a_filter_is_not_believed(moment: Time) -> None:
    search = [{"path": ["orders"], "warnings": [{"field": "updated", "message": "Invalid search field"}]}]
    answers(orders("1001") | {"extensions": {"search": search}})
    with pytest.raises(Rejected, match="ignores 'updated' in the search of 'orders'"):
        read(connected(moment))


@responses.activate
def test_a_search_without_warnings_is_believed(moment: Time) -> None:
    answers(orders("1001") | {"extensions": {"search": [{"path": ["orders"], "warnings": []}, {"warnings": None}]}})
    assert read(connected(moment)).orders


# Writing


@responses.activate
def test_a_mutation_that_was_done_gives_its_data(moment: Time) -> None:
    answers(WRITTEN)
    assert write(connected(moment)) == NoteAnswer(NoteWritten("1"))


@responses.activate
def test_user_errors_are_failures_that_repeat_nothing_we_sent(moment: Time) -> None:
    errors = [
        {"field": ["input", "note"], "code": "TOO_LONG", "message": f"{NOTE} is too long"},
        {"field": None, "message": "Noa cannot be written to"},
        {"field": ["id"], "message": "Order does not exist."},
    ]
    answers({"data": {"orderUpdate": {"id": None, "userErrors": errors}}})
    with pytest.raises(Refused) as caught:
        write(connected(moment))
    assert str(caught.value).endswith("refuses 'note': input.note: TOO_LONG; id: Order does not exist.")
    assert caught.value.errors[0] == UserError(("input", "note"), "TOO_LONG", f"{NOTE} is too long")


@responses.activate
def test_user_errors_are_seen_under_any_name(moment: Time) -> None:
    answers({"data": {"orderCancel": {"job": None, "orderCancelUserErrors": [{"message": "Already", "code": "X"}]}}})
    with pytest.raises(Refused, match="X: Already"):
        write(connected(moment))


@pytest.mark.parametrize(
    "body",
    [
        failing("INTERNAL_SERVER_ERROR"),
        failing("TIMEOUT"),
        failing("SOMETHING_NEW"),
        failing("INTERNAL_SERVER_ERROR", path=["orderUpdate"]) | {"data": {"orderUpdate": None}},
        {"errors": [DENIED | {"path": ["orderUpdate", "order"]}], "data": {"orderUpdate": None}},
        {"errors": "It is broken"},
        {"data": None},
        {"data": {"orderUpdate": None}},
        {"data": {"orderUpdate": {"id": 7}}},
        b"<html>",
        b'{"data": {"orderUpdate"',
        b"[]",
    ],
)
@responses.activate
def test_a_mutation_that_may_have_been_done_is_an_unknown_outcome(body: Any, moment: Time) -> None:
    answers(body)
    with pytest.raises(UnknownOutcome, match="Whether the change was made is not known") as caught:
        write(connected(moment))
    assert len(responses.calls) == 1
    assert "Noa" not in str(caught.value)


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (failing("THROTTLED", cost(10, 5)), RateLimited),
        (failing("MAX_COST_EXCEEDED"), TooDear),
        (failing("undefinedField", path=["mutation Note", "orderUpdate", "x"]), Rejected),
        (failing("argumentLiteralsIncompatible"), Rejected),
        (failing("INVALID_VARIABLE"), Rejected),
        (failing("ACCESS_DENIED", path=["orderUpdate"]) | {"data": {"orderUpdate": None}}, AuthFailed),
        (failing("SHOP_INACTIVE"), AuthFailed),
    ],
)
@responses.activate
def test_a_mutation_refused_before_it_ran_was_surely_not_done(
    body: dict[str, Any], error: type[AdapterError], moment: Time
) -> None:
    answers(body)
    with pytest.raises(error) as caught:
        write(connected(moment))
    assert len(responses.calls) == 1
    assert "Noa" not in str(caught.value)


@responses.activate
def test_a_mutation_is_done_though_a_field_of_its_answer_is_denied(moment: Time) -> None:
    answers(WRITTEN | {"errors": [DENIED | {"path": ["orderUpdate", "order"]}]})
    client = connected(moment)
    assert write(client).order_update.id == "1"
    assert client.denied == {"orderUpdate.order"}


def test_an_answer_lost_after_a_mutation_is_an_unknown_outcome(moment: Time) -> None:
    def lose(asked: Asked) -> Said:
        return Said(b'{"data"', headers={"Content-Length": "500"})

    with serving(lose) as url:
        client = connected(moment, url)
        with pytest.raises(UnknownOutcome):
            write(client)
        client.close()


# Points


@responses.activate
def test_a_throttled_read_waits_for_the_missing_points_and_no_longer(moment: Time) -> None:
    answers(failing("THROTTLED", cost(752, 252)), orders("1001"))
    assert read(connected(moment), first=50).orders
    assert sum(moment.naps) == pytest.approx(5.0, abs=0.02)


@responses.activate
def test_a_throttled_write_says_when_to_come_back(moment: Time) -> None:
    answers(failing("THROTTLED", cost(10, 5)))
    with pytest.raises(RateLimited) as caught:
        write(connected(moment))
    assert caught.value.retry_after == pytest.approx(0.05)


@responses.activate
def test_a_read_waits_beforehand_until_the_bucket_holds_what_it_cost_last_time(moment: Time) -> None:
    answers(orders() | {"extensions": cost(700, 300)})
    client = connected(moment)
    read(client, first=50)
    assert moment.naps == []
    moment.now += 1.5
    read(client, first=50)
    assert sum(moment.naps) == pytest.approx((700 - 300) / 100 - 1.5, abs=0.02)


@responses.activate
def test_a_larger_page_is_expected_to_cost_more_but_no_worse_than_in_proportion(moment: Time) -> None:
    answers(orders() | {"extensions": cost(300, 300)})
    client = connected(moment)
    read(client, first=50)
    read(client, first=100)
    assert sum(moment.naps) == pytest.approx(3.0, abs=0.02)


@responses.activate
def test_a_bucket_that_will_not_fill_for_long_is_the_callers_affair(moment: Time) -> None:
    answers(orders() | {"extensions": cost(700, 0, rate=10)})
    client = connected(moment)
    read(client, first=50)
    with pytest.raises(RateLimited, match="no points left") as caught:
        read(client, first=50)
    assert caught.value.retry_after is not None
    assert caught.value.retry_after > LONGEST_PAUSE
    assert moment.naps == []


@responses.activate
def test_pages_begin_with_care_and_grow_as_far_as_their_cost_allows(moment: Time) -> None:
    client = connected(moment)
    assert client.first("orders") == FIRST
    answers(orders() | {"extensions": cost(400, 1600)}, orders() | {"extensions": cost(450, 1600)})
    read(client, first=50)
    assert client.first("orders") == 50 * DEAREST / 400
    assert client.first("checkouts") == FIRST
    read(client, first=125)
    assert client.first("orders") == LARGEST


@responses.activate
def test_a_page_never_costs_more_than_a_full_bucket_holds(moment: Time) -> None:
    answers(orders() | {"extensions": cost(400, 400, full=600)})
    client = connected(moment)
    read(client, first=50)
    assert client.first("orders") == 75


@responses.activate
def test_a_page_too_dear_is_halved_and_asked_for_at_once(moment: Time) -> None:
    answers(failing("MAX_COST_EXCEEDED"), orders("1001") | {"extensions": cost(990, 1500)})
    client = connected(moment)
    assert read(client, first=50).orders == [Order("1001")]
    asked = [sent(call)["variables"]["first"] for call in responses.calls]
    assert (asked, moment.naps) == ([50, 25], [])
    assert client.first("orders") == 25


@responses.activate
def test_a_page_that_grew_too_dear_goes_back_to_the_size_that_was_let_through(moment: Time) -> None:
    answers(
        orders() | {"extensions": cost(800, 1500)},
        failing("MAX_COST_EXCEEDED"),
        orders() | {"extensions": cost(800, 1)},
    )
    client = connected(moment)
    read(client, first=50)
    read(client, first=client.first("orders"))
    asked = [sent(call)["variables"]["first"] for call in responses.calls]
    assert asked == [50, 62, 50]
    assert client.first("orders") == 50


@responses.activate
def test_a_question_too_dear_that_cannot_be_smaller_is_an_error(moment: Time) -> None:
    answers(failing("MAX_COST_EXCEEDED"))
    for variables in ({"first": 1}, {"id": "gid://shopify/Order/1"}):
        with pytest.raises(TooDear):
            connected(moment).read("orders", variables, Orders)


@dataclass
class Till:
    """A store that charges like Shopify: what is asked for must be there, what was used is taken."""

    moment: Time
    node: float
    full: float = 2000.0
    rate: float = 100.0
    used: float = 0.5
    drain: float = 0.0
    """Points a second that another app takes."""
    latency: float = 0.2
    asked: int = 0
    throttled: int = 0
    charged: float = 0.0
    level: float = 0.0
    seen_at: float = 0.0

    def __post_init__(self) -> None:
        self.level, self.seen_at = self.full, self.moment.now

    def answer(self, asked: Asked) -> Said:
        self.asked += 1
        self.moment.now += self.latency / 2
        passed, self.seen_at = self.moment.now - self.seen_at, self.moment.now
        self.level = max(0.0, min(self.full, self.level + passed * (self.rate - self.drain)))
        first = json.loads(asked.body)["variables"]["first"]
        requested = 2 + max(1, math.floor(2 * math.log(first))) * self.node
        used = 0
        body: dict[str, Any] = orders(*(f"{number}" for number in range(first)))
        if requested > 1000:
            body = failing("MAX_COST_EXCEEDED")
        elif requested > self.level:
            self.throttled += 1
            body = failing("THROTTLED")
        else:
            used = round(requested * self.used)
            self.level -= used
            self.charged += used
        body["extensions"] = cost(round(requested), round(self.level), used=used, full=self.full, rate=self.rate)
        self.moment.now += self.latency / 2
        return Said(json.dumps(body).encode())


def walk(client: Client, wanted: int) -> None:
    while wanted > 0:
        wanted -= len(read(client, first=client.first("orders")).orders)


def walk_on(client: Client, wanted: int) -> None:
    """As `walk`, of a thread that the others may overtake again and again."""
    while wanted > 0:
        with suppress(RateLimited):
            wanted -= len(read(client, first=client.first("orders")).orders)


@pytest.mark.parametrize("used", [0.3, 0.6, 1.0])
@pytest.mark.parametrize("node", [89.0, 125.0, 200.0])
def test_a_long_walk_spends_nine_points_in_ten_and_is_hardly_ever_throttled(
    node: float, used: float, moment: Time
) -> None:
    till = Till(moment, node, used=used)
    with serving(till.answer) as url:
        client = connected(moment, url)
        began = moment.now
        walk(client, 5000)
        client.close()
    on_offer = till.full + till.rate * (moment.now - began)
    assert moment.naps
    assert till.charged >= 0.9 * on_offer
    assert till.throttled <= till.asked / 50


@pytest.mark.parametrize("drain", [20.0, 50.0])
def test_points_that_another_app_takes_are_not_counted_on(drain: float, moment: Time) -> None:
    till = Till(moment, 89.0, drain=drain, used=1.0)
    with serving(till.answer) as url:
        client = connected(moment, url)
        walk(client, 15000)
        client.close()
    assert moment.naps
    assert till.throttled <= max(2, till.asked / 50)


def test_threads_share_one_bucket_and_seldom_throttle_each_other(moment: Time) -> None:
    till, lock = Till(moment, 89.0, used=1.0, latency=0.0), threading.Lock()

    def answer(asked: Asked) -> Said:
        with lock:
            return till.answer(asked)

    with serving(answer) as url:
        client = connected(moment, url)
        read(client, first=50)
        threads = [threading.Thread(target=walk_on, args=(client, 2000)) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        client.close()
    assert till.asked > 10
    assert till.throttled <= till.asked / 10  # an answer may overtake one that knows more of the bucket


# Files, as bulk operations leave them


def connection(url: str, naps: list[float]) -> Http:
    return Http(url, FixedToken(TOKEN), lambda answer: None, timeout=5, clock=lambda: NOW, sleep=naps.append)


FILE = b"".join(json.dumps({"id": number, "text": "שלום " * (number % 50)}).encode() + b"\n" for number in range(5000))


def file_server(seen: list[Asked], *, ranges: bool) -> Callable[[Asked], Said]:
    def answer(asked: Asked) -> Said:
        seen.append(asked)
        begin = int(asked.headers.get("Range", "bytes=0-")[6:-1]) if ranges else 0
        if begin >= len(FILE):
            return Said(b"", 416)
        return Said(FILE[begin:], 206 if begin else 200)

    return answer


@pytest.mark.parametrize("ranges", [True, False])
def test_a_file_is_read_line_by_line_and_on_from_where_it_was_left(ranges: bool) -> None:
    seen: list[Asked] = []
    with serving(file_server(seen, ranges=ranges)) as url:
        http = connection(url, [])
        lines = list(http.lines(f"{url}/result.jsonl?signature=abc"))
        offset = sum(len(line) for line in lines[:1234])
        rest = list(http.lines(f"{url}/result.jsonl?signature=abc", offset))
        nothing = list(http.lines(f"{url}/result.jsonl?signature=abc", len(FILE)))
        http.close()
    assert b"".join(lines) == FILE
    assert (rest, nothing) == (lines[1234:], [])
    assert all("X-Shopify-Access-Token" not in asked.headers for asked in seen)


def test_a_file_that_breaks_off_gives_whole_lines_first() -> None:
    with serving(lambda asked: Said(FILE[:-5], headers={"Content-Length": str(len(FILE))})) as url:
        http, lines = connection(url, []), list[bytes]()
        with pytest.raises(Unavailable, match=r"the file that the store at .* offers broke off") as caught:
            lines.extend(http.lines(f"{url}/result.jsonl?signature=abc"))
        http.close()
    assert FILE.startswith(b"".join(lines))
    assert lines[-1].endswith(b"\n")
    assert "abc" not in str(caught.value)


@pytest.mark.parametrize(
    ("status", "error", "tries"),
    [
        (403, "its link has expired", 1),
        (404, "has expired", 1),
        (503, "overloaded", READ_TRIES),
        (302, "is no file", 1),
    ],
)
def test_a_file_out_of_reach_is_told_without_its_link(status: int, error: str, tries: int) -> None:
    seen: list[Asked] = []

    def refuse(asked: Asked) -> Said:
        seen.append(asked)
        return Said(b"", status, {"Location": "https://elsewhere.example.com/?signature=abc"})

    with serving(refuse) as url:
        http = connection(url, [])
        with pytest.raises(AdapterError, match=error) as caught:
            next(http.lines(f"{url}/result.jsonl?signature=abc"))
        http.close()
    assert len(seen) == tries
    assert "abc" not in str(caught.value)
    assert "result" not in str(caught.value)


@pytest.mark.parametrize("url", ["http://files.example.com/result.jsonl", "file:///etc/hosts", ""])
def test_a_file_is_only_fetched_safely(url: str) -> None:
    with pytest.raises(Misconfigured, match="without https"):
        next(connection(SHOP, []).lines(url))
