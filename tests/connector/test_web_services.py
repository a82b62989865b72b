"""A web service of the shop, and its staff: told once each, left alone while they take nothing, and never lost."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import parse_qsl

import pytest

from adapters.sandbox.clock import MovableClock
from adapters.sandbox.faults import Fault, Faults
from adapters.sandbox.server import Loopback, Request, Response
from connector import prepare
from tests.channels.providers import CANNED
from tests.conftest import MONDAY, World


class Service:
    """A web service: what it was told, and what was asked of it, for the most part in vain."""

    def __init__(self) -> None:
        self.told: list[Request] = []
        self.asked: list[Request] = []
        self.faults = Faults(CANNED)
        self.server = Loopback(self._answer, lambda query: dict(parse_qsl(query)), MovableClock(MONDAY))

    def fail(self, how: str, *, after: bool = False) -> None:
        """From now on every call fails so, before it is taken or after."""
        self.faults.add(Fault(how, lambda request: True, None, after, None, None))

    def _answer(self, request: Request) -> Response | None:
        self.asked.append(request)
        return self.faults.answer(request, self._take)

    def _take(self, request: Request) -> Response:
        self.told.append(request)
        return Response(204, b"", ())


@pytest.fixture
def service() -> Iterator[Service]:
    service = Service()
    service.server.start()
    yield service
    service.faults.clear()
    service.server.stop()


def calls(service: Service, **keys: str) -> str:
    """A rule that tells the service of every new order, and notes that it did."""
    more = "".join(f"\n      {key}: {value}" for key, value in keys.items())
    return f"""
    - id: tell
      trigger: order.placed{more}
      actions:
        - call_webhook: {service.server.url}/hook
        - add_note: Told
"""


@pytest.fixture
def shop(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(prepare, "WEBHOOK_TIMEOUT", 0.3)
    world.extra = f"webhook_secret: {'s' * 32}"
    return world


@pytest.mark.parametrize(("status", "cure"), [("401", "webhook_secret"), ("403", "webhook_secret"), ("404", "the url")])
def test_a_service_that_refuses_us_is_asked_again_later_and_the_staff_hears_once(
    shop: World, service: Service, status: str, cure: str
) -> None:
    shop.rules(calls(service))
    shop.run()
    service.fail(status)
    first, second = shop.store.add_order(), shop.store.add_order()
    assert shop.run().error is None, "the store has no part in it"
    assert len(service.asked) <= 2, "one is enough to know; two may be under way at once"
    shop.run_for(hours=12)
    assert shop.states() == ["pending"] * 4
    [reason, *_] = shop.reasons()
    assert f"answered {status}" in str(reason)
    assert cure in str(reason)
    assert len(service.asked) < 40, "it is left alone for longer and longer, and all that is due for it with it"
    [(title, body)] = shop.told
    assert title == "No calls go to 127.0.0.1"
    assert f"answered {status}" in body
    service.faults.clear()
    shop.run_for(hours=2)
    assert shop.states() == ["done"] * 4
    assert len(service.told) == 2
    assert shop.notes(first) == shop.notes(second) == ["Told"]


def test_a_call_that_stays_refused_expires_by_the_rule_with_its_reason(shop: World, service: Service) -> None:
    shop.rules(calls(service, expires_after="6 hours"))
    shop.run()
    service.fail("401")
    order = shop.store.add_order()
    shop.run_for(hours=8)
    assert shop.states() == ["skipped", "skipped"]
    reason = str(shop.reasons()[0])
    assert reason.startswith("expired: it was due 2026-06-01 09:00 UTC, and is not to be done this late")
    assert "answered 401" in reason
    asked = len(service.asked)
    shop.run_for(hours=8)
    assert len(service.asked) == asked
    assert shop.notes(order) == []


def test_one_service_in_trouble_keeps_nothing_from_another(shop: World, service: Service) -> None:
    other = Service()
    other.server.start()
    shop.rules(calls(service) + calls(other).replace("id: tell", "id: other").replace("Told", "Other"))
    shop.run()
    service.fail("401")
    order = shop.store.add_order()
    shop.run()
    shop.store.add_order()
    shop.run()
    other.server.stop()
    assert (len(service.told), len(other.told)) == (0, 2)
    assert shop.notes(order) == ["Other"]


def test_a_customer_need_not_wait_for_a_service_that_is_told_after_them(shop: World, service: Service) -> None:
    shop.rules(calls(service).replace("- call_webhook", "- send: Hello\n        - call_webhook"))
    shop.run()
    service.fail("401")
    orders = [shop.store.add_order()]
    shop.run()
    orders.append(shop.store.add_order())
    shop.run()
    assert [shop.messages(order) for order in orders] == [["Hello"], ["Hello"]]
    assert [shop.notes(order) for order in orders] == [[], []]
    service.faults.clear()
    shop.run_for(hours=3)
    assert set(shop.states()) == {"done"}
    assert [shop.messages(order) for order in orders] == [["Hello"], ["Hello"]]


FAULTS = {
    "refused": ("reset", False, "held", 0),
    "reset after": ("reset", True, "held", 1),
    "time-out": ("timeout", False, "held", 0),
    "time-out after": ("timeout", True, "held", 1),
    "400": ("400", False, "failed", 0),
    "409": ("409", False, "failed", 0),
    "422": ("422", False, "failed", 0),
    "401": ("401", False, "done", 1),
    "404": ("404", False, "done", 1),
    "429": ("429", False, "done", 1),
    "500": ("500", False, "held", 0),
    "503 after": ("503", True, "held", 1),
    "redirect": ("302", False, "held", 0),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_whatever_a_service_does_it_is_told_once_at_the_most(shop: World, service: Service, fault: str) -> None:
    how, after, state, told = FAULTS[fault]
    shop.rules(calls(service))
    shop.run()
    service.fail(how, after=after)
    shop.store.add_order()
    assert shop.run().error is None
    service.faults.clear()
    shop.run_for(hours=13)
    assert [row.state for row in shop.rows() if row.kind == "call_webhook"] == [state]
    assert len(service.told) == told


def test_a_service_that_is_down_is_told_when_it_is_back(shop: World, service: Service) -> None:
    shop.rules(calls(service))
    shop.run()
    service.server.stop()
    shop.store.add_order()
    shop.run_for(hours=3)
    assert shop.told == [], "that a service is down for a while is no news"
    service.server.start()
    shop.run_for(hours=2)
    assert shop.states() == ["done", "done"]
    assert len(service.told) == 1


def test_staff_that_cannot_be_reached_are_told_later_and_not_tried_for_each_message(world: World) -> None:
    world.rules("- { id: tell, trigger: order.placed, actions: [ notify_staff: 'Order {{ order.number }}' ] }")
    world.run()
    world.reachable = False
    for _ in range(20):
        world.store.add_order()
    world.run()
    assert len(world.told) <= 2
    world.run_for(hours=6)
    assert len(world.told) < 40
    assert set(world.states()) == {"pending"}
    assert "the staff could not be reached; check the addresses under 'staff'" in str(world.reasons()[0])
    world.told.clear()
    world.reachable = True
    world.run_for(hours=2)
    assert set(world.states()) == {"done"}
    assert len({body for _, body in world.told}) == len(world.told) == 20


def test_a_message_to_the_staff_expires_only_where_its_rule_says_so(world: World) -> None:
    rule = "{ id: %s, trigger: order.placed, actions: [ notify_staff: Hello ]%s }"
    world.rules(f"- {rule % ('patient', '')}\n- {rule % ('hasty', ', expires_after: 2 hours')}")
    world.run()
    world.reachable = False
    world.store.add_order()
    for _ in range(9):
        world.later(days=1)
        world.run()
    assert {row.rule: row.state for row in world.rows()} == {"patient": "pending", "hasty": "skipped"}
