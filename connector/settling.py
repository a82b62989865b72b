"""Settling: whether something whose outcome is unknown has happened is asked of the store, never guessed."""

from __future__ import annotations

import threading
from collections.abc import Collection
from datetime import datetime, timedelta

import msgspec
import sqlalchemy as sa
import structlog

from adapters.errors import AdapterError, AuthFailed, NotFound, RateLimited, Unavailable
from connector.actions import Absent, Found, Prepared, Settlement, Undecidable, known_actions
from connector.ingest import replan
from connector.prepare import world_of
from connector.shop import Shop
from connector.store import followups, ledger
from connector.store.followups import Followup
from connector.tally import Tally

log = structlog.get_logger()

SETTLES_AFTER = timedelta(minutes=10)
"""A write that timed out may still land: until then its absence proves nothing."""

LANDS_WITHIN = timedelta(hours=1)
"""The longest that a message comes after its intent, our clock and the provider's being apart, too."""

HELD_AFTER = timedelta(hours=24)
"""How long an outcome may stay unknown before a person is asked."""


def settle_unknown(shop: Shop, tally: Tally, stop: threading.Event) -> None:
    """Ask the store about every outcome that is not known, until it does not answer."""
    with shop.database.read() as connection:
        unknown = followups.in_state(connection, ["unknown"], shop.id)
    for row in unknown:
        if stop.is_set():
            return
        try:
            if not settle(shop, row, tally):
                tally.count("unknown")
        except (AuthFailed, RateLimited, Unavailable) as error:
            _ask_later(shop, row, str(error), tally)
            if row.channel in shop.lines:
                continue
            return  # if it is the store, the others had better wait; if it is this order, they come first next time
        except AdapterError as error:
            _ask_later(shop, row, str(error), tally)
        except Exception as error:
            log.exception("internal fault in settling", store=shop.id, order=row.number, rule=row.rule)
            _ask_later(shop, row, f"an internal fault ({type(error).__name__}); the log has the details", tally)


def _ask_later(shop: Shop, row: Followup, reason: str, tally: Tally) -> None:
    """The store could not be asked: this one goes to the end of the queue, and after a day to a person."""
    assert row.intent_at is not None
    now = shop.clock()
    log.warning("cannot be settled now", store=shop.id, order=row.number, rule=row.rule, reason=reason)
    with shop.database.write(durable=True) as connection:
        if _is_given_up(connection, row):
            return
        if now - row.intent_at < HELD_AFTER:
            followups.update(connection, [row.id], at=now, reason=f"outcome unknown, and cannot be asked now: {reason}")
            tally.count("unknown")
        else:
            hold(connection, shop, row, now, f"for a day nobody could be asked: {reason}")
            tally.became("held", row.rule, row.channel)


def settle(shop: Shop, row: Followup, tally: Tally) -> bool:
    """Ask whether it happened. True once that is decided: done, to be tried anew, or held for a person.

    Raises AdapterError where the store cannot be asked.
    """
    assert row.intent_at is not None
    answer = _ask(shop, row)
    now = shop.clock()
    waited = now - row.intent_at
    repeatable = known_actions()[row.kind].repeatable
    if isinstance(answer, Absent) and not repeatable and waited >= SETTLES_AFTER:
        answer = _ask(shop, row)  # read twice: an absence is only believed when it is seen again
    with shop.database.write(durable=True) as connection:
        if _is_given_up(connection, row):
            return True
        match answer:
            case Found(result) if _may_be_anothers(connection, shop, row, result, now):
                return False
            case Found(result):
                record_done(connection, row, result, now)
                tally.became("done", row.rule, row.channel)
            case Absent() if repeatable or waited >= SETTLES_AFTER:
                ledger.strike_out(connection, [row.id])
                followups.update(connection, [row.id], state="pending", at=now)
                followups.put_off(connection, row, now, "it did not happen: to be tried anew")
            case Absent():
                return False
            case Undecidable(reason):
                if waited < (SETTLES_AFTER if reason else HELD_AFTER):
                    return False
                hold(connection, shop, row, now, reason or "for a day the store could not tell")
                tally.became("held", row.rule, row.channel)
        replan(connection, shop, [row.order_id], now).count_in(tally)
    return True


def _ask(shop: Shop, row: Followup) -> Settlement:
    assert row.intent_at is not None
    try:
        return look_up(shop, row, _prepared(row), row.intent_at)
    except NotFound:
        return Undecidable("")  # the order may only seem to be gone: ask again, for a day


def look_up(shop: Shop, row: Followup, prepared: Prepared, since: datetime) -> Settlement:
    """Whether this was done since then, and not for another follow-up.

    Raises AdapterError where nobody can be asked.
    """
    with shop.database.read() as connection:
        credited = _credited(connection, shop, row, prepared, since)
    return known_actions()[row.kind].settle(prepared, world_of(shop, row), since, credited)


def _credited(
    connection: sa.Connection, shop: Shop, row: Followup, prepared: Prepared, since: datetime
) -> Collection[str]:
    """The ids that are known to be other follow-ups': of what is on the order, or of all that went by a channel, as one
    phone may have the same words of several orders.
    """
    if prepared.message is not None and prepared.channel is not None:
        return followups.sent_by(connection, prepared.channel, since - LANDS_WITHIN)
    return followups.credited(connection, shop.id, row.order_id)


def _may_be_anothers(connection: sa.Connection, shop: Shop, row: Followup, result: str | None, now: datetime) -> bool:
    """Whether another follow-up has got this meanwhile, or a message with the same words for the same address may be
    on its way, so that it is not known yet whose it is.
    """
    assert row.intent_at is not None
    prepared = _prepared(row)
    if result in _credited(connection, shop, row, prepared, row.intent_at):
        return True
    return prepared.message is not None and any(
        other.id != row.id
        and other.channel == row.channel
        and other.intent is not None
        and other.intent_at is not None
        and now - other.intent_at < SETTLES_AFTER
        and _words(_prepared(other)) == _words(prepared)
        for other in followups.in_state(connection, ["unknown"])
    )


def _words(prepared: Prepared) -> tuple[str, str] | None:
    """To whom a message goes, and what it says."""
    return (prepared.message.to, prepared.message.text) if prepared.message is not None else None


def _prepared(row: Followup) -> Prepared:
    assert row.intent is not None
    return msgspec.json.decode(row.intent, type=Prepared)


def _is_given_up(connection: sa.Connection, row: Followup) -> bool:
    """Whether its customer was forgotten meanwhile: then nothing is to be settled any more."""
    return followups.by_ids(connection, [row.id])[0].intent is None


def record_done(connection: sa.Connection, row: Followup, result: str | None, now: datetime) -> None:
    """It happened; `result` is its id on the platform. The exact words are needed no more."""
    values = {"state": "done", "final": True, "at": now, "reason": None, "result": result}
    followups.update(connection, [row.id], **values, intent=without_words(connection, row))


def without_words(connection: sa.Connection, row: Followup) -> bytes | None:
    """What later steps may have to know of it (a coupon's code and end), without the customer's words."""
    intent = followups.by_ids(connection, [row.id])[0].intent
    if intent is None:
        return None
    return bare_intent(msgspec.json.decode(intent, type=Prepared))


def bare_intent(prepared: Prepared) -> bytes:
    """An intent without the customer's words, data and address."""
    personal = {"text": None, "subject": None, "coupon_email": None, "message": None, "to": None, "payload": None}
    return msgspec.json.encode(msgspec.structs.replace(prepared, **personal))


def hold(connection: sa.Connection, shop: Shop, row: Followup, now: datetime, reason: str) -> None:
    """A person has to say whether it happened."""
    reason = f"it may have happened: {reason.rstrip('.')}; say with 'aftersale settle' whether it did"
    followups.update(connection, [row.id], state="held", held_for="outcome", at=now, reason=reason)
    log.warning("held for a person", store=shop.id, order=row.number, rule=row.rule, reason=reason)
