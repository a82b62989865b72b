"""Which version of a rule holds for whom: the latest, or an earlier one by which they go on."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace

import sqlalchemy as sa

from connector.config import StoreConfig
from connector.loading import Loaded, recall
from connector.store import versions
from connector.store.errors import StateError
from connector.store.versions import Version
from rules.facts import Active
from rules.rule import Rule


def earlier_versions(connection: sa.Connection, loaded: Loaded, store: StoreConfig, rule: Rule) -> dict[str, Rule]:
    """The rule as it was, by the version with which it began, for those who go on by an earlier one.

    Raises StateError where what somebody is to go on by does not fit the configuration any more.
    """
    if rule.in_flight == "follow":
        return {}
    known = [each for each in versions.load(connection, store.id) if each.rule == rule.id]
    goes_by = {each.version: each.goes_by for each in known if each.goes_by != rule.version}
    was = {
        each.version: _as_it_was(connection, loaded, store, rule, each, _begun_by(each, known))
        for each in known
        if each.version in goes_by.values()
    }
    return {version: was[by] for version, by in goes_by.items()}


def _begun_by(kept: Version, known: Iterable[Version]) -> list[str]:
    """With which versions those began who go by this one."""
    return [each.version for each in known if each.goes_by == kept.version]


def _as_it_was(
    connection: sa.Connection, loaded: Loaded, store: StoreConfig, rule: Rule, kept: Version, begun_by: Sequence[str]
) -> Rule:
    """What is left to do by a version; nothing, where nobody goes by it any more."""
    over = replace(rule, steps=(), version=kept.version)
    if kept.source is None:
        return over
    found = recall(loaded, store, kept.source)
    if isinstance(found, Rule):
        was = replace(found, version=kept.version)
        return replace(was, id=rule.id, name=rule.name, enabled=rule.enabled, where=rule.where)
    last = len(json.loads(kept.source).get("steps", ["the only one"]))
    if not versions.somebody_is_under_way(connection, store.id, rule.id, begun_by, last):
        return over
    what = "; ".join(problem.message for problem in found)
    raise StateError(
        f"{rule.where}: rule '{rule.id}' is 'in_flight: keep', and somebody goes on by what it was on "
        f"{kept.since:%Y-%m-%d}, which fits no more: {what}. Put that back, or write 'in_flight: follow'"
    )


def drop_what_nobody_goes_by(connection: sa.Connection, store: str, active: Active) -> None:
    """Of versions by which nobody has anything before them, it is kept only that they were."""
    for version, was in {was.version: was for was in active.earlier.values() if was.steps}.items():
        begun_by = [each for each, by in active.earlier.items() if by.version == version]
        last = was.steps[-1].position
        if not versions.somebody_is_under_way(connection, store, active.rule.id, begun_by, last):
            versions.drop_source(connection, store, active.rule.id, version)
