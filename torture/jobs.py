"""Everything that is tried, as jobs that can run side by side, each in a process of its own."""

from __future__ import annotations

import os
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass
from functools import partial
from itertools import product
from tempfile import TemporaryFile

from connector.observe import set_up_logs
from torture import crashes, customers, faults, hardships, messages, overload
from torture.inputs import bad_inputs
from torture.letterboxes import LINE_UPS
from torture.postgres import postgresql
from torture.running import Leaked, check_for_leaks, started
from torture.scene import Count
from torture.stalls import STALLS

SQLITE = "sqlite:///aftersale.db"
DATABASES = ("sqlite", "postgresql")


@dataclass(frozen=True)
class Job:
    """Something to try: `chapter` is the line of the table that it counts in."""

    chapter: str
    name: str
    do: Callable[[], Count]


@dataclass(frozen=True)
class Done:
    """What came of a job, how often something leaked in it, and in how many seconds."""

    job: Job
    count: Count
    leaked: int
    seconds: float


def perform(job: Job) -> Done:
    """Do a job. An error in it is a violation like any other."""
    os.umask(0o077)  # configs that hold keys are refused where others can read them
    begun = time.monotonic()
    leaked = 0
    try:
        with TemporaryFile("w+") as logs:
            with redirect_stderr(logs):
                set_up_logs("debug")
                count = job.do()
            logs.seek(0)
            check_for_leaks(logs.read())
    except Exception as error:  # noqa: BLE001  whatever breaks is told in the table, and the other jobs go on
        leaked = int(isinstance(error, Leaked))
        count = Count(wrong=[f"{job.name}: {''.join(traceback.format_exception(error))}"])
    return Done(job, count, leaked, time.monotonic() - begun)


def every(scale: float = 1.0) -> list[Job]:
    """All jobs, the long ones first. `scale` shrinks what is done in numbers."""
    return [
        *_overload(scale),
        Job("bad input", "tests/security", bad_inputs),
        *_crashes_of_messages(scale),
        *_customers(scale),
        *_crashes(scale),
        *_faults(scale),
        *_faults_of_channels(scale),
        *_stories(scale),
        *_hardships(),
    ]


def _crashes(scale: float) -> Iterator[Job]:
    for dialect, kind in product(STALLS, DATABASES):
        where = f"{dialect}, {kind}"
        yield Job("killed at each point in turn", where, partial(on, kind, crashes.in_turn, dialect))
        yield Job("first walk killed at each point", where, partial(on, kind, crashes.of_first_walk, dialect))
        for seed in range(1, 5):
            random = partial(crashes.at_random, seed=seed, kills=round(30 * scale))
            yield Job("killed at random", f"{where}, seed {seed}", partial(on, kind, random, dialect))
            again = partial(crashes.again_and_again, seed=seed, kills=round(25 * scale))
            yield Job("one order, killed again and again", f"{where}, seed {seed}", partial(on, kind, again, dialect))


def _crashes_of_messages(scale: float) -> Iterator[Job]:
    """As many letterboxes as one config may have stand by; each line-up meets each dialect and each database."""
    for (dialect, kind), boxes in zip(product(STALLS, DATABASES), (*LINE_UPS, *reversed(LINE_UPS)), strict=True):
        where = f"{dialect}, {kind}, {boxes[0]} first"
        if kind == "sqlite":
            in_turn = partial(crashes.in_turn, boxes=boxes, every=max(1, round(1 / scale)))
            yield Job("messages killed at each point", where, partial(on, kind, in_turn, dialect))
        random = partial(crashes.at_random, seed=5, kills=round(50 * scale), boxes=boxes)
        yield Job("messages killed at random", where, partial(on, kind, random, dialect))
        really = partial(crashes.at_random, seed=7, kills=round(25 * scale), boxes=boxes, runner=started)
        yield Job("the started command, killed at random", where, partial(on, kind, really, dialect))


def _faults(scale: float) -> Iterator[Job]:
    for dialect in STALLS:
        parts = 6
        for part in range(parts):
            share = partial(faults.one_at_a_time, dialect, part, round(parts / scale))
            yield Job("each request × each fault", f"{dialect}, part {part + 1}", share)
        for seed in range(1, 3):
            yield Job("mixed faults over a week", f"{dialect}, seed {seed}", partial(faults.a_week, dialect, seed))
    yield Job("products that the shop does not tell", "woocommerce", partial(faults.of_products, round(1 / scale)))


def _customers(scale: float) -> Iterator[Job]:
    for seed, dialect in enumerate(STALLS, 1):
        week = partial(customers.a_week, dialect, seed, days=7 if scale == 1 else 1)
        yield Job("customers over a week", f"{dialect}, seed {seed}", week)


def _faults_of_channels(scale: float) -> Iterator[Job]:
    parts = 4
    for part, dialect in zip(range(parts), (*STALLS, *STALLS), strict=True):
        share = partial(faults.one_channel_at_a_time, dialect, part, round(parts / scale))
        yield Job("each channel × each of its troubles", f"part {part + 1}", share)
    for seed, dialect in enumerate(STALLS, 1):
        week = partial(messages.a_week, dialect, seed, days=7 if scale == 1 else 2)
        yield Job("messages over a week", f"{dialect}, seed {seed}", week)


def _stories(scale: float) -> Iterator[Job]:
    for dialect in STALLS:
        for seed in range(1, 3):
            yield Job(
                "random stories", f"{dialect}, seed {seed}", partial(told_stories, dialect, seed, round(30 * scale))
            )


def _hardships() -> Iterator[Job]:
    for name in ("disk_full", "read_only_file", "locked_file", "daylight_saving", "two_daemons"):
        yield Job("disk, database, clock", name, getattr(hardships, name))
    for dialect in STALLS:
        yield Job("disk, database, clock", f"clock_jumps, {dialect}", partial(hardships.clock_jumps, dialect))
    yield Job("disk, database, clock", "two_daemons, postgresql", partial(on, "postgresql", hardships.two_daemons))
    yield Job("disk, database, clock", "read_only_postgresql", partial(_with_server, hardships.read_only_postgresql))
    yield Job("PostgreSQL restarted under the run", "", partial(_with_server, hardships.postgresql_restarted))


def _overload(scale: float) -> Iterator[Job]:
    yield Job("overload", "100,000 changed at once", partial(overload.changed_at_once, round(100_000 * scale)))
    yield Job("overload", "10,000 due at once", partial(overload.due_at_once, round(10_000 * scale)))
    yield Job("overload", "a store that answers in 30 s", partial(overload.slow_store, max(12, 30 * scale)))
    yield Job("overload", "back-off", overload.back_off)


def told_stories(dialect: str, seed: int, examples: int, steps: int = 25) -> Count:
    """So many random stories; the one that breaks a law is raised, shrunk and readable."""
    import hypothesis
    from hypothesis.stateful import run_state_machine_as_test

    from torture import stories

    machine = stories.ShopifyStory if dialect == "shopify" else stories.Story
    settings = hypothesis.settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        database=None,
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    run_state_machine_as_test(hypothesis.seed(seed)(machine), settings=settings)
    return Count(tried=examples)


def on(kind: str, do: Callable[..., Count], *before: object) -> Count:
    """Try something on a new state in that kind of database."""
    with _database(kind) as url:
        return do(*before, url)


@contextmanager
def _database(kind: str) -> Iterator[str]:
    if kind == "sqlite":
        yield SQLITE
        return
    with postgresql() as server, server.database() as url:
        yield url


def _with_server(do: Callable[..., Count]) -> Count:
    with postgresql() as server:
        return do(server)
