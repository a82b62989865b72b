"""What was erased is not on the disk any more either: the files are searched, byte by byte."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import pytest
from msgspec.structs import fields

from adapters.model import Address, Customer, LineItem, Money, Order, Refund, Return, Shipment
from connector.forgetting import Request, forget
from connector.people import address_of
from connector.privacy import bare
from connector.store import sqlite
from connector.store.errors import StateError
from connector.store.orders import encode
from tests.conftest import MONDAY, World
from tests.connector.test_privacy import MARIT, RULES, order_of, personal_data_in


def bytes_on_disk(folder: Path) -> str:
    """All that the state's files hold: the database, its log, its index, its copies."""
    return "".join(file.read_bytes().decode("latin-1") for file in folder.iterdir() if "aftersale.db" in file.name)


def forget_marit(world: World) -> None:
    request = Request(frozenset({address_of(MARIT["email"])}))
    forget(world.shop.database, [request], world.shop.secret, world.clock())


@pytest.fixture
def edited(world: World) -> World:
    """A shop where the person's orders were written, rewritten and grown, among others'."""
    world.rules(RULES)
    world.run()
    mine = [order_of(world, MARIT, customer_note="Please ring twice", meta={"gift": "x" * 5000}) for _ in range(3)]
    for _ in range(20):
        world.store.add_order()
    for round_ in range(3):
        world.later(hours=1)
        for order in mine:
            world.store.edit(order, meta={"round": str(round_) * 3000})
        world.run()
    return world


def test_no_byte_of_a_forgotten_person_stays_on_the_disk(edited: World) -> None:
    assert "Heron Wharf" in bytes_on_disk(edited.folder), "the search would find it"
    forget_marit(edited)
    assert personal_data_in(bytes_on_disk(edited.folder)) == []


def test_nor_does_any_come_back_with_later_polls(edited: World) -> None:
    forget_marit(edited)
    order_of(edited, MARIT)
    edited.run_for(days=1)
    assert personal_data_in(bytes_on_disk(edited.folder)) == []


def test_nor_does_any_stay_of_what_was_kept_long_enough(world: World) -> None:
    world.extra = "keep_for: 1 year"
    world.rules(RULES)
    world.run()
    order_of(world, MARIT)
    world.run_for(days=3)
    world.later(days=400)
    world.run()
    assert personal_data_in(bytes_on_disk(world.folder)) == []


def test_copies_that_were_made_before_an_upgrade_are_deleted(edited: World) -> None:
    with closing(sqlite3.connect(edited.folder / "aftersale.db")) as state:
        state.execute("VACUUM INTO ?", (str(edited.folder / "aftersale.db.before-0002"),))
    forget_marit(edited)
    assert not (edited.folder / "aftersale.db.before-0002").exists()


def test_while_another_program_reads_the_state_it_says_that_the_disk_is_not_clean(
    edited: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "PATIENCE", 0.05)
    edited.open()
    with closing(sqlite3.connect(edited.folder / "aftersale.db")) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM orders").fetchone()
        with pytest.raises(StateError, match="still on the disk: try again"):
            forget_marit(edited)
    forget_marit(edited)
    assert personal_data_in(bytes_on_disk(edited.folder)) == []


def test_every_fact_of_an_order_is_either_kept_for_planning_or_left_out() -> None:
    """A new field of the model is left out until somebody decides that it is nobody's."""
    blank = {each.name for each in fields(Order) if getattr(_full(), each.name) == each.default}
    assert blank == set(), "the order has something in every field"
    decided = {"customer_note", "payment_url", "status_url", "payment_title", "meta", "locale"}
    assert encode(bare(_full())) == encode(bare(bare(_full())))
    left_out = {name for name in Order.__struct_fields__ if getattr(bare(_full()), name) != getattr(_full(), name)}
    assert left_out == decided | {"customer", "billing", "shipping", "shipments", "refunds"}


def _full() -> Order:
    """An order with every field filled."""
    money = Money(Decimal(10), "ILS")
    address = Address(first_name="Marit", line1="17 Heron Wharf", country="IL", phone="050-555-0142")
    return Order(
        id="7",
        number="1007",
        status="completed",
        created_at=MONDAY,
        modified_at=MONDAY,
        total=money,
        customer=Customer(id="3", email="marit@example.org", tags=("vip",), orders_count=2),
        billing=address,
        shipping=address,
        paid_at=MONDAY,
        completed_at=MONDAY,
        cancelled_at=MONDAY,
        items=(LineItem(id="1", name="Mug", quantity=1, total=money),),
        shipments=(Shipment(id="s1", tracking_number="RR1", tracking_url="https://post.example.com/RR1"),),
        refunds=(Refund(id="r1", amount=money, reason="Marit sent it back"),),
        returns=(Return(id="t1", status="open"),),
        coupons=("WELCOME",),
        tags=("late-parcel",),
        meta={"gift_message": "For Marit"},
        payment_method="card",
        payment_title="Visa",
        shipping_method="Courier",
        customer_note="Please ring twice",
        payment_url="https://shop.example.com/pay?key=1",
        status_url="https://shop.example.com/orders/1?key=1",
        source="checkout",
        locale="he",
        needs_shipping=False,
        draft=True,
        trashed=True,
        test=True,
    )
