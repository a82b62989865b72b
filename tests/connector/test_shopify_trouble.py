"""What goes wrong with Shopify stores: it has a name, that store waits, the others go on, and nothing is lost by it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from adapters.sandbox.clock import MovableClock
from adapters.sandbox.shopify import SCOPES, ShopifySandbox, runs
from adapters.shopify import bulk
from tests.conftest import MONDAY
from tests.connector.test_shopify_stores import ON_ABANDONED, ON_PLACED, Street, asked

TOKENS = "/admin/oauth/access_token"
APP = "client_id: sandbox-client\n    client_secret: shpss_sandbox"


@pytest.fixture
def street(tmp_path: Path) -> Iterator[Street]:
    clock = MovableClock(MONDAY)
    with (
        ShopifySandbox(clock=clock, restore_rate=None) as mugs,
        ShopifySandbox(clock=clock, restore_rate=None, domain="plates.myshopify.com") as plates,
    ):
        street = Street(tmp_path, clock, {"mugs": mugs, "plates": plates})
        yield street
        street.close()


@pytest.fixture
def mugs(street: Street) -> ShopifySandbox:
    return street.shops["mugs"]


def begin(street: Street, rules: str = ON_PLACED) -> None:
    """From here on both stores are looked after."""
    street.open(rules)
    for name in street.shops:
        assert street.run(name).error is None
    street.later(minutes=5)


# A store that does not let us in ----------------------------------------------------------------------------

CAUSES = {
    "401": "the access token is wrong, revoked, or another shop's",
    "402": "the shop is frozen",
    "403": "The app may lack a scope",
    "404": "Shopify knows no such shop",
    "423": "Shopify has locked the shop",
    "429": "too many requests",
    "430": "too many requests",
    "500": "down, overloaded or under maintenance",
    "html": "a web page instead of JSON: a proxy or firewall stands in between",
    "redirect": "redirects to https://another-shop.example.com",
    "reset": "broke the connection",
    "truncated": "broke off in the middle",
    "wrong_json": "oddly",
    "THROTTLED": "asks to slow down",
    "INTERNAL_SERVER_ERROR": "failed at 'orders': INTERNAL_SERVER_ERROR",
}


@pytest.mark.parametrize("how", CAUSES)
def test_trouble_has_a_name_the_store_waits_the_other_goes_on_and_nothing_is_lost(
    street: Street, mugs: ShopifySandbox, how: str
) -> None:
    begin(street)
    mugs.fail_next(how, times=None)
    orders = {name: shop.add_order() for name, shop in street.shops.items()}
    assert CAUSES[how] in str(street.run("mugs").error)
    waits_until = street.state("mugs").retry_at
    assert waits_until is not None
    assert street.clock() < waits_until
    assert street.run("plates").error is None
    assert street.shops["plates"].note(orders["plates"]) == "Hello"
    mugs.faults.clear()
    street.later(hours=2)
    assert street.run("mugs").error is None
    assert street.state("mugs").retry_at is None
    assert mugs.note(orders["mugs"]) == "Hello"


def test_a_redirect_is_not_followed_with_the_token(street: Street, mugs: ShopifySandbox) -> None:
    begin(street)
    plates = street.shops["plates"]
    before = len(plates.requests)
    mugs.fail_next("redirect", times=None)
    street.run("mugs")
    assert len(plates.requests) == before


@pytest.mark.parametrize("how", ["INTERNAL_SERVER_ERROR", "THROTTLED", "reset", "502"])
def test_a_passing_trouble_of_a_read_is_not_even_noticed(street: Street, mugs: ShopifySandbox, how: str) -> None:
    begin(street)
    order = mugs.add_order()
    mugs.fail_next(how, match=runs("Orders"))
    assert street.run().error is None
    assert mugs.note(order) == "Hello"


# Access -----------------------------------------------------------------------------------------------------


def test_a_token_revoked_in_mid_run_is_renewed_once_and_the_work_goes_on(street: Street, mugs: ShopifySandbox) -> None:
    street.access = APP
    begin(street)
    orders = [mugs.add_order() for _ in range(3)]
    mugs.before_next("OrderNoteWrite", mugs.revoke_token)
    assert street.run().error is None
    assert [mugs.note(order) for order in orders] == ["Hello"] * 3
    assert [request.path for request in mugs.requests].count(TOKENS) == 2


def test_an_app_that_is_granted_no_token_any_more_waits_and_the_staff_is_told_once(
    street: Street, mugs: ShopifySandbox
) -> None:
    street.access = APP
    begin(street)
    mugs.revoke_token()
    mugs.fail_next("401", match=lambda request: request.path == TOKENS, times=None)
    for _ in range(3):
        assert street.run().error is not None
        street.later(hours=1)
    assert len(street.told) == 1


def test_a_fixed_token_that_is_revoked_is_not_hammered_with(street: Street, mugs: ShopifySandbox) -> None:
    begin(street)
    mugs.revoke_token()
    assert asked(mugs, street.run) == ["Orders"]
    assert "the access token is wrong, revoked" in street.told[0]


def test_without_the_scope_to_read_orders_the_scope_is_named(street: Street, mugs: ShopifySandbox) -> None:
    begin(street)
    mugs.set_scopes(*(scope for scope in SCOPES if not scope.endswith("_orders")))
    error = str(street.run().error)
    assert "read_orders" in error
    assert "Add what is missing to the app's scopes" in error


def test_without_the_scope_to_write_orders_nothing_is_lost(street: Street, mugs: ShopifySandbox) -> None:
    begin(street)
    mugs.set_scopes(*(scope for scope in SCOPES if scope != "write_orders"))
    order = mugs.add_order()
    assert "write_orders" in str(street.run().error)
    mugs.set_scopes(*SCOPES)
    street.later(hours=2)
    assert street.run().error is None
    assert mugs.note(order) == "Hello"


@pytest.mark.parametrize("scope", ["read_returns", "read_products", "read_customers"])
def test_without_a_scope_for_a_part_of_an_order_the_rest_is_looked_after(
    street: Street, mugs: ShopifySandbox, scope: str
) -> None:
    mugs.set_scopes(*(each for each in SCOPES if each not in (scope, scope.replace("read_", "write_"))))
    begin(street)
    order = mugs.add_order()
    assert street.run().error is None
    assert mugs.note(order) == "Hello"


# What others do at the same time ----------------------------------------------------------------------------


@pytest.mark.parametrize("operation", ["Claim", "OrderNote", "OrderNoteWrite"])
def test_what_the_merchant_writes_into_the_note_meanwhile_stays(
    street: Street, mugs: ShopifySandbox, operation: str
) -> None:
    begin(street)
    order = mugs.add_order(note="Gift")
    mugs.before_next(operation, lambda: mugs.set_note(order, "Gift, wrap in blue"))
    street.run()
    note = str(mugs.note(order))
    assert note.count("Gift, wrap in blue") == 1
    assert note.count("Hello") == 1
    assert [row.state for row in street.rows()] == ["done"]


def test_two_rules_that_write_at_the_same_moment_both_stand_in_the_note(street: Street, mugs: ShopifySandbox) -> None:
    begin(
        street,
        """
        - { id: one, trigger: order.placed, once_per: order, actions: [ { add_note: One } ] }
        - { id: two, trigger: order.paid, once_per: order, actions: [ { add_note: Two } ] }
        """,
    )
    order = mugs.add_order(note="Gift")
    street.run()
    assert sorted(str(mugs.note(order)).split("\n\n")) == ["Gift", "One", "Two"]


def test_what_only_the_carrier_tells_is_found_by_the_sweep(street: Street, mugs: ShopifySandbox) -> None:
    begin(street, "- { id: there, trigger: order.delivered, actions: [ { add_note: Arrived } ] }")
    order = mugs.add_order()
    parcel = mugs.fulfill(order, tracking_number="RR1")
    street.later(minutes=10)
    mugs.add_order()  # what changed last is looked at in every poll
    street.run()
    mugs.carrier(order, parcel, "DELIVERED")
    street.later(minutes=10)
    street.run()
    assert mugs.note(order) is None
    street.later(hours=1)
    street.run()
    assert mugs.note(order) == "Arrived"


def test_an_order_that_no_page_holds_is_seen_whole(street: Street, mugs: ShopifySandbox) -> None:
    begin(
        street,
        """
        - id: count
          trigger: order.delivered
          actions:
            - add_note: "{{ items | length }} items in {{ order.shipments | length }} parcels"
        """,
    )
    items = [{"title": f"Mug {n}", "sku": f"MUG-{n}", "price": "1.00"} for n in range(60)]
    order = mugs.add_order(items=items)
    lines = mugs.line_ids(order)
    for n in range(6):
        parcel = mugs.fulfill(order, dict.fromkeys(lines[n * 10 : n * 10 + 10], 1), tracking_number=f"RR{n}")
        for hour in range(20):
            mugs.carrier(order, parcel, "IN_TRANSIT", at=street.clock() - timedelta(hours=30 - hour))
        mugs.carrier(order, parcel, "DELIVERED", move_updated=True)
    street.run()
    assert mugs.note(order) == "60 items in 6 parcels"


# Large stores, and the little that one may see of them -------------------------------------------------------


class Killed(BaseException):
    """The machine goes down."""


def test_a_first_walk_over_a_large_store_that_is_killed_in_the_middle_goes_on_there(
    street: Street, mugs: ShopifySandbox
) -> None:
    street.timeout = 60.0  # the sandbox writes the file while it answers
    many = bulk.FROM + 1
    ids = [mugs.add_order(created_at=street.clock() - timedelta(minutes=n + 10)) for n in range(many)]
    street.open(ON_PLACED)
    taken_in: list[int] = []

    def pull_the_plug(done: int, total: int | None) -> None:
        assert total == many
        taken_in.append(done)
        if done >= many // 2:
            raise Killed

    with pytest.raises(Killed):
        street.run(progress=pull_the_plug)
    street.open(ON_PLACED)
    rest: list[int] = []
    assert street.run(progress=lambda done, total: rest.append(done)).error is None
    assert taken_in[-1] + max(rest) <= many + 2 * bulk.AT_ONCE
    assert [request.operation for request in mugs.requests].count("BulkRun") == 1
    assert street.known(ids) == many
    assert street.planned() == 0
    street.later(minutes=5)
    order = mugs.add_order()
    street.run()
    assert mugs.note(order) == "Hello"


LATER = "- { id: later, trigger: order.placed, wait: 61 days, actions: [ { add_note: Two months } ] }"
LESS = tuple(scope for scope in SCOPES if scope != "read_all_orders")


def test_an_order_too_old_for_us_to_be_shown_is_not_taken_for_gone(street: Street, mugs: ShopifySandbox) -> None:
    mugs.set_scopes(*LESS)
    begin(street, LATER)
    order = mugs.add_order()
    street.run()
    street.later(days=50)
    mugs.add_order()
    street.run()
    for _ in range(4):
        street.later(days=11)
        assert street.run().error is None
    [row] = [row for row in street.rows() if row.order_id == order]
    assert row.state == "pending"
    assert "only the orders of the last 60 days" in str(row.reason)
    mugs.set_scopes(*SCOPES)
    street.later(days=1)
    street.run()
    assert mugs.note(order) == "Two months"


def test_an_order_that_would_be_shown_and_is_not_is_gone_after_a_day(street: Street, mugs: ShopifySandbox) -> None:
    mugs.set_scopes(*LESS)
    begin(street, LATER.replace("61 days", "30 days"))
    earlier = mugs.add_order()
    order = mugs.add_order()
    street.run()
    street.later(days=30)
    mugs.delete(order)
    street.run()
    street.later(hours=25)
    street.run()
    rows = {row.order_id: row for row in street.rows()}
    assert rows[earlier].state == "done"
    assert rows[order].state == "skipped"
    assert "gone from the store" in str(rows[order].reason)


def test_a_shop_without_an_order_in_two_months_is_no_trouble(street: Street, mugs: ShopifySandbox) -> None:
    mugs.set_scopes(*LESS)
    begin(street, LATER)
    mugs.add_order()
    street.run()
    for _ in range(3):
        street.later(days=31)
        assert street.run().error is None


def test_a_store_that_shows_nothing_of_what_it_has_is_in_trouble(street: Street, mugs: ShopifySandbox) -> None:
    begin(street, LATER)
    gone = mugs.add_order()
    street.later(hours=2)
    mugs.add_order()
    street.run()
    street.later(hours=2)
    mugs.delete(gone)
    mugs.fail_next("empty_list", match=runs("Visible"), times=None)
    assert "shows no orders at all" in str(street.run().error)


def test_trouble_with_checkouts_leaves_the_orders_their_due(street: Street, mugs: ShopifySandbox) -> None:
    begin(street, f"{ON_PLACED}\n{ON_ABANDONED}")
    order = mugs.add_order()
    mugs.fail_next("INTERNAL_SERVER_ERROR", match=runs("Checkouts"), times=None)
    assert "checkouts" in str(street.run().error)
    mugs.faults.clear()
    street.later(hours=2)
    street.run()
    assert mugs.note(order) == "Hello"
