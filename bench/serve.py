"""A loopback server of ready-made WooCommerce orders, so cheap that a benchmark measures its client.

    python -m bench.serve --orders 20000 --kb 3.6

prints the base URL once it listens. Every order is rendered beforehand; a request only joins bytes.
Orders are numbered from 0, oldest first: number n was created and last modified n minutes after the
start of 2026, so no two share a second, and to order by id, date or modified is the same. HTTP/1.1 keep-
alive; orders are listed by page, per_page, order, include, exclude, modified_after and modified_before
(naive UTC). Whatever else stands in a query is ignored, keys and signatures too.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import subprocess
import sys
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import formatdate
from functools import partial
from itertools import count, islice
from pathlib import Path
from socket import create_server, socket
from typing import Any
from urllib.parse import parse_qsl
from urllib.request import urlopen
from zoneinfo import ZoneInfo

API = "/wp-json/wc/v3/"
FIRST_ID = 1001
START = datetime(2026, 1, 1, tzinfo=UTC)
SPACING = timedelta(minutes=1)
ZONE = ZoneInfo("Asia/Jerusalem")
KB = 1000
SHOP_URL = "http://shop.example.com"


# --- for benchmarks -------------------------------------------------------------------------------


@contextmanager
def start(orders: int, latency_ms: int = 0, kb: float = 3.6, module: str = "bench.serve") -> Iterator[str]:
    """Serve from a process of its own while the block runs; gives the base URL, without a slash at its end.

    Each write is answered `latency_ms` milliseconds after it came. `module` is this one, or another that takes the
    same options.
    """
    options = [f"--orders={orders}", f"--latency-ms={latency_ms}", f"--kb={kb}"]
    process = subprocess.Popen(
        [sys.executable, "-m", module, *options],
        cwd=Path(__file__).parent.parent,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        if not url:
            raise RuntimeError(f"{module} stopped before it listened; its reason stands above")
        yield url
    finally:
        process.terminate()
        process.communicate()


def counts(url: str) -> Counter[str]:
    """How many requests `url` has had so far, by method and path: `POST /wp-json/wc/v3/orders/<id>/notes`."""
    with urlopen(f"{url}/__count") as answer:
        return Counter(json.load(answer))


# --- the orders -----------------------------------------------------------------------------------

PEOPLE = (
    ("Alice", "Example", "1 Sample Street", "Sampleton", "GB"),
    ("ישראלה", "ישראלי", "רחוב הדוגמה 2", "תל דוגמה", "IL"),
    ("Иван", "Примеров", "ул. Образцовая 3", "Примерск", "IL"),
    ("أمثال", "المثال", "شارع المثال ٤", "مدينة المثال", "AE"),
)
PRODUCTS = (
    ("Ceramic mug &amp; saucer", "MUG-1", 4990),
    ("תה צמחים בתפזורת", "TEA-1", 3450),
    ("Кофе в зёрнах", "COFFEE-1", 6200),
    ("Contact lenses, 30 days", "LENS-30", 12900),
)
STATUSES = (
    "completed",
    "completed",
    "completed",
    "processing",
    "on-hold",
    "pending",
    "cancelled",
    "refunded",
)
PAID = frozenset({"completed", "processing", "refunded"})
FILLER = "filler-goes-here"


def render(number: int, size: int) -> bytes:
    """Order `number` (from 0) as WordPress writes JSON, filled up to `size` bytes if it is shorter."""
    text = json.dumps(_order(number), separators=(",", ":")).replace("/", "\\/")
    missing = max(size - len(text) + len(FILLER), 0)
    return text.replace(FILLER, "x" * missing).encode()


def modified_gmt(number: int) -> str:
    return _stamp(START + number * SPACING)


def _stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S")


def _order(number: int) -> dict[str, Any]:
    order_id, moment = FIRST_ID + number, START + number * SPACING
    gmt, local = _stamp(moment), _stamp(moment.astimezone(ZONE))
    status = STATUSES[number % len(STATUSES)]
    first_name, last_name, street, city, country = PEOPLE[number % len(PEOPLE)]
    address = {
        "first_name": first_name,
        "last_name": last_name,
        "company": "",
        "address_1": street,
        "address_2": "",
        "city": city,
        "state": "",
        "postcode": "0000000",
        "country": country,
    }
    phone, key = f"+97250{number % 10_000_000:07}", f"wc_order_{order_id:013}"
    items = [_line_item(number, position) for position in range(1 + number % 2)]
    paid, completed = status in PAID, status == "completed"
    return {
        "id": order_id,
        "parent_id": 0,
        "status": status,
        "currency": "ILS",
        "version": "10.5.0",
        "prices_include_tax": False,
        "date_created": local,
        "date_modified": local,
        "discount_total": "0.00",
        "discount_tax": "0.00",
        "shipping_total": "25.00",
        "shipping_tax": "0.00",
        "cart_tax": "0.00",
        "total": f"{sum(float(item['total']) for item in items) + 25:.2f}",
        "total_tax": "0.00",
        "customer_id": number % 5000,
        "order_key": key,
        "billing": address | {"email": f"customer{number % 5000}@example.com", "phone": phone},
        "shipping": address | {"phone": ""},
        "payment_method": "cod",
        "payment_method_title": "Cash on delivery",
        "transaction_id": "",
        "customer_ip_address": "192.0.2.1",
        "customer_user_agent": "",
        "created_via": "checkout",
        "customer_note": "",
        "date_completed": local if completed else None,
        "date_paid": local if paid else None,
        "cart_hash": f"{number:032x}",
        "number": str(order_id),
        "meta_data": _meta(number),
        "line_items": items,
        "tax_lines": [],
        "shipping_lines": [_shipping_line(number)],
        "fee_lines": [],
        "coupon_lines": [],
        "refunds": [{"id": 10_000_000 + number, "reason": "", "total": "-25.00"}] if status == "refunded" else [],
        "payment_url": f"{SHOP_URL}/checkout/order-pay/{order_id}/?pay_for_order=true&key={key}",
        "is_editable": status in {"pending", "on-hold"},
        "needs_payment": status == "pending",
        "needs_processing": True,
        "date_created_gmt": gmt,
        "date_modified_gmt": gmt,
        "date_completed_gmt": gmt if completed else None,
        "date_paid_gmt": gmt if paid else None,
        "currency_symbol": "₪",
        "_links": {
            "self": [
                {
                    "href": f"{SHOP_URL}{API}orders/{order_id}",
                    "targetHints": {"allow": ["GET", "POST", "PUT", "PATCH", "DELETE"]},
                }
            ],
            "collection": [{"href": f"{SHOP_URL}{API}orders"}],
            "email_templates": [
                {"embeddable": True, "href": f"{SHOP_URL}{API}orders/{order_id}/actions/email_templates"}
            ],
            "customer": [{"href": f"{SHOP_URL}{API}customers/{number % 5000}"}],
        },
    }


def _line_item(number: int, position: int) -> dict[str, Any]:
    name, sku, cents = PRODUCTS[(number + position) % len(PRODUCTS)]
    quantity = 1 + number % 3
    total = f"{cents * quantity / 100:.2f}"
    return {
        "id": number * 4 + position + 1,
        "name": name,
        "product_id": 10 + (number + position) % len(PRODUCTS),
        "variation_id": 0,
        "quantity": quantity,
        "tax_class": "",
        "subtotal": total,
        "subtotal_tax": "0.00",
        "total": total,
        "total_tax": "0.00",
        "taxes": [],
        "meta_data": [],
        "sku": sku,
        "global_unique_id": "",
        "price": cents / 100,
        "image": {"id": "", "src": ""},
        "parent_name": None,
    }


def _shipping_line(number: int) -> dict[str, Any]:
    return {
        "id": number * 4 + 4,
        "method_title": "שליח עד הבית",
        "method_id": "flat_rate",
        "instance_id": "",
        "total": "25.00",
        "total_tax": "0.00",
        "taxes": [],
        "tax_status": "taxable",
        "meta_data": [],
    }


def _meta(number: int) -> list[dict[str, Any]]:
    values = {
        "_wc_order_attribution_source_type": "organic",
        "_wc_order_attribution_utm_source": "example",
        "_wc_order_attribution_device_type": "Mobile" if number % 2 else "Desktop",
        "_wc_order_attribution_session_entry": f"{SHOP_URL}/?{FILLER}",
    }
    return [{"id": number * 4 + n, "key": key, "value": value} for n, (key, value) in enumerate(values.items())]


# --- the answers ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Answer:
    body: bytes
    status: str = "200 OK"
    headers: str = ""


Respond = Callable[[str, str, bytes], Answer]
"""Takes a method, a target and a body."""


@dataclass(frozen=True, slots=True)
class Shop:
    """Orders and when they were modified, oldest first; the requests that came; ids for new notes."""

    orders: list[bytes]
    modified: list[str]
    requests: Counter[str] = field(default_factory=Counter)
    note_ids: Iterator[int] = field(default_factory=lambda: count(20_000_000))


def build(orders: int, size: int, url: str) -> Respond:
    """What answers for a shop with so many orders, each of so many bytes; in them it goes by another `url`."""
    shop = Shop([render(number, size) for number in range(orders)], [modified_gmt(n) for n in range(orders)])
    return partial(answer, shop)


def answer(shop: Shop, method: str, target: str, body: bytes) -> Answer:
    """What the shop says to one request."""
    path, _, query = target.partition("?")
    if path == "/__count":
        return _json(shop.requests)
    shop.requests[f"{method} {re.sub('/[0-9]+', '/<id>', path)}"] += 1
    if method == "GET" and path in FIXED:
        return FIXED[path]
    route = path.removeprefix(API).split("/")
    if method == "GET" and route == ["orders"]:
        return _list(shop, dict(parse_qsl(query)))
    if route[0] != "orders" or not route[1].isdecimal():
        return NO_ROUTE
    if not 0 <= int(route[1]) - FIRST_ID < len(shop.orders):
        return NO_ORDER
    match method, route[2:]:
        case "GET" | "PUT", []:
            return Answer(shop.orders[int(route[1]) - FIRST_ID])
        case "GET", ["notes"]:
            return Answer(b"[]")
        case "POST", ["notes"]:
            return _note(shop, json.loads(body))
    return NO_ROUTE


def _list(shop: Shop, query: dict[str, str]) -> Answer:
    first = bisect_right(shop.modified, query["modified_after"][:19]) if "modified_after" in query else 0
    last = bisect_left(shop.modified, query["modified_before"][:19]) if "modified_before" in query else None
    chosen: Sequence[int] = range(len(shop.orders))[first:last]
    if "include" in query:
        chosen = sorted(number for number in _numbers(query["include"]) if number in chosen)
    if query.get("order") != "asc":
        chosen = chosen[::-1]
    excluded = {number for number in _numbers(query.get("exclude", "")) if number in chosen}
    total, size = len(chosen) - len(excluded), int(query.get("per_page", 10))
    begin = (int(query.get("page", 1)) - 1) * size
    if excluded:
        page: Iterable[int] = islice((n for n in chosen if n not in excluded), begin, begin + size)
    else:
        page = chosen[begin : begin + size]  # the hundredth page costs no more than the first
    return Answer(
        b"[" + b",".join([shop.orders[number] for number in page]) + b"]",
        headers=f"X-WP-Total: {total}\r\nX-WP-TotalPages: {-(-total // size)}\r\n",
    )


def _numbers(ids: str) -> set[int]:
    return {int(order_id) - FIRST_ID for order_id in ids.split(",") if order_id}


def _note(shop: Shop, given: dict[str, Any]) -> Answer:
    now = datetime.now(UTC)
    note = {
        "id": next(shop.note_ids),
        "author": "WooCommerce",
        "date_created": _stamp(now.astimezone(ZONE)),
        "date_created_gmt": _stamp(now),
        "note": given["note"],
        "customer_note": bool(given.get("customer_note")),
    }
    return _json(note, "201 Created")


def _json(value: object, status: str = "200 OK") -> Answer:
    return Answer(json.dumps(value).encode(), status)


SITE = {
    "name": "Benchmark",
    "description": "",
    "url": SHOP_URL,
    "home": SHOP_URL,
    "gmt_offset": 2,
    "timezone_string": ZONE.key,
    "namespaces": ["wc/v3", "wp/v2"],
    "authentication": [],
    "routes": {route: {"namespace": "wc/v3"} for route in ("/wc/v3", "/wc/v3/orders", "/wc/v3/system_status")},
}
SYSTEM_STATUS = {
    "environment": {
        "home_url": SHOP_URL,
        "site_url": SHOP_URL,
        "store_id": "00000000-0000-4000-8000-000000000000",
        "version": "10.5.0",
        "wp_version": "6.9.5",
        "language": "en_US",
        "default_timezone": "UTC",
    },
    "active_plugins": [{"plugin": "woocommerce/woocommerce.php", "name": "WooCommerce", "version": "10.5.0"}],
    "settings": {
        "currency": "ILS",
        "currency_symbol": "&#8362;",
        "HPOS_enabled": True,
        "enabled_features": [],
    },
}
NAMES = {
    "pending": "Pending payment",
    "processing": "Processing",
    "on-hold": "On hold",
    "completed": "Completed",
    "cancelled": "Cancelled",
    "refunded": "Refunded",
    "failed": "Failed",
    "checkout-draft": "Draft",
}
FIXED = {
    "/wp-json/": _json(SITE),
    f"{API}system_status": _json(SYSTEM_STATUS),
    f"{API}data/currencies/current": _json({"code": "ILS", "name": "Israeli new shekel", "symbol": "&#8362;"}),
    f"{API}orders/statuses": _json([{"slug": slug, "name": name} for slug, name in NAMES.items()]),
}
NO_ROUTE = _json({"code": "rest_no_route", "message": "No route was found.", "data": {"status": 404}}, "404 Not Found")
NO_ORDER = _json(
    {"code": "woocommerce_rest_shop_order_invalid_id", "message": "Invalid ID.", "data": {"status": 404}},
    "404 Not Found",
)


# --- the wire -------------------------------------------------------------------------------------


class Connection(asyncio.Protocol):
    """One client's connection. Requests are answered one after the other; writes after the latency."""

    def __init__(self, respond: Respond, latency: float) -> None:
        self.respond, self.latency, self.received = respond, latency, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.received += data
        while (request := self._next_request()) is not None:
            method, target, body = request
            if method == "GET":
                self._respond(method, target, body)
            else:
                asyncio.get_running_loop().call_later(self.latency, self._respond, method, target, body)

    def _next_request(self) -> tuple[str, str, bytes] | None:
        head, end, rest = self.received.partition(b"\r\n\r\n")
        _, named, length = head.lower().partition(b"\r\ncontent-length:")
        size = int(length.split(b"\r\n", 1)[0]) if named else 0
        if not end or len(rest) < size:
            return None
        self.received = rest[size:]
        method, target, _ = head.split(b" ", 2)
        return method.decode(), target.decode(), rest[:size]

    def _respond(self, method: str, target: str, body: bytes) -> None:
        said = self.respond(method, target, body)
        head = (
            f"HTTP/1.1 {said.status}\r\nDate: {formatdate(usegmt=True)}\r\n"
            f"Content-Type: application/json; charset=UTF-8\r\n"
            f"{said.headers}Content-Length: {len(said.body)}\r\n\r\n"
        )
        self.transport.writelines([head.encode(), said.body])


async def serve(respond: Respond, latency_ms: int, listening: socket) -> None:
    """Answer on this socket until cancelled, and print the base URL."""
    server = await asyncio.get_running_loop().create_server(
        lambda: Connection(respond, latency_ms / 1000), sock=listening
    )
    async with server:
        print(_url(listening), flush=True)
        await server.serve_forever()


def _url(listening: socket) -> str:
    return f"http://127.0.0.1:{listening.getsockname()[1]}"


def main(build: Callable[[int, int, str], Respond]) -> None:
    """Serve what `build` makes of a number of orders, the size of each in bytes, and the base URL."""
    parser = argparse.ArgumentParser(description="A loopback server for benchmarks.")
    parser.add_argument("--orders", type=int, default=20_000)
    parser.add_argument("--kb", type=float, default=3.6, help="size of an order, in thousands of bytes")
    parser.add_argument("--latency-ms", type=int, default=0, help="how long each write takes to be answered")
    parser.add_argument("--port", type=int, default=0, help="by default, one that is free")
    given = parser.parse_args()
    listening = create_server(("127.0.0.1", given.port))
    respond = build(given.orders, int(given.kb * KB), _url(listening))
    asyncio.run(serve(respond, given.latency_ms, listening))


if __name__ == "__main__":
    main(build)
