"""What a WooCommerce store says about itself: who it is, what time it keeps, what its key may do."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, timedelta, timezone, tzinfo
from typing import Any, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from msgspec import Struct

from adapters.errors import AdapterError, AuthFailed, NotFound, Rejected
from adapters.model import Finding, Identity, StoreInfo
from adapters.woocommerce.client import SIGNATURE_TOLERANCE, Client, NoRoute, RawStamp, Unreadable

BLOCKED = (AuthFailed, NotFound, NoRoute, Rejected, Unreadable)
"""The store is there, but this question is not answered to us."""

NOTABLE_SKEW = timedelta(minutes=2)

T = TypeVar("T")


class _Index(Struct):
    name: str | None = None
    home: str | None = None
    timezone_string: str | None = None
    gmt_offset: Any = None


class _Environment(Struct, frozen=True):
    home_url: str | None = None
    store_id: str | None = None
    version: str | None = None


class _Settings(Struct, frozen=True):
    currency: str | None = None


class _SystemStatus(Struct):
    environment: _Environment = _Environment()
    settings: _Settings = _Settings()


class _Currency(Struct):
    code: str


class _Status(Struct):
    slug: str


def zone(client: Client) -> tzinfo:
    """The store's time zone; UTC where a store hides it. Raises Unavailable."""
    try:
        known = _zone(_index(client))
    except BLOCKED:
        return UTC
    return known[1] if known is not None else UTC


def identify(client: Client) -> StoreInfo:
    """Identity, currency and zone, in two or three requests. Raises AuthFailed, Unavailable and so on."""
    index = _unless_blocked(lambda: _index(client)) or _Index()
    status = _unless_blocked(lambda: _system_status(client)) or _SystemStatus()
    currency = status.settings.currency or _currency(client)
    return _info(client, index, status, currency)


def check(client: Client, *, fulfillments: bool) -> StoreInfo:
    """All that can be learnt; what is wrong stands in the findings, never in an exception."""
    findings: list[Finding] = []

    def ask(question: Callable[[], T], otherwise: T, so_what: str) -> T:
        try:
            return question()
        except AdapterError as error:
            findings.append(Finding(False, f"{error} {so_what}"))
            return otherwise

    try:
        index = ask(lambda: _index(client), _Index(), "Its name and time zone are unknown: set `timezone` yourself.")
        orders = client.orders({"per_page": 1}).orders
    except AdapterError as error:
        return _info(client, _Index(), _SystemStatus(), None, findings=(Finding(True, str(error)),))
    if not orders:
        findings.append(Finding(False, _NO_ORDERS))
    status = ask(lambda: _system_status(client), _SystemStatus(), "So a copy of the shop cannot be told from the shop.")
    currency = ask(lambda: status.settings.currency or _currency(client), None, "The currency is unknown.")
    none: tuple[str, ...] = ()
    statuses = ask(lambda: _statuses(client), none, "Custom statuses in rules cannot be checked.")
    can_write = ask(lambda: _can_write(client), None, "Whether the key may write is unknown.")
    if can_write is False:
        findings.append(Finding(True, _READ_ONLY))
    if fulfillments and orders and not _has_fulfillments(client, str(orders[0].id)):
        findings.append(Finding(False, _NO_FULFILLMENTS))
    findings.extend(_skewed(client))
    return _info(client, index, status, currency, statuses, can_write, tuple(findings))


_NO_ORDERS = (
    "The store shows no orders. In a new shop that is as it should be; otherwise its orders table is broken: "
    "see WooCommerce → Status."
)
_READ_ONLY = (
    "The key may only read, so no note, message, tag, status or coupon can be written. "
    "Give it Read/Write in WooCommerce → Settings → Advanced → REST API."
)
_NO_FULFILLMENTS = (
    "`fulfillments: true` is set, but the shop has fulfilments switched off. Switch them on in WooCommerce "
    "→ Settings → Advanced → Features, or take the setting out."
)


def _info(
    client: Client,
    index: _Index,
    status: _SystemStatus,
    currency: str | None,
    statuses: tuple[str, ...] = (),
    can_write: bool | None = None,
    findings: tuple[Finding, ...] = (),
) -> StoreInfo:
    known = _zone(index)
    home = (status.environment.home_url or index.home or client.url).rstrip("/")
    return StoreInfo(
        identity=Identity(
            url=home, reached_at=client.url, site_id=status.environment.store_id or None, currency=currency
        ),
        name=index.name or None,
        version=status.environment.version,
        timezone=known[0] if known is not None else None,
        statuses=statuses,
        can_write=can_write,
        skew=client.http.skew or timedelta(0),
        findings=findings,
    )


def _index(client: Client) -> _Index:
    # The whole index describes every route of every plugin.
    return client.index(_Index, {"_fields": "name,home,timezone_string,gmt_offset"})


def _system_status(client: Client) -> _SystemStatus:
    # The rest of the report is slow to make and names the server's innards.
    return client.get("system_status", _SystemStatus, {"_fields": "environment,settings"})


def _statuses(client: Client) -> tuple[str, ...]:
    return tuple(status.slug for status in client.get("orders/statuses", list[_Status]))


def _currency(client: Client) -> str | None:
    told = _unless_blocked(lambda: client.get("data/currencies/current", _Currency).code)
    if told is not None:
        return told
    latest = client.orders({"per_page": 1}).orders
    return None if not latest or isinstance(latest[0], RawStamp) else latest[0].currency


def _can_write(client: Client) -> bool | None:
    """Write to the order 0, which nobody has: WooCommerce looks at the key first, at the order afterwards."""
    try:
        client.create("orders/0/notes", {"note": "Aftersale asks whether it may write."})
    except NotFound:
        return True
    except AuthFailed:
        return False
    return None


def _has_fulfillments(client: Client, order_id: str) -> bool:
    try:
        client.get(f"orders/{order_id}/fulfillments", list[Any])
    except NoRoute:
        return False
    except AdapterError:
        return True  # Some other trouble: no word about the setting.
    return True


def _skewed(client: Client) -> list[Finding]:
    skew = client.http.skew
    if skew is None or abs(skew) <= NOTABLE_SKEW:
        return []
    way = "ahead of" if skew > timedelta(0) else "behind"
    fatal = client.url.startswith("http:") and abs(skew) > SIGNATURE_TOLERANCE
    minutes = abs(skew).total_seconds() / 60
    return [Finding(fatal, f"The store's clock is {minutes:.0f} minutes {way} this machine's. Set both by NTP.")]


def _unless_blocked(question: Callable[[], T]) -> T | None:
    try:
        return question()
    except BLOCKED:
        return None


def _zone(index: _Index) -> tuple[str | None, tzinfo] | None:
    """The zone's name in IANA's list, and the zone; no name where the shop keeps an offset that has none."""
    if index.timezone_string:
        try:
            return index.timezone_string, ZoneInfo(index.timezone_string)
        except (ZoneInfoNotFoundError, ValueError):
            pass  # Newer than our tables, or made up: the offset is better than nothing.
    try:
        hours = float(index.gmt_offset)
        tz = timezone(timedelta(hours=hours))
    except (TypeError, ValueError, OverflowError):
        return None
    if hours == 0:
        return "UTC", UTC
    # POSIX counts the other way round.
    return f"Etc/GMT{-hours:+.0f}" if hours.is_integer() and -12 <= hours <= 14 else None, tz
