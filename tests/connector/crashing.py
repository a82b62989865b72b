"""Runs cycles that die. Not a test: a process that `test_crash` starts and gives orders to, a line each.

    python -m tests.connector.crashing CONFIG

A line is `<time> <n>`: run one cycle at that time in a child, and kill it (SIGKILL) at the n-th point that matters (0:
not at all). The answer is a line, `killed` or `done`. Points are: before and after each commit, before each request is
sent, and after its answer was read.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from adapters.base import StoreAdapter
from adapters.http import Answer, Http
from adapters.woocommerce import adapter as _imported_once  # noqa: F401  and not by each child
from adapters.woocommerce import create
from connector.config import StoreConfig
from connector.cycle import run_cycle
from connector.loading import Loaded, load
from connector.observe import set_up_logs
from connector.opening import open_client
from connector.shop import Clock
from connector.staff import Staff
from connector.store import database


def main(config: Path) -> None:
    set_up_logs("error")
    loaded = load(config, {})
    assert isinstance(loaded, Loaded)
    for line in sys.stdin:
        moment, point = line.split()
        child = os.fork()
        if child == 0:
            run(loaded, datetime.fromisoformat(moment), int(point))
            os._exit(0)
        _, status = os.waitpid(child, 0)
        was_killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
        if not was_killed and status != 0:
            raise SystemExit(f"the cycle ended with {status}")
        sys.stdout.write("killed\n" if was_killed else "done\n")
        sys.stdout.flush()


def run(loaded: Loaded, now: datetime, point: int) -> None:
    die_at(point)
    client = open_client(loaded, lambda: now, make_adapter=hurried, staff=Staff())
    for shop in client.shops:
        report = run_cycle(shop, threading.Event())
        assert report.error is None, report.error
    client.close()


def hurried(config: StoreConfig, clock: Clock) -> StoreAdapter:
    return create(**config.plain_settings(), clock=clock, timeout=2.0, sleep=lambda seconds: None)


def die_at(point: int) -> None:
    """See to it that this process is killed at the n-th point from now."""
    left = [point]
    guard = threading.Lock()

    def pass_by() -> None:
        with guard:
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    write, exchange = database.Database.write, Http._exchange

    @contextmanager
    def fragile_write(self: database.Database, *, durable: bool = False) -> Iterator[Any]:
        with write(self, durable=durable) as connection:
            yield connection
            pass_by()
        pass_by()

    def fragile_exchange(self: Http, *args: Any) -> Answer:
        pass_by()
        answer = exchange(self, *args)
        pass_by()
        return answer

    database.Database.write = fragile_write  # type: ignore[method-assign]
    Http._exchange = fragile_exchange  # type: ignore[method-assign]


if __name__ == "__main__":
    main(Path(sys.argv[1]))
