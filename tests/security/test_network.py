"""Whoever answers in a store's place gets no key, cannot fill memory, and cannot send us elsewhere."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest

from adapters.base import Capability, StoreAdapter
from adapters.channels.base import Channel
from adapters.channels.registry import create as create_channel
from adapters.errors import AdapterError, UnknownOutcome
from adapters.http import Http, Misconfigured
from adapters.registry import create
from tests.adapters.loopback import Asked, Said, serving
from tests.channels.providers import message

KEYS = ("ck_marked", "cs_marked", "shpat_marked", "shpss_marked", "client-marked")
DEEP = b'{"a":' * 50_000 + b"1" + b"}" * 50_000
DEEP_LIST = b"[" * 200_000 + b"]" * 200_000
BOMB = gzip.compress(b"[" + b" " * 200_000_000 + b"]")


def woocommerce(url: str) -> StoreAdapter:
    keys = {"consumer_key": "ck_marked", "consumer_secret": "cs_marked"}
    return create("woocommerce", url=url, **keys, timeout=10.0, sleep=lambda seconds: None)


def shopify(url: str) -> StoreAdapter:
    return create(
        "shopify", url=url, access_token="shpat_marked", api_version="2026-10", timeout=10.0, sleep=lambda seconds: None
    )


def shopify_by_grant(url: str) -> StoreAdapter:
    keys = {"client_id": "client-marked", "client_secret": "shpss_marked"}
    return create("shopify", url=url, **keys, api_version="2026-10", timeout=10.0, sleep=lambda seconds: None)


STORES = [woocommerce, shopify, shopify_by_grant]
Connect = Callable[[str], StoreAdapter]
CALLS: dict[str, Callable[[StoreAdapter], object]] = {
    "identify": lambda store: store.identify(),
    "walk": lambda store: list(store.changed_orders(None)),
    "fetch": lambda store: store.get_orders(["7"]),
    "note": lambda store: store.add_note("7", "Hello", "key"),
    "tags": lambda store: store.add_tags("7", ["seen"]),
}


@pytest.fixture
def elsewhere() -> Iterator[tuple[str, list[Asked]]]:
    """Another host, and what it was asked."""
    asked: list[Asked] = []

    def answer(request: Asked) -> Said:
        asked.append(request)
        return Said(b"{}")

    with serving(answer) as url:
        yield url, asked


def after(call: Callable[[StoreAdapter], object], connect: Connect, url: str) -> None:
    """Make the call, which fails as a store's trouble, in time, and without a word of ours that is secret."""
    store = connect(url)
    try:
        with pytest.raises(AdapterError) as caught:
            call(store)
    finally:
        store.close()
    assert not any(key in str(caught.value) for key in KEYS)


@pytest.mark.parametrize("status", [302, 307, 308])
@pytest.mark.parametrize("connect", STORES)
def test_a_redirect_is_not_followed_by_anything(
    status: int, connect: Connect, elsewhere: tuple[str, list[Asked]]
) -> None:
    url, asked = elsewhere
    with serving(lambda request: Said(b"", status, {"Location": f"{url}{request.path}"})) as store:
        for call in CALLS.values():
            after(call, connect, store)
    assert asked == []


def test_a_file_elsewhere_is_asked_for_without_a_key_and_a_redirect_from_it_not_followed(
    elsewhere: tuple[str, list[Asked]],
) -> None:
    url, asked = elsewhere
    seen: list[Asked] = []

    def answer(request: Asked) -> Said:
        seen.append(request)
        return Said(b"", 302, {"Location": url})

    with serving(answer) as files:
        http = Http("http://127.0.0.1:1", _signed, lambda answer: None, timeout=5.0, clock=_now)
        with pytest.raises(Misconfigured):
            list(http.lines(f"{files}/file"))
        http.close()
    assert asked == []
    assert not any("marked" in f"{each.path}{each.headers}{each.body!r}" for each in seen)


def test_a_store_cannot_have_us_ask_what_is_open_to_this_machine_alone(elsewhere: tuple[str, list[Asked]]) -> None:
    url, asked = elsewhere
    http = Http("https://shop.myshopify.com", _signed, lambda answer: None, timeout=5.0, clock=_now)
    for address in (url, "file:///etc/passwd", "ftp://127.0.0.1/x", "http://files.example.com/x"):
        with pytest.raises(Misconfigured):
            list(http.lines(address))
    http.close()
    assert asked == []


def _signed(prepared: object) -> object:
    prepared.headers["X-Key"] = "marked"  # type: ignore[attr-defined]
    return prepared


def _now() -> datetime:
    return datetime.now(UTC)


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        pytest.param(DEEP, {}, id="deep objects"),
        pytest.param(DEEP_LIST, {}, id="deep lists"),
        pytest.param(b'{"data":' + DEEP + b',"errors":' + DEEP + b"}", {}, id="deep in GraphQL"),
        pytest.param(b'[{"id":1,"status":"x","currency":"ILS","meta_data":' + DEEP_LIST + b"}]", {}, id="deep in one"),
        pytest.param(b"9" * 1_000_000, {}, id="a number of a million digits"),
        pytest.param(b'"\\ud800"', {}, id="half a character"),
        pytest.param(b"\xff\xfe" * 1000, {}, id="no text at all"),
        pytest.param(BOMB, {"Content-Encoding": "gzip"}, id="a compressed bomb"),
        pytest.param(BOMB, {"Content-Encoding": "gzip, gzip, gzip, gzip, gzip, gzip, gzip"}, id="often compressed"),
    ],
)
@pytest.mark.parametrize("connect", STORES)
@pytest.mark.parametrize("status", [200, 401])
def test_a_monstrous_answer_is_the_store_s_trouble(
    body: bytes, headers: dict[str, str], connect: Connect, status: int
) -> None:
    with serving(lambda request: Said(body, status, headers)) as url:
        for call in CALLS.values():
            after(call, connect, url)
            if body is BOMB:
                break  # once is enough: it takes a while


@pytest.mark.parametrize("connect", [woocommerce, shopify])
def test_what_became_of_a_write_whose_answer_is_monstrous_is_not_known(connect: Connect) -> None:
    with serving(lambda request: Said(DEEP)) as url:
        store = connect(url)
        if connect is woocommerce:
            with pytest.raises(UnknownOutcome):
                store.add_note("7", "Hello", "key")
        assert Capability.NOTES in store.capabilities
        store.close()


# Providers of messages ----------------------------------------------------------------------------------------


def channels_at(url: str) -> list[Channel]:
    twilio = {"account_sid": f"AC{'0' * 32}", "auth_token": "shpat_marked", "from": "Tea", "url": url}
    cloud = {"phone_number_id": "1055501234", "access_token": "shpat_marked", "api_version": "v23.0", "url": url}
    fields = {"to": "{{ to }}", "text": "{{ text }}"}
    gateway = {"url": url, "headers": {"X-Key": "shpat_marked"}, "fields": fields, "success": {"json": {"a": "b"}}}
    made = (("sms", "twilio", twilio), ("whatsapp", "cloud", cloud), ("sms", "http", gateway))
    return [create_channel(name, kind, timeout=10.0, clock=_now, **keys) for name, kind, keys in made]


@pytest.mark.parametrize("status", [302, 307, 308])
def test_no_channel_follows_a_redirect(status: int, elsewhere: tuple[str, list[Asked]]) -> None:
    url, asked = elsewhere
    with serving(lambda request: Said(b"", status, {"Location": f"{url}{request.path}"})) as provider:
        for channel in channels_at(provider):
            with pytest.raises(AdapterError) as caught:
                channel.send(message("+972502345678", template="hello"))
            assert "marked" not in str(caught.value)
            channel.check()
            channel.close()
    assert asked == []


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        pytest.param(DEEP, {}, id="deep objects"),
        pytest.param(DEEP_LIST, {}, id="deep lists"),
        pytest.param(b"9" * 1_000_000, {}, id="a number of a million digits"),
        pytest.param(BOMB, {"Content-Encoding": "gzip"}, id="a compressed bomb"),
    ],
)
def test_after_a_monstrous_answer_nobody_knows_whether_a_message_went_out(body: bytes, headers: dict[str, str]) -> None:
    with serving(lambda request: Said(body, 200, headers)) as provider:
        for channel in channels_at(provider):
            with pytest.raises(UnknownOutcome):
                channel.send(message("+972502345678", template="hello"))
            channel.close()
