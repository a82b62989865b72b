"""One bad store, order or message never stops the others, and is never quiet."""

from __future__ import annotations

import threading

import pytest

from connector import ingest, prepare
from connector.cycle import run_cycle
from connector.store import orders
from rules.events import Journal
from tests.conftest import World, is_write

pytestmark = pytest.mark.every_database

RULE = """
    - id: welcome
      trigger: order.placed
      wait: 1 hour
      actions:
        - add_note: "Hello {{ customer.first_name }}"
"""

ANOTHER_STORE = """
  - id: mugs
    platform: woocommerce
    url: http://127.0.0.1:9
    consumer_key: ck_none
    consumer_secret: cs_none
"""


def two_placed(world: World, rules: str = RULE) -> tuple[int, int]:
    world.rules(rules)
    world.run()
    pair = world.store.add_order(billing={"first_name": "Bad"}), world.store.add_order()
    world.run()
    return pair


def test_a_text_that_breaks_on_one_order_fails_for_that_one_alone(world: World) -> None:
    text = "{{ 100 // (items[0].quantity - 2) }} reasons to come back"
    world.rules(RULE.replace("Hello {{ customer.first_name }}", text))
    world.run()
    bad = world.store.add_order(items=[{"name": "Mug", "product_id": 10, "quantity": 2, "price": "10.00"}])
    sound = world.store.add_order()
    world.run_for(hours=2)
    assert (world.notes(bad), world.notes(sound)) == ([], ["-100 reasons to come back"])
    assert sorted(world.states()) == ["done", "failed"]


def test_a_fault_of_ours_in_one_follow_up_puts_that_one_off_and_the_others_are_done(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad, sound = two_placed(world)
    honest = prepare.make_ready

    def stumble(listed, shop, judged, rows, now, words):  # type: ignore[no-untyped-def]
        if judged.facts.order.customer.first_name == "Bad":
            raise RuntimeError("a bug")
        return honest(listed, shop, judged, rows, now, words)

    monkeypatch.setattr("connector.judging.make_ready", stumble)
    world.later(hours=1)
    report = world.run()
    assert (report.error, report.tally.failed) == (None, 1)
    assert (world.notes(bad), world.notes(sound)) == ([], ["Hello Noa"])
    assert "an internal fault (RuntimeError)" in str(world.reasons("pending")[0])
    monkeypatch.undo()
    world.later(hours=1)
    world.run()
    assert world.notes(bad) == ["Hello Bad"]


def test_a_fault_of_ours_over_one_order_sets_it_aside_and_the_others_are_seen(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = ingest.observe

    def stumble(order, journal, sight) -> Journal:  # type: ignore[no-untyped-def]
        if order.customer.first_name == "Bad":
            raise RuntimeError("a bug")
        return honest(order, journal, sight)

    monkeypatch.setattr("connector.ingest.observe", stumble)
    bad, sound = two_placed(world)
    world.run_for(hours=2)
    assert world.notes(sound) == ["Hello Noa"]
    with world.shop.database.read() as connection:
        assert [id_ for id_, _, _ in orders.quarantined(connection, "tea")] == [str(bad)]
    monkeypatch.undo()
    world.run_for(hours=2)
    assert world.notes(bad) == ["Hello Bad"]


def test_a_fault_of_ours_in_planning_does_not_let_old_facts_be_acted_on(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad, sound = two_placed(world, RULE.replace("wait", "stop_if: {order.status: refunded}\n      wait"))
    honest = ingest.plan

    def stumble(facts, journal, rules, now):  # type: ignore[no-untyped-def]
        if facts.order.status == "refunded":
            raise RuntimeError("a bug")
        return honest(facts, journal, rules, now)

    monkeypatch.setattr("connector.ingest.plan", stumble)
    world.later(hours=1)
    world.store.refund(bad)
    world.run(polling=False)
    assert (world.notes(bad), world.notes(sound)) == ([], ["Hello Noa"])


def test_a_fault_of_ours_in_asking_again_comes_to_an_end(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    two_placed(world)
    with world.shop.database.write() as connection:
        orders.ask_all_again(connection, "tea", world.clock())

    def stumble(*_: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr("connector.ingest.plan", stumble)
    assert world.run(polling=False).error is None
    monkeypatch.undo()
    world.run_for(hours=3)
    assert world.states() == ["done", "done"]


def test_the_staff_being_out_of_reach_keeps_only_their_message_waiting(world: World) -> None:
    world.rules("""
        - id: alarm
          trigger: order.placed
          actions:
            - notify_staff: "New: {{ order.number }}"
        - id: welcome
          trigger: order.placed
          actions:
            - add_note: Hello
    """)
    world.run()
    world.reachable = False
    order = world.store.add_order()
    report = world.run()
    assert report.error is None
    assert world.notes(order) == ["Hello"]
    assert world.states() == ["pending", "done"]
    world.reachable = True
    world.later(hours=1)
    world.run()
    assert world.states() == ["done", "done"]
    assert world.told[-1] == (f"New: {order}", f"New: {order}")


def test_a_key_that_may_only_read_is_told_to_the_staff_once_and_nothing_is_lost(world: World) -> None:
    order, _ = two_placed(world)
    world.store.add_key("ck_sandbox", "cs_sandbox", "read")
    world.run_for(hours=12)
    assert len(world.told) == 1
    assert "may only read" in world.told[0][1]
    world.store.add_key("ck_sandbox", "cs_sandbox", "read_write")
    world.run_for(hours=2)
    assert world.notes(order) == ["Hello Bad"]
    assert world.states() == ["done", "done"]


def test_a_wrong_key_is_told_to_the_staff_once(world: World) -> None:
    two_placed(world)
    world.store.fail_next("401", times=None)
    world.run_for(hours=5)
    assert len(world.told) == 1
    assert world.store_state().failures == 10


def test_a_store_that_is_down_does_not_keep_another_from_being_looked_after(world: World) -> None:
    world.edit = lambda config: config + ANOTHER_STORE
    world.rules(RULE)
    assert world.client is not None
    tea, mugs = world.client.shops
    run_cycle(tea, threading.Event())
    order = world.store.add_order()
    for _ in range(3):
        world.later(hours=1)
        assert "refuses connections" in str(run_cycle(mugs, threading.Event()).error)
        assert run_cycle(tea, threading.Event()).error is None
    assert world.notes(order) == ["Hello Noa"]


def test_a_person_with_many_follow_ups_gets_each_once(world: World) -> None:
    world.rules("".join(RULE.replace("welcome", f"rule-{n}").replace("Hello", f"Hello {n}") for n in range(20)))
    world.run()
    order = world.store.add_order()
    world.run()
    world.later(hours=1)
    asked = world.asked(world.run)
    assert len([request for request in asked if is_write(request)]) == 20
    assert sorted(world.notes(order)) == sorted(f"Hello {n} Noa" for n in range(20))
