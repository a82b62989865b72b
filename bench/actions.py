"""Notes on 100 orders of a store that takes 200 ms for each write, beside what its answers and politeness allow."""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from adapters.sandbox.clock import MovableClock
from bench.serve import START, counts, start
from connector.cycle import run_cycle
from connector.loading import Loaded, load
from connector.opening import Client, open_client
from connector.staff import Staff
from connector.store import stores

ORDERS = 100
LATENCY_MS = 200
AT_A_TIME = 2

CONFIG = """
version: 1
rules: [rules.yaml]
stores:
  - {{ id: shop, platform: woocommerce, url: "{url}", consumer_key: ck_bench, consumer_secret: cs_bench }}
"""
RULES = """
version: 1
rules:
  - id: welcome
    trigger: order.placed
    max_per_run: 1000
    actions:
      - add_note: "Hello {{ customer.first_name }}"
"""


def run() -> Iterable[tuple[str, str]]:
    """All is planned first; what is timed is acting, each intent and outcome on disk."""
    with start(orders=ORDERS, latency_ms=LATENCY_MS) as url, tempfile.TemporaryDirectory() as folder:
        client = _all_planned(url, Path(folder))
        began = time.perf_counter()
        report = run_cycle(client.shops[0], threading.Event(), polling=False)
        took = time.perf_counter() - began
        client.close()
        writes = sum(count for request, count in counts(url).items() if request.startswith("POST"))
    assert (report.error, report.tally.done, writes) == (None, ORDERS, ORDERS)
    allowed = ORDERS / AT_A_TIME * LATENCY_MS / 1000
    yield "actions, 200 ms an answer, 2 at once", f"{took:.2f} s, {took / allowed:.2f} of what is allowed (goal: 1.10)"


def _all_planned(url: str, folder: Path) -> Client:
    """A store that we have looked after since before its first order, and every order of it due now."""
    (folder / "config.yaml").write_text(CONFIG.format(url=url))
    (folder / "config.yaml").chmod(0o600)
    (folder / "rules.yaml").write_text(RULES)
    loaded = load(folder / "config.yaml", {})
    assert isinstance(loaded, Loaded), loaded
    clock = MovableClock(START - timedelta(days=1))
    client = open_client(loaded, clock, staff=Staff())
    (shop,) = client.shops
    with client.database.write() as connection:
        stores.update(connection, shop.id, baseline_at=clock())
    clock.now = datetime.now(UTC)
    stopped = threading.Event()
    report = run_cycle(shop, stopped, progress=lambda done, _: stopped.set() if done == ORDERS else None)
    assert report.tally.planned == ORDERS, report
    with client.database.write() as connection:
        stores.update(connection, shop.id, baseline_done_at=clock())
    return client
