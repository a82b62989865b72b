"""Steps for which caps, hours and `expires_after` leave no moment.

Pure, and only what is sure: quiet times, which differ from customer to customer, are not looked at, nor is a step of
which nobody can say how late it may be done, or how long its wait is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import NamedTuple

from rules.planner import expiry_of
from rules.protection import PAUSE, Cap
from rules.rule import Rule, Step
from rules.timing import ABSOLUTE, ONE_DAY, Calendar, after, next_open, openings
from rules.waits import DaysBefore, PerUnit, StepWait, Until, over_by_clock

_CURE = "let it wait longer, or expire later"
_CLOCK_CHANGE = timedelta(hours=1)
"""By how much a day may be longer than others."""
_FOREVER = timedelta(days=36_500)
_BEGIN, _DAYS = date(2026, 1, 1), 400
"""Windows are tried on all the days of a year, and some."""


def never_fits(rule: Rule, caps: Sequence[Cap], calendar: Calendar) -> Iterator[str]:
    """Why there are steps of this rule that can never be done: a sentence each, none for a rule that is well."""
    if rule.expires_after is not None and rule.expires_after.amount == 0:
        yield f"'expires_after: {rule.expires_after}' leaves no time to do anything in"
        return
    limits = _limits(rule, caps)
    for step in rule.steps:
        yield from filter(None, (_held_back(rule, step, limit) for limit in limits))
        if _is_shut_out(rule, step, calendar):
            yield (
                f"step {step.position} can never follow step {step.position - 1}: what was done within "
                f"{rule.steps[step.position - 2].send_between} expires before {step.send_between} begins; {_CURE}"
            )


# Caps ---------------------------------------------------------------------------------------------------------


class _Limit(NamedTuple):
    """At most so many messages in any span of that length, and how many of them each of the rule's steps sends."""

    most: int
    span: timedelta
    text: str
    counts: Sequence[int]


def _limits(rule: Rule, caps: Sequence[Cap]) -> list[_Limit]:
    """The caps; and the pause between messages about an order, for which those of a step are one."""
    purposes = [
        [getattr(action.spec, "purpose", None) for action in step.actions if action.to_customer] for step in rule.steps
    ]
    limits = [
        _Limit(
            cap.most,
            cap.span,
            f"'{cap.text}'",
            [each.count("marketing") if cap.marketing_alone else len(each) for each in purposes],
        )
        for cap in caps
    ]
    if not rule.urgent:
        limits.append(_Limit(1, PAUSE, "the hour between messages", [min(1, len(each)) for each in purposes]))
    return limits


def _held_back(rule: Rule, step: Step, limit: _Limit) -> str | None:
    """Why a step's messages can never go once those of the steps before it have; None if they can, for all we know."""
    sent = limit.counts[step.position - 1]
    if sent == 0:
        return None
    if sent > limit.most:
        return f"step {step.position} sends {sent} messages at once, more than {limit.text} ever allows"
    latest, following = timedelta(0), step
    for before in reversed(rule.steps[: step.position - 1]):
        latest += _longest_between(rule, following)
        if latest >= limit.span:
            return None
        sent += limit.counts[before.position - 1]
        if sent > limit.most:
            return (
                f"step {step.position} can never go out once step {before.position} has: "
                f"it expires while {limit.text} still holds it back; {_CURE}"
            )
        following = before
    return None


def _longest_between(rule: Rule, step: Step) -> timedelta:
    """How long after the step before it this one is done at the latest."""
    expiry = expiry_of(rule, step)
    return _FOREVER if expiry is None else _longest(expiry) + _longest(step.wait)


def _longest(wait: StepWait | None) -> timedelta:
    """The longest that a wait can be; business days may have any number of holidays between them."""
    match wait:
        case None:
            return timedelta(0)
        case Until():
            return ONE_DAY + _CLOCK_CHANGE
        case PerUnit() | DaysBefore():
            return _FOREVER
    match wait.unit:
        case "days" | "weeks":
            return wait.amount * (7 if wait.unit == "weeks" else 1) * ONE_DAY + _CLOCK_CHANGE
        case "business days" | "business hours":
            return _FOREVER
        case unit:
            return wait.amount * ABSOLUTE[unit]


# Windows ------------------------------------------------------------------------------------------------------


def _is_shut_out(rule: Rule, step: Step, calendar: Calendar) -> bool:
    """Whether a step is always too late for its window, whenever within its own the step before was done."""
    before = rule.steps[step.position - 2].send_between if step.position > 1 else None
    expiry = expiry_of(rule, step)
    if before is None or step.send_between is None or expiry is None or isinstance(step.wait, PerUnit | DaysBefore):
        return False
    for opens, closes in openings(before, calendar, _BEGIN, _DAYS):
        first, last = (over_by_clock(step.wait, each, calendar) for each in (opens, closes))
        if next_open(first, step.send_between, calendar) <= after(last, expiry, calendar):
            return False
    return True
