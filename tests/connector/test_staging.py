"""What goes wrong between a shop and its copies: a clone under the same configuration, a database put back."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest

from adapters.sandbox.woocommerce import WooSandbox
from connector.people import addresses_of, mark
from connector.unsubscribing import read_token
from tests.channels.mail_server import MailServer, mail_server
from tests.conftest import MONDAY, World, is_write

RULE = """
    - id: thanks
      trigger: order.completed
      wait: 2 hours
      actions:
        - send: "Thank you, {{ customer.first_name }}"
"""


@pytest.fixture
def mail() -> Iterator[MailServer]:
    with mail_server() as server:
        yield server


@pytest.mark.every_database
def test_a_copy_that_calls_itself_what_it_was_is_refused_under_its_new_address(world: World) -> None:
    world.rules(RULE)
    world.run()
    order = world.store.add_order(status="completed")
    world.run()
    world.later(hours=3)
    with WooSandbox(clock=world.clock) as copy:
        copy.call_itself(world.store.url, world.store.store_id)
        copy.add_order(status="completed", created=MONDAY)
        world.edit = lambda config: config.replace(world.store.url, copy.url)
        world.open()
        world.run()
        assert f"its address in the configuration was {world.store.url} and is now {copy.url}" in told(world)
        assert [request for request in copy.requests if is_write(request)] == []
        assert world.run(accept_store=True).error is None
        assert [mail.order_id for mail in copy.mails] == [order]


def told(world: World) -> str:
    """What is wrong with the store, as `status` tells it."""
    return str(world.store_state().error)


@pytest.mark.every_database
def test_after_a_database_was_put_back_nobody_gets_what_was_meant_for_another_order_of_the_same_number(
    world: World,
) -> None:
    world.rules(RULE)
    world.run()
    order = world.store.add_order(status="completed", billing={"first_name": "Noa", "email": "noa@example.com"})
    other = world.store.add_order(status="completed")
    world.run()
    world.later(hours=1)
    somebody = {"first_name": "Marit", "email": "marit@example.org"}
    world.store.edit(order, status="processing", created=world.clock(), billing=somebody)
    world.run_for(days=10)
    assert world.messages(order) == []
    assert len(world.messages(other)) == 1
    assert "another customer's order than before" in str(world.reasons("pending", "skipped"))


def test_a_customers_address_that_the_shop_corrects_makes_no_other_order_of_it(world: World) -> None:
    world.rules(RULE)
    world.run()
    order = world.store.add_order(status="completed", billing={"email": "nao@example.com"})
    world.run()
    world.store.edit(order, billing={"email": "noa@example.com"})
    world.run_for(hours=3)
    assert world.messages(order) == ["Thank you, Noa"]


def test_an_order_whose_date_the_shop_corrects_is_no_other_order(world: World) -> None:
    world.rules(RULE)
    world.run()
    order = world.store.add_order(status="completed")
    world.run()
    world.store.edit(order, created=world.clock() - timedelta(days=2))
    world.run_for(hours=3)
    assert world.messages(order) == ["Thank you, Noa"]


def test_a_redirected_mail_is_the_customers_but_its_reader_can_unsubscribe_nobody(
    world: World, mail: MailServer
) -> None:
    email = f'channels: {{ email: {{ type: smtp, url: "smtp://127.0.0.1:{mail.port}", from: tal@tea.example.com }} }}'
    modes = "mode: redirect\nredirect_to: boss@example.com\nunsubscribe: https://tea.example.com/stop"
    world.extra = f"{email}\n{modes}\nsoft_opt_in: [IL]"
    world.rules(
        RULE.replace('send: "Thank', 'send: { purpose: marketing, via: email, text: "Thank').replace('}}"', '}}" }')
    )
    world.run()
    world.store.add_order(status="completed", billing={"email": "noa@example.com", "country": "IL"})
    world.run_for(hours=3)
    (letter,) = mail.read()
    assert letter["To"] == "boss@example.com"
    html = letter.get_body(("html",)).get_content()  # type: ignore[union-attr]
    assert "For boss@example.com, instead of the customer of order" in html
    assert "Thank you, Noa" in html
    (token,) = re.findall(r"https://tea\.example\.com/stop\?t=([\w-]+)", html)
    whose = read_token(world.shop.secret, token)
    assert whose is not None
    assert whose.mark != mark(min(addresses_of("noa@example.com")), world.shop.secret)
