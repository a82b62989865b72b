"""Killed at every point, in turn and at random, and started again: nothing twice, nothing lost."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from torture.running import Run, check_for_leaks, forked
from torture.scene import Count, Scene, compare, scene

Runner = Callable[[Path], AbstractContextManager[Run]]


def in_turn(
    dialect: str,
    database: str,
    *,
    boxes: Sequence[str] = (),
    runner: Runner = forked,
    most: int = 10_000,
    every: int = 1,
) -> Count:
    """Kill a run that has a new order to look after at its first point, the next at its second, up to the last.

    `every` third, or so, point is enough for a short run.
    """
    count = Count()
    with scene(dialect, database, boxes=boxes) as stage, runner(stage.config) as run:
        run(stage.clock(), 0)
        for point in range(1, most * every + 1, every):
            stage.complete()
            stage.place()
            stage.later(minutes=1)
            killed = run(stage.clock(), point) is None
            count.tried += killed
            stage.later(minutes=15)
            run(stage.clock(), 0)
            if not killed:
                break
        count.add(_ended(stage, run, f"crash in turn, {_named(stage)}"))
    return count


def at_random(
    dialect: str, database: str, seed: int, kills: int, *, boxes: Sequence[str] = (), runner: Runner = forked
) -> Count:
    """Kill runs at random points, with orders coming in and time passing, until that many were killed."""
    chance = random.Random(seed)
    count = Count()
    with scene(dialect, database, boxes=boxes) as stage, runner(stage.config) as run:
        run(stage.clock(), 0)
        while count.tried < kills:
            stage.later(minutes=chance.randint(1, 12))
            if chance.random() < 0.4:
                stage.place()
            if len(stage.orders) > 3 and chance.random() < 0.2:
                stage.stall.touch(chance.choice(stage.orders))
            if len(stage.orders) > 3 and chance.random() < 0.2:
                stage.complete()
            furthest = chance.choice((6, 12, 30, 80) if boxes else (6, 12, 30))
            killed = run(stage.clock(), chance.randint(1, furthest)) is None
            count.tried += killed
        count.add(_ended(stage, run, f"crash at random, {_named(stage)}, seed {seed}"))
    return count


def again_and_again(dialect: str, database: str, seed: int, kills: int) -> Count:
    """Kill what looks after one order at random points when its first note is due, and again when another says the
    same: what is still in doubt of the one must not be taken for the other.
    """
    chance = random.Random(seed)
    count = Count()
    with scene(dialect, database) as stage, forked(stage.config) as run:
        run(stage.clock(), 0)
        while count.tried < kills:
            stage.place()
            for minutes in (1, chance.randint(19, 21), chance.choice((1, 9, 11, 30))):
                stage.later(minutes=minutes)
                count.tried += run(stage.clock(), chance.randint(1, 45)) is None
        count.add(_ended(stage, run, f"again and again, {_named(stage)}, seed {seed}"))
    return count


def of_first_walk(dialect: str, database: str, most: int = 40) -> Count:
    """A first walk that is killed at its first point, its second, and so on, never fires on what was there before."""
    count = Count()
    with scene(dialect, database) as stage, forked(stage.config) as run:
        for _ in range(120):
            stage.place()
            stage.later(minutes=1)
        for point in range(1, most):
            stage.later(minutes=3)
            killed = run(stage.clock(), point) is None
            count.tried += killed
            if not killed:
                break
        for _ in range(3):
            stage.later(minutes=30)
            run(stage.clock(), 0)
        count.add(compare(stage, {}, where=f"first walk, {_named(stage)}"))
    return count


def _ended(stage: Scene, run: Run, where: str) -> Count:
    """Let everything come to its end, a person's word included, and count."""
    stage.complete_all()
    for _ in range(2):
        stage.later(minutes=30)
        run(stage.clock(), 0)
    stage.open()
    stage.run_for(hours=2)
    held = stage.settle_as_a_person()
    stage.run_for(hours=3)
    for _ in range(len(stage.boxes)):
        held += stage.settle_as_a_person()  # what a person has sent again may have found another to ask for
        stage.run_for(hours=1)
    check_for_leaks(stage.said())
    count = compare(stage, where=where)
    count.held = held
    states = {row.state for row in stage.rows()}
    if states - {"done"}:
        count.wrong.append(f"{where}: not everything came to its end: {sorted(states)}")
    return count


def _named(stage: Scene) -> str:
    kind = stage.database.partition(":")[0].partition("+")[0]
    return ", ".join([stage.stall.dialect, kind, *(box.name for box in stage.boxes)])
