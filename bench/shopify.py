"""A Shopify store: an idle poll, points spent on a long walk, memory, and ingest beside the same questions unread."""

from __future__ import annotations

import resource
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import median

import requests

from adapters.base import Cursor
from adapters.sandbox.server import Loopback, Request, Response
from adapters.shopify import bulk
from adapters.shopify.access import FixedToken
from adapters.shopify.client import Client
from adapters.shopify.walk import walk_orders
from bench.serve import START, counts, start
from bench.serve_shopify import Bucket, build
from bench.shop import SHOPIFY, now, shop_on
from connector.cycle import run_cycle
from connector.shop import Shop
from connector.store import stores

SERVER = "bench.serve_shopify"
ORDERS = 5_000
MANY = 20_000
POLLS = 200
ROUNDS = 5

Posted = list[tuple[str, bytes]]
"""Addresses and bodies of the questions that were asked."""


def run() -> Iterator[tuple[str, str]]:
    """Processor time for what repeats for ever, wall time for what a first sync takes; rivals in turns."""
    yield from _idle()
    yield from _points()
    yield from _ingest()
    for how in ("pages", "file"):
        large, small = _peak(MANY, how), _peak(MANY // 10, how)
        yield f"shopify, peak memory by {how}", f"{large:.0f} MB, {large / small:.2f} of a tenth's (goal: 1.5)"


# --- an idle poll ---------------------------------------------------------------------------------


def _idle() -> Iterator[tuple[str, str]]:
    with start(orders=ORDERS, module=SERVER) as url, shop_on(url, keys=SHOPIFY) as shop:
        for _ in range(3):
            run_cycle(shop, threading.Event())
        before = counts(url)
        with _watched() as asked:
            run_cycle(shop, threading.Event())
        yield "shopify, idle poll, requests", f"{(counts(url) - before).total()} (goal: 1)"
        bare = _bare(asked)
        rounds = [(_cost(bare), _cost(lambda: run_cycle(shop, threading.Event()))) for _ in range(ROUNDS)]
        ratio = median(ours / plain for plain, ours in rounds)
        plain, ours = (median(column) * 1000 for column in zip(*rounds, strict=True))
        yield "shopify, idle poll, processor", f"{ours:.2f} ms against {plain:.2f}: {ratio:.2f} times (goal: at most 2)"


def _cost(call: Callable[[], object]) -> float:
    began = time.process_time()
    for _ in range(POLLS):
        call()
    return (time.process_time() - began) / POLLS


@contextmanager
def _watched() -> Iterator[Posted]:
    """What is posted meanwhile."""
    asked: Posted = []
    send = requests.Session.send

    def watching(self: requests.Session, request: requests.PreparedRequest, **options: object) -> requests.Response:
        body = request.body
        asked.append((str(request.url), body if isinstance(body, bytes) else body.getvalue()))  # type: ignore[union-attr]
        return send(self, request, **options)

    requests.Session.send = watching  # type: ignore[method-assign]
    try:
        yield asked
    finally:
        requests.Session.send = send  # type: ignore[method-assign]


def _bare(asked: Posted, *, decoded: bool = False) -> Callable[[], object]:
    """The same questions without Aftersale: what a pooled session costs that throws the answers away."""
    session = requests.Session()
    headers = {"Content-Type": "application/json", "X-Shopify-Access-Token": "shpat_bench"}

    def ask() -> None:
        for url, body in asked:
            answer = session.post(url, data=body, headers=headers)
            assert answer.json() if decoded else answer.content

    return ask


# --- points ---------------------------------------------------------------------------------------


@dataclass
class Moment:
    """A clock of its own, in seconds: whoever sleeps moves it on, and so does each answer."""

    seconds: float = 0.0

    def __call__(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds


LATENCY = 0.3


def _points() -> Iterator[tuple[str, str]]:
    """A walk where a page takes all, or a part, of the points that it was said to cost."""
    for used in (1.0, 0.6, 0.3):
        moment = Moment()
        bucket = Bucket(now=moment, used=used)
        orders, took = _walk(moment, bucket)
        assert orders == ORDERS
        share = bucket.charged / (bucket.charged + bucket.level + _spilt(bucket, took))
        told = (
            f"{share:.0%} of those on offer in {took:.0f} s (goal: 90%), {bucket.throttled} throttled of {bucket.asked}"
        )
        yield f"shopify, points, {used:.0%} of cost used", f"{told} (goal: 1 of 50)"


def _spilt(bucket: Bucket, took: float) -> float:
    """Points that came in while the bucket was full."""
    return max(0.0, 2000.0 + took * bucket.rate - bucket.charged - bucket.level)


def _walk(moment: Moment, bucket: Bucket) -> tuple[int, float]:
    """Walk over all orders; gives how many there were, and the seconds it took by the clock of its own."""
    respond = build(ORDERS, 0, "", bucket)

    def answer(request: Request) -> Response:
        moment.sleep(LATENCY)
        return Response(200, respond(request.method, request.path, request.body).body)

    server = Loopback(answer, lambda query: {}, lambda: datetime.now(UTC))
    server.start()
    url = f"http://127.0.0.1:{server.port}"
    access = FixedToken("shpat_bench")
    client = Client(url, "2026-10", access, timeout=30.0, clock=now, sleep=moment.sleep, monotonic=moment)
    try:
        orders = sum(len(step.nodes) for step in walk_orders(client, None))
    finally:
        client.close()
        server.stop()
    return orders, moment()


# --- ingest ---------------------------------------------------------------------------------------


def _ingest() -> Iterator[tuple[str, str]]:
    """A first poll, page by page, into a state of 20 rules; each round from nothing."""
    with start(orders=ORDERS, module=SERVER) as url:
        with _watched() as asked:
            _ours(url)
        ways = {"thrown away": _bare(asked), "decoded and thrown away": _bare(asked, decoded=True)}
        rounds = [(_ours(url), *(_timed(ask) for ask in ways.values())) for _ in range(ROUNDS)]
    ours, *plain = zip(*rounds, strict=True)
    for name, column in zip(ways, plain, strict=True):
        ratio = median(theirs / own for theirs, own in zip(column, ours, strict=True))
        figure = f"{ORDERS / median(ours):,.0f} against {ORDERS / median(column):,.0f}: {ratio:.2f} times (goal: 1)"
        yield f"shopify, ingest, orders/s, {name}", figure


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _ours(url: str) -> float:
    with shop_on(url, keys=SHOPIFY) as shop:
        return _timed(lambda: _poll(shop, ORDERS))


def _poll(shop: Shop, orders: int) -> None:
    report = run_cycle(shop, threading.Event())
    assert (report.changed, report.error) == (orders, None)


# --- memory ---------------------------------------------------------------------------------------


def _peak(orders: int, how: str) -> float:
    """The largest memory of a process that takes in so many orders, in MB."""
    command = [sys.executable, "-m", "bench.shopify", str(orders), how]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[-1])


def _measure_memory(orders: int, how: str) -> None:
    with start(orders=orders, module=SERVER) as url, shop_on(url, keys=SHOPIFY) as shop:
        if how == "pages":
            with shop.database.write() as connection:
                stores.update(connection, shop.id, cursor=Cursor(START.isoformat()))
        else:
            bulk.FROM = 0  # however few they are
        _poll(shop, orders)
        assert counts(url)["BulkRun"] == (how == "file")
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


if __name__ == "__main__":
    _measure_memory(int(sys.argv[1]), sys.argv[2])
