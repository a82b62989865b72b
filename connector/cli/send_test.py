"""A rule's messages, sent to yourself alone: by the real channel, and marked as a test.

No customer gets anything, nothing is recorded, no coupon is made, and nothing is written to the store. In every mode it
goes to --to, and there only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import Annotated

import typer

from adapters.channels.base import Channel, Message, Unreachable
from adapters.channels.phone import phone_of
from adapters.errors import AdapterError, UnknownOutcome
from adapters.model import Customer, Money, Order
from connector.actions import PassedOver, Refused, Way, ways_of
from connector.channel_keys import PLATFORM
from connector.cli._clients import load_clients, no_such
from connector.cli._exits import Exit, Stop, worst
from connector.cli._options import CONFIG, AsJson, ConfigPath
from connector.cli._screen import clean, console, print_json
from connector.cli._state import exists, now, state_of
from connector.cli._trying import Locale, OrderNumber, StoreId, rehearsed
from connector.lines import make_channel
from connector.loading import Loaded
from connector.people import address_of
from connector.privacy import why_not_to
from connector.rehearsal import Cue, Rehearsal, by, cues, languages, make_ready, way_out
from connector.store import suppressions
from connector.store.database import Database, secret_of
from connector.trial import is_marked, marked
from rules.templates import RenderError


def send_test(
    rule: Annotated[str, typer.Argument(help="The rule's id.")],
    to: Annotated[
        str, typer.Option("--to", metavar="ADDRESS", help="Your own e-mail address, or phone number (+972…).")
    ],
    config: ConfigPath = CONFIG,
    as_json: AsJson = False,
    order: OrderNumber = None,
    store: StoreId = None,
    locale: Locale = None,
    channel: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="By this channel; unless told, by the rule's first that reaches the address."
        ),
    ] = None,
) -> Exit:
    me = _me(to)
    clients = load_clients(config)
    with (
        rehearsed(clients, rule, store, order, locale) as (loaded, rehearsal),
        _trial(loaded, rehearsal, me, channel) as trial,
    ):
        messages = [cue for cue in cues(rehearsal) if cue.action.to_customer]
        if not messages:
            cure = f"'aftersale preview {rule}' shows what it writes"
            raise Stop(Exit.MISTAKE, f"rule '{rule}' sends nothing to customers, so there is nothing to try: {cure}")
        tried = [_try(trial, cue, channel, locale) for cue in messages]
    if not any(each.message for each in tried):
        raise Stop(Exit.MISTAKE, *(f"step {each.step}: not sent: {each.why_not}" for each in tried))
    if as_json:
        print_json({"rule": rule, "store": rehearsal.store.id, "messages": [each.as_json() for each in tried]})
    else:
        for each in tried:
            console().print(each.in_words(), soft_wrap=True)
    return worst([clients.code, *(Exit.FAILED for each in tried if not each.sent)])


@dataclass(frozen=True, slots=True)
class Tried:
    """What became of one of the rule's messages; without `message` there was none to be sent."""

    step: int
    language: str
    channel: str | None = None
    message: Message | None = None
    id: str | None = None
    why_not: str | None = None
    sent: bool | None = False
    """None: perhaps."""

    def as_json(self) -> dict[str, object]:
        told = {"channel": self.channel, "id": self.id, "why_not": self.why_not}
        return {"step": self.step, "language": self.language, "sent": self.sent, **told}

    def in_words(self) -> str:
        if self.message is None or not self.sent:
            verdict = "not sent" if self.sent is not None else "perhaps sent, so look before you try again"
            return f"Step {self.step}: {verdict}: {clean(self.why_not)}"
        mark = "" if is_marked(self.message) else UNMARKED
        return f"Step {self.step}: sent by {self.channel}, in the language '{self.language}'.{mark}"


UNMARKED = " Its template has no places to be filled, so nothing in it says that it is a test."


def _try(trial: Trial, cue: Cue, channel: str | None, locale: str | None) -> Tried:
    """Send one message, marked as a test."""
    rehearsal = trial.rehearsal
    language = languages(rehearsal, cue.action, locale)[0]
    ways = (channel,) if channel is not None else ways_of(cue.action, rehearsal.store.via)
    tried = partial(Tried, cue.step.position, language.name)
    try:
        prepared = make_ready(rehearsal, by(cue, *ways), language.locales, trial.reach)
    except (Refused, RenderError) as why:
        return tried(why_not=str(why))
    assert prepared.message is not None
    assert prepared.channel is not None
    message = marked(prepared.message, rehearsal.rule.id)
    try:
        id_ = trial.lines[prepared.channel].send(message)
    except UnknownOutcome as error:
        return tried(prepared.channel, message, why_not=str(error), sent=None)
    except AdapterError as error:
        return tried(prepared.channel, message, why_not=str(error))
    return tried(prepared.channel, message, id_, sent=True)


# To whom, and how -----------------------------------------------------------------------------------------------


def _me(to: str) -> Order:
    """An order of whoever gets the test, for channels to find their address in. Raises Stop for what is no address."""
    customer = Customer(email=to.strip()) if "@" in to else Customer(phone=to.strip())
    moment = now()
    me = Order(
        id="",
        number="",
        status="",
        created_at=moment,
        modified_at=moment,
        total=Money(Decimal(0), ""),
        customer=customer,
    )
    try:
        address_of(to)
        if customer.phone is not None:
            phone_of(me, takes_texts=False)
    except ValueError:
        raise Stop(Exit.MISTAKE, "--to is no address: write me@example.com, or a number like +972501234567") from None
    except Unreachable:
        raise Stop(Exit.MISTAKE, "--to is no phone number: write it with its country, like +972501234567") from None
    return me


@contextmanager
def _trial(loaded: Loaded, rehearsal: Rehearsal, me: Order, channel: str | None) -> Iterator[Trial]:
    """The channels and the state, closed at the end. Raises Stop if the channel that is wanted is not among them."""
    if channel is not None and channel not in loaded.config.ways:
        raise Stop(Exit.MISTAKE, no_such("channel", channel, loaded.config.ways))
    lines = {each.name: make_channel(each, now) for each in loaded.config.channels}
    with ExitStack() as stack:
        for line in lines.values():
            stack.callback(line.close)
        database = stack.enter_context(state_of(loaded)) if exists(loaded) else None
        yield Trial(rehearsal, me, lines, loaded.config.protection.unsubscribe, database)


@dataclass(frozen=True, slots=True)
class Trial:
    """What is tried out, by which channels, and who gets it. Without a database the config has never run."""

    rehearsal: Rehearsal
    me: Order
    lines: Mapping[str, Channel]
    unsubscribe: str | None
    database: Database | None

    def reach(self, channel: str, marketing: bool) -> Way:
        """How the channel reaches who gets it. Raises PassedOver where it does not, or they want nothing."""
        if channel == PLATFORM:
            cure = "'aftersale preview' shows the message; a channel of yours can be named with --channel"
            raise PassedOver(f"the store writes to an order's customer, and to nobody else; {cure}")
        try:
            to = self.lines[channel].reach(self.me)
        except Unreachable:
            kind = "this e-mail address" if self.me.customer.email is not None else "this phone number"
            raise PassedOver(f"it does not reach {kind}") from None
        secret = b""
        if self.database is not None:
            secret = secret_of(self.database)
            with self.database.read() as connection:
                listed = partial(suppressions.of, connection)
                if (reason := why_not_to(listed, secret, to, marketing=marketing)) is not None:
                    raise PassedOver(f"{reason}; 'aftersale suppression remove' takes it off")
        offered = way_out(self.unsubscribe, secret, self.rehearsal.store.id, marketing=marketing)
        return Way(channel, to, "", offered)
