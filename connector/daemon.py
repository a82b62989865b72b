"""The daemon: polls each store at its own pace and does what is due, until it is told to stop."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from socket import socketpair

import structlog
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from sqlalchemy.exc import DBAPIError

from connector.cycle import run_cycle
from connector.health import Ward, wards_of
from connector.heartbeat import beat_if_well
from connector.metrics import Metrics
from connector.opening import Client, spare_collector
from connector.serving import serving
from connector.shop import pace_of
from connector.store import stores
from connector.store.errors import in_words

log = structlog.get_logger()

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)

BEAT_EVERY = timedelta(minutes=1)
"""How often a heartbeat is due while all is well."""

Reload = Callable[[], Sequence[Client] | None]
"""Reads the configuration anew; None, having said what is wrong, keeps the old one in force."""


def run_daemon(clients: Sequence[Client], reload: Reload, metrics: Metrics | None = None) -> None:
    """Run until SIGTERM or SIGINT, and finish what is in hand first. SIGHUP reads the configuration anew.

    `metrics` are those that the clients' adapters count in already, if they do.
    """
    metrics = metrics or Metrics()
    with caught_signals() as next_signal:
        while True:
            spare_collector()
            halt = threading.Event()
            wards = wards_of(clients)
            with _shown(clients, metrics, wards):
                scheduler = _start(clients, wards, halt, metrics)
                caught = next_signal()
                log.info("signal", name=caught.name)
                halt.set()
                scheduler.shutdown(wait=True)
            if caught != signal.SIGHUP:
                break
            clients = _exchange(clients, reload)
        for client in clients:
            client.close()
    log.info("stopped")


@contextmanager
def caught_signals() -> Iterator[Callable[[], signal.Signals]]:
    """Catches our signals meanwhile; what it gives waits for the next one, which may have come already.

    They come through a socket, as CPython's signal handlers wait for a main thread that may just be falling asleep.
    """
    receiver, sender = socketpair()
    with receiver, sender:
        sender.setblocking(False)
        former_socket = signal.set_wakeup_fd(sender.fileno())
        former = {number: signal.signal(number, lambda caught, frame: None) for number in SIGNALS}

        def next_signal() -> signal.Signals:
            while (caught := receiver.recv(1)[0]) not in SIGNALS:
                continue
            return signal.Signals(caught)

        try:
            yield next_signal
        finally:
            for number, handler in former.items():
                signal.signal(number, handler)
            signal.set_wakeup_fd(former_socket)


def _exchange(clients: Sequence[Client], reload: Reload) -> Sequence[Client]:
    fresh = reload()
    if fresh is None:
        log.error("reload failed: the old configuration stays in force")
        return clients
    for client in clients:
        client.close()
    log.info("reloaded")
    return fresh


@contextmanager
def _shown(clients: Sequence[Client], metrics: Metrics, wards: Sequence[Ward]) -> Iterator[None]:
    """Metrics and health of all stores, on every address that a client names."""
    metrics.look_after(wards)
    with ExitStack() as stack:
        for address in sorted({config.metrics for client in clients if (config := client.loaded.config).metrics}):
            stack.enter_context(serving(address, metrics, wards))
        yield


def _start(
    clients: Sequence[Client], wards: Sequence[Ward], halt: threading.Event, metrics: Metrics
) -> BackgroundScheduler:
    """A thread for each store, so that a slow one does not delay the others; and one for heartbeats."""
    executors = {"default": ThreadPoolExecutor(max(1, len(wards))), "heartbeats": ThreadPoolExecutor(1)}
    scheduler = BackgroundScheduler(
        timezone="UTC", executors=executors, job_defaults={"coalesce": True, "misfire_grace_time": None}
    )
    for ward in wards:
        scheduler.add_job(
            _tend,
            "interval",
            args=(ward, halt, metrics),
            seconds=ward.shop.pace.total_seconds(),
            next_run_time=datetime.now(scheduler.timezone),
        )
    for client in clients:
        if client.loaded.config.heartbeat is not None and client.mode != "dry":
            scheduler.add_job(
                beat_if_well,
                "interval",
                args=(client.loaded.config.heartbeat, [ward for ward in wards if ward.client is client]),
                seconds=BEAT_EVERY.total_seconds(),
                executor="heartbeats",
            )
    scheduler.start()
    log.info("started", stores=[ward.shop.id for ward in wards])
    return scheduler


def is_time_to_poll(poll_every: timedelta, polled_at: datetime | None, now: datetime) -> bool:
    """Whether this is the beat nearest to the next poll's time: the last one ended a little after its own beat."""
    return polled_at is None or now - polled_at >= poll_every - pace_of(poll_every) / 2


def _tend(ward: Ward, halt: threading.Event, metrics: Metrics) -> None:
    """Do for a store what its time has come for: poll, act, or leave it alone for a while."""
    shop = ward.shop
    now = shop.clock()
    try:
        with shop.database.read() as connection:
            state = stores.load(connection, shop.id)
    except DBAPIError as error:
        log.error("the state cannot be read", store=shop.id, reason=in_words(error))  # noqa: TRY400  the disk is at fault
        return
    if state.retry_at is not None and now < state.retry_at:
        return
    polling = is_time_to_poll(shop.config.poll_every, state.polled_at, now) or state.error is not None
    report = run_cycle(shop, halt, state, polling=polling, told=metrics.told(*ward.names))
    tally = report.tally
    if report.changed or tally.done or tally.skipped or tally.held or tally.failed:
        counts = {"done": tally.done, "skipped": tally.skipped, "held": tally.held, "failed": tally.failed}
        log.info("tended", store=shop.id, changed=report.changed, planned=tally.planned, **counts)
