"""Nobody is bothered: caps, a pause, consent and quiet times, as pure sums."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from adapters.model import Address, Consent, Customer, Money, Order
from rules.protection import (
    Cap,
    Ledger,
    NoConsent,
    Outgoing,
    QuietTimes,
    Sent,
    allowed,
    consent_basis,
    good_time,
    good_time_of,
    is_sabbath,
    parse_cap,
    zone_of_country,
)
from rules.rule import Action, Step
from rules.timing import Calendar, parse_business_hours, parse_sabbath, parse_window

NOW = datetime(2026, 6, 1, 9, 0, tzinfo=UTC)
WEEKLY = parse_cap("at most 1 marketing a week")
DAILY = parse_cap("at most 2 messages a day")
IL = Calendar(ZoneInfo("Asia/Jerusalem"))


def ago(*, marketing: bool = False, order: str = "1", **span: float) -> Sent:
    return Sent(NOW - timedelta(**span), marketing, ("tea", order))


def message(*, marketing: bool = False, order: str = "9", urgent: bool = False) -> Outgoing:
    return Outgoing(marketing, ("tea", order), urgent)


def free_at(sent: list[Sent], caps: list[Cap], outgoing: Outgoing) -> datetime | None:
    wait = allowed(Ledger(sent, caps), outgoing, NOW)
    return wait.until if wait is not None else None


# Caps ---------------------------------------------------------------------------------------------------------


def test_a_cap_on_marketing_counts_and_holds_back_marketing_alone() -> None:
    sent = [ago(days=2), ago(marketing=True, days=3)]
    assert free_at(sent, [WEEKLY], message(marketing=True)) == NOW + timedelta(days=4)
    assert free_at(sent, [WEEKLY], message()) is None


def test_a_cap_on_messages_counts_both_purposes_and_holds_back_both() -> None:
    sent = [ago(hours=5), ago(marketing=True, hours=3)]
    assert free_at(sent, [DAILY], message()) == NOW + timedelta(hours=19)
    assert free_at(sent, [DAILY], message(marketing=True)) == NOW + timedelta(hours=19)


def test_a_window_rolls_and_is_over_to_the_second() -> None:
    assert free_at([ago(days=7)], [WEEKLY], message(marketing=True)) is None
    just = [ago(marketing=True, days=7, seconds=-1)]
    assert free_at(just, [WEEKLY], message(marketing=True)) == NOW + timedelta(seconds=1)


def test_of_several_caps_the_one_that_holds_longest_counts_and_is_named() -> None:
    sent = [ago(marketing=True, hours=2), ago(hours=3)]
    wait = allowed(Ledger(sent, [DAILY, WEEKLY]), message(marketing=True), NOW)
    assert wait is not None
    assert wait.until == NOW + timedelta(days=7, hours=-2)
    assert wait.reason == "this customer has had all that 'at most 1 marketing a week' allows"


def test_an_order_is_written_about_once_an_hour_unless_it_is_urgent() -> None:
    sent = [ago(order="9", minutes=20)]
    assert free_at(sent, [], message()) == NOW + timedelta(minutes=40)
    assert free_at(sent, [], message(order="8")) is None
    assert free_at(sent, [], message(urgent=True)) is None


SENT = st.lists(
    st.builds(
        Sent,
        st.integers(0, 20 * 86400).map(lambda s: NOW - timedelta(seconds=s)),
        st.booleans(),
        st.sampled_from([("tea", "1"), ("tea", "2")]),
    ),
    max_size=12,
)
CAPS = st.lists(
    st.builds(
        Cap, st.integers(1, 4), st.booleans(), st.sampled_from([timedelta(days=1), timedelta(days=7)]), st.just("")
    ),
    max_size=3,
)


@given(SENT, CAPS, st.booleans())
def test_what_is_put_off_to_the_free_time_is_allowed_by_then_and_not_a_second_before(
    sent: list[Sent], caps: list[Cap], marketing: bool
) -> None:
    outgoing = Outgoing(marketing, ("tea", "1"))
    wait = allowed(Ledger(sent, caps), outgoing, NOW)
    if wait is not None:
        assert wait.until > NOW
        assert allowed(Ledger(sent, caps), outgoing, wait.until) is None
        assert allowed(Ledger(sent, caps), outgoing, wait.until - timedelta(seconds=1)) is not None


@pytest.mark.parametrize(
    "text", ["1 a week", "at most 0 messages a day", "at most 2 mails a day", "at most 1 message a year"]
)
def test_a_cap_that_is_none_says_how_to_write_one(text: str) -> None:
    with pytest.raises(ValueError, match="is no cap; write it like 'at most 1 marketing a week'"):
        parse_cap(text)


def test_a_cap_may_be_over_several_days() -> None:
    assert parse_cap("At most 3 messages per 10 days").span == timedelta(days=10)


# Consent ------------------------------------------------------------------------------------------------------


def order(*consents: tuple[str, str], country: str | None = "IL", paid: bool = True, **meta: str) -> Order:
    said = tuple(Consent(channel=channel, state=state, given_at=NOW) for channel, state in consents)
    fields: dict[str, Any] = {"id": "1", "number": "1", "status": "processing", "created_at": NOW, "modified_at": NOW}
    return Order(
        **fields,
        total=Money(Decimal(1), "ILS"),
        customer=Customer(consents=said),
        billing=Address(country=country),
        paid_at=NOW if paid else None,
        meta=meta,
    )


SOFT = {"IL": frozenset({"email"})}


def basis(of: Order, channel: str = "email", meta_key: str | None = None, soft: Any = None) -> str:
    return consent_basis(of, channel, meta_key=meta_key, soft_opt_in=soft or {})


def test_consent_is_the_channels_own_and_its_date_is_kept() -> None:
    subscribed = order(("email", "subscribed"))
    assert basis(subscribed) == "consent: email subscribed since 2026-06-01"
    assert basis(subscribed, "platform") == "consent: email subscribed since 2026-06-01"
    with pytest.raises(NoConsent):
        basis(subscribed, "sms")


def test_a_field_of_the_order_can_tell_of_consent() -> None:
    assert basis(order(marketing_ok="Yes"), meta_key="marketing_ok") == "consent: the order's field 'marketing_ok'"
    with pytest.raises(NoConsent, match="does not say yes"):
        basis(order(marketing_ok="no"), meta_key="marketing_ok", soft=SOFT)


def test_a_soft_opt_in_is_for_customers_of_the_country_who_have_paid() -> None:
    assert basis(order(), soft=SOFT) == "soft opt-in IL: has bought on 2026-06-01"
    for other in (order(paid=False), order(country="FR"), order(country=None)):
        with pytest.raises(NoConsent):
            basis(other, soft=SOFT)
    with pytest.raises(NoConsent):
        basis(order(), "sms", soft=SOFT)


def test_who_has_unsubscribed_is_in_no_soft_opt_in() -> None:
    with pytest.raises(NoConsent, match="'unsubscribed'"):
        basis(order(("email", "unsubscribed")), soft=SOFT)
    assert basis(order(("email", "not_subscribed")), soft=SOFT).startswith("soft opt-in IL")


# Quiet times --------------------------------------------------------------------------------------------------

NIGHT = parse_window("21:00-08:00")


def local(moment: datetime, zone: str = "Asia/Jerusalem") -> str:
    return f"{moment.astimezone(ZoneInfo(zone)):%m-%d %H:%M}"


def test_what_falls_into_the_night_waits_for_the_morning() -> None:
    late = datetime(2026, 6, 1, 19, 30, tzinfo=UTC)
    assert local(good_time(late, None, IL, (NIGHT, IL.zone))) == "06-02 08:00"
    assert good_time(NOW, None, IL, (NIGHT, IL.zone)) == NOW


def test_the_night_is_the_customers_own() -> None:
    assert local(good_time(NOW, None, IL, (NIGHT, ZoneInfo("America/Lima"))), "America/Lima") == "06-01 08:00"


def test_hours_and_night_are_kept_both() -> None:
    hours = parse_window("06:00-09:00")
    assert local(good_time(NOW, hours, IL, (NIGHT, IL.zone))) == "06-02 08:00"


def test_hours_that_are_all_quiet_are_no_hours() -> None:
    with pytest.raises(ValueError, match="22:00-23:00 is all within the quiet times"):
        good_time(NOW, parse_window("22:00-23:00"), IL, (NIGHT, IL.zone))


class Said(BaseModel):
    """What an action says is nothing to its time."""


NEVER_QUIET = QuietTimes()
SABBATH = Calendar(IL.zone, sabbath=parse_sabbath("fri 16:00 - sat 20:00"))
TO_CUSTOMER, TO_STAFF, NOTE = (
    Action("send", Said(), to_customer=True),
    Action("notify_staff", Said(), to_staff=True),
    Action("add_note", Said()),
)


def due(moment: str, *actions: Action, hours: str | None = None, quiet: QuietTimes = NEVER_QUIET) -> str:
    """When a step is done that is ready at this time of the store's clock."""
    ready = datetime.fromisoformat(moment).replace(tzinfo=IL.zone)
    step = Step("1", 1, None, parse_window(hours) if hours else None, actions)
    return local(good_time_of(step, order(), ready, SABBATH, quiet))


@pytest.mark.parametrize(
    ("moment", "goes"),
    [
        ("2026-06-05 15:59", "06-05 15:59"),
        ("2026-06-05 16:00", "06-06 20:00"),
        ("2026-06-06 19:59", "06-06 20:00"),
        ("2026-06-06 20:00", "06-06 20:00"),
    ],
)
def test_no_message_goes_on_the_sabbath(moment: str, goes: str) -> None:
    assert due(moment, TO_CUSTOMER) == due(moment, TO_STAFF) == due(moment, NOTE, TO_STAFF) == goes


def test_notes_go_on_during_the_sabbath() -> None:
    assert due("2026-06-06 10:00", NOTE) == "06-06 10:00"


def test_after_the_sabbath_a_message_waits_for_the_rules_hours_and_the_end_of_the_night() -> None:
    assert due("2026-06-05 17:00", TO_CUSTOMER, hours="09:00-18:00") == "06-07 09:00"
    assert (
        due("2026-06-05 17:00", TO_CUSTOMER, quiet=QuietTimes(customers=parse_window("19:00-08:00"))) == "06-07 08:00"
    )


def test_the_sabbath_is_kept_even_where_the_customers_night_leaves_nothing_of_the_rules_hours() -> None:
    far_away = order(country="JP")
    step = Step("1", 1, None, parse_window("12:00-13:00"), (TO_CUSTOMER,))
    quiet = QuietTimes(customers=parse_window("17:00-07:00"))
    ready = datetime(2026, 6, 5, 17, tzinfo=IL.zone)
    assert local(good_time_of(step, far_away, ready, SABBATH, quiet)) == "06-07 01:00"


def test_hours_that_are_all_within_the_sabbath_are_no_hours() -> None:
    saturdays = parse_business_hours({"sat": "10:00-12:00"})
    with pytest.raises(ValueError, match=r"sat 10:00-12:00 is all within the quiet times \(fri 16:00 - sat 20:00\)"):
        good_time(NOW, saturdays, IL, (parse_sabbath("fri 16:00 - sat 20:00"), IL.zone))


def test_a_sabbath_may_run_over_the_end_of_the_week() -> None:
    calendar = Calendar(IL.zone, sabbath=parse_sabbath("sat 18:00 - mon 06:00"))
    moments = (
        datetime(2026, 6, day, hour, tzinfo=IL.zone) for day, hour in ((6, 17), (6, 18), (7, 12), (8, 5), (8, 6))
    )
    assert [is_sabbath(moment, calendar) for moment in moments] == [False, True, True, True, False]


@given(st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31), timezones=st.just(IL.zone)))  # noqa: DTZ001
def test_what_is_ready_on_the_sabbath_goes_at_its_end_and_everything_else_at_once(ready: datetime) -> None:
    ready = ready.astimezone(UTC)
    wall = ready.astimezone(IL.zone)
    friday, saturday = wall.weekday() == 4 and wall.hour >= 16, wall.weekday() == 5 and wall.hour < 20
    goes = good_time_of(Step("1", 1, None, None, (TO_STAFF,)), order(), ready, SABBATH, NEVER_QUIET)
    assert is_sabbath(ready, SABBATH) == (friday or saturday) == (goes != ready)
    if goes != ready:
        assert goes - ready <= timedelta(hours=28)
        assert f"{goes.astimezone(IL.zone):%a %H:%M}" == "Sat 20:00"


def test_the_sabbath_ends_when_the_clock_says_so_though_clocks_change_in_it() -> None:
    calendar = Calendar(IL.zone, sabbath=parse_sabbath("fri 01:00 - sat 20:00"))  # on that Friday 02:00 never was
    step = Step("1", 1, None, None, (TO_CUSTOMER,))
    goes = good_time_of(step, order(), datetime(2026, 3, 27, 1, 30, tzinfo=IL.zone), calendar, QuietTimes())
    assert local(goes) == "03-28 20:00"


def test_a_country_has_a_zone_where_all_its_clocks_agree() -> None:
    assert str(zone_of_country("IL", NOW)) == "Asia/Jerusalem"
    assert str(zone_of_country("de", NOW)) == "Europe/Berlin"
    assert [zone_of_country(code, NOW) for code in ("US", "ES", "XX", None)] == [None] * 4
