"""One pooled, patient and discreet HTTP connection to a store.

Reads are retried a little; writes are tried once, and whoever sent one learns for sure whether it may have
happened. No error raised here carries a secret, a signed URL, a response body or a customer's data.
"""

from __future__ import annotations

import io
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http.cookiejar import DefaultCookiePolicy

import msgspec
import requests
from requests.exceptions import (
    ChunkedEncodingError,
    ConnectTimeout,
    ContentDecodingError,
    InvalidProxyURL,
    ProxyError,
    ReadTimeout,
    RequestException,
    SSLError,
)
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception,
    stop_after_attempt,
    wait_exponential,
    wait_random,
)
from urllib3.exceptions import NameResolutionError, NewConnectionError, ReadTimeoutError

from adapters.errors import (
    AdapterError,
    AuthFailed,
    NotFound,
    RateLimited,
    Rejected,
    Unavailable,
    UnknownOutcome,
)

CONNECT_TIMEOUT = 10.0
READ_TRIES = 3
LONGEST_PAUSE = 30.0
"""Seconds. A store that asks for more is left alone, and the caller told when to come back."""
LARGEST_ANSWER = 64 * 1024 * 1024
LONGEST_ANSWER = 120.0
"""Seconds. A time-out counts the silence between two pieces; this ends an answer that trickles on for ever."""

Auth = Callable[[requests.PreparedRequest], requests.PreparedRequest]
Params = Mapping[str, str | int]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a store answered. `asked` names the request, without its query."""

    asked: str
    status: int
    headers: Mapping[str, str]
    body: bytes


class Misconfigured(Unavailable):
    """Out of reach until somebody corrects an address or a certificate; trying again at once is pointless."""


class Http:
    """The connection to one store, safe to use from several threads.

    `auth` signs each request, retries anew. `judge` may know better than the bare status what an answer of
    400 and above means; None leaves it to the status. `timeout` is in seconds; `clock` tells aware UTC.
    """

    def __init__(
        self,
        url: str,
        auth: Auth,
        judge: Callable[[Answer], AdapterError | None],
        *,
        timeout: float,
        clock: Callable[[], datetime],
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.where = f"the store at {url}"
        self.skew: timedelta | None = None
        self._url = url
        self._auth = auth
        self._judge = judge
        self._timeout = (min(CONNECT_TIMEOUT, timeout), timeout)
        self._clock = clock
        self._session = _session(url)
        # What the environment says of proxies and certificates; `requests` would look it up for every request.
        self._route = self._session.merge_environment_settings(url, {}, True, None, None)
        self._retrying = Retrying(
            sleep=sleep,
            stop=stop_after_attempt(READ_TRIES),
            wait=_pause,
            retry=retry_if_exception(_worth_another_try),
            reraise=True,
        )

    def read(self, path: str, params: Params | None = None, *, signed: bool = True) -> Answer:
        """GET a path. Raises AuthFailed, RateLimited, Unavailable, NotFound or Rejected."""
        return self._retrying.copy()(self._read_once, path, params or {}, signed)

    def write(self, method: str, path: str, payload: object) -> Answer:
        """Send JSON, once.

        Raises UnknownOutcome when it may have been done; every other error is a sure no.
        """
        body = _Body(msgspec.json.encode(payload))
        try:
            answer = self._exchange(method, path, {}, True, body)
        except RequestException as error:
            trouble = self._trouble(error)
            if _surely_not_done(error, body):
                raise trouble from None
            raise UnknownOutcome(f"{trouble} Whether the change was made is not known.") from None
        if answer.status < 300:
            return answer
        if answer.status >= 500 or answer.status in (300, 302, 303, 304, 305, 306):
            said = f"{self.where} answered {answer.status} to {answer.asked}."
            raise UnknownOutcome(f"{said} Whether the change was made is not known.")
        raise self._error_for(answer)

    def close(self) -> None:
        """Give back the connections."""
        self._session.close()

    def _read_once(self, path: str, params: Params, signed: bool) -> Answer:
        try:
            answer = self._exchange("GET", path, params, signed, None)
        except RequestException as error:
            raise self._trouble(error) from None
        if answer.status < 300:
            return answer
        raise self._error_for(answer)

    def _exchange(self, method: str, path: str, params: Params, signed: bool, body: _Body | None) -> Answer:
        request = requests.Request(
            method,
            self._url + path,
            # An empty parameter breaks WooCommerce's signatures, and means nothing to anyone.
            params={name: value for name, value in params.items() if value != ""},
            data=body,
            headers={"Content-Type": "application/json"} if body is not None else None,
            # Given even when there is nothing to sign, or `requests` looks for a password in ~/.netrc.
            auth=self._auth if signed else _unsigned,
        )
        prepared = self._session.prepare_request(request)
        with self._session.send(prepared, timeout=self._timeout, allow_redirects=False, **self._route) as response:
            self._note_skew(response.headers.get("Date"))
            try:
                received = b"".join(_bounded(response))
            except RequestException:
                if response.status_code < 400:
                    raise
                received = b""  # The status alone says what happened.
            return Answer(f"{method} {path}", response.status_code, response.headers, received)

    def _note_skew(self, date: str | None) -> None:
        told = http_date(date)
        if told is not None:
            self.skew = told - self._clock()

    def _trouble(self, error: RequestException) -> Unavailable:
        where = self.where
        match error:
            case ProxyError() | InvalidProxyURL():
                return Misconfigured(f"{where} is out of reach: the proxy of this machine fails. Check HTTPS_PROXY.")
            case SSLError():
                return Misconfigured(
                    f"{where} cannot be reached safely: its TLS certificate is expired, self-signed or made "
                    "for another name. Renew the certificate, or correct the store's `url`."
                )
            case ConnectTimeout():
                return Unavailable(f"{where} did not accept a connection in time. Is the server up, and `url` right?")
            case ReadTimeout():
                return Unavailable(f"{where} did not answer within {self._timeout[1]:g} s. It may be overloaded.")
            case _TooMuch():
                return Misconfigured(f"{where} sent an answer too large or too slow to be right, so it was dropped.")
            case ChunkedEncodingError() | ContentDecodingError():
                return Unavailable(f"{where} broke off in the middle of an answer. It may be overloaded.")
            case requests.ConnectionError():
                return self._broken_connection(_causes(error))
        return Misconfigured(f"{where} cannot be asked. Check the store's `url`.")

    def _broken_connection(self, causes: tuple[type[BaseException], ...]) -> Unavailable:
        if NameResolutionError in causes:
            return Unavailable(f"{self.where} was not found: the DNS has no such name. Check the store's `url`.")
        if NewConnectionError in causes:
            return Unavailable(f"{self.where} refuses connections. Is the server up, and the port in `url` right?")
        if ReadTimeoutError in causes:
            return Unavailable(f"{self.where} stopped in the middle of an answer. It may be overloaded.")
        return Unavailable(f"{self.where} broke the connection before it had answered. It may be overloaded.")

    def _error_for(self, answer: Answer) -> AdapterError:
        if answer.status < 400:
            return self._redirected(answer)
        return self._judge(answer) or self._error_by_status(answer)

    def _redirected(self, answer: Answer) -> Misconfigured:
        # Only the host of where it points: the rest may repeat our signature.
        target = re.match(r"https?://[a-z0-9.-]+(:\d+)?(?=/|$)", answer.headers.get("Location", ""), re.IGNORECASE)
        if target is None:
            cure = "elsewhere. Set the store's `url` to the address that a browser ends at."
        else:
            cure = f"to {target[0]}. If that is the shop, set the store's `url` to it."
        return Misconfigured(f"{self.where} redirects {cure}")

    def _error_by_status(self, answer: Answer) -> AdapterError:
        retry_after = self._retry_after(answer)
        said = f"{self.where} answered {answer.status} to {answer.asked}"
        match answer.status:
            case 429:
                return RateLimited(f"{said}: too many requests. Aftersale slows down by itself.", retry_after)
            case 401 | 403 | 407:
                return AuthFailed(f"{said}: access denied. Check the store's keys, firewall and security plugins.")
            case 404:
                return NotFound(f"{said}: there is no such thing, or no longer.")
            case status if status >= 500 or status in (408, 425):
                return Unavailable(f"{said}: it is down, overloaded or under maintenance.", retry_after)
        return Rejected(f"{said}: it refuses the request.")

    def _retry_after(self, answer: Answer) -> float | None:
        asked = answer.headers.get("Retry-After", "").strip()
        if asked.isascii() and asked.isdigit() and len(asked) < 9:
            return float(asked)
        until = http_date(asked)
        if until is None:
            return None
        now = http_date(answer.headers.get("Date")) or self._clock()
        return max(0.0, (until - now).total_seconds())


class _TooMuch(RequestException):
    """An answer larger or slower than any honest one."""


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


def _session(url: str) -> requests.Session:
    session = _Session()
    # Some firewalls turn away the name that `requests` gives itself.
    session.headers["User-Agent"] = "Aftersale"
    # A cookie would carry the rights of one answer into the next, and the jar is not safe between threads.
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    # Plain http goes to this very machine: a proxy has no business in between.
    session.trust_env = not url.startswith("http:")
    return session


def _unsigned(prepared: requests.PreparedRequest) -> requests.PreparedRequest:
    return prepared


def _bounded(response: requests.Response) -> Iterator[bytes]:
    started, size = time.monotonic(), 0
    for piece in response.iter_content(128 * 1024):
        size += len(piece)
        if size > LARGEST_ANSWER or time.monotonic() - started > LONGEST_ANSWER:
            raise _TooMuch
        yield piece


def _surely_not_done(error: RequestException, body: _Body) -> bool:
    """Whether a write failed before the store has seen it whole."""
    if isinstance(error, ConnectTimeout) or not {NewConnectionError, NameResolutionError}.isdisjoint(_causes(error)):
        return True
    # These come from the handshake, most of the time.
    return isinstance(error, SSLError | ProxyError | InvalidProxyURL) and not body.taken


def _causes(error: BaseException) -> tuple[type[BaseException], ...]:
    """The types of what lies beneath an error of `requests`, which wraps urllib3's in its arguments."""
    found: list[type[BaseException]] = []
    inner: object = error.args[0] if error.args else None
    while isinstance(inner, BaseException):
        found.append(type(inner))
        inner = getattr(inner, "reason", None) or (inner.args[0] if inner.args else None)
    return tuple(found)


def http_date(text: str | None) -> datetime | None:
    """The moment, in UTC, that a header like `Date` names; None where it names none."""
    if not text:
        return None
    try:
        moment = parsedate_to_datetime(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _worth_another_try(error: BaseException) -> bool:
    if isinstance(error, Misconfigured) or not isinstance(error, Unavailable | RateLimited):
        return False
    return error.retry_after is None or error.retry_after <= LONGEST_PAUSE


_growing = wait_exponential(multiplier=0.5, max=8) + wait_random(0, 0.5)


def _pause(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome is not None else None
    asked = getattr(error, "retry_after", None)
    return asked if asked is not None else _growing(state)
