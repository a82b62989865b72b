"""Whatever goes wrong with a write, it is done exactly once, or a person is asked: never twice, never lost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from adapters.sandbox.server import Request
from connector.cycle import Report
from connector.tally import Tally
from tests.conftest import World, is_write

ACTIONS = {
    "private note": "add_note: 'For the staff'",
    "customer note": "send: 'For the customer'",
    "tag": "add_tag: vip",
    "status": "set_status: on-hold",
    "coupon": "create_coupon: 10",
}


def act_on_placed(action: str, **more: Any) -> str:
    extra = "".join(f"\n      {key}: {value}" for key, value in more.items())
    return f"""
    - id: rule
      trigger: order.placed{extra}
      actions:
        - {action}
"""


def times_done(world: World, kind: str, order: int) -> int:
    """How often the store shows that it was done."""
    match kind:
        case "private note":
            return world.notes(order).count("For the staff")
        case "customer note":
            assert len(world.store.customer_notes(order)) == len(world.messages(order))
            return world.messages(order).count("For the customer")
        case "tag":
            tags = [meta.value for meta in world.store.order(order).meta if meta.key == "aftersale_tags"]
            assert tags in ([], ["vip"])
            return len(tags)
        case "status":
            return sum("to On hold" in note.text for note in world.store.notes(order))
    return len(world.store.coupons)


@dataclass(frozen=True)
class Fault:
    how: str
    after_commit: bool = False
    delay: float | None = None
    retry_after: str | None = None

    def __str__(self) -> str:
        return f"{self.how} after" if self.after_commit else self.how


FAULTS = [
    Fault("reset"),
    Fault("reset", after_commit=True),
    Fault("timeout", delay=0.3),
    Fault("timeout", after_commit=True, delay=0.3),
    Fault("late", delay=0.3),
    Fault("500"),
    Fault("500", after_commit=True),
    Fault("502"),
    Fault("502", after_commit=True),
    Fault("503"),
    Fault("503", after_commit=True),
    Fault("429"),
    Fault("429", retry_after="120"),
    Fault("401"),
    Fault("403"),
    Fault("404"),
    Fault("html"),
    Fault("html", after_commit=True),
    Fault("wrong_json"),
    Fault("php_notice"),
    Fault("bom"),
    Fault("truncated"),
]


@pytest.fixture
def patient(world: World) -> World:
    """A world that has begun, and gives the store a fifth of a second."""
    world.timeout = 0.2
    return world


@pytest.mark.parametrize("fault", FAULTS, ids=str)
@pytest.mark.parametrize("kind", ACTIONS)
def test_a_write_that_goes_wrong_is_in_the_end_done_exactly_once(patient: World, kind: str, fault: Fault) -> None:
    world = patient
    world.rules(act_on_placed(ACTIONS[kind]))
    world.run()
    order = world.store.add_order()
    world.later(minutes=1)
    world.store.fail_next(
        fault.how,
        match=is_write,
        after_commit=fault.after_commit,
        delay=fault.delay,
        retry_after=fault.retry_after,
    )
    world.run()
    world.open()
    world.run_for(hours=3)
    assert world.states() == ["done"]
    assert times_done(world, kind, order) == 1


@pytest.mark.parametrize("kind", ACTIONS)
def test_a_write_is_not_repeated_while_it_may_still_land(patient: World, kind: str) -> None:
    world = patient
    world.rules(act_on_placed(ACTIONS[kind]))
    world.run()
    order = world.store.add_order()
    world.store.fail_next("late", match=is_write)
    world.run()
    assert world.states() == ["unknown"]
    world.later(minutes=9)
    writes = [request for request in world.asked(world.run) if is_write(request)]
    assert writes == []
    world.store.faults.release()
    _wait_until_landed(world, kind, order)
    world.run()
    assert world.states() == ["done"]
    world.run_for(hours=1)
    assert times_done(world, kind, order) == 1


def _wait_until_landed(world: World, kind: str, order: int) -> None:
    for _ in range(1000):
        if times_done(world, kind, order):
            return
        world.store.faults.hold(0.01)
    raise AssertionError("the late write did not land")


def test_an_absence_is_believed_only_ten_minutes_later_and_read_twice(patient: World) -> None:
    world = patient
    world.rules(act_on_placed(ACTIONS["private note"]))
    world.run()
    order = world.store.add_order()
    world.store.fail_next("timeout", match=is_write, delay=0.3)
    world.run()
    world.later(minutes=9, seconds=59)
    world.run()
    assert (world.states(), world.notes(order)) == (["unknown"], [])
    world.later(seconds=1)
    asked = world.asked(world.run)
    before = asked[: next(number for number, request in enumerate(asked) if is_write(request))]
    assert len([request for request in before if request.path.endswith("/notes")]) == 2
    assert world.notes(order) == ["For the staff"]


@pytest.mark.parametrize("status", ["400", "404"])
def test_a_refusal_is_final_or_put_off_but_never_a_reason_to_write_again_at_once(world: World, status: str) -> None:
    world.rules(act_on_placed("set_status: no-such-status" if status == "400" else ACTIONS["private note"]))
    world.run()
    order = world.store.add_order()
    world.run(polling=True) if status == "400" else world.store.delete(order)
    world.run()
    writes = [request for request in world.store.requests if is_write(request)]
    assert len(writes) == (1 if status == "400" else 0)


def test_a_rejected_action_fails_and_says_why(world: World) -> None:
    world.rules(act_on_placed("set_status: no-such-status"))
    world.run()
    world.store.add_order()
    report = world.run()
    assert (report.error, report.tally.failed) == (None, 1)
    assert world.states() == ["failed"]
    assert "has no order status 'no-such-status'" in str(world.reasons("failed")[0])
    world.run_for(hours=5)
    assert world.states() == ["failed"]


def test_two_rules_with_the_same_words_each_get_their_own_note(patient: World) -> None:
    world = patient
    world.rules("""
        - id: one
          trigger: order.placed
          actions:
            - add_note: The same words
        - id: two
          trigger: order.placed
          actions:
            - add_note: The same words
    """)
    world.run()
    order = world.store.add_order()
    world.store.fail_next("timeout", match=is_write, delay=0.3)
    world.run()
    assert sorted(world.states()) == ["done", "unknown"]
    world.run_for(hours=1)
    assert world.states() == ["done", "done"]
    assert world.notes(order) == ["The same words"] * 2
    assert len({row.result for row in world.rows()}) == 2


def test_two_lost_answers_to_the_same_words_are_credited_to_one_note_each(patient: World) -> None:
    world = patient
    world.rules("""
        - id: one
          trigger: order.placed
          actions:
            - add_note: The same words
        - id: two
          trigger: order.placed
          actions:
            - add_note: The same words
    """)
    world.run()
    order = world.store.add_order()
    world.store.fail_next("reset", match=is_write, after_commit=True, times=2)
    world.run()
    world.run_for(hours=1)
    assert world.notes(order) == ["The same words"] * 2
    assert len({row.result for row in world.rows("done")}) == 2


def test_a_note_that_the_merchant_deletes_is_not_written_again(world: World) -> None:
    world.rules(act_on_placed(ACTIONS["private note"]))
    world.run()
    order = world.store.add_order()
    world.run()
    assert world.notes(order) == ["For the staff"]
    world.store.order(order).notes.clear()
    world.store.edit(order, customer_note="Please ring twice")
    world.run_for(hours=2)
    assert world.notes(order) == []


TEXTS = {
    "backslashes": r"C:\temp\new \\ server \0 end",
    "emoji": "Thanks 🎉👩‍👩‍👧‍👦 from us",
    "hebrew": "תודה על ההזמנה, נועה",
    "lines": "one\\r\\ntwo\\r\\n\\r\\nthree",
    "markup": 'a < b & \\"c\\" > d',
    "spaces": "  around  ",
}


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("action", ["add_note", "send"])
def test_a_lost_answer_is_settled_whatever_the_words_are(patient: World, action: str, name: str) -> None:
    world = patient
    text = TEXTS[name].replace("\\", "\\\\") if name == "backslashes" else TEXTS[name]
    world.rules(act_on_placed(f'{action}: "{text}"'))
    world.run()
    order = world.store.add_order()
    world.store.fail_next("reset", match=is_write, after_commit=True)
    world.run()
    world.run_for(hours=1)
    assert world.states() == ["done"]
    assert len(world.notes(order)) + len(world.messages(order)) == 1


def test_a_note_that_is_too_long_fails_without_being_sent(world: World) -> None:
    world.rules(act_on_placed(f"add_note: {'x' * 65_536}"))
    world.run()
    world.store.add_order()
    asked = world.asked(world.run)
    assert [request for request in asked if is_write(request)] == []
    assert world.states() == ["failed"]
    assert "65,536 bytes" in str(world.reasons("failed")[0])


def test_the_longest_note_that_fits_is_written(world: World) -> None:
    world.rules(act_on_placed(f"add_note: {'x' * 65_535}"))
    world.run()
    order = world.store.add_order()
    world.run()
    assert [len(note) for note in world.notes(order)] == [65_535]


def test_a_status_that_somebody_else_changed_meanwhile_is_left_to_a_person(patient: World) -> None:
    world = patient
    world.rules(act_on_placed(ACTIONS["status"]))
    world.run()
    order = world.store.add_order()
    world.later(minutes=1)
    world.store.fail_next("timeout", match=is_write, delay=0.3)
    world.run()
    world.later(minutes=1)
    world.store.set_status(order, "cancelled")
    world.run_for(hours=1)
    assert world.store.order(order).status == "cancelled"
    assert world.states() == ["held"]
    assert world.rows()[0].held_for == "outcome"


def test_an_outcome_that_cannot_be_asked_for_a_day_is_left_to_a_person_and_blocks_nobody(patient: World) -> None:
    world = patient
    world.rules(act_on_placed(ACTIONS["private note"]))
    world.run()
    hopeless = world.store.add_order()
    world.store.fail_next("timeout", match=is_write, delay=0.3)

    def its_notes(request: Request) -> bool:
        return request.path.endswith(f"/orders/{hopeless}/notes")

    world.store.fail_next("500", match=its_notes, times=None)
    world.run()
    world.later(hours=1)
    other = world.store.add_order()
    world.run()
    assert world.notes(other) == ["For the staff"]
    assert world.states() == ["unknown", "done"]
    world.run_for(hours=24)
    assert world.states() == ["held", "done"]
    assert "for a day" in str(world.reasons("held")[0])


def test_an_unknown_outcome_of_a_vanished_order_is_left_to_a_person(patient: World) -> None:
    world = patient
    world.rules(act_on_placed(ACTIONS["private note"]))
    world.run()
    order = world.store.add_order()
    world.store.add_order()
    world.store.fail_next("timeout", match=is_write, delay=0.3)
    world.run()
    world.store.delete(order)
    world.run_for(hours=25)
    assert sorted(world.states()) == ["done", "held"]


def test_the_rest_of_a_step_waits_for_an_unknown_outcome_and_then_comes_at_once(patient: World) -> None:
    world = patient
    world.rules("""
        - id: rule
          trigger: order.placed
          actions:
            - send: For the customer
            - add_note: Told the customer
    """)
    world.run()
    order = world.store.add_order()
    world.store.fail_next("timeout", match=is_write, delay=0.3)
    world.run()
    assert (world.messages(order), world.notes(order)) == ([], [])
    world.later(minutes=10)
    world.run()
    assert (world.messages(order), world.notes(order)) == (["For the customer"], ["Told the customer"])


def test_when_the_first_action_is_put_off_the_second_does_not_overtake_it(world: World) -> None:
    world.rules("""
        - id: rule
          trigger: order.placed
          actions:
            - send: For the customer
            - add_note: Told the customer
    """)
    world.run()
    order = world.store.add_order()
    world.store.fail_next("429", match=is_write, retry_after="900")
    world.run()
    world.later(minutes=5)
    world.run()
    assert (world.messages(order), world.notes(order)) == ([], [])
    world.later(minutes=10)
    world.run()
    assert [note.text for note in world.store.notes(order)] == ["For the customer", "Told the customer"]


def test_the_counts_of_a_run_add_up(patient: World) -> None:
    world = patient
    world.rules("""
        - id: rule
          trigger: order.placed
          actions:
            - add_note: First
            - set_status: no-such-status
            - add_note: Third
        - id: late
          trigger: order.placed
          wait: 1 day
          actions:
            - add_note: A day later
    """)
    world.run()
    world.store.add_order()
    assert _counts(world.run()) == {"planned": 4, "done": 1, "skipped": 1, "held": 0, "failed": 1}
    world.later(days=1)
    assert _counts(world.run()) == {"planned": 0, "done": 1, "skipped": 0, "held": 0, "failed": 0}
    assert _counts(world.run()) == {"planned": 0, "done": 0, "skipped": 0, "held": 0, "failed": 0}


def _counts(report: Report) -> dict[str, int]:
    tally: Tally = report.tally
    return {name: getattr(tally, name) for name in ("planned", "done", "skipped", "held", "failed")}
