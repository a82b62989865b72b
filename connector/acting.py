"""Acting on a follow-up: intent → call → outcome.

The intent is committed before the call, as `unknown`, and the outcome after it: whatever crashes in between,
an unknown outcome is what remains, and that is settled by asking the store, never by trying again blindly.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import msgspec
import sqlalchemy as sa
import structlog

from adapters.errors import (
    AdapterError,
    AuthFailed,
    NotFound,
    RateLimited,
    Rejected,
    Unavailable,
    UnknownOutcome,
    Unsupported,
)
from connector.actions import Broken, Found, Refused, known_actions
from connector.ingest import replan
from connector.prepare import Judged, Made, make_ready, world_of
from connector.settling import record_done, settle
from connector.shop import Shop
from connector.store import followups, orders
from connector.store.followups import Followup
from connector.tally import Tally
from rules.planner import Facts, cooling_down, plan

log = structlog.get_logger()

BLOCKED_FOR = timedelta(minutes=10)
"""How long an action waits before it looks again whether the one before it in its step is decided."""

AFTER_A_FAULT = timedelta(hours=1)


def act_on_all(shop: Shop, steps: Sequence[list[Followup]], tally: Tally, stop: threading.Event) -> int:
    """Act on each step, politely few at a time, one at a time for a person. Returns how many came to an end.

    Raises AdapterError when the store does not let us go on; what was in hand is finished first.
    """
    queues: dict[str, list[list[Followup]]] = {}
    for step in steps:
        queues.setdefault(step[0].person, []).append(step)
    trouble: list[AdapterError] = []

    def work(queue: list[list[Followup]]) -> int:
        ended = 0
        for step in queue:
            if stop.is_set() or trouble:
                break
            try:
                ended += _act_on(shop, step[0], tally)
            except (AuthFailed, RateLimited, Unavailable) as error:
                trouble.append(error)
            except Exception as error:  # noqa: BLE001  one bad follow-up must not stop the others
                _set_aside(shop, step, error, tally)
        return ended

    with ThreadPoolExecutor(max_workers=shop.config.parallel, thread_name_prefix=shop.id) as pool:
        finished = sum(pool.map(work, queues.values()))
    if trouble:
        raise trouble[0]
    return finished


def _set_aside(shop: Shop, step: Sequence[Followup], error: Exception, tally: Tally) -> None:
    """A fault of ours: loudly put off. An action whose call had begun stays unknown, and is settled."""
    log.exception("follow-up set aside", store=shop.id, order=step[0].number, rule=step[0].rule)
    now = shop.clock()
    with shop.database.write() as connection:
        ids = [row.id for row in followups.of_step(connection, shop.id, *step[0].of_step) if row.state == "pending"]
        reason = f"put off: an internal fault ({type(error).__name__}); see the log"
        followups.update(connection, ids, due_at=now + AFTER_A_FAULT, reason=reason)
    tally.count("failed")


def _act_on(shop: Shop, first: Followup, tally: Tally) -> bool:
    """Do one step's actions in order. False if there was nothing to act on."""
    made = _open_intent(shop, first, tally)
    for action, following in zip(made, [*made[1:], None], strict=True):
        if not _do(shop, action, following, tally):
            break
    return bool(made)


def _open_intent(shop: Shop, first: Followup, tally: Tally) -> list[Made]:
    """Judge the whole step admissible, make its actions ready, and commit the intent of the first."""
    now = shop.clock()
    with shop.database.write(durable=True) as connection:
        rows = followups.of_step(connection, shop.id, *first.of_step)
        todo = [row for row in rows if row.state == "pending" and row.due_at <= now]
        if not todo:
            return []
        if any(row.state in ("unknown", "held") for row in rows):
            reason = "waits for the action before it, whose outcome is not known"
            followups.update(connection, [row.id for row in todo], due_at=now + BLOCKED_FOR, reason=reason)
            return []
        judged = _plan_afresh(connection, shop, first, now)
        if judged is None:
            tally.count("skipped", replan(connection, shop, [first.order_id], now).skipped)
            return []
        wanted = judged.wanted
        try:
            until = cooling_down(wanted.rule, wanted.subject.key, judged.facts.deeds, shop.calendar, now)
            if until is not None:
                raise Refused(f"cooldown: this rule has acted for this customer, until {until:%Y-%m-%d %H:%M} UTC")
            made = make_ready(shop, judged, todo, now)
        except Refused as refusal:
            _skip(connection, shop, todo, now, str(refusal), tally)
            return []
        except Broken as mistake:
            _fail(connection, shop, todo, now, str(mistake), tally)
            return []
        _write_intent(connection, made[0], now)
    return made


def _plan_afresh(connection: sa.Connection, shop: Shop, first: Followup, now: datetime) -> Judged | None:
    """The step as it is wanted now, from its order as last seen; None if it is wanted no more."""
    known = orders.load(connection, shop.id, [first.order_id])[first.order_id]
    recorded = followups.of_orders(connection, shop.id, [first.order_id])
    of_person = followups.of_people(connection, shop.id, [known.person], shop.person_rules)
    recorded += [row for row in of_person if row.order_id != first.order_id]
    deeds = tuple(row.deed for row in recorded)
    facts = Facts(known.order, known.person, shop.calendar, shop.ladders, deeds)
    for wanted in plan(facts, known.journal, shop.rules_now(), now).wanted:
        if (wanted.rule.id, wanted.subject.key, wanted.step.id) == first.of_step and wanted.due_at <= now:
            return Judged(facts, known.journal, wanted, recorded)
    return None


def _write_intent(connection: sa.Connection, made: Made, now: datetime) -> None:
    followups.update(
        connection,
        [made.row.id],
        state="unknown",
        at=now,
        reason="under way",
        channel=made.prepared.channel,
        intent=msgspec.json.encode(made.prepared),
        intent_at=now,
        tries=made.row.tries + 1,
    )


def _do(shop: Shop, made: Made, following: Made | None, tally: Tally) -> bool:
    """Make the call, and record the outcome together with the intent of what follows. True to go on."""
    kind = known_actions()[made.row.kind]
    try:
        result = _call(shop, made)
    except UnknownOutcome as error:
        _leave_unknown(shop, made, str(error), tally)
        return False
    except (Rejected, Unsupported) as error:
        now = shop.clock()
        with shop.database.write(durable=True) as connection:
            rows = followups.of_step(connection, shop.id, *made.row.of_step)
            rest = [row for row in rows if row.action >= made.row.action and not row.final]
            _fail(connection, shop, rest, now, str(error), tally)
        return False
    except NotFound as error:
        _take_back(shop, made, AFTER_A_FAULT, str(error))
        with shop.database.write() as connection:
            orders.note_missing(connection, shop.id, made.row.order_id, shop.clock())
        return False
    except (AuthFailed, RateLimited, Unavailable) as error:
        _take_back(shop, made, _delay(error, made.row.tries), str(error))
        if kind.needs_staff:
            return False
        raise
    now = shop.clock()
    with shop.database.write(durable=True) as connection:
        record_done(connection, made.row, result, now)
        if following is not None:
            _write_intent(connection, following, now)
        else:
            tally.count("planned", replan(connection, shop, [made.row.order_id], now).planned)
    tally.count("done")
    return True


def _call(shop: Shop, made: Made) -> str | None:
    """Do it, once. What reaches back into the past is first looked up: it may have been done by a lost state."""
    kind = known_actions()[made.row.kind]
    world = world_of(shop, made.row.order_id)
    if made.row.backfilled and not kind.repeatable:
        with shop.database.read() as connection:
            credited = followups.credited(connection, shop.id, made.row.order_id)
        answer = kind.settle(made.prepared, world, made.row.event_at, credited)
        if isinstance(answer, Found):
            return answer.result
    return None if shop.mode == "dry" else kind.perform(made.prepared, world)


def _leave_unknown(shop: Shop, made: Made, reason: str, tally: Tally) -> None:
    """The intent stands as unknown. Ask at once: a lost answer is often to a write that was done."""
    log.warning("outcome unknown", store=shop.id, order=made.row.number, rule=made.row.rule, reason=reason)
    with shop.database.write() as connection:
        followups.update(connection, [made.row.id], reason=f"outcome unknown: {reason}")
        row = followups.by_ids(connection, [made.row.id])[0]
    try:
        settled = settle(shop, row, tally)
    except AdapterError as error:
        log.warning("cannot be settled now", store=shop.id, order=made.row.number, reason=str(error))
        settled = False
    if not settled:
        tally.count("unknown")


def _take_back(shop: Shop, made: Made, delay: timedelta, reason: str) -> None:
    """For sure nothing was done: the follow-up waits for a better moment."""
    now = shop.clock()
    values = {"state": "pending", "at": now, "due_at": now + delay, "reason": f"put off: {reason}"}
    with shop.database.write(durable=True) as connection:
        followups.update(connection, [made.row.id], intent=None, intent_at=None, **values)


def _delay(error: AdapterError, tries: int) -> timedelta:
    """The store's own wish, else longer each time up to an hour; never all at the same moment."""
    asked = getattr(error, "retry_after", None)
    if asked is not None:
        return timedelta(seconds=asked)
    return timedelta(seconds=min(3600.0, 30.0 * 2 ** min(tries, 7)) * random.uniform(0.8, 1.2))  # noqa: S311


def _skip(
    connection: sa.Connection, shop: Shop, rows: Sequence[Followup], now: datetime, reason: str, tally: Tally
) -> None:
    ids = [row.id for row in rows]
    followups.update(connection, ids, state="skipped", final=True, at=now, reason=reason)
    replan(connection, shop, [rows[0].order_id], now)
    tally.count("skipped", len(rows))


def _fail(
    connection: sa.Connection, shop: Shop, rows: Sequence[Followup], now: datetime, reason: str, tally: Tally
) -> None:
    """The first of these failed for good; the others of its step are not to happen without it."""
    first, *others = rows
    followups.update(connection, [first.id], state="failed", final=True, at=now, reason=reason)
    values = {
        "state": "skipped",
        "final": True,
        "at": now,
        "reason": "an action before it in its step failed",
    }
    followups.update(connection, [row.id for row in others], **values)
    replan(connection, shop, [first.order_id], now)
    log.error("follow-up failed", store=shop.id, order=first.number, rule=first.rule, reason=reason)
    tally.count("failed")
    tally.count("skipped", len(others))
