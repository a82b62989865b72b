"""End a pause.

What came due meanwhile is done at the next run, unless it has expired. Without an option, every pause ends.
"""

from __future__ import annotations

from typing import Annotated

import typer

from connector.cli._clients import load_clients
from connector.cli._exits import Exit, Stop
from connector.cli._options import CONFIG, AsJson, ConfigPath
from connector.cli._pausing import databases_of, print_pauses
from connector.store import stores
from connector.store.stores import EVERY


def resume(
    config: ConfigPath = CONFIG,
    as_json: AsJson = False,
    store: Annotated[str | None, typer.Option(help="Only this store.", metavar="ID")] = None,
    rule: Annotated[str | None, typer.Option(help="Only this rule.", metavar="ID")] = None,
) -> Exit:
    clients = load_clients(config)
    ended = False
    with databases_of(clients, store, rule) as affected:
        for each in affected:
            with each.database.write(durable=True) as connection:
                everything = each.store is None and rule is None
                ends = stores.paused(connection) if everything else {(each.store or EVERY, rule or EVERY)}
                for pause in ends:
                    ended |= stores.resume(connection, *pause)
    if not ended and (store or rule):
        what = " and ".join(f"{noun} '{name}'" for noun, name in (("store", store), ("rule", rule)) if name)
        raise Stop(Exit.MISTAKE, f"there is no pause of {what} by itself; 'aftersale status' shows what is paused")
    print_pauses(clients, as_json=as_json)
    return clients.code
