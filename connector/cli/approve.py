"""Let go, or drop, what is held for your approval.

Without an argument: all of it. With rules' or actions' ids (see 'aftersale status'): those only. It shows what that is,
and on a terminal it asks. What is let go is done by the next run, within the hours that its rule keeps.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import UTC
from typing import Annotated

import typer
from rich.padding import Padding

from connector import deciding
from connector.cli._clients import Clients, load_clients, no_such
from connector.cli._exits import Exit, Stop
from connector.cli._options import CONFIG, AsJson, ConfigPath
from connector.cli._rows import Found, by_rule, rows_json, zone_of
from connector.cli._screen import clean, console, count, local, print_json
from connector.cli._state import by_shop, now, state_of, with_state
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
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> Exit:
    clients = load_clients(config)
    chosen = _chosen(_held(clients), which or [])
    if chosen and not as_json:
        _show_beforehand(chosen)
        if not yes and sys.stdin.isatty():
            _ask("Drop this for good?" if drop else "Let this go?")
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


def _show_beforehand(chosen: Found) -> None:
    """What is about to be decided, by rule."""
    screen = console()
    for rule, rows in by_rule([row for _, row in chosen]).items():
        zones = {zone_of(loaded, row.store) for loaded, row in chosen if row.rule == rule}
        zone = zones.pop() if len(zones) == 1 else UTC
        first, last = (local(extreme(row.planned_at for row in rows), zone) for extreme in (min, max))
        due = f"due {first}" if first == last else f"due from {first} to {last}"
        people = count(len({row.person for row in rows}), "customer")
        screen.print(f"Rule '{rule}': {count(len(rows), 'action')} for {people}, {due} ({zone})")
        screen.print(Padding(f"Order {_examples(rows)}", (0, 0, 0, 2)))
        for reason in dict.fromkeys(clean(row.reason) for row in rows if row.reason is not None):
            screen.print(Padding(reason, (0, 0, 0, 2)))
        late = sum(row.expires_at is not None and row.expires_at < now() for row in rows)
        if late:
            screen.print(Padding(f"Too late by now: {late:,} of them will expire, whatever you say.", (0, 0, 0, 2)))


def _examples(rows: Sequence[Followup]) -> str:
    numbers = list(dict.fromkeys(clean(row.number) for row in rows))
    return ", ".join(numbers[:SHOWN]) + (", …" if len(numbers) > SHOWN else "")


def _ask(question: str) -> None:
    """Raises Stop unless the person at the terminal says yes."""
    try:
        agreed = typer.confirm(f"\n{question}")
    except typer.Abort:
        agreed = False
    if not agreed:
        raise Stop(Exit.MISTAKE, "nothing was changed")


def _show(rows: Sequence[Followup], *, drop: bool) -> None:
    screen = console()
    if not rows:
        screen.print("Nothing is held for your approval.")
        return
    verb = "Dropped" if drop else "Let go"
    for rule, of_rule in by_rule(rows).items():
        screen.print(f"{verb}: {count(len(of_rule), 'action')} of rule '{rule}' (order {_examples(of_rule)})")
    if not drop:
        screen.print("The next run does them, within the hours that each rule keeps.")
