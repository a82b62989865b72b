"""What `pause` and `resume` have in common: whom they mean, and what is paused afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from connector.cli._clients import Clients, find_store, no_such
from connector.cli._exits import Exit, Stop
from connector.cli._screen import console, print_json
from connector.cli._state import exists, state_errors, state_of, with_state
from connector.loading import Loaded
from connector.store import stores
from connector.store.database import Database, open_database
from connector.store.stores import EVERY


@dataclass(frozen=True, slots=True)
class Affected:
    """A state in which something is paused or resumed: one store's, or all."""

    database: Database
    store: str | None


@contextmanager
def databases_of(clients: Clients, store: str | None, rule: str | None) -> Iterator[list[Affected]]:
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
            affected.append(Affected(database, id_))
        yield affected


def _rules(loaded: Loaded) -> set[str]:
    """The ids of a client's rules, and of those that are paused though they are gone."""
    known = {rule.id for rules in loaded.rules.values() for rule in rules}
    return known | {rule for _, rule in _paused(loaded) if rule != EVERY}


def _no_rule(rule: str, meant: list[tuple[Loaded, str | None]]) -> list[tuple[Loaded, str | None]]:
    raise Stop(Exit.MISTAKE, no_such("rule", rule, sorted({id_ for loaded, _ in meant for id_ in _rules(loaded)})))


def _paused(loaded: Loaded) -> list[tuple[str, str]]:
    if not exists(loaded):
        return []
    with state_of(loaded) as database, database.read() as connection:
        return sorted(stores.paused(connection))


def print_pauses(clients: Clients, *, as_json: bool) -> None:
    """Say what is paused now."""
    found = [(loaded, pause) for loaded in with_state(clients) for pause in _paused(loaded)]
    if as_json:
        rows: list[dict[str, object]] = []
        for loaded, (store, rule) in found:
            rows.append(clients.labelled(loaded, {"store": store, "rule": rule}))
        print_json({"paused": rows})
        return
    screen = console()
    if not found:
        screen.print("Nothing is paused.")
    for loaded, (store, rule) in found:
        client = f"{clients.name(loaded)}: " if clients.several else ""
        screen.print(f"{client}paused: {_in_words(store, rule)}")


def _in_words(store: str, rule: str) -> str:
    if (store, rule) == (EVERY, EVERY):
        return "everything"
    if rule == EVERY:
        return f"store '{store}'"
    return f"rule '{rule}'" if store == EVERY else f"rule '{rule}' in store '{store}'"
