"""The contract between Aftersale and a channel: a way to reach a customer.

A channel is one instance a configured provider and may be used from several threads. It never sleeps, and tries each
message once. What became of one is told by `send` alone:

    an id                                   it was handed over
    Rejected                                it was refused, and would be again; see BadAddress and OptedOut
    RateLimited, Unavailable, AuthFailed    for sure it was not sent; later it may be
    UnknownOutcome                          it may have been sent: to be settled by `find`, never repeated

No error carries a secret, an address, or anything of the message.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime
from typing import Protocol

from msgspec import Struct

from adapters.errors import AdapterError, Rejected, Unavailable
from adapters.model import Finding, Order


class Message(Struct, frozen=True, gc=False, kw_only=True):
    """A message to one customer, rendered.

    `to` is what `reach` gave. `key` is the same whenever the same message is meant, and no other's: 32 hex digits.
    `text` is plain; `html` is a whole page of the same. Without `subject`, mail has the first line of the text.
    `locale` is the language it is written in, like he or pt-BR. `unsubscribe` is an https URL that unsubscribes at a
    POST, or a mailto:. `template` and `parameters` are for channels that only send texts approved beforehand.
    """

    to: str
    key: str
    text: str
    subject: str | None = None
    html: str | None = None
    locale: str
    marketing: bool = False
    unsubscribe: str | None = None
    template: str | None = None
    parameters: tuple[str, ...] = ()


class Unreachable(AdapterError):
    """This channel cannot reach this customer; the message says why, without the address."""


class BadAddress(Rejected):
    """Nothing sent to this address will ever arrive: a hard bounce. It should not be written to again."""


class OptedOut(Rejected):
    """Whoever has this address told the provider that they want no more messages."""


class PutOff(Unavailable):
    """This one message has to wait; the channel itself is well."""


class Channel(Protocol):
    """One way to reach customers."""

    name: str
    """What `via` calls it: email, sms, whatsapp."""

    def reach(self, order: Order) -> str:
        """Where this order's customer is reached, in the one form that an address has. Asks nobody.

        Raises Unreachable.
        """

    def send(self, message: Message) -> str:
        """Hand over a message, once; returns its id. Raises as told above."""

    def find(self, message: Message, since: datetime, credited: Collection[str]) -> str | None:
        """The id of this message if it was handed over at or after `since`, and is not `credited` to another.

        None is only said when it surely was not, so far. Raises Unsupported where the channel cannot tell.
        """

    def check(self) -> tuple[Finding, ...]:
        """Log in, as far as there is such a thing, and say what is wrong. Sends nothing, and raises nothing."""

    def close(self) -> None:
        """Give back connections; a later `send` opens new ones."""


def findings(try_out: Callable[[], object]) -> tuple[Finding, ...]:
    """What `check` says of an attempt: what stopped it, or nothing."""
    try:
        try_out()
    except AdapterError as error:
        return (Finding(True, str(error)),)
    return ()
