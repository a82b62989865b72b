"""What is held, paused and let go again."""

from __future__ import annotations

from datetime import timedelta

import pytest

from adapters.sandbox.server import Request
from connector.cycle import Report
from connector.store import followups, stores
from tests.conftest import World

pytestmark = pytest.mark.every_database

RULE = """
    - id: welcome
      trigger: order.placed
      max_per_run: 5
      actions:
        - add_note: Hello
        - add_tag: greeted
"""


def begun(world: World, rules: str = RULE) -> None:
    world.rules(rules)
    world.run()
    world.later(minutes=1)


def approve_all(world: World) -> None:
    held = [row.id for row in world.rows("held")]
    with world.shop.database.write() as connection:
        followups.update(connection, held, state="pending", approved=True, held_for=None, due_at=world.clock())


def written(world: World) -> int:
    return sum(world.notes(order.id) == ["Hello"] for order in world.store.orders)


def test_a_rule_within_its_limit_is_not_held(world: World) -> None:
    begun(world)
    for _ in range(5):
        world.store.add_order()
    assert world.run().tally.held == 0
    assert written(world) == 5


def test_a_rule_that_would_act_on_more_than_its_limit_is_held_as_a_whole_and_the_staff_told(world: World) -> None:
    begun(world)
    for _ in range(6):
        world.store.add_order()
    report = world.run()
    assert (report.tally.held, report.tally.done, written(world)) == (12, 0, 0)
    assert [title for title, _ in world.told] == ["tea: rule 'welcome' is held"]
    assert "would act on 6 follow-ups within an hour; its max_per_run is 5" in world.told[0][1]


def test_what_was_done_within_the_hour_counts(world: World) -> None:
    begun(world)
    for _ in range(5):
        world.store.add_order()
    world.run()
    world.later(minutes=59)
    world.store.add_order()
    world.run()
    assert written(world) == 5
    assert world.states().count("held") == 2


def test_what_was_done_more_than_an_hour_ago_does_not_count(world: World) -> None:
    begun(world)
    for _ in range(5):
        world.store.add_order()
    world.run()
    world.later(minutes=60)
    world.store.add_order()
    world.run()
    assert written(world) == 6


def test_the_staff_is_told_once_however_much_is_held(world: World) -> None:
    begun(world)
    for _ in range(6):
        world.store.add_order()
    world.run()
    for _ in range(4):
        world.later(minutes=5)
        world.store.add_order()
        world.run()
    assert len(world.told) == 1
    assert len(world.rows("held")) == 20


def test_the_staff_not_being_reached_keeps_nothing_from_going_on(world: World) -> None:
    def broken_service(*_: object) -> bool:
        raise OSError("no route to host")

    begun(world, RULE + RULE.replace("welcome", "other").replace("max_per_run: 5", "max_per_run: 50"))
    object.__setattr__(world.shop.staff, "deliver", broken_service)
    for _ in range(6):
        world.store.add_order()
    report = world.run()
    assert report.error is None
    assert written(world) == 6


def test_what_a_person_approves_goes_out_and_does_not_count_again(world: World) -> None:
    begun(world)
    for _ in range(6):
        world.store.add_order()
    world.run()
    world.later(hours=2)
    approve_all(world)
    assert world.run().tally.done == 12
    assert written(world) == 6


def test_a_held_rule_does_not_keep_the_others_from_acting(world: World) -> None:
    begun(world, RULE + RULE.replace("welcome", "other").replace("max_per_run: 5", "max_per_run: 50"))
    for _ in range(6):
        world.store.add_order()
    world.run()
    assert sorted(set(world.states())) == ["done", "held"]
    assert written(world) == 6


def test_a_held_follow_up_of_a_cancelled_order_is_not_sent_when_it_is_approved(world: World) -> None:
    begun(world, RULE.replace("max_per_run: 5", "max_per_run: 5\n      stop_if: {order.status: cancelled}"))
    orders = [world.store.add_order() for _ in range(6)]
    world.run()
    world.store.set_status(orders[0], "cancelled")
    world.later(hours=2)
    approve_all(world)
    world.run()
    assert world.notes(orders[0]) == []
    assert written(world) == 5


def pause(world: World, store: str, rule: str) -> None:
    with world.shop.database.write() as connection:
        stores.pause(connection, store, rule, world.clock())


def resume(world: World, store: str, rule: str) -> None:
    with world.shop.database.write() as connection:
        assert stores.resume(connection, store, rule)


def test_a_paused_rule_waits_and_goes_on_when_resumed(world: World) -> None:
    begun(world)
    pause(world, "tea", "welcome")
    order = world.store.add_order()
    world.run_for(hours=2)
    assert (world.notes(order), world.states()) == ([], ["pending", "pending"])
    resume(world, "tea", "welcome")
    world.run()
    assert world.notes(order) == ["Hello"]


def test_a_paused_store_still_plans_but_does_nothing(world: World) -> None:
    begun(world)
    pause(world, "*", "*")
    order = world.store.add_order()
    assert world.run().tally.planned == 2
    assert world.notes(order) == []


def test_a_paused_rule_with_a_long_queue_does_not_keep_another_from_acting(world: World) -> None:
    begun(world, RULE.replace("max_per_run: 5", "max_per_run: 5000") + RULE.replace("welcome", "other"))
    pause(world, "tea", "welcome")
    pause(world, "tea", "other")
    for _ in range(600):
        world.store.add_order()
    world.run()
    resume(world, "tea", "other")
    with world.shop.database.write() as connection:
        later = [row.id for row in world.rows("pending") if row.rule == "other"][10:]
        followups.update(connection, later, state="skipped", final=True)
    assert world.run().tally.done == 10


def test_what_expires_while_it_is_paused_is_not_sent(world: World) -> None:
    begun(world, RULE.replace("add_note: Hello", "send: Hello"))
    pause(world, "tea", "welcome")
    order = world.store.add_order()
    world.run()
    world.later(days=8)
    world.run()
    resume(world, "tea", "welcome")
    world.run()
    assert world.messages(order) == []
    assert all("expired" in str(reason) for reason in world.reasons("skipped"))


def test_a_pause_is_in_force_at_once_and_what_is_in_hand_is_finished(world: World) -> None:
    begun(world, RULE.replace("max_per_run: 5", "max_per_run: 50"))
    for _ in range(20):
        world.store.add_order()
    paused: list[bool] = []

    def somebody_pauses(request: Request) -> bool:
        if request.method == "POST" and not paused:
            paused.append(True)
            pause(world, "*", "*")
        return False

    world.store.fail_next("500", match=somebody_pauses, times=None)
    world.run()
    assert 1 <= written(world) <= 2  # as many as are done at a time


def test_what_piles_up_during_a_pause_meets_the_breaker(world: World) -> None:
    begun(world)
    pause(world, "tea", "welcome")
    for _ in range(3):
        world.store.add_order()
        world.store.add_order()
        world.run_for(hours=2)
    resume(world, "tea", "welcome")
    assert (world.run().tally.held, written(world)) == (12, 0)


# More than five usual days ------------------------------------------------------------------------------------


@pytest.fixture
def usual(world: World) -> World:
    """A world in which the rule has acted on five orders a day, for eight days; on the ninth, nothing yet."""
    begun(world, RULE.replace("max_per_run: 5", "max_per_run: 200"))
    for _ in range(8):
        order_at_once(world, 5)
        world.later(days=1)
    return world


def order_at_once(world: World, number: int) -> Report:
    for _ in range(number):
        world.store.add_order()
    return world.run()


def test_five_usual_days_at_once_go_out(usual: World) -> None:
    assert order_at_once(usual, 25).tally.held == 0
    assert written(usual) == 65


def test_more_than_that_is_held_as_a_whole_and_the_staff_told_with_numbers_and_examples(usual: World) -> None:
    assert order_at_once(usual, 26).tally.held == 52
    assert written(usual) == 40
    [(title, body)] = usual.told
    assert title == "tea: rule 'welcome' is held"
    assert "26 follow-ups today; its usual day is 5 (the middle one of 8 in the last 28 days)" in body
    newest = usual.store.orders[-26:]
    assert f"Orders: {', '.join(str(order.id) for order in newest[:10])}, …" in body
    assert "@" not in body


def test_what_was_done_earlier_in_the_day_counts(usual: World) -> None:
    order_at_once(usual, 20)
    usual.later(hours=5)
    assert order_at_once(usual, 6).tally.held == 12
    assert written(usual) == 60


def test_the_next_day_of_the_store_is_another_day(usual: World) -> None:
    order_at_once(usual, 20)
    usual.later(hours=13)  # past midnight in Jerusalem
    assert order_at_once(usual, 6).tally.held == 0


def test_what_was_approved_is_no_more_counted_on_its_day(usual: World) -> None:
    order_at_once(usual, 26)
    approve_all(usual)
    usual.run()
    usual.later(hours=1)
    assert order_at_once(usual, 6).tally.held == 0
    assert written(usual) == 72


def test_what_reached_back_into_the_past_was_no_usual_work(usual: World) -> None:
    with usual.shop.database.write() as connection:
        followups.update(connection, [row.id for row in usual.rows("done")], backfilled=True)
    assert order_at_once(usual, 150).tally.held == 0


def test_what_is_put_off_counts_when_it_is_due(usual: World) -> None:
    pause(usual, "tea", "welcome")
    order_at_once(usual, 26)
    last = usual.rows("pending")[-2:]
    with usual.shop.database.write() as connection:
        followups.update(connection, [row.id for row in last], due_at=usual.clock() + timedelta(days=1))
    resume(usual, "tea", "welcome")
    assert usual.run().tally.held == 0
    assert written(usual) == 65
