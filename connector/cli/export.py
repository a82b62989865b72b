"""Hand over all that is kept about a customer.

Give an e-mail address or a phone number. It prints their orders as they are kept, what happened to each, what was
planned, sent and written about it, and whether they are on the suppression list. '--to FILE' writes it into a file, as
JSON, for you alone to read.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import msgspec
import sqlalchemy as sa
import typer
from rich.console import Console

from connector.actions import Prepared
from connector.cli._clients import Clients
from connector.cli._exits import Exit
from connector.cli._options import CONFIG, AsJson, ConfigPath
from connector.cli._people import ClientName, chosen_clients, name_in_front, read_address, write_anew
from connector.cli._rows import row_json
from connector.cli._screen import clean, console, iso, print_json
from connector.cli._state import exists, state_of
from connector.config import shown
from connector.forgetting import Request, find
from connector.loading import Loaded
from connector.people import marks
from connector.store import personal, suppressions
from connector.store.database import secret_of
from connector.store.followups import Followup

Data = dict[str, Any]


def export(
    who: Annotated[str, typer.Argument(metavar="EMAIL", help="Whose: an e-mail address or a phone number.")],
    config: ConfigPath = CONFIG,
    as_json: AsJson = False,
    to: Annotated[Path | None, typer.Option("--to", help="Write it into this file, as JSON.", metavar="FILE")] = None,
    client: ClientName = None,
) -> Exit:
    request = Request(frozenset({read_address(who)}))
    clients = chosen_clients(config, client)
    found = {loaded.config.file: _all_of(loaded, request) for loaded in clients.loaded if exists(loaded)}
    result = {
        "clients" if clients.several else "kept": [
            clients.labelled(loaded, found[loaded.config.file])
            for loaded in clients.loaded
            if loaded.config.file in found
        ]
    }
    if to is not None:
        write_anew(to, json.dumps(result, ensure_ascii=False, indent=2) + "\n")
        console().print(f"Written to {shown(to)}, which you alone can read.")
    elif as_json:
        print_json(result)
    else:
        _show(clients, found)
    return clients.code


def _all_of(loaded: Loaded, request: Request) -> Data:
    with state_of(loaded) as database, database.read() as connection:
        secret = secret_of(database)
        (person,) = find(connection, [request], secret)
        theirs = {(each.store, each.id) for each in person.all}
        by_phone = {(each.store, each.id) for each in person.by_phone}
        orders = [
            _order(connection, kept, by_phone=(kept.store, kept.order.id) in by_phone)
            for kept in personal.every_order(connection)
            if (kept.store, kept.order.id) in theirs
        ]
        listed = suppressions.of(connection, marks(person.addresses, secret))
    return {
        "orders": orders,
        "suppressions": [
            {
                "address": row.address,
                "purpose": row.purpose,
                "reason": row.reason,
                "forgotten": row.forgotten,
                "since": iso(row.at),
            }
            for row in listed
        ],
    }


def _order(connection: sa.Connection, kept: personal.Kept, *, by_phone: bool) -> Data:
    """An order, with all that is known about it."""
    id_ = kept.order.id
    return {
        "store": kept.store,
        "found_by": "the same phone" if by_phone else "their address",
        "erased": kept.erased,
        "facts": msgspec.to_builtins(kept.order),
        "said": msgspec.to_builtins(kept.remarks),
        "events": msgspec.to_builtins(personal.journal_of(connection, kept.store, id_)),
        "actions": [_action(row) for row in personal.followups_of(connection, kept.store, id_)],
    }


def _action(row: Followup) -> Data:
    """What was planned or done; words are kept only until it is known that they arrived."""
    words = msgspec.to_builtins(msgspec.json.decode(row.intent, type=Prepared)) if row.intent is not None else {}
    times = {"planned_at": iso(row.planned_at), "due_at": iso(row.meant_for), "tried_at": iso(row.intent_at)}
    return {**row_json(row), **times, "at": iso(row.at), "result": row.result, "kept_of_it": words}


# For people ---------------------------------------------------------------------------------------------------


def _show(clients: Clients, found: Mapping[Path, Data]) -> None:
    screen = console()
    for loaded in clients.loaded:
        data = found.get(loaded.config.file)
        front = name_in_front(clients, loaded)
        if data is None or not (data["orders"] or data["suppressions"]):
            screen.print(f"{front}Nothing is kept of them.")
            continue
        for order in data["orders"]:
            screen.print(f"{front}Order {clean(order['facts']['number'])} of {order['store']}", style="bold")
            if order["erased"]:
                why = "they were forgotten" if order["erased"] == "forgotten" else "it was kept long enough"
                screen.print(f"  Their personal data were erased from it: {why}.")
            _print(screen, order["facts"], "  ")
            _print(screen, order["said"], "  ")
            screen.print("  What happened:")
            for event in order["events"]:
                screen.print(f"    {event['at']}  {clean(event['kind'])}")
            screen.print("  What was planned and done:" if order["actions"] else "  Nothing was planned or done.")
            for action in order["actions"]:
                _print_action(screen, action)
        for row in data["suppressions"]:
            what = "Forgotten" if row["forgotten"] else f"On the suppression list ({row['purpose']})"
            why = f": {clean(row['reason'])}" if row["reason"] else ""
            screen.print(f"{front}{what} since {row['since']}{why}")


def _print(screen: Console, value: Any, indent: str) -> None:
    """Names and values, nested as they are."""
    for name, each in value.items():
        if isinstance(each, dict):
            screen.print(f"{indent}{clean(name)}:") if each else None
            _print(screen, each, indent + "  ")
        elif isinstance(each, list | tuple) and any(isinstance(one, dict) for one in each):
            for number, one in enumerate(each, 1):
                screen.print(f"{indent}{clean(name)} {number}:")
                _print(screen, one, indent + "  ")
        else:
            told = ", ".join(map(str, each)) if isinstance(each, list | tuple) else str(each)
            screen.print(f"{indent}{clean(name)}: {clean(told)}")


def _print_action(screen: Console, action: Data) -> None:
    why = f" ({clean(action['reason'])})" if action["reason"] else ""
    when = action["due_at"] if action["state"] == "pending" else action["at"]
    screen.print(f"    {when}  {action['rule']}, step {action['step']}: {action['action']}, {action['state']}{why}")
    _print(screen, action["kept_of_it"], "      ")
