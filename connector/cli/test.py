"""Whether the rules do what you expect of them: stories of invented orders, played through.

A test tells what happens to an order, and what is to be done when; the files stand in the folder tests/ beside the
rules, or are named. Nothing is asked of a store, nothing is sent, no state is read, and no key is needed. --presets
plays those of presets, in an invented shop.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from time import perf_counter
from typing import Annotated

import typer
from rich.console import Console

from connector.cli._clients import Clients, load_clients
from connector.cli._exits import Exit, Stop, Trouble, trouble, worst
from connector.cli._options import CONFIG, AsJson, ConfigPath
from connector.cli._screen import clean, console, print_json
from connector.config import STAND_IN, not_set, places, shown
from connector.loading import Loaded, load
from connector.ruletests.cases import Case, read_cases
from connector.ruletests.junit import as_junit
from connector.ruletests.playing import play, stand_for
from connector.ruletests.presets import preset_cases
from connector.ruletests.verdicts import Verdict, verdict
from connector.texts import known_presets, rule_texts
from rules.document import Problem

TESTS = "tests/*.yaml"
"""Where the tests are, beside the rules, unless told."""


def test(
    files: Annotated[
        list[str] | None, typer.Argument(metavar="FILE", help=f"Unless told, {TESTS} beside the rules.")
    ] = None,
    config: ConfigPath = CONFIG,
    as_json: AsJson = False,
    words: Annotated[
        str | None, typer.Option("-k", metavar="WORDS", help="Only tests with these words in their name or file.")
    ] = None,
    junit: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the result into this file, as JUnit XML.")
    ] = None,
    presets: Annotated[
        bool, typer.Option("--presets", help="The tests of presets instead: those of Aftersale, and your own.")
    ] = False,
) -> Exit:
    began = perf_counter()
    if presets and files:
        raise Stop(Exit.MISTAKE, "--presets plays the tests that stand beside presets: name no files")
    clients = _clients(config) if not presets else Clients((), several=False)
    chosen = _chosen(clients, files) if not presets else _of_presets(config)
    told = _verdicts(chosen, words)
    verdicts = [each for _, of_client in told for each in of_client]
    if junit is not None:
        _write(junit, as_junit(verdicts))
    seconds = perf_counter() - began
    if as_json:
        print_json(_as_json(clients, told, seconds))
    else:
        _show(console(), verdicts, seconds)
    failed = any(not each.passed for each in verdicts)
    return worst([clients.code, Exit.FAILED if failed else Exit.WELL])


def _clients(config: Path) -> Clients:
    """The clients, read with something in place of every secret that is not set: a test needs none."""
    missing: dict[str, list[str]] = {}

    def read(file: Path, environ: Mapping[str, str]) -> Loaded | list[Problem]:
        missing[shown(file)] = not_set(file, environ)
        return load(file, {**environ, **dict.fromkeys(missing[shown(file)], STAND_IN)})

    try:
        return load_clients(config, read)
    except Stop as stop:
        names = sorted({name for each in stop.problems for name in missing.get(each.file or "", ())})
        if not names:
            raise
        told = f"these environment variables are not set, and stood in for: {', '.join(names)}"
        raise Stop(stop.code, *stop.problems, f"{told}; if it is for one of them, set it") from None


Chosen = list[tuple[Loaded, list[Case]]]
"""Tests, by the configuration that they are played with."""


def _chosen(clients: Clients, files: Sequence[str] | None) -> Chosen:
    """The tests of each client. Raises Stop with every mistake in them."""
    chosen: Chosen = []
    problems: list[Problem] = []
    for loaded in clients.loaded:
        patterns = files or sorted({str(Path(pattern).parent / TESTS) for pattern in loaded.config.rule_files})
        texts = rule_texts(patterns, problems)
        if not texts and not problems:
            here = ", ".join(shown(Path(pattern)) for pattern in patterns)
            raise Stop(Exit.MISTAKE, f"there are no rule tests at {here}; docs/rule-tests.md tells how to write one")
        cases, found = read_cases(texts, loaded)
        problems += found
        chosen.append((loaded, cases))
    _stop_for(problems)
    return chosen


def _of_presets(config: Path) -> Chosen:
    """The tests of all presets, in the shop that is invented for them. Raises Stop with every mistake in them."""
    problems: list[Problem] = []
    own = places(config)[2] if config.is_file() else config / "presets"
    cases = list(preset_cases(known_presets(own, problems).values(), problems))
    _stop_for(problems)
    return [(cases[0].test.loaded, cases)]


def _stop_for(problems: Sequence[Problem]) -> None:
    if problems:
        raise Stop(Exit.MISTAKE, *(trouble(each) for each in sorted(set(problems))))


def _verdicts(chosen: Chosen, words: str | None) -> list[tuple[Loaded, list[Verdict]]]:
    """The verdicts on those that are meant. Raises Stop where there are none."""
    meant = [(loaded, [each for each in cases if words is None or _is_meant(each, words)]) for loaded, cases in chosen]
    if not any(cases for _, cases in meant):
        raise Stop(Exit.MISTAKE, f"-k: no test has '{words}' in its name or file")
    return [(loaded, _played(loaded, cases)) for loaded, cases in meant]


def _is_meant(case: Case, words: str) -> bool:
    return words.casefold() in f"{case.name} {case.test.file}".casefold()


def _played(loaded: Loaded, cases: Sequence[Case]) -> list[Verdict]:
    verdicts = []
    with stand_for(loaded.config) as stand:
        for case in cases:
            began = perf_counter()
            played = play(stand, case)
            verdicts.append(verdict(played, perf_counter() - began))
    return verdicts


def _write(file: Path, text: str) -> None:
    """A report takes the place of the one before it, as CI systems expect."""
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise Stop(Exit.MISTAKE, Trouble(f"cannot be written: {error.strerror}", shown(file), 1, 1)) from None


def _show(screen: Console, verdicts: Sequence[Verdict], seconds: float) -> None:
    for each in verdicts:
        if each.passed:
            continue
        test = each.case.test
        screen.print(f"{test.file}:{test.line}: {clean(each.case.name)}", style="bold", soft_wrap=True)
        for complaint in each.complaints:
            screen.print(f"  ✗ {clean(complaint)}", soft_wrap=True)
        screen.print("  What happened:")
        for line in each.timeline:
            screen.print(f"    {clean(line)}", soft_wrap=True)
        screen.print()
    failed = sum(not each.passed for each in verdicts)
    of_failed = f", {failed} failed" if failed else ""
    screen.print(f"{len(verdicts) - failed} passed{of_failed} in {seconds:.1f} s", style="bold")


def _as_json(
    clients: Clients, told: Sequence[tuple[Loaded, Sequence[Verdict]]], seconds: float
) -> Mapping[str, object]:
    verdicts = [each for _, of_client in told for each in of_client]
    return {
        "passed": sum(each.passed for each in verdicts),
        "failed": sum(not each.passed for each in verdicts),
        "seconds": round(seconds, 3),
        "tests": [clients.labelled(loaded, _row(each)) for loaded, of_client in told for each in of_client],
    }


def _row(verdict: Verdict) -> dict[str, object]:
    case = verdict.case
    return {
        "file": case.test.file,
        "line": case.test.line,
        "name": case.name,
        "store": case.store.id,
        "language": case.language,
        "passed": verdict.passed,
        "seconds": round(verdict.seconds, 3),
        "complaints": list(verdict.complaints),
        "timeline": list(verdict.timeline),
    }
