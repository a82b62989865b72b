"""One cycle of one store: poll it, then do all that is due. A store in trouble is set aside; the others go on."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog
from sqlalchemy.exc import DBAPIError

from adapters.errors import AdapterError, AuthFailed
from connector.forgetting import tidy
from connector.ingest import count_skipped
from connector.poller import Polled, Progress, StoreRefused, poll
from connector.runner import run_due
from connector.shop import Shop
from connector.store import stores
from connector.store.errors import in_words
from connector.store.stores import StoreState
from connector.tally import Tally, Told, nobody
from connector.waiting import delay_after

log = structlog.get_logger()

TOLD_AGAIN_AFTER = timedelta(days=1)
"""How long a store must have let us in before its next refusal is news to the staff."""


@dataclass(slots=True)
class Report:
    """What a cycle did in one store: how many orders had changed, what kept it from going on, and the counts."""

    store: str
    changed: int = 0
    error: str | None = None
    tally: Tally = field(default_factory=Tally)


def run_cycle(
    shop: Shop,
    stop: threading.Event,
    state: StoreState | None = None,
    *,
    polling: bool = True,
    accept_store: bool = False,
    progress: Progress | None = None,
    told: Told = nobody,
) -> Report:
    """Poll (unless told not to) and do what is due. The store's errors end up in the report, and its state.

    `state` is the store's, where it was read just now. `told` is told what becomes of actions, as it happens.
    """
    report = Report(shop.id, tally=Tally(told=told))
    polled = Polled()
    try:
        something_to_do = True
        if polling:
            state = state or _state(shop)
            something_to_do = poll(shop, state, polled, accept_store=accept_store, progress=progress, stop=stop)
        if something_to_do and not stop.is_set():
            run_due(shop, polled, report.tally, stop)
        if not stop.is_set():
            tidy(shop)
        if polled.was_in_trouble and not stop.is_set():
            _record_recovery(shop)
    except AdapterError as error:
        report.error = str(error)
        _record_trouble(shop, error, report.error)
    except DBAPIError as error:
        report.error = f"the database cannot be used just now: {in_words(error)}"
        log.error("store set aside", store=shop.id, reason=report.error)  # noqa: TRY400  the disk is at fault, not we
    except Exception as error:
        report.error = f"an internal fault ({type(error).__name__}); the log has the details"
        log.exception("store set aside by an internal fault", store=shop.id)
        _record_trouble(shop, error, report.error)
    report.changed = polled.changed
    report.tally.count("planned", polled.planned)
    count_skipped(report.tally, polled.skipped)
    return report


def _state(shop: Shop) -> StoreState:
    with shop.database.read() as connection:
        return stores.load(connection, shop.id)


def _record_recovery(shop: Shop) -> None:
    with shop.database.write() as connection:
        stores.update(connection, shop.id, error=None, error_since=None, failures=0, retry_at=None)
    log.info("store back in order", store=shop.id)


def _record_trouble(shop: Shop, error: Exception, reason: str) -> None:
    """The store waits, longer each time; the staff is told once about what they alone can mend."""
    now = shop.clock()
    with shop.database.write() as connection:
        state = stores.load(connection, shop.id)
        failures = state.failures + 1
        values = {"error": reason, "failures": failures, "retry_at": now + delay_after(error, failures)}
        stores.update(connection, shop.id, **values, error_since=state.error_since or now)
    log.warning("store set aside", store=shop.id, reason=reason, failures=failures)
    if isinstance(error, AuthFailed | StoreRefused):
        _tell_of_refusal(shop, reason, state.refused_at)


def _tell_of_refusal(shop: Shop, reason: str, told_at: datetime | None) -> None:
    now = shop.clock()
    is_told = told_at is not None and now - told_at < TOLD_AGAIN_AFTER
    if is_told or shop.staff.tell(f"{shop.id}: nothing is done for this store", reason):
        with shop.database.write() as connection:
            stores.update(connection, shop.id, refused_at=now)
