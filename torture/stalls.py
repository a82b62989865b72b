"""The two sandboxes seen alike: orders are placed in them, and what customers and orders received is counted."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import count
from typing import Protocol

from adapters.sandbox.clock import Clock
from adapters.sandbox.server import Request, Response
from adapters.sandbox.shopify import ShopifySandbox
from adapters.sandbox.shopify.endpoint import asked
from adapters.sandbox.woocommerce import WooSandbox

Matcher = Callable[[Request], bool]
Fault = tuple[str, bool]
"""What goes wrong with a request: how, and whether after it took effect."""


class Stall(Protocol):
    """A sandbox store. Orders are named by their ids, as text."""

    dialect: str
    config: str
    """The store's keys in config.yaml, beside its `id`."""
    faults: tuple[Fault, ...]

    @property
    def store(self) -> WooSandbox | ShopifySandbox: ...
    def place(self) -> str:
        """An order, paid for by a customer who has made no other."""

    def sell(self, email: str, sku: str, pieces: int, *, is_paid: bool) -> str:
        """An order of so many pieces at 100 each, by whoever has this address: they may have bought before."""

    def pay(self, order: str) -> None: ...
    def number(self, order: str) -> str:
        """What people call it."""

    def address(self, order: str, channel: str) -> str:
        """Where its customer is reached, by email or else by phone."""

    def complete(self, order: str) -> None:
        """The order is sent, and that is all."""

    def refund(self, order: str) -> None: ...
    def touch(self, order: str) -> None: ...
    def fill(self, order: str, field: str, value: str, *, quietly: bool = False) -> None:
        """Write a custom field; `quietly`, its date of change stays as it was."""

    def remark(self, order: str, text: str) -> None:
        """One of the staff writes a note."""

    def received(self, order: str) -> Counter[str]: ...
    def kind(self, request: Request) -> str: ...
    def is_write(self, request: Request) -> bool: ...


REFUSED: Fault = ("refused", False)
"""Nobody is there: connections are refused."""

WELL_KNOWN: tuple[Fault, ...] = (
    *(("reset", False), ("reset", True), ("timeout", False), ("timeout", True), ("late", False), ("truncated", True)),
    *((status, after) for status in ("500", "502", "503") for after in (False, True)),
    *((how, False) for how in ("401", "403", "404", "409", "423", "429", "429 later", "empty_list")),
    *((how, after) for how in ("html", "wrong_json") for after in (False, True)),
    REFUSED,
)
"""The faults that whatever speaks HTTP may have. `429 later` has a Retry-After; `late` is slow, but not too slow."""

PATIENCE = 0.8
"""Seconds that stores and providers have for an answer where they may fail: ample for an honest one."""
DELAYS = {"timeout": 2 * PATIENCE, "late": PATIENCE / 5}
"""Seconds that the faults take which take any."""


def _answering(status: int, body: bytes, *headers: tuple[str, str]) -> Callable[[Request], Response]:
    return lambda request: Response(status, body, headers)


_JSON = ("Content-Type", "application/json")
_BEYOND = {
    "409": _answering(409, b'{"errors":"Conflict"}', _JSON),
    "423": _answering(423, b'{"errors":"Locked"}', _JSON),
    "429 later": _answering(429, b"{}", _JSON, ("Retry-After", "900")),
    "html": _answering(200, b"<!DOCTYPE html><html><body>Welcome</body></html>", ("Content-Type", "text/html")),
    "wrong_json": _answering(200, b'{"success":false,"data":"0"}', _JSON),
}


def taught(canned: Mapping[str, Callable[[Request], Response]]) -> Mapping[str, Callable[[Request], Response]]:
    """The bad answers of a server, and those that it has not of its own."""
    return {**_BEYOND, **canned}


PRODUCTS = {"LENS": 10, "TEA": 11}
"""What is sold to people who come back: article numbers, and the products that they are."""


class WooStall:
    """A WooCommerce store."""

    dialect = "woocommerce"
    faults = (*WELL_KNOWN, ("php_notice", True), ("bom", True))

    def __init__(self, clock: Clock) -> None:
        self._store = WooSandbox(clock=clock)
        self._store.start()
        self._store.faults.canned = taught(self._store.faults.canned)
        self._phones = _phones()
        self.config = f"url: {self._store.url}, consumer_key: ck_sandbox, consumer_secret: cs_sandbox"

    @property
    def store(self) -> WooSandbox:
        return self._store

    def place(self) -> str:
        return str(self._store.add_order(billing={"phone": next(self._phones)}, shipping={"phone": ""}))

    def sell(self, email: str, sku: str, pieces: int, *, is_paid: bool) -> str:
        item = {"name": sku, "sku": sku, "product_id": PRODUCTS[sku], "price": "100", "quantity": pieces}
        status, person = "processing" if is_paid else "pending", {"email": email, "phone": ""}
        sold = self._store.add_order(
            status=status, billing=person, shipping={"phone": ""}, items=[item], shipping_total="0"
        )
        return str(sold)

    def pay(self, order: str) -> None:
        self._store.set_status(int(order), "processing")

    def number(self, order: str) -> str:
        return order

    def address(self, order: str, channel: str) -> str:
        return self._store.order(int(order)).billing["email" if channel == "email" else "phone"]

    def complete(self, order: str) -> None:
        self._store.set_status(int(order), "completed")

    def refund(self, order: str) -> None:
        self._store.refund(int(order))

    def touch(self, order: str) -> None:
        self._store.edit(int(order), customer_note="Please ring twice")

    def fill(self, order: str, field: str, value: str, *, quietly: bool = False) -> None:
        self._store.set_meta(int(order), field, value, bump=not quietly)

    def remark(self, order: str, text: str) -> None:
        self._store.write_note(int(order), text)

    def received(self, order: str) -> Counter[str]:
        coupons = self._store.coupons
        mails = (mail.body for mail in self._store.mails if mail.order_id == int(order))
        private = (note.text for note in self._store.notes(int(order)) if not note.customer)
        tags = (str(meta.value) for meta in self._store.order(int(order)).meta if meta.key == "aftersale_tags")
        return Counter(
            [
                *(f"mail: {_without_codes(body, coupons)}" for body in mails),
                *(f"note: {text}" for text in private if not text.startswith("Order status changed")),
                *(f"tag: {tag.strip()}" for value in tags for tag in value.split(",") if tag.strip()),
            ]
        )

    def kind(self, request: Request) -> str:
        path = re.sub(r"\d+", "N", request.path.partition("/wp-json")[2] or request.path)
        which = [name for name in ("include", "search", "code") if request.params.get(name)]
        fields = re.findall(rb'"(status|meta_data|customer_note":true)', request.body) if self.is_write(request) else []
        return " ".join([request.method, path, *which, *sorted({field.decode() for field in fields})])

    def is_write(self, request: Request) -> bool:
        return request.method != "GET"


class ShopifyStall:
    """A Shopify store, whose messages go out as invoice e-mails."""

    dialect = "shopify"
    faults = (
        *WELL_KNOWN,
        *((how, False) for how in ("402", "430", "THROTTLED", "INTERNAL_SERVER_ERROR", "userErrors", "redirect")),
        *((how, True) for how in ("bom", "INTERNAL_SERVER_ERROR")),
    )

    def __init__(self, clock: Clock) -> None:
        self._store = ShopifySandbox(clock=clock, restore_rate=None)
        self._store.start()
        self._store.faults.canned = taught(self._store.faults.canned)
        self._phones = _phones()
        self.config = f"url: {self._store.url}, access_token: shpat_sandbox, platform_messages: invoice"

    @property
    def store(self) -> ShopifySandbox:
        return self._store

    def place(self) -> str:
        customer = {"first_name": "Noa", "last_name": "Example", "phone": next(self._phones), "locale": "he"}
        return self._store.add_order(customer=customer)

    def sell(self, email: str, sku: str, pieces: int, *, is_paid: bool) -> str:
        item = {"title": sku, "sku": sku, "product_id": PRODUCTS[sku], "price": "100", "quantity": pieces}
        person = {"first_name": "Noa", "last_name": "Example", "email": email, "phone": None, "locale": "en"}
        return self._store.add_order(paid=is_paid, customer=person, items=[item], shipping_total="0", locale="en")

    def pay(self, order: str) -> None:
        self._store.pay(order)

    def number(self, order: str) -> str:
        return str(self._store.order(order).number)

    def address(self, order: str, channel: str) -> str:
        customer = self._store.order(order).customer
        assert customer is not None
        return str(customer.email if channel == "email" else customer.phone)

    def complete(self, order: str) -> None:
        self._store.fulfill(order)

    def refund(self, order: str) -> None:
        self._store.refund(order)

    def touch(self, order: str) -> None:
        self.fill(order, "gift", "yes")

    def fill(self, order: str, field: str, value: str, *, quietly: bool = False) -> None:
        known = self._store.order(order)
        updated = known.updated if quietly else self._store.now()
        self._store.edit(order, attributes={**known.attributes, field: value}, updated=updated)

    def remark(self, order: str, text: str) -> None:
        self._store.comment(order, text)

    def received(self, order: str) -> Counter[str]:
        coupons = self._store.coupons
        mails = (mail.custom_message or "" for mail in self._store.invoices if _number(mail.order_id) == order)
        return Counter(
            [
                *(f"mail: {_without_codes(body, coupons)}" for body in mails),
                *(f"note: {line}" for line in (self._store.note(order) or "").splitlines() if line),
                *(f"tag: {tag}" for tag in self._store.tags(order)),
            ]
        )

    def kind(self, request: Request) -> str:
        return asked(request).operation or f"{request.method} {request.path}"

    def is_write(self, request: Request) -> bool:
        return asked(request).document.lstrip().startswith("mutation")


STALLS: dict[str, Callable[[Clock], Stall]] = {"woocommerce": WooStall, "shopify": ShopifyStall}


def _phones() -> Iterator[str]:
    """A mobile number for each customer."""
    return (f"+97250{number}" for number in count(2_000_001))


def _number(gid: str) -> str:
    return gid.rpartition("/")[2]


def _without_codes(text: str, coupons: Iterable[str]) -> str:
    """A message with CODE where it names a coupon of this store's: the codes differ, and have to be real."""
    known = {code.lower() for code in coupons}
    return re.sub(r"[\w-]+", lambda word: "CODE" if word[0].lower() in known else word[0], text)
