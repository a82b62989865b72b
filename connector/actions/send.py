"""`send`: a message to the customer, by the first channel of `via` that reaches them."""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import datetime
from html import escape
from typing import ClassVar, Literal, Self

from msgspec.structs import replace
from pydantic import model_validator

from adapters.base import Capability
from adapters.channels.base import Message
from adapters.errors import Unsupported
from connector.actions import (
    Absent,
    ActionKind,
    Found,
    NotNow,
    PassedOver,
    Prepared,
    Refused,
    Setting,
    Settlement,
    StaffNotReached,
    Undecidable,
    Way,
    World,
)
from connector.channel_keys import PLATFORM
from rules.messages import NotByThisChannel
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
    """The message by the first channel of `via` that reaches the customer. Raises Refused if none does, and NotNow if
    the one that does has to rest.
    """
    if spec.purpose in setting.unwritable:
        raise Refused(setting.unwritable[spec.purpose])
    marketing = spec.purpose == "marketing"
    passed: list[str] = []
    later: list[NotNow] = []
    for channel in spec.via or setting.via:
        try:
            if channel in setting.refused_by:
                raise PassedOver(setting.refused_by[channel])
            way = setting.reach(channel, marketing)
            prepared = _written(spec, setting, way)
        except (PassedOver, NotByThisChannel) as why:
            passed.append(f"{channel}: {why}")
        except NotNow as why:
            passed.append(f"{channel}: {why}")
            later.append(why)
        else:
            known = {"to": way.to, "marketing": marketing, "basis": way.basis, "passed_over": tuple(passed)}
            prepared = replace(prepared, **known, refused_by=dict(setting.refused_by))
            return prepared if setting.redirect_to is None else _redirected(prepared, setting)
    if later:
        raise NotNow(min(each.until for each in later), "; ".join(passed))
    raise Refused(passed[0].partition(": ")[2] if len(passed) == 1 else f"no channel will do: {'; '.join(passed)}")


def _written(spec: Send, setting: Setting, way: Way) -> Prepared:
    """The message as that channel takes it. Raises NotByThisChannel if it takes no such message."""
    rendered = setting.compose(spec.text, spec.template, way.unsubscribe)
    if way.channel == PLATFORM:
        text = rendered.html_fragment if setting.markup == "html" else rendered.plain
        text = _with_words(text)
        return Prepared(text=text, subject=rendered.subject, channel=way.channel, locale=rendered.locale)
    message = Message(
        to=way.to,
        key=setting.key,
        text=_with_words(rendered.plain),
        locale=rendered.locale,
        marketing=spec.purpose == "marketing",
        unsubscribe=way.unsubscribe,
    )
    if way.channel == "sms":
        message = replace(message, text=_with_words(rendered.sms))
    elif way.channel == "whatsapp":
        approved = rendered.whatsapp
        filled = {"template": approved.template, "parameters": approved.parameters, "locale": approved.language}
        message = replace(message, **filled)
    else:
        mail = {"text": rendered.plain_mail, "html": rendered.html_mail, "subject": rendered.mail_subject}
        message = replace(message, **mail)
    return Prepared(
        text=message.text, subject=message.subject, channel=way.channel, locale=rendered.locale, message=message
    )


def _redirected(prepared: Prepared, setting: Setting) -> Prepared:
    """The same message to whoever gets it instead of the customer."""
    banner = f"For {setting.redirect_to}, instead of the customer of order {setting.order.number}:"
    text = f"{banner}\n\n{prepared.text}"
    message = None
    if setting.redirect_by == MAIL and setting.redirect_to is not None:
        html = prepared.message.html if prepared.message is not None else None
        message = Message(
            to=setting.redirect_to,
            key=setting.key,
            text=text,
            subject=prepared.subject,
            html=_BODY.sub(lambda tag: f"{tag[0]}<p>{escape(banner)}</p>", html, count=1) if html is not None else None,
            locale=prepared.message.locale if prepared.message is not None else "en",
        )
    return replace(prepared, text=text, channel=setting.redirect_by, redirected_to=setting.redirect_to, message=message)


_BODY = re.compile(r"<body[^>]*>")
MAIL = "email"


def _with_words(text: str) -> str:
    if not text.strip():
        raise Refused("its text comes out empty for this order")
    return text


def perform(prepared: Prepared, world: World) -> str | None:
    assert prepared.text is not None
    if prepared.message is not None and prepared.channel is not None:
        return world.lines[prepared.channel].channel.send(prepared.message)
    if prepared.redirected_to is None:
        return world.adapter.send_message(world.order_id, prepared.text, prepared.subject, world.key)
    if world.redirect is None:
        return world.adapter.add_note(world.order_id, prepared.text, world.key)
    if not world.redirect.tell(prepared.subject or "A message to a customer, redirected", prepared.text):
        raise StaffNotReached(f"{prepared.redirected_to} could not be reached")
    return None


def settle(prepared: Prepared, world: World, since: datetime, credited: Collection[str]) -> Settlement:
    assert prepared.text is not None
    try:
        if prepared.message is not None:
            line = world.lines.get(prepared.channel or "")
            if line is None:
                return Undecidable(f"the channel '{prepared.channel}' is not configured any more, and cannot be asked")
            found = line.channel.find(prepared.message, since, credited)
        else:
            look = world.adapter.find_message if prepared.redirected_to is None else world.adapter.find_note
            found = look(world.order_id, prepared.text, world.key, since, credited)
    except Unsupported as error:
        return Undecidable(str(error))
    return Found(found) if found is not None else Absent()


ACTION = ActionKind("send", Send, prepare, perform, settle, needs=Capability.MESSAGES)
