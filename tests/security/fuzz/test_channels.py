"""Whatever a provider answers, a message was taken, surely not, or nobody knows; nothing else comes out."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from requests.structures import CaseInsensitiveDict

from adapters.channels import sms_http, sms_twilio, webhook, whatsapp_cloud
from adapters.channels.wire import Wire
from adapters.errors import AdapterError
from adapters.http import Answer
from tests.channels.providers import ACCOUNT, TOKEN, message

NOON = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
TO = "+972502345678"
WORDS = st.sampled_from(
    ["sid", "code", "error", "messages", "id", "body", "to", "date_created", "next_page_uri", "error_data", "message"]
)
JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS | st.text(max_size=3), inner, max_size=4),
    max_leaves=10,
)
BODIES = JUNK.map(msgspec.json.encode) | st.binary(max_size=60) | st.sampled_from([b"[" * 200_000, b"9" * 9_000])
HEADERS = st.dictionaries(st.sampled_from(["Retry-After", "Date"]), st.text(max_size=30), max_size=2)
ANSWERS = st.builds(Answer, st.just("POST"), st.integers(100, 599), HEADERS.map(CaseInsensitiveDict), BODIES)


class Canned(Wire):
    """The connection to a provider that answers this to everything."""

    def __init__(self, answer: Answer) -> None:
        super().__init__("https://provider.example.com", "the provider", {}, timeout=1.0, clock=lambda: NOON)
        self.answer = answer

    def _exchange(self, *asked: Any) -> Answer:
        return self.answer


def senders(answer: Answer) -> list[Any]:
    wire = Canned(answer)
    twilio = sms_twilio.Settings(account_sid=ACCOUNT, auth_token=TOKEN, **{"from": "Tea"})
    fields = {"to": "{{ to }}", "text": "{{ text }}"}
    signs = {"success": {"contains": "ok", "json": {"messages.0.id": "7"}}, "refused": {"contains": "no"}, "id": "id"}
    gateway = sms_http.Settings(url="https://gateway.example.com", fields=fields, **signs)
    return [
        sms_twilio.Twilio(twilio, wire),
        sms_http.Gateway(gateway, wire),
        whatsapp_cloud.WhatsApp("/v23.0/1055501234", wire),
    ]


def told_of(ask: Callable[[], object]) -> str:
    """What is said in answer, or the error in its place."""
    try:
        return str(ask())
    except AdapterError as error:
        return str(error)


@given(ANSWERS)
def test_what_became_of_a_message_is_always_told_in_our_words(answer: Answer) -> None:
    sent = message(TO, template="on_its_way", parameters=("x",))
    for channel in senders(answer):
        for ask in (partial(channel.send, sent), partial(channel.find, sent, NOON, ()), channel.check):
            told = told_of(ask)
            assert TO not in told
            assert TOKEN not in told


@given(ANSWERS)
def test_a_call_to_a_web_service_is_taken_or_fails_in_our_words(answer: Answer) -> None:
    made = webhook.Settings(url="https://service.example.com/hook?key=marked", secret="s" * 32)  # type: ignore[arg-type]
    call = webhook.Webhook(made.secret, Canned(answer), lambda: NOON)
    if answer.status < 300:
        assert call.send({"order": 7}, "key") == "key"
    else:
        with pytest.raises(AdapterError) as caught:
            call.send({"order": 7}, "key")
        assert "marked" not in str(caught.value)
