"""A message as mail: the bytes that go over the wire.

The standard library's `email` takes milliseconds for a message that is not ASCII, ten times as long as rendering it;
so what differs from one message to the next is put together here, from the same parts as there.
"""

from __future__ import annotations

import re
from binascii import b2a_base64, b2a_qp
from datetime import datetime
from email.utils import format_datetime
from functools import lru_cache

import css_inline

from adapters.channels.base import Message
from adapters.errors import Rejected

LONGEST_LINE = 998
"""What SMTP allows, in bytes and without the line's end."""
LONGEST_SUBJECT = 250
"""Characters. No mail program shows more, and some servers refuse far more."""
WORD = 45
"""How many bytes an encoded word of a header holds, so that its line stays within 76 characters."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")
_LINK = re.compile(r"[!-;=?-~]{1,800}")
_inliner = css_inline.CSSInliner(load_remote_stylesheets=False, keep_style_tags=True, keep_at_rules=True)


def mail(message: Message, sender: str, domain: str, reply_to: str | None, now: datetime) -> bytes:
    """The whole mail, lines ended by CRLF. `sender` and `reply_to` are headers' values, see `mailbox`.

    All of it is ASCII but for a local part that is not. Raises Rejected where a header would hold a line break.
    """
    lines = [
        f"Date: {format_datetime(now)}",
        f"Message-ID: {message_id(message, domain)}",
        f"From: {sender}",
        f"To: {ascii_domain(message.to)}",
        f"Subject: {_encoded(_subject(message), len('Subject: '))}",
        "Auto-Submitted: auto-generated",
        "MIME-Version: 1.0",
    ]
    if reply_to is not None:
        lines.append(f"Reply-To: {reply_to}")
    if message.marketing and message.unsubscribe is not None:
        if not _LINK.fullmatch(message.unsubscribe):
            raise Rejected("the link to unsubscribe cannot stand in a header: it has a line break or other odd signs.")
        lines.append(f"List-Unsubscribe: <{message.unsubscribe}>")
        if message.unsubscribe.startswith("https:"):
            lines.append("List-Unsubscribe-Post: List-Unsubscribe=One-Click")
    return "\r\n".join(lines).encode() + b"\r\n" + _content(message)


def message_id(message: Message, domain: str) -> str:
    """The same for the same message, whenever it is sent."""
    return f"<{message.key}@{domain}>"


def mailbox(name: str, address: str) -> str:
    """The value of a header that names one person."""
    address = ascii_domain(address)
    if not name:
        return address
    if name.isascii():
        escaped = name.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}" <{address}>'
    return f"{_encoded(name, len('Reply-To: '))} <{address}>"


@lru_cache(maxsize=1024)
def _ascii_host(host: str) -> str:
    from email_validator import EmailNotValidError, validate_email

    try:
        return validate_email(f"somebody@{host}", check_deliverability=False).ascii_domain
    except EmailNotValidError:
        raise Rejected("the address has a domain that cannot be.") from None


def ascii_domain(address: str) -> str:
    """An address whose domain every server understands: tea.example.com, xn--….example.com. Raises Rejected."""
    local, _, host = address.rpartition("@")
    return address if host.isascii() else f"{local}@{_ascii_host(host)}"


def _content(message: Message) -> bytes:
    """The headers that describe the body, an empty line, and the body."""
    plain = _part("plain", message.text, message.key)
    if message.html is None:
        return plain
    html = _part("html", styled(message.html), message.key)
    boundary = _boundary(message.key)
    mark = f"--{boundary}".encode()
    head = f'Content-Type: multipart/alternative; boundary="{boundary}"\r\n\r\n'.encode()
    return b"".join((head, mark, b"\r\n", plain, b"\r\n", mark, b"\r\n", html, b"\r\n", mark, b"--\r\n"))


def _boundary(key: str) -> str:
    # "=_" stands in neither base64 nor quoted-printable.
    return f"=_{key}"


def styled(html: str) -> str:
    """With its style sheets inlined, as many mail programs drop them. Raises Rejected where one cannot be read."""
    if "<style" not in html:
        return html
    try:
        return _inliner.inline(html)
    except css_inline.InlineError:
        raise Rejected("its HTML has a style sheet that cannot be read.") from None


def _part(kind: str, text: str, key: str) -> bytes:
    """One text, in the form that is the shortest of those that every server lets through unharmed."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").removesuffix("\n").replace("\n", "\r\n") + "\r\n"
    content = lines.encode("utf-8", "replace")
    if content.isascii() and _travels_well(content, key):
        charset, coding, body = "us-ascii", "7bit", content
    elif len(content) - len(lines) <= len(content) // 12:  # Few characters take more than a byte.
        charset, coding, body = "utf-8", "quoted-printable", b2a_qp(content, istext=True)
    else:
        charset, coding, body = "utf-8", "base64", _base64(content)
    head = f'Content-Type: text/{kind}; charset="{charset}"\r\nContent-Transfer-Encoding: {coding}\r\n\r\n'
    return head.encode() + body


def _base64(content: bytes) -> bytes:
    code = b2a_base64(content, newline=False)
    return b"".join([code[at : at + 76] + b"\r\n" for at in range(0, len(code), 76)])


def _travels_well(content: bytes, key: str) -> bool:
    return (
        b"\0" not in content
        and max(map(len, content.split(b"\r\n"))) <= LONGEST_LINE
        and _boundary(key).encode() not in content
    )


def _subject(message: Message) -> str:
    if message.subject is None:
        first_line = next((line for line in message.text.splitlines() if line.strip()), "")
        subject = _CONTROL.sub(" ", first_line)
    else:
        subject = message.subject.replace("\t", " ")
    if _CONTROL.search(subject):
        raise Rejected("the subject holds a line break or another control character.")
    return subject.strip()[:LONGEST_SUBJECT]


def _encoded(text: str, begun: int) -> str:
    """A header's text as RFC 2047 wants it; `begun` is how many characters its line has already."""
    if text.isascii() and "=?" not in text and begun + len(text) <= 78:
        return text
    content = text.encode("utf-8", "replace")
    words: list[str] = []
    start = 0
    while start < len(content):
        end = start + WORD - (0 if words else begun)
        while end < len(content) and content[end] & 0xC0 == 0x80:  # the middle of a character
            end -= 1
        words.append(f"=?utf-8?b?{b2a_base64(content[start:end], newline=False).decode()}?=")
        start = end
    return "\r\n ".join(words)
