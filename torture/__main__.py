"""`python -m torture [--scale 0.1] [--jobs 2] [--write]`: tries everything and prints the table; exit 1 on a violation.

`--write` puts the table into docs/reliability.md.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import platform
import re
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from datetime import UTC, datetime

from torture.jobs import Done, every, perform
from torture.scene import Count
from torture.worker import ROOT

PAGE = ROOT / "docs" / "reliability.md"
COLUMNS = ("tried", "orders", "twice", "lost", "leaked", "held", "refused", "wrong")


def main() -> int:
    """Run the jobs side by side, and tell of them."""
    parser = argparse.ArgumentParser(prog="python -m torture")
    parser.add_argument("--scale", type=float, default=1.0, help="how much of the full run, 1 for all of it")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="how many at a time")
    parser.add_argument("--only", default="", help="what has these words in its 'chapter: name'")
    parser.add_argument("--write", action="store_true", help="put the table into docs/reliability.md")
    options = parser.parse_args()
    jobs = [job for job in every(options.scale) if options.only in f"{job.chapter}: {job.name}"]
    if not jobs:
        parser.error(f"no chapter has the words {options.only!r} in its name")
    begun = time.monotonic()
    done: list[Done] = []
    # A process a job: what one leaves behind (time, threads, limits) is not the next one's.
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(["torture.jobs"])
    with ProcessPoolExecutor(options.jobs, processes, max_tasks_per_child=1) as pool:
        for future in as_completed([pool.submit(perform, job) for job in jobs]):
            done.append(future.result())
            _tell(done[-1])
    minutes = (time.monotonic() - begun) / 60
    table = _table([job.chapter for job in jobs], done)
    remarks = [remark for each in done for remark in each.count.remarks]
    print(f"\n{table}\n")
    print("\n".join(remarks))
    print(f"{minutes:.1f} minutes")
    if options.write:
        _write(table, remarks, minutes, options.scale)
    return int(any(not each.count.is_clean or each.leaked for each in done))


def _tell(one: Done) -> None:
    verdict = "ok" if one.count.is_clean else "VIOLATED"
    print(f"{verdict:<9}{one.job.chapter}: {one.job.name} ({one.count.tried} tried, {one.seconds:.0f} s)", flush=True)
    for wrong in one.count.wrong:
        print(f"    {wrong}", flush=True)


def _table(chapters: Sequence[str], done: Sequence[Done]) -> str:
    """One line a chapter, and their sum, as Markdown."""
    lines = [["", *COLUMNS]]
    whole, leaks = Count(), 0
    for chapter in dict.fromkeys(chapters):
        count, leaked = Count(), 0
        for each in done:
            if each.job.chapter == chapter:
                count.add(each.count)
                leaked += each.leaked
        lines.append(_line(chapter, count, leaked))
        whole.add(count)
        leaks += leaked
    lines.append(_line("**together**", whole, leaks))
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    rows = [" | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines]
    rule = " | ".join("-" * width if not number else "-" * (width - 1) + ":" for number, width in enumerate(widths))
    return "\n".join(f"| {row} |" for row in (rows[0], rule, *rows[1:]))


def _line(name: str, count: Count, leaked: int) -> list[str]:
    figures = (
        *(count.tried, count.orders, count.twice, count.lost),
        *(leaked, count.held, count.refused, len(count.wrong)),
    )
    return [name, *(f"{figure:,}" for figure in figures)]


def _write(table: str, remarks: Sequence[str], minutes: float, scale: float) -> None:
    """Put the figures between their marks on the page."""
    machine = f"{os.cpu_count()} cores, Python {platform.python_version()}"
    run = "" if scale == 1 else f" `--scale {scale:g}`, not the full run."
    said = f"{datetime.now(UTC):%Y-%m-%d}, {machine}, {minutes:.0f} minutes.{run}"
    figures = "\n\n".join([table, *remarks, said])
    text = PAGE.read_text(encoding="utf-8")
    marked = re.sub(
        r"(?s)(<!-- figures -->\n).*(\n<!-- /figures -->)", lambda found: found[1] + figures + found[2], text
    )
    PAGE.write_text(marked, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
