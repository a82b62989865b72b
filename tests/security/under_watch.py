"""A process that runs the commands it is told, one a line, with every library's logger at DEBUG.

Not a test: `test_nothing_leaks` starts it. A line is a JSON list of arguments; `["crash", WORDS]` makes every further
walk over a store's orders fail with an exception of these words. After each it prints a line of JSON, the exit code.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator
from typing import Any

from connector.cli import main


def crash(words: str) -> None:
    import adapters.shopify.adapter as mugs
    import adapters.woocommerce.adapter as tea

    def walk(self: object, after: object) -> Iterator[Any]:
        raise ValueError(words)

    tea.WooCommerce.changed_orders = walk  # type: ignore[method-assign,assignment]
    mugs.Shopify.changed_orders = walk  # type: ignore[method-assign,assignment]


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
    code = crash(arguments[1]) if arguments[0] == "crash" else run(arguments)
    sys.stdout.write(json.dumps({"code": code}) + "\n")
    sys.stdout.flush()
