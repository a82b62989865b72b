"""`/metrics` and `/healthz` over HTTP: two pages, nothing else, and nothing that changes anything."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from socket import AF_INET6
from socketserver import TCPServer, ThreadingMixIn
from typing import Any
from urllib.parse import urlsplit
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

import structlog
from prometheus_client import make_wsgi_app
from sqlalchemy.exc import DBAPIError

from adapters.urls import is_loopback
from connector.config import Address
from connector.health import Ward, report
from connector.metrics import Metrics
from connector.store.errors import in_words

log = structlog.get_logger()

PATIENCE = 10
"""Seconds that a client may take to say what it wants."""

AT_ONCE = 8
"""How many clients are served at once; more are hung up on."""

Start = Callable[[str, list[tuple[str, str]]], object]
Page = Callable[[dict[str, Any], Start], Iterable[bytes]]
"""A WSGI application."""


@contextmanager
def serving(address: Address, metrics: Metrics, wards: Sequence[Ward]) -> Iterator[int | None]:
    """Serve both pages meanwhile, from threads of their own; gives the port.

    Where the address cannot be had, that is logged and nothing is served (None): customers come before onlookers.
    """
    try:
        server = _Server(address)
    except OSError as error:
        log.error(  # noqa: TRY400  a busy port needs no traceback
            "metrics are not served", host=address.host, port=address.port, reason=error.strerror or str(error)
        )
        yield None
        return
    server.set_app(_pages(metrics, wards, local=is_loopback(address.host)))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, name="metrics", daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _pages(metrics: Metrics, wards: Sequence[Ward], *, local: bool) -> Page:
    """Both pages. Served to this machine alone (`local`), they are so also where a web page has a browser ask."""
    prometheus = make_wsgi_app(metrics.registry)

    def pages(environ: dict[str, Any], start: Start) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if local and not is_loopback(_host(environ.get("HTTP_HOST", ""))):
            return _say(start, "403 Forbidden", {"error": "this page is for this machine alone"})
        if path not in ("/metrics", "/healthz"):
            return _say(start, "404 Not Found", {"error": "there is /metrics and /healthz"})
        if environ["REQUEST_METHOD"] != "GET":
            return _say(start, "405 Method Not Allowed", {"error": "only GET"})
        try:
            if path == "/metrics":
                return prometheus(environ, start)  # type: ignore[no-any-return]
            is_well, told = report(wards)
        except DBAPIError as error:
            log.error("the state cannot be read", reason=in_words(error))  # noqa: TRY400  the disk is at fault, not we
            is_well, told = False, {"healthy": False, "error": "the database cannot be used just now"}
        return _say(start, "200 OK" if is_well else "503 Service Unavailable", told)

    return pages


def _host(header: str) -> str:
    """The host name in a Host header."""
    try:
        return urlsplit(f"//{header}").hostname or ""
    except ValueError:
        return ""


def _say(start: Start, status: str, told: dict[str, object]) -> list[bytes]:
    kind = ("Content-Type", "application/json; charset=utf-8")
    start(status, [kind, ("Cache-Control", "no-store"), ("X-Content-Type-Options", "nosniff")])
    return [json.dumps(told, ensure_ascii=False).encode() + b"\n"]


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True

    def __init__(self, address: Address) -> None:
        if ":" in address.host:
            self.address_family = AF_INET6
        self._free = threading.BoundedSemaphore(AT_ONCE)
        super().__init__(address, _Handler)

    def server_bind(self) -> None:
        TCPServer.server_bind(self)  # the one in between looks up its own name, which may take long
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])
        self.setup_environ()

    def process_request(self, request: Any, client_address: Any) -> None:
        if self._free.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: object, client_address: object) -> None:
        log.debug("a client of the metrics hung up")


class _Handler(WSGIRequestHandler):
    timeout = PATIENCE

    def address_string(self) -> str:
        return str(self.client_address[0])

    def log_message(self, format: str, *args: object) -> None:
        """What is asked here is not worth a line."""
