"""Making a step ready: its texts rendered and its actions judged, before anything is done."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import msgspec
from pydantic import SecretStr

from connector.actions import Broken, Prepared, Refused, Setting, World, known_actions
from connector.lines import Circuit
from connector.reaching import heed, reach
from connector.shop import Shop
from connector.staff import STAFF, named, redirected
from connector.store.followups import Followup
from connector.store.suppressions import Listed
from connector.wording import InWords, Wording, context_of, coupon_of
from rules.events import Journal
from rules.facts import Facts, Subject
from rules.locales import wanted_locales
from rules.planner import Wanted
from rules.template_language import GivenCoupon
from rules.templates import Context, RenderError
from rules.timing import after

if TYPE_CHECKING:
    from adapters.channels.webhook import Webhook

WEBHOOK_TIMEOUT = 30.0
"""Seconds."""
_ALPHABET = "23456789abcdefghjkmnpqrstuvwxyz"


@dataclass(frozen=True, slots=True)
class Judged:
    """A step that is wanted now, and all that this was concluded from."""

    facts: Facts
    journal: Journal
    wanted: Wanted
    recorded: Sequence[Followup]
    unwritable: Mapping[str, str]
    """Why the customer gets no messages, by their purpose."""


@dataclass(frozen=True, slots=True)
class Made:
    """An action of a step, ready to be done; after the rule's last step nothing of it is left to plan."""

    row: Followup
    prepared: Prepared
    in_last_step: bool


def make_ready(
    listed: Listed, shop: Shop, judged: Judged, rows: Sequence[Followup], now: datetime, words: InWords
) -> list[Made]:
    """Every action of the step, ready, in order; `listed` knows who is on the suppression list.

    Raises Refused, NotNow or Broken if one of them cannot be.
    """
    wanted = judged.wanted
    context = _context(shop, judged, now)
    made: list[Made] = []
    for row in rows:
        action = wanted.step.actions[row.action - 1]
        kind = known_actions()[action.kind]
        if kind.needs is not None and kind.needs not in shop.adapter.capabilities and not action.to_customer:
            raise Refused(f"this store cannot do '{kind.name}'")
        code = coupon_code(shop.secret, row)
        try:
            setting = _setting(listed, shop, judged, row, context, code, now, words)
            prepared = kind.prepare(action.spec, setting)
        except RenderError as error:
            raise Broken(str(error)) from None
        # What stands before it in its step need not wait for a service, or the staff, to be well again.
        if not made and (circuit := circuit_of(shop, prepared)) is not None:
            heed(circuit, now)
        if prepared.coupon_code is not None:
            context = replace(context, coupon=coupon_of(prepared))
        prepared = msgspec.structs.replace(prepared, again=_again(row))
        made.append(Made(row, prepared, in_last_step=wanted.step is wanted.rule.steps[-1]))
    return made


def world_of(shop: Shop, row: Followup) -> World:
    """What an action acts upon."""
    webhook = partial(_webhook, shop, shop.webhook_secret) if shop.webhook_secret is not None else None
    redirect = redirected(shop.staff, shop.redirect_to)
    return World(shop.adapter, shop.staff, row.order_id, key_of(row), redirect, shop.lines, webhook)


def circuit_of(shop: Shop, prepared: Prepared) -> Circuit | None:
    """That of the way that an action takes out of the shop; None for the store itself, which rests as a whole."""
    if prepared.message is not None:
        line = shop.lines.get(prepared.channel or "")
        return line.circuit if line is not None else None
    if prepared.payload is not None:
        url = str(prepared.text)
        return shop.circuits.setdefault(url, Circuit(f"No calls go to {urlsplit(url).hostname}"))
    if prepared.channel == STAFF:
        return shop.circuits.setdefault(prepared.redirected_to or STAFF, Circuit("The staff is not told anything"))
    return None


def _webhook(shop: Shop, secret: SecretStr, url: str) -> Webhook:
    from adapters.channels.webhook import Settings, create

    return create(Settings(url=SecretStr(url), secret=secret), timeout=WEBHOOK_TIMEOUT, clock=shop.clock)


def key_of(row: Followup) -> str:
    """What a platform or channel knows this very action by, whoever asks and however often."""
    again = _again(row)
    identity = _identity(row) + (f"\n{again}".encode() if again else b"")
    return hashlib.blake2b(identity, digest_size=16).hexdigest()


def _again(row: Followup) -> int:
    """How often a person has said that it did not go out: what an earlier try left on the platform counts no more."""
    return msgspec.json.decode(row.intent, type=Prepared).again if row.intent is not None else 0


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


def _setting(
    listed: Listed,
    shop: Shop,
    judged: Judged,
    row: Followup,
    context: Context,
    code: str,
    now: datetime,
    words: InWords,
) -> Setting:
    redirect_to = named(shop.redirect_to) if shop.mode == "redirect" and shop.redirect_to is not None else None
    wording = Wording(
        rule=judged.wanted.rule.id,
        about=context,
        locales=wanted_locales(judged.facts.order, shop.config.locale),
        templates=shop.templates,
        brand=shop.config.brand,
        markup=shop.adapter.markup,
    )
    said = words(wording)
    return Setting(
        order=judged.facts.order,
        render=said.for_store,
        render_plain=said.plain,
        compose=said.compose,
        reach=lambda channel, marketing: reach(listed, shop, judged.facts.order, channel, now, marketing=marketing),
        markup=shop.adapter.markup,
        later=lambda span: after(now, span, shop.calendar),
        coupon_code=code,
        via=shop.config.via,
        unwritable=judged.unwritable,
        redirect_to=redirect_to,
        redirect_by=_redirect_by(shop, shop.redirect_to),
        key=key_of(row),
        refused_by=_refused_by(row),
        told={"store": shop.id, "rule": judged.wanted.rule.id, "event": judged.wanted.event.kind},
    )


def _redirect_by(shop: Shop, address: SecretStr | None) -> str:
    """How whoever gets messages instead of the customers gets them."""
    if address is not None and "://" not in address.get_secret_value() and "email" in shop.lines:
        return "email"
    return "note" if redirected(shop.staff, address) is None else STAFF


def _refused_by(row: Followup) -> Mapping[str, str]:
    return msgspec.json.decode(row.intent, type=Prepared).refused_by if row.intent is not None else {}


def _context(shop: Shop, judged: Judged, now: datetime) -> Context:
    """What texts may speak of."""
    subject = judged.wanted.subject
    return context_of(
        judged.facts,
        subject,
        judged.journal,
        now,
        shop.config,
        signed_by=shop.signed_by,
        inputs=judged.wanted.rule.inputs,
        coupon=_coupon_of(judged, subject),
    )


def _coupon_of(judged: Judged, subject: Subject) -> GivenCoupon | None:
    """The coupon that an earlier step of this follow-up has made."""
    for row in reversed(judged.recorded):
        if row.of_step[:2] == (judged.wanted.rule.id, subject.key) and row.intent is not None:
            earlier = msgspec.json.decode(row.intent, type=Prepared)
            if earlier.coupon_code is not None and row.state == "done":
                return coupon_of(earlier)
    return None
