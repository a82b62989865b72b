"""Channels for a shop: a real mail server, a text gateway and WhatsApp, all on loopback."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Any
from urllib.parse import parse_qsl

from adapters.sandbox.clock import wall_clock
from adapters.sandbox.server import Loopback, Request, Response
from tests.channels.mail_server import MailServer, mail_server


@dataclass
class Provider:
    """Takes what is sent over HTTP, and answers as it is told to."""

    status: int = 200
    bodies: list[bytes] = field(default_factory=list)

    def answer(self, request: Request) -> Response:
        self.bodies.append(request.body)
        answer = {"result": "ok", "messages": [{"id": "wamid.1"}]}
        return Response(self.status, json.dumps(answer).encode(), (("Content-Type", "application/json"),))

    def texts(self) -> list[dict[str, str]]:
        return [dict(parse_qsl(body.decode())) for body in self.bodies]

    def templates(self) -> list[dict[str, Any]]:
        return [json.loads(body) for body in self.bodies]


@dataclass
class Lines:
    mail: MailServer
    gateway: Provider
    whatsapp: Provider
    config: str

    def letters(self) -> list[EmailMessage]:
        return self.mail.read()


def body(letter: EmailMessage, kind: str) -> str:
    """Its words in this form, `plain` or `html`."""
    part = letter.get_body((kind,))
    assert part is not None
    content: str = part.get_content()
    return content.replace("\r\n", "\n")


@contextmanager
def open_lines() -> Iterator[Lines]:
    gateway, whatsapp = Provider(), Provider()
    servers = [Loopback(each.answer, lambda query: dict(parse_qsl(query)), wall_clock) for each in (gateway, whatsapp)]
    with mail_server() as mail:
        for server in servers:
            server.start()
        try:
            yield Lines(mail, gateway, whatsapp, _config(mail, *servers))
        finally:
            for server in servers:
                server.stop()


def _config(mail: MailServer, gateway: Loopback, whatsapp: Loopback) -> str:
    fields = 'fields: { to: "{{ to }}", text: "{{ text }}" }, success: { status: 200 }'
    meta = 'phone_number_id: "1055501234", access_token: a-token, api_version: v23.0'
    return (
        "signed_by: Tal\n"
        "unsubscribe: https://tea.example.com/stop\n"
        "soft_opt_in: [IL]\n"
        "webhook_secret: 0123456789abcdef0123\n"
        'staff: "json://127.0.0.1:9"\n'
        "channels:\n"
        f'  email: {{ type: smtp, url: "smtp://127.0.0.1:{mail.port}", from: tal@tea.example.com }}\n'
        f'  sms: {{ type: http, url: "{gateway.url}", {fields} }}\n'
        f'  whatsapp: {{ type: cloud, url: "{whatsapp.url}", {meta} }}\n'
    )
