"""A loopback server of ready-made Shopify orders, so cheap that a benchmark measures its client.

    python -m bench.serve_shopify --orders 20000 --kb 3.6

prints the base URL once it listens. Every order is rendered beforehand; a request only joins bytes. Orders are those of
`bench.serve`, a minute apart. Documents are known by their operation's name, and are taken to ask for all there is.
"""

from __future__ import annotations

import json
import math
import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from bench.serve import FILLER, PEOPLE, PRODUCTS, SPACING, START, Answer, Respond, main

FIRST_ID = 5_501_000_001
NODE = 75
"""Points that an order weighs, with all that the document of a page asks for."""
DEAREST = 1000
FULL = 2000.0


@dataclass
class Bucket:
    """Points that come back at `rate` a second of `now` (seconds); `used` of what a question may cost is taken."""

    now: Callable[[], float]
    rate: float = 100.0
    used: float = 1.0
    level: float = FULL
    seen_at: float = 0.0
    charged: float = 0.0
    asked: int = 0
    throttled: int = 0

    def cost(self, nodes: int) -> tuple[str, str]:
        """What a page of so many nodes costs: the error that it makes, if any, and `extensions`, both in JSON."""
        requested = 2 + max(1, math.floor(2 * math.log(max(1, nodes)))) * NODE
        now = self.now()
        self.level, self.seen_at = min(FULL, self.level + (now - self.seen_at) * self.rate), now
        self.asked += 1
        code, actual = "", round(requested * self.used)
        if requested > DEAREST:
            code = "MAX_COST_EXCEEDED"
        elif requested > self.level:
            code = "THROTTLED"
            self.throttled += 1
        else:
            self.level -= actual
            self.charged += actual
        status = {"maximumAvailable": FULL, "currentlyAvailable": math.floor(self.level), "restoreRate": self.rate}
        told = {"requestedQueryCost": requested, "actualQueryCost": None if code else actual, "throttleStatus": status}
        error = json.dumps([{"message": code, "extensions": {"code": code}}]) if code else ""
        return error, json.dumps({"cost": told})


@dataclass(frozen=True, slots=True)
class Store:
    """Orders and when they were updated, oldest first; the file that a bulk operation makes of them."""

    orders: list[bytes]
    updated: list[str]
    file: bytes
    url: str
    bucket: Bucket | None = None
    requests: Counter[str] = field(default_factory=Counter)


def build(orders: int, size: int, url: str, bucket: Bucket | None = None) -> Respond:
    """What answers for the store at `url` with so many orders, each of so many bytes; without a bucket, all is free."""
    rendered = [_padded(_order(number), size) for number in range(orders)]
    updated = [_updated(number) for number in range(orders)]
    store = Store(rendered, updated, b"".join(map(_lines, rendered)), url, bucket)
    return lambda method, target, body: _answer(store, method, target, body)


def _updated(number: int) -> str:
    return (START + number * SPACING).strftime("%Y-%m-%dT%H:%M:%SZ")


def _padded(order: dict[str, Any], size: int) -> bytes:
    text = json.dumps(order, separators=(",", ":"), ensure_ascii=False)
    missing = max(size - len(text.encode()) + len(FILLER), 0)
    return text.replace(FILLER, "x" * missing).encode()


def _lines(rendered: bytes) -> bytes:
    """An order as it stands in the file of a bulk operation: its lines and returns behind it."""
    order = json.loads(rendered)
    del order["returns"]
    children = [{**line, "__parentId": order["id"]} for line in order.pop("lineItems")["nodes"]]
    rows = [json.dumps(row, separators=(",", ":"), ensure_ascii=False).encode() for row in (order, *children)]
    return b"\n".join(rows) + b"\n"


def _answer(store: Store, method: str, target: str, body: bytes) -> Answer:
    if target == "/__count":
        return Answer(json.dumps(store.requests).encode())
    if method == "GET":
        return Answer(store.file)
    asked = json.loads(body)
    found = re.search(r"^(?:query|mutation) (\w+)", asked["query"], re.MULTILINE)
    name = found[1] if found else ""
    store.requests[name] += 1
    if name == "Orders":
        return _page(store, asked["variables"])
    if name == "OrdersCount":
        return _said({"ordersCount": {"count": len(store.orders), "precision": "EXACT"}})
    if name == "BulkRun":
        return _said({"bulkOperationRunQuery": {"bulkOperation": {"id": BULK, "status": "CREATED"}, "userErrors": []}})
    if name == "BulkPoll":
        file = {"status": "COMPLETED", "createdAt": store.updated[-1], "url": f"{store.url}/bulk.jsonl"}
        return _said({"bulkOperation": file})
    return _said(SHOP)


def _page(store: Store, variables: dict[str, Any]) -> Answer:
    first, after = variables["first"], variables["after"]
    error, cost = store.bucket.cost(first) if store.bucket is not None else ("", FREE)
    if error:
        return Answer(f'{{"errors":{error},"extensions":{cost}}}'.encode())
    since = re.search(r"'(.+)'", variables["query"] or "")
    begin = int(after) if after else bisect_left(store.updated, since[1]) if since else 0
    end = min(begin + first, len(store.orders))
    info = f'{{"hasNextPage":{json.dumps(end < len(store.orders))},"endCursor":"{end}"}}'
    head = f'{{"data":{{"orders":{{"pageInfo":{info},"nodes":['.encode()
    return Answer(b"".join([head, b",".join(store.orders[begin:end]), f']}}}},"extensions":{cost}}}'.encode()]))


def _said(data: dict[str, Any]) -> Answer:
    return Answer(json.dumps({"data": data}).encode())


BULK = "gid://shopify/BulkOperation/1"
FREE = Bucket(now=lambda: 0.0, rate=1000.0, used=0.0).cost(250)[1]
SHOP = {
    "shop": {
        "id": "gid://shopify/Shop/1",
        "name": "Benchmark",
        "myshopifyDomain": "bench.myshopify.com",
        "ianaTimezone": "Asia/Jerusalem",
        "currencyCode": "ILS",
    },
    "currentAppInstallation": {"accessScopes": [{"handle": "read_all_orders"}, {"handle": "write_orders"}]},
}


def _money(cents: int) -> dict[str, Any]:
    return {"shopMoney": {"amount": f"{cents / 100:.2f}", "currencyCode": "ILS"}}


def _order(number: int) -> dict[str, Any]:
    """Order `number` (from 0), with a parcel if it has left."""
    moment, later = _updated(number), (START + number * SPACING + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    first_name, last_name, street, city, country = PEOPLE[number % len(PEOPLE)]
    sent, paid = number % 8 < 3, number % 8 < 4
    address = {
        "firstName": first_name,
        "lastName": last_name,
        "company": None,
        "address1": street,
        "address2": None,
        "city": city,
        "province": None,
        "zip": "0000000",
        "countryCodeV2": country,
        "phone": None,
    }
    lines = [_line(number, position) for position in range(1 + number % 2)]
    return {
        "__typename": "Order",
        "id": f"gid://shopify/Order/{FIRST_ID + number}",
        "name": f"#{1001 + number}",
        "createdAt": moment,
        "updatedAt": moment,
        "processedAt": moment,
        "cancelledAt": None,
        "displayFinancialStatus": "PAID" if paid else "PENDING",
        "displayFulfillmentStatus": "FULFILLED" if sent else "UNFULFILLED",
        "test": False,
        "email": f"customer{number % 5000}@example.com",
        "phone": None,
        "tags": [],
        "customerLocale": "he",
        "sourceName": "web",
        "requiresShipping": True,
        "discountCodes": [],
        "paymentGatewayNames": ["shopify_payments"],
        "customAttributes": [{"key": "landing_page", "value": f"https://shop.example.com/?{FILLER}"}],
        "totalPriceSet": _money(2500 + sum(PRODUCTS[(number + n) % len(PRODUCTS)][2] for n in range(len(lines)))),
        "paymentCollectionDetails": {"additionalPaymentCollectionUrl": None},
        "shippingLine": {"title": "שליח עד הבית"},
        "customer": {
            "id": f"gid://shopify/Customer/{number % 5000 + 1}",
            "firstName": first_name,
            "lastName": last_name,
            "locale": "he",
            "numberOfOrders": "3",
            "tags": [],
            "defaultEmailAddress": {
                "emailAddress": f"customer{number % 5000}@example.com",
                "marketingState": "SUBSCRIBED",
                "marketingUpdatedAt": moment,
            },
            "defaultPhoneNumber": None,
        },
        "billingAddress": address,
        "shippingAddress": address,
        "lineItems": {"pageInfo": LAST_PAGE, "nodes": lines},
        "fulfillments": [_parcel(number, moment, later, lines)] if sent else [],
        "refunds": [],
        "returns": {"pageInfo": LAST_PAGE, "nodes": []},
        "transactions": [{"kind": "SALE", "status": "SUCCESS", "createdAt": moment, "processedAt": moment}],
    }


LAST_PAGE = {"hasNextPage": False, "endCursor": None}


def _line(number: int, position: int) -> dict[str, Any]:
    name, sku, cents = PRODUCTS[(number + position) % len(PRODUCTS)]
    product = 10 + (number + position) % len(PRODUCTS)
    return {
        "id": f"gid://shopify/LineItem/{number * 4 + position + 1}",
        "title": name,
        "variantTitle": None,
        "sku": sku,
        "vendor": "Benchmark",
        "quantity": 1,
        "currentQuantity": 1,
        "requiresShipping": True,
        "discountedTotalSet": _money(cents),
        "product": {"id": f"gid://shopify/Product/{product}", "productType": "", "vendor": "Benchmark", "tags": []},
        "variant": {"id": f"gid://shopify/ProductVariant/{product}"},
    }


def _parcel(number: int, moment: str, later: str, lines: list[dict[str, Any]]) -> dict[str, Any]:
    events = [{"status": "IN_TRANSIT", "happenedAt": moment}, {"status": "DELIVERED", "happenedAt": later}]
    holds = [{"quantity": 1, "lineItem": {"id": line["id"]}} for line in lines]
    return {
        "id": f"gid://shopify/Fulfillment/{number + 1}",
        "status": "SUCCESS",
        "displayStatus": "DELIVERED",
        "createdAt": moment,
        "updatedAt": later,
        "inTransitAt": moment,
        "deliveredAt": later,
        "estimatedDeliveryAt": None,
        "trackingInfo": [{"company": "Example Post", "number": f"RR{number:09}", "url": None}],
        "events": {"pageInfo": LAST_PAGE, "nodes": events},
        "fulfillmentLineItems": {"pageInfo": LAST_PAGE, "nodes": holds},
    }


if __name__ == "__main__":
    main(build)
