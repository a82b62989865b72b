"""What people say in a WooCommerce store: customers in reviews, the staff in notes on orders.

A review is dated when it was written, and an edit leaves no trace: `modified_after` is ignored here. So the walk goes
by the date of writing, and what was edited is seen anew only while the overlap holds it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from adapters.base import Broken, Cursor, Noted, Reviews
from adapters.errors import NotFound, Unavailable
from adapters.http import Params
from adapters.model import Review, StaffNote
from adapters.woocommerce.client import PAGE, Client, NoRoute
from adapters.woocommerce.normalise import normalise_note, normalise_review

OVERLAP = timedelta(minutes=65)
"""WordPress compares with the wall clock, which shows an hour of autumn twice: what is written in the second one may
seem to be older than what was written in the first."""

SHIFT = 10
"""So many reviews may be deleted between two requests of a walk without hiding another one."""

_FIELDS = "id,date_created_gmt,product_id,product_name,status,reviewer,reviewer_email,review,rating"


def new_reviews(client: Client, after: Cursor | None, now: datetime) -> Iterator[Reviews]:
    """Walk the reviews written since `after`, oldest first; one page at least.

    The cursor is the latest date of writing seen, as the store dated it, but never later than `now` on its clock.
    """
    reached = datetime.fromisoformat(after) if after is not None else None
    query: dict[str, str | int] = {"status": "all", "orderby": "date_gmt", "order": "asc", "per_page": PAGE}
    query["_fields"] = _FIELDS
    if reached is not None:
        query["after"] = _text(reached - OVERLAP)
    offset = 0
    before: list[Any] = []
    while True:
        try:
            listed = _list(client, "products/reviews", query | ({"offset": offset} if offset else {}))
        except (NoRoute, NotFound):
            raise NoRoute(f"{client.http.where} has no list of reviews: has a plugin switched them off?") from None
        if listed and listed == before:
            raise _going_in_circles(client)
        told = [told for raw in listed if (told := normalise_review(raw)) is not None]
        reviews = tuple(one for one in told if isinstance(one, Review))
        dates = [min(one.created_at, now) for one in reviews] + ([reached] if reached is not None else [])
        reached = max(dates, default=None)
        cursor = Cursor(reached.isoformat()) if reached is not None else None
        yield Reviews(reviews, cursor, tuple(one for one in told if isinstance(one, Broken)))
        if len(listed) < PAGE:
            return
        offset += PAGE - SHIFT
        before = listed


def staff_notes(client: Client, ids: Sequence[str]) -> Noted:
    """What people wrote on these orders for the staff alone, one request an order."""
    notes: dict[str, tuple[StaffNote, ...]] = {}
    broken: list[Broken] = []
    for order_id in ids:
        try:
            listed = _list(client, f"orders/{order_id}/notes", {"type": "internal"})
        except NotFound:
            continue
        told = [told for raw in listed if (told := normalise_note(raw, order_id)) is not None]
        found = [one for one in told if isinstance(one, StaffNote)]
        notes[order_id] = tuple(sorted(found, key=lambda note: note.at))
        broken += [one for one in told if isinstance(one, Broken)][:1]
    return Noted(notes, tuple(broken))


def _list(client: Client, route: str, query: Params) -> list[Any]:
    """What a route lists, each as it came: PHP turns a list with a gap into an object."""
    found = client.get(route, object, query)
    if isinstance(found, dict) and all(key.isdigit() for key in found):
        found = list(found.values())
    if not isinstance(found, list):
        raise Unavailable(f"{client.http.where} answered {route} with something else than a list.")
    return found


def _text(limit: datetime) -> str:
    """With a Z WordPress takes a limit for what it is, and compares it with its own wall clock."""
    return limit.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _going_in_circles(client: Client) -> Unavailable:
    return Unavailable(
        f"{client.http.where} gives the same reviews whatever is asked for. A cache or plugin ignores what stands "
        "after the ? in an address: exclude /wp-json/ from it."
    )
