"""The rules in force, and those on disk: where `require_approval` is set, an edit waits for a person who has seen it.

An edition is the rules and templates as a whole. The state keeps the one in force, so that it stays in force while
another one waits.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import replace

import msgspec
import sqlalchemy as sa

from connector.loading import Loaded, recall
from connector.store.database import Database
from connector.store.errors import StateError
from connector.store.tables import state
from rules.document import Problem
from rules.rule import Rule
from rules.schema import Mark, marked


class Edition(msgspec.Struct, frozen=True):
    """Rules, each as its `source`, and the templates. Two with the same `mark` do the same."""

    mark: str
    rules: tuple[str, ...]
    templates: dict[str, dict[str, str]]


def edition_of(loaded: Loaded) -> Edition:
    """What is on disk."""
    rules = next(iter(loaded.rules.values()))  # they differ only in how they read a store's hours
    used = {name: loaded.templates[name] for name in sorted(set().union(*map(templates_of, rules)))}
    does = [(rule.id, rule.version, rule.enabled, rule.in_flight) for rule in sorted(rules, key=lambda rule: rule.id)]
    mark = hashlib.sha256(json.dumps([does, used], sort_keys=True).encode()).hexdigest()
    templates = {name: dict(texts) for name, texts in loaded.templates.items()}
    return Edition(mark, tuple(rule.source for rule in rules), templates)


def templates_of(rule: Rule) -> set[str]:
    """The names of the templates that a rule's messages are made of."""
    return {name for step in rule.steps for action in step.actions for _, name in marked(action.spec, Mark.TEMPLATE)}


def edition_in_force(connection: sa.Connection) -> Edition | None:
    """What the last run was made with; None before the first."""
    kept = _recorded(connection, "edition")
    return msgspec.json.decode(kept, type=Edition) if kept is not None else None


def awaits_approval(connection: sa.Connection, loaded: Loaded) -> bool:
    """Whether what is on disk is not in force, because nobody has approved it."""
    if not loaded.config.require_approval:
        return False
    edition = edition_in_force(connection)
    mark = edition_of(loaded).mark
    return edition is not None and mark not in (edition.mark, _recorded(connection, "approved"))


def approve(connection: sa.Connection, loaded: Loaded) -> None:
    """What is on disk may come into force, with the next run or reload."""
    _record(connection, "approved", edition_of(loaded).mark)


def in_force(connection: sa.Connection, loaded: Loaded) -> Loaded:
    """What is on disk; while that awaits approval, the configuration with the rules and templates of the last run.

    Raises StateError where those do not fit the configuration any more.
    """
    edition = edition_in_force(connection)
    if edition is None or not awaits_approval(connection, loaded):
        return loaded
    return _with(loaded, edition)


def enter(database: Database, loaded: Loaded) -> Loaded:
    """Put what is on disk into force, if it may be; gives what is in force now, as `in_force` does."""
    with database.read() as connection:
        found = in_force(connection, loaded)
        before = edition_in_force(connection)
    if found is loaded and (edition := edition_of(loaded)) != before:
        with database.write() as connection:
            _record(connection, "edition", msgspec.json.encode(edition).decode())
    return found


def is_told(connection: sa.Connection, loaded: Loaded) -> bool:
    """Whether the staff knows that this edition waits for them."""
    return _recorded(connection, "told") == edition_of(loaded).mark


def note_told(connection: sa.Connection, loaded: Loaded) -> None:
    """The staff knows that this edition waits for them."""
    _record(connection, "told", edition_of(loaded).mark)


def _with(loaded: Loaded, edition: Edition) -> Loaded:
    known: Loaded = replace(loaded, templates=edition.templates)
    rules = {}
    for store in loaded.config.stores:
        recalled = [recall(known, store, source) for source in edition.rules]
        problems = [problem for found in recalled if isinstance(found, list) for problem in found]
        if problems:
            raise StateError("\n".join(_in_words(problems)))
        rules[store.id] = tuple(found for found in recalled if isinstance(found, Rule))
    return replace(known, rules=rules)


def _in_words(problems: Iterable[Problem]) -> list[str]:
    told = "the rules in force, until you approve those on disk, do not fit the configuration any more"
    cure = "put that back, or approve what is on disk with 'aftersale plan --approve'"
    return [f"{told}: {problem.message}: {cure}" for problem in dict.fromkeys(problems)]


def _recorded(connection: sa.Connection, key: str) -> str | None:
    found: str | None = connection.scalar(sa.select(state.c.value).where(state.c.key == key))
    return found


def _record(connection: sa.Connection, key: str, value: str) -> None:
    connection.execute(sa.delete(state).where(state.c.key == key))
    connection.execute(sa.insert(state).values(key=key, value=value))
