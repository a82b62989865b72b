"""A replay, added up: what each rule would have done, for whom and when, and why not."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from connector.actions import Prepared
from connector.channel_keys import PLATFORM
from connector.shop import Shop
from connector.simulation.replay import Act, Progress, Replay, Setup, begin, refused, run
from connector.simulation.shelf import Story
from connector.simulation.words import mostly_blank
from connector.store.followups import Followup
from connector.store.suppressions import Listed
from rules.planner import LONG_AGO

WRITTEN_OUT = 10
"""How many messages of each rule are written out in full."""


@dataclass(frozen=True, slots=True)
class Example:
    """A message as it would have gone out; `markup` says whether `text` is HTML."""

    at: datetime
    order: str
    channel: str
    subject: str | None
    text: str
    markup: str


@dataclass(slots=True)
class Outcome:
    """What one rule would have done in one store: counts of actions, and of messages by when they would have gone out.

    `reasons` is why something of it would not have been done, or not have begun. Days and hours are the store's.
    """

    store: str
    rule: str
    messages: int = 0
    done: Counter[str] = field(default_factory=Counter)
    people: int = 0
    days: Counter[date] = field(default_factory=Counter)
    hours: Counter[int] = field(default_factory=Counter)
    channels: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    held: int = 0
    to_come: int = 0
    examples: list[Example] = field(default_factory=list)


@dataclass(slots=True)
class Simulation:
    """What would have happened from `start` to `end` (UTC).

    `unknown` is to how many orders something happened, by (store, event), of which the store does not say when.
    `broken` are stores, and orders by their ids, that could not be read, with why. `busiest` are the messages of
    whoever would have got the most: (when, the order's number, the rule).
    """

    start: datetime
    end: datetime
    outcomes: dict[tuple[str, str], Outcome]
    orders: Counter[str] = field(default_factory=Counter)
    unknown: Counter[tuple[str, str]] = field(default_factory=Counter)
    broken: list[tuple[str, str, str]] = field(default_factory=list)
    busiest: Sequence[tuple[datetime, str, str]] = ()


def days_of(outcomes: Iterable[Outcome], first: date, last: date) -> dict[date, int]:
    """How many messages there would have been on each day."""
    counted = sum((each.days for each in outcomes), Counter[date]())
    return {day: counted[day] for day in (first + timedelta(days=n) for n in range((last - first).days + 1))}


def simulate(
    shops: Mapping[str, Shop], stories: Iterable[Story], start: datetime, end: datetime, listed: Listed, told: Progress
) -> Simulation:
    """Replay these orders from `start` to `end`, and add up what would have become of them."""
    outcomes = {
        (shop.id, active.rule.id): Outcome(shop.id, active.rule.id) for shop in shops.values() for active in shop.rules
    }
    simulation = Simulation(start, end, outcomes)
    words = mostly_blank(lambda store, rule: len(outcomes[store, rule].examples) < WRITTEN_OUT)
    with begin(Setup(shops, start, end, listed, words), _counted(stories, simulation)) as going:
        for act in run(going, told):
            _count(simulation, shops[act.row.store], act)
        _count_what_is_left(simulation, going)
    return simulation


def _counted(stories: Iterable[Story], simulation: Simulation) -> Iterator[Story]:
    for story in stories:
        simulation.orders[story.store] += 1
        yield story


def _count(simulation: Simulation, shop: Shop, act: Act) -> None:
    row, outcome = act.row, simulation.outcomes[act.row.store, act.row.rule]
    if row.state == "held":
        outcome.held += 1
    if act.made is None:
        outcome.reasons[_without_times(row.reason or row.state)] += 1
        return
    outcome.done[row.kind] += 1
    prepared = act.made.prepared
    if prepared.to is None:
        return
    at = row.at.astimezone(shop.calendar.zone)
    outcome.messages += 1
    outcome.days[at.date()] += 1
    outcome.hours[at.hour] += 1
    outcome.channels[prepared.channel or PLATFORM] += 1
    if len(outcome.examples) < WRITTEN_OUT:
        outcome.examples.append(example_of(shop, row, prepared))


def example_of(shop: Shop, row: Followup, prepared: Prepared) -> Example:
    """What an action would have said, and by which channel."""
    channel = prepared.channel or PLATFORM
    markup = shop.adapter.markup if channel == PLATFORM else "plain"
    return Example(row.at, row.number, channel, prepared.subject, prepared.text or "", markup)


def _count_what_is_left(simulation: Simulation, going: Replay) -> None:
    never_begun: Counter[tuple[str, str, str]] = Counter()
    for life in going.shelf:
        store = life.story.store
        for row in life.rows.values():
            outcome = simulation.outcomes[store, row.rule]
            outcome.to_come += row.state == "pending"
            if row.state == "skipped" and (not row.final or row.held_for is not None):  # the others were acts
                outcome.reasons[_without_times(row.reason or row.state)] += 1
        simulation.unknown.update((store, kind) for kind in set(life.untold))
        never_begun.update((store, rule, why) for rule, why in refused(life))
    for (store, rule, why), number in never_begun.items():
        simulation.outcomes[store, rule].reasons[_without_times(why)] += number
    for of_rule, number in going.shelf.people().items():
        simulation.outcomes[of_rule].people = number
    simulation.busiest = going.shelf.busiest()


_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d)?(?:\+00:00| UTC)?")


def _without_times(reason: str) -> str:
    """What reasons have in common that differ by a time alone, in words that hold for a replay."""
    return _MOMENT.sub("…", reason).replace(LONG_AGO, "before this time, or nobody knows when")
