"""Who takes messages for customers, on loopback, seen alike: what reached whom is read, and trouble is made.

A provider with an HTTP API joins by its line in `LETTERBOXES`; any other, by a class that does what `Letterbox` asks.
"""

from __future__ import annotations

import email
import email.policy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from adapters.sandbox.clock import MovableClock
from adapters.sandbox.faults import Fault as Queued
from tests.channels.mail_server import CLOSE, CLOSE_MIDWAY, HANG, RESET, USUAL, MailServer
from tests.channels.providers import (
    CloudProvider,
    GatewayProvider,
    HttpProvider,
    TwilioProvider,
    WebhookProvider,
    mail_settings,
)
from torture.rules import Rule
from torture.stalls import DELAYS, REFUSED, WELL_KNOWN, Fault, taught

Trouble = tuple[str, Fault]
"""What goes wrong: with which requests, or at which stage of a conversation, and how."""

TEMPLATE = """\
---
subject: Order {{{{ order.number }}}}
sms: Order {{{{ order.number }}}} by {rule}.
whatsapp: {{ template: told, parameters: ["Order {{{{ order.number }}}} by {rule}."] }}
---
Order {{{{ order.number }}}} by {rule}.
"""
"""A message that says in every channel about which order it is, and by which rule it goes."""


class Letterbox(Protocol):
    """What takes the messages of one channel."""

    name: str
    via: str | None
    """What rules call its channel; None if it is none."""
    rule: Rule
    """One that sends by it."""
    config: Mapping[str, Any]
    """Its keys in config.yaml."""
    troubles: Sequence[Trouble]
    """What can go wrong with it."""

    def texts(self) -> Sequence[str]:
        """What it has taken, in the order of coming."""

    def suffer(self, trouble: Trouble) -> None:
        """Have this trouble from now on."""

    def recover(self) -> None:
        """Be well again."""

    def refuses(self, trouble: Trouble) -> bool:
        """Whether that says for sure that a message was not taken, and never will be."""

    def close(self) -> None: ...


def rule_of(name: str, action: str, *, wait: str = "1 minute") -> Rule:
    """A rule that does this one thing, and notes it."""
    text = f"""
    - id: {name}
      trigger: order.placed
      wait: {wait}
      urgent: true
      actions:
        - {action}
        - add_note: Told by {name}
    """
    return Rule(text, {f"message: {name}": 1, f"note: Told by {name}": 1})


def sending(name: str, via: Sequence[str], *, wait: str = "1 minute", purpose: str = "transactional") -> Rule:
    """A rule that sends the template of its own name by the first of these channels that will do."""
    return rule_of(name, f"send: {{ template: {name}, via: [{', '.join(via)}], purpose: {purpose} }}", wait=wait)


# Over HTTP ------------------------------------------------------------------------------------------------------


@dataclass
class Web:
    """A provider with an HTTP API."""

    name: str
    via: str | None
    rule: Rule
    config: Mapping[str, Any]
    troubles: Sequence[Trouble]
    texts: Callable[[], Sequence[str]]
    provider: HttpProvider

    def suffer(self, trouble: Trouble) -> None:
        method, (how, after) = trouble
        if how == "refused":
            self.provider.loopback.stop()
            return
        self.provider.faults.add(
            Queued(how, lambda request: request.method == method, None, after, DELAYS.get(how), None)
        )

    def recover(self) -> None:
        self.provider.peace()

    def refuses(self, trouble: Trouble) -> bool:
        return trouble[0] == "POST" and trouble[1][0] in ("409", "423")

    def close(self) -> None:
        self.provider.__exit__()


FAULTS = tuple(fault for fault in WELL_KNOWN if fault[0] != "empty_list")


def channel(kind: Callable[..., HttpProvider], clock: MovableClock, *, asked: bool = False) -> Letterbox:
    """A channel's provider; `asked`: it can be, whether it took a message."""
    provider = kind(clock).__enter__()
    provider.faults.canned = taught(provider.faults.canned)
    name = f"{provider.name}-{provider.kind}"
    config = {"channels": {provider.name: {"type": provider.kind, **provider.settings(provider.loopback.url)}}}
    troubles = [(method, fault) for method in ("POST", "GET")[: 1 + asked] for fault in FAULTS]
    return Web(name, provider.name, sending(name, [provider.name]), config, troubles, provider.received, provider)


def webhook(clock: MovableClock) -> Letterbox:
    """A merchant's own web service. Whatever 2xx it answers, it has taken the call."""
    provider = WebhookProvider(clock).__enter__()
    provider.faults.canned = taught(provider.faults.canned)
    settings = provider.settings(provider.loopback.url)
    troubles = [("POST", fault) for fault in FAULTS if fault not in (("html", False), ("wrong_json", False))]
    config = {"webhook_secret": settings["secret"]}
    rule = rule_of("webhook", f"call_webhook: {settings['url']}")

    def texts() -> list[str]:
        return [f"Order {call['order']['number']} by {call['rule']}." for call in provider.calls]

    return Web("webhook", None, rule, config, troubles, texts, provider)


# By mail --------------------------------------------------------------------------------------------------------

STAGES = ("connect", "EHLO", "AUTH", "MAIL", "RCPT", "DATA", ".")
REPLIES = ("421 4.3.2 closing", "451 4.7.1 later", "554 5.7.1 no", "what?", HANG, CLOSE, RESET)


class Mail:
    """A mail server that wants a password."""

    name = "email-smtp"
    via: str | None = "email"
    troubles: Sequence[Trouble] = (
        *((stage, (reply, False)) for stage in STAGES for reply in REPLIES),
        *(("RCPT", ("550 5.1.1 no such mailbox", False)), (".", (CLOSE_MIDWAY, False)), ("connect", REFUSED)),
    )

    def __init__(self, clock: MovableClock) -> None:
        self.server = MailServer()
        self.server.start()
        self.rule = sending(self.name, ["email"])
        self.config: Mapping[str, Any] = {"channels": {"email": {"type": "smtp", **mail_settings(self.server)}}}
        self.read: list[str] = []

    def texts(self) -> Sequence[str]:
        for _, _, content in self.server.mails[len(self.read) :]:
            body = email.message_from_bytes(content, policy=email.policy.default).get_body(("plain",))
            assert body is not None
            self.read.append(body.get_content())
        return self.read

    def suffer(self, trouble: Trouble) -> None:
        stage, fault = trouble
        if fault == REFUSED:
            self.server.stop()
        else:
            self.server.replies[stage] = fault[0]

    def recover(self) -> None:
        self.server.replies.update(USUAL)
        self.server.stop()
        self.server.start()

    def refuses(self, trouble: Trouble) -> bool:
        return trouble[0] in ("MAIL", "RCPT", "DATA", ".") and trouble[1][0].startswith("5")

    def close(self) -> None:
        self.server.stop()


LETTERBOXES: Mapping[str, Callable[[MovableClock], Letterbox]] = {
    "email-smtp": Mail,
    "sms-twilio": partial(channel, TwilioProvider, asked=True),
    "sms-http": partial(channel, GatewayProvider),
    "whatsapp-cloud": partial(channel, CloudProvider),
    "webhook": webhook,
}
LINE_UPS = (("email-smtp", "sms-twilio", "whatsapp-cloud", "webhook"), ("whatsapp-cloud", "sms-http", "email-smtp"))
"""Those that one config may have side by side; a rule that may send by any of them prefers the first."""
