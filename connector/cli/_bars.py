"""How far a long work has come, where a person watches."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from connector.poller import Progress


@contextmanager
def progress_bars(names: Sequence[str]) -> Iterator[list[Progress | None]]:
    """A bar for each store, where a person watches."""
    if not sys.stderr.isatty():
        yield [None] * len(names)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("orders"))
    with Bars(*columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True) as bars:

        def bar(name: str) -> Progress:
            task = bars.add_task(name, total=None)
            return lambda done, total: bars.update(task, completed=done, total=total)

        yield [bar(name) for name in names]
