"""A shop's world in one vocabulary, whatever the platform.

Everything here is frozen. Times are aware and in UTC, money is a Decimal with its currency, ids are text,
and what the platform leaves empty is None (never an empty string). Structs encode to JSON and back without loss;
none can be part of a cycle, so the garbage collector need not look at them.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

from msgspec import Struct


class Money(Struct, frozen=True, gc=False):
    """An amount in one currency (ISO 4217)."""

    amount: Decimal
    currency: str

    def __str__(self) -> str:
        return f"{self.amount} {self.currency}"


class Address(Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """A postal address; `country` is ISO 3166 alpha-2."""

    first_name: str | None = None
    last_name: str | None = None
    company: str | None = None
    line1: str | None = None
    line2: str | None = None
    city: str | None = None
    region: str | None = None
    postcode: str | None = None
    country: str | None = None
    phone: str | None = None


class Consent(Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """What a customer has said about marketing on one channel (`email`, `sms`, `whatsapp`).

    `state` is the platform's word in lower case: subscribed, unsubscribed, not_subscribed, pending … `given_at` is
    when it was last changed, where the platform tells.
    """

    channel: str
    state: str
    given_at: datetime | None = None


class Customer(Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """Who bought. A guest has no `id`; e-mail and phone are as the customer typed them, trimmed.

    `orders_count` is how many orders the platform counts for them, this one included; None where it does not tell.

    The rest no platform tells with an order: it is concluded from all that is known of the person, where a rule asks.
    `total_spent` is what they paid and did not get back, `last_order_at` when their latest order was placed (this one
    included), `open_problem` whether something of theirs went wrong and is not over, `last_message_at` when they were
    last written to, `messages_in_30_days` how often they were.
    """

    id: str | None = None
    email: str | None = None
    phone: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    locale: str | None = None
    tags: tuple[str, ...] = ()
    consents: tuple[Consent, ...] = ()
    orders_count: int | None = None
    total_spent: Money | None = None
    last_order_at: datetime | None = None
    open_problem: bool | None = None
    last_message_at: datetime | None = None
    messages_in_30_days: int | None = None


class LineItem(Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """One line of an order. `name` is plain text, entities decoded; `refunded` is how many of `quantity` were taken
    back or taken out of the order. What need not be shipped is in no parcel. `bought_again` is whether a later order of
    the same person has the same product: concluded from that, where a rule asks.

    `categories`, `product_tags` and `url`, the page where the product is shown, are the product's: where a platform
    does not tell them with the order, they are laid over it (see `Product`).
    """

    id: str
    name: str
    quantity: int
    total: Money
    product_id: str | None = None
    variation_id: str | None = None
    sku: str | None = None
    refunded: int = 0
    product_type: str | None = None
    categories: tuple[str, ...] = ()
    product_tags: tuple[str, ...] = ()
    vendor: str | None = None
    url: str | None = None
    needs_shipping: bool = True
    bought_again: bool | None = None


class Product(Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """What a store tells of a product apart from its orders: the names of its categories and tags, and its page."""

    id: str
    categories: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    url: str | None = None


class Milestone(Struct, frozen=True, gc=False):
    """A parcel came into a state (see `Shipment.state`) at `at`, as the carrier told the platform."""

    state: str
    at: datetime


class Shipment(Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """One parcel. `shipped_at` is a moment; where the platform knows only the day, `shipped_on_day` is true
    and `shipped_at` is that day's start in the store's zone. `items` names line items and quantities, where known.

    `state` is where the parcel is now: in_transit, out_for_delivery, available_for_pickup, delivery_failed, exception,
    returned, delivered, or the platform's own word in lower case. `milestones` are the states that the platform
    dates, the earliest first.
    """

    id: str
    carrier: str | None = None
    tracking_number: str | None = None
    tracking_url: str | None = None
    shipped_at: datetime | None = None
    shipped_on_day: bool = False
    delivered_at: datetime | None = None
    estimated_delivery_at: datetime | None = None
    state: str | None = None
    milestones: tuple[Milestone, ...] = ()
    items: tuple[tuple[str, int], ...] = ()


class Refund(Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """Money given back. `created_at` is None where the platform does not tell it with the order."""

    id: str
    amount: Money
    reason: str | None = None
    created_at: datetime | None = None


class Return(Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """Goods that the customer wants to, or did, send back. `status` is the platform's word in lower case."""

    id: str
    status: str
    created_at: datetime | None = None
    closed_at: datetime | None = None


class Order(Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """An order as it is now.

    `number` is what people see, `id` what the API wants. `status` is the platform's word, without prefixes.
    `draft` marks an abandoned or unfinished checkout, `trashed` an order in the bin. `meta` holds the order's
    scalar custom fields as text. `payment_url` is where the customer can still pay, `status_url`
    where they can see how their order is: whoever has such an address may be let in by it.
    """

    id: str
    number: str
    status: str
    created_at: datetime
    modified_at: datetime
    total: Money
    customer: Customer
    billing: Address = Address()
    shipping: Address = Address()
    paid_at: datetime | None = None
    completed_at: datetime | None = None
    cancelled_at: datetime | None = None
    items: tuple[LineItem, ...] = ()
    shipments: tuple[Shipment, ...] = ()
    refunds: tuple[Refund, ...] = ()
    returns: tuple[Return, ...] = ()
    coupons: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    meta: dict[str, str] = {}
    payment_method: str | None = None
    payment_title: str | None = None
    shipping_method: str | None = None
    customer_note: str | None = None
    payment_url: str | None = None
    status_url: str | None = None
    source: str | None = None
    locale: str | None = None
    needs_shipping: bool = True
    draft: bool = False
    trashed: bool = False
    test: bool = False

    @property
    def refunded_in_full(self) -> bool:
        """Whether everything that was paid has been given back."""
        given_back = sum((refund.amount.amount for refund in self.refunds), Decimal(0))
        return self.status == "refunded" or (given_back > 0 and given_back >= self.total.amount)


LONGEST_REMARK = 2_000
"""Characters of a review or note that are read; what is longer is cut."""


class Review(Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """What somebody wrote about a product, published or still held back. `rating` is 1 to 5 stars; `text` is plain;
    `email` and `name` are as the writer gave them.
    """

    id: str
    created_at: datetime
    rating: int | None = None
    text: str | None = None
    product_id: str | None = None
    product_name: str | None = None
    email: str | None = None
    name: str | None = None


class StaffNote(Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """What somebody of the staff wrote on an order, in plain text, for the staff alone."""

    id: str
    at: datetime
    text: str
    author: str | None = None


class Remarks(Struct, frozen=True, gc=False, omit_defaults=True):
    """What was said about an order, in the order in which it became known."""

    reviews: tuple[Review, ...] = ()
    notes: tuple[StaffNote, ...] = ()


NOTHING_SAID = Remarks()


class Coupon(Struct, frozen=True, gc=False, kw_only=True):
    """A single-use coupon to be made. Exactly one of `percent` and `amount` is given; `email` limits who may use it."""

    code: str
    percent: Decimal | None = None
    amount: Money | None = None
    expires_at: datetime | None = None
    email: str | None = None
    description: str = ""


class Identity(Struct, frozen=True, gc=False, kw_only=True):
    """What makes a store that store: compared whenever it may have changed under the same configuration.

    `url` is what it calls itself, `reached_at` where it answers: a copy often goes on calling itself what it was.
    """

    url: str
    reached_at: str | None = None
    site_id: str | None = None
    currency: str | None = None


class Finding(Struct, frozen=True, gc=False):
    """Something `check --online` has to say: the cause and the cure, in words for a shop owner."""

    fatal: bool
    message: str


class StoreInfo(Struct, frozen=True, gc=False, kw_only=True):
    """What `check()` learnt about a store. `skew` is the store's clock minus ours; None is 'could not be told'.

    `statuses` are those that its orders may have, `goals` those that they can be moved to, where that is not the same.
    `means` says, by capability, how this very store does what is asked of it, where a shop owner may expect
    otherwise.
    """

    identity: Identity
    name: str | None = None
    version: str | None = None
    timezone: str | None = None
    statuses: tuple[str, ...] = ()
    goals: tuple[str, ...] = ()
    can_write: bool | None = None
    skew: timedelta = timedelta(0)
    means: dict[str, str] = {}
    findings: tuple[Finding, ...] = ()
