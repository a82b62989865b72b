"""The recorded state, for commands that look at it or change a little in it without a run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from sqlalchemy.exc import DBAPIError

from connector.approval import in_force
from connector.cli._clients import Clients
from connector.cli._exits import Exit, Stop
from connector.config import StoreConfig, shown
from connector.loading import Loaded
from connector.opening import active_rules, make_adapter
from connector.shop import Clock, Shop
from connector.staff import Staff
from connector.store import database as state
from connector.store import stores
from connector.store.database import Database, open_database, secret_of
from connector.store.errors import StateError, in_words
from connector.store.followups import Followup


def now() -> datetime:
    """The time, UTC: the clock of every command."""
    return datetime.now(UTC)


def exists(loaded: Loaded) -> bool:
    """Whether this config has run before."""
    with state_errors():
        return state.exists(loaded.config.database.get_secret_value())


@contextmanager
def state_of(loaded: Loaded) -> Iterator[Database]:
    """The state of a config that has run. Raises Stop where there is none, or it cannot be used."""
    if not exists(loaded):
        raise Stop(Exit.MISTAKE, f"{shown(loaded.config.file)} has not run yet: begin with 'aftersale run --once'")
    with state_errors():
        database = open_database(loaded.config.database.get_secret_value())
        try:
            yield database
        finally:
            database.close()


def with_state(clients: Clients) -> list[Loaded]:
    """The clients that have run before."""
    return [loaded for loaded in clients.loaded if exists(loaded)]


@contextmanager
def state_errors() -> Iterator[None]:
    """What keeps the state from being used is told in a line."""
    try:
        yield
    except StateError as error:
        raise Stop(Exit.MISTAKE, *str(error).split("\n")) from None
    except DBAPIError as error:
        raise Stop(Exit.FAILED, f"the database cannot be used just now: {in_words(error)}") from None


def known_shop(loaded: Loaded, store: StoreConfig, database: Database, clock: Clock) -> Shop:
    """A shop with the rules that the state knows, as it knows them: looking must not switch a rule on."""
    with database.read() as connection:
        state = stores.load(connection, store.id)
        known = stores.load_rules(connection, store.id)
        loaded = in_force(connection, loaded)
        active = active_rules(connection, loaded, store, clock())
    behind = timedelta(seconds=max(0.0, -(state.skew or 0.0)))
    return Shop(
        config=store,
        adapter=make_adapter(store, clock),
        database=database,
        secret=secret_of(database),
        rules=tuple(replace(each, since=each.since - behind) for each in active if each.rule.id in known),
        calendar=store.calendar,
        ladders=store.ladders,
        staff=Staff(loaded.config.staff),
        clock=clock,
        mode=loaded.config.mode,
        redirect_to=loaded.config.redirect_to,
        signed_by=loaded.config.signed_by,
        templates=loaded.templates,
        protection=loaded.config.protection,
    )


def by_shop(loaded: Loaded, database: Database, rows: Sequence[Followup]) -> Iterator[tuple[Shop, list[int]]]:
    """These rows' ids, with the shop of each."""
    for store in loaded.config.stores:
        ids = [row.id for row in rows if row.store == store.id]
        if ids:
            shop = known_shop(loaded, store, database, now)
            yield shop, ids
            shop.adapter.close()
