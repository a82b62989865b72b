"""The command as it is run and killed: forked from a warm process, or really started."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from tests.channels.providers import TOKEN
from torture.worker import ROOT

Run = Callable[[datetime, int], str | None]
"""Runs the command at a time, killed at its n-th point: gives what it said, or None if it was killed."""

SECRETS = (
    *("ck_sandbox", "cs_sandbox", "shpat_sandbox", TOKEN),
    *("@example.com", "972502000", "0502000", "Sample Street", "Noa"),
)
"""What the command knows, and must never print or log: the keys of stores and channels, and who the customers are."""

FINE = ("0", "1", "4")
"""Exit codes of a run that did its work, be it that something failed or awaits a person."""


class Leaked(AssertionError):
    """A secret or somebody's data stands in what the command printed or logged."""


@contextmanager
def asked(config: Path) -> Iterator[Callable[[str], str]]:
    """A warm worker: takes a line, gives its answer."""
    process = subprocess.Popen(
        [sys.executable, "-m", "torture.worker", str(config)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    lines, answers = process.stdin, process.stdout

    def ask(line: str) -> str:
        lines.write(f"{line}\n")
        lines.flush()
        return answers.readline().strip()

    try:
        yield ask
    finally:
        lines.close()
        process.wait(30)
        answers.close()


@contextmanager
def forked(config: Path) -> Iterator[Run]:
    """The command, forked from a warm parent."""
    with asked(config) as ask:
        yield lambda now, point: _judged(ask(f"{now.isoformat()} {point} -"))


@contextmanager
def started(config: Path) -> Iterator[Run]:
    """The command as a person or cron starts it: the console script, in a process of its own each time."""
    script = Path(sys.executable).with_name("aftersale")

    def run(now: datetime, point: int) -> str | None:
        # Only the time and the death come from without: Python imports `sitecustomize` by itself.
        stage = {"PYTHONPATH": f"{ROOT / 'torture' / 'stage'}:{ROOT}", "TORTURE": f"{now.isoformat()} {point}"}
        ended = subprocess.run(
            [str(script), "-c", str(config), "--json", "run", "--once"],
            env={**os.environ, **stage, "AFTERSALE_LOG_LEVEL": "debug"},
            capture_output=True,
            text=True,
            check=False,
        )
        if ended.returncode == -signal.SIGKILL:
            return _judged("killed")
        return _judged(f"{ended.returncode} {' '.join((ended.stdout + ended.stderr).split())}")

    yield run


def _judged(answer: str) -> str | None:
    if answer == "killed":
        return None
    code, _, said = answer.partition(" ")
    if code not in FINE or "internal fault" in said:
        raise AssertionError(f"the command ended with {answer}")
    check_for_leaks(said)
    return said


def check_for_leaks(said: str) -> None:
    """Raises Leaked if that text, printed or logged, holds a secret."""
    if leaked := [secret for secret in SECRETS if secret in said]:
        raise Leaked(f"this was let out: {', '.join(leaked)}")
