"""The account of a store, from the recorded state: nobody else is asked."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime

import msgspec

from connector.actions import Prepared
from connector.config import StoreConfig
from connector.prepare import coupon_code
from connector.report.account import Account, account
from connector.report.frame import Frame
from connector.store import followups
from connector.store.by_person import Person, everybody
from connector.store.database import Database
from connector.store.followups import Followup

Seen = Callable[[int], object]
"""Is told, now and then, how many orders more have been counted."""


def read_account(
    database: Database, store: StoreConfig, secret: bytes, since: datetime, until: datetime, seen: Seen
) -> Account:
    """What happened in a store from `since` to `until` (UTC)."""
    with database.read() as connection:
        frame = Frame(
            since=since,
            until=until,
            window=store.conversion_window,
            calendar=store.calendar,
            ladders=store.ladders,
            coupons={_code(row, secret).casefold(): row.rule for row in followups.coupons(connection, store.id)},
            compared=followups.compared(connection, store.id),
        )
        return account(_watched(everybody(connection, store.id), seen), frame)


def _watched(people: Iterable[Person], seen: Seen) -> Iterator[Person]:
    for person in people:
        yield person
        seen(len(person.orders))


def _code(row: Followup, secret: bytes) -> str:
    """The code of a coupon; where its customer was forgotten, it is derived anew."""
    kept = msgspec.json.decode(row.intent, type=Prepared).coupon_code if row.intent is not None else None
    return kept or coupon_code(secret, row)
