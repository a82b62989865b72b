"""What a rule may act on, and what is seen of it: an order, each of its parcels or items, or what was said about it."""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec

from adapters.model import Order, Remarks, Shipment
from rules.events import ARRIVED, ASSUMED, BY_PARCELS, LATE, Entries, Event, Journal, standing
from rules.facts import Facts, Subject
from rules.fields import Scene
from rules.rule import Rule

BOOKED_LATE = timedelta(days=1)
"""A parcel that is entered this long after the order's delivery was delivered with it; a later one is on its way."""


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
    arrived = [parcel.id for parcel in facts.order.shipments if arrived_with(parcel, delivered)]
    late = {(LATE, parcel) for parcel in arrived}
    return {
        **{(ARRIVED, parcel): delivered for parcel in arrived},
        **{key: event for key, event in entries.items() if key not in late},
    }


def scene_from(facts: Facts, subject: Subject, entries: Entries, now: datetime) -> Scene:
    """What conditions and templates see of a subject: a parcel that came with the order knows when."""
    delivered = _told_delivery(entries)
    shipments = subject.shipments
    if delivered is not None and shipments:
        shipments = tuple(
            msgspec.structs.replace(each, delivered_at=delivered.at)
            if each.delivered_at is None and arrived_with(each, delivered)
            else each
            for each in shipments
        )
    return Scene(facts.order, shipments, subject.items, facts.calendar, now, subject.review, subject.note)


def arrived_with(parcel: Shipment, delivered: Event) -> bool:
    """Whether the order's delivery was this parcel's, too."""
    return parcel.shipped_at is None or parcel.shipped_at <= delivered.at + BOOKED_LATE


def _told_delivery(entries: Entries) -> Event | None:
    """The order's delivery, where that tells of its parcels and not they of it."""
    delivered = entries.get(("order.delivered", None))
    return delivered if delivered is not None and delivered.source not in (ASSUMED, BY_PARCELS.source) else None
