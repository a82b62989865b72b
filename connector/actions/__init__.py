"""What a rule can do. One file an action: its YAML, what it needs of a store, how it is done and how settled.

A module here that has an `ACTION` is an action: nothing else has to be edited.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal

from msgspec import Struct

from adapters.base import Capability, StoreAdapter
from adapters.channels.base import Message
from adapters.model import Order
from connector.channel_keys import PLATFORM
from rules.messages import Rendered
from rules.rule import Action
from rules.schema import ActionSpec
from rules.timing import Duration

if TYPE_CHECKING:
    from adapters.channels.webhook import Webhook
    from connector.lines import Line
    from connector.staff import Staff


class Prepared(Struct, frozen=True, omit_defaults=True):
    """An action made ready: everything it needs, so that it can be done, repeated or settled from this alone.

    Kept in the intent until the outcome is known. `text` holds the exact words that go out.
    """

    text: str | None = None
    subject: str | None = None
    channel: str | None = None
    locale: str | None = None
    """The language that a message is written in."""
    redirected_to: str | None = None
    tags: tuple[str, ...] = ()
    status: str | None = None
    coupon_code: str | None = None
    coupon_percent: str | None = None
    coupon_amount: str | None = None
    coupon_currency: str | None = None
    coupon_expires_at: datetime | None = None
    coupon_email: str | None = None
    again: int = 0
    """How often a person has said that an earlier try did not go out."""
    message: Message | None = None
    """What is handed to a configured channel, down to the byte."""
    to: str | None = None
    """Where the customer is reached: an address as the channel has it."""
    marketing: bool = False
    basis: str | None = None
    """On what grounds the customer is written to."""
    passed_over: tuple[str, ...] = ()
    """The channels that were preferred to this one, each with why it was not taken."""
    refused_by: dict[str, str] = {}
    """The channels that refused this message, each with its reason: it goes by none of them again."""
    payload: bytes | None = None
    """What a web service is told."""


class Refused(Exception):
    """The action may not, or cannot, be done for this order: the follow-up is skipped with this reason."""


class StaffNotReached(Exception):
    """Nobody took a message to people of the shop, or to whom messages are redirected; it is tried again."""


class NotNow(Exception):
    """The action may be done later, not before `until`; says why."""

    def __init__(self, until: datetime, reason: str) -> None:
        super().__init__(reason)
        self.until = until


class PassedOver(Exception):
    """A channel does not reach this customer, or may not; the next one may. Says why, without their data."""


@dataclass(frozen=True, slots=True)
class Way:
    """A channel that reaches an order's customer: at which address, and on what grounds they are written to."""

    channel: str
    to: str
    basis: str
    unsubscribe: str | None = None


class Broken(Exception):
    """The action cannot be made ready because of a mistake (in a template, say): the follow-up fails, visibly."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What an action is made ready with: the order, how texts become words, and the ways out of the shop."""

    order: Order
    render: Callable[[str], str]
    """A text as the store takes it, customers' data escaped."""
    render_plain: Callable[[str], str]
    """A text for people who read it as it is."""
    compose: Callable[[str | None, str | None, str | None], Rendered]
    """(a rule's text, or a Markdown template, and where to unsubscribe) → the message in the order's language."""
    reach: Callable[[str, bool], Way]
    """(a channel's name, whether it is marketing) → how it reaches the customer; raises PassedOver, NotNow."""
    markup: Literal["html", "plain"]
    """How the store takes messages."""
    later: Callable[[Duration], datetime]
    """The moment that long after now."""
    coupon_code: str
    """The code of a coupon made by this very action."""
    via: tuple[str, ...]
    """The channels in order of preference, where the rule does not say."""
    unwritable: Mapping[str, str]
    """Why the customer gets no messages, by their purpose."""
    redirect_to: str | None = None
    """Who gets messages instead of the customers."""
    redirect_by: str = "staff"
    """How they get them: by our own e-mail, with the staff's, or as private notes where there is no such way."""
    key: str = ""
    """The same whenever this very action is meant; no other's."""
    refused_by: Mapping[str, str] = field(default_factory=dict)
    """The channels that have refused it, each with its reason."""
    told: Mapping[str, str] = field(default_factory=dict)
    """What is known of the follow-up besides the order: its store, rule and trigger."""


@dataclass(frozen=True, slots=True)
class World:
    """What an action acts upon."""

    adapter: StoreAdapter
    staff: Staff
    order_id: str
    key: str
    """The same whenever this very action is meant, even by a state made anew; no other's."""
    redirect: Staff | None = None
    lines: Mapping[str, Line] = field(default_factory=dict)
    """The configured channels, by name."""
    webhook: Callable[[str], Webhook] | None = None
    """Calls to a URL, signed; None where no secret is configured."""


@dataclass(frozen=True, slots=True)
class Found:
    """It did happen; `result` is its id on the platform, if it has one."""

    result: str | None = None


@dataclass(frozen=True, slots=True)
class Absent:
    """It has not happened so far."""


@dataclass(frozen=True, slots=True)
class Undecidable:
    """The platform cannot tell, and a person has to; without a reason, it could not tell this time."""

    reason: str


Settlement = Found | Absent | Undecidable


@dataclass(frozen=True, slots=True)
class ActionKind:
    """One action. `repeatable` ones may be done again without harm, so an unknown outcome is simply tried anew."""

    name: str
    spec: type[ActionSpec]
    prepare: Callable[[Any, Setting], Prepared]
    """(spec, setting) → made ready; raises Refused or Broken."""
    perform: Callable[[Prepared, World], str | None]
    """Does it once; returns its id on the platform. Raises the adapters' errors."""
    settle: Callable[[Prepared, World, datetime, Collection[str]], Settlement]
    """Asks whether it happened, at or after this time and under none of these ids. Raises the adapters' errors."""
    needs: Capability | None = None
    needs_staff: bool = False
    needs_webhook_secret: bool = False
    repeatable: bool = False


def ways_of(action: Action, via: tuple[str, ...]) -> tuple[str, ...]:
    """The channels that a message may go by, the preferred first; `via` is the store's own choice. Empty for others."""
    return (getattr(action.spec, "via", ()) or via) if action.to_customer else ()


def needs_of(action: Action, via: tuple[str, ...]) -> Capability | None:
    """What an action asks of its store; a message asks for the store's own only where it may go by them."""
    ways = ways_of(action, via)
    return known_actions()[action.kind].needs if not ways or PLATFORM in ways else None


@cache
def known_actions() -> Mapping[str, ActionKind]:
    """Every action, by its name in YAML."""
    modules = (import_module(f"{__name__}.{module.name}") for module in pkgutil.iter_modules(__path__))
    found: list[ActionKind] = [module.ACTION for module in modules if hasattr(module, "ACTION")]
    return {action.name: action for action in sorted(found, key=lambda action: action.name)}
