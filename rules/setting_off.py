"""What sets a rule off for a subject, and whether that is new to the rule."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from adapters.model import Remarks
from rules.events import (
    ARRIVED,
    ASSUMED,
    ENDED,
    PARCEL,
    PARCEL_TRIGGERS,
    REMARK_TRIGGERS,
    REVIEW,
    TRIGGER_STATUS,
    Entries,
    Event,
)
from rules.facts import Active, Facts, Subject
from rules.rule import Rule
from rules.subjects import arrived_with, scene_from
from rules.timing import Calendar, after
from rules.triggers import About

GRACE = timedelta(seconds=60)
"""An event this much before a rule was switched on still counts as after it: clocks differ a little."""

NO_LONGER = "no longer holds"


def set_off(
    active: Active, subject: Subject, facts: Facts, entries: Entries, now: datetime
) -> tuple[Subject, Event | None, datetime | None]:
    """What sets the rule off, and the subject as it is about that; and when (UTC) time alone may change the answer."""
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
    event, parcel = entries.get((kind_of(rule), None)), subject.shipment
    if event is None or parcel is None:
        return event
    if rule.trigger == "order.shipped" and facts.ladders.counts_parcels:
        return entries.get((PARCEL, parcel.id))
    if rule.trigger == "order.delivered":
        arrived = arrived_with(parcel, event) if event.source == ASSUMED else (ARRIVED, parcel.id) in entries
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
    wanted = (each for each in came if rule.conditions.hold(scene_from(facts, each[1], entries, now)))
    event, about = next(wanted, came[0] if came else (None, subject))
    return about, event


def _by_remark(rule: Rule, subject: Subject, remarks: Remarks) -> list[tuple[str, Subject]]:
    """The subject with each remark of the kind that the rule waits for, and with its own alone where it has one."""
    if rule.trigger == REVIEW:
        reviews = remarks.reviews if subject.review is None else (subject.review,)
        return [(each.id, replace(subject, review=each)) for each in reviews]
    notes = remarks.notes if subject.note is None else (subject.note,)
    return [(each.id, replace(subject, note=each)) for each in notes]


def kind_of(rule: Rule) -> str:
    """The kind of event that sets the rule off."""
    return TRIGGER_STATUS.get(rule.trigger, rule.trigger)


def why_over(rule: Rule, facts: Facts) -> dict[tuple[str, str], str]:
    """Why the rule is not set off any more where it was, by (rule id, subject key): of triggers that may end."""
    why = rule.concluded.kind.ended if rule.concluded is not None else ENDED.get(rule.trigger)
    begun = [deed for deed in facts.deeds if deed.rule == rule.id and deed.order_id == facts.order.id] if why else ()
    return {(deed.rule, deed.subject): f"{rule.trigger} {NO_LONGER}: {why}" for deed in begun}


def is_new(active: Active, event: Event) -> bool:
    """Whether the event happened after the rule was switched on."""
    return not event.old and event.at >= active.since - GRACE


def is_backfilled(active: Active, event: Event, calendar: Calendar) -> bool:
    """Whether the rule's `backfill` reaches back to this event, which is not new."""
    backfill = active.rule.backfill
    if backfill is None or not event.dated or is_new(active, event):
        return False
    return backfill is True or after(event.at, backfill, calendar) >= active.since
