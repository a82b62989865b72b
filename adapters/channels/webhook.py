"""Calls to a merchant's own web service: JSON, signed, each once. Not a channel to customers.

The receiver verifies the header

    X-Aftersale-Signature: t=1772357400,v1=6f…

by computing HMAC-SHA256, in hex, over the number after t=, a full stop and the body, with the secret that both know,
and by refusing a time that is minutes away from its own. `id` in the body is the same whenever the same call is meant.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import msgspec
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr

from adapters.errors import AdapterError, AuthFailed
from adapters.urls import safe_url

if TYPE_CHECKING:
    from adapters.channels.wire import Wire
    from adapters.http import Answer

SIGNATURE = "X-Aftersale-Signature"
SHORTEST_SECRET = 16


def _url(url: SecretStr) -> SecretStr:
    return SecretStr(safe_url(url.get_secret_value()))


def _secret(secret: SecretStr) -> SecretStr:
    text = secret.get_secret_value().strip()
    if len(text) < SHORTEST_SECRET:
        raise ValueError(f"must have {SHORTEST_SECRET} characters or more; `openssl rand -hex 32` makes a good one")
    return SecretStr(text)


class Settings(BaseModel):
    """Where a call goes, and what signs it."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    url: Annotated[SecretStr, AfterValidator(_url), Field(description="Where the call goes; https")]
    secret: Annotated[SecretStr, AfterValidator(_secret), Field(description="What the signature is made with")]


def create(settings: Settings, *, timeout: float, clock: Callable[[], datetime]) -> Webhook:
    """Calls to one address. `timeout` is in seconds; `clock` tells aware UTC."""
    from adapters.channels.wire import Wire

    url = settings.url.get_secret_value()
    who = f"the webhook at {urlsplit(url).hostname}"
    return Webhook(settings.secret, Wire(url, who, {}, timeout=timeout, clock=clock), clock)


class Webhook:
    """Calls to one address, from any thread."""

    def __init__(self, secret: SecretStr, wire: Wire, clock: Callable[[], datetime]) -> None:
        self._secret = secret
        self._wire = wire
        self._clock = clock

    def send(self, payload: Mapping[str, object], key: str) -> str:
        """POST the payload, with `id: key` at its head, once; returns the key. Any 2xx says that it was taken.

        Raises Rejected, RateLimited, Unavailable, AuthFailed and UnknownOutcome, as a channel's `send` does.
        """
        from adapters.channels.wire import JSON

        body = msgspec.json.encode({"id": key, **payload})
        headers = {SIGNATURE: signature(self._secret.get_secret_value(), self._clock(), body)}
        answer = self._wire.send("POST", "", body, JSON, headers)
        if answer.status >= 300:
            raise self._refusal(answer)
        return key

    def close(self) -> None:
        """Give back the connections."""
        self._wire.close()

    def _refusal(self, answer: Answer) -> AdapterError:
        """As the wire has it; only what a merchant can mend is in another place than with a channel."""
        refusal = self._wire.refusal(answer)
        if not isinstance(refusal, AuthFailed):
            return refusal
        denied = answer.status in (401, 402, 403, 407)
        cure = (
            "it takes no calls of ours. Check that it knows the webhook_secret of the config"
            if denied
            else "nothing takes calls there. Check the url in the rule"
        )
        return AuthFailed(f"{self._wire.who} answered {answer.status}: {cure}.")


def signature(secret: str, at: datetime, body: bytes) -> str:
    """The header's value for a body that is sent at that time."""
    stamp = int(at.timestamp())
    digest = hmac.new(secret.encode(), b"%d." % stamp + body, hashlib.sha256).hexdigest()
    return f"t={stamp},v1={digest}"
