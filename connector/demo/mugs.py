"""Cup & Saucer, a shop for mugs on Shopify: what can happen there, in the words of the story."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from itertools import groupby
from operator import attrgetter
from typing import Any, Literal

from adapters.sandbox.clock import Clock
from adapters.sandbox.shopify import ShopifySandbox, runs
from adapters.sandbox.shopify.records import Metafield
from adapters.shopify.raw import CHECKOUT
from connector.deciding import take_word
from connector.demo.stage import Act, Kept, Mail, Products, Sale
from connector.prepare import world_of
from connector.shop import Shop
from connector.store import followups
from connector.store.followups import Followup


@dataclass(frozen=True, slots=True)
class MugShop:
    """The stage of the shop for mugs. `checkouts` are the numbers of those that were left."""

    store: ShopifySandbox
    checkouts: list[str]
    platform: str = "Shopify"
    markup: Literal["html", "plain"] = "plain"

    @property
    def settings(self) -> Mapping[str, str]:
        return {
            "MUGS_URL": self.store.url,
            "MUGS_CLIENT_ID": self.store.client_id,
            "MUGS_CLIENT_SECRET": self.store.client_secret,
        }

    def in_order(self, what: str, sale: Sale, products: Products) -> Act:
        if what in _BEGINNINGS:
            return lambda _: _BEGINNINGS[what](self, sale, products)
        if what in _OF_CARRIER:
            parcel, status = _OF_CARRIER[what]
            return lambda _: self.store.carrier(sale.order_id, sale.parcels[parcel], status)
        do = partial(_OTHERWISE[what], self.store, sale)
        return lambda _: do()

    def in_shop(self, what: str) -> Act:
        return partial(_OF_SHOP[what], self)

    def order_ids(self) -> Sequence[str]:
        return [*(str(order.id) for order in self.store.orders), *(CHECKOUT + number for number in self.checkouts)]

    def is_order(self, order_id: str) -> bool:
        return not order_id.startswith(CHECKOUT)

    def mails(self) -> Sequence[Mail]:
        return [(invoice.order_id, invoice.custom_message or "") for invoice in self.store.invoices]

    def kept(self, shop: Shop, rows: Iterable[Followup]) -> Mapping[int, Kept]:
        """For messages, the invoices that went out under their marks; for notes, the one note that the order has."""
        rows = list(rows)
        notes = [row for row in rows if row.kind == "add_note"]
        return _invoices(self.store, shop, [row for row in rows if row.kind == "send"]) | {
            row.id: Kept(mark.created, self.store.note(row.order_id) or "")
            for row in notes
            if (mark := _mark_of(self.store, shop, row)) is not None
        }

    def count_coupons(self) -> int:
        return len(self.store.coupons)

    def count_requests(self) -> int:
        return len(self.store.requests)


@contextmanager
def mug_shop(clock: Clock, zone: str) -> Iterator[MugShop]:
    """Open the shop for mugs."""
    # Without a limit: a bucket would fill by the clock that is moved, while its client waits by the one on the wall.
    with ShopifySandbox(clock=clock, zone=zone, name="Cup & Saucer", restore_rate=None) as store:
        yield MugShop(store, [])


# What was sent ------------------------------------------------------------------------------------------------

A_TRY = timedelta(minutes=1)
"""How long after the mark of a try its mail may have gone out."""


def _mark_of(store: ShopifySandbox, shop: Shop, row: Followup) -> Metafield | None:
    """The mark that a follow-up has left on its order."""
    key = world_of(shop, row).key
    return next((mark for mark in store.metafields(row.order_id) if mark.key == key), None)


def _invoices(store: ShopifySandbox, shop: Shop, rows: Iterable[Followup]) -> dict[int, Kept]:
    """For each message its own mail: Shopify's invoices name no message, but its mark says when it was tried."""
    found: dict[int, Kept] = {}
    for order_id, of_order in groupby(sorted(rows, key=attrgetter("order_id")), attrgetter("order_id")):
        invoices = [invoice for invoice in store.invoices if invoice.order_id == order_id]
        marked = [(mark, row) for row in of_order if (mark := _mark_of(store, shop, row)) is not None]
        for mark, row in sorted(marked, key=lambda each: each[0].id):
            ours = (each for each in invoices if mark.created <= each.at <= mark.updated + A_TRY)
            if (invoice := next(ours, None)) is not None:
                invoices.remove(invoice)
                found[row.id] = Kept(invoice.at, invoice.custom_message or "", invoice.subject)
    return found


# What happens to an order -------------------------------------------------------------------------------------


def _goods(sale: Sale, products: Products) -> dict[str, Any]:
    """Who buys what, as the checkout has it."""
    email = {} if sale.email is None else {"email": sale.email}
    consent = "SUBSCRIBED" if sale.agreed else "NOT_SUBSCRIBED"
    return {
        "customer": {"first_name": sale.who, "locale": sale.language, "email_consent": consent, **email},
        "items": [products[name] for name in sale.buys],
    }


def _place(stage: MugShop, sale: Sale, products: Products) -> None:
    sale.order_id = stage.store.add_order(**_goods(sale, products), locale=sale.language)


def _leave(stage: MugShop, sale: Sale, products: Products) -> None:
    stage.checkouts.append(stage.store.add_checkout(**_goods(sale, products)))


def _ship(store: ShopifySandbox, sale: Sale, *, first_only: bool = False, estimated: timedelta | None = None) -> None:
    """A parcel leaves, with all that has not left yet or with the first line alone."""
    number = f"PP{store.order(sale.order_id).number}{len(sale.parcels) + 1:03}IL"
    parcel = store.fulfill(
        sale.order_id,
        {store.line_ids(sale.order_id)[0]: 1} if first_only else None,
        company="Pelican Post",
        tracking_number=number,
        tracking_url=f"https://track.example.org/{number}",
        estimated_delivery_at=None if estimated is None else store.now() + estimated,
    )
    sale.parcels.append(parcel)


_BEGINNINGS: Mapping[str, Callable[[MugShop, Sale, Products], object]] = {
    "placed": _place,
    "left at the checkout": _leave,
}
_OF_CARRIER = {
    "out for delivery": (-1, "OUT_FOR_DELIVERY"),
    "nobody at home": (-1, "ATTEMPTED_DELIVERY"),
    "delivered": (-1, "DELIVERED"),
    "first parcel delivered": (0, "DELIVERED"),
    "second parcel delivered": (1, "DELIVERED"),
}
"""What the carrier tells, of which parcel. Shopify moves no date of the order for it."""

_OTHERWISE: Mapping[str, Callable[[ShopifySandbox, Sale], object]] = {
    "shipped": _ship,
    "shipped in part": partial(_ship, first_only=True),
    "shipped, expected in two days": partial(_ship, estimated=timedelta(days=2)),
    "the owner notes something": lambda store, sale: store.set_note(
        sale.order_id, "Called: please leave it with the neighbours.\nGift wrap, the blue paper."
    ),
    "refunded": lambda store, sale: store.refund(sale.order_id),
    "partly refunded": lambda store, sale: store.refund(sale.order_id, "20.00", note="A chipped saucer"),
    "return requested": lambda store, sale: store.request_return(sale.order_id),
    "return closed": lambda store, sale: store.close_return(
        sale.order_id, str(store.order(sale.order_id).returns[-1].id)
    ),
}


# What happens to the shop -------------------------------------------------------------------------------------


def _look_up(stage: MugShop, shop: Shop) -> None:
    """What `aftersale settle` does, with what the shop's owner finds that was mailed."""
    with shop.database.read() as connection:
        held = [row for row in followups.in_state(connection, ["held"], shop.id) if row.held_for == "outcome"]
        rows = followups.of_orders(connection, shop.id, [row.order_id for row in held])
    went_out = _invoices(stage.store, shop, [row for row in rows if row.kind == "send"])
    for row in held:
        take_word(shop, [row.id], sent=row.id in went_out)


_OF_SHOP: Mapping[str, Callable[[MugShop, Shop], object]] = {
    "asks everybody to slow down": lambda stage, _: stage.store.fail_next("429", times=None),
    "has time again": lambda stage, _: stage.store.faults.clear(),
    "the next answer is lost": lambda stage, _: stage.store.fail_next(
        "reset", match=runs("InvoiceSend"), after_commit=True
    ),
    "the owner looks up what is held": _look_up,
}
