"""What will go out, and when.

One line an action that is planned, the next one first. What was done, skipped, held or has failed is listed by
'aftersale history'.
"""

from __future__ import annotations

from connector.cli._clients import load_clients
from connector.cli._exits import Exit
from connector.cli._options import CONFIG, AsJson, ConfigPath
from connector.cli._rows import Found, rows_json, rows_table
from connector.cli._screen import console, count, print_json
from connector.cli._state import state_of, with_state
from connector.store import followups

SHOWN = 100
"""How many a person is shown."""


def pending(config: ConfigPath = CONFIG, as_json: AsJson = False) -> Exit:
    clients = load_clients(config)
    found: Found = []
    waiting = 0
    for loaded in with_state(clients):
        with state_of(loaded) as database, database.read() as connection:
            found += [(loaded, row) for row in followups.in_state(connection, ["pending"])]
            waiting += len(followups.in_state(connection, ["held"]))
    found.sort(key=lambda each: each[1].meant_for)
    if as_json:
        print_json(rows_json(clients, found))
        return clients.code
    screen = console()
    if found:
        screen.print(rows_table(clients, found[:SHOWN], when="Due", with_state=False))
    else:
        screen.print("Nothing is planned.")
    if len(found) > SHOWN:
        screen.print(f"\n… and {len(found) - SHOWN:,} more; --json lists them all.")
    if waiting:
        verb = "is" if waiting == 1 else "are"
        screen.print(f"\n{count(waiting, 'action')} {verb} held for you: see 'aftersale status'.")
    return clients.code
