"""Ways out of the shop as a run holds them: each with a circuit that opens when it is in trouble."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

import structlog

from adapters.channels.base import Channel, PutOff
from adapters.channels.registry import connect
from adapters.errors import AuthFailed
from connector.channel_keys import ChannelConfig
from connector.staff import Staff
from connector.waiting import delay_after

log = structlog.get_logger()

MakeChannel = Callable[[ChannelConfig, Callable[[], datetime]], Channel]


def make_channel(config: ChannelConfig, clock: Callable[[], datetime]) -> Channel:
    """The channel of one entry of the config; nothing is asked of its provider yet."""
    return connect(config.name, config.kind, config.settings, clock=clock)


@dataclass(slots=True)
class Circuit:
    """What opens when a way out of the shop is in trouble: nothing goes by it for a while, longer each time.

    Shared by the stores and threads of a client. `stopped` says to the staff what does not happen meanwhile.
    """

    stopped: str
    failures: int = 0
    rests_until: datetime | None = None
    reason: str | None = None
    staff_knows: bool = False
    _guard: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def resting(self, now: datetime) -> datetime | None:
        """Until when nothing is to be sent by it; None if it is well, or may be tried again."""
        with self._guard:
            return self.rests_until if self.rests_until is not None and self.rests_until > now else None

    def went_well(self) -> None:
        """It took what it was given, or refused that alone."""
        with self._guard:
            self.failures, self.rests_until, self.reason, self.staff_knows = 0, None, None, False

    def in_trouble(self, error: Exception, now: datetime, staff: Staff) -> datetime:
        """It took nothing; until when it, or this one message, is left alone. The staff hears once of a refusal."""
        if isinstance(error, PutOff):
            return now + delay_after(error, 5)
        with self._guard:
            self.failures += 1
            is_news = isinstance(error, AuthFailed) and not self.staff_knows
            self.staff_knows = self.staff_knows or is_news
            until = self.rests_until = now + delay_after(error, self.failures)
            self.reason = str(error)
        log.warning("a way out is in trouble", meanwhile=self.stopped, reason=str(error))
        if is_news:
            staff.tell(self.stopped, str(error))
        return until


@dataclass(frozen=True, slots=True)
class Line:
    """A configured channel as a run holds it."""

    channel: Channel
    circuit: Circuit


def line_by(channel: Channel) -> Line:
    """A line that nothing has gone by yet."""
    return Line(channel, Circuit(f"No messages go by {channel.name}"))
