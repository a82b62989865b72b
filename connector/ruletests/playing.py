"""A test played: its stories replayed by the functions that a run is made of, and all that came of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from adapters.base import StoreAdapter
from connector.config import StoreConfig
from connector.lines import Line, lines_in_peace
from connector.loading import Loaded
from connector.opening import make_adapter
from connector.people import person_of
from connector.ruletests.cases import Case, Told
from connector.ruletests.keys import Tagged, ToStatus
from connector.ruletests.life import HAPPENINGS, Happening, Untold, lived
from connector.shop import Shop
from connector.simulation.replay import Act, Life, Setup, Story, begin, retell, run
from connector.staff import Staff
from connector.store.database import Database
from connector.store.followups import Followup
from connector.store.orders import encode
from connector.wording import written_out
from rules.events import Journal, Sight, observe
from rules.planner import Active, Facts, explain
from rules.timing import LONGEST_DAYS

SECRET = bytes(16)
"""Coupons get the same codes whenever a test is played."""

POLLED_EVERY = timedelta(minutes=1)
"""News is seen at once, so that a test can say to the minute when something is done."""


@dataclass(frozen=True, slots=True)
class Played:
    """What came of a test: all that happened to its orders, by their number, and all that was done, in order.

    `undone` is what was not done, or not yet; `refused` is why rules did not act, by rule, with the order's number.
    """

    case: Case
    shop: Shop
    happenings: Sequence[tuple[str, Happening]]
    done: Sequence[Act]
    undone: Sequence[Followup]
    refused: Sequence[tuple[str, str, str]]


@dataclass(frozen=True, slots=True)
class Stand:
    """What tests are played with: the ways out of the shop, made once, though nothing ever takes them."""

    loaded: Loaded
    lines: Mapping[str, Line]
    database: Database
    closing: ExitStack
    adapters: dict[tuple[str, str], StoreAdapter] = field(default_factory=dict)


@contextmanager
def stand_for(loaded: Loaded) -> Iterator[Stand]:
    """What the tests of this configuration are played with."""
    with ExitStack() as closing:
        lines = lines_in_peace(loaded.config.channels, _no_clock)
        for line in lines.values():
            closing.callback(line.channel.close)
        database = Database("sqlite:///:memory:")  # a shop has a state; nothing is read from this one, or written to it
        closing.callback(database.close)
        yield Stand(loaded, lines, database, closing)


def _no_clock() -> datetime:
    return datetime.max.replace(tzinfo=UTC)


def play(stand: Stand, case: Case) -> Played:
    """Let the time of a test pass."""
    moments = [each.at for told in case.orders for each in told.happenings]
    start = case.switched_on or min(moments) - timedelta(hours=1)
    end = case.until or max(moments) + timedelta(days=LONGEST_DAYS)
    shop = _shop(stand, case, start)
    told_by_id = {told.first.id: told for told in case.orders}
    going = begin(
        Setup({shop.id: shop}, start, end, lambda marks: (), written_out), (_story(shop, told) for told in case.orders)
    )
    lives = {life.story.past.order.id: life for life in going.lives}
    acts: list[Act] = []
    for act in run(going):
        acts.append(act)
        for news in _news(act):
            told = told_by_id[act.row.order_id]
            happenings = (*told.happenings, news)
            try:
                past = lived(told.first, happenings, case.store)
            except Untold:
                continue  # the store would refuse it: nothing changes
            told_by_id[act.row.order_id] = Told(told.first, happenings, past)
            retell(lives[act.row.order_id], past)
    rows = [row for life in going.lives for row in life.rows.values()]
    return Played(
        case,
        shop,
        [(told.first.number, each) for told in told_by_id.values() for each in told.happenings],
        [act for act in acts if act.made is not None],
        sorted((row for row in rows if row.state != "done"), key=lambda row: (row.at, row.id)),
        [
            each
            for told in told_by_id.values()
            for each in (
                _refused(shop, lives[told.first.id]) if told.first.id in lives else _left_alone(shop, told, start)
            )
        ],
    )


def _story(shop: Shop, told: Told) -> Story:
    order = told.past.order
    return Story(shop.id, encode(order), person_of(order, shop.id, SECRET), told=told.past)


def _shop(stand: Stand, case: Case, start: datetime) -> Shop:
    """The store with the rules that the test is about. Nobody is left out of anything for comparison."""
    store, config = case.store, stand.loaded.config
    chosen = case.test.keys.rules
    rules = stand.loaded.rules.get(store.id) or next(iter(stand.loaded.rules.values()))
    active = [
        replace(rule, enabled=True, holdout=None)
        for rule in rules
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
        staff=Staff(config.staff),
        clock=_no_clock,
        signed_by=config.signed_by,
        templates=stand.loaded.templates,
        lines=stand.lines,
        protection=config.protection,
        webhook_secret=config.webhook_secret,
    )


def _adapter(stand: Stand, store: StoreConfig) -> StoreAdapter:
    key = (store.id, store.platform)
    if key not in stand.adapters:
        stand.adapters[key] = make_adapter(store, _no_clock)
        stand.closing.callback(stand.adapters[key].close)
    return stand.adapters[key]


def _news(act: Act) -> list[Happening]:
    """What an action changes in its order, seen right after it."""
    if act.made is None:
        return []
    prepared, at = act.made.prepared, act.row.at + timedelta(seconds=1)
    if prepared.tags:
        return [Happening(at, "tagged", Tagged(tags=prepared.tags), by_rule=act.row.rule)]
    if prepared.status is not None:
        word = prepared.status.replace("-", "_")
        if word in HAPPENINGS and word != "status":
            return [Happening(at, word, HAPPENINGS[word].detail(), by_rule=act.row.rule)]
        return [Happening(at, "status", ToStatus(status=prepared.status), by_rule=act.row.rule)]
    return []


def _refused(shop: Shop, life: Life) -> list[tuple[str, str, str]]:
    """Why rules have not begun with an order, as it was when last planned: (rule, the order's number, why)."""
    begun = {(row.rule, row.subject) for row in life.rows.values()}
    number = life.story.past.order.number
    found = [(rule, number, why) for (rule, subject), why in life.refused.items() if (rule, subject) not in begun]
    told = {rule for rule, _ in [*begun, *life.refused]}
    return found + [each for each in _explained(shop, life.story, life.journal) if each[0] not in told]


def _left_alone(shop: Shop, told: Told, start: datetime) -> list[tuple[str, str, str]]:
    """The same for an order that had come to rest before the rules were switched on."""
    journal = observe(told.past.order, (), Sight(start, shop.ladders, shop.calendar, baseline=start))
    return _explained(shop, _story(shop, told), journal)


def _explained(shop: Shop, story: Story, journal: Journal) -> list[tuple[str, str, str]]:
    order = story.past.order
    facts = Facts(order, story.person, shop.calendar, shop.ladders, (), shop.protection.quiet)
    verdicts = explain(facts, journal, shop.rules, order.modified_at)
    return [(each.rule.id, order.number, each.outcome) for each in verdicts]
