"""What a rule was worth: what was bought after its messages, and whether that is more than without them."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from adapters.model import Money
from connector.report.frame import Frame
from connector.report.worth import ENOUGH, Group, OfRule
from tests.conftest import MONDAY, World
from tests.report.conftest import account_of

HELLO = """
- id: hello
  trigger: order.placed
  conditions: { order.total: { less_than: 100 } }
  actions: [{ send: Hello }]
"""
CHEAP = [{"name": "Ceramic mug", "price": "49.90"}]
DEAR = [{"name": "Teapot", "price": "180.00"}]


def hello_of(world: World) -> OfRule:
    return account_of(world).worth.rules["hello"]


@pytest.fixture
def greeting(world: World) -> World:
    """A shop that greets whoever buys something small."""
    world.rules(HELLO)
    world.run()
    return world


def buy(world: World, person: str = "noa", items: list[dict[str, str]] = CHEAP, **fields: object) -> int:
    placed = world.store.add_order(
        billing={"email": f"{person}@example.com"},
        items=items,
        shipping_total=None,
        **fields,  # type: ignore[arg-type]
    )
    world.run()
    return placed


@pytest.mark.every_database
def test_what_is_bought_within_the_window_counts_without_the_order_that_was_written_about(greeting: World) -> None:
    buy(greeting)
    greeting.later(days=13)
    buy(greeting, items=DEAR)
    buy(greeting, "tal")
    greeting.later(days=15)
    buy(greeting, "tal", items=DEAR)
    hello = hello_of(greeting)
    assert (hello.written_to.people, hello.written_to.buyers) == (2, 1)
    assert hello.written_to.revenue == {"ILS": Decimal("180.00")}


@pytest.mark.every_database
def test_the_window_is_the_shops_to_choose(world: World) -> None:
    world.extra = "conversion_window: 3 days"
    world.rules(HELLO)
    world.run()
    buy(world)
    world.later(days=4)
    buy(world, items=DEAR)
    assert (hello_of(world).written_to.people, hello_of(world).written_to.buyers) == (1, 0)


def test_whose_window_is_not_over_is_not_judged_yet(greeting: World) -> None:
    buy(greeting)
    greeting.later(days=13)
    assert (hello_of(greeting).written_to.people, hello_of(greeting).too_early) == (0, 1)


def test_what_was_not_paid_or_was_given_back_brought_nothing(greeting: World) -> None:
    for person, status in (("a", "pending"), ("b", "cancelled"), ("c", "processing")):
        buy(greeting, person)
        greeting.later(days=1)
        order = buy(greeting, person, DEAR, status=status)
        if status == "processing":
            greeting.store.refund(order)
    part = buy(greeting, "d")
    greeting.later(days=1)
    part = buy(greeting, "d", DEAR)
    greeting.store.refund(part, "80.00")
    greeting.later(days=20)
    greeting.run()
    assert hello_of(greeting).written_to.buyers == 1
    assert hello_of(greeting).written_to.revenue == {"ILS": Decimal("100.00")}


@pytest.mark.every_database
def test_coupons_are_counted_where_they_are_issued_and_where_they_are_used(world: World) -> None:
    world.rules(
        """
        - id: hello
          trigger: order.placed
          once_per: customer
          actions:
            - create_coupon: { percent: 10 }
            - send: "Have {{ coupon.code }}"
        """
    )
    world.run()
    buy(world)
    buy(world, "tal")
    codes = list(world.store.coupons)
    world.later(days=2)
    buy(world, items=DEAR, coupons=[codes[0]])
    world.later(days=20)
    hello = hello_of(world)
    assert (hello.issued, hello.used) == (2, 1)
    assert sum(hello.coupon_revenue.values()) > 100


@pytest.mark.every_database
def test_refunds_after_a_message_are_counted_and_those_before_it_are_not(world: World) -> None:
    world.rules("- id: hello\n  trigger: order.placed\n  wait: 1 day\n  actions: [{ send: Hello }]\n")
    world.run()
    before, after, none = (buy(world, person) for person in ("a", "b", "c"))
    world.store.refund(before, "5.00")
    world.run()
    world.later(days=1, hours=1)
    world.run()
    world.later(days=1)
    world.store.refund(after, "5.00")
    world.run()
    assert none
    assert (hello_of(world).orders, hello_of(world).refunded) == (3, 1)


@pytest.mark.every_database
def test_a_rules_people_are_compared_with_those_whom_it_leaves_out(world: World) -> None:
    """All who get a message buy again, and nobody else does."""
    world.rules(HELLO.rstrip() + "\n  holdout: 50%\n  max_per_run: 1000\n")
    world.run()
    people = [f"buyer{number}" for number in range(3 * ENOUGH)]
    for person in people:
        world.store.add_order(billing={"email": f"{person}@example.com"}, items=CHEAP, shipping_total=None)
    world.run()
    written_to = {mail.to.partition("@")[0] for mail in world.store.mails}
    assert 0 < len(written_to) < len(people)
    world.later(days=2)
    for person in written_to:
        world.store.add_order(billing={"email": f"{person}@example.com"}, items=DEAR, shipping_total=None)
    world.run()
    assert hello_of(world).more_buyers is None  # the window is not over
    world.later(days=20)
    hello = hello_of(world)
    assert (hello.wanted.people, hello.wanted.buyers) == (len(written_to), len(written_to))
    assert (hello.held_out.people, hello.held_out.buyers) == (len(people) - len(written_to), 0)
    more, spent = hello.more_buyers, hello.more_spent("ILS")
    assert more is not None
    assert spent is not None
    assert more.low > 0.9
    assert spent == pytest.approx((180, 180, 180))


def group(people: int, buyers: int, amount: str = "100", currency: str = "ILS") -> Group:
    made = Group()
    for number in range(people):
        made.add([Money(Decimal(amount), currency)] if number < buyers else [])
    return made


def test_with_few_people_nothing_is_said() -> None:
    few = OfRule(wanted=group(1000, 500), held_out=group(ENOUGH - 1, 0))
    assert not few.can_be_compared
    assert few.more_buyers is None
    assert few.more_spent("ILS") is None


def test_a_difference_that_may_be_chance_is_told_as_that() -> None:
    rule = OfRule(wanted=group(900, 90), held_out=group(100, 8))
    assert rule.more_buyers is not None
    assert not rule.more_buyers.excludes_zero


def test_a_difference_that_is_more_than_chance_is_told_as_that() -> None:
    rule = OfRule(wanted=group(900, 180), held_out=group(100, 5))
    assert rule.more_buyers is not None
    assert rule.more_buyers.low > 0


def test_money_of_different_currencies_is_never_added_up() -> None:
    both = group(10, 5)
    both.add([Money(Decimal("20"), "EUR"), Money(Decimal("5"), "ILS")])
    assert both.revenue == {"ILS": Decimal(505), "EUR": Decimal(20)}
    assert both.buyers == 6


def test_what_is_looked_at_begins_and_ends() -> None:
    frame = Frame(MONDAY, MONDAY + timedelta(days=7), timedelta(days=2), None, None)  # type: ignore[arg-type]
    assert frame.holds(MONDAY)
    assert not frame.holds(MONDAY - timedelta(seconds=1))
    assert frame.is_over(MONDAY + timedelta(days=5))
    assert not frame.is_over(MONDAY + timedelta(days=6))
