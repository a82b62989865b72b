"""`send`: a message to the customer, by the first channel of `via` that reaches them."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import ClassVar, Literal, Self

from pydantic import model_validator

from adapters.base import Capability
from adapters.errors import Unsupported
from connector.actions import (
    Absent,
    ActionKind,
    Found,
    Prepared,
    Refused,
    Setting,
    Settlement,
    StaffNotReached,
    Undecidable,
    World,
)
from rules.schema import ActionSpec, Channels, TemplateName, Text


class Send(ActionSpec):
    """Write to the customer: a short `text`, or a Markdown `template` in their language."""

    shorthand: ClassVar[str] = "text"
    to_customer: ClassVar[bool] = True
    text: Text | None = None
    template: TemplateName | None = None
    via: Channels = ()
    purpose: Literal["transactional", "marketing"] = "transactional"

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.text is None) == (self.template is None):
            raise ValueError("a message has either 'text' or 'template'")
        return self


def prepare(spec: Send, setting: Setting) -> Prepared:
    if spec.purpose in setting.unwritable:
        raise Refused(setting.unwritable[spec.purpose])
    if spec.purpose == "marketing":
        raise Refused("marketing, and no consent of this customer is known")
    if setting.order.customer.email is None:
        raise Refused("the order has no e-mail address: the platform could not reach the customer")
    if spec.template is not None:
        subject, text = setting.render_template(spec.template)
    else:
        assert spec.text is not None
        subject, text = None, setting.render(spec.text)
    via = (spec.via or setting.via)[0]
    if setting.redirect_to is None:
        return Prepared(text=text, subject=subject, channel=via)
    text = f"For {setting.redirect_to}, instead of the customer of order {setting.order.number}:\n\n{text}"
    channel = "note" if setting.redirect_by_note else "staff"
    return Prepared(text=text, subject=subject, channel=channel, redirected_to=setting.redirect_to)


def perform(prepared: Prepared, world: World) -> str | None:
    assert prepared.text is not None
    if prepared.redirected_to is None:
        return world.adapter.send_message(world.order_id, prepared.text, prepared.subject, world.key)
    if world.redirect is None:
        return world.adapter.add_note(world.order_id, prepared.text, world.key)
    if not world.redirect.tell(prepared.subject or "A message to a customer, redirected", prepared.text):
        raise StaffNotReached(f"{prepared.redirected_to} could not be reached")
    return None


def settle(prepared: Prepared, world: World, since: datetime, credited: Collection[str]) -> Settlement:
    assert prepared.text is not None
    look = world.adapter.find_message if prepared.redirected_to is None else world.adapter.find_note
    try:
        found = look(world.order_id, prepared.text, world.key, since, credited)
    except Unsupported as error:
        return Undecidable(str(error))
    return Found(found) if found is not None else Absent()


ACTION = ActionKind("send", Send, prepare, perform, settle, needs=Capability.MESSAGES)
