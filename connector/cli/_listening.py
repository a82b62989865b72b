"""What a store is asked for beside its orders, as a rule waits for it: what that costs, and how it goes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from adapters.base import Capability
from connector.cli._screen import ago, clean, count, iso, local
from connector.cli._state import now
from connector.config import StoreConfig
from connector.hearing import NOTES_EVERY, listens_for
from connector.loading import Loaded
from connector.opening import make_adapter
from connector.store import listening, orders
from connector.store.listening import Heard
from connector.store.orders import Looks


@dataclass(frozen=True, slots=True)
class Ear:
    """Something that a store is asked for by itself, as a rule waits for it: how often at most, and how that goes. Of
    the staff's notes, `at_once` is how many orders are looked at, and `looks` how far that has come.
    """

    what: Capability
    every: timedelta
    heard: Heard
    at_once: int | None = None
    looks: Looks | None = None


def ears_of(connection: sa.Connection, loaded: Loaded, store: StoreConfig) -> list[Ear]:
    """What the store's rules wait for that has to be asked for by itself."""
    adapter = make_adapter(store, now)
    try:
        listened = listens_for(loaded.rules[store.id], adapter.capabilities)
    finally:
        adapter.close()
    found = []
    for what in listened:
        ear = Ear(what, store.poll_every, listening.load(connection, store.id, what))
        if what is Capability.STAFF_NOTES:
            every, looks = max(NOTES_EVERY, store.poll_every), orders.looks(connection, store.id)
            ear = replace(ear, every=every, at_once=adapter.notes_at_once, looks=looks)
        found.append(ear)
    return found


def ear_json(ear: Ear) -> dict[str, object]:
    """The same for programs."""
    heard, looks = ear.heard, ear.looks
    told: dict[str, object] = {
        "every_seconds": round(ear.every.total_seconds()),
        "heard_at": iso(heard.heard_at),
        "error": heard.error,
        "error_since": iso(heard.error_since),
        "retry_at": iso(heard.retry_at),
    }
    if looks is not None:
        oldest = iso(looks.oldest_at)
        told |= {
            "orders_at_once": ear.at_once,
            "orders": looks.orders,
            "waiting": looks.waiting,
            "oldest_look_at": oldest,
        }
    return told


def listens(ear: Ear) -> str:
    """What the store is asked for beside its orders, and what that costs it."""
    minutes = f"{ear.every.total_seconds() / 60:g} minutes"
    if ear.looks is None or ear.at_once is None:
        return f"Reviews are asked for, too: one request more at each poll, every {minutes}."
    looks = ear.looks
    oldest = f"; the oldest look was {ago(looks.oldest_at, now())}" if looks.oldest_at is not None else ""
    return (
        f"The staff's notes are asked for, too: of {ear.at_once:,} open orders every {minutes}, out of "
        f"{looks.orders:,}. {count(looks.waiting, 'order')} still to be looked at for the first time{oldest}."
    )


def why_deaf(ear: Ear, zone: ZoneInfo) -> str:
    """Why it cannot be read, and since when."""
    what = {Capability.REVIEWS: "Reviews", Capability.STAFF_NOTES: "The staff's notes"}[ear.what]
    since = f" (since {local(ear.heard.error_since, zone)} {zone})" if ear.heard.error_since else ""
    return f"{what} cannot be read{since}: {clean(ear.heard.error)}"
