"""`call_webhook`: tell a web service of the shop's own about the order, as signed JSON."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Annotated, ClassVar

import msgspec
from pydantic import AfterValidator

from adapters.errors import Rejected
from connector.actions import ActionKind, Prepared, Setting, Settlement, Undecidable, World
from rules.schema import ActionSpec


def _safe(url: str) -> str:
    from adapters.channels.wire import safe_url  # brings `requests`, which a check of files can do without

    return safe_url(url)


class CallWebhook(ActionSpec):
    """POST the order to this address, signed with `webhook_secret` of the configuration."""

    shorthand: ClassVar[str] = "url"
    url: Annotated[str, AfterValidator(_safe)]


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
    return Undecidable("a web service cannot be asked whether it was called.")


ACTION = ActionKind("call_webhook", CallWebhook, prepare, perform, settle, needs_webhook_secret=True)
