"""What an edit of your rules will change, before it is in force.

Compares the rules and templates on disk with those that the last run was made with, and shows which planned actions
would be added, moved, cancelled or changed. Nothing is changed, and no store is asked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import tzinfo
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer
from rich.console import Console
from rich.padding import Padding
from rich.table import Table

from connector import approval
from connector.cli._bars import progress_bars
from connector.cli._clients import Clients, find_store, load_clients, no_such
from connector.cli._exits import Exit, Stop, worst
from connector.cli._options import CONFIG, AsJson, ConfigPath
from connector.cli._screen import clean, console, count, iso, local, print_json, table
from connector.cli._state import exists, now, state_of
from connector.config import StoreConfig, shown
from connector.edits import Change, Edit, Edits, Outcome, find_edits, foresee
from connector.loading import Loaded
from connector.opening import open_client
from connector.staff import Staff
from connector.store.followups import HOLD_WHILE

KINDS = ("added", "moved", "cancelled", "changed")
SHOWN = 5
NOTHING = Outcome((), ())


@dataclass(frozen=True, slots=True)
class Foreseen:
    """A store: what was edited, and what comes of it, by rule."""

    name: str
    loaded: Loaded
    store: StoreConfig
    edits: Edits
    outcomes: Mapping[str, Outcome]


def plan(
    config: ConfigPath = CONFIG,
    as_json: AsJson = False,
    rule: Annotated[str | None, typer.Option(metavar="ID", help="Only this rule.")] = None,
    store: Annotated[str | None, typer.Option(metavar="ID", help="Only this store.")] = None,
    approve: Annotated[
        bool, typer.Option("--approve", help="Let it come into force, where the config says require_approval.")
    ] = False,
) -> Exit:
    clients = load_clients(config)
    meant = _meant(clients, rule, store, approve=approve)
    found = [each for loaded in meant for each in _foresee(clients, loaded, rule, store)]
    waits = [_awaits_approval(loaded, approve=approve) for loaded in meant]
    if as_json:
        print_json(_as_json(found, awaits_approval=any(waits)))
    else:
        _show(found)
        _show_what_next(found, waits=any(waits), approve=approve)
    return worst([clients.code, Exit.AWAITS if any(waits) else Exit.WELL])


# What is asked, and what comes of it --------------------------------------------------------------------------


def _meant(clients: Clients, rule: str | None, store: str | None, *, approve: bool) -> list[Loaded]:
    """The clients that are asked about. Raises Stop where the command is wrong, or nothing has run so far."""
    if approve and (rule or store):
        raise Stop(Exit.MISTAKE, "--approve goes for all that was edited: leave out --rule and --store")
    if approve and not any(loaded.config.require_approval for loaded in clients.loaded):
        files = ", ".join(shown(loaded.config.file) for loaded in clients.loaded)
        raise Stop(Exit.MISTAKE, f"nothing waits for approval: 'require_approval' is not set in {files}")
    meant = [find_store(clients, store)[0]] if store is not None else list(clients.loaded)
    meant = [loaded for loaded in meant if exists(loaded)] or meant
    known = {name for loaded in meant for edits in _edits(loaded).values() for name in edits.named}
    if rule is not None and rule not in known:
        raise Stop(Exit.MISTAKE, no_such("rule", rule, known))
    return meant


def _edits(loaded: Loaded) -> dict[str, Edits]:
    with state_of(loaded) as database, database.read() as connection:
        return {store.id: find_edits(connection, loaded, store) for store in loaded.config.stores}


def _foresee(clients: Clients, loaded: Loaded, rule: str | None, store: str | None) -> Iterator[Foreseen]:
    edits = _edits(loaded)
    outcomes = _try(loaded, edits) if any(each.touched for each in edits.values()) else {}
    for name, of, config in clients.stores():
        if of is loaded and store in (None, name, config.id):
            its_edits = edits[config.id] if rule is None else edits[config.id].of(rule)
            yield Foreseen(name, loaded, config, its_edits, outcomes.get(config.id, {}))


def _try(loaded: Loaded, edits: Mapping[str, Edits]) -> dict[str, dict[str, Outcome]]:
    """By store and rule, what comes of the edits, on a copy of the state that is thrown away."""
    approved = replace(loaded, config=replace(loaded.config, require_approval=False))
    with TemporaryDirectory(prefix="aftersale-") as folder, state_of(loaded) as database:
        client = open_client(approved, now, dry_copy=Path(folder, "state.db"), staff=Staff())
        try:
            names = [shop.id for shop in client.shops]
            with database.read() as connection, progress_bars(names) as bars:
                return {
                    shop.id: foresee(connection, loaded, edits[shop.id], shop, bar)
                    for shop, bar in zip(client.shops, bars, strict=True)
                }
        finally:
            client.close()


def _awaits_approval(loaded: Loaded, *, approve: bool) -> bool:
    """Whether the edits await approval, which may be what this is."""
    with state_of(loaded) as database:
        with database.read() as connection:
            waits = approval.awaits_approval(connection, loaded)
        if waits and approve:
            with database.write(durable=True) as connection:
                approval.approve(connection, loaded)
    return waits and not approve


# For programs -------------------------------------------------------------------------------------------------


def _as_json(found: Sequence[Foreseen], *, awaits_approval: bool) -> dict[str, object]:
    stores = {
        each.name: {
            "other_hours": each.edits.other_hours,
            "rules": [_edit_json(edit, each.outcomes.get(edit.rule, NOTHING)) for edit in each.edits.rules],
        }
        for each in found
    }
    return {"awaits_approval": awaits_approval, "stores": stores}


def _edit_json(edit: Edit, outcome: Outcome) -> dict[str, object]:
    result: dict[str, object] = {"rule": edit.rule, "was": edit.was, "how": list(edit.how), "kept": len(outcome.kept)}
    for kind in KINDS:
        changes = outcome.of(kind)
        result[kind] = {"count": len(changes), "examples": [_change_json(each) for each in changes[:SHOWN]]}
    return result


def _change_json(change: Change) -> dict[str, object]:
    row = change.after
    return {
        "order": row.number,
        "step": row.position,
        "action": row.kind,
        "from": iso(change.due_before),
        "to": iso(change.due_after),
        "reason": row.reason,
    }


# For people ---------------------------------------------------------------------------------------------------


def _show(found: Sequence[Foreseen]) -> None:
    screen = console()
    for each in found:
        if len(found) > 1:
            screen.print(each.name, style="bold")
        if not each.edits.touched:
            screen.print("Not edited since the last run, so nothing changes.")
            continue
        if each.edits.other_hours:
            screen.print("The store's hours, or what counts as shipped or delivered, were edited: all is timed anew.\n")
        for edit in each.edits.rules:
            if edit.how or each.edits.other_hours:
                _show_edit(screen, edit, each.outcomes.get(edit.rule, NOTHING), each.store.calendar.zone)
        unedited = sum(not edit.how for edit in each.edits.rules)
        if unedited and not each.edits.other_hours:
            screen.print(f"{count(unedited, 'other rule')} {'is as it was' if unedited == 1 else 'are as they were'}.")
        if any(outcome.changes for outcome in each.outcomes.values()):
            screen.print(f"Times are {each.store.calendar.zone}.")


def _show_edit(screen: Console, edit: Edit, outcome: Outcome, zone: tzinfo) -> None:
    how = ", ".join(edit.how) or "as it was"
    was = f" (was: {edit.was})" if edit.was != edit.rule else ""
    screen.print(f"{edit.rule}: {how}{was}", style="bold")
    counts = [f"{len(outcome.of(kind)):,} {kind}" for kind in KINDS if outcome.of(kind)]
    told = f"Planned actions: {', '.join(counts)}." if counts else "Nothing that is planned changes."
    screen.print(Padding(told, (0, 0, 0, 2)))
    if outcome.kept:
        screen.print(Padding(f"{count(len(outcome.kept), 'planned action')} {_KEEP}", (0, 0, 0, 2)))
    if counts:
        screen.print(Padding(_changes_table(outcome, zone), (1, 0, 0, 2)))
    screen.print()


_KEEP = "of those for whom it has begun stay as they are: in_flight is 'keep'."


def _changes_table(outcome: Outcome, zone: tzinfo) -> Table:
    made = table("", "Order", "What", "When")
    for kind in KINDS:
        changes = outcome.of(kind)
        for each in changes[:SHOWN]:
            made.add_row(
                kind, clean(each.after.number), f"step {each.after.position}: {each.after.kind}", _when(each, zone)
            )
        if len(changes) > SHOWN:
            made.add_row("", "…", f"{len(changes) - SHOWN:,} more {kind}", "")
    return made


def _when(change: Change, zone: tzinfo) -> str:
    match change.kind:
        case "moved":
            return f"{local(change.due_before, zone)} → {_then(change, zone)}"
        case "cancelled":
            return f"{local(change.due_before, zone)}: {clean(change.after.reason)}"
    return _then(change, zone)


def _then(change: Change, zone: tzinfo) -> str:
    """When it will be due, and what will hold it up by then."""
    when = local(change.due_after, zone)
    return f"{when}: {clean(change.after.reason)}" if change.after.held_for == HOLD_WHILE else when


def _show_what_next(found: Sequence[Foreseen], *, waits: bool, approve: bool) -> None:
    screen = console()
    needs_approval = any(
        each.loaded.config.require_approval and edit.how for each in found for edit in each.edits.rules
    )
    if waits:
        screen.print(
            "This awaits your approval: 'aftersale plan --approve'. Until then all goes on as before.", style="yellow"
        )
    elif any(each.edits.touched for each in found):
        approved = "Approved. " if needs_approval else ""
        screen.print(f"{approved}The next run does this; a daemon, when it reads its configuration anew (SIGHUP).")
    elif approve:
        screen.print("Nothing waits for your approval.")
