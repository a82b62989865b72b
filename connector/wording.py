"""A rule's texts as words about one order, in the forms that its actions ask for."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape
from typing import Literal, Protocol

import msgspec

from adapters.channels.base import Message
from connector.actions import Prepared, Refused
from connector.config import StoreConfig
from rules.events import Journal
from rules.facts import Facts, Subject
from rules.inputs import Given, told
from rules.layout import Brand
from rules.messages import Rendered, render_template, render_words
from rules.planner import scene_of
from rules.template_language import GivenCoupon, Store
from rules.templates import Context, render_text

_BODY = re.compile(r"<body[^>]*>")


@dataclass(frozen=True, slots=True)
class Wording:
    """What a rule's texts speak of, and how. `locales` are the languages for a template, the best first; `markup` is
    how the store takes texts.
    """

    rule: str
    about: Context
    locales: Sequence[str]
    templates: Mapping[str, Mapping[str, str]]
    brand: Brand
    markup: Literal["html", "plain"]

    def for_store(self, source: str) -> str:
        """A text as the store takes it, customers' data escaped. Raises Refused if nothing is left of it."""
        return with_words(render_text(source, self.about, self.markup, name=self._name))

    def plain(self, source: str) -> str:
        """A text for people who read it as it is. Raises Refused if nothing is left of it."""
        return with_words(render_text(source, self.about, "plain", name=self._name))

    def compose(self, text: str | None, template: str | None, unsubscribe: str | None) -> Rendered:
        """A message in the reader's language; a text that stands in a rule is in the store's."""
        if text is not None:
            return render_words(text, self.about, name=self._name, brand=self.brand, unsubscribe=unsubscribe)
        files, name = self.templates[str(template)], f"templates/{template}"
        return render_template(files, self.locales, self.about, name=name, brand=self.brand, unsubscribe=unsubscribe)

    @property
    def _name(self) -> str:
        return f"rule '{self.rule}'"


class Words(Protocol):
    """What says a rule's texts: a `Wording`, or what stands for one."""

    def for_store(self, source: str) -> str: ...

    def plain(self, source: str) -> str: ...

    def compose(self, text: str | None, template: str | None, unsubscribe: str | None) -> Rendered: ...


InWords = Callable[[Wording], Words]


def written_out(wording: Wording) -> Words:
    """All of it, as it goes out."""
    return wording


def with_words(text: str) -> str:
    """The text, if there is anything in it. Raises Refused otherwise."""
    if not text.strip():
        raise Refused("its text comes out empty for this order")
    return text


def with_first_line(message: Message, line: str) -> Message:
    """The message, with this line (in English) above all that it says."""
    html = message.html
    if html is not None:
        above = f'<p dir="ltr" style="margin:0;padding:12px;font:14px sans-serif;text-align:center">{escape(line)}</p>'
        html = _BODY.sub(lambda tag: tag[0] + above, html, count=1)
    return msgspec.structs.replace(message, text=f"{line}\n\n{message.text}", html=html)


def context_of(
    facts: Facts,
    subject: Subject,
    journal: Journal,
    now: datetime,
    store: StoreConfig,
    *,
    signed_by: str | None,
    inputs: Mapping[str, Given],
    coupon: GivenCoupon | None = None,
) -> Context:
    """What texts about this subject of an order may speak of."""
    scene = scene_of(facts, subject, journal, now)
    order = scene.order
    return Context(
        order=order,
        items=scene.items,
        item=subject.item or (order.items[0] if order.items else None),
        shipment=scene.shipments[-1] if scene.shipments else None,
        store=Store(id=store.id, name=store.name, url=store.url),
        coupon=coupon,
        review=subject.review,
        note=subject.note,
        signed_by=signed_by,
        locale=store.locale,  # that of the texts in rules
        zone=store.calendar.zone,
        inputs=told(inputs),
    )


def coupon_of(prepared: Prepared) -> GivenCoupon:
    """The coupon that this action makes, for the texts that come after it."""
    assert prepared.coupon_code is not None
    return GivenCoupon(code=prepared.coupon_code, expires_at=prepared.coupon_expires_at)
