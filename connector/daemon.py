"""The daemon: polls each store at its own pace and does what is due, until it is told to stop."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from queue import SimpleQueue

import structlog
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler

from connector.cycle import run_cycle
from connector.opening import Client
from connector.shop import Shop
from connector.store import stores

log = structlog.get_logger()

DUE_EVERY = timedelta(seconds=15)
"""How often a store is asked what has come due between two polls."""

Reload = Callable[[], Sequence[Client] | None]
"""Reads the configuration anew; None, having said what is wrong, keeps the old one in force."""


def run_daemon(clients: Sequence[Client], reload: Reload) -> None:
    """Run until SIGTERM or SIGINT, and finish what is in hand first. SIGHUP reads the configuration anew."""
    signals: SimpleQueue[int] = SimpleQueue()  # of all that can wake us, only this is safe within a signal's handler
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda caught, _: signals.put(caught))
    while True:
        halt = threading.Event()
        scheduler = _start(clients, halt)
        caught = signals.get()
        log.info("signal", name=signal.Signals(caught).name)
        halt.set()
        scheduler.shutdown(wait=True)
        if caught != signal.SIGHUP:
            break
        clients = _exchange(clients, reload)
    for client in clients:
        client.close()
    log.info("stopped")


def _exchange(clients: Sequence[Client], reload: Reload) -> Sequence[Client]:
    fresh = reload()
    if fresh is None:
        log.error("reload failed: the old configuration stays in force")
        return clients
    for client in clients:
        client.close()
    log.info("reloaded")
    return fresh


def _start(clients: Sequence[Client], halt: threading.Event) -> BackgroundScheduler:
    """A thread for each store, so that a slow one does not delay the others."""
    shops = [shop for client in clients for shop in client.shops]
    scheduler = BackgroundScheduler(timezone="UTC", executors={"default": ThreadPoolExecutor(max(1, len(shops)))})
    for shop in shops:
        scheduler.add_job(
            _tend,
            "interval",
            args=(shop, halt),
            seconds=_beat(shop.config.poll_every).total_seconds(),
            next_run_time=datetime.now(scheduler.timezone),
            max_instances=1,
            coalesce=True,
            misfire_grace_time=None,
            id=f"{id(shop)}",
        )
    scheduler.start()
    log.info("started", stores=[shop.id for shop in shops])
    return scheduler


def is_time_to_poll(poll_every: timedelta, polled_at: datetime | None, now: datetime) -> bool:
    """Whether this is the beat nearest to the next poll's time: the last one ended a little after its own beat."""
    return polled_at is None or now - polled_at >= poll_every - _beat(poll_every) / 2


def _beat(poll_every: timedelta) -> timedelta:
    """How often a store is seen to."""
    return min(DUE_EVERY, poll_every)


def _tend(shop: Shop, halt: threading.Event) -> None:
    """Do for a store what its time has come for: poll, act, or leave it alone for a while."""
    now = shop.clock()
    with shop.database.read() as connection:
        state = stores.load(connection, shop.id)
    if state.retry_at is not None and now < state.retry_at:
        return
    polling = is_time_to_poll(shop.config.poll_every, state.polled_at, now)
    report = run_cycle(shop, halt, polling=polling or state.error is not None)
    tally = report.tally
    if report.changed or tally.done or tally.skipped or tally.held or tally.failed:
        counts = {"done": tally.done, "skipped": tally.skipped, "held": tally.held, "failed": tally.failed}
        log.info("tended", store=shop.id, changed=report.changed, planned=tally.planned, **counts)
