"""More than usual: slow stores, a hundred thousand changes at once, ten thousand due at once."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import threading
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil

from adapters.errors import Unavailable
from adapters.sandbox.woocommerce import WooSandbox
from bench.serve import start
from connector import deciding
from connector.waiting import LONGEST, delay_after
from torture.rules import Rule, as_file
from torture.scene import CONFIG, Count, compare, scene
from torture.worker import ROOT

NOTE = Rule(
    """
    - id: welcome
      trigger: order.placed
      actions:
        - add_note: Welcome
    """,
    {"note: Welcome": 1},
)


A_BIT = 4
"""Seconds."""


def slow_store(seconds: float) -> Count:
    """A store that answers each request after so many seconds, under the daemon itself: the other is polled as ever."""
    count = Count(tried=1)
    with TemporaryDirectory(prefix="aftersale-torture-") as name, WooSandbox() as slow, WooSandbox() as quick:
        slow.fail_next("late", times=None, delay=seconds)
        folder = Path(name)
        (folder / "rules").mkdir()
        (folder / "rules" / "rules.yaml").write_text(as_file([NOTE]))
        keys = "consumer_key: ck_sandbox, consumer_secret: cs_sandbox, poll_every: 10 seconds"
        config = CONFIG.format(database="sqlite:///a.db", dialect="woocommerce", keys=f"url: {slow.url}, {keys}")
        config += f"  - {{ id: mugs, platform: woocommerce, url: {quick.url}, {keys} }}\n"
        (folder / "config.yaml").write_text(config)
        polls, threads = _tended(folder / "config.yaml", quick, seconds)
        if polls < 1 + seconds // 10:
            count.wrong.append(f"slow store: the other one was polled {polls} times in {seconds:g} s, not every 10 s")
        if threads > 2 + 2 * 4:
            count.wrong.append(f"slow store: {threads} threads for two stores")
        slow.faults.clear()
    return count


def _tended(config: Path, quick: WooSandbox, seconds: float) -> tuple[int, int]:
    """How often the quick store is polled in that time, and how many threads there are."""
    process = subprocess.Popen(
        [str(Path(sys.executable).with_name("aftersale")), "-c", str(config), "run"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr is not None
        next(line for line in process.stderr if "started" in line)
        pause = threading.Event()
        pause.wait(seconds + A_BIT)  # the last poll of that time is begun right at its end
        return _polls(quick), psutil.Process(process.pid).num_threads()
    finally:
        process.terminate()
        process.communicate(timeout=90)


def _polls(store: WooSandbox) -> int:
    return sum(request.path.endswith("/orders") for request in list(store.requests))


def changed_at_once(orders: int, *, most_mb: int = 300) -> Count:
    """So many orders seen for the first time: all are stored, and memory stays bounded."""
    count = Count(tried=1, orders=orders)
    with TemporaryDirectory(prefix="aftersale-torture-") as name, start(orders, kb=2) as url:
        folder = Path(name)
        (folder / "rules").mkdir()
        (folder / "rules" / "rules.yaml").write_text(as_file([NOTE]))
        keys = f"url: {url}, consumer_key: ck, consumer_secret: cs"
        (folder / "config.yaml").write_text(CONFIG.format(database="sqlite:///a.db", dialect="woocommerce", keys=keys))
        process = subprocess.Popen(
            [
                str(Path(sys.executable).with_name("aftersale")),
                "-c",
                str(folder / "config.yaml"),
                "--json",
                "run",
                "--once",
            ],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT), "AFTERSALE_LOG_LEVEL": "error"},
            stdout=subprocess.PIPE,
            text=True,
        )
        largest, threads = _watched(process)
        said = process.communicate()[0]
    if f'"changed": {orders}' not in said:
        count.wrong.append(f"{orders} changed at once: the run said {' '.join(said.split())}")
    if largest > most_mb:
        count.wrong.append(f"{orders} changed at once: {largest} MB of memory, more than {most_mb}")
    if threads > 20:
        count.wrong.append(f"{orders} changed at once: {threads} threads")
    count.remarks.append(f"{orders:,} orders changed at once: {largest} MB and {threads} threads at most")
    return count


def _watched(process: subprocess.Popen[str]) -> tuple[int, int]:
    """The largest resident memory, in MB, and the most threads that a process has until it ends."""
    watched, pause = psutil.Process(process.pid), threading.Event()
    largest, threads = 0, 0
    while process.poll() is None:
        try:
            largest = max(largest, watched.memory_info().rss)
            threads = max(threads, watched.num_threads())
        except psutil.NoSuchProcess:
            break
        pause.wait(0.1)
    return largest // 1_000_000, threads


def due_at_once(many: int) -> Count:
    """So many due at once: all held and the staff told once; approved, each goes out once, few at a time."""
    with scene("woocommerce", rules=[NOTE]) as stage:
        stage.timeout = 30.0
        stage.open()
        stage.run()
        for _ in range(many):
            stage.place()
        stage.later(minutes=1)
        running = [0, 0]
        guard = threading.Lock()
        honest = stage.stall.store._honest

        def counted(request):  # type: ignore[no-untyped-def]
            with guard:
                running[0] += 1
                running[1] = max(running)
            try:
                return honest(request)
            finally:
                with guard:
                    running[0] -= 1

        stage.stall.store._honest = counted  # type: ignore[method-assign]
        report = stage.run()
        count = compare(stage, {}, where=f"{many} due at once, held")
        if report.tally.held != many or len(stage.told) != 1:
            count.wrong.append(f"{many} due at once: {report.tally.held} held, staff told {len(stage.told)} times")
        deciding.let_go(stage.shop, [row.id for row in stage.rows("held")])
        stage.run()
        stage.later(minutes=30)
        stage.run()
        count.add(compare(stage, where=f"{many} due at once, approved"))
        if running[1] > stage.shop.config.parallel:
            count.wrong.append(f"{many} due at once: {running[1]} requests at a time")
        count.tried, count.orders = 1, many
    return count


def back_off() -> Count:
    """The pause after each failure grows, up to an hour, and is never the same for all."""
    count = Count(tried=1)
    trouble = Unavailable("the store is down.")
    means = []
    for failures in range(1, 12):
        pauses = [delay_after(trouble, failures) for _ in range(200)]
        means.append(statistics.mean(pause.total_seconds() for pause in pauses))
        if len(set(pauses)) < 150:
            count.wrong.append(f"back-off: after {failures} failures everybody comes back at the same moment")
        if max(pauses) > LONGEST:
            count.wrong.append(f"back-off: a pause of {max(pauses)}")
    if any(later < earlier * 1.5 for earlier, later in pairwise(means[:7])):
        count.wrong.append(f"back-off does not grow: {[round(mean) for mean in means]} s")
    return count
