"""What a person decides about actions that wait for one: let them go, drop them, or say whether they happened.

Each decision is one transaction, on the rows as they are by then: a run may have decided meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec
import sqlalchemy as sa

from connector.actions import Prepared
from connector.ingest import replan
from connector.settling import SETTLES_AFTER, record_done
from connector.shop import Shop
from connector.store import followups, ledger, orders
from connector.store.followups import Followup
from rules.protection import good_time_of


def let_go(shop: Shop, ids: Iterable[int]) -> None:
    """Approve what is held for approval: it is due at the next good time of its rule."""
    now = shop.clock()
    with shop.database.write(durable=True) as connection:
        held = _held_for_approval(connection, ids)
        released = {"state": "pending", "approved": True, "held_for": None, "at": now, "reason": None}
        followups.update_each(
            connection, [{"id": row.id, **released, "due_at": _good_time(connection, shop, row, now)} for row in held]
        )
        _plan_again(connection, shop, held, now)


def drop(shop: Shop, ids: Iterable[int]) -> None:
    """Never do what is held for approval."""
    now = shop.clock()
    with shop.database.write(durable=True) as connection:
        held = _held_for_approval(connection, ids)
        dropped = {"state": "skipped", "final": True, "held_for": None, "at": now, "reason": "dropped by a person"}
        followups.update(connection, [row.id for row in held], **dropped)
        _plan_again(connection, shop, held, now)


def take_word(shop: Shop, ids: Iterable[int], *, sent: bool) -> None:
    """Believe a person who says that an action happened, or that it did not and is to be tried anew."""
    now = shop.clock()
    with shop.database.write(durable=True) as connection:
        told = [row for row in followups.by_ids(connection, list(ids)) if may_be_told(row, now)]
        for row in told:
            if sent:
                record_done(connection, row, None, now)
            else:
                reason = "a person says that it did not go out: to be tried anew"
                ledger.strike_out(connection, [row.id])
                again = {
                    "state": "pending",
                    "at": now,
                    "due_at": _good_time(connection, shop, row, now),
                    "reason": reason,
                }
                again["intent"] = _tried_anew(row)
                followups.update(connection, [row.id], **again)
        followups.update(connection, [row.id for row in told], held_for=None)
        _plan_again(connection, shop, told, now)


def may_be_told(row: Followup, now: datetime) -> bool:
    """Whether a person can know what became of it: while its call is under way, or may still land, nobody does."""
    if row.state == "held":
        return row.held_for == "outcome"
    return row.state == "unknown" and row.intent_at is not None and now - row.intent_at >= SETTLES_AFTER


def _tried_anew(row: Followup) -> bytes | None:
    """The intent with one more word of a person in it: the next try is not to be taken for the one that died."""
    if row.intent is None:
        return None
    earlier = msgspec.json.decode(row.intent, type=Prepared)
    return msgspec.json.encode(msgspec.structs.replace(earlier, again=earlier.again + 1))


def _held_for_approval(connection: sa.Connection, ids: Iterable[int]) -> list[Followup]:
    rows = followups.by_ids(connection, list(ids))
    return [row for row in rows if row.state == "held" and row.held_for == "approval"]


def _good_time(connection: sa.Connection, shop: Shop, row: Followup, now: datetime) -> datetime:
    """When an action that may go now is within the hours that its rule keeps."""
    known = orders.load(connection, shop.id, [row.order_id])[row.order_id]
    for active in shop.rules:
        for step in active.by(row.version).steps:
            if (active.rule.id, step.id) == (row.rule, row.step):
                return good_time_of(step, known.order, now, shop.calendar, shop.protection.quiet)
    return now


def _plan_again(connection: sa.Connection, shop: Shop, rows: Sequence[Followup], now: datetime) -> None:
    """Plan what follows from it."""
    replan(connection, shop, sorted({row.order_id for row in rows}), now)
