"""Killed at every point, in turn and at random, and started again: nothing twice, nothing lost."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from torture.scene import Count, Scene, compare, scene
from torture.worker import Run, forked

Runner = Callable[[Path], AbstractContextManager[Run]]


def in_turn(dialect: str, database: str, *, runner: Runner = forked, most: int = 10_000, every: int = 1) -> Count:
    """Kill a run that has a new order to look after at its first point, the next at its second, up to the last.

    `every` third, or so, point is enough for a short run.
    """
    count = Count()
    with scene(dialect, database) as stage, runner(stage.config) as run:
        run(stage.clock(), 0)
        orders: list[str] = []
        for point in range(1, most * every + 1, every):
            stage.later(minutes=1)
            orders.append(stage.stall.place())
            killed = run(stage.clock(), point) is None
            count.tried += killed
            stage.later(minutes=15)
            run(stage.clock(), 0)
            if not killed:
                break
        count.add(_ended(stage, run, orders, f"crash in turn, {dialect}, {_kind(database)}"))
    return count


def at_random(dialect: str, database: str, seed: int, kills: int, *, runner: Runner = forked) -> Count:
    """Kill runs at random points, with orders coming in and time passing, until that many were killed."""
    chance = random.Random(seed)
    count = Count()
    with scene(dialect, database) as stage, runner(stage.config) as run:
        run(stage.clock(), 0)
        orders: list[str] = []
        while count.tried < kills:
            stage.later(minutes=chance.randint(1, 12))
            if chance.random() < 0.4:
                orders.append(stage.stall.place())
            if len(orders) > 3 and chance.random() < 0.2:
                stage.stall.touch(chance.choice(orders))
            killed = run(stage.clock(), chance.randint(1, chance.choice((6, 12, 30)))) is None
            count.tried += killed
        count.add(_ended(stage, run, orders, f"crash at random, {dialect}, {_kind(database)}, seed {seed}"))
    return count


def of_first_walk(dialect: str, database: str, most: int = 40) -> Count:
    """A first walk that is killed at its first point, its second, and so on, never fires on what was there before."""
    count = Count()
    with scene(dialect, database) as stage, forked(stage.config) as run:
        for _ in range(120):
            stage.stall.place()
            stage.later(minutes=1)
        old = [str(order.id) for order in stage.stall.store.orders]
        for point in range(1, most):
            stage.later(minutes=3)
            killed = run(stage.clock(), point) is None
            count.tried += killed
            if not killed:
                break
        for _ in range(3):
            stage.later(minutes=30)
            run(stage.clock(), 0)
        count.add(compare(stage.stall, old, {}, where=f"first walk, {dialect}, {_kind(database)}"))
    return count


def _ended(stage: Scene, run: Run, orders: list[str], where: str) -> Count:
    """Let everything come to its end, a person's word included, and count."""
    for _ in range(2):
        stage.later(minutes=30)
        run(stage.clock(), 0)
    stage.open()
    stage.run_for(hours=2)
    held = stage.settle_as_a_person()
    stage.run_for(hours=3)
    count = compare(stage.stall, orders, where=where)
    count.held = held
    states = {row.state for row in stage.rows()}
    if states - {"done"}:
        count.wrong.append(f"{where}: not everything came to its end: {sorted(states)}")
    return count


def _kind(database: str) -> str:
    return database.partition(":")[0].partition("+")[0]
