"""What the rules would have done with a store's past: orders read, replayed, and added up.

Only ever reads. A store that is looked after already is taken from the state, as last polled; another is asked for what
has changed since.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache

from connector.config import StoreConfig
from connector.lines import Line
from connector.loading import Loaded
from connector.opening import MakeAdapter, make_adapter
from connector.people import person_of
from connector.poller import Progress as Walked
from connector.prepare import WRITTEN, Judged, Words
from connector.replay import Act, Progress, Replay, Setup, Story, begin, refusals, run
from connector.shop import Clock, Shop
from connector.staff import Staff
from connector.store import orders, stores, suppressions
from connector.store.database import Database, secret_of
from connector.store.suppressions import Listed, Suppression
from rules.letter import FrontMatter, read_letter
from rules.locales import choose_locale, wanted_locales
from rules.messages import NO_BRAND, Rendered, render_words
from rules.planner import Active
from rules.rule import Rule
from rules.templates import Context

WRITTEN_OUT = 10
"""How many messages of each rule are written out in full."""


@dataclass(frozen=True, slots=True)
class Example:
    """A message as it would have gone out."""

    at: datetime
    order: str
    channel: str
    subject: str | None
    text: str


@dataclass(slots=True)
class Outcome:
    """What one rule would have done in one store: counts of actions, and of messages by when they would have gone out.

    `reasons` is why something of it would not have been done, or not have begun, `put_off` by what it was put off.
    """

    store: str
    rule: str
    messages: int = 0
    done: Counter[str] = field(default_factory=Counter)
    people: Counter[str] = field(default_factory=Counter)
    days: Counter[str] = field(default_factory=Counter)
    hours: Counter[int] = field(default_factory=Counter)
    channels: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    held: int = 0
    to_come: int = 0
    examples: list[Example] = field(default_factory=list)


@dataclass(slots=True)
class Simulation:
    """What would have happened from `start` to `end` (UTC).

    `unknown` is how many orders got a status, by (store, status), of which the store does not say when. `broken` are
    stores, and orders by their ids, that could not be read, with why. `busiest` is who would have got the most.
    """

    start: datetime
    end: datetime
    outcomes: dict[tuple[str, str], Outcome]
    orders: Counter[str] = field(default_factory=Counter)
    unknown: Counter[tuple[str, str]] = field(default_factory=Counter)
    broken: list[tuple[str, str, str]] = field(default_factory=list)
    of_person: dict[str, list[tuple[datetime, str, str]]] = field(default_factory=lambda: defaultdict(list))

    @property
    def busiest(self) -> Sequence[tuple[datetime, str, str]]:
        """The messages of whoever would have got the most: (when, the order's number, the rule)."""
        return max(self.of_person.values(), key=len, default=())


# The shops, as a replay needs them ------------------------------------------------------------------------------


def rehearsing(
    loaded: Loaded,
    chosen: Sequence[StoreConfig],
    rules: Mapping[str, Sequence[Rule]],
    start: datetime,
    database: Database,
    lines: Mapping[str, Line],
    clock: Clock,
    make_adapter: MakeAdapter = make_adapter,
) -> dict[str, Shop]:
    """These stores with their rules switched on at `start`. Nothing is asked of anybody yet."""
    config = loaded.config
    secret = secret_of(database)
    return {
        store.id: Shop(
            config=store,
            adapter=make_adapter(store, clock),
            database=database,
            secret=secret,
            rules=tuple(Active(rule, start) for rule in rules[store.id]),
            calendar=store.calendar,
            ladders=store.ladders,
            staff=Staff(config.staff),
            clock=clock,
            signed_by=config.signed_by,
            templates=loaded.templates,
            lines=lines,
            protection=config.protection,
            webhook_secret=config.webhook_secret,
        )
        for store in chosen
    }


def suppressed(database: Database) -> Listed:
    """The suppression list as it is now, looked up without asking the database each time."""
    with database.read() as connection:
        rows = suppressions.every(connection)
    by_mark: dict[str, list[Suppression]] = defaultdict(list)
    for row in rows:
        by_mark[row.mark].append(row)
    return lambda marks: [row for mark in sorted(marks) for row in by_mark.get(mark, ())]


# Orders ---------------------------------------------------------------------------------------------------------


def is_known(shop: Shop) -> bool:
    """Whether the state has the store's orders, so that nothing need be asked of the store."""
    with shop.database.read() as connection:
        return stores.load(connection, shop.id).baseline_done_at is not None


def known_stories(shop: Shop) -> Iterator[Story]:
    """The orders that the state knows, as last polled, each with its journal."""
    with shop.database.read() as connection:
        for known in orders.every(connection, shop.id):
            yield Story(shop.id, known.raw, known.person, known.journal, known.erased)


def fetched_stories(shop: Shop, start: datetime, broken: list[tuple[str, str, str]], walked: Walked) -> Iterator[Story]:
    """The orders that have changed since, asked from the store. Raises the adapter's errors; what came first counts."""
    done = 0
    for page in shop.adapter.changed_orders(shop.adapter.since(start)):
        for order in page.orders:
            yield Story(shop.id, orders.encode(order), person_of(order, shop.id, shop.secret))
        broken += [(shop.id, each.order_id, each.reason) for each in page.broken]
        done += len(page.orders)
        walked(done, page.total)


# The replay, added up -------------------------------------------------------------------------------------------


def simulate(
    shops: Mapping[str, Shop], stories: Iterable[Story], start: datetime, end: datetime, listed: Listed, told: Progress
) -> Simulation:
    """Replay these orders from `start` to `end`, and add up what would have become of them."""
    outcomes = {
        (shop.id, active.rule.id): Outcome(shop.id, active.rule.id) for shop in shops.values() for active in shop.rules
    }
    simulation = Simulation(start, end, outcomes)
    going = begin(Setup(shops, start, end, listed, mostly_blank(simulation)), _counted(stories, simulation))
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
        outcome.reasons[row.reason or row.state] += 1
        return
    outcome.done[row.kind] += 1
    prepared = act.made.prepared
    if prepared.to is None:
        return
    at = row.at.astimezone(shop.calendar.zone)
    outcome.messages += 1
    outcome.people[row.person] += 1
    outcome.days[f"{at:%Y-%m-%d}"] += 1
    outcome.hours[at.hour] += 1
    outcome.channels[prepared.channel or "platform"] += 1
    simulation.of_person[row.person].append((row.at, row.number, row.rule))
    if len(outcome.examples) < WRITTEN_OUT:
        outcome.examples.append(
            Example(row.at, row.number, prepared.channel or "platform", prepared.subject, prepared.text or "")
        )


def _count_what_is_left(simulation: Simulation, going: Replay) -> None:
    for life in going.lives:
        for row in life.rows.values():
            if row.state == "pending":
                simulation.outcomes[row.store, row.rule].to_come += 1
        if life.guessed is not None:
            simulation.unknown[life.shop.id, life.guessed] += 1
    for (store, rule, reason), number in refusals(going).items():
        simulation.outcomes[store, rule].reasons[reason] += number


# Words ----------------------------------------------------------------------------------------------------------

BLANK = "…"


def mostly_blank(simulation: Simulation) -> Words:
    """The first messages of each rule are written out; of the others it only counts by which channel they can go."""

    def message(
        shop: Shop, judged: Judged, context: Context, text: str | None, template: str | None, unsubscribe: str | None
    ) -> Rendered:
        if len(simulation.outcomes[shop.id, judged.wanted.rule.id].examples) < WRITTEN_OUT:
            return WRITTEN.message(shop, judged, context, text, template, unsubscribe)
        if template is None:
            return render_words(BLANK, context, name=judged.wanted.rule.id)
        texts = shop.templates[template]
        locale = choose_locale(texts, wanted_locales(judged.facts.order, shop.config.locale))
        return blank_letter(context, locale, texts[locale])

    return Words(lambda source, context, markup, name: BLANK, message)


def blank_letter(context: Context, locale: str, source: str) -> Rendered:
    """A message that goes by the same channels as this template, and says nothing."""
    return Rendered(_blank_front(source), BLANK, None, context, locale, "", NO_BRAND, None)


@lru_cache(maxsize=256)
def _blank_front(source: str) -> FrontMatter:
    approved = read_letter(source, "").front.whatsapp
    if approved is None:
        return FrontMatter()
    return FrontMatter(whatsapp=approved.model_copy(update={"parameters": (BLANK,) * len(approved.parameters)}))
