"""Past orders under a moving clock: what a run would have done with them, told by the functions that a run is made of.

Nothing is asked of a store, and nothing is written. Time jumps from one beat at which something may happen to the
next: a poll that shows a change, or a moment at which something is due.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any

import msgspec
from msgspec import structs

from adapters.model import Order
from connector.actions import Broken, NotNow, Refused, known_actions
from connector.counting import admit, longest, marks_of
from connector.histories import MOST_ASKED, records
from connector.ingest import ask_at
from connector.judging import A_MOMENT, admitted, judge
from connector.prepare import Judged, Made
from connector.reconciler import reconcile
from connector.runner import CLAIM
from connector.shop import Shop
from connector.simulation.shelf import Life, Shelf, Story
from connector.store.followups import Followup
from connector.store.orders import Known, decode, encode
from connector.store.suppressions import Listed
from connector.wording import InWords
from rules import breakers
from rules.breakers import Excess, Load
from rules.events import Event, Journal, Sight, dated, hear, observe
from rules.facts import Active, Facts
from rules.history import LATELY, NO_HISTORY, History
from rules.past import Past, as_of, said_by
from rules.planner import concerns_the_past, plan
from rules.protection import Outgoing, Sent

Step = tuple[str, str, str]
"""A step of a rule for a subject, as `Followup.of_step` names it."""

Progress = Callable[[datetime], None]
"""Told how far the clock has come (UTC)."""


@dataclass(frozen=True, slots=True)
class Act:
    """What became of one action: its row as it would be recorded, and what was made ready to go out."""

    row: Followup
    made: Made | None = None
    judged: Judged | None = None


@dataclass(frozen=True, slots=True)
class Setup:
    """What a replay happens in: from `start` to `end` (UTC), with the rules switched on at `start`.

    `listed` knows who is on the suppression list.
    """

    shops: Mapping[str, Shop]
    start: datetime
    end: datetime
    listed: Listed
    words: InWords


@dataclass(slots=True)
class Person:
    """All orders of somebody in one store, awake; those to which nothing happens; and how the others were as they were
    last asked for, with what that was told from.
    """

    lives: Sequence[Life]
    quiet: Sequence[Order]
    known: dict[int, tuple[Story, Journal, datetime, Order]] = field(default_factory=dict)


@dataclass(slots=True)
class Replay:
    """A replay under way: its orders, to which of them something happens at this beat, and who was looked up in it."""

    setup: Setup
    shelf: Shelf
    acted: dict[tuple[str, str], deque[tuple[datetime, Step]]] = field(default_factory=lambda: defaultdict(deque))
    done: dict[tuple[str, str], Counter[date]] = field(default_factory=lambda: defaultdict(Counter))
    stirred: dict[int, Life] = field(default_factory=dict)
    people: dict[tuple[str, str], Person] = field(default_factory=dict)
    rows: int = 0


@contextmanager
def begin(setup: Setup, stories: Iterable[Story]) -> Iterator[Replay]:
    """Take the orders in. Those to which nothing happens from `start` to `end` are left where they are."""
    with closing(Shelf()) as shelf:
        going = Replay(setup, shelf)
        for story in stories:
            shop, moments = setup.shops[story.store], story.past.moments
            if moments[0] <= setup.start:
                is_quiet = moments[-1] <= setup.start and not shop.ladders.assumes
                if is_quiet and not any(concerns_the_past(active.rule) for active in shop.rules):
                    if shop.looks_back:
                        shelf.leave(story)
                    continue
            _sleep(going, shelf.take_in(story), setup.start)
        yield going


def run(going: Replay, progress: Progress = lambda now: None) -> Iterator[Act]:
    """Let the time pass, and tell what becomes of actions as it happens. What is still to come stands in the lives."""
    shelf = going.shelf
    while (beat := shelf.next_beat()) is not None and beat[0] <= going.setup.end:
        now, store = beat
        going.stirred = {life.number: life for life in shelf.wake(now, store)}
        going.people.clear()
        yield from _beat(going, going.setup.shops[store], now)
        for life in shelf.awake():
            _sleep(going, life, now)
        progress(now)


def _shop(going: Replay, life: Life) -> Shop:
    return going.setup.shops[life.story.store]


def retell(going: Replay, row: Followup, told: Past) -> None:
    """From now on the story of this row's order is another: what was just done has changed it."""
    life = next(each for each in going.stirred.values() if row.id in each.rows)
    life.story = structs.replace(life.story, told=told)


# When something may happen --------------------------------------------------------------------------------------


def _sleep(going: Replay, life: Life, now: datetime) -> None:
    """Until the next beat at which something may happen to this order."""
    setup = going.setup
    shop = _shop(going, life)
    changes = next((at for at in life.moments if life.seen_at is None or at > life.seen_at), None)
    open_ends = {row.of_step for row in life.rows.values() if row.state == "held"}
    due = [row.due_at for row in life.rows.values() if row.state == "pending" and row.of_step not in open_ends]
    if life.ask_at is not None:
        due.append(life.ask_at)
    # What could not be done at this beat waits for the next one.
    beats = [_beat_at(setup.start, shop.pace, max(min(due), now + A_MOMENT))] if due else []
    if changes is not None:
        beats.append(_beat_at(setup.start, shop.config.poll_every, changes))
    going.shelf.sleep(life, min(beats, default=None))


def _beat_at(start: datetime, pace: timedelta, moment: datetime) -> datetime:
    """The first beat at or after a moment."""
    return start + -((start - moment) // pace) * pace if moment > start else start


def _beat(going: Replay, shop: Shop, now: datetime) -> Iterator[Act]:
    """What a run does when its time has come: see what changed, plan anew, expire, hold, act."""
    if (now - going.setup.start) % shop.config.poll_every == timedelta(0):
        for life in sorted(
            going.stirred.values(), key=lambda each: max((at for at in each.moments if at <= now), default=now)
        ):
            if life.seen_at is None or any(life.seen_at < at <= now for at in life.moments):
                _plan(going, life, _look(going, life, now), shop.rules, now)
                if shop.looks_back:
                    _stir(going, _latest(_others(going, life)), now)
    for life in list(going.stirred.values()):
        if life.ask_at is not None and life.ask_at <= now and life.seen_at is not None:
            order = as_of(life.story.past, life.seen_at)
            life.journal = observe(order, life.journal, Sight(now, shop.ladders, shop.calendar))
            _plan(going, life, order, shop.rules, now)
    before: list[list[Followup]] = []
    while True:
        woken = list(going.stirred.values())
        for life in woken:
            yield from _expire(going, life, now)
        yield from _hold(going, shop, woken, now)
        steps = _claim(shop, woken, now)
        if steps == before:
            return
        of_row = {number: life for life in woken for number in life.rows}
        for step in steps:
            yield from _act_on(going, of_row[step[0].id], step, now)
        before = steps


# Seeing and planning --------------------------------------------------------------------------------------------


def _look(going: Replay, life: Life, now: datetime) -> Order:
    """The order as the store shows it now; what is new in it goes into its journal."""
    past, start, before = life.story.past, going.setup.start, life.seen_at
    order = as_of(past, now)
    is_old = before is None and order.created_at <= start
    shop = _shop(going, life)
    sight = Sight(now, shop.ladders, shop.calendar, start if is_old else None)
    news = [
        Event(each.kind, each.at, each.source, each.at <= start, False, each.subject)
        for each in life.story.journal
        if not each.dated and each.at <= now and (before is None or each.at > before)
    ]
    untold = [each for each in past.untold if each.at <= now and (before is None or each.at > before)]
    life.untold += [each.kind for each in untold if each.at > start]
    news += untold
    life.journal = observe(order, life.journal + tuple(news) if news else life.journal, sight)
    ours_since = Sight(now, shop.ladders, shop.calendar, start)
    life.journal = hear(said_by(life.story.remarks, now), life.journal, ours_since)
    life.seen_at = now
    return order


def _plan(going: Replay, life: Life, order: Order, rules: Sequence[Active], now: datetime) -> None:
    """Bring the order's rows in line with the plan that these rules make."""
    shop, story = _shop(going, life), life.story
    names = {active.rule.id for active in rules}
    recorded = [row for row in _recorded(going, life) if row.rule in names]
    deeds = tuple([row.deed for row in recorded])
    history = _history(going, life, now) if shop.looks_back else None
    about = (order, story.person, shop.calendar, shop.ladders, deeds, shop.protection.quiet)
    facts = Facts(*about, history, life.ask_at, said_by(story.remarks, now))
    planned = plan(facts, life.journal, rules, now)
    life.refused = {key: why for key, why in life.refused.items() if key[0] not in names} | {**planned.refused}
    life.ask_at = ask_at(planned, now)
    if not planned.wanted and not planned.held_out and not recorded:
        return
    changes = reconcile(shop.id, order, story.person, planned, recorded, now)
    for values in changes.inserted:
        going.rows += 1
        life.rows[going.rows] = _row(going.rows, values)
    for values in (*changes.moved, *changes.skipped):
        _change(going, life, values)
    if any(life.rows[row["id"]].rule in shop.person_rules for row in changes.skipped if row["id"] in life.rows):
        _stir(going, _others(going, life), now)


_UNSET: Mapping[str, Any] = dict.fromkeys(Followup.__dataclass_fields__)


def _row(number: int, values: Mapping[str, Any]) -> Followup:
    """A new row, as the database would have it: what is not given is null."""
    return Followup(**{**_UNSET, "id": number, **values})


def _change(going: Replay, life: Life, values: Mapping[str, Any]) -> None:
    """A row moves, to this order even if it was another's of the same person."""
    number = values["id"]
    owner = life if number in life.rows else next(each for each in _others(going, life) if number in each.rows)
    life.rows[number] = replace(owner.rows.pop(number), **values)


def _stir(going: Replay, others: Iterable[Life], now: datetime) -> None:
    """What was planned or seen of an order counts for these others of the same person: they are planned again."""
    for other in others:
        other.ask_at = min(now, other.ask_at or now)
        going.stirred[other.number] = other


def _latest(lives: Iterable[Life]) -> list[Life]:
    return sorted(lives, key=lambda each: each.moments[0], reverse=True)[:MOST_ASKED]


def _history(going: Replay, life: Life, now: datetime) -> History:
    """What else is known of the person by now."""
    others = _others(going, life)
    person = _person(going, life)
    seen = [_known(person, each, each.seen_at) for each in others if each.seen_at is not None]
    messages = [
        row.at
        for each in (life, *others)
        for row in each.rows.values()
        if row.state == "done" and row.at > now - LATELY and known_actions()[row.kind].spec.to_customer
    ]
    found = records((*seen, *person.quiet), messages)
    return History(tuple(found.orders), found.messages, found.older)


def _others(going: Replay, life: Life) -> list[Life]:
    """The other orders of the same person, of those that were seen by now."""
    shop = _shop(going, life)
    if not shop.person_rules and not shop.looks_back:
        return []
    return [each for each in _person(going, life).lives if each is not life and each.seen_at is not None]


def _person(going: Replay, life: Life) -> Person:
    """Whose order this is. Whoever is awake stays so to the end of the beat, so they are looked up once in it."""
    key = life.story.store, life.story.person
    if key not in going.people:
        quiet = [decode(raw) for raw in going.shelf.left(*key)]
        going.people[key] = Person(going.shelf.of_person(*key), quiet)
    return going.people[key]


def _known(person: Person, life: Life, seen_at: datetime) -> Order:
    """One of their orders as it was last seen."""
    known = person.known.get(life.number)
    if known is None or known[0] is not life.story or known[1] is not life.journal or known[2] != seen_at:
        order = dated(as_of(life.story.past, seen_at), life.journal)
        known = person.known[life.number] = (life.story, life.journal, seen_at, order)
    return known[3]


def _recorded(going: Replay, life: Life) -> list[Followup]:
    own = list(life.rows.values())
    person_rules = _shop(going, life).person_rules
    if not person_rules:
        return own
    others = (row for each in _others(going, life) for row in each.rows.values())
    return own + [row for row in others if row.rule in person_rules]


# Doing ----------------------------------------------------------------------------------------------------------


def _expire(going: Replay, life: Life, now: datetime) -> Iterator[Act]:
    late = [row for row in _due(life, now) if row.expires_at is not None and row.expires_at < now]
    for row in late:
        why = f" ({row.reason})" if row.reason is not None else ""
        yield _end(life, row, now, "skipped", f"expired: it was due, and was not to be done this late{why}")
    if late:
        _plan(going, life, as_of(life.story.past, life.seen_at or now), _shop(going, life).rules, now)


def _due(life: Life, now: datetime) -> list[Followup]:
    open_ends = {row.of_step for row in life.rows.values() if row.state == "held"}
    rows = life.rows.values()
    return [row for row in rows if row.state == "pending" and row.due_at <= now and row.of_step not in open_ends]


def _hold(going: Replay, shop: Shop, woken: Sequence[Life], now: datetime) -> Iterator[Act]:
    """A rule that would act on far more than usual is held whole, as a person would have to approve it."""
    due: dict[str, list[tuple[Life, Followup]]] = defaultdict(list)
    for life in woken:
        for row in _due(life, now):
            due[row.rule].append((life, row))
    for active in shop.rules:
        rows = due.get(active.rule.id, [])
        excess = _excess(going, shop, active, {row.of_step for _, row in rows}, now) if rows else None
        if excess is not None:
            for life, row in rows:
                yield _end(life, row, now, "held", excess.reason)
                going.acted[shop.id, active.rule.id].append((now, row.of_step))


def _excess(going: Replay, shop: Shop, active: Active, due: set[Step], now: datetime) -> Excess | None:
    """By how much the rule would act on more than usual, if these steps went out now; None if it would not."""
    acted = going.acted[shop.id, active.rule.id]
    hour, today = now - breakers.HOUR, breakers.day_begins(now, shop.calendar)
    while acted and acted[0][0] <= min(hour, today):
        acted.popleft()
    load = Load(
        within_hour=len(due | {step for at, step in acted if at > hour}),
        today=len(due | {step for at, step in acted if at > today}),
    )
    usual = None
    if not breakers.is_few(load):
        usual = breakers.usual_day(going.done[shop.id, active.rule.id], now, shop.calendar)
    return breakers.excess_of(load, active.rule.max_per_run, usual)


def _claim(shop: Shop, woken: Sequence[Life], now: datetime) -> list[list[Followup]]:
    due = sorted((row for life in woken for row in _due(life, now)), key=lambda row: (row.due_at, row.id))[:CLAIM]
    steps: dict[tuple[str, str, str], list[Followup]] = {}
    for row in due:
        steps.setdefault(row.of_step, []).append(row)
    priorities = {active.rule.id: active.rule.priority for active in shop.rules}
    return sorted(steps.values(), key=lambda step: -priorities.get(step[0].rule, 0))


def _act_on(going: Replay, life: Life, step: Sequence[Followup], now: datetime) -> Iterator[Act]:
    """Look again at the order, judge the step admissible, and do its actions."""
    is_news = any(at > (life.seen_at or now) for at in life.moments if at <= now)
    order = _look(going, life, now)
    shop, story, of_rule = _shop(going, life), life.story, step[0].rule
    if is_news:
        _plan(going, life, order, shop.rules, now)
    rule = [active for active in shop.rules if active.rule.id == of_rule]
    raw = story.raw if story.told is None else encode(order)
    remarks = said_by(story.remarks, now)
    known = Known(raw, life.journal, story.person, True, False, story.erased, life.ask_at, remarks)
    recorded = [row for row in _recorded(going, life) if row.rule == of_rule]
    history = _history(going, life, now) if shop.looks_back else NO_HISTORY
    judged = judge(shop, known, order, recorded, history, step[0], going.setup.listed, now)
    todo = [row for row in life.rows.values() if row.of_step == step[0].of_step and row.state == "pending"]
    if judged is None or not todo:
        _plan(going, life, order, rule, now)
        return
    try:
        enter = partial(_enter, going, life, judged, now=now)
        made = admitted(shop, judged, todo, going.setup.listed, enter, now, going.setup.words)
    except NotNow as wait:
        _put_off(life, todo, wait.until, f"put off: {wait}")
        return
    except (Refused, Broken) as why_not:
        state = "skipped" if isinstance(why_not, Refused) else "failed"
        for row in todo:
            yield _end(life, row, now, state, str(why_not))
    else:
        for each in made:
            yield _end(life, each.row, now, "done", None, each, judged)
        going.acted[shop.id, of_rule].append((now, step[0].of_step))
        going.done[shop.id, of_rule][now.astimezone(shop.calendar.zone).date()] += not step[0].backfilled
        if made[-1].in_last_step:
            return
    _plan(going, life, order, rule, now)


def _put_off(life: Life, rows: Sequence[Followup], until: datetime, reason: str) -> None:
    for row in rows:
        life.rows[row.id] = replace(row, due_at=until, reason=reason)


def _enter(going: Replay, life: Life, judged: Judged, made: Sequence[Made], now: datetime) -> None:
    """Count the step's messages as sent to their customer. Raises NotNow if not all of them may be by now."""
    messages = [each for each in made if each.prepared.to is not None]
    if not messages:
        return
    shop = _shop(going, life)
    caps, about = shop.protection.caps, (shop.id, judged.facts.order.id)
    person = marks_of(shop, judged.facts.order, messages)
    sent = going.shelf.sent_to(person, now - longest(caps))
    urgent = judged.wanted.rule.urgent
    admit(sent, caps, [Outgoing(each.prepared.marketing, about, urgent) for each in messages], now)
    for each in messages:
        going.shelf.enter(each.row, Sent(now, each.prepared.marketing, about), person)


def _end(
    life: Life,
    row: Followup,
    now: datetime,
    state: Any,
    reason: str | None,
    made: Made | None = None,
    judged: Judged | None = None,
) -> Act:
    """An action comes to its end, or is held."""
    ended = replace(row, state=state, final=state == "skipped", held_for=None, at=now, reason=reason)
    if made is not None:
        intent = msgspec.json.encode(made.prepared) if made.prepared.coupon_code is not None else None
        ended = replace(ended, channel=made.prepared.channel, basis=made.prepared.basis, intent=intent)
    life.rows[row.id] = ended
    return Act(ended, made, judged)


def refused(life: Life) -> Iterator[tuple[str, str]]:
    """Rules whose trigger had come and that did not begin, as it was when the order was last planned: (rule, why)."""
    begun = {(row.rule, row.subject) for row in life.rows.values()}
    return ((rule, why) for (rule, subject), why in life.refused.items() if (rule, subject) not in begun)
