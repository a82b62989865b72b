"""What happened to an order: what each look at it adds to its journal."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from adapters.model import Customer, Money, Order, Refund, Shipment
from rules.events import Event, Journal, Ladders, Rung, Sight, assumed_delivery, observe, parse_rung, standing
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
    journal = look(order("checkout-draft", draft=True))
    assert kinds(journal) == ["order.drafted"]
    assert look(order("checkout-draft", draft=True), journal, NOW + hours(1)) is journal
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
        ("shipment", "yes", "write 'shipment: present': the order has a parcel with tracking"),
    ],
)
def test_a_mistaken_rung_says_what_to_write(what: str, value: object, message: str) -> None:
    with pytest.raises(ValueError) as error:  # noqa: PT011  the message is compared whole
        parse_rung(what, value)
    assert str(error.value) == message
