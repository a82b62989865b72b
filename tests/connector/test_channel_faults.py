"""Whatever a provider of messages does, a customer gets one message, or a person is asked: never two, by any ways."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import Any, Literal

import pytest

from adapters.sandbox.faults import Fault
from adapters.sandbox.server import Request, Response
from tests.channels.providers import ACCOUNT, TOKEN, CloudProvider, GatewayProvider, HttpProvider, TwilioProvider
from tests.conftest import World, is_write

RULE = """
    - id: hello
      trigger: order.placed
      actions:
        - send: {{ template: hello, via: [{channel}, platform] }}
        - add_note: Greeted
"""
HELLO = """
    ---
    whatsapp: { template: hello, parameters: ["{{ customer.first_name }}"] }
    ---
    Hello {{ customer.first_name }}
"""

TWILIO = {"type": "twilio", "account_sid": ACCOUNT, "auth_token": TOKEN, "from": "+15005550006"}
CLOUD = {"type": "cloud", "phone_number_id": "1055501234", "access_token": TOKEN, "api_version": "v23.0"}
GATEWAY = {
    "type": "http",
    "headers": {"X-Api-Key": TOKEN},
    "fields": {"to": "{{ to }}", "message": "{{ text }}"},
    "success": {"status": 200, "json": {"result": "ok"}},
}


@dataclass
class Story:
    """A shop that writes by one channel, and by the platform where that refuses."""

    world: World
    channel: str
    provider: Any

    def play(self, *faults: Fault) -> int:
        """An order comes in while these wait for its message, and then the best part of two days pass."""
        for fault in faults:
            self.provider.faults.add(replace(fault))  # it counts what it has spoilt
        order = self.world.store.add_order(billing={"phone": "050-234-5678"})
        assert self.world.run().error is None, "a channel's trouble is not the store's"
        self.let_land(faults)
        self.wait()
        return order

    def let_land(self, faults: Sequence[Fault]) -> None:
        """What is late is taken now, when nobody waits for the answer any more."""
        if any(fault.how == "late" for fault in faults):
            self.provider.faults.release()
            for _ in range(500):
                if self.provider.sent:
                    return
                threading.Event().wait(0.01)
            raise AssertionError("the late message never landed")

    def wait(self) -> None:
        for minutes in (1, 5, 11, 30, 60, 240, 1800):
            self.world.later(minutes=minutes)
            assert self.world.run().error is None

    def outcome(self, order: int) -> tuple[str, str | None, int, int]:
        """What became of the message: its state and channel, and how often each way was gone."""
        [row] = [row for row in self.world.rows() if row.kind == "send"]
        assert self.world.notes(order) == (["Greeted"] if row.state == "done" else [])
        return row.state, row.channel, len(self.provider.sent), len(self.world.messages(order))


@pytest.fixture(params=["twilio", "cloud", "gateway"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def story(world: World, kind: str) -> Iterator[Story]:
    made: dict[str, tuple[str, type[HttpProvider], dict[str, Any]]] = {
        "twilio": ("sms", TwilioProvider, TWILIO),
        "cloud": ("whatsapp", CloudProvider, CLOUD),
        "gateway": ("sms", GatewayProvider, GATEWAY),
    }
    channel, provider_of, keys = made[kind]
    with provider_of(clock=world.clock) as provider:
        world.timeout = 0.3
        world.extra = f"channels: {json.dumps({channel: {**keys, 'url': provider.loopback.url}})}"
        world.template("hello", "en", HELLO)
        world.rules(RULE.format(channel=channel))
        world.run()
        yield Story(world, channel, provider)


def once(how: str, *, after: bool = False, retry_after: str | None = None) -> Fault:
    """The next message meets with this, before it is taken or after."""
    return Fault(how, is_write, 1, after, 0.5 if how == "timeout" else None, retry_after)


SURE_NO = [
    once("401"),
    once("402"),
    once("403"),
    once("404"),
    once("408"),
    once("429"),
    once("429", retry_after="120"),
    once("429", retry_after=""),
    once("307"),
]
REFUSED = [once("400"), once("409"), once("422")]
UNCLEAR = [
    once("reset"),
    once("timeout"),
    once("500"),
    once("502"),
    once("503"),
    once("garbage"),
    once("302"),
]
LOST_ANSWER = [
    once("reset", after=True),
    once("timeout", after=True),
    once("late"),
    once("500", after=True),
    once("503", after=True),
    once("garbage", after=True),
    once("truncated"),
]


def named(fault: Fault) -> str:
    return " ".join(filter(None, [fault.how, "after" if fault.after_commit else "", fault.retry_after or ""]))


@pytest.mark.parametrize("fault", SURE_NO, ids=named)
def test_what_was_surely_not_taken_goes_later_and_once(story: Story, fault: Fault) -> None:
    order = story.play(fault)
    assert story.outcome(order) == ("done", story.channel, 1, 0)


def test_what_met_with_nobody_goes_later_and_once(story: Story) -> None:
    story.provider.loopback.stop()
    order = story.world.store.add_order(billing={"phone": "050-234-5678"})
    assert story.world.run().error is None
    story.provider.loopback.start()
    story.wait()
    assert story.outcome(order) == ("done", story.channel, 1, 0)


@pytest.mark.parametrize("fault", REFUSED, ids=named)
def test_only_what_is_refused_goes_by_the_next_channel(story: Story, fault: Fault) -> None:
    order = story.play(fault)
    assert story.outcome(order) == ("done", "platform", 0, 1)
    [row] = [row for row in story.world.rows() if row.kind == "send"]
    assert str(row.passed_over).startswith(f"{story.channel}: ")
    assert f"answered {fault.how}: it refuses the message" in str(row.passed_over)


@pytest.mark.parametrize("fault", [*UNCLEAR, *LOST_ANSWER], ids=named)
def test_what_may_have_been_taken_is_settled_by_asking_or_held_and_never_goes_by_another_way(
    story: Story, kind: str, fault: Fault
) -> None:
    order = story.play(fault)
    arrived = 1 if fault in LOST_ANSWER else 0
    expected: tuple[Literal["done", "held"], int] = ("done", 1) if kind == "twilio" else ("held", arrived)
    state, sent = expected
    assert story.outcome(order) == (state, story.channel, sent, 0)
    if state == "held":
        [reason] = story.world.reasons("held")
        assert "does not tell which messages it was given" in str(reason)


def test_a_channel_that_goes_on_refusing_us_is_passed_over_and_the_staff_hears_once(story: Story) -> None:
    story.provider.faults.add(Fault("401", is_write, None, False, None, None))
    first, second = (story.world.store.add_order(billing={"phone": phone}) for phone in ("0502345678", "0502345679"))
    story.world.run()
    story.wait()
    assert story.provider.sent == []
    assert len(story.world.told) == 1
    assert [len(story.world.messages(order)) for order in (first, second)].count(1) >= 1, (
        "it rests, so another is taken"
    )
    rows = [row for row in story.world.rows() if row.kind == "send"]
    assert all(f"{story.channel}: it rests until" in str(row.passed_over) for row in rows if row.state == "done")


@pytest.mark.parametrize("kind", ["twilio"], indirect=True)
@pytest.mark.parametrize("email", ["noa@example.com", "dana@example.org"])
def test_of_two_orders_of_one_phone_each_gets_its_message_though_both_say_the_same(story: Story, email: str) -> None:
    """The first is never taken, and its outcome not known; the second goes out while that is so."""
    story.provider.faults.add(once("reset"))
    first = story.world.store.add_order(billing={"phone": "050-234-5678", "email": "noa@example.com"})
    story.world.run()
    second = story.world.store.add_order(billing={"phone": "050-234-5678", "email": email})
    story.world.later(minutes=5)
    story.world.run()
    assert [(row.number, row.state) for row in story.world.rows() if row.kind == "send"] == [
        (str(first), "unknown"),
        (str(second), "done"),
    ]
    story.wait()
    assert [each["body"] for each in story.provider.sent] == ["Hello Noa", "Hello Noa"]
    assert {row.state for row in story.world.rows()} == {"done"}


@pytest.mark.parametrize("kind", ["twilio"], indirect=True)
def test_what_is_just_being_sent_to_the_same_phone_is_not_taken_for_what_was_lost(story: Story) -> None:
    """Two people share a phone: one's message is lost, and asked for while the other's is taken, but not answered."""
    provider, honest = story.provider, story.provider.answer
    taken, asked = threading.Event(), threading.Event()
    posts = count(1)

    def answer(request: Request) -> Response | None:
        if request.method == "GET":
            response = honest(request)
            asked.set()
            return response
        if next(posts) == 1:
            assert taken.wait(5)
            return None
        response = honest(request)
        taken.set()
        assert asked.wait(5)
        return response

    story.world.timeout = 5.0
    story.world.open()
    provider.answer = answer
    for email in ("noa@example.com", "dana@example.org"):
        story.world.store.add_order(billing={"phone": "050-234-5678", "email": email})
    story.world.run()
    provider.answer = honest
    story.wait()
    assert [each["body"] for each in provider.sent] == ["Hello Noa", "Hello Noa"]
    assert {row.state for row in story.world.rows()} == {"done"}
