"""The sandbox: a Shopify store in a box, reached over HTTP like a real one, led by hand from Python."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl
from zoneinfo import ZoneInfo

from adapters.sandbox.clock import Clock, wall_clock
from adapters.sandbox.faults import Fault, Faults, Matcher
from adapters.sandbox.server import Loopback, Request, Response
from adapters.sandbox.shopify import life
from adapters.sandbox.shopify.cost import Bucket
from adapters.sandbox.shopify.endpoint import Asked, answer, asked
from adapters.sandbox.shopify.failures import canned
from adapters.sandbox.shopify.records import (
    Checkout,
    Coupon,
    Customer,
    Flow,
    Fulfillment,
    Invoice,
    Metafield,
    Order,
    Store,
)
from adapters.sandbox.shopify.schema import schema

SCOPES = (
    "read_all_orders",
    "read_customers",
    "read_discounts",
    "read_fulfillments",
    "read_orders",
    "read_products",
    "read_returns",
    "write_customers",
    "write_discounts",
    "write_fulfillments",
    "write_orders",
)
VERSIONS = ("2026-04", "2026-07", "2026-10")

_CUSTOMER = {"first_name": "Noa", "last_name": "Example", "phone": "+972500000000", "locale": "he"}
_ADDRESS = {"address1": "1 Sample Street", "city": "Haifa", "zip": "3100001", "country": "IL"}
_ITEMS = ({"title": "Ceramic mug", "sku": "MUG-1", "product_id": 10, "price": "49.90"},)
_EDITABLE = (
    "name",
    "created",
    "processed",
    "closed",
    "email",
    "phone",
    "locale",
    "address",
    "note",
    "tags",
    "attributes",
    "discount_codes",
    "financial_status",
    "fulfillment_status",
    "source_name",
    "test",
    "customer",
)

_shop_ids = count(61_000_001)


class ShopifySandbox:
    """An embedded Shopify store on loopback. What it holds outlives `stop()` and `start()`.

    `clock` gives its time (the real time, unless given) and `skew` is added to that. `restore_rate` is in points a
    second, the bucket holds twenty times that; None: there is no limit. `on_request` is called before a request is
    handled, and may change the store. `requests` is the log of all that came in, what a fault swallowed included.
    Orders, parcels and the like are named by their numbers, as text.
    """

    def __init__(
        self,
        *,
        clock: Clock = wall_clock,
        zone: str = "Asia/Jerusalem",
        currency: str = "ILS",
        name: str = "Sandbox shop",
        domain: str = "sandbox.myshopify.com",
        access_token: str = "shpat_sandbox",  # noqa: S107 a sandbox has nothing to hide
        client_id: str = "sandbox-client",
        client_secret: str = "shpss_sandbox",  # noqa: S107
        scopes: Sequence[str] = SCOPES,
        versions: Sequence[str] = VERSIONS,
        restore_rate: float | None = 100,
        protected_data: bool = False,
        bulk_polls: int = 1,
    ) -> None:
        self.clock = clock
        self.skew = timedelta(0)
        self.on_request: Callable[[Request], object] | None = None
        self.requests: list[Asked] = []
        self.access_token, self.client_id, self.client_secret = access_token, client_id, client_secret
        self.faults = Faults(canned())
        self._lock = threading.RLock()
        self._interruptions: list[tuple[str, Callable[[], object]]] = []
        self._store = Store(
            now=self.now,
            zone=ZoneInfo(zone),
            currency=currency,
            name=name,
            domain=domain,
            email="owner@example.com",
            shop_id=next(_shop_ids),
            versions=tuple(versions),
            scopes=tuple(scopes),
            client_id=client_id,
            client_secret=client_secret,
            bucket=Bucket(restore_rate, self.now()),
            bulk_polls=bulk_polls,
            hides_people=protected_data,
            tokens={access_token: None},
        )
        self._server = Loopback(self._answer, lambda query: dict(parse_qsl(query)), lambda: self.clock() + self.skew)
        schema()  # made now, the first answer is not late

    # Being there, and not

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Open the store, on the port it had before if it had one. Raises RuntimeError if it is open."""
        self._server.start()
        self._store.url = self._server.url

    def stop(self) -> None:
        """Close the store: connections are cut, new ones refused, held requests let go. It forgets nothing."""
        self.faults.release()
        self._server.stop()

    @property
    def url(self) -> str:
        """The store's address, like `http://127.0.0.1:40123`; known once it has been opened."""
        return self._server.url

    @property
    def domain(self) -> str:
        """What Shopify calls this store, like `sandbox.myshopify.com`."""
        return self._store.domain

    @property
    def shop_id(self) -> str:
        """The store's own global id."""
        return f"gid://shopify/Shop/{self._store.shop_id}"

    def now(self) -> datetime:
        """The store's own time, UTC, in whole seconds."""
        return (self.clock() + self.skew).astimezone(UTC).replace(microsecond=0)

    def become_another_store(self) -> None:
        """Take on another identity under the same address and tokens."""
        with self._lock:
            self._store.shop_id = next(_shop_ids)
            self._store.domain = f"another-{self._store.domain}"

    # Access

    def revoke_token(self) -> None:
        """Let nobody in any more who has a token now; a new one can be had with the client's secret."""
        with self._lock:
            self._store.tokens.clear()

    def set_scopes(self, *scopes: str) -> None:
        """Grant the app these scopes and no others."""
        with self._lock:
            self._store.scopes = scopes

    def protect_data(self, on: bool = True) -> None:
        """Show no names, addresses, e-mails and phones any more, or show them again."""
        with self._lock:
            self._store.hides_people = on

    # Orders

    def add_order(
        self,
        *,
        paid: bool = True,
        customer: Mapping[str, Any] | None = _CUSTOMER,
        items: Sequence[Mapping[str, Any]] = _ITEMS,
        created_at: datetime | None = None,
        updated_at: datetime | None = None,
        email: str | None = None,
        phone: str | None = None,
        locale: str | None = "he",
        address: Mapping[str, str | None] | None = _ADDRESS,
        shipping_total: Decimal | str = "25.00",
        gateway: str = "shopify_payments",
        source_name: str = "web",
        test: bool = False,
        **fields: Any,
    ) -> str:
        """Add an order as it might have come from the checkout, and give back its id.

        It has a customer with an address at example.com and one mug, unless told. Keys of `customer`: first_name,
        last_name, email, phone, locale, tags, email_consent, sms_consent (states like SUBSCRIBED); whoever has the
        e-mail address of a customer is that customer; None is a guest of whom nothing is known but `email` and `phone`.
        Keys of an item: title, sku, quantity, price, variant_title, product_id (None: deleted since), product_type,
        product_tags, category (of Shopify's own list), vendor, requires_shipping, attributes. Keys of `address`:
        first_name, last_name, company, address1, address2, city, province, zip, country, phone. It was last updated
        when it was `created_at` (now, unless given). Further `fields` are those of `edit`.
        """
        with self._lock:
            created = _seconds(created_at or self.now())
            order_id, number = next(self._store.order_ids), next(self._store.order_numbers)
            buyer = self._customer(customer, f"customer{number}@example.com", created)
            order = Order(
                id=order_id,
                number=number,
                name=f"#{number}",
                created=created,
                updated=created,
                processed=created,
                currency=self._store.currency,
                financial_status="PAID" if paid else "PENDING",
                customer=buyer,
                email=email or (buyer.email if buyer else None),
                phone=phone,
                locale=locale,
                address=_addressed(address, buyer),
                lines=life.lines(self._store, items),
                shipping=Decimal(shipping_total),
                gateway=gateway,
                source_name=source_name,
                test=test,
            )
            self._change(order, fields)
            life.keep(self._store, order)
            order.updated = _seconds(updated_at) if updated_at else created
            return str(order_id)

    def edit(self, order_id: str, **changes: Any) -> None:
        """Save the order with `changes`; moves its `updatedAt`, to `updated` if that is given.

        Changes are: note, tags, attributes, email, phone, locale, address, name, created, processed, closed,
        discount_codes, financial_status, fulfillment_status (takes the place of what the parcels say; None: no more),
        source_name, test, and customer (None: redacted). Raises TypeError for others.
        """
        with self._lock:
            order = self.order(order_id)
            updated = changes.pop("updated", None) or self.now()
            self._change(order, changes)
            order.updated = _seconds(updated)

    def pay(self, order_id: str) -> None:
        """The money came in."""
        with self._lock:
            life.pay(self._store, self.order(order_id))

    def cancel(self, order_id: str, *, reason: str = "CUSTOMER", refund: bool = False) -> None:
        """Cancel the order, with the money given back or not."""
        with self._lock:
            life.cancel(self._store, self.order(order_id), reason, give_back=refund)

    def refund(
        self,
        order_id: str,
        amount: Decimal | str | None = None,
        *,
        items: Mapping[str, int] | None = None,
        note: str | None = None,
    ) -> str:
        """Give back an amount, or what `items` (quantities by line id) cost, or all that is left; gives the refund's
        id. Raises RefundTooLargeError.
        """
        with self._lock:
            order = self.order(order_id)
            lines = {line.id: line for line in order.lines}
            everything = {line.id: line.quantity - line.removed for line in order.lines}
            chosen = {int(line): many for line, many in (items or {}).items()}
            if amount is None and items is None:
                chosen, given = everything, order.total - order.refunded
            else:
                worth = sum((lines[line].price * many for line, many in chosen.items()), Decimal(0))
                given = worth if amount is None else Decimal(amount)
            return str(life.refund(self._store, order, given, chosen, note).id)

    def fulfill(
        self,
        order_id: str,
        items: Mapping[str, int] | None = None,
        *,
        company: str | None = None,
        tracking_number: str | None = None,
        tracking_url: str | None = None,
        estimated_delivery_at: datetime | None = None,
        at: datetime | None = None,
    ) -> str:
        """Send a parcel with `items` (quantities by line id; unless given, all that is left), `at` some time or now.
        Gives the fulfilment's id.
        """
        with self._lock:
            order = self.order(order_id)
            rest = {line.id: order.unsent(line) for line in order.lines if order.unsent(line)}
            chosen = rest if items is None else {int(line): many for line, many in items.items()}
            estimated = estimated_delivery_at and _seconds(estimated_delivery_at)
            tracking = {"company": company, "number": tracking_number, "url": tracking_url, "estimated": estimated}
            return str(life.fulfill(self._store, order, chosen, _seconds(at or self.now()), tracking))

    def carrier(
        self,
        order_id: str,
        fulfillment_id: str,
        status: str,
        *,
        at: datetime | None = None,
        message: str | None = None,
        estimated_delivery_at: datetime | None = None,
        move_updated: bool = False,
    ) -> None:
        """The carrier tells where a parcel is (IN_TRANSIT, DELIVERED, any word at all), `at` some time or now.

        The order's `updatedAt` moves only with `move_updated`: on Shopify nobody can count on it.
        """
        with self._lock:
            parcel = self._parcel(order_id, fulfillment_id)
            estimated = estimated_delivery_at and _seconds(estimated_delivery_at)
            life.carry(self._store, parcel, status, _seconds(at or self.now()), message, estimated)
            if move_updated:
                life.touch(self._store, self.order(order_id))

    def cancel_fulfillment(self, order_id: str, fulfillment_id: str) -> None:
        """Take a parcel back: its goods are to be sent again."""
        with self._lock:
            parcel = self._parcel(order_id, fulfillment_id)
            parcel.status, parcel.display, parcel.updated = "CANCELLED", "CANCELED", self.now()
            life.touch(self._store, self.order(order_id))

    def hold(self, order_id: str, on: bool = True) -> None:
        """Put the order's fulfilment on hold, or let it go on."""
        with self._lock:
            order = self.order(order_id)
            order.on_hold = on
            life.touch(self._store, order)

    def request_return(self, order_id: str, quantity: int = 1) -> str:
        """The customer asks to send goods back; gives the return's id."""
        with self._lock:
            return str(life.ask_back(self._store, self.order(order_id), quantity))

    def approve_return(self, order_id: str, return_id: str) -> None:
        """The merchant agrees. Raises KeyError if there is no such return."""
        with self._lock:
            life.move_return(self._store, self.order(order_id), int(return_id), "OPEN")

    def close_return(self, order_id: str, return_id: str) -> None:
        """The goods came back. Raises KeyError if there is no such return."""
        with self._lock:
            life.move_return(self._store, self.order(order_id), int(return_id), "CLOSED")

    def set_note(self, order_id: str, text: str | None) -> None:
        """The merchant writes the order's note anew."""
        with self._lock:
            life.set_note(self._store, self.order(order_id), text)

    def comment(self, order_id: str, text: str, *, author: str = "Dana") -> None:
        """One of the staff writes a comment on the order's timeline; its date of update stays."""
        with self._lock:
            life.tell(self._store, self.order(order_id), text, author=author)

    def delete(self, order_id: str) -> None:
        """Delete the order for good; nothing of it stays."""
        with self._lock:
            life.forget(self._store, self.order(order_id))

    # Checkouts

    def add_checkout(
        self,
        *,
        customer: Mapping[str, Any] | None = _CUSTOMER,
        items: Sequence[Mapping[str, Any]] = _ITEMS,
        created_at: datetime | None = None,
        updated_at: datetime | None = None,
        address: Mapping[str, str | None] | None = _ADDRESS,
        note: str = "",
    ) -> str:
        """Leave a checkout before its payment, and give back its number; keys as for `add_order`."""
        with self._lock:
            created = _seconds(created_at or self.now())
            number = next(self._store.order_ids)
            buyer = self._customer(customer, f"customer{number}@example.com", created)
            self._store.checkouts[number] = Checkout(
                id=number,
                customer=buyer,
                lines=life.lines(self._store, items),
                created=created,
                updated=_seconds(updated_at) if updated_at else created,
                currency=self._store.currency,
                address=_addressed(address, buyer),
                note=note,
            )
            return str(number)

    def complete_checkout(self, checkout_id: str) -> None:
        """The customer came back and paid. The order of it is another story: `add_order`."""
        with self._lock:
            life.complete(self._store, self._store.checkouts[int(checkout_id)])

    # Looking

    def order(self, order_id: str) -> Order:
        """The order itself. Raises KeyError if there is none."""
        return self._store.orders[int(order_id)]

    @property
    def orders(self) -> list[Order]:
        """All orders, as they came in."""
        with self._lock:
            return list(self._store.orders.values())

    def line_ids(self, order_id: str) -> list[str]:
        """The ids of the order's lines."""
        return [str(line.id) for line in self.order(order_id).lines]

    def note(self, order_id: str) -> str | None:
        """The one note that the order has."""
        return self.order(order_id).note

    def tags(self, order_id: str) -> list[str]:
        """The order's tags."""
        return list(self.order(order_id).tags)

    def metafields(self, order_id: str) -> list[Metafield]:
        """The order's metafields, the app's own and others."""
        return list(self.order(order_id).metafields)

    @property
    def invoices(self) -> list[Invoice]:
        """What was mailed through `orderInvoiceSend`, in the order it went out."""
        with self._lock:
            return list(self._store.invoices)

    @property
    def flows(self) -> list[Flow]:
        """What was handed to workflows, in the order it came."""
        with self._lock:
            return list(self._store.flows)

    @property
    def coupons(self) -> dict[str, Coupon]:
        """The coupons by code (lower case)."""
        with self._lock:
            return dict(self._store.coupons)

    # Trouble

    def before_next(self, operation: str, do: Callable[[], object]) -> None:
        """Do something right before the next `operation` (its name in the document) takes effect, as others might
        who work on the store at the same time.
        """
        with self._lock:
            self._interruptions.append((operation, do))

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
        - `THROTTLED`, `INTERNAL_SERVER_ERROR`: errors inside HTTP 200; `userErrors`: a mutation's refusal;
        - `401` `402` `403` `404` `423` `429` `430` `500` `502` `503`, with `retry_after` if given;
        - `html`, `wrong_json`, `empty_list`: a wrong answer with status 200; `redirect`: to another domain;
        - `bom`, `truncated`: the true answer, spoilt.

        With `after_commit` the request has its effect all the same; the spoilt answers always mean that. `match` sees
        the request; `runs(…)` makes one for an operation. For a refused connection, `stop()`. Raises ValueError for
        any other `how`.
        """
        self.faults.add(Fault(how, match, times, after_commit, delay, retry_after))

    def _answer(self, request: Request) -> Response | None:
        seen = asked(request)
        with self._lock:
            self.requests.append(seen)
        if self.on_request is not None:
            self.on_request(request)
        return self.faults.answer(request, self._honest)

    def _honest(self, request: Request) -> Response:
        operation = asked(request).operation
        with self._lock:
            due = [one for one in self._interruptions if one[0] == operation]
            for one in due:
                self._interruptions.remove(one)
                one[1]()
            return answer(self._store, request)

    def _customer(self, given: Mapping[str, Any] | None, email: str, at: datetime) -> Customer | None:
        if given is None:
            return None
        return life.known_customer(self._store, {**_CUSTOMER, "email": email, **given}, at)

    def _parcel(self, order_id: str, fulfillment_id: str) -> Fulfillment:
        parcels = {parcel.id: parcel for parcel in self.order(order_id).fulfillments}
        return parcels[int(fulfillment_id)]

    def _change(self, order: Order, changes: Mapping[str, Any]) -> None:
        for name, value in changes.items():
            if name not in _EDITABLE:
                raise TypeError(f"An order cannot be changed by {name!r}.")
            if name == "tags":
                life.set_tags(self._store, order, value)
            elif name == "customer":
                order.customer = self._customer(value, f"customer{order.number}@example.com", self.now())
            else:
                setattr(order, name, _seconds(value) if isinstance(value, datetime) else value)


def runs(*operations: str) -> Matcher:
    """Matches requests that run one of these operations, by their names in the documents."""
    return lambda request: asked(request).operation in operations


def _addressed(address: Mapping[str, str | None] | None, buyer: Customer | None) -> dict[str, str | None] | None:
    names = {"first_name": buyer.first_name, "last_name": buyer.last_name, "phone": buyer.phone} if buyer else {}
    return None if address is None else {**names, **address}


def _seconds(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError(f"{moment} has no time zone; the sandbox wants aware times.")
    return moment.astimezone(UTC).replace(microsecond=0)
