"""Whether a step that is due may be done now: wanted still, at a good time, admissible as a whole.

Nothing here asks or writes anything: what was seen and recorded goes in, and what may be done comes out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from adapters.model import Order
from connector.actions import NotNow, Refused
from connector.prepare import Judged, Made, make_ready
from connector.privacy import why_not_written_to
from connector.shop import Shop
from connector.store.followups import Followup
from connector.store.orders import Known
from connector.store.suppressions import Listed
from connector.wording import InWords, written_out
from rules.facts import Facts
from rules.history import History
from rules.planner import Wanted, cooling_down, plan
from rules.protection import good_time_of, is_sabbath
from rules.timing import next_open

A_MOMENT = timedelta(seconds=1)


def judge(
    shop: Shop,
    known: Known,
    order: Order,
    recorded: Sequence[Followup],
    history: History,
    first: Followup,
    listed: Listed,
    now: datetime,
) -> Judged | None:
    """The step of this action as it is wanted now, from its order and all that is known and recorded of it and its
    person; None if it is wanted no more, or not yet. `listed` knows who is on the suppression list.
    """
    deeds = tuple([row.deed for row in recorded])
    about = (order, known.person, shop.calendar, shop.ladders, deeds, shop.protection.quiet)
    facts = Facts(*about, history, known.ask_at, known.remarks)
    rules = [active for active in shop.rules_now() if active.rule.id == first.rule]
    for wanted in plan(facts, known.journal, rules, now).wanted:
        if (wanted.rule.id, wanted.subject.key, wanted.step.id) == first.of_step and _is_due(wanted, now):
            unwritable = why_not_written_to(listed, shop.id, shop.secret, known)
            return Judged(facts, known.journal, wanted, recorded, unwritable)
    return None


def _is_due(wanted: Wanted, now: datetime) -> bool:
    return wanted.due_at <= now and wanted.waits_while is None


def admitted(
    shop: Shop,
    judged: Judged,
    todo: Sequence[Followup],
    listed: Listed,
    enter: Callable[[Sequence[Made]], None],
    now: datetime,
    words: InWords = written_out,
) -> list[Made]:
    """The actions of a step, made ready. `enter` counts their messages as sent, or raises NotNow.

    Raises NotNow until the next good time that is free, or until it is too late for it; Refused or Broken if it cannot
    be done at all.
    """
    due = max(now, *(row.due_at for row in todo))
    good_time = _good_time(shop, judged, due)
    if good_time > now:
        raise NotNow(good_time, _why_later(shop, judged, due, good_time))
    _heed_cooldown(shop, judged, now)
    try:
        made = make_ready(listed, shop, judged, todo, now, words)
        enter(made)
    except NotNow as wait:
        free_at = _good_time(shop, judged, wait.until)
        last = min((row.expires_at for row in todo if row.expires_at is not None), default=free_at)
        raise NotNow(min(free_at, last + A_MOMENT), str(wait)) from None
    return made


def _good_time(shop: Shop, judged: Judged, moment: datetime) -> datetime:
    """When, from then on, this step may be done: all its actions together, never outside the hours that the rule keeps
    nor in quiet times.

    What comes late, after a fault or a pause, may have been due in good time and be so no more.
    """
    order = judged.facts.order
    return good_time_of(judged.wanted.step, order, moment, shop.calendar, shop.protection.quiet)


def _why_later(shop: Shop, judged: Judged, due: datetime, good_time: datetime) -> str:
    """Why a step that is due is not done before that good time."""
    window = judged.wanted.step.send_between
    if next_open(due, window, shop.calendar) > due:
        return f"it is outside {window}"
    if is_sabbath(due, shop.calendar) and good_time > due:
        return f"it is within {shop.calendar.sabbath}"
    return "these are quiet times" if good_time > due else "not all of its step is due yet"


def _heed_cooldown(shop: Shop, judged: Judged, now: datetime) -> None:
    """Raises Refused where the rule has acted for this customer too lately."""
    wanted = judged.wanted
    until = cooling_down(wanted.rule, wanted.subject.key, judged.facts.deeds, shop.calendar, now)
    if until is not None:
        raise Refused(
            f"cooldown: this rule has acted for this customer, and leaves them alone until {until:%Y-%m-%d %H:%M} UTC"
        )
