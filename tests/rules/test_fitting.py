"""Steps for which caps, hours and expiry leave no moment are told of, and no others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from rules.conditions import compile_conditions, compile_stop_if
from rules.fitting import never_fits
from rules.protection import Ledger, Outgoing, Sent, allowed, parse_cap
from rules.rule import Action, Rule, Step
from rules.timing import Calendar, Duration, parse_business_hours, parse_duration, parse_window
from rules.waits import DaysBefore, PerUnit, StepWait, Until

IL = Calendar(ZoneInfo("Asia/Jerusalem"))
BEGIN = datetime(2026, 6, 1, 9, tzinfo=UTC)
ABOUT = ("tea", "1")


class Message(BaseModel):
    purpose: str = "transactional"


OFFER = Action("send", Message(purpose="marketing"), to_customer=True)
NEWS = Action("send", Message(), to_customer=True)
NOTE = Action("add_note", Message())


def rule(
    *steps: tuple[str | StepWait | None, str | None, Sequence[Action]], expires: str | None = None, urgent: bool = False
) -> Rule:
    """A rule of steps, each with its wait, its hours and its actions."""
    made = [
        Step(
            str(number),
            number,
            parse_duration(wait) if isinstance(wait, str) else wait,
            parse_window(hours) if hours else None,
            tuple(actions),
        )
        for number, (wait, hours, actions) in enumerate(steps, start=1)
    ]
    return Rule(
        "r",
        "A rule",
        "order.placed",
        tuple(made),
        compile_conditions(None, None, None, []),
        compile_stop_if(None, []),
        expires_after=parse_duration(expires) if expires else None,
        urgent=urgent,
    )


def told(rule: Rule, *caps: str, calendar: Calendar = IL) -> list[str]:
    return list(never_fits(rule, [parse_cap(cap) for cap in caps], calendar))


def cadence(wait: str, action: Action = OFFER) -> list[tuple[str | None, str | None, Sequence[Action]]]:
    """Three messages, that long after one another."""
    return [(None, None, [action]), (wait, None, [action]), (wait, None, [action])]


# Caps ---------------------------------------------------------------------------------------------------------


def test_messages_that_expire_before_the_cap_lets_them_go_are_told_each() -> None:
    second, third = told(rule(*cadence("1 day"), expires="2 days"), "at most 1 marketing a week")
    why = "it expires while 'at most 1 marketing a week' still holds it back; let it wait longer, or expire later"
    assert second == f"step 2 can never go out once step 1 has: {why}"
    assert third == f"step 3 can never go out once step 2 has: {why}"


@pytest.mark.parametrize(
    ("rule", "caps"),
    [
        (rule(*cadence("5 days"), expires="2 days"), ["at most 1 marketing a week"]),
        (rule(*cadence("1 day")), ["at most 1 marketing a week"]),
        (rule(*cadence("1 day", NEWS), expires="2 days"), ["at most 1 marketing a week"]),
        (rule(*cadence("1 day"), expires="2 days"), ["at most 3 messages a week"]),
        (rule(*cadence("1 day"), expires="3 business days"), ["at most 1 marketing a week"]),
        (
            rule((None, None, [OFFER]), ("1 day", None, [NOTE]), ("1 day", None, [OFFER])),
            ["at most 1 marketing per 4 weeks"],
        ),
        (rule(*cadence("1 day"), expires="2 days"), []),
    ],
    ids=[
        "waits enough",
        "expires late",
        "no marketing",
        "cap allows three",
        "who knows",
        "a note is never late",
        "none",
    ],
)
def test_what_may_go_out_after_all_is_not_told_of(rule: Rule, caps: list[str]) -> None:
    assert told(rule, *caps) == []


def test_the_third_of_three_is_told_where_two_are_allowed() -> None:
    [sentence] = told(rule(*cadence("1 day"), expires="1 day"), "at most 2 messages a week")
    assert sentence.startswith("step 3 can never go out once step 1 has: it expires while 'at most 2 messages a week'")


def test_a_step_of_more_messages_than_a_cap_ever_allows_is_told() -> None:
    assert told(rule((None, None, [NEWS, OFFER, NEWS])), "at most 2 messages a day") == [
        "step 1 sends 3 messages at once, more than 'at most 2 messages a day' ever allows"
    ]


def test_what_expires_within_the_hour_between_messages_is_told_unless_it_is_urgent() -> None:
    steps = [(None, None, [NEWS]), ("5 minutes", None, [NEWS])]
    [sentence] = told(rule(*steps, expires="30 minutes"))
    assert "while the hour between messages still holds it back" in sentence
    assert told(rule(*steps, expires="30 minutes", urgent=True)) == []
    assert told(rule((None, None, [NEWS, NEWS]), expires="30 minutes")) == [], "of one step they go together"


@given(
    gaps=st.lists(st.tuples(st.integers(0, 9), st.integers(1, 9)), min_size=1, max_size=4),
    most=st.integers(1, 3),
    span=st.integers(1, 20),
)
def test_what_is_told_of_is_held_back_even_if_each_message_goes_at_its_last_moment(
    gaps: list[tuple[int, int]], most: int, span: int
) -> None:
    cap = parse_cap(f"at most {most} messages per {span} days")
    for wait, expires in gaps:
        steps = [(f"{wait * 24} hours", None, [NEWS]) for _ in range(len(gaps) + 1)]
        sentences = told(rule(*steps, expires=f"{expires * 24} hours"), cap.text)
        sent, now = [Sent(BEGIN, False, ABOUT)], BEGIN
        fits = []
        for _ in gaps:
            now += timedelta(days=wait + expires)
            fits.append(allowed(Ledger(sent, [cap]), Outgoing(False, ABOUT), now) is None)
            sent.append(Sent(now, False, ABOUT))
        assert bool(sentences) == (not all(fits))


# Hours --------------------------------------------------------------------------------------------------------


def test_a_step_that_is_always_too_late_for_its_hours_is_told() -> None:
    shut = rule((None, "09:00-10:00", [NEWS]), ("4 hours", "09:00-10:00", [NEWS]), expires="12 hours")
    [sentence] = told(shut)
    why = "what was done within 09:00-10:00 expires before 09:00-10:00 begins; let it wait longer, or expire later"
    assert sentence == f"step 2 can never follow step 1: {why}"


@pytest.mark.parametrize(
    "rule",
    [
        rule((None, "09:00-10:00", [NEWS]), ("4 hours", "09:00-10:00", [NEWS]), expires="20 hours"),
        rule((None, "09:00-14:00", [NEWS]), ("1 day", "13:59-14:00", [NEWS]), expires="1 hour"),
        rule((None, None, [NEWS]), ("4 hours", "09:00-10:00", [NEWS]), expires="2 hours"),
        rule((None, "22:00-02:00", [NEWS]), ("4 hours", "05:00-06:00", [NEWS]), expires="1 minute"),
        rule(("1 day", "09:00-09:30", [NEWS]), expires="1 minute"),
    ],
    ids=["the next day", "the last minute", "no hours before", "over midnight", "a first step may be due at any time"],
)
def test_a_step_that_is_in_time_at_some_moment_is_not_told_of(rule: Rule) -> None:
    assert told(rule) == []


def test_a_wait_until_an_hour_that_is_outside_the_steps_hours_is_told() -> None:
    late = ((None, "09:00-10:00", [NEWS]), (Until(time(18)), "09:00-10:00", [NEWS]))
    [sentence] = told(rule(*late, expires="2 hours"))
    assert sentence.startswith("step 2 can never follow step 1: what was done within 09:00-10:00 expires before")
    assert told(rule(*late, expires="1 day")) == []
    [sentence] = told(
        rule((None, None, [NEWS]), (Until(time(18)), None, [NEWS]), expires="1 day"), "at most 1 messages a week"
    )
    assert sentence.startswith("step 2 can never go out once step 1 has")


@pytest.mark.parametrize(
    "wait",
    [PerUnit(Duration(1, "days")), DaysBefore("order.paid_at", 1), Duration(1, "business hours")],
    ids=["per unit", "days before", "business hours"],
)
def test_of_a_wait_that_nobody_knows_beforehand_nothing_is_told(wait: StepWait) -> None:
    unknown = ((None, "09:00-10:00", [NEWS]), (wait, None, [NEWS]))
    assert told(rule(*unknown, expires="1 day"), "at most 1 messages a week") == []


@pytest.mark.parametrize(("expires", "count"), [("6 days", 0), ("5 days", 1)])
def test_days_on_which_the_shop_is_closed_count(expires: str, count: int) -> None:
    fridays = parse_business_hours({"fri": "09:00-13:00"})
    weekly = rule((None, None, [NEWS]), ("1 day", None, [NEWS]), expires=expires)
    weekly = replace(weekly, steps=tuple(replace(step, send_between=fridays) for step in weekly.steps))
    assert len(told(weekly)) == count


def test_no_time_at_all_is_told() -> None:
    assert told(rule((None, None, [NOTE]), expires="0 minutes")) == [
        "'expires_after: 0 minutes' leaves no time to do anything in"
    ]
