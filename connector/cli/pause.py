"""Stop acting for a store, for a rule, or at all.

The stores are polled on, and what comes due meanwhile waits for 'aftersale resume'. Without an option, everything
is paused.
"""

from __future__ import annotations

from typing import Annotated

import typer

from connector.cli._clients import load_clients
from connector.cli._exits import Exit
from connector.cli._options import CONFIG, AsJson, ConfigPath
from connector.cli._pausing import databases_of, print_pauses
from connector.cli._state import now
from connector.store import stores
from connector.store.stores import EVERY


def pause(
    config: ConfigPath = CONFIG,
    as_json: AsJson = False,
    store: Annotated[str | None, typer.Option(help="Only this store.", metavar="ID")] = None,
    rule: Annotated[str | None, typer.Option(help="Only this rule.", metavar="ID")] = None,
) -> Exit:
    clients = load_clients(config)
    with databases_of(clients, store, rule) as affected:
        for each in affected:
            with each.database.write(durable=True) as connection:
                stores.pause(connection, each.store or EVERY, rule or EVERY, now())
    print_pauses(clients, as_json=as_json)
    return clients.code
