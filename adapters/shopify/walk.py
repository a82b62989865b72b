"""The walks over what has changed: orders by their date of change, checkouts as far as Shopify lets them be sorted.

Shopify pages by a cursor of its own within a walk: it stands at an order and the date of its change, so an order that
is edited meanwhile comes again, and hides no other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from adapters.base import Cursor
from adapters.errors import Unavailable
from adapters.shopify.client import Client
from adapters.shopify.normalise import modified_at
from adapters.shopify.raw import CheckoutsAnswer, OrdersAnswer, PageInfo, RawNode, read_nodes

OVERLAP = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Listed:
    """A page as Shopify gave it. `answered_at` is the store's time."""

    nodes: list[RawNode]
    info: PageInfo
    answered_at: datetime | None


@dataclass(frozen=True, slots=True)
class Step:
    """What was not had before in this walk, and a cursor that holds once it is stored. More is `to_come`, or not.
    `whole` are orders that no page has cut.
    """

    nodes: list[RawNode]
    cursor: Cursor | None
    to_come: bool
    whole: bool = False


def walk_orders(client: Client, after: Cursor | None) -> Iterator[Step]:
    """Every order changed since `after`, oldest change first; one step at least.

    The cursor is the latest change seen, as the store dated it; an empty answer never moves it. It is held at the
    store's time of the walk's first answer: what is edited while it is walked over comes again in the next walk.
    """
    yield from _walk(client, after, _orders)


def walk_checkouts(client: Client, after: Cursor | None) -> Iterator[Step]:
    """Every abandoned checkout changed since `after`, the oldest first, whenever it was changed.

    So the cursor stays where it was until the walk is through, and moves then as that of `walk_orders`.
    """
    for step in _walk(client, after, _checkouts):
        yield Step(step.nodes, after if step.to_come else step.cursor, step.to_come)


def _walk(
    client: Client, after: Cursor | None, ask: Callable[[Client, str | None, str | None], Listed]
) -> Iterator[Step]:
    reached = datetime.fromisoformat(after) if after is not None else None
    query = f"updated_at:>='{_text(reached - OVERLAP)}'" if reached is not None else None
    place: str | None = None
    began: datetime | None = None
    before: set[tuple[str, datetime | None]] = set()
    while True:
        listed = ask(client, query, place)
        began = began or listed.answered_at
        dated = {(str(node.id), modified_at(node)): node for node in listed.nodes}
        latest = max((moment for _, moment in dated if moment is not None), default=None)
        if latest is not None:
            latest = min(latest, began) if began is not None else latest
            reached = max(reached, latest) if reached is not None else latest
        to_come = listed.info.has_next_page
        fresh = [node for key, node in dated.items() if key not in before]
        yield Step(fresh, Cursor(reached.isoformat()) if reached is not None else None, to_come)
        if not to_come:
            return
        if listed.info.end_cursor in (None, place):
            raise Unavailable(f"{client.http.where} says that there are more orders, but not where they begin.")
        place, before = listed.info.end_cursor, set(dated)


def _orders(client: Client, query: str | None, after: str | None) -> Listed:
    answer = client.read("orders", _page(client, "orders", query, after), OrdersAnswer)
    return Listed(read_nodes(answer.orders.nodes), answer.orders.page_info, client.answered_at)


def _checkouts(client: Client, query: str | None, after: str | None) -> Listed:
    answer = client.read("checkouts", _page(client, "checkouts", query, after), CheckoutsAnswer)
    listed = answer.abandoned_checkouts
    return Listed(read_nodes(listed.nodes), listed.page_info, client.answered_at)


def _page(client: Client, document: str, query: str | None, after: str | None) -> dict[str, object]:
    return {"first": client.first(document), "after": after, "query": query}


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
