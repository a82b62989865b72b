"""What a Shopify store keeps, before it is shown to anyone. Times are in UTC and whole seconds; ids are numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any
from zoneinfo import ZoneInfo

from adapters.sandbox.shopify.cost import Bucket

APP_ID = 17
"""The app that every token belongs to; its reserved namespace `$app` stands for `app--17`."""

VISIBLE_FOR = timedelta(days=60)
"""How far back orders are seen without the scope `read_all_orders`."""


@dataclass(slots=True)
class Consent:
    """What a customer said about marketing on one channel."""

    state: str
    at: datetime | None = None
    level: str | None = None


@dataclass(slots=True)
class Customer:
    """A customer; without an address or a number there is no consent to speak of."""

    id: int
    first_name: str | None
    last_name: str | None
    email: str | None
    phone: str | None
    locale: str
    tags: tuple[str, ...]
    created: datetime
    updated: datetime
    email_consent: Consent
    sms_consent: Consent
    orders: list[Order] = field(default_factory=list)


@dataclass(slots=True)
class Line:
    """One line of an order or a checkout; `removed` is how many of `quantity` were given back or taken out."""

    id: int
    title: str
    sku: str | None
    quantity: int
    price: Decimal
    variant_title: str | None
    product_id: int | None
    product_type: str
    product_tags: tuple[str, ...]
    category: str | None
    vendor: str
    requires_shipping: bool
    attributes: Mapping[str, str]
    removed: int = 0

    @property
    def total(self) -> Decimal:
        """What the line costs in all."""
        return self.price * self.quantity


@dataclass(frozen=True, slots=True)
class ParcelEvent:
    """What a carrier said about a parcel."""

    id: int
    status: str
    at: datetime
    message: str | None
    estimated: datetime | None


@dataclass(slots=True)
class Fulfillment:
    """A parcel; `items` are quantities by line id, `display` the word that merchants see."""

    id: int
    name: str
    items: dict[int, int]
    created: datetime
    updated: datetime
    company: str | None
    number: str | None
    url: str | None
    estimated: datetime | None
    status: str = "SUCCESS"
    display: str = "FULFILLED"
    in_transit: datetime | None = None
    delivered: datetime | None = None
    events: list[ParcelEvent] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Refund:
    """Money given back, with the quantities of lines it was for."""

    id: int
    amount: Decimal
    note: str | None
    at: datetime
    items: Mapping[int, int]


@dataclass(slots=True)
class Return:
    """Goods that a customer wants to send back, or has."""

    id: int
    name: str
    status: str
    created: datetime
    quantity: int
    approved: datetime | None = None
    closed: datetime | None = None


@dataclass(frozen=True, slots=True)
class Transaction:
    """A movement of money: kind is SALE, AUTHORIZATION or REFUND."""

    id: int
    kind: str
    amount: Decimal
    at: datetime


@dataclass(slots=True)
class Metafield:
    """One custom field; `namespace` as it is kept, with the app's own spelled out."""

    id: int
    namespace: str
    key: str
    type: str
    value: str
    created: datetime
    updated: datetime


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of an order's timeline; with an author it is a comment."""

    id: int
    message: str
    at: datetime
    author: str | None = None


@dataclass(slots=True)
class Order:
    """An order. `fulfillment_status` takes the place of what the parcels say, where it is set."""

    id: int
    number: int
    name: str
    created: datetime
    updated: datetime
    processed: datetime
    currency: str
    financial_status: str
    customer: Customer | None
    email: str | None
    phone: str | None
    locale: str | None
    address: dict[str, str | None] | None
    lines: list[Line]
    shipping: Decimal
    gateway: str
    source_name: str
    test: bool
    note: str | None = None
    tags: list[str] = field(default_factory=list)
    attributes: dict[str, str] = field(default_factory=dict)
    discount_codes: tuple[str, ...] = ()
    fulfillment_status: str | None = None
    on_hold: bool = False
    cancelled: datetime | None = None
    cancel_reason: str | None = None
    closed: datetime | None = None
    fulfillments: list[Fulfillment] = field(default_factory=list)
    refunds: list[Refund] = field(default_factory=list)
    returns: list[Return] = field(default_factory=list)
    transactions: list[Transaction] = field(default_factory=list)
    metafields: list[Metafield] = field(default_factory=list)
    timeline: list[Entry] = field(default_factory=list)

    @property
    def subtotal(self) -> Decimal:
        """What the goods cost."""
        return sum((line.total for line in self.lines), Decimal(0))

    @property
    def total(self) -> Decimal:
        """What the customer pays; refunds do not change it."""
        return self.subtotal + self.shipping

    @property
    def refunded(self) -> Decimal:
        """What has been given back."""
        return sum((refund.amount for refund in self.refunds), Decimal(0))

    def sent(self, line: Line) -> int:
        """How many of a line went out in parcels that were not cancelled."""
        return sum(parcel.items.get(line.id, 0) for parcel in self.fulfillments if parcel.status != "CANCELLED")

    def unsent(self, line: Line) -> int:
        """How many of a line are still to go out."""
        return max(0, line.quantity - line.removed - self.sent(line))


@dataclass(slots=True)
class Checkout:
    """A checkout that was left before the payment."""

    id: int
    customer: Customer | None
    lines: list[Line]
    created: datetime
    updated: datetime
    currency: str
    address: dict[str, str | None] | None
    note: str
    completed: datetime | None = None

    @property
    def total(self) -> Decimal:
        """What the goods cost."""
        return sum((line.total for line in self.lines), Decimal(0))


@dataclass(frozen=True, slots=True)
class Coupon:
    """A discount code: `percent` (10 for ten of a hundred) or `amount`; `customers` are ids, none for everyone."""

    id: int
    code: str
    title: str
    percent: Decimal | None
    amount: Decimal | None
    starts: datetime
    ends: datetime | None
    usage_limit: int | None
    once_per_customer: bool
    customers: tuple[str, ...]
    created: datetime


@dataclass(frozen=True, slots=True)
class Invoice:
    """A mail that `orderInvoiceSend` sent. `subject` is None where the merchant's template has the say."""

    order_id: str
    to: str
    subject: str | None
    custom_message: str | None
    sender: str | None
    bcc: tuple[str, ...]
    at: datetime


@dataclass(frozen=True, slots=True)
class Flow:
    """What a workflow's trigger was handed."""

    handle: str
    payload: Any
    at: datetime


@dataclass(slots=True)
class Bulk:
    """A bulk operation; it runs while it is asked about `polls` times more."""

    id: int
    query: str
    grouped: bool
    created: datetime
    polls: int
    status: str = "CREATED"
    error: str | None = None
    completed: datetime | None = None
    lines: bytes = b""
    objects: int = 0
    roots: int = 0


@dataclass(slots=True)
class Store:
    """The whole store. Whoever uses it holds the sandbox's lock. Tokens have the moment when they end, if any."""

    now: Callable[[], datetime]
    zone: ZoneInfo
    currency: str
    name: str
    domain: str
    email: str
    shop_id: int
    versions: tuple[str, ...]
    scopes: tuple[str, ...]
    client_id: str
    client_secret: str
    bucket: Bucket
    bulk_polls: int
    hides_people: bool = False
    url: str = ""
    tokens: dict[str, datetime | None] = field(default_factory=dict)
    customers: dict[int, Customer] = field(default_factory=dict)
    customers_by_email: dict[str, Customer] = field(default_factory=dict)
    orders: dict[int, Order] = field(default_factory=dict)
    checkouts: dict[int, Checkout] = field(default_factory=dict)
    coupons: dict[str, Coupon] = field(default_factory=dict)
    bulks: dict[int, Bulk] = field(default_factory=dict)
    jobs: dict[str, Callable[[], object]] = field(default_factory=dict)
    invoices: list[Invoice] = field(default_factory=list)
    flows: list[Flow] = field(default_factory=list)
    order_ids: Iterator[int] = field(default_factory=lambda: count(5_501_000_001))
    ids: Iterator[int] = field(default_factory=lambda: count(90_001))
    order_numbers: Iterator[int] = field(default_factory=lambda: count(1001))

    def may(self, scope: str) -> bool:
        """Whether the app was granted this; who may write may read."""
        return scope in self.scopes or scope.replace("read_", "write_", 1) in self.scopes

    def sees(self, order: Order) -> bool:
        """Whether the app is shown this order at all."""
        return self.may("read_all_orders") or order.created >= self.now() - VISIBLE_FOR
