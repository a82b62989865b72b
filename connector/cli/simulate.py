"""What the rules would have done, had they been switched on some time ago.

Past orders are replayed under a moving clock, with the rules, hours, caps and breakers as they stand on disk. Nothing
is written and nothing is sent: of a store that is looked after, the orders are those of its last poll; another is
asked for what has changed since. '--html FILE' writes a page with plots and the first messages of each rule.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import datetime, tzinfo
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress as Bars
from rich.progress import TaskID

from adapters.errors import AdapterError
from connector.cli._clients import Clients, find_store, load_clients, no_such
from connector.cli._exits import Exit, Stop
from connector.cli._options import CONFIG, AsJson, ConfigPath
from connector.cli._people import refuse_to_overwrite, write_anew
from connector.cli._screen import clean, console, count, iso, local, print_json, table
from connector.cli._since import read_since
from connector.cli._state import exists, now, state_errors
from connector.config import StoreConfig, shown
from connector.lines import lines_in_peace
from connector.loading import Loaded
from connector.shop import Shop
from connector.simulation import outcome as outcomes
from connector.simulation.outcome import Outcome, Simulation, days_of
from connector.simulation.page import page, plain, what_is_not_known
from connector.simulation.shelf import Story
from connector.simulation.stories import fetched_stories, is_known, known_stories, rehearsing, suppressed
from connector.store.database import Database, open_database
from rules.rule import Rule

REASONS = 3
"""How many reasons of each rule are shown."""
MESSAGES = 10
"""How many messages are shown on the screen."""
WIDEST = 100
LONGEST_BAR = 40


def simulate(
    config: ConfigPath = CONFIG,
    as_json: AsJson = False,
    since: Annotated[str, typer.Option(metavar="DATE|30d", help="From this day on, or from so long ago.")] = "30d",
    rule: Annotated[str | None, typer.Option(metavar="ID", help="Only this rule, even if it is switched off.")] = None,
    store: Annotated[str | None, typer.Option(metavar="ID", help="Only this store.")] = None,
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="Write it into this file, as a page.")] = None,
) -> Exit:
    if html is not None:
        refuse_to_overwrite(html)
    clients = load_clients(config)
    told = [(loaded, _simulation(loaded, stores, rule, since)) for loaded, stores in _chosen(clients, store, rule)]
    if html is not None:
        write_anew(html, page(told))
    if as_json:
        print_json([clients.labelled(loaded, _as_json(simulation)) for loaded, simulation in told])
    else:
        for loaded, simulation in told:
            _show(console(), loaded, simulation)
        if html is not None:
            console().print(f"\nWritten to {shown(html)}.")
    failed = any(not order for _, simulation in told for _, order, _ in simulation.broken)
    return clients.code or (Exit.FAILED if failed else Exit.WELL)


def _chosen(clients: Clients, store: str | None, rule: str | None) -> Iterator[tuple[Loaded, tuple[StoreConfig, ...]]]:
    """The clients with the stores that are meant. Raises Stop for a store or rule that there is not."""
    only = find_store(clients, store) if store is not None else None
    if rule is not None:
        known = {each.id for loaded in clients.loaded for rules in loaded.rules.values() for each in rules}
        if rule not in known:
            raise Stop(Exit.MISTAKE, no_such("rule", rule, known))
    for loaded in clients.loaded:
        if only is None:
            yield loaded, loaded.config.stores
        elif only[0] is loaded:
            yield loaded, (only[1],)


def _simulation(loaded: Loaded, chosen: Sequence[StoreConfig], rule: str | None, since: str) -> Simulation:
    end = now()
    start = read_since(since, end, chosen[0].calendar.zone)
    rules = {store.id: _rules(loaded.rules[store.id], rule) for store in chosen}
    with ExitStack() as stack:
        database = stack.enter_context(_state_or_scratch(loaded))
        lines = lines_in_peace(loaded.config.channels, now)
        shops = rehearsing(loaded, chosen, rules, start, database, lines, now)
        for closing in (
            *(shop.adapter.close for shop in shops.values()),
            *(line.channel.close for line in lines.values()),
        ):
            stack.callback(closing)
        bars = stack.enter_context(_bars())
        broken: list[tuple[str, str, str]] = []
        stories = _stories(shops, start, broken, bars)
        task = bars.add_task("Time passes", total=(end - start).total_seconds())
        told = outcomes.simulate(
            shops,
            stories,
            start,
            end,
            suppressed(database),
            lambda moment: bars.update(task, completed=(moment - start).total_seconds()),
        )
        told.broken = broken
        return told


def _rules(rules: Sequence[Rule], wanted: str | None) -> Sequence[Rule]:
    """Those that are switched on; or the one that is wanted, as if it were."""
    if wanted is None:
        return [each for each in rules if each.enabled]
    return [replace(each, enabled=True) for each in rules if each.id == wanted]


@contextmanager
def _state_or_scratch(loaded: Loaded) -> Iterator[Database]:
    """The client's state; where it has not run yet, an empty one that is thrown away."""
    with ExitStack() as stack:
        url = loaded.config.database.get_secret_value()
        if not exists(loaded):
            url = f"sqlite:///{stack.enter_context(TemporaryDirectory(prefix='aftersale-'))}/scratch.db"
        with state_errors():
            database = open_database(url)
        stack.callback(database.close)
        yield database


def _stories(
    shops: dict[str, Shop], start: datetime, broken: list[tuple[str, str, str]], bars: Bars
) -> Iterator[Story]:
    """The orders of all stores. One that cannot be read is noted in `broken`, and what came of it before counts."""
    for shop in shops.values():
        if is_known(shop):
            yield from known_stories(shop)
            continue
        task = bars.add_task(f"Orders of {clean(shop.config.name)}", total=None)
        try:
            yield from fetched_stories(shop, start, broken, _moving(bars, task))
        except AdapterError as error:
            broken.append((shop.id, "", str(error)))


def _moving(bars: Bars, task: TaskID) -> Callable[[int, int | None], None]:
    return lambda done, total: bars.update(task, completed=done, total=total)


@contextmanager
def _bars() -> Iterator[Bars]:
    """Bars on stderr, with how long it may still take, where a person watches."""
    with Bars(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as bars:
        yield bars


# For people -----------------------------------------------------------------------------------------------------


def _show(screen: Console, loaded: Loaded, told: Simulation) -> None:
    zone = loaded.config.stores[0].calendar.zone
    screen.width = min(screen.width, WIDEST)
    period = f"{told.start.astimezone(zone):%Y-%m-%d} to {told.end.astimezone(zone):%Y-%m-%d}"
    screen.print(f"As if the rules had been switched on: {period}", style="bold")
    screen.print(f"{count(sum(told.orders.values()), 'order')} looked at; nothing was sent, and nothing written.\n")
    for store, order, why in told.broken:
        screen.print(f"{store}: {f'order {clean(order)} ' if order else ''}could not be read: {clean(why)}")
    outcomes = list(told.outcomes.values())
    if not any(told.orders.values()):
        screen.print("There are no orders to try the rules on.")
        return
    shown_table = table("Store", "Rule", "Messages", "People", "Other actions", "Held", "To come")
    for each in outcomes:
        other = ", ".join(f"{number} {kind}" for kind, number in each.done.items() if kind != "send")
        numbers = (str(each.messages), str(each.people), other or "–", str(each.held), str(each.to_come))
        shown_table.add_row(each.store, each.rule, *numbers)
    screen.print(shown_table)
    _show_times(screen, outcomes, told, zone)
    _show_reasons(screen, outcomes)
    if len(told.busiest) > 1:
        screen.print(f"\nThe busiest customer: {count(len(told.busiest), 'message')}", style="bold")
        for at, order, rule in told.busiest:
            screen.print(f"  {local(at, zone)}  {rule}, order {clean(order)}")
    _show_messages(screen, outcomes, zone)
    if told.unknown:
        screen.print("\nWhat history does not tell", style="bold")
        for line in what_is_not_known(told):
            screen.print(f"  {line}")


def _show_times(screen: Console, outcomes: Sequence[Outcome], told: Simulation, zone: tzinfo) -> None:
    days = days_of(outcomes, told.start.astimezone(zone).date(), told.end.astimezone(zone).date())
    if not sum(days.values()):
        return
    screen.print("\nMessages a day", style="bold")
    _show_bars(screen, [(f"{day:%a %d %b}", number) for day, number in days.items()])
    screen.print("\nMessages by hour", style="bold")
    hours = sum((each.hours for each in outcomes), Counter[int]())
    _show_bars(screen, [(f"{hour:02}:00", hours[hour]) for hour in range(min(hours), max(hours) + 1)])


def _show_bars(screen: Console, rows: Sequence[tuple[str, int]]) -> None:
    most = max(number for _, number in rows)
    for name, number in rows:
        bar = "█" * max(round(number / most * LONGEST_BAR), 1) if number else ""
        screen.print(f"  {name}  {bar} {number or '·'}")


def _show_reasons(screen: Console, outcomes: Sequence[Outcome]) -> None:
    if any(each.reasons for each in outcomes):
        screen.print("\nWhy not", style="bold")
    for each in outcomes:
        for reason, number in each.reasons.most_common(REASONS):
            screen.print(f"  {each.rule}, {number:,} ×: {clean(reason)}")


def _show_messages(screen: Console, outcomes: Sequence[Outcome], zone: tzinfo) -> None:
    examples = sorted(
        ((example, each.rule) for each in outcomes for example in each.examples), key=lambda pair: pair[0].at
    )
    if examples:
        screen.print(f"\nThe first {count(min(len(examples), MESSAGES), 'message')}", style="bold")
    for example, rule in examples[:MESSAGES]:
        screen.print(f"\n  {local(example.at, zone)}  {rule}, order {clean(example.order)}, by {example.channel}")
        for line in plain(example).splitlines():
            screen.print(f"    {clean(line)}")


# For programs ---------------------------------------------------------------------------------------------------


def _as_json(told: Simulation) -> dict[str, object]:
    return {
        "since": iso(told.start),
        "until": iso(told.end),
        "orders": dict(told.orders),
        "rules": [_outcome_json(outcome) for outcome in told.outcomes.values()],
        "busiest": [{"at": iso(at), "order": order, "rule": rule} for at, order, rule in told.busiest],
        "unknown": [{"store": store, "event": event, "orders": n} for (store, event), n in told.unknown.items()],
        "not_read": [{"store": store, "order": order or None, "reason": why} for store, order, why in told.broken],
    }


def _outcome_json(outcome: Outcome) -> dict[str, object]:
    return {
        "store": outcome.store,
        "rule": outcome.rule,
        "messages": outcome.messages,
        "people": outcome.people,
        "done": dict(outcome.done),
        "held": outcome.held,
        "to_come": outcome.to_come,
        "channels": dict(outcome.channels),
        "days": {f"{day}": number for day, number in sorted(outcome.days.items())},
        "hours": [outcome.hours[hour] for hour in range(24)],
        "not_sent": [{"reason": reason, "count": number} for reason, number in outcome.reasons.most_common()],
        "examples": [
            {
                "at": iso(each.at),
                "order": each.order,
                "channel": each.channel,
                "subject": each.subject,
                "text": each.text,
            }
            for each in outcome.examples
        ],
    }
