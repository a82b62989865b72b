"""`require_approval`: an edit waits for a person, who is told once; until then all goes on as before."""

from __future__ import annotations

import pytest

from connector import approval
from connector.loading import Loaded, load
from tests.conftest import World

pytestmark = pytest.mark.every_database

RULE = """
    - id: welcome
      trigger: order.placed
      wait: 1 hour
      actions: [ { add_note: Hello } ]
"""
EDITED = RULE.replace("Hello", "Hi there")


@pytest.fixture
def careful(world: World) -> World:
    world.extra = "require_approval: true"
    world.rules(RULE)
    world.run()
    return world


def approve(world: World) -> None:
    on_disk = load(world.folder / "config.yaml", {})
    assert isinstance(on_disk, Loaded)
    with world.shop.database.write() as connection:
        approval.approve(connection, on_disk)


def test_the_rules_with_which_a_shop_begins_are_in_force(careful: World) -> None:
    order = careful.store.add_order()
    careful.run_for(hours=2)
    assert careful.notes(order) == ["Hello"]
    assert careful.told == []


def test_an_edit_reaches_nobody_before_it_is_approved(careful: World) -> None:
    before = careful.store.add_order()
    careful.run()
    careful.rules(EDITED)
    after = careful.store.add_order()
    careful.run_for(hours=2)
    assert careful.notes(before) == careful.notes(after) == ["Hello"]
    approve(careful)
    careful.open()
    approved = careful.store.add_order()
    careful.run_for(hours=2)
    assert careful.notes(approved) == ["Hi there"]


def test_the_staff_is_told_once_of_each_edit(careful: World) -> None:
    careful.rules(EDITED)
    careful.open()
    ((title, body),) = careful.told
    assert title == "config: edited rules wait for your approval"
    assert "aftersale plan --approve" in body
    careful.rules(EDITED.replace("1 hour", "2 hours"))
    assert len(careful.told) == 2


def test_a_staff_that_was_not_reached_is_told_again(careful: World) -> None:
    careful.reachable = False
    careful.rules(EDITED)
    careful.reachable = True
    careful.open()
    careful.open()
    assert len(careful.told) == 2


def test_words_for_people_need_no_approval(careful: World) -> None:
    careful.rules("# of the spring sale\n" + RULE.replace("trigger", "name: A welcome\n      trigger"))
    assert careful.told == []
    assert careful.shop.rules[0].rule.name == "A welcome"


def test_once_approval_is_not_required_any_more_what_is_on_disk_is_in_force(careful: World) -> None:
    order = careful.store.add_order()
    careful.run()
    careful.rules(EDITED)
    careful.extra = ""
    careful.open()
    careful.run_for(hours=2)
    assert careful.notes(order) == ["Hi there"]


def test_a_store_that_joins_meanwhile_goes_by_the_rules_in_force(careful: World) -> None:
    careful.rules(EDITED)
    another = "  - id: mugs\n    platform: woocommerce\n    url: {}\n    consumer_key: ck_sandbox\n"
    another += "    consumer_secret: cs_sandbox\n"
    careful.edit = lambda config: config + another.format(careful.store.url)
    careful.open()
    assert careful.client is not None
    specs = [shop.rules[0].rule.steps[0].actions[0].spec for shop in careful.client.shops]
    assert [getattr(spec, "text", None) for spec in specs] == ["Hello", "Hello"]
