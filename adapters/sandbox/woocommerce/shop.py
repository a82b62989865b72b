"""The sandbox: a WooCommerce store in a box, reached over HTTP like a real one, led by hand from Python."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import TracebackType
from typing import Any, Self
from zoneinfo import ZoneInfo

from adapters.sandbox.clock import Clock, wall_clock
from adapters.sandbox.faults import Fault, Faults, Matcher
from adapters.sandbox.server import Loopback, Request, Response
from adapters.sandbox.woocommerce import life
from adapters.sandbox.woocommerce.failures import canned
from adapters.sandbox.woocommerce.records import (
    CORE_STATUSES,
    HIDDEN_STATUSES,
    ApiKey,
    Coupon,
    Mail,
    Note,
    Order,
    Permissions,
    Product,
    Review,
    Store,
)
from adapters.sandbox.woocommerce.routes import answer
from adapters.sandbox.woocommerce.wire import without_credentials

_BILLING = {
    "first_name": "Noa",
    "last_name": "Example",
    "address_1": "1 Sample Street",
    "city": "Haifa",
    "postcode": "3100001",
    "country": "IL",
    "phone": "+972500000000",
}
_ITEMS = ({"name": "Ceramic mug", "sku": "MUG-1", "product_id": 10, "price": "49.90"},)
_EDITABLE = (
    "number",
    "created",
    "paid",
    "completed",
    "customer_id",
    "customer_note",
    "payment_method",
    "payment_method_title",
    "transaction_id",
    "created_via",
    "currency",
)


class WooSandbox:
    """An embedded WooCommerce store on loopback. What it holds outlives `stop()` and `start()`.

    `clock` gives its time (the real time, unless given) and `skew` is added to that: the `Date` header, every
    date written and the freshness of signatures follow. `on_request` is called before a request is handled,
    and may change the store. `requests` is the log of all that came in, what a fault swallowed included.
    """

    def __init__(
        self,
        *,
        clock: Clock = wall_clock,
        zone: str = "Asia/Jerusalem",
        hpos: bool = True,
        fulfillments: bool = False,
        consumer_key: str = "ck_sandbox",
        consumer_secret: str = "cs_sandbox",  # noqa: S107 a sandbox has nothing to hide
        currency: str = "ILS",
        statuses: Sequence[str] = (),
        name: str = "Sandbox shop",
    ) -> None:
        self.clock = clock
        self.skew = timedelta(0)
        self.on_request: Callable[[Request], object] | None = None
        self.requests: list[Request] = []
        self.consumer_key, self.consumer_secret = consumer_key, consumer_secret
        self.faults = Faults(canned())
        self._lock = threading.RLock()
        custom = {slug: slug.replace("-", " ").capitalize() for slug in statuses}
        self._store = Store(
            now=self.now,
            zone=ZoneInfo(zone),
            hpos=hpos,
            fulfillments=fulfillments,
            currency=currency,
            statuses={**CORE_STATUSES, **custom},
            store_id=str(uuid.uuid4()),
            name=name,
        )
        self._server = Loopback(self._answer, without_credentials, lambda: self.clock() + self.skew)
        self.add_key(consumer_key, consumer_secret, "read_write")

    # Being there, and not

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Open the shop, on the port it had before if it had one. Raises RuntimeError if it is open."""
        self._server.start()
        self._store.url = self._server.url

    def stop(self) -> None:
        """Close the shop: connections are cut, new ones refused, held requests let go. It forgets nothing."""
        self.faults.release()
        self._server.stop()

    @property
    def url(self) -> str:
        """The shop's address, like `http://127.0.0.1:40123`; known once it has been opened."""
        return self._server.url

    @property
    def store_id(self) -> str:
        """What WooCommerce calls this installation."""
        return self._store.store_id

    def now(self) -> datetime:
        """The shop's own time, UTC, in whole seconds."""
        return (self.clock() + self.skew).astimezone(UTC).replace(microsecond=0)

    def add_key(self, consumer_key: str, consumer_secret: str, permissions: Permissions) -> None:
        """Let a key in, with the rights `read`, `write` or `read_write`; one that is known changes."""
        with self._lock:
            self._store.keys[consumer_key] = ApiKey(consumer_key, consumer_secret, permissions)

    def become_another_store(self) -> None:
        """Take on another identity under the same address and keys, as a clone of the site would."""
        with self._lock:
            self._store.store_id = str(uuid.uuid4())

    def call_itself(self, url: str, store_id: str) -> None:
        """Tell this address and id for its own, as a copy of the site goes on doing that was made of another."""
        with self._lock:
            self._store.home, self._store.store_id = url, store_id

    # Orders

    def add_order(
        self,
        *,
        status: str = "processing",
        created: datetime | None = None,
        modified: datetime | None = None,
        paid: datetime | None = None,
        completed: datetime | None = None,
        billing: Mapping[str, str] | None = None,
        shipping: Mapping[str, str] | None = None,
        items: Sequence[Mapping[str, Any]] = _ITEMS,
        meta: Mapping[str, Any] | None = None,
        shipping_total: Decimal | str | None = "25.00",
        payment_method: str = "card",
        payment_method_title: str = "Credit card",
        coupons: Sequence[str] = (),
        **fields: Any,
    ) -> int:
        """Add an order as it might have come from the checkout, and give back its id.

        It has a customer with an address at example.com and one mug, unless told. `billing` and `shipping`
        add to what is there ({"email": ""} for none), `items` take its place. It was paid and completed when
        it was `created` (now, unless given) as far as its status says so; a `checkout-draft` is empty. It was
        last modified at the latest of these times. Further `fields` are those of `edit`.
        """
        with self._lock:
            self._check_status(status)
            order = life.new_order(self._store, status=status, created=_seconds(created or self.now()))
            if status != "checkout-draft":
                order.billing.update(_BILLING, email=f"customer{order.id}@example.com")
                order.payment_method, order.payment_method_title = payment_method, payment_method_title
                order.shipping.update((name, order.billing[name]) for name in life.SHIPPING)
                life.add_items(self._store, order, items)
                if shipping_total is not None:
                    total = Decimal(str(shipping_total))
                    life.add_shipping(self._store, order, "Courier", "flat_rate", total)
            order.paid = paid and _seconds(paid)
            life.stamp(order, order.created)
            order.completed = _seconds(completed) if completed else order.completed
            life.add_coupon_lines(self._store, order, coupons)
            self._change(order, {"billing": billing or {}, "shipping": shipping or {}, "meta": meta or {}, **fields})
            known = [moment for moment in (order.created, order.paid, order.completed) if moment]
            order.modified = _seconds(modified) if modified else max(known)
            life.arrive(self._store, order)
            return order.id

    def edit(self, order_id: int, **changes: Any) -> None:
        """Save the order as a merchant would, with `changes`; moves its date of modification.

        Changes are: status, billing, shipping, meta (each a mapping that adds to what is there), items (in
        place of those there are), number, created, modified, paid, completed, customer_id, customer_note,
        payment_method, payment_method_title, transaction_id, created_via, currency. Raises TypeError for
        others.
        """
        with self._lock:
            order = self.order(order_id)
            modified = changes.pop("modified", None) or self.now()
            self._change(order, changes)
            order.modified = _seconds(modified)

    def set_status(self, order_id: int, status: str) -> None:
        """Change the order's status, with the note and the dates that go with it."""
        self.edit(order_id, status=status)

    def set_meta(self, order_id: int, key: str, value: Any, *, bump: bool = True) -> None:
        """Write a custom field (None deletes it); without `bump` as a plugin does, past the order's date."""
        with self._lock:
            order = self.order(order_id)
            life.set_meta(self._store, order, key, value)
            if bump:
                life.touch(self._store, order)

    def refund(self, order_id: int, amount: Decimal | str | None = None, reason: str = "") -> int:
        """Give back an amount, or all that is left; gives the refund's id. Raises RefundTooLargeError."""
        with self._lock:
            order = self.order(order_id)
            given = order.refundable if amount is None else Decimal(amount)
            return life.refund(self._store, order, given, reason).id

    def trash(self, order_id: int) -> None:
        """Put the order into the bin."""
        with self._lock:
            life.trash(self._store, self.order(order_id))

    def delete(self, order_id: int) -> None:
        """Delete the order for good; nothing of it stays."""
        with self._lock:
            del self._store.orders[self.order(order_id).id]

    def add_fulfillment(
        self,
        order_id: int,
        *,
        items: Sequence[tuple[int, int]] | None = None,
        tracking_number: str = "",
        provider: str = "",
        tracking_url: str = "",
        fulfilled: bool = True,
        at: datetime | None = None,
    ) -> int:
        """Send a parcel by WooCommerce's own fulfilments; gives its id.

        `items` are pairs of a line item's id and a quantity (unless given, all there is), `at` is when it
        went.
        """
        with self._lock:
            order = self.order(order_id)
            everything = [(line["id"], line["quantity"]) for line in order.line_items]
            fields = [
                ("_items", [{"item_id": item, "qty": quantity} for item, quantity in items or everything]),
                ("_tracking_number", tracking_number),
                ("_shipment_provider", provider),
                ("_tracking_url", tracking_url),
            ]
            sent = _seconds(at) if at else self.now()
            return life.add_fulfillment(self._store, order, fields, fulfilled=fulfilled, at=sent).id

    # Products

    def add_product(
        self,
        product_id: int,
        *,
        name: str = "Ceramic mug",
        sku: str = "",
        price: Decimal | str = "49.90",
        status: str = "publish",
        categories: Sequence[str] = (),
        tags: Sequence[str] = (),
    ) -> None:
        """Put a product on the shelves, or change the one that has this id; orders refer to it by that."""
        with self._lock:
            self._store.products[product_id] = Product(
                id=product_id,
                name=name,
                sku=sku,
                price=Decimal(price),
                status=status,
                categories=tuple(categories),
                tags=tuple(tags),
                created=self.now(),
            )

    def delete_product(self, product_id: int) -> None:
        """Take it off for good; orders go on to name its id."""
        with self._lock:
            del self._store.products[product_id]

    # What people say

    def write_note(self, order_id: int, text: str, *, author: str = "Dana") -> int:
        """Write a private note, as one of the staff does in the order's page; gives its id."""
        with self._lock:
            return life.write_note(self._store, self.order(order_id), text, customer=False, author=author).id

    def write_review(
        self,
        *,
        email: str,
        rating: int = 5,
        text: str = "Lovely",
        product_id: int = 10,
        product_name: str = "Ceramic mug",
        name: str = "Noa Example",
        status: str = "approved",
        at: datetime | None = None,
    ) -> int:
        """Write a review of a product, as a customer does in the shop; gives its id. A rating of 0 is none."""
        with self._lock:
            number = next(self._store.note_ids)  # reviews are comments, as notes are
            moment = _seconds(at) if at else self.now()
            self._store.reviews[number] = Review(
                number, product_id, product_name, moment, rating, text, name, email, status
            )
            return number

    def edit_review(self, review_id: int, **changes: Any) -> None:
        """Change a review's rating, text or status; its date stays."""
        with self._lock:
            for name, value in changes.items():
                setattr(self._store.reviews[review_id], name, value)

    # Looking

    def order(self, order_id: int) -> Order:
        """The order itself. Raises KeyError if there is none."""
        return self._store.orders[order_id]

    @property
    def orders(self) -> list[Order]:
        """All orders, drafts and trashed ones too, as they came in."""
        with self._lock:
            return list(self._store.orders.values())

    def notes(self, order_id: int) -> list[Note]:
        """The order's notes since it arrived, in the order they were written; the store's own too."""
        with self._lock:
            return list(self.order(order_id).notes)

    def customer_notes(self, order_id: int) -> list[Note]:
        """The order's notes to the customer, in the order they were written."""
        return [note for note in self.notes(order_id) if note.customer]

    @property
    def mails(self) -> list[Mail]:
        """What customers were sent, in the order it went out."""
        with self._lock:
            return list(self._store.mails)

    @property
    def coupons(self) -> dict[str, Coupon]:
        """The coupons by code (lower case)."""
        with self._lock:
            return dict(self._store.coupons)

    # Trouble

    def fail_next(
        self,
        how: str,
        *,
        match: Matcher = lambda request: True,
        times: int | None = 1,
        after_commit: bool = False,
        delay: float | None = None,
        retry_after: str | None = None,
    ) -> None:
        """Make the next `times` matching requests fail (None: all of them, until `faults.clear()`).

        `how` is one of
        - `reset`: the connection breaks without an answer;
        - `timeout`: nor here, but the connection is held for `delay` seconds (or until `faults.release()`);
        - `late`: held likewise, then done and answered, whether or not anyone still listens;
        - `401` `403` `404` `429` `500` `502` `503`, as shops and hosts say it, with `retry_after` if given;
        - `html`, `wrong_json`, `empty_list` (as a broken orders table does): a wrong answer with status 200;
        - `php_notice`, `bom`, `truncated`: the true answer, spoilt.

        With `after_commit` the request has its effect all the same; the spoilt answers always mean that. For
        a refused connection, `stop()`. Raises ValueError for any other `how`.
        """
        self.faults.add(Fault(how, match, times, after_commit, delay, retry_after))

    def _answer(self, request: Request) -> Response | None:
        with self._lock:
            self.requests.append(request)
        if self.on_request is not None:
            self.on_request(request)
        return self.faults.answer(request, self._honest)

    def _honest(self, request: Request) -> Response:
        with self._lock:
            return answer(self._store, request)

    def _check_status(self, status: str) -> None:
        if status not in self._store.statuses and status not in HIDDEN_STATUSES:
            known = ", ".join(self._store.statuses)
            raise ValueError(f"This shop has no status {status!r}; it has: {known}.")

    def _change(self, order: Order, changes: Mapping[str, Any]) -> None:
        # The status comes last: what it brings about depends on the rest of the order.
        for name, value in sorted(changes.items(), key=lambda change: change[0] == "status"):
            if name == "status":
                self._check_status(value)
                life.move_to(self._store, order, value)
            elif name in ("billing", "shipping"):
                getattr(order, name).update(value)
            elif name == "meta":
                for key, entry in value.items():
                    life.set_meta(self._store, order, key, entry)
            elif name == "items":
                order.line_items.clear()
                life.add_items(self._store, order, value)
            elif name in _EDITABLE:
                setattr(order, name, _seconds(value) if isinstance(value, datetime) else value)
            else:
                raise TypeError(f"An order cannot be changed by {name!r}.")


def _seconds(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError(f"{moment} has no time zone; the sandbox wants aware times.")
    return moment.astimezone(UTC).replace(microsecond=0)
