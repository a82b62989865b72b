"""From what is on disk to shops that can be run: the state opened, the rules switched on, the adapters made."""

from __future__ import annotations

import gc
import hashlib
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa
import structlog

from adapters.base import StoreAdapter
from adapters.registry import create
from adapters.watch import NOBODY, Watch
from connector.approval import enter, is_told, note_told
from connector.config import Mode, StoreConfig
from connector.lines import Circuit, Line, MakeChannel, make_channel, open_lines
from connector.loading import Loaded
from connector.shop import Clock, Shop
from connector.staff import Staff
from connector.store import followups, orders, stores, versions
from connector.store.database import Database, exists, open_database, secret_of
from connector.store.errors import StateError
from connector.store.stores import RuleState
from connector.store.versions import Version
from connector.versions import drop_what_nobody_goes_by, earlier_versions
from rules.facts import Active
from rules.rule import Rule

log = structlog.get_logger()

MakeAdapter = Callable[[StoreConfig, Clock], StoreAdapter]


def make_adapter(config: StoreConfig, clock: Clock, watch: Watch = NOBODY) -> StoreAdapter:
    """The adapter of a store's platform, by its settings; `watch` is told of every answer."""
    return create(config.platform, **config.plain_settings(), clock=clock, zone=config.calendar.zone, watch=watch)


@dataclass(frozen=True, slots=True)
class Client:
    """All that one config file asks for, ready to run."""

    loaded: Loaded
    database: Database
    shops: tuple[Shop, ...]
    mode: Mode
    lines: Mapping[str, Line]
    awaits_approval: bool = False
    """Whether there are other rules on disk, which a person has to approve first."""

    @property
    def name(self) -> str:
        """What a client is called among others: as its file is."""
        return self.loaded.config.file.stem

    def close(self) -> None:
        for shop in self.shops:
            shop.adapter.close()
        for line in self.lines.values():
            line.channel.close()
        self.database.close()


def open_client(
    loaded: Loaded,
    clock: Clock,
    *,
    mode: Mode | None = None,
    make_adapter: MakeAdapter = make_adapter,
    make_channel: MakeChannel = make_channel,
    dry_copy: Path | None = None,
    staff: Staff | None = None,
) -> Client:
    """Open the state and its shops. In `dry` mode all happens on a copy of the state at `dry_copy`.

    Raises StateError if the state cannot be used with this configuration.
    """
    config = loaded.config
    mode = mode or config.mode
    staff = staff or Staff(config.staff)
    with ExitStack() as undo:
        url = config.database.get_secret_value()
        database = open_database(url) if dry_copy is None else _copied(url, dry_copy)
        undo.callback(database.close)
        lines = open_lines(config.channels, database, clock, make_channel)
        in_force = enter(database, loaded)
        shops = _shops(in_force, database, clock, mode, make_adapter, staff, lines)
        if in_force is not loaded:
            _tell_that_an_edit_waits(database, loaded, staff)
        undo.pop_all()
    return Client(in_force, database, shops, mode, lines, awaits_approval=in_force is not loaded)


def spare_collector() -> None:
    """What is open now stays so for long: the collector need not look at it with every page. What was closed goes."""
    gc.unfreeze()
    gc.collect()
    gc.freeze()


def _tell_that_an_edit_waits(database: Database, loaded: Loaded, staff: Staff) -> None:
    """The staff is told once of each edit."""
    name = loaded.config.file.stem
    log.warning("the rules on disk await approval: those in force stay so", client=name)
    with database.read() as connection:
        told = is_told(connection, loaded)
    title = f"{name}: edited rules wait for your approval"
    if not told and staff.tell(title, EDIT_WAITS):
        with database.write() as connection:
            note_told(connection, loaded)


EDIT_WAITS = """The rules or templates on disk were edited, and 'require_approval' is set.
Until you approve them, everything goes on by those that were in force.

  aftersale plan            shows what the edit will change
  aftersale plan --approve  lets it come into force, with the next run or reload
"""


def _shops(
    loaded: Loaded,
    database: Database,
    clock: Clock,
    mode: Mode,
    make_adapter: MakeAdapter,
    staff: Staff,
    lines: Mapping[str, Line],
) -> tuple[Shop, ...]:
    config = loaded.config
    secret = secret_of(database)
    circuits: dict[str, Circuit] = {}
    return tuple(
        Shop(
            config=store,
            adapter=make_adapter(store, clock),
            database=database,
            secret=secret,
            rules=switch_on(database, loaded, store, clock()),
            calendar=store.calendar,
            ladders=store.ladders,
            staff=staff,
            clock=clock,
            mode=mode,
            redirect_to=config.redirect_to,
            signed_by=config.signed_by,
            templates=loaded.templates,
            lines=lines,
            circuits=circuits,
            protection=config.protection,
            webhook_secret=config.webhook_secret,
        )
        for store in config.stores
    )


def _copied(url: str, to: Path) -> Database:
    """The state in another file; a new one where there is none yet, so that a dry run leaves nothing behind."""
    if not exists(url):
        return open_database(f"sqlite:///{to}")
    original = open_database(url)
    try:
        return original.copy_to(to)
    finally:
        original.close()


def switch_on(database: Database, loaded: Loaded, store: StoreConfig, now: datetime) -> tuple[Active, ...]:
    """The rules of a store, each since when it stands enabled there; edits make what they touch be planned again.

    Raises StateError for a rule that may be an old one under a new id, and would reach back into the past; and for an
    earlier version by which somebody goes on, and which does not fit the configuration any more.
    """
    rules = loaded.rules[store.id]
    with database.write(durable=True) as connection:
        known = stores.load_rules(connection, store.id)
        for rule in rules:
            if rule.was is not None and rule.was in known and rule.id not in known:
                _rename(connection, store.id, known, rule)
        if twins := old_rules_under_new_ids(known, rules):
            raise StateError("\n".join(twins))
        gone = [state for name, state in known.items() if state.enabled and name not in {rule.id for rule in rules}]
        for state in gone:
            stores.save_rule(connection, store.id, replace(state, enabled=False))
        is_edited = bool(gone)
        for rule in rules:
            is_edited = _enter(connection, store.id, known.get(rule.id), rule, now) or is_edited
        is_edited = _keeps_other_hours(connection, loaded, store) or is_edited
        active = active_rules(connection, loaded, store, now)
        if is_edited:
            orders.ask_all_again(connection, store.id, now)
            for each in active:
                drop_what_nobody_goes_by(connection, store.id, each)
    return active


def _enter(connection: sa.Connection, store: str, before: RuleState | None, rule: Rule, now: datetime) -> bool:
    """Remember a rule as it is loaded; true if orders that we know have to be planned again for it."""
    since = before.since if before is not None and (before.enabled or not rule.enabled) else now
    first_id = before.first_id if before is not None else rule.id
    state = RuleState(rule.id, rule.version, rule.enabled, since, first_id)
    if state != before:
        stores.save_rule(connection, store, state)
    if before is None or before.version != rule.version:
        versions.put(connection, store, Version(rule.id, rule.version, rule.source, rule.version, now))
    followed = rule.in_flight == "follow" and versions.follow(connection, store, rule.id, rule.version)
    # A new rule has to do with nothing that we know, unless it reaches back.
    return followed or (state != before and (before is not None or rule.backfill is not None))


def _keeps_other_hours(connection: sa.Connection, loaded: Loaded, store: StoreConfig) -> bool:
    """Remember what the store's follow-ups are timed by; true if that is not as it was."""
    before = stores.load(connection, store.id).planned_by
    planned_by = mark_of_hours(loaded, store)
    if planned_by != before:
        stores.update(connection, store.id, planned_by=planned_by)
    return before is not None and planned_by != before


def mark_of_hours(loaded: Loaded, store: StoreConfig) -> str:
    """A mark of all in a configuration by which a store's follow-ups are timed: its hours, its ladders, quiet times."""
    timing = (store.calendar, sorted(store.windows.items()), store.ladders, loaded.config.protection.quiet)
    return hashlib.sha256(repr(timing).encode()).hexdigest()


def active_rules(connection: sa.Connection, loaded: Loaded, store: StoreConfig, now: datetime) -> tuple[Active, ...]:
    """The rules of a store, as its state knows them; one that it does not know yet would be switched on now.

    Raises StateError for an earlier version by which somebody goes on, and which does not fit any more.
    """
    known = stores.load_rules(connection, store.id)
    active = []
    for rule in loaded.rules[store.id]:
        state = known.get(rule.id, RuleState(rule.id, rule.version, rule.enabled, now, rule.id))
        earlier = earlier_versions(connection, loaded, store, rule)
        active.append(Active(rule, state.since, state.first_id, earlier))
    return tuple(active)


def old_rules_under_new_ids(known: Mapping[str, RuleState], rules: tuple[Rule, ...]) -> list[str]:
    """New rules that reach back and do just what a vanished one did: they would write to the same people again."""
    ids = {rule.id for rule in rules}
    vanished = {_content(state.version): name for name, state in known.items() if name not in ids}
    twins = [
        (rule, vanished[_content(rule.version)])
        for rule in rules
        if rule.id not in known and rule.backfill is not None and _content(rule.version) in vanished
    ]
    return [
        f"{rule.where}: rule '{rule.id}' does just what '{old}' did, and its 'backfill' would write to the same people "
        f"again. If it is the same rule, add 'was: {old}'; else take out 'backfill'"
        for rule, old in twins
    ]


def _content(version: str) -> str:
    """What a rule does, however far it reaches back."""
    return version.partition("+")[0]


def _rename(connection: sa.Connection, store: str, known: dict[str, RuleState], rule: Rule) -> None:
    old = known.pop(str(rule.was))
    followups.rename_rule(connection, store, old.rule, rule.id)
    versions.rename_rule(connection, store, old.rule, rule.id)
    stores.forget_rule(connection, store, old.rule)
    known[rule.id] = replace(old, rule=rule.id)
    stores.save_rule(connection, store, known[rule.id])
