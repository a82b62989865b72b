"""Mail through the shop's own SMTP server. See `adapters.channels.registry` for what the names here mean.

Connections are kept, and used by one thread at a time. What becomes of a message is decided by where in the
conversation something happens: before its last byte is out it was surely not accepted, nor when the server's answer
to the whole says so; without that answer nobody knows.
"""

from __future__ import annotations

import re
import smtplib
import ssl
import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import parseaddr
from typing import Annotated, NoReturn
from urllib.parse import unquote

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr

from adapters.channels.base import BadAddress, Channel, Message, PutOff, Unreachable, findings
from adapters.errors import AdapterError, AuthFailed, Rejected, Unavailable, UnknownOutcome, Unsupported
from adapters.model import Finding, Order
from adapters.urls import is_loopback

IDLE = timedelta(seconds=60)
"""How long a connection that nobody uses is trusted to be alive."""
EXAMPLE = "smtp://shop:${SMTP_PASSWORD}@mail.example.com:587"
UNSETTLED = "Whether the message was sent is not known."

# The password may hold any sign: what comes before the last @ is all credentials.
_URL = re.compile(
    r"^(?P<scheme>smtps?)://(?:(?P<user>[^:]*)(?::(?P<password>.*))?@)?"
    r"(?P<host>[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::(?P<port>[0-9]{1,5}))?/?$",
    re.DOTALL,
)
_UNSAFE = re.compile(r"[\x00-\x20\x7f<>]")


@dataclass(frozen=True, slots=True)
class Server:
    """Where mail is handed over. `implicit_tls` is TLS from the first byte; else it is demanded by STARTTLS, but for
    this very machine. Without `user` nobody logs in.
    """

    host: str
    port: int
    implicit_tls: bool
    user: str | None
    password: str = field(repr=False)


def server_of(url: str) -> Server:
    """Read smtp://user:password@host:port. Raises ValueError, in words for a shop owner and without the password."""
    found = _URL.match(url.strip())
    if found is None:
        raise ValueError(f"this is not the address of a mail server: write it like {EXAMPLE}")
    implicit = found["scheme"] == "smtps"
    port = int(found["port"] or (465 if implicit else 587))
    if not 0 < port < 65536:
        raise ValueError("there is no such port: 587 is usual, and 465 with smtps://")
    user, password = unquote(found["user"] or ""), unquote(found["password"] or "")
    if bool(user) != bool(password):
        raise ValueError(f"a mail server wants a user name and a password, or neither: write it like {EXAMPLE}")
    if not (user + password).isascii():
        raise ValueError("the user name and password of a mail server can only hold Latin letters, digits and signs")
    return Server(found["host"].strip("[]"), port, implicit, user or None, password)


def _url(url: SecretStr) -> SecretStr:
    server_of(url.get_secret_value())
    return url


def _mailbox(text: str) -> str:
    address = parseaddr(text)[1]
    if any(ord(sign) < 32 for sign in text) or not address or _checked(address) is None:
        raise ValueError("this is no mail address: write it like Tal from Tea <tal@tea.example.com>")
    return text


Mailbox = Annotated[str, AfterValidator(_mailbox)]


class Settings(BaseModel):
    """The keys of `email: { type: smtp }` in config.yaml."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, populate_by_name=True)

    url: Annotated[SecretStr, AfterValidator(_url), Field(description=f"The mail server: {EXAMPLE}, or smtps://…")]
    from_: Annotated[
        Mailbox, Field(alias="from", description="Who mails come from: Tal from Tea <tal@tea.example.com>")
    ]
    reply_to: Annotated[Mailbox | None, Field(description="Who answers go to, if not to the sender")] = None


def create(settings: Settings, *, timeout: float, clock: Callable[[], datetime]) -> Channel:
    """Mail through one server; nothing is asked of it yet."""
    return Smtp(
        server_of(settings.url.get_secret_value()),
        parseaddr(settings.from_),
        parseaddr(settings.reply_to) if settings.reply_to is not None else None,
        timeout=timeout,
        clock=clock,
    )


@dataclass(slots=True)
class _Line:
    """A kept connection, and since when nobody has used it; None: it is new."""

    smtp: smtplib.SMTP
    idle_since: datetime | None = None


class _Stale(Exception):
    """A kept connection turned out to be dead, or was sent away, before anything of the message was said."""


class Smtp:
    """A `Channel`. `sender` and `reply_to` are a name and an address."""

    name = "email"

    def __init__(
        self,
        server: Server,
        sender: tuple[str, str],
        reply_to: tuple[str, str] | None,
        *,
        timeout: float,
        clock: Callable[[], datetime],
    ) -> None:
        from adapters.channels.mime import ascii_domain, mailbox

        self._server = server
        self._who = f"the mail server {server.host}"
        self._address = ascii_domain(sender[1])
        self._from = mailbox(*sender)
        self._reply_to = mailbox(*reply_to) if reply_to is not None else None
        self._timeout = timeout
        self._clock = clock
        self._kept: list[_Line] = []
        self._guard = threading.Lock()

    def reach(self, order: Order) -> str:
        email = order.customer.email
        if email is None:
            raise Unreachable("the order has no e-mail address")
        address = _checked(email)
        if address is None:
            raise Unreachable("the order's e-mail address is not valid")
        return address

    def send(self, message: Message) -> str:
        from adapters.channels.mime import ascii_domain, mail, message_id

        if _UNSAFE.search(message.to):
            raise Rejected("the address holds a space, a line break or a bracket.")
        domain = self._address.rpartition("@")[2]
        content = mail(message, self._from, domain, self._reply_to, self._clock())
        to = ascii_domain(message.to)
        line = self._taken() or _Line(self._connected())
        try:
            self._talk(line, to, content)
        except _Stale:
            line = _Line(self._connected())
            self._talk(line, to, content)
        return message_id(message, domain)

    def find(self, message: Message, since: datetime, credited: Collection[str]) -> NoReturn:
        raise Unsupported("a mail server does not tell which messages it was given.")

    def check(self) -> tuple[Finding, ...]:
        return findings(lambda: _farewell(self._connected()))

    def close(self) -> None:
        with self._guard:
            kept, self._kept = self._kept, []
        for line in kept:
            _farewell(line.smtp)

    # Connections

    def _taken(self) -> _Line | None:
        """A kept connection that may still be alive, the last used first."""
        with self._guard:
            kept = self._kept
            fresh = [line for line in kept if line.idle_since and self._clock() - line.idle_since < IDLE]
            found = fresh.pop() if fresh else None
            self._kept = fresh
        for line in kept:
            if line is not found and line not in fresh:
                line.smtp.close()
        return found

    def _keep(self, line: _Line) -> None:
        line.idle_since = self._clock()
        with self._guard:
            self._kept.append(line)

    def _connected(self) -> smtplib.SMTP:
        """A new connection, safe and logged in. Raises AuthFailed or Unavailable."""
        try:
            smtp = self._opened()
        except ssl.SSLError:
            raise Unavailable(self._unsafe()) from None
        except TimeoutError:
            raise Unavailable(f"{self._who} did not answer within {self._timeout:g} s.") from None
        except (OSError, smtplib.SMTPException, UnicodeError):
            raise Unavailable(f"{self._who} is out of reach, or is no mail server. Check `url`.") from None
        try:
            self._log_in(smtp)
        except BaseException:
            smtp.close()
            raise
        return smtp

    def _opened(self) -> smtplib.SMTP:
        server = self._server
        # Given a name for itself, it does not ask the DNS for one, which can take longer than any time-out.
        if server.implicit_tls:
            context = ssl.create_default_context()
            return smtplib.SMTP_SSL(server.host, server.port, "localhost", timeout=self._timeout, context=context)
        return smtplib.SMTP(server.host, server.port, "localhost", timeout=self._timeout)

    def _log_in(self, smtp: smtplib.SMTP) -> None:
        server = self._server
        smtp.local_hostname = _own_address(smtp)
        try:
            smtp.ehlo_or_helo_if_needed()
            if not server.implicit_tls and not is_loopback(server.host):
                smtp.starttls(context=ssl.create_default_context())
                smtp.ehlo()
            if server.user is not None:
                smtp.login(server.user, server.password)
        except smtplib.SMTPNotSupportedError:
            raise AuthFailed(
                f"{self._who} offers no TLS (STARTTLS), or no way to log in. Try port 587, or smtps:// and 465."
            ) from None
        except smtplib.SMTPAuthenticationError as error:
            if 400 <= error.smtp_code < 500:
                raise Unavailable(f"{self._who} cannot let anybody log in just now ({error.smtp_code}).") from None
            raise AuthFailed(
                f"{self._who} refuses the user name or the password ({error.smtp_code}). Check `url`."
            ) from None
        except ssl.SSLError:
            raise Unavailable(self._unsafe()) from None
        except (OSError, smtplib.SMTPException):
            raise Unavailable(f"{self._who} broke off while logging in.") from None

    def _unsafe(self) -> str:
        return (
            f"{self._who} cannot be reached safely: its TLS certificate is expired, self-signed or made for another "
            "name, or the port is not one for smtps://."
        )

    # One message

    def _talk(self, line: _Line, to: str, content: bytes) -> None:
        """Hand over one message, and keep the connection if it is still good for another."""
        try:
            self._hand_over(line, to, content)
        except (Rejected, PutOff):
            if _reset(line.smtp):
                self._keep(line)
            raise
        except BaseException:
            line.smtp.close()
            raise
        self._keep(line)

    def _hand_over(self, line: _Line, to: str, content: bytes) -> None:
        smtp = line.smtp
        self._begin(line, to)
        code, said = self._command(smtp, f"RCPT TO:<{to}>")
        if not 200 <= code < 300:
            raise self._refusal(code, said, "the address")
        code, said = self._command(smtp, "DATA")
        if code != 354:
            raise self._refusal(code, said, "the message")
        try:
            # A line that begins with a full stop has it doubled; the last line is one.
            smtp.send(content.replace(b"\r\n.", b"\r\n..") + b".\r\n")
        except (OSError, smtplib.SMTPException):
            raise Unavailable(f"{self._who} broke off before it had the whole message.") from None
        try:
            code, said = smtp.getreply()
        except (OSError, smtplib.SMTPException):
            raise UnknownOutcome(f"{self._who} got the message and did not answer. {UNSETTLED}") from None
        if not 200 <= code < 300:
            raise self._refusal(code, said, "the message", whole=True)

    def _begin(self, line: _Line, to: str) -> None:
        """MAIL, which tells as well whether a kept connection is still alive."""
        smtp = line.smtp
        options = "" if to.isascii() and self._address.isascii() else " BODY=8BITMIME SMTPUTF8"
        if options and not smtp.has_extn("smtputf8"):
            raise Rejected("the order's e-mail address is not in Latin letters, which the mail server cannot handle.")
        try:
            code, said = self._command(smtp, f"MAIL FROM:<{self._address}>{options}")
        except Unavailable:
            if line.idle_since is not None:
                smtp.close()
                raise _Stale from None
            raise
        if code == 421 and line.idle_since is not None:
            raise _Stale
        if code != 250:
            raise self._refusal(code, said, "the sender")

    def _command(self, smtp: smtplib.SMTP, command: str) -> tuple[int, bytes]:
        try:
            # As bytes: `smtplib` would send nothing but ASCII.
            smtp.send(command.encode() + b"\r\n")
            return smtp.getreply()
        except (OSError, smtplib.SMTPException):
            raise Unavailable(f"{self._who} broke off before it had the message, or took too long.") from None

    def _refusal(self, code: int, said: bytes, what: str, *, whole: bool = False) -> AdapterError:
        """What a reply other than yes means; `whole`: it is the one to the whole message."""
        told = re.match(rb"([245]\.\d{1,3}\.\d{1,3})\b", said)
        detail = told[1].decode() if told else ""
        answered = f"{self._who} answered {code}{' ' + detail if detail else ''} to {what}"
        if code in (530, 534, 535, 538):
            return AuthFailed(f"{answered}: it wants somebody to log in. Check `url`.")
        if code == 421:
            return Unavailable(f"{answered}: it is closing for now.")
        if 400 <= code < 500:
            delayed = f"{answered}: not now, but it may take it later."
            return Unavailable(delayed) if what == "the sender" else PutOff(delayed)
        if 500 <= code < 600:
            if what == "the address" and _is_bounce(code, detail):
                return BadAddress(f"{answered}: there is no such mailbox.")
            return Rejected(f"{answered}: it refuses {what}.")
        nonsense = f"{self._who} answered {what} with nonsense."
        return UnknownOutcome(f"{nonsense} {UNSETTLED}") if whole else Unavailable(nonsense)


def _is_bounce(code: int, detail: str) -> bool:
    """Whether a refusal is about the mailbox, and not about us, its size, or what is in the message."""
    if detail:
        return detail.startswith(("5.1.", "5.2.0", "5.2.1")) and detail not in ("5.1.7", "5.1.8")
    return code in (550, 551, 553)


def _checked(address: str) -> str | None:
    """The one form of a mail address; None where it is none. Asks nobody."""
    from email_validator import EmailNotValidError, validate_email

    try:
        return validate_email(address, check_deliverability=False).normalized
    except EmailNotValidError:
        return None


def _own_address(smtp: smtplib.SMTP) -> str:
    """What to be called in EHLO, without asking the DNS."""
    host = smtp.sock.getsockname()[0] if smtp.sock is not None else "127.0.0.1"
    return f"[IPv6:{host}]" if ":" in host else f"[{host}]"


def _reset(smtp: smtplib.SMTP) -> bool:
    """Forget a message that was begun; whether the connection is still good."""
    try:
        if smtp.rset()[0] == 250:
            return True
    except (OSError, smtplib.SMTPException):
        pass  # what matters is said below
    smtp.close()
    return False


def _farewell(smtp: smtplib.SMTP) -> None:
    try:
        smtp.quit()
    except (OSError, smtplib.SMTPException):
        smtp.close()
