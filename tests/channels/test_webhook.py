"""Calls to a merchant's own service, and how it knows that they are ours."""

from __future__ import annotations

import hashlib
import hmac
import json

import pytest
from pydantic import ValidationError

from adapters.channels.webhook import SIGNATURE, Settings
from tests.channels.providers import KEY, NOW, TOKEN
from tests.channels.test_http_failures import WebhookProvider, send_to


def test_the_receiver_can_verify_a_call() -> None:
    with WebhookProvider() as provider:
        assert send_to(provider) == KEY
        (request,) = provider.requests
    stamp, digest = (part.split("=")[1] for part in request.headers[SIGNATURE.lower()].split(","))
    assert int(stamp) == NOW.timestamp()
    signed = f"{stamp}.".encode() + request.body
    assert hmac.compare_digest(digest, hmac.new(TOKEN.encode(), signed, hashlib.sha256).hexdigest())


def test_a_call_is_json_that_names_itself() -> None:
    with WebhookProvider() as provider:
        send_to(provider)
        (request,) = provider.requests
    assert request.headers["content-type"] == "application/json"
    assert json.loads(request.body) == {"id": KEY, "text": provider.message.text, "to": provider.message.to}


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"secret": "short-5f0c"}, "16 characters or more"),
        ({"url": "http://hooks.example.com/5f0c"}, "write https"),
    ],
)
def test_settings_that_cannot_be_are_refused_without_the_secret(settings: dict[str, str], says: str) -> None:
    with pytest.raises(ValidationError, match=says) as caught:
        Settings.model_validate({"url": "https://hooks.example.com/", "secret": TOKEN} | settings)
    assert "5f0c" not in str(caught.value)
