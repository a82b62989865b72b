"""The daemon: tends its stores, finishes what is in hand when it is told to stop, and reads its rules anew."""

from __future__ import annotations

import gc
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from adapters.sandbox.server import Request
from adapters.sandbox.woocommerce import WooSandbox
from connector.daemon import caught_signals, is_time_to_poll
from connector.opening import spare_collector
from connector.store.database import locked
from connector.store.errors import Locked
from tests.conftest import World, is_write
from tests.connector.daemon_process import hurried
from tests.monitor import listening

RULES = """
    - id: welcome
      trigger: order.placed
      actions:
        - add_note: Hello
        - add_note: And welcome
"""
LONG = 20.0
"""Seconds after which a test gives up waiting."""


class Daemon:
    """The process, and what it says."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stderr is not None
        self.process = process
        self.lines: list[str] = []
        self._said = threading.Condition()
        self._reader = threading.Thread(target=self._read, args=(process.stderr,), daemon=True)
        self._reader.start()

    def wait_for(self, words: str, times: int = 1) -> None:
        with self._said:
            found = self._said.wait_for(lambda: sum(words in line for line in self.lines) >= times, LONG)
        assert found, "".join(self.lines)

    def end(self) -> int:
        code = self.process.wait(LONG)
        self._reader.join(LONG)
        return code

    def _read(self, stream: object) -> None:
        for line in stream:  # type: ignore[attr-defined]
            with self._said:
                self.lines.append(line)
                self._said.notify_all()


@pytest.fixture
def hasty(tmp_path: Path) -> Iterator[tuple[World, float]]:
    """A world whose time runs sixty times as fast as ours, and since when."""
    base = datetime.now(UTC).timestamp()
    clock = hurried(base)
    with WooSandbox(clock=clock) as store:
        world = World(tmp_path, store, clock, store_keys="poll_every: 10 seconds", timeout=30.0)  # type: ignore[arg-type]
        world.rules(RULES)
        world.run()
        world.close()
        yield world, base


@contextmanager
def daemon(world: World, base: float) -> Iterator[Daemon]:
    command = [sys.executable, "-m", "tests.connector.daemon_process", str(world.folder / "config.yaml"), str(base)]
    process = subprocess.Popen(command, cwd=Path(__file__).parents[2], stderr=subprocess.PIPE, text=True)
    running = Daemon(process)
    try:
        running.wait_for('"event": "started"')
        yield running
    finally:
        process.kill()
        running.end()
        assert process.stderr is not None
        process.stderr.close()


def until(condition: Callable[[], bool], store: WooSandbox) -> None:
    """Wait until it is so, looking whenever the store has had a request."""
    came = threading.Event()
    store.on_request = lambda _: came.set()
    for _ in range(500):
        if condition():
            break
        came.wait(LONG / 100)
        came.clear()
    store.on_request = None
    assert condition()


def test_it_follows_up_what_happens_while_it_runs(hasty: tuple[World, float]) -> None:
    world, base = hasty
    with daemon(world, base) as running:
        order = world.store.add_order()
        until(lambda: world.notes(order) == ["Hello", "And welcome"], world.store)
        running.process.send_signal(signal.SIGTERM)
        assert running.end() == 0


def test_told_to_stop_it_finishes_what_is_in_hand(hasty: tuple[World, float]) -> None:
    world, base = hasty
    world.store.fail_next("late", match=is_write)
    came = threading.Event()

    def look(request: Request) -> None:
        if is_write(request):
            came.set()

    with daemon(world, base) as running:
        world.store.on_request = look
        order = world.store.add_order()
        assert came.wait(LONG)
        running.process.send_signal(signal.SIGTERM)
        running.wait_for('"name": "SIGTERM"')
        assert running.process.poll() is None
        world.store.faults.release()
        assert running.end() == 0
    world.open()
    assert world.notes(order) == ["Hello", "And welcome"]
    assert world.states() == ["done", "done"]


def test_on_a_hangup_it_reads_its_rules_anew(hasty: tuple[World, float]) -> None:
    world, base = hasty
    with daemon(world, base) as running:
        rules = world.folder / "rules" / "rules.yaml"
        rules.write_text(rules.read_text().replace("Hello", "Good day"))
        running.process.send_signal(signal.SIGHUP)
        running.wait_for('"event": "started"', times=2)
        order = world.store.add_order()
        until(lambda: len(world.notes(order)) == 2, world.store)
        assert world.notes(order) == ["Good day", "And welcome"]


def test_what_is_wrong_on_disk_leaves_the_old_rules_in_force(hasty: tuple[World, float]) -> None:
    world, base = hasty
    with daemon(world, base) as running:
        rules = world.folder / "rules" / "rules.yaml"
        rules.write_text(rules.read_text().replace("add_note", "add_noet"))
        running.process.send_signal(signal.SIGHUP)
        running.wait_for("the old configuration stays in force")
        order = world.store.add_order()
        until(lambda: len(world.notes(order)) == 2, world.store)
        assert world.notes(order) == ["Hello", "And welcome"]


def test_a_state_that_cannot_be_read_is_waited_for(hasty: tuple[World, float]) -> None:
    world, base = hasty
    with daemon(world, base) as running, closing(sqlite3.connect(world.folder / "aftersale.db", timeout=LONG)) as state:
        state.execute("ALTER TABLE stores RENAME TO away")
        running.wait_for("the state cannot be read")
        state.execute("ALTER TABLE away RENAME TO stores")
        order = world.store.add_order()
        until(lambda: len(world.notes(order)) == 2, world.store)
    assert not any("Traceback" in line for line in running.lines)


def test_it_has_a_heartbeat_for_as_long_as_all_is_well(hasty: tuple[World, float]) -> None:
    world, base = hasty
    with listening() as monitor:
        config = world.folder / "config.yaml"
        config.write_text(f"{config.read_text()}\nheartbeat: {monitor.url}\n")
        with daemon(world, base) as running:
            assert monitor.wait_for(2, LONG)
            world.store.stop()
            running.wait_for("store set aside")
            silent_since = len(monitor.beats)
            running.wait_for("store set aside", times=2)
            assert len(monitor.beats) <= silent_since + 1  # one may have been on its way
            world.store.start()
            assert monitor.wait_for(silent_since + 3, LONG)


def test_what_was_open_before_it_read_its_rules_anew_goes(world: World) -> None:
    kept = []
    for _ in range(4):
        world.rules(RULES)
        spare_collector()
        kept.append(gc.get_freeze_count())
    gc.unfreeze()
    assert kept[-1] - kept[1] < 500


def test_a_second_run_on_the_same_state_is_turned_away(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'state.db'}"
    with (
        locked(url),
        pytest.raises(Locked, match=r"another run \(process \d+\) is at work on .*state\.db"),
        locked(url),
    ):
        pass
    with locked(url):
        pass


def test_the_lock_of_a_killed_run_is_free(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'state.db'}"
    program = (
        "from connector.store.database import locked\n"
        f"with locked({url!r}):\n    print('held', flush=True)\n    input()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=Path(__file__).parents[2],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        with pytest.raises(Locked), locked(url):
            pass
        process.kill()
    with locked(url):
        pass


@pytest.mark.parametrize(("seconds", "polls"), [(15, False), (105, False), (120, True), (135, True)])
def test_a_poll_comes_at_its_own_beat_though_the_last_one_took_a_moment(seconds: int, polls: bool) -> None:
    beat = datetime(2026, 6, 1, tzinfo=UTC)
    polled_at = beat + timedelta(seconds=0.8)
    assert is_time_to_poll(timedelta(minutes=2), polled_at, beat + timedelta(seconds=seconds)) is polls
    assert is_time_to_poll(timedelta(seconds=10), polled_at, beat + timedelta(seconds=10))


def test_a_signal_wakes_it_whichever_thread_it_finds() -> None:
    idle, asleep = threading.Event(), threading.Thread(target=lambda: idle.wait(LONG))
    asleep.start()
    assert asleep.ident is not None
    rescue = threading.Timer(LONG, lambda: signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGHUP))
    with caught_signals() as next_signal:
        rescue.start()
        try:
            threading.Timer(0.1, lambda: signal.pthread_kill(asleep.ident or 0, signal.SIGTERM)).start()
            assert next_signal() is signal.SIGTERM
        finally:
            rescue.cancel()
            idle.set()
            asleep.join()
