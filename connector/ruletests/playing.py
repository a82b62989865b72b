"""A test played: its stories replayed by the functions that a run is made of, and all that came of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from adapters.base import StoreAdapter
from connector.actions import Prepared
from connector.config import Config, StoreConfig
from connector.lines import Line, lines_in_peace
from connector.loading import rules_on
from connector.opening import make_adapter
from connector.people import person_of
from connector.ruletests.cases import Case, Told
from connector.ruletests.keys import Tagged, ToStatus
from connector.ruletests.life import HAPPENINGS, MOVES, Happening, Untold, lived
from connector.shop import Shop
from connector.simulation.replay import Act, Setup, begin, refused, retell, run
from connector.simulation.shelf import Life, Story
from connector.staff import Staff
from connector.store.database import Database
from connector.store.followups import Followup
from connector.store.orders import encode
from connector.wording import written_out
from rules.events import Journal, Sight, observe
from rules.facts import Active, Facts
from rules.planner import explain
from rules.timing import LONGEST_DAYS

SECRET = bytes(16)
"""Coupons get the same codes whenever a test is played."""

POLLED_EVERY = timedelta(minutes=1)
"""News is seen at once, so that a test can say to the minute when something is done."""


@dataclass(frozen=True, slots=True)
class Played:
    """What came of a test: all that happened to its orders, by their number, and all that was done, in order.

    `undone` is what was not done, or not yet; `refused` is why rules did not act, by rule, with the order's number;
    `impossible` is what was done and the store would not have taken, with why.
    """

    case: Case
    shop: Shop
    happenings: Sequence[tuple[str, Happening]]
    done: Sequence[Act]
    undone: Sequence[Followup]
    refused: Sequence[tuple[str, str, str]]
    impossible: Sequence[tuple[Followup, str]]


@dataclass(frozen=True, slots=True)
class Stand:
    """What tests are played with: the ways out of the shop, made once, though nothing ever takes them."""

    lines: Mapping[str, Line]
    database: Database
    closing: ExitStack
    adapters: dict[tuple[str, str], StoreAdapter] = field(default_factory=dict)


@contextmanager
def stand_for(config: Config) -> Iterator[Stand]:
    """What the tests of this configuration are played with."""
    with ExitStack() as closing:
        lines = lines_in_peace(config.channels, _no_clock)
        for line in lines.values():
            closing.callback(line.channel.close)
        database = Database("sqlite:///:memory:")  # a shop has a state; nothing is read from this one, or written to it
        closing.callback(database.close)
        yield Stand(lines, database, closing)


def _no_clock() -> datetime:
    return datetime.max.replace(tzinfo=UTC)


def play(stand: Stand, case: Case) -> Played:
    """Let the time of a test pass."""
    moments = [each.at for told in case.orders for each in told.happenings]
    start = case.switched_on or min(moments) - timedelta(hours=1)
    end = case.until or max(moments) + timedelta(days=LONGEST_DAYS)
    shop = _shop(stand, case, start)
    stories = {told.first.id: told for told in case.orders}
    setup = Setup({shop.id: shop}, start, end, lambda marks: (), written_out)
    done: list[Act] = []
    impossible: list[tuple[Followup, str]] = []
    with begin(setup, (_story(shop, told) for told in case.orders)) as going:
        for act in run(going):
            if act.made is None:
                continue
            done.append(act)
            id_, news = act.row.order_id, _news(act.row, act.made.prepared)
            if news is not None:
                try:
                    stories[id_] = told = _told_on(stories[id_], news, case.store)
                    retell(going, act.row, told.past)
                except Untold as why:
                    impossible.append((act.row, str(why)))
        lives = {life.story.past.order.id: life for life in going.shelf}
    why_not: list[tuple[str, str, str]] = []
    for id_, told in stories.items():
        why_not += _refused(shop, lives[id_]) if id_ in lives else _left_alone(shop, told, start)
    rows = [row for life in lives.values() for row in life.rows.values()]
    return Played(
        case,
        shop,
        [(told.first.number, each) for told in stories.values() for each in told.happenings],
        done,
        sorted((row for row in rows if row.state != "done"), key=lambda row: (row.at, row.id)),
        why_not,
        impossible,
    )


def _told_on(told: Told, news: Happening, store: StoreConfig) -> Told:
    """The story with something that a rule did to the order. Raises Untold where the store would refuse it."""
    happenings = (*told.happenings, news)
    return Told(told.first, happenings, lived(told.first, happenings, store), told.remarks)


def _story(shop: Shop, told: Told) -> Story:
    order = told.past.order
    return Story(shop.id, encode(order), person_of(order, shop.id, SECRET), told=told.past, remarks=told.remarks)


def _shop(stand: Stand, case: Case, start: datetime) -> Shop:
    """The store with the rules that the test is about. Nobody is left out of anything for comparison."""
    store, loaded = case.store, case.test.loaded
    chosen = case.test.keys.rules
    written = loaded.written.get(store.id) or next(iter(loaded.written.values()))
    active = [
        replace(rule, enabled=True, holdout=None)
        for rule in rules_on(store.platform, written)
        if (rule.enabled if chosen is None else rule.id in chosen)
    ]
    return Shop(
        config=replace(store, poll_every=POLLED_EVERY),
        adapter=_adapter(stand, store),
        database=stand.database,
        secret=SECRET,
        rules=tuple(Active(rule, start) for rule in active),
        calendar=store.calendar,
        ladders=store.ladders,
        staff=Staff(loaded.config.staff),
        clock=_no_clock,
        signed_by=loaded.config.signed_by,
        templates=loaded.templates,
        lines=stand.lines,
        protection=loaded.config.protection,
        webhook_secret=loaded.config.webhook_secret,
    )


def _adapter(stand: Stand, store: StoreConfig) -> StoreAdapter:
    key = (store.id, store.platform)
    if key not in stand.adapters:
        stand.adapters[key] = make_adapter(store, _no_clock)
        stand.closing.callback(stand.adapters[key].close)
    return stand.adapters[key]


def _news(row: Followup, prepared: Prepared) -> Happening | None:
    """What an action changes in its order, seen right after it."""
    at = row.at + timedelta(seconds=1)
    if prepared.tags:
        return Happening(at, "tagged", Tagged(tags=prepared.tags), by_rule=row.rule)
    if prepared.status is None:
        return None
    word = prepared.status.replace("-", "_")
    if word in MOVES:
        return Happening(at, word, HAPPENINGS[word].detail(), by_rule=row.rule)
    return Happening(at, "status", ToStatus(status=prepared.status), by_rule=row.rule)


def _refused(shop: Shop, life: Life) -> list[tuple[str, str, str]]:
    """Why rules have not begun with an order, as it was when last planned: (rule, the order's number, why)."""
    number = life.story.past.order.number
    found = [(rule, number, why) for rule, why in refused(life)]
    told = {row.rule for row in life.rows.values()} | {rule for rule, _ in life.refused}
    return found + [each for each in _explained(shop, life.story, life.journal) if each[0] not in told]


def _left_alone(shop: Shop, told: Told, start: datetime) -> list[tuple[str, str, str]]:
    """The same for an order that had come to rest before the rules were switched on."""
    journal = observe(told.past.order, (), Sight(start, shop.ladders, shop.calendar, baseline=start))
    return _explained(shop, _story(shop, told), journal)


def _explained(shop: Shop, story: Story, journal: Journal) -> list[tuple[str, str, str]]:
    order = story.past.order
    calendar, remarks = shop.calendar, story.remarks
    facts = Facts(order, story.person, calendar, shop.ladders, (), shop.protection.quiet, remarks=remarks)
    verdicts = explain(facts, journal, shop.rules, order.modified_at)
    return [(each.rule.id, order.number, each.outcome) for each in verdicts]
