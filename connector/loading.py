"""Everything on disk → what a run needs, or the whole list of what is wrong with it."""

from __future__ import annotations

import glob
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from adapters.base import Capability
from adapters.channels.registry import channels as every_channel
from adapters.registry import lacks_of, platforms
from connector.actions import known_actions, ways_of
from connector.channel_keys import PLATFORM
from connector.config import Config, StoreConfig, load_config, places, shown, window_names
from connector.resources import WAITED_FOR
from connector.texts import Texts, read_texts
from rules.document import Problem
from rules.events import ABANDONED
from rules.loader import load_rule, load_rules
from rules.preset import merged
from rules.protection import good_time, silences_of
from rules.rule import Rule, Step, durations
from rules.timing import Window, parse_window
from rules.validation import did_you_mean

_ANY_HOURS = parse_window("00:00-24:00")
"""Stands for a window where the configuration is too wrong to tell its hours."""

_ANY_TIME = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Loaded:
    """A config with the rules of each of its stores, and the texts of its templates: those of the presets that it uses
    are among them. `template_files` has the file of each. `written` are the rules with those for other platforms.
    """

    config: Config
    rules: Mapping[str, tuple[Rule, ...]]
    written: Mapping[str, tuple[Rule, ...]]
    templates: Mapping[str, Mapping[str, str]]
    template_files: Mapping[str, Mapping[str, str]]


def config_files(path: Path) -> list[Path]:
    """The config files that `-c` names: one, or those of a folder, one a client."""
    if path.is_dir():
        return sorted(file for pattern in ("*.yaml", "*.yml") for file in path.glob(pattern))
    return [path]


def load(file: Path, environ: Mapping[str, str]) -> Loaded | list[Problem]:
    """Read a config file and all that it names. Either everything is right, or every mistake is listed, by place."""
    problems: list[Problem] = []
    config = load_config(file, environ, problems)
    if config is None:
        windows = dict.fromkeys(window_names(file), _ANY_HOURS)
        _load(read_texts(*places(file), problems), windows, (PLATFORM, *every_channel()), problems)
        return sorted(set(problems))
    for pattern in config.rule_files:
        if not glob.glob(pattern, recursive=True):
            message = f"rules: no file matches '{shown(Path(pattern))}'; 'aftersale init' writes starter rules"
            problems.append(Problem(shown(file), 1, 1, message))
    texts = read_texts(config.rule_files, config.template_folder, config.preset_folder, problems)
    loaded = compose(config, texts, problems)
    return sorted(set(problems)) if problems else loaded


def compose(config: Config, texts: Texts, problems: list[Problem]) -> Loaded:
    """What these texts make of a config; it is whole only where there are no `problems`."""
    by_windows: dict[frozenset[tuple[str, Window]], tuple[Rule, ...]] = {}
    written: dict[str, tuple[Rule, ...]] = {}
    rules: dict[str, tuple[Rule, ...]] = {}
    for store in config.stores:
        windows = frozenset(store.windows.items())
        if windows not in by_windows:
            by_windows[windows] = _load(texts, store.windows, config.ways, problems)
        written[store.id] = by_windows[windows]
        rules[store.id] = rules_on(store.platform, written[store.id])
        if not problems:
            problems += _checks(config, store, rules[store.id])
    templates = texts.templates
    for name in {rule.preset for each in by_windows.values() for rule in each if rule.preset is not None}:
        templates = merged(texts.presets[name].messages, templates)
    return Loaded(
        config,
        rules,
        written,
        {name: {locale: each.text for locale, each in files.items()} for name, files in templates.items()},
        {name: {locale: each.file for locale, each in files.items()} for name, files in templates.items()},
    )


def rules_on(platform: str, rules: Sequence[Rule]) -> tuple[Rule, ...]:
    """Those of these rules that act in stores on this platform."""
    return tuple(rule for rule in rules if rule.platform in (None, platform))


def load_without_rules(file: Path, environ: Mapping[str, str]) -> Loaded | list[Problem]:
    """The config file alone: enough to find the state and the stores, whatever is wrong with rules and templates."""
    problems: list[Problem] = []
    config = load_config(file, environ, problems)
    if config is None:
        return sorted(set(problems))
    none: dict[str, tuple[Rule, ...]] = {store.id: () for store in config.stores}
    return Loaded(config, none, none, {}, {})


def _load(
    texts: Texts, windows: Mapping[str, Window], channels: Collection[str], problems: list[Problem]
) -> tuple[Rule, ...]:
    """The rules as they are for stores with these windows."""
    rules, found = load_rules(
        texts.rules,
        actions={kind.name: kind.spec for kind in known_actions().values()},
        channels=channels,
        windows=windows,
        templates=texts.templates,
        templates_dir=texts.templates_dir,
        presets=texts.presets,
    )
    problems += found
    for rule in rules:
        if rule.platform is not None and rule.platform not in platforms():
            hint = did_you_mean(rule.platform, platforms()) or f"; there are {', '.join(platforms())}"
            problems.append(about(rule, f"there is no platform '{rule.platform}'{hint}"))
    return rules


def recall(loaded: Loaded, store: StoreConfig, source: str) -> Rule | list[Problem]:
    """A rule from its `source`, as it was loaded once; or why it does not fit the configuration any more."""
    found = load_rule(
        source,
        actions={kind.name: kind.spec for kind in known_actions().values()},
        channels=loaded.config.ways,
        windows=store.windows,
        templates=loaded.templates,
    )
    problems = found if isinstance(found, list) else list(_checks(loaded.config, store, (found,)))
    return problems or found


def _checks(config: Config, store: StoreConfig, rules: tuple[Rule, ...]) -> Iterator[Problem]:
    """What only shows when rules and configuration are seen together. A rule that is switched off may lack things."""
    for rule in rules:
        if rule.enabled:
            for sentence in unmet(config, store, rule):
                yield about(rule, sentence)


def about(rule: Rule, sentence: str) -> Problem:
    """Something to be told of a rule, at its place."""
    file, line = rule.where.rsplit(":", 1)
    return Problem(file, int(line), 1, f"rule '{rule.id}': {sentence}")


def unmet(config: Config, store: StoreConfig, rule: Rule) -> Iterator[str]:
    """What a rule lacks in the configuration, and on the platform of a store."""
    for needed, trigger in WAITED_FOR.items():
        why_not = lacks_of(store.platform).get(needed)
        if trigger == rule.trigger and why_not is not None:
            yield f"'{trigger}' never comes in store '{store.id}': {why_not}"
    why_not = lacks_of(store.platform).get(Capability.CHECKOUT_MESSAGES)
    if rule.trigger == ABANDONED and why_not is not None:
        ways = {ways_of(action, store.via) for step in rule.steps for action in step.actions if action.to_customer}
        if (PLATFORM,) in ways:
            yield f"'platform' reaches nobody in store '{store.id}': {why_not}; name another channel in 'via'"
    counted = next((each for each in durations(rule) if each.unit == "business hours"), None)
    if counted is not None and store.calendar.business_hours is None:
        yield f"'{counted}' cannot be counted: set 'business_hours' in {shown(config.file)}"
    for step in rule.steps:
        yield from _unmet(config, store, step)


def _unmet(config: Config, store: StoreConfig, step: Step) -> Iterator[str]:
    """What one of its steps lacks there."""
    here = shown(config.file)
    for action in step.actions:
        kind = known_actions()[action.kind]
        if kind.needs_staff and not config.staff:
            yield f"'{action.kind}' needs somebody to tell: name them under 'staff' in {here}"
        if kind.needs_webhook_secret and config.webhook_secret is None:
            yield f"'{action.kind}' signs what it sends: set 'webhook_secret' in {here}"
        by_mail = set(ways_of(action, store.via)) & {PLATFORM, "email"}
        if by_mail and getattr(action.spec, "purpose", None) == "marketing" and not config.protection.unsubscribe:
            yield f"marketing by mail needs a way to unsubscribe: set 'unsubscribe' in {here}"
    kept = silences_of(step, store.calendar, config.protection.quiet, store.calendar.zone)
    try:
        good_time(_ANY_TIME, step.send_between, store.calendar, *kept)
    except ValueError as error:
        yield str(error)
