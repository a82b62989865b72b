"""Ways out of the shop as a run holds them: each with a circuit that opens when it is in trouble."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

import structlog

from adapters.channels.base import Channel, PutOff
from adapters.channels.registry import connect
from adapters.errors import AuthFailed
from connector.channel_keys import ChannelConfig
from connector.staff import Staff
from connector.store import channels
from connector.store.channels import Rest
from connector.store.database import Database, secret_of
from connector.waiting import delay_after

log = structlog.get_logger()

MakeChannel = Callable[[ChannelConfig, Callable[[], datetime]], Channel]


def make_channel(config: ChannelConfig, clock: Callable[[], datetime]) -> Channel:
    """The channel of one entry of the config; nothing is asked of its provider yet."""
    return connect(config.name, config.kind, config.settings, clock=clock)


def _forget(rest: Rest | None) -> None:
    """What is no channel is remembered by this process alone."""


@dataclass(slots=True)
class Circuit:
    """What opens when a way out of the shop is in trouble: nothing goes by it for a while, longer each time.

    Shared by the stores and threads of a client. `stopped` says to the staff what does not happen meanwhile.
    """

    stopped: str
    rest: Rest | None = None
    remember: Callable[[Rest | None], None] = _forget
    """Is told of every change."""
    _guard: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def resting(self, now: datetime) -> Rest | None:
        """Why, and until when, nothing is to be sent by it; None if it is well, or may be tried again."""
        rest = self.rest
        return rest if rest is not None and rest.until > now else None

    def went_well(self) -> None:
        """It took what it was given, or refused that alone."""
        with self._guard:
            if self.rest is not None:
                self.rest = None
                self.remember(None)

    def in_trouble(self, error: Exception, now: datetime, staff: Staff) -> datetime:
        """It took nothing; until when it, or this one message, is left alone. The staff hears once of a refusal."""
        if isinstance(error, PutOff):
            return now + delay_after(error, 5)
        with self._guard:
            before = self.rest or Rest(0, now, "", now, staff_knows=False)
            is_news = isinstance(error, AuthFailed) and not before.staff_knows
            failures = before.failures + 1
            until = now + delay_after(error, failures)
            self.rest = Rest(failures, until, str(error), before.since, before.staff_knows or is_news)
            self.remember(self.rest)
        log.warning("a way out is in trouble", meanwhile=self.stopped, reason=str(error))
        if is_news:
            staff.tell(self.stopped, str(error))
        return until


@dataclass(frozen=True, slots=True)
class Line:
    """A configured channel as a run holds it."""

    channel: Channel
    circuit: Circuit


def open_lines(
    configs: Sequence[ChannelConfig], database: Database, clock: Callable[[], datetime], make: MakeChannel
) -> dict[str, Line]:
    """The configured channels, by name. One that rests goes on resting, unless its settings have changed."""
    secret = secret_of(database)
    marks = {config.name: config.mark(secret) for config in configs}
    with database.write() as connection:
        rests = {name: channels.load(connection, name, mark) for name, mark in marks.items()}
        for name in channels.every(connection):
            if rests.get(name) is None:
                channels.remove(connection, name)
    return {
        config.name: Line(
            make(config, clock),
            Circuit(
                f"No messages go by {config.name}",
                rests[config.name],
                partial(_remember, database, config.name, marks[config.name]),
            ),
        )
        for config in configs
    }


def lines_in_peace(configs: Sequence[ChannelConfig], clock: Callable[[], datetime]) -> dict[str, Line]:
    """The configured channels, by name, as if all were well: for who only wants to know whom they reach."""
    return {each.name: Line(make_channel(each, clock), Circuit("")) for each in configs}


def _remember(database: Database, name: str, mark: str, rest: Rest | None) -> None:
    """In the state: for the next process, and for who looks."""
    with database.write() as connection:
        if rest is None:
            channels.remove(connection, name)
        else:
            channels.put(connection, name, mark, rest)
