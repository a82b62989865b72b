"""Shopify's GraphQL Admin API as it really answers: one document, one POST; points; errors inside a 200 told apart."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Generic, TypeVar

import msgspec
from msgspec import Struct

from adapters.errors import AdapterError, AuthFailed, RateLimited, Rejected, Unavailable, UnknownOutcome
from adapters.http import Answer, Http, Misconfigured, http_date
from adapters.shopify.access import Access, closed_shop, endpoint
from adapters.shopify.meter import Cost, Meter
from adapters.watch import NOBODY, Watch

QUERIES = Path(__file__).with_name("queries")

OPTIONAL = frozenset({"returns"})
"""Parts that need a scope of their own and would take the whole answer with them: a document has a variable of the same
name that leaves one out.
"""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class UserError:
    """One of a mutation's `userErrors`. The message may repeat what was sent: it is for deciding, not for logs."""

    field: tuple[str, ...]
    code: str | None
    message: str


class Refused(Rejected):
    """A mutation that Shopify did not do, with its `errors`: what it did not like."""

    def __init__(self, message: str, errors: tuple[UserError, ...]) -> None:
        super().__init__(message)
        self.errors = errors


class TokenRefused(AuthFailed):
    """The token is wrong, revoked or at its end, so nothing was done."""


class Denied(AuthFailed):
    """Access is denied to a part of what was asked for; `field` is its name, where Shopify tells."""

    def __init__(self, message: str, field: str) -> None:
        super().__init__(message)
        self.field = field


class TooDear(Rejected):
    """The question costs more points than one may; nothing was done."""


class _Warning(Struct):
    field: Any = None


class _Search(Struct):
    warnings: list[_Warning] | None = None


class _Extensions(Struct):
    cost: Cost | None = None
    search: list[_Search] | None = None


class _Rest(Struct):
    """What an answer holds beside its data."""

    errors: Any = None
    extensions: _Extensions | None = None


class _Envelope(Struct, Generic[T]):
    data: T | None = None
    errors: Any = None
    extensions: _Extensions | None = None


@dataclass(frozen=True, slots=True)
class _Problem:
    """One of `errors`: its code, where it occurred, and the names that Shopify mentions in it."""

    code: str
    path: tuple[str, ...]
    names: tuple[str, ...]

    @property
    def denial(self) -> bool:
        return self.code == "ACCESS_DENIED"


class Client:
    """Speaks to one store. `version` is one of the Admin API, such as "2026-10"; `access` is given back with it.

    `timeout` is in seconds, `clock` tells aware UTC, `monotonic` seconds; `sleep` waits between tries of reads, and
    until the store has the points for a question; `watch` is told of every answer, and of the points left. Raises
    ValueError for an address or version that cannot be.
    """

    def __init__(
        self,
        url: str,
        version: str,
        access: Access,
        *,
        timeout: float,
        clock: Callable[[], datetime],
        sleep: Callable[[float], None],
        monotonic: Callable[[], float] = time.monotonic,
        watch: Watch = NOBODY,
    ) -> None:
        self.url, self._path = endpoint(url, version)
        self.http = Http(self.url, access, self._judge, timeout=timeout, clock=clock, sleep=sleep, watch=watch)
        self.answered_version: str | None = None
        self._access = access
        self._meter = Meter(monotonic, sleep)
        self._watch = watch
        self._denied: dict[str, frozenset[str]] = {}
        self._left_out: frozenset[str] = frozenset()
        self._thread = threading.local()

    @property
    def denied(self) -> frozenset[str]:
        """The fields, like `orders.nodes.customer`, that the latest answer to any document left out as denied to us."""
        return frozenset[str]().union(*self._denied.copy().values())

    @property
    def answered_at(self) -> datetime | None:
        """The store's time, in whole seconds, of the latest answer that this thread had; None before the first."""
        moment: datetime | None = getattr(self._thread, "answered_at", None)
        return moment

    def first(self, document: str) -> int:
        """How many nodes to ask for in this document's next page, as its costs so far allow (1..250)."""
        return self._meter.first(document)

    def read(self, document: str, variables: Mapping[str, object], shape: type[T]) -> T:
        """Run queries/<document>.graphql, and decode its `data` as `shape`, without `OPTIONAL` parts denied to us.

        Waits, no longer than needed, for the points; a page too dear is asked for again with a smaller `first`.
        Raises AuthFailed, RateLimited, Unavailable or Rejected.
        """

        def once() -> T:
            with self._meter.spending(document, _size(variables), self.http.where):
                answer = self.http.ask(self._path, msgspec.json.encode(self._question(document, variables)))
                return self._understood(answer, document, _size(variables), shape)

        try:
            return self._with_token(lambda: self.http.patiently(once))
        except Denied as denied:
            if denied.field not in OPTIONAL - self._left_out:
                raise
            self._left_out |= {denied.field}
            return self.read(document, variables, shape)
        except TooDear:
            size = _size(variables)
            smaller = self._meter.too_dear(document, size)
            if "first" not in variables or smaller >= size:
                raise
            return self.read(document, {**variables, "first": smaller}, shape)

    def write(self, document: str, variables: Mapping[str, object], shape: type[T]) -> T:
        """Run a mutation, once, and decode its `data` as `shape`.

        Raises Refused for its userErrors, UnknownOutcome when it may have been done, and RateLimited, AuthFailed,
        Unavailable or Rejected when it surely was not.
        """

        def once() -> T:
            with self._meter.spending(document, 1, self.http.where):
                answer = self.http.write("POST", self._path, self._question(document, variables))
                return self._done(answer, document, variables, shape)

        return self._with_token(once)

    def close(self) -> None:
        """Give back the connections."""
        self.http.close()
        self._access.close()

    def _question(self, document: str, variables: Mapping[str, object]) -> dict[str, object]:
        text = _text(QUERIES / f"{document}.graphql")
        left_out = {part: False for part in self._left_out if f"${part}" in text}
        return {"query": text, "variables": {**variables, **left_out}}

    def _with_token(self, work: Callable[[], T]) -> T:
        """Work done once more with a new token, if the store refuses the one at hand: it did nothing for that."""
        token = self._access.token()
        try:
            return work()
        except TokenRefused:
            if not self._access.renew(token):
                raise
        return work()

    def _understood(self, answer: Answer, document: str, size: int, shape: type[T]) -> T:
        """The data of a read. Where fields are denied and the shape can do without, it is all there is."""
        odd = ""
        try:
            envelope = _decoder(shape).decode(answer.body)
        except msgspec.ValidationError as error:
            odd = str(error).replace("`", "'")  # It names types and paths, never values.
            envelope = self._without_data(answer, document)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise self._unreadable(answer, document) from None
        self._take_note(answer, document, size, envelope.extensions)
        problems = _problems(envelope.errors)
        if envelope.data is None or not all(problem.denial for problem in problems):
            trouble = self._trouble(problems, answer, document, envelope.extensions)
            raise trouble or Unavailable(f"{self.http.where} answered '{document}' oddly: {odd or 'without data'}.")
        self._denied[document] = frozenset(".".join(problem.path) for problem in problems)
        for ignored in _ignored_filters(envelope.extensions):
            # Shopify answers with everything then, as if nothing had been searched for.
            raise Rejected(
                f"{self.http.where} ignores {ignored} in the search of '{document}'. Is `api_version` right?"
            )
        return envelope.data

    def _done(self, answer: Answer, document: str, variables: Mapping[str, object], shape: type[T]) -> T:
        """The data of a mutation that was done. Its answer is small, and so read twice: at large, and as `shape`."""
        try:
            envelope = _decoder(dict[str, Any]).decode(answer.body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise self._unknown(f"{self._unreadable(answer, document)}") from None
        self._take_note(answer, document, 1, envelope.extensions)
        problems = _problems(envelope.errors)
        began = any(payload is not None for payload in (envelope.data or {}).values())
        if not began or not all(problem.denial for problem in problems):
            trouble = self._trouble(problems, answer, document, envelope.extensions)
            before = not began and all(len(problem.path) < 2 or _is_static(problem.code) for problem in problems)
            if trouble is not None and before and not isinstance(trouble, Unavailable):
                raise trouble
            raise self._unknown(f"{trouble or f'{self.http.where} answered {document!r} without data.'}")
        if errors := tuple(_user_errors(envelope.data)):
            raise Refused(f"{self.http.where} refuses '{document}': {_told(errors, variables)}.", errors)
        self._denied[document] = frozenset(".".join(problem.path) for problem in problems)
        try:
            data = _decoder(shape).decode(answer.body).data
        except msgspec.ValidationError as error:
            odd = str(error).replace("`", "'")
            raise self._unknown(f"{self.http.where} answered '{document}' oddly: {odd}.") from None
        if data is None:
            raise self._unknown(f"{self.http.where} answered '{document}' without data.")
        return data

    def _without_data(self, answer: Answer, document: str) -> _Envelope[Any]:
        """What else an answer holds whose data is not as it should be."""
        try:
            rest = msgspec.json.decode(answer.body, type=_Rest)
        except msgspec.ValidationError:
            rest = _Rest()
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise self._unreadable(answer, document) from None
        return _Envelope(None, rest.errors, rest.extensions)

    def _take_note(self, answer: Answer, document: str, size: int, extensions: _Extensions | None) -> None:
        self.answered_version = answer.headers.get("X-Shopify-API-Version") or self.answered_version
        self._thread.answered_at = http_date(answer.headers.get("Date"))
        if extensions is not None and extensions.cost is not None:
            self._meter.learn(document, size, extensions.cost)
            if bucket := extensions.cost.throttle_status:
                self._watch.points(bucket.currently_available, bucket.maximum_available)

    def _judge(self, answer: Answer) -> AdapterError | None:
        """What Shopify means by an answer of 400 or above; None where the status says it all."""
        said = f"{self.http.where} answered {answer.status} to {answer.asked}"
        match answer.status:
            case 401:
                return TokenRefused(f"{said}: {_NO_ENTRY}")
            case 404:
                return Misconfigured(
                    f"{said}: Shopify knows no such shop, or no such version of its API. Check the store's `url` "
                    "(https://….myshopify.com) and `api_version`."
                )
        return closed_shop(answer, self.http.where)

    def _trouble(
        self, problems: list[_Problem], answer: Answer, document: str, extensions: _Extensions | None
    ) -> AdapterError | None:
        """What the errors inside a 200 amount to; an Unavailable among them outweighs the rest."""
        found = [self._error_for(problem, answer, document, extensions) for problem in problems]
        return next((error for error in found if isinstance(error, Unavailable)), found[0] if found else None)

    def _error_for(
        self, problem: _Problem, answer: Answer, document: str, extensions: _Extensions | None
    ) -> AdapterError:
        where = self.http.where
        names = f" ({', '.join(problem.names)})" if problem.names else ""
        match problem.code:
            case "THROTTLED":
                cost = extensions.cost if extensions is not None else None
                pause = self._meter.shortfall(cost) if cost is not None else None
                return RateLimited(f"{where} asks to slow down. Aftersale does so by itself.", pause)
            case "MAX_COST_EXCEEDED":
                return TooDear(f"{where} refuses '{document}': it costs more points than one question may.")
            case "ACCESS_DENIED":
                return Denied(
                    f"{where} denies access for '{document}'{names}. Add what is missing to the app's scopes, release "
                    "that version, and install the app on the shop again.",
                    problem.path[-1] if problem.path else "",
                )
            case "SHOP_INACTIVE":
                return AuthFailed(f"{where} is closed or frozen. Its owner has to settle Shopify's bill.")
            case "UNAUTHENTICATED" | "UNAUTHORIZED":
                return TokenRefused(f"{where} refuses '{document}': {_NO_ENTRY}")
            case code if _is_static(code):
                return Rejected(f"{where} does not understand '{document}' ({code}){names}. Is `api_version` right?")
        request = answer.headers.get("X-Request-Id", "")
        number = f" (request {request})" if re.fullmatch(r"[0-9A-Za-z-]{8,80}", request) else ""
        return Unavailable(f"{where} failed at '{document}': {problem.code or 'an unnamed error'}{number}.")

    def _unreadable(self, answer: Answer, document: str) -> Unavailable:
        """What is wrong with a body that is no JSON, told from how it begins."""
        where, body = self.http.where, answer.body.lstrip()
        if body[:1] == b"<":
            return Unavailable(
                f"{where} answered '{document}' with a web page instead of JSON: a proxy or firewall stands in "
                "between, or it is no Shopify store."
            )
        if body[:1] == b"{":
            return Unavailable(f"{where} answered '{document}' with broken JSON: the answer was cut off.")
        return Unavailable(f"{where} answered '{document}' with something else than JSON.")

    def _unknown(self, said: str) -> UnknownOutcome:
        return UnknownOutcome(f"{said} Whether the change was made is not known.")


_NO_ENTRY = (
    "the access token is wrong, revoked, or another shop's. Was the app uninstalled? Copy the token again, or install "
    "the app again."
)


@lru_cache
def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8")


def _decoder(shape: type[T]) -> msgspec.json.Decoder[_Envelope[T]]:
    return msgspec.json.Decoder(_Envelope[shape])  # type: ignore[valid-type]


def _size(variables: Mapping[str, object]) -> int:
    """How much is asked for: the nodes of a page, or so many ids."""
    first, ids = variables.get("first"), variables.get("ids")
    if isinstance(first, int):
        return max(1, first)
    return max(1, len(ids)) if isinstance(ids, list | tuple) else 1


def _problems(errors: object) -> list[_Problem]:
    """`errors` in all the forms they come in; their words are not repeated, as these may repeat what was sent."""
    if not errors:
        return []
    return [_problem(error) for error in errors] if isinstance(errors, list) else [_Problem("", (), ())]


def _problem(error: object) -> _Problem:
    known = error if isinstance(error, dict) else {}
    extensions = known.get("extensions")
    extensions = extensions if isinstance(extensions, dict) else {}
    path = known.get("path")
    steps = tuple(_word(step) for step in path if isinstance(step, str)) if isinstance(path, list) else ()
    mentioned = [extensions.get(name) for name in ("typeName", "fieldName", "argumentName", "variableName")]
    message = known.get("message")
    scopes = re.findall(r"\b(?:read|write)_[a-z_]+\b", message) if isinstance(message, str) else []
    named = (*steps[:1], *(_word(name) for name in mentioned), *scopes)
    code = extensions.get("code")
    return _Problem(_word(code), steps, tuple(dict.fromkeys(name for name in named if name)))


def _word(name: object) -> str:
    """A name as GraphQL has them; anything else is not repeated to anyone."""
    return name if isinstance(name, str) and re.fullmatch(r"\w{1,80}", name, re.ASCII) else ""


def _is_static(code: str) -> bool:
    """Whether a code names a fault of the document or its variables, found before anything is run."""
    return re.fullmatch(r"[a-z]+([A-Z][a-z]*)+", code) is not None or code in _STATIC


_STATIC = {"INVALID_VARIABLE", "BAD_USER_INPUT", "GRAPHQL_PARSE_FAILED", "GRAPHQL_VALIDATION_FAILED", "PARSE_ERROR"}


def _ignored_filters(extensions: _Extensions | None) -> Iterator[str]:
    for search in (extensions.search if extensions is not None else None) or ():
        for warning in search.warnings or ():
            yield f"'{_word(warning.field) or 'a filter'}'"


def _user_errors(data: Mapping[str, Any] | None) -> Iterator[UserError]:
    """The `userErrors` of every payload, under whatever name they go (`orderCancelUserErrors` is one)."""
    payloads = [payload for payload in (data or {}).values() if isinstance(payload, dict)]
    for errors in [errors for payload in payloads for name, errors in payload.items() if name.endswith("serErrors")]:
        for error in errors or ():
            field, code = error.get("field"), error.get("code")
            yield UserError(
                tuple(str(step) for step in field) if isinstance(field, list) else (),
                code if isinstance(code, str) else None,
                str(error.get("message") or ""),
            )


def _told(errors: tuple[UserError, ...], variables: Mapping[str, object]) -> str:
    """User errors for people: field, code, and the message unless it repeats anything that was sent."""
    sent = _sent(variables)
    parts = []
    for error in errors:
        place = ".".join(_word(step) for step in error.field)
        said = error.message if not any(piece in error.message.casefold() for piece in sent) else ""
        parts.append(": ".join(filter(None, (place, _word(error.code), said.strip().rstrip(".")[:200]))))
    return "; ".join(filter(None, parts)) or "it does not say why"


def _sent(value: object) -> set[str]:
    """Every text we sent, and each of its words that may be a name, a number or an address."""
    if isinstance(value, Mapping):
        return set[str]().union(*(_sent(inner) for inner in value.values()))
    if isinstance(value, list | tuple):
        return set[str]().union(*(_sent(inner) for inner in value))
    if not isinstance(value, str | int | float) or isinstance(value, bool):
        return set()
    text = str(value)
    telling = {word for word in re.findall(r"[^\s,;:!?()<>\"']+", text) if not (word.isalpha() and word.islower())}
    return {piece.casefold() for piece in {text, *telling} if len(piece) > 2}
