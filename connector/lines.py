"""A configured channel as a run holds it: with a circuit that opens when the channel is in trouble."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

import structlog

from adapters.channels.base import Channel, PutOff
from adapters.channels.registry import create
from adapters.errors import AdapterError, AuthFailed, RateLimited, Unavailable
from connector.channel_keys import ChannelConfig
from connector.staff import Staff
from connector.waiting import delay_after

log = structlog.get_logger()

MakeChannel = Callable[[ChannelConfig, Callable[[], datetime]], Channel]

TROUBLE = (AuthFailed, RateLimited, Unavailable)
"""What says that a channel takes nothing just now, and for sure took nothing."""


def make_channel(config: ChannelConfig, clock: Callable[[], datetime]) -> Channel:
    """The channel of one entry of the config; nothing is asked of its provider yet."""
    return create(config.name, config.kind, clock=clock, **config.keys)


@dataclass(slots=True)
class Line:
    """One channel, shared by the stores and threads of a client. It rests after trouble, longer each time."""

    channel: Channel
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
        """It took a message, or refused that one alone."""
        with self._guard:
            self.failures, self.rests_until, self.reason, self.staff_knows = 0, None, None, False

    def in_trouble(self, error: AdapterError, now: datetime, staff: Staff) -> datetime:
        """It took nothing; until when it, or this one message, is left alone. The staff hears once of a refusal."""
        if isinstance(error, PutOff):
            return now + delay_after(error, 5)
        with self._guard:
            self.failures += 1
            is_news = isinstance(error, AuthFailed) and not self.staff_knows
            self.staff_knows = self.staff_knows or is_news
            until = self.rests_until = now + delay_after(error, self.failures)
            self.reason = str(error)
        log.warning("channel in trouble", channel=self.channel.name, reason=str(error))
        if is_news:
            staff.tell(f"No messages go by {self.channel.name}", str(error))
        return until
