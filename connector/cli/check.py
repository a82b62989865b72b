"""Whether config, rules and templates are right.

Every mistake is a line with its file and place, all of them at once. With --online the stores are asked, too:
whether the keys are right, what they allow, and whether the rules fit the shop.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.padding import Padding

from connector.actions import ways_of
from connector.channel_keys import PLATFORM
from connector.cli._clients import Clients, load_clients
from connector.cli._exits import Exit, Trouble, trouble, worst
from connector.cli._options import CONFIG, AsJson, ConfigPath
from connector.cli._screen import clean, console, count, print_json, table
from connector.config import shown
from connector.loading import Loaded, about, unmet
from connector.staff import named
from rules.document import Problem
from rules.fitting import never_fits
from rules.inputs import Plain
from rules.rule import Action, Rule, Step

if TYPE_CHECKING:
    from connector.cli._sms import Length


def check(
    config: ConfigPath = CONFIG,
    as_json: AsJson = False,
    online: Annotated[bool, typer.Option("--online", help="Ask the stores, too.")] = False,
) -> Exit:
    clients = load_clients(config)
    _compare_with_state(clients)
    texts = [(loaded, *_text_messages(loaded)) for loaded in clients.loaded]
    warnings = [each for loaded, _, unsendable in texts for each in (*_warnings(loaded), *unsendable)]
    for warning in warnings:
        typer.echo(f"warning: {warning}", err=True)
    result: dict[str, object] = {
        "problems": [],
        "warnings": [each.as_json() for each in warnings],
        "sms": [clients.labelled(loaded, each.as_json()) for loaded, lengths, _ in texts for each in lengths],
    }
    codes = [clients.code]
    if not as_json:
        for loaded, lengths, _ in texts:
            _show(console(), loaded, lengths)
    if online:
        from connector.cli._online import ask_channels, ask_stores, show_answers

        answers = ask_stores(clients)
        result["stores"] = {each.store: each.as_json() for each in answers}
        channels = ask_channels(clients)
        result["channels"] = {each.store: each.findings_json() for each in channels}
        codes += [Exit.FAILED for each in (*answers, *channels) if each.fatal]
        if not as_json:
            show_answers(console(), [*answers, *channels])
    if as_json:
        print_json(result)
    return worst(codes)


def _compare_with_state(clients: Clients) -> None:
    """A rule that reaches back may be an old one under a new name, and one that lets people go on as they began may
    have been what fits no more: only the state can tell. Raises Stop if so.
    """
    for loaded in clients.loaded:
        if any(rule.backfill is not None for rules in loaded.rules.values() for rule in rules):
            from connector.cli._remembered import refuse_twins

            refuse_twins(loaded)
        if any(rule.in_flight == "keep" for rules in loaded.rules.values() for rule in rules):
            from connector.cli._remembered import refuse_misfits

            refuse_misfits(loaded)


def _text_messages(loaded: Loaded) -> tuple[Sequence[Length], Sequence[Trouble]]:
    """How long they are, and which cannot be sent; nothing has to be rendered where there is no SMS."""
    if all(channel.name != "sms" for channel in loaded.config.channels):
        return (), ()
    from connector.cli._sms import sms_lengths

    return sms_lengths(loaded)


# Warnings -----------------------------------------------------------------------------------------------------


def _warnings(loaded: Loaded) -> list[Trouble]:
    """What is no mistake, and yet keeps rules from doing what is meant."""
    every = [(store, rule) for store in loaded.config.stores for rule in loaded.rules[store.id]]
    caps = loaded.config.protection.caps
    told: list[Problem] = []
    for store, rule in every:
        if rule.enabled:
            told += [about(rule, sentence) for sentence in _unsendable(loaded, rule)]
            told += [about(rule, sentence) for sentence in _withheld_news(rule)]
            told += [about(rule, sentence) for sentence in never_fits(rule, caps, store.calendar)]
        else:
            off = "it is switched off; before it is switched on: "
            told += [about(rule, off + sentence) for sentence in unmet(loaded.config, store, rule)]
    return [trouble(each) for each in dict.fromkeys(told)]


def _unsendable(loaded: Loaded, rule: Rule) -> Iterator[str]:
    if "marketing" in _purposes(rule) and not _may_know_consent(loaded):
        yield (
            "a message of 'purpose: marketing' goes only to customers who agreed to it, "
            "and no store says so: set 'consent_meta' in the store, or 'soft_opt_in'; until then it is skipped"
        )


def _withheld_news(rule: Rule) -> Iterator[str]:
    if rule.holdout is not None and "transactional" in _purposes(rule):
        yield (
            "'holdout' leaves some customers without a message that is not marketing, such as news of their parcel: "
            "take it out, or say 'purpose: marketing' if that is what the message is"
        )


def _purposes(rule: Rule) -> set[str | None]:
    return {getattr(action.spec, "purpose", None) for step in rule.steps for action in step.actions}


def _may_know_consent(loaded: Loaded) -> bool:
    """Whether anything tells which customers agreed to marketing: a platform that asks them, or the config."""
    stores = loaded.config.stores
    told = any(store.consent_meta is not None or store.platform != "woocommerce" for store in stores)
    return told or bool(loaded.config.protection.soft_opt_in)


# The summary --------------------------------------------------------------------------------------------------


def _show(screen: Console, loaded: Loaded, lengths: Sequence[Length]) -> None:
    config = loaded.config
    screen.print(f"{shown(config.file)}: no mistakes.", style="bold")
    for store in config.stores:
        name = "" if store.name == store.id else f" ({clean(store.name)})"
        screen.print(f"  {store.id}{name}: {store.platform}, {store.url}, times in {store.calendar.zone}")
    if config.mode == "redirect" and config.redirect_to is not None:
        screen.print(f"  Customers get nothing: all messages go to {named(config.redirect_to)} (mode: redirect).")
    elif config.mode == "dry":
        screen.print("  Nothing is sent or written (mode: dry).")
    alike = _same_rules(loaded)
    for names, rules in alike.items():
        of = f" of {', '.join(names)}" if len(alike) > 1 else ""
        off = sum(not rule.enabled for rule in rules)
        switched = f", {off} of them switched off" if off else ""
        screen.print(f"\n{count(len(rules), 'rule')}{of}{switched}; {count(len(loaded.templates), 'template')}.\n")
        if rules:
            made = table("Rule", "After", "What it does, and when")
            made.columns[0].no_wrap = True
            via = next(store.via for store in config.stores if store.id == names[0])
            for rule in rules:
                made.add_row(rule.id, rule.trigger, _steps(rule, via))
            screen.print(Padding(made, (0, 0, 0, 2)))
        for line in _uses(rules):
            screen.print(Padding(clean(line), (0, 0, 0, 2)), style="dim")
    if lengths:
        screen.print()
    for each in lengths:
        screen.print(Padding(clean(str(each)), (0, 0, 0, 2)), style="dim")
    screen.print()


def _same_rules(loaded: Loaded) -> dict[tuple[str, ...], tuple[Rule, ...]]:
    """The rules by the stores that have them: what differs is only how they read a store's hours."""
    names: dict[tuple[tuple[str, ...], ...], list[str]] = {}
    for name, rules in loaded.rules.items():
        alike = tuple((rule.version, *(str(step.send_between) for step in rule.steps)) for rule in rules)
        names.setdefault(alike, []).append(name)
    return {tuple(each): loaded.rules[each[0]] for each in names.values()}


def _uses(rules: Sequence[Rule]) -> Iterator[str]:
    """What each use of a preset gives, and with which inputs."""
    of_preset = [rule for rule in rules if rule.preset is not None]
    for where in dict.fromkeys(rule.where for rule in of_preset):
        used = [rule for rule in of_preset if rule.where == where]
        inputs = {name: given.value for name, given in used[0].inputs.items() if given.value is not None}
        told = "; ".join(f"{name}: {_as_written(value)}" for name, value in inputs.items())
        yield f"{where}: the preset '{used[0].preset}' gives {', '.join(rule.id for rule in used)} ({told})"


def _as_written(value: Plain) -> str:
    match value:
        case dict():
            return ", ".join(f"{name} {each}" for name, each in value.items())
        case list():
            return ", ".join(value)
        case bool():
            return str(value).lower()
    return str(value)


def _steps(rule: Rule, via: tuple[str, ...]) -> str:
    lines = [_step(step, via) for step in rule.steps]
    if len(lines) > 1:
        lines = [f"{number}. {line}" for number, line in enumerate(lines, start=1)]
    return "\n".join(lines if rule.enabled else ["switched off:", *lines])


def _step(step: Step, via: tuple[str, ...]) -> str:
    wait = f"{step.wait} later" if step.wait is not None else "at once"
    hours = f", within {step.send_between}" if step.send_between is not None else ""
    return f"{wait}{hours}: {', then '.join(_action(action, via) for action in step.actions)}"


def _action(action: Action, via: tuple[str, ...]) -> str:
    """What is done, and by which channels, unless it is the store's own alone."""
    ways = ways_of(action, via)
    return action.kind if ways in ((), (PLATFORM,)) else f"{action.kind} by {', else '.join(ways)}"
