"""A Shopify store behind the contract of `adapters.base`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Literal

from msgspec import Raw, Struct

from adapters.base import Broken, Capability, Cursor, Fetched, Noted, Page, Reviews
from adapters.errors import Unavailable, Unsupported
from adapters.model import Coupon, Order, Product, StoreInfo
from adapters.shopify import LACKS, bulk, comments, coupons, messages, notes, site
from adapters.shopify.client import Client, TooDear
from adapters.shopify.complete import complete
from adapters.shopify.normalise import normalise
from adapters.shopify.raw import NodesAnswer, RawNode, global_id, read_nodes
from adapters.shopify.status import set_status
from adapters.shopify.tags import add_tags
from adapters.shopify.visible import TOO_OLD, visible
from adapters.shopify.walk import Step, walk_checkouts, walk_orders


class _Number(Struct, frozen=True):
    count: int


class _Count(Struct, frozen=True, rename="camel"):
    orders_count: _Number


class Shopify:
    """One store, used on these terms. `clock` tells aware UTC; `sleep` waits for seconds."""

    markup: Literal["html", "plain"] = "plain"
    notes_at_once = 50

    def __init__(
        self, client: Client, terms: site.Terms, *, clock: Callable[[], datetime], sleep: Callable[[float], None]
    ) -> None:
        lacking = {Capability.PRODUCTS} | ({Capability.MESSAGES} if terms.messages == "off" else set())
        self.capabilities = frozenset(Capability) - LACKS.keys() - lacking
        self._client = client
        self._terms = terms
        self._clock = clock
        self._sleep = sleep
        self._noting = notes.Locks()

    @property
    def skew(self) -> timedelta | None:
        return self._client.http.skew

    def check(self, needs: Collection[Capability]) -> StoreInfo:
        return site.check(self._client, self._terms, needs, self._clock())

    def identify(self) -> StoreInfo:
        return site.identify(self._client, self._terms)

    def since(self, moment: datetime) -> Cursor:
        return Cursor(moment.astimezone(UTC).isoformat())

    def changed_orders(self, after: Cursor | None) -> Iterator[Page]:
        place = bulk.place_at(after)
        if after is not None and place is None:
            return self._pages(walk_orders(self._client, after))
        return self._first_walk(place)

    def changed_checkouts(self, after: Cursor | None) -> Iterator[Page]:
        return self._pages(walk_checkouts(self._client, after))

    def new_reviews(self, after: Cursor | None) -> Iterator[Reviews]:
        raise Unsupported(f"{LACKS[Capability.REVIEWS]}.")

    def staff_notes(self, ids: Sequence[str]) -> Noted:
        return comments.staff_notes(self._client, ids)

    def get_orders(self, ids: Sequence[str]) -> Fetched:
        wanted = list(dict.fromkeys(ids))
        found: list[RawNode] = []
        unseen: list[str] = []
        while wanted:
            batch = wanted[: self._client.first("nodes")]
            try:
                listed = self._list(batch)
            except TooDear:
                if len(batch) == 1:
                    raise
                continue  # It is known now that they were too many at once.
            del wanted[: len(batch)]
            found += complete(self._client, read_nodes(listed.values()))
            unseen += [order_id for order_id in batch if order_id not in listed]
        orders, broken = _told(found)
        missing, hidden = self._told_apart(unseen, one_was_there=bool(found)) if unseen else ((), ())
        return Fetched(orders=orders, missing=missing, broken=(*broken, *hidden))

    def get_products(self, ids: Sequence[str]) -> tuple[Product, ...]:
        raise Unsupported(f"{self._client.http.where} tells of products with its orders.")

    def add_note(self, order_id: str, text: str, key: str) -> str:
        return notes.add_note(self._client, self._noting, order_id, text, key)

    def find_note(self, order_id: str, text: str, key: str, since: datetime, credited: Collection[str]) -> str | None:
        return notes.find_note(self._client, self._noting, order_id, text, key)

    def send_message(self, order_id: str, text: str, subject: str | None, key: str) -> str:
        """As the settings say: an invoice e-mail with this subject and text, or the start of a Flow workflow."""
        if self._terms.messages == "invoice":
            return messages.send_invoice(self._client, order_id, text, subject, key)
        if self._terms.messages == "flow" and self._terms.flow_trigger is not None:
            return messages.send_to_flow(self._client, self._terms.flow_trigger, order_id, text, subject, key)
        raise Unsupported(site.SENDS_NOTHING)

    def find_message(
        self, order_id: str, text: str, key: str, since: datetime, credited: Collection[str]
    ) -> str | None:
        return messages.find_message(self._client, order_id, key)

    def add_tags(self, order_id: str, tags: Sequence[str]) -> None:
        add_tags(self._client, order_id, tags)

    def set_status(self, order_id: str, status: str) -> None:
        set_status(self._client, order_id, status, self._sleep)

    def create_coupon(self, coupon: Coupon) -> None:
        coupons.create_coupon(self._client, coupon, self._clock() + (self.skew or timedelta(0)))

    def find_coupon(self, code: str) -> bool:
        return coupons.find_coupon(self._client, code)

    def close(self) -> None:
        self._client.close()

    def _first_walk(self, place: bulk.Place | None) -> Iterator[Page]:
        """All there is: page by page in a small store, in bulk in a large one, or where that was begun (`place`)."""
        steps = walk_orders(self._client, None)
        first = next(steps) if place is None else None
        if first is not None and not first.to_come:
            yield self._page(first, total=len(first.nodes))
            return
        total = self._client.read("orders_count", {}, _Count).orders_count.count
        if first is not None and total <= bulk.FROM:
            yield from self._pages(chain([first], steps), total)
        else:
            yield from self._pages(bulk.walk_in_bulk(self._client, place, self._sleep), total)

    def _pages(self, steps: Iterable[Step], total: int | None = None) -> Iterator[Page]:
        for step in steps:
            yield self._page(step, total)

    def _page(self, step: Step, total: int | None) -> Page:
        nodes = step.nodes if step.whole else complete(self._client, step.nodes)
        orders, broken = _told(nodes)
        return Page(orders=orders, cursor=step.cursor, broken=broken, total=total)

    def _list(self, ids: Sequence[str]) -> dict[str, Raw]:
        """What is there of these, by id."""
        answer = self._client.read("nodes", {"ids": [global_id(order_id) for order_id in ids]}, NodesAnswer)
        if len(answer.nodes) != len(ids):
            raise Unavailable(f"{self._client.http.where} answers with other orders than were asked for.")
        listed = zip(ids, answer.nodes, strict=True)
        return {order_id: node for order_id, node in listed if bytes(node) != b"null"}

    def _told_apart(self, unseen: Sequence[str], *, one_was_there: bool) -> tuple[tuple[str, ...], tuple[Broken, ...]]:
        """Which of these are missing, and which may only be too old for us to be shown."""
        shown = visible(self._client)
        if not one_was_there and shown.first is None and not shown.limited:
            raise Unavailable(
                f"{self._client.http.where} shows no orders at all. If the shop has some, the app may see none of "
                "them: check its scopes."
            )
        missing = tuple(order_id for order_id in unseen if shown.ought_to_show(order_id))
        hidden = tuple(Broken(order_id, TOO_OLD) for order_id in unseen if not shown.ought_to_show(order_id))
        return missing, hidden


def _told(nodes: list[RawNode]) -> tuple[tuple[Order, ...], tuple[Broken, ...]]:
    told = [normalise(node) for node in nodes]
    return (
        tuple(one for one in told if isinstance(one, Order)),
        tuple(one for one in told if isinstance(one, Broken)),
    )
