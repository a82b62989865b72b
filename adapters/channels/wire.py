"""HTTP to a provider of messages: tried once, and whoever sent something learns for sure whether it may have arrived.

No error raised here carries a secret, more of an address than its host, a body, or a customer's data.
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import msgspec
import requests
from requests.exceptions import ConnectTimeout, InvalidProxyURL, ProxyError, ReadTimeout, RequestException, SSLError

from adapters.errors import AdapterError, AuthFailed, RateLimited, Rejected, Unavailable, UnknownOutcome
from adapters.http import CONNECT_TIMEOUT, Answer, http_date

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
LARGEST_ANSWER = 4 * 1024 * 1024

UNSETTLED = "Whether the message was sent is not known."


class Wire:
    """The connection to one provider, safe to use from several threads.

    `who` names the provider in errors. `headers` go with every request. `timeout` is in seconds; `clock` tells aware
    UTC.
    """

    def __init__(
        self, url: str, who: str, headers: Mapping[str, str], *, timeout: float, clock: Callable[[], datetime]
    ) -> None:
        self.who = who
        self._url = url
        self._timeout = (min(CONNECT_TIMEOUT, timeout), timeout)
        self._clock = clock
        self._session = _session(url, headers)

    def send(self, method: str, path: str, body: bytes, kind: str, headers: Mapping[str, str] | None = None) -> Answer:
        """Send a message's body, of media type `kind`, once. Gives whatever is answered, refusals too.

        Raises Unavailable when surely nothing was sent, and UnknownOutcome when it may have been.
        """
        outgoing = _Body(body)
        try:
            return self._exchange(method, path, outgoing, {"Content-Type": kind, **(headers or {})})
        except RequestException as error:
            said = self._trouble(error, begun=outgoing.taken)
            # Before a byte of the body went out, the provider cannot have had the message.
            if not outgoing.taken:
                raise Unavailable(said) from None
            raise UnknownOutcome(f"{said} {UNSETTLED}") from None

    def ask(self, path: str) -> Answer:
        """GET something, once. Raises AuthFailed, RateLimited or Unavailable."""
        try:
            answer = self._exchange("GET", path, None, {})
        except RequestException as error:
            raise Unavailable(self._trouble(error, begun=True)) from None
        if answer.status < 300:
            return answer
        refusal = self.refusal(answer)
        if isinstance(refusal, AuthFailed | RateLimited):
            raise refusal
        raise Unavailable(f"{self.who} answered {answer.status}: it is down or overloaded.", self.patience(answer))

    def knock(self) -> None:
        """See whether anybody is there, whatever they answer. Raises Unavailable."""
        try:
            self._exchange("HEAD", "", None, {})
        except RequestException as error:
            raise Unavailable(self._trouble(error, begun=False)) from None

    def refusal(self, answer: Answer) -> AdapterError:
        """What an answer means that is no success, as far as its status tells."""
        said = f"{self.who} answered {answer.status}"
        match answer.status:
            case 429:
                return RateLimited(f"{said}: too many messages. Aftersale slows down by itself.", self.patience(answer))
            case 401 | 402 | 403 | 407:
                return AuthFailed(f"{said}: access denied. Check the key in the config, its rights, and the account.")
            case 301 | 307 | 308 | 404 | 405 | 410:
                return AuthFailed(f"{said}: the address in the config is not the one that takes messages.")
            case 408 | 425:
                return Unavailable(f"{said}: it is overloaded.", self.patience(answer))
            case status if 400 <= status < 500:
                return Rejected(f"{said}: it refuses the message.")
        return UnknownOutcome(f"{said}. {UNSETTLED}")

    def patience(self, answer: Answer) -> float | None:
        """How many seconds the provider wants to be left alone, as far as it says."""
        asked = answer.headers.get("Retry-After", "").strip()
        if asked.isascii() and asked.isdigit() and len(asked) < 9:
            return float(asked)
        until = http_date(asked)
        if until is None:
            return None
        now = http_date(answer.headers.get("Date")) or self._clock()
        return max(0.0, (until - now).total_seconds())

    def close(self) -> None:
        """Give back the connections."""
        self._session.close()

    def _exchange(self, method: str, path: str, body: _Body | None, headers: Mapping[str, str]) -> Answer:
        with self._session.request(
            method,
            self._url + path,
            data=body,
            headers=dict(headers),
            auth=_as_it_is,  # Given, or `requests` looks for a password in ~/.netrc.
            timeout=self._timeout,
            allow_redirects=False,
            stream=True,
        ) as response:
            try:
                received = self._received(response)
            except RequestException:
                if response.status_code < 300:
                    raise
                received = b""  # The status alone says what happened.
            return Answer(method, response.status_code, response.headers, received)

    def _received(self, response: requests.Response) -> bytes:
        """The body. An honest answer comes whole within the time-out, and is not large."""
        began, received = time.monotonic(), b""
        for piece in response.iter_content(16 * 1024):
            received += piece
            if len(received) > LARGEST_ANSWER or time.monotonic() - began > self._timeout[1]:
                raise ReadTimeout
        return received

    def _trouble(self, error: RequestException, *, begun: bool) -> str:
        match error:
            case ProxyError() | InvalidProxyURL():
                return f"{self.who} is out of reach: the proxy of this machine fails. Check HTTPS_PROXY."
            case SSLError():
                return (
                    f"{self.who} cannot be reached safely: its TLS certificate is expired, self-signed or made for "
                    "another name."
                )
            case ConnectTimeout():
                return f"{self.who} did not accept a connection in time."
            case ReadTimeout():
                return f"{self.who} did not answer within {self._timeout[1]:g} s."
            case requests.ConnectionError() if not begun:
                return f"{self.who} is out of reach: it refuses connections, or its name is not found."
        return f"{self.who} broke off before it had answered."


def decoded(answer: Answer) -> Any:
    """The JSON of an answer; None where it is none."""
    try:
        return msgspec.json.decode(answer.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


class _Body(io.BytesIO):
    """A request body that knows whether any of it may have gone out."""

    taken = False

    def read(self, size: int | None = -1, /) -> bytes:
        self.taken = True
        return super().read(size)


class _Session(requests.Session):
    """`requests` looks where a redirect leads, and reads it to its end, even if it is not to follow it."""

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        return None


def _session(url: str, headers: Mapping[str, str]) -> requests.Session:
    session = _Session()
    session.headers.update({"User-Agent": "Aftersale", **headers})
    # A cookie would carry the rights of one answer into the next, and the jar is not safe between threads.
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    # Plain http goes to this very machine: a proxy has no business in between.
    session.trust_env = not url.startswith("http:")
    return session


def _as_it_is(prepared: requests.PreparedRequest) -> requests.PreparedRequest:
    return prepared
