"""A mail server on loopback that can be told to misbehave at any point of the conversation."""

from __future__ import annotations

import email
import email.policy
import socket
import ssl
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path

HANG, CLOSE, RESET, CLOSE_MIDWAY = "hang", "close", "reset", "close midway"
"""In place of a reply: none comes; the connection ends; it breaks; it ends while the message is still coming."""

USUAL = {
    "connect": "220 mail.example.com",
    "EHLO": "250-mail.example.com\r\n250-AUTH PLAIN\r\n250 8BITMIME",
    "AUTH": "235 2.7.0 welcome",
    "MAIL": "250 2.1.0 ok",
    "RCPT": "250 2.1.5 ok",
    "DATA": "354 go on",
    ".": "250 2.0.0 queued",
    "RSET": "250 2.0.0 ok",
    "QUIT": "221 2.0.0 bye",
    "STARTTLS": "220 2.0.0 ready",
}


@dataclass
class MailServer:
    """`replies` is what it answers to each command, and to the whole message ("."). `mails` are those that it took,
    each with its envelope; `connections` and `commands` count.
    """

    certificate: Path | None = None
    implicit_tls: bool = False
    replies: dict[str, str] = field(default_factory=lambda: dict(USUAL))
    mails: list[tuple[str, str, bytes]] = field(default_factory=list)
    connections: int = 0
    commands: list[str] = field(default_factory=list)
    port: int = 0
    _listener: socket.socket | None = None
    _open: list[socket.socket] = field(default_factory=list)
    _threads: list[threading.Thread] = field(default_factory=list)
    _done: threading.Event = field(default_factory=threading.Event)

    def start(self) -> None:
        self._done.clear()
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self.port = self._listener.getsockname()[1]
        self._run(self._accept, self._listener)

    def stop(self) -> None:
        """Refuse connections from now on, and cut those that are open."""
        self._done.set()
        if self._listener is not None:
            with suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
        self.hang_up()
        for thread in self._threads:
            thread.join(5)
        self._threads.clear()

    def hang_up(self) -> None:
        """End the connections that are open, as a server does that has waited long enough."""
        for peer in self._open:
            with suppress(OSError):
                peer.shutdown(socket.SHUT_RDWR)
        self._open.clear()

    def read(self) -> list[EmailMessage]:
        """The mails, as a mail program understands them."""
        return [email.message_from_bytes(mail, policy=email.policy.default) for _, _, mail in self.mails]

    def _run(self, target: object, *args: object) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                peer, _ = listener.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(peer)
            self._run(self._serve, peer)

    def _serve(self, peer: socket.socket) -> None:
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with suppress(OSError, _Over), peer:
            if self.implicit_tls:
                with self._wrapped(peer) as safe:
                    self._converse(safe)
            else:
                self._converse(peer)

    def _converse(self, peer: socket.socket) -> None:
        self._reply(peer, "connect")
        self._go_on(peer)

    def _go_on(self, peer: socket.socket) -> None:
        lines = peer.makefile("rb")
        sender = to = ""
        for line in lines:
            command = line.decode().rstrip("\r\n")
            self.commands.append(command)
            word = command.split(" ")[0].upper()
            if word == "MAIL":
                sender = command
            if word == "RCPT":
                to = command
            said = self._reply(peer, word)
            if said.startswith("354"):
                content = self._content(peer, lines)
                if self.replies["."].startswith("250") or self.replies["."] in (HANG, RESET, CLOSE):
                    self.mails.append((sender, to, content))
                self._reply(peer, ".")
            if word == "STARTTLS" and said.startswith("220"):
                with self._wrapped(peer) as safe:
                    self._go_on(safe)
                return
            if word == "QUIT":
                return

    def _content(self, peer: socket.socket, lines: object) -> bytes:
        content = b""
        for line in lines:  # type: ignore[attr-defined]
            if self.replies["."] == CLOSE_MIDWAY:
                self._break(peer)
            if line == b".\r\n":
                return content
            content += line.removeprefix(b".")
        raise _Over

    def _reply(self, peer: socket.socket, word: str) -> str:
        reply = self.replies.get(word, "502 5.5.1 what?")
        if reply == HANG:
            self._done.wait(30)
            raise _Over
        if reply == CLOSE:
            raise _Over
        if reply == RESET:
            self._break(peer)
        peer.sendall(reply.encode() + b"\r\n")
        return reply

    def _break(self, peer: socket.socket) -> None:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        peer.close()
        raise _Over

    def _wrapped(self, peer: socket.socket) -> ssl.SSLSocket:
        assert self.certificate is not None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate)
        safe = context.wrap_socket(peer, server_side=True)
        self._open.append(safe)
        return safe


class _Over(Exception):
    """The connection has come to its end."""


@contextmanager
def mail_server(certificate: Path | None = None, *, implicit_tls: bool = False) -> Iterator[MailServer]:
    server = MailServer(certificate, implicit_tls)
    server.start()
    try:
        yield server
    finally:
        server.stop()
