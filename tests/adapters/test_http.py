"""One store's connection: what is retried, what is never, and what each failure is taken for."""

from __future__ import annotations

import os
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
import requests
import responses

from adapters.errors import (
    AdapterError,
    AuthFailed,
    NotFound,
    RateLimited,
    Rejected,
    Unavailable,
    UnknownOutcome,
)
from adapters.http import LARGEST_ANSWER, READ_TRIES, Http, Misconfigured

NOW = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
URL = "https://shop.example.com"
SIGNATURE = "sig-5f0c"


def sign(prepared: requests.PreparedRequest) -> requests.PreparedRequest:
    prepared.url = f"{prepared.url}?signature={SIGNATURE}"
    return prepared


def connection(url: str = URL, *, naps: list[float] | None = None, timeout: float = 5.0) -> Http:
    sleep: Callable[[float], None] = naps.append if naps is not None else lambda seconds: None
    return Http(url, sign, lambda answer: None, timeout=timeout, clock=lambda: NOW, sleep=sleep)


@contextmanager
def raw_server(*talks: Callable[[socket.socket], Any]) -> Iterator[str]:
    """A server on loopback that treats each connection as told, and then closes it."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        for talk in talks:
            try:
                peer, _ = listener.accept()
            except OSError:
                return
            with peer:
                talk(peer)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.close()
        thread.join(5)


def heard(peer: socket.socket) -> bytes:
    """The whole request, head and body."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += peer.recv(65536)
    head, _, body = data.partition(b"\r\n\r\n")
    length = next((int(line[15:]) for line in head.split(b"\r\n") if line.startswith(b"Content-Length:")), 0)
    while len(body) < length:
        body += peer.recv(65536)
    return data


def says(answer: bytes) -> Callable[[socket.socket], None]:
    def talk(peer: socket.socket) -> None:
        heard(peer)
        peer.sendall(answer)

    return talk


def unused_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


# Reading


@responses.activate
def test_a_read_gives_the_body_and_leaves_out_empty_parameters() -> None:
    responses.get(f"{URL}/orders", body=b"[]")
    answer = connection().read("/orders", {"per_page": 1, "exclude": ""})
    assert (answer.status, answer.body) == (200, b"[]")
    assert "exclude" not in str(responses.calls[0].request.url)


@responses.activate
def test_a_shop_may_have_its_address_in_its_own_letters() -> None:
    responses.get("https://xn--mnchen-3ya.example.com/l%C3%A4den/orders", body=b"[]")
    assert connection("https://münchen.example.com/läden").read("/orders").body == b"[]"


def test_an_address_that_is_none_is_said_to_be_wrong() -> None:
    with pytest.raises(Misconfigured, match="Check the store's `url`"):
        connection("https://a b.example.com").read("/orders")


@pytest.mark.parametrize("status", [500, 502, 503, 408])
@responses.activate
def test_a_read_is_tried_again_when_the_store_stumbles(status: int) -> None:
    responses.get(f"{URL}/orders", status=status)
    responses.get(f"{URL}/orders", body=b"[]")
    naps: list[float] = []
    assert connection(naps=naps).read("/orders").body == b"[]"
    assert len(naps) == 1
    assert 0.5 <= naps[0] <= 1.0


@responses.activate
def test_a_read_gives_up_after_a_few_tries() -> None:
    responses.get(f"{URL}/orders", status=502)
    with pytest.raises(Unavailable):
        connection().read("/orders")
    assert len(responses.calls) == READ_TRIES


@pytest.mark.parametrize("retry_after", ["7", format_datetime(NOW + timedelta(seconds=7), usegmt=True)])
@responses.activate
def test_a_read_waits_as_long_as_the_store_asks(retry_after: str) -> None:
    headers = {"Retry-After": retry_after, "Date": format_datetime(NOW, usegmt=True)}
    responses.get(f"{URL}/orders", status=429, headers=headers)
    responses.get(f"{URL}/orders", body=b"[]")
    naps: list[float] = []
    connection(naps=naps).read("/orders")
    assert naps == [7.0]


@pytest.mark.parametrize(("status", "error"), [(429, RateLimited), (503, Unavailable)])
@responses.activate
def test_a_long_pause_is_the_callers_affair(status: int, error: type[RateLimited | Unavailable]) -> None:
    responses.get(f"{URL}/orders", status=status, headers={"Retry-After": "600"})
    naps: list[float] = []
    with pytest.raises(error) as caught:
        connection(naps=naps).read("/orders")
    assert (caught.value.retry_after, naps) == (600.0, [])


@pytest.mark.parametrize("nonsense", ["soon", "-5", "1e9", "99999999999999", "²", ""])
@responses.activate
def test_a_senseless_retry_after_is_no_retry_after(nonsense: str) -> None:
    responses.post(f"{URL}/notes", status=429, headers={"Retry-After": nonsense})
    with pytest.raises(RateLimited) as caught:
        connection().write("POST", "/notes", {})
    assert caught.value.retry_after is None


@pytest.mark.parametrize(
    ("status", "error"), [(400, Rejected), (401, AuthFailed), (403, AuthFailed), (404, NotFound), (410, Rejected)]
)
@responses.activate
def test_a_read_that_is_refused_is_not_tried_again(status: int, error: type[AdapterError]) -> None:
    responses.get(f"{URL}/orders", status=status)
    with pytest.raises(error):
        connection().read("/orders")
    assert len(responses.calls) == 1


def test_an_answer_cut_short_is_tried_again() -> None:
    short = says(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n[1, 2")
    whole = says(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]")
    with raw_server(short, whole) as url:
        http = connection(url)
        assert http.read("/orders").body == b"[]"
        http.close()


def test_an_endless_answer_is_dropped() -> None:
    def flood(peer: socket.socket) -> None:
        heard(peer)
        peer.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
        # The client has enough before we are through.
        with suppress(OSError):
            for _ in range(LARGEST_ANSWER // (1024 * 1024) + 8):
                peer.sendall(b" " * 1024 * 1024)

    with raw_server(flood) as url, pytest.raises(Unavailable, match="too large"):
        connection(url).read("/orders")


@responses.activate
def test_a_redirect_is_not_followed_and_its_cure_is_named_without_the_signature() -> None:
    target = f"https://www.shop.example.com/orders?signature={SIGNATURE}"
    responses.get(f"{URL}/orders", status=301, headers={"Location": target})
    with pytest.raises(Unavailable, match=r"redirects to https://www\.shop\.example\.com\. ") as caught:
        connection().read("/orders")
    assert SIGNATURE not in str(caught.value)
    assert len(responses.calls) == 1


@pytest.mark.parametrize("location", ["", "/login", "http://[", "https://user:pw@x.example.com/"])
@responses.activate
def test_a_redirect_to_nowhere_is_told_as_well(location: str) -> None:
    responses.get(f"{URL}/orders", status=302, headers={"Location": location})
    with pytest.raises(Unavailable, match="redirects elsewhere"):
        connection().read("/orders")


@responses.activate
def test_the_date_of_an_answer_shows_how_far_the_clocks_are_apart() -> None:
    ahead = NOW + timedelta(minutes=3)
    responses.get(f"{URL}/orders", headers={"Date": format_datetime(ahead, usegmt=True)})
    http = connection()
    assert http.skew is None
    http.read("/orders")
    assert http.skew == timedelta(minutes=3)


@responses.activate
def test_cookies_are_not_kept() -> None:
    responses.get(f"{URL}/orders", headers={"Set-Cookie": "session=1"})
    http = connection()
    http.read("/orders")
    http.read("/orders")
    assert "Cookie" not in responses.calls[1].request.headers


@responses.activate
def test_a_password_in_netrc_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine shop.example.com login someone password else\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    responses.get(f"{URL}/", body=b"[]")
    http = connection()
    http.read("/", signed=False)
    http.read("/")
    assert ["Authorization" in call.request.headers for call in responses.calls] == [False, False]


def test_the_proxy_of_the_environment_is_not_asked_for_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{unused_port()}")
    with raw_server(says(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]")) as url:
        http = connection(url)
        assert http.read("/orders").body == b"[]"
        http.close()


# Writing


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, Rejected),
        (401, AuthFailed),
        (403, AuthFailed),
        (404, NotFound),
        (409, Rejected),
        (423, Rejected),
        (429, RateLimited),
        (301, Unavailable),
        (308, Unavailable),
        (302, UnknownOutcome),
        (303, UnknownOutcome),
        (500, UnknownOutcome),
        (502, UnknownOutcome),
        (503, UnknownOutcome),
        (504, UnknownOutcome),
    ],
)
@responses.activate
def test_a_write_is_tried_once_and_its_outcome_told(status: int, error: type[AdapterError]) -> None:
    responses.post(f"{URL}/notes", status=status, headers={"Retry-After": "1"})
    with pytest.raises(error) as caught:
        connection().write("POST", "/notes", {"note": "for noa@example.com"})
    assert type(caught.value) is error or error is Unavailable
    assert len(responses.calls) == 1
    assert "noa@" not in str(caught.value)


def test_a_write_to_a_closed_port_was_surely_not_done() -> None:
    with pytest.raises(Unavailable, match="refuses connections"):
        connection(f"http://127.0.0.1:{unused_port()}").write("POST", "/notes", {})


def test_a_write_to_an_unknown_name_was_surely_not_done(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(*args: object, **kwargs: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", nobody)
    with pytest.raises(Unavailable, match="the DNS has no such name"):
        connection("https://gone.example.com").write("POST", "/notes", {})


@responses.activate
def test_a_write_that_could_not_connect_in_time_was_surely_not_done() -> None:
    responses.post(f"{URL}/notes", body=requests.ConnectTimeout(f"{URL}/notes?signature={SIGNATURE}"))
    with pytest.raises(Unavailable, match="did not accept") as caught:
        connection().write("POST", "/notes", {})
    assert SIGNATURE not in str(caught.value)


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A self-signed certificate for 127.0.0.1, and its key, in one file."""
    file = tmp_path / "certificate.pem"
    made = ["-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=Example"]
    name = ["-addext", "subjectAltName=IP:127.0.0.1"]
    command = ["openssl", "req", "-x509", *made, *name, "-keyout", "-", "-out", "-"]
    file.write_bytes(subprocess.run(command, check=True, capture_output=True).stdout)
    return file


def wrapped(peer: socket.socket, certificate: Path) -> ssl.SSLSocket:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context.wrap_socket(peer, server_side=True)


def test_a_certificate_that_proves_nothing_is_not_trusted(certificate: Path) -> None:
    def handshake(peer: socket.socket) -> None:
        # The client turns away in the middle.
        with suppress(OSError):
            wrapped(peer, certificate).close()

    with raw_server(handshake, handshake) as url:
        http = connection(url.replace("http:", "https:"))
        with pytest.raises(Unavailable, match="TLS certificate"):
            http.write("POST", "/notes", {})
        with pytest.raises(Unavailable, match="TLS certificate"):
            http.read("/orders")


def test_a_failure_of_tls_after_sending_leaves_the_outcome_unknown(
    certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`requests` raises the same error as for a bad certificate, but it is too late to be sure of anything."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))

    def garble(peer: socket.socket) -> None:
        with wrapped(peer, certificate) as private:
            heard(private)
            with socket.socket(fileno=os.dup(private.fileno())) as bare:
                bare.sendall(b"this is not a TLS record")

    with raw_server(garble) as url, pytest.raises(UnknownOutcome, match="TLS"):
        connection(url.replace("http:", "https:")).write("POST", "/notes", {})


def test_a_connection_that_breaks_after_sending_leaves_the_outcome_unknown() -> None:
    with raw_server(lambda peer: heard(peer)) as url, pytest.raises(UnknownOutcome):
        connection(url).write("POST", "/notes", {"note": "hello"})


def test_an_answer_that_does_not_come_in_time_leaves_the_outcome_unknown() -> None:
    done = threading.Event()

    def hold(peer: socket.socket) -> None:
        heard(peer)
        done.wait(5)

    with raw_server(hold) as url:
        with pytest.raises(UnknownOutcome, match=r"did not answer within 0\.2 s"):
            connection(url, timeout=0.2).write("POST", "/notes", {})
        done.set()


def test_a_success_cut_short_leaves_the_outcome_unknown() -> None:
    short = says(b'HTTP/1.1 201 Created\r\nContent-Length: 100\r\n\r\n{"id"')
    with raw_server(short) as url, pytest.raises(UnknownOutcome):
        connection(url).write("POST", "/notes", {})


def test_a_refusal_cut_short_is_a_refusal() -> None:
    short = says(b'HTTP/1.1 400 Bad Request\r\nContent-Length: 100\r\n\r\n{"co')
    with raw_server(short) as url, pytest.raises(Rejected):
        connection(url).write("POST", "/notes", {})


def test_no_error_shows_what_requests_said_behind_it() -> None:
    url = f"http://127.0.0.1:{unused_port()}"
    for attempt in (lambda: connection(url).read("/orders"), lambda: connection(url).write("POST", "/n", {})):
        with pytest.raises(Unavailable) as caught:
            attempt()
        assert caught.value.__suppress_context__
        assert SIGNATURE not in str(caught.value)


def test_the_registry_is_cheap_to_import() -> None:
    heavy = "{'requests', 'woocommerce', 'pydantic'}"
    program = f"import sys, adapters.registry as r; r.platforms(); print({heavy} & {{*sys.modules}})"
    told = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert told.stdout.strip() == "set()"
