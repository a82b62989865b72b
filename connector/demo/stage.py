"""What the demo asks of a sandbox store, whatever its platform: to let things happen, and to be looked into."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol

from msgspec import Struct

from connector.shop import Shop
from connector.store.followups import Followup

Act = Callable[[Shop], object]
"""Makes something happen. It is given the shop as the worker holds it, for what its owner decides there."""

Products = Mapping[str, Mapping[str, str | int]]


class Sale(Struct):
    """One customer's order: what is bought, and what becomes of it, by month, day and time.

    `agreed` is whether they have agreed to marketing. `order_id` and `parcels` are as the store knows them, and come
    about as it is played.
    """

    buys: list[str]
    life: dict[str, str]
    who: str = ""
    language: str | None = None
    email: str | None = None
    agreed: bool = True
    order_id: str = ""
    parcels: list[Any] = []


@dataclass(frozen=True, slots=True)
class Kept:
    """What a store has of a message or a note: since when (UTC), and its words, in the store's markup.

    `subject` is that of the mail, where the store lets us choose it.
    """

    at: datetime
    words: str
    subject: str | None = None


Mail = tuple[str, str]
"""Something that a store has mailed to a customer: the id of the order, and the words."""


class Stage(Protocol):
    """An open sandbox store, on which a story is played."""

    @property
    def platform(self) -> str:
        """What people call it."""

    @property
    def markup(self) -> Literal["html", "plain"]:
        """What its messages and notes are written in."""

    @property
    def settings(self) -> Mapping[str, str]:
        """What the demo's config has to know of it, by the names of its variables."""

    def in_order(self, what: str, sale: Sale, products: Products) -> Act:
        """What happens to an order, by its words in the story. Raises KeyError for others."""

    def in_shop(self, what: str) -> Act:
        """What happens to the store as a whole. Raises KeyError for other words."""

    def order_ids(self) -> Sequence[str]:
        """The ids of all orders and unfinished checkouts, as they came in."""

    def is_order(self, order_id: str) -> bool:
        """Whether this is one that people would call an order, and not an unfinished checkout elsewhere."""

    def mails(self) -> Sequence[Mail]:
        """All that went out to customers, in the order it did."""

    def kept(self, shop: Shop, rows: Iterable[Followup]) -> Mapping[int, Kept]:
        """What the store has of these messages and notes, by the follow-up's id; of some there may be nothing."""

    def count_coupons(self) -> int:
        """How many coupons it has."""

    def count_requests(self) -> int:
        """How many requests came in."""
