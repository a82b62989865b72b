"""What can happen to orders, notes, refunds and parcels, with all that WooCommerce then does of itself."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from adapters.sandbox.woocommerce.records import Fulfillment, Mail, Meta, Note, Order, Refund, Store

LONGEST_NOTE = 65_535
"""Bytes that the database has for a note."""

SHIPPING = (
    "first_name",
    "last_name",
    "company",
    "address_1",
    "address_2",
    "city",
    "state",
    "postcode",
    "country",
    "phone",
)
BILLING = (*SHIPPING[:-1], "email", "phone")


class NoteTooLongError(Exception):
    """The note does not fit into the database."""


class RefundTooLargeError(Exception):
    """More would be given back than was paid."""


def new_order(store: Store, *, status: str, created: datetime) -> Order:
    """Add an empty order to the store, in `status` from the first, and give it back."""
    order_id = next(store.post_ids)
    key = hashlib.sha256(f"{store.store_id}/{order_id}".encode()).hexdigest()[:13]
    order = Order(
        id=order_id,
        number=str(order_id),
        order_key=f"wc_order_{key}",
        status=status,
        created=created,
        modified=created,
        currency=store.currency,
        billing=dict.fromkeys(BILLING, ""),
        shipping=dict.fromkeys(SHIPPING, ""),
    )
    store.orders[order_id] = order
    return order


def touch(store: Store, order: Order) -> None:
    """Mark the order as modified now."""
    order.modified = store.now()


def move_to(store: Store, order: Order, status: str) -> None:
    """Change the status, with its note, its dates, and for `refunded` the refund of all that is left."""
    if status == order.status:
        return
    was, order.status = order.status, status
    stamp(order, store.now())
    write_note(store, order, _changed(store, was, status), customer=False)
    touch(store, order)
    if status == "refunded" and order.refundable > 0:
        refund(store, order, order.refundable, "Order fully refunded.")


def arrive(store: Store, order: Order) -> None:
    """Note how the order came from the checkout to the status that it has, as every order's notes begin."""
    if order.status not in ("pending", "checkout-draft"):
        text = _changed(store, "pending", order.status)
        order.arrival = Note(next(store.note_ids), order.id, "WooCommerce", order.created, text, customer=False)


def _changed(store: Store, was: str, now: str) -> str:
    return f"Order status changed from {store.status_name(was)} to {store.status_name(now)}."


def stamp(order: Order, at: datetime) -> None:
    """Set the dates of payment and completion that the order's status brings with it."""
    # Cash on delivery counts as paid when the order is completed, and so does what needs no handling.
    paid_later = order.payment_method == "cod" or not order.needs_processing
    paid_from = ("completed",) if paid_later else ("processing", "completed")
    if order.paid is None and order.status in paid_from:
        order.paid = at
    if order.status == "completed":
        order.completed = at


def pay(store: Store, order: Order) -> None:
    """The payment came in: on to the status that follows it."""
    order.paid = store.now()
    done = order.payment_method == "cod" or not order.needs_processing
    move_to(store, order, "completed" if done else "processing")
    touch(store, order)


def write_note(store: Store, order: Order, text: str, *, customer: bool, author: str = "WooCommerce") -> Note:
    """Store a note; one for the customer is mailed too, if there is an address. Raises NoteTooLongError."""
    kept = _unslashed(text)
    if len(kept.encode()) > LONGEST_NOTE:
        raise NoteTooLongError
    note = Note(next(store.note_ids), order.id, author, store.now(), kept, customer)
    order.notes.append(note)
    if customer and order.billing["email"]:
        store.mails.append(Mail(order.billing["email"], order.id, text, note.at))
    return note


def _unslashed(text: str) -> str:
    # WordPress takes every comment for slashed input, and so takes a backslash away where there was only one.
    return re.sub(r"\\(.?)", lambda found: "\0" if found[1] == "0" else found[1], text, flags=re.DOTALL)


def refund(store: Store, order: Order, amount: Decimal, reason: str) -> Refund:
    """Give money back; with the last of it the order becomes `refunded`. Raises RefundTooLargeError."""
    if not 0 < amount <= order.refundable:
        raise RefundTooLargeError
    full = amount == order.refundable
    given = Refund(next(store.post_ids), amount, reason, store.now(), full)
    order.refunds.append(given)
    if full:
        move_to(store, order, "refunded")
    touch(store, order)
    return given


def trash(store: Store, order: Order) -> None:
    """Put the order into the bin."""
    order.status = "trash"
    touch(store, order)


def set_meta(store: Store, order: Order, key: str, value: Any, meta_id: int | None = None) -> None:
    """Write one custom field: in place if the order has it, away with it if `value` is None."""
    known = next((meta for meta in order.meta if meta.id == meta_id or (not meta_id and meta.key == key)), None)
    if value is None:
        order.meta = [meta for meta in order.meta if meta is not known]
    elif known is not None:
        known.key, known.value = key, as_kept(value)
    else:
        order.meta.append(Meta(next(store.meta_ids), key, as_kept(value)))


def as_kept(value: Any) -> Any:
    """A custom field's value as the database gives it back: scalars have become text."""
    if isinstance(value, bool):
        return "1" if value else ""
    return str(value) if isinstance(value, int | float | Decimal) else value


def metas(store: Store, entries: Iterable[Mapping[str, Any]]) -> tuple[Meta, ...]:
    """New custom fields of something that is no order."""
    return tuple(Meta(next(store.meta_ids), entry["key"], as_kept(entry["value"])) for entry in entries)


def add_items(store: Store, order: Order, items: Iterable[Mapping[str, Any]]) -> None:
    """Add line items. Keys: name, sku, product_id, variation_id, quantity, and price (of one) or total."""
    for item in items:
        quantity = int(item.get("quantity", 1))
        total = Decimal(str(item.get("total", Decimal(str(item.get("price", 0))) * quantity)))
        price = float(round(total / quantity, 10)) if quantity else 0.0
        product_id = int(item.get("product_id", 0))
        line = {
            "id": next(store.item_ids),
            "name": item.get("name") or (f"Product {product_id}" if product_id else ""),
            "product_id": product_id,
            "variation_id": int(item.get("variation_id", 0)),
            "quantity": quantity,
            "tax_class": "",
            "subtotal": f"{total:.2f}",
            "subtotal_tax": "0.00",
            "total": f"{total:.2f}",
            "total_tax": "0.00",
            "taxes": [],
            "meta_data": [],
            "sku": item.get("sku", "" if product_id else None),
            "global_unique_id": "" if product_id else None,
            "price": int(price) if price.is_integer() else price,
            "image": {"id": "" if product_id else 0, "src": ""},
            "parent_name": None,
        }
        order.line_items.append(line)


def add_shipping(store: Store, order: Order, title: str, method: str, total: Decimal) -> None:
    """Add a way of shipping, with its price."""
    line = {
        "id": next(store.item_ids),
        "method_title": title,
        "method_id": method,
        "instance_id": "",
        "total": f"{total:.2f}",
        "total_tax": "0.00",
        "taxes": [],
        "tax_status": "taxable",
        "meta_data": [],
    }
    order.shipping_lines.append(line)


def add_coupon_lines(store: Store, order: Order, codes: Iterable[str]) -> None:
    """Note which coupons were used; the totals stay as they are."""
    for code in codes:
        line = {
            "id": next(store.item_ids),
            "code": code.lower(),
            "discount": "0.00",
            "discount_tax": "0.00",
            "meta_data": [],
            "discount_type": "percent",
            "nominal_amount": 0,
            "free_shipping": False,
        }
        order.coupon_lines.append(line)


def add_fulfillment(
    store: Store, order: Order, fields: Sequence[tuple[str, Any]], *, fulfilled: bool, at: datetime
) -> Fulfillment:
    """Add a parcel with its `fields` (`_items`, `_tracking_number` …), sent `at` if it is fulfilled."""
    sent = [("_date_fulfilled", f"{at.astimezone(store.zone):%Y-%m-%d %H:%M:%S}")] if fulfilled else []
    meta = tuple(Meta(next(store.meta_ids), key, value) for key, value in [*fields, *sent])
    parcel = Fulfillment(next(store.fulfillment_ids), order.id, fulfilled, store.now(), meta)
    order.fulfillments.append(parcel)
    touch(store, order)
    return parcel
