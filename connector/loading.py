"""Everything on disk → what a run needs, or the whole list of what is wrong with it."""

from __future__ import annotations

import glob
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from adapters.channels.registry import channels as every_channel
from adapters.registry import platforms
from connector.actions import known_actions, ways_of
from connector.channel_keys import PLATFORM
from connector.config import Config, StoreConfig, load_config, places, shown
from connector.reading import Unfit, files_of, read_text, unfit
from rules.document import Problem
from rules.loader import load_rule, load_rules
from rules.protection import good_time
from rules.rule import Rule, Step
from rules.timing import Window, parse_window
from rules.validation import did_you_mean

_ANY_HOURS = parse_window("00:00-24:00")
"""Stands for business hours where the configuration is too wrong to tell them."""

_ANY_TIME = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Loaded:
    """A config with the rules of each of its stores, and the texts of its templates."""

    config: Config
    rules: Mapping[str, tuple[Rule, ...]]
    templates: Mapping[str, Mapping[str, str]]


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
        rule_files, template_folder = places(file)
        sources = rule_texts(rule_files, problems)
        _load(
            sources,
            _ANY_HOURS,
            template_folder,
            _template_texts(template_folder, problems),
            (PLATFORM, *every_channel()),
            problems,
        )
        return sorted(set(problems))
    for pattern in config.rule_files:
        if not glob.glob(pattern, recursive=True):
            message = f"rules: no file matches '{shown(Path(pattern))}'; 'aftersale init' writes starter rules"
            problems.append(Problem(shown(file), 1, 1, message))
    sources = rule_texts(config.rule_files, problems)
    templates = _template_texts(config.template_folder, problems)
    by_hours: dict[Window | None, tuple[Rule, ...]] = {}
    for store in config.stores:
        hours = store.calendar.business_hours
        if hours not in by_hours:
            by_hours[hours] = _load(sources, hours, config.template_folder, templates, config.ways, problems)
        if not problems:
            problems += _checks(config, store, _rules_for(store, by_hours))
    if problems:
        return sorted(set(problems))
    return Loaded(config, {store.id: _rules_for(store, by_hours) for store in config.stores}, templates)


def _rules_for(store: StoreConfig, by_hours: Mapping[Window | None, tuple[Rule, ...]]) -> tuple[Rule, ...]:
    """The rules that act in this store, as they are for its business hours."""
    rules = by_hours[store.calendar.business_hours]
    return tuple(rule for rule in rules if rule.platform in (None, store.platform))


def load_without_rules(file: Path, environ: Mapping[str, str]) -> Loaded | list[Problem]:
    """The config file alone: enough to find the state and the stores, whatever is wrong with rules and templates."""
    problems: list[Problem] = []
    config = load_config(file, environ, problems)
    if config is None:
        return sorted(set(problems))
    return Loaded(config, {store.id: () for store in config.stores}, {})


def _load(
    sources: Mapping[str, str],
    hours: Window | None,
    template_folder: Path,
    templates: Mapping[str, Mapping[str, str]],
    channels: Collection[str],
    problems: list[Problem],
) -> tuple[Rule, ...]:
    """The rules as they are for stores with these business hours."""
    rules, found = load_rules(
        sources,
        actions={kind.name: kind.spec for kind in known_actions().values()},
        channels=channels,
        windows=_windows(hours),
        templates=templates,
        templates_dir=shown(template_folder),
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
        windows=_windows(store.calendar.business_hours),
        templates=loaded.templates,
    )
    problems = found if isinstance(found, list) else list(_checks(loaded.config, store, (found,)))
    return problems or found


def _windows(hours: Window | None) -> dict[str, Window]:
    """What rules may call by name."""
    return {"business_hours": hours} if hours is not None else {}


def rule_texts(patterns: Sequence[str], problems: list[Problem]) -> dict[str, str]:
    """The texts of the files that these patterns name, by the files' names."""
    texts: dict[str, str] = {}
    for pattern in patterns:
        for file, why_not in files_of(pattern):
            if why_not is None:
                _read(file, texts, problems)
            else:
                problems.append(Problem(shown(file), 1, 1, why_not))
    return texts


def _template_texts(folder: Path, problems: list[Problem]) -> dict[str, dict[str, str]]:
    """`templates/<name>/<locale>.md` as {name: {locale: text}}."""
    templates: dict[str, dict[str, str]] = {}
    for file in sorted(folder.glob("*/*.md")):
        texts: dict[str, str] = {}
        if (why_not := unfit(file, folder)) is None:
            _read(file, texts, problems)
        else:
            problems.append(Problem(shown(file), 1, 1, why_not))
        for text in texts.values():
            templates.setdefault(file.parent.name, {})[file.stem] = text
    return templates


def _read(file: Path, texts: dict[str, str], problems: list[Problem]) -> None:
    try:
        texts[shown(file)] = read_text(file)
    except OSError as error:
        problems.append(Problem(shown(file), 1, 1, f"cannot be read: {error.strerror}"))
    except UnicodeDecodeError:
        problems.append(Problem(shown(file), 1, 1, "is not UTF-8 text; save it as UTF-8"))
    except Unfit as why:
        problems.append(Problem(shown(file), 1, 1, str(why)))


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
    """What a rule lacks in the configuration."""
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
    quiet = config.protection.quiet
    kept = [
        (window, store.calendar.zone)
        for window, concerned in (
            (quiet.customers, any(action.to_customer for action in step.actions)),
            (quiet.staff, any(action.to_staff for action in step.actions)),
        )
        if window is not None and concerned
    ]
    try:
        good_time(_ANY_TIME, step.send_between, store.calendar, *kept)
    except ValueError as error:
        yield str(error)
