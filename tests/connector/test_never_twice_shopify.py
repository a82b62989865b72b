"""On Shopify, too, whatever goes wrong with a write: it is done once, or a person is asked, or it failed for a reason.

One order is made for each request that a write consists of, and each of these requests goes wrong once in the same way.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from adapters.sandbox.clock import MovableClock
from adapters.sandbox.faults import Matcher
from adapters.sandbox.server import Request
from adapters.sandbox.shopify import ShopifySandbox, runs
from tests.conftest import MONDAY, World
from tests.connector.telling import world_on_shopify
from tests.connector.test_never_twice import FAULTS as ANYWHERE
from tests.connector.test_never_twice import Fault

SURE_NO = [
    *(fault for fault in ANYWHERE if fault.how in ("401", "403", "404", "429")),
    Fault("402"),
    Fault("423"),
    Fault("430"),
    Fault("THROTTLED"),
]
IN_DOUBT = [
    *(fault for fault in ANYWHERE if fault.how not in ("401", "403", "404", "429")),
    Fault("wrong_json", after_commit=True),
    Fault("INTERNAL_SERVER_ERROR"),
    Fault("INTERNAL_SERVER_ERROR", after_commit=True),
]

ACTIONS = {
    "note": "add_note: For the staff",
    "message": "send: For the customer",
    "tag": "add_tag: vip",
    "coupon": "create_coupon: 10",
    "cancelled": "set_status: cancelled",
    "closed": "set_status: closed",
    "paid": "set_status: paid",
}


@dataclass(frozen=True)
class Place:
    """A request among those that an action consists of: the `number`th of its kind."""

    kind: str
    operation: str
    number: int = 1

    def __str__(self) -> str:
        return f"{self.kind}: {self.operation} {self.number}"


PLACES = [
    Place("note", "Claim", 1),
    Place("note", "OrderNoteWrite"),
    Place("note", "Claim", 2),
    Place("message", "Claim", 1),
    Place("message", "Claim", 2),
    Place("message", "InvoiceSend"),
    Place("message", "Claim", 3),
    Place("tag", "TagsAdd"),
    Place("coupon", "CouponCreate"),
    Place("cancelled", "OrderCancel"),
    Place("closed", "OrderClose"),
    Place("paid", "OrderMarkPaid"),
]
SENDING = Place("message", "InvoiceSend")


def rules() -> str:
    """One for each kind of action, on the orders whose custom field says so."""
    return "".join(
        f"""
        - id: {kind}
          trigger: order.placed
          conditions: {{ order.meta.kind: {kind} }}
          actions: [ {{ {action} }} ]
        """
        for kind, action in ACTIONS.items()
    )


@pytest.fixture
def store() -> Iterator[ShopifySandbox]:
    with ShopifySandbox(clock=MovableClock(MONDAY), restore_rate=None) as store:
        yield store


@pytest.fixture
def world(tmp_path: Path, store: ShopifySandbox) -> Iterator[World]:
    """A world that has begun, and gives the store a fifth of a second."""
    assert isinstance(store.clock, MovableClock)
    world = world_on_shopify(tmp_path, store, store.clock)
    world.timeout = 0.2
    yield world
    world.close()


def go_wrong(world: World, store: ShopifySandbox, places: list[Place], fault: Fault) -> dict[str, Place]:
    """An order for each place, where the request that it is about goes wrong; gives the orders."""
    world.rules(rules())
    world.run()
    orders = {}
    for place in places:
        order = store.add_order(paid=place.kind != "paid", attributes={"kind": place.kind})
        orders[order] = place
        store.fail_next(
            fault.how,
            match=the_one(place, order),
            after_commit=fault.after_commit,
            delay=fault.delay,
            retry_after=fault.retry_after,
        )
    world.later(minutes=1)
    world.run()
    store.faults.hold(0.15 if fault.how == "late" else 0.0)  # what is late lands now
    world.open()
    return orders


def the_one(place: Place, order: str) -> Matcher:
    """Matches the very request; a coupon's does not say for whom it is, but there is only one."""
    left = [place.number]
    is_that_operation = runs(place.operation)

    def match(request: Request) -> bool:
        if not is_that_operation(request) or (place.kind != "coupon" and order.encode() not in request.body):
            return False
        left[0] -= 1
        return left[0] == 0

    return match


def outcomes(world: World, store: ShopifySandbox, orders: dict[str, Place]) -> dict[str, tuple[str, int]]:
    """What has become of each action, and how often the store shows that it was done; ten minutes later, and a day."""
    for _ in range(2 * len(orders)):
        world.later(minutes=11)
        world.run()
    world.later(days=1)
    world.run()
    assert store.faults.waiting == []
    rows = {row.order_id: row for row in world.rows()}
    assert all(row.reason for row in rows.values() if row.state != "done")
    return {str(place): (rows[order].state, times_done(store, place.kind, order)) for order, place in orders.items()}


def times_done(store: ShopifySandbox, kind: str, order: str) -> int:
    """How often the store shows that it was done."""
    it = store.order(order)
    match kind:
        case "note":
            return (it.note or "").split("\n\n").count("For the staff")
        case "message":
            return sum(mail.order_id.rpartition("/")[2] == order for mail in store.invoices)
        case "tag":
            return store.tags(order).count("vip")
        case "coupon":
            return len(store.coupons)
        case "cancelled":
            return sum("canceled" in entry.message for entry in it.timeline)
        case "closed":
            return int(it.closed is not None)
    return len(it.transactions)


ONCE = {str(place): ("done", 1) for place in PLACES}


@pytest.mark.parametrize("fault", SURE_NO, ids=str)
def test_what_was_surely_not_done_is_done_later_and_once(world: World, store: ShopifySandbox, fault: Fault) -> None:
    orders = go_wrong(world, store, PLACES, fault)
    assert outcomes(world, store, orders) == ONCE


@pytest.mark.parametrize("fault", IN_DOUBT, ids=str)
def test_what_may_have_been_done_is_settled_and_a_message_left_to_a_person(
    world: World, store: ShopifySandbox, fault: Fault
) -> None:
    orders = go_wrong(world, store, PLACES, fault)
    found = outcomes(world, store, orders)
    sent = found[str(SENDING)][1]
    assert sent == (1 if fault.after_commit or fault.how in LANDS else 0)
    assert found == ONCE | {str(SENDING): ("held", sent)} | (LATE if fault.how == "late" else {})


LANDS = ("late", "truncated", "bom", "php_notice")
"""Faults of an answer, to what was done."""

LATE = {
    # What lands when nobody waits for it any more, and is not to be told from what somebody else has done.
    "closed: OrderClose 1": ("held", 1),
    "paid: OrderMarkPaid 1": ("held", 1),
    "message: Claim 2": ("held", 0),
}

REFUSED = ("failed", 0)


def test_what_shopify_refuses_has_failed_and_is_not_tried_again(world: World, store: ShopifySandbox) -> None:
    orders = go_wrong(world, store, PLACES, Fault("userErrors"))
    assert outcomes(world, store, orders) == dict.fromkeys(ONCE, REFUSED) | {
        # That it is done cannot be marked; that a try begins, another run may have marked.
        "note: Claim 2": ("done", 1),
        "message: Claim 3": ("done", 1),
        "message: Claim 2": ("done", 1),
    }
    reasons = {row.order_id: str(row.reason) for row in world.rows("failed")}
    assert all("refuses" in reason and "The store refuses to do this" in reason for reason in reasons.values())


@pytest.mark.parametrize("fault", [*SURE_NO, *IN_DOUBT], ids=str)
def test_a_workflow_is_started_once_at_most(tmp_path: Path, store: ShopifySandbox, fault: Fault) -> None:
    assert isinstance(store.clock, MovableClock)
    world = world_on_shopify(tmp_path, store, store.clock, "flow\n    flow_trigger: our-message")
    world.timeout = 0.2
    place = Place("message", "FlowTrigger")
    orders = go_wrong(world, store, [place], fault)
    [state, _] = outcomes(world, store, orders)[str(place)]
    started = len(store.flows)
    world.close()
    if fault in SURE_NO:
        assert (state, started) == ("done", 1)
    else:
        assert (state, started) == ("held", 1 if fault.after_commit or fault.how in LANDS else 0)


def test_a_slow_store_is_waited_for(world: World, store: ShopifySandbox) -> None:
    orders = go_wrong(world, store, PLACES, Fault("late", delay=0.05))
    assert outcomes(world, store, orders) == ONCE


def test_two_runs_that_overlap_do_everything_once(world: World, store: ShopifySandbox, tmp_path: Path) -> None:
    assert isinstance(store.clock, MovableClock)
    (tmp_path / "second").mkdir()
    # Another machine has a copy of the state as it was: the same keys, and no news of what the first has done.
    world.rules(rules())
    world.run()
    world.close()
    for file in tmp_path.glob("aftersale.db*"):
        (tmp_path / "second" / file.name).write_bytes(file.read_bytes())
    second = world_on_shopify(tmp_path / "second", store, store.clock)
    second.rules(rules())
    world.open()
    orders = {store.add_order(attributes={"kind": kind}): kind for kind in ("note", "message", "tag", "coupon")}
    world.later(minutes=1)
    for each in (world, second, world, second):
        each.run()
    assert {kind: times_done(store, kind, order) for order, kind in orders.items()} == dict.fromkeys(orders.values(), 1)
    second.close()
