"""What was done for customers, and what it was worth.

What went out and what was withheld, how parcels fared by carrier, how soon orders are seen to, what people bought
afterwards (against those whom a rule's 'holdout' left out), coupons, refunds, and products with repeated complaints.
It asks the recorded state, not the stores. '--html FILE' writes it as one page, in each shop's language.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.padding import Padding
from rich.progress import Progress

from connector.cli._clients import Clients, find_store, load_clients
from connector.cli._exits import Exit, Stop
from connector.cli._options import CONFIG, AsJson, ConfigPath
from connector.cli._people import refuse_to_overwrite, write_anew
from connector.cli._screen import clean, console, iso, print_json, table
from connector.cli._since import read_since
from connector.cli._state import exists, now, state_of
from connector.config import StoreConfig, shown
from connector.loading import Loaded
from connector.report.account import Account, as_json
from connector.report.page import Part, page
from connector.report.reading import read_account
from connector.report.sheet import Section, Telling, left_out, period, sections
from connector.report.wording import wording
from connector.store import orders
from connector.store.database import Database, secret_of


@dataclass(frozen=True, slots=True)
class Told:
    """A store's account. `name` tells the store from all others."""

    name: str
    loaded: Loaded
    store: StoreConfig
    account: Account


def report(
    config: ConfigPath = CONFIG,
    as_json: AsJson = False,
    since: Annotated[str, typer.Option(metavar="DATE|30d", help="From this day on, or from so long ago.")] = "30d",
    store: Annotated[str | None, typer.Option(metavar="ID", help="Only this store.")] = None,
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="Write it into this file, as a page.")] = None,
) -> Exit:
    if html is not None:
        refuse_to_overwrite(html)
    clients = load_clients(config)
    told = list(_accounts(clients, since, store))
    if html is not None:
        write_anew(html, page([_part(each) for each in told]))
    if as_json:
        print_json({"stores": {each.name: _json(each) for each in told}})
    elif html is not None:
        console().print(f"Written to {shown(html)}.")
    else:
        for each in told:
            _show(console(), each)
    return clients.code


def _accounts(clients: Clients, since: str, wanted: str | None) -> Iterator[Told]:
    """The account of every store that has run before, or of the one that is wanted."""
    only = find_store(clients, wanted) if wanted is not None else None
    until = now()
    chosen = [
        (name, loaded, store)
        for name, loaded, store in clients.stores()
        if only is None or (loaded is only[0] and store is only[1])
    ]
    begins = [read_since(since, until, store.calendar.zone) for _, _, store in chosen]
    if not any(exists(loaded) for _, loaded, _ in chosen):
        file = shown(chosen[0][1].config.file)
        raise Stop(Exit.MISTAKE, f"{file} has not run yet: begin with 'aftersale run --once'")
    for (name, loaded, store), begin in zip(chosen, begins, strict=True):
        if exists(loaded):
            with state_of(loaded) as database:
                yield Told(name, loaded, store, _account(database, name, store, begin, until))


def _account(database: Database, name: str, store: StoreConfig, since: datetime, until: datetime) -> Account:
    with database.read() as connection:
        known = orders.count(connection, store.id)
    with _progress(name, known) as seen:
        return read_account(database, store, secret_of(database), since, until, seen)


@contextmanager
def _progress(name: str, known: int) -> Iterator[Callable[[int], object]]:
    """A bar on stderr, where a person watches."""
    screen = Console(stderr=True)
    with Progress(console=screen, transient=True, disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task(f"Orders of {clean(name)}", total=known)
        yield lambda more: progress.advance(task, more)


def _json(each: Told) -> dict[str, object]:
    frame = each.account.frame
    return {"since": iso(frame.since), "until": iso(frame.until), **as_json(each.account)}


def _part(each: Told) -> Part:
    """A store's part of the page, in its language."""
    say = wording(each.store.locale)
    names = {rule.id: rule.name for rule in each.loaded.rules[each.store.id]}
    account = each.account
    told = sections(account, Telling(say, names))
    return Part(each.store.name, period(account, say), account.orders, say, told, left_out(account, say))


# For people ---------------------------------------------------------------------------------------------------


def _show(screen: Console, each: Told) -> None:
    """In English, as all that the command says, with rules by their ids."""
    say = wording("en")
    screen.print(f"{clean(each.name)}: {say('title').lower()}", style="bold")
    screen.print(f"{period(each.account, say)}. {say('orders')}: {say.number(each.account.orders)}.\n")
    told = [section for section in sections(each.account, Telling(say, {})) if not section.is_empty]
    for section in told:
        _show_section(screen, section)
    if not told:
        screen.print(f"{say('nothing')}\n")
    if (closing := left_out(each.account, say)) is not None:
        screen.print(f"{closing}\n")


def _show_section(screen: Console, section: Section) -> None:
    screen.print(section.title, style="bold")
    if section.facts:
        facts = "   ".join(f"{name}: {value}" for name, value in section.facts)
        screen.print(Padding(facts, (0, 0, 0, 2)))
    for finding in section.findings:
        screen.print(Padding(clean(finding), (0, 0, 0, 2)))
    for shown_table in section.tables:
        if shown_table.rows:
            made = table(*shown_table.headers)
            for column in made.columns[1:]:
                column.justify = "right"
            for row in shown_table.rows:
                made.add_row(*map(clean, row))
            screen.print(Padding(made, (1, 0, 0, 2)))
    for note in section.notes:
        screen.print(Padding(note, (1, 0, 0, 2)), style="dim")
    screen.print()
