"""Runs the command again and again, each time in a child of a warm process that has imported everything.

    python -m torture.worker CONFIG

A line in is `<time> <n> <hardship>`: `aftersale run --once` at that time, killed at its n-th point (0: not at all), and
under that hardship (`-`: none; see `points`).
A line out is `killed`, or the exit code and what `--json` printed.
"""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent

Run = Callable[[datetime, int], str | None]
"""Runs the command at a time, killed at its n-th point: gives what it said, or None if it was killed."""

SECRETS = ("ck_sandbox", "cs_sandbox", "shpat_sandbox", "@example.com", "972500000000", "Sample Street", "Noa")
"""What the command knows, and must never print or log: the sandboxes' keys, and who their customers are."""

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
    if leaked := [secret for secret in SECRETS if secret in said]:
        raise Leaked(f"the command let out {', '.join(leaked)}")
    return said


def main(config: Path) -> None:
    """Do what the lines of stdin say."""
    _warm_up()
    for line in sys.stdin:
        moment, point, hardship = line.split()
        with tempfile.TemporaryFile("w+") as said:
            child = os.fork()
            if child == 0:
                os.dup2(said.fileno(), sys.stdout.fileno())
                _run(config, datetime.fromisoformat(moment), int(point), hardship)
            _, status = os.waitpid(child, 0)
            said.seek(0)
            words = " ".join(said.read().split())
        killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
        sys.stdout.write("killed\n" if killed else f"{os.waitstatus_to_exitcode(status)} {words}\n")
        sys.stdout.flush()


def _warm_up() -> None:
    """Import now what the children need, and not each of them; no thread may begin before they are forked."""
    from importlib import import_module, metadata

    for name in (
        *("connector.cli", "connector.cli.run", "connector.settling", "connector.actions", "torture.points"),
        *("adapters.woocommerce.adapter", "adapters.shopify.adapter", "adapters.shopify.access", "psycopg"),
        "sqlalchemy.dialects.postgresql.psycopg",
    ):
        import_module(name)
    from adapters import registry
    from connector.actions import known_actions

    known_actions()
    vars(registry)["entry_points"] = cache(metadata.entry_points)  # nothing is installed meanwhile
    os.environ["AFTERSALE_LOG_LEVEL"] = "error"
    gc.collect()
    gc.freeze()  # what is here by now, no child's collector need look at


def _run(config: Path, now: datetime, point: int, hardship: str) -> None:
    from connector import cli
    from torture.points import endure, set_stage

    code = 70
    try:
        endure(hardship)
        set_stage(now, point)
        sys.argv = ["aftersale", "-c", str(config), "--json", "run", "--once"]
        cli.main()
    except SystemExit as end:
        code = int(end.code or 0)
    finally:
        sys.stdout.flush()
        os._exit(code)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
