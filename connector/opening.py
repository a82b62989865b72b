"""From what is on disk to shops that can be run: the state opened, the rules switched on, the adapters made."""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa

from adapters.base import StoreAdapter
from adapters.registry import create
from adapters.watch import NOBODY, Watch
from connector.config import Mode, StoreConfig
from connector.lines import Circuit, Line, MakeChannel, make_channel, open_lines
from connector.loading import Loaded
from connector.shop import Clock, Shop
from connector.staff import Staff
from connector.store import followups, orders, stores
from connector.store.database import Database, exists, open_database, secret_of
from connector.store.errors import StateError
from connector.store.stores import RuleState
from rules.planner import Active
from rules.rule import Rule

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
    with ExitStack() as undo:
        url = config.database.get_secret_value()
        database = open_database(url) if dry_copy is None else _copied(url, dry_copy)
        undo.callback(database.close)
        lines = open_lines(config.channels, database, clock, make_channel)
        shops = _shops(loaded, database, clock, mode, make_adapter, staff or Staff(config.staff), lines)
        undo.pop_all()
    gc.collect()
    gc.freeze()  # all this lives as long as the process: the collector need not look at it again with every page
    return Client(loaded, database, shops, mode, lines)


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
            rules=switch_on(database, store.id, loaded.rules[store.id], clock()),
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


def switch_on(database: Database, store: str, rules: tuple[Rule, ...], now: datetime) -> tuple[Active, ...]:
    """The rules of a store, each since when it stands enabled there; edits make what they touch be planned again.

    Raises StateError for a rule that may be an old one under a new id, and would reach back into the past.
    """
    with database.write(durable=True) as connection:
        known = stores.load_rules(connection, store)
        for rule in rules:
            if rule.was is not None and rule.was in known and rule.id not in known:
                _rename(connection, store, known, rule)
        if twins := old_rules_under_new_ids(known, rules):
            raise StateError("\n".join(twins))
        gone = [state for name, state in known.items() if state.enabled and name not in {rule.id for rule in rules}]
        for state in gone:
            stores.save_rule(connection, store, replace(state, enabled=False))
        active = []
        is_edited = bool(gone)
        for rule in rules:
            before = known.get(rule.id)
            since = before.since if before is not None and (before.enabled or not rule.enabled) else now
            first_id = before.first_id if before is not None else rule.id
            state = RuleState(rule.id, rule.digest, rule.enabled, since, first_id)
            if state != before:
                stores.save_rule(connection, store, state)
                # A new rule has to do with nothing that we know, unless it reaches back.
                is_edited = is_edited or before is not None or rule.backfill is not None
            active.append(Active(rule, since, first_id))
        if is_edited:
            orders.ask_all_again(connection, store, now)
    return tuple(active)


def old_rules_under_new_ids(known: Mapping[str, RuleState], rules: tuple[Rule, ...]) -> list[str]:
    """New rules that reach back and do just what a vanished one did: they would write to the same people again."""
    ids = {rule.id for rule in rules}
    vanished = {_content(state.digest): name for name, state in known.items() if name not in ids}
    twins = [
        (rule, vanished[_content(rule.digest)])
        for rule in rules
        if rule.id not in known and rule.backfill is not None and _content(rule.digest) in vanished
    ]
    return [
        f"{rule.where}: rule '{rule.id}' does just what '{old}' did, and its 'backfill' would write to the same people "
        f"again. If it is the same rule, add 'was: {old}'; else take out 'backfill'"
        for rule, old in twins
    ]


def _content(digest: str) -> str:
    """What a rule does, however far it reaches back."""
    return digest.partition("+")[0]


def _rename(connection: sa.Connection, store: str, known: dict[str, RuleState], rule: Rule) -> None:
    old = known.pop(str(rule.was))
    followups.rename_rule(connection, store, old.rule, rule.id)
    stores.forget_rule(connection, store, old.rule)
    known[rule.id] = replace(old, rule=rule.id)
    stores.save_rule(connection, store, known[rule.id])
