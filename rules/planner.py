"""The one idea: from an order's facts, its journal, the rules and the time to the follow-ups that ought to exist.

Pure. Polling, looking again before acting, explaining and replaying are all made of `plan`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

import msgspec

from adapters.model import NOTHING_SAID, LineItem, Order, Remarks, Review, Shipment, StaffNote
from rules.conditions import Check
from rules.events import (
    ARRIVED,
    ASSUMED,
    BY_PARCELS,
    ENDED,
    LATE,
    PARCEL,
    PARCEL_TRIGGERS,
    REMARK_TRIGGERS,
    REVIEW,
    TRIGGER_STATUS,
    Entries,
    Event,
    Journal,
    Ladders,
    assumed_delivery,
    dated,
    next_lateness,
    standing,
)
from rules.fields import Scene
from rules.history import History, changes_at, unseen, with_history
from rules.holdout import is_held_out, why_held_out
from rules.protection import QuietTimes, good_time_of
from rules.rule import Rule, Step
from rules.timing import Calendar, Duration, after
from rules.triggers import About
from rules.waits import over_at

State = Literal["pending", "done", "skipped", "held", "failed", "unknown"]

DEFAULT_LADDERS = Ladders()
NEVER_QUIET = QuietTimes()

GRACE = timedelta(seconds=60)
"""An event this much before a rule was switched on still counts as after it: clocks differ a little."""

MESSAGE_EXPIRY = Duration(7 * 24, "hours")
"""How late a message to a customer may be, unless its rule says otherwise."""

SETTLED = "all steps are settled"
"""What a verdict says where a rule has come to its end."""

BOOKED_LATE = timedelta(days=1)
"""A parcel that is entered this long after the order's delivery was delivered with it; a later one is on its way."""


@dataclass(frozen=True, slots=True)
class Active:
    """A rule as it stands in one store: `since` is when it was switched on there, `first_id` the id that it had first,
    if not the one that it has. `earlier` is the rule as it was, by version, for those versions by which somebody is to
    go on.
    """

    rule: Rule
    since: datetime
    first_id: str | None = None
    earlier: Mapping[str, Rule] = field(default_factory=dict)

    def by(self, version: str | None) -> Rule:
        """The rule for whom it has begun by this version; the latest for whom it has not begun."""
        return self.rule if version is None else self.earlier.get(version, self.rule)


@dataclass(frozen=True, slots=True)
class Deed:
    """A recorded follow-up action: what is planned for, or was done about, one step of one rule.

    `final` deeds are never planned again. `at` is when the state was reached, `event_at` when what it follows up
    happened. `order_id` is the order it was for, `number` what people call that order; `action` counts from 1.
    `held_out` stands for all that the rule would have done for somebody who gets nothing of it.
    `version` is that of the rule by which it was planned last.
    """

    rule: str
    subject: str
    order_id: str
    number: str
    step: str
    position: int
    action: int
    state: State
    final: bool
    at: datetime
    event_at: datetime
    held_out: bool = False
    version: str = ""


class Facts(NamedTuple):
    """All that is known about an order, but for what happened when: see the journal.

    `person` identifies the customer across orders. `deeds` are the recorded follow-ups of the order and the person.
    `history` is what else is known of them, where a rule asks. `asked_at` (UTC) is when the order was to be planned
    again, as its last plan said. `remarks` are what was said about it.
    """

    order: Order
    person: str
    calendar: Calendar
    ladders: Ladders = DEFAULT_LADDERS
    deeds: tuple[Deed, ...] = ()
    quiet: QuietTimes = NEVER_QUIET
    history: History | None = None
    asked_at: datetime | None = None
    remarks: Remarks = NOTHING_SAID


@dataclass(frozen=True, slots=True)
class Subject:
    """What a follow-up is about, once per which its rule acts. The `review` or `note` is the one that set it off."""

    key: str
    shipments: tuple[Shipment, ...]
    items: tuple[LineItem, ...]
    shipment: Shipment | None = None
    item: LineItem | None = None
    review: Review | None = None
    note: StaffNote | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """A step that ought to happen: its actions, not before `due_at`, not after `expires_at` (UTC). Its wait is over at
    `ripe_at`; from there to `due_at` it is moved by the hours that its rule keeps, and by quiet times. While it says
    `waits_while` what, it is not to be done.
    """

    rule: Rule
    subject: Subject
    step: Step
    event: Event
    due_at: datetime
    expires_at: datetime | None
    backfilled: bool
    ripe_at: datetime
    waits_while: str | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a rule says about one subject: the step that is wanted next, or why none is.

    `held_out` is the step that would be wanted of somebody who gets nothing, for comparison, and is to be recorded so.
    """

    rule: Rule
    subject: Subject | None
    outcome: str
    checks: tuple[Check, ...] = ()
    wanted: Wanted | None = None
    ask_at: datetime | None = None
    held_out: Wanted | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What ought to exist, and what would if its person were not `held_out`. `refused` says why not, by (rule id,
    subject key). Ask again at `ask_at`.
    """

    wanted: tuple[Wanted, ...] = ()
    held_out: tuple[Wanted, ...] = ()
    refused: Mapping[tuple[str, str], str] = field(default_factory=dict)
    ask_at: datetime | None = None


NOTHING = Plan()

LONG_AGO = "before the store was looked after"
NO_LONGER = "no longer holds"


def plan(facts: Facts, journal: Journal, rules: Sequence[Active], now: datetime) -> Plan:
    """The follow-ups that ought to exist for this order, each with its time."""
    late_at = next_lateness(facts.order, now) if facts.order.shipments else None
    if not facts.deeds and all(event.old for event in journal):  # a first poll meets nothing else
        rules = [active for active in rules if concerns_the_past(active.rule)]
        if not rules and not facts.ladders.assumes and late_at is None:
            return NOTHING
    facts, concluded_until = _in_full(facts, journal, now)
    wanted: list[Wanted] = []
    held_out: list[Wanted] = []
    refused: dict[tuple[str, str], str] = {}
    moments = [moment for moment in (late_at, concluded_until) if moment is not None]
    entries = entries_of(facts, journal)
    happened = {kind for kind, _ in entries}
    for active in rules:
        active = _as_begun(active, facts)
        if active.rule.concluded is None and _kind(active.rule) not in happened:
            refused.update(_over(active.rule, facts))
            continue
        for verdict in _judge(active, facts, entries, now):
            if verdict.wanted is not None:
                wanted.append(verdict.wanted)
            elif verdict.subject is not None:
                refused[active.rule.id, verdict.subject.key] = verdict.outcome
            if verdict.held_out is not None:
                held_out.append(verdict.held_out)
            if verdict.ask_at is not None:
                moments.append(verdict.ask_at)
    assumed = assumed_delivery(facts.order, journal, facts.ladders, facts.calendar, now)
    if assumed is not None:
        moments.append(assumed)
    return Plan(tuple(wanted), tuple(held_out), refused, min(moments, default=None))


def explain(facts: Facts, journal: Journal, rules: Sequence[Active], now: datetime) -> Iterator[Verdict]:
    """Every rule's verdict on this order, those that the order never came near included."""
    facts, _ = _in_full(facts, journal, now)
    entries = entries_of(facts, journal)
    for active in rules:
        yield from _judge(_as_begun(active, facts), facts, entries, now, thorough=True)


def scene_of(facts: Facts, subject: Subject, journal: Journal, now: datetime) -> Scene:
    """What conditions and templates see of a subject; parcels know of a delivery that the order's status told."""
    facts, _ = _in_full(facts, journal, now)
    return _scene(facts, subject, entries_of(facts, journal), now)


def subjects(rule: Rule, order: Order, person: str, remarks: Remarks) -> tuple[Subject, ...]:
    """The subjects that a rule may act on once each, in this order."""
    everything = (order.shipments, order.items)
    match rule.once_per:
        case "order" | "occurrence":
            return (Subject(f"order:{order.id}", *everything),)
        case "customer":
            return (Subject(f"customer:{person}", *everything),)
        case "shipment":
            parcels = {parcel.id: parcel for parcel in order.shipments}  # plugins may list one twice
            return tuple(
                Subject(f"shipment:{order.id}:{each.id}", (each,), order.items, shipment=each)
                for each in parcels.values()
            )
        case "line_item":
            return tuple(
                Subject(f"line_item:{order.id}:{each.id}", order.shipments, (each,), item=each) for each in order.items
            )
        case "review":
            return tuple(Subject(f"review:{order.id}:{each.id}", *everything, review=each) for each in remarks.reviews)
        case "note":
            return tuple(Subject(f"note:{order.id}:{each.id}", *everything, note=each) for each in remarks.notes)


def entries_of(facts: Facts, journal: Journal) -> Entries:
    """What counts now, for the order and for each parcel: those of which no carrier tells arrive with the order."""
    entries = standing(facts.order, journal, facts.ladders)
    delivered = _told_delivery(entries)
    if delivered is None or not facts.order.shipments:
        return entries
    arrived = [parcel.id for parcel in facts.order.shipments if _arrived_with(parcel, delivered)]
    late = {(LATE, parcel) for parcel in arrived}
    return {
        **{(ARRIVED, parcel): delivered for parcel in arrived},
        **{key: event for key, event in entries.items() if key not in late},
    }


def _in_full(facts: Facts, journal: Journal, now: datetime) -> tuple[Facts, datetime | None]:
    """With what the person's history tells of their order; and until when it does."""
    history = facts.history
    if history is None:
        return facts, None
    order = dated(facts.order, journal)
    history = msgspec.structs.replace(history, unseen=max(history.unseen, unseen(order, history)))
    told = msgspec.structs.replace(with_history(order, history, now), refunds=facts.order.refunds)
    return facts._replace(order=told, history=history), changes_at(order, history, now)


def concerns_the_past(rule: Rule) -> bool:
    """Whether the rule may act on an order to which nothing has happened since it was switched on."""
    return rule.backfill is not None or (rule.concluded is not None and rule.concluded.kind.by_time)


def _told_delivery(entries: Entries) -> Event | None:
    """The order's delivery, where that tells of its parcels and not they of it."""
    delivered = entries.get(("order.delivered", None))
    return delivered if delivered is not None and delivered.source not in (ASSUMED, BY_PARCELS.source) else None


def _as_begun(active: Active, facts: Facts) -> Active:
    """The rule by the version with which it has begun for this order, or its customer; by the latest if it has not."""
    if not active.earlier:
        return active
    customer = f"customer:{facts.person}"
    begun = (
        deed.version
        for deed in facts.deeds
        if deed.rule == active.rule.id and (deed.order_id == facts.order.id or deed.subject == customer)
    )
    return replace(active, rule=active.by(next(begun, None)))


# One rule on one subject --------------------------------------------------------------------------------------


def _judge(
    active: Active, facts: Facts, entries: Entries, now: datetime, *, thorough: bool = False
) -> Iterator[Verdict]:
    found = subjects(active.rule, facts.order, facts.person, facts.remarks)
    if not found:
        what = active.rule.once_per.replace("_", " ")
        yield Verdict(active.rule, None, f"the order has no {what} yet")
    for subject in found:
        yield _verdict(active, subject, facts, entries, now, thorough)


def _verdict(
    active: Active, subject: Subject, facts: Facts, entries: Entries, now: datetime, thorough: bool
) -> Verdict:
    rule = active.rule
    subject, event, ask_at = _set_off(active, subject, facts, entries, now)
    progress = _progress(rule, subject, facts.deeds)
    saw = NO_LONGER if event is None and (rule.id, subject.key) in _over(rule, facts) else _told(event)
    checks = [Check("trigger", rule.trigger, saw, event is not None)]
    scene = _scene(facts, subject, entries, now)
    obstacle = _obstacle(active, subject, event, progress, facts)
    if obstacle is not None:
        checks += obstacle.checks
        if thorough and event is not None:
            checks += [check for part in rule.asked for check in part.explain(scene)]
        return Verdict(rule, subject, obstacle.reason, tuple(checks), ask_at=ask_at)
    holds = rule.conditions.hold(scene) and rule.stop_if.hold(scene)
    ask_at = _soonest(ask_at, *(part.flips_at(scene) for part in rule.asked))
    if thorough or not holds:
        checks += [check for part in rule.asked for check in part.explain(scene)]
    if not holds:
        reason = _in_words(next(check for check in checks if not check.held))
        return Verdict(rule, subject, reason, tuple(checks), ask_at=ask_at)
    assert event is not None  # it would have been an obstacle
    wanted = _wanted(active, subject, event, progress, facts, entries, scene)
    if isinstance(wanted, str):
        return Verdict(rule, subject, wanted, tuple(checks), ask_at=ask_at)
    if progress.began_at is None and is_held_out(rule.holdout, active.first_id or rule.id, facts.person):
        return Verdict(rule, subject, why_held_out(rule.holdout), tuple(checks), ask_at=ask_at, held_out=wanted)
    return Verdict(rule, subject, wanted.waits_while or "wanted", tuple(checks), wanted, ask_at)


class _Obstacle(NamedTuple):
    """Why a rule may not act, whatever its conditions say."""

    reason: str
    checks: tuple[Check, ...] = ()


def _obstacle(
    active: Active, subject: Subject, event: Event | None, progress: _Progress, facts: Facts
) -> _Obstacle | None:
    rule = active.rule
    if not rule.enabled:
        return _Obstacle("the rule is switched off", (Check("enabled", "true", False, False),))
    if facts.order.trashed:
        where = "the checkout was completed, or deleted" if facts.order.draft else "the order is in the trash"
        return _Obstacle(where, (Check("order", "not in the trash", "in the trash", False),))
    if event is None:
        return _Obstacle(_over(rule, facts).get((rule.id, subject.key), f"{rule.trigger} has not happened"))
    if not _is_in_reach(active, event, progress, facts.calendar):
        what = LONG_AGO if event.old else "before the rule was switched on"
        since = active.since.isoformat(timespec="seconds")
        check = Check("switched on", f"{rule.trigger} after {since}", _told(event), False)
        return _Obstacle(f"{rule.trigger} happened {what}", (check,))
    if (other := _done_elsewhere(rule, subject, facts)) is not None:
        once = f"once per {rule.once_per.replace('_', ' ')}"
        return _Obstacle(f"{once}: {other}", (Check("once_per", once, other, False),))
    if progress.is_held_out:
        return _Obstacle(why_held_out(rule.holdout))
    if progress.step is None:
        return _Obstacle(SETTLED)
    if progress.waits_for is not None:
        return _Obstacle(f"waits until it is known what became of step '{progress.waits_for}'")
    return None


def _over(rule: Rule, facts: Facts) -> dict[tuple[str, str], str]:
    """Why the rule is not set off any more where it was, by (rule id, subject key): of triggers that may end."""
    why = rule.concluded.kind.ended if rule.concluded is not None else ENDED.get(rule.trigger)
    begun = [deed for deed in facts.deeds if deed.rule == rule.id and deed.order_id == facts.order.id] if why else ()
    return {(deed.rule, deed.subject): f"{rule.trigger} {NO_LONGER}: {why}" for deed in begun}


def _kind(rule: Rule) -> str:
    """The kind of event that sets the rule off."""
    return TRIGGER_STATUS.get(rule.trigger, rule.trigger)


def _set_off(
    active: Active, subject: Subject, facts: Facts, entries: Entries, now: datetime
) -> tuple[Subject, Event | None, datetime | None]:
    """What sets the rule off, and the subject as it is about that; and when time alone may change the answer."""
    rule = active.rule
    if rule.concluded is not None:
        event, ask_at = rule.concluded.of(About(rule.id, facts, entries, now))
        if rule.once_per == "occurrence" and event is not None:
            subject = replace(subject, key=f"occurrence:{facts.order.id}:{event.at:%Y-%m-%dT%H:%MZ}")
        return subject, event, ask_at
    if rule.trigger in PARCEL_TRIGGERS:
        return *_first_parcel(active, subject, entries), None
    if rule.trigger in REMARK_TRIGGERS:
        return *_first_remark(active, subject, facts, entries, now), None
    return subject, _trigger(rule, subject, facts, entries), None


def _trigger(rule: Rule, subject: Subject, facts: Facts, entries: Entries) -> Event | None:
    """What sets the rule off for this subject: a parcel leaves and arrives by itself."""
    event, parcel = entries.get((_kind(rule), None)), subject.shipment
    if event is None or parcel is None:
        return event
    if rule.trigger == "order.shipped" and facts.ladders.counts_parcels:
        return entries.get((PARCEL, parcel.id))
    if rule.trigger == "order.delivered":
        arrived = _arrived_with(parcel, event) if event.source == ASSUMED else (ARRIVED, parcel.id) in entries
        return event if arrived else None
    return event


def _first_parcel(active: Active, subject: Subject, entries: Entries) -> tuple[Subject, Event | None]:
    """What sets off a rule that waits for a parcel: the first one to which it happens, and the subject with that alone.

    An item's parcel is one that holds it, or of which nobody says what it holds.
    """
    item = subject.item
    came = [
        (event, parcel)
        for parcel in subject.shipments
        if (event := entries.get((active.rule.trigger, parcel.id))) is not None
        and (item is None or not parcel.items or item.id in dict(parcel.items))
    ]
    if not came:
        return subject, None
    event, parcel = min(came, key=lambda each: (not is_new(active, each[0]), each[0].at))
    return replace(subject, shipments=(parcel,)), event


def _first_remark(
    active: Active, subject: Subject, facts: Facts, entries: Entries, now: datetime
) -> tuple[Subject, Event | None]:
    """What sets off a rule that waits for a review or a note: the first one that is as its conditions want it, else the
    first; and the subject with that alone.
    """
    rule = active.rule
    came = [
        (event, about)
        for id_, about in _by_remark(rule, subject, facts.remarks)
        if (event := entries.get((rule.trigger, id_))) is not None
    ]
    came.sort(key=lambda each: (not is_new(active, each[0]), each[0].at))
    wanted = (each for each in came if rule.conditions.hold(_scene(facts, each[1], entries, now)))
    event, about = next(wanted, came[0] if came else (None, subject))
    return about, event


def _by_remark(rule: Rule, subject: Subject, remarks: Remarks) -> list[tuple[str, Subject]]:
    """The subject with each remark of the kind that the rule waits for, and with its own alone where it has one."""
    if rule.trigger == REVIEW:
        reviews = remarks.reviews if subject.review is None else (subject.review,)
        return [(each.id, replace(subject, review=each)) for each in reviews]
    notes = remarks.notes if subject.note is None else (subject.note,)
    return [(each.id, replace(subject, note=each)) for each in notes]


def _arrived_with(parcel: Shipment, delivered: Event) -> bool:
    """Whether the order's delivery was this parcel's, too."""
    return parcel.shipped_at is None or parcel.shipped_at <= delivered.at + BOOKED_LATE


def _is_in_reach(active: Active, event: Event, progress: _Progress, calendar: Calendar) -> bool:
    """Whether the rule may act on this event. What it has begun it goes on with, whatever the event is replaced by."""
    began_at = progress.began_at
    return (
        is_new(active, event)
        or is_backfilled(active, event, calendar)
        or (began_at is not None and began_at >= active.since - GRACE)
    )


def is_new(active: Active, event: Event) -> bool:
    """Whether the event happened after the rule was switched on."""
    return not event.old and event.at >= active.since - GRACE


def is_backfilled(active: Active, event: Event, calendar: Calendar) -> bool:
    """Whether the rule's `backfill` reaches back to this event, which is not new."""
    backfill = active.rule.backfill
    if backfill is None or not event.dated or is_new(active, event):
        return False
    return backfill is True or after(event.at, backfill, calendar) >= active.since


def _done_elsewhere(rule: Rule, subject: Subject, facts: Facts) -> str | None:
    """Where else the one time was, or is to be, that this rule acts for the subject."""
    order = facts.order.id
    for deed in facts.deeds:
        if deed.rule != rule.id or (deed.state == "skipped" and not deed.final):
            continue
        if deed.subject == subject.key and deed.order_id != order:
            return f"this one was for order {deed.number}"
        if deed.subject != subject.key and deed.order_id == order and deed.state != "pending":
            kind = deed.subject.partition(":")[0]
            if kind != rule.once_per or kind == "customer":
                return "the rule acted on this order before its customer, or 'once_per', was changed"
    return None


class _Progress(NamedTuple):
    """How far a rule has come with a subject.

    `step` is the next one (None at the end), `settled_at` since when the one before is settled. `began_at` is when
    the event was that the first thing done followed up. `waits_for` is another step, of which nobody knows yet what
    became of it. `is_held_out` once it is recorded that the subject's person gets nothing.
    """

    step: Step | None
    settled_at: datetime | None = None
    began_at: datetime | None = None
    waits_for: str | None = None
    is_held_out: bool = False


def _progress(rule: Rule, subject: Subject, deeds: Sequence[Deed]) -> _Progress:
    steps = {step.id: step for step in rule.steps}
    of_step: dict[str, list[Deed]] = {}
    for deed in deeds:
        if deed.rule == rule.id and deed.subject == subject.key and not _is_dropped(deed, steps.get(deed.step)):
            of_step.setdefault(deed.step, []).append(deed)
    if not of_step:
        return _Progress(next(iter(rule.steps), None))  # a rule that has come to its end has no steps
    settled = [deed for its in of_step.values() if all(map(_is_settled, its)) for deed in its]
    # A step that the rule no longer has was where it was when it was planned: nothing up to there is done again.
    passed = max((steps.get(deed.step, deed).position for deed in settled), default=0)
    step = next((step for step in rule.steps if step.position > passed), None)
    own = [deed for its in of_step.values() for deed in its]
    open_ends = (deed.step for deed in own if deed.state in _OPEN and (step is None or deed.step != step.id))
    return _Progress(
        step,
        max((deed.at for deed in settled), default=None),
        min((deed.event_at for deed in own if deed.state in _BEGUN), default=None),
        next(open_ends, None),
        any(deed.held_out for deed in own),
    )


_OPEN = frozenset({"unknown", "held"})
_BEGUN = frozenset({"done", "unknown", "held"})


def _is_dropped(deed: Deed, step: Step | None) -> bool:
    """Whether the rule was edited, and its step does not have this action any more."""
    return step is not None and deed.action > len(step.actions) and deed.state in ("pending", "skipped")


def _is_settled(deed: Deed) -> bool:
    return deed.state in ("done", "failed") or (deed.state == "skipped" and deed.final)


def _wanted(
    active: Active,
    subject: Subject,
    event: Event,
    progress: _Progress,
    facts: Facts,
    entries: Entries,
    scene: Scene,
) -> Wanted | str:
    """The next step, with its times; or why nothing tells when it would be due."""
    rule, step = active.rule, progress.step
    assert step is not None  # its absence would have been an obstacle
    start = _start(subject, event, progress, entries)
    due = over_at(step.wait, start, scene)
    if isinstance(due, str):
        return due
    backfilled = is_backfilled(active, event, facts.calendar)
    late_from = max(due, active.since) if backfilled else due
    expiry = expiry_of(rule, step)
    expires_at = after(late_from, expiry, facts.calendar) if expiry is not None else None
    due_at = good_time_of(step, facts.order, due, facts.calendar, facts.quiet)
    waits = _waits_while(rule, scene)
    return Wanted(rule, subject, step, event, due_at, expires_at, backfilled, ripe_at=due, waits_while=waits)


def _waits_while(rule: Rule, scene: Scene) -> str | None:
    """What holds the next step up, in words; None if nothing does."""
    for group in rule.hold_while.none_of:
        if all(each.holds(scene) for each in group):
            return "waits while " + " and ".join(f"{each.field.name} is {each.wanted}" for each in group)
    return None


def expiry_of(rule: Rule, step: Step) -> Duration | None:
    """How late a step may be done; None if it is never too late."""
    if rule.expires_after is not None:
        return rule.expires_after
    return MESSAGE_EXPIRY if any(action.to_customer for action in step.actions) else None


def _start(subject: Subject, event: Event, progress: _Progress, entries: Entries) -> datetime:
    """What the wait counts from: the step before; else the event, or the parcel if that became known later."""
    if progress.settled_at is not None and progress.began_at is not None:
        return progress.settled_at
    moments = [event.at]
    parcel = subject.shipment if event.subject is None else None  # what happens to a parcel has its own time
    if parcel is not None and (left := entries.get((PARCEL, parcel.id))) is not None:
        moments.append(left.at)
    if progress.settled_at is not None:  # and nothing has been done: then what happened anew counts anew
        moments.append(progress.settled_at)
    return max(moments)


def _scene(facts: Facts, subject: Subject, entries: Entries, now: datetime) -> Scene:
    delivered = _told_delivery(entries)
    shipments = subject.shipments
    if delivered is not None and shipments:
        shipments = tuple(
            msgspec.structs.replace(each, delivered_at=delivered.at)
            if each.delivered_at is None and _arrived_with(each, delivered)
            else each
            for each in shipments
        )
    return Scene(facts.order, shipments, subject.items, facts.calendar, now, subject.review, subject.note)


def _told(event: Event | None) -> str | None:
    return None if event is None else f"{event.at.isoformat(timespec='seconds')} ({event.source})"


def _in_words(check: Check) -> str:
    """Why not, in a line that is kept, and shown to the staff: it tells nobody's name or address."""
    wanted = check.wanted
    if wanted.startswith("not: "):
        wanted = f"anything but {wanted.removeprefix('not: ').removeprefix('any of ')}"
    if check.field.startswith(PERSONAL):
        return f"{check.field} is not as wanted: {wanted}"
    saw = ", ".join(map(str, check.saw)) if isinstance(check.saw, list) else check.saw
    return f"{check.field} is {saw if saw not in (None, '') else 'missing'}, wanted {wanted}"


PERSONAL = (
    "customer.",
    "order.billing.",
    "order.shipping.",
    "order.customer_note",
    "order.payment_url",
    "order.status_url",
    "review.text",
    "note.",
)


def _soonest(*moments: datetime | None) -> datetime | None:
    return min((moment for moment in moments if moment is not None), default=None)


# The same customer, again -------------------------------------------------------------------------------------


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
