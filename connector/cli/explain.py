"""Every rule on one order: what it saw, what it did, and what comes next.

It asks the recorded state, not the store: what it tells is how things stood when the order was last seen.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Annotated

import sqlalchemy as sa
import typer
from rich.console import Console
from rich.tree import Tree

from connector.cli._clients import Clients, find_store, load_clients, no_such
from connector.cli._exits import Exit, Stop
from connector.cli._options import CONFIG, AsJson, ConfigPath
from connector.cli._rows import action_of, row_json
from connector.cli._screen import ago, clean, console, iso, local, print_json, table
from connector.cli._state import now, state_of
from connector.config import StoreConfig
from connector.loading import Loaded
from connector.privacy import why_not_written_to
from connector.store import followups, orders, stores
from connector.store.database import secret_of
from connector.store.followups import Followup
from connector.store.orders import Known
from connector.store.stores import StoreState
from rules.conditions import Check
from rules.planner import Active, Facts, Verdict
from rules.planner import explain as verdicts_on


@dataclass(frozen=True, slots=True)
class Story:
    """All that is known of an order, and what every rule says about it."""

    known: Known
    state: StoreState
    verdicts: tuple[Verdict, ...]
    rows: tuple[Followup, ...]
    unwritable: Mapping[str, str]
    """Why the customer gets no messages, by their purpose."""

    def of(self, verdict: Verdict) -> list[Followup]:
        """What is recorded of a rule on its subject, in order."""
        subject = verdict.subject.key if verdict.subject is not None else None
        rows = [row for row in self.rows if row.rule == verdict.rule.id and row.subject == subject]
        return sorted(rows, key=lambda row: (row.position, row.action))

    def vanished(self) -> list[Followup]:
        """What is recorded of rules, or of subjects, that are there no more."""
        told = {row.id for verdict in self.verdicts for row in self.of(verdict)}
        return [row for row in self.rows if row.id not in told]


def explain(
    store: Annotated[str, typer.Argument(help="The store's id.")],
    order: Annotated[str, typer.Argument(help="The order's number.")],
    config: ConfigPath = CONFIG,
    as_json: AsJson = False,
) -> Exit:
    clients = load_clients(config)
    loaded, store_config = find_store(clients, store)
    with state_of(loaded) as database, database.read() as connection:
        story = _story(connection, loaded, store_config, order, secret_of(database))
    if as_json:
        print_json(_as_json(clients, loaded, store_config, story))
    else:
        _show(console(), store_config, story)
    return clients.code


def _story(connection: sa.Connection, loaded: Loaded, store: StoreConfig, number: str, secret: bytes) -> Story:
    id_ = orders.find(connection, store.id, number)
    if id_ is None:
        near = orders.numbers_like(connection, store.id, number.removeprefix("#"), limit=5)
        raise Stop(Exit.MISTAKE, no_such("order", number, near, f" in '{store.id}', as far as it has been polled"))
    known = orders.load(connection, store.id, [id_])[id_]
    state = stores.load(connection, store.id)
    active = _active(connection, loaded, store, state)
    of_order = followups.of_orders(connection, store.id, [id_])
    of_person = followups.of_people(connection, store.id, [known.person], [each.rule.id for each in active])
    rows = of_order + [row for row in of_person if row.order_id != id_]
    facts = Facts(
        known.order,
        known.person,
        store.calendar,
        store.ladders,
        tuple(row.deed for row in rows),
        loaded.config.protection.quiet,
    )
    verdicts = tuple(verdicts_on(facts, known.journal, active, now()))
    unwritable = why_not_written_to(connection, store.id, secret, known)
    return Story(known, state, verdicts, tuple(of_order), unwritable)


def _active(connection: sa.Connection, loaded: Loaded, store: StoreConfig, state: StoreState) -> list[Active]:
    """The rules as the state knows them; one that it does not know yet would be switched on now."""
    known = stores.load_rules(connection, store.id)
    behind = timedelta(seconds=max(0.0, -(state.skew or 0.0)))
    active = []
    for rule in loaded.rules[store.id]:
        before = known.get(rule.id)
        since = before.since if before is not None else now()
        active.append(Active(rule, since - behind, before.first_id if before is not None else None))
    return active


# For programs -------------------------------------------------------------------------------------------------


def _as_json(clients: Clients, loaded: Loaded, store: StoreConfig, story: Story) -> dict[str, object]:
    order = story.known.order
    result: dict[str, object] = {
        "store": store.id,
        "order": order.number,
        "facts": {
            "id": order.id,
            "status": order.status,
            "created_at": iso(order.created_at),
            "modified_at": iso(order.modified_at),
            "total": str(order.total),
            "trashed": order.trashed,
            "polled_at": iso(story.state.polled_at),
        },
        "unwritable": dict(story.unwritable),
        "events": [
            {
                "event": event.kind,
                "at": iso(event.at),
                "source": event.source,
                "old": event.old,
                "subject": event.subject,
            }
            for event in story.known.journal
        ],
        "rules": [_verdict_json(story, verdict) for verdict in story.verdicts],
    }
    return clients.labelled(loaded, result)


def _verdict_json(story: Story, verdict: Verdict) -> dict[str, object]:
    return {
        "rule": verdict.rule.id,
        "name": verdict.rule.name,
        "subject": verdict.subject.key if verdict.subject is not None else None,
        "outcome": verdict.outcome,
        "reasons": [
            {"field": check.field, "wanted": check.wanted, "saw": check.saw, "held": check.held}
            for check in verdict.checks
        ],
        "steps": [row_json(row) for row in story.of(verdict)] + _unrecorded(story, verdict),
    }


def _unrecorded(story: Story, verdict: Verdict) -> list[dict[str, object]]:
    """The step that is wanted, where no run has recorded it yet."""
    wanted = verdict.wanted
    if wanted is None or any(row.step == wanted.step.id for row in story.of(verdict)):
        return []
    order = story.known.order
    return [
        {
            "id": None,
            "store": story.state.id,
            "order": order.number,
            "rule": verdict.rule.id,
            "step": wanted.step.position,
            "action": action.kind,
            "channel": None,
            "state": "pending",
            "due_at": iso(wanted.due_at),
            "reason": "to be recorded by the next run",
            "basis": None,
            "passed_over": None,
        }
        for action in wanted.step.actions
    ]


# For people ---------------------------------------------------------------------------------------------------


def _show(screen: Console, store: StoreConfig, story: Story) -> None:
    order, zone = story.known.order, store.calendar.zone
    seen = "never" if story.state.polled_at is None else ago(story.state.polled_at, now())
    screen.print(f"Order {clean(order.number)} of {store.name}: {clean(order.status)}, {order.total}", style="bold")
    screen.print(f"As the store was last polled, {seen}. Times are {zone}.\n")
    for reason in dict.fromkeys(story.unwritable.values()):
        screen.print(f"No messages: {clean(reason)}.\n")
    happened = table("When", "What happened", "Known from")
    for event in story.known.journal:
        what = event.kind if event.subject is None else f"{event.kind} (parcel {clean(event.subject)})"
        source = f"{clean(event.source)}, before we looked after the store" if event.old else clean(event.source)
        happened.add_row(local(event.at, zone), what, source)
    screen.print(happened)
    for verdict in story.verdicts:
        screen.print(_tree(story, verdict, zone))
    if gone := story.vanished():
        tree = Tree("Of rules, or parts of the order, that are there no more")
        for row in gone:
            tree.add(_line(row, zone))
        screen.print(tree)
    _show_next(screen, story, zone)


def _tree(story: Story, verdict: Verdict, zone: tzinfo) -> Tree:
    about = f" ({_subject(verdict)})" if verdict.subject is not None and verdict.rule.once_per != "order" else ""
    tree = Tree(f"{verdict.rule.id}{about}: {clean(verdict.outcome)}")
    for check in verdict.checks:
        tree.add(_condition(check, zone))
    recorded = story.of(verdict)
    for row in recorded:
        tree.add(_line(row, zone))
    if verdict.wanted is not None and _unrecorded(story, verdict):
        for action in verdict.wanted.step.actions:
            when = local(verdict.wanted.due_at, zone)
            tree.add(f"step {verdict.wanted.step.position}, {action.kind}: planned for {when}, once a run records it")
    if verdict.wanted is not None:
        for step in verdict.rule.steps:
            if step.position > verdict.wanted.step.position:
                kinds = ", ".join(action.kind for action in step.actions)
                wait = f"{step.wait} after the step before" if step.wait is not None else "right after the step before"
                tree.add(f"step {step.position}, {kinds}: to come, {wait}")
    return tree


def _subject(verdict: Verdict) -> str:
    assert verdict.subject is not None
    if verdict.subject.item is not None:
        return clean(verdict.subject.item.name)
    if verdict.subject.shipment is not None:
        return f"parcel {clean(verdict.subject.shipment.id)}"
    return "once for this customer"


def _condition(check: Check, zone: tzinfo) -> str:
    saw = ", ".join(map(str, check.saw)) if isinstance(check.saw, list) else check.saw
    told = "nothing" if saw in (None, "") else clean(str(saw))
    line = f"{'✓' if check.held else '✗'} {check.field}: wanted {clean(check.wanted)}; saw {told}"
    return _MOMENT.sub(lambda found: local(datetime.fromisoformat(found[0]), zone), line)


_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00")
"""A time as conditions tell what they saw: UTC."""


def _line(row: Followup, zone: tzinfo) -> str:
    when = f"due {local(row.due_at, zone)}" if row.state == "pending" else local(row.at, zone)
    told = (row.reason, row.basis, f"passed over {row.passed_over}" if row.passed_over else None)
    why = "".join(f": {clean(each)}" for each in told if each)
    return f"step {row.position}, {action_of(row)}: {row.state}, {when}{why} (id {row.id})"


def _show_next(screen: Console, story: Story, zone: tzinfo) -> None:
    moments: Sequence[tuple[datetime, str]] = sorted(
        [(row.due_at, f"{row.rule}, step {row.position}") for row in story.rows if row.state == "pending"]
        + [(each.ask_at, f"{each.rule.id} is looked at again") for each in story.verdicts if each.ask_at is not None]
    )
    if moments:
        when, what = moments[0]
        screen.print(f"\nNext: {local(when, zone)}, {what}.")
    else:
        screen.print("\nNothing comes next, as things stand.")
