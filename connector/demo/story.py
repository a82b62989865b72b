"""What happens in the demo, and when: `story.yaml`, read and made ready to be played on a sandbox store."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from importlib.resources import files
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Struct

from adapters.http import READ_TRIES
from adapters.sandbox.server import Request
from adapters.sandbox.woocommerce import WooSandbox
from connector.deciding import let_go
from connector.shop import Shop
from connector.store import followups
from rules.document import parse

Act = Callable[[WooSandbox, Shop], None]


@dataclass(frozen=True, slots=True)
class Happening:
    """Something that customers, couriers, the owner or the shop's host do, at `at` (UTC)."""

    at: datetime
    act: Act


@dataclass(frozen=True, slots=True)
class Story:
    """All that happens, in order. The shop is looked after from `begins` to `ends` (UTC)."""

    begins: datetime
    ends: datetime
    happenings: tuple[Happening, ...]


def read_story(zone: ZoneInfo) -> Story:
    """The demo's story; its times are on the clocks of `zone`."""
    document = parse(files("connector.demo").joinpath("story.yaml").read_text(encoding="utf-8"), "story.yaml")
    script = msgspec.convert(document.data, _Script)
    begins = _moment(script.begins, zone)
    happenings = [Happening(_moment(f"{begins.year}-{moment}", zone), act) for moment, act in _acts(script)]
    return Story(begins, _moment(script.ends, zone), tuple(sorted(happenings, key=lambda each: each.at)))


class _Sale(Struct):
    """One customer's order: what is bought, and what becomes of it, by month, day and time."""

    buys: list[str]
    life: dict[str, str]
    who: str = ""
    language: str | None = None
    email: str | None = None
    order_id: int = 0
    parcels: list[dict[str, str]] = []


class _Script(Struct):
    begins: str
    ends: str
    products: dict[str, dict[str, str | int]]
    orders: list[_Sale]
    shop: dict[str, str]


def _acts(script: _Script) -> Iterator[tuple[str, Act]]:
    for sale in script.orders:
        for moment, what in sale.life.items():
            yield moment, _of_order(what, sale, script.products)
    for moment, what in script.shop.items():
        yield moment, _OF_SHOP[what]


def _moment(text: str, zone: ZoneInfo) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC)


# What happens to an order -------------------------------------------------------------------------------------

Products = Mapping[str, Mapping[str, str | int]]

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


def _of_order(what: str, sale: _Sale, products: Products) -> Act:
    if what in _BEGINNINGS:
        return lambda store, _: _begin(store, sale, products, _BEGINNINGS[what])
    if what in _STATUSES:
        return lambda store, _: store.set_status(sale.order_id, _STATUSES[what])
    return partial(_OTHERWISE[what], sale, products)


def _begin(store: WooSandbox, sale: _Sale, products: Products, how: Mapping[str, str]) -> None:
    items = [products[name] for name in sale.buys]
    meta = {"wpml_language": sale.language} if sale.language else {}
    sale.order_id = store.add_order(**how, billing=_billing(sale), items=items, meta=meta)  # type: ignore[arg-type]


def _billing(sale: _Sale) -> dict[str, str]:
    return {"first_name": sale.who} | ({} if sale.email is None else {"email": sale.email}) if sale.who else {}


def _ordered_after_all(sale: _Sale, products: Products, store: WooSandbox, _: Shop) -> None:
    """The abandoned checkout becomes a real order, under its old id."""
    store.edit(
        sale.order_id,
        billing={"email": f"customer{sale.order_id}@example.com", **_billing(sale)},
        items=[products[name] for name in sale.buys],
        meta={"wpml_language": sale.language},
        status="processing",
    )


def _shipped(sale: _Sale, _: Products, store: WooSandbox, __: Shop) -> None:
    """The order gets a parcel, as the shipment tracking plugins write it."""
    number = f"CC{sale.order_id}{len(sale.parcels) + 1:03}IL"
    parcel = {
        "tracking_provider": "",
        "custom_tracking_provider": "Camel Couriers",
        "custom_tracking_link": f"https://track.example.com/{number}",
        "tracking_number": number,
        "date_shipped": str(int(store.now().timestamp())),
        "tracking_id": number.lower(),
    }
    sale.parcels.append(parcel)
    store.set_meta(sale.order_id, "_wc_shipment_tracking_items", list(sale.parcels))


_OTHERWISE: Mapping[str, Callable[[_Sale, Products, WooSandbox, Shop], None]] = {
    "ordered after all": _ordered_after_all,
    "shipped": _shipped,
    "edited": lambda sale, _, store, __: store.edit(sale.order_id, customer_note="Please ring twice"),
    "refunded": lambda sale, _, store, __: store.set_status(sale.order_id, "refunded"),
    "partly refunded": lambda sale, _, store, __: _refund_a_bit(store, sale.order_id),
    "trashed": lambda sale, _, store, __: store.trash(sale.order_id),
}


def _refund_a_bit(store: WooSandbox, order_id: int) -> None:
    store.refund(order_id, "20.00", "A cracked lid")


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


_OF_SHOP: Mapping[str, Act] = {
    "goes down": lambda store, _: store.stop(),
    "comes back": lambda store, _: store.start(),
    "the next answer is lost": _lose_the_next_answer,
    "the owner lets go what is held": _let_go,
}
