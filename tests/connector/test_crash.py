"""Killed at any moment and started again, the worker repeats nothing and loses nothing."""

from __future__ import annotations

import random
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conftest import World

RULES = """
    - id: thanks
      trigger: order.placed
      steps:
        - actions:
            - create_coupon: { percent: 10 }
            - send: "Dear {{ customer.first_name }}, {{ coupon.code }} is yours"
            - add_note: Thanked
        - wait: 30 minutes
          actions:
            - add_note: Half an hour later
            - add_tag: thanked
    - id: watch
      trigger: order.placed
      wait: 20 minutes
      actions:
        - add_note: Thanked
"""

Run = Callable[[int], bool]
"""Runs a cycle that is killed at its n-th point (0: never); tells whether it was."""


@contextmanager
def fragile_worker(world: World) -> Iterator[Run]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.connector.crashing", str(world.folder / "config.yaml")],
        cwd=Path(__file__).parents[2],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    orders, answers = process.stdin, process.stdout

    def run(point: int) -> bool:
        orders.write(f"{world.clock().isoformat()} {point}\n")
        orders.flush()
        answer = answers.readline().strip()
        assert answer in ("killed", "done"), "the worker failed: see its output"
        return answer == "killed"

    try:
        yield run
    finally:
        orders.close()
        process.wait(10)
        answers.close()


@pytest.mark.parametrize("seed", [1, 2])
def test_a_worker_that_is_killed_at_random_repeats_and_loses_nothing(world: World, seed: int) -> None:
    chance = random.Random(seed)
    world.rules(RULES)
    world.run()
    world.close()
    orders: list[int] = []
    kills = 0
    with fragile_worker(world) as run:
        for _ in range(60):
            world.later(minutes=chance.randint(1, 12))
            if len(orders) < 10:
                orders.append(world.store.add_order())
            kills += run(chance.randint(1, 30))
        for _ in range(12):
            world.later(minutes=30)
            assert not run(0)
    assert kills >= 20
    for order in orders:
        assert len(world.messages(order)) == 1
        assert Counter(world.notes(order)) == {"Thanked": 2, "Half an hour later": 1}
        assert [meta.value for meta in world.store.order(order).meta if meta.key == "aftersale_tags"] == ["thanked"]
    assert len(world.store.coupons) == len(orders)
    world.open()
    assert set(world.states()) == {"done"}


def test_a_first_walk_that_is_killed_again_and_again_still_fires_nothing(world: World) -> None:
    for hours in range(350):
        world.store.add_order(created=world.clock().replace(minute=1, day=1, month=1 + hours % 5, hour=hours % 24))
    world.rules(RULES)
    world.close()
    with fragile_worker(world) as run:
        for point in (*range(1, 18), 0, 0):
            world.later(minutes=3)
            run(point)
    world.open()
    assert world.rows() == []
    assert world.store_state().baseline_done_at is not None
