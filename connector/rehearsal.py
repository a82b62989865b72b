"""A rule rehearsed: its actions made ready for an order, as they would be done, and nothing of them done.

Previews and tests are made of it. Coupons have an invented code, and the way to unsubscribe is nobody's.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple, NoReturn

from adapters.base import StoreAdapter
from adapters.model import Order, Remarks
from connector.actions import PassedOver, Prepared, Setting, Way, known_actions
from connector.config import StoreConfig
from connector.unsubscribing import NOBODY, link_for
from connector.wording import Wording, context_of, coupon_of
from rules.events import Journal
from rules.facts import Facts, Subject
from rules.inputs import told
from rules.locales import choose_locale, wanted_locales
from rules.rule import Action, Rule, Step
from rules.sample import SAMPLE_COUPON, sample
from rules.subjects import subjects
from rules.template_language import GivenCoupon, Store
from rules.templates import Context
from rules.timing import after

About = Callable[[str], Context]
"""What the texts speak of, for a reader of this language."""

Reach = Callable[[str, bool], Way]
"""(a channel's name, whether it is marketing) → how it reaches the reader; raises PassedOver."""


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """A rule of a store, and what it is tried out with. `adapter` is asked for no more than what it can do."""

    rule: Rule
    store: StoreConfig
    adapter: StoreAdapter
    templates: Mapping[str, Mapping[str, str]]
    about: About
    now: datetime
    key: str
    """What a call or a message is known by: 32 hex digits."""


class Cue(NamedTuple):
    """An action in its turn. `coupon` is what those before it would have made."""

    step: Step
    action: Action
    coupon: GivenCoupon | None


class Language(NamedTuple):
    """A language that a message is written in, and the locales that lead to it, the best first."""

    name: str
    locales: Sequence[str]


def about_sample(
    rule: Rule,
    templates: Mapping[str, Mapping[str, str]],
    store: StoreConfig,
    *,
    signed_by: str | None,
    now: datetime,
) -> About:
    """An invented order with all that the rule's texts name, whose customer reads the language that is asked for."""
    shop = Store(id=store.id, name=store.name, url=store.url)
    specs = [action.spec for step in rule.steps for action in step.actions]
    texts = [str(getattr(spec, "text", "")) for spec in specs]
    texts += [text for spec in specs for text in templates.get(str(getattr(spec, "template", None)), {}).values()]
    fields = {
        name: f"sample of {name}"
        for text in texts
        for found in _CUSTOM_FIELD.findall(text)
        for name in filter(None, found)
    }
    return lambda locale: replace(
        sample(shop, locale=locale, zone=store.calendar.zone, now=now, signed_by=signed_by, meta=fields),
        inputs=told(rule.inputs),
    )


_CUSTOM_FIELD = re.compile(r"""\border\.meta(?:\.(\w+)|\[\s*['"]([^'"]+)['"]\s*\])""")


def about_order(
    rule: Rule,
    order: Order,
    journal: Journal,
    remarks: Remarks,
    store: StoreConfig,
    *,
    signed_by: str | None,
    now: datetime,
) -> About:
    """A real order; of several parcels, items or reviews that the rule may be about, the first."""
    facts = Facts(order, "", store.calendar, store.ladders, remarks=remarks)
    everything = Subject("", order.shipments, order.items)
    subject = next(iter(subjects(rule, order, "", remarks)), everything)
    context = context_of(facts, subject, journal, now, store, signed_by=signed_by, inputs=rule.inputs)
    return lambda _: context


def cues(rehearsal: Rehearsal) -> Iterator[Cue]:
    """Every action of the rule, in order."""
    coupon: GivenCoupon | None = None
    for step in rehearsal.rule.steps:
        for action in step.actions:
            cue = Cue(step, action, coupon)
            yield cue
            if "coupon" in getattr(action.spec, "provides", ()):
                coupon = coupon_of(make_ready(rehearsal, cue, (), _nowhere))


def languages(rehearsal: Rehearsal, action: Action, only: str | None) -> list[Language]:
    """Those that a message is written in, that of the order's own customer first; with `only`, the one that readers of
    this language get. A text that stands in a rule is in the store's language.
    """
    home = rehearsal.store.locale
    texts = rehearsal.templates.get(str(getattr(action.spec, "template", None)), {})
    if not texts:
        return [Language(home, (home,))]
    wanted = (only, home) if only is not None else wanted_locales(rehearsal.about(home).order, home)
    first = Language(choose_locale(texts, wanted), wanted)
    others = [] if only is not None else [name for name in sorted(texts) if name != first.name]
    return [first, *(Language(name, (name, *wanted)) for name in others)]


def make_ready(rehearsal: Rehearsal, cue: Cue, locales: Sequence[str], reach: Reach) -> Prepared:
    """The action as it would be done. Raises Refused where it would be skipped, and RenderError."""
    store = rehearsal.store
    about = rehearsal.about(locales[0] if locales else store.locale)
    wording = Wording(
        rule=rehearsal.rule.id,
        about=replace(about, coupon=cue.coupon, locale=store.locale),
        locales=locales,
        templates=rehearsal.templates,
        brand=store.brand,
        markup=rehearsal.adapter.markup,
    )
    setting = Setting(
        order=about.order,
        render=wording.for_store,
        render_plain=wording.plain,
        compose=wording.compose,
        reach=reach,
        markup=rehearsal.adapter.markup,
        later=lambda span: after(rehearsal.now, span, store.calendar),
        coupon_code=SAMPLE_COUPON,
        via=store.via,
        unwritable={},
        key=rehearsal.key,
        told={"store": store.id, "rule": rehearsal.rule.id, "event": rehearsal.rule.trigger},
    )
    return known_actions()[cue.action.kind].prepare(cue.action.spec, setting)


def _nowhere(channel: str, marketing: bool) -> NoReturn:
    raise PassedOver("nobody is written to")


def way_out(unsubscribe: str | None, secret: bytes, store: str, *, marketing: bool) -> str | None:
    """Where a reader of marketing unsubscribes: an address that works, and takes nobody off."""
    return link_for(unsubscribe, secret, NOBODY, store) if marketing and unsubscribe is not None else None


def by(cue: Cue, *channels: str) -> Cue:
    """The same message, by these channels alone."""
    spec = cue.action.spec.model_copy(update={"via": channels})
    return cue._replace(action=replace(cue.action, spec=spec))
