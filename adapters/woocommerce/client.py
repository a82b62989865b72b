"""WooCommerce's REST API v3 as it really answers: signed requests, tolerant decoding, its errors told apart."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import msgspec
import requests
from msgspec import Struct
from requests.auth import HTTPBasicAuth
from woocommerce.oauth import OAuth

from adapters.errors import AdapterError, AuthFailed, Rejected, Unavailable, UnknownOutcome
from adapters.http import Answer, Auth, Http, Misconfigured, Params, http_date
from adapters.urls import store_url
from adapters.watch import Watch

INDEX = "/wp-json/"
API = "/wp-json/wc/v3/"
PAGE = 100
"""The most orders WooCommerce gives in one answer."""
SIGNATURE_TOLERANCE = timedelta(minutes=15)

# PHP is loosely typed, and plugins more so. A scalar may come as text, number, false or []; an object that is empty
# as [], and a list that has a gap as an object. So little is demanded here, and much sorted out in `normalise`.
Id = str | int


class RawAddress(Struct, gc=False):
    first_name: Any = None
    last_name: Any = None
    company: Any = None
    address_1: Any = None
    address_2: Any = None
    city: Any = None
    state: Any = None
    postcode: Any = None
    country: Any = None
    email: Any = None
    phone: Any = None


class RawMeta(Struct, gc=False):
    key: Any = None
    value: Any = None


class RawItem(Struct, gc=False):
    id: Id
    name: Any = None
    product_id: Any = None
    variation_id: Any = None
    quantity: Any = None
    total: Any = None
    sku: Any = None


class RawShipping(Struct, gc=False):
    method_title: Any = None


class RawCoupon(Struct, gc=False):
    code: Any = None


class RawRefund(Struct, gc=False):
    id: Id
    reason: Any = None
    total: Any = None


class RawOrder(Struct):
    id: Id
    status: str
    currency: str
    number: Any = None
    total: Any = None
    customer_id: Any = None
    billing: RawAddress | list[Any] | str | bool | None = None
    shipping: RawAddress | list[Any] | str | bool | None = None
    payment_method: Any = None
    payment_method_title: Any = None
    created_via: Any = None
    customer_note: Any = None
    payment_url: Any = None
    needs_processing: Any = None
    date_created_gmt: Any = None
    date_modified_gmt: Any = None
    date_completed_gmt: Any = None
    date_paid_gmt: Any = None
    meta_data: list[RawMeta] | dict[str, RawMeta] | None = None
    line_items: list[RawItem] | dict[str, RawItem] | None = None
    shipping_lines: list[RawShipping] | dict[str, RawShipping] | None = None
    coupon_lines: list[RawCoupon] | dict[str, RawCoupon] | None = None
    refunds: list[RawRefund] | dict[str, RawRefund] | None = None


class RawStamp(Struct):
    """What is left of an order that could not be understood: enough to name it and to walk on."""

    id: Any = None
    date_modified_gmt: Any = None
    reason: str = ""


class RawNote(Struct):
    id: Id
    note: str = ""
    customer_note: bool = False
    # Naive, in UTC.
    date_created_gmt: datetime = datetime.min  # noqa: DTZ901

    @property
    def written_at(self) -> datetime:
        return self.date_created_gmt.replace(tzinfo=UTC)


class RawFulfillment(Struct):
    id: Id
    is_fulfilled: Any = None
    date_updated: Any = None
    meta_data: list[RawMeta] | dict[str, RawMeta] | None = None


class RawProduct(Struct):
    id: Any = None
    status: Any = None
    permalink: Any = None
    categories: Any = None
    tags: Any = None


class RawCreated(Struct):
    id: Id


class _Problem(Struct):
    code: Any = None
    message: Any = None
    data: Any = None


T = TypeVar("T")

_ORDERS = msgspec.json.Decoder(list[RawOrder])
_ORDER = msgspec.json.Decoder(RawOrder)
_STAMP = msgspec.json.Decoder(RawStamp)
# PHP turns a list with a gap into an object; a plugin that hides orders from the answer makes such gaps.
_ONE_BY_ONE = msgspec.json.Decoder(list[msgspec.Raw] | dict[str, msgspec.Raw])
_PROBLEM = msgspec.json.Decoder(_Problem)


ODD = (msgspec.ValidationError, UnicodeDecodeError, RecursionError)
"""What msgspec raises for JSON that is well formed, but not what it should be."""

_READ_WRITE = "Give it Read/Write in WooCommerce → Settings → Advanced → REST API."


class NoRoute(Misconfigured):
    """The REST API, or this part of it, is not there at all: no word about an order."""


class Unreadable(Unavailable):
    """The store answered a read, but not in JSON."""


class Refused(Rejected):
    """A refusal with WooCommerce's own `code` for it, and the names of the `fields` it did not like."""

    def __init__(self, message: str, code: str, fields: tuple[str, ...]) -> None:
        super().__init__(message)
        self.code = code
        self.fields = fields


@dataclass(frozen=True, slots=True)
class Listed:
    """A page of orders, the store's time when it answered, and its count of all that match, as far as it says.

    `digest` tells answers of less than a whole page apart without reading them.
    """

    orders: list[RawOrder | RawStamp]
    answered_at: datetime | None
    total: int | None
    digest: bytes = b""


class Client:
    """Speaks to one store. The arguments are those of `adapters.woocommerce.create`."""

    def __init__(
        self,
        url: str,
        consumer_key: str,
        consumer_secret: str,
        *,
        timeout: float,
        clock: Callable[[], datetime],
        sleep: Callable[[float], None],
        watch: Watch,
    ) -> None:
        self.url = store_url(url)
        key, secret = consumer_key.strip(), consumer_secret.strip()
        if not (key.isascii() and secret.isascii()):
            raise ValueError("consumer_key and consumer_secret are plain letters and digits: copy them again")
        auth = _oauth(key, secret, clock) if self.url.startswith("http:") else HTTPBasicAuth(key, secret)
        self.http = Http(self.url, auth, self._judge, timeout=timeout, clock=clock, sleep=sleep, watch=watch)

    def get(self, route: str, type_: type[T], params: Params | None = None) -> T:
        """Read a route under /wp-json/wc/v3/."""
        return self._decode(self.http.read(API + route, params), msgspec.json.Decoder(type_))

    def index(self, type_: type[T], params: Params) -> T:
        """Read WordPress's own index, unsigned: WordPress would take WooCommerce's key for a wrong password."""
        return self._decode(self.http.read(INDEX, params, signed=False), msgspec.json.Decoder(type_))

    def orders(self, params: Params, *, unless: bytes | None = None) -> Listed:
        """A page of orders; those that cannot be understood come as RawStamp. Empty if its digest is `unless`."""
        answer = self.http.read(API + "orders", params)
        digest = _digest(answer.body) if unless is not None else b""
        orders = self._orders_in(answer) if unless is None or digest != unless else []
        total = answer.headers.get("X-WP-Total", "")
        return Listed(
            orders,
            http_date(answer.headers.get("Date")),
            int(total) if total.isascii() and total.isdigit() and len(total) < 12 else None,
            digest or (_digest(answer.body) if len(orders) < PAGE else b""),
        )

    def order(self, order_id: str) -> RawOrder | RawStamp:
        """One order, trashed or not. Raises NotFound."""
        answer = self.http.read(f"{API}orders/{order_id}")
        try:
            found = _one_order(msgspec.Raw(answer.body))
        except msgspec.DecodeError:
            raise self._unreadable(answer) from None
        if isinstance(found, RawStamp) and str(found.id) != order_id:
            raise self._unreadable(answer)  # no order at all: the store is in trouble, not this order
        return found

    def write(self, method: str, route: str, payload: object) -> None:
        """Change something where the answer's content does not matter, only that it is whole."""
        self._decode_written(self.http.write(method, API + route, payload), RawCreated)

    def create(self, route: str, payload: object) -> str:
        """Make something; returns its id."""
        return str(self._decode_written(self.http.write("POST", API + route, payload), RawCreated).id)

    def _orders_in(self, answer: Answer) -> list[RawOrder | RawStamp]:
        try:
            return list(_ORDERS.decode(answer.body))
        except ODD:
            # At least one order is odd: set that one aside, keep the others.
            return [_one_order(piece) for piece in self._pieces(answer)]
        except msgspec.DecodeError:
            raise self._unreadable(answer) from None

    def _pieces(self, answer: Answer) -> list[msgspec.Raw]:
        with suppress(*ODD):
            pieces = _ONE_BY_ONE.decode(answer.body)
            if isinstance(pieces, list):
                return pieces
            if all(key.isdigit() for key in pieces):
                return list(pieces.values())
        raise Unreadable(f"{self.http.where} answered {answer.asked} with something else than orders.")

    def _decode(self, answer: Answer, decoder: msgspec.json.Decoder[T]) -> T:
        try:
            return decoder.decode(answer.body)
        except ODD as error:
            raise Unavailable(f"{self.http.where} answered {answer.asked} oddly: {_why(error)}.") from None
        except msgspec.DecodeError:
            raise self._unreadable(answer) from None

    def _decode_written(self, answer: Answer, type_: type[T]) -> T:
        try:
            return msgspec.json.decode(answer.body, type=type_)
        except (*ODD, msgspec.DecodeError):
            raise UnknownOutcome(
                f"{self.http.where} took {answer.asked}, but its answer is unreadable. "
                "Whether the change was made is not known."
            ) from None

    def _unreadable(self, answer: Answer) -> Unreadable:
        """What is wrong with a body that is no JSON, told from how it begins and ends."""
        where, body = self.http.where, answer.body.strip()
        if not body:
            return Unreadable(f"{where} answered {answer.asked} with nothing at all. See the server's PHP error log.")
        if re.match(rb"<(!doctype|html|head)\b", body, re.IGNORECASE):
            return Unreadable(
                f"{where} answered {answer.asked} with a web page instead of JSON: a cache, a firewall or a "
                "maintenance page stands in between. Let requests to /wp-json/ through."
            )
        if body[:1] in b"[{":
            return Unreadable(f"{where} answered {answer.asked} with broken JSON: the answer was cut off.")
        return Unreadable(
            f"{where} answered with something before the JSON (a PHP notice? a byte order mark?). Set "
            " WP_DEBUG_DISPLAY to false in wp-config.php, and see the PHP error log for the plugin at fault."
        )

    def _judge(self, answer: Answer) -> AdapterError | None:
        """What WooCommerce means by an answer of 400 or above; None where the status says it all."""
        problem = _problem(answer.body)
        code = _slug(problem.code)
        match answer.status:
            case 401 | 403:
                return AuthFailed(f"{self.http.where} answered {answer.asked}: {self._denied(code, problem.message)}")
            case 404 if code in ("", "rest_no_route"):
                return NoRoute(
                    f"{self.http.where} has no {answer.asked}. Is WooCommerce active? Is WordPress in a "
                    "subfolder that `url` should name? Are the permalinks (Settings → Permalinks) 'Plain'? "
                    "They must be anything else."
                )
            case 400:
                fields = _fields(problem.data)
                what = f"{code}: {', '.join(fields)}" if fields else code or "400"
                return Refused(f"{self.http.where} refuses {answer.asked} ({what}).", code, fields)
        return None

    def _denied(self, code: str, message: object) -> str:
        """The cause and the cure of a 401 or 403. WooCommerce's words may be translated: they only help."""
        said = message if isinstance(message, str) else ""
        skew = self.http.skew or timedelta(0)
        if code == "woocommerce_rest_authentication_error":
            if "timestamp" in said or (self.url.startswith("http:") and abs(skew) > SIGNATURE_TOLERANCE):
                return (
                    f"invalid timestamp. The store's clock and this machine's are {_minutes(skew)} apart, "
                    "and signatures allow 15 minutes. Set both by NTP."
                )
            if "write permissions" in said:
                return f"the key may only read. {_READ_WRITE}"
            if "read permissions" in said:
                return f"the key may only write. {_READ_WRITE}"
        if code.startswith("woocommerce_rest_authentication"):
            return "the consumer_key or consumer_secret is wrong, revoked or for another shop. Make a new one."
        if code.startswith("woocommerce_rest_cannot"):
            return (
                "the key's user lacks the right (it must be a shop manager or administrator), or the web "
                "server drops the Authorization header."
            )
        return (
            "access denied, not by WooCommerce: a security plugin or firewall blocks the REST API. "
            "Let this machine's requests to /wp-json/wc/v3/ through."
        )


def _oauth(key: str, secret: str, clock: Callable[[], datetime]) -> Auth:
    """Over plain http WooCommerce takes OAuth 1.0a only, in the query."""

    def sign(prepared: requests.PreparedRequest) -> requests.PreparedRequest:
        moment = int(clock().timestamp())
        oauth = OAuth(prepared.url, key, secret, version="wc/v3", method=prepared.method, oauth_timestamp=moment)
        # The package draws from 100 million nonces, and a repeated one is a 401: after 4,000 requests, one in
        # ten.
        oauth.generate_nonce = lambda: secrets.token_hex(16)
        prepared.url = oauth.get_oauth_url()
        return prepared

    return sign


def _one_order(piece: msgspec.Raw) -> RawOrder | RawStamp:
    try:
        return _ORDER.decode(piece)
    except ODD as error:
        reason = _why(error)
    try:
        stamp = _STAMP.decode(piece)
    except ODD:
        stamp = RawStamp()
    stamp.reason = reason
    return stamp


def _why(error: Exception) -> str:
    """What is odd. msgspec names types and paths, never values; the others' words are not repeated."""
    if isinstance(error, msgspec.ValidationError):
        return str(error).replace("`", "'")
    return "it is nested too deeply" if isinstance(error, RecursionError) else "it holds text that is not UTF-8"


def _digest(body: bytes) -> bytes:
    return hashlib.blake2b(body, digest_size=16).digest()


def _problem(body: bytes) -> _Problem:
    try:
        return _PROBLEM.decode(body)
    except (*ODD, msgspec.DecodeError):
        return _Problem()


def _slug(code: object) -> str:
    """A code as WordPress writes them; anything else is not repeated to anyone."""
    return code if isinstance(code, str) and re.fullmatch(r"[A-Za-z0-9_-]{1,80}", code) else ""


def _fields(data: object) -> tuple[str, ...]:
    """The parameters that WordPress found wrong. `data` may be an int, and `params` a list or an object."""
    params = data.get("params") if isinstance(data, dict) else None
    return tuple(slug for name in params if (slug := _slug(name))) if isinstance(params, dict | list) else ()


def _minutes(skew: timedelta) -> str:
    return f"{abs(skew).total_seconds() / 60:.0f} minutes" if skew else "too far"
