"""End a pause.

What came due meanwhile is done at the next run, unless it has expired; where it is far more than usual, it is held for
your approval. Without an option, every pause ends.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import typer
from rich.console import Console

from connector.breaking import excess_of
from connector.cli._clients import load_clients
from connector.cli._exits import Exit, Stop
from connector.cli._options import CONFIG, AsJson, ConfigPath
from connector.cli._pausing import Affected, affected_by, in_words, print_pauses, read
from connector.cli._screen import ago, console, count
from connector.cli._state import now
from connector.store import followups, stores
from connector.store.stores import EVERY, Pause


def resume(
    config: ConfigPath = CONFIG,
    as_json: AsJson = False,
    store: Annotated[str | None, typer.Option(help="Only this store.", metavar="ID")] = None,
    rule: Annotated[str | None, typer.Option(help="Only this rule.", metavar="ID")] = None,
) -> Exit:
    clients = load_clients(config, read)
    any_ended = False
    with affected_by(clients, store, rule) as affected:
        for each in affected:
            ended = _end(each)
            any_ended |= bool(ended)
            if ended and not as_json:
                _tell(console(), each, ended)
    if not any_ended and (store or rule):
        what = " and ".join(f"{noun} '{name}'" for noun, name in (("store", store), ("rule", rule)) if name)
        raise Stop(Exit.MISTAKE, f"there is no pause of {what} by itself; 'aftersale status' shows what is paused")
    print_pauses(clients, as_json=as_json)
    return clients.code


def _end(affected: Affected) -> list[Pause]:
    """End the pause that is named, or all of them; gives those that were in force."""
    named = (affected.store or EVERY, affected.rule or EVERY)
    with affected.database.write(durable=True) as connection:
        ended = [each for each in stores.paused(connection) if named in ((EVERY, EVERY), (each.store, each.rule))]
        for each in ended:
            stores.resume(connection, each.store, each.rule)
    return ended


def _tell(screen: Console, affected: Affected, ended: list[Pause]) -> None:
    """What the next run makes of it."""
    with affected.database.read() as connection:
        for each in ended:
            of = (None if each.store == EVERY else each.store, None if each.rule == EVERY else each.rule)
            due = followups.waiting(connection, of, now(), now()).due
            expired = followups.count_expired(connection, of, each.since, now())
            told = f"{count(due, 'action')} due" if due else "nothing is due just now"
            late = f"; {count(expired, 'action')} expired meanwhile, and will not be done" if expired else ""
            what = in_words(each.store, each.rule)
            screen.print(f"Resumed: {what}, paused {ago(each.since, now())}: {told}{late}.")
    screen.print("What is due is done by the next run, within the hours that each rule keeps.")
    for line in _breakers(affected):
        screen.print(line)


def _breakers(affected: Affected) -> Iterator[str]:
    """The rules that have piled up so much that the next run will hold it."""
    with affected.database.read() as connection:
        paused = stores.paused(connection)
        for store in affected.stores:
            due = set(followups.due_rules(connection, store.id, now()))
            for rule in affected.loaded.rules[store.id]:
                if rule.id not in due or affected.rule not in (None, rule.id):
                    continue
                if any(pause.holds_up(store.id, rule.id) for pause in paused):
                    continue
                excess = excess_of(connection, store.id, rule.id, rule.max_per_run, store.calendar, now())
                if excess is not None:
                    yield (
                        f"Rule '{rule.id}' would act on {excess.steps:,} follow-ups {excess.span}; its {excess.limit}: "
                        "the next run holds them for your approval."
                    )
