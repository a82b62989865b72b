"""Text messages: Twilio's own errors and its list of messages, and gateways as a config describes them."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from pydantic import ValidationError

from adapters.channels import registry
from adapters.channels.base import BadAddress, OptedOut
from adapters.errors import AdapterError, AuthFailed, RateLimited, Rejected, Unavailable, UnknownOutcome, Unsupported
from adapters.sandbox.server import Response
from tests.channels.providers import ACCOUNT, KEY, NOW, TOKEN, GatewayProvider, TwilioProvider, as_json

# Twilio


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (21211, BadAddress),
        (21614, BadAddress),
        (21610, OptedOut),
        (21408, Rejected),
        (21612, Rejected),
        (21617, Rejected),
        (21611, RateLimited),
        (20003, AuthFailed),
        (21606, AuthFailed),
        (21608, AuthFailed),
    ],
)
def test_twilio_tells_by_its_code_what_a_400_means(code: int, error: type[AdapterError]) -> None:
    refusal = {"code": code, "message": "The 'To' number +972502345678 is wrong", "status": 400}
    with TwilioProvider() as provider:
        provider.answer = lambda request: as_json(400, refusal)  # type: ignore[method-assign]
        with pytest.raises(AdapterError) as caught:
            provider.channel.send(provider.message)
    assert type(caught.value) is error
    assert str(code) in str(caught.value)
    assert "502345678" not in str(caught.value)


def test_a_code_in_an_answer_of_500_is_still_an_unknown_outcome() -> None:
    with TwilioProvider() as provider:
        provider.answer = lambda request: as_json(500, {"code": 21211})  # type: ignore[method-assign]
        with pytest.raises(UnknownOutcome):
            provider.channel.send(provider.message)


def test_a_messaging_service_stands_in_for_a_sender() -> None:
    service = "MG" + "1" * 32
    with TwilioProvider(sender={"messaging_service_sid": service}) as provider:
        provider.channel.send(provider.message)
        assert f"MessagingServiceSid={service}".encode() in provider.requests[0].body
        assert b"From=" not in provider.requests[0].body


def test_a_message_is_found_on_any_page_of_the_list() -> None:
    with TwilioProvider(page_size=2) as provider:
        sent = provider.channel.send(provider.message)
        for number in range(5):
            provider.channel.send(msgspec.structs.replace(provider.message, text=f"Another {number}"))
        assert provider.channel.find(provider.message, NOW, ()) == sent


def test_what_the_list_does_not_hold_was_not_sent() -> None:
    with TwilioProvider() as provider:
        provider.channel.send(msgspec.structs.replace(provider.message, text="Another"))
        provider.channel.send(msgspec.structs.replace(provider.message, to="+972502345679"))
        assert provider.channel.find(provider.message, NOW, ()) is None


def test_a_messaging_service_may_change_a_text_so_its_absence_proves_nothing() -> None:
    with TwilioProvider(sender={"messaging_service_sid": "MG" + "1" * 32}) as provider:
        assert provider.channel.find(provider.message, NOW, ()) is None
        other = provider.channel.send(msgspec.structs.replace(provider.message, text="Another"))
        with pytest.raises(Unsupported):
            provider.channel.find(provider.message, NOW, ())
        assert provider.channel.find(provider.message, NOW, (other,)) is None
        assert provider.channel.find(provider.message, NOW + timedelta(hours=1), ()) is None


@pytest.mark.parametrize(
    "answer",
    [
        Response(200, b"<html>"),
        as_json(200, {"messages": [{"sid": "SM1"}]}),
        as_json(200, {}),
        as_json(500, {}),
        as_json(404, {}),
    ],
)
def test_nothing_is_concluded_from_a_list_that_cannot_be_read(answer: Response) -> None:
    with TwilioProvider() as provider:
        provider.answer = lambda request: answer  # type: ignore[method-assign]
        with pytest.raises((Unavailable, AuthFailed)):
            provider.channel.find(provider.message, NOW, ())


def test_a_suspended_account_is_found_by_check() -> None:
    with TwilioProvider() as provider:
        provider.answer = lambda request: as_json(200, {"status": "suspended"})  # type: ignore[method-assign]
        (finding,) = provider.channel.check()
        assert "suspended" in finding.message


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"from": None}, "either 'from' or 'messaging_service_sid'"),
        ({"messaging_service_sid": "MG" + "1" * 32}, "either 'from' or 'messaging_service_sid'"),
        ({"account_sid": "SK" + "1" * 32}, "account_sid"),
        ({"auth_token": " "}, "is empty"),
        ({"auth_token": "5f0c\nX-Evil: 1"}, "no key has"),
        ({"url": "http://api.example.com"}, "https"),
    ],
)
def test_settings_of_twilio_that_cannot_be_are_refused(settings: dict[str, Any], says: str) -> None:
    usual = {"account_sid": ACCOUNT, "auth_token": TOKEN, "from": "TalsTea"}
    with pytest.raises(ValidationError, match=says) as caught:
        registry.create("sms", "twilio", clock=lambda: NOW, **usual | settings)
    assert "5f0c" not in str(caught.value)


# Any gateway


def test_fields_are_filled_in_and_sent_as_a_form() -> None:
    fields = {"to": "{{to}}", "msisdn": "{{ digits }}", "text": "{{ text }} – Tal", "ref": "{{ key }}", "from": 12345}
    with GatewayProvider(keys={"fields": fields}) as provider:
        assert provider.channel.send(provider.message) == "17"
        (sent,) = provider.sent
        assert provider.requests[0].query == "account=7"
    assert sent == {
        "to": "+972502345678",
        "msisdn": "972502345678",
        "text": f"{provider.message.text} – Tal",
        "ref": KEY,
        "from": "12345",
    }


def test_a_text_that_looks_like_a_template_is_left_alone() -> None:
    with GatewayProvider() as provider:
        provider.channel.send(msgspec.structs.replace(provider.message, text="{{ to }} \\1"))
        assert provider.received() == ["{{ to }} \\1"]


def test_fields_can_be_sent_as_json() -> None:
    with GatewayProvider(keys={"format": "json"}) as provider:
        provider.channel.send(provider.message)
        assert json.loads(provider.requests[0].body)["message"] == provider.message.text


OK, BLOCKED, PAGE = b'{"result": "ok", "data": [{"id": 5, "done": true}]}', b"BLOCKED", b"<html>ok</html>"


@pytest.mark.parametrize(
    ("success", "status", "body", "taken"),
    [
        ({"status": 200}, 200, PAGE, True),
        ({"status": 200}, 202, PAGE, False),
        ({"contains": "ok"}, 202, PAGE, True),
        ({"contains": "queued"}, 200, PAGE, False),
        ({"json": {"result": "ok", "data.0.id": 5, "data.0.done": "true"}}, 200, OK, True),
        ({"json": {"result": "ok", "data.1.id": 5}}, 200, OK, False),
        ({"json": {"result": "ok"}}, 200, PAGE, False),
        ({"json": {"result": "ok"}, "contains": "sent"}, 200, OK, False),
    ],
)
def test_only_what_looks_like_a_success_is_one(success: dict[str, Any], status: int, body: bytes, taken: bool) -> None:
    with GatewayProvider(keys={"success": success, "id": None}) as provider:
        provider.answer = lambda request: Response(status, body)  # type: ignore[method-assign]
        if taken:
            assert provider.channel.send(provider.message) == KEY
        else:
            with pytest.raises(UnknownOutcome):
                provider.channel.send(provider.message)


@pytest.mark.parametrize(
    ("body", "error"), [(b"BLOCKED", Rejected), (b'{"result": "ok", "why": "BLOCKED"}', UnknownOutcome)]
)
def test_a_refusal_in_an_answer_of_200_is_one_unless_it_looks_like_a_success_too(
    body: bytes, error: type[AdapterError]
) -> None:
    with GatewayProvider() as provider:
        provider.answer = lambda request: Response(200, body)  # type: ignore[method-assign]
        with pytest.raises(error):
            provider.channel.send(provider.message)


def test_an_answer_of_400_is_no_success_whatever_it_holds() -> None:
    with GatewayProvider(keys={"success": {"contains": "ok"}}) as provider:
        provider.answer = lambda request: Response(400, b"token invalid, not ok")  # type: ignore[method-assign]
        with pytest.raises(Rejected):
            provider.channel.send(provider.message)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"fields": {"to": "{{ to }}"}}, "must hold"),
        ({"fields": {"to": "{{ to }}", "message": "{{ body }}"}}, "there is no {{ body }} here"),
        ({"fields": {"to": "{{ to }}", "message": "{{ text | upper }}"}}, "there is no"),
        ({"success": {}}, "write 'status', 'contains' or 'json'"),
        ({"success": {"status": 500}}, "less than or equal to 299"),
        ({"headers": {"X-Key: 1\r\nX-Evil": "1"}}, "cannot be set as a header"),
        ({"headers": {"Content-Type": "text/plain"}}, "cannot be set as a header"),
        ({"method": "GET"}, "'POST' or 'PUT'"),
        ({"url": "http://gateway.example.com/5f0c"}, "write https"),
        ({"url": "https://user:5f0c@gateway.example.com/"}, "user name or password"),
        ({"url": "https://[5f0c"}, "not a web address"),
    ],
)
def test_settings_of_a_gateway_that_cannot_be_are_refused(settings: dict[str, Any], says: str) -> None:
    usual = {
        "url": "https://gateway.example.com",
        "fields": {"to": "{{ to }}", "message": "{{ text }}"},
        "success": {"status": 200},
    }
    with pytest.raises(ValidationError, match=says) as caught:
        registry.create("sms", "http", clock=lambda: NOW, **usual | settings)
    assert "5f0c" not in str(caught.value)


def test_settings_of_a_gateway_hide_what_may_be_a_key() -> None:
    settings = {
        "url": f"https://gateway.example.com/?k={TOKEN}",
        "headers": {"X-Key": TOKEN},
        "fields": {"to": "{{ to }}", "message": "{{ text }}", "password": TOKEN},
        "success": {"status": 200},
    }
    assert TOKEN not in repr(registry.settings_of("sms", "http").model_validate(settings))
