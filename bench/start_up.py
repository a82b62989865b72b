"""What a command imports, and how long it takes to answer, beside a bare Python."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median

ROUNDS = 5
HEAVY = ("sqlalchemy", "requests", "apscheduler", "alembic", "apprise", "babel")
AFTERSALE = ["-c", "from connector.cli import main; main()"]
EXAMPLE = str(Path(__file__).parent.parent / "config.example.yaml")


def run() -> Iterator[tuple[str, str]]:
    """`--help` and `check`, each in a process of its own."""
    python = _time(["-c", "pass"])
    for name, arguments in (("--help", ["--help"]), ("check", ["-c", EXAMPLE, "check"])):
        took = _time([*AFTERSALE, *arguments])
        heavy = ", ".join(_imported(arguments)) or "none"
        yield (
            f"aftersale {name}",
            f"{took * 1000:.0f} ms, Python alone {python * 1000:.0f}; heavy imports: {heavy} (goal: none)",
        )


def _time(arguments: Sequence[str]) -> float:
    times = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
        times.append(time.perf_counter() - began)
    return median(times)


def _imported(arguments: Sequence[str]) -> list[str]:
    command = [sys.executable, "-X", "importtime", *AFTERSALE, *arguments]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stderr
    modules = {line.rsplit("|", 1)[-1].strip() for line in told.splitlines()}
    return [name for name in HEAVY if name in modules]
