"""A process that runs the commands it is told, one a line, with every library's logger at DEBUG.

Not a test: `watched` starts it. A line is a JSON list of arguments. `["crash", WORDS]` makes every further walk over a
store's orders fail with an exception of these words; `["look", PORT]` runs the daemon until both pages on that port
were printed; `["leak", WHERE, WORDS]` lets the words out, to see that this is found. After each it prints a line of
JSON, the exit code.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import structlog

from connector.cli import main
from connector.observe import set_up_logs


def crash(words: str) -> int:
    import adapters.shopify.adapter as mugs
    import adapters.woocommerce.adapter as tea

    def walk(self: object, after: object) -> Iterator[Any]:
        raise ValueError(words)

    tea.WooCommerce.changed_orders = walk  # type: ignore[method-assign,assignment]
    mugs.Shopify.changed_orders = walk  # type: ignore[method-assign,assignment]
    return 0


def look(port: str) -> int:
    """The daemon, stopped as soon as it has shown its pages."""

    def show() -> None:
        try:
            pages = [_page(f"http://127.0.0.1:{port}/{name}") for name in ("healthz", "metrics")]
            sys.stdout.write("\n".join(pages) + "\n")
        finally:
            os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=show, daemon=True).start()
    return run(["run"])


def _page(url: str) -> str:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                return str(answer.read().decode())
        except urllib.error.HTTPError as error:
            return error.read().decode()
        except OSError:
            threading.Event().wait(0.05)  # it is not open yet
    raise TimeoutError(url)


def leak(where: str, words: str) -> int:
    match where:
        case "log":
            set_up_logs("debug")
            structlog.get_logger().debug("leaks", order=words)
        case "library":
            logging.getLogger("urllib3").addHandler(logging.StreamHandler())
            logging.getLogger("urllib3").debug("GET %s", words)
        case "error":
            sys.stderr.write(f"error: {words}\n")
        case "result":
            sys.stdout.write(f"{words}\n")
        case "file":
            Path("left.txt").write_text(words)
    return 0


def loggers_at_debug() -> None:
    logging.getLogger().setLevel(logging.DEBUG)
    for name in (*logging.root.manager.loggerDict, "urllib3", "requests", "sqlalchemy", "alembic", "apprise"):
        logging.getLogger(name).setLevel(logging.DEBUG)


def run(arguments: list[str]) -> int:
    sys.argv = ["aftersale", *arguments]
    try:
        main()
    except SystemExit as ended:
        return int(ended.code or 0)
    return 0


for line in sys.stdin:
    arguments = json.loads(line)
    loggers_at_debug()
    match arguments:
        case ["crash", words]:
            code = crash(words)
        case ["look", port]:
            code = look(port)
        case ["leak", where, words]:
            code = leak(where, words)
        case _:
            code = run(arguments)
    sys.stdout.write(json.dumps({"code": code}) + "\n")
    sys.stdout.flush()
