"""A week of people who buy again and again: what they get of each order is told by who they are, and by the clock.

What each order has to receive is said here once more, from what was sold alone, in words that share nothing with the
rules' own code: whatever comes without being due, twice, or not at all is found.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from adapters.sandbox.server import Request
from adapters.sandbox.woocommerce import WooSandbox
from torture.faults import inject, kinds
from torture.rules import Rule
from torture.running import Run, check_for_leaks, forked
from torture.scene import Count, Scene, scene
from torture.stalls import PATIENCE, PRODUCTS

RULES = (
    Rule(
        """
        - id: welcome
          trigger: customer.first_order
          actions: [add_note: Noted by welcome]
        - id: second
          trigger: { customer.nth_order: 2 }
          urgent: true
          expires_after: 30 days
          actions: [send: Sent by second]
        - id: spender
          trigger: { customer.total_spent: 700 }
          actions: [add_tag: by-spender]
        - id: come-back
          trigger: { customer.inactive: 30 hours }
          urgent: true
          expires_after: 30 days
          actions: [send: Sent by come-back]
        - id: untouched
          trigger: { order.unhandled: 5 hours }
          actions: [add_note: Noted by untouched]
        - id: daily
          trigger: { schedule: "every day 15:00" }
          once_per: occurrence
          conditions: { order.status: processing }
          actions: [add_note: Noted by daily]
        - id: patient
          trigger: order.placed
          urgent: true
          wait: 2 hours
          hold_while: { order.meta.hold: "yes" }
          expires_after: 30 days
          actions: [send: Sent by patient]
        - id: refill
          trigger: order.paid
          once_per: line_item
          urgent: true
          conditions: { item.sku: LENS }
          wait: { per_unit: 8 hours, minus: 2 hours }
          stop_if: { item.bought_again: true, order.status: refunded }
          expires_after: 30 days
          actions: [send: Sent by refill]
        - id: called
          trigger: { note.added: call }
          actions: [add_note: Noted by called]
        - id: sorry
          platform: woocommerce
          trigger: review.posted
          conditions: { review.rating: { at_most: 3 } }
          actions: [add_note: Noted by sorry]
        - use: order-confirmation
          urgent: true
          expires_after: 30 days
        - use: packing-slip-coupon
        """,
        {},
    ),
)

LISTED = "× "
SIGNS = {
    **dict.fromkeys(("order-confirmation", "order-confirmation-shopify"), LISTED),
    "packing-slip-coupon": "For the card in the parcel",
}
"""What tells the words of the presets' rules, in every language; all others name theirs."""

_BY = re.compile(r"\bby[ -]([a-z-]+)$")

PEOPLE = tuple(f"customer{number}@example.com" for number in range(900, 907))
STRANGER = "stranger@example.com"
CALL, CHAT = "Please call them", "All is packed"
"""What the staff writes: one of them holds the word that a rule waits for."""

WAKING = timedelta(hours=3)
"""So late, at most, the shop learns what happened in a store that fails now and then."""
LOOK = timedelta(minutes=1)
"""For so long the shop goes by what it saw of an order."""
GLANCE = timedelta(seconds=10)
"""What comes while the shop looks is dated by the beginning of that look, so much before it at most."""
AMPLE = timedelta(hours=14)
"""What was due for so long without a break has come, whatever failed."""
CALM = 48
"""Hours without faults in the end: enough for whatever is due by then, and for AMPLE of them after that."""
NOON = timedelta(hours=12)
"""When the daily rule comes round, on the clock of UTC: 15:00 in the store's zone."""


class Due(NamedTuple):
    """What an order ought to receive now: by which rule, and what for it comes once. Not `surely`: it may."""

    rule: str
    once: str
    surely: bool = True


@dataclass
class Sale:
    """An order as its people know it; `past`: it was placed before the store was looked after; `looked_at`: when it was
    put on hold while the shop was at work, which may have looked at it just before.
    """

    order: str
    person: str
    at: datetime
    sku: str
    pieces: int
    past: bool
    paid_at: datetime | None = None
    sent: bool = False
    refunded: bool = False
    on_hold: bool = False
    looked_at: datetime | None = None
    calls: list[datetime] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    @property
    def is_bought(self) -> bool:
        return self.paid_at is not None and not self.refunded

    @property
    def is_news(self) -> bool:
        """Whether it was bought while the store was looked after."""
        return self.is_bought and not (self.past and self.paid_at == self.at)

    @property
    def awaits_the_shop(self) -> bool:
        return self.is_bought and not self.sent


# What is due ----------------------------------------------------------------------------------------------------


def due(sale: Sale, theirs: Collection[Sale], now: datetime, dialect: str) -> Iterator[Due]:
    """What an order has to have received by now, or has to get; `theirs` are all orders of its customer."""
    yield from (Due("called", f"{sale.order}, note {at}") for at in sale.calls)
    yield from (Due("sorry", review) for review in sale.complaints)
    earlier = [each for each in theirs if each.at < sale.at and each.is_bought]
    later = [each for each in theirs if each.at > sale.at and not each.refunded]
    if sale.is_news:
        yield from _by_rank(sale, earlier)
        yield from _by_payment(sale, later, now)
    yield from _by_time(sale, later, now)
    if not sale.past:
        yield from _by_itself(sale, now, dialect)


def _by_rank(sale: Sale, earlier: Collection[Sale]) -> Iterator[Due]:
    if len(earlier) < 2:
        yield Due(("welcome", "second")[len(earlier)], sale.person)
    before = sum(100 * each.pieces for each in earlier)
    if before < 700 <= before + 100 * sale.pieces:
        yield Due("spender", sale.person)


def _by_time(sale: Sale, later: Collection[Sale], now: datetime) -> Iterator[Due]:
    if sale.paid_at is None or not sale.is_bought:
        return
    if not _heard_of([each.at for each in later], now) and _is_over(sale.at, timedelta(hours=30), now):
        yield Due("come-back", sale.order, surely=not later)
    if not sale.awaits_the_shop:
        return
    if _is_over(sale.paid_at, timedelta(hours=5), now):
        yield Due("untouched", sale.order)
    came = now - (now - now.replace(hour=0, minute=0, second=0) - NOON) % timedelta(days=1)
    if sale.paid_at < came + WAKING and sale.at < came:
        yield Due("daily", f"{sale.order}, {came:%d %B}", surely=sale.paid_at < came - WAKING)


def _by_payment(sale: Sale, later: Collection[Sale], now: datetime) -> Iterator[Due]:
    if not sale.sent:
        yield Due("packing-slip-coupon", sale.order)
    again = [each.paid_at for each in later if each.is_bought and each.paid_at is not None and each.sku == sale.sku]
    if sale.sku != "LENS" or sale.paid_at is None or _heard_of(again, now):
        return
    if _is_over(sale.paid_at, timedelta(hours=8 * sale.pieces - 2), now):
        yield Due("refill", sale.order, surely=not again)


def _heard_of(moments: Collection[datetime], now: datetime) -> bool:
    """Whether the shop has to have learnt by now of what happened at one of these."""
    return any(moment < now - WAKING for moment in moments)


def _is_over(since: datetime, span: timedelta, now: datetime) -> bool:
    return now >= since + span - GLANCE


def _by_itself(sale: Sale, now: datetime, dialect: str) -> Iterator[Due]:
    was_free = sale.looked_at is not None and now <= sale.looked_at + LOOK
    if _is_over(sale.at, timedelta(hours=2), now) and (was_free or not sale.on_hold):
        yield Due("patient", sale.order, surely=not sale.on_hold)
    confirmed = sale.is_bought or (dialect == "shopify" and not sale.refunded)
    if confirmed and _is_over(sale.at, timedelta(minutes=5), now):
        yield Due("order-confirmation", sale.order)


# What came ------------------------------------------------------------------------------------------------------


@dataclass
class Claim:
    """What comes once: for which orders it was due, since when and until when, and which of them got it."""

    rule: str
    spans: dict[str, tuple[datetime, datetime]] = field(default_factory=dict)
    longest: timedelta = timedelta(0)
    got: str | None = None


@dataclass
class Observer:
    """Holds what arrives in each cycle against what was due then."""

    stage: Scene
    sales: dict[str, Sale] = field(default_factory=dict)
    claims: dict[tuple[str, str], Claim] = field(default_factory=dict)
    seen: dict[str, Counter[str]] = field(default_factory=dict)
    count: Count = field(default_factory=Count)

    def ask(self) -> None:
        """What is due now?"""
        now = self.stage.clock()
        for sale in self.sales.values():
            theirs = [each for each in self.sales.values() if each.person == sale.person]
            for each in due(sale, theirs, now, self.stage.stall.dialect):
                self._note(sale.order, each, now)

    def look(self) -> None:
        """A cycle is over."""
        now = self.stage.clock()
        self.ask()
        for order in self.sales:
            arrived = Counter(_ruled_by(what) for what in self.stage.received(order).elements())
            for rule in (arrived - self.seen.get(order, Counter())).elements():
                self._take(order, rule, now)
            self.seen[order] = arrived

    def _note(self, order: str, what: Due, now: datetime) -> None:
        claim = self.claims.setdefault((what.rule, what.once), Claim(what.rule))
        since, until = claim.spans.get(order, (now, now))
        if now - until > WAKING:
            since = now
        claim.spans[order] = (since, now)
        if what.surely:
            claim.longest = max(claim.longest, now - since)

    def _take(self, order: str, rule: str, now: datetime) -> None:
        if rule in (CALL, CHAT):
            return
        fitting = [each for each in self.claims.values() if each.rule == rule and order in each.spans]
        owed = [each for each in fitting if each.got is None and each.spans[order][1] >= now - WAKING]
        if owed:
            max(owed, key=lambda each: each.spans[order][0]).got = order
            return
        self.count.twice += 1
        had = " once more" if any(each.got is not None for each in fitting) else ""
        self.count.wrong.append(f"order {order} got '{rule}'{had} at {now}, and it was not due")

    def check(self, failed: Counter[str]) -> None:
        """In the end: whatever was due for long has come, or failed where everybody sees it."""
        for (rule, once), claim in self.claims.items():
            if claim.got is not None or claim.longest < AMPLE:
                continue
            if any(failed[f"{order} {rule}"] for order in claim.spans):
                self.count.refused += 1
                continue
            self.count.lost += 1
            self.count.wrong.append(f"'{rule}' ({once}) never came; it was due for {dict(claim.spans)}")


def _ruled_by(what: str) -> str:
    """The rule that something goes by which an order received; else the words themselves."""
    found = _BY.search(what)
    if found is not None:
        return found[1]
    of_preset = (rule for rule, sign in SIGNS.items() if sign in what)
    return next(of_preset, what.partition(": ")[2])


# What happens ---------------------------------------------------------------------------------------------------


@dataclass
class Life:
    """What customers and the staff do, by chance."""

    stage: Scene
    observer: Observer
    chance: random.Random

    def go_on(self) -> None:
        """Half an hour of it."""
        if self._now().hour == 12 and self._may(0.6) and (waiting := self._of(lambda each: each.awaits_the_shop)):
            self.buy(self.chance.choice(waiting).person)  # just as the daily rule comes round
        if self._may(0.2):
            self.buy(self.chance.choice(PEOPLE))
        self._one(0.1, lambda each: each.paid_at is None, self._pay)
        if self._may(0.12) and (waiting := self._of(lambda each: each.awaits_the_shop and self._has_rested(each))):
            self._send(waiting[0])
        self._one(0.03, lambda each: each.is_bought and self._has_rested(each), self._refund)
        self._one(0.1, lambda each: not each.on_hold and each.at > self._now() - timedelta(hours=2), self._hold)
        self._one(0.2, lambda each: each.on_hold, self._let_go)
        self._one(0.06, lambda each: each.awaits_the_shop, self._write)
        if self._may(0.08):
            self._review()

    def buy(self, person: str, *, past: bool = False) -> None:
        """Somebody buys, most pay at once. No two orders come at the same second."""
        self.stage.later(seconds=1)
        sku, pieces, is_paid = self.chance.choice(tuple(PRODUCTS)), self.chance.randint(1, 3), self._may(0.8)
        order = self.stage.stall.sell(person, sku, pieces, is_paid=is_paid)
        sale = Sale(order, person, self._now(), sku, pieces, past, self._now() if is_paid else None)
        self.observer.sales[order] = sale

    def meddle(self, _: Request) -> None:
        """While the shop is at work, people go on."""
        if self._may(0.01):
            self.buy(self.chance.choice(PEOPLE))
        if self._may(0.02):
            self._one(1, lambda each: not each.on_hold and each.at > self._now() - timedelta(hours=3), self._hold_amid)

    def _pay(self, sale: Sale) -> None:
        self.stage.stall.pay(sale.order)
        sale.paid_at = self._now()

    def _send(self, sale: Sale) -> None:
        self.stage.stall.complete(sale.order)
        sale.sent = True

    def _refund(self, sale: Sale) -> None:
        self.stage.stall.refund(sale.order)
        sale.refunded = True

    def _hold(self, sale: Sale) -> None:
        self.stage.stall.fill(sale.order, "hold", "yes", quietly=self._may(0.5))
        sale.on_hold = True

    def _hold_amid(self, sale: Sale) -> None:
        self._hold(sale)
        sale.looked_at = self._now()

    def _let_go(self, sale: Sale) -> None:
        self.stage.stall.fill(sale.order, "hold", "no")
        sale.on_hold = False

    def _write(self, sale: Sale) -> None:
        text = self.chance.choice((CALL, CHAT))
        self.stage.stall.remark(sale.order, text)
        if text == CALL:
            sale.calls.append(self._now())

    def _review(self) -> None:
        """A customer, or somebody who never bought here, says what they think, where people can."""
        store = self.stage.stall.store
        if not isinstance(store, WooSandbox):
            return
        person, sku, rating = (
            self.chance.choice((*PEOPLE, STRANGER)),
            self.chance.choice(tuple(PRODUCTS)),
            self.chance.randint(1, 5),
        )
        theirs = self._of(lambda each: each.person == person)
        if any(each.at > self._now() - WAKING for each in theirs):
            return
        review = store.write_review(email=person, rating=rating, product_id=PRODUCTS[sku], product_name=sku)
        about = [each for each in theirs if each.sku == sku] or theirs
        if about and rating <= 3:
            about[-1].complaints.append(f"review {review}")

    def _one(self, odds: float, fits: Callable[[Sale], bool], do: Callable[[Sale], None]) -> None:
        if self._may(odds) and (fitting := self._of(fits)):
            do(self.chance.choice(fitting))

    def _of(self, fits: Callable[[Sale], bool]) -> list[Sale]:
        return [sale for sale in self.observer.sales.values() if fits(sale)]

    def _has_rested(self, sale: Sale) -> bool:
        """Notes are read while their order is open: it stays so until they are."""
        return all(at < self._now() - AMPLE for at in sale.calls)

    def _may(self, odds: float) -> bool:
        return self.chance.random() < odds

    def _now(self) -> datetime:
        return self.stage.clock()


# The week -------------------------------------------------------------------------------------------------------


def a_week(dialect: str, seed: int, *, days: float = 7, often: float = 0.25) -> Count:
    """People buy again and again, while requests fail and the process is restarted or killed, for a week."""
    chance = random.Random(seed)
    known = kinds(dialect)
    tried = 0
    with scene(dialect, rules=RULES) as stage, forked(stage.config) as run:
        stage.timeout, stage.signs = PATIENCE, SIGNS
        observer = Observer(stage)
        life = Life(stage, observer, chance)
        for person in PEOPLE[:2]:
            life.buy(person, past=True)
        stage.later(hours=1)
        stage.open()
        stage.run()
        stage.after_run = observer.look
        stage.stall.store.on_request = life.meddle
        for _ in range(int(days * 48)):
            _half_an_hour_on(stage)
            life.go_on()
            observer.ask()
            if chance.random() < often:
                inject(stage, chance.choice(stage.stall.faults), chance.choice(known), chance.randint(1, 4))
                tried += 1
            if chance.random() < 0.06:
                _be_killed(stage, run, chance)
                tried += 1
            if chance.random() < 0.05:
                stage.open()
            stage.run()
            held = stage.settle_as_a_person()
            observer.count.held += held
        stage.stall.store.on_request = None
        stage.stall.store.faults.clear()
        for _ in range(0, CALM, 2):
            stage.later(hours=2)
            stage.run()
            observer.count.held += stage.settle_as_a_person()
        check_for_leaks(stage.said())
        observer.check(_failed(stage))
        count = observer.count
        count.tried, count.orders = tried, len(observer.sales)
        count.wrong = [f"customers, {dialect}, seed {seed}: {line}" for line in count.wrong]
        return count


def _half_an_hour_on(stage: Scene) -> None:
    """To the next full or half hour, so that the daily rule comes round just as the shop looks."""
    now = stage.clock()
    half = timedelta(minutes=30)
    stage.clock.now = now + half - (now - now.replace(minute=0, second=0)) % half


def _be_killed(stage: Scene, run: Run, chance: random.Random) -> None:
    """A cycle of the command that is killed somewhere in it."""
    stage.close()
    run(stage.clock(), chance.randint(1, 40))
    stage.open()


def _failed(stage: Scene) -> Counter[str]:
    """What visibly failed: by order and rule."""
    rows = (row for row in stage.rows("failed", "skipped") if row.state == "failed" or "failed" in (row.reason or ""))
    return Counter(f"{row.order_id} {row.rule.removesuffix('-shopify')}" for row in rows)
