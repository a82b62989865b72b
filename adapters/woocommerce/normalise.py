"""WooCommerce's orders, and what is said about them, told in the words of `adapters.model`.

Pure: nothing is asked of the store here.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import UTC, date, datetime, tzinfo
from datetime import time as time_of_day
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from html import unescape
from typing import Any, TypeVar

from adapters.base import NAMELESS, Broken
from adapters.model import (
    LONGEST_REMARK,
    Address,
    Customer,
    LineItem,
    Money,
    Order,
    Product,
    Refund,
    Review,
    Shipment,
    StaffNote,
)
from adapters.woocommerce.client import (
    RawAddress,
    RawFulfillment,
    RawItem,
    RawMeta,
    RawOrder,
    RawProduct,
    RawRefund,
    RawStamp,
)

TAGS = "aftersale_tags"
TRACKING = "_wc_shipment_tracking_items"
DRAFTS = frozenset({"checkout-draft", "auto-draft", "draft"})
TRASH = "trash"

_STATUSES = frozenset({"hold", "approved"})
_NOBODY = frozenset({"system", "woocommerce"})
"""Who has written what the store notes by itself, and what came through the API."""

_LANGUAGE = ("wpml_language", "trp_language", "_locale", "locale")
_TEST_MODE = {"_wcpay_mode": "test", "_ppcp_paypal_payment_mode": "sandbox"}
_LONGEST_META = 255
_MOST_DIGITS = 20
"""Of an amount, on either side of the point: 1E+999999999 is a number, and fills memory once it is written out."""
_NO_ADDRESS = Address()

T = TypeVar("T")
_MIDNIGHT = time_of_day()
_NUMBER = re.compile(r"[0-9]{1,20}")

Zone = Callable[[], tzinfo]
"""Asked only where a time without a zone turns up: to know it may cost a request."""


class NotUnderstoodError(ValueError):
    """An order that makes no sense; the text says why, without personal data."""


def normalise(raw: RawOrder | RawStamp, zone: Zone) -> Order | Broken:
    """One order, or why it cannot be understood."""
    if not _NUMBER.fullmatch(str(raw.id)):
        return Broken(NAMELESS, raw.reason if isinstance(raw, RawStamp) else "its id is no number")
    if isinstance(raw, RawStamp):
        return Broken(str(raw.id), raw.reason)
    try:
        return _order(raw, zone)
    except NotUnderstoodError as error:
        return Broken(str(raw.id), str(error))


def modified_at(raw: RawOrder | RawStamp) -> datetime | None:
    """When an order was last changed, by the store's clock, to the second; None for the odd ones without."""
    return _moment(raw.date_modified_gmt)


def _order(raw: RawOrder, zone: Zone) -> Order:
    created, modified = _moment(raw.date_created_gmt), _moment(raw.date_modified_gmt)
    created = created or modified
    if created is None:
        raise NotUnderstoodError("it has neither a date_created_gmt nor a date_modified_gmt that is a date")
    currency = raw.currency
    billed = raw.billing if isinstance(raw.billing, RawAddress) else None
    billing = _address(billed)
    shipping = _address(raw.shipping if isinstance(raw.shipping, RawAddress) else None)
    status = raw.status.removeprefix("wc-")
    draft = status in DRAFTS
    order_id = str(raw.id)
    entries = _entries(raw.meta_data)
    meta = _meta(entries)
    keys = [entry.key for entry in entries]
    locale = next((meta[key] for key in _LANGUAGE if key in meta), None)
    return Order(
        id=order_id,
        number=_text(raw.number) or order_id,
        status=status,
        created_at=created,
        modified_at=modified or created,
        total=_money(raw.total, currency, "total"),
        customer=_customer(raw.customer_id, billed.email if billed else None, billing, shipping, locale, draft=draft),
        billing=billing,
        shipping=shipping,
        paid_at=_moment(raw.date_paid_gmt),
        completed_at=_moment(raw.date_completed_gmt),
        items=tuple([_item(item, currency) for item in _entries(raw.line_items)]),
        shipments=_tracked(entries, zone) if TRACKING in keys else (),
        refunds=tuple([_refund(refund, currency) for refund in _entries(raw.refunds)]),
        coupons=tuple([code for line in _entries(raw.coupon_lines) if (code := _text(line.code))]),
        tags=tags_in(raw) if TAGS in keys else (),
        meta=meta,
        payment_method=_text(raw.payment_method),
        payment_title=_name(raw.payment_method_title),
        shipping_method=next((_name(line.method_title) for line in _entries(raw.shipping_lines)), None),
        customer_note=_text(raw.customer_note),
        payment_url=_text(raw.payment_url),
        source=_text(raw.created_via),
        locale=locale,
        needs_shipping=bool(raw.shipping_lines) or raw.needs_processing is not False,
        draft=draft,
        trashed=status == TRASH,
        test=any(meta.get(key) == mode for key, mode in _TEST_MODE.items()),
    )


def tags_in(raw: RawOrder) -> tuple[str, ...]:
    """The tags of an order: comma separated in one meta field, for a merchant to edit."""
    texts = [entry.value for entry in _entries(raw.meta_data) if entry.key == TAGS]
    return split_tags(*filter(None, map(_text, texts))) if texts else ()


def split_tags(*texts: str) -> tuple[str, ...]:
    """The tags in some texts, each once, in order."""
    return tuple(dict.fromkeys(tag for text in texts for part in re.split("[,،\n]", text) if (tag := part.strip())))


def fulfilled(raw: Iterable[RawFulfillment], zone: Zone) -> tuple[Shipment, ...]:
    """The parcels in WooCommerce's own fulfilments. Their dates are local and have no GMT twin."""
    return tuple(_fulfillment(one, zone) for one in raw)


def product(raw: RawProduct) -> Product:
    """What the store tells of a product; what of it makes no sense is left out."""
    return Product(
        id=str(raw.id),
        categories=_terms(raw.categories),
        tags=_terms(raw.tags),
        url=_text(raw.permalink) if raw.status == "publish" else None,
    )


def _terms(listed: object) -> tuple[str, ...]:
    """The names of categories or tags."""
    terms = listed.values() if isinstance(listed, dict) else listed if isinstance(listed, list) else ()
    names = (_name(term.get("name")) for term in terms if isinstance(term, dict))
    return tuple(dict.fromkeys(filter(None, names)))


def _customer(
    number: object, email: object, billing: Address, shipping: Address, locale: str | None, *, draft: bool
) -> Customer:
    customer_id, address = _text(number), _text(email)
    # WooCommerce writes by e-mail alone: a checkout that was left without one is nobody's who could be asked about it.
    is_nobodys = draft and address is None
    return Customer(
        id=customer_id if customer_id != "0" else None,
        email=address,
        phone=None if is_nobodys else billing.phone or shipping.phone,
        first_name=billing.first_name or shipping.first_name,
        last_name=billing.last_name or shipping.last_name,
        locale=locale,
    )


def _address(raw: RawAddress | None) -> Address:
    if raw is None:
        return _NO_ADDRESS
    return Address(
        first_name=_name(raw.first_name),
        last_name=_name(raw.last_name),
        company=_name(raw.company) if raw.company else None,
        line1=_text(raw.address_1),
        line2=_text(raw.address_2) if raw.address_2 else None,
        city=_text(raw.city),
        region=_text(raw.state) if raw.state else None,
        postcode=_text(raw.postcode),
        country=_text(raw.country),
        phone=_text(raw.phone) if raw.phone else None,
    )


def _item(raw: RawItem, currency: str) -> LineItem:
    product, variation = _text(raw.product_id), _text(raw.variation_id)
    return LineItem(
        id=str(raw.id),
        name=_name(raw.name) or "",
        quantity=_quantity(raw.quantity),
        total=_money(raw.total, currency, "line_items.total"),
        product_id=product if product != "0" else None,
        variation_id=variation if variation != "0" else None,
        sku=_text(raw.sku),
    )


def _refund(raw: RawRefund, currency: str) -> Refund:
    amount = _money(raw.total, currency, "refunds.total")
    return Refund(id=str(raw.id), amount=Money(abs(amount.amount), currency), reason=_text(raw.reason))


def _meta(entries: Iterable[RawMeta]) -> dict[str, str]:
    """The scalar fields with something in them; of a key that comes twice, the latest."""
    found: dict[str, str] = {}
    for entry in entries:
        key, value = entry.key, _text(entry.value)
        if isinstance(key, str) and value is not None and len(value) <= _LONGEST_META:
            found[key] = value
    return found


def _tracked(entries: Iterable[RawMeta], zone: Zone) -> tuple[Shipment, ...]:
    """The parcels that Shipment Tracking and Advanced Shipment Tracking keep in one meta field."""
    parcels: list[Shipment] = []
    for entry in entries:
        if entry.key != TRACKING:
            continue
        listed = entry.value.values() if isinstance(entry.value, dict) else entry.value
        for parcel in listed if isinstance(listed, Iterable) and not isinstance(listed, str) else ():
            if isinstance(parcel, dict):
                parcels.append(_parcel(parcel, len(parcels) + 1, zone))
    return tuple(parcels)


def _parcel(raw: Mapping[str, Any], position: int, zone: Zone) -> Shipment:
    number = _text(raw.get("tracking_number"))
    shipped_at, on_day = _shipped(_text(raw.get("date_shipped")), zone)
    return Shipment(
        id=_text(raw.get("tracking_id")) or number or str(position),
        carrier=_name(raw.get("tracking_provider")) or _name(raw.get("custom_tracking_provider")),
        tracking_number=number,
        tracking_url=_text(raw.get("custom_tracking_link")),
        shipped_at=shipped_at,
        shipped_on_day=on_day,
    )


def _shipped(text: str | None, zone: Zone) -> tuple[datetime | None, bool]:
    """When a parcel left, and whether only the day is known; what cannot be read is no date."""
    if text is None:
        return None, False
    try:
        return _shipping_time(text, zone())
    except (ValueError, OverflowError, OSError):
        return None, False


def _shipping_time(text: str, tz: tzinfo) -> tuple[datetime | None, bool]:
    """Plugins write Unix seconds, or a date. A day alone is a midnight: the shop's, or UTC's."""
    if not re.fullmatch(r"\d+(\.\d+)?", text):
        day = date.fromisoformat(text[:10])
    elif float(text) == 0:
        return None, False
    else:
        moment = datetime.fromtimestamp(float(text), UTC)
        local = moment.astimezone(tz)
        if _MIDNIGHT not in (moment.time(), local.time()):
            return moment, False
        day = local.date() if local.time() == _MIDNIGHT else moment.date()
    return datetime.combine(day, _MIDNIGHT, tz).astimezone(UTC), True


def _fulfillment(raw: RawFulfillment, zone: Zone) -> Shipment:
    meta = {entry.key: entry.value for entry in _entries(raw.meta_data)}
    shipped_at = _local(meta.get("_date_fulfilled") or raw.date_updated, zone) if raw.is_fulfilled else None
    items = meta.get("_items")
    return Shipment(
        # Marked, because tracking plugins number their parcels too.
        id=f"fulfillment-{raw.id}",
        carrier=_name(meta.get("_shipment_provider")),
        tracking_number=_text(meta.get("_tracking_number")),
        tracking_url=_text(meta.get("_tracking_url")),
        shipped_at=shipped_at,
        items=tuple(
            (item_id, _quantity(item.get("qty")))
            for item in (items if isinstance(items, list) else ())
            if isinstance(item, dict) and (item_id := _text(item.get("item_id")))
        ),
    )


def normalise_review(raw: Any) -> Review | Broken | None:
    """The review, or why it cannot be understood; None for one in the bin or taken for spam."""
    review_id = _text(raw.get("id")) if isinstance(raw, Mapping) else None
    if review_id is None or not review_id.isdecimal():
        return Broken(NAMELESS, "its id is no number")
    if raw.get("status") not in _STATUSES:
        return None
    created_at = _moment(raw.get("date_created_gmt"))
    if created_at is None:
        return Broken(review_id, "it has no date_created_gmt that is a date")
    product = _text(raw.get("product_id"))
    return Review(
        id=review_id,
        created_at=created_at,
        rating=_stars(raw.get("rating")),
        text=_plain(raw.get("review")),
        product_id=product if product != "0" else None,
        product_name=_name(raw.get("product_name")),
        email=_text(raw.get("reviewer_email")),
        name=_name(raw.get("reviewer")),
    )


def _stars(rating: object) -> int | None:
    """1 to 5. A review without stars has 0, and the API lets 6 be written."""
    stars = _text(rating)
    return int(stars) if stars in ("1", "2", "3", "4", "5") else None


def normalise_note(raw: Any, order_id: str) -> StaffNote | Broken | None:
    """The note, or why it cannot be understood; None for one to the customer, one that nobody wrote, or no words."""
    if not isinstance(raw, Mapping):
        return Broken(order_id, "a note on it is none")
    author, text = _name(raw.get("author")), _plain(raw.get("note"))
    if raw.get("customer_note") is not False or author is None or author.casefold() in _NOBODY or text is None:
        return None
    note_id, at = _text(raw.get("id")), _moment(raw.get("date_created_gmt"))
    if note_id is None or at is None:
        return Broken(order_id, "a note on it has no id, or no date")
    return StaffNote(id=note_id, at=at, text=text, author=author)


def _plain(written: object) -> str | None:
    """What people write comes as HTML: its text alone, cut where it is too long."""
    text = _text(written)
    if text is None:
        return None
    lines = re.sub(r"<\s*(br|/p|/div|/li)\b[^>]*>", "\n", text, flags=re.IGNORECASE)
    bare = unescape(re.sub(r"<[^>]*>", "", lines))
    return re.sub(r"\s*\n\s*", "\n", bare).strip()[:LONGEST_REMARK].rstrip() or None


def _local(value: object, zone: Zone) -> datetime | None:
    """A time on the shop's wall clock."""
    if not isinstance(value, str):
        return None
    try:
        return datetime.fromisoformat(value).replace(tzinfo=zone()).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _moment(value: object) -> datetime | None:
    """A *_gmt field. WordPress writes an unset date as null, as zeros, or as the year -1."""
    if not isinstance(value, str):
        return None
    try:
        # Without a zone it is 19 long. Parsing with one is a good deal faster than adding it afterwards.
        if len(value) == 19:
            return datetime.fromisoformat(value + "Z")
        return datetime.fromisoformat(value).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _money(value: object, currency: str, field: str) -> Money:
    if value is None or value == "":
        return Money(Decimal(0), currency)
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        raise NotUnderstoodError(f"its {field} is not a number") from None
    if not amount.is_finite() or abs(amount.adjusted()) > _MOST_DIGITS:
        raise NotUnderstoodError(f"its {field} is not a number")
    return Money(amount, currency)


def _quantity(value: object) -> int:
    """Pieces. What is sold by weight counts as begun pieces: half a kilogram is one."""
    if type(value) is int:
        return value
    try:
        return math.ceil(float(str(value))) if value is not None else 0
    except (ValueError, OverflowError):
        raise NotUnderstoodError("a quantity in it is not a number") from None


def _entries(listed: list[T] | dict[str, T] | None) -> Collection[T]:
    return listed.values() if isinstance(listed, dict) else listed or ()


def _text(value: object) -> str | None:
    if type(value) is str:
        return value.strip() or None
    if type(value) is int or type(value) is float:
        return str(value)
    return "1" if value is True else None  # As PHP writes booleans.


# The same products and ways to pay come again and again.
_unescaped = lru_cache(1024)(unescape)


def _name(value: object) -> str | None:
    """Text that WooCommerce or a plugin may have escaped for HTML."""
    if type(value) is str:
        text = value.strip()
        return (_unescaped(text) if "&" in text else text) or None
    return _text(value)
