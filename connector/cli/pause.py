"""Stop acting for a store, for a rule, or at all.

The stores are polled on, and what comes due meanwhile waits for 'aftersale resume'. Without an option, everything
is paused. It works while there are mistakes in the rules, too.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

import typer
from rich.console import Console

from connector.cli._clients import load_clients
from connector.cli._exits import Exit
from connector.cli._options import CONFIG, AsJson, ConfigPath
from connector.cli._pausing import Affected, affected_by, print_pauses, read
from connector.cli._screen import console, count, local
from connector.cli._state import now
from connector.store import followups, stores
from connector.store.stores import EVERY

A_WEEK = timedelta(days=7)


def pause(
    config: ConfigPath = CONFIG,
    as_json: AsJson = False,
    store: Annotated[str | None, typer.Option(help="Only this store.", metavar="ID")] = None,
    rule: Annotated[str | None, typer.Option(help="Only this rule.", metavar="ID")] = None,
) -> Exit:
    clients = load_clients(config, read)
    with affected_by(clients, store, rule) as affected:
        for each in affected:
            with each.database.write(durable=True) as connection:
                stores.pause(connection, each.store or EVERY, rule or EVERY, now())
        print_pauses(clients, as_json=as_json)
        if not as_json:
            for each in affected:
                _tell(console(), each)
    return clients.code


def _tell(screen: Console, affected: Affected) -> None:
    """What waits from now on, and what will be too late if that goes on."""
    with affected.database.read() as connection:
        found = followups.waiting(connection, (affected.store, affected.rule), now(), now() + A_WEEK)
    if not found.due + found.later:
        screen.print("Nothing is planned there just now.")
        return
    due = count(found.due, "action") if found.due else "nothing"
    screen.print(f"Waiting: {due} due now, {found.later:,} planned for later.")
    if found.first_expiry is not None:
        first = local(found.first_expiry, affected.zone)
        screen.print(f"Unless resumed, {found.will_expire:,} of them expire within a week, the first on {first}.")
