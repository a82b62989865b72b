"""Waits, windows, business days and the two nights a year when clocks jump."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import get_args
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from rules.timing import (
    Calendar,
    Duration,
    Unit,
    Window,
    after,
    next_open,
    openings,
    over,
    parse_business_hours,
    parse_clock,
    parse_duration,
    parse_holidays,
    parse_sabbath,
    parse_window,
)

JERUSALEM = Calendar(ZoneInfo("Asia/Jerusalem"))  # in 2026: +02:00, from 27 March 02:00 to 25 October 02:00 +03:00
NEW_YORK = Calendar(ZoneInfo("America/New_York"))  # in 2026: -05:00, from 8 March to 1 November 02:00 -04:00
KATHMANDU = Calendar(ZoneInfo("Asia/Kathmandu"))  # always +05:45
PLAIN_UTC = Calendar(ZoneInfo("UTC"))
SHOP = Calendar(
    ZoneInfo("Asia/Jerusalem"),
    parse_business_hours({"sun-thu": "09:00-18:00", "fri": "09:00-13:00"}),
    "IL",
)
DAYTIME = parse_window("09:00-18:00")
NEVER = Window(((),) * 7, "a window without days")


def at(calendar: Calendar, local: str, fold: int = 0) -> datetime:
    """The moment, in UTC, of a local time such as `2026-03-26 20:00`."""
    return datetime.fromisoformat(local).replace(tzinfo=calendar.zone, fold=fold).astimezone(UTC)


def shown(moment: datetime, calendar: Calendar) -> str:
    """What the wall shows at `moment`: weekday, date, time and offset."""
    return moment.astimezone(calendar.zone).strftime("%a %Y-%m-%d %H:%M %z")


class TestReadingWaits:
    @pytest.mark.parametrize(
        ("text", "wait"),
        [
            ("90 minutes", Duration(90, "minutes")),
            ("4 hours", Duration(4, "hours")),
            ("1 hour", Duration(1, "hours")),
            ("3 days", Duration(3, "days")),
            ("1 day", Duration(1, "days")),
            ("2 weeks", Duration(2, "weeks")),
            ("2 business days", Duration(2, "business days")),
            ("1 Business Day", Duration(1, "business days")),
            ("4 business hours", Duration(4, "business hours")),
            ("1 business hour", Duration(1, "business hours")),
            ("30 seconds", Duration(30, "seconds")),
            ("0 minutes", Duration(0, "minutes")),
            ("  2   business   days ", Duration(2, "business days")),
            ("4h", Duration(4, "hours")),
            ("30d", Duration(30, "days")),
            ("90 min", Duration(90, "minutes")),
            ("90m", Duration(90, "minutes")),
            ("45s", Duration(45, "seconds")),
            ("2w", Duration(2, "weeks")),
            ("1830 days", Duration(1830, "days")),
        ],
    )
    def test_a_wait_is_a_number_and_a_unit(self, text: str, wait: Duration) -> None:
        assert parse_duration(text) == wait

    @pytest.mark.parametrize("text", ["1 second", "90 minutes", "1 hour", "0 days", "2 weeks", "1 business day"])
    def test_a_wait_turns_back_into_the_text_it_was_read_from(self, text: str) -> None:
        assert str(parse_duration(text)) == text

    @pytest.mark.parametrize(
        ("text", "meant"),
        [
            ("4 housr", "4 hours"),
            ("1 housr", "1 hour"),
            ("2 busines days", "2 business days"),
            ("3 M", "3 minutes"),
        ],
    )
    def test_a_misspelt_unit_is_met_with_a_suggestion(self, text: str, meant: str) -> None:
        with pytest.raises(ValueError, match="is not a wait") as error:
            parse_duration(text)
        assert str(error.value) == (
            f"'{text}' is not a wait; did you mean '{meant}'? "
            "Write a number and seconds, minutes, hours, days, weeks, business hours or business days"
        )

    @pytest.mark.parametrize(
        ("text", "reason"),
        [
            ("soon", "as in '4 hours'"),
            ("", "as in '4 hours'"),
            ("two days", "as in '4 hours'"),
            ("4 h 30 m", "as in '4 hours'"),
            ("1,5 hours", "as in '4 hours'"),
            ("9" * 5000 + " hours", "as in '4 hours'"),
            ("90", "'90' has no unit"),
            ("-4 hours", "negative"),
            ("−4 hours", "negative"),
            ("1.5 hours", "has a fraction; write a whole number, as in '90 minutes'"),
            ("1.5 days", "as in '36 hours'"),
            ("0.5 business days", "has a fraction"),
            ("3 months", "no fixed length; write days or weeks"),
            ("1 year", "no fixed length; write days or weeks"),
            ("1831 days", "over 5 years"),
            ("99999999999 seconds", "over 5 years"),
            ("1308 business days", "over 5 years"),
            ("10457 business hours", "over 5 years"),
        ],
    )
    def test_what_is_no_sensible_wait_is_refused_with_the_reason(self, text: str, reason: str) -> None:
        with pytest.raises(ValueError, match=re.escape(reason)):
            parse_duration(text)


class TestReadingWindows:
    @pytest.mark.parametrize(
        ("text", "spans"),
        [
            ("09:00-18:00", ((540, 1080),)),
            ("9:00 – 18:00", ((540, 1080),)),
            ("21:00-08:00", ((1260, 1440 + 480),)),
            ("16:00-19:00, 09:00-13:00", ((540, 780), (960, 1140))),
            ("20:00-24:00", ((1200, 1440),)),
            ("20:00-00:00", ((1200, 1440),)),
            ("00:00-24:00", ((0, 1440),)),
        ],
    )
    def test_a_plain_window_is_the_same_on_every_day(self, text: str, spans: tuple[tuple[int, int], ...]) -> None:
        assert parse_window(text).days == (spans,) * 7

    @pytest.mark.parametrize(
        ("text", "advice"),
        [
            ("09:00-09:00", "for the whole day write '00:00-24:00'"),
            ("25:00-26:00", "times go from 00:00 to 23:59"),
            ("09:60-10:00", "times go from 00:00 to 23:59"),
            ("24:00-08:00", "an end to 24:00"),
            ("09:00-24:30", "an end to 24:00"),
            ("9-18", "as in '09:00-18:00'"),
            ("9am-6pm", "24-hour clock"),
            ("", "as in '09:00-18:00'"),
            ("09:00-13:00,", "as in '09:00-18:00'"),
        ],
    )
    def test_a_window_that_makes_no_sense_is_met_with_what_to_write(self, text: str, advice: str) -> None:
        with pytest.raises(ValueError, match=re.escape(advice)):
            parse_window(text)

    def test_a_window_turns_back_into_its_text(self) -> None:
        assert str(parse_window("21:00-08:00")) == "21:00-08:00"
        assert str(SHOP.business_hours) == "sun-thu 09:00-18:00, fri 09:00-13:00"

    @pytest.mark.parametrize(
        ("names", "open_days"),
        [
            ("fri", {4}),
            ("Sunday", {6}),
            ("SUN-THU", {6, 0, 1, 2, 3}),
            ("fri-mon", {4, 5, 6, 0}),
            ("tues, thurs", {1, 3}),
            ("monday – wednesday", {0, 1, 2}),
        ],
    )
    def test_business_hours_name_days_and_ranges_of_days(self, names: str, open_days: set[int]) -> None:
        window = parse_business_hours({names: "10:00-16:00"})
        assert {day for day in range(7) if window.days[day]} == open_days

    @pytest.mark.parametrize(
        ("hours", "advice"),
        [
            ({"sun-fri": "09:00-18:00", "fri": "09:00-13:00"}, "fri: friday is named twice"),
            ({"frii": "09:00-18:00"}, "did you mean 'fri'?"),
            ({"sun-thr": "09:00-18:00"}, "'thr' is not a day of the week; did you mean 'thu'?"),
            ({"fri-": "09:00-18:00"}, "'' is not a day of the week"),
            ({"sat": "closed"}, "leave out a day on which you are closed"),
            ({"sun-thu": "9-18"}, "sun-thu: '9-18' is not a time window"),
            ({}, "name at least one day"),
        ],
    )
    def test_wrong_business_hours_are_met_with_what_to_write(self, hours: dict[str, str], advice: str) -> None:
        with pytest.raises(ValueError, match=re.escape(advice)):
            parse_business_hours(hours)

    @pytest.mark.parametrize(
        ("text", "day", "span"),
        [
            ("fri 16:00 - sat 20:00", 4, (960, 1440 + 1200)),
            ("Friday 16:00–Saturday 20:00", 4, (960, 1440 + 1200)),
            ("sun 00:00 - mon 00:00", 6, (0, 1440)),
            ("sat 08:00 - sat 20:00", 5, (480, 1200)),
        ],
    )
    def test_a_sabbath_is_a_stretch_of_each_week(self, text: str, day: int, span: tuple[int, int]) -> None:
        window = parse_sabbath(text)
        assert {number: spans for number, spans in enumerate(window.days) if spans} == {day: (span,)}
        assert str(window) == text

    @pytest.mark.parametrize(
        ("text", "advice"),
        [
            ("16:00-20:00", "as in 'fri 16:00 - sat 20:00'"),
            ("fri - sat", "as in 'fri 16:00 - sat 20:00'"),
            ("fri 16:00 - sta 20:00", "did you mean 'sat'?"),
            ("fri 16:00 - sat 25:00", "times go from 00:00 to 23:59"),
            ("sat 20:00 - sat 08:00", "ends before it begins"),
            ("sat 20:00 - fri 16:00", "is longer than three days; is it the other way round?"),
        ],
    )
    def test_a_sabbath_that_makes_no_sense_is_met_with_what_to_write(self, text: str, advice: str) -> None:
        with pytest.raises(ValueError, match=re.escape(advice)):
            parse_sabbath(text)

    @pytest.mark.parametrize("text", ["10", "10am", "24:00", "10:60", ""])
    def test_what_no_clock_shows_is_no_time_of_day(self, text: str) -> None:
        with pytest.raises(ValueError, match="clock"):
            parse_clock(text)


class TestHolidays:
    @pytest.mark.parametrize(
        ("text", "code"),
        [
            ("IL", "IL"),
            ("il", "IL"),
            ("us-ca", "US-CA"),
            ("UK", "GB"),
            ("USA", "US"),
            ("no", "NO"),
            ("AT-9", "AT-9"),
        ],
    )
    def test_a_country_is_known_by_its_code_and_perhaps_a_region(self, text: str, code: str) -> None:
        assert parse_holidays(text) == code

    @pytest.mark.parametrize(
        ("text", "advice"),
        [
            ("Israel", "did you mean 'IL'?"),
            ("Isreal", "did you mean 'IL'?"),
            ("United States", "did you mean 'US'?"),
            ("XX", "Write its ISO code"),
            ("", "Write its ISO code"),
            ("US-XX", "US has no region 'XX'; write one of AK, AL,"),
            ("IL-TA", "write IL"),
        ],
    )
    def test_an_unknown_country_or_region_is_met_with_what_to_write(self, text: str, advice: str) -> None:
        with pytest.raises(ValueError, match=re.escape(advice)):
            parse_holidays(text)

    @pytest.mark.parametrize(
        ("country", "day", "name"),
        [
            ("IL", date(2026, 9, 13), "Rosh Hashanah"),
            ("IL", date(2026, 4, 22), "Independence Day"),
            ("US", date(2026, 11, 26), "Thanksgiving"),
            ("US", date(2026, 7, 3), "Independence Day, observed"),
            ("US-CA", date(2026, 3, 31), "Cesar Chavez Day"),
            ("US", date(2021, 12, 31), "New Year's Day, observed in the year before"),
        ],
    )
    def test_public_holidays_are_no_business_days(self, country: str, day: date, name: str) -> None:
        calendar = Calendar(ZoneInfo("UTC"), country=country)
        assert calendar.is_holiday(day), name
        assert not calendar.is_business_day(day), name

    def test_a_regions_holiday_is_none_elsewhere(self) -> None:
        assert not Calendar(ZoneInfo("UTC"), country="US").is_holiday(date(2026, 3, 31))

    def test_without_a_country_nothing_is_a_holiday(self) -> None:
        assert not JERUSALEM.is_holiday(date(2026, 9, 13))

    def test_the_countrys_weekend_counts_before_the_business_hours(self) -> None:
        friday, saturday, sunday = date(2026, 5, 15), date(2026, 5, 16), date(2026, 5, 17)
        assert [SHOP.is_business_day(day) for day in (friday, saturday, sunday)] == [False, False, True]

    def test_without_a_country_the_business_days_are_those_that_the_business_hours_name(self) -> None:
        calendar = Calendar(ZoneInfo("Asia/Jerusalem"), SHOP.business_hours)
        friday, saturday, sunday = date(2026, 5, 15), date(2026, 5, 16), date(2026, 5, 17)
        assert [calendar.is_business_day(day) for day in (friday, saturday, sunday)] == [True, False, True]

    def test_with_neither_they_are_monday_to_friday(self) -> None:
        monday = date(2026, 5, 11)
        week = [NEW_YORK.is_business_day(monday + timedelta(days=n)) for n in range(7)]
        assert week == [True, True, True, True, True, False, False]

    @pytest.mark.parametrize(
        ("country", "weekend"),
        [("IL", {4, 5}), ("SA", {4, 5}), ("EG", {4, 5}), ("AE", {5, 6}), ("US", {5, 6})],
    )
    def test_a_weekend_is_the_countrys_own(self, country: str, weekend: set[int]) -> None:
        calendar = Calendar(ZoneInfo("UTC"), SHOP.business_hours, country)
        monday = date(2026, 2, 9)  # a week without holidays in all of them
        days = [monday + timedelta(days=n) for n in range(7)]
        assert {day.weekday() for day in days if not calendar.is_business_day(day)} == weekend

    def test_a_weekend_that_was_another_once_is_the_one_of_its_time(self) -> None:
        emirates = Calendar(ZoneInfo("Asia/Dubai"), country="AE")
        assert [emirates.is_business_day(date(year, 2, 5)) for year in (2021, 2027)] == [False, True], "both Fridays"

    def test_a_weekend_day_that_a_country_works_is_a_business_day(self) -> None:
        makeup_sunday = date(2024, 2, 4)  # worked before China's New Year week
        assert Calendar(ZoneInfo("Asia/Shanghai"), country="CN").is_business_day(makeup_sunday)

    def test_a_store_without_holidays_does_not_load_them(self) -> None:
        code = "import rules.timing, sys; sys.exit(bool({'holidays', 'babel'} & sys.modules.keys()))"
        assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


class TestWaiting:
    @pytest.mark.parametrize(
        ("start", "wait", "end"),
        [
            ("2026-03-26 20:00", "4 hours", "Fri 2026-03-27 00:00 +0200"),
            ("2026-03-27 00:00", "4 hours", "Fri 2026-03-27 05:00 +0300"),  # 02:00 to 03:00 never was
            ("2026-10-25 00:00", "4 hours", "Sun 2026-10-25 03:00 +0200"),  # 01:00 to 02:00 was twice
            ("2026-10-25 00:30", "90 minutes", "Sun 2026-10-25 01:00 +0200"),
            ("2026-05-01 12:00", "90 seconds", "Fri 2026-05-01 12:01 +0300"),
        ],
    )
    def test_hours_are_real_hours(self, start: str, wait: str, end: str) -> None:
        assert shown(after(at(JERUSALEM, start), parse_duration(wait), JERUSALEM), JERUSALEM) == end

    @pytest.mark.parametrize(
        ("calendar", "start", "wait", "end"),
        [
            (JERUSALEM, "2026-03-26 20:00", "1 day", "Fri 2026-03-27 20:00 +0300"),
            (JERUSALEM, "2026-10-24 20:00", "1 day", "Sun 2026-10-25 20:00 +0200"),
            (JERUSALEM, "2026-03-20 09:15", "2 weeks", "Fri 2026-04-03 09:15 +0300"),
            (NEW_YORK, "2026-03-07 20:00", "1 day", "Sun 2026-03-08 20:00 -0400"),
            (NEW_YORK, "2026-10-31 20:00", "3 days", "Tue 2026-11-03 20:00 -0500"),
            (KATHMANDU, "2026-03-07 20:00", "30 days", "Mon 2026-04-06 20:00 +0545"),
            (PLAIN_UTC, "2026-12-31 23:59", "1 day", "Fri 2027-01-01 23:59 +0000"),
        ],
    )
    def test_days_and_weeks_keep_the_wall_time(self, calendar: Calendar, start: str, wait: str, end: str) -> None:
        assert shown(after(at(calendar, start), parse_duration(wait), calendar), calendar) == end

    @pytest.mark.parametrize(
        ("calendar", "start", "end"),
        [
            (JERUSALEM, "2026-03-26 02:00", "Fri 2026-03-27 03:00 +0300"),
            (JERUSALEM, "2026-03-26 02:00:00.500000", "Fri 2026-03-27 03:00 +0300"),
            (JERUSALEM, "2026-03-26 02:30", "Fri 2026-03-27 03:00 +0300"),
            (JERUSALEM, "2026-03-26 02:59:59.999999", "Fri 2026-03-27 03:00 +0300"),
            (NEW_YORK, "2026-03-07 02:30", "Sun 2026-03-08 03:00 -0400"),
            (Calendar(ZoneInfo("Australia/Lord_Howe")), "2026-10-03 02:10", "Sun 2026-10-04 02:30 +1100"),
            (Calendar(ZoneInfo("Pacific/Apia")), "2011-12-29 10:00", "Sat 2011-12-31 00:00 +1400"),  # no 30th
        ],
    )
    def test_a_wall_time_that_the_clocks_skip_moves_to_the_end_of_the_gap(
        self, calendar: Calendar, start: str, end: str
    ) -> None:
        result = after(at(calendar, start), Duration(1, "days"), calendar)
        assert shown(result, calendar) == end
        assert (result.second, result.microsecond) == (0, 0)

    def test_a_wall_time_that_comes_twice_is_taken_the_first_time(self) -> None:
        result = after(at(JERUSALEM, "2026-10-24 01:30"), Duration(1, "days"), JERUSALEM)
        assert shown(result, JERUSALEM) == "Sun 2026-10-25 01:30 +0300"

    def test_both_of_a_repeated_hour_lead_to_the_same_time_next_day(self) -> None:
        first, second = (at(JERUSALEM, "2026-10-25 01:30", fold) for fold in (0, 1))
        assert second - first == timedelta(hours=1)
        assert after(first, Duration(1, "days"), JERUSALEM) == after(second, Duration(1, "days"), JERUSALEM)

    @pytest.mark.parametrize("unit", ["hours", "days", "business days"])
    def test_a_wait_of_nothing_is_over_at_once_even_in_a_repeated_hour(self, unit: Unit) -> None:
        second = at(JERUSALEM, "2026-10-25 01:30", fold=1)
        assert after(second, Duration(0, unit), SHOP) == second

    @pytest.mark.parametrize(
        ("calendar", "start", "days", "end"),
        [
            (SHOP, "2026-05-11 20:00", 2, "Wed 2026-05-13 20:00 +0300"),
            (SHOP, "2026-05-14 20:00", 1, "Sun 2026-05-17 20:00 +0300"),  # from a Thursday
            (SHOP, "2026-05-15 20:00", 1, "Sun 2026-05-17 20:00 +0300"),  # from a Friday evening
            (SHOP, "2026-05-16 20:00", 1, "Sun 2026-05-17 20:00 +0300"),  # from a Saturday
            (
                SHOP,
                "2026-09-10 10:00",
                1,
                "Mon 2026-09-14 10:00 +0300",
            ),  # over Rosh Hashanah, Saturday and Sunday
            (SHOP, "2026-03-26 02:30", 1, "Sun 2026-03-29 02:30 +0300"),  # Friday's gap does not touch it
            (SHOP, "2026-10-22 10:00", 5, "Thu 2026-10-29 10:00 +0200"),  # over the clocks' change
            (
                Calendar(ZoneInfo("America/New_York"), country="US"),
                "2026-11-25 10:00",
                2,
                "Mon 2026-11-30 10:00 -0500",
            ),
            (
                Calendar(ZoneInfo("America/New_York"), country="US"),
                "2026-12-31 10:00",
                1,
                "Mon 2027-01-04 10:00 -0500",
            ),
            (NEW_YORK, "2026-05-15 20:00", 5, "Fri 2026-05-22 20:00 -0400"),
            (NEW_YORK, "2026-05-15 20:00", 500, "Fri 2028-04-14 20:00 -0400"),
        ],
    )
    def test_business_days_are_counted_from_the_day_after(
        self, calendar: Calendar, start: str, days: int, end: str
    ) -> None:
        result = after(at(calendar, start), Duration(days, "business days"), calendar)
        assert shown(result, calendar) == end

    def test_a_calendar_without_business_days_is_an_error_and_not_an_endless_search(self) -> None:
        with pytest.raises(ValueError, match="no business day within 400 days of 2026-05-15"):
            after(at(SHOP, "2026-05-15 10:00"), Duration(1, "business days"), Calendar(SHOP.zone, NEVER))

    @pytest.mark.parametrize(
        ("start", "hours", "end"),
        [
            ("2026-05-13 10:00", 4, "Wed 2026-05-13 14:00 +0300"),
            ("2026-05-13 16:30", 4, "Thu 2026-05-14 11:30 +0300"),
            ("2026-05-13 14:00", 4, "Thu 2026-05-14 09:00 +0300"),  # at closing time nobody is there any more
            ("2026-05-13 22:00", 1, "Thu 2026-05-14 10:00 +0300"),
            ("2026-05-15 12:00", 2, "Sun 2026-05-17 10:00 +0300"),  # Friday is short, Saturday is closed
            ("2026-09-10 17:00", 6, "Mon 2026-09-14 10:00 +0300"),  # Rosh Hashanah, after a short Friday
            ("2026-05-16 12:00", 0, "Sun 2026-05-17 09:00 +0300"),
        ],
    )
    def test_business_hours_count_while_the_shop_is_open(self, start: str, hours: int, end: str) -> None:
        assert shown(after(at(SHOP, start), Duration(hours, "business hours"), SHOP), SHOP) == end

    @pytest.mark.parametrize(
        ("start", "fold", "end"),
        [
            ("2026-03-27 00:30", 0, "Fri 2026-03-27 04:30 +0300"),  # 02:00 to 03:00 never was
            ("2026-10-25 00:30", 0, "Sun 2026-10-25 02:30 +0200"),  # 01:00 to 02:00 was twice
            ("2026-10-25 01:30", 1, "Sun 2026-10-25 04:30 +0200"),
        ],
    )
    def test_business_hours_are_real_hours_while_the_clocks_change(self, start: str, fold: int, end: str) -> None:
        night = Calendar(JERUSALEM.zone, parse_window("00:00-05:00"))
        assert shown(after(at(night, start, fold), Duration(3, "business hours"), night), night) == end

    def test_hours_that_are_named_twice_count_once(self) -> None:
        calendar = Calendar(JERUSALEM.zone, parse_window("09:00-13:00, 12:00-14:00"))
        end = after(at(calendar, "2026-05-13 12:30"), Duration(2, "business hours"), calendar)
        assert shown(end, calendar) == "Thu 2026-05-14 09:30 +0300"

    def test_where_no_business_hours_are_set_all_hours_are_counted(self) -> None:
        start = at(JERUSALEM, "2026-05-16 22:00")
        assert after(start, Duration(4, "business hours"), JERUSALEM) == start + timedelta(hours=4)

    def test_any_zone_may_go_in_and_utc_comes_out(self) -> None:
        start = datetime(2026, 5, 15, 10, tzinfo=ZoneInfo("America/New_York"))
        for wait in (Duration(4, "hours"), Duration(0, "days"), Duration(1, "days")):
            assert after(start, wait, SHOP).tzinfo is UTC
        assert next_open(start, None, SHOP).tzinfo is UTC

    def test_a_naive_time_is_refused(self) -> None:
        naive = datetime(2026, 5, 15, 10)  # noqa: DTZ001
        with pytest.raises(ValueError, match="has no time zone"):
            after(naive, Duration(4, "hours"), SHOP)
        with pytest.raises(ValueError, match="has no time zone"):
            next_open(naive, DAYTIME, SHOP)


class TestOpening:
    @pytest.mark.parametrize(
        ("moment", "opens"),
        [
            ("2026-05-13 08:59", "Wed 2026-05-13 09:00 +0300"),
            ("2026-05-13 09:00", "Wed 2026-05-13 09:00 +0300"),
            ("2026-05-13 17:59", "Wed 2026-05-13 17:59 +0300"),
            ("2026-05-13 18:00", "Thu 2026-05-14 09:00 +0300"),
            ("2026-05-15 13:00", "Sun 2026-05-17 09:00 +0300"),  # Friday closes early, Saturday is not named
            ("2026-03-26 18:30", "Fri 2026-03-27 09:00 +0300"),  # the clocks change on the way
            ("2026-10-22 20:00", "Fri 2026-10-23 09:00 +0300"),
            ("2026-10-24 20:00", "Sun 2026-10-25 09:00 +0200"),
            ("2026-09-11 14:00", "Mon 2026-09-14 09:00 +0300"),  # Rosh Hashanah
        ],
    )
    def test_business_hours_open_on_their_days_but_for_holidays(self, moment: str, opens: str) -> None:
        assert shown(next_open(at(SHOP, moment), SHOP.business_hours, SHOP), SHOP) == opens

    def test_a_plain_window_is_every_day_but_holidays(self) -> None:
        assert shown(next_open(at(SHOP, "2026-05-16 08:00"), DAYTIME, SHOP), SHOP) == "Sat 2026-05-16 09:00 +0300"
        assert shown(next_open(at(SHOP, "2026-09-12 08:00"), DAYTIME, SHOP), SHOP) == "Mon 2026-09-14 09:00 +0300"

    def test_no_window_is_always_open(self) -> None:
        moment = at(SHOP, "2026-09-12 03:00")
        assert next_open(moment, None, SHOP) == moment

    def test_the_lunch_break_is_closed(self) -> None:
        window = parse_window("09:00-13:00, 16:00-19:00")
        result = next_open(at(JERUSALEM, "2026-05-13 13:00"), window, JERUSALEM)
        assert shown(result, JERUSALEM) == "Wed 2026-05-13 16:00 +0300"

    @pytest.mark.parametrize(
        ("moment", "opens"),
        [
            ("2026-05-13 20:00", "Wed 2026-05-13 21:00 +0300"),
            ("2026-05-13 23:00", "Wed 2026-05-13 23:00 +0300"),
            ("2026-05-14 00:00", "Thu 2026-05-14 00:00 +0300"),
            ("2026-05-14 07:59", "Thu 2026-05-14 07:59 +0300"),
            ("2026-05-14 08:00", "Thu 2026-05-14 21:00 +0300"),
            (
                "2026-09-12 07:00",
                "Sat 2026-09-12 07:00 +0300",
            ),  # a holiday's morning, but the night is Friday's
            ("2026-09-12 21:00", "Mon 2026-09-14 21:00 +0300"),
            ("2026-09-14 07:00", "Mon 2026-09-14 21:00 +0300"),  # the night began on a holiday
        ],
    )
    def test_a_window_over_midnight_belongs_to_the_day_it_starts_on(self, moment: str, opens: str) -> None:
        assert shown(next_open(at(SHOP, moment), parse_window("21:00-08:00"), SHOP), SHOP) == opens

    def test_a_friday_night_shift_lasts_into_saturday(self) -> None:
        night = parse_business_hours({"fri": "20:00-02:00"})
        inside, past = at(JERUSALEM, "2026-05-16 01:59"), at(JERUSALEM, "2026-05-16 02:00")
        assert next_open(inside, night, JERUSALEM) == inside
        assert shown(next_open(past, night, JERUSALEM), JERUSALEM) == "Fri 2026-05-22 20:00 +0300"

    @pytest.mark.parametrize(
        ("window", "moment", "opens"),
        [
            ("02:30-10:00", "2026-03-27 01:00", "Fri 2026-03-27 03:00 +0300"),  # 02:30 does not exist
            ("02:10-02:50", "2026-03-27 01:00", "Sat 2026-03-28 02:10 +0300"),  # nothing of it exists
            ("01:00-02:30", "2026-03-27 03:00", "Sat 2026-03-28 01:00 +0300"),  # it closed with the gap
            ("22:00-02:30", "2026-03-27 01:59", "Fri 2026-03-27 01:59 +0200"),
        ],
    )
    def test_the_hour_that_is_lost_in_spring(self, window: str, moment: str, opens: str) -> None:
        result = next_open(at(JERUSALEM, moment), parse_window(window), JERUSALEM)
        assert shown(result, JERUSALEM) == opens

    @pytest.mark.parametrize(
        ("window", "moment", "fold", "opens"),
        [
            ("01:30-10:00", "2026-10-25 01:00", 1, "Sun 2026-10-25 01:00 +0200"),  # it opened an hour ago
            ("00:00-01:30", "2026-10-25 01:10", 1, "Mon 2026-10-26 00:00 +0200"),  # it does not open again
            ("01:10-01:20", "2026-10-25 01:15", 1, "Mon 2026-10-26 01:10 +0200"),
            ("01:10-01:20", "2026-10-25 01:15", 0, "Sun 2026-10-25 01:15 +0300"),
        ],
    )
    def test_the_hour_that_repeats_in_autumn(self, window: str, moment: str, fold: int, opens: str) -> None:
        result = next_open(at(JERUSALEM, moment, fold), parse_window(window), JERUSALEM)
        assert shown(result, JERUSALEM) == opens

    def test_a_window_that_never_opens_is_an_error_and_not_an_endless_search(self) -> None:
        with pytest.raises(ValueError, match="a window without days does not open within 400 days of 2026-05-13"):
            next_open(at(SHOP, "2026-05-13 09:00"), NEVER, SHOP)


calendars = st.builds(
    Calendar,
    st.sampled_from(["Asia/Jerusalem", "America/New_York", "UTC", "Asia/Kathmandu", "Australia/Lord_Howe"]).map(
        ZoneInfo
    ),
    st.just(SHOP.business_hours),
    st.sampled_from([None, "IL", "US"]),
)
moments = st.datetimes(datetime(2025, 1, 1), datetime(2028, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001
clock = st.integers(0, 24 * 60 - 1)
texts = (
    st.tuples(clock, clock)
    .filter(lambda ends: ends[0] != ends[1])
    .map(lambda ends: f"{ends[0] // 60:02}:{ends[0] % 60:02}-{ends[1] // 60:02}:{ends[1] % 60:02}")
)
windows = st.one_of(
    texts.map(parse_window),
    st.lists(texts, min_size=1, max_size=3).map(", ".join).map(parse_window),
    st.just(parse_business_hours({"sun-thu": "09:00-18:00", "fri": "22:00-03:00"})),
)
absolute = st.builds(Duration, st.integers(0, 5000), st.sampled_from(["seconds", "minutes", "hours"]))
days = st.builds(Duration, st.integers(0, 400), st.sampled_from(["days", "weeks"]))


class TestWhatAlwaysHolds:
    @given(moments, windows, calendars)
    def test_an_opening_is_not_before_the_moment_and_is_open(
        self, moment: datetime, window: Window, calendar: Calendar
    ) -> None:
        opens = next_open(moment, window, calendar)
        assert opens >= moment
        assert next_open(opens, window, calendar) == opens

    @given(moments, windows, calendars)
    def test_an_opening_lies_within_the_window_on_the_wall(
        self, moment: datetime, window: Window, calendar: Calendar
    ) -> None:
        wall = next_open(moment, window, calendar).astimezone(calendar.zone)
        assume(not _clocks_change_around(wall))
        minute = wall.hour * 60 + wall.minute
        yesterday = wall.date() - timedelta(days=1)
        assert any(opens <= minute < closes for opens, closes in _spans(window, wall.date(), calendar)) or any(
            minute + 1440 < closes for _, closes in _spans(window, yesterday, calendar)
        )

    @given(moments, windows, calendars)
    def test_nothing_was_open_in_between(self, moment: datetime, window: Window, calendar: Calendar) -> None:
        opens = next_open(moment, window, calendar)
        for part in range(8):
            between = moment + (opens - moment) * part / 8
            assert next_open(between, window, calendar) == opens

    @given(moments, moments, absolute, calendars)
    def test_who_starts_later_ends_later(
        self, one: datetime, other: datetime, wait: Duration, calendar: Calendar
    ) -> None:
        assert (one <= other) == (after(one, wait, calendar) <= after(other, wait, calendar))

    @given(moments, days, calendars)
    def test_days_end_at_the_wall_time_they_began_at(self, start: datetime, wait: Duration, calendar: Calendar) -> None:
        end = after(start, wait, calendar).astimezone(calendar.zone)
        begun = start.astimezone(calendar.zone)
        assert (end.date() - begun.date()).days == wait.amount * (7 if wait.unit == "weeks" else 1)
        assert end.time() == begun.time() or _clocks_change_around(end)

    @given(moments, st.integers(1, 30), calendars)
    def test_business_days_end_on_a_business_day_after_as_many_of_them(
        self, start: datetime, amount: int, calendar: Calendar
    ) -> None:
        end = after(start, Duration(amount, "business days"), calendar).astimezone(calendar.zone).date()
        begun = start.astimezone(calendar.zone).date()
        walked = [begun + timedelta(days=n) for n in range(1, (end - begun).days + 1)]
        assert calendar.is_business_day(end)
        assert sum(calendar.is_business_day(day) for day in walked) == amount

    @given(moments, st.integers(0, 60), windows, calendars)
    def test_business_hours_end_while_the_shop_is_open_and_so_much_later(
        self, start: datetime, amount: int, window: Window, calendar: Calendar
    ) -> None:
        calendar = replace(calendar, business_hours=window)
        end = after(start, Duration(amount, "business hours"), calendar)
        assert next_open(end, window, calendar) == end
        assert _time_open(start, end, window, calendar) == timedelta(hours=amount)

    @given(moments, moments, st.integers(0, 60), windows, calendars)
    def test_who_starts_later_ends_business_hours_no_earlier(
        self, one: datetime, other: datetime, amount: int, window: Window, calendar: Calendar
    ) -> None:
        calendar = replace(calendar, business_hours=window)
        wait = Duration(amount, "business hours")
        first, second = sorted((one, other))
        assert after(first, wait, calendar) <= after(second, wait, calendar)

    @given(moments, st.integers(0, 40), st.integers(0, 40), windows, calendars)
    def test_some_business_hours_and_then_others_are_all_of_them_at_once(
        self, start: datetime, some: int, others: int, window: Window, calendar: Calendar
    ) -> None:
        calendar = replace(calendar, business_hours=window)
        then = after(
            after(start, Duration(some, "business hours"), calendar), Duration(others, "business hours"), calendar
        )
        assert then == after(start, Duration(some + others, "business hours"), calendar)

    @given(st.builds(Duration, st.integers(0, 260), st.sampled_from(get_args(Unit))))
    def test_a_wait_survives_being_written_and_read(self, wait: Duration) -> None:
        assert parse_duration(str(wait)) == wait

    @given(
        st.text(max_size=20),
        st.sampled_from([parse_duration, parse_window, parse_holidays, parse_sabbath, parse_clock]),
    )
    def test_any_text_is_read_or_refused_and_nothing_worse(self, text: str, parse: Callable[[str], object]) -> None:
        with suppress(ValueError):
            parse(text)


def _time_open(start: datetime, end: datetime, window: Window, calendar: Calendar) -> timedelta:
    """How much of the time from `start` to `end` a window is open, added up opening by opening."""
    first = start.astimezone(calendar.zone).date() - timedelta(days=1)
    last = start
    total = timedelta(0)
    for opens, closes in openings(window, calendar, first, (end - start).days + 4):
        opens, closes = max(opens, last), min(closes, end)
        if opens < closes:
            total, last = total + (closes - opens), closes
    return total


def _clocks_change_around(wall: datetime) -> bool:
    offsets = {(wall + timedelta(days=n)).utcoffset() for n in (-1, 0, 1)}
    return len(offsets) > 1


def _spans(window: Window, day: date, calendar: Calendar) -> tuple[tuple[int, int], ...]:
    return () if calendar.is_holiday(day) else window.days[day.weekday()]


# Whether a wait is over ---------------------------------------------------------------------------------------


@given(
    days=st.timedeltas(timedelta(0), timedelta(days=365)),
    off=st.timedeltas(timedelta(hours=-30), timedelta(hours=30)),
    wait=st.sampled_from(["90 minutes", "36 hours", "0 days", "3 days", "120 days", "2 weeks", "3 business days"]),
    zone=st.sampled_from(["Asia/Jerusalem", "America/New_York", "Australia/Lord_Howe", "Pacific/Kiritimati"]),
)
def test_a_wait_is_over_from_the_moment_on_that_it_leads_to(
    days: timedelta, off: timedelta, wait: str, zone: str
) -> None:
    start, duration, calendar = datetime(2026, 1, 1, tzinfo=UTC) + days, parse_duration(wait), Calendar(ZoneInfo(zone))
    end = after(start, duration, calendar)
    is_over = over(duration)
    assert is_over(start, calendar, end + off) is (off >= timedelta(0))
    assert is_over(start, calendar, end)
    assert not is_over(start, calendar, end - timedelta(microseconds=1))


def test_where_a_whole_day_was_skipped_a_wait_of_days_still_ends_by_the_clock() -> None:
    samoa = Calendar(ZoneInfo("Pacific/Apia"))  # it had no 30 December 2011
    start = at(samoa, "2011-12-29 12:00")
    end = after(start, Duration(2, "days"), samoa)
    assert end - start == timedelta(hours=24)
    assert over(Duration(2, "days"))(start, samoa, end)
    assert not over(Duration(2, "days"))(start, samoa, end - timedelta(seconds=1))
