"""The story played: a sandbox store over real HTTP, the real worker beside it, and a clock that runs ahead."""

from __future__ import annotations

import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from importlib.resources import as_file, files
from pathlib import Path
from zoneinfo import ZoneInfo

from adapters.base import StoreAdapter
from adapters.registry import create
from adapters.sandbox.clock import MovableClock
from adapters.sandbox.woocommerce import WooSandbox
from connector.config import StoreConfig
from connector.cycle import Report, run_cycle
from connector.demo.story import Story, read_story
from connector.loading import Loaded, load
from connector.opening import open_client
from connector.shop import Clock, Shop
from connector.staff import Staff
from connector.store import followups
from connector.store.followups import Followup
from rules.planner import State

ZONE = ZoneInfo("Asia/Jerusalem")
STATES: tuple[State, ...] = ("pending", "done", "skipped", "held", "failed", "unknown")

Progress = Callable[[datetime, float], None]
"""Told the store's time (UTC), and how much of the story is over (0 to 1)."""


@dataclass(frozen=True, slots=True)
class Told:
    """Something the staff was told."""

    at: datetime
    title: str
    body: str


@dataclass(frozen=True, slots=True)
class Play:
    """A played story, with all that can be asked afterwards.

    `lives` are the worker's records: each row as it stood whenever it had changed. `reports` are its cycles'.
    """

    story: Story
    store: WooSandbox
    shop: Shop
    loaded: Loaded
    told: list[Told]
    lives: dict[int, list[Followup]] = field(default_factory=dict)
    reports: list[tuple[datetime, Report]] = field(default_factory=list)


@contextmanager
def played(progress: Progress | None = None) -> Iterator[Play]:
    """Play the whole story. The store is open, and the state to be looked at, until the end of the `with`."""
    story = read_story(ZONE)
    clock = MovableClock(story.happenings[0].at)
    with (
        tempfile.TemporaryDirectory(prefix="aftersale-demo-") as folder,
        WooSandbox(
            clock=clock, zone=ZONE.key, statuses=("delivered", "ready-for-pickup"), name="Leaf & Lemon"
        ) as store,
    ):
        loaded = _loaded(Path(folder), store)
        told: list[Told] = []

        def tell(_: object, title: str, body: str) -> bool:
            told.append(Told(clock(), title, body))
            return True

        staff = Staff(loaded.config.staff, tell)
        client = open_client(loaded, clock, make_adapter=_with_patience_of(clock), staff=staff)
        try:
            play = Play(story, store, client.shops[0], loaded, told)
            _run(play, clock, progress)
            yield play
        finally:
            client.close()


def _loaded(folder: Path, store: WooSandbox) -> Loaded:
    """The demo's config, rules and templates, read as any others, from a folder that can be written to."""
    with as_file(files("connector.demo").joinpath("shop")) as shop:
        shutil.copytree(shop, folder, dirs_exist_ok=True)
    loaded = load(folder / "config.yaml", {"SANDBOX_URL": store.url})
    if not isinstance(loaded, Loaded):
        raise TypeError("The demo's own files are wrong:\n" + "\n".join(map(str, loaded)))
    return loaded


def _with_patience_of(clock: MovableClock) -> Callable[[StoreConfig, Clock], StoreAdapter]:
    """Adapters whose pauses between retries pass on the store's clock."""

    def pause(seconds: float) -> None:
        clock.advance(timedelta(seconds=seconds))

    def make(config: StoreConfig, clock: Clock) -> StoreAdapter:
        return create(config.platform, **config.plain_settings(), clock=clock, sleep=pause)

    return make


def _run(play: Play, clock: MovableClock, progress: Progress | None) -> None:
    """Let time pass: what happens, happens, and the worker wakes whenever the store is to be polled."""
    happenings = list(play.story.happenings)
    length = play.story.ends - play.story.begins
    now = play.story.begins
    while now <= play.story.ends:
        while happenings and happenings[0].at <= now:
            happening = happenings.pop(0)
            clock.now = max(clock.now, happening.at)
            happening.act(play.store, play.shop)
        clock.now = max(clock.now, now)
        report = run_cycle(play.shop, threading.Event())
        play.reports.append((now, report))
        if _did_something(report):
            _remember(play)
        if progress is not None:
            progress(now, (now - play.story.begins) / length)
        now += play.shop.config.poll_every


def _did_something(report: Report) -> bool:
    tally = report.tally
    return any((report.changed, tally.planned, tally.done, tally.skipped, tally.held, tally.failed, tally.unknown))


def _remember(play: Play) -> None:
    with play.shop.database.read() as connection:
        rows = followups.in_state(connection, STATES, play.shop.id)
    for row in rows:
        life = play.lives.setdefault(row.id, [])
        if not life or life[-1] != row:
            life.append(row)
