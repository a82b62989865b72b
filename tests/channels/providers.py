"""Providers of messages on loopback: they take what is sent in earnest, and fail as they are told to."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from base64 import b64decode
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any, ClassVar, Self
from urllib.parse import parse_qsl

from adapters.channels import registry, webhook
from adapters.channels.base import Channel, Message
from adapters.model import Address, Customer, Money, Order
from adapters.sandbox.clock import MovableClock
from adapters.sandbox.faults import Fault, Faults
from adapters.sandbox.server import Loopback, Request, Response
from tests.channels.mail_server import RESET, USUAL, MailServer

if TYPE_CHECKING:
    from adapters.channels.conformance import Trouble

NOW = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
TEXT = "שלום שרה, your tea & biscuits left today.\n.\nSecond line"
KEY = "0123456789abcdef0123456789abcdef"
TOKEN = "secret-5f0c7d21aa"
ACCOUNT = "AC" + "0" * 32


def order(phone: str | None = "050-234-5678", email: str | None = "sara@Example.com", **fields: Any) -> Order:
    """Sara's, in Israel."""
    usual: dict[str, Any] = {
        "id": "7",
        "number": "1007",
        "status": "processing",
        "created_at": NOW,
        "modified_at": NOW,
        "total": Money(Decimal(10), "ILS"),
        "customer": Customer(email=email, phone=phone),
        "billing": Address(country="IL"),
        "locale": "he",
    }
    return Order(**usual | fields)


def message(to: str, **fields: Any) -> Message:
    usual: dict[str, Any] = {"to": to, "key": KEY, "text": TEXT, "subject": "התה שלך, Sara", "locale": "he"}
    return Message(**usual | fields)


def page(request: Request) -> Response:
    return Response(200, b"<html>Welcome to nginx!</html>", (("Content-Type", "text/html"),))


def status(code: int, *headers: tuple[str, str]) -> Any:
    return lambda request: Response(code, b'{"error": "no"}', headers)


CANNED = {
    "garbage": page,
    "302": status(302, ("Location", "https://example.org/")),
    "307": status(307, ("Location", "https://example.org/")),
    "429": status(429, ("Retry-After", "3600")),
    **{str(code): status(code) for code in (400, 401, 402, 403, 404, 408, 409, 422, 500, 502, 503)},
}


@dataclass
class HttpProvider(ABC):
    """What all providers with an HTTP API have in common. `answer` is what an untroubled one does."""

    name: ClassVar[str]
    kind: ClassVar[str]
    """What the channel and its type are called in config.yaml."""
    clock: MovableClock = field(default_factory=lambda: MovableClock(NOW))
    faults: Faults = field(default_factory=lambda: Faults(CANNED))
    requests: list[Request] = field(default_factory=list)
    secrets: tuple[str, ...] = (TOKEN,)
    order: Order = field(default_factory=order)
    unreachable: Order = field(default_factory=lambda: order(phone="12"))
    message: Message = field(default_factory=lambda: message("+972502345678"))
    loopback: Loopback = field(init=False)
    channel: Channel = field(init=False)

    def __enter__(self) -> Self:
        self.loopback = Loopback(self._answer, lambda query: dict(parse_qsl(query)), self.clock)
        self.loopback.start()
        self.channel = self.connect(self.loopback.url)
        return self

    def __exit__(self, *raised: object) -> None:
        self.channel.close()
        self.faults.clear()
        self.loopback.stop()

    @abstractmethod
    def settings(self, url: str) -> dict[str, Any]:
        """The channel's keys in config.yaml, of the provider at this address."""

    def connect(self, url: str) -> Channel:
        """The channel, to the provider at this address."""
        return registry.create(self.name, self.kind, timeout=1.0, clock=self.clock, **self.settings(url))

    @abstractmethod
    def answer(self, request: Request) -> Response:
        """What an honest provider says."""

    @abstractmethod
    def received(self) -> list[str]:
        """What it took, as who it is for reads it."""

    def expected(self) -> str:
        return self.message.text

    def fail(self, how: str, *, after_commit: bool = False) -> None:
        """From now on every request fails so."""
        self.faults.add(Fault(how, lambda request: True, None, after_commit, None, None))

    def trouble(self, kind: Trouble) -> None:
        match kind:
            case "unreachable":
                self.loopback.stop()
            case "answer_lost":
                self.fail("reset", after_commit=True)
            case _:
                self.fail({"denied": "401", "slow_down": "429", "refused": "400", "nonsense": "garbage"}[kind])

    def peace(self) -> None:
        self.faults.clear()
        self.loopback.stop()
        self.loopback.start()

    def _answer(self, request: Request) -> Response | None:
        self.requests.append(request)
        return self.faults.answer(request, self.answer)


def as_json(code: int, payload: object) -> Response:
    return Response(code, json.dumps(payload).encode(), (("Content-Type", "application/json"),))


@dataclass
class TwilioProvider(HttpProvider):
    """Lists the messages that it took, `page_size` a page."""

    name = "sms"
    kind = "twilio"
    sent: list[dict[str, str]] = field(default_factory=list)
    sender: dict[str, str] = field(default_factory=lambda: {"from": "+15005550006"})
    page_size: int = 50

    def settings(self, url: str) -> dict[str, Any]:
        return {"account_sid": ACCOUNT, "auth_token": TOKEN, "url": url, **self.sender}

    def received(self) -> list[str]:
        return [each["body"] for each in self.sent]

    def answer(self, request: Request) -> Response:
        home = f"/2010-04-01/Accounts/{ACCOUNT}"
        assert b64decode(request.headers["authorization"].removeprefix("Basic ")).decode() == f"{ACCOUNT}:{TOKEN}"
        if request.path == f"{home}.json":
            return as_json(200, {"sid": ACCOUNT, "status": "active"})
        assert request.path == f"{home}/Messages.json"
        if request.method == "GET":
            return self._list(request)
        form = dict(parse_qsl(request.body.decode()))
        raw = {"sid": f"SM{len(self.sent):032x}", "body": form["Body"], "to": form["To"], "status": "queued"}
        self.sent.append(raw | {"date_created": format_datetime(self.clock())})
        return as_json(201, raw)

    def _list(self, request: Request) -> Response:
        found = [each for each in reversed(self.sent) if each["to"] == request.params["To"]]
        begin = int(request.params.get("Page", "0")) * self.page_size
        rest = f"{request.path}?To={request.params['To'].replace('+', '%2B')}&Page={begin // self.page_size + 1}"
        more = len(found) > begin + self.page_size
        shown = found[begin : begin + self.page_size]
        return as_json(200, {"messages": shown, "next_page_uri": rest if more else None})


@dataclass
class CloudProvider(HttpProvider):
    """WhatsApp, of which only the template's values are text."""

    name = "whatsapp"
    kind = "cloud"
    message: Message = field(
        default_factory=lambda: message("+972502345678", template="on_its_way", parameters=("שרה", "two\n lines"))
    )
    unreachable: Order = field(default_factory=lambda: order(phone="12"))
    sent: list[dict[str, Any]] = field(default_factory=list)

    def settings(self, url: str) -> dict[str, Any]:
        return {"phone_number_id": "1055501234", "access_token": TOKEN, "api_version": "v23.0", "url": url}

    def received(self) -> list[str]:
        return [
            " ".join(value["text"] for value in each["template"]["components"][0]["parameters"]) for each in self.sent
        ]

    def expected(self) -> str:
        return "שרה two lines"

    def answer(self, request: Request) -> Response:
        assert request.headers["authorization"] == f"Bearer {TOKEN}"
        if request.method == "GET":
            return as_json(200, {"id": "1055501234"})
        assert request.path == "/v23.0/1055501234/messages"
        self.sent.append(json.loads(request.body))
        return as_json(200, {"messages": [{"id": f"wamid.{len(self.sent)}"}]})


@dataclass
class GatewayProvider(HttpProvider):
    """Any gateway; this one says `{"result": "ok", "data": {"id": 17}}`."""

    name = "sms"
    kind = "http"
    keys: dict[str, Any] = field(default_factory=dict)
    sent: list[dict[str, str]] = field(default_factory=list)

    def settings(self, url: str) -> dict[str, Any]:
        usual = {
            "url": f"{url}/send?account=7",
            "headers": {"X-Api-Key": TOKEN},
            "fields": {"to": "{{ to }}", "message": "{{ text }}", "from": "TEA"},
            "success": {"status": 200, "json": {"result": "ok"}},
            "refused": {"contains": "BLOCKED"},
            "id": "data.id",
        }
        return usual | self.keys

    def received(self) -> list[str]:
        return [each["message"] for each in self.sent]

    def answer(self, request: Request) -> Response:
        assert request.headers["x-api-key"] == TOKEN
        decode = json.loads if "json" in request.headers["content-type"] else lambda body: dict(parse_qsl(body))
        self.sent.append(decode(request.body.decode()))
        return as_json(200, {"result": "ok", "data": {"id": 16 + len(self.sent)}})


@dataclass
class WebhookProvider(HttpProvider):
    """A merchant's own service. It is no channel, though it is made and fails like one."""

    name = "webhook"
    kind = "json"
    calls: list[dict[str, Any]] = field(default_factory=list)

    def settings(self, url: str) -> dict[str, Any]:
        return {"url": f"{url}/hook?k={TOKEN}", "secret": TOKEN}

    def connect(self, url: str) -> Channel:
        settings = webhook.Settings.model_validate(self.settings(url))
        return webhook.create(settings, timeout=1.0, clock=self.clock)  # type: ignore[return-value]

    def received(self) -> list[str]:
        return [json.dumps(call) for call in self.calls]

    def answer(self, request: Request) -> Response:
        self.calls.append(json.loads(request.body))
        return as_json(200, {})


def mail_settings(server: MailServer) -> dict[str, Any]:
    """The keys in config.yaml of `email: { type: smtp }`, of a server that wants a password."""
    return {"url": f"smtp://shop:{TOKEN}@127.0.0.1:{server.port}", "from": "Tal from Tea <tal@tea.example.com>"}


class MailProvider:
    """A mail server that wants a password."""

    secrets = (TOKEN,)

    def __init__(self, server: MailServer) -> None:
        self.server = server
        self.order = order()
        self.unreachable = order(email="sara@exam ple")
        self.message = message("sara@example.com", html="<style>p{color:red}</style><p>שלום</p>")
        self.channel = registry.create("email", "smtp", timeout=1.0, clock=MovableClock(NOW), **mail_settings(server))

    def received(self) -> list[str]:
        bodies = [mail.get_body(("plain",)) for mail in self.server.read()]
        return [body.get_content().replace("\r\n", "\n").removesuffix("\n") for body in bodies if body is not None]

    def expected(self) -> str:
        return self.message.text

    def trouble(self, kind: Trouble) -> None:
        match kind:
            case "unreachable":
                self.server.stop()
            case "denied":
                self.server.replies["AUTH"] = f"535 5.7.8 wrong: {TOKEN}"
            case "slow_down":
                self.server.replies["RCPT"] = "450 4.2.0 greylisted sara@example.com"
            case "refused":
                self.server.replies["RCPT"] = "550 5.1.1 unknown: sara@example.com"
            case "answer_lost":
                self.server.replies["."] = RESET
            case "nonsense":
                self.server.replies["."] = "<html>"

    def peace(self) -> None:
        self.server.replies.update(USUAL)
        self.server.stop()
        self.server.start()
