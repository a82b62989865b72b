"""What a WooCommerce store keeps, before it is shown to anyone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from itertools import count
from typing import Any, Literal
from zoneinfo import ZoneInfo

WC_VERSION = "10.5.0"

CORE_STATUSES = {
    "pending": "Pending payment",
    "processing": "Processing",
    "on-hold": "On hold",
    "completed": "Completed",
    "cancelled": "Cancelled",
    "refunded": "Refunded",
    "failed": "Failed",
    "checkout-draft": "Draft",
}
HIDDEN_STATUSES = {"auto-draft": "Auto-draft", "trash": "Trash"}

CURRENCIES = {  # name, symbol as HTML
    "AED": ("United Arab Emirates dirham", "&#x62f;.&#x625;"),
    "EUR": ("Euro", "&euro;"),
    "GBP": ("Pound sterling", "&pound;"),
    "ILS": ("Israeli new shekel", "&#8362;"),
    "RUB": ("Russian ruble", "&#8381;"),
    "USD": ("United States (US) dollar", "&#36;"),
}

Permissions = Literal["read", "write", "read_write"]


@dataclass(slots=True)
class ApiKey:
    """A consumer key with its secret and rights. As on a real store, one used nonce is kept a timestamp."""

    consumer_key: str
    consumer_secret: str
    permissions: Permissions
    nonces: dict[int, str] = field(default_factory=dict)


@dataclass(slots=True)
class Meta:
    """One custom field. Scalars are kept as text, lists and mappings as they are."""

    id: int
    key: str
    value: Any


@dataclass(frozen=True, slots=True)
class Note:
    """An order note; `customer` marks the ones that were mailed as well."""

    id: int
    order_id: int
    author: str
    at: datetime
    text: str
    customer: bool


@dataclass(slots=True)
class Review:
    """A review of a product; `status` is approved, hold, spam or trash."""

    id: int
    product_id: int
    product_name: str
    at: datetime
    rating: int
    text: str
    name: str
    email: str
    status: str


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail that the store sent. `body` went out as it stands here, unescaped."""

    to: str
    order_id: int
    body: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Refund:
    """Money given back, as a positive amount."""

    id: int
    amount: Decimal
    reason: str
    at: datetime
    full: bool


@dataclass(frozen=True, slots=True)
class Fulfillment:
    """A parcel, as WooCommerce's own fulfilments tell it."""

    id: int
    order_id: int
    fulfilled: bool
    updated: datetime
    meta: tuple[Meta, ...]


@dataclass(frozen=True, slots=True)
class Coupon:
    """A coupon. `settings` are the remaining fields as they were posted."""

    id: int
    code: str
    amount: Decimal
    discount_type: str
    created: datetime
    expires: datetime | None
    meta: tuple[Meta, ...]
    settings: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Product:
    """A product. `categories` and `tags` are names."""

    id: int
    name: str
    sku: str
    price: Decimal
    status: str
    categories: tuple[str, ...]
    tags: tuple[str, ...]
    created: datetime


@dataclass(slots=True)
class Order:
    """An order. Times are in UTC and whole seconds; line items and their like are kept as they are shown."""

    id: int
    number: str
    order_key: str
    status: str
    created: datetime
    modified: datetime
    currency: str
    paid: datetime | None = None
    completed: datetime | None = None
    billing: dict[str, str] = field(default_factory=dict)
    shipping: dict[str, str] = field(default_factory=dict)
    customer_id: int = 0
    customer_note: str = ""
    payment_method: str = ""
    payment_method_title: str = ""
    transaction_id: str = ""
    created_via: str = "checkout"
    line_items: list[dict[str, Any]] = field(default_factory=list)
    shipping_lines: list[dict[str, Any]] = field(default_factory=list)
    coupon_lines: list[dict[str, Any]] = field(default_factory=list)
    meta: list[Meta] = field(default_factory=list)
    refunds: list[Refund] = field(default_factory=list)
    arrival: Note | None = None
    """The store's own first note: how the order came to the status that it arrived with."""
    notes: list[Note] = field(default_factory=list)
    fulfillments: list[Fulfillment] = field(default_factory=list)

    @property
    def shipping_total(self) -> Decimal:
        """What shipping costs."""
        return sum((Decimal(line["total"]) for line in self.shipping_lines), Decimal(0))

    @property
    def total(self) -> Decimal:
        """What the customer pays; refunds do not change it."""
        return self.shipping_total + sum((Decimal(line["total"]) for line in self.line_items), Decimal(0))

    @property
    def refundable(self) -> Decimal:
        """What has not been given back yet."""
        return self.total - sum((refund.amount for refund in self.refunds), Decimal(0))

    @property
    def needs_processing(self) -> bool:
        """Whether anything in the order is a product that has to be handed over."""
        return any(line["product_id"] for line in self.line_items)

    @property
    def needs_payment(self) -> bool:
        """Whether the customer can, and has to, pay."""
        return self.status in ("pending", "failed") and self.total > 0


@dataclass(slots=True)
class Store:
    """The whole store. Whoever uses it holds the sandbox's lock. Orders, refunds, coupons share their ids."""

    now: Callable[[], datetime]
    zone: ZoneInfo
    hpos: bool
    fulfillments: bool
    currency: str
    statuses: dict[str, str]
    store_id: str
    name: str
    url: str = ""
    home: str = ""
    """What it calls itself, if not what it is reached at."""
    keys: dict[str, ApiKey] = field(default_factory=dict)
    orders: dict[int, Order] = field(default_factory=dict)
    coupons: dict[str, Coupon] = field(default_factory=dict)
    products: dict[int, Product] = field(default_factory=dict)
    reviews: dict[int, Review] = field(default_factory=dict)
    mails: list[Mail] = field(default_factory=list)
    post_ids: Iterator[int] = field(default_factory=lambda: count(101))
    note_ids: Iterator[int] = field(default_factory=lambda: count(1))
    item_ids: Iterator[int] = field(default_factory=lambda: count(1))
    meta_ids: Iterator[int] = field(default_factory=lambda: count(1))
    fulfillment_ids: Iterator[int] = field(default_factory=lambda: count(1))
    term_ids: dict[str, int] = field(default_factory=dict)
    """Of categories and tags, by name."""

    def status_name(self, slug: str) -> str:
        """A status as people call it."""
        return self.statuses.get(slug) or HIDDEN_STATUSES[slug]
