"""`redirect` reaches no customer, `dry` reaches nobody at all and leaves no trace."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pydantic import SecretStr

from connector.staff import Staff, redirected
from tests.conftest import World, is_write

RULE = """
    - id: everything
      trigger: order.placed
      actions:
        - create_coupon: 10
        - send: "Hello {{ customer.first_name }}, {{ coupon.code }}"
        - add_note: Greeted
        - add_tag: greeted
"""


def test_a_redirected_message_becomes_a_private_note_where_there_is_no_mail_server(world: World) -> None:
    world.extra = "mode: redirect\nredirect_to: boss@example.com"
    world.rules(RULE)
    world.run()
    order = world.store.add_order()
    world.run()
    assert world.store.mails == []
    message, greeted = world.notes(order)
    (code,) = world.store.coupons
    assert message == (f"For boss@example.com, instead of the customer of order {order}:\n\nHello Noa, {code}")
    assert greeted == "Greeted"
    assert [row.channel for row in world.rows() if row.kind == "send"] == ["note"]


def test_a_lost_answer_to_a_redirected_message_is_settled_too(world: World) -> None:
    world.extra = "mode: redirect\nredirect_to: boss@example.com"
    world.rules(RULE)
    world.run()
    order = world.store.add_order()

    def first_note(request: object) -> bool:
        return is_write(request) and request.path.endswith("/notes")  # type: ignore[arg-type, attr-defined]

    world.store.fail_next("reset", match=first_note, after_commit=True)
    world.run_for(hours=1)
    assert len(world.notes(order)) == 2
    assert world.store.mails == []


def test_a_redirected_message_goes_by_the_staffs_mail_server_where_there_is_one(world: World) -> None:
    world.extra = "mode: redirect\nredirect_to: boss@example.com"
    world.rules(RULE)
    delivered: list[tuple[Sequence[str], str, str]] = []

    def deliver(urls: Sequence[str], title: str, body: str) -> bool:
        delivered.append((urls, title, body))
        return True

    staff = Staff((SecretStr("mailto://shop:secret@mail.example.com?to=staff@example.com"),), deliver)
    assert world.client is not None
    world.client = replace(world.client, shops=(replace(world.shop, staff=staff),))
    world.run()
    order = world.store.add_order()
    world.run()
    ((urls, _, body),) = delivered
    assert list(urls) == ["mailto://shop:secret@mail.example.com?to=boss%40example.com"]
    assert body.startswith(f"For boss@example.com, instead of the customer of order {order}:\n\nHello Noa")
    assert (world.store.mails, world.notes(order)) == ([], ["Greeted"])


def test_a_redirected_message_that_nobody_takes_waits_and_the_store_goes_on(world: World) -> None:
    world.extra = "mode: redirect\nredirect_to: mailto://boss:secret@mail.example.com"
    world.rules(RULE + RULE.replace("everything", "note").replace('- send: "Hello', '- add_note: "Hello'))
    world.run()
    world.reachable = False
    order = world.store.add_order()
    assert world.run().error is None
    assert "Greeted" in world.notes(order)
    assert world.store.mails == []
    world.reachable = True
    world.later(hours=1)
    world.run()
    assert set(world.states()) == {"done"}
    assert world.store.mails == []


def test_an_apprise_address_is_taken_as_it_is() -> None:
    staff, chat = Staff((SecretStr("json://staff.example.com"),)), SecretStr("tgram://token/chat")
    assert redirected(staff, chat) == Staff((chat,), staff.deliver)
    assert redirected(staff, SecretStr("boss@example.com")) is None
    assert redirected(staff, None) is None


def test_what_redirect_did_stays_done_when_it_goes_live(world: World) -> None:
    world.extra = "mode: redirect\nredirect_to: boss@example.com"
    world.rules(RULE)
    world.run()
    world.store.add_order()
    world.run()
    world.extra = ""
    world.open()
    world.run_for(hours=2)
    assert world.store.mails == []


def test_a_dry_run_writes_nothing_to_the_store_and_leaves_the_state_as_it_was(world: World) -> None:
    world.rules(RULE)
    world.run()
    order = world.store.add_order()
    world.close()
    database = world.folder / "aftersale.db"
    before = database.read_bytes()
    world.extra = "mode: dry"
    world.scratch = world.folder / "scratch.db"
    world.open()
    asked = world.asked(lambda: world.run_for(days=1))
    assert [request for request in asked if is_write(request)] == []
    assert world.states() == ["done"] * 4
    world.close()
    assert database.read_bytes() == before
    world.extra = ""
    world.scratch = None
    world.open()
    world.run()
    assert world.notes(order) == ["Greeted"]
    assert len(world.messages(order)) == 1


def test_a_dry_run_before_the_first_makes_no_state(world: World) -> None:
    world.extra = "mode: dry"
    world.scratch = world.folder / "scratch.db"
    world.rules(RULE)
    world.run()
    world.close()
    assert not (world.folder / "aftersale.db").exists()
