"""The token of a Shopify store: where it is sent, when it is renewed, and why none is granted."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
import responses
from msgspec import Struct

from adapters.errors import AdapterError, AuthFailed, Unavailable
from adapters.http import READ_TRIES, Misconfigured
from adapters.sandbox.clock import MovableClock
from adapters.shopify import client as client_module
from adapters.shopify.access import GRANT, ClientCredentials, FixedToken, endpoint, shop_url
from adapters.shopify.client import Client
from tests.adapters.loopback import Asked, Said, serving

SHOP = "https://mugs.myshopify.com"
SECRET = "shpss_5f0c"


class Shop(Struct):
    name: str


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock(datetime(2026, 11, 1, 9, 30, tzinfo=UTC))


@pytest.fixture(autouse=True)
def _documents(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "shop.graphql").write_text("# shop\n")
    monkeypatch.setattr(client_module, "QUERIES", tmp_path)


def credentials(url: str, clock: MovableClock) -> ClientCredentials:
    return ClientCredentials(url, "id-1", SECRET, timeout=5, clock=clock, sleep=lambda seconds: None)


def client_of(url: str, access: FixedToken | ClientCredentials, clock: MovableClock) -> Client:
    return Client(url, "2026-10", access, timeout=5, clock=clock, sleep=lambda seconds: None)


def name(client: Client) -> str:
    return client.read("shop", {}, Shop).name


class Grants:
    """A store that grants token-1, token-2 … and takes the newest only, unless told otherwise."""

    def __init__(self, shop: str = "Mugs", life: object = 86399) -> None:
        self.shop = shop
        self.life = life
        self.granted = 0
        self.revoked = False
        self.down = False
        self.seen: list[str] = []
        self.questions: list[dict[str, list[str]]] = []

    def __call__(self, asked: Asked) -> Said:
        if asked.path == GRANT:
            if self.down:
                return Said(b"", 503)
            self.granted += 1
            self.questions.append(parse_qs(asked.body.decode()))
            token = {"access_token": self.token, "scope": "read_orders", "expires_in": self.life}
            return Said(json.dumps(token).encode())
        self.seen.append(asked.headers["X-Shopify-Access-Token"])
        if self.revoked or self.seen[-1] != self.token:
            return Said(b'{"errors": "[API] Invalid API key or access token"}', 401)
        return Said(json.dumps({"data": {"name": self.shop}}).encode())

    @property
    def token(self) -> str:
        return f"{self.shop}-{self.granted}"


# Where a store answers


def test_a_store_answers_under_its_own_name_and_version() -> None:
    assert endpoint("https://Mugs.myshopify.com/", "2026-10") == (SHOP, "/admin/api/2026-10/graphql.json")
    assert endpoint("http://127.0.0.1:8080", "2026-04") == ("http://127.0.0.1:8080", "/admin/api/2026-04/graphql.json")


@pytest.mark.parametrize(
    "url",
    [
        "https://mugs.example.com",
        "https://mugs.myshopify.com.example.org",
        "https://myshopify.com",
        "https://mugs.myshopify.com:8443",
        "https://admin.shopify.com/store/mugs",
        "http://mugs.myshopify.com",
        "mugs",
    ],
)
def test_a_token_is_handed_to_shopify_alone(url: str) -> None:
    with pytest.raises(ValueError, match="write"):
        shop_url(url)


@pytest.mark.parametrize("version", ["latest", "2026", ""])
def test_a_version_that_cannot_be_is_told(version: str) -> None:
    with pytest.raises(ValueError, match="like 2026-10"):
        endpoint(SHOP, version)


@pytest.mark.parametrize("token", ["", "  ", "shpat_ä", "two words", "line\nbreak"])
def test_a_token_that_cannot_be_is_told_without_repeating_it(token: str, clock: MovableClock) -> None:
    with pytest.raises(ValueError, match="access_token is plain letters") as caught:
        FixedToken(token)
    assert token not in str(caught.value) or not token.strip()
    with pytest.raises(ValueError, match="client_secret is plain letters"):
        ClientCredentials(SHOP, "id-1", token, timeout=5, clock=clock, sleep=lambda seconds: None)


def test_shopifys_package_is_imported_without_a_warning_and_only_for_a_store() -> None:
    program = "import sys, adapters.shopify.client; print('shopify' in sys.modules); import shopify"
    told = subprocess.run([sys.executable, "-W", "error", "-c", program], check=True, capture_output=True, text=True)
    assert (told.stdout.strip(), told.stderr) == ("False", "")


# Tokens that are granted


def test_a_token_is_granted_for_id_and_secret_and_used_until_shortly_before_its_end(clock: MovableClock) -> None:
    grants = Grants()
    with serving(grants) as url:
        client = client_of(url, credentials(url, clock), clock)
        assert name(client) == "Mugs"
        clock.advance(timedelta(hours=23, minutes=54))
        assert name(client) == "Mugs"
        assert grants.granted == 1
        clock.advance(timedelta(minutes=1))
        assert name(client) == "Mugs"
        client.close()
    assert grants.seen == ["Mugs-1", "Mugs-1", "Mugs-2"]
    asked = {"grant_type": ["client_credentials"], "client_id": ["id-1"], "client_secret": [SECRET]}
    assert grants.questions == [asked, asked]


def test_a_short_lived_token_is_not_renewed_at_every_request(clock: MovableClock) -> None:
    grants = Grants(life=60)
    with serving(grants) as url:
        client = client_of(url, credentials(url, clock), clock)
        name(client)
        clock.advance(timedelta(seconds=44))
        name(client)
        client.close()
    assert grants.granted == 1


def test_a_token_that_still_holds_serves_on_while_none_is_granted(clock: MovableClock) -> None:
    grants = Grants()
    with serving(grants) as url:
        client = client_of(url, credentials(url, clock), clock)
        name(client)
        grants.down = True
        clock.advance(timedelta(hours=23, minutes=57))
        assert name(client) == "Mugs"
        clock.advance(timedelta(minutes=4))
        with pytest.raises(Unavailable):
            name(client)
        client.close()


def test_a_token_refused_before_its_end_is_renewed_and_the_request_repeated_once(clock: MovableClock) -> None:
    grants = Grants()
    with serving(grants) as url:
        client = client_of(url, credentials(url, clock), clock)
        name(client)
        grants.granted += 1
        assert client.write("shop", {}, Shop).name == "Mugs"
        assert grants.seen == ["Mugs-1", "Mugs-1", "Mugs-3"]
        grants.revoked = True
        with pytest.raises(AuthFailed, match="token is wrong, revoked"):
            name(client)
        client.close()
    assert len(grants.seen) == 5


def test_a_fixed_token_that_is_refused_is_not_tried_again(clock: MovableClock) -> None:
    grants = Grants()
    with serving(grants) as url:
        client = client_of(url, FixedToken("shpat_old"), clock)
        with pytest.raises(AuthFailed):
            name(client)
        client.close()
    assert (grants.seen, grants.granted) == (["shpat_old"], 0)


def at_once(work: Callable[[], object], count: int) -> None:
    begin, failures = threading.Barrier(count), list[Exception]()

    def run() -> None:
        begin.wait()
        try:
            work()
        except (AssertionError, AdapterError) as error:
            failures.append(error)

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_threads_wait_for_one_renewal(clock: MovableClock) -> None:
    grants = Grants()
    with serving(grants) as url:
        client = client_of(url, credentials(url, clock), clock)
        at_once(lambda: name(client), 8)
        assert grants.granted == 1
        grants.granted += 1  # Shopify revokes the token.
        at_once(lambda: name(client), 8)
        client.close()
    assert grants.granted == 3


def test_two_stores_never_share_a_token_or_an_endpoint(clock: MovableClock) -> None:
    mugs, cups = Grants("Mugs"), Grants("Cups")
    with ExitStack() as stack:
        here, there = stack.enter_context(serving(mugs)), stack.enter_context(serving(cups))
        stores = {"Mugs": client_of(here, credentials(here, clock), clock)}
        stores["Cups"] = client_of(there, credentials(there, clock), clock)

        def both() -> None:
            for _ in range(20):
                for shop, client in stores.items():
                    assert name(client) == shop

        at_once(both, 4)
        for client in stores.values():
            client.close()
    assert (set(mugs.seen), set(cups.seen)) == ({"Mugs-1"}, {"Cups-1"})


# Why none is granted


@pytest.mark.parametrize(
    ("status", "body", "error", "words"),
    [
        (400, {"error": "invalid_client"}, AuthFailed, "client_id or client_secret is wrong"),
        (401, {"error": "invalid_client"}, AuthFailed, "client_id or client_secret is wrong"),
        (401, b"", AuthFailed, "client_id or client_secret is wrong"),
        (400, b"<p>Oauth error application_cannot_be_found: no id-1</p>", AuthFailed, "there is no app with this"),
        (400, {"error": "app_not_installed"}, AuthFailed, "Install it"),
        (400, {"error": "shop_not_permitted"}, AuthFailed, "different organisations"),
        (404, b"<html>", Misconfigured, "Shopify knows no shop of this name"),
        (402, b"", AuthFailed, "frozen"),
        (423, b"", AuthFailed, "locked"),
        (200, b"<html>", Unavailable, "something else than a token"),
        (200, {"access_token": ""}, Unavailable, "something else than a token"),
        (200, {"access_token": "a\nb"}, Unavailable, "something else than a token"),
        (503, b"", Unavailable, "down"),
    ],
)
@responses.activate
def test_a_token_that_is_not_granted_has_a_named_cause(
    status: int, body: Any, error: type[AdapterError], words: str, clock: MovableClock
) -> None:
    told = body if isinstance(body, bytes) else json.dumps(body)
    responses.post(f"{SHOP}{GRANT}", body=told, status=status)
    with pytest.raises(error, match=words) as caught:
        name(client_of(SHOP, credentials(SHOP, clock), clock))
    assert SECRET not in str(caught.value)
    assert "id-1" not in str(caught.value)
    assert len(responses.calls) == (READ_TRIES if error is Unavailable else 1)
