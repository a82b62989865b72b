"""A first poll of 20,000 orders, beside the plain `woocommerce` package that throws what it reads away."""

from __future__ import annotations

import resource
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from statistics import median

from woocommerce import API

from bench.serve import start
from bench.shop import shop_on
from connector.cycle import run_cycle

ORDERS = 20_000
ROUNDS = 3

LOOKS_BACK = """
  - id: regulars
    trigger: order.paid
    conditions: { customer.orders_count: { at_least: 3 } }
    actions:
      - add_tag: regular
"""


def run() -> Iterator[tuple[str, str]]:
    """Both in turns, each round from nothing; then the memory, in processes of their own."""
    with start(orders=ORDERS) as url:
        looking_back = median(_ours(url, LOOKS_BACK) / _ours(url) for _ in range(ROUNDS))
        rounds = [(_plain(url), _ours(url)) for _ in range(ROUNDS)]
        ratio = median(plain / ours for plain, ours in rounds)
        plain, ours = (median(column) for column in zip(*rounds, strict=True))
        yield "ingest, orders/s", f"{ORDERS / ours:,.0f} against {ORDERS / plain:,.0f}: {ratio:.2f} times (goal: 1)"
    yield "ingest, with a rule that looks back", f"{looking_back:.2f} times as long"
    large, small = _peak(ORDERS), _peak(ORDERS // 10)
    yield "ingest, peak memory", f"{large:.0f} MB, {large / small:.2f} of a tenth's (goal: under 150 MB, 1.5)"


def _plain(url: str) -> float:
    api = API(url=url, consumer_key="ck", consumer_secret="cs", version="wc/v3", timeout=30)
    began = time.perf_counter()
    for page in range(1, ORDERS // 100 + 1):
        assert len(api.get("orders", params={"per_page": 100, "page": page}).json()) == 100
    return time.perf_counter() - began


def _ours(url: str, more: str = "") -> float:
    with shop_on(url, more=more) as shop:
        began = time.perf_counter()
        report = run_cycle(shop, threading.Event())
        took = time.perf_counter() - began
    assert (report.changed, report.error) == (ORDERS, None)
    return took


def _peak(orders: int) -> float:
    """The largest memory of a process that polls so many orders, in MB."""
    command = [sys.executable, "-m", "bench.ingest", str(orders)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def _measure_memory(orders: int) -> None:
    with start(orders=orders) as url, shop_on(url) as shop:
        report = run_cycle(shop, threading.Event())
        assert report.changed == orders
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


if __name__ == "__main__":
    _measure_memory(int(sys.argv[1]))
