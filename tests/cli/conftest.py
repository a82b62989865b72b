"""A shop with its config in a folder, and the command as a person types it there."""

from __future__ import annotations

import gc
import io
import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import chdir, closing, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from textwrap import dedent, indent
from typing import Any

import pytest

from adapters.sandbox.woocommerce import WooSandbox
from connector.cli import main

SOURCE = Path(__file__).parents[2]


@dataclass(frozen=True)
class Result:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def lines(self) -> list[str]:
        return self.err.splitlines()


@dataclass(frozen=True)
class Desk:
    """Where a person sits: a folder, and a terminal in it."""

    folder: Path

    def environment(self, **extra: str) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("AFTERSALE")}
        return {**kept, "PYTHONPATH": str(SOURCE), "COLUMNS": "100", **extra}

    def type(self, *arguments: str, **environment: str) -> Result:
        """Run the command to its end, here: a process of its own would import everything anew."""
        out, err = io.StringIO(), io.StringIO()
        before = dict(os.environ)
        with chdir(self.folder), redirect_stdout(out), redirect_stderr(err), pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "argv", ["aftersale", *arguments])
            patch.setattr(sys, "stdin", io.StringIO())
            os.environ.clear()
            os.environ.update(self.environment(**environment))
            try:
                with pytest.raises(SystemExit) as ended:
                    main()
            finally:
                os.environ.clear()
                os.environ.update(before)
                gc.unfreeze()  # what a run has set aside would stay in this process for good
        return Result(int(ended.value.code or 0), out.getvalue(), err.getvalue())

    def command(self, *arguments: str) -> list[str]:
        """The command line of a process of its own."""
        return [sys.executable, "-W", "error", "-c", "from connector.cli import main; main()", *arguments]

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Run the command as a process of its own, and go on."""
        return subprocess.Popen(
            self.command(*arguments),
            cwd=self.folder,
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text).lstrip("\n"), encoding="utf-8")
        path.chmod(0o600)

    def rules(self, text: str) -> None:
        """Write the rules: YAML of the list."""
        self.write("rules/rules.yaml", "version: 1\nrules:\n" + indent(dedent(text).strip("\n"), "  ") + "\n")

    def config(self, url: str, extra: str = "", *, name: str = "config.yaml", store: str = "tea") -> None:
        head = "version: 1\ntimezone: Asia/Jerusalem\n" + dedent(extra).lstrip("\n")
        self.write(
            name,
            f"{head}stores:\n  - id: {store}\n    platform: woocommerce\n    url: {url}\n"
            "    consumer_key: ck_sandbox\n    consumer_secret: cs_sandbox\n",
        )


@dataclass(frozen=True)
class Shop(Desk):
    """A desk with a config for a shop that is open, and can be looked into."""

    store: WooSandbox

    def order(self, **fields: Any) -> str:
        """A customer orders; gives the order's number."""
        return str(self.store.add_order(**fields))

    def notes(self, number: str) -> list[str]:
        """What was privately noted on an order, the shop's own notes apart."""
        return [n.text for n in self.store.notes(int(number)) if not n.customer and n.author != "system"]

    def writes(self) -> list[str]:
        return [request.path for request in self.store.requests if request.method != "GET"]

    def begin(self) -> None:
        """The first run: what the shop has by now is the past."""
        assert self.type("run", "--once").code == 0

    def let_polls_be_due(self) -> None:
        """As if the last poll were long ago."""
        with closing(sqlite3.connect(self.folder / "aftersale.db")) as connection, connection:
            connection.execute("UPDATE stores SET polled_at = '2026-01-01 00:00:00.000000'")

    def rows(self, command: str = "history") -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self.type(command, "--json").json
        return rows


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with WooSandbox(statuses=("packed",)) as store:
        store.add_order(created=datetime.now(UTC) - timedelta(days=3))
        shop = Shop(tmp_path, store)
        shop.config(store.url)
        yield shop


@pytest.fixture
def noted(shop: Shop) -> Shop:
    """A shop in which every new order gets a note, and a second one two days later; it has run before."""
    shop.rules(
        """
        - id: hello
          trigger: order.placed
          steps:
            - actions: [{ add_note: "Hello {{ order.number }}" }]
            - wait: 2 days
              actions: [{ add_note: Later }]
        """
    )
    shop.begin()
    return shop


@pytest.fixture
def held(shop: Shop) -> Shop:
    """A shop in which three follow-ups of 'hello' are held for a person."""
    shop.rules(
        """
        - id: hello
          trigger: order.placed
          max_per_run: 1
          steps:
            - actions: [{ add_note: "Hello {{ order.number }}" }]
            - wait: 2 days
              actions: [{ add_note: Later }]
        """
    )
    shop.begin()
    for _ in range(3):
        shop.order()
    assert shop.type("run", "--once").code == 4
    return shop
