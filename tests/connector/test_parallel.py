"""A store gets few requests at a time, and a person's follow-ups come one at a time."""

from __future__ import annotations

import threading
from collections import Counter

import pytest

from adapters.sandbox.server import Request
from connector.cycle import run_cycle
from tests.conftest import World, is_write

RULE = """
    - id: welcome
      trigger: order.placed
      wait: 1 hour
      actions:
        - add_note: Hello
"""


class Crowd:
    """Keeps each write waiting until so many are there at once, and a little longer for one too many."""

    def __init__(self, expected: int) -> None:
        self.most = 0
        self._here = 0
        self._expected = expected
        self._door = threading.Condition()

    def enter(self, request: Request) -> None:
        if not is_write(request):
            return
        with self._door:
            self._here += 1
            self.most = max(self.most, self._here)
            self._door.notify_all()
            self._door.wait_for(lambda: self.most >= self._expected, timeout=10)
            self._door.wait_for(lambda: self.most > self._expected, timeout=0.2)
            self._here -= 1


@pytest.mark.parametrize(("keys", "most"), [("", 2), ("parallel: 1", 1), ("parallel: 5", 5)])
def test_so_many_follow_ups_are_done_at_a_time_and_no_more(world: World, keys: str, most: int) -> None:
    world.store_keys = keys
    world.timeout = 30.0
    world.rules(RULE)
    world.run()
    orders = [world.store.add_order() for _ in range(8)]
    world.run()
    world.later(hours=1)
    crowd = Crowd(most)
    world.store.on_request = crowd.enter
    world.run()
    assert crowd.most == most
    assert all(world.notes(order) == ["Hello"] for order in orders)


def test_one_persons_follow_ups_come_one_at_a_time(world: World) -> None:
    world.timeout = 30.0
    world.rules(RULE)
    world.run()
    for _ in range(4):
        world.store.add_order(billing={"email": "noa@example.com"})
    world.run()
    world.later(hours=1)
    crowd = Crowd(1)
    world.store.on_request = crowd.enter
    world.run()
    assert crowd.most == 1
    assert Counter(world.states()) == {"done": 4}


def test_no_request_is_made_while_the_state_is_locked_for_writing(world: World) -> None:
    world.rules(
        RULE.replace("- add_note: Hello", "- create_coupon: 10\n        - send: Hello\n        - add_tag: hello")
    )
    world.run()
    order = world.store.add_order()
    free: list[bool] = []

    def look(_: Request) -> None:
        lock = world.shop.database._writing
        free.append(lock.acquire(blocking=False))
        if free[-1]:
            lock.release()

    world.store_keys = "parallel: 1"
    world.open()
    world.store.on_request = look
    world.run_for(hours=2)
    assert world.messages(order) == ["Hello"]
    assert all(free)


def test_told_to_stop_it_finishes_the_step_in_hand_and_leaves_the_rest(world: World) -> None:
    world.rules(RULE.replace("- add_note: Hello", "- add_note: Hello\n        - add_tag: hello"))
    world.run()
    for _ in range(10):
        world.store.add_order()
    world.run()
    world.later(hours=1)
    stop = threading.Event()
    world.store.on_request = lambda request: stop.set() if is_write(request) else None
    report = run_cycle(world.shop, stop)
    assert 2 <= report.tally.done <= 4
    assert report.tally.done == world.states().count("done")
    world.store.on_request = None
    world.run()
    assert Counter(world.states()) == {"done": 20}
