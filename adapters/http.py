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
from functools import cached_property
from http.cookiejar import DefaultCookiePolicy
from typing import TypeVar
from urllib.parse import quote, urlencode, urlsplit

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
from adapters.urls import is_loopback
from adapters.watch import NOBODY, Watch

CONNECT_TIMEOUT = 10.0
READ_TRIES = 3
LONGEST_PAUSE = 30.0
"""Seconds. A store that asks for more is left alone, and the caller told when to come back."""
LARGEST_ANSWER = 64 * 1024 * 1024
LONGEST_ANSWER = 120.0
"""Seconds. A time-out counts the silence between two pieces; this ends an answer that trickles on for ever."""

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"

T = TypeVar("T")
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
    400 and above means; None leaves it to the status. `timeout` is in seconds; `clock` tells aware UTC. `watch` is
    told of every answer.
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
        watch: Watch = NOBODY,
    ) -> None:
        self.where = f"the store at {url}"
        self.skew: timedelta | None = None
        self._url = url
        self._auth = auth
        self._judge = judge
        self._timeout = (min(CONNECT_TIMEOUT, timeout), timeout)
        self._clock = clock
        self._watch = watch
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
        return self.patiently(lambda: self._read_once("GET", path, params or {}, signed, None))

    def ask(self, path: str, question: bytes, *, kind: str = JSON) -> Answer:
        """POST a question that changes nothing, once; `kind` is its media type. Raises what `read` does.

        To have it asked again when that may help, and its answer judged in between, see `patiently`.
        """
        return self._read_once("POST", path, {}, True, _Body(question, kind))

    def patiently(self, work: Callable[[], T]) -> T:
        """Do some reading, again a few times where it raises an Unavailable or RateLimited that may pass.

        For work that changes nothing: it starts from its beginning each time.
        """
        return self._retrying.copy()(work)

    def lines(self, url: str, offset: int = 0) -> Iterator[bytes]:
        """GET a text file that the store points to, unsigned, wherever it lies: line by line, line ends included.

        `offset` is in bytes and skips lines already had: the lengths of the lines add up to it. Memory stays within
        one line. Raises NotFound when the link has expired, Misconfigured for one that is not safe, and Unavailable,
        also between two lines.
        """
        parts = urlsplit(url)
        # Plain http only from a store on this machine: another could have us ask what is open to this machine alone.
        near = self._url.startswith("http:") and parts.scheme == "http" and is_loopback(parts.hostname or "")
        if parts.scheme != "https" and not near:
            raise Misconfigured(f"{self.where} points to a file without https, which is not fetched.")
        where = f"the file that {self.where} offers"
        with self.patiently(lambda: self._open(url, offset, where)) as response:
            if response.status_code == 416:  # There is nothing behind the offset.
                return
            try:
                # A server that does not know of ranges begins at the beginning.
                yield from _lines(response, skip=offset if response.status_code == 200 else 0)
            except RequestException as error:
                raise self._trouble(error, where) from None

    def write(self, method: str, path: str, payload: object) -> Answer:
        """Send JSON, once.

        Raises UnknownOutcome when it may have been done; every other error is a sure no.
        """
        body = _Body(msgspec.json.encode(payload), JSON)
        try:
            answer = self._exchange(method, path, {}, True, body)
        except RequestException as error:
            trouble = self._trouble(error, self.where)
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

    def _read_once(self, method: str, path: str, params: Params, signed: bool, body: _Body | None) -> Answer:
        try:
            answer = self._exchange(method, path, params, signed, body)
        except RequestException as error:
            raise self._trouble(error, self.where) from None
        if answer.status < 300:
            return answer
        raise self._error_for(answer)

    def _exchange(self, method: str, path: str, params: Params, signed: bool, body: _Body | None) -> Answer:
        began, status = time.monotonic(), None
        try:
            answer = self._request(method, path, params, signed, body)
            status = answer.status
            return answer
        finally:
            self._watch.answered(status, time.monotonic() - began)

    def _request(self, method: str, path: str, params: Params, signed: bool, body: _Body | None) -> Answer:
        # An empty parameter breaks WooCommerce's signatures, and means nothing to anyone.
        query = urlencode({name: value for name, value in params.items() if value != ""}, quote_via=quote)
        url = f"{self._base}{path}?{query}" if query else self._base + path
        headers = {"Content-Type": body.kind} if body is not None else {}
        prepared = self._prepared(method, url, headers, body, self._auth if signed else None)
        with self._session.send(prepared, timeout=self._timeout, allow_redirects=False, **self._route) as response:
            self._note_skew(response.headers.get("Date"))
            try:
                received = b"".join(_bounded(response))
            except RequestException:
                if response.status_code < 400:
                    raise
                received = b""  # The status alone says what happened.
            return Answer(f"{method} {path}", response.status_code, response.headers, received)

    def _open(self, url: str, offset: int, where: str) -> requests.Response:
        """The beginning of a file's answer; the caller reads and closes it."""
        # Compressed, the offset would count other bytes than the lines do.
        headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={offset}-"} if offset else {})
        try:
            prepared = self._prepared("GET", _escaped(url), headers)
            route = self._session.merge_environment_settings(url, {}, True, None, None)
            response = self._session.send(prepared, timeout=self._timeout, allow_redirects=False, **route)
        except RequestException as error:
            raise self._trouble(error, where) from None
        if response.status_code in (200, 206) or (response.status_code == 416 and offset):
            return response
        response.close()
        raise _error_for_file(response.status_code, where)

    def _prepared(
        self, method: str, url: str, headers: Mapping[str, str], body: _Body | None = None, auth: Auth | None = None
    ) -> requests.PreparedRequest:
        """A request as it goes out. All that the session would add are cookies, a password from ~/.netrc, and another
        look at a URL that needs no escaping any more.
        """
        prepared = requests.PreparedRequest()
        prepared.method, prepared.url = method, url
        prepared.prepare_headers({**self._session.headers, **headers})
        prepared.prepare_body(body, None)
        return auth(prepared) if auth is not None else prepared

    @cached_property
    def _base(self) -> str:
        """The store's URL, escaped. Raises requests' InvalidURL."""
        return _escaped(self._url).removesuffix("/")

    def _note_skew(self, date: str | None) -> None:
        told = http_date(date)
        if told is not None:
            self.skew = told - self._clock()

    def _trouble(self, error: RequestException, where: str) -> Unavailable:
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
                return _broken_connection(_causes(error), where)
        return Misconfigured(f"{where} cannot be asked. Check the store's `url`.")

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
            case 429 | 430:  # 430 is Shopify's own.
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

    def __init__(self, content: bytes, kind: str) -> None:
        super().__init__(content)
        self.kind = kind

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


def _escaped(url: str) -> str:
    """A URL as it goes over the wire: a host name in other letters has another spelling there."""
    return str(requests.Request("GET", url).prepare().url)


def _bounded(response: requests.Response) -> Iterator[bytes]:
    started, size = time.monotonic(), 0
    for piece in response.iter_content(128 * 1024):
        size += len(piece)
        if size > LARGEST_ANSWER or time.monotonic() - started > LONGEST_ANSWER:
            raise _TooMuch
        yield piece


def _broken_connection(causes: tuple[type[BaseException], ...], where: str) -> Unavailable:
    if NameResolutionError in causes:
        return Unavailable(f"{where} was not found: the DNS has no such name. Check the store's `url`.")
    if NewConnectionError in causes:
        return Unavailable(f"{where} refuses connections. Is the server up, and the port in `url` right?")
    if ReadTimeoutError in causes:
        return Unavailable(f"{where} stopped in the middle of an answer. It may be overloaded.")
    return Unavailable(f"{where} broke the connection before it had answered. It may be overloaded.")


def _error_for_file(status: int, where: str) -> AdapterError:
    said = f"{where} was answered with {status}"
    if status in (400, 401, 403, 404, 410):
        return NotFound(f"{said}: its link has expired, or it is gone. It has to be asked for anew.")
    if status >= 500 or status in (408, 425, 429):
        return Unavailable(f"{said}: its host is down or overloaded.")
    return Misconfigured(f"{said}, which is no file.")


def _lines(response: requests.Response, skip: int) -> Iterator[bytes]:
    """The lines of a body from its byte `skip` on. Raises _TooMuch for a line longer than any honest answer."""
    begun = bytearray()
    for piece in response.iter_content(128 * 1024):
        if skip >= len(piece):
            skip -= len(piece)
            continue
        *whole, rest = piece[skip:].split(b"\n")
        skip = 0
        for line in whole:
            yield bytes(begun + line + b"\n")
            begun.clear()
        begun += rest
        if len(begun) > LARGEST_ANSWER:
            raise _TooMuch
    if begun:
        yield bytes(begun)


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
