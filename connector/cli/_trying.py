"""A rule that is tried out, by `preview` and `send-test`: which one, in which store, and with which order."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated
from uuid import uuid4

import typer

from adapters.base import StoreAdapter
from adapters.errors import AdapterError
from adapters.model import NOTHING_SAID, Order, Remarks
from connector.cli._clients import Clients, find_store, no_such
from connector.cli._exits import Exit, Stop
from connector.cli._screen import clean
from connector.cli._state import exists, known_shop, now, state_of
from connector.config import StoreConfig
from connector.loading import Loaded
from connector.opening import make_adapter
from connector.privacy import keeping
from connector.rehearsal import Rehearsal, about_order, about_sample
from connector.shop import Shop
from connector.store import orders
from rules.events import Journal
from rules.locales import unknown_locale
from rules.rule import Rule

OrderNumber = Annotated[
    str | None,
    typer.Option("--order", metavar="NUMBER", help="With this order of the store; unless told, with an invented one."),
]
StoreId = Annotated[
    str | None, typer.Option("--store", metavar="ID", help="In this store; needed where several have the rule.")
]
Locale = Annotated[
    str | None, typer.Option("--locale", metavar="LANGUAGE", help="As readers of this language get it: he, pt-BR …")
]


@contextmanager
def rehearsed(
    clients: Clients, rule: str, store: str | None, order: str | None, locale: str | None
) -> Iterator[tuple[Loaded, Rehearsal]]:
    """The rule, and the order it is tried out with. Raises Stop for what there is not, and what cannot be read."""
    if locale is not None and (sentence := unknown_locale(locale)) is not None:
        raise Stop(Exit.MISTAKE, f"{sentence.partition(';')[0]}: write a code such as 'he' or 'pt-BR'")
    loaded, config, found = _found(clients, rule, store)
    adapter = make_adapter(config, now)
    try:
        signed_by, moment = loaded.config.signed_by, now()
        if order is None:
            about = about_sample(found, loaded.templates, config, signed_by=signed_by, now=moment)
        else:
            known, journal, remarks = _order(loaded, config, adapter, order)
            about = about_order(found, known, journal, remarks, config, signed_by=signed_by, now=moment)
        yield loaded, Rehearsal(found, config, adapter, loaded.templates, about, moment, uuid4().hex)
    finally:
        adapter.close()


def _found(clients: Clients, wanted: str, store: str | None) -> tuple[Loaded, StoreConfig, Rule]:
    """The rule of this id, as it is in this store."""
    among = list(clients.stores()) if store is None else [(store, *find_store(clients, store))]
    every = [(name, loaded, config, rule) for name, loaded, config in among for rule in loaded.rules[config.id]]
    found = [(loaded, config, rule) for _, loaded, config, rule in every if rule.id == wanted]
    if not found:
        raise Stop(Exit.MISTAKE, no_such("rule", wanted, {rule.id for *_, rule in every}))
    if len(found) > 1:
        names = ", ".join(name for name, _, _, rule in every if rule.id == wanted)
        raise Stop(Exit.MISTAKE, f"several stores have the rule '{wanted}': name one with --store, of {names}")
    return found[0]


def _order(loaded: Loaded, store: StoreConfig, adapter: StoreAdapter, number: str) -> tuple[Order, Journal, Remarks]:
    """The order as it is known here, else as the store shows it. Of somebody who is forgotten, nothing of theirs."""
    if not exists(loaded):
        return _fetched(store, adapter, number), (), NOTHING_SAID
    with state_of(loaded) as database:
        with database.read() as connection:
            id_ = orders.find(connection, store.id, number)
            if id_ is not None:
                known = orders.load(connection, store.id, [id_])[id_]
                return known.order, known.journal, known.remarks
        shop = known_shop(loaded, store, database, now)
        try:
            return _as_kept(shop, _fetched(store, adapter, number)), (), NOTHING_SAID
        finally:
            shop.adapter.close()


def _as_kept(shop: Shop, order: Order) -> Order:
    with shop.database.read() as connection:
        return keeping(connection, shop, now()).look(order, None)[0]


def _fetched(store: StoreConfig, adapter: StoreAdapter, number: str) -> Order:
    """The order of this id, asked of the store; nothing is written to it."""
    id_ = number.removeprefix("#")
    try:
        fetched = adapter.get_orders([id_])
    except AdapterError as error:
        raise Stop(Exit.FAILED, f"order '{number}' cannot be fetched from '{store.id}': {error}") from None
    if not fetched.orders:
        broken = next((each.reason for each in fetched.broken), None)
        why = f"cannot be understood: {clean(broken)}" if broken else "is not known here, and the store shows none"
        raise Stop(Exit.MISTAKE, f"order '{number}' of '{store.id}' {why}")
    return fetched.orders[0]
