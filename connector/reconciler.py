"""Wanted follow-ups against recorded ones: insert what is new, move what shifted, cancel what is wanted no more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from adapters.model import Order
from connector.store.followups import HOLD_WHILE, HOLDOUT, NEVER, Followup
from rules.planner import Plan, Wanted

Row = dict[str, object]


@dataclass(slots=True)
class Changes:
    """What a plan changes in the records. `moved` and `skipped` rows carry the `id` of the row to change."""

    inserted: list[Row] = field(default_factory=list)
    moved: list[Row] = field(default_factory=list)
    skipped: list[Row] = field(default_factory=list)

    def add(self, other: Changes) -> None:
        self.inserted += other.inserted
        self.moved += other.moved
        self.skipped += other.skipped


def reconcile(
    store: str, order: Order, person: str, plan: Plan, recorded: Sequence[Followup], now: datetime
) -> Changes:
    """Compare a plan with what is recorded of its order (and of its subjects elsewhere).

    Done, failed, unknown and held rows are never touched, nor are those skipped for good. A skipped row that is
    wanted again comes back to life; a pending one that is not wanted is skipped, with the plan's reason. What its
    rule's `hold_while` holds up is not due before it expires, and is due as planned when that is over. Of somebody
    who is held out, the step's first action stands for all that they do not get, and is skipped for good.
    """
    changes = Changes()
    rows = {(row.rule, row.subject, row.step, row.action): row for row in recorded}
    live: set[int] = set()
    for wanted in plan.wanted:
        for number, action in enumerate(wanted.step.actions, start=1):
            row = rows.get((wanted.rule.id, wanted.subject.key, wanted.step.id, number))
            if row is None:
                changes.inserted.append(_new_row(store, order, person, wanted, number, now))
                continue
            live.add(row.id)
            planned = _planned(order, person, wanted, action.kind, now)
            if _is_out_of_date(row, planned):
                changes.moved.append(_moved_row(row, planned))
    for left_out in plan.held_out:
        row = rows.get((left_out.rule.id, left_out.subject.key, left_out.step.id, 1))
        reason = plan.refused[left_out.rule.id, left_out.subject.key]
        skipped = {"state": "skipped", "final": True, "held_for": HOLDOUT, "reason": reason}
        if row is None:
            changes.inserted.append(_new_row(store, order, person, left_out, 1, now) | skipped)
        elif row.state in ("pending", "skipped") and not row.final:
            live.add(row.id)
            kind = left_out.step.actions[0].kind
            changes.moved.append({"id": row.id, **_planned(order, person, left_out, kind, now), **skipped})
    for row in recorded:
        if row.state == "pending" and row.id not in live and row.order_id == order.id:
            reason = plan.refused.get((row.rule, row.subject)) or _no_longer_planned(row, plan)
            skipped = {"state": "skipped", "final": False, "held_for": None, "at": now, "reason": reason}
            changes.skipped.append({"id": row.id, **skipped})
    return changes


def _no_longer_planned(row: Followup, plan: Plan) -> str:
    if any((wanted.rule.id, wanted.subject.key) == (row.rule, row.subject) for wanted in plan.wanted):
        return "the rule was edited: it no longer has this action"
    if any(wanted.rule.id == row.rule and wanted.rule.once_per == "occurrence" for wanted in plan.wanted):
        return "its schedule has come round again"
    return "no longer planned: its rule, its trigger or what it was about is gone"


def _is_out_of_date(row: Followup, planned: Row) -> bool:
    if row.state == "skipped":
        return not row.final
    compared = planned.keys() - _OF_NOW if planned["held_for"] is None else planned.keys() - {"at"}
    return row.state == "pending" and any(getattr(row, name) != planned[name] for name in compared)


_OF_NOW = frozenset({"state", "final", "reason", "due_at", "at"})
"""What becomes of a pending row by itself: it may be put off, and say why."""


def _new_row(store: str, order: Order, person: str, wanted: Wanted, number: int, now: datetime) -> Row:
    return {
        "store": store,
        "rule": wanted.rule.id,
        "subject": wanted.subject.key,
        "step": wanted.step.id,
        "action": number,
        "approved": False,
        "tries": 0,
        **_planned(order, person, wanted, wanted.step.actions[number - 1].kind, now),
    }


def _moved_row(row: Followup, planned: Row) -> Row:
    is_held_up = HOLD_WHILE in (row.held_for, planned["held_for"])
    if row.state == "pending" and row.planned_at == planned["planned_at"] and not is_held_up:
        planned = {**planned, "due_at": row.due_at, "at": row.at, "reason": row.reason}  # a put-off stays put off
    return {"id": row.id, **planned}


def _expires(wanted: Wanted) -> datetime:
    """When it will have come too late."""
    return wanted.expires_at + timedelta(seconds=1) if wanted.expires_at is not None else NEVER


def _planned(order: Order, person: str, wanted: Wanted, kind: str, now: datetime) -> Row:
    return {
        "position": wanted.step.position,
        "kind": kind,
        "order_id": order.id,
        "number": order.number,
        "person": person,
        "state": "pending",
        "final": False,
        "held_for": HOLD_WHILE if wanted.waits_while is not None else None,
        "reason": wanted.waits_while,
        "event_at": wanted.event.at,
        "planned_at": wanted.due_at,
        "due_at": wanted.due_at if wanted.waits_while is None else _expires(wanted),
        "expires_at": wanted.expires_at,
        "backfilled": wanted.backfilled,
        "at": now,
        "version": wanted.rule.version,
    }
