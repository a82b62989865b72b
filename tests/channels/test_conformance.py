"""The suite that every channel passes, run on each, over real sockets."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

pytest.register_assert_rewrite("adapters.channels.conformance")

from adapters.channels.conformance import Conformance  # noqa: E402
from tests.channels.mail_server import mail_server  # noqa: E402
from tests.channels.providers import CloudProvider, GatewayProvider, MailProvider, TwilioProvider  # noqa: E402


class TestMail(Conformance):
    @pytest.fixture
    def provider(self) -> Iterator[MailProvider]:
        with mail_server() as server:
            provider = MailProvider(server)
            yield provider
            provider.channel.close()


class TestTwilio(Conformance):
    @pytest.fixture
    def provider(self) -> Iterator[TwilioProvider]:
        with TwilioProvider() as provider:
            yield provider


class TestGateway(Conformance):
    @pytest.fixture
    def provider(self) -> Iterator[GatewayProvider]:
        with GatewayProvider() as provider:
            yield provider


class TestWhatsApp(Conformance):
    @pytest.fixture
    def provider(self) -> Iterator[CloudProvider]:
        with CloudProvider() as provider:
            yield provider
