"""What came of the played story, read off the store and the worker's own records. No figure is known beforehand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta
from typing import Any

import holidays
import msgspec
from msgspec import Struct

from adapters.model import Order
from connector.actions.send import Send
from connector.demo.play import Play
from connector.store import followups, orders
from connector.store.followups import Followup
from rules.planner import Facts, Verdict, explain
from rules.rule import Action, Step
from rules.templates import choose_locale
from rules.timing import Calendar, Window, after

GRACE = timedelta(minutes=1)


class Message(Struct, frozen=True, kw_only=True):
    """A message to a customer, or a private note for the staff. `body` is HTML, as the store keeps it."""

    kind: str
    at: datetime
    order: str
    to: str | None
    rule: str
    template: str | None
    language: str
    body: str
    file: str


class PutOff(Struct, frozen=True, kw_only=True):
    """A step that was moved to a better time, and why."""

    order: str
    to: str | None
    rule: str
    due_at: datetime
    moved_to: datetime
    reason: str


class HeldBack(Struct, frozen=True, kw_only=True):
    """A step that did not happen, or not at once, and why.

    `state` is skipped, held, unknown, failed or never planned; `then` is what it came to if it was only for a time.
    """

    at: datetime
    order: str
    to: str | None
    rule: str
    state: str
    reason: str
    then: str | None = None


class LeftAlone(Struct, frozen=True, kw_only=True):
    """An order about which nothing was ever planned, and why not."""

    order: str
    to: str | None
    reason: str


class Trouble(Struct, frozen=True, kw_only=True):
    """A time when the store could not be reached: what was tried in it, and what was done late because of it."""

    since: datetime
    until: datetime
    polls: int
    error: str
    late: int


class Notice(Struct, frozen=True, kw_only=True):
    """What the staff was told."""

    at: datetime
    text: str


class Totals(Struct, frozen=True, kw_only=True):
    """The story in figures. The `twice` and `lost` of the messages come from comparing the store with the records."""

    days: int
    orders: int
    polls: int
    requests: int
    messages: int
    notes: int
    tags: int
    coupons: int
    staff: int
    mails_in_store: int
    sent_twice: int
    never_sent: int
    still_planned: int


class Account(Struct, frozen=True, kw_only=True):
    """All that the demo has to tell."""

    shop: str
    timezone: str
    begins: datetime
    ends: datetime
    messages: list[Message]
    notes: list[Message]
    put_off: list[PutOff]
    held_back: list[HeldBack]
    left_alone: list[LeftAlone]
    trouble: list[Trouble]
    staff: list[Notice]
    totals: Totals


def take_stock(play: Play) -> Account:
    """What went out, what did not and why; the played store is still open."""
    known = _known_orders(play)
    rows = [life[-1] for life in play.lives.values()]
    messages = sorted(_written(play, rows, known, "send"), key=lambda each: each.at)
    notes = sorted(_written(play, rows, known, "add_note"), key=lambda each: each.at)
    return Account(
        shop=play.shop.config.name,
        timezone=play.shop.calendar.zone.key,
        begins=play.story.begins,
        ends=play.story.ends,
        messages=messages,
        notes=notes,
        put_off=sorted(_put_off(play, known), key=lambda each: (each.due_at, each.order)),
        held_back=sorted([*_held_back(play, known), *_never_planned(play, known)], key=lambda each: each.at),
        left_alone=list(_left_alone(play, known)),
        trouble=list(_trouble(play)),
        staff=[Notice(at=told.at, text=told.title) for told in play.told],
        totals=_totals(play, rows, messages, notes),
    )


def _known_orders(play: Play) -> dict[str, orders.Known]:
    with play.shop.database.read() as connection:
        return orders.load(connection, play.shop.id, [str(order.id) for order in play.store.orders])


# What went out ------------------------------------------------------------------------------------------------


def _written(play: Play, rows: Sequence[Followup], known: dict[str, orders.Known], kind: str) -> Iterator[Message]:
    """The notes that the worker's records name, each with the text that the store has."""
    for row in rows:
        if row.kind != kind or row.state != "done":
            continue
        action = _step_of(play, row).actions[row.action - 1]
        order = known[row.order_id].order
        note = next(note for note in play.store.notes(int(row.order_id)) if str(note.id) == row.result)
        local = note.at.astimezone(play.shop.calendar.zone)
        yield Message(
            kind="message" if note.customer else "note",
            at=note.at,
            order=row.number,
            to=order.customer.first_name,
            rule=row.rule,
            template=action.spec.template if isinstance(action.spec, Send) else None,
            language=_language(play, action, order),
            body=note.text,
            file=f"{local:%m-%d-%H%M}-order-{row.number}-{row.rule}-{row.step}-{row.action}.html",
        )


def _step_of(play: Play, row: Followup) -> Step:
    rule = next(active.rule for active in play.shop.rules if active.rule.id == row.rule)
    return next(step for step in rule.steps if step.id == row.step)


def _language(play: Play, action: Action, order: Order) -> str:
    """The language that a template was chosen in; texts that stand in a rule are in the shop's."""
    ours = play.shop.config.locale
    if not isinstance(action.spec, Send) or action.spec.template is None:
        return ours
    return choose_locale(play.loaded.templates[action.spec.template], [order.customer.locale, order.locale, ours])


# What was put off ---------------------------------------------------------------------------------------------


def _put_off(play: Play, known: dict[str, orders.Known]) -> Iterator[PutOff]:
    """Steps that were due at a time when their rule may not act."""
    calendar = play.shop.calendar
    for life in play.lives.values():
        row = life[0]
        if row.action != 1:
            continue
        step = _step_of(play, row)
        due_at = _due_by_its_wait(play, row, step)
        if row.planned_at - due_at > GRACE and step.send_between is not None:
            yield PutOff(
                order=row.number,
                to=known[row.order_id].order.customer.first_name,
                rule=row.rule,
                due_at=due_at,
                moved_to=row.planned_at,
                reason=_closed(due_at, row.planned_at, step, calendar),
            )


def _due_by_its_wait(play: Play, row: Followup, step: Step) -> datetime:
    """When a step would have been due by its wait alone, counted from the trigger or the step before."""
    before = [
        life[-1].at
        for life in play.lives.values()
        if (life[-1].rule, life[-1].subject) == (row.rule, row.subject) and life[-1].position == row.position - 1
    ]
    start = max(before, default=row.event_at)
    return after(start, step.wait, play.shop.calendar) if step.wait is not None else start


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


def _held_back(play: Play, known: dict[str, orders.Known]) -> Iterator[HeldBack]:
    """Every step that was skipped, held, in doubt or failed at some time, by what its first such action says."""
    told: set[tuple[str, str, str, str]] = set()
    for life in play.lives.values():
        for stood in life:
            if stood.state in ("pending", "done") or (*stood.of_step, stood.state) in told:
                continue
            told.add((*stood.of_step, stood.state))
            yield HeldBack(
                at=stood.at,
                order=stood.number,
                to=known[stood.order_id].order.customer.first_name,
                rule=stood.rule,
                state=stood.state,
                reason=stood.reason or "",
                then=None if life[-1] == stood else life[-1].state,
            )


def _never_planned(play: Play, known: dict[str, orders.Known]) -> Iterator[HeldBack]:
    """What was not even planned, as its rule had acted for the same customer before."""
    for each in known.values():
        for verdict in _verdicts(play, each):
            if [check.field for check in verdict.checks if not check.held] == ["once_per"]:
                yield HeldBack(
                    at=each.order.modified_at,
                    order=each.order.number,
                    to=each.order.customer.first_name,
                    rule=verdict.rule.id,
                    state="never planned",
                    reason=verdict.outcome,
                )


def _left_alone(play: Play, known: dict[str, orders.Known]) -> Iterator[LeftAlone]:
    """Orders without a single record. Of all reasons the one of a rule whose trigger did happen says most."""
    touched = {life[0].order_id for life in play.lives.values()}
    for order_id, each in known.items():
        if order_id in touched:
            continue
        happened = [verdict.outcome for verdict in _verdicts(play, each) if verdict.checks and verdict.checks[0].held]
        reason = next(iter(happened), "nothing has happened to it that a rule waits for")
        if each.order.draft:
            reason = "a checkout that was never finished"
        yield LeftAlone(order=each.order.number, to=each.order.customer.first_name, reason=reason)


def _verdicts(play: Play, known: orders.Known) -> Iterator[Verdict]:
    """What each rule says of an order, as the story ends."""
    shop = play.shop
    with shop.database.read() as connection:
        rows = followups.of_orders(connection, shop.id, [known.order.id])
        of_person = followups.of_people(connection, shop.id, [known.person], shop.person_rules)
    deeds = tuple(row.deed for row in {row.id: row for row in [*rows, *of_person]}.values())
    facts = Facts(known.order, known.person, shop.calendar, shop.ladders, deeds)
    return explain(facts, known.journal, shop.rules_now(), shop.clock())


# Trouble, and figures -----------------------------------------------------------------------------------------


def _trouble(play: Play) -> Iterator[Trouble]:
    """Each run of cycles that failed, from the first to the one after it that went well."""
    failed: list[tuple[datetime, str]] = []
    for at, report in play.reports:
        if report.error is not None:
            failed.append((at, report.error))
        elif failed:
            yield Trouble(since=failed[0][0], until=at, polls=len(failed), error=failed[0][1], late=_late(play, at))
            failed = []


def _late(play: Play, until: datetime) -> int:
    """How many actions were done in the first good cycle though they had been due before."""
    every = play.shop.config.poll_every
    rows = [life[-1] for life in play.lives.values()]
    return sum(row.state == "done" and until <= row.at < until + every and row.due_at <= until - every for row in rows)


def _totals(play: Play, rows: Sequence[Followup], messages: Sequence[Message], notes: Sequence[Message]) -> Totals:
    done = Counter(row.kind for row in rows if row.state == "done")
    mails = [(str(mail.order_id), mail.body) for mail in play.store.mails]
    sent_twice, never_sent = differences(mails, [(message.order, message.body) for message in messages])
    return Totals(
        days=(play.story.ends - play.story.begins).days,
        orders=len(play.store.orders),
        polls=len(play.reports),
        requests=len(play.store.requests),
        messages=len(messages),
        notes=len(notes),
        tags=done["add_tag"],
        coupons=len(play.store.coupons),
        staff=len(play.told),
        mails_in_store=len(mails),
        sent_twice=sent_twice,
        never_sent=never_sent,
        still_planned=len({row.of_step for row in rows if row.state == "pending"}),
    )


def differences(mails: Iterable[tuple[str, str]], recorded: Iterable[tuple[str, str]]) -> tuple[int, int]:
    """How many mails, each an order with its words, went out beyond the recorded ones, and how many did not."""
    in_store, in_records = Counter(mails), Counter(recorded)
    return (in_store - in_records).total(), (in_records - in_store).total()


def plain(account: Account) -> dict[str, Any]:
    """The account for programs: times in UTC, and the messages' words left to their files."""
    told: dict[str, Any] = msgspec.to_builtins(account)
    for message in [*told["messages"], *told["notes"]]:
        del message["body"]
    return told
