"""How each store is, and what waits for you.

Exit code 1 if a store is in trouble or lags, does not tell of its products, reviews or notes, or a channel rests after
trouble; 4 if something is held for a person, or edited rules await approval.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.padding import Padding

from connector.approval import awaits_approval
from connector.cli._clients import Clients, load_clients
from connector.cli._exits import Exit, worst
from connector.cli._listening import Ear, ear_json, ears_of, listens, why_deaf
from connector.cli._options import CONFIG, AsJson, ConfigPath
from connector.cli._rows import AWAITS_APPROVAL, by_rule, rows_json, rows_table
from connector.cli._screen import ago, clean, console, count, iso, local, print_json
from connector.cli._state import exists, now, state_of
from connector.config import StoreConfig
from connector.loading import Loaded
from connector.store import followups, orders, stores
from connector.store.channels import Rest
from connector.store.followups import Followup
from connector.store.stores import EVERY, Pause, StoreState
from connector.vitals import Vitals, ailments, vitals_of

NOTABLE_SKEW = timedelta(minutes=2)
STATES = ("pending", "done", "skipped", "held", "failed", "unknown")
SHOWN = 10


@dataclass(frozen=True, slots=True)
class Status:
    """A store as the state knows it."""

    name: str
    loaded: Loaded
    config: StoreConfig
    state: StoreState
    orders: int = 0
    quarantined: Sequence[tuple[str, str, datetime]] = ()
    counts: dict[str, int] | None = None
    held: Sequence[Followup] = ()
    pauses: Sequence[Pause] = ()
    vitals: Vitals | None = None
    ailments: Sequence[str] = ()
    awaits_approval: bool = False
    ears: Sequence[Ear] = ()

    @property
    def next_poll_at(self) -> datetime | None:
        if self.state.polled_at is None:
            return self.state.retry_at
        return max(self.state.polled_at + self.config.poll_every, self.state.retry_at or self.state.polled_at)

    @property
    def is_in_trouble(self) -> bool:
        rests = any(rest.until > now() for rest in self.resting.values())
        in_trouble = self.state.error is not None or self.state.products_error is not None
        is_deaf = any(ear.heard.error is not None for ear in self.ears)
        return in_trouble or bool(self.ailments) or rests or is_deaf

    @property
    def resting(self) -> Mapping[str, Rest]:
        """The channels in trouble, by name."""
        return self.vitals.resting if self.vitals is not None else {}

    @property
    def baseline(self) -> str:
        if self.state.baseline_done_at is not None:
            return "done"
        return "not begun" if self.state.baseline_at is None else "in progress"


def status(config: ConfigPath = CONFIG, as_json: AsJson = False) -> Exit:
    clients = load_clients(config)
    found = [_status(name, loaded, store) for name, loaded, store in clients.stores()]
    if as_json:
        print_json({"stores": {each.name: _as_json(clients, each) for each in found}})
    else:
        screen = console()
        for each in found:
            _show(screen, clients, each)
    codes = [clients.code]
    codes += [Exit.FAILED for each in found if each.is_in_trouble]
    codes += [Exit.AWAITS for each in found if each.held or each.awaits_approval]
    return worst(codes)


def _status(name: str, loaded: Loaded, store: StoreConfig) -> Status:
    if not exists(loaded):
        return Status(name, loaded, store, StoreState(store.id))
    with state_of(loaded) as database, database.read() as connection:
        vitals = vitals_of(connection, store.id, now())
        return Status(
            name=name,
            loaded=loaded,
            config=store,
            state=vitals.state,
            orders=orders.count(connection, store.id),
            quarantined=orders.quarantined(connection, store.id),
            counts=followups.counts(connection, store.id),
            held=followups.in_state(connection, ["held"], store.id),
            pauses=stores.paused(connection, store.id),
            vitals=vitals,
            ailments=ailments(vitals, store.poll_every, now()),
            awaits_approval=awaits_approval(connection, loaded),
            ears=ears_of(connection, loaded, store),
        )


def _as_json(clients: Clients, each: Status) -> dict[str, object]:
    state = each.state
    return {
        "polled_at": iso(state.polled_at),
        "next_poll_at": iso(each.next_poll_at),
        "lag_seconds": _seconds_since(state.polled_at),
        "due_lag_seconds": _seconds_since(each.vitals.due_since if each.vitals is not None else None),
        "healthy": not each.ailments,
        "reasons": list(each.ailments),
        "error": state.error,
        "error_since": iso(state.error_since),
        "failures": state.failures,
        "retry_at": iso(state.retry_at),
        "products_error": state.products_error,
        "products_retry_at": iso(state.products_retry_at),
        "skew_seconds": state.skew,
        "baseline": each.baseline,
        "orders": each.orders,
        "quarantined": [{"id": id_, "reason": why, "at": iso(at)} for id_, why, at in each.quarantined],
        "counts": {name: (each.counts or {}).get(name, 0) for name in STATES},
        "held": rows_json(clients, [(each.loaded, row) for row in each.held]),
        "awaits_approval": each.awaits_approval,
        "paused": [{"store": pause.store, "rule": pause.rule, "since": iso(pause.since)} for pause in each.pauses],
        "listening": {ear.what.value: ear_json(ear) for ear in each.ears},
        "channels": [
            {
                "name": name,
                "error": rest.reason,
                "error_since": iso(rest.since),
                "failures": rest.failures,
                "retry_at": iso(rest.until),
            }
            for name, rest in each.resting.items()
        ],
    }


def _seconds_since(moment: datetime | None) -> int | None:
    return None if moment is None else max(0, round((now() - moment).total_seconds()))


def _show(screen: Console, clients: Clients, each: Status) -> None:
    zone = each.config.calendar.zone
    state = each.state
    screen.print(each.name, style="bold")
    for line in _lines(each):
        screen.print(Padding(line, (0, 0, 0, 2)))
    if state.error is not None:
        since = f" (since {local(state.error_since, zone)} {zone})" if state.error_since else ""
        screen.print(Padding(f"In trouble{since}: {clean(state.error)}", (0, 0, 0, 2)), style="red")
        if state.retry_at is not None:
            screen.print(Padding(_next_try(state.retry_at, state.failures, zone), (0, 0, 0, 2)))
    if state.products_error is not None:
        told = (
            f"Products cannot be read, and rules do without their categories and pages: {clean(state.products_error)}"
        )
        screen.print(Padding(told, (0, 0, 0, 2)), style="red")
    for ailment in each.ailments:
        cure = "" if state.error is not None else " Does 'aftersale run' run?"
        screen.print(Padding(f"It lags: {clean(ailment)}.{cure}", (0, 0, 0, 2)), style="red")
    _show_ears(screen, each)
    for name, rest in each.resting.items():
        told = f"Channel {name} is in trouble (since {local(rest.since, zone)} {zone}): {clean(rest.reason)}"
        screen.print(Padding(told, (0, 0, 0, 2)), style="red")
        screen.print(Padding(_next_try(rest.until, rest.failures, zone), (0, 0, 0, 2)))
    for id_, why, _ in each.quarantined[:SHOWN]:
        screen.print(Padding(f"Order {clean(id_)} cannot be understood and is left alone: {clean(why)}", (0, 0, 0, 2)))
    if len(each.quarantined) > SHOWN:
        screen.print(f"  … and {len(each.quarantined) - SHOWN:,} more.")
    if each.awaits_approval:
        screen.print(Padding(AWAITS_APPROVAL, (0, 0, 0, 2)), style="yellow")
    if each.held:
        _show_held(screen, clients, each)
    screen.print()


def _show_ears(screen: Console, each: Status) -> None:
    zone = each.config.calendar.zone
    for ear in each.ears:
        screen.print(Padding(listens(ear), (0, 0, 0, 2)))
        if ear.heard.error is not None:
            screen.print(Padding(why_deaf(ear, zone), (0, 0, 0, 2)), style="red")
            screen.print(Padding(_next_try(ear.heard.retry_at or now(), ear.heard.failures, zone), (0, 0, 0, 2)))


def _next_try(at: datetime, failures: int, zone: ZoneInfo) -> str:
    row = f" It failed {failures:,} times in a row." if failures > 1 else ""
    if at <= now():
        return f"The next run tries it again.{row}"
    wall = local(at, zone)[11:]
    return f"Tried again {ago(at, now())}, at {wall}, and left alone until then.{row}"


def _lines(each: Status) -> list[str]:
    state = each.state
    if state.baseline_at is None:
        return ["Never polled: 'aftersale run' begins."] if state.error is None else ["Never polled so far."]
    lines = [_polled(each)]
    if each.baseline == "in progress":
        lines.append("What the shop has already is still being read; nothing is done before that is through.")
    counts = each.counts or {}
    told = ", ".join(f"{counts[name]:,} {name}" for name in STATES if counts.get(name)) or "none so far"
    lines.append(f"{count(each.orders, 'order')} known. Actions: {told}.")
    if state.skew is not None and abs(state.skew) > NOTABLE_SKEW.total_seconds():
        way = "ahead of" if state.skew > 0 else "behind"
        minutes = abs(state.skew) / 60
        lines.append(f"The shop's clock is {minutes:.0f} minutes {way} this machine's: set both by NTP.")
    for pause in each.pauses:
        since = f"paused since {local(pause.since, each.config.calendar.zone)}"
        lines.append(f"Nothing is done: {since}." if pause.rule == EVERY else f"Rule '{pause.rule}': {since}.")
    return lines


def _polled(each: Status) -> str:
    if each.state.polled_at is None:
        return "Not polled to the end so far."
    zone = each.config.calendar.zone
    moment = each.state.polled_at
    following = "" if each.next_poll_at is None else f", next {local(each.next_poll_at, zone)[11:]} if the daemon runs"
    return f"Polled {ago(moment, now())}, at {local(moment, zone)} ({zone}){following}."


def _show_held(screen: Console, clients: Clients, each: Status) -> None:
    for_approval = [row for row in each.held if row.held_for == "approval"]
    for rule, rows in by_rule(for_approval).items():
        numbers = list(dict.fromkeys(clean(row.number) for row in rows))
        of = ", ".join(numbers[:SHOWN]) + (", …" if len(numbers) > SHOWN else "")
        told = f"Held for your approval: {count(len(rows), 'action')} of rule '{rule}', for order {of}. "
        cure = f"'aftersale approve {rule}' lets them go, with --drop drops them."
        screen.print(Padding(f"{told}({clean(rows[0].reason)}) {cure}", (0, 0, 0, 2)), style="yellow")
    for_a_word = [row for row in each.held if row.held_for == "outcome"]
    if for_a_word:
        screen.print(f"\n  {count(len(for_a_word), 'action')} held, as the store cannot tell whether they happened:")
        found = [(each.loaded, row) for row in for_a_word[:SHOWN]]
        screen.print(Padding(rows_table(clients, found, when="Since", with_state=False), (0, 0, 0, 2)))
        if len(for_a_word) > SHOWN:
            screen.print(f"  … and {len(for_a_word) - SHOWN:,} more.")
        cure = "Look in the shop whether it went out; then 'aftersale settle ID --sent', or '--not-sent' to try again."
        screen.print(Padding(cure, (0, 0, 0, 2)))
