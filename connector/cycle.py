"""One cycle of one store: poll it, then do all that is due. A store in trouble is set aside; the others go on."""

from __future__ import annotations

import random
import threading
from dataclasses import dataclass, field
from datetime import timedelta

import structlog

from adapters.errors import AdapterError, AuthFailed
from connector.poller import Polled, Progress, poll
from connector.runner import run_due
from connector.shop import Shop
from connector.store import stores
from connector.tally import Tally

log = structlog.get_logger()

LONGEST_BACK_OFF = timedelta(hours=1)
FIRST_BACK_OFF = timedelta(seconds=30)


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
    *,
    polling: bool = True,
    accept_store: bool = False,
    progress: Progress | None = None,
) -> Report:
    """Poll (unless told not to) and do what is due. The store's errors end up in the report, and its state."""
    report = Report(shop.id)
    polled = Polled(fresh={})
    try:
        if polling:
            poll(shop, polled, accept_store=accept_store, progress=progress, stop=stop)
        if not stop.is_set():
            run_due(shop, polled, report.tally, stop)
    except AdapterError as error:
        report.error = str(error)
        _record_trouble(shop, error)
    except Exception as error:
        log.exception("store set aside by an internal fault", store=shop.id)
        report.error = f"internal fault: {type(error).__name__}; the log has the details"
    report.changed = polled.changed
    report.tally.count("planned", polled.planned)
    report.tally.count("skipped", polled.skipped)
    return report


def _record_trouble(shop: Shop, error: AdapterError) -> None:
    """The store waits, longer each time; the staff is told once about what they alone can mend."""
    now = shop.clock()
    with shop.database.write() as connection:
        state = stores.load(connection, shop.id)
        failures = state.failures + 1
        asked = getattr(error, "retry_after", None)
        delay = timedelta(seconds=asked) if asked is not None else _back_off(failures)
        values = {"error": str(error), "failures": failures, "retry_at": now + min(delay, timedelta(days=1))}
        stores.update(connection, shop.id, **values, error_since=state.error_since or now)
    log.warning("store set aside", store=shop.id, reason=str(error), failures=failures)
    if isinstance(error, AuthFailed) and not (state.error or "").startswith(str(error)):
        shop.staff.tell(f"{shop.id}: the store refuses Aftersale", f"{error}\n\nNothing is sent until this is mended.")


def _back_off(failures: int) -> timedelta:
    delay = min(LONGEST_BACK_OFF, FIRST_BACK_OFF * (1 << min(failures - 1, 10)))
    return delay * float(random.uniform(0.8, 1.0))  # noqa: S311  so that stores on one host do not come back all at once
