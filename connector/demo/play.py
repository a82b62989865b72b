"""The story played: sandbox stores over real HTTP, the real worker beside them, and a clock that runs ahead."""

from __future__ import annotations

import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from importlib.resources import as_file, files
from pathlib import Path
from zoneinfo import ZoneInfo

from adapters.base import StoreAdapter
from adapters.registry import create
from adapters.sandbox.clock import MovableClock
from connector.config import StoreConfig
from connector.cycle import Report, run_cycle
from connector.demo.mugs import mug_shop
from connector.demo.stage import Stage
from connector.demo.story import Story, read_story
from connector.demo.tea import tea_shop
from connector.loading import Loaded, load
from connector.opening import open_client
from connector.shop import Clock, Shop
from connector.staff import Staff
from connector.store import followups
from connector.store.followups import Followup
from rules.facts import State

ZONE = ZoneInfo("Asia/Jerusalem")
OPENS = datetime(2026, 1, 1, tzinfo=UTC)
"""When the sandbox stores are opened: before anything happens in them."""
STATES: tuple[State, ...] = ("pending", "done", "skipped", "held", "failed", "unknown")

Progress = Callable[[datetime, float], None]
"""Told the stores' time (UTC), and how much of the story is over (0 to 1)."""


@dataclass(frozen=True, slots=True)
class Told:
    """Something the staff was told."""

    at: datetime
    title: str
    body: str


@dataclass(frozen=True, slots=True)
class Part:
    """One store's part in the play.

    `lives` are the worker's records: each row as it stood whenever it had changed. `reports` are its cycles'.
    """

    stage: Stage
    shop: Shop
    lives: dict[int, list[Followup]] = field(default_factory=dict)
    reports: list[tuple[datetime, Report]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Play:
    """A played story, with all that can be asked afterwards."""

    story: Story
    parts: tuple[Part, ...]
    loaded: Loaded
    told: list[Told]


@contextmanager
def played(progress: Progress | None = None) -> Iterator[Play]:
    """Play the whole story. The stores are open, and the state to be looked at, until the end of the `with`."""
    clock = MovableClock(OPENS)
    with ExitStack() as opened:
        folder = opened.enter_context(tempfile.TemporaryDirectory(prefix="aftersale-demo-"))
        stages: dict[str, Stage] = {
            "tea": opened.enter_context(tea_shop(clock, ZONE.key)),
            "mugs": opened.enter_context(mug_shop(clock, ZONE.key)),
        }
        story = read_story(ZONE, stages)
        clock.now = story.happenings[0].at
        loaded = _loaded(Path(folder), stages)
        told: list[Told] = []

        def tell(_: object, title: str, body: str) -> bool:
            told.append(Told(clock(), title, body))
            return True

        staff = Staff(loaded.config.staff, tell)
        client = open_client(loaded, clock, make_adapter=_with_patience_of(clock), staff=staff)
        opened.callback(client.close)
        play = Play(story, tuple(Part(stages[shop.id], shop) for shop in client.shops), loaded, told)
        _run(play, clock, progress)
        yield play


def _loaded(folder: Path, stages: Mapping[str, Stage]) -> Loaded:
    """The demo's config, rules and templates, read as any others, from a folder that can be written to."""
    with as_file(files("connector.demo").joinpath("shop")) as shop:
        shutil.copytree(shop, folder, dirs_exist_ok=True)
    (folder / "config.yaml").chmod(0o600)  # as any that says how to reach the staff
    environment = {name: value for stage in stages.values() for name, value in stage.settings.items()}
    loaded = load(folder / "config.yaml", environment)
    if not isinstance(loaded, Loaded):
        raise TypeError("The demo's own files are wrong:\n" + "\n".join(map(str, loaded)))
    return loaded


def _with_patience_of(clock: MovableClock) -> Callable[[StoreConfig, Clock], StoreAdapter]:
    """Adapters whose pauses between retries pass on the stores' clock."""

    def pause(seconds: float) -> None:
        clock.advance(timedelta(seconds=seconds))

    def make(config: StoreConfig, clock: Clock) -> StoreAdapter:
        return create(config.platform, **config.plain_settings(), clock=clock, sleep=pause)

    return make


def _run(play: Play, clock: MovableClock, progress: Progress | None) -> None:
    """Let time pass: what happens, happens, and the worker wakes whenever a store is to be polled."""
    story, happenings = play.story, list(play.story.happenings)
    shops = {part.shop.id: part.shop for part in play.parts}
    pace = min(shop.config.poll_every for shop in shops.values())
    now = story.begins
    while now <= story.ends:
        while happenings and happenings[0].at <= now:
            happening = happenings.pop(0)
            clock.now = max(clock.now, happening.at)
            happening.act(shops[happening.store])
        clock.now = max(clock.now, now)
        for part in play.parts:
            if (now - story.begins) % part.shop.config.poll_every == timedelta(0):
                _poll(part, now)
        if progress is not None:
            progress(now, (now - story.begins) / (story.ends - story.begins))
        now += pace


def _poll(part: Part, now: datetime) -> None:
    report = run_cycle(part.shop, threading.Event())
    part.reports.append((now, report))
    tally = report.tally
    if any((report.changed, tally.planned, tally.done, tally.skipped, tally.held, tally.failed, tally.unknown)):
        _remember(part)


def _remember(part: Part) -> None:
    with part.shop.database.read() as connection:
        rows = followups.in_state(connection, STATES, part.shop.id)
    for row in rows:
        life = part.lives.setdefault(row.id, [])
        if not life or life[-1] != row:
            life.append(row)
