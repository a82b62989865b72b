"""The circuit breakers of a store: a rule that would act on far more than usual is held whole, and the staff told."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

import sqlalchemy as sa
import structlog

from connector.shop import Shop
from connector.store import followups
from connector.store.followups import About
from connector.tally import Tally
from rules import breakers
from rules.breakers import Excess, Load
from rules.timing import Calendar

log = structlog.get_logger()

EXAMPLES = 10
"""Of how many orders the staff is told the numbers."""


def break_circuits(shop: Shop, paused: Collection[str], tally: Tally) -> None:
    """Hold each rule that is not paused and would act on too much."""
    now = shop.clock()
    limits = {active.rule.id: active.rule.max_per_run for active in shop.rules if active.rule.id not in paused}
    with shop.database.read() as connection:
        due = [rule for rule in followups.due_rules(connection, shop.id, now) if rule in limits]
        found = {rule: excess_of(connection, shop.id, rule, limits[rule], shop.calendar, now) for rule in due}
    for rule, excess in found.items():
        if excess is not None:
            _hold(shop, rule, excess, now, tally)


def excess_of(
    connection: sa.Connection, store: str, rule: str, max_per_run: int, calendar: Calendar, now: datetime
) -> Excess | None:
    """By how much a rule would act on more than usual, if what is due of it went out now; None if it would not."""
    load = Load(
        within_hour=followups.busy_steps(connection, store, rule, now, now - breakers.HOUR),
        today=followups.busy_steps(connection, store, rule, now, breakers.day_begins(now, calendar)),
    )
    usual = None
    if not breakers.is_few(load):  # else there is no need to count four weeks
        days = breakers.past_days(now, calendar)
        done = {each.day: followups.steps_done(connection, store, rule, each.begin, each.end) for each in days}
        usual = breakers.usual_day(done, now, calendar)
    return breakers.excess_of(load, max_per_run, usual)


def _hold(shop: Shop, rule: str, excess: Excess, now: datetime, tally: Tally) -> None:
    with shop.database.write(durable=True) as connection:
        is_told = followups.is_held(connection, shop.id, rule)
        about = followups.due_about(connection, shop.id, rule, now)
        held = followups.hold(connection, shop.id, rule, now, excess.reason)
    tally.became("held", rule, number=held)
    log.warning("rule held", store=shop.id, rule=rule, steps=excess.steps, span=excess.span, limit=excess.limit)
    if not is_told:
        shop.staff.tell(f"{shop.id}: rule '{rule}' is held", _in_words(rule, excess, held, about))


def _in_words(rule: str, excess: Excess, held: int, about: About) -> str:
    some = ", ".join(about.numbers[:EXAMPLES]) + (", …" if len(about.numbers) > EXAMPLES else "")
    return (
        f"The rule '{rule}' would act on {excess.steps:,} follow-ups {excess.span}; its {excess.limit}. "
        f"Nothing of it goes out until you say so.\n\n"
        f"Held: {held:,} (customers: {about.people:,}). Orders: {some}\n\n"
        f"  aftersale approve {rule}         shows what it is, and lets it go\n"
        f"  aftersale approve {rule} --drop  drops it"
    )
