"""A month simulated from what a store shows at its end, against the same month with the worker really there."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from adapters.sandbox.clock import MovableClock
from adapters.sandbox.woocommerce import WooSandbox
from connector.prepare import WRITTEN
from connector.replay import Setup, Story, begin, run
from connector.simulation import fetched_stories, known_stories, rehearsing, suppressed
from connector.store import orders
from rules.rule import Rule
from tests.conftest import World
from tests.connector.telling import TRACKING

START = datetime.fromisoformat("2026-03-08T07:00:00+00:00")
"""Three weeks before the clocks change in the shop, on a Sunday."""
MONTH = timedelta(days=31)

PROTECTED = """
frequency_caps: [at most 2 messages a day, at most 1 marketing a week]
quiet_times: "21:00-08:00"
unsubscribe: mailto:stop@example.com
soft_opt_in: { IL: [platform] }
"""

STORE_KEYS = """
poll_every: 2 hours
sweep_every: 2 hours
delivered_when: [{ status: completed }, { shipped_plus: 6 business days }]
"""

RULES = """
    - id: thanks
      trigger: order.paid
      wait: 20 minutes
      actions:
        - send: "Thank you, {{ customer.first_name }}."
        - add_note: Thanked
    - id: welcome
      trigger: order.paid
      once_per: customer
      wait: 1 hour
      actions:
        - send: "Welcome, {{ customer.first_name }}."
    - id: remind
      trigger: order.placed
      wait: 3 hours
      conditions:
        order.status: pending
      actions:
        - send: "Order {{ order.number }} is not paid yet."
    - id: on-its-way
      trigger: order.shipped
      once_per: shipment
      priority: 5
      actions:
        - send: "Parcel {{ shipment.tracking_number }} has left."
    - id: slow
      trigger: order.shipped
      wait: 4 business days
      conditions:
        order.status: { not: [completed, refunded] }
      actions:
        - notify_staff: "Where is {{ order.number }}?"
        - add_tag: slow
    - id: after-delivery
      trigger: order.delivered
      cooldown: 10 days
      stop_if:
        order.status: [refunded, cancelled]
      steps:
        - wait: 4 hours
          send_between: business_hours
          actions:
            - send: "How was it?"
        - wait: 3 days
          send_between: business_hours
          actions:
            - create_coupon: { percent: 10, expires: 14 days }
            - send: { text: "Come again: {{ coupon.code }}", purpose: marketing }
    - id: sorry
      trigger: order.refunded
      actions:
        - send: "Your money is on its way."
    - id: care
      trigger: order.partially_refunded
      urgent: true
      actions:
        - send: "Part of your money is on its way."
    - id: many
      trigger: order.paid
      max_per_run: 3
      conditions:
        order.total: { at_least: 300 }
      actions:
        - add_note: A big one
"""


@dataclass(frozen=True)
class Happening:
    at: datetime
    act: Callable[[], object]


Mail = tuple[datetime, str, str]


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[World]:
    clock = MovableClock(START - timedelta(days=40))
    with WooSandbox(clock=clock) as store:
        world = World(tmp_path, store, clock, extra=PROTECTED, store_keys=STORE_KEYS)
        yield world
        world.close()


@pytest.mark.parametrize("seed", [1, 2])
def test_the_simulated_month_sends_the_same_messages_to_the_same_people_at_the_same_times(
    shop: World, seed: int
) -> None:
    live_through(shop, a_month(shop.store, random.Random(seed)))
    assert len(shop.store.mails) > 60
    simulated = simulate(shop)
    assert simulated == sorted((mail.at, str(mail.order_id), mail.body) for mail in shop.store.mails)


def live_through(shop: World, happenings: list[Happening]) -> None:
    """The worker is there from START on: it polls every two hours, and looks every quarter of a minute for what is
    due.
    """
    while happenings and happenings[0].at < START:
        let_happen(shop, happenings.pop(0))
    shop.clock.now = START
    shop.rules(RULES)
    poll_every, beat = shop.shop.config.poll_every, timedelta(seconds=15)
    now, poll_at = START, START
    while now <= START + MONTH:
        while happenings and happenings[0].at <= now:
            let_happen(shop, happenings.pop(0))
        shop.clock.now = now
        shop.run(polling=now == poll_at)
        if now == poll_at:
            poll_at += poll_every
        now = min([poll_at, *(on_beat(at, now, beat) for at in to_come(shop))])


def let_happen(shop: World, happening: Happening) -> None:
    shop.clock.now = max(shop.clock.now, happening.at)
    happening.act()


def to_come(shop: World) -> list[datetime]:
    with shop.shop.database.read() as connection:
        asked = orders.next_asked(connection, shop.shop.id)
    return [row.due_at for row in shop.rows("pending")] + ([asked] if asked is not None else [])


def on_beat(moment: datetime, now: datetime, beat: timedelta) -> datetime:
    later = max(moment, now + timedelta(seconds=1))
    return START + -((START - later) // beat) * beat


def simulate(shop: World) -> list[Mail]:
    """What the same rules would have sent, as told by the orders that the store shows now."""
    assert shop.client is not None
    loaded = shop.client.loaded
    rules: dict[str, tuple[Rule, ...]] = dict(loaded.rules)
    shops = rehearsing(loaded, loaded.config.stores, rules, START, shop.shop.database, {}, shop.clock)
    there = shops[shop.shop.id]
    stories = fetched_stories(there, START - timedelta(days=60), [], lambda done, total: None)
    setup = Setup(shops, START, START + MONTH, suppressed(there.database), WRITTEN)
    sent: list[Mail] = []
    for act in run(begin(setup, stories)):
        if act.made is not None and act.made.prepared.to is not None:
            sent.append((act.row.at, act.row.order_id, str(act.made.prepared.text)))
    there.adapter.close()
    return sorted(sent)


def a_month(store: WooSandbox, chance: random.Random) -> list[Happening]:
    """What happens to some eighty orders of some forty people; all of it leaves dates by which it can be told later."""
    happenings: list[Happening] = []
    begins = START - timedelta(days=20)
    for number in range(80):
        placed = begins + timedelta(minutes=chance.randrange(48 * 24 * 60))
        happenings += order_of(store, f"customer{number % 43}@example.com", placed, chance)
    return sorted(happenings, key=lambda each: each.at)


def order_of(store: WooSandbox, email: str, placed: datetime, chance: random.Random) -> Iterator[Happening]:
    made: list[int] = []

    def place(*, paid: bool) -> None:
        items = [{"name": "Ceramic mug", "quantity": chance.choice([1, 2, 8]), "price": "49.90"}]
        billing = {"email": email, "phone": "", "country": "IL"}
        status = "processing" if paid else "pending"
        made.append(store.add_order(status=status, items=items, billing=billing, shipping={"phone": ""}))

    def later(act: Callable[[int], object]) -> Callable[[], object]:
        return lambda: act(made[0])

    at = placed
    paid_at_once = chance.random() < 0.7
    yield Happening(at, partial(place, paid=paid_at_once))
    if not paid_at_once:
        if chance.random() < 0.3:
            return  # never paid
        at += timedelta(minutes=chance.randrange(10, 2000))
        yield Happening(at, later(lambda each: store.set_status(each, "processing")))
    if chance.random() < 0.1:
        return
    at += timedelta(minutes=chance.randrange(60, 4000))
    yield Happening(at, later(partial(ship, store, f"parcel-{placed:%d%H%M}")))
    if chance.random() < 0.75:
        at += timedelta(minutes=chance.randrange(1000, 9000))
        yield Happening(at, later(lambda each: store.set_status(each, "completed")))
    at += timedelta(minutes=chance.randrange(30, 6000))
    what = chance.random()
    if what < 0.1:
        yield Happening(at, later(lambda each: store.refund(each)))
    elif what < 0.2:
        yield Happening(at, later(lambda each: store.refund(each, "5.00")))


def ship(store: WooSandbox, parcel: str, order_id: int) -> None:
    left = str(int(store.now().timestamp()))
    store.set_meta(order_id, TRACKING, [{"tracking_id": parcel, "tracking_number": parcel, "date_shipped": left}])
