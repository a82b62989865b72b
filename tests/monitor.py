"""A monitoring service on this machine, for heartbeats."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer


class Monitor(HTTPServer):
    """Keeps the paths that it was asked for."""

    def __init__(self) -> None:
        self.beats: list[str] = []
        self.heard = threading.Condition()
        super().__init__(("127.0.0.1", 0), _Beat)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/ping/0b7c1a2d"

    def wait_for(self, beats: int, seconds: float) -> bool:
        """Whether so many have come by then."""
        with self.heard:
            return self.heard.wait_for(lambda: len(self.beats) >= beats, seconds)


class _Beat(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, Monitor)
        with self.server.heard:
            self.server.beats.append(self.path)
            self.server.heard.notify_all()
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Nobody reads it."""


@contextmanager
def listening() -> Iterator[Monitor]:
    """A service that is open meanwhile."""
    with Monitor() as monitor:
        thread = threading.Thread(target=monitor.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield monitor
        monitor.shutdown()
        thread.join()
