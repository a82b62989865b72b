"""What an edit of the rules on disk will change: tried on a copy of the state, and compared with what is planned."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import sqlalchemy as sa

from connector.approval import Edition, edition_in_force, templates_of
from connector.config import StoreConfig
from connector.ingest import replan
from connector.loading import Loaded, recall
from connector.opening import mark_of_hours
from connector.poller import Progress
from connector.shop import Shop
from connector.store import followups, orders, stores, versions
from connector.store.followups import Followup
from connector.store.stores import RuleState
from rules.facts import Active
from rules.rule import Action, Rule
from rules.schema import Mark, marked

AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Edit:
    """How a rule on disk differs from the one that is in force: in no way, or in these (`new`, `edited`, `renamed`,
    `switched on`, `switched off`, `gone`, `other templates`). `was` is what the state calls it.
    """

    rule: str
    was: str
    how: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Edits:
    """How the rules and the hours of a store differ from what its follow-ups were planned with."""

    rules: tuple[Edit, ...]
    other_hours: bool
    templates: frozenset[str]
    """The templates that have other texts."""

    @property
    def touched(self) -> bool:
        return self.other_hours or any(each.how for each in self.rules)

    @property
    def named(self) -> set[str]:
        """All ids by which rules go, or went."""
        return {name for each in self.rules for name in (each.rule, each.was)}

    def of(self, rule: str) -> Edits:
        """The same, with this rule alone."""
        return replace(self, rules=tuple(each for each in self.rules if rule in (each.rule, each.was)))


@dataclass(frozen=True, slots=True)
class Change:
    """What becomes of one planned action: `before` is as it is recorded, `after` as the next run would have it."""

    before: Followup | None
    after: Followup

    @property
    def kind(self) -> str:
        """`added`, `cancelled`, `moved`, or `changed`: at the same time, but not the same, or held up meanwhile."""
        if self.after.state != "pending":
            return "cancelled"
        if self.before is None:
            return "added"
        return "moved" if self.before.meant_for != self.after.meant_for else "changed"

    @property
    def due_before(self) -> datetime | None:
        return self.before.meant_for if self.before is not None else None

    @property
    def due_after(self) -> datetime | None:
        return self.after.meant_for if self.after.state == "pending" else None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an edit makes of a rule's follow-ups. `kept` are planned ones that go on by an earlier version."""

    changes: tuple[Change, ...]
    kept: tuple[Followup, ...]

    def of(self, kind: str) -> list[Change]:
        """The changes of a kind, in the order in which they are due."""
        return sorted((each for each in self.changes if each.kind == kind), key=lambda each: each.after.meant_for)


# What was edited ----------------------------------------------------------------------------------------------


def find_edits(connection: sa.Connection, loaded: Loaded, store: StoreConfig) -> Edits:
    """Compare what is on disk with what the state of a store was made with."""
    known = stores.load_rules(connection, store.id)
    templates = _other_texts(edition_in_force(connection), loaded)
    edits = []
    for rule in loaded.rules[store.id]:
        was = rule.was if rule.was in known and rule.id not in known else rule.id
        assert was is not None
        is_left = rule.in_flight == "follow" and versions.somebody_goes_by_another(
            connection, store.id, was, rule.version
        )
        how = _how(known.get(was), rule, is_left=is_left, has_other_texts=bool(templates & templates_of(rule)))
        edits.append(Edit(rule.id, was, how))
    named = {each.was for each in edits}
    gone = [Edit(name, name, ("gone",)) for name, state in known.items() if state.enabled and name not in named]
    other_hours = stores.load(connection, store.id).planned_by not in (None, mark_of_hours(loaded, store))
    return Edits((*edits, *gone), other_hours, templates)


def _how(before: RuleState | None, rule: Rule, *, is_left: bool, has_other_texts: bool) -> tuple[str, ...]:
    """How a rule was edited. With `is_left`, an earlier version is left by those who went on by it."""
    if before is None:
        return ("new",)
    differs = {
        "renamed": before.rule != rule.id,
        "edited": before.version != rule.version or is_left,
        "other templates": has_other_texts,
        "switched on": rule.enabled and not before.enabled,
        "switched off": before.enabled and not rule.enabled,
    }
    return tuple(how for how, is_so in differs.items() if is_so)


def _other_texts(edition: Edition | None, loaded: Loaded) -> frozenset[str]:
    before: Mapping[str, Mapping[str, str]] = edition.templates if edition is not None else {}
    return frozenset(name for name, texts in loaded.templates.items() if before.get(name) != texts)


# What that will change ----------------------------------------------------------------------------------------


def foresee(
    connection: sa.Connection, loaded: Loaded, edits: Edits, shop: Shop, progress: Progress | None = None
) -> dict[str, Outcome]:
    """By rule, what becomes of the follow-ups. `connection` is to the state, and `shop` has a copy of it, on which the
    rules on disk are in force already: there the edited ones are planned again, just as the next run would do it.
    """
    edited = [each for each in edits.rules if each.how or edits.other_hours]
    before = {row.id: row for row in followups.planned(connection, shop.id, [each.was for each in edited])}
    rules_before = _rules_of(connection, loaded, shop.config, before.values())
    names = [each.rule for each in edited]
    active = {each.rule.id: each for each in shop.rules if each.rule.id in names}
    _plan_all_again(replace(shop, rules=tuple(active.values())), names, progress)
    after = _rows_of(shop, names, before)
    outcomes = {}
    for name in names:
        changes = [Change(before.get(row.id), row) for row in after[name]]
        real = [each for each in changes if _is_real(each, active.get(name), rules_before, edits.templates)]
        kept = [row for row in after[name] if name in active and row.version in active[name].earlier]
        outcomes[name] = Outcome(tuple(real), tuple(kept))
    return outcomes


def _rows_of(shop: Shop, names: Sequence[str], before: Mapping[int, Followup]) -> dict[str, list[Followup]]:
    """By rule, what is planned by now, and what has become of all that was."""
    rows: dict[str, list[Followup]] = {name: [] for name in names}
    with shop.database.read() as copy:
        pending = followups.planned(copy, shop.id, names)
        gone = before.keys() - {row.id for row in pending}
        for row in [*pending, *_by_ids(copy, sorted(gone))]:
            rows[row.rule].append(row)
    return rows


def _rules_of(
    connection: sa.Connection, loaded: Loaded, store: StoreConfig, planned: Iterable[Followup]
) -> dict[tuple[str, str], Rule]:
    """The rules by which these were planned, by id and version, as far as they are known and fit the configuration."""
    used = {(row.rule, row.version) for row in planned}
    found = {}
    for each in versions.load(connection, store.id):
        if (each.rule, each.version) in used and each.source is not None:
            recalled = recall(loaded, store, each.source)
            if isinstance(recalled, Rule):
                found[each.rule, each.version] = recalled
    return found


def _plan_all_again(shop: Shop, rules: Sequence[str], progress: Progress | None) -> None:
    """Plan what is to be planned again by now, as a run does, as far as these rules are concerned."""
    now = shop.clock()
    done = 0
    with shop.database.write() as copy:
        followups.leave_out_others(copy, shop.id, rules)
        total = orders.to_ask_count(copy, shop.id, now)
    while True:
        with shop.database.write() as copy:
            ids = orders.to_ask(copy, shop.id, now, AT_ONCE)
            if not ids:
                return
            replan(copy, shop, ids, now)
        done += len(ids)
        if progress is not None:
            progress(min(done, total), total)


def _by_ids(connection: sa.Connection, ids: Sequence[int]) -> list[Followup]:
    starts = range(0, len(ids), AT_ONCE)
    return [row for start in starts for row in followups.by_ids(connection, ids[start : start + AT_ONCE])]


def _is_real(
    change: Change,
    active: Active | None,
    rules_before: Mapping[tuple[str, str], Rule],
    other_texts: frozenset[str],
) -> bool:
    """Whether an action will be another, or at another time: not only one of another version of its rule."""
    before, after = change.before, change.after
    if change.kind != "changed" or before is None or active is None:
        return True
    will_be = _action(active.by(after.version), after)
    if will_be is None or (before.expires_at, before.held_for) != (after.expires_at, after.held_for):
        return True
    texts = {name for _, name in marked(will_be.spec, Mark.TEMPLATE)}
    return _action(rules_before.get((before.rule, before.version)), before) != will_be or bool(texts & other_texts)


def _action(rule: Rule | None, row: Followup) -> Action | None:
    """What a recorded action does, by this rule."""
    actions = next((step.actions for step in rule.steps if step.id == row.step), ()) if rule is not None else ()
    return actions[row.action - 1] if row.action <= len(actions) else None
