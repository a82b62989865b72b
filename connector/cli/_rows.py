"""Follow-ups as rows of a result, for programs and for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from types import MappingProxyType

import sqlalchemy as sa
from rich.console import Group

from connector.cli._clients import Clients
from connector.cli._screen import clean, iso, local, table
from connector.loading import Loaded
from connector.store import versions
from connector.store.followups import Followup

Found = list[tuple[Loaded, Followup]]

AWAITS_APPROVAL = (
    "The rules on disk were edited and await your approval; until then all goes on by those before. "
    "See 'aftersale plan'."
)


VERSION_SHOWN = 8
"""So much of a rule's version tells it from the others."""


def row_json(row: Followup) -> dict[str, object]:
    """A row as every command prints it; `order` is the number that people see, steps count from 1."""
    when = {"due_at": iso(row.meant_for)} if row.state == "pending" else {"at": iso(row.at)}
    return {
        "id": row.id,
        "store": row.store,
        "order": row.number,
        "rule": row.rule,
        "version": row.version[:VERSION_SHOWN],
        "step": row.position,
        "action": row.kind,
        "channel": row.channel,
        "state": row.state,
        **when,
        "reason": row.reason,
        "basis": row.basis,
        "passed_over": row.passed_over,
    }


def rows_json(clients: Clients, found: Found) -> list[dict[str, object]]:
    """The rows of all clients, each with its client where there are several."""
    return [clients.labelled(loaded, row_json(row)) for loaded, row in found]


Outdated = Mapping[tuple[Path, str, str, str], datetime]
"""By config file, store, rule and version, since when a version was in force that is so no more."""


def outdated_versions(connection: sa.Connection, loaded: Loaded) -> Outdated:
    """Those of all stores of a client."""
    return {
        (loaded.config.file, store.id, *of): since
        for store in loaded.config.stores
        for of, since in versions.outdated(connection, store.id).items()
    }


def rows_table(
    clients: Clients, found: Found, *, when: str, with_state: bool, outdated: Outdated = MappingProxyType({})
) -> Group:
    """The rows for people, in 80 columns: times in the store's zone, which is named below. Of rows by a version of a
    rule that is `outdated`, since when that was in force is told, too.
    """
    zones = {zone_of(loaded, row.store) for loaded, row in found}
    several_zones = len(zones) > 1
    several_stores = clients.several or len({row.store for _, row in found}) > 1
    last = ["State"] if with_state else ["Note"] if any(row.reason for _, row in found) else []
    made = table("Id", when, *["Store"] * several_stores, "Order", "What", *last)
    for column in made.columns:
        column.no_wrap = column.header == "Id" or (column.header == when and not several_zones)
    for loaded, row in found:
        zone = zone_of(loaded, row.store)
        time = local(row.meant_for if row.state == "pending" else row.at, zone)
        store = f"{clients.name(loaded)}/{row.store}" if clients.several else row.store
        cells = [str(row.id), f"{time} ({zone})" if several_zones else time, *[store] * several_stores]
        since = outdated.get((loaded.config.file, row.store, row.rule, row.version))
        cells += [clean(row.number), f"{row.rule}{as_of(since, zone)}, step {row.position}: {action_of(row)}"]
        cells += [_state(row)] if with_state else [clean(row.reason)] * len(last)
        made.add_row(*cells)
    return Group(made) if several_zones else Group(made, f"Times are {next(iter(zones))}.")


def as_of(since: datetime | None, zone: tzinfo) -> str:
    """What to say of a version of a rule that is not in force any more."""
    return "" if since is None else f" (as of {local(since, zone)})"


def _state(row: Followup) -> str:
    """The state, and the reason where there is one: `skipped: …`."""
    reason = "; ".join(clean(part) for part in (row.reason, _passed(row)) if part)
    return reason if reason.startswith(row.state) else f"{row.state}: {reason}" if reason else row.state


def _passed(row: Followup) -> str | None:
    return f"passed over {row.passed_over}" if row.passed_over is not None else None


def action_of(row: Followup) -> str:
    """What is done, and by which channel if it is known: `send (platform)`."""
    return row.kind if row.channel is None else f"{row.kind} ({row.channel})"


def zone_of(loaded: Loaded, store: str) -> tzinfo:
    """The zone of a store; UTC for one that the config has no more."""
    return next((each.calendar.zone for each in loaded.config.stores if each.id == store), UTC)


def by_rule(rows: Sequence[Followup]) -> dict[str, list[Followup]]:
    """The rows of each rule, the rules in their order of appearance."""
    groups: dict[str, list[Followup]] = {}
    for row in rows:
        groups.setdefault(row.rule, []).append(row)
    return groups
