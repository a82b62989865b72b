"""A million pending follow-ups: what is due now, and recording them, beside APScheduler's date jobs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import sqlalchemy as sa
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.schedulers.background import BackgroundScheduler

from connector.store import followups
from connector.store.database import Database, open_database

PENDING = 1_000_000
BATCH = 5_000
NOW = datetime(2026, 6, 1, tzinfo=UTC)


def run() -> Iterator[tuple[str, str]]:
    """The same question with and without the index on due time; then both ways of recording."""
    with TemporaryDirectory() as folder:
        database = open_database(f"sqlite:///{folder}/state.db")
        ours = PENDING / _record(database, PENDING, BATCH)
        with_index = _due(database, rounds=50)
        with database.write() as connection:
            connection.execute(sa.text("DROP INDEX ix_followups_due"))
        without = _due(database, rounds=3)
        database.close()
        goals = "goal: under 1 ms, 1/500"
        yield "what is due of 1,000,000", f"{with_index * 1000:.3f} ms, 1/{without / with_index:,.0f} without ({goals})"
        theirs = _date_jobs(Path(folder))
        each = _one_by_one(Path(folder))
        yield (
            "recording, in pages",
            f"{ours:,.0f}/s against {theirs:,.0f} date jobs: {ours / theirs:.0f} times (goal: 20)",
        )
        yield "recording, one a commit", f"{each:,.0f}/s: {each / theirs:.0f} times"


def _row(number: int) -> dict[str, object]:
    due_at = NOW + timedelta(minutes=number - 10)
    return {
        "store": "bench",
        "rule": f"rule-{number % 20}",
        "subject": f"order:{number}",
        "step": "1",
        "action": 1,
        "position": 1,
        "kind": "add_note",
        "order_id": str(number),
        "number": str(number),
        "person": f"{number:032x}",
        "state": "pending",
        "final": False,
        "approved": False,
        "event_at": NOW,
        "planned_at": due_at,
        "due_at": due_at,
        "backfilled": False,
        "at": NOW,
        "version": "0" * 64,
        "tries": 0,
    }


def _record(database: Database, number: int, batch: int) -> float:
    began = time.perf_counter()
    for first in range(0, number, batch):
        with database.write() as connection:
            followups.insert(connection, [_row(first + n) for n in range(min(batch, number - first))])
    return time.perf_counter() - began


def _one_by_one(folder: Path) -> float:
    database = open_database(f"sqlite:///{folder}/one.db")
    rate = 2000 / _record(database, 2000, 1)
    database.close()
    return rate


def _due(database: Database, rounds: int) -> float:
    times = []
    for _ in range(rounds):
        with database.read() as connection:
            began = time.perf_counter()
            found = followups.due(connection, "bench", NOW, 500)
            times.append(time.perf_counter() - began)
        assert len(found) == 11
    return median(times)


def _date_jobs(folder: Path) -> float:
    """Date jobs a second on SQLite."""
    scheduler = BackgroundScheduler(
        timezone="UTC", jobstores={"default": SQLAlchemyJobStore(f"sqlite:///{folder}/jobs.db")}
    )
    scheduler.start(paused=True)
    began = time.perf_counter()
    for number in range(500):
        scheduler.add_job(print, "date", run_date=NOW + timedelta(days=3650, minutes=number), args=[number])
    rate = 500 / (time.perf_counter() - began)
    scheduler.shutdown()
    return rate
