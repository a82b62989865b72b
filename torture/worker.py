"""Runs the command again and again, each time in a child of a warm process that has imported everything.

    python -m torture.worker CONFIG

A line in is `<time> <n> <hardship>`: `aftersale run --once` at that time, killed at its n-th point (0: not at all), and
under that hardship (`-`: none; see `points`).
A line out is `killed`, or the exit code and what was printed and logged.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import IO

ROOT = Path(__file__).parent.parent


def main(config: Path) -> None:
    """Do what the lines of stdin say."""
    _make_ready()
    for line in sys.stdin:
        moment, point, hardship = line.split()
        with tempfile.TemporaryFile("w+") as said, tempfile.TemporaryFile("w+") as imported:
            child = os.fork()
            if child == 0:
                os.dup2(said.fileno(), sys.stdout.fileno())
                os.dup2(said.fileno(), sys.stderr.fileno())
                _run(config, datetime.fromisoformat(moment), int(point), hardship, imported)
            _, status = os.waitpid(child, 0)
            words, modules = _words(said), _words(imported)
        killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
        sys.stdout.write("killed\n" if killed else f"{os.waitstatus_to_exitcode(status)} {' '.join(words)}\n")
        sys.stdout.flush()
        _learn(modules)


def _words(file: IO[str]) -> list[str]:
    file.seek(0)
    return file.read().split()


def _make_ready() -> None:
    """Import what runs the command; no thread may begin before the children are forked."""
    for name in ("connector.cli", "connector.cli.run", "torture.points"):
        import_module(name)
    from adapters import registry
    from adapters.channels import registry as channels
    from connector.actions import known_actions

    known_actions()
    registry.platforms()
    channels.channels()
    os.environ["AFTERSALE_LOG_LEVEL"] = "debug"


def _learn(modules: Sequence[str]) -> None:
    """Import what a child had to, so that the next need not."""
    for name in modules:
        with suppress(ImportError, AttributeError):  # some are made by others under names that are none
            import_module(name)
    if modules:
        gc.collect()
        gc.freeze()  # what is here by now, no child's collector need look at


def _run(config: Path, now: datetime, point: int, hardship: str, imported: IO[str]) -> None:
    """Be the child: run the command once, and say what it had to import. Never returns."""
    from connector import cli
    from torture.points import endure, set_stage

    known = set(sys.modules)
    code = 70
    try:
        endure(hardship)
        set_stage(now, point)
        sys.argv = ["aftersale", "-c", str(config), "--json", "run", "--once"]
        cli.main()
    except SystemExit as end:
        code = int(end.code or 0)
    finally:
        imported.write(" ".join(sorted(set(sys.modules) - known)))
        imported.flush()
        sys.stdout.flush()
        os._exit(code)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
