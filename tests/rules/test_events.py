"""What happened to an order: what each look at it adds to its journal."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from adapters.model import Customer, LineItem, Milestone, Money, Order, Refund, Return, Shipment
from rules.events import (
    Event,
    Journal,
    Ladders,
    Rung,
    Sight,
    assumed_delivery,
    next_lateness,
    observe,
    parse_rung,
    standing,
)
from rules.timing import Calendar, Duration, parse_business_hours

NOW = datetime(2026, 6, 1, 9, tzinfo=UTC)
"""A Monday, noon in Jerusalem."""
CALENDAR = Calendar(ZoneInfo("Asia/Jerusalem"), parse_business_hours({"sun-thu": "09:00-18:00"}))
PARCEL = "shipment.shipped"


def hours(count: float) -> timedelta:
    return timedelta(hours=count)


def order(status: str = "processing", **changed: Any) -> Order:
    usual: dict[str, Any] = {
        "id": "7",
        "number": "1007",
        "status": status,
        "created_at": NOW - hours(1),
        "modified_at": NOW,
        "total": Money(Decimal(100), "ILS"),
        "customer": Customer(email="noa@example.com"),
    }
    return Order(**usual | changed)


def parcel(id_: str = "p1", **known: Any) -> Shipment:
    return Shipment(id=id_, tracking_number="T" + id_, **known)


def refund(amount: int, created_at: datetime | None = None) -> Refund:
    return Refund(id=f"r{amount}", amount=Money(Decimal(amount), "ILS"), created_at=created_at)


def ladders(*delivered: tuple[str, str], shipped: tuple[tuple[str, str], ...] | None = None) -> Ladders:
    usual = Ladders()
    return Ladders(
        tuple(parse_rung(*rung) for rung in shipped) if shipped else usual.shipped_when,
        tuple(parse_rung(*rung) for rung in delivered) if delivered else usual.delivered_when,
    )


def look(
    seen: Order,
    journal: Journal = (),
    at: datetime = NOW,
    by: Ladders | None = None,
    baseline: datetime | None = None,
) -> Journal:
    return observe(seen, journal, Sight(at, by or Ladders(), CALENDAR, baseline))


def kinds(journal: Journal) -> list[str]:
    return [event.kind for event in journal]


def last(journal: Journal, kind: str) -> Event:
    return [event for event in journal if event.kind == kind][-1]


# Whose time ---------------------------------------------------------------------------------------------------


def test_a_first_look_tells_what_the_platform_dates_and_what_it_does_not() -> None:
    journal = look(order(paid_at=NOW - hours(0.5)))
    assert journal == (
        Event("order.placed", NOW - hours(1)),
        Event("order.paid", NOW - hours(0.5)),
        Event("order.status:processing", NOW, "seen", dated=False),
    )


def test_a_second_look_at_the_same_order_adds_nothing() -> None:
    journal = look(order("completed", paid_at=NOW, completed_at=NOW, shipments=(parcel(),)))
    assert (
        look(order("completed", paid_at=NOW, completed_at=NOW, shipments=(parcel(),)), journal, NOW + hours(5))
        is journal
    )


def test_a_date_ahead_of_our_clock_counts_as_now() -> None:
    journal = look(order("completed", created_at=NOW + hours(1), completed_at=NOW + hours(2)))
    assert [event.at for event in journal] == [NOW] * len(journal)
    assert all(event.dated for event in journal)


def test_what_was_seen_stays_when_later_edits_move_dates() -> None:
    journal = look(order("completed", completed_at=NOW - hours(1), paid_at=NOW - hours(1)))
    moved = order("completed", created_at=NOW, completed_at=NOW, paid_at=NOW, modified_at=NOW + hours(5))
    assert look(moved, journal, NOW + hours(6)) is journal


def test_a_payment_that_becomes_known_later_is_an_event_then() -> None:
    journal = look(order("on-hold"))
    journal = look(order("on-hold", paid_at=NOW + hours(2)), journal, NOW + hours(3))
    assert journal[-1] == Event("order.paid", NOW + hours(2))


# Statuses -----------------------------------------------------------------------------------------------------


def test_any_custom_status_is_an_event() -> None:
    journal = look(order("ready-for-pickup"), look(order()), NOW + hours(1))
    assert journal[-1] == Event("order.status:ready-for-pickup", NOW + hours(1), "seen", dated=False)


def test_a_status_that_is_entered_again_is_entered_in_the_journal_again() -> None:
    journal = look(order("on-hold"))
    journal = look(order("processing"), journal, NOW + hours(1))
    journal = look(order("on-hold"), journal, NOW + hours(2))
    assert last(journal, "order.status:on-hold").at == NOW + hours(2)
    assert kinds(journal).count("order.status:on-hold") == 2


def test_cancelled_is_dated_where_the_platform_dates_it() -> None:
    assert last(look(order("cancelled", cancelled_at=NOW - hours(2))), "order.status:cancelled").at == NOW - hours(2)


def test_a_second_completion_has_its_own_date() -> None:
    journal = look(order("completed", completed_at=NOW - hours(1)))
    journal = look(order("processing", completed_at=NOW - hours(1)), journal, NOW + hours(1))
    journal = look(order("completed", completed_at=NOW + hours(2)), journal, NOW + hours(3))
    assert last(journal, "order.status:completed").at == NOW + hours(2)
    assert last(journal, "order.delivered").at == NOW + hours(2)


def test_a_second_completion_is_not_dated_by_the_first() -> None:
    for first_date in (NOW - hours(1), NOW + hours(0.5)):  # the latter by a clock ahead of ours
        journal = look(order("completed", completed_at=first_date))
        journal = look(order("processing", completed_at=first_date), journal, NOW + hours(1))
        journal = look(order("completed", completed_at=first_date), journal, NOW + hours(3))
        again = last(journal, "order.status:completed")
        assert (again.at, again.source, again.dated) == (NOW + hours(3), "seen", False)


# Drafts and the trash -----------------------------------------------------------------------------------------


def test_a_draft_is_placed_when_it_is_first_seen_as_an_order() -> None:
    draft = order("checkout-draft", draft=True, customer=Customer())
    journal = look(draft)
    assert kinds(journal) == ["order.drafted"]
    assert look(draft, journal, NOW + hours(1)) is journal
    journal = look(order("processing", paid_at=NOW + hours(2)), journal, NOW + hours(3))
    assert last(journal, "order.placed") == Event("order.placed", NOW + hours(3), "seen", dated=False)
    assert last(journal, "order.paid").at == NOW + hours(2)


def test_a_draft_from_before_our_care_that_is_bought_within_it_is_new() -> None:
    journal = look(order("checkout-draft", draft=True), baseline=NOW)
    journal = look(order("processing"), journal, NOW + hours(1))
    assert not last(journal, "order.placed").old


def test_nothing_happens_to_an_order_in_the_trash_and_restoring_it_is_no_event() -> None:
    journal = look(order())
    assert look(order("trash", trashed=True), journal, NOW + hours(1)) is journal
    assert look(order(), journal, NOW + hours(2)) is journal


# Refunds ------------------------------------------------------------------------------------------------------


def test_a_part_given_back_is_no_refund() -> None:
    assert "order.refunded" not in kinds(look(order(refunds=(refund(99),))))


def test_parts_that_make_up_the_whole_are_a_refund_and_only_one() -> None:
    journal = look(order(refunds=(refund(60),)))
    both = order(refunds=(refund(60, NOW), refund(40, NOW + hours(1))))
    journal = look(both, journal, NOW + hours(2))
    assert last(journal, "order.refunded") == Event("order.refunded", NOW + hours(1))
    assert look(both, journal, NOW + hours(9)) is journal


def test_a_refund_that_the_platform_does_not_date_is_when_we_saw_it() -> None:
    journal = look(order("refunded", refunds=(refund(100),)), look(order()), NOW + hours(2))
    assert last(journal, "order.refunded") == Event("order.refunded", NOW + hours(2), "seen", dated=False)
    assert last(journal, "order.status:refunded").at == NOW + hours(2)


def test_the_status_alone_is_a_refund_too() -> None:
    assert "order.refunded" in kinds(look(order("refunded")))


def stands(seen: Order, journal: Journal, kind: str, subject: str | None = None) -> Event | None:
    return standing(seen, journal, Ladders()).get((kind, subject))


def test_each_part_that_is_given_back_is_an_event_and_the_latest_counts() -> None:
    once = order(refunds=(refund(10, NOW),))
    journal = look(once)
    assert look(once, journal, NOW + hours(1)) is journal
    twice = order(refunds=(refund(20, NOW + hours(2)), refund(10, NOW)))  # the newest first, as some list them
    journal = look(twice, journal, NOW + hours(3))
    event = stands(twice, journal, "order.partially_refunded")
    assert event is not None
    assert (event.at, event.dated) == (NOW + hours(2), True)
    assert kinds(journal).count("order.partially_refunded") == 2


def test_a_part_that_the_platform_does_not_date_is_when_we_saw_it() -> None:
    seen = order(refunds=(refund(10),))
    event = stands(seen, look(seen, look(order()), NOW + hours(1)), "order.partially_refunded")
    assert event == Event("order.partially_refunded", NOW + hours(1), "seen", dated=False, subject="r10")


def test_once_all_is_given_back_no_part_counts_any_more() -> None:
    journal = look(order(refunds=(refund(60, NOW),)))
    both = order(refunds=(refund(60, NOW), refund(40, NOW + hours(1))))
    journal = look(both, journal, NOW + hours(2))
    assert stands(both, journal, "order.partially_refunded") is None
    assert stands(both, journal, "order.refunded") is not None


def test_goods_taken_back_without_money_are_no_refund() -> None:
    assert "order.partially_refunded" not in kinds(look(order(refunds=(refund(0, NOW),))))


# Returns ------------------------------------------------------------------------------------------------------


def sent_back(status: str = "requested", id_: str = "b1", at: datetime | None = NOW) -> Return:
    return Return(id=id_, status=status, created_at=at)


@pytest.mark.parametrize("status", ["requested", "open"])
def test_a_return_is_dated_by_its_request_and_seen_once(status: str) -> None:
    seen = order(returns=(sent_back(status),))
    journal = look(seen, at=NOW + hours(1))
    assert last(journal, "order.return_requested") == Event("order.return_requested", NOW, subject="b1")
    assert look(order(returns=(sent_back("open"),)), journal, NOW + hours(2)) is journal


def test_another_return_is_a_newer_event() -> None:
    both = order(returns=(sent_back("closed"), sent_back(id_="b2", at=NOW + hours(5))))
    journal = look(both, look(order(returns=(sent_back(),))), NOW + hours(6))
    event = stands(both, journal, "order.return_requested")
    assert event is not None
    assert event.at == NOW + hours(5)


@pytest.mark.parametrize("status", ["declined", "canceled"])
def test_a_return_that_comes_to_nothing_counts_no_more(status: str) -> None:
    journal = look(order(returns=(sent_back(),)))
    assert stands(order(returns=(sent_back(status),)), journal, "order.return_requested") is None
    assert "order.return_requested" not in kinds(look(order(returns=(sent_back(status),))))


# Abandoned checkouts ------------------------------------------------------------------------------------------


def checkout(**changed: Any) -> Order:
    return order("checkout-draft", **{"draft": True, "modified_at": NOW - hours(0.5), **changed})


def test_a_checkout_was_abandoned_when_it_was_last_touched() -> None:
    journal = look(checkout())
    assert kinds(journal) == ["order.drafted", "checkout.abandoned"]
    assert journal[-1] == Event("checkout.abandoned", NOW - hours(0.5))
    assert look(checkout(), journal, NOW + hours(1)) is journal


def test_each_edit_of_a_checkout_is_a_newer_event() -> None:
    journal = look(checkout(modified_at=NOW + hours(2)), look(checkout()), NOW + hours(3))
    event = stands(checkout(), journal, "checkout.abandoned")
    assert event is not None
    assert event.at == NOW + hours(2)


def test_a_checkout_that_becomes_an_order_is_abandoned_no_more() -> None:
    journal = look(order(), look(checkout()), NOW + hours(1))
    assert stands(checkout(), journal, "checkout.abandoned") is not None
    assert stands(order(), journal, "checkout.abandoned") is None
    assert last(journal, "order.placed").at == NOW + hours(1)


@pytest.mark.parametrize(
    "nobodys", [{"customer": Customer()}, {"source": "admin"}], ids=["out of reach", "written by the staff"]
)
def test_what_no_customer_who_can_be_reached_has_left_is_not_abandoned(nobodys: dict[str, Any]) -> None:
    assert kinds(look(checkout(**nobodys))) == ["order.drafted"]


def test_a_telephone_is_enough_to_be_reached() -> None:
    assert "checkout.abandoned" in kinds(look(checkout(customer=Customer(phone="+972 50 000 0000"))))


def test_checkouts_from_before_our_care_are_past_until_they_are_touched_again() -> None:
    journal = look(checkout(), baseline=NOW)
    assert last(journal, "checkout.abandoned").old
    journal = look(checkout(modified_at=NOW + hours(1)), journal, NOW + hours(1))
    assert not last(journal, "checkout.abandoned").old


# A parcel's journey -------------------------------------------------------------------------------------------


def scans(*states: tuple[str, float]) -> tuple[Milestone, ...]:
    return tuple(Milestone(state, NOW + hours(hour)) for state, hour in states)


def journey(journal: Journal) -> list[tuple[str, float]]:
    """The states in the journal, and the hours after NOW at which the parcel came into them."""
    first = [event for event in journal if event.kind.startswith("shipment.") and event.kind != PARCEL]
    return [(event.kind.removeprefix("shipment."), (event.at - NOW) / hours(1)) for event in first]


def test_a_parcel_comes_into_each_state_when_the_carrier_says() -> None:
    told = scans(("confirmed", -9), ("in_transit", -8), ("in_transit", -6), ("out_for_delivery", -2))
    seen = order(shipments=(parcel(state="out_for_delivery", milestones=told),))
    journal = look(seen)
    assert journey(journal) == [("in_transit", -8), ("out_for_delivery", -2)]
    assert last(journal, "shipment.in_transit") == Event("shipment.in_transit", NOW - hours(8), subject="p1")
    assert look(seen, journal, NOW + hours(5)) is journal


def test_a_parcel_that_comes_into_a_state_again_gives_a_newer_event() -> None:
    told = scans(("in_transit", -8), ("exception", -6))
    journal = look(order(shipments=(parcel(state="exception", milestones=told),)))
    told += scans(("in_transit", 1))
    seen = order(shipments=(parcel(state="in_transit", milestones=told),))
    journal = look(seen, journal, NOW + hours(2))
    assert journey(journal) == [("in_transit", -8), ("exception", -6), ("in_transit", 1)]
    assert look(seen, journal, NOW + hours(3)) is journal


def test_a_state_that_nobody_dates_is_when_it_was_first_seen_each_time_anew() -> None:
    journal: Journal = ()
    for hour, state in enumerate(["delivery_failed", "delivery_failed", "in_transit", "delivery_failed"]):
        journal = look(order(shipments=(parcel(state=state),)), journal, NOW + hours(hour))
    assert journey(journal) == [("delivery_failed", 0), ("in_transit", 2), ("delivery_failed", 3)]
    assert not last(journal, "shipment.delivery_failed").dated


def test_a_word_of_the_platforms_own_is_no_event() -> None:
    assert journey(look(order(shipments=(parcel(state="label_printed", milestones=scans(("confirmed", -1))),)))) == []


def test_an_arrival_is_dated_by_the_parcel_and_moves_with_its_date() -> None:
    told = scans(("delivered", -3), ("in_transit", -1))  # the carrier's clerk scanned it late
    seen = order(shipments=(parcel(state="delivered", milestones=told, delivered_at=NOW - hours(2)),))
    journal = look(seen)
    assert journey(journal) == [("in_transit", -1), ("delivered", -2)]
    assert look(seen, journal, NOW + hours(1)) is journal
    moved = order(shipments=(parcel(state="delivered", delivered_at=NOW - hours(4)),))
    journal = look(moved, journal, NOW + hours(1))
    assert last(journal, "shipment.delivered").at == NOW - hours(4)


def test_an_arrival_that_nobody_dates_is_when_it_was_first_seen_until_somebody_does() -> None:
    journal = look(order(shipments=(parcel(state="delivered"),)))
    assert journey(journal) == [("delivered", 0)]
    dated = order(shipments=(parcel(state="delivered", delivered_at=NOW - hours(5)),))
    assert last(look(dated, journal, NOW + hours(1)), "shipment.delivered") == Event(
        "shipment.delivered", NOW - hours(5), subject="p1"
    )


def test_a_scan_by_a_clock_ahead_of_ours_counts_from_when_it_was_seen() -> None:
    seen = order(shipments=(parcel(state="in_transit", milestones=scans(("in_transit", 0.1))),))
    journal = look(seen)
    assert journey(journal) == [("in_transit", 0)]
    assert look(seen, journal) is journal


def test_the_journey_up_to_the_baseline_is_past() -> None:
    told = scans(("in_transit", -8), ("out_for_delivery", 1))
    journal = look(order(shipments=(parcel(state="exception", milestones=told),)), at=NOW + hours(2), baseline=NOW)
    old = {event.kind: event.old for event in journal}
    assert (old["shipment.in_transit"], old["shipment.out_for_delivery"], old["shipment.exception"]) == (
        True,
        False,
        True,
    )


# Late parcels -------------------------------------------------------------------------------------------------


def expected(at: datetime, **known: Any) -> Order:
    return order(shipments=(parcel(estimated_delivery_at=at, **known),))


def test_a_parcel_is_late_from_its_estimate_on_by_time_alone() -> None:
    due = NOW + hours(5)
    seen = expected(due)
    journal = look(seen)
    assert journey(journal) == []
    assert next_lateness(seen, NOW) == due
    journal = look(seen, journal, NOW + hours(7))
    assert last(journal, "shipment.late") == Event("shipment.late", due, subject="p1")
    assert next_lateness(seen, NOW + hours(7)) is None
    assert look(seen, journal, NOW + hours(9)) is journal


def test_an_estimate_that_moves_moves_the_lateness() -> None:
    journal = look(expected(NOW - hours(1)))
    later = expected(NOW + hours(5))
    assert look(later, journal, NOW + hours(1)) is journal
    assert stands(later, journal, "shipment.late", "p1") is None
    journal = look(later, journal, NOW + hours(6))
    assert stands(later, journal, "shipment.late", "p1") == Event("shipment.late", NOW + hours(5), subject="p1")


@pytest.mark.parametrize("over", [{"state": "delivered"}, {"delivered_at": NOW}, {"state": "returned"}], ids=str)
def test_what_has_arrived_or_comes_back_is_not_late(over: dict[str, Any]) -> None:
    journal = look(expected(NOW - hours(1)))
    assert stands(expected(NOW - hours(1)), journal, "shipment.late", "p1") is not None
    assert stands(expected(NOW - hours(1), **over), journal, "shipment.late", "p1") is None
    assert "shipment.late" not in kinds(look(expected(NOW - hours(1), **over)))
    assert next_lateness(expected(NOW + hours(1), **over), NOW) is None


def test_what_was_late_before_our_care_is_past() -> None:
    assert last(look(expected(NOW - hours(1)), baseline=NOW), "shipment.late").old


# Parcels ------------------------------------------------------------------------------------------------------


def test_each_parcel_leaves_by_itself_and_the_order_with_the_first() -> None:
    one = parcel("p1", shipped_at=NOW - hours(3))
    journal = look(order(shipments=(one,)))
    journal = look(order(shipments=(one, parcel("p2"))), journal, NOW + hours(5))
    left = {event.subject: event.at for event in journal if event.kind == PARCEL}
    assert left == {"p1": NOW - hours(3), "p2": NOW + hours(5)}
    assert [(event.at, event.source) for event in journal if event.kind == "order.shipped"] == [
        (NOW - hours(3), "shipment: present")
    ]


def test_the_status_alone_tells_that_an_order_was_shipped_and_a_parcel_tells_it_better() -> None:
    journal = look(order("shipped"))
    assert last(journal, "order.shipped").source == "status: shipped"
    journal = look(order("shipped", shipments=(parcel(shipped_at=NOW - hours(2)),)), journal, NOW + hours(1))
    assert last(journal, "order.shipped") == Event("order.shipped", NOW - hours(2), "shipment: present")


JUNE_1 = datetime(2026, 5, 31, 21, tzinfo=UTC)
"""The midnight at which the 1st of June begins in Jerusalem."""


@pytest.mark.parametrize(
    ("seen_at", "counts_from"),
    [
        (NOW, NOW),
        (JUNE_1 + hours(30), JUNE_1 + hours(24)),
        (JUNE_1 - hours(2), JUNE_1 - hours(2)),
    ],
    ids=["on the day", "after it", "announced before it"],
)
def test_of_a_parcel_with_a_date_only_the_day_counts_whole(seen_at: datetime, counts_from: datetime) -> None:
    dated = parcel(shipped_at=JUNE_1, shipped_on_day=True)
    journal = look(order(shipments=(dated,)), look(order(), at=seen_at - hours(5)), seen_at)
    assert last(journal, PARCEL).at == counts_from


def test_a_day_on_which_the_clocks_change_is_as_long_as_it_is() -> None:
    autumn = datetime(2026, 10, 24, 21, tzinfo=UTC)  # in Jerusalem, the 25th has 25 hours
    journal = look(order(shipments=(parcel(shipped_at=autumn, shipped_on_day=True),)), at=autumn + hours(99))
    assert last(journal, PARCEL).at == autumn + hours(25)


def test_a_parcel_that_vanishes_has_left_all_the_same() -> None:
    journal = look(order(shipments=(parcel(),)))
    assert look(order(), journal, NOW + hours(1)) is journal


# The ladder of delivery ---------------------------------------------------------------------------------------

FULL = ladders(("status", "delivered"), ("meta", "_delivered_at"), ("status", "completed"), ("shipped_plus", "5 days"))


def delivered(journal: Journal) -> Event | None:
    return standing(order(), journal, FULL).get(("order.delivered", None))


def test_the_first_rung_that_holds_wins_and_is_recorded_as_the_source() -> None:
    seen = order("completed", completed_at=NOW - hours(2), meta={"_delivered_at": "2026-06-01T06:00:00+00:00"})
    assert delivered(look(seen, by=FULL)) == Event("order.delivered", NOW - hours(3), "meta: _delivered_at")


def test_a_higher_rung_replaces_a_lower_and_a_lower_never_a_higher() -> None:
    journal = look(order("completed", completed_at=NOW), by=FULL)
    assert delivered(journal) == Event("order.delivered", NOW, "status: completed")
    journal = look(order("delivered"), journal, NOW + hours(1), FULL)
    assert delivered(journal) == Event("order.delivered", NOW + hours(1), "status: delivered", dated=False)
    again = look(order("completed", completed_at=NOW + hours(2)), journal, NOW + hours(2), FULL)
    assert delivered(again) == delivered(journal)


def test_by_default_completed_is_delivered_unless_the_shop_has_a_status_for_it() -> None:
    assert last(look(order("completed", completed_at=NOW)), "order.delivered").source == "status: completed"
    assert last(look(order("delivered")), "order.delivered").source == "status: delivered"
    assert "order.delivered" not in kinds(look(order("processing", shipments=(parcel(),)), at=NOW))


def test_a_status_once_left_still_counts() -> None:
    journal = look(order("completed", completed_at=NOW), by=FULL)
    journal = look(order("processing", completed_at=NOW), journal, NOW + hours(1), FULL)
    assert delivered(journal) == Event("order.delivered", NOW, "status: completed")


def test_a_delivery_date_that_is_moved_moves_the_delivery() -> None:
    journal = look(order(meta={"_delivered_at": "2026-05-31T09:00:00Z"}), by=FULL)
    moved = order(meta={"_delivered_at": "2026-06-01T08:00:00Z"})
    journal = look(moved, journal, NOW + hours(1), FULL)
    event = delivered(journal)
    assert event is not None
    assert event.at == NOW - hours(1)
    assert look(moved, journal, NOW + hours(2), FULL) is journal


def test_a_delivery_that_is_announced_counts_from_when_it_was_seen_until_its_date_has_come() -> None:
    announced = order(meta={"_delivered_at": (NOW + hours(5)).isoformat()})
    journal = look(announced, by=FULL)
    event = delivered(journal)
    assert event is not None
    assert event.at == NOW
    assert look(announced, journal, NOW + hours(1), FULL) is journal


@pytest.mark.parametrize("value", ["yes", "2026-06-01 11:00:00", "2026-06-01", "1"])
def test_a_field_that_holds_no_moment_counts_from_when_it_was_seen_and_stays(value: str) -> None:
    journal = look(order(meta={"_delivered_at": value}), look(order()), NOW + hours(1), FULL)
    assert delivered(journal) == Event("order.delivered", NOW + hours(1), "meta: _delivered_at", dated=False)
    assert look(order(meta={"_delivered_at": value}), journal, NOW + hours(2), FULL) is journal


@pytest.mark.parametrize("value", ["1780290000", "2026-06-01T08:00:00+03:00", "2026-06-01T05:00:00Z"])
def test_a_field_may_hold_a_moment_in_iso_or_unix_time(value: str) -> None:
    event = delivered(look(order(meta={"_delivered_at": value}), by=FULL))
    assert event is not None
    assert event.at == datetime(2026, 6, 1, 5, tzinfo=UTC)


@pytest.mark.parametrize("value", ["0", "no", "False", "", "0000-00-00 00:00:00"])
def test_a_field_that_says_no_is_no_delivery(value: str) -> None:
    assert delivered(look(order(meta={"_delivered_at": value}), by=FULL)) is None


def test_a_field_with_an_impossible_moment_breaks_nothing() -> None:
    event = delivered(look(order(meta={"_delivered_at": "0001-01-01T00:00:00+05:00"}), by=FULL))
    assert event is not None
    assert not event.dated


def test_an_order_with_nothing_to_ship_is_delivered_when_completed_whatever_the_ladder() -> None:
    by = ladders(("status", "delivered"))
    done = {"completed_at": NOW}
    assert "order.delivered" not in kinds(look(order("completed", **done), by=by))
    assert "order.delivered" in kinds(look(order("completed", needs_shipping=False, **done), by=by))
    assert "order.delivered" in kinds(look(order("delivered", needs_shipping=False), by=by))


def test_a_rung_that_is_taken_down_takes_its_events_with_it() -> None:
    journal = look(order("completed", completed_at=NOW))
    stricter = ladders(("status", "delivered"))
    assert ("order.delivered", None) in standing(order(), journal, Ladders())
    assert ("order.delivered", None) not in standing(order(), journal, stricter)


def test_when_the_better_rung_is_taken_down_the_lower_one_counts_as_it_did() -> None:
    journal = look(order("completed", completed_at=NOW), by=FULL)
    seen = order("completed", completed_at=NOW, meta={"_delivered_at": "2026-06-01T08:30:00Z"})
    journal = look(seen, journal, NOW + hours(1), FULL)
    assert look(seen, journal, NOW + hours(2)) is journal
    assert standing(seen, journal, Ladders())["order.delivered", None].at == NOW


# Deliveries by parcels ----------------------------------------------------------------------------------------

BY_PARCELS = ladders(("shipment", "delivered"))


def piece(id_: str, quantity: int = 1, refunded: int = 0, *, needs_shipping: bool = True) -> LineItem:
    return LineItem(
        id=id_,
        name=id_,
        quantity=quantity,
        total=Money(Decimal(10), "ILS"),
        refunded=refunded,
        needs_shipping=needs_shipping,
    )


def arrived(id_: str, hour: float, *items: tuple[str, int]) -> Shipment:
    return parcel(id_, state="delivered", delivered_at=NOW + hours(hour), items=items)


def deliveries(journal: Journal) -> list[datetime]:
    return [event.at for event in journal if event.kind == "order.delivered"]


def test_a_split_order_is_delivered_once_when_its_last_parcel_arrived() -> None:
    goods = (piece("tea", 2), piece("mug"))
    first, second = arrived("p1", -5, ("tea", 2)), arrived("p2", -1, ("mug", 1))
    half = order("completed", items=goods, shipments=(first, parcel("p2", state="in_transit", items=(("mug", 1),))))
    journal = look(half, by=BY_PARCELS, at=NOW - hours(3))
    assert deliveries(journal) == []
    whole = order("completed", items=goods, shipments=(second, first))
    journal = look(whole, journal, by=BY_PARCELS)
    assert last(journal, "order.delivered") == Event("order.delivered", NOW - hours(1), "shipment: delivered")
    assert len(deliveries(journal)) == 1
    assert kinds(journal).count("shipment.delivered") == 2
    assert look(whole, journal, NOW + hours(1), BY_PARCELS) is journal


def test_an_order_of_which_a_part_is_still_to_be_sent_is_not_delivered() -> None:
    seen = order(items=(piece("tea", 3),), shipments=(arrived("p1", -1, ("tea", 2)),))
    assert deliveries(look(seen, by=BY_PARCELS)) == []


def test_pieces_that_were_refunded_are_not_waited_for() -> None:
    seen = order(
        items=(piece("tea", 3, refunded=1), piece("mug", 1, refunded=1)), shipments=(arrived("p1", -1, ("tea", 2)),)
    )
    assert deliveries(look(seen, by=BY_PARCELS)) == [NOW - hours(1)]


def test_a_gift_card_beside_the_goods_is_in_no_parcel_and_not_waited_for() -> None:
    seen = order(
        items=(piece("tea"), piece("gift-card", needs_shipping=False)), shipments=(arrived("p1", -1, ("tea", 1)),)
    )
    assert deliveries(look(seen, by=BY_PARCELS)) == [NOW - hours(1)]


def test_an_order_refunded_in_full_is_not_delivered_by_its_parcels() -> None:
    seen = order("refunded", items=(piece("tea", 1, refunded=1),), shipments=(arrived("p1", -1, ("tea", 1)),))
    assert deliveries(look(seen, by=BY_PARCELS)) == []


def test_where_nobody_says_what_is_in_a_parcel_none_may_be_missing() -> None:
    goods = (piece("tea", 2),)
    both = (arrived("p1", -2), parcel("p2", state="in_transit"))
    journal = look(order(items=goods, shipments=both), by=BY_PARCELS)
    assert deliveries(journal) == []
    both = (arrived("p1", -2), arrived("p2", 1))
    assert deliveries(look(order(items=goods, shipments=both), journal, NOW + hours(2), BY_PARCELS)) == [NOW + hours(1)]


def test_a_parcel_that_was_returned_delivers_nothing() -> None:
    seen = order(items=(piece("tea"),), shipments=(parcel(state="returned", milestones=scans(("delivered", -5))),))
    assert deliveries(look(seen, by=BY_PARCELS)) == []


def test_an_order_that_grows_is_delivered_with_the_parcel_that_was_added() -> None:
    journal = look(order(shipments=(arrived("p1", -2),)), by=BY_PARCELS)
    journal = look(order(shipments=(arrived("p1", -2), parcel("p2"))), journal, NOW + hours(1), BY_PARCELS)
    assert deliveries(journal) == [NOW - hours(2)]
    grown = order(shipments=(arrived("p1", -2), arrived("p2", 2)))
    assert deliveries(look(grown, journal, NOW + hours(3), BY_PARCELS)) == [NOW - hours(2), NOW + hours(2)]


def test_completed_delivers_by_parcels_only_what_need_not_be_sent() -> None:
    done = {"completed_at": NOW - hours(1)}
    assert deliveries(look(order("completed", **done), by=BY_PARCELS)) == []
    assert deliveries(look(order("completed", needs_shipping=False, **done), by=BY_PARCELS)) == [NOW - hours(1)]


# Assumed deliveries -------------------------------------------------------------------------------------------


def test_an_assumed_delivery_comes_true_by_time_alone_and_says_when_to_look() -> None:
    shipped = order(shipments=(parcel(shipped_at=NOW - hours(2)),))
    journal = look(shipped, by=FULL)
    assert delivered(journal) is None
    due = NOW - hours(2) + timedelta(days=5)
    assert assumed_delivery(shipped, journal, FULL, CALENDAR, NOW) == due
    assert look(shipped, journal, due - timedelta(seconds=1), FULL) is journal
    journal = look(shipped, journal, due, FULL)
    assert delivered(journal) == Event("order.delivered", due, "assumed")
    assert assumed_delivery(shipped, journal, FULL, CALENDAR, due) is None


def test_business_days_count_to_an_assumed_delivery() -> None:
    by = ladders(("shipped_plus", "5 business days"))
    shipped = order(shipments=(parcel(shipped_at=NOW),))
    assert assumed_delivery(shipped, look(shipped, by=by), by, CALENDAR, NOW) == NOW + timedelta(days=7)


def test_news_of_a_real_delivery_replaces_an_assumed_one() -> None:
    shipped = order(shipments=(parcel(shipped_at=NOW),))
    journal = look(shipped, look(shipped, by=FULL), NOW + timedelta(days=6), FULL)
    journal = look(order("delivered", shipments=shipped.shipments), journal, NOW + timedelta(days=8), FULL)
    event = delivered(journal)
    assert event is not None
    assert (event.source, event.at) == ("status: delivered", NOW + timedelta(days=8))


def test_nothing_is_assumed_where_the_shop_does_not_ask_for_it() -> None:
    shipped = order(shipments=(parcel(shipped_at=NOW - timedelta(days=99)),))
    journal = look(shipped)
    assert "order.delivered" not in kinds(journal)
    assert assumed_delivery(shipped, journal, Ladders(), CALENDAR, NOW) is None


def test_a_parcel_from_before_our_care_may_be_assumed_to_arrive_within_it() -> None:
    shipped = order(shipments=(parcel(shipped_at=NOW - timedelta(days=3)),))
    journal = look(shipped, by=FULL, baseline=NOW)
    journal = look(shipped, journal, NOW + timedelta(days=2), FULL)
    event = delivered(journal)
    assert event is not None
    assert not event.old


def test_an_old_order_of_which_nobody_knows_when_it_was_shipped_is_never_assumed_to_arrive_now() -> None:
    by = ladders(("shipped_plus", "5 days"))
    journal = look(order("shipped"), by=by, baseline=NOW)
    journal = look(order("shipped"), journal, NOW + timedelta(days=6), by)
    assert last(journal, "order.delivered").old


# The past -----------------------------------------------------------------------------------------------------


def test_the_first_sight_of_an_old_store_is_all_past() -> None:
    seen = order(
        "completed",
        paid_at=NOW - hours(1),
        completed_at=NOW - hours(1),
        refunds=(refund(100),),
        shipments=(
            parcel(shipped_at=NOW - hours(5)),
            parcel("p2"),
            parcel("p3", shipped_at=JUNE_1, shipped_on_day=True),
        ),
    )
    journal = look(seen, at=NOW + hours(0.1), baseline=NOW)
    assert {"order.placed", "order.paid", "order.refunded", "order.shipped", "order.delivered", PARCEL} < set(
        kinds(journal)
    )
    assert all(event.old for event in journal)


def test_what_the_platform_dates_after_the_baseline_is_new() -> None:
    seen = order("completed", completed_at=NOW + hours(1))
    journal = look(seen, at=NOW + hours(2), baseline=NOW)
    assert last(journal, "order.placed").old
    assert not last(journal, "order.status:completed").old
    assert not last(journal, "order.delivered").old


def test_a_parcel_that_is_only_announced_for_tomorrow_is_past_if_the_baseline_knew_it() -> None:
    tomorrow = parcel(shipped_at=JUNE_1 + hours(24), shipped_on_day=True)
    assert last(look(order(shipments=(tomorrow,)), baseline=NOW), PARCEL).old


def test_what_happens_after_the_first_sight_is_new() -> None:
    journal = look(order("on-hold"), baseline=NOW)
    journal = look(order("processing", paid_at=NOW + hours(1)), journal, NOW + hours(1))
    assert not last(journal, "order.status:processing").old
    assert not last(journal, "order.paid").old


# Rungs as written ---------------------------------------------------------------------------------------------


def test_rungs_are_read_as_people_write_them() -> None:
    assert parse_rung("status", "wc-Delivered") == Rung("status", "delivered")
    assert parse_rung("meta", "_delivered_at") == Rung("meta", "_delivered_at")
    assert parse_rung("shipment", "present") == Rung("shipment", "present")
    assert parse_rung("shipment", "delivered") == Rung("shipment", "delivered")
    assert parse_rung("shipped_plus", "5 business days").wait == Duration(5, "business days")


@pytest.mark.parametrize(
    ("what", "value", "message"),
    [
        ("state", "x", "there is no rung 'state'; did you mean 'status'?"),
        ("weather", "x", "there is no rung 'weather'; there are status, meta, shipment, shipped_plus"),
        ("status", None, "write the status that tells it, like 'status: delivered'"),
        ("status", ["delivered"], "write the status that tells it, like 'status: delivered'"),
        ("meta", "", "write the custom field that tells it, like 'meta: _delivered_at'"),
        ("meta", True, "write the custom field that tells it, like 'meta: _delivered_at'"),
        ("shipment", "yes", "write 'shipment: present' (it has a parcel with tracking) or 'shipment: delivered'"),
    ],
)
def test_a_mistaken_rung_says_what_to_write(what: str, value: object, message: str) -> None:
    with pytest.raises(ValueError) as error:  # noqa: PT011  the message is compared whole
        parse_rung(what, value)
    assert str(error.value) == message
