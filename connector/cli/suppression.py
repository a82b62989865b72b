"""Who is never written to.

'add' and 'remove' take e-mail addresses and phone numbers; 'import' and 'export' a CSV file ('-' is standard input or
output); 'list' shows the list. It holds for all stores of a configuration. Those whom 'aftersale forget' erased stand
on it as hashes alone; to remove one lets their orders be kept, and messages be sent, again.
"""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import sqlalchemy as sa
import typer

from connector.cli._clients import Clients
from connector.cli._exits import Exit, Stop, Trouble
from connector.cli._options import CONFIG, AsJson, ConfigPath
from connector.cli._people import ClientName, chosen_clients, name_in_front, opened, read_text, write_anew
from connector.cli._screen import clean, console, count, iso, print_json, table
from connector.cli._state import exists, now
from connector.config import shown
from connector.loading import Loaded
from connector.people import address_of, mark, marks
from connector.store import suppressions
from connector.store.database import secret_of
from connector.store.suppressions import Purpose, Suppression

What = Literal["add", "remove", "list", "import", "export"]
COLUMNS = ("address", "purpose", "reason", "since")
PURPOSES: dict[str, Purpose] = {
    "": "everything",
    "everything": "everything",
    "marketing": "marketing",
    "address": "address",
}
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for the beginning of a formula."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What is to be put on the list: the address as given, and in connector.people's words."""

    given: str
    address: str
    purpose: Purpose
    reason: str | None


def suppression(
    what: Annotated[What, typer.Argument(help="What to do.")],
    addresses: Annotated[
        list[str] | None, typer.Argument(metavar="[ADDRESS|FILE]...", help="Whom, or which file.")
    ] = None,
    config: ConfigPath = CONFIG,
    as_json: AsJson = False,
    purpose: Annotated[
        Literal["everything", "marketing"], typer.Option(help="With add: what they are not to get.")
    ] = "everything",
    reason: Annotated[str | None, typer.Option(help="With add: why, for yourself.")] = None,
    client: ClientName = None,
) -> Exit:
    given = addresses or []
    _check_usage(what, given, changed=purpose != "everything" or reason is not None)
    clients = chosen_clients(config, client)
    match what:
        case "add":
            _add(clients, _entries(given, purpose, reason), as_json=as_json)
        case "import":
            _add(clients, _read_csv(Path(given[0])), as_json=as_json)
        case "remove":
            _remove(clients, given, as_json=as_json)
        case "export":
            _export(clients, Path(given[0]) if given else Path("-"))
        case "list":
            _list(clients, as_json=as_json)
    return clients.code


def _check_usage(what: What, given: Sequence[str], *, changed: bool) -> None:
    least, most = {"add": (1, None), "remove": (1, None), "list": (0, 0), "import": (1, 1), "export": (0, 1)}[what]
    if len(given) < least:
        noun = "a CSV file, or - for standard input" if what == "import" else "an e-mail address or a phone number"
        raise Stop(Exit.MISTAKE, f"'suppression {what}' needs {noun}")
    if most is not None and len(given) > most:
        raise Stop(Exit.MISTAKE, f"'suppression {what}' takes {'nothing more' if most == 0 else 'one file'}")
    if changed and what != "add":
        raise Stop(Exit.MISTAKE, f"--purpose and --reason go with 'suppression add', not with '{what}'")


# Putting on and taking off ------------------------------------------------------------------------------------


def _entries(given: Sequence[str], purpose: Purpose, reason: str | None) -> list[Entry]:
    """Raises Stop, without repeating any, where one is no address."""
    found, troubles = [], []
    for number, text in enumerate(given, 1):
        try:
            found.append(Entry(text.strip(), address_of(text), purpose, reason))
        except ValueError as error:
            troubles.append(str(error) if len(given) == 1 else f"the {number}. of these: {error}")
    if troubles:
        raise Stop(Exit.MISTAKE, *troubles)
    return found


def _add(clients: Clients, entries: Sequence[Entry], *, as_json: bool) -> None:
    for loaded in clients.loaded:
        with opened(loaded) as database:
            secret = secret_of(database)
            with database.write(durable=True) as connection:
                added = _put(connection, entries, secret)
        if not as_json:
            rest = f"; {len(entries) - added:,} were there for good, as forgotten" if added < len(entries) else ""
            console().print(f"{name_in_front(clients, loaded)}{count(added, 'address', 'addresses')} put on{rest}.")
    if as_json:
        _list(clients, as_json=True)


def _put(connection: sa.Connection, entries: Sequence[Entry], secret: bytes) -> int:
    """The forgotten stay forgotten: of them nothing is written down."""
    forgotten = suppressions.forgotten(connection)
    by_mark = {mark(entry.address, secret): entry for entry in entries}
    rows = [
        Suppression(each, entry.purpose, entry.given, entry.reason, False, None, now())
        for each, entry in by_mark.items()
        if each not in forgotten
    ]
    suppressions.put(connection, rows)
    return len(rows)


def _remove(clients: Clients, given: Sequence[str], *, as_json: bool) -> None:
    addresses = [entry.address for entry in _entries(given, "everything", None)]
    removed = 0
    for loaded in clients.loaded:
        with opened(loaded) as database:
            theirs = marks(addresses, secret_of(database))
            with database.write(durable=True) as connection:
                removed += suppressions.remove(connection, theirs)
    if not removed:
        raise Stop(Exit.MISTAKE, "nobody of these is on the suppression list")
    if as_json:
        _list(clients, as_json=True)
    else:
        console().print("Taken off: they may be written to again.")


# Showing ------------------------------------------------------------------------------------------------------


def _rows(loaded: Loaded) -> list[Suppression]:
    if not exists(loaded):
        return []
    with opened(loaded) as database, database.read() as connection:
        return suppressions.every(connection)


def _list(clients: Clients, *, as_json: bool) -> None:
    found = [(loaded, row) for loaded in clients.loaded for row in _rows(loaded)]
    if as_json:
        print_json([clients.labelled(loaded, _json(row)) for loaded, row in found])
        return
    screen = console()
    named = [(loaded, row) for loaded, row in found if row.address is not None]
    forgotten = sum(row.forgotten and row.along_with is None for _, row in found)
    if named:
        made = table(*["Client"] * clients.several, "Address", "Not sent", "Since (UTC)", "Reason")
        for loaded, row in named:
            cells = [clean(row.address), row.purpose, f"{row.at:%Y-%m-%d}", clean(row.reason)]
            made.add_row(*[str(clients.name(loaded))] * clients.several, *cells)
        screen.print(made)
    if forgotten:
        screen.print(f"{'And ' if named else ''}{count(forgotten, 'address', 'addresses')} forgotten, as hashes alone.")
    if not found:
        screen.print("Nobody is on the suppression list.")


def _json(row: Suppression) -> dict[str, object]:
    return {
        "address": row.address,
        "purpose": row.purpose,
        "reason": row.reason,
        "forgotten": row.forgotten,
        "since": iso(row.at),
    }


# CSV ----------------------------------------------------------------------------------------------------------


def _read_csv(file: Path) -> list[Entry]:
    """An address a line, under the heading `address` (or `email`, or `phone`) or in the first column.

    Raises Stop with every line that is wrong; then nothing is taken.
    """
    text = read_text(file)
    head = text.partition("\n")[0]
    rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=head.count), strict=False))
    names = [name.strip().casefold() for name in rows[0]] if rows else []
    column = next((names.index(name) for name in ("address", "email", "e-mail", "phone") if name in names), None)
    found, troubles = [], []
    for line, cells in enumerate(rows, 1):
        if (line == 1 and column is not None) or not any(cell.strip() for cell in cells):
            continue
        row = dict(zip(names, cells, strict=False)) if column is not None else {}
        try:
            found.append(_entry(cells[column or 0] if len(cells) > (column or 0) else "", row))
        except ValueError as error:
            troubles.append(Trouble(str(error), shown(file), line, 1))
    if troubles or not found:
        raise Stop(Exit.MISTAKE, *troubles or [Trouble("names nobody", shown(file), 1, 1)])
    return found


def _entry(given: str, row: dict[str, str]) -> Entry:
    given = _unguarded(given.strip())
    purpose = PURPOSES.get(row.get("purpose", "").strip().casefold())
    if purpose is None:
        raise ValueError("the purpose is 'everything', 'marketing' or 'address'")
    return Entry(given, address_of(given), purpose, _unguarded(row.get("reason", "").strip()) or None)


def _export(clients: Clients, file: Path) -> None:
    """Those who can be named. A file is made for its owner alone, and never over another."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([*["client"] * clients.several, *COLUMNS])
    left_out = 0
    for loaded in clients.loaded:
        for row in _rows(loaded):
            left_out += row.address is None
            if row.address is not None:
                cells = [row.address, row.purpose, row.reason or "", iso(row.at) or ""]
                writer.writerow([*[clients.name(loaded)] * clients.several, *map(_guarded, cells)])
    if str(file) == "-":
        sys.stdout.write(out.getvalue())
    else:
        write_anew(file, out.getvalue())
    if left_out:
        print(f"left out: {count(left_out, 'forgotten address', 'forgotten addresses')}", file=sys.stderr)  # noqa: T201


def _guarded(text: str) -> str:
    """With an apostrophe before what a spreadsheet would take for a formula."""
    return f"'{text}" if text.startswith(FORMULA) else text


def _unguarded(text: str) -> str:
    return text[1:] if text.startswith("'") and text[1:].startswith(FORMULA) else text
