"""Acting on a follow-up: intent → call → outcome.

The intent is committed before the call, as `unknown`, and the outcome after it: whatever crashes in between,
an unknown outcome is what remains, and that is settled by asking the store, never by trying again blindly.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from functools import partial
from itertools import zip_longest

import msgspec
import sqlalchemy as sa
import structlog

from adapters.channels.base import BadAddress, OptedOut
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
from connector.actions import Broken, Found, NotNow, Refused, StaffNotReached, known_actions
from connector.counting import enter_in_ledger, why_not_any_more
from connector.histories import history_of
from connector.ingest import AFTER_A_FAULT, replan
from connector.judging import admitted, judge
from connector.poller import Polled
from connector.prepare import Judged, Made, circuit_of, world_of
from connector.privacy import no_more_to
from connector.settling import bare_intent, look_up, record_done, settle, without_words
from connector.shop import Shop
from connector.store import followups, ledger, orders, stores, suppressions
from connector.store.followups import Followup
from connector.tally import Tally
from connector.waiting import delay_after

log = structlog.get_logger()


def act_on_all(
    shop: Shop, steps: Sequence[list[Followup]], polled: Polled, tally: Tally, stop: threading.Event
) -> None:
    """Act on each step, politely few at a time, one at a time for a person.

    Left for the next round is what was last seen too long ago by the time its turn comes.
    Raises AdapterError when the store does not let us go on; what was in hand is finished first.
    """
    queues: dict[str, list[list[Followup]]] = {}
    for step in steps:
        queues.setdefault(step[0].person, []).append(step)
    trouble: list[AdapterError] = []

    def work(queue: list[list[Followup]]) -> None:
        for step in queue:
            if stop.is_set() or trouble or not polled.is_fresh(step[0].order_id, shop.clock()):
                return
            try:
                _act_on(shop, step[0], tally)
            except (AuthFailed, RateLimited, Unavailable) as error:
                trouble.append(error)
            except Exception as error:  # noqa: BLE001  one bad follow-up must not stop the others
                _set_aside(shop, step[0], error, tally)

    with ThreadPoolExecutor(max_workers=shop.config.parallel, thread_name_prefix=shop.id) as pool:
        list(pool.map(work, queues.values()))
    if trouble:
        raise trouble[0]


def _set_aside(shop: Shop, first: Followup, error: Exception, tally: Tally) -> None:
    """A fault of ours: loudly put off. An action whose call had begun stays unknown, and is settled."""
    log.exception("follow-up set aside", store=shop.id, order=first.number, rule=first.rule)
    reason = f"put off: an internal fault ({type(error).__name__}); the log has the details"
    with shop.database.write() as connection:
        followups.put_off(connection, first, shop.clock() + AFTER_A_FAULT, reason)
    tally.became("failed", first.rule)


def _act_on(shop: Shop, first: Followup, tally: Tally) -> None:
    """Do one step's actions in order, as far as they succeed."""
    made = _open_intent(shop, first, tally)
    for action, following in zip_longest(made, made[1:]):
        if not _do(shop, action, following, tally):
            break


def _open_intent(shop: Shop, first: Followup, tally: Tally) -> list[Made]:
    """Judge the whole step admissible, make its actions ready, and commit the intent of the first."""
    now = shop.clock()
    with shop.database.write(durable=True) as connection:
        rows = followups.of_step(connection, shop.id, *first.of_step, claiming=True)
        todo = [row for row in rows if row.state == "pending"]
        if not todo or any(row.state in ("unknown", "held") for row in rows) or _is_paused(connection, first):
            return []
        judged = _plan_afresh(connection, shop, first, now)
        if judged is None:
            replan(connection, shop, [first.order_id], now).count_in(tally)
            return []
        try:
            enter = partial(enter_in_ledger, connection, shop, judged, now=now)
            made = admitted(shop, judged, todo, partial(suppressions.of, connection), enter, now)
        except NotNow as wait:
            followups.put_off(connection, first, wait.until, f"put off: {wait}")
            return []
        except Refused as refusal:
            _skip(connection, shop, todo, now, str(refusal), tally)
            return []
        except Broken as mistake:
            _fail(connection, shop, todo, now, str(mistake), tally)
            return []
        _write_intent(connection, made[0], now)
    return made


def _is_paused(connection: sa.Connection, row: Followup) -> bool:
    """Whether a person has paused it since it was taken in hand: a pause is in force at once."""
    return any(pause.holds_up(row.store, row.rule) for pause in stores.paused(connection, row.store))


def _plan_afresh(connection: sa.Connection, shop: Shop, first: Followup, now: datetime) -> Judged | None:
    """The step as it is wanted now, from its order as last seen; None if it is wanted no more."""
    known = orders.load(connection, shop.id, [first.order_id])[first.order_id]
    recorded = followups.of_orders(connection, shop.id, [first.order_id])
    of_person = followups.of_people(connection, shop.id, [known.person], shop.person_rules)
    recorded += [row for row in of_person if row.order_id != first.order_id]
    history = history_of(connection, shop, first.order_id, known.person, now)
    return judge(shop, known, known.order, recorded, history, first, partial(suppressions.of, connection), now)


def _write_intent(connection: sa.Connection, made: Made, now: datetime) -> None:
    followups.update(
        connection,
        [made.row.id],
        state="unknown",
        held_for=None,
        at=now,
        reason="under way",
        channel=made.prepared.channel,
        locale=made.prepared.locale,
        basis=made.prepared.basis,
        passed_over="; ".join(made.prepared.passed_over) or None,
        intent=msgspec.json.encode(made.prepared),
        intent_at=now,
        tries=made.row.tries + 1,
    )


def _do(shop: Shop, made: Made, following: Made | None, tally: Tally) -> bool:
    """Make the call, and record the outcome together with the intent of what follows. True to go on with that."""
    try:
        result = _call(shop, made)
    except UnknownOutcome as error:
        _leave_unknown(shop, made, str(error), tally)
        return False
    except (Rejected, Unsupported) as error:
        now = shop.clock()
        _note_health(shop, made)
        if made.prepared.message is not None and made.prepared.redirected_to is None:
            _move_on(shop, made, error, now)
            return False
        with shop.database.write(durable=True) as connection:
            rows = followups.of_step(connection, shop.id, *made.row.of_step)
            rest = [row for row in rows if row.action >= made.row.action and row.state in ("pending", "unknown")]
            _fail(connection, shop, rest, now, str(error), tally)
        return False
    except NotFound as error:
        _take_back(shop, made, AFTER_A_FAULT, str(error))
        with shop.database.write() as connection:
            orders.note_missing(connection, shop.id, made.row.order_id, shop.clock())
        return False
    except (StaffNotReached, AuthFailed, RateLimited, Unavailable) as error:
        circuit = circuit_of(shop, made.prepared)
        if circuit is None:
            _take_back(shop, made, delay_after(error, made.row.tries + 1), str(error))
            raise  # it is the store's own trouble, and stops all that is done for it
        now = shop.clock()
        _take_back(shop, made, circuit.in_trouble(error, now, shop.staff) - now, str(error))
        return False
    _note_health(shop, made)
    now = shop.clock()
    with shop.database.write(durable=True) as connection:
        record_done(connection, made.row, result, now)
        if following is not None:
            why_not = why_not_any_more(connection, shop, following)
            if why_not is not None:
                rows = followups.of_step(connection, shop.id, *made.row.of_step)
                _skip(connection, shop, [row for row in rows if row.state == "pending"], now, why_not, tally)
                following = None
            else:
                _write_intent(connection, following, now)
        elif not made.in_last_step:
            replan(connection, shop, [made.row.order_id], now).count_in(tally)
    tally.became("done", made.row.rule, made.prepared.channel)
    return following is not None


def _note_health(shop: Shop, made: Made) -> None:
    """What an action went by is well: it was done, or that one alone was refused."""
    if (circuit := circuit_of(shop, made.prepared)) is not None:
        circuit.went_well()


def _move_on(shop: Shop, made: Made, error: AdapterError, now: datetime) -> None:
    """A channel refused the message, and for sure did not send it: it goes by the next one, with a new intent.

    An address that takes no more messages is not written to again.
    """
    prepared = made.prepared
    log.warning(
        "refused by a channel", store=shop.id, order=made.row.number, channel=prepared.channel, reason=str(error)
    )
    with shop.database.write(durable=True) as connection:
        if followups.by_ids(connection, [made.row.id])[0].intent is None:
            return  # its customer was forgotten meanwhile
        if isinstance(error, BadAddress | OptedOut) and prepared.to is not None:
            reason = "bounced" if isinstance(error, BadAddress) else "unsubscribed at the provider"
            no_more_to(connection, shop.secret, prepared.to, reason, now)
        refused_by = {**prepared.refused_by, str(prepared.channel): str(error)}
        kept = bare_intent(msgspec.structs.replace(prepared, refused_by=refused_by))
        ledger.strike_out(connection, _ids_of_step(connection, shop, made.row))
        followups.update(connection, [made.row.id], state="pending", at=now, intent=kept, intent_at=None)
        followups.put_off(connection, made.row, now, f"refused by {prepared.channel}: {error}")


def _ids_of_step(connection: sa.Connection, shop: Shop, row: Followup) -> list[int]:
    """What of a step is still to come."""
    rows = followups.of_step(connection, shop.id, *row.of_step)
    return [each.id for each in rows if each.id == row.id or each.state == "pending"]


def _call(shop: Shop, made: Made) -> str | None:
    """Do it, once. What reaches back into the past is first looked up: it may have been done by a lost state."""
    kind = known_actions()[made.row.kind]
    if made.row.backfilled and not kind.repeatable:
        answer = look_up(shop, made.row, made.prepared, made.row.event_at)
        if isinstance(answer, Found):
            return answer.result
    return None if shop.mode == "dry" else kind.perform(made.prepared, world_of(shop, made.row))


def _leave_unknown(shop: Shop, made: Made, reason: str, tally: Tally) -> None:
    """The intent stands as unknown. Ask at once: a lost answer is often to a write that was done."""
    log.warning("outcome unknown", store=shop.id, order=made.row.number, rule=made.row.rule, reason=reason)
    with shop.database.write() as connection:
        row = followups.by_ids(connection, [made.row.id])[0]
        if row.intent is None:
            return  # its customer was forgotten meanwhile
        followups.update(connection, [made.row.id], reason=f"outcome unknown: {reason}")
    try:
        settled = settle(shop, row, tally)
    except AdapterError as error:
        log.warning("cannot be settled now", store=shop.id, order=made.row.number, reason=str(error))
        settled = False
    if not settled:
        tally.became("unknown", row.rule, row.channel)


def _take_back(shop: Shop, made: Made, delay: timedelta, reason: str) -> None:
    """For sure nothing was done: the follow-up, and what comes after it in its step, waits for a better moment."""
    now = shop.clock()
    with shop.database.write(durable=True) as connection:
        kept = without_words(connection, made.row)
        ledger.strike_out(connection, _ids_of_step(connection, shop, made.row))
        followups.update(connection, [made.row.id], state="pending", at=now, intent=kept, intent_at=None)
        followups.put_off(connection, made.row, now + delay, f"put off: {reason}")


def _skip(
    connection: sa.Connection, shop: Shop, rows: Sequence[Followup], now: datetime, reason: str, tally: Tally
) -> None:
    ids = [row.id for row in rows]
    ledger.strike_out(connection, ids)
    followups.update(connection, ids, state="skipped", final=True, at=now, reason=reason)
    replan(connection, shop, [rows[0].order_id], now).count_in(tally)
    tally.became("skipped", rows[0].rule, number=len(rows))


def _fail(
    connection: sa.Connection, shop: Shop, rows: Sequence[Followup], now: datetime, reason: str, tally: Tally
) -> None:
    """The first of these failed for good; the others of its step are not to happen without it."""
    first, *others = rows
    ledger.strike_out(connection, [row.id for row in rows])
    followups.update(connection, [first.id], state="failed", final=True, at=now, reason=reason, intent=None)
    after_it = "an action before it in its step failed"
    followups.update(connection, [row.id for row in others], state="skipped", final=True, at=now, reason=after_it)
    replan(connection, shop, [first.order_id], now).count_in(tally)
    log.error("follow-up failed", store=shop.id, order=first.number, rule=first.rule, reason=reason)
    tally.became("failed", first.rule, first.channel)
    tally.became("skipped", first.rule, number=len(others))
