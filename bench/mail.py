"""Personal HTML mails in four languages, built and handed to a server on loopback, beside handing over ready ones."""

from __future__ import annotations

import smtplib
import socketserver
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import cycle, islice
from pathlib import Path
from statistics import median

from adapters.channels.base import Channel, Message
from adapters.channels.email_smtp import Smtp, server_of
from adapters.channels.mime import mail, mailbox

MESSAGES = 10_000
ROUNDS = 5
SENDER = ("Tal from Tea", "tal@tea.example.com")
NOW = datetime(2026, 1, 1, tzinfo=UTC)

TEXTS = (
    ("en", "ltr", "Your order {n} is on its way, {name}", "Dear {name}, your tea has left us today.", "Alice"),
    ("he", "rtl", "ההזמנה {n} בדרך אלייך, {name}", "{name} שלום, התה שלך יצא אלייך היום.", "ישראלה"),
    ("ar", "rtl", "طلبك {n} في الطريق، {name}", "مرحبا {name}، خرج الشاي اليوم في طريقه إليك.", "مثال"),
    ("ru", "ltr", "Заказ {n} в пути, {name}", "Здравствуйте, {name}! Ваш чай сегодня отправлен.", "Пример"),
)
PAGE = """<!doctype html>
<html lang="{locale}" dir="{direction}"><head><meta charset="utf-8"><title>{subject}</title><style>
body {{ margin: 0; background: #f6f4ef; font: 16px/1.5 sans-serif; }}
.card {{ max-width: 560px; margin: 0 auto; padding: 24px; background: #ffffff; }}
p {{ margin: 0 0 16px; }}
a.button {{ display: inline-block; padding: 12px 24px; background: #0a6b4f; color: #ffffff; }}
@media (prefers-color-scheme: dark) {{ body {{ background: #111111; }} .card {{ background: #1c1c1c; }} }}
</style></head><body><div class="card">{paragraphs}
<p><a class="button" href="https://tea.example.com/orders/{n}">{n}</a></p></div></body></html>
"""


def run() -> Iterable[tuple[str, str]]:
    """In rounds, one way and the other in turn; the messages are rendered beforehand either way."""
    messages = list(islice(_messages(), MESSAGES // ROUNDS))
    ready = [(m.to, mail(m, mailbox(*SENDER), "tea.example.com", None, NOW)) for m in messages]
    with _sink() as port, smtplib.SMTP("127.0.0.1", port, "localhost") as kept:
        channel = Smtp(server_of(f"smtp://127.0.0.1:{port}"), SENDER, None, timeout=30.0, clock=lambda: NOW)
        _hand_over_ready(kept, ready[:100])
        _send(channel, messages[:100])
        rounds = [
            (_timed(lambda: _hand_over_ready(kept, ready)), _timed(lambda: _send(channel, messages)))
            for _ in range(ROUNDS)
        ]
        channel.close()
    alone, built = (median(way) / len(messages) for way in zip(*rounds, strict=True))
    yield "mail, ready-made and handed over", f"{1 / alone:,.0f} messages/s"
    yield "mail, built and handed over", f"{1 / built:,.0f} messages/s, {built / alone:.2f} of the time (goal: 2.00)"


def _messages() -> Iterator[Message]:
    for number, (locale, direction, subject, text, name) in enumerate(cycle(TEXTS), start=1001):
        subject, text = subject.format(n=number, name=name), text.format(n=number, name=name)
        paragraphs = f"<p>{text}</p>\n" * 8
        page = PAGE.format(locale=locale, direction=direction, subject=subject, paragraphs=paragraphs, n=number)
        yield Message(
            to=f"customer{number}@example.com",
            key=f"{number:032x}",
            text=f"{text}\n\n" * 8,
            html=page,
            subject=subject,
            locale=locale,
            marketing=True,
            unsubscribe=f"https://tea.example.com/u/{number:064x}",
        )


def _hand_over_ready(kept: smtplib.SMTP, ready: Sequence[tuple[str, bytes]]) -> None:
    for to, content in ready:
        kept.sendmail(SENDER[1], [to], content)


def _send(channel: Channel, messages: Sequence[Message]) -> None:
    for message in messages:
        channel.send(message)


def _timed(work: Callable[[], None]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


# The server -------------------------------------------------------------------------------------------------------


@contextmanager
def _sink() -> Iterator[int]:
    """The port of a mail server in a process of its own, that takes everything and keeps nothing."""
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.mail"], cwd=Path(__file__).parent.parent, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        yield int(process.stdout.readline())
    finally:
        process.terminate()
        process.communicate()


class _Sink(socketserver.StreamRequestHandler):
    disable_nagle_algorithm = True

    def handle(self) -> None:
        self.wfile.write(b"220 sink.example.com\r\n")
        for line in self.rfile:
            if line.upper().startswith(b"DATA"):
                self.wfile.write(b"354 go on\r\n")
                while self.rfile.readline() not in (b".\r\n", b""):
                    pass
            if line.upper().startswith(b"QUIT"):
                self.wfile.write(b"221 bye\r\n")
                return
            self.wfile.write(b"250 OK\r\n")


if __name__ == "__main__":
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Sink) as server:
        server.daemon_threads = True
        print(server.server_address[1], flush=True)
        server.serve_forever()
