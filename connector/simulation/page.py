"""A simulation as one HTML file, to be looked at and handed on; nothing in it comes from elsewhere.

The first messages of each rule stand in it as their customers would have read them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date
from html import unescape

import nh3
from markupsafe import Markup

from connector.config import shown
from connector.loading import Loaded
from connector.pages import render_page
from connector.simulation.outcome import Example, Outcome, Simulation, days_of
from rules.events import STATUS
from rules.plots import Bar, columns

Told = tuple[Loaded, Simulation]


def page(told: Sequence[Told]) -> str:
    """The page of what was simulated for each client."""
    parts = [
        {
            "name": ", ".join(store.name for store in loaded.config.stores if simulation.orders[store.id])
            or shown(loaded.config.file),
            "zone": loaded.config.stores[0].calendar.zone,
            "told": simulation,
            "rules": [_rule(loaded, each) for each in simulation.outcomes.values()],
            "plots": _plots(loaded, simulation),
            "unknown": list(what_is_not_known(simulation)),
        }
        for loaded, simulation in told
    ]
    title = "What the rules would have done"
    return render_page("connector.simulation", title=title, lang="en", rtl=False, parts=parts)


def plain(example: Example) -> str:
    """A message's text as it is read, without markup."""
    if example.markup == "plain":
        return example.text
    broken = example.text.replace("<p>", "\n").replace("</p>", "\n").replace("<br />", "\n").replace("</li>", "\n")
    return unescape(nh3.clean(broken, tags=set())).strip()


def what_is_not_known(told: Simulation) -> Iterator[str]:
    """What the store does not date, in sentences."""
    for (store, kind), number in told.unknown.most_common():
        orders = f"{number:,} order" + ("s" if number != 1 else "")
        what = f"became '{kind.removeprefix(STATUS)}'" if kind.startswith(STATUS) else f"had '{kind}'"
        so = "The store does not say when: it counts from the last change, and sets no rule off."
        yield f"{store}: {orders} {what}. {so}"


def _rule(loaded: Loaded, outcome: Outcome) -> dict[str, object]:
    rules = {rule.id: rule for rule in loaded.rules[outcome.store]}
    return {
        "name": rules[outcome.rule].name,
        "outcome": outcome,
        "other": ", ".join(f"{number} {kind}" for kind, number in outcome.done.items() if kind != "send"),
        "examples": [(each, _as_read(each)) for each in outcome.examples],
    }


def _as_read(example: Example) -> Markup | str:
    """The words of a message; what a customer's data might smuggle in is left out."""
    if example.markup == "plain":
        return example.text
    return Markup(nh3.clean(example.text, link_rel="noreferrer"))  # noqa: S704  just cleaned


def _plots(loaded: Loaded, told: Simulation) -> list[tuple[str, Markup]]:
    zone = loaded.config.stores[0].calendar.zone
    outcomes = list(told.outcomes.values())
    days = days_of(outcomes, told.start.astimezone(zone).date(), told.end.astimezone(zone).date())
    if not sum(days.values()):
        return []
    hours = sum((each.hours for each in outcomes), Counter[int]())
    a_day = [Bar(_day(day), number, str(number)) for day, number in days.items()]
    by_hour = [Bar(f"{hour:02}", hours[hour], str(hours[hour])) for hour in range(24)]
    busiest = max(days, key=lambda day: days[day])
    return [
        (
            "Messages a day",
            columns(a_day, title="Messages a day", description=f"The most, {days[busiest]}, on {_day(busiest)}."),
        ),
        (
            "Messages by hour of the day",
            columns(by_hour, title="Messages by hour of the day", description=f"Times are {zone}."),
        ),
    ]


def _day(day: date) -> str:
    return f"{day.day} {day:%b}"
