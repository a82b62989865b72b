"""Waits that come of the clock, or of the order itself: when they are over, and when nothing tells."""

from __future__ import annotations

from datetime import UTC, datetime, time
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.model import Customer, LineItem, Money, Order, Shipment
from rules.fields import Scene
from rules.timing import Calendar, Duration, parse_clock, parse_duration
from rules.waits import DaysBefore, PerUnit, StepWait, Until, in_words, over_at, spans_of

ZONE = ZoneInfo("Asia/Jerusalem")  # in 2026: +02:00, from 27 March 02:00 to 25 October 02:00 +03:00
NOON = datetime(2026, 6, 1, 12, tzinfo=ZONE)
ESTIMATE = "shipment.estimated_delivery_at"


def scene(*, quantity: int = 1, refunded: int = 0, estimate: datetime | None = None) -> Scene:
    """A line of an order and a parcel, as a rule sees them that is about one of each."""
    money = Money(Decimal(40), "ILS")
    line = LineItem(id="1", name="Lenses", quantity=quantity, refunded=refunded, total=money)
    order = Order(
        id="7",
        number="7",
        status="completed",
        created_at=NOON,
        modified_at=NOON,
        total=money,
        customer=Customer(),
        items=(line,),
    )
    return Scene(order, (Shipment(id="p1", estimated_delivery_at=estimate),), (line,), Calendar(ZONE), NOON)


def over(wait: StepWait | None, start: datetime = NOON, seen: Scene | None = None) -> str:
    """When a wait is over, on the store's clock; or why it never is."""
    end = over_at(wait, start, seen or scene())
    return end if isinstance(end, str) else f"{end.astimezone(ZONE):%Y-%m-%d %H:%M}"


def per_unit(each: str, minus: str | None = None) -> PerUnit:
    return PerUnit(parse_duration(each), parse_duration(minus) if minus else None)


def test_no_wait_is_over_at_once_and_a_span_when_it_has_passed() -> None:
    assert over(None) == "2026-06-01 12:00"
    assert over(Duration(3, "days")) == "2026-06-04 12:00"


# Per unit -----------------------------------------------------------------------------------------------------


def test_three_boxes_of_thirty_days_last_eighty_five_days_less_what_is_taken_off() -> None:
    assert over(per_unit("30 days", "5 days"), seen=scene(quantity=3)) == "2026-08-25 12:00"
    assert over(per_unit("30 days"), seen=scene(quantity=3)) == "2026-08-30 12:00"


def test_pieces_that_were_taken_back_do_not_count() -> None:
    assert over(per_unit("30 days", "5 days"), seen=scene(quantity=3, refunded=2)) == "2026-06-26 12:00"
    assert over(per_unit("30 days"), seen=scene(quantity=3, refunded=3)) == (
        "no piece of this line is left to count: all were taken back"
    )


def test_it_is_never_over_before_it_began() -> None:
    assert over(per_unit("1 week", "2 weeks")) == "2026-06-01 12:00"


def test_days_keep_the_wall_time_also_when_some_are_taken_off() -> None:
    begun = datetime(2026, 10, 1, 9, tzinfo=ZONE)
    assert over(per_unit("30 days", "5 days"), begun) == "2026-10-26 09:00"


def test_more_than_five_years_is_told_and_not_waited_for() -> None:
    assert over(per_unit("30 days"), seen=scene(quantity=100_000)) == (
        "100000 pieces at 30 days each would be over 5 years; nothing waits that long"
    )


# Until --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2026-06-01 09:59", "2026-06-01 10:00"),
        ("2026-06-01 10:00", "2026-06-02 10:00"),
        ("2026-06-01 23:00", "2026-06-02 10:00"),
        ("2026-03-26 20:00", "2026-03-27 10:00"),
        ("2026-10-24 20:00", "2026-10-25 10:00"),
    ],
)
def test_until_is_the_next_time_that_the_clock_shows_it(start: str, end: str) -> None:
    assert over(Until(time(10)), datetime.fromisoformat(start).replace(tzinfo=ZONE)) == end


def test_a_time_that_the_clock_skips_is_the_first_after_the_gap() -> None:
    assert over(Until(time(2, 30)), datetime(2026, 3, 27, 1, tzinfo=ZONE)) == "2026-03-27 03:00"


def test_a_time_that_the_clock_shows_twice_is_the_first_of_the_two() -> None:
    first, second = (datetime(2026, 10, 25, 1, 10, tzinfo=ZONE, fold=fold) for fold in (0, 1))
    assert over(Until(time(1, 30)), first) == "2026-10-25 01:30"
    assert over(Until(time(1, 30)), second) == "2026-10-26 01:30"


@given(st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC)), st.times())  # noqa: DTZ001
def test_until_is_always_later_and_at_most_a_day(start: datetime, clock: time) -> None:
    end = over_at(Until(clock), start, scene())
    assert isinstance(end, datetime)
    assert 0 < (end - start).total_seconds() <= 25 * 3600


# Days before a date -------------------------------------------------------------------------------------------


def test_days_before_a_date_are_counted_by_the_stores_days() -> None:
    arrives = datetime(2026, 6, 9, 22, 30, tzinfo=UTC)  # half past one in the night of the 10th, in the store
    seen = scene(estimate=arrives)
    assert over(DaysBefore(ESTIMATE, 2), seen=seen) == "2026-06-08 01:30"
    assert over(DaysBefore(ESTIMATE, 2, time(10)), seen=seen) == "2026-06-08 10:00"
    assert over(DaysBefore(ESTIMATE, 0, time(10)), seen=seen) == "2026-06-10 10:00"


def test_a_date_of_the_order_will_do_as_well() -> None:
    assert over(DaysBefore("order.created_at", 0, time(18))) == "2026-06-01 18:00"


def test_what_would_have_been_before_the_trigger_is_due_at_once() -> None:
    assert over(DaysBefore(ESTIMATE, 2), seen=scene(estimate=NOON)) == "2026-06-01 12:00"


def test_a_date_that_is_missing_tells_nothing() -> None:
    assert over(DaysBefore(ESTIMATE, 2)) == f"{ESTIMATE} is missing, so nothing tells when it would be due"


# Words --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wait", "written", "told"),
    [
        (Duration(4, "hours"), "4 hours", "4 hours after order.paid"),
        (per_unit("30 days"), "per_unit: 30 days", "30 days for each piece after order.paid"),
        (
            per_unit("30 days", "5 days"),
            "per_unit: 30 days, minus: 5 days",
            "30 days for each piece, less 5 days, after order.paid",
        ),
        (Until(parse_clock("9:30")), "until: 09:30", "at the next 09:30 after order.paid"),
        (DaysBefore(ESTIMATE, 1), f"days_before: {ESTIMATE}, days: 1", f"1 day before {ESTIMATE}"),
        (
            DaysBefore(ESTIMATE, 2, time(10)),
            f"days_before: {ESTIMATE}, days: 2, until: 10:00",
            f"2 days before {ESTIMATE}, at 10:00",
        ),
    ],
)
def test_a_wait_reads_as_it_was_written_and_is_told_in_words(wait: StepWait, written: str, told: str) -> None:
    assert str(wait) == written
    assert in_words(wait, "order.paid") == told


def test_a_step_that_comes_at_once_says_so() -> None:
    assert in_words(None) == "at once"
    assert in_words(None, "order.paid") == "right after order.paid"
    assert in_words(Duration(4, "hours")) == "4 hours later"
    assert in_words(Until(time(10))) == "at the next 10:00"


def test_the_spans_in_a_wait_are_known() -> None:
    assert [str(span) for span in spans_of(per_unit("30 days", "5 days"))] == ["30 days", "5 days"]
    assert spans_of(Until(time(10))) == spans_of(None) == ()
