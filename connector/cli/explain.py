"""Every rule on one order: what it saw, what it did, what comes next, and what may still stop it.

It asks the recorded state, not the store: what it tells is how things stood when the order was last seen. With '--at',
how they stood, or will stand, at another time.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Annotated

import sqlalchemy as sa
import typer

from connector.approval import in_force
from connector.cli._clients import Clients, find_store, load_clients, no_such
from connector.cli._exits import Exit, Stop
from connector.cli._moments import moment_of
from connector.cli._options import CONFIG, AsJson, ConfigPath
from connector.cli._rows import VERSION_SHOWN, row_json
from connector.cli._screen import console, iso, print_json
from connector.cli._state import known_shop, now, state_of
from connector.cli._story import tree_of
from connector.config import StoreConfig
from connector.explaining import Story, Told, story_of
from connector.lines import lines_in_peace
from connector.loading import Loaded
from connector.opening import active_rules
from connector.shop import Shop
from connector.store import orders, stores
from connector.store.database import Database
from rules.conditions import Check
from rules.facts import Active


def explain(
    store: Annotated[str, typer.Argument(help="The store's id.")],
    order: Annotated[str, typer.Argument(help="The order's number.")],
    config: ConfigPath = CONFIG,
    as_json: AsJson = False,
    at: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="As of then: 2026-11-20, '2026-11-20 09:00', in the store's time zone."),
    ] = None,
    rule: Annotated[str | None, typer.Option(metavar="ID", help="Only this rule, at length.")] = None,
) -> Exit:
    clients = load_clients(config)
    loaded, store_config = find_store(clients, store)
    today = now()
    moment = today if at is None else moment_of(at, store_config.calendar.zone, "--at")
    with (
        state_of(loaded) as database,
        _shop(loaded, store_config, database) as shop,
        database.read() as connection,
    ):
        active = _active(connection, loaded, store_config)
        if rule is not None and rule not in (known := [each.rule.id for each in active]):
            raise Stop(Exit.MISTAKE, no_such("rule", rule, known))
        story = story_of(connection, shop, active, _order_id(connection, store_config, order), moment, today)
        if rule is not None:
            story = _of_rule(story, rule)
        if as_json:
            print_json(_as_json(clients, loaded, shop, story))
        else:
            screen = console()
            for part in tree_of(story, shop, today, at_length=rule is not None):
                screen.print(part)
    return clients.code


@contextmanager
def _shop(loaded: Loaded, store: StoreConfig, database: Database) -> Iterator[Shop]:
    """The shop with its channels, as a run would have it; nothing is asked of anybody."""
    shop = known_shop(loaded, store, database, now)
    lines = lines_in_peace(loaded.config.channels, now)
    try:
        yield replace(shop, lines=lines)
    finally:
        shop.adapter.close()
        for line in lines.values():
            line.channel.close()


def _order_id(connection: sa.Connection, store: StoreConfig, number: str) -> str:
    id_ = orders.find(connection, store.id, number)
    if id_ is None:
        near = orders.numbers_like(connection, store.id, number.removeprefix("#"), limit=5)
        raise Stop(Exit.MISTAKE, no_such("order", number, near, f" in '{store.id}', as far as it has been polled"))
    return id_


def _active(connection: sa.Connection, loaded: Loaded, store: StoreConfig) -> list[Active]:
    """The rules as the state knows them; one that it does not know yet would be switched on now."""
    behind = timedelta(seconds=max(0.0, -(stores.load(connection, store.id).skew or 0.0)))
    active = active_rules(connection, in_force(connection, loaded), store, now())
    return [replace(each, since=each.since - behind) for each in active]


def _of_rule(story: Story, rule: str) -> Story:
    """What of the story is about this rule."""
    return replace(
        story,
        told=tuple(each for each in story.told if each.verdict.rule.id == rule),
        vanished=tuple(row for row in story.vanished if row.rule == rule),
        nexts=tuple(each for each in story.nexts if each.rule == rule),
    )


# For programs -------------------------------------------------------------------------------------------------


def _as_json(clients: Clients, loaded: Loaded, shop: Shop, story: Story) -> dict[str, object]:
    order = story.known.order
    result: dict[str, object] = {
        "store": shop.id,
        "order": order.number,
        "at": iso(story.at),
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
            for event in story.journal
        ],
        "rules": [_told_json(story, told) for told in story.told],
        "next": [{"at": iso(each.at), "what": each.what, "rule": each.rule} for each in story.nexts],
    }
    return clients.labelled(loaded, result)


def _told_json(story: Story, told: Told) -> dict[str, object]:
    verdict = told.verdict
    return {
        "rule": verdict.rule.id,
        "name": verdict.rule.name,
        "subject": verdict.subject.key if verdict.subject is not None else None,
        "outcome": verdict.outcome,
        "reasons": [_check_json(check) for check in verdict.checks],
        "obstacles": list(told.obstacles),
        "expires_at": iso(verdict.wanted.expires_at) if verdict.wanted is not None else None,
        "steps": [row_json(row) for row in told.rows] + _unrecorded(story, told),
    }


def _check_json(check: Check) -> dict[str, object]:
    return {
        "field": check.field,
        "wanted": check.wanted,
        "saw": check.saw,
        "held": check.held,
        "flips_at": iso(check.flips_at),
    }


def _unrecorded(story: Story, told: Told) -> list[dict[str, object]]:
    """The step that is wanted, where no run has recorded it."""
    wanted = told.verdict.wanted
    if wanted is None or told.of_step(wanted.step.id):
        return []
    return [
        {
            "id": None,
            "store": story.state.id,
            "order": story.known.order.number,
            "rule": wanted.rule.id,
            "version": wanted.rule.version[:VERSION_SHOWN],
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
