"""A month simulated from what a store shows at its end, against the same month with the worker really there."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

import pytest

from adapters.sandbox.clock import MovableClock
from adapters.sandbox.shopify import ShopifySandbox
from adapters.sandbox.woocommerce import WooSandbox
from connector.simulation.replay import Setup, begin, run
from connector.simulation.shelf import Story
from connector.simulation.stories import fetched_stories, known_stories, rehearsing, suppressed
from connector.store import orders
from connector.wording import written_out
from tests.conftest import World
from tests.connector.telling import Shopify, Store, Woo, world_on_shopify

START = datetime.fromisoformat("2026-03-08T07:00:00+00:00")
"""Three weeks before the clocks change in the shop, on a Sunday."""
MONTH = timedelta(days=31)

PROTECTED = """
frequency_caps: [at most 2 messages a day, at most 1 marketing a week]
quiet_times: "21:00-08:00"
sabbath: "fri 16:00 - sat 20:00"
unsubscribe: mailto:stop@example.com
soft_opt_in: { IL: [email] }
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
    - id: in-your-hands
      trigger: order.paid
      wait: { until: "15:00" }
      hold_while:
        - order.created_at: { newer_than: 6 days }
          order.completed_at: missing
      actions:
        - send: "It is in your hands by now."
    - id: used-up
      trigger: order.paid
      once_per: line_item
      wait: { per_unit: 12 business hours, minus: 1 hour }
      actions:
        - add_note: Used up
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


@dataclass
class Month:
    """A store in which a month has passed, with the worker there."""

    world: World
    store: Store

    @property
    def mailed(self) -> list[Mail]:
        return sorted(self.store.mails())

    def simulated(self, *, from_state: bool) -> list[Mail]:
        """What the same rules would have sent, as told by the store's orders as they are now, or by the state."""
        assert self.world.client is not None
        loaded, database = self.world.client.loaded, self.world.shop.database
        shops = rehearsing(loaded, loaded.config.stores, loaded.rules, START, database, {}, self.world.clock)
        shop = shops["tea"]
        stories: Iterator[Story] = known_stories(shop)
        if not from_state:
            stories = fetched_stories(shop, START - timedelta(days=60), [], lambda done, total: None)
        with begin(Setup(shops, START, START + MONTH, suppressed(database), written_out), stories) as going:
            made = [(act.row, act.made.prepared) for act in run(going) if act.made is not None]
        shop.adapter.close()
        return sorted((row.at, row.order_id, str(prepared.text)) for row, prepared in made if prepared.to is not None)


@pytest.fixture(scope="module", params=["woocommerce", "shopify"])
def month(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Month]:
    folder, clock = tmp_path_factory.mktemp(request.param), MovableClock(START - timedelta(days=40))
    store: Store
    if request.param == "shopify":
        store = Shopify(ShopifySandbox(clock=clock, restore_rate=None))
        world = world_on_shopify(folder, store.sandbox, clock)
    else:
        store = Woo(WooSandbox(clock=clock))
        world = World(folder, store.sandbox, clock)
    world.extra, world.store_keys = PROTECTED, STORE_KEYS
    with store.sandbox:
        live_through(world, a_month(store, random.Random(1)))
        yield Month(world, store)
        world.close()


def test_a_month_simulated_by_the_journal_sends_just_what_the_worker_sent(month: Month) -> None:
    assert len(month.mailed) > 100
    assert month.simulated(from_state=True) == month.mailed


def test_a_month_simulated_by_the_store_alone_lacks_only_what_the_store_does_not_date(month: Month) -> None:
    undated = "money is on its way" if isinstance(month.store, Woo) else "nothing: Shopify dates its refunds"
    assert month.simulated(from_state=False) == [mail for mail in month.mailed if undated not in mail[2]]


def live_through(world: World, happenings: list[Happening]) -> None:
    """The worker is there from START on: it polls every two hours, and looks every quarter of a minute for what is
    due.
    """
    let_happen(world, happenings, START - timedelta(seconds=1))
    world.clock.now = START
    world.rules(RULES)
    poll_every, beat = world.shop.config.poll_every, world.shop.pace
    now, poll_at = START, START
    while now <= START + MONTH:
        let_happen(world, happenings, now)
        world.clock.now = now
        world.run(polling=now == poll_at)
        if now == poll_at:
            poll_at += poll_every
        now = min([poll_at, *(on_beat(at, now, beat) for at in to_come(world))])


def let_happen(world: World, happenings: list[Happening], until: datetime) -> None:
    while happenings and happenings[0].at <= until:
        happening = happenings.pop(0)
        world.clock.now = max(world.clock.now, happening.at)
        happening.act()


def to_come(world: World) -> list[datetime]:
    with world.shop.database.read() as connection:
        asked = orders.next_asked(connection, world.shop.id)
    return [row.due_at for row in world.rows("pending")] + ([asked] if asked is not None else [])


def on_beat(moment: datetime, now: datetime, beat: timedelta) -> datetime:
    later = max(moment, now + timedelta(seconds=1))
    return START + -((START - later) // beat) * beat


def a_month(store: Store, chance: random.Random) -> list[Happening]:
    """What happens to some eighty orders of some forty people, the first of them before the worker is there."""
    happenings: list[Happening] = []
    begins = START - timedelta(days=20)
    for number in range(80):
        placed = begins + timedelta(minutes=chance.randrange(48 * 24 * 60))
        who = number % 43
        sale = Sale(store, f"customer{who}@example.com", f"+972501230{who:03}", f"parcel-{number}")
        happenings += sale.life(placed, chance)
    return sorted(happenings, key=lambda each: each.at)


@dataclass
class Sale:
    """An order, as far as it has come."""

    store: Store
    email: str
    phone: str
    parcel: str
    order_id: str = field(default="")

    def life(self, at: datetime, chance: random.Random) -> Iterator[Happening]:
        paid_at_once, quantity = chance.random() < 0.7, chance.choice([1, 2, 8])
        yield Happening(at, partial(self.place, quantity, paid=paid_at_once))
        if not paid_at_once:
            if chance.random() < 0.3:
                return  # it is never paid
            at += timedelta(minutes=chance.randrange(10, 2000))
            yield Happening(at, lambda: self.store.pay(self.order_id))
        if chance.random() < 0.1:
            return
        at += timedelta(minutes=chance.randrange(60, 4000))
        yield Happening(at, lambda: self.store.ship(self.order_id, self.parcel, slice(None)))
        if chance.random() < 0.75:
            at += timedelta(minutes=chance.randrange(1000, 9000))
            yield Happening(at, lambda: self.store.arrive(self.order_id, self.parcel))
        at += timedelta(minutes=chance.randrange(30, 6000))
        what = chance.random()
        if what < 0.2:
            yield Happening(at, lambda: self.store.refund(self.order_id, None if what < 0.1 else "5.00"))

    def place(self, quantity: int, *, paid: bool) -> None:
        if isinstance(self.store, Woo):
            items = [{"name": "Ceramic mug", "product_id": 10, "quantity": quantity, "price": "49.90"}]
            billing = {"email": self.email, "phone": self.phone, "country": "IL"}
            status = "processing" if paid else "pending"
            sandbox = self.store.sandbox
            made = sandbox.add_order(status=status, items=items, billing=billing, shipping={"phone": ""})
            self.order_id = str(made)
        else:
            items = [{"title": "Ceramic mug", "sku": "MUG-1", "price": "49.90"}] * quantity
            buyer = {"email": self.email, "phone": self.phone, "locale": "en"}
            self.order_id = self.store.sandbox.add_order(paid=paid, customer=buyer, locale="en", items=items)
