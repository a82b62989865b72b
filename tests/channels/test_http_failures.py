"""What each failure of a provider is taken for: every one that is asked over HTTP, against every failure."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from adapters.channels.base import Channel
from adapters.channels.webhook import Webhook
from adapters.errors import AdapterError, AuthFailed, RateLimited, Rejected, Unavailable, UnknownOutcome
from tests.channels.providers import (
    KEY,
    TOKEN,
    CloudProvider,
    GatewayProvider,
    HttpProvider,
    TwilioProvider,
    WebhookProvider,
)

PROVIDERS = [TwilioProvider, GatewayProvider, CloudProvider, WebhookProvider]


@pytest.fixture(params=PROVIDERS, ids=lambda kind: kind.__name__.removesuffix("Provider"))
def provider(request: pytest.FixtureRequest) -> Iterator[HttpProvider]:
    with request.param() as provider:
        yield provider


def send_to(provider: HttpProvider, channel: Channel | None = None) -> str:
    channel = channel or provider.channel
    if isinstance(channel, Webhook):
        return channel.send({"text": provider.message.text, "to": provider.message.to}, KEY)
    return channel.send(provider.message)


def failure(provider: HttpProvider, error: type[AdapterError], channel: Channel | None = None) -> AdapterError:
    """How sending fails; no error may say more than it should."""
    with pytest.raises(AdapterError) as caught:
        send_to(provider, channel)
    assert type(caught.value) is error, repr(caught.value)
    said = f"{caught.value!r} {caught.value}"
    private = (TOKEN, provider.message.to, "502345678", "שלום", "biscuits", "account=7", "nginx")
    assert [secret for secret in private if secret in said] == []
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    return caught.value


def test_a_refused_connection_is_a_sure_no(provider: HttpProvider) -> None:
    provider.loopback.stop()
    failure(provider, Unavailable)


def test_a_connection_that_cannot_be_made_safe_is_a_sure_no(provider: HttpProvider) -> None:
    channel = provider.connect(provider.loopback.url.replace("http:", "https:"))
    assert "certificate" in str(failure(provider, Unavailable, channel))
    channel.close()
    assert provider.requests == []


@pytest.mark.parametrize("status", [400, 409, 422])
def test_a_refusal_is_for_good(provider: HttpProvider, status: int) -> None:
    provider.fail(str(status))
    failure(provider, Rejected)


@pytest.mark.parametrize("status", [401, 402, 403])
def test_a_denied_key_is_a_matter_for_the_staff(provider: HttpProvider, status: int) -> None:
    provider.fail(str(status))
    assert "the config" in str(failure(provider, AuthFailed))


@pytest.mark.parametrize("provider", PROVIDERS[:3], indirect=True)
@pytest.mark.parametrize("how", ["404", "307"])
def test_a_wrong_address_in_the_config_is_a_matter_for_the_staff(provider: HttpProvider, how: str) -> None:
    provider.fail(how)
    assert "the address in the config" in str(failure(provider, AuthFailed))


@pytest.mark.parametrize("how", ["404", "307"])
def test_a_wrong_address_in_a_rule_is_a_matter_for_the_staff(how: str) -> None:
    with WebhookProvider() as provider:
        provider.fail(how)
        assert "Check the url in the rule" in str(failure(provider, AuthFailed))


def test_one_who_asks_for_patience_gets_it(provider: HttpProvider) -> None:
    provider.fail("429")
    error = failure(provider, RateLimited)
    assert isinstance(error, RateLimited)
    assert error.retry_after == pytest.approx(3600)


def test_a_request_that_came_too_slowly_was_not_taken(provider: HttpProvider) -> None:
    provider.fail("408")
    failure(provider, Unavailable)


@pytest.mark.parametrize("after_commit", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("how", ["500", "502", "503", "302", "reset", "timeout"])
def test_whoever_may_have_taken_it_leaves_the_outcome_unknown(
    provider: HttpProvider, how: str, after_commit: bool
) -> None:
    provider.fail(how, after_commit=after_commit)
    failure(provider, UnknownOutcome)
    assert len(provider.requests) == 1


def test_half_an_answer_is_an_unknown_outcome(provider: HttpProvider) -> None:
    provider.fail("truncated")
    failure(provider, UnknownOutcome)


@pytest.mark.parametrize("provider", PROVIDERS[:3], indirect=True)
def test_a_web_page_in_place_of_an_answer_is_an_unknown_outcome(provider: HttpProvider) -> None:
    provider.fail("garbage")
    failure(provider, UnknownOutcome)


def test_a_webhook_is_content_with_any_answer_of_two_hundred() -> None:
    with WebhookProvider() as provider:
        provider.fail("garbage")
        assert send_to(provider) == KEY


@pytest.mark.parametrize("babble", [b"", b"lorem ipsum\r\n\r\n", b"HTTP/1.1 2"])
def test_what_is_not_even_http_is_an_unknown_outcome(provider: HttpProvider, babble: bytes) -> None:
    with babbling(babble) as url:
        channel = provider.connect(url)
        failure(provider, UnknownOutcome, channel)
        channel.close()


def test_an_answer_that_never_ends_is_given_up(provider: HttpProvider) -> None:
    with babbling(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n" + b"x" * 5_000_000) as url:
        channel = provider.connect(url)
        failure(provider, UnknownOutcome, channel)
        channel.close()


@contextmanager
def babbling(answer: bytes) -> Iterator[str]:
    """Reads a request, says that, and closes the connection."""
    listener = socket.create_server(("127.0.0.1", 0))

    def talk() -> None:
        peer, _ = listener.accept()
        with peer, peer.makefile("rb") as lines:
            length = 0
            while (line := lines.readline().lower()) not in (b"\r\n", b""):
                if line.startswith(b"content-length:"):
                    length = int(line.split(b":")[1])
            lines.read(length)
            try:
                peer.sendall(answer)
            except OSError:
                return  # the client had enough

    thread = threading.Thread(target=talk, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        thread.join(5)
        listener.close()


@pytest.mark.parametrize("provider", PROVIDERS[:3], indirect=True)
def test_a_check_says_who_is_out_of_reach(provider: HttpProvider) -> None:
    provider.loopback.stop()
    (finding,) = provider.channel.check()
    assert finding.fatal


@pytest.mark.parametrize("provider", [TwilioProvider, CloudProvider], indirect=True)
@pytest.mark.parametrize(
    ("how", "says"),
    [
        ("401", "access denied"),
        ("garbage", "is something else at `url`"),
        ("500", "down or overloaded"),
        ("timeout", "did not answer within 1 s"),
    ],
)
def test_a_check_logs_in_where_that_can_be_done(provider: HttpProvider, how: str, says: str) -> None:
    provider.fail(how)
    (finding,) = provider.channel.check()
    assert says in finding.message
