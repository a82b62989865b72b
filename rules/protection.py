"""What keeps a customer from being bothered: consent, frequency caps, a pause between messages, and quiet times.

Pure: what was sent and what people have said goes in; out comes whether and when, and on what grounds.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from adapters.model import Order
from rules.rule import Step
from rules.timing import Calendar, Window, next_open

Purpose = Literal["transactional", "marketing"]

NO_FOLLOWUP = "no-followup"
"""The tag, on an order or a customer, of who is not to be written to."""

PAUSE = timedelta(hours=1)
"""The least between two messages about one order, unless a rule is urgent."""


# --- frequency caps ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Cap:
    """At most so many messages to a person in any span of that length; `text` is as it was written."""

    most: int
    marketing_alone: bool
    span: timedelta
    text: str


_SPANS = {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(weeks=1), "month": timedelta(days=30)}
_CAP = re.compile(
    r"at most ([1-9][0-9]{0,3}) (marketing|messages?) (?:a|an|per|every) (?:([1-9][0-9]?) )?(hour|day|week|month)s?"
)


def parse_cap(text: str) -> Cap:
    """Read `at most 1 marketing a week` or `at most 2 messages a day`. A month is 30 days.

    Raises ValueError with a sentence that says what to write instead.
    """
    found = _CAP.fullmatch(" ".join(text.lower().split()))
    if found is None:
        raise ValueError(
            f"'{text}' is no cap; write it like 'at most 1 marketing a week' or 'at most 2 messages a day'"
        )
    return Cap(int(found[1]), found[2] == "marketing", int(found[3] or 1) * _SPANS[found[4]], text.strip())


class Sent(NamedTuple):
    """A message that a person got, may have got, or is just getting: `order` tells it from those about others."""

    at: datetime
    marketing: bool
    order: tuple[str, str]


class Outgoing(NamedTuple):
    """A message that is to be sent."""

    marketing: bool
    order: tuple[str, str]
    urgent: bool = False


class Ledger(NamedTuple):
    """All that a person was sent lately, by any of their addresses, and the caps that hold for them."""

    sent: Sequence[Sent]
    caps: Sequence[Cap] = ()


class Wait(NamedTuple):
    """When a message may be sent at last, and what it has to wait for: a sentence for the shop's people."""

    until: datetime
    reason: str


def allowed(ledger: Ledger, message: Outgoing, now: datetime) -> Wait | None:
    """What keeps the message from being sent now; None if nothing does. `until` is the first moment that is free.

    Each cap is a rolling window: a message counts for as long as the cap's span, to the second.
    """
    waits = [wait for cap in ledger.caps if (wait := _capped(ledger.sent, cap, message, now)) is not None]
    about_it = [each.at for each in ledger.sent if each.order == message.order and each.at > now - PAUSE]
    if about_it and not message.urgent:
        reason = "this customer was written to about this order within the hour, and the rule is not 'urgent'"
        waits.append(Wait(max(about_it) + PAUSE, reason))
    return max(waits, default=None, key=lambda wait: wait.until)


def _capped(sent: Sequence[Sent], cap: Cap, message: Outgoing, now: datetime) -> Wait | None:
    if cap.marketing_alone and not message.marketing:
        return None
    counted = sorted(each.at for each in sent if each.marketing or not cap.marketing_alone)
    within = [at for at in counted if at > now - cap.span]
    if len(within) < cap.most:
        return None
    return Wait(within[-cap.most] + cap.span, f"this customer has had all that '{cap.text}' allows")


# --- consent ----------------------------------------------------------------------------------------------


class NoConsent(Exception):
    """Marketing may not be sent to this customer by this channel. Says why, without the customer's data."""


TRANSACTIONAL = "transactional"
_YES = frozenset({"1", "yes", "y", "true", "on", "subscribed", "granted"})
_NEVER = frozenset({"unsubscribed", "redacted", "invalid"})
_MAIL = "email"


def consent_basis(
    order: Order, channel: str, *, meta_key: str | None, soft_opt_in: Mapping[str, frozenset[str]]
) -> str:
    """On what grounds marketing may go to an order's customer by a channel: a few words to be kept with the message.

    `meta_key` is the order's custom field that holds consent, on platforms that know of none; `soft_opt_in` are the
    countries where who has bought may be written to unless they object, each with its channels. The platform's own
    messages are e-mails. What a customer has said goes before all else. Raises NoConsent.
    """
    by = _MAIL if channel == "platform" else channel
    said = next((each for each in order.customer.consents if each.channel == by), None)
    if said is not None and said.state == "subscribed":
        return f"consent: {by} subscribed" + (f" since {said.given_at:%Y-%m-%d}" if said.given_at else "")
    if said is not None and said.state in _NEVER:
        raise NoConsent(f"it is marketing, and the customer's consent for {by} is '{said.state}'")
    written = order.meta.get(meta_key) if meta_key is not None else None
    if written is not None:
        if written.strip().casefold() in _YES:
            return f"consent: the order's field '{meta_key}'"
        raise NoConsent(f"it is marketing, and the order's field '{meta_key}' does not say yes")
    country = country_of(order)
    if country is not None and by in soft_opt_in.get(country, frozenset()):
        if order.paid_at is not None:
            return f"soft opt-in {country}: has bought on {order.paid_at:%Y-%m-%d}"
        raise NoConsent(f"it is marketing, and the soft opt-in of {country} is for customers who have paid an order")
    raise NoConsent("it is marketing, and no consent of this customer is known")


def country_of(order: Order) -> str | None:
    """Where an order's customer is, as an ISO code."""
    return order.billing.country or order.shipping.country


# --- quiet times ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class QuietTimes:
    """When nobody is to be written to: customers in the time of where they are, the staff in the store's."""

    customers: Window | None = None
    staff: Window | None = None


@dataclass(frozen=True, slots=True)
class Protection:
    """What one configuration does for its customers' peace. `unsubscribe` is an https: or mailto: address."""

    caps: tuple[Cap, ...] = ()
    quiet: QuietTimes = QuietTimes()
    soft_opt_in: Mapping[str, frozenset[str]] = field(default_factory=dict)
    unsubscribe: str | None = None


Silence = tuple[Window, ZoneInfo]
"""Quiet times, or a sabbath, and where."""


def good_time(moment: datetime, send_between: Window | None, calendar: Calendar, *silences: Silence) -> datetime:
    """The first moment from `moment` on (aware) that is within `send_between` and in no silence, in UTC.

    Raises ValueError where there is no such moment within a year.
    """
    for _ in range(_MOST_TURNS):
        later = opens = next_open(moment, send_between, calendar)
        for quiet, zone in silences:
            later = next_open(later, _awake(quiet), Calendar(zone))
        if later == opens:
            return opens
        moment = later
    kept = ", ".join(str(quiet) for quiet, _ in silences)
    raise ValueError(f"{send_between} is all within the quiet times ({kept})")


_MOST_TURNS = 366


def good_time_of(step: Step, order: Order, moment: datetime, calendar: Calendar, quiet: QuietTimes) -> datetime:
    """The first moment from `moment` on that is good for a step about this order: always one.

    A customer's quiet times are those of their country, where all its clocks show the same, else of the store. Where
    they are so far away that all the rule's hours are quiet there, the quiet times, and the sabbath, are what counts.
    """
    there = zone_of_country(country_of(order), moment) if quiet.customers is not None else None
    silences = silences_of(step, calendar, quiet, there or calendar.zone)
    try:
        return good_time(moment, step.send_between, calendar, *silences)
    except ValueError:
        if not silences:
            raise
        return good_time(moment, None, calendar, *silences[: 1 if calendar.sabbath is None else 2])


def silences_of(step: Step, calendar: Calendar, quiet: QuietTimes, customers_zone: ZoneInfo) -> list[Silence]:
    """What a step has to keep because of whom it speaks to: the sabbath first, the staff's quiet times last."""
    to_customer = any(action.to_customer for action in step.actions)
    to_staff = any(action.to_staff for action in step.actions)
    kept = (
        (calendar.sabbath, calendar.zone, to_customer or to_staff),
        (quiet.customers, customers_zone, to_customer),
        (quiet.staff, calendar.zone, to_staff),
    )
    return [(window, zone) for window, zone, concerns_it in kept if window is not None and concerns_it]


def is_sabbath(moment: datetime, calendar: Calendar) -> bool:
    """Whether a store has its sabbath at `moment` (aware)."""
    sabbath = calendar.sabbath
    return sabbath is not None and next_open(moment, _awake(sabbath), Calendar(calendar.zone)) != moment


_DAY = 24 * 60
_WEEK = 7 * _DAY


@lru_cache(maxsize=64)
def _awake(quiet: Window) -> Window:
    """All of a week that is not quiet, in minutes, and cut at its midnights."""
    busy: list[tuple[int, int]] = []
    for day, spans in enumerate(quiet.days):
        for opens, closes in spans:
            begin, end = day * _DAY + opens, day * _DAY + closes
            busy += [(begin, min(end, _WEEK))] + ([(0, end - _WEEK)] if end > _WEEK else [])
    free, since = [], 0
    for begin, end in sorted(busy):
        if begin > since:
            free.append((since, begin))
        since = max(since, end)
    if since < _WEEK:
        free.append((since, _WEEK))
    return Window(tuple(_on_day(free, day * _DAY) for day in range(7)), f"not {quiet}")


def _on_day(spans: Sequence[tuple[int, int]], midnight: int) -> tuple[tuple[int, int], ...]:
    """What of these spans of a week is on the day that begins at `midnight`, in minutes from there."""
    cut = ((max(begin, midnight) - midnight, min(end, midnight + _DAY) - midnight) for begin, end in spans)
    return tuple((opens, closes) for opens, closes in cut if opens < closes)


def leaves_time(quiet: Window) -> bool:
    """Whether anything of a week is left by quiet times."""
    return any(_awake(quiet).days)


def zone_of_country(country: str | None, moment: datetime) -> ZoneInfo | None:
    """The zone of a country (ISO code) in which all clocks show the same; None if they differ, or it is not known."""
    if country is None:
        return None
    zones = _zones(country.upper())
    half_a_year_on = moment + timedelta(days=182)
    clocks = {(moment.astimezone(zone).utcoffset(), half_a_year_on.astimezone(zone).utcoffset()) for zone in zones}
    return zones[0] if len(clocks) == 1 else None


@lru_cache(maxsize=256)
def _zones(country: str) -> tuple[ZoneInfo, ...]:
    from babel.core import get_global  # read from a file, which only quiet times need

    found = []
    for name in get_global("territory_zones").get(country, ()):
        try:
            found.append(ZoneInfo(name))
        except (ZoneInfoNotFoundError, ValueError):
            return ()  # of a zone that is not known here it cannot be said what its clocks show
    return tuple(found)
