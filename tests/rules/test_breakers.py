"""When a rule acts on so much more than usual that a person should look first."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from rules.breakers import Excess, Load, Usual, day_begins, excess_of, past_days, usual_day
from rules.timing import Calendar

BERLIN = Calendar(ZoneInfo("Europe/Berlin"))
CAIRO = Calendar(ZoneInfo("Africa/Cairo"))
NOW = datetime(2026, 6, 29, 9, 0, tzinfo=UTC)
TODAY = date(2026, 6, 29)
USUAL = Usual(steps=10, days=20)


def days_ago(*steps: tuple[int, int]) -> Mapping[date, int]:
    """What was done so many days ago."""
    return {TODAY - timedelta(days=ago): number for ago, number in steps}


def usual(*steps: tuple[int, int]) -> Usual | None:
    return usual_day(days_ago(*steps), NOW, BERLIN)


def held(today: int, usual: Usual | None = USUAL, *, within_hour: int = 0, max_per_run: int = 200) -> Excess | None:
    return excess_of(Load(within_hour, today), max_per_run, usual)


# The usual day ------------------------------------------------------------------------------------------------


def test_the_usual_day_is_the_middle_one_of_those_on_which_the_rule_acted() -> None:
    assert usual((9, 4), (5, 8), (2, 6)) == Usual(6, 3)


def test_of_two_middle_days_the_busier_is_usual() -> None:
    assert usual((9, 4), (5, 8), (2, 6), (1, 20)) == Usual(8, 4)


def test_days_on_which_it_did_nothing_do_not_make_it_a_quiet_rule() -> None:
    quiet = [(ago, 0) for ago in range(10, 28)]
    assert usual((9, 10), (5, 10), (2, 10), *quiet) == Usual(10, 3)


def test_one_wild_day_does_not_change_what_is_usual() -> None:
    assert usual((9, 10), (5, 5000), (2, 10)) == Usual(10, 3)


def test_a_first_week_cannot_be_judged() -> None:
    assert usual(*((ago, 10) for ago in range(1, 7))) is None
    assert usual(*((ago, 10) for ago in range(1, 8))) == Usual(10, 7)


def test_two_days_are_too_few_to_call_anything_usual() -> None:
    assert usual((20, 10), (1, 10)) is None


def test_today_and_what_is_longer_ago_than_four_weeks_do_not_count() -> None:
    assert usual((29, 10), (20, 10), (1, 10), (0, 10)) is None
    assert usual((28, 10), (20, 10), (1, 10)) == Usual(10, 3)


# Held, or not -------------------------------------------------------------------------------------------------


def test_exactly_five_times_the_usual_day_goes_out_and_one_more_is_held() -> None:
    assert held(50) is None
    excess = held(51)
    assert excess is not None
    assert excess.reason == (
        "held: 51 follow-ups of this rule today, and its usual day is 10 (the middle one of 20 in the last 28 days)"
    )


def test_so_few_as_twenty_a_day_are_never_too_many() -> None:
    assert held(6, Usual(1, 20)) is None
    assert held(20, Usual(1, 20)) is None
    assert held(21, Usual(1, 20)) is not None


def test_before_anything_is_usual_max_per_run_alone_counts() -> None:
    assert held(150, None) is None
    assert held(201, None, within_hour=201) == Excess(201, "within an hour", "max_per_run is 200")


def test_exactly_max_per_run_goes_out() -> None:
    assert held(40, within_hour=40, max_per_run=40) is None
    assert held(41, within_hour=41, max_per_run=40) is not None


# Days of the store's zone -------------------------------------------------------------------------------------


def test_the_last_28_whole_days_follow_upon_each_other_up_to_today() -> None:
    days = past_days(NOW, BERLIN)
    assert (len(days), days[0].day, days[-1].day) == (28, date(2026, 6, 1), date(2026, 6, 28))
    assert all(earlier.end == later.begin for earlier, later in pairwise(days))
    assert days[-1].end == day_begins(NOW, BERLIN) == datetime(2026, 6, 28, 22, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("calendar", "day", "hours"),
    [
        (BERLIN, date(2026, 3, 29), 23),
        (BERLIN, date(2026, 10, 25), 25),
        (CAIRO, date(2026, 4, 24), 23),  # where the clocks skip midnight itself
    ],
)
def test_a_day_on_which_the_clocks_change_is_one_day(calendar: Calendar, day: date, hours: int) -> None:
    next_noon = datetime(day.year, day.month, day.day, 12, tzinfo=calendar.zone) + timedelta(days=1)
    yesterday = past_days(next_noon.astimezone(UTC), calendar)[-1]
    assert yesterday.day == day
    assert yesterday.end - yesterday.begin == timedelta(hours=hours)


def test_just_after_midnight_of_the_store_it_is_a_new_day() -> None:
    before = datetime(2026, 6, 28, 21, 59, tzinfo=UTC)
    after = datetime(2026, 6, 28, 22, 0, tzinfo=UTC)
    assert day_begins(before, BERLIN) == datetime(2026, 6, 27, 22, 0, tzinfo=UTC)
    assert day_begins(after, BERLIN) == after
