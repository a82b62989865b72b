"""Erase a customer's data, and never write to them again.

Give an e-mail address or a phone number, or a file with one a line, or with a platform's requests to erase customers
('--from -' reads them from standard input). What was done for their orders stays recorded, so that nothing is done
twice; who they are does not. It shows what it found, and asks, before anything is erased.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from connector.cli._clients import Clients
from connector.cli._exits import Exit, Stop
from connector.cli._options import CONFIG, AsJson, ConfigPath
from connector.cli._people import Asked, ClientName, asked, chosen_clients, name_in_front, numbers, opened
from connector.cli._screen import clean, console, count, print_json
from connector.cli._state import now
from connector.forgetting import Found, Request, find
from connector.forgetting import forget as erase
from connector.loading import Loaded
from connector.store.database import secret_of


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked of one client, and what was found of each person there."""

    loaded: Loaded
    requests: tuple[Request, ...]
    found: tuple[Found, ...]


def forget(
    who: Annotated[
        str | None, typer.Argument(metavar="[EMAIL]", help="Whom: an e-mail address or a phone number.")
    ] = None,
    config: ConfigPath = CONFIG,
    as_json: AsJson = False,
    from_file: Annotated[
        Path | None,
        typer.Option("--from", help="A file of addresses, or of Shopify's redact requests.", metavar="FILE"),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    client: ClientName = None,
) -> Exit:
    people = asked(who, from_file)
    clients = chosen_clients(config, client)
    wishes = [wish for loaded in clients.loaded if (wish := _look(loaded, people)).requests]
    if not wishes:
        raise Stop(Exit.MISTAKE, "none of the shops that this is about is in the configuration: nothing was erased")
    if not as_json:
        _show(clients, wishes)
    if not yes:
        _ask(as_json=as_json)
    done = [_erase(wish) for wish in wishes]
    if as_json:
        print_json({"forgotten": [row for wish in done for row in _rows(clients, wish)]})
    else:
        console().print("Erased. They are on the suppression list, as hashes alone, and are never written to again.")
    return clients.code


def _look(loaded: Loaded, people: list[Asked]) -> Wish:
    requests = tuple(each for one in people if (each := one.in_stores(loaded.config.stores)) is not None)
    with opened(loaded) as database, database.read() as connection:
        return Wish(loaded, requests, tuple(find(connection, requests, secret_of(database))))


def _erase(wish: Wish) -> Wish:
    """As things are by now: an order may have come in since it was looked."""
    with opened(wish.loaded) as database:
        found = erase(database, wish.requests, secret_of(database), now())
    return Wish(wish.loaded, wish.requests, tuple(found))


def _ask(*, as_json: bool) -> None:
    """Raises Stop unless somebody says yes."""
    if as_json:
        raise Stop(Exit.MISTAKE, "nothing was erased: with --json nobody can be asked, so say --yes as well")
    try:
        agreed = typer.confirm("\nErase this for good?")
    except typer.Abort:
        raise Stop(Exit.MISTAKE, "nothing was erased: nobody was there to be asked; --yes does it unasked") from None
    if not agreed:
        raise Stop(Exit.MISTAKE, "nothing was erased")


def _rows(clients: Clients, wish: Wish) -> list[dict[str, object]]:
    """One row a person, by their place in the request: their addresses are not to be kept in anybody's log."""
    return [
        clients.labelled(
            wish.loaded,
            {
                "orders": [{"store": each.store, "order": each.number} for each in person.orders],
                "by_phone": [{"store": each.store, "order": each.number} for each in person.by_phone],
            },
        )
        for person in wish.found
    ]


def _show(clients: Clients, wishes: list[Wish]) -> None:
    screen = console()
    for wish in wishes:
        front = name_in_front(clients, wish.loaded)
        for number, person in enumerate(wish.found, 1):
            who = f"person {number}: " if len(wish.found) > 1 else ""
            if not person.all:
                screen.print(f"{front}{who}nothing is kept of them here. They will be on the suppression list.")
                continue
            screen.print(f"{front}{who}{count(len(person.all), 'order')}, with all that is kept about them:")
            if person.orders:
                screen.print(f"  {clean(numbers(person.orders))}")
            if person.by_phone:
                screen.print(f"  {clean(numbers(person.by_phone))}: made by a guest with the same phone")
