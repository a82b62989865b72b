"""A daemon in a hurry. Not a test: a process that `test_daemon` starts and sends signals to.

    python -m tests.connector.daemon_process CONFIG BASE

Its time runs sixty times as fast as ours since BASE (unix seconds), and it looks for work five times a second.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from connector import daemon, shop
from connector.loading import Loaded, load
from connector.observe import set_up_logs
from connector.opening import Client, open_client

SPEED = 60


def hurried(base: float) -> Callable[[], datetime]:
    """A clock that runs sixty times as fast as ours since then."""

    def clock() -> datetime:
        now = datetime.now(UTC).timestamp()
        return datetime.fromtimestamp(base + (now - base) * SPEED, UTC)

    return clock


def main(config: Path, base: float) -> None:
    set_up_logs("info")
    shop.DUE_EVERY = daemon.BEAT_EVERY = timedelta(seconds=0.2)

    def opened() -> Sequence[Client] | None:
        loaded = load(config, {})
        return [open_client(loaded, hurried(base))] if isinstance(loaded, Loaded) else None

    clients = opened()
    assert clients is not None
    daemon.run_daemon(clients, opened)


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]))
