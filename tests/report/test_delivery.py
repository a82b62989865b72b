"""How long carriers took, how often they were late, and which of them lets the shop down."""

from __future__ import annotations

from datetime import timedelta

import pytest

from adapters.sandbox.shopify import ShopifySandbox
from connector.report.delivery import Carrier, Delivery
from connector.report.frame import Frame
from rules.events import Ladders
from tests.conftest import MONDAY, World
from tests.connector.telling import TRACKING
from tests.report.conftest import account_of

NOTHING = "- id: quiet\n  trigger: order.failed\n  actions: [{ add_note: x }]\n"
Shop = tuple[World, ShopifySandbox]


def parcel(shop: Shop, company: str | None = "DHL", expected: float | None = None) -> tuple[str, str]:
    """An order leaves; gives its id and the parcel's. `expected` in days."""
    world, store = shop
    placed = store.add_order()
    estimated = world.clock() + timedelta(days=expected) if expected is not None else None
    sent = store.fulfill(placed, company=company, tracking_number="TRACK1", estimated_delivery_at=estimated)
    return placed, sent


@pytest.mark.every_database
def test_how_long_a_carrier_takes_is_told_by_its_own_dates(shopify: Shop) -> None:
    world, store = shopify
    world.rules(NOTHING)
    world.run()
    parcels = [parcel(shopify) for _ in range(3)]
    world.run()
    for days, (order, sent) in zip((1, 2, 4), parcels, strict=True):
        store.carrier(order, sent, "DELIVERED", at=MONDAY + timedelta(days=days))
    world.later(days=5)
    world.run()
    (carrier,) = account_of(world).delivery.by_parcels
    assert (carrier.name, carrier.parcels) == ("DHL", 3)
    assert carrier.median == pytest.approx(2)
    assert carrier.nine_tenths == pytest.approx(3.6)
    assert carrier.by_days[:6] == [0, 1, 1, 0, 1, 0]


@pytest.mark.every_database
def test_a_parcel_is_late_when_its_date_has_passed_whether_it_came_or_not(shopify: Shop) -> None:
    world, store = shopify
    world.rules(NOTHING)
    world.run()
    in_time, late, missing, to_come = (parcel(shopify, expected=days) for days in (3, 3, 3, 30))
    store.carrier(*in_time, "DELIVERED", at=MONDAY + timedelta(days=2))
    store.carrier(*late, "DELIVERED", at=MONDAY + timedelta(days=4))
    store.carrier(*missing, "IN_TRANSIT")
    store.carrier(*to_come, "IN_TRANSIT")
    world.later(days=5)
    world.run()
    (carrier,) = account_of(world).delivery.by_parcels
    assert (carrier.parcels, carrier.expected, carrier.late) == (4, 3, 2)


@pytest.mark.every_database
def test_a_parcel_that_came_back_or_could_not_be_handed_over_has_failed_once(shopify: Shop) -> None:
    world, store = shopify
    world.rules(NOTHING)
    world.run()
    good, bad = parcel(shopify), parcel(shopify)
    store.carrier(*good, "DELIVERED")
    store.carrier(*bad, "ATTEMPTED_DELIVERY")
    store.carrier(*bad, "FAILURE")
    world.later(hours=2)
    world.run()
    (carrier,) = account_of(world).delivery.by_parcels
    assert (carrier.followed, carrier.failed) == (2, 1)


def test_a_carrier_is_one_however_its_name_is_written_and_nobody_is_a_carrier_too(shopify: Shop) -> None:
    world, _ = shopify
    world.rules(NOTHING)
    world.run()
    for company in ("DHL", "dhl", None):
        parcel(shopify, company)
    world.run()
    carriers = account_of(world).delivery.by_parcels
    assert {carrier.name.upper(): carrier.parcels for carrier in carriers} == {"DHL": 2, "": 1}


def test_where_no_carrier_tells_the_shops_own_word_for_delivered_counts(world: World) -> None:
    world.rules(NOTHING)
    world.run()
    order = world.store.add_order()
    left = int(world.clock().timestamp())
    item = {"tracking_id": "1", "tracking_provider": "Israel Post", "tracking_number": "RR1", "date_shipped": str(left)}
    world.store.set_meta(order, TRACKING, [item])
    world.run()
    world.later(days=3)
    world.store.set_status(order, "completed")
    world.run()
    (carrier,) = account_of(world).delivery.by_parcels
    assert carrier.median == pytest.approx(3, abs=0.05)
    assert carrier.followed == 0


def counted(**carriers: tuple[int, int]) -> Delivery:
    """Carriers of which so many parcels, of so many, were late."""
    delivery = Delivery(Frame(MONDAY, MONDAY, timedelta(days=14), calendar(), Ladders()))
    for name, (late, expected) in carriers.items():
        delivery.carriers[name] = Carrier(name, parcels=expected, expected=expected, late=late)
    return delivery


def calendar():  # type: ignore[no-untyped-def]
    from zoneinfo import ZoneInfo

    from rules.timing import Calendar

    return Calendar(ZoneInfo("Asia/Jerusalem"))


def test_the_carrier_that_lets_the_shop_down_is_named_when_that_is_more_than_chance() -> None:
    worst = counted(slow=(30, 100), quick=(5, 100), quicker=(4, 100)).worst_late
    assert worst is not None
    assert worst.name == "slow"


def test_nobody_is_named_where_it_may_be_chance() -> None:
    assert counted(one=(6, 100), other=(5, 100)).worst_late is None
    assert counted(one=(19, 19), other=(0, 100)).worst_late is None  # below the number from which it is said
    assert counted(only=(50, 100)).worst_late is None


def test_of_few_parcels_no_share_is_told() -> None:
    few, enough = Carrier("few", expected=19, late=19), Carrier("enough", expected=20, late=5)
    assert few.late_share is None
    assert enough.late_share is not None
    assert enough.late_share.value == 0.25
