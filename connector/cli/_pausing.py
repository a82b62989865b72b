"""What `pause` and `resume` have in common: whom they mean, what waits there, and what is paused afterwards.

Whoever wants to stop must be able to: both work while there are mistakes in the rules.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, tzinfo
from pathlib import Path

from connector.cli._clients import Clients, find_store, no_such
from connector.cli._exits import Exit, Stop
from connector.cli._screen import console, iso, local, print_json
from connector.cli._state import exists, state_errors, state_of, with_state
from connector.config import StoreConfig, shown
from connector.loading import Loaded, load, load_without_rules
from connector.store import stores
from connector.store.database import Database, open_database
from connector.store.stores import EVERY, Pause
from rules.document import Problem


def read(file: Path, environ: Mapping[str, str]) -> Loaded | list[Problem]:
    """A client's files; its configuration alone, where its rules or templates have mistakes."""
    loaded = load(file, environ)
    if isinstance(loaded, Loaded):
        return loaded
    alone = load_without_rules(file, environ)
    if isinstance(alone, Loaded):
        print(  # noqa: T201
            f"{shown(file)}: its rules or templates have mistakes ('aftersale check' lists them); "
            "this works all the same",
            file=sys.stderr,
        )
    return alone


@dataclass(frozen=True, slots=True)
class Affected:
    """A state in which something is paused or resumed: of one store or all, of one rule or all."""

    loaded: Loaded
    database: Database
    store: str | None
    rule: str | None

    @property
    def stores(self) -> list[StoreConfig]:
        """The stores that are meant."""
        return [store for store in self.loaded.config.stores if self.store in (None, store.id)]

    @property
    def zone(self) -> tzinfo:
        """The zone in which the people of these stores tell the time."""
        return _zone_of(self.stores)


@contextmanager
def affected_by(clients: Clients, store: str | None, rule: str | None) -> Iterator[list[Affected]]:
    """The states that are meant; one that is not there yet is made. Raises Stop for an unknown store or rule."""
    if store is None:
        meant: list[tuple[Loaded, str | None]] = [(loaded, None) for loaded in clients.loaded]
    else:
        loaded, config = find_store(clients, store)
        meant = [(loaded, config.id)]
    if rule is not None:
        meant = [(loaded, id_) for loaded, id_ in meant if rule in _rules(loaded)] or _no_rule(rule, meant)
    with ExitStack() as stack, state_errors():
        affected = []
        for loaded, id_ in meant:
            database = open_database(loaded.config.database.get_secret_value())
            stack.callback(database.close)
            affected.append(Affected(loaded, database, id_, rule))
        yield affected


def _zone_of(meant: Sequence[StoreConfig]) -> tzinfo:
    """The zone that these stores have in common; UTC where they have several."""
    zones = {store.calendar.zone for store in meant}
    return zones.pop() if len(zones) == 1 else UTC


def _rules(loaded: Loaded) -> set[str]:
    """The ids of a client's rules (the state's, where the files have mistakes), and of those paused though gone."""
    known = {rule.id for rules in loaded.rules.values() for rule in rules} or _recorded_rules(loaded)
    return known | {pause.rule for pause in _paused(loaded) if pause.rule != EVERY}


def _recorded_rules(loaded: Loaded) -> set[str]:
    if not exists(loaded):
        return set()
    with state_of(loaded) as database, database.read() as connection:
        return {rule for store in loaded.config.stores for rule in stores.load_rules(connection, store.id)}


def _no_rule(rule: str, meant: list[tuple[Loaded, str | None]]) -> list[tuple[Loaded, str | None]]:
    raise Stop(Exit.MISTAKE, no_such("rule", rule, sorted({id_ for loaded, _ in meant for id_ in _rules(loaded)})))


def _paused(loaded: Loaded) -> list[Pause]:
    if not exists(loaded):
        return []
    with state_of(loaded) as database, database.read() as connection:
        return stores.paused(connection)


def print_pauses(clients: Clients, *, as_json: bool) -> None:
    """Say what is paused now."""
    found = [(loaded, pause) for loaded in with_state(clients) for pause in _paused(loaded)]
    if as_json:
        rows: list[dict[str, object]] = []
        for loaded, pause in found:
            told: dict[str, object] = {"store": pause.store, "rule": pause.rule, "since": iso(pause.since)}
            rows.append(clients.labelled(loaded, told))
        print_json({"paused": rows})
        return
    screen = console()
    if not found:
        screen.print("Nothing is paused.")
    for loaded, pause in found:
        client = f"{clients.name(loaded)}: " if clients.several else ""
        zone = _zone_of([store for store in loaded.config.stores if pause.store in (EVERY, store.id)])
        screen.print(f"{client}paused: {in_words(pause.store, pause.rule)}, since {local(pause.since, zone)} ({zone})")


def in_words(store: str, rule: str) -> str:
    """What is paused."""
    if (store, rule) == (EVERY, EVERY):
        return "everything"
    if rule == EVERY:
        return f"store '{store}'"
    return f"rule '{rule}'" if store == EVERY else f"rule '{rule}' in store '{store}'"
