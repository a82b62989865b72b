"""What the stores themselves say: their keys, what they can do, and whether the rules fit them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.padding import Padding

from adapters.base import Capability
from adapters.errors import AdapterError
from adapters.model import Finding, StoreInfo
from connector.actions import known_actions, needs_of, ways_of
from connector.channel_keys import ChannelConfig
from connector.cli._clients import Clients
from connector.cli._screen import clean
from connector.cli._state import exists, now, state_of
from connector.config import StoreConfig
from connector.lines import make_channel
from connector.loading import Loaded
from connector.opening import make_adapter
from connector.poller import difference
from connector.resources import WAITED_FOR
from connector.store import stores
from rules.events import ABANDONED, STATUS, TRIGGER_STATUS
from rules.rule import Rule
from rules.validation import did_you_mean


@dataclass(frozen=True, slots=True)
class Answer:
    """What a store said, and what is wrong with it. `does` is, by action, what those of the rules really do there."""

    store: str
    info: StoreInfo | None
    findings: tuple[Finding, ...]
    does: Mapping[str, str] = field(default_factory=dict)

    @property
    def fatal(self) -> bool:
        return any(finding.fatal for finding in self.findings)

    def as_json(self) -> dict[str, object]:
        info = self.info
        return {
            "name": info.name if info else None,
            "url": info.identity.url if info else None,
            "version": info.version if info else None,
            "timezone": info.timezone if info else None,
            "currency": info.identity.currency if info else None,
            "actions": dict(self.does),
            "findings": self.findings_json(),
        }

    def findings_json(self) -> list[dict[str, object]]:
        return [{"fatal": finding.fatal, "message": finding.message} for finding in self.findings]


def ask_stores(clients: Clients) -> list[Answer]:
    """Ask every store, all at once."""
    every = list(clients.stores())
    with ThreadPoolExecutor(len(every)) as pool:
        return list(pool.map(lambda each: _ask(*each), every))


def ask_channels(clients: Clients) -> list[Answer]:
    """Log in to every channel; nothing is sent."""
    every = [(loaded, config) for loaded in clients.loaded for config in loaded.config.channels]
    return [_log_in(clients, loaded, config) for loaded, config in every]


def _log_in(clients: Clients, loaded: Loaded, config: ChannelConfig) -> Answer:
    channel = make_channel(config, now)
    try:
        found = channel.check()
    finally:
        channel.close()
    name = f"{clients.name(loaded)}/{config.name}" if clients.several else config.name
    return Answer(name, None, found)


def _ask(name: str, loaded: Loaded, store: StoreConfig) -> Answer:
    rules = tuple(rule for rule in loaded.rules[store.id] if rule.enabled)
    adapter = make_adapter(store, now)
    try:
        info = adapter.check(_needed(rules, store.via))
    except AdapterError as error:
        return Answer(name, None, (Finding(True, str(error)),))
    finally:
        adapter.close()
    found = [
        *info.findings,
        *_another_store(loaded, store, info),
        *_another_zone(store, info),
        *_beyond_its_means(rules, store.via, frozenset(adapter.capabilities), info.means),
        *_unknown_statuses(rules, info.statuses, info.goals),
    ]
    return Answer(name, info, tuple(dict.fromkeys(found)), _really_done(rules, adapter.capabilities, info.means))


def _needed(rules: tuple[Rule, ...], via: tuple[str, ...]) -> frozenset[Capability]:
    """What these rules ask of their store."""
    asked = {
        needs
        for rule in rules
        for step in rule.steps
        for action in step.actions
        if (needs := needs_of(action, via)) is not None
    }
    waits = {Capability.CHECKOUTS: ABANDONED, **WAITED_FOR}
    return frozenset(asked | {what for what, trigger in waits.items() for rule in rules if rule.trigger == trigger})


def _kinds(rule: Rule) -> tuple[str, ...]:
    """The kinds of a rule's actions, each once."""
    return tuple(dict.fromkeys(action.kind for step in rule.steps for action in step.actions))


def _really_done(
    rules: tuple[Rule, ...], capabilities: frozenset[Capability], means: Mapping[str, str]
) -> dict[str, str]:
    """What the rules' actions do on this store, by action, where there is something to say about it."""
    needs = {kind: known_actions()[kind].needs for rule in rules for kind in _kinds(rule)}
    return {kind: means[need] for kind, need in needs.items() if need in capabilities and need in means}


def _another_store(loaded: Loaded, store: StoreConfig, info: StoreInfo) -> Iterator[Finding]:
    if not exists(loaded):
        return
    with state_of(loaded) as database, database.read() as connection:
        was = stores.load(connection, store.id).identity
    told = difference(was, info.identity) if was is not None else None
    if told is not None:
        cure = f"If it is meant (the shop has moved), run 'aftersale run --once --accept-store {store.id}'"
        yield Finding(True, f"This is not the store it was: {told}. Nothing is done before that is settled. {cure}.")


def _another_zone(store: StoreConfig, info: StoreInfo) -> Iterator[Finding]:
    ours = store.calendar.zone
    if info.timezone is None or info.timezone == ours.key:
        return
    summer = now() + timedelta(days=182)
    if all(_offset(ZoneInfo(info.timezone), moment) == _offset(ours, moment) for moment in (now(), summer)):
        return
    cure = f"Write 'timezone: {info.timezone}' if your hours are the shop's"
    yield Finding(False, f"The shop keeps the time of {info.timezone}, the config says {ours.key}. {cure}.")


def _offset(zone: ZoneInfo, moment: datetime) -> timedelta | None:
    return moment.astimezone(UTC).astimezone(zone).utcoffset()


def _beyond_its_means(
    rules: tuple[Rule, ...], via: tuple[str, ...], capabilities: frozenset[Capability], means: Mapping[str, str]
) -> Iterator[Finding]:
    """What a store cannot do has its cure among its `means`, where there is one. A message may have another way."""
    for rule in rules:
        for action in (action for step in rule.steps for action in step.actions):
            needed = needs_of(action, via)
            if needed is not None and needed not in capabilities:
                cure = means.get(needed, "This platform cannot do that. Take it out.")
                told = f"Rule '{rule.id}' uses '{action.kind}', which this store does not do. {cure}"
                yield Finding(len(ways_of(action, via)) < 2, told)


def _unknown_statuses(rules: tuple[Rule, ...], known: tuple[str, ...], goals: tuple[str, ...]) -> Iterator[Finding]:
    """A store that does not tell its statuses has none to compare with."""
    if not known:
        return
    for rule in rules:
        kind = TRIGGER_STATUS.get(rule.trigger, rule.trigger)
        status = kind.removeprefix(STATUS)
        if kind.startswith(STATUS) and status not in known:
            told = f"the shop has no status '{status}'{_instead(status, known)}"
            yield Finding(False, f"Rule '{rule.id}' waits for a status that never comes: {told}.")
        for step in rule.steps:
            for action in step.actions:
                goal = getattr(action.spec, "status", None)
                if goal is not None and goal not in (goals or known):
                    told = f"the shop can move none to '{goal}'{_instead(goal, goals or known)}"
                    yield Finding(True, f"Rule '{rule.id}' moves orders to a status, but {told}.")


def _instead(status: str, known: tuple[str, ...]) -> str:
    return did_you_mean(status, known) or f"; there is {', '.join(known)}"


def show_answers(screen: Console, answers: list[Answer]) -> None:
    """A line for each store; below, what the rules' actions really do there, and its findings."""
    for each in answers:
        info = each.info
        about = [part for part in (info.name, info.version) if part] if info is not None and not each.fatal else []
        verdict = "trouble" if each.fatal else "reached, and all is well" if not each.findings else "reached"
        told = f" ({clean(', '.join(about))})" if about else ""
        screen.print(f"{each.store}: {verdict}{told}", style="bold")
        for action, told in sorted(each.does.items()):
            screen.print(Padding(f"{action}: {clean(told)}", (0, 0, 0, 2)), style="dim")
        for finding in each.findings:
            line = f"{'✗' if finding.fatal else '!'} {clean(finding.message)}"
            screen.print(Padding(line, (0, 0, 0, 2)), style="red" if finding.fatal else "yellow")
