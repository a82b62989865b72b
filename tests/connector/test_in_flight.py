"""`in_flight`: whom an edit of a rule reaches, and by which version of it things were done."""

from __future__ import annotations

from datetime import timedelta

import pytest

from connector.store import versions
from connector.store.errors import StateError
from connector.store.versions import Version
from tests.conftest import MONDAY, World

pytestmark = pytest.mark.every_database

RULE = """
    - id: welcome
      trigger: order.placed
      in_flight: keep
      steps:
        - wait: 1 hour
          actions: [ { add_note: "Hello" } ]
        - wait: 1 day
          actions: [ { add_note: "Still there?" } ]
"""
FOLLOWING = RULE.replace("in_flight: keep", "in_flight: follow")
EDITED = """
    - id: welcome
      trigger: order.placed
      in_flight: keep
      steps:
        - wait: 5 hours
          actions: [ { add_note: "Good day" } ]
        - wait: 1 day
          actions: [ { add_note: "How are you?" } ]
        - wait: 1 day
          actions: [ { add_note: "And now?" } ]
"""


@pytest.fixture
def begun(world: World) -> int:
    """An order for which the rule has begun: its first step is done, the second planned."""
    world.rules(RULE)
    world.run()
    order = world.store.add_order()
    world.run_for(hours=1)
    assert world.notes(order) == ["Hello"]
    return order


def versions_of(world: World) -> list[Version]:
    with world.shop.database.read() as connection:
        return versions.load(connection, world.shop.id)


def sources(world: World) -> list[bool]:
    """Of which versions, the oldest first, it is known how they were."""
    return [each.source is not None for each in versions_of(world)]


def test_who_is_under_way_gets_what_the_rule_said_when_it_began_for_them_and_new_orders_what_it_says_now(
    world: World, begun: int
) -> None:
    pending = world.store.add_order()
    world.run()
    world.rules(EDITED)
    fresh = world.store.add_order()
    world.run_for(days=4)
    assert world.notes(begun) == world.notes(pending) == ["Hello", "Still there?"]
    assert world.notes(fresh) == ["Good day", "How are you?", "And now?"]


def test_unless_told_who_is_under_way_follows_the_edit(world: World) -> None:
    world.rules(FOLLOWING)
    world.run()
    order = world.store.add_order()
    world.run_for(hours=1)
    world.rules(EDITED.replace("      in_flight: keep\n", ""))
    world.run_for(days=4)
    assert world.notes(order) == ["Hello", "How are you?", "And now?"]
    assert sources(world) == [False, True]


def test_it_is_known_by_which_version_each_thing_was_done(world: World, begun: int) -> None:
    world.later(hours=1)
    world.rules(EDITED)
    fresh = world.store.add_order()
    world.run_for(days=1, hours=6)
    first, second = versions_of(world)
    assert first.since == MONDAY
    assert second.since == MONDAY + timedelta(hours=2)
    done = [(row.order_id, row.version) for row in world.rows("done")]
    assert done == [
        (str(begun), first.version),
        (str(begun), first.version),
        (str(fresh), second.version),
        (str(fresh), second.version),
    ]


def test_everyone_goes_on_by_their_own_of_several_versions_over_restarts(world: World, begun: int) -> None:
    orders = [begun]
    for word in ("Moin", "Servus"):
        world.rules(EDITED.replace("How are you?", word))
        orders.append(world.store.add_order())
        world.run_for(hours=6)
        world.open()
    world.rules(EDITED.replace("How are you?", "Adieu"))
    world.run_for(days=3)
    assert [world.notes(order)[1] for order in orders] == ["Still there?", "Moin", "Servus"]


def test_the_edit_of_a_template_reaches_everyone(world: World) -> None:
    world.template("hello", "en", "---\nsubject: Hello\n---\nHello")
    rule = RULE.replace('add_note: "Hello"', "send: { template: hello }")
    world.rules(rule)
    world.run()
    order = world.store.add_order()
    world.run()
    world.template("hello", "en", "---\nsubject: Hello\n---\nHi there")
    world.rules(rule.replace("Still there?", "Ping"))
    world.run_for(days=2)
    assert ["Hi there" in message for message in world.messages(order)] == [True]
    assert world.notes(order) == ["Still there?"]


def test_switching_a_rule_off_or_taking_it_out_stops_it_for_all(world: World, begun: int) -> None:
    world.rules(EDITED.replace("in_flight", "enabled: false\n      in_flight"))
    world.run()
    assert world.reasons("skipped") == ["the rule is switched off"]
    world.rules("- {id: other, trigger: order.failed, actions: [add_note: Failed]}")
    world.run_for(days=2)
    assert world.notes(begun) == ["Hello"]


def test_saying_follow_takes_along_who_went_on_by_an_earlier_version(world: World, begun: int) -> None:
    world.rules(EDITED)
    world.run()
    world.rules(EDITED.replace("in_flight: keep", "in_flight: follow"))
    world.run_for(days=3)
    assert world.notes(begun) == ["Hello", "How are you?", "And now?"]


def test_who_followed_one_edit_is_left_alone_by_the_next(world: World) -> None:
    world.rules(FOLLOWING)
    world.run()
    order = world.store.add_order()
    world.run_for(hours=1)
    world.rules(FOLLOWING.replace("Still there?", "Ping"))
    world.run()
    world.rules(EDITED)
    world.run_for(days=2)
    assert world.notes(order) == ["Hello", "Ping"]


def test_a_renamed_rule_takes_its_versions_along(world: World, begun: int) -> None:
    world.rules(EDITED.replace("id: welcome", "id: greeting\n      was: welcome"))
    world.run_for(days=2)
    assert world.notes(begun) == ["Hello", "Still there?"]
    assert {each.rule for each in versions_of(world)} == {"greeting"}


def test_how_a_version_was_is_forgotten_once_nobody_goes_on_by_it_and_nobody_gets_more_by_that(
    world: World, begun: int
) -> None:
    world.rules(EDITED)
    world.run()
    world.rules(EDITED.replace("And now?", "Well?"))
    assert sources(world) == [True, False, True]
    world.run_for(days=2)
    world.rules(EDITED.replace("And now?", "So?"))
    assert sources(world) == [False, False, False, True]
    world.run_for(days=4)
    world.open()
    world.run_for(days=1)
    assert world.notes(begun) == ["Hello", "Still there?"]


def test_a_version_that_fits_no_more_stops_the_start_as_long_as_somebody_goes_on_by_it(world: World) -> None:
    world.template("old", "en", "---\nsubject: Old\n---\nOld")
    world.rules(RULE.replace('add_note: "Still there?"', "send: { template: old }"))
    world.run()
    order = world.store.add_order()
    world.run()
    (world.folder / "templates" / "old" / "en.md").unlink()
    with pytest.raises(
        StateError, match=r"rule 'welcome' is 'in_flight: keep', .* on 2026-06-01, .* no template 'old'"
    ):
        world.rules(EDITED)
    world.template("old", "en", "---\nsubject: Old\n---\nOld")
    world.rules(EDITED)
    world.run_for(days=2)
    (world.folder / "templates" / "old" / "en.md").unlink()
    world.rules(EDITED)
    world.run_for(days=2)
    assert len(world.messages(order)) == 1
    assert world.notes(order) == ["Hello"]


def test_new_hours_of_the_store_are_followed_by_all(world: World) -> None:
    world.rules(RULE.replace("wait: 1 hour", "wait: 1 day\n          send_between: business_hours"))
    world.run()
    world.later(hours=6)
    world.store.add_order()
    world.run()
    (before,) = world.rows("pending")
    world.edit = lambda config: config.replace("09:00-18:00", "15:30-18:00")
    world.open()
    world.run()
    (after,) = world.rows("pending")
    assert after.version == before.version
    assert (f"{before.due_at:%d %H:%M}", f"{after.due_at:%d %H:%M}") == ("03 06:00", "03 12:30")
