"""An order's story, as the state tells it: what happened, what every rule makes of it, and what is in the way.

It is told as of any moment. What happened is dated, and so is what was done; the facts of an order are not: they are as
the store showed them last. Of the future it tells what will be due, provided that nothing changes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

import sqlalchemy as sa

from connector.actions import NotNow, PassedOver, ways_of
from connector.counting import KEPT
from connector.histories import history_of
from connector.people import addresses_in, marks
from connector.privacy import why_not_written_to
from connector.reaching import reach
from connector.shop import Shop
from connector.store import followups, ledger, orders, stores, suppressions, versions
from connector.store.followups import Followup
from connector.store.orders import Known
from connector.store.stores import Pause, StoreState
from rules.conditions import Part
from rules.events import Journal, Sight, assumed_delivery, next_lateness, observe
from rules.facts import Active, Facts
from rules.past import said_by
from rules.planner import Verdict, Wanted, cooling_down, explain, scene_of
from rules.protection import Ledger, Outgoing, allowed, is_sabbath
from rules.rule import Action
from rules.timing import next_open

_KEEP_AWAY = frozenset({"trigger", "switched on", "enabled", "order"})


@dataclass(frozen=True, slots=True)
class Told:
    """What one rule makes of the order, or of a part of it: its verdict, what it asks, and what is recorded.

    `obstacles` are what would keep the wanted step from being done as things stand, in sentences.
    """

    verdict: Verdict
    conditions: tuple[Part, ...]
    stop_if: tuple[Part, ...]
    hold_while: tuple[Part, ...]
    rows: tuple[Followup, ...]
    obstacles: tuple[str, ...]

    @property
    def kept_away_by(self) -> str | None:
        """The check that kept the rule from coming near the order at all; None if it came near."""
        if self.rows or self.verdict.subject is None:
            return None if self.rows else "once_per"
        failed = (check.field for check in self.verdict.checks if not check.held)
        return next((field for field in failed if field in _KEEP_AWAY), None)

    def of_step(self, step: str) -> list[Followup]:
        """What is recorded of one of its steps."""
        return [row for row in self.rows if row.step == step]


@dataclass(frozen=True, slots=True)
class Next:
    """Something that will happen by itself, and when."""

    at: datetime
    what: str
    rule: str | None = None


@dataclass(frozen=True, slots=True)
class Story:
    """All that is known of an order as of `at`. `vanished` is what is recorded of rules, or of parts of the order, that
    are there no more; `changed_later` is how many actions have changed since `at`. `unwritable` is why the customer
    gets no messages, by their purpose.
    """

    at: datetime
    known: Known
    state: StoreState
    journal: Journal
    told: tuple[Told, ...]
    vanished: tuple[Followup, ...]
    changed_later: int
    unwritable: Mapping[str, str]
    nexts: tuple[Next, ...]
    outdated: Mapping[tuple[str, str], datetime]
    """By rule and version, since when a version was in force that is so no more."""


def story_of(
    connection: sa.Connection, shop: Shop, active: Sequence[Active], order_id: str, at: datetime, now: datetime
) -> Story:
    """The story of an order that is known, as of `at`. Nothing is asked of the store, and nothing changed."""
    known = orders.load(connection, shop.id, [order_id])[order_id]
    of_order = followups.of_orders(connection, shop.id, [order_id])
    of_person = followups.of_people(connection, shop.id, [known.person], [each.rule.id for each in active])
    every = of_order + [row for row in of_person if row.order_id != order_id]
    rows = [row for row in every if row.at <= at]
    deeds = tuple(row.deed for row in rows)
    history = history_of(connection, shop, order_id, known.person, at)
    quiet, remarks = shop.protection.quiet, said_by(known.remarks, at)
    about = (known.order, known.person, shop.calendar, shop.ladders, deeds, quiet)
    facts = Facts(*about, history, known.ask_at, remarks)
    journal = _journal(shop, known, at, now)
    unwritable = why_not_written_to(partial(suppressions.of, connection), shop.id, shop.secret, known)
    pauses = [pause for pause in stores.paused(connection, shop.id) if pause.since <= at]
    look = _Look(connection, shop, facts, journal, at, unwritable, pauses)
    told = tuple(_told(look, verdict, rows) for verdict in explain(facts, journal, active, at))
    shown = {row.id for each in told for row in each.rows}
    return Story(
        at,
        known,
        stores.load(connection, shop.id),
        journal,
        told,
        tuple(row for row in rows if row.order_id == order_id and row.id not in shown),
        sum(row.at > at for row in of_order),
        unwritable,
        tuple(sorted(_nexts(look, told), key=lambda each: each.at)),
        versions.outdated(connection, shop.id),
    )


def _journal(shop: Shop, known: Known, at: datetime, now: datetime) -> Journal:
    """What had happened by then; from now on, what time alone will add, like a parcel that is late."""
    if at < now:
        return tuple(event for event in known.journal if event.at <= at)
    return observe(known.order, known.journal, Sight(at, shop.ladders, shop.calendar))


@dataclass(frozen=True, slots=True)
class _Look:
    """What is looked at, and when."""

    connection: sa.Connection
    shop: Shop
    facts: Facts
    journal: Journal
    at: datetime
    unwritable: Mapping[str, str]
    pauses: Sequence[Pause]


def _told(look: _Look, verdict: Verdict, rows: Sequence[Followup]) -> Told:
    subject = verdict.subject
    if subject is None:
        return Told(verdict, (), (), (), (), ())
    scene = scene_of(look.facts, subject, look.journal, look.at)
    own = [row for row in rows if (row.rule, row.subject) == (verdict.rule.id, subject.key)]
    own = [row for row in own if row.order_id == look.facts.order.id]
    return Told(
        verdict,
        tuple(verdict.rule.conditions.parts(scene)),
        tuple(verdict.rule.stop_if.parts(scene)),
        tuple(verdict.rule.hold_while.parts(scene)),
        tuple(sorted(own, key=lambda row: (row.position, row.action))),
        tuple(dict.fromkeys(_obstacles(look, verdict.wanted))) if verdict.wanted is not None else (),
    )


# What is in the way -------------------------------------------------------------------------------------------


def _obstacles(look: _Look, wanted: Wanted) -> Iterator[str]:
    rule, subject = wanted.rule, wanted.subject.key
    for pause in look.pauses:
        if pause.holds_up(look.shop.id, rule.id):
            what = "everything is" if pause.rule != rule.id else "the rule is"
            yield f"{what} paused since {_local(look, pause.since)}: 'aftersale resume' ends that"
    moment = max(look.at, wanted.due_at)
    if (until := cooling_down(rule, subject, look.facts.deeds, look.facts.calendar, moment)) is not None:
        yield f"cooldown: the rule has acted for this customer, and leaves them alone until {_local(look, until)}"
    for action in wanted.step.actions:
        if action.to_customer:
            yield from _in_the_way_of(look, wanted, action, moment)


def _in_the_way_of(look: _Look, wanted: Wanted, action: Action, moment: datetime) -> Iterator[str]:
    """What keeps a message from its customer."""
    purpose = getattr(action.spec, "purpose", "transactional")
    marketing = purpose == "marketing"
    if purpose in look.unwritable:
        yield f"no message goes out: {look.unwritable[purpose]}"
        return
    if (why_not := _unreached(look, ways_of(action, look.shop.config.via), moment, marketing=marketing)) is not None:
        yield f"no message goes out: {why_not}"
    person = marks(addresses_in(look.facts.order), look.shop.secret)
    own = {row.id for row in followups.of_step(look.connection, look.shop.id, wanted.rule.id, *_key(wanted))}
    sent = [each for each in ledger.sent_to(look.connection, person, moment - KEPT, own) if each.at <= look.at]
    message = Outgoing(marketing, (look.shop.id, look.facts.order.id), wanted.rule.urgent)
    wait = allowed(Ledger(sent, look.shop.protection.caps), message, moment)
    if wait is not None:
        yield f"put off until {_local(look, wait.until)}: {wait.reason}"


def _unreached(look: _Look, channels: Sequence[str], moment: datetime, *, marketing: bool) -> str | None:
    """Why none of these channels will do; None if one of them does."""
    passed: list[str] = []
    for channel in channels:
        try:
            listed = partial(suppressions.of, look.connection)
            reach(listed, look.shop, look.facts.order, channel, moment, marketing=marketing)
        except (PassedOver, NotNow) as why:
            passed.append(f"{channel}: {why}" if len(channels) > 1 else str(why))
        else:
            return None
    return "; ".join(passed)


def _key(wanted: Wanted) -> tuple[str, str]:
    return wanted.subject.key, wanted.step.id


def moved_by(wanted: Wanted, shop: Shop) -> str | None:
    """What moved a step from where its wait is over, in words; None if nothing did."""
    if wanted.due_at == wanted.ripe_at:
        return None
    hours, sabbath = wanted.step.send_between, shop.calendar.sabbath
    opens = next_open(wanted.ripe_at, hours, shop.calendar)
    by = [f"send_between {hours}"] if opens != wanted.ripe_at else []
    if opens != wanted.due_at:
        by.append(f"the sabbath {sabbath}" if is_sabbath(opens, shop.calendar) else "quiet times")
    return " and ".join(by)


def _local(look: _Look, moment: datetime) -> str:
    return f"{moment.astimezone(look.shop.calendar.zone):%Y-%m-%d %H:%M}"


# What comes next ----------------------------------------------------------------------------------------------


def _nexts(look: _Look, told: Sequence[Told]) -> Iterator[Next]:
    """What will happen by itself after `at`, as things stand."""
    for each in told:
        verdict = each.verdict
        if (wanted := verdict.wanted) is not None:
            rows = each.of_step(wanted.step.id)
            if not any(row.state in ("held", "unknown") for row in rows):
                yield from _next_step(wanted, rows)
        if verdict.ask_at is not None:
            yield Next(
                verdict.ask_at, f"{verdict.rule.id} is judged anew, as time alone may change it", verdict.rule.id
            )
    facts = look.facts
    assumed = assumed_delivery(facts.order, look.journal, facts.ladders, facts.calendar, look.at)
    if assumed is not None:
        yield Next(assumed, "the order is taken to be delivered, unless there is news of it")
    late = next_lateness(facts.order, look.at)
    if late is not None:
        yield Next(late, "a parcel is late, unless it arrives")


def _next_step(wanted: Wanted, rows: Sequence[Followup]) -> Iterator[Next]:
    """When a step will be done; of one that is held up, when it will be too late."""
    step = f"step {wanted.step.position} of {wanted.rule.id}"
    if wanted.waits_while is not None:
        if wanted.expires_at is not None:
            yield Next(wanted.expires_at, f"{step} expires, if it still {wanted.waits_while}", wanted.rule.id)
        return
    due = max([wanted.due_at, *(row.meant_for for row in rows if row.state == "pending")])
    kinds = ", ".join(action.kind for action in wanted.step.actions)
    yield Next(due, f"{step} ({kinds})", wanted.rule.id)
