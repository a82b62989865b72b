"""Let go, or drop, what is held for your approval.

Without an argument: all of it. With rules' or actions' ids (see 'aftersale status'): those only. What is let go is
done by the next run, within the hours that its rule keeps.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from connector import deciding
from connector.cli._clients import Clients, load_clients, no_such
from connector.cli._exits import Exit, Stop
from connector.cli._options import CONFIG, AsJson, ConfigPath
from connector.cli._rows import Found, by_rule, rows_json
from connector.cli._screen import clean, console, count, print_json
from connector.cli._state import by_shop, state_of, with_state
from connector.store import followups
from connector.store.followups import Followup

SHOWN = 5


def approve(
    which: Annotated[
        list[str] | None, typer.Argument(metavar="[ID|RULE]...", help="Which: ids of rules or of actions.")
    ] = None,
    config: ConfigPath = CONFIG,
    as_json: AsJson = False,
    drop: Annotated[bool, typer.Option("--drop", help="Drop it for good, instead.")] = False,
) -> Exit:
    clients = load_clients(config)
    chosen = _chosen(_held(clients), which or [])
    changed: Found = []
    for loaded in clients.loaded:
        rows = [row for of, row in chosen if of is loaded]
        if rows:
            with state_of(loaded) as database:
                for shop, ids in by_shop(loaded, database, rows):
                    (deciding.drop if drop else deciding.let_go)(shop, ids)
                with database.read() as connection:
                    changed += [(loaded, row) for row in followups.by_ids(connection, [row.id for row in rows])]
    if as_json:
        print_json(rows_json(clients, changed))
    else:
        _show([row for _, row in changed], drop=drop)
    return clients.code


def _held(clients: Clients) -> Found:
    found: Found = []
    for loaded in with_state(clients):
        with state_of(loaded) as database, database.read() as connection:
            rows = followups.in_state(connection, ["held"])
            found += [(loaded, row) for row in rows if row.held_for == "approval"]
    return found


def _chosen(held: Found, which: Sequence[str]) -> Found:
    """The rows that are meant; a rule goes before an action of the same id. Raises Stop for what is not held."""
    if not which:
        return held
    rules = {row.rule for _, row in held}
    ids = {str(row.id) for _, row in held}
    unknown = [name for name in which if name not in rules | ids]
    if unknown:
        raise Stop(
            Exit.MISTAKE,
            *(no_such("rule or action", name, rules, " of which something is held for approval") for name in unknown),
        )
    wanted = set(which)
    return [(loaded, row) for loaded, row in held if row.rule in wanted or str(row.id) in wanted - rules]


def _show(rows: Sequence[Followup], *, drop: bool) -> None:
    screen = console()
    if not rows:
        screen.print("Nothing is held for your approval.")
        return
    verb = "Dropped" if drop else "Let go"
    for rule, of_rule in by_rule(rows).items():
        numbers = list(dict.fromkeys(clean(row.number) for row in of_rule))
        some = ", ".join(numbers[:SHOWN]) + (", …" if len(numbers) > SHOWN else "")
        screen.print(f"{verb}: {count(len(of_rule), 'action')} of rule '{rule}' (order {some})")
    if not drop:
        screen.print("The next run does them, within the hours that each rule keeps.")
