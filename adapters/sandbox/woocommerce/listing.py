"""The list of orders: which, in what order, and which page of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from math import ceil
from typing import Any
from urllib.parse import urlencode

from adapters.sandbox.server import Request
from adapters.sandbox.woocommerce.records import HIDDEN_STATUSES, Order, Review, Store
from adapters.sandbox.woocommerce.wire import (
    Parsers,
    date_time,
    gathered,
    one_of,
    php_params,
    several,
    truth,
    validated,
    whole,
)

_ORDERINGS = ("date", "id", "include", "title", "slug", "modified")
_MAX_PER_PAGE = 100

PAGING: Parsers = {"page": whole(at_least=1), "per_page": whole(at_least=1, at_most=_MAX_PER_PAGE)}


@dataclass(frozen=True, slots=True)
class Listed:
    """One page of orders, with what the headers say about all of them."""

    orders: list[Order]
    total: int
    pages: int
    page: int


def listed(store: Store, params: Mapping[str, str]) -> Listed:
    """Answer a list request. Raises WpError 400 naming every parameter that is wrong."""
    query = validated(gathered(params), _parsers(store))
    found = _arranged(list(filter(_wanted(store, query), store.orders.values())), query)
    page, per_page = query.get("page", 1), query.get("per_page", 10)
    start = query.get("offset", (page - 1) * per_page)
    # Past the end HPOS does not count at all, and says nought.
    total = 0 if store.hpos and start >= len(found) else len(found)
    return Listed(found[start : start + per_page], total, ceil(total / per_page), page)


def _parsers(store: Store) -> Parsers:
    ids = several(whole())
    return {
        **PAGING,
        "offset": whole(),
        "order": one_of("asc", "desc"),
        "orderby": one_of(*_ORDERINGS),
        "after": date_time,
        "before": date_time,
        "modified_after": date_time,
        "modified_before": date_time,
        "dates_are_gmt": truth,
        "include": ids,
        "exclude": ids,
        "status": several(one_of("any", "trash", "auto-draft", *store.statuses)),
        "search": lambda name, value: str(value).casefold(),
    }


def _wanted(store: Store, query: Mapping[str, Any]) -> Callable[[Order], bool]:
    statuses = query.get("status", ["any"])
    include, exclude = set(query.get("include", ())), set(query.get("exclude", ()))
    search = query.get("search")
    after, before, modified_after, modified_before = (
        _cut(store, query[name], gmt=query.get("dates_are_gmt", False)) if name in query else None
        for name in ("after", "before", "modified_after", "modified_before")
    )

    def wanted(order: Order) -> bool:
        return (
            (order.status not in HIDDEN_STATUSES if "any" in statuses else order.status in statuses)
            and (not include or order.id in include)
            and order.id not in exclude
            and (after is None or order.created > after)
            and (before is None or order.created < before)
            and (modified_after is None or order.modified > modified_after)
            and (modified_before is None or order.modified < modified_before)
            and (search is None or search in _searchable(order))
        )

    return wanted


def _cut(store: Store, given: datetime, *, gmt: bool) -> datetime:
    """Where in time a bound lies, by the steps WordPress takes.

    It puts every bound on the site's wall clock first, and with `dates_are_gmt` takes what that clock shows
    for GMT. A bound without a zone comes through unharmed, unless it falls into the hour that the site skips
    in spring; one with a zone is moved by the site's offset.
    """
    at_site = (given if given.tzinfo else given.replace(tzinfo=store.zone)).astimezone(UTC).astimezone(store.zone)
    return at_site.replace(tzinfo=UTC) if gmt else at_site.astimezone(UTC)


_REVIEW_STATUSES = ("all", "hold", "approved", "spam", "unspam", "trash", "untrash")
_REVIEW_QUERY: Parsers = {
    **PAGING,
    "offset": whole(),
    "order": one_of("asc", "desc"),
    "orderby": one_of("date", "date_gmt", "id", "include", "product"),
    "after": date_time,
    "status": one_of(*_REVIEW_STATUSES),
}


def listed_reviews(store: Store, params: Mapping[str, str]) -> tuple[list[Review], int]:
    """The reviews that a list request asks for, and how many there are. Raises WpError 400 for what is wrong.

    `after` is compared with the site's wall clock, on which an hour of autumn comes twice.
    """
    query = validated(gathered(params), _REVIEW_QUERY)
    status = query.get("status", "approved")
    shown = ("hold", "approved") if status == "all" else (status,)
    found = [review for review in store.reviews.values() if review.status in shown]
    if "after" in query:
        bound = _on_wall(store, query["after"])
        found = [review for review in found if _on_wall(store, review.at) > bound]
    by_id = query.get("orderby") == "id"
    found.sort(
        key=lambda review: (0 if by_id else review.at.timestamp(), review.id),
        reverse=query.get("order", "desc") == "desc",
    )
    per_page = query.get("per_page", 10)
    start = query.get("offset") or (query.get("page", 1) - 1) * per_page
    return found[start : start + per_page], len(found)


def _on_wall(store: Store, given: datetime) -> datetime:
    at_site = given if given.tzinfo else given.replace(tzinfo=store.zone)
    return at_site.astimezone(store.zone).replace(tzinfo=None)


def _searchable(order: Order) -> str:
    return " ".join([order.number, *order.billing.values(), *order.shipping.values()]).casefold()


def _arranged(found: list[Order], query: Mapping[str, Any]) -> list[Order]:
    by = query.get("orderby", "date")
    if by == "include":
        place = {order_id: position for position, order_id in enumerate(query.get("include", ()))}
        return sorted(found, key=lambda order: (place.get(order.id, 0), order.id))
    keys: dict[str, Callable[[Order], Any]] = {
        "date": lambda order: (order.created, order.id),
        "modified": lambda order: (order.modified, order.id),
    }
    by_id: Callable[[Order], Any] = lambda order: order.id  # noqa: E731
    return sorted(found, key=keys.get(by, by_id), reverse=query.get("order", "desc") == "desc")


def paging_headers(store: Store, request: Request, listing: Listed) -> tuple[tuple[str, str], ...]:
    """The headers that count. Their links repeat the request's OAuth parameters, as the real ones do."""
    counts = (("X-WP-Total", str(listing.total)), ("X-WP-TotalPages", str(listing.pages)))
    links = []
    if listing.page > 1:
        links.append((min(listing.page - 1, listing.pages), "prev"))
    if listing.page < listing.pages:
        links.append((listing.page + 1, "next"))
    return (*counts, *(("Link", _link(store, request, page, relation)) for page, relation in links))


def _link(store: Store, request: Request, page: int, relation: str) -> str:
    params: dict[str, Any] = {"status[0]": "any", **php_params(request.query), "page": page}
    return f'<{store.url}{request.path}?{urlencode(params)}>; rel="{relation}"'
