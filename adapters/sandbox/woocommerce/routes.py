"""The routes of the REST API: from a request to what it does to the store, and to its answer."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from math import ceil
from typing import Any, TypeVar

from adapters.sandbox.server import Request, Response
from adapters.sandbox.woocommerce import life, shown
from adapters.sandbox.woocommerce.listing import PAGING, Listed, listed, listed_reviews, paging_headers
from adapters.sandbox.woocommerce.records import Coupon, Note, Order, Store
from adapters.sandbox.woocommerce.signatures import authenticate
from adapters.sandbox.woocommerce.wire import (
    Invalid,
    WpError,
    gathered,
    one_of,
    reply,
    required,
    several,
    truth,
    validated,
    whole,
)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Call:
    """A request that has found its route: `ids` are the numbers in its path, `body` its JSON."""

    store: Store
    request: Request
    ids: tuple[int, ...]
    body: dict[str, Any]


Handler = Callable[[Call], Response]


@dataclass(frozen=True, slots=True)
class Route:
    """A path and what can be done there. `public` routes answer anyone to a GET."""

    pattern: str
    handlers: Mapping[str, Handler]
    public: bool = False

    def answers(self, request: Request, path: str) -> re.Match[str] | None:
        """The match, if this route is for that path and method."""
        return re.fullmatch(self.pattern, path) if request.method in self.handlers else None


def answer(store: Store, request: Request) -> Response:
    """Answer one request. Credentials and rights come first, then the path, then the parameters."""
    allow: tuple[tuple[str, str], ...] = ()
    try:
        path = re.sub(r"^/wp-json(?=/|$)", "", request.path).rstrip("/") or "/"
        key = authenticate(store, request) if path.startswith("/wc/") else None
        route, ids = _route(store, request, path)
        if key is None and not (route.public and request.method == "GET"):
            raise _stranger(request, ids)
        allow = (("Allow", ", ".join(route.handlers)),)
        response = route.handlers[request.method](Call(store, request, ids, _body(request)))
    except WpError as error:
        return reply(store.url, error.body, status=error.status, headers=allow)
    return Response(response.status, response.body, (*response.headers, *allow))


_NO_ROUTE = "No route was found matching the URL and request method."


def _route(store: Store, request: Request, path: str) -> tuple[Route, tuple[int, ...]]:
    for route in ROUTES if request.path.startswith("/wp-json") else ():
        match = route.answers(request, path)
        if match and (store.fulfillments or "fulfillments" not in route.pattern):
            return route, tuple(int(number) for number in match.groups())
    raise WpError(404, "rest_no_route", _NO_ROUTE)


def _stranger(request: Request, ids: tuple[int, ...]) -> WpError:
    if request.method == "GET":
        what = "view this resource" if ids else "list resources"
        return WpError(401, "woocommerce_rest_cannot_view", f"Sorry, you cannot {what}.")
    deed = {"POST": "edit" if ids else "create", "DELETE": "delete"}.get(request.method, "edit")
    what = "create resources" if deed == "create" else f"{deed} this resource"
    return WpError(401, f"woocommerce_rest_cannot_{deed}", f"Sorry, you are not allowed to {what}.")


def _body(request: Request) -> dict[str, Any]:
    if not request.body:
        return {}
    try:
        body = json.loads(request.body)
    except ValueError:
        data = {"status": 400, "json_error_code": 4, "json_error_message": "Syntax error"}
        raise WpError(400, "rest_invalid_json", "Invalid JSON body passed.", data) from None
    return body if isinstance(body, dict) else {}


def _said(call: Call, payload: Any, *, status: int = 200, headers: tuple[tuple[str, str], ...] = ()) -> Response:
    fields = call.request.params.get("_fields")
    if fields:
        wanted = set(fields.replace(" ", "").split(","))
        payload = [_only(one, wanted) for one in payload] if isinstance(payload, list) else _only(payload, wanted)
    return reply(call.store.url, payload, status=status, headers=headers)


def _only(payload: dict[str, Any], wanted: set[str]) -> dict[str, Any]:
    return {name: value for name, value in payload.items() if name in wanted}


def _created(call: Call, payload: dict[str, Any], path: str) -> Response:
    return _said(call, payload, status=201, headers=(("Location", shown.api(call.store, path)),))


# Orders


def _list_orders(call: Call) -> Response:
    listing = listed(call.store, call.request.params)
    payload = [shown.order(call.store, order) for order in listing.orders]
    return _said(call, payload, headers=paging_headers(call.store, call.request, listing))


def _get_order(call: Call) -> Response:
    return _said(call, shown.order(call.store, _order(call)))


def _create_order(call: Call) -> Response:
    store, body = call.store, call.body
    _check_order_body(store, body)
    order = life.new_order(store, status="pending", created=store.now())
    order.created_via = "rest-api"
    _apply(store, order, body)
    return _created(call, shown.order(store, order), f"orders/{order.id}")


def _update_order(call: Call) -> Response:
    store, body = call.store, call.body
    _check_order_body(store, body)
    order = _order(call, missing=400)
    before = _without_meta(shown.order(store, order))
    _apply(store, order, body)
    # Posts do not notice a save that changes nothing, or custom fields alone. HPOS notices any.
    if store.hpos or _without_meta(shown.order(store, order)) != before:
        life.touch(store, order)
    return _said(call, shown.order(store, order))


def _delete_order(call: Call) -> Response:
    order = _order(call)
    payload = shown.order(call.store, order)  # the answer shows the order as it was
    if _forced(call):
        del call.store.orders[order.id]
    elif order.status == "trash":
        raise WpError(410, "woocommerce_rest_already_trashed", "The shop_order has already been deleted.")
    else:
        life.trash(call.store, order)
    return _said(call, payload)


def _list_statuses(call: Call) -> Response:
    return _said(call, [{"slug": slug, "name": name} for slug, name in call.store.statuses.items()])


def _forced(call: Call) -> bool:
    return bool(validated(call.request.params, {"force": truth}).get("force"))


def _order(call: Call, *, missing: int = 404) -> Order:
    order = call.store.orders.get(call.ids[0])
    if order is None:
        raise WpError(missing, "woocommerce_rest_shop_order_invalid_id", "Invalid ID.")
    return order


def _check_order_body(store: Store, body: dict[str, Any]) -> None:
    validated(body, {"status": one_of("auto-draft", *store.statuses)})
    email = body.get("billing", {}).get("email", "")
    if email and not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", email):
        raise WpError(400, "order_invalid_billing_email", "Invalid billing email address")


def _without_meta(payload: dict[str, Any]) -> dict[str, Any]:
    return deepcopy({**payload, "meta_data": None})


_PLAIN_FIELDS = (
    "customer_id",
    "customer_note",
    "payment_method",
    "payment_method_title",
    "transaction_id",
    "currency",
)


def _apply(store: Store, order: Order, body: dict[str, Any]) -> None:
    for name in _PLAIN_FIELDS:
        if name in body:
            setattr(order, name, body[name])
    order.billing.update({name: text for name, text in body.get("billing", {}).items() if name in life.BILLING})
    order.shipping.update({name: text for name, text in body.get("shipping", {}).items() if name in life.SHIPPING})
    life.add_items(store, order, [item for item in body.get("line_items", []) if "id" not in item])
    for line in body.get("shipping_lines", []):
        total = Decimal(str(line.get("total", "0")))
        life.add_shipping(store, order, line.get("method_title", ""), line.get("method_id", ""), total)
    for entry in body.get("meta_data", []):
        life.set_meta(store, order, entry["key"], entry.get("value"), entry.get("id"))
    if "status" in body:
        life.move_to(store, order, body["status"])
    if body.get("set_paid") and order.needs_payment:
        life.pay(store, order)


# Notes


def _list_notes(call: Call) -> Response:
    kind = validated(call.request.params, {"type": one_of("any", "customer", "internal")}).get("type", "any")
    order = _noted_order(call, "woocommerce_rest_shop_order_invalid_id")
    every = [order.arrival, *order.notes] if order.arrival is not None else order.notes
    notes = [note for note in every if kind in ("any", "customer" if note.customer else "internal")]
    # Newest first, but the notes of one second come in the order they were written.
    notes.sort(key=lambda note: note.at, reverse=True)
    return _said(call, [shown.note(call.store, note) for note in notes])


def _create_note(call: Call) -> Response:
    text = required(call.body, "note")
    flags = validated(call.body, {"note": _text, "customer_note": truth, "added_by_user": truth})
    order = _noted_order(call, "woocommerce_rest_order_invalid_id")
    author = "admin" if flags.get("added_by_user") else "WooCommerce"
    try:
        note = life.write_note(call.store, order, str(text), customer=flags.get("customer_note", False), author=author)
    except life.NoteTooLongError:
        message = "Cannot create order note, please try again."
        raise WpError(500, "woocommerce_api_cannot_create_order_note", message) from None
    return _created(call, shown.note(call.store, note), f"orders/{order.id}/notes/{note.id}")


def _get_note(call: Call) -> Response:
    return _said(call, shown.note(call.store, _note(call)))


def _delete_note(call: Call) -> Response:
    if not _forced(call):
        raise WpError(501, "woocommerce_rest_trash_not_supported", "Webhooks do not support trashing.")
    note = _note(call)
    call.store.orders[note.order_id].notes.remove(note)
    return _said(call, shown.note(call.store, note))


def _noted_order(call: Call, code: str) -> Order:
    order = call.store.orders.get(call.ids[0])
    if order is None:
        raise WpError(404, code, "Invalid order ID.")
    return order


def _note(call: Call) -> Note:
    order = _noted_order(call, "woocommerce_rest_order_invalid_id")
    for note in order.notes:
        if note.id == call.ids[1]:
            return note
    raise WpError(404, "woocommerce_rest_invalid_id", "Invalid resource ID.")


def _text(name: str, value: Any) -> str:
    if isinstance(value, list | dict | bool) or value is None:
        raise Invalid("rest_invalid_type", f"{name} is not of type string.", {"param": name})
    return str(value)


# Reviews


def _list_reviews(call: Call) -> Response:
    reviews, total = listed_reviews(call.store, call.request.params)
    payload = [shown.review(call.store, review) for review in reviews]
    return _said(call, payload, headers=_counts(total, int(call.request.params.get("per_page", 10))))


# Refunds and parcels


def _list_refunds(call: Call) -> Response:
    order = _noted_order(call, "woocommerce_rest_order_invalid_id")
    payload = [shown.refund(call.store, order.id, refund) for refund in reversed(order.refunds)]
    return _said(call, payload, headers=_counts(len(payload), 10))


def _create_refund(call: Call) -> Response:
    order = _noted_order(call, "woocommerce_rest_order_invalid_id")
    try:
        amount = Decimal(str(call.body.get("amount", "0")))
        refund = life.refund(call.store, order, amount, str(call.body.get("reason", "")))
    except (InvalidOperation, life.RefundTooLargeError):
        # Here `data` is a bare number, as it is on the real one.
        code = "woocommerce_rest_cannot_create_order_refund"
        raise WpError(500, code, "Invalid refund amount.", 500) from None
    # The real one forgets to fill in the order's id.
    return _created(
        call, shown.refund(call.store, order.id, refund), rf"orders/(?P<order_id>[\d]+)/refunds/{refund.id}"
    )


def _list_fulfillments(call: Call) -> Response:
    order = _sent_order(call)
    return _said(call, [shown.fulfillment(call.store, parcel) for parcel in order.fulfillments])


def _get_fulfillment(call: Call) -> Response:
    for parcel in _sent_order(call).fulfillments:
        if parcel.id == call.ids[1]:
            return _said(call, shown.fulfillment(call.store, parcel))
    raise WpError(400, 0, "Fulfillment not found.")


def _create_fulfillment(call: Call) -> Response:
    entries = required(call.body, "meta_data")
    order = _sent_order(call)
    # An entry without "id": 0 is dropped without a word.
    fields = [(entry["key"], entry.get("value")) for entry in entries if entry.get("id") == 0]
    if not dict(fields).get("_items"):
        raise WpError(400, 0, "The fulfillment should contain at least one item.")
    fulfilled = call.body.get("status") == "fulfilled"
    parcel = life.add_fulfillment(call.store, order, fields, fulfilled=fulfilled, at=call.store.now())
    return _said(call, shown.fulfillment(call.store, parcel), status=201)


def _sent_order(call: Call) -> Order:
    order = call.store.orders.get(call.ids[0])
    if order is None:
        # Here the status inside is text, as it is on the real one.
        data = {"status": "404"}
        raise WpError(404, "woocommerce_rest_order_invalid_id", "Invalid order ID.", data)
    return order


# Coupons


def _list_coupons(call: Call) -> Response:
    query = validated(gathered(call.request.params), PAGING)
    code = call.request.params.get("code", "").lower()
    found = [coupon for coupon in call.store.coupons.values() if code in ("", coupon.code)]
    found.sort(key=lambda coupon: (coupon.created, coupon.id), reverse=True)
    return _page_of(call, query, found, shown.coupon)


def _get_coupon(call: Call) -> Response:
    for coupon in call.store.coupons.values():
        if coupon.id == call.ids[0]:
            return _said(call, shown.coupon(call.store, coupon))
    raise WpError(404, "woocommerce_rest_shop_coupon_invalid_id", "Invalid ID.")


def _create_coupon(call: Call) -> Response:
    store, body = call.store, call.body
    code = str(required(body, "code")).lower()
    validated(body, {"discount_type": one_of("percent", "fixed_cart", "fixed_product")})
    if code in store.coupons:
        raise WpError(400, "woocommerce_rest_coupon_code_already_exists", "The coupon code already exists")
    coupon = Coupon(
        id=next(store.post_ids),
        code=code,
        amount=Decimal(str(body.get("amount", "0"))),
        discount_type=body.get("discount_type", "fixed_cart"),
        created=store.now(),
        expires=_site_time(store, body.get("date_expires")),  # `date_expires_gmt` is ignored
        meta=life.metas(store, body.get("meta_data", [])),
        settings=body,
    )
    store.coupons[code] = coupon
    return _created(call, shown.coupon(store, coupon), f"coupons/{coupon.id}")


def _site_time(store: Store, text: str | None) -> datetime | None:
    if not text:
        return None
    try:
        given = datetime.fromisoformat(text)
    except ValueError:
        raise WpError(400, "coupon_invalid_date_expires", "Invalid date provided.") from None
    return (given if given.tzinfo else given.replace(tzinfo=store.zone)).astimezone(UTC)


# Products


def _list_products(call: Call) -> Response:
    query = validated(gathered(call.request.params), {**PAGING, "include": several(whole())})
    wanted = set(query.get("include", ()))
    every = (each for each in call.store.products.values() if each.status != "trash")
    found = [each for each in every if not wanted or each.id in wanted]
    found.sort(key=lambda each: (each.created, each.id), reverse=True)
    return _page_of(call, query, found, shown.product)


# The shop itself


def _currency(call: Call) -> Response:
    return _said(call, shown.currency(call.store))


def _system_status(call: Call) -> Response:
    return _said(call, shown.system_status(call.store))


def _site(call: Call) -> Response:
    return _said(call, shown.site(call.store, [route.pattern.replace(r"(\d+)", "<id>") for route in ROUTES]))


def _page_of(
    call: Call, query: Mapping[str, Any], found: Sequence[T], show: Callable[[Store, T], dict[str, Any]]
) -> Response:
    """One page of what was found, as it is shown."""
    page, per_page = query.get("page", 1), query.get("per_page", 10)
    payload = [show(call.store, each) for each in found[(page - 1) * per_page : page * per_page]]
    counts = Listed([], len(found), ceil(len(found) / per_page), page)
    return _said(call, payload, headers=paging_headers(call.store, call.request, counts))


def _counts(total: int, per_page: int) -> tuple[tuple[str, str], ...]:
    return (("X-WP-Total", str(total)), ("X-WP-TotalPages", str(ceil(total / per_page))))


_ORDER = {
    "GET": _get_order,
    "POST": _update_order,
    "PUT": _update_order,
    "PATCH": _update_order,
    "DELETE": _delete_order,
}

ROUTES = (
    Route("/", {"GET": _site}, public=True),
    Route("/wc/v3/orders", {"GET": _list_orders, "POST": _create_order}),
    Route(r"/wc/v3/orders/statuses", {"GET": _list_statuses}),
    Route(r"/wc/v3/orders/(\d+)", _ORDER),
    Route(r"/wc/v3/orders/(\d+)/notes", {"GET": _list_notes, "POST": _create_note}),
    Route(r"/wc/v3/orders/(\d+)/notes/(\d+)", {"GET": _get_note, "DELETE": _delete_note}),
    Route(r"/wc/v3/orders/(\d+)/refunds", {"GET": _list_refunds, "POST": _create_refund}),
    # WooCommerce lets anyone read an order's parcels.
    Route(
        r"/wc/v3/orders/(\d+)/fulfillments",
        {"GET": _list_fulfillments, "POST": _create_fulfillment},
        public=True,
    ),
    Route(r"/wc/v3/orders/(\d+)/fulfillments/(\d+)", {"GET": _get_fulfillment}, public=True),
    Route("/wc/v3/products/reviews", {"GET": _list_reviews}),
    Route("/wc/v3/coupons", {"GET": _list_coupons, "POST": _create_coupon}),
    Route(r"/wc/v3/coupons/(\d+)", {"GET": _get_coupon}),
    Route("/wc/v3/products", {"GET": _list_products}),
    Route("/wc/v3/data/currencies/current", {"GET": _currency}),
    Route("/wc/v3/system_status", {"GET": _system_status}),
)
