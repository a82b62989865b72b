"""What is looked at: each form as the texts of its files, and as the page shows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import Literal

import msgspec

from adapters.channels.base import Message
from adapters.channels.mime import styled
from adapters.channels.segments import segments
from connector.actions import Prepared
from connector.channel_keys import PLATFORM
from connector.preview.forms import Form
from rules.locales import babel_locale, is_right_to_left

Look = Literal["mail", "sms", "approved", "store", "plain", "json", "deed", "nothing"]
"""How something looks: a page of our own, a text message, a template that WhatsApp approved, words that the store
takes, plain words, a call's body, something that is done without words, or nothing at all.
"""


@dataclass(frozen=True, slots=True)
class Sheet:
    """A form to be looked at. `files` are texts by name, below the folder of all; `told` is what is to be said of it in
    a line.
    """

    form: Form
    look: Look
    folder: str
    files: Mapping[str, str]
    told: str = ""

    @property
    def subject(self) -> str | None:
        return self.form.prepared.subject if self.form.prepared is not None else None

    @property
    def words(self) -> str:
        """What it says, in its first file."""
        return next(iter(self.files.values()), "")

    @property
    def language(self) -> str:
        """The language, as English calls it."""
        return babel_locale(self.form.language or "en").get_display_name("en") or ""

    @property
    def direction(self) -> Literal["rtl", "ltr"]:
        return "rtl" if is_right_to_left(self.form.language or "en") else "ltr"


def sheet_of(form: Form, markup: Literal["html", "plain"], key: str) -> Sheet:
    """What is to be seen of a form; `key` is what a call is known by. Raises Rejected where it makes no mail."""
    folder = f"{form.number}-{form.action}" + (f"/{form.language}" if form.language else "")
    prepared = form.prepared
    if prepared is None:
        return Sheet(form, "nothing", folder, {}, form.why_not or "")
    if prepared.message is not None:
        return _message(form, folder, prepared.message)
    if prepared.payload is not None:
        body = msgspec.json.format(msgspec.json.encode({"id": key, **msgspec.json.decode(prepared.payload)}), indent=2)
        return Sheet(form, "json", folder, {"webhook.json": body.decode() + "\n"})
    if prepared.text is None:
        return Sheet(form, "deed", folder, {}, _deed(prepared))
    name = form.way if form.way == PLATFORM else {"add_note": "note", "notify_staff": "staff"}.get(form.action, "text")
    if markup == "html" and prepared.channel in (None, PLATFORM):
        return Sheet(form, "store", folder, {f"{name}.html": _page(prepared.text, prepared.subject or "")})
    return Sheet(form, "plain", folder, {f"{name}.txt": prepared.text + "\n"})


def _message(form: Form, folder: str, message: Message) -> Sheet:
    """What goes by a channel of the config."""
    if message.html is not None:
        name = "mail" if form.way == "email" else form.way
        return Sheet(form, "mail", folder, {f"{name}.html": styled(message.html), f"{name}.txt": message.text + "\n"})
    if message.template is not None:
        lines = [f"Template: {message.template} ({message.locale})"]
        lines += [f"{{{{{number}}}}}: {value}" for number, value in enumerate(message.parameters, start=1)]
        return Sheet(form, "approved", folder, {f"{form.way}.txt": "\n".join(lines) + "\n"})
    number, encoding = segments(message.text)
    told = f"{number} segment{'s' if number != 1 else ''} ({encoding}), {len(message.text)} characters"
    return Sheet(form, "sms", folder, {f"{form.way}.txt": message.text + "\n"}, told)


def _page(fragment: str, title: str) -> str:
    """HTML that the store puts into a page of its own, in one that a browser reads rightly."""
    return f'<!doctype html>\n<meta charset="utf-8">\n<title>{escape(title)}</title>\n{fragment}\n'


def _deed(prepared: Prepared) -> str:
    """What is done without words."""
    if prepared.coupon_code is not None:
        worth = f"{prepared.coupon_percent} %" if prepared.coupon_percent else None
        worth = worth or f"{prepared.coupon_amount} {prepared.coupon_currency}"
        end = f", until {prepared.coupon_expires_at:%Y-%m-%d}" if prepared.coupon_expires_at else ""
        return f"a coupon of {worth}{end}; here with the invented code {prepared.coupon_code}"
    if prepared.tags:
        return f"the tag {', '.join(prepared.tags)}"
    return f"the status {prepared.status}" if prepared.status else "nothing to be seen"
