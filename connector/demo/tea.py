"""Leaf & Lemon, a tea shop on WooCommerce: what can happen there, in the words of the story."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Literal

from adapters.http import READ_TRIES
from adapters.sandbox.clock import Clock
from adapters.sandbox.server import Request
from adapters.sandbox.woocommerce import WooSandbox
from connector.deciding import let_go
from connector.demo.stage import Act, Kept, Mail, Products, Sale
from connector.shop import Shop
from connector.store import followups
from connector.store.followups import Followup


@dataclass(frozen=True, slots=True)
class TeaShop:
    """The stage of the tea shop."""

    store: WooSandbox
    platform: str = "WooCommerce"
    markup: Literal["html", "plain"] = "html"

    @property
    def settings(self) -> Mapping[str, str]:
        return {
            "TEA_URL": self.store.url,
            "TEA_WC_KEY": self.store.consumer_key,
            "TEA_WC_SECRET": self.store.consumer_secret,
        }

    def in_order(self, what: str, sale: Sale, products: Products) -> Act:
        if what in _BEGINNINGS:
            return lambda _: _begin(self.store, sale, products, _BEGINNINGS[what])
        if what in _STATUSES:
            return lambda _: self.store.set_status(int(sale.order_id), _STATUSES[what])
        do = partial(_OTHERWISE[what], self.store, sale, products)
        return lambda _: do()

    def in_shop(self, what: str) -> Act:
        return partial(_OF_SHOP[what], self.store)

    def order_ids(self) -> Sequence[str]:
        return [str(order.id) for order in self.store.orders]

    def is_order(self, order_id: str) -> bool:
        return True  # unfinished checkouts are among them

    def mails(self) -> Sequence[Mail]:
        return [(str(mail.order_id), mail.body) for mail in self.store.mails]

    def kept(self, shop: Shop, rows: Iterable[Followup]) -> Mapping[int, Kept]:
        """The notes that the worker's records name."""
        return {
            row.id: Kept(note.at, note.text)
            for row in rows
            for note in self.store.notes(int(row.order_id))
            if str(note.id) == row.result
        }

    def count_coupons(self) -> int:
        return len(self.store.coupons)

    def count_requests(self) -> int:
        return len(self.store.requests)


@contextmanager
def tea_shop(clock: Clock, zone: str) -> Iterator[TeaShop]:
    """Open the tea shop."""
    statuses = ("delivered", "ready-for-pickup")
    with WooSandbox(clock=clock, zone=zone, statuses=statuses, name="Leaf & Lemon") as store:
        yield TeaShop(store)


# What happens to an order -------------------------------------------------------------------------------------

_BEGINNINGS: Mapping[str, Mapping[str, str]] = {
    "placed": {"status": "processing"},
    "placed by bank transfer": {
        "status": "on-hold",
        "payment_method": "bacs",
        "payment_method_title": "Bank transfer",
    },
    "payment fails": {"status": "failed"},
    "left at the checkout": {"status": "checkout-draft"},
}
_STATUSES = {
    "paid": "processing",
    "ready for pickup": "ready-for-pickup",
    "delivered": "delivered",
    "completed": "completed",
    "cancelled": "cancelled",
}


def _begin(store: WooSandbox, sale: Sale, products: Products, how: Mapping[str, str]) -> None:
    items = [products[name] for name in sale.buys]
    order_id = store.add_order(**how, billing=_billing(sale), items=items, meta=_meta(sale))  # type: ignore[arg-type]
    sale.order_id = str(order_id)


def _billing(sale: Sale) -> dict[str, str]:
    return {"first_name": sale.who} | ({} if sale.email is None else {"email": sale.email}) if sale.who else {}


def _meta(sale: Sale) -> dict[str, str]:
    """What plugins note of the customer: the language, and whether they agreed to marketing."""
    language = {"wpml_language": sale.language} if sale.language else {}
    return {"newsletter": "yes" if sale.agreed else "no", **language}


def _ordered_after_all(store: WooSandbox, sale: Sale, products: Products) -> None:
    """The abandoned checkout becomes a real order, under its old id."""
    store.edit(
        int(sale.order_id),
        billing={"email": f"customer{sale.order_id}@example.com", **_billing(sale)},
        items=[products[name] for name in sale.buys],
        meta=_meta(sale),
        status="processing",
    )


def _shipped(store: WooSandbox, sale: Sale, _: Products) -> None:
    """The order gets a parcel, as the shipment tracking plugins write it."""
    order_id = int(sale.order_id)
    number = f"CC{order_id}{len(sale.parcels) + 1:03}IL"
    parcel = {
        "tracking_provider": "",
        "custom_tracking_provider": "Camel Couriers",
        "custom_tracking_link": f"https://track.example.com/{number}",
        "tracking_number": number,
        "date_shipped": str(int(store.now().timestamp())),
        "tracking_id": number.lower(),
    }
    sale.parcels.append(parcel)
    store.set_meta(order_id, "_wc_shipment_tracking_items", list(sale.parcels))


_OTHERWISE: Mapping[str, Callable[[WooSandbox, Sale, Products], object]] = {
    "ordered after all": _ordered_after_all,
    "shipped": _shipped,
    "edited": lambda store, sale, _: store.edit(int(sale.order_id), customer_note="Please ring twice"),
    "refunded": lambda store, sale, _: store.set_status(int(sale.order_id), "refunded"),
    "partly refunded": lambda store, sale, _: store.refund(int(sale.order_id), "20.00", "A cracked lid"),
    "trashed": lambda store, sale, _: store.trash(int(sale.order_id)),
}


# What happens to the shop -------------------------------------------------------------------------------------


def _lose_the_next_answer(store: WooSandbox, _: Shop) -> None:
    """A message is stored and mailed, then the line breaks; and the notes cannot be read for a moment, either."""

    def is_message(request: Request) -> bool:
        written = request.method == "POST" and request.path.endswith("/notes")
        return written and bool(json.loads(request.body).get("customer_note"))

    def is_question(request: Request) -> bool:
        return request.method == "GET" and request.path.endswith("/notes")

    store.fail_next("reset", match=is_message, after_commit=True)
    store.fail_next("reset", match=is_question, times=READ_TRIES)


def _let_go(_: WooSandbox, shop: Shop) -> None:
    """What `aftersale approve` does."""
    with shop.database.read() as connection:
        held = [row.id for row in followups.in_state(connection, ["held"], shop.id)]
    let_go(shop, held)


_OF_SHOP: Mapping[str, Callable[[WooSandbox, Shop], object]] = {
    "goes down": lambda store, _: store.stop(),
    "comes back": lambda store, _: store.start(),
    "the next answer is lost": _lose_the_next_answer,
    "the owner lets go what is held": _let_go,
}
