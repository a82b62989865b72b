"""An idle poll: its requests, and its processor time beside a bare GET of the same; and what changes cost."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator
from statistics import median

import requests

from bench.serve import counts, start
from bench.shop import shop_on
from connector.cycle import run_cycle
from connector.shop import Shop

ORDERS = 2_000
POLLS = 200
ROUNDS = 5


def run() -> Iterator[tuple[str, str]]:
    """The two in turns, in processor time of this process: it sets how many stores a core can follow."""
    with start(orders=ORDERS) as url, shop_on(url) as shop:
        for _ in range(3):
            run_cycle(shop, threading.Event())
        before = _listings(url)
        run_cycle(shop, threading.Event())
        yield "idle poll, requests", f"{_listings(url) - before} (goal: 1)"
        bare = _bare(shop, url)
        rounds = [(_cost(bare), _cost(lambda: run_cycle(shop, threading.Event()))) for _ in range(ROUNDS)]
        ratio = median(ours / plain for plain, ours in rounds)
        plain, ours = (median(column) * 1000 for column in zip(*rounds, strict=True))
        yield "idle poll, processor", f"{ours:.2f} ms against {plain:.2f}: {ratio:.2f} times (goal: at most 2)"
    for changed in (100, 250, 1000):
        with start(orders=changed) as url, shop_on(url) as shop:
            run_cycle(shop, threading.Event())
            goal = math.ceil(changed / 100) + 1
            yield f"{changed} changed orders, requests", f"{_listings(url)} (goal: at most {goal})"


def _bare(shop: Shop, url: str) -> Callable[[], object]:
    """The same request without Aftersale: what a pooled session costs."""
    session = requests.Session()
    asked: list[str] = []
    send = requests.Session.send

    def watching(self: requests.Session, request: requests.PreparedRequest, **options: object) -> requests.Response:
        asked.append(str(request.url))
        return send(self, request, **options)

    requests.Session.send = watching  # type: ignore[method-assign]
    try:
        run_cycle(shop, threading.Event())
    finally:
        requests.Session.send = send  # type: ignore[method-assign]
    (address,) = asked
    assert address.startswith(url)
    return lambda: session.get(address).content


def _cost(call: Callable[[], object]) -> float:
    began = time.process_time()
    for _ in range(POLLS):
        call()
    return (time.process_time() - began) / POLLS


def _listings(url: str) -> int:
    return counts(url)["GET /wp-json/wc/v3/orders"]
