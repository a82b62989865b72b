"""Handing mail over: what each turn of the conversation is taken for, and how connections are kept."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from adapters.channels import email_smtp, registry
from adapters.channels.base import BadAddress, Channel, Message, PutOff
from adapters.channels.email_smtp import server_of
from adapters.errors import AdapterError, AuthFailed, Rejected, Unavailable, UnknownOutcome
from adapters.sandbox.clock import MovableClock
from tests.channels.mail_server import CLOSE, CLOSE_MIDWAY, HANG, RESET, USUAL, MailServer, mail_server
from tests.channels.providers import NOW, message

TO = "sara@example.com"


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock(NOW)


@pytest.fixture
def server() -> Iterator[MailServer]:
    with mail_server() as server:
        yield server


@pytest.fixture
def channel(server: MailServer, clock: MovableClock) -> Iterator[Channel]:
    channel = connected(f"smtp://127.0.0.1:{server.port}", clock)
    yield channel
    channel.close()


def connected(url: str, clock: MovableClock, *, timeout: float = 1.0, **settings: Any) -> Channel:
    usual = {"url": url, "from": "Tal from Tea <tal@tea.example.com>"}
    return registry.create("email", "smtp", timeout=timeout, clock=clock, **usual | settings)


def failure(channel: Channel, sent: Message | None = None) -> AdapterError:
    with pytest.raises(AdapterError) as caught:
        channel.send(sent or message(TO))
    said = f"{caught.value!r} {caught.value}"
    assert [private for private in (TO, "pässword", "5f0c", "biscuits") if private in said] == []
    return caught.value


# What each turn means


BEFORE_THE_MESSAGE = ["connect", "EHLO", "MAIL", "RCPT", "DATA"]


@pytest.mark.parametrize("turn", [HANG, CLOSE, RESET, "<html>", "25"])
@pytest.mark.parametrize("word", BEFORE_THE_MESSAGE)
def test_whatever_breaks_before_the_message_is_a_sure_no(
    server: MailServer, channel: Channel, word: str, turn: str
) -> None:
    server.replies[word] = turn
    assert isinstance(failure(channel), Unavailable)
    assert server.mails == []


def test_a_connection_that_ends_in_the_middle_of_the_message_is_a_sure_no(server: MailServer, channel: Channel) -> None:
    server.replies["."] = CLOSE_MIDWAY
    text = "tea\n" * 4_000_000  # More than the buffers of the connection hold.
    assert type(failure(channel, message(TO, text=text))) is Unavailable


@pytest.mark.parametrize("turn", [HANG, CLOSE, RESET, "<html>", "25", "354 go on", "250-queued"])
def test_no_answer_to_the_whole_message_is_an_unknown_outcome(server: MailServer, channel: Channel, turn: str) -> None:
    server.replies["."] = turn
    assert type(failure(channel)) is UnknownOutcome


@pytest.mark.parametrize(
    ("word", "reply", "error"),
    [
        ("connect", "421 too many connections", Unavailable),
        ("connect", "554 5.7.1 go away", Unavailable),
        ("MAIL", "421 4.3.2 closing", Unavailable),
        ("MAIL", "451 4.3.0 later", Unavailable),
        ("MAIL", "530 5.7.0 log in first", AuthFailed),
        ("MAIL", "553 5.1.8 who are you", Rejected),
        ("RCPT", "450 4.2.0 greylisted", PutOff),
        ("RCPT", "452 4.2.2 mailbox full", PutOff),
        ("RCPT", "421 4.7.0 slow down", Unavailable),
        ("RCPT", "550 5.1.1 no such user", BadAddress),
        ("RCPT", "550 no such user", BadAddress),
        ("RCPT", "550 5.2.1 disabled", BadAddress),
        ("RCPT", "552 5.2.2 mailbox full", Rejected),
        ("RCPT", "550 5.7.1 relaying denied", Rejected),
        ("RCPT", "554 5.7.1 blocked", Rejected),
        ("DATA", "451 4.3.0 later", PutOff),
        ("DATA", "554 5.5.1 no valid recipients", Rejected),
        (".", "451 4.3.0 disk full", PutOff),
        (".", "421 4.3.0 closing", Unavailable),
        (".", "552 5.3.4 too big", Rejected),
        (".", "550 5.7.1 looks like spam", Rejected),
        (".", "550 5.1.1 no such user after all", Rejected),
    ],
)
def test_a_refusal_is_a_sure_no(
    server: MailServer, channel: Channel, word: str, reply: str, error: type[AdapterError]
) -> None:
    server.replies[word] = reply
    assert type(failure(channel)) is error
    assert server.mails == []


def test_what_the_server_says_in_words_is_not_repeated(server: MailServer, channel: Channel) -> None:
    server.replies["RCPT"] = f"550-5.1.1 <{TO}>: unknown\r\n550 5.1.1 see https://example.org/{TO}"
    assert str(failure(channel)) == (
        "the mail server 127.0.0.1 answered 550 5.1.1 to the address: there is no such mailbox."
    )


def test_nobody_at_the_port_is_a_sure_no(server: MailServer, channel: Channel) -> None:
    server.stop()
    assert "out of reach" in str(failure(channel))


@pytest.mark.parametrize(("reply", "error"), [("535 5.7.8 no", AuthFailed), ("454 4.7.0 not now", Unavailable)])
def test_a_password_may_be_refused_for_good_or_for_now(
    server: MailServer, clock: MovableClock, reply: str, error: type[AdapterError]
) -> None:
    server.replies["AUTH"] = reply
    channel = connected(f"smtp://shop:secret-5f0c@127.0.0.1:{server.port}", clock)
    assert type(failure(channel)) is error
    (finding,) = channel.check()
    assert finding.fatal
    assert "5f0c" not in finding.message


def test_a_server_without_a_way_to_log_in_is_a_matter_for_the_staff(server: MailServer, clock: MovableClock) -> None:
    server.replies["EHLO"] = "250 mail.example.com"
    assert type(failure(connected(f"smtp://shop:secret-5f0c@127.0.0.1:{server.port}", clock))) is AuthFailed


# Connections


def test_one_connection_serves_many_messages(server: MailServer, channel: Channel) -> None:
    for number in range(5):
        channel.send(message(TO, key=f"{number:032x}"))
    assert (server.connections, len(server.mails)) == (1, 5)


def test_after_a_refusal_the_connection_is_still_good(server: MailServer, channel: Channel) -> None:
    server.replies["RCPT"] = "550 5.1.1 no such user"
    failure(channel)
    server.replies.update(USUAL)
    channel.send(message(TO))
    assert (server.connections, len(server.mails)) == (1, 1)


def test_a_connection_that_the_server_has_ended_is_replaced(server: MailServer, channel: Channel) -> None:
    channel.send(message(TO))
    server.hang_up()
    channel.send(message(TO))
    assert (server.connections, len(server.mails)) == (2, 2)


def test_a_connection_that_the_server_is_tired_of_is_replaced(
    server: MailServer, channel: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    channel.send(message(TO))
    tired = iter(["421 4.7.0 too many messages", USUAL["MAIL"]])
    usual = server._reply
    monkeypatch.setattr(
        server,
        "_reply",
        lambda peer, word: (server.replies.update(MAIL=next(tired)) if word == "MAIL" else None) or usual(peer, word),
    )
    channel.send(message(TO))
    assert (server.connections, len(server.mails)) == (2, 2)


def test_a_connection_that_was_idle_for_long_is_not_trusted(
    server: MailServer, channel: Channel, clock: MovableClock
) -> None:
    channel.send(message(TO))
    clock.advance(timedelta(minutes=2))
    channel.send(message(TO))
    assert (server.connections, len(server.mails)) == (2, 2)


def test_no_two_threads_talk_on_one_connection(server: MailServer, channel: Channel) -> None:
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda number: channel.send(message(TO, key=f"{number:032x}")), range(40)))
    assert len(server.mails) == 40
    assert server.connections <= 4


def test_closing_says_farewell(server: MailServer, channel: Channel) -> None:
    channel.send(message(TO))
    channel.close()
    assert server.commands[-1].upper() == "QUIT"


# Safety


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of localhost, signed by itself."""
    file = tmp_path_factory.mktemp("tls") / "localhost.pem"
    made = ["-newkey", "rsa:2048", "-nodes", "-days", "2", "-addext", "subjectAltName=DNS:localhost"]
    command = ["openssl", "req", "-x509", *made, "-subj", "/CN=localhost", "-keyout", "-", "-out", "-"]
    file.write_bytes(subprocess.run(command, check=True, capture_output=True).stdout)
    return file


@pytest.fixture
def far_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """Loopback counts as any other machine."""
    monkeypatch.setattr(email_smtp, "is_loopback", lambda host: False)


PATIENT = 10.0
"""Seconds: a handshake takes its time on a busy machine."""
WITH_STARTTLS = "250-mail.example.com\r\n250-AUTH PLAIN\r\n250 STARTTLS"


@pytest.mark.usefixtures("far_away")
def test_to_another_machine_the_password_goes_over_tls_alone(
    certificate: Path, clock: MovableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with mail_server(certificate) as server:
        server.replies["EHLO"] = WITH_STARTTLS
        channel = connected(f"smtp://shop:secret-5f0c@localhost:{server.port}", clock, timeout=PATIENT)
        channel.send(message(TO))
        channel.close()
        assert [command.split()[0].upper() for command in server.commands[:4]] == ["EHLO", "STARTTLS", "EHLO", "AUTH"]
        assert len(server.mails) == 1


@pytest.mark.usefixtures("far_away")
def test_a_server_that_offers_no_tls_hears_no_password(server: MailServer, clock: MovableClock) -> None:
    error = failure(connected(f"smtp://shop:secret-5f0c@localhost:{server.port}", clock, timeout=PATIENT))
    assert type(error) is AuthFailed
    assert "STARTTLS" in str(error)
    assert not any(command.startswith("AUTH") for command in server.commands)


@pytest.mark.usefixtures("far_away")
@pytest.mark.parametrize("implicit", [False, True], ids=["STARTTLS", "smtps"])
def test_a_certificate_that_proves_nothing_is_not_trusted(
    certificate: Path, clock: MovableClock, implicit: bool
) -> None:
    with mail_server(certificate, implicit_tls=implicit) as server:
        server.replies["EHLO"] = WITH_STARTTLS
        scheme = "smtps" if implicit else "smtp"
        error = failure(connected(f"{scheme}://shop:secret-5f0c@localhost:{server.port}", clock, timeout=PATIENT))
        assert type(error) is Unavailable
        assert "certificate" in str(error)
        assert not any(command.startswith("AUTH") for command in server.commands)


def test_tls_from_the_first_byte(certificate: Path, clock: MovableClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with mail_server(certificate, implicit_tls=True) as server:
        channel = connected(f"smtps://shop:secret-5f0c@localhost:{server.port}", clock, timeout=PATIENT)
        channel.send(message(TO))
        channel.close()
        assert len(server.mails) == 1


# Settings


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("smtp://shop:pw@mail.example.com", ("mail.example.com", 587, False, "shop", "pw")),
        ("smtps://shop:pw@mail.example.com", ("mail.example.com", 465, True, "shop", "pw")),
        ("smtp://mail.example.com:2525", ("mail.example.com", 2525, False, None, "")),
        ("smtp://shop@example.com:p@s/s:w#rd@[::1]:25", ("::1", 25, False, "shop@example.com", "p@s/s:w#rd")),
        ("smtp://shop:100%25@localhost", ("localhost", 587, False, "shop", "100%")),
    ],
)
def test_an_address_of_a_server_may_hold_any_password(url: str, server: tuple[object, ...]) -> None:
    found = server_of(url)
    assert (found.host, found.port, found.implicit_tls, found.user, found.password) == server


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"url": "mail.example.com"}, "write it like smtp://"),
        ({"url": "smtp://shop@mail.example.com"}, "a user name and a password, or neither"),
        ({"url": "smtp://shop:5f0cпароль@mail.example.com"}, "Latin letters"),
        ({"url": "smtp://shop:5f0c@mail.example.com:99999"}, "no such port"),
        ({"from": "Tal from Tea"}, "no mail address"),
        ({"from": "Tal <tal@tea.example.com>\nBcc: x@example.com"}, "no mail address"),
        ({"reply_to": "tal@localhost"}, "no mail address"),
        ({"reply": "tal@example.com"}, "Extra inputs"),
    ],
)
def test_settings_that_cannot_be_are_refused_in_words_and_without_the_password(
    clock: MovableClock, settings: dict[str, str], says: str
) -> None:
    with pytest.raises(ValidationError, match=says) as caught:
        connected(**{"url": "smtp://localhost", "clock": clock} | settings)
    assert "5f0c" not in str(caught.value)


def test_settings_do_not_show_the_password() -> None:
    model = registry.settings_of("email", "smtp")
    settings = model.model_validate({"url": "smtp://shop:secret-5f0c@mail.example.com", "from": "tal@example.com"})
    assert "5f0c" not in repr(settings)
