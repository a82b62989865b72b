"""Making a step ready: its texts rendered and its actions judged, before anything is done."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import msgspec

from connector.actions import Broken, Prepared, Refused, Setting, World, known_actions
from connector.shop import Shop
from connector.staff import redirected
from connector.store.followups import Followup
from rules.events import Journal
from rules.planner import Facts, Subject, Wanted, scene_of
from rules.template_language import GivenCoupon, Store, fallbacks
from rules.templates import Context, RenderError, choose_locale, render_message, render_text
from rules.timing import after

_ALPHABET = "23456789abcdefghjkmnpqrstuvwxyz"


@dataclass(frozen=True, slots=True)
class Judged:
    """A step that is wanted now, and all that this was concluded from."""

    facts: Facts
    journal: Journal
    wanted: Wanted
    recorded: Sequence[Followup]


@dataclass(frozen=True, slots=True)
class Made:
    """An action of a step, ready to be done; after the rule's last step nothing of it is left to plan."""

    row: Followup
    prepared: Prepared
    in_last_step: bool


def make_ready(shop: Shop, judged: Judged, rows: Sequence[Followup], now: datetime) -> list[Made]:
    """Every action of the step, ready, in order. Raises Refused or Broken if one of them cannot be."""
    wanted = judged.wanted
    context = _context(shop, judged, now)
    made: list[Made] = []
    for row in rows:
        action = wanted.step.actions[row.action - 1]
        kind = known_actions()[action.kind]
        if kind.needs is not None and kind.needs not in shop.adapter.capabilities:
            raise Refused(f"this store cannot do '{kind.name}'")
        code = coupon_code(shop.secret, row)
        try:
            prepared = kind.prepare(action.spec, _setting(shop, judged, context, code, now))
        except RenderError as error:
            raise Broken(str(error)) from None
        if prepared.coupon_code is not None:
            context = replace(context, coupon=_coupon(prepared))
        made.append(Made(row, prepared, in_last_step=wanted.step is wanted.rule.steps[-1]))
    return made


def world_of(shop: Shop, row: Followup) -> World:
    """What an action acts upon."""
    key = hashlib.blake2b(_identity(row), digest_size=16).hexdigest()
    return World(shop.adapter, shop.staff, row.order_id, key, redirected(shop.staff, shop.redirect_to))


def coupon_code(secret: bytes, row: Followup) -> str:
    """The code that a coupon made by this action has, whoever asks and however often."""
    number = int.from_bytes(hashlib.blake2b(_identity(row), key=secret, digest_size=16).digest())
    letters = []
    for _ in range(10):
        number, position = divmod(number, len(_ALPHABET))
        letters.append(_ALPHABET[position])
    return "".join(letters)


def _identity(row: Followup) -> bytes:
    return "\n".join((row.store, row.rule, row.subject, row.step, str(row.action))).encode()


def _setting(shop: Shop, judged: Judged, context: Context, code: str, now: datetime) -> Setting:
    redirect_to = shop.redirect_to if shop.mode == "redirect" else None
    name = f"rule '{judged.wanted.rule.id}'"
    return Setting(
        order=judged.facts.order,
        render=lambda source: _with_words(render_text(source, context, shop.adapter.markup, name=name)),
        render_plain=lambda source: _with_words(render_text(source, context, "plain", name=name)),
        render_template=lambda template: _render_template(shop, judged, context, template),
        later=lambda span: after(now, span, shop.calendar),
        coupon_code=code,
        via=shop.config.via,
        redirect_to=redirect_to,
        redirect_by_note=redirect_to is not None and redirected(shop.staff, redirect_to) is None,
    )


def _render_template(shop: Shop, judged: Judged, context: Context, name: str) -> tuple[str | None, str]:
    texts = shop.templates[name]
    wanted = _locales(shop, judged)
    locale = choose_locale(texts, wanted)
    read_in = next((each for each in wanted if each and fallbacks(each)[-1:] == fallbacks(locale)[-1:]), locale)
    context = replace(context, locale=read_in)  # its dates and money as that language has them
    message = render_message(texts[locale], context, shop.adapter.markup, name=f"templates/{name}/{locale}.md")
    return message.subject, _with_words(message.body)


def _with_words(text: str) -> str:
    """The text, if there is anything in it. Raises Refused otherwise."""
    if not text.strip():
        raise Refused("its text comes out empty for this order")
    return text


def _locales(shop: Shop, judged: Judged) -> list[str | None]:
    order = judged.facts.order
    return [order.customer.locale, order.locale, shop.config.locale]


def _context(shop: Shop, judged: Judged, now: datetime) -> Context:
    """What texts may speak of."""
    order, subject = judged.facts.order, judged.wanted.subject
    scene = scene_of(judged.facts, subject, judged.journal, now)
    return Context(
        order=order,
        items=scene.items,
        item=subject.item or (order.items[0] if order.items else None),
        shipment=scene.shipments[-1] if scene.shipments else None,
        store=Store(id=shop.id, name=shop.config.name, url=shop.config.url),
        coupon=_coupon_of(judged, subject),
        signed_by=shop.signed_by,
        locale=next(locale for locale in _locales(shop, judged) if locale),
        zone=shop.calendar.zone,
    )


def _coupon_of(judged: Judged, subject: Subject) -> GivenCoupon | None:
    """The coupon that an earlier step of this follow-up has made."""
    for row in reversed(judged.recorded):
        if row.of_step[:2] == (judged.wanted.rule.id, subject.key) and row.intent is not None:
            earlier = msgspec.json.decode(row.intent, type=Prepared)
            if earlier.coupon_code is not None and row.state == "done":
                return _coupon(earlier)
    return None


def _coupon(prepared: Prepared) -> GivenCoupon:
    assert prepared.coupon_code is not None
    return GivenCoupon(code=prepared.coupon_code, expires_at=prepared.coupon_expires_at)
