"""Messages by the channels of the config: the first that reaches a customer, once, whatever goes wrong."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import parse_qsl

import pytest

from adapters.channels.base import Message
from adapters.channels.email_smtp import Smtp
from adapters.sandbox.clock import MovableClock
from adapters.sandbox.server import Loopback, Request, Response
from tests.channels.mail_server import CLOSE, CLOSE_MIDWAY, HANG, RESET, MailServer, mail_server
from tests.conftest import MONDAY, World

HELLO = """
    - id: hello
      trigger: order.placed
      actions:
        - send: { text: "Hello {{ customer.first_name }}", via: %s }
        - add_note: Greeted
"""


@pytest.fixture
def mail() -> Iterator[MailServer]:
    with mail_server() as server:
        yield server


class Gateway:
    """An SMS gateway that takes texts, or answers with the status that it is told to."""

    def __init__(self) -> None:
        self.texts: list[bytes] = []
        self.status = 200
        self.server = Loopback(self._answer, lambda query: dict(parse_qsl(query)), MovableClock(MONDAY))

    def _answer(self, request: Request) -> Response:
        if self.status == 200:
            self.texts.append(request.body)
        return Response(self.status, b'{"result": "ok"}', (("Content-Type", "application/json"),))


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    gateway = Gateway()
    gateway.server.start()
    yield gateway
    gateway.server.stop()


def channels(mail: MailServer, gateway: Gateway | None = None) -> str:
    """The config's channels."""
    lines = ["channels:", f'  email: {{ type: smtp, url: "smtp://127.0.0.1:{mail.port}", from: tal@tea.example.com }}']
    if gateway is not None:
        fields = 'fields: { to: "{{ to }}", text: "{{ text }}" }, success: { status: 200 }'
        lines.append(f'  sms: {{ type: http, url: "{gateway.server.url}", {fields} }}')
    return "\n".join(lines)


def sent(world: World) -> list[tuple[str, str | None]]:
    """What became of messages, and the channel of each."""
    return [(row.state, row.channel) for row in world.rows() if row.kind == "send"]


def test_a_message_goes_by_the_first_channel_that_reaches_the_customer(world: World, mail: MailServer) -> None:
    world.extra = channels(mail)
    world.rules(HELLO % "[email, platform]")
    world.run()
    order = world.store.add_order()
    world.run()
    [letter] = mail.read()
    assert letter["To"] == f"customer{order}@example.com"
    assert letter["From"] == "tal@tea.example.com"
    assert "Hello Noa" in letter.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    assert "Hello Noa" in letter.get_body(("html",)).get_content()  # type: ignore[union-attr]
    assert sent(world) == [("done", "email")]
    assert world.messages(order) == []
    assert world.notes(order) == ["Greeted"]
    row = world.rows()[0]
    assert (row.basis, row.passed_over) == ("transactional", None)
    assert row.result == letter["Message-ID"]


def test_what_was_passed_over_and_why_stands_beside_the_message(
    world: World, mail: MailServer, gateway: Gateway
) -> None:
    world.extra = channels(mail, gateway)
    world.rules(HELLO % "[sms, email]")
    world.run()
    world.store.add_order(billing={"phone": ""}, shipping={"phone": ""})
    world.run()
    assert sent(world) == [("done", "email")]
    assert world.rows()[0].passed_over == "sms: the order has no phone number"


def test_a_customer_whom_no_channel_reaches_is_skipped_with_each_channels_reason(
    world: World, mail: MailServer, gateway: Gateway
) -> None:
    world.extra = channels(mail, gateway)
    world.rules(HELLO % "[sms, email]")
    world.run()
    world.store.add_order(billing={"phone": "", "email": ""}, shipping={"phone": ""})
    world.run()
    assert sent(world) == [("skipped", None)]
    reason = "no channel will do: sms: the order has no phone number; email: the order has no e-mail address"
    assert world.reasons()[0] == reason


def test_the_store_says_by_which_channels_where_the_rule_does_not(world: World, mail: MailServer) -> None:
    world.extra = f"{channels(mail)}\nvia: [platform]"
    world.store_keys = "via: [email]"
    world.rules(HELLO.replace(", via: %s", ""))
    world.run()
    world.store.add_order()
    world.run()
    assert sent(world) == [("done", "email")]


def test_an_address_that_bounces_is_not_written_to_again_and_the_next_channel_is_taken(
    world: World, mail: MailServer, gateway: Gateway
) -> None:
    world.extra = channels(mail, gateway)
    world.rules(HELLO % "[email, sms]")
    world.run()
    mail.replies["RCPT"] = "550 5.1.1 no such user"
    for _ in range(2):
        world.store.add_order(billing={"email": "gone@example.com", "phone": "050-234-5678"})
        world.run_for(hours=2)
    assert sent(world) == [("done", "sms"), ("done", "sms")]
    assert len(gateway.texts) == 2
    assert sum(command.startswith("RCPT") for command in mail.commands) == 1
    first, second = (row.passed_over for row in world.rows() if row.kind == "send")
    assert first is not None
    assert first.startswith("email: the mail server 127.0.0.1 answered 550 5.1.1 to the address")
    assert second == "email: this customer's address takes no more messages since 2026-06-01: bounced"


def test_a_message_that_the_only_channel_refuses_is_skipped_and_says_why(world: World, mail: MailServer) -> None:
    world.extra = channels(mail)
    world.rules(HELLO % "email")
    world.run()
    mail.replies["DATA"] = "554 5.7.1 we do not like it"
    order = world.store.add_order()
    world.run_for(hours=2)
    assert sent(world) == [("skipped", "email")]
    assert "it refuses the message" in str(world.reasons()[0])
    assert world.notes(order) == []


FAULTS = {
    "refused address": ("RCPT", "550 5.7.1 no", "skipped", 0),
    "refused whole": (".", "554 5.6.0 no", "skipped", 0),
    "greylisted": ("RCPT", "451 4.7.1 later", "done", 1),
    "busy": ("connect", "421 4.3.2 closing", "done", 1),
    "bad password": ("MAIL", "530 5.7.0 log in", "done", 1),
    "hangs before": ("RCPT", HANG, "done", 1),
    "cut before": ("DATA", CLOSE, "done", 1),
    "cut at the end": (".", CLOSE_MIDWAY, "held", 0),
    "hangs after": (".", HANG, "held", 1),
    "reset after": (".", RESET, "held", 1),
    "cut after": (".", CLOSE, "held", 1),
    "garbled after": (".", "999 what", "held", 0),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_whatever_a_mail_server_does_nobody_is_written_to_twice(world: World, mail: MailServer, fault: str) -> None:
    where, reply, state, arrived = FAULTS[fault]
    world.extra = channels(mail)
    world.rules(HELLO % "email")
    world.run()
    usual = mail.replies[where]
    mail.replies[where] = reply
    world.store.add_order()
    assert world.run().error is None, "a channel's trouble is not the store's"
    mail.replies[where] = usual
    world.run_for(hours=30)
    assert sent(world) == [(state, "email")]
    assert len(mail.mails) == arrived


@pytest.mark.parametrize(
    ("status", "state", "arrived"), [(400, "skipped", 0), (429, "done", 1), (500, "held", 0), (503, "held", 0)]
)
def test_whatever_a_gateway_does_nobody_gets_a_text_twice(
    world: World, mail: MailServer, gateway: Gateway, status: int, state: str, arrived: int
) -> None:
    world.extra = channels(mail, gateway)
    world.rules(HELLO % "sms")
    world.run()
    gateway.status = status
    world.store.add_order(billing={"phone": "050-234-5678"})
    world.run()
    gateway.status = 200
    world.run_for(hours=30)
    assert sent(world) == [(state, "sms")]
    assert len(gateway.texts) == arrived


def test_a_channel_in_trouble_is_passed_over_and_rests(world: World, mail: MailServer, gateway: Gateway) -> None:
    world.extra = channels(mail, gateway)
    world.rules(HELLO % "[email, sms]")
    world.run()
    mail.replies["MAIL"] = "535 5.7.8 no"
    world.store.add_order(billing={"phone": "050-234-5678"})
    world.store.add_order(billing={"phone": "050-234-5679"})
    world.run()
    assert [subject for subject, _ in world.told] == ["No messages go by email"]
    world.later(seconds=1)
    world.store.add_order(billing={"phone": "050-234-5677"})
    world.run()
    assert "email: it rests until" in str([row.passed_over for row in world.rows("done") if row.kind == "send"][-1])
    mail.replies["MAIL"] = "250 ok"
    world.run_for(hours=3)
    assert {state for state, _ in sent(world)} == {"done"}
    assert len(gateway.texts) + len(mail.mails) == 3


def test_a_crash_between_intent_and_outcome_is_held_and_never_sent_again(
    world: World, mail: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.extra = channels(mail)
    world.rules(HELLO % "email")
    world.run()
    world.store.add_order()
    hand_over = Smtp.send

    def die_after(channel: Smtp, message: Message) -> str:
        hand_over(channel, message)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Smtp, "send", die_after)
        with pytest.raises(KeyboardInterrupt):
            world.run()
    world.open()
    world.run_for(hours=48)
    assert sent(world) == [("held", "email")]
    why = "a mail server does not tell which messages it was given"
    assert world.reasons("held") == [f"it may have happened: {why}; say with 'aftersale settle' whether it did"]
    assert len(mail.mails) == 1


def test_an_outcome_that_nobody_knows_never_goes_on_to_the_next_channel(
    world: World, mail: MailServer, gateway: Gateway
) -> None:
    world.extra = channels(mail, gateway)
    world.rules(HELLO % "[email, sms]")
    world.run()
    mail.replies["."] = CLOSE
    world.store.add_order(billing={"phone": "050-234-5678"})
    world.run_for(hours=48)
    assert sent(world) == [("held", "email")]
    assert gateway.texts == []


def test_a_redirected_message_goes_by_the_email_channel(world: World, mail: MailServer, gateway: Gateway) -> None:
    world.extra = f"{channels(mail, gateway)}\nmode: redirect\nredirect_to: boss@example.com"
    world.rules(HELLO % "[sms, email]")
    world.run()
    order = world.store.add_order(billing={"phone": "050-234-5678"})
    world.run()
    [letter] = mail.read()
    assert letter["To"] == "boss@example.com"
    text = letter.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    assert text.split("\r\n")[::2] == [
        f"For boss@example.com, instead of the customer of order {order}:",
        "Hello Noa",
    ]
    assert gateway.texts == []


def test_a_web_service_is_told_of_the_order_signed(world: World) -> None:
    calls: list[Request] = []

    def answer(request: Request) -> Response:
        calls.append(request)
        return Response(204, b"", ())

    service = Loopback(answer, lambda query: dict(parse_qsl(query)), world.clock)
    service.start()
    world.extra = f"webhook_secret: {'s' * 32}"
    rule = f"- {{ id: tell, trigger: order.placed, actions: [ call_webhook: '{service.url}/hook' ] }}"
    world.rules(rule)
    world.run()
    world.store.add_order()
    world.run()
    service.stop()
    [call] = calls
    assert call.headers["x-aftersale-signature"].startswith("t=")
    assert b'"event":"order.placed"' in call.body
    assert [(row.state, row.channel) for row in world.rows()] == [("done", "webhook")]


def test_a_channel_goes_on_resting_after_a_restart_and_the_staff_is_not_told_again(
    world: World, mail: MailServer
) -> None:
    world.extra = channels(mail)
    world.rules(HELLO % "email")
    world.run()
    mail.replies["MAIL"] = "535 5.7.8 no"
    for _ in range(3):
        world.store.add_order()
        world.run()
        world.later(seconds=2)
        world.open()
    assert sum(command.startswith("MAIL") for command in mail.commands) == 1
    assert [subject for subject, _ in world.told] == ["No messages go by email"]
    mail.replies["MAIL"] = "250 ok"
    world.run_for(hours=3)
    assert [state for state, _ in sent(world)] == ["done"] * 3


def test_a_channel_whose_settings_were_mended_is_tried_at_once(world: World, mail: MailServer) -> None:
    world.extra = channels(mail)
    world.rules(HELLO % "email")
    world.run()
    mail.replies["MAIL"] = "535 5.7.8 no"
    world.store.add_order()
    world.run()
    mail.replies["MAIL"] = "250 ok"
    world.extra = world.extra.replace("from: tal@tea.example.com", "from: shop@tea.example.com")
    world.open()
    world.store.add_order()
    world.run()
    assert len(mail.mails) == 1
