"""Random stories, told by hypothesis: whatever happens in a store, the laws hold after every step of it.

A story that breaks one shrinks to its shortest form, and is printed as the steps it has.
"""

from __future__ import annotations

import random
from collections import Counter
from contextlib import ExitStack
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, precondition, rule

from connector import deciding
from connector.ingest import replan
from connector.store import stores, tables
from connector.store.stores import EVERY
from torture.rules import Rule
from torture.scene import Scene, scene

STEADY = Rule(
    """
    - id: steady
      trigger: order.placed
      wait: 20 minutes
      actions:
        - add_note: Steady
        - add_tag: seen
    """,
    {"note: Steady": 1, "tag: seen": 1},
)
"""What always was to come."""


def wavering(wait: int) -> Rule:
    """A rule that is edited, paused, held and stopped: nobody can say beforehand what it leaves."""
    text = f"""
    - id: wavering
      trigger: order.placed
      stop_if: {{ order.status: [refunded, cancelled] }}
      max_per_run: 3
      steps:
        - wait: {wait} minutes
          actions:
            - send: A message
            - add_note: Told the customer
        - wait: 1 hour
          actions:
            - send: A second message
    """
    return Rule(text, {})


ONCE = ("mail: A message", "mail: A second message", "note: Told the customer", "note: Steady", "tag: seen")

FAULTS = (("reset", False), ("reset", True), ("500", False), ("500", True), ("429", False), ("html", True))


class Story(RuleBasedStateMachine):
    """One store, two rules, and what people and machines do to them. Subclasses say on which platform."""

    dialect = "woocommerce"
    orders = Bundle("orders")

    @initialize()
    def begin(self) -> None:
        random.seed(0)  # back-off is spread by chance, and a story has to be the same each time it is told
        self.stack = ExitStack()
        self.stage: Scene = self.stack.enter_context(scene(self.dialect, rules=[STEADY, wavering(10)]))
        self.stage.timeout = 5.0
        self.refunded: dict[str, Counter[str]] = {}
        self.final: dict[int, tuple[object, ...]] = {}
        self.is_down = False
        self.stage.open()
        self.stage.run()

    # What happens

    @rule(target=orders)
    def a_customer_orders(self) -> str:
        return self.stage.place()

    @rule(target=orders, many=st.integers(2, 6))
    def many_order_at_once(self, many: int) -> Any:
        return multiple(*(self.a_customer_orders() for _ in range(many)))

    @rule(order=orders)
    def the_order_is_edited(self, order: str) -> None:
        self.stage.stall.touch(order)

    @rule(order=orders)
    def the_order_is_refunded(self, order: str) -> None:
        if order not in self.refunded and not self.is_down:
            self.stage.stall.refund(order)
            self.refunded[order] = self.stage.stall.received(order)

    @rule(minutes=st.integers(1, 90))
    def time_passes_and_it_runs(self, minutes: int) -> None:
        self.stage.later(minutes=minutes)
        self.stage.run()

    @rule()
    def it_runs_again_at_once(self) -> None:
        self.stage.run()

    @rule(wait=st.integers(0, 60))
    def the_rule_is_edited(self, wait: int) -> None:
        self._follow([STEADY, wavering(wait)])

    @rule()
    def the_rule_is_taken_out(self) -> None:
        self._follow([STEADY])

    @rule(which=st.sampled_from(["wavering", EVERY]))
    def a_person_pauses(self, which: str) -> None:
        with self.stage.shop.database.write() as connection:
            stores.pause(connection, EVERY, which, self.stage.clock())

    @rule()
    def a_person_resumes(self) -> None:
        self._resume()

    @rule()
    def a_person_approves_what_is_held(self) -> None:
        held = [row.id for row in self.stage.rows("held") if row.held_for == "approval"]
        deciding.let_go(self.stage.shop, held)

    @rule()
    def a_person_says_what_happened(self) -> None:
        self._say_what_happened()

    @precondition(lambda self: not self.is_down)
    @rule()
    def the_store_goes_down(self) -> None:
        self.stage.stall.store.stop()
        self.is_down = True

    @precondition(lambda self: self.is_down)
    @rule()
    def the_store_comes_back(self) -> None:
        self.stage.stall.store.start()
        self.is_down = False

    @rule(fault=st.sampled_from(FAULTS), times=st.integers(1, 3))
    def the_next_writes_go_wrong(self, fault: tuple[str, bool], times: int) -> None:
        store, stall = self.stage.stall.store, self.stage.stall
        store.fail_next(fault[0], match=stall.is_write, times=times, after_commit=fault[1])

    @rule()
    def the_worker_is_restarted(self) -> None:
        self.stage.open()

    # What holds

    @invariant()
    def nothing_is_there_twice(self) -> None:
        for order in self.stage.orders:
            received = self.stage.stall.received(order)
            for what, times in received.items():
                assert what in ONCE, f"order {order} received {what!r}, which nobody wanted"
                assert times == 1, f"order {order} received {what!r} {times} times"

    @invariant()
    def nothing_goes_to_who_was_refunded(self) -> None:
        for order, before in self.refunded.items():
            more = self.stage.stall.received(order) - before
            # The first step may have been under way: only its note may follow its message.
            assert all(not what.startswith("mail: ") for what in more), f"order {order} is refunded, and got {more}"

    @invariant()
    def every_row_explains_itself(self) -> None:
        rows = self.stage.rows()
        assert len({(row.rule, row.subject, row.step, row.action) for row in rows}) == len(rows)
        for row in rows:
            if row.state in ("skipped", "held", "failed", "unknown"):
                assert row.reason, f"{row.kind} of order {row.order_id} is {row.state} without a reason"
            if row.state == "held":
                assert row.held_for in ("approval", "outcome")

    @invariant()
    def what_is_final_stays(self) -> None:
        for row in self.stage.rows():
            now = (row.state, row.at, row.reason, row.result, row.version, row.due_at)
            if row.id in self.final:
                assert self.final[row.id] == now, f"{row.kind} of order {row.order_id} was final, and has changed"
            if row.final or row.state in ("done", "failed"):
                self.final[row.id] = now

    @invariant()
    def to_plan_again_changes_nothing(self) -> None:
        stage = self.stage
        with stage.shop.database.read() as connection:
            known = sorted(connection.scalars(sa.select(tables.orders.c.id)))
        with stage.shop.database.write() as connection:
            replan(connection, stage.shop, known, stage.clock())
        before = stage.rows()
        with stage.shop.database.write() as connection:
            replan(connection, stage.shop, known, stage.clock())
        assert stage.rows() == before

    def teardown(self) -> None:
        """In the end everything has come to its end, and what always was to come has come."""
        if not hasattr(self, "stack"):
            return
        with self.stack:
            self._bring_to_its_end()
            for order in self.stage.orders:
                received = self.stage.stall.received(order)
                assert received["note: Steady"] == received["tag: seen"] == 1, f"order {order} has lost something"
            left = self.stage.rows("pending", "unknown")
            assert not left, f"still open in the end: {[(row.kind, row.reason) for row in left]}"
            self.nothing_is_there_twice()
            self.nothing_goes_to_who_was_refunded()

    # How it is done

    def _follow(self, rules: list[Rule]) -> None:
        self.stage.rules = rules
        self.stage.write()
        self.stage.open()

    def _resume(self) -> None:
        with self.stage.shop.database.write() as connection:
            for which in ("wavering", EVERY):
                stores.resume(connection, EVERY, which)

    def _say_what_happened(self) -> None:
        """Truly, by what stands in the store."""
        now: datetime = self.stage.clock()
        for row in self.stage.rows("held", "unknown"):
            if deciding.may_be_told(row, now) and row.state == "held":
                received = self.stage.stall.received(row.order_id)
                deciding.take_word(self.stage.shop, [row.id], sent=received[_trace(row)] > 0)

    def _bring_to_its_end(self) -> None:
        if self.is_down:
            self.stage.stall.store.start()
        self.stage.stall.store.faults.clear()
        self._resume()
        for _ in range(4):
            self.stage.clock.advance(timedelta(hours=2))
            self.stage.run()
            self.stage.clock.advance(timedelta(minutes=30))
            self.stage.run()
            deciding.let_go(self.stage.shop, [row.id for row in self.stage.rows("held") if row.held_for == "approval"])
            self._say_what_happened()


class ShopifyStory(Story):
    """The same in a Shopify store."""

    dialect = "shopify"


def _trace(row: Any) -> str:
    """What an action leaves in the store."""
    if row.kind == "send":
        return "mail: A message" if row.position == 1 else "mail: A second message"
    if row.kind == "add_note":
        return "note: Steady" if row.rule == "steady" else "note: Told the customer"
    return "tag: seen"
