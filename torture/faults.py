"""Every kind of request made to fail in every way, one at a time and mixed over a week: nothing twice or lost."""

from __future__ import annotations

import random
from collections import Counter
from contextlib import suppress
from itertools import product

from adapters.sandbox.clock import MovableClock
from adapters.sandbox.faults import Fault as Queued
from torture.letterboxes import LETTERBOXES, Trouble
from torture.rules import Rule
from torture.running import check_for_leaks
from torture.scene import MONDAY, Count, Scene, compare, scene
from torture.stalls import DELAYS, PATIENCE, PRODUCTS, REFUSED, Fault, WooStall

FOR_GOOD = ("409", "423", "userErrors")
"""Answers of a store that say for sure that it was not done, and nothing of waiting."""


# Stores ---------------------------------------------------------------------------------------------------------


def kinds(dialect: str) -> list[str]:
    """Every kind of request that the story is told with, those of settling included."""
    seen: set[str] = set()
    with scene(dialect) as stage:
        stage.stall.store.on_request = lambda request: seen.add(stage.stall.kind(request))
        stage.open()
        stage.run()
        stage.place()
        stage.stall.store.fail_next("reset", match=stage.stall.is_write, after_commit=True, times=4)
        stage.run()
        stage.run_for(hours=2)
        stage.place()
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
        stage.timeout = PATIENCE
        stage.open()
        stage.run()
        stage.place()
        stage.later(minutes=1)
        inject(stage, fault, kind, times)
        stage.run()
        stage.run_for(hours=1)
        stage.complete()
        stage.place()
        stage.run_for(hours=2)
        return ended(stage, f"{dialect}: {kind} × {named(fault)}", may_fail=fault[0] in FOR_GOOD)


def a_week(dialect: str, seed: int, *, days: float = 7, often: float = 0.25) -> Count:
    """Orders come in, and every so often some request fails in some way, for a week."""
    chance = random.Random(seed)
    count = Count()
    known = kinds(dialect)
    with scene(dialect) as stage:
        stage.timeout = PATIENCE
        stage.open()
        stage.run()
        for _ in range(int(days * 48)):
            stage.later(minutes=30)
            if chance.random() < 0.15:
                stage.place()
            if chance.random() < 0.1:
                stage.complete()
            if chance.random() < often:
                fault = chance.choice(stage.stall.faults)
                inject(stage, fault, chance.choice(known), chance.randint(1, 4))
                count.tried += 1
            if chance.random() < 0.05:
                stage.open()
            stage.run()
        result = ended(stage, f"{dialect}: a week, seed {seed}")
        result.tried = count.tried
        return result


def inject(stage: Scene, fault: Fault, kind: str, times: int) -> None:
    """See to it that the next requests of this kind fail."""
    how, after = fault
    stall = stage.stall
    if fault == REFUSED:
        with suppress(RuntimeError):
            stall.store.stop()
        stage.run()
        stall.store.start()
        return
    stall.store.faults.add(
        Queued(how, lambda request: stall.kind(request) == kind, times, after, DELAYS.get(how), None)
    )


# Products -------------------------------------------------------------------------------------------------------

ASKED_FOR = "GET /wc/vN/products include"

OF_ALL = Rule(
    """
    - id: of-all
      trigger: order.placed
      actions: [add_note: Placed]
    """,
    {"note: Placed": 1},
)
NOT_OF_LENSES = Rule(
    """
    - id: not-of-lenses
      trigger: order.placed
      conditions: { item.categories: present }
      none_of: { item.categories: Optics }
      actions: [add_note: No lenses in it]
    """,
    {"note: No lenses in it": 1},
)


def of_products(every: int = 1) -> Count:
    """Each fault of WooCommerce's products, once or thrice in a row; `every` so many-th is enough for a short run."""
    count = Count()
    for number, fault in enumerate(WooStall.faults[::every]):
        if fault != REFUSED:  # then nothing at all is read
            count.add(products(fault, times=1 + 2 * (number % 2)))
    return count


def products(fault: Fault, times: int) -> Count:
    """The shop does not tell of its products: the rest goes on, and nothing is done that they would have forbidden."""
    where = f"products × {named(fault)}"
    with scene("woocommerce", rules=[OF_ALL, NOT_OF_LENSES]) as stage:
        assert isinstance(stage.stall, WooStall)
        stage.stall.store.add_product(PRODUCTS["LENS"], name="Lenses", categories=["Optics"])
        stage.stall.store.add_product(PRODUCTS["TEA"], name="Tea", categories=["Kitchen"])
        stage.timeout = PATIENCE
        stage.open()
        stage.run()
        lenses, tea = (stage.stall.sell(f"{sku}@example.com", sku, 1, is_paid=True) for sku in ("LENS", "TEA"))
        inject(stage, fault, ASKED_FOR, times)
        report = stage.run()
        count = Count(tried=1, orders=2)
        if report.error is not None or any(not stage.received(order)["note: Placed"] for order in (lenses, tea)):
            count.wrong.append(f"{where}: the poll was stopped: {report.error}")
        stage.run_for(hours=2)
        stage.stall.store.faults.clear()
        stage.later(days=1)  # so long it holds what was told, be it nothing
        stage.run_for(hours=2)
        ought = {lenses: Counter(OF_ALL.leaves), tea: stage.wanted}
        for order, wanted in ought.items():
            received = stage.received(order)
            count.twice += (received - wanted).total()
            count.lost += (wanted - received).total()
            if received != wanted:
                count.wrong.append(f"{where}: order {order} received {dict(received)}, not {dict(wanted)}")
        return count


# Channels -------------------------------------------------------------------------------------------------------


def troubles() -> list[tuple[str, Trouble]]:
    """Everything that can go wrong with a channel's provider, by its letterbox's name."""
    clock = MovableClock(MONDAY)
    found = []
    for name, make in LETTERBOXES.items():
        box = make(clock)
        found += [(name, trouble) for trouble in box.troubles]
        box.close()
    return found


def one_channel_at_a_time(dialect: str, part: int = 0, parts: int = 1) -> Count:
    """Each channel × each of its troubles, for a cycle, or for three. `part` of `parts` does its share of them."""
    count = Count()
    for number, (box, trouble) in enumerate(troubles()):
        if number % parts == part:
            count.add(channel(dialect, box, trouble, cycles=1 + 2 * (number // parts % 2)))
    return count


def channel(dialect: str, name: str, trouble: Trouble, cycles: int) -> Count:
    """A channel is in trouble for so many cycles, a quarter of an hour apart."""
    with scene(dialect, rules=(), boxes=[name]) as stage:
        stage.timeout = PATIENCE
        [box] = stage.boxes
        stage.open()
        stage.run()
        stage.place()
        if trouble[0] == "GET":
            box.suffer(("POST", ("reset", True)))  # what was taken is only asked for where an answer was lost
            stage.later(minutes=1)
            stage.run()
            box.recover()
        box.suffer(trouble)
        for _ in range(cycles):
            stage.later(minutes=15)
            stage.run()
        box.recover()
        stage.place()
        where = f"{name}: {trouble[0]} × {named(trouble[1])}"
        return ended(stage, where, may_fail=box.refuses(trouble))


# In the end -----------------------------------------------------------------------------------------------------


def ended(stage: Scene, where: str, *, may_fail: bool = True) -> Count:
    """Faults are over: let everything come to its end, a person's word included, and count.

    Who refuses an action for good is believed: where that may have been, what failed visibly is not lost.
    """
    stage.stall.store.faults.clear()
    stage.complete_all()
    stage.run_for(hours=2)
    held = 0
    for _ in range(3 + len(stage.boxes)):
        if stage.rows("pending", "unknown", "held"):
            held += stage.settle_as_a_person()
            stage.run_for(hours=13)
    check_for_leaks(stage.said())
    failed = stage.rows("failed", "skipped")
    refused = Counter(row.order_id for row in failed if may_fail)
    count = compare(stage, where=where, failed=refused)
    count.tried, count.held = 1, held
    if not may_fail:
        count.wrong += [f"{where}: {row.state}: {row.kind}: {row.reason}" for row in failed]
    return count


def named(fault: Fault) -> str:
    """A fault in words."""
    return f"{fault[0]} after it took effect" if fault[1] else fault[0]
