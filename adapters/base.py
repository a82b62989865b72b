"""The contract between Aftersale and a store platform.

An adapter is one instance a store, may be used from several threads, and sleeps only inside its own bounded
retries of reads. Writes are tried once: an outcome that is not known is raised as `UnknownOutcome`.
All times given and returned are aware, UTC, and on *our* clock for what we ask, on the store's for its own data.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal, NewType, Protocol

from adapters.model import Coupon, Order, Product, Review, StaffNote, StoreInfo

Cursor = NewType("Cursor", str)
"""Where a walk over changed orders may be resumed. Opaque to everyone but the adapter that made it."""


class Capability(StrEnum):
    """What a platform can do. What it cannot is absent from the adapter's `capabilities`."""

    NOTES = "notes"
    MESSAGES = "messages"
    TAGS = "tags"
    STATUS = "status"
    COUPONS = "coupons"
    CHECKOUTS = "checkouts"
    """Abandoned checkouts are a walk of their own. (Where they are orders in draft, `changed_orders` brings them.)"""
    CHECKOUT_MESSAGES = "checkout_messages"
    """Who left a checkout can be written to by the platform's own means, too."""
    PRODUCTS = "products"
    """Products are asked for by themselves. (Where orders tell their categories, tags and pages, nothing more is.)"""
    REVIEWS = "reviews"
    STAFF_NOTES = "staff_notes"
    """Notes that the staff wrote can be read. (`NOTES` can be written.)"""


NAMELESS = "unknown"
"""In place of the id of an order that has none, or none that could be asked for."""


@dataclass(frozen=True, slots=True)
class Broken:
    """An order that could not be understood: set aside by the caller, never a reason to stop. Among `Reviews` it is a
    review, whose id stands in `order_id`'s place.
    """

    order_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Page:
    """Some changed orders, oldest change first. `cursor` is safe to resume from once they are stored.

    `total` is how many the whole walk will bring, as far as the platform says, for showing progress.
    """

    orders: tuple[Order, ...]
    cursor: Cursor | None
    broken: tuple[Broken, ...] = ()
    total: int | None = None


@dataclass(frozen=True, slots=True)
class Fetched:
    """Orders asked for by id. `missing` ids answered 404 one by one while the store's other orders read well."""

    orders: tuple[Order, ...]
    missing: tuple[str, ...] = ()
    broken: tuple[Broken, ...] = ()


@dataclass(frozen=True, slots=True)
class Reviews:
    """Some reviews, oldest first. `cursor` is safe to resume from once they are stored."""

    reviews: tuple[Review, ...]
    cursor: Cursor | None
    broken: tuple[Broken, ...] = ()


@dataclass(frozen=True, slots=True)
class Noted:
    """What the staff wrote on each order that was there, by the order's id; `broken` are orders with a note that could
    not be understood, beside those that could.
    """

    notes: Mapping[str, tuple[StaffNote, ...]]
    broken: tuple[Broken, ...] = ()


class StoreAdapter(Protocol):
    """One store on one platform. Every method may raise the errors of `adapters.errors`."""

    capabilities: frozenset[Capability]
    markup: Literal["html", "plain"]
    """How the text of notes and messages is read: what is put into it is escaped accordingly."""
    notes_at_once: int
    """Of how many orders `staff_notes` may be asked in a few minutes without being a burden to the store."""

    @property
    def skew(self) -> timedelta | None:
        """The store's clock minus ours, as the latest answer showed it; None before the first."""

    def check(self, needs: Collection[Capability]) -> StoreInfo:
        """Learn the store's identity, zone, currency and our rights, without changing anything in it.

        What is wrong for reading orders and for what `needs` names stands in `findings`. Raises only when nothing
        at all can be learnt.
        """

    def identify(self) -> StoreInfo:
        """The quick form of `check`: identity, currency and zone alone."""

    def since(self, moment: datetime) -> Cursor:
        """The cursor from which a walk brings what has changed since a moment (on the store's clock)."""

    def changed_orders(self, after: Cursor | None) -> Iterator[Page]:
        """Walk every order changed since `after` (None: all there are), oldest change first.

        The walk overlaps what was seen before by at least five minutes; the caller drops what it knows. Each order
        comes at most once a walk unless it changed again. Always yields at least one page.
        """

    def changed_checkouts(self, after: Cursor | None) -> Iterator[Page]:
        """As `changed_orders`, for abandoned checkouts: orders marked `draft`, whose ids no order has. One that was
        completed after all is `trashed`: its order comes by itself.
        """

    def new_reviews(self, after: Cursor | None) -> Iterator[Reviews]:
        """Walk every review, published or held back, that was written since `after` (None: all there are), oldest
        first.

        Overlaps what was seen before; what is in the overlap and was edited comes as it is now. Always yields at least
        one page. Raises Unsupported where the platform has none.
        """

    def staff_notes(self, ids: Sequence[str]) -> Noted:
        """What people of the staff wrote on these orders, for the staff alone: the latest notes, oldest first.

        Neither what the store or an app notes by itself nor what came by `add_note`. Orders that are gone are left out.
        """

    def get_orders(self, ids: Sequence[str]) -> Fetched:
        """Fetch orders afresh, a hundred a request. Trashed ones come marked so.

        Raises Unavailable when every id is missing and the store shows no other order either.
        """

    def get_products(self, ids: Sequence[str]) -> tuple[Product, ...]:
        """What the store tells of these products, a hundred a request; without those that are not there (any more)."""

    def add_note(self, order_id: str, text: str, key: str) -> str:
        """Write a private note, for staff; returns its id.

        `key` is the same whenever the same note is meant, and no other's: a platform that can hold marks writes no
        note twice under one key.
        """

    def find_note(self, order_id: str, text: str, key: str, since: datetime, credited: Collection[str]) -> str | None:
        """The id of the private note of this key; where keys leave no mark, of one with exactly this text, written
        at or after `since`, whose id is not `credited`.

        None is only said when the order and its notes were readable.
        """

    def send_message(self, order_id: str, text: str, subject: str | None, key: str) -> str:
        """Send a message to the order's customer by the platform's own means; returns its id."""

    def find_message(
        self, order_id: str, text: str, key: str, since: datetime, credited: Collection[str]
    ) -> str | None:
        """As `find_note`, for a message. Raises Unsupported where the platform cannot tell."""

    def add_tags(self, order_id: str, tags: Sequence[str]) -> None:
        """Add tags to the order, keeping those it has; doing it twice changes nothing."""

    def set_status(self, order_id: str, status: str) -> None:
        """Move the order to `status`, if it is not there yet."""

    def create_coupon(self, coupon: Coupon) -> None:
        """Make the coupon. A code that exists already is ours (codes are derived from the follow-up), and fine."""

    def find_coupon(self, code: str) -> bool:
        """Whether a coupon of this code exists."""

    def close(self) -> None:
        """Give back connections."""
