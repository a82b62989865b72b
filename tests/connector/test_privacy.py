"""Forgotten people are forgotten everywhere, and again at every poll; what was done for them stays done."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from adapters.errors import UnknownOutcome
from connector import forgetting
from connector.forgetting import Found, Request, forget
from connector.people import address_of, mark
from connector.store import orders, suppressions, tables
from connector.store.orders import Known
from connector.store.suppressions import Purpose, Suppression
from tests.conftest import World

pytestmark = pytest.mark.every_database

RULES = """
- id: hello
  trigger: order.placed
  once_per: customer
  steps:
    - actions: [send: "Dear {{ customer.first_name }}, thank you"]
    - wait: 2 days
      actions: [{ add_note: "Call {{ customer.first_name }} {{ customer.last_name }}?" }]
"""
MARIT = {
    "first_name": "Marit",
    "last_name": "Oksanen",
    "address_1": "17 Heron Wharf",
    "city": "Quaymouth",
    "postcode": "QX7 4ZZ",
    "country": "IL",
    "email": "Marit.Oksanen@example.org",
    "phone": "050-555-0142",
}
PERSONAL = ("Marit", "Oksanen", "Heron Wharf", "Quaymouth", "QX7 4ZZ", "555-0142", "5550142", "ring twice")


def order_of(world: World, person: dict[str, str], **fields: Any) -> int:
    shipping = {name: value for name, value in person.items() if name != "email"}
    return world.store.add_order(billing=person, shipping=shipping, **fields)


def forget_them(world: World, *addresses: str) -> Found:
    request = Request(frozenset(address_of(address) for address in addresses))
    return forget(world.shop.database, [request], world.shop.secret, world.clock())[0]


def suppress(world: World, address: str, purpose: Purpose = "everything") -> None:
    row = Suppression(mark(address_of(address), world.shop.secret), purpose, address, None, False, None, world.clock())
    with world.shop.database.write() as connection:
        suppressions.put(connection, [row])


def everything_kept(world: World) -> str:
    """Every value of every row, as text."""
    with world.shop.database.read() as connection:
        rows = [tuple(row) for table in tables.metadata.sorted_tables for row in connection.execute(sa.select(table))]
    texts = [value.decode() if isinstance(value, bytes) else str(value) for row in rows for value in row]
    return "\n".join(texts)


def personal_data_in(text: str) -> list[str]:
    return [word for word in PERSONAL if word.casefold() in text.casefold()]


def facts(world: World, order: int) -> Known:
    with world.shop.database.read() as connection:
        return orders.load(connection, world.shop.id, [str(order)])[str(order)]


@pytest.fixture
def shop(world: World) -> World:
    world.rules(RULES)
    world.run()
    return world


def test_nothing_of_a_forgotten_person_stays_in_any_table(shop: World) -> None:
    order_of(shop, MARIT, customer_note="Please ring twice")
    shop.run()
    assert personal_data_in(everything_kept(shop)) == [word for word in PERSONAL if word != "5550142"], (
        "the search would find it"
    )
    forget_them(shop, "marit.oksanen@EXAMPLE.org")
    assert personal_data_in(everything_kept(shop)) == []


def test_they_are_forgotten_again_at_every_poll(shop: World) -> None:
    order = order_of(shop, MARIT)
    shop.run()
    forget_them(shop, MARIT["email"])
    shop.store.edit(order, status="completed", customer_note="Please ring twice")
    another = order_of(shop, MARIT)
    shop.later(hours=2)
    shop.run()
    assert personal_data_in(everything_kept(shop)) == []
    assert facts(shop, order).order.status == "completed"
    assert facts(shop, another).erased == "forgotten"


def test_what_was_done_for_them_stays_done_and_is_never_done_twice(shop: World) -> None:
    order = order_of(shop, MARIT)
    shop.run()
    forget_them(shop, MARIT["email"])
    order_of(shop, MARIT)
    shop.run_for(hours=3)
    assert [(row.step, row.state) for row in shop.rows()] == [("1", "done"), ("2", "pending")]
    assert len(shop.messages(order)) == 1


def test_they_get_no_more_messages_and_the_record_says_why(world: World) -> None:
    world.rules('- {id: later, trigger: order.placed, wait: 1 hour, actions: [send: "Thank you"]}')
    world.run()
    order = order_of(world, MARIT)
    world.run()
    forget_them(world, MARIT["email"])
    world.later(hours=2)
    world.run()
    assert world.messages(order) == []
    assert world.reasons("skipped") == ["this customer was forgotten on 2026-06-01, and is never written to"]


def test_a_note_for_the_staff_is_still_written_without_their_name(shop: World) -> None:
    order = order_of(shop, MARIT)
    shop.run()
    forget_them(shop, MARIT["email"])
    shop.run_for(days=3)
    assert len(shop.notes(order)) == 1
    assert personal_data_in(" ".join(shop.notes(order))) == []


def test_a_guests_order_with_the_same_phone_is_theirs_however_the_phone_is_written(shop: World) -> None:
    theirs = order_of(shop, MARIT)
    guest = order_of(shop, {**MARIT, "email": "", "phone": "+972 50 555 0142"})
    shop.run()
    found = forget_them(shop, MARIT["email"])
    assert [each.number for each in found.orders] == [str(theirs)]
    assert [each.number for each in found.by_phone] == [str(guest)]
    assert personal_data_in(everything_kept(shop)) == []


def test_an_account_of_another_with_the_same_phone_is_not_theirs(shop: World) -> None:
    order_of(shop, MARIT)
    husband = order_of(shop, {**MARIT, "first_name": "Pekka", "email": "pekka@example.org"}, customer_id=7)
    shop.run()
    forget_them(shop, MARIT["email"])
    shop.store.edit(husband, status="completed")
    shop.later(hours=2)
    shop.run()
    assert facts(shop, husband).order.customer.first_name == "Pekka"
    assert facts(shop, husband).erased is None


def test_who_is_named_by_phone_alone_is_found_by_their_e_mail_too(shop: World) -> None:
    order_of(shop, MARIT, customer_id=7)
    order_of(shop, {**MARIT, "phone": ""}, customer_id=7)
    shop.run()
    assert len(forget_them(shop, "050 555 0142").orders) == 2
    assert personal_data_in(everything_kept(shop)) == []


def test_nobody_else_is_touched(shop: World) -> None:
    order_of(shop, MARIT)
    other = shop.store.add_order()
    shop.run()
    before = facts(shop, other)
    forget_them(shop, MARIT["email"])
    assert facts(shop, other) == before
    assert before.order.customer.email is not None


def test_what_may_or_may_not_have_gone_out_is_given_up_and_its_words_are_erased(shop: World) -> None:
    order_of(shop, MARIT)
    shop.run()
    with shop.shop.database.write() as connection:
        values = {"state": "unknown", "final": False, "intent": json.dumps({"text": "Dear Marit"}).encode()}
        connection.execute(sa.update(tables.followups).where(tables.followups.c.step == "1").values(**values))
    forget_them(shop, MARIT["email"])
    assert personal_data_in(everything_kept(shop)) == []
    assert shop.reasons("skipped") == [forgetting.GIVEN_UP]


def test_a_call_that_was_under_way_meanwhile_and_got_no_answer_is_not_tried_again(
    shop: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def send(*_: object) -> None:
        forget_them(shop, MARIT["email"])
        raise UnknownOutcome("no answer came")

    order = order_of(shop, MARIT)
    monkeypatch.setattr(shop.shop.adapter, "send_message", send)
    shop.run()
    monkeypatch.undo()
    shop.run_for(hours=2)
    assert shop.reasons("skipped") == [forgetting.GIVEN_UP]
    assert shop.messages(order) == []
    assert personal_data_in(everything_kept(shop)) == []


def test_a_call_that_was_under_way_meanwhile_and_was_answered_is_done(
    shop: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def send(*_: object) -> str:
        forget_them(shop, MARIT["email"])
        return "4711"

    order_of(shop, MARIT)
    monkeypatch.setattr(shop.shop.adapter, "send_message", send)
    shop.run()
    assert [(row.state, row.result) for row in shop.rows()][:1] == [("done", "4711")]
    assert personal_data_in(everything_kept(shop)) == []


def test_an_outcome_that_the_store_is_asked_about_meanwhile_stays_given_up(
    shop: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(*_: object) -> None:
        raise UnknownOutcome("no answer came")

    def look(*_: object) -> None:
        forget_them(shop, MARIT["email"])

    order_of(shop, MARIT)
    monkeypatch.setattr(shop.shop.adapter, "send_message", lost)
    shop.run()
    shop.later(hours=1)
    monkeypatch.setattr(shop.shop.adapter, "find_message", look)
    shop.run()
    assert shop.reasons("skipped") == [forgetting.GIVEN_UP]


def test_a_reason_that_names_them_is_taken_out_wherever_it_stands(shop: World) -> None:
    order_of(shop, MARIT)
    shop.run()
    with shop.shop.database.write() as connection:
        orders.set_aside(connection, "tea", "9", "the address 17 Heron Wharf is too long", shop.clock())
        connection.execute(sa.update(tables.followups).values(reason="marit.oksanen@example.org is refused"))
        connection.execute(sa.update(tables.stores).values(error="Marit Oksanen cannot be read"))
    forget_them(shop, MARIT["email"])
    assert personal_data_in(everything_kept(shop)) == []


def test_who_is_not_known_yet_is_forgotten_when_they_come(shop: World) -> None:
    assert forget_them(shop, MARIT["email"]).all == ()
    order = order_of(shop, MARIT)
    shop.run()
    assert personal_data_in(everything_kept(shop)) == []
    assert shop.messages(order) == []


def test_taken_off_the_list_they_are_a_customer_like_any_other_again(shop: World) -> None:
    order = order_of(shop, MARIT)
    shop.run()
    forget_them(shop, MARIT["email"])
    with shop.shop.database.write() as connection:
        assert suppressions.remove(connection, [mark(address_of(MARIT["email"]), shop.shop.secret)]) > 1
        assert suppressions.every(connection) == []
    shop.store.edit(order, status="completed")
    shop.later(hours=2)
    shop.run()
    assert facts(shop, order).order.customer.first_name == "Marit"


# The suppression list -----------------------------------------------------------------------------------------


def test_who_is_on_the_list_gets_no_message_but_notes_are_written(shop: World) -> None:
    suppress(shop, "MARIT.oksanen@example.org")
    order = order_of(shop, MARIT)
    shop.run()
    assert shop.messages(order) == []
    assert shop.reasons("skipped") == ["this customer is on the suppression list since 2026-06-01"]


def test_a_phone_on_the_list_counts_with_and_without_its_countrys_code(shop: World) -> None:
    suppress(shop, "+972 50-555-0142")
    order = order_of(shop, MARIT)
    shop.run()
    assert shop.messages(order) == []


def test_who_wants_no_marketing_still_gets_the_rest(shop: World) -> None:
    suppress(shop, MARIT["email"], "marketing")
    order = order_of(shop, MARIT)
    shop.run()
    assert len(shop.messages(order)) == 1


def test_it_is_looked_at_right_before_acting(world: World) -> None:
    world.rules('- {id: later, trigger: order.placed, wait: 1 hour, actions: [send: "Thank you"]}')
    world.run()
    order = order_of(world, MARIT)
    world.run()
    suppress(world, MARIT["email"])
    world.later(hours=2)
    world.run()
    assert world.messages(order) == []


# By age -------------------------------------------------------------------------------------------------------


@pytest.fixture
def tidy(world: World) -> World:
    world.extra = "keep_for: 1 year"
    world.rules(RULES)
    world.run()
    return world


def test_an_order_that_is_older_than_keep_for_loses_its_person(tidy: World) -> None:
    order = order_of(tidy, MARIT)
    tidy.run_for(days=3)
    tidy.later(days=360)
    tidy.run()
    assert facts(tidy, order).erased is None
    tidy.later(days=10)
    tidy.run()
    assert facts(tidy, order).erased == "age"
    assert personal_data_in(everything_kept(tidy)) == []
    assert [row.state for row in tidy.rows()] == ["done", "done"]


def test_an_old_order_comes_in_without_its_person_from_the_first(world: World) -> None:
    order = order_of(world, MARIT, created=world.clock() - timedelta(days=500))
    world.extra = "keep_for: 1 year"
    world.rules(RULES)
    world.run()
    assert facts(world, order).erased == "age"
    assert personal_data_in(everything_kept(world)) == []


def test_an_order_with_something_still_to_be_done_keeps_its_person(world: World) -> None:
    world.extra = "keep_for: 1 year"
    world.rules(
        '- {id: late, trigger: order.placed, wait: 500 days, actions: [send: "Dear {{ customer.first_name }}"]}'
    )
    world.run()
    order = order_of(world, MARIT)
    world.run()
    world.later(days=400)
    world.run()
    assert facts(world, order).erased is None
    world.later(days=101)
    world.run()
    assert world.messages(order) == ["Dear Marit"]


def test_an_old_order_that_changes_again_is_kept_whole_again(tidy: World) -> None:
    order = order_of(tidy, MARIT)
    tidy.run_for(days=3)
    tidy.later(days=400)
    tidy.run()
    tidy.store.edit(order, status="completed")
    tidy.later(hours=1)
    tidy.run()
    assert facts(tidy, order).erased is None


def test_unless_told_nothing_is_erased_by_age(shop: World) -> None:
    order = order_of(shop, MARIT)
    shop.run_for(days=3)
    shop.later(days=4000)
    shop.run()
    assert facts(shop, order).erased is None
