"""What did not happen in the played story, or not at once, and why; read off the worker's own records."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta

import holidays
from msgspec import Struct

from connector.demo.play import Part
from connector.store import followups, orders
from connector.store.followups import HOLD_WHILE, Followup
from rules.facts import Facts, Subject
from rules.planner import Verdict, explain, scene_of
from rules.rule import Step
from rules.subjects import subjects
from rules.timing import Calendar, Window
from rules.waits import over_at

GRACE = timedelta(minutes=1)

Known = Mapping[str, orders.Known]
"""A store's orders as the worker knows them, by id."""


class PutOff(Struct, frozen=True, kw_only=True):
    """A step that was moved to a better time, and why."""

    store: str
    order: str
    to: str | None
    rule: str
    due_at: datetime
    moved_to: datetime
    reason: str


class HeldBack(Struct, frozen=True, kw_only=True):
    """A step that did not happen, or not at once, and why.

    `state` is skipped, held, unknown, failed or never planned; or pending, where the rule's `hold_while` holds it up.
    `held_for` is that, or what is asked of a person: an approval or the outcome. `then` is what it came to if it was
    only for a time.
    """

    at: datetime
    store: str
    order: str
    to: str | None
    rule: str
    state: str
    reason: str
    held_for: str | None = None
    then: str | None = None


class LeftAlone(Struct, frozen=True, kw_only=True):
    """An order about which nothing was ever planned, and why not."""

    store: str
    order: str
    to: str | None
    reason: str


def step_of(part: Part, row: Followup) -> Step:
    """The step of its rule that an action belongs to."""
    rule = next(active.rule for active in part.shop.rules if active.rule.id == row.rule)
    return next(step for step in rule.steps if step.id == row.step)


# What was put off ---------------------------------------------------------------------------------------------


def put_off(part: Part, known: Known) -> Iterator[PutOff]:
    """Steps that were due at a time when their rule may not act."""
    calendar = part.shop.calendar
    for life in part.lives.values():
        row = life[0]
        if row.action != 1:
            continue
        step = step_of(part, row)
        due_at = _due_by_its_wait(part, row, step, known[row.order_id])
        if row.planned_at - due_at > GRACE and step.send_between is not None:
            yield PutOff(
                store=part.shop.id,
                order=row.number,
                to=known[row.order_id].order.customer.first_name,
                rule=row.rule,
                due_at=due_at,
                moved_to=row.planned_at,
                reason=_closed(due_at, row.planned_at, step, calendar),
            )


def _due_by_its_wait(part: Part, row: Followup, step: Step, known: orders.Known) -> datetime:
    """When a step would have been due by its wait alone, counted from the trigger or the step before."""
    before = [
        life[-1].at
        for life in part.lives.values()
        if (life[-1].rule, life[-1].subject) == (row.rule, row.subject) and life[-1].position == row.position - 1
    ]
    start = max(before, default=row.event_at)
    rule = next(active.rule for active in part.shop.rules if active.rule.id == row.rule)
    everything = Subject(row.subject, known.order.shipments, known.order.items)
    found = (each for each in subjects(rule, known.order, known.person, known.remarks) if each.key == row.subject)
    calendar, ladders = part.shop.calendar, part.shop.ladders
    facts = Facts(known.order, known.person, calendar, ladders, remarks=known.remarks)
    over = over_at(step.wait, start, scene_of(facts, next(found, everything), known.journal, row.at))
    return over if isinstance(over, datetime) else row.planned_at


def _closed(due_at: datetime, moved_to: datetime, step: Step, calendar: Calendar) -> str:
    """Why nothing goes out at `due_at`, nor on the days that follow until `moved_to`."""
    assert step.send_between is not None
    first, last = due_at.astimezone(calendar.zone).date(), moved_to.astimezone(calendar.zone).date()
    hours = "business hours" if step.send_between == calendar.business_hours else str(step.send_between)
    between = (first + timedelta(days=distance) for distance in range(1, (last - first).days))
    later = [closed_on(day, step.send_between, calendar) for day in between]
    return ", then ".join(filter(None, [closed_on(first, step.send_between, calendar) or f"outside {hours}", *later]))


def closed_on(day: date, window: Window, calendar: Calendar) -> str | None:
    """Why nothing goes out on a day at all; None if something may."""
    if calendar.is_holiday(day):
        return _name_of_holiday(day, calendar)
    return None if window.days[day.weekday()] else f"closed on {day:%A}"


def _name_of_holiday(day: date, calendar: Calendar) -> str:
    assert calendar.country is not None
    code, _, region = calendar.country.partition("-")
    return str(holidays.country_holidays(code, subdiv=region or None, years=day.year, language="en_US")[day])


# What was held back -------------------------------------------------------------------------------------------


def held_back(part: Part, known: Known) -> Iterator[HeldBack]:
    """Every step that was skipped, held, in doubt or failed at some time, by what its first such action says."""
    told: set[tuple[str, str, str, str]] = set()
    for life in part.lives.values():
        for place, stood in enumerate(life):
            quiet = stood.state in ("pending", "done") and stood.held_for != HOLD_WHILE
            if quiet or (*stood.of_step, stood.state) in told:
                continue
            told.add((*stood.of_step, stood.state))
            yield HeldBack(
                at=stood.at,
                store=part.shop.id,
                order=stood.number,
                to=known[stood.order_id].order.customer.first_name,
                rule=stood.rule,
                state=stood.state,
                reason=stood.reason or "",
                held_for=stood.held_for,
                then=_afterwards(stood, life[place + 1 :]),
            )


def _afterwards(stood: Followup, later: Sequence[Followup]) -> str | None:
    """What became of an action that stood like this: the next state that is more than a plan."""
    others = [row.state for row in later if row.state != stood.state]
    return next((state for state in others if state != "pending"), others[-1] if others else None)


def never_planned(part: Part, known: Known) -> Iterator[HeldBack]:
    """What was not even planned, as its rule had acted for the same customer before."""
    for each in known.values():
        for verdict in _verdicts(part, each):
            if [check.field for check in verdict.checks if not check.held] == ["once_per"]:
                yield HeldBack(
                    at=each.order.modified_at,
                    store=part.shop.id,
                    order=each.order.number,
                    to=each.order.customer.first_name,
                    rule=verdict.rule.id,
                    state="never planned",
                    reason=verdict.outcome,
                )


def left_alone(part: Part, known: Known) -> Iterator[LeftAlone]:
    """Orders without a single record. Of all reasons the one of a rule whose trigger did happen says most."""
    touched = {life[0].order_id for life in part.lives.values()}
    for order_id, each in known.items():
        if order_id in touched:
            continue
        happened = [verdict.outcome for verdict in _verdicts(part, each) if verdict.checks and verdict.checks[0].held]
        reason = next(iter(happened), "nothing has happened to it that a rule waits for")
        if each.order.draft:
            reason = "a checkout that was never finished"
        yield LeftAlone(store=part.shop.id, order=each.order.number, to=each.order.customer.first_name, reason=reason)


def _verdicts(part: Part, known: orders.Known) -> Iterator[Verdict]:
    """What each rule says of an order, as the story ends."""
    shop = part.shop
    with shop.database.read() as connection:
        rows = followups.of_orders(connection, shop.id, [known.order.id])
        of_person = followups.of_people(connection, shop.id, [known.person], shop.person_rules)
    deeds = tuple(row.deed for row in {row.id: row for row in [*rows, *of_person]}.values())
    facts = Facts(known.order, known.person, shop.calendar, shop.ladders, deeds, remarks=known.remarks)
    return explain(facts, known.journal, shop.rules_now(), shop.clock())
