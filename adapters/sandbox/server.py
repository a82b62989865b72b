"""An HTTP/1.1 server on loopback: real sockets, kept-alive connections, and answers that may fail to come."""

from __future__ import annotations

import socket
import struct
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from http.client import responses
from http.server import BaseHTTPRequestHandler
from socketserver import BaseServer, ThreadingTCPServer
from typing import Any

from adapters.sandbox.clock import Clock

HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Request:
    """What a client asked. `query` is as it came, `params` without credentials, `at` in UTC."""

    method: str
    path: str
    query: str
    params: dict[str, str]
    headers: dict[str, str]
    body: bytes
    at: datetime


@dataclass(frozen=True, slots=True)
class Response:
    """What the client gets. With a `promised` length beyond the body's the connection breaks midway."""

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()
    promised: int | None = None


Answer = Callable[[Request], Response | None]
"""Takes a request, gives its response; None resets the connection without one. Called from many threads."""

Parse = Callable[[str], dict[str, str]]
"""Takes a raw query string, gives its parameters."""


@dataclass(slots=True)
class Loopback:
    """A server that can be stopped and started again on the port it got first."""

    answer: Answer
    parse: Parse
    clock: Clock
    port: int = 0
    _server: _Server | None = field(default=None, init=False)
    _thread: threading.Thread | None = field(default=None, init=False)

    @property
    def url(self) -> str:
        """Where the server is (or was, when stopped); known once it has been started."""
        return f"http://{HOST}:{self.port}"

    def start(self) -> None:
        """Listen and answer. Raises RuntimeError if it does so already, OSError if the port is taken."""
        if self._server is not None:
            raise RuntimeError(f"The sandbox is already listening on {self.url}.")
        self._server = _Server(self)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, name="sandbox", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Refuse connections from now on and cut those that are open. Does nothing when stopped already."""
        if self._server is None or self._thread is None:
            return
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self._server.hang_up()
        self._server = self._thread = None


class _Server(ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, loopback: Loopback) -> None:
        self.loopback = loopback
        self._open: set[socket.socket] = set()
        self._broken: set[socket.socket] = set()
        self._guard = threading.Lock()
        super().__init__((HOST, loopback.port), _Exchange)

    def hang_up(self) -> None:
        """Cut every open connection; the threads that read from them end."""
        with self._guard:
            for connection in self._open:
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    continue  # the client was quicker

    def reset(self, connection: socket.socket) -> None:
        """See to it that closing this connection sends a reset instead of a farewell."""
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        with self._guard:
            self._broken.add(connection)

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        with self._guard:
            self._open.add(connection)
        return connection, address

    def shutdown_request(self, request: Any) -> None:
        with self._guard:
            self._open.discard(request)
            broken = request in self._broken
            self._broken.discard(request)
        if broken:
            request.close()
        else:
            super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        # A client that hangs up in the middle is what time-outs and crashes look like from here.
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class _Exchange(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def __init__(self, request: Any, client_address: Any, server: BaseServer) -> None:
        assert isinstance(server, _Server)
        self.home = server
        super().__init__(request, client_address, server)

    def _exchange(self) -> None:
        loopback = self.home.loopback
        path, _, query = self.path.partition("?")
        response = loopback.answer(
            Request(
                method=self.command,
                path=path,
                query=query,
                params=loopback.parse(query),
                headers={name.lower(): value for name, value in self.headers.items()},
                body=self.rfile.read(int(self.headers.get("Content-Length", 0))),
                at=loopback.clock(),
            )
        )
        if response is None:
            self.home.reset(self.connection)
            self.close_connection = True
        else:
            self._send(response, loopback.clock())

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _exchange  # noqa: N815 the base class's names

    def _send(self, response: Response, now: datetime) -> None:
        length = len(response.body) if response.promised is None else response.promised
        self.close_connection = self.close_connection or length != len(response.body)
        lines = [
            f"HTTP/1.1 {response.status} {responses.get(response.status, 'Refused')}",
            f"Date: {format_datetime(now.astimezone(UTC), usegmt=True)}",
            f"Content-Length: {length}",
            *(f"{name}: {value}" for name, value in response.headers),
        ]
        if self.close_connection:
            lines.append("Connection: close")
        self.wfile.write("\r\n".join([*lines, "", ""]).encode("latin-1") + response.body)

    def log_message(self, format: str, *args: Any) -> None:
        """Stay silent: who wants to know looks at the store's `requests`."""
