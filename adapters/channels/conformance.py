"""What every channel owes to its callers, as tests. Needs pytest.

To run it on a channel of your own, give it a provider to play with, real or not:

    import pytest
    pytest.register_assert_rewrite("adapters.channels.conformance")
    from adapters.channels.conformance import Conformance

    class TestMyChannel(Conformance):
        @pytest.fixture
        def provider(self):
            with MyTestProvider() as provider:      # everything that `Provider` asks for
                yield provider
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Literal, Protocol

import msgspec
import pytest

from adapters.channels.base import Channel, Message, Unreachable
from adapters.errors import (
    AdapterError,
    AuthFailed,
    RateLimited,
    Rejected,
    Unavailable,
    UnknownOutcome,
    Unsupported,
)
from adapters.model import Order

Trouble = Literal["unreachable", "denied", "slow_down", "refused", "answer_lost", "nonsense"]
"""unreachable: connections are refused · denied: the key is turned down · slow_down: "not now" · refused: the message
is turned down for good · answer_lost: it is taken, and the connection breaks before the answer · nonsense: what comes
in place of the last answer means nothing."""


class Provider(Protocol):
    """What takes the messages, which the suite breaks."""

    channel: Channel
    """Made with a time-out of about a second; nothing was asked of it yet."""
    secrets: tuple[str, ...]
    """What must never be in an error: keys, tokens, passwords."""
    order: Order
    """One whose customer can be reached; its locale is `message`'s."""
    unreachable: Order
    """The same, of a customer whose address cannot be."""
    message: Message
    """To the customer of `order`. Its text is in two scripts, where the channel lets it be."""

    def received(self) -> Sequence[str]:
        """What came out at the other end: each message's text, as the customer reads it."""

    def expected(self) -> str:
        """How the customer ought to read `message`."""

    def trouble(self, kind: Trouble) -> None:
        """From now on every message meets with this."""

    def peace(self) -> None:
        """The trouble is over."""


SURE_NO = [
    ("unreachable", (Unavailable,)),
    ("denied", (AuthFailed,)),
    ("slow_down", (RateLimited, Unavailable)),
    ("refused", (Rejected,)),
]


class Conformance:
    """Subclass it, and give it a fixture `provider`."""

    def test_a_customer_is_reached_at_the_address_in_its_one_form(self, provider: Provider) -> None:
        assert provider.channel.reach(provider.order) == provider.message.to

    def test_whom_it_cannot_reach_it_names_the_reason_for_and_not_the_address(self, provider: Provider) -> None:
        with pytest.raises(Unreachable) as caught:
            provider.channel.reach(provider.unreachable)
        customer = provider.unreachable.customer
        assert _leaks(caught.value, _filled(customer.email, customer.phone)) == []

    def test_an_order_without_any_address_is_not_reached(self, provider: Provider) -> None:
        order = provider.order
        bare = msgspec.structs.replace(
            order,
            customer=msgspec.structs.replace(order.customer, email=None, phone=None),
            billing=msgspec.structs.replace(order.billing, phone=None),
            shipping=msgspec.structs.replace(order.shipping, phone=None),
        )
        with pytest.raises(Unreachable):
            provider.channel.reach(bare)

    def test_a_message_arrives_once_as_it_was_written(self, provider: Provider) -> None:
        assert provider.channel.send(provider.message)
        assert list(provider.received()) == [provider.expected()]

    def test_one_after_another_and_from_several_threads_all_arrive(self, provider: Provider) -> None:
        messages = [msgspec.structs.replace(provider.message, key=f"{number:032x}") for number in range(12)]
        with ThreadPoolExecutor(3) as threads:
            ids = list(threads.map(provider.channel.send, messages))
        assert len(set(ids)) == len(provider.received()) == len(messages)

    @pytest.mark.parametrize(("kind", "errors"), SURE_NO)
    def test_a_sure_no_is_told_as_one(
        self, provider: Provider, kind: Trouble, errors: tuple[type[AdapterError], ...]
    ) -> None:
        provider.trouble(kind)
        with pytest.raises(errors) as caught:
            provider.channel.send(provider.message)
        provider.peace()
        assert list(provider.received()) == []
        assert _leaks(caught.value, _private(provider)) == []

    @pytest.mark.parametrize("kind", ["answer_lost", "nonsense"])
    def test_what_may_have_been_sent_is_an_unknown_outcome(self, provider: Provider, kind: Trouble) -> None:
        provider.trouble(kind)
        with pytest.raises(UnknownOutcome) as caught:
            provider.channel.send(provider.message)
        assert _leaks(caught.value, _private(provider)) == []

    def test_after_trouble_it_works_again(self, provider: Provider) -> None:
        provider.channel.send(provider.message)
        provider.trouble("unreachable")
        with pytest.raises(AdapterError):
            provider.channel.send(provider.message)
        provider.peace()
        provider.channel.send(provider.message)
        assert list(provider.received()) == [provider.expected()] * 2

    def test_what_was_sent_is_found_or_the_channel_says_that_it_cannot_tell(self, provider: Provider) -> None:
        message, channel = provider.message, provider.channel
        since = provider.order.created_at
        try:
            before = channel.find(message, since, ())
        except Unsupported:
            return
        sent = channel.send(message)
        assert (before, channel.find(message, since, ())) == (None, sent)
        assert channel.find(message, since, (sent,)) is None
        assert channel.find(message, since + timedelta(hours=1), ()) is None

    def test_a_check_finds_nothing_wrong_and_sends_nothing(self, provider: Provider) -> None:
        assert provider.channel.check() == ()
        assert list(provider.received()) == []

    def test_a_check_finds_a_provider_that_is_out_of_reach(self, provider: Provider) -> None:
        provider.trouble("unreachable")
        (finding,) = provider.channel.check()
        assert finding.fatal

    def test_a_closed_channel_can_be_closed_again(self, provider: Provider) -> None:
        provider.channel.send(provider.message)
        provider.channel.close()
        provider.channel.close()


def _private(provider: Provider) -> tuple[str, ...]:
    message = provider.message
    return (*provider.secrets, *_filled(message.to, message.text, message.html, message.subject, *message.parameters))


def _filled(*values: str | None) -> tuple[str, ...]:
    return tuple(value for value in values if value)


def _leaks(error: BaseException, secrets: tuple[str, ...]) -> list[str]:
    """Which secrets an error gives away, in its own words or in those of the errors behind it."""
    said = ""
    behind: BaseException | None = error
    while behind is not None:
        said += f"{behind!r} {behind}"
        behind = None if behind.__suppress_context__ else behind.__cause__ or behind.__context__
    return [secret for secret in secrets if secret in said]
