"""What goes wrong on our own side: the disk, the database, the clock, a second daemon. Nothing twice, nothing lost."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from torture.postgres import Server
from torture.rules import Rule
from torture.running import asked
from torture.scene import Count, Scene, compare, scene
from torture.worker import ROOT

ISRAEL = ZoneInfo("Asia/Jerusalem")


# The disk and the database --------------------------------------------------------------------------------------


def disk_full() -> Count:
    """The file may not grow: the run says so, and what it could not write down it does not do twice later."""
    with scene("woocommerce") as stage:
        _began(stage)
        for _ in range(40):
            stage.place()
        stage.later(minutes=5)
        size = (stage.folder / "aftersale.db").stat().st_size
        codes = set()
        for room in (0, 4096, 16_384, 65_536, 131_072, 262_144):
            codes.add(_run(stage, f"room:{size + room}"))
            stage.later(minutes=5)
        count = _ended(stage, "disk full")
        if not codes & {1, 2}:
            count.wrong.append(f"disk full: no run has said so (exit codes {sorted(codes)})")
        return count


def read_only_file() -> Count:
    """The file and its folder may not be written: exit code 2 or 1, nothing is done, and later everything once."""
    with scene("woocommerce") as stage:
        _began(stage)
        for _ in range(3):
            stage.place()
        stage.later(minutes=5)
        before = len(stage.stall.store.requests)
        with _not_writable(stage.folder):
            code = _run(stage, "nobody")
        wrote = [one for one in stage.stall.store.requests[before:] if stage.stall.is_write(one)]  # type: ignore[arg-type]
        count = _ended(stage, "read-only file")
        if code not in (1, 2) or wrote:
            count.wrong.append(f"read-only file: exit code {code}, {len(wrote)} writes to the store")
        return count


def read_only_postgresql(server: Server) -> Count:
    """A PostgreSQL that takes no writes: nothing is done, and later everything once."""
    with server.database() as url, scene("shopify", url) as stage:
        _began(stage)
        for _ in range(3):
            stage.place()
        stage.later(minutes=5)
        name = sa.make_url(url).database
        server.sql(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
        code = _run(stage)
        server.sql(f"ALTER DATABASE {name} RESET default_transaction_read_only")
        count = _ended(stage, "read-only PostgreSQL")
        if code not in (1, 2):
            count.wrong.append(f"read-only PostgreSQL: exit code {code}")
        return count


def locked_file() -> Count:
    """Somebody else keeps the file locked for longer than we wait: the run says so; later everything once."""
    with scene("woocommerce") as stage:
        _began(stage)
        for _ in range(3):
            stage.place()
        stage.later(minutes=5)
        other = sqlite3.connect(stage.folder / "aftersale.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        code = _run(stage, "impatient")
        other.execute("ROLLBACK")
        other.close()
        count = _ended(stage, "locked file")
        if code != 1:
            count.wrong.append(f"locked file: exit code {code}")
        return count


def postgresql_restarted(server: Server, seed: int = 1, times: int = 8) -> Count:
    """The server is restarted, hard, while the run is at work: the run goes on with the next cycle."""
    chance = random.Random(seed)
    with server.database() as url, scene("woocommerce", url) as stage:
        _began(stage)
        stage.open()
        for _ in range(times):
            stage.place()
            stage.later(minutes=15)
            left = [chance.randint(1, 9)]

            def restart(_: object, left: list[int] = left) -> None:
                left[0] -= 1
                if left[0] == 0:
                    server.restart()

            stage.stall.store.on_request = restart
            stage.run_safely()
            stage.stall.store.on_request = None
            stage.run()
        return _ended(stage, "PostgreSQL restarted", tried=times)


# The clock ------------------------------------------------------------------------------------------------------


def clock_jumps(dialect: str, seed: int = 1) -> Count:
    """Our clock, not the store's, jumps back an hour and forward a day, between cycles."""
    chance = random.Random(seed)
    with scene(dialect) as stage:
        _began(stage)
        stage.open()
        true = stage.clock()
        ours = [timedelta(0)]
        stage.stall.store.clock = lambda: true
        for number in range(60):
            true += timedelta(minutes=chance.randint(2, 20))
            if number in (10, 35):
                ours[0] = timedelta(hours=-1)
            elif number in (20, 45):
                ours[0] = timedelta(days=1)
            elif number in (15, 25, 40, 50):
                ours[0] = timedelta(0)
            stage.clock.now = true + ours[0]
            if number % 5 == 0:
                stage.place()
            stage.run()
        stage.stall.store.clock = stage.clock
        stage.clock.now = max(true, stage.clock.now)
        return _ended(stage, f"clock jumps, {dialect}", tried=4)


DAILY = Rule(
    """
    - id: daily
      trigger: order.placed
      wait: 1 day
      send_between: "01:30-05:00"
      actions:
        - send: Good night
    """,
    {"mail: Good night": 1},
)


def daylight_saving() -> Count:
    """Over both changes of the clocks: each message once, a day later by the wall, within its hours."""
    count = Count()
    for begin in (datetime(2026, 3, 25, 20, tzinfo=UTC), datetime(2026, 10, 22, 20, tzinfo=UTC)):
        with scene("woocommerce", rules=[DAILY]) as stage:
            stage.clock.now = begin
            stage.open()
            stage.run()
            for hour in range(120):
                if hour < 48:
                    stage.place()
                stage.later(minutes=30)
                stage.run()
                stage.later(minutes=30)
                stage.run()
            count.add(compare(stage, where=f"daylight saving, {begin:%B}"))
            count.tried += 1
            for mail in stage.stall.store.mails:  # type: ignore[union-attr]
                wall = mail.at.astimezone(ISRAEL)
                if not (1, 30) <= (wall.hour, wall.minute) < (5, 0):
                    count.wrong.append(f"daylight saving: a message at {wall}")
    return count


# Two daemons ----------------------------------------------------------------------------------------------------


def two_daemons(database: str = "sqlite:///aftersale.db") -> Count:
    """The second one started on a state stops with exit code 3; the first goes on."""
    count = Count(tried=1)
    with scene("woocommerce", database) as stage:
        stage.stall.store.clock = lambda: datetime.now(UTC)
        command = [str(Path(sys.executable).with_name("aftersale")), "-c", str(stage.config), "run"]
        settings = {"cwd": ROOT, "env": {**os.environ, "PYTHONPATH": str(ROOT)}, "stderr": subprocess.PIPE}
        first = subprocess.Popen(command, text=True, **settings)  # type: ignore[call-overload]
        try:
            for line in first.stderr:
                if "started" in line:
                    break
            for arguments in ([], ["--once"]):
                second = subprocess.run([*command, *arguments], timeout=60, check=False, **settings)  # type: ignore[call-overload]
                if second.returncode != 3:
                    count.wrong.append(f"two daemons: the second ended with {second.returncode}, not 3")
            if first.poll() is not None:
                count.wrong.append("two daemons: the first ended, too")
        finally:
            first.send_signal(signal.SIGTERM)
            first.communicate(timeout=60)
    return count


# ----------------------------------------------------------------------------------------------------------------


def _began(stage: Scene) -> None:
    stage.open()
    stage.run()
    stage.close()


def _ended(stage: Scene, where: str, tried: int = 1) -> Count:
    """The trouble is over: let everything come to its end, and count."""
    stage.complete_all()
    stage.open()
    held = 0
    stage.run_for(hours=3)
    for _ in range(3):
        if stage.rows("pending", "unknown", "held"):
            held += stage.settle_as_a_person()
            stage.run_for(hours=13)
    count = compare(stage, where=where)
    count.tried, count.held = tried, held
    return count


def _run(stage: Scene, hardship: str = "-") -> int:
    """`aftersale run --once` under that hardship; gives its exit code."""
    with asked(stage.config) as ask:
        return int(ask(f"{stage.clock().isoformat()} 0 {hardship}").partition(" ")[0])


@contextmanager
def _not_writable(folder: Path) -> Iterator[None]:
    files = [folder, *folder.rglob("*")]
    modes = {file: file.stat().st_mode for file in files}
    for file in files:
        file.chmod(0o555 if file.is_dir() else 0o444)
    try:
        yield
    finally:
        for file, mode in modes.items():
            if file.exists():
                file.chmod(mode)
