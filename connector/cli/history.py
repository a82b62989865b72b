"""What was done, and what was not and why.

One line an action that is planned no more: done, skipped, failed, held for a person, or unknown. The latest stands
last. What is still planned is listed by 'aftersale pending'. What a rule did before it was edited is told with the
time since when the rule was as it was then.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from connector.cli._clients import load_clients
from connector.cli._exits import Exit
from connector.cli._options import CONFIG, AsJson, ConfigPath
from connector.cli._rows import Found, outdated_versions, rows_json, rows_table
from connector.cli._screen import console, print_json
from connector.cli._state import state_of, with_state
from connector.store import followups
from rules.facts import State

SHOWN = 50
PAST: tuple[State, ...] = ("done", "skipped", "held", "failed", "unknown")


def history(
    config: ConfigPath = CONFIG,
    as_json: AsJson = False,
    limit: Annotated[
        int | None, typer.Option(min=1, help=f"Only so many, the latest (unless told: {SHOWN}, and all with --json).")
    ] = None,
) -> Exit:
    clients = load_clients(config)
    most = limit or (None if as_json else SHOWN)
    found: Found = []
    outdated: dict[tuple[Path, str, str, str], datetime] = {}
    for loaded in with_state(clients):
        with state_of(loaded) as database, database.read() as connection:
            found += [(loaded, row) for row in followups.in_state(connection, PAST, limit=most)]
            outdated |= outdated_versions(connection, loaded)
    found.sort(key=lambda each: each[1].at)
    if most is not None:
        found = found[-most:]
    if as_json:
        print_json(rows_json(clients, found))
    elif found:
        console().print(rows_table(clients, found, when="When", with_state=True, outdated=outdated))
    else:
        console().print("Nothing has happened yet.")
    return clients.code
