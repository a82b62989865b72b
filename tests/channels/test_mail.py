"""What mail looks like when it arrives: read by another implementation than the one that wrote it."""

from __future__ import annotations

import email
import email.policy
import socket
from datetime import UTC, datetime
from email.message import EmailMessage
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from hypothesis import given
from hypothesis import strategies as st

from adapters.channels import registry
from adapters.channels.base import Message, Unreachable
from adapters.channels.mime import mail, mailbox
from adapters.errors import Rejected
from adapters.model import Customer
from tests.channels.mail_server import mail_server
from tests.channels.providers import KEY, NOW, order

SENDER = mailbox("Tal from Tea", "tal@tea.example.com")


def written(sender: str = SENDER, reply_to: str | None = None, **fields: Any) -> bytes:
    usual: dict[str, Any] = {"to": "sara@example.com", "key": KEY, "text": "Hello", "subject": "Hi", "locale": "en"}
    return mail(Message(**usual | fields), sender, "tea.example.com", reply_to, NOW)


def arrived(sender: str = SENDER, reply_to: str | None = None, **fields: Any) -> EmailMessage:
    content = written(sender, reply_to, **fields)
    lines = content.split(b"\r\n")
    assert not any(b"\n" in line or b"\r" in line for line in lines), "a bare line break"
    assert max(map(len, lines)) <= 998
    return email.message_from_bytes(content, policy=email.policy.default)


def text_of(mail: EmailMessage, kind: str = "plain") -> str:
    body = mail.get_body((kind,))
    assert body is not None
    content = body.get_content()
    assert isinstance(content, str)
    return content.replace("\r\n", "\n").removesuffix("\n")


def test_a_mail_says_who_when_what_and_that_a_machine_wrote_it() -> None:
    mail = arrived(reply_to="shop@example.com")
    assert mail["From"] == "Tal from Tea <tal@tea.example.com>"
    assert (mail["To"], mail["Subject"], mail["Reply-To"]) == ("sara@example.com", "Hi", "shop@example.com")
    assert mail["Date"].datetime == NOW
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["List-Unsubscribe"] is None


def test_the_same_message_has_the_same_id_whenever_it_is_sent() -> None:
    assert arrived()["Message-ID"] == arrived(text="Edited")["Message-ID"] == f"<{KEY}@tea.example.com>"


@pytest.mark.parametrize(
    "subject",
    [
        "Your tea",
        "התה שלך בדרך אלייך",
        "شايك في الطريق",
        "Ваш чай в пути 🍵" * 5,
        "x" * 200,
        "=?utf-8?q?not_encoded?=",
        "Tea " * 50 + "é",
    ],
)
def test_a_subject_arrives_in_any_language_and_length(subject: str) -> None:
    assert arrived(subject=subject)["Subject"] == subject.strip()


def test_a_subject_longer_than_anybody_reads_is_cut() -> None:
    assert len(arrived(subject="שרה" * 10_000)["Subject"]) == 250


def test_without_a_subject_the_first_line_of_the_text_is_it() -> None:
    assert arrived(subject=None, text="\n Your\ttea left.\nMore below")["Subject"] == "Your tea left."


@pytest.mark.parametrize("name", ["טל מהתה", 'Tal "Tea" Cohen', "Tal, Tea", "Back\\slash", "Éclair"])
def test_a_sender_may_have_any_name(name: str) -> None:
    (sender,) = arrived(sender=mailbox(name, "tal@tea.example.com"))["From"].addresses
    assert (sender.display_name, sender.addr_spec) == (name, "tal@tea.example.com")


@pytest.mark.parametrize(
    "fields",
    [
        {"subject": "Hi\nBcc: everybody@example.com"},
        {"subject": "Hi\r\n\r\n<script>"},
        {"subject": "Hi\x00"},
        {"marketing": True, "unsubscribe": "https://example.com/u\r\nBcc: everybody@example.com"},
        {"marketing": True, "unsubscribe": "https://example.com/u> <https://example.org"},
    ],
)
def test_a_header_with_a_line_break_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(Rejected) as caught:
        written(**fields)
    assert "everybody" not in str(caught.value)


@pytest.mark.parametrize("to", ["sara@example.com\r\nDATA", "sara@example.com> SIZE=1", "sara levi@example.com"])
def test_an_address_with_a_line_break_reaches_no_server(to: str) -> None:
    with mail_server() as server:
        settings = {"url": f"smtp://127.0.0.1:{server.port}", "from": "tal@tea.example.com"}
        channel = registry.create("email", "smtp", timeout=1.0, clock=lambda: NOW, **settings)
        with pytest.raises(Rejected):
            channel.send(Message(to=to, key=KEY, text="Hello", locale="en"))
        assert server.connections == 0


# Unsubscribing


def test_marketing_can_be_left_with_one_click() -> None:
    mail = arrived(marketing=True, unsubscribe="https://tea.example.com/u?t=abc")
    assert mail["List-Unsubscribe"] == "<https://tea.example.com/u?t=abc>"
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


def test_an_address_to_write_to_is_no_click() -> None:
    mail = arrived(marketing=True, unsubscribe="mailto:stop@tea.example.com?subject=stop")
    assert mail["List-Unsubscribe"] == "<mailto:stop@tea.example.com?subject=stop>"
    assert mail["List-Unsubscribe-Post"] is None


def test_what_is_no_marketing_offers_no_leaving() -> None:
    assert arrived(unsubscribe="https://tea.example.com/u")["List-Unsubscribe"] is None


# Bodies


TEXTS = [
    "Hello Sara",
    "Dear Sara,\n\nyour café’s tea left – today.",
    "שלום שרה,\nהתה שלך בדרך.",
    ".\n..\n.dot\nFrom me\n--\ntrailing  ",
    "x" * 5000,
    "e" * 5000 + "é",
    f"--=_{KEY}\nnot a boundary\n--=_{KEY}--",
    "= equals =3D",
    "windows\r\nand old mac\rlines".replace("\r\n", "\n").replace("\r", "\n"),
]


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_arrives_as_it_was_written(text: str) -> None:
    html = f"<p>{text}</p>"
    mail = arrived(text=text, html=html)
    assert (text_of(mail), text_of(mail, "html")) == (text, html)
    assert text_of(arrived(text=text)) == text


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\0")))
def test_any_text_arrives_as_it_was_written(text: str) -> None:
    assert text_of(arrived(text=text)) == text.removesuffix("\n")


def test_a_mail_is_plain_and_html_and_the_reader_chooses() -> None:
    mail = arrived(html="<p>Hello</p>")
    assert mail.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in mail.iter_parts()] == ["text/plain", "text/html"]


def test_styles_are_written_where_they_apply_and_media_queries_stay() -> None:
    style = "p { color: red } @media (prefers-color-scheme: dark) { p { color: white } }"
    html = text_of(
        arrived(html=f"<html dir=rtl><head><style>{style}</style></head><body><p>שלום</p></body></html>"), "html"
    )
    assert 'dir="rtl"' in html
    assert '<p style="color: red;">שלום</p>' in html
    assert "prefers-color-scheme" in html


def test_every_byte_is_ascii_so_that_every_server_takes_it() -> None:
    assert written(
        text="שלום", subject="שלום", html="<p>שלום</p>", sender=mailbox("טל", "tal@tea.example.com")
    ).isascii()


def test_a_large_text_is_mail_like_any_other() -> None:
    text = "שורה ארוכה של טקסט\n" * 10_000
    assert text_of(arrived(text=text)) == text.removesuffix("\n")


# Addresses


@pytest.mark.parametrize(
    ("given", "reached"),
    [
        ("sara@Example.COM", "sara@example.com"),
        ("Sara.Levi+tea@example.com", "Sara.Levi+tea@example.com"),
        ("sara@xn--mnchen-3ya.example.com", "sara@münchen.example.com"),
        ("שרה@example.com", "שרה@example.com"),
    ],
)
def test_an_address_has_one_form(given: str, reached: str) -> None:
    assert _channel("smtp://localhost").reach(order(email=given)) == reached


@pytest.mark.parametrize(
    "given",
    ["sara", "sara@localhost", "sara@", "a b@example.com", "sara@example.com\nBcc: x@example.com", "x" * 10_000],
)
def test_what_is_no_address_is_not_written_to(given: str) -> None:
    with pytest.raises(Unreachable, match="not valid") as caught:
        _channel("smtp://localhost").reach(order(email=given))
    assert given not in str(caught.value)


def test_an_order_without_an_address_says_so() -> None:
    with pytest.raises(Unreachable, match="the order has no e-mail address"):
        _channel("smtp://localhost").reach(order(customer=Customer(phone="050-234-5678")))


def _channel(url: str) -> Any:
    settings = {"url": url, "from": "טל <tal@tea.example.com>"}
    return registry.create("email", "smtp", timeout=5.0, clock=lambda: datetime(2026, 3, 1, tzinfo=UTC), **settings)


# As aiosmtpd understands it


class Mailbox:
    def __init__(self) -> None:
        self.envelopes: list[Envelope] = []

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        self.envelopes.append(envelope)
        return "250 2.0.0 queued"


@pytest.mark.parametrize("to", ["sara@example.com", "שרה@example.com", "sara@münchen.example.com"])
def test_another_mail_server_takes_it_whatever_the_address_is_written_in(to: str) -> None:
    mailbox = Mailbox()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    controller = Controller(mailbox, hostname="127.0.0.1", port=port, enable_SMTPUTF8=True)
    controller.start()
    try:
        channel = _channel(f"smtp://127.0.0.1:{port}")
        for number in range(2):
            channel.send(Message(to=to, key=f"{number:032x}", text=".\nשלום", subject="שלום", locale="he"))
        channel.close()
    finally:
        controller.stop()
    first, second = mailbox.envelopes
    expected = to if not to.endswith("münchen.example.com") else "sara@xn--mnchen-3ya.example.com"
    assert first.rcpt_tos == second.rcpt_tos == [expected]
    assert first.mail_from == "tal@tea.example.com"
    assert isinstance(first.content, bytes)
    read = email.message_from_bytes(first.content, policy=email.policy.default)
    assert text_of(read) == ".\nשלום"


def test_an_address_that_the_server_cannot_handle_is_refused() -> None:
    with mail_server() as server:
        channel = _channel(f"smtp://127.0.0.1:{server.port}")
        with pytest.raises(Rejected, match="Latin letters"):
            channel.send(Message(to="שרה@example.com", key=KEY, text="Hello", locale="he"))
        channel.close()
        assert server.mails == []
