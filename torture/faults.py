"""Every kind of request made to fail in every way, one at a time and mixed over a week: nothing twice or lost."""

from __future__ import annotations

import random
from collections.abc import Sequence
from contextlib import suppress
from itertools import product

from adapters.sandbox.faults import Fault as Queued
from adapters.sandbox.server import Request, Response
from torture.scene import Count, Scene, compare, scene
from torture.stalls import Stall

Fault = tuple[str, bool]

BEYOND = {
    "409": Response(409, b'{"errors":"Conflict"}', (("Content-Type", "application/json"),)),
    "423": Response(423, b'{"errors":"Locked"}', (("Content-Type", "application/json"),)),
    "429 later": Response(429, b"{}", (("Content-Type", "application/json"), ("Retry-After", "900"))),
}
"""Bad answers that not every sandbox has of its own."""

FOR_GOOD = ("409", "423", "userErrors")
"""Answers that say for sure that it was not done, and nothing of waiting."""


def kinds(dialect: str) -> list[str]:
    """Every kind of request that the story is told with, those of settling included."""
    seen: set[str] = set()
    with scene(dialect) as stage:
        _teach(stage.stall)
        stage.stall.store.on_request = lambda request: seen.add(stage.stall.kind(request))
        stage.open()
        stage.run()
        stage.stall.place()
        stage.stall.store.fail_next("reset", match=stage.stall.is_write, after_commit=True, times=4)
        stage.run()
        stage.run_for(hours=2)
        stage.stall.place()
        stage.stall.store.fail_next("500", match=stage.stall.is_write, times=4)
        stage.run()
        stage.run_for(hours=2)
    return sorted(seen)


def one_at_a_time(dialect: str, part: int = 0, parts: int = 1) -> Count:
    """Each kind of request × each fault: once, and thrice in a row. `part` of `parts` does its share of them."""
    count = Count()
    with scene(dialect) as empty:
        faults = empty.stall.faults
    for number, (kind, fault) in enumerate(product(kinds(dialect), faults)):
        if number % parts == part:
            count.add(single(dialect, kind, fault, times=1 + 2 * (number % 2)))
    return count


def single(dialect: str, kind: str, fault: Fault, times: int) -> Count:
    with scene(dialect) as stage:
        stage.timeout = 0.1
        stage.open()
        stage.run()
        orders = [stage.stall.place()]
        stage.later(minutes=1)
        inject(stage, fault, kind, times)
        stage.run()
        stage.run_for(hours=1)
        orders.append(stage.stall.place())
        stage.run_for(hours=2)
        may_fail = fault[0] in FOR_GOOD
        return ended(stage, orders, f"{dialect}: {kind} × {named(fault)}", may_fail=may_fail)


def a_week(dialect: str, seed: int, *, days: float = 7, often: float = 0.25) -> Count:
    """Orders come in, and every so often some request fails in some way, for a week."""
    chance = random.Random(seed)
    count = Count()
    known = kinds(dialect)
    with scene(dialect) as stage:
        stage.timeout = 0.1
        stage.open()
        stage.run()
        orders: list[str] = []
        for _ in range(int(days * 48)):
            stage.later(minutes=30)
            if chance.random() < 0.15:
                orders.append(stage.stall.place())
            if chance.random() < often:
                fault = chance.choice(stage.stall.faults)
                inject(stage, fault, chance.choice(known), chance.randint(1, 4))
                count.tried += 1
            if chance.random() < 0.05:
                stage.open()
            stage.run()
        result = ended(stage, orders, f"{dialect}: a week, seed {seed}")
        result.tried = count.tried
        return result


def inject(stage: Scene, fault: Fault, kind: str, times: int) -> None:
    """See to it that the next requests of this kind fail."""
    how, after = fault
    stall = stage.stall
    if how == "refused":
        with suppress(RuntimeError):
            stall.store.stop()
        stage.run()
        stall.store.start()
        return
    _teach(stall)
    delay = 0.2 if how in ("timeout", "late") else None
    stall.store.faults.add(Queued(how, lambda request: stall.kind(request) == kind, times, after, delay, None))


def ended(stage: Scene, orders: Sequence[str], where: str, *, may_fail: bool = True) -> Count:
    """Faults are over: let everything come to its end, a person's word included, and count.

    A store that refuses an action for good is believed: where it may have done that, what failed visibly is not lost.
    """
    stage.stall.store.faults.clear()
    stage.run_for(hours=2)
    held = 0
    for _ in range(3):
        if stage.rows("pending", "unknown", "held"):
            held += stage.settle_as_a_person()
            stage.run_for(hours=13)
    failed = stage.rows("failed")
    refused = {row.order_id for row in failed if may_fail}
    count = compare(stage.stall, orders, where=where, failed=refused)
    count.tried, count.held = 1, held
    if not may_fail:
        count.wrong += [f"{where}: failed: {row.kind}: {row.reason}" for row in failed]
    return count


def named(fault: Fault) -> str:
    """A fault in words."""
    return f"{fault[0]} after it took effect" if fault[1] else fault[0]


def _teach(stall: Stall) -> None:
    """Give the sandbox the bad answers that it has not of its own."""
    canned = stall.store.faults.canned
    if "429 later" not in canned:
        stall.store.faults.canned = {**{how: _always(answer) for how, answer in BEYOND.items()}, **canned}


def _always(response: Response):  # type: ignore[no-untyped-def]
    def answer(request: Request) -> Response:
        return response

    return answer
