"""A WooCommerce store behind the contract of `adapters.base`."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Literal
from zoneinfo import ZoneInfo

import msgspec

from adapters.base import Broken, Capability, Cursor, Fetched, Noted, Page, Reviews
from adapters.errors import NotFound, Rejected, Unavailable, Unsupported
from adapters.model import Coupon, Order, Product, Shipment, StoreInfo
from adapters.woocommerce import remarks, site
from adapters.woocommerce.client import (
    PAGE,
    Client,
    NoRoute,
    RawFulfillment,
    RawNote,
    RawOrder,
    RawProduct,
    RawStamp,
    Refused,
)
from adapters.woocommerce.normalise import DRAFTS, TAGS, TRASH, fulfilled, normalise, product, split_tags, tags_in
from adapters.woocommerce.walk import Memory, Query, walk

LONGEST_NOTE = 65_535
"""Bytes. One more is a permanent error 500, which would look like an unknown outcome."""

RECENT = timedelta(days=60)
"""How long after its last change an order's fulfilments are still asked for."""

_NO_PARCELS = DRAFTS | {TRASH, "pending", "failed", "cancelled", "refunded"}
_PRODUCT_ID = re.compile("[1-9][0-9]{0,19}")
_OF_A_PRODUCT = "id,status,permalink,categories,tags"
_CLOCK_GRAIN = timedelta(seconds=2)
"""Notes are dated, and clocks compared, in whole seconds."""


class WooCommerce:
    """One store. `clock` tells aware UTC; `fulfillments` also reads WooCommerce's own, one request an order."""

    capabilities = frozenset(Capability) - {Capability.CHECKOUTS}
    markup: Literal["html", "plain"] = "html"
    notes_at_once = 10

    def __init__(
        self, client: Client, *, clock: Callable[[], datetime], fulfillments: bool, zone: tzinfo | None = None
    ) -> None:
        self._client = client
        self._clock = clock
        self._fulfillments = fulfillments
        self._known_zone = zone
        self._memory = Memory()
        self._tagging = threading.Lock()

    @property
    def skew(self) -> timedelta | None:
        return self._client.http.skew

    def check(self, needs: Collection[Capability]) -> StoreInfo:
        return self._learnt(site.check(self._client, fulfillments=self._fulfillments))

    def identify(self) -> StoreInfo:
        return self._learnt(site.identify(self._client))

    def since(self, moment: datetime) -> Cursor:
        return Cursor(moment.astimezone(UTC).isoformat())

    def changed_orders(self, after: Cursor | None) -> Iterator[Page]:
        for step in walk(self._client, after, self._zone, self._memory):
            orders, broken = self._tell(step.orders)
            yield Page(orders=orders, cursor=step.cursor, broken=broken, total=step.total)

    def get_orders(self, ids: Sequence[str]) -> Fetched:
        wanted = list(dict.fromkeys(ids))
        found: list[RawOrder | RawStamp] = []
        missing: list[str] = []
        for start in range(0, len(wanted), PAGE):
            batch = wanted[start : start + PAGE]
            listed, unlisted = self._list(batch)
            single, gone = self._read_singly(unlisted)
            if len(gone) == len(batch) and not self._client.orders({"per_page": 1}).orders:
                raise Unavailable(
                    f"{self._client.http.where} shows no orders at all. If the shop has some, its orders "
                    "table is "
                    "broken: see WooCommerce → Status."
                )
            found += listed + single
            missing += gone
        orders, broken = self._tell(found)
        return Fetched(orders=orders, missing=tuple(missing), broken=broken)

    def get_products(self, ids: Sequence[str]) -> tuple[Product, ...]:
        # Plugins put all sorts of things where a product's id stands; for one that is no number, the whole is refused.
        wanted = [id_ for id_ in dict.fromkeys(ids) if _PRODUCT_ID.fullmatch(id_)]
        found: dict[str, Product] = {}
        for start in range(0, len(wanted), PAGE):
            batch = wanted[start : start + PAGE]
            query: Query = {"include": ",".join(batch), "per_page": PAGE, "_fields": _OF_A_PRODUCT}
            listed = self._client.get("products", list[RawProduct], query)
            found |= {told.id: told for told in map(product, listed) if told.id in batch}
        return tuple(found.values())

    def changed_checkouts(self, after: Cursor | None) -> Iterator[Page]:
        raise Unsupported(f"{self._client.http.where} keeps unfinished checkouts among its orders.")

    def new_reviews(self, after: Cursor | None) -> Iterator[Reviews]:
        return remarks.new_reviews(self._client, after, self._clock() + (self.skew or timedelta(0)))

    def staff_notes(self, ids: Sequence[str]) -> Noted:
        return remarks.staff_notes(self._client, ids)

    def add_note(self, order_id: str, text: str, key: str) -> str:
        return self._post_note(order_id, text, to_customer=False)

    def find_note(self, order_id: str, text: str, key: str, since: datetime, credited: Collection[str]) -> str | None:
        return self._find_note(order_id, text, since, credited, to_customer=False)

    def send_message(self, order_id: str, text: str, subject: str | None, key: str) -> str:
        """Write a note that WooCommerce mails to the customer, under a subject of its own.

        It answers the same when there is no address or the mail fails: only send to orders with an e-mail
        address.
        """
        return self._post_note(order_id, text, to_customer=True)

    def find_message(
        self, order_id: str, text: str, key: str, since: datetime, credited: Collection[str]
    ) -> str | None:
        return self._find_note(order_id, text, since, credited, to_customer=True)

    def add_tags(self, order_id: str, tags: Sequence[str]) -> None:
        # Read, merge, write: two at once would each write back without the other's tag.
        with self._tagging:
            has = tags_in(self._understood(order_id))
            merged = split_tags(*has, *tags)
            # Any write dates the order anew and so comes back with the next poll.
            if merged != has:
                meta = [{"key": TAGS, "value": ", ".join(merged)}]
                self._client.write("PUT", f"orders/{order_id}", {"meta_data": meta})

    def set_status(self, order_id: str, status: str) -> None:
        status = status.removeprefix("wc-")
        now = self._understood(order_id).status.removeprefix("wc-")
        # Completing a completed order mails the customer again.
        if now == status:
            return
        if now == TRASH or now in DRAFTS:
            # WooCommerce would take it out of the bin, or make an abandoned checkout a real order.
            raise Rejected(f"order {order_id} is '{now}', so its status is not changed to '{status}'.")
        try:
            self._client.write("PUT", f"orders/{order_id}", {"status": status})
        except Refused as error:
            if "status" in error.fields:
                raise Rejected(f"{self._client.http.where} has no order status '{status}'.") from None
            raise

    def create_coupon(self, coupon: Coupon) -> None:
        try:
            self._client.create("coupons", self._coupon(coupon))
        except Refused as error:
            if error.code != "woocommerce_rest_coupon_code_already_exists":
                raise

    def find_coupon(self, code: str) -> bool:
        # WooCommerce keeps codes in lower case, and a plugin that drops the filter would list them all.
        listed = self._client.get("coupons", list[dict[str, object]], {"code": code.lower()})
        return any(str(coupon.get("code", "")).lower() == code.lower() for coupon in listed)

    def close(self) -> None:
        self._client.http.close()

    def _tell(self, raw: list[RawOrder | RawStamp]) -> tuple[tuple[Order, ...], tuple[Broken, ...]]:
        told = [normalise(one, self._zone) for one in raw]
        orders = tuple(one for one in told if isinstance(one, Order))
        if self._fulfillments:
            orders = tuple(self._with_fulfillments(order) for order in orders)
        return orders, tuple(one for one in told if isinstance(one, Broken))

    def _with_fulfillments(self, order: Order) -> Order:
        old = self._clock() - order.modified_at > RECENT
        if old or order.status in _NO_PARCELS or not order.needs_shipping:
            return order
        return msgspec.structs.replace(order, shipments=order.shipments + self._parcels(order.id))

    def _parcels(self, order_id: str) -> tuple[Shipment, ...]:
        try:
            raw = self._client.get(f"orders/{order_id}/fulfillments", list[RawFulfillment])
        except (NoRoute, NotFound):
            return ()  # Switched off in the shop, or the order was deleted this moment.
        return fulfilled(raw, self._zone)

    def _zone(self) -> tzinfo:
        if self._known_zone is None:
            self._known_zone = site.zone(self._client)
        return self._known_zone

    def _learnt(self, info: StoreInfo) -> StoreInfo:
        if info.timezone is not None:
            self._known_zone = ZoneInfo(info.timezone)
        return info

    def _list(self, ids: list[str]) -> tuple[list[RawOrder | RawStamp], list[str]]:
        """The orders of a batch that WooCommerce lists, and the ids it does not."""
        query: Query = {"include": ",".join(ids), "orderby": "include", "status": "any", "per_page": PAGE}
        listed = {str(order.id): order for order in self._client.orders(query).orders}
        return [listed[id_] for id_ in ids if id_ in listed], [id_ for id_ in ids if id_ not in listed]

    def _read_singly(self, ids: list[str]) -> tuple[list[RawOrder | RawStamp], list[str]]:
        """Lists leave out what is in the bin: read each order, and name those that answer 404."""
        found: list[RawOrder | RawStamp] = []
        gone: list[str] = []
        for order_id in ids:
            try:
                found.append(self._client.order(order_id))
            except NotFound:
                gone.append(order_id)
        return found, gone

    def _understood(self, order_id: str) -> RawOrder:
        raw = self._client.order(order_id)
        if isinstance(raw, RawStamp):
            raise Rejected(f"order {order_id} cannot be understood ({raw.reason}), so it is not changed.")
        return raw

    def _post_note(self, order_id: str, text: str, *, to_customer: bool) -> str:
        sent = _as_sent(text)
        size = len(sent.encode())
        if size > LONGEST_NOTE:
            raise Rejected(f"the text has {size:,} bytes, and WooCommerce takes at most {LONGEST_NOTE:,}. Shorten it.")
        return self._client.create(f"orders/{order_id}/notes", {"note": sent, "customer_note": to_customer})

    def _find_note(
        self, order_id: str, text: str, since: datetime, credited: Collection[str], *, to_customer: bool
    ) -> str | None:
        notes = self._client.get(f"orders/{order_id}/notes", list[RawNote])
        sent = _as_sent(text)
        # The notes are dated by the store's clock, `since` by ours.
        earliest = since + (self.skew or timedelta(0)) - _CLOCK_GRAIN
        ours = [
            note
            for note in notes
            if note.note == sent
            and note.customer_note == to_customer
            and note.written_at >= earliest
            and str(note.id) not in credited
        ]
        if ours:
            return str(min(ours, key=lambda note: note.written_at).id)
        self._client.order(order_id)
        if not notes:
            # WooCommerce itself notes how an order came to its status, so none at all is more likely a fault.
            raise Unavailable(f"{self._client.http.where} shows no notes at all on order {order_id}, not even its own.")
        return None

    def _coupon(self, coupon: Coupon) -> dict[str, object]:
        if coupon.percent is not None:
            kind, amount = "percent", coupon.percent
        elif coupon.amount is not None:
            kind, amount = "fixed_cart", coupon.amount.amount
        else:
            raise Rejected(f"coupon {coupon.code} has neither a percentage nor an amount.")
        fields: dict[str, object] = {
            "code": coupon.code,
            "discount_type": kind,
            "amount": format(amount, "f"),
            "individual_use": False,
            "usage_limit": 1,
            "description": coupon.description,
        }
        if coupon.email is not None:
            fields["email_restrictions"] = [coupon.email]
        if coupon.expires_at is not None:
            # WooCommerce ignores date_expires_gmt here and takes this one for local time.
            local = coupon.expires_at.astimezone(self._zone())
            fields["date_expires"] = local.strftime("%Y-%m-%dT%H:%M:%S")
        return fields


def _as_sent(text: str) -> str:
    """A text as the store will keep it, so that it is found again letter by letter.

    WordPress drops backslashes. A lone surrogate is no text at all, and would fail on the way.
    """
    lines = text.replace("\r\n", "\n").replace("\r", "\n").strip()
    return lines.replace("\\", "&#92;").encode("utf-8", "replace").decode("utf-8")
