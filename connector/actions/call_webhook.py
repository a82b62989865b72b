"""`call_webhook`: tell a web service of the shop's own about the order, as signed JSON."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Annotated, ClassVar

import msgspec
from pydantic import AfterValidator

from adapters.errors import Rejected
from adapters.urls import safe_url
from connector.actions import ActionKind, Prepared, Setting, Settlement, Undecidable, World
from rules.schema import ActionSpec


class CallWebhook(ActionSpec):
    """POST the order to this address, signed with `webhook_secret` of the configuration."""

    shorthand: ClassVar[str] = "url"
    url: Annotated[str, AfterValidator(safe_url)]


def prepare(spec: CallWebhook, setting: Setting) -> Prepared:
    payload = msgspec.json.encode({**setting.told, "order": setting.order})
    return Prepared(text=spec.url, payload=payload, channel="webhook")


def perform(prepared: Prepared, world: World) -> str:
    assert prepared.text is not None
    assert prepared.payload is not None
    if world.webhook is None:
        raise Rejected("webhook_secret is not configured any more.")
    webhook = world.webhook(prepared.text)
    try:
        return webhook.send(msgspec.json.decode(prepared.payload), world.key)
    finally:
        webhook.close()


def settle(prepared: Prepared, world: World, since: datetime, credited: Collection[str]) -> Settlement:
    return Undecidable("a web service does not tell whether it was called")


ACTION = ActionKind("call_webhook", CallWebhook, prepare, perform, settle, needs_webhook_secret=True)
