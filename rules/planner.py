"""The one idea: from an order's facts, its journal, the rules and the time to the follow-ups that ought to exist.

Pure. Polling, looking again before acting, explaining and replaying are all made of `plan`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import NamedTuple

import msgspec

from rules.conditions import Check
from rules.events import PARCEL, Entries, Event, Journal, assumed_delivery, dated, next_lateness
from rules.facts import Active, Deed, Facts, Subject
from rules.fields import Scene
from rules.history import changes_at, unseen, with_history
from rules.holdout import is_held_out, why_held_out
from rules.progress import Progress, progress_of
from rules.protection import good_time_of
from rules.rule import Rule, Step
from rules.setting_off import GRACE, NO_LONGER, is_backfilled, is_new, kind_of, set_off, why_over
from rules.subjects import entries_of, scene_from, subjects
from rules.timing import Calendar, Duration, after
from rules.waits import over_at

MESSAGE_EXPIRY = Duration(7 * 24, "hours")
"""How late a message to a customer may be, unless its rule says otherwise."""

SETTLED = "all steps are settled"
"""What a verdict says where a rule has come to its end."""


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
        if active.rule.concluded is None and kind_of(active.rule) not in happened:
            refused.update(why_over(active.rule, facts))
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
    return scene_from(facts, subject, entries_of(facts, journal), now)


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
    subject, event, ask_at = set_off(active, subject, facts, entries, now)
    progress = progress_of(rule, subject, facts.deeds)
    saw = NO_LONGER if event is None and (rule.id, subject.key) in why_over(rule, facts) else _told(event)
    checks = [Check("trigger", rule.trigger, saw, event is not None)]
    scene = scene_from(facts, subject, entries, now)
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
    active: Active, subject: Subject, event: Event | None, progress: Progress, facts: Facts
) -> _Obstacle | None:
    rule = active.rule
    if not rule.enabled:
        return _Obstacle("the rule is switched off", (Check("enabled", "true", False, False),))
    if facts.order.trashed:
        where = "the checkout was completed, or deleted" if facts.order.draft else "the order is in the trash"
        return _Obstacle(where, (Check("order", "not in the trash", "in the trash", False),))
    if event is None:
        return _Obstacle(why_over(rule, facts).get((rule.id, subject.key), f"{rule.trigger} has not happened"))
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


def _is_in_reach(active: Active, event: Event, progress: Progress, calendar: Calendar) -> bool:
    """Whether the rule may act on this event. What it has begun it goes on with, whatever the event is replaced by."""
    began_at = progress.began_at
    return (
        is_new(active, event)
        or is_backfilled(active, event, calendar)
        or (began_at is not None and began_at >= active.since - GRACE)
    )


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


def _wanted(
    active: Active,
    subject: Subject,
    event: Event,
    progress: Progress,
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


def _start(subject: Subject, event: Event, progress: Progress, entries: Entries) -> datetime:
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
