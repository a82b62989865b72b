"""The one idea: from an order's facts, its journal, the rules and the time to the follow-ups that ought to exist.

Pure. Polling, looking again before acting, explaining and replaying are all made of `plan`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

import msgspec

from adapters.model import LineItem, Order, Shipment
from rules.conditions import Check, Scene
from rules.events import ASSUMED, TRIGGER_STATUS, Event, Journal, Ladders, assumed_delivery, standing
from rules.rule import Rule, Step
from rules.timing import Calendar, after, next_open

State = Literal["pending", "done", "skipped", "held", "failed", "unknown"]

DEFAULT_LADDERS = Ladders()

GRACE = timedelta(seconds=60)
"""An event this much before a rule was switched on still counts as after it: clocks differ a little."""

MESSAGE_EXPIRY = timedelta(days=7)
"""How late a message to a customer may be, unless its rule says otherwise."""


@dataclass(frozen=True, slots=True)
class Active:
    """A rule as it stands in one store: `since` is when it was switched on there."""

    rule: Rule
    since: datetime


@dataclass(frozen=True, slots=True)
class Deed:
    """A recorded follow-up action: what is planned for, or was done about, one step of one rule.

    `final` deeds are never planned again. `at` is when the state was reached. `order_id` is the order it was for.
    """

    rule: str
    subject: str
    order_id: str
    step: str
    position: int
    state: State
    final: bool
    at: datetime


@dataclass(frozen=True, slots=True)
class Facts:
    """All that is known about an order, but for what happened when: see the journal.

    `person` identifies the customer across orders. `deeds` are the recorded follow-ups of the order and the person.
    """

    order: Order
    person: str
    calendar: Calendar
    ladders: Ladders = DEFAULT_LADDERS
    deeds: tuple[Deed, ...] = ()


@dataclass(frozen=True, slots=True)
class Subject:
    """What a follow-up is about, once per which its rule acts."""

    key: str
    shipments: tuple[Shipment, ...]
    items: tuple[LineItem, ...]
    shipment: Shipment | None = None
    item: LineItem | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """A step that ought to happen: its actions, not before `due_at`, not after `expires_at` (UTC)."""

    rule: Rule
    subject: Subject
    step: Step
    event: Event
    due_at: datetime
    expires_at: datetime | None
    backfilled: bool


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a rule says about one subject: the step that is wanted next, or why none is."""

    rule: Rule
    subject: Subject | None
    outcome: str
    checks: tuple[Check, ...] = ()
    wanted: Wanted | None = None
    ask_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What ought to exist. `refused` says why not, by (rule id, subject key). Ask again at `ask_at`."""

    wanted: tuple[Wanted, ...] = ()
    refused: Mapping[tuple[str, str], str] = field(default_factory=dict)
    ask_at: datetime | None = None


def plan(facts: Facts, journal: Journal, rules: Sequence[Active], now: datetime) -> Plan:
    """The follow-ups that ought to exist for this order, each with its time."""
    wanted: list[Wanted] = []
    refused: dict[tuple[str, str], str] = {}
    moments: list[datetime] = []
    if all(event.old for event in journal):
        rules = [active for active in rules if active.rule.backfill is not None]
    entries = standing(journal, facts.ladders) if rules else {}
    for active in rules:
        entry = _anchor_kind(active.rule)
        event = entries.get((entry, None))
        if event is None and entry != _PARCEL:
            continue
        if event is not None and event.old and active.rule.backfill is None:
            continue
        for verdict in _judge(active, facts, entries, now):
            if verdict.wanted is not None:
                wanted.append(verdict.wanted)
            elif verdict.subject is not None:
                refused[active.rule.id, verdict.subject.key] = verdict.outcome
            if verdict.ask_at is not None:
                moments.append(verdict.ask_at)
    assumed = assumed_delivery(journal, facts.ladders, facts.calendar, now)
    if assumed is not None:
        moments.append(assumed)
    return Plan(tuple(wanted), refused, min(moments, default=None))


def explain(facts: Facts, journal: Journal, rules: Sequence[Active], now: datetime) -> Iterator[Verdict]:
    """Every rule's verdict on this order, those that the order never came near included."""
    entries = standing(journal, facts.ladders)
    for active in rules:
        yield from _judge(active, facts, entries, now, thorough=True)


def scene_of(facts: Facts, subject: Subject, journal: Journal, now: datetime) -> Scene:
    """What conditions and templates see of a subject; parcels know of a delivery that the order's status told."""
    delivered = standing(journal, facts.ladders).get(("order.delivered", None))
    return _scene(facts, subject, delivered, now)


def subjects(rule: Rule, order: Order, person: str) -> tuple[Subject, ...]:
    """The subjects that a rule may act on once each, in this order."""
    everything = (order.shipments, order.items)
    match rule.once_per:
        case "order":
            return (Subject(f"order:{order.id}", *everything),)
        case "customer":
            return (Subject(f"customer:{person}", *everything),)
        case "shipment":
            return tuple(
                Subject(f"shipment:{order.id}:{each.id}", (each,), order.items, shipment=each)
                for each in order.shipments
            )
        case "line_item":
            return tuple(
                Subject(f"line_item:{order.id}:{each.id}", order.shipments, (each,), item=each) for each in order.items
            )


_PARCEL = "shipment.shipped"
Entries = Mapping[tuple[str, str | None], Event]


def _anchor_kind(rule: Rule) -> str:
    if rule.trigger == "order.shipped" and rule.once_per == "shipment":
        return _PARCEL
    return TRIGGER_STATUS.get(rule.trigger, rule.trigger)


def _judge(
    active: Active, facts: Facts, entries: Entries, now: datetime, *, thorough: bool = False
) -> Iterator[Verdict]:
    rule = active.rule
    kind = _anchor_kind(rule)
    found = subjects(rule, facts.order, facts.person)
    if not found:
        yield Verdict(rule, None, f"the order has no {rule.once_per.replace('_', ' ')} yet")
    for subject in found:
        parcel = subject.shipment.id if kind == _PARCEL and subject.shipment is not None else None
        event = entries.get((kind, parcel))
        checks = [Check("trigger", rule.trigger, _told(event), event is not None)]
        reason = _out_of_reach(active, facts, event, checks)
        if event is None or (reason is not None and not thorough):
            yield Verdict(rule, subject, reason or f"{rule.trigger} has not happened", tuple(checks))
            continue
        scene = _scene(facts, subject, entries.get(("order.delivered", None)), now)
        holds = rule.conditions.hold(scene) and rule.stop_if.hold(scene)
        if thorough or not holds:
            checks += [*rule.conditions.explain(scene), *rule.stop_if.explain(scene)]
        ask_at = _soonest(rule.conditions.flips_at(scene), rule.stop_if.flips_at(scene))
        if reason is None and not holds:
            reason = _in_words(next(check for check in checks if not check.held))
        if reason is None:
            reason = _taken_by_another_order(rule, subject, facts)
        if reason is not None:
            yield Verdict(rule, subject, reason, tuple(checks), ask_at=ask_at)
            continue
        wanted = _next_step(active, subject, event, facts)
        outcome = "all steps are settled" if wanted is None else "wanted"
        yield Verdict(rule, subject, outcome, tuple(checks), wanted, ask_at)


def _out_of_reach(active: Active, facts: Facts, event: Event | None, checks: list[Check]) -> str | None:
    """Why the rule may not act on this event at all; adds what it looked at to `checks`."""
    rule = active.rule
    if not rule.enabled:
        checks.append(Check("enabled", "true", False, False))
        return "the rule is switched off"
    if facts.order.trashed:
        checks.append(Check("order", "not in the trash", "in the trash", False))
        return "the order is in the trash"
    if event is None:
        return f"{rule.trigger} has not happened"
    if is_new(active, event) or is_backfilled(active, event, facts.calendar):
        return None
    what = "before the store was looked after" if event.old else "before the rule was switched on"
    since = active.since.isoformat(timespec="seconds")
    checks.append(Check("switched on", f"{rule.trigger} after {since}", _told(event), False))
    return f"{rule.trigger} happened {what}"


def is_new(active: Active, event: Event) -> bool:
    """Whether the event happened after the rule was switched on."""
    return not event.old and event.at >= active.since - GRACE


def is_backfilled(active: Active, event: Event, calendar: Calendar) -> bool:
    """Whether the rule's `backfill` reaches back to this event, which is not new."""
    backfill = active.rule.backfill
    if backfill is None or not event.dated or is_new(active, event):
        return False
    return backfill is True or after(event.at, backfill, calendar) >= active.since


def _told(event: Event | None) -> str | None:
    return None if event is None else f"{event.at.isoformat(timespec='seconds')} ({event.source})"


def _in_words(check: Check) -> str:
    saw = ", ".join(map(str, check.saw)) if isinstance(check.saw, list) else check.saw
    return f"{check.field} is {saw if saw not in (None, '') else 'missing'}, wanted {check.wanted}"


def _soonest(*moments: datetime | None) -> datetime | None:
    return min((moment for moment in moments if moment is not None), default=None)


def _scene(facts: Facts, subject: Subject, delivered: Event | None, now: datetime) -> Scene:
    shipments = subject.shipments
    if delivered is not None and delivered.source != ASSUMED and shipments:
        shipments = tuple(
            each if each.delivered_at else msgspec.structs.replace(each, delivered_at=delivered.at)
            for each in shipments
        )
    return Scene(facts.order, shipments, subject.items, facts.calendar, now)


def _taken_by_another_order(rule: Rule, subject: Subject, facts: Facts) -> str | None:
    for deed in facts.deeds:
        is_its = deed.rule == rule.id and deed.subject == subject.key and deed.order_id != facts.order.id
        if is_its and (deed.state != "skipped" or deed.final):
            return f"once per {rule.once_per}: this one was for order {deed.order_id}"
    return None


def _next_step(active: Active, subject: Subject, event: Event, facts: Facts) -> Wanted | None:
    """The first step beyond what is settled; it waits from there."""
    rule = active.rule
    deeds = [deed for deed in facts.deeds if deed.rule == rule.id and deed.subject == subject.key]
    passed, settled_at = _passed(rule, deeds)
    step = next((step for step in rule.steps if step.position > passed), None)
    if step is None:
        return None
    start = settled_at or event.at
    waited = after(start, step.wait, facts.calendar) if step.wait is not None else start
    due_at = next_open(waited, step.send_between, facts.calendar)
    backfilled = is_backfilled(active, event, facts.calendar)
    late_from = max(waited, active.since) if backfilled else waited
    expires_at = None
    if rule.expires_after is not None:
        expires_at = after(late_from, rule.expires_after, facts.calendar)
    elif any(action.to_customer for action in step.actions):
        expires_at = late_from + MESSAGE_EXPIRY
    return Wanted(rule, subject, step, event, due_at, expires_at, backfilled)


def _passed(rule: Rule, deeds: Sequence[Deed]) -> tuple[int, datetime | None]:
    """The furthest position that is settled, and since when. A step is settled when all its actions are."""
    positions = {step.id: step.position for step in rule.steps}
    passed, settled_at = 0, None
    for step_id in {deed.step for deed in deeds}:
        of_step = [deed for deed in deeds if deed.step == step_id]
        if all(_is_settled(deed) for deed in of_step):
            position = positions.get(step_id, of_step[0].position)
            if position > passed:
                passed, settled_at = position, max(deed.at for deed in of_step)
    return passed, settled_at


def _is_settled(deed: Deed) -> bool:
    return deed.state in ("done", "failed") or (deed.state == "skipped" and deed.final)


def cooling_down(rule: Rule, subject: str, deeds: Sequence[Deed], calendar: Calendar, now: datetime) -> datetime | None:
    """Until when `cooldown` forbids this rule to act for the person again; None if it does not.

    Counts what was done, or may have been, for another subject. Called inside the intent's transaction.
    """
    if rule.cooldown is None:
        return None
    done = [
        deed.at
        for deed in deeds
        if deed.rule == rule.id and deed.subject != subject and deed.state in ("done", "unknown")
    ]
    if not done:
        return None
    over = after(max(done), rule.cooldown, calendar)
    return over if over > now else None
