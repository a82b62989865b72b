"""A month of a shop with 20,000 orders, replayed under 20 rules; beside it, each order planned again on each day of it.

    python -m bench.simulate

The shop is a year old; then, harder, all its orders are of that one month. They are made here: fetching is apart. The
rival does the least that a daily replan could do: it takes each order back to the day, journals what is new, and plans;
it neither acts nor counts caps.
"""

from __future__ import annotations

import gc
import json
import random
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from resource import RUSAGE_SELF, getrusage
from time import process_time

from adapters.model import Address, Customer, LineItem, Money, Order, Shipment
from bench.shop import shop_on
from connector.shop import Shop
from connector.simulation.outcome import simulate
from connector.simulation.shelf import Story
from connector.store import orders
from rules.events import Journal, Sight, observe
from rules.facts import Active, Facts
from rules.past import as_of, past_of
from rules.planner import plan

ORDERS, RULES, DAYS = 20_000, 20, 30
START = datetime(2026, 5, 1, tzinfo=UTC)
END = START + timedelta(days=DAYS)
GOAL, FLAT = 0.1, 1.5
SAMPLE = 2_000
"""Of so many orders the rival's time is taken, and multiplied: it grows with their number alone."""


def made(number: int, days: int) -> Iterator[Story]:
    """Orders of so many days, to the month's end: four of five are paid, three of five shipped, most of those done."""
    chance = random.Random(7)
    for each in range(number):
        placed = END - timedelta(minutes=1 + chance.randrange(days * 24 * 60))
        paid = placed + timedelta(minutes=chance.randrange(200)) if chance.random() < 0.8 else None
        shipped = paid + timedelta(hours=chance.randrange(4, 80)) if paid and chance.random() < 0.75 else None
        done = shipped + timedelta(hours=chance.randrange(24, 150)) if shipped and chance.random() < 0.9 else None
        known = [at for at in (placed, paid, shipped, done) if at is not None and at <= END]
        yield Story(
            "bench", orders.encode(_order(str(each), known, paid, shipped, done, chance)), f"person-{each % 15_000}"
        )


def _order(
    number: str,
    known: Sequence[datetime],
    paid: datetime | None,
    shipped: datetime | None,
    done: datetime | None,
    chance: random.Random,
) -> Order:
    def past(at: datetime | None) -> datetime | None:
        return at if at is not None and at <= END else None

    total = Money(Decimal(chance.randrange(20, 400)), "ILS")
    return Order(
        id=number,
        number=number,
        status="completed" if past(done) else "processing" if past(paid) else "pending",
        created_at=known[0],
        modified_at=known[-1],
        paid_at=past(paid),
        completed_at=past(done),
        total=total,
        customer=Customer(email=f"customer{int(number) % 15_000}@example.com", first_name="Noa"),
        billing=Address(country=chance.choice(["IL", "US", "DE", "FR"])),
        payment_method=chance.choice(["card", "cheque"]),
        items=(LineItem(id="1", name="Ceramic mug", quantity=1, total=total, sku="MUG-1"),),
        shipments=(Shipment(id="1", tracking_number=number, shipped_at=shipped),) if past(shipped) else (),
    )


def replayed(shop: Shop, number: int, days: int) -> tuple[float, int]:
    """Seconds of processor time for a replay, and how many actions there would have been."""
    stories = list(made(number, days))
    gc.collect()
    began = process_time()
    told = simulate({shop.id: shop}, stories, START, END, lambda marks: (), lambda now: None)
    took = process_time() - began
    return took, sum(sum(each.done.values()) for each in told.outcomes.values())


def replanned(shop: Shop, number: int, days: int) -> float:
    """Seconds of processor time to plan every order anew on every day."""
    pasts = [(past_of(orders.decode(story.raw)), story.person) for story in made(number, days)]
    journals: list[Journal] = [()] * number
    began = process_time()
    for day in range(1, DAYS + 1):
        now = START + timedelta(days=day)
        sight = Sight(now, shop.ladders, shop.calendar)
        for each, (past, person) in enumerate(pasts):
            if past.moments[0] <= now:
                order = as_of(past, now)
                journals[each] = observe(order, journals[each], sight)
                facts = Facts(order, person, shop.calendar, shop.ladders)
                plan(facts, journals[each], shop.rules, now)
    return process_time() - began


def peak(number: int) -> float:
    """The most memory (MB) that a process takes to replay so many orders."""
    found = subprocess.run(
        [sys.executable, "-m", "bench.simulate", str(number)], capture_output=True, text=True, check=True
    )
    return float(json.loads(found.stdout))


def _rehearsed(shop: Shop) -> Shop:
    """The same shop with its rules switched on when the month began."""
    return replace(shop, rules=tuple(Active(active.rule, START) for active in shop.rules))


def run() -> Iterator[tuple[str, str]]:
    with shop_on("http://127.0.0.1:9", RULES) as opened:
        shop = _rehearsed(opened)
        for of, days in (("a year", 365), ("the month alone", DAYS)):
            took, acted = replayed(shop, ORDERS, days)
            daily = replanned(shop, SAMPLE, days) * ORDERS / SAMPLE
            share = f"{took / daily:.3f} of a daily replan ({daily:.0f} s), goal {GOAL}"
            yield f"simulate {ORDERS:,} orders of {of}", f"{took:.1f} s for {acted:,} actions, {share}"
    few, many = peak(ORDERS // 10), peak(ORDERS)
    yield "  its memory", f"{many:.0f} MB, {many / few:.2f} times that of a tenth, goal {FLAT}"


if __name__ == "__main__":
    if len(sys.argv) > 1:
        with shop_on("http://127.0.0.1:9", RULES) as opened:
            told = simulate(
                {opened.id: _rehearsed(opened)},
                made(int(sys.argv[1]), DAYS),
                START,
                END,
                lambda marks: (),
                lambda now: None,
            )
        print(json.dumps(getrusage(RUSAGE_SELF).ru_maxrss / 1024))
    else:
        for what, figure in run():
            print(f"{what:<36} {figure}")
