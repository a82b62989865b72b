"""What Shopify answers, and no more of it than the documents in `queries/` ask for.

Enum values stay text, as they grow with every version. Little is demanded: a store whose key lacks a right, or whose
customer was redacted, answers null where the schema promises more. Null nodes are things that are not there.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Generic, TypeVar

import msgspec
from msgspec import Meta, Raw, Struct

T = TypeVar("T")

Moment = Annotated[datetime, Meta(tz=True)]

CHECKOUT = "checkout-"
"""What an abandoned checkout's id begins with, in the model."""


class PageInfo(Struct, frozen=True, gc=False, rename="camel"):
    has_next_page: bool = False
    end_cursor: str | None = None


class Connection(Struct, Generic[T], frozen=True, gc=False, rename="camel"):
    nodes: list[T] = []
    page_info: PageInfo = PageInfo()


class RawMoney(Struct, frozen=True, gc=False, rename="camel"):
    amount: Decimal
    currency_code: str


class RawMoneyBag(Struct, frozen=True, gc=False, rename="camel"):
    """An amount in the store's own currency."""

    shop_money: RawMoney


class RawAddress(Struct, frozen=True, gc=False, rename="camel"):
    first_name: str | None = None
    last_name: str | None = None
    company: str | None = None
    address1: str | None = None
    address2: str | None = None
    city: str | None = None
    province: str | None = None
    zip: str | None = None
    country_code_v2: str | None = None
    phone: str | None = None


class RawEmail(Struct, frozen=True, gc=False, rename="camel"):
    email_address: str | None = None
    marketing_state: str | None = None
    marketing_updated_at: Moment | None = None


class RawPhone(Struct, frozen=True, gc=False, rename="camel"):
    phone_number: str | None = None
    marketing_state: str | None = None
    marketing_updated_at: Moment | None = None


class RawCustomer(Struct, frozen=True, gc=False, rename="camel"):
    id: str
    first_name: str | None = None
    last_name: str | None = None
    locale: str | None = None
    number_of_orders: int | str | None = None
    tags: list[str] | None = None
    default_email_address: RawEmail | None = None
    default_phone_number: RawPhone | None = None


class RawName(Struct, frozen=True, gc=False):
    name: str | None = None


class RawProduct(Struct, frozen=True, gc=False, rename="camel"):
    id: str
    product_type: str | None = None
    vendor: str | None = None
    tags: list[str] | None = None
    online_store_url: str | None = None
    category: RawName | None = None


class RawId(Struct, frozen=True, gc=False):
    id: str


class RawLine(Struct, frozen=True, gc=False, rename="camel"):
    """A line of an order, with a `title`, or of an abandoned checkout, with a `name`."""

    id: str
    quantity: int
    current_quantity: int | None = None
    requires_shipping: bool | None = None
    title: str | None = None
    name: str | None = None
    variant_title: str | None = None
    sku: str | None = None
    vendor: str | None = None
    discounted_total_set: RawMoneyBag | None = None
    product: RawProduct | None = None
    variant: RawId | None = None


class RawTracking(Struct, frozen=True, gc=False):
    company: str | None = None
    number: str | None = None
    url: str | None = None


class RawEvent(Struct, frozen=True, gc=False, rename="camel"):
    status: str
    happened_at: Moment


class RawParcelLine(Struct, frozen=True, gc=False, rename="camel"):
    line_item: RawId
    quantity: int | None = None


class RawParcel(Struct, frozen=True, gc=False, rename="camel"):
    """A fulfilment."""

    id: str
    status: str | None = None
    display_status: str | None = None
    created_at: Moment | None = None
    updated_at: Moment | None = None
    in_transit_at: Moment | None = None
    delivered_at: Moment | None = None
    estimated_delivery_at: Moment | None = None
    tracking_info: list[RawTracking] | None = None
    events: Connection[RawEvent] | None = None
    fulfillment_line_items: Connection[RawParcelLine] | None = None


class RawRefund(Struct, frozen=True, gc=False, rename="camel"):
    id: str
    created_at: Moment | None = None
    note: str | None = None
    total_refunded_set: RawMoneyBag | None = None


class RawReturn(Struct, frozen=True, gc=False, rename="camel"):
    id: str
    status: str
    created_at: Moment | None = None
    closed_at: Moment | None = None


class RawTransaction(Struct, frozen=True, gc=False, rename="camel"):
    kind: str | None = None
    status: str | None = None
    created_at: Moment | None = None
    processed_at: Moment | None = None


class RawAttribute(Struct, frozen=True, gc=False):
    key: str
    value: str | None = None


class RawTitle(Struct, frozen=True, gc=False):
    title: str | None = None


class RawCollection(Struct, frozen=True, gc=False, rename="camel"):
    additional_payment_collection_url: str | None = None


class RawOrder(Struct, frozen=True, gc=False, rename="camel", kw_only=True, tag="Order", tag_field="__typename"):
    id: str
    name: str
    created_at: Moment
    updated_at: Moment
    processed_at: Moment | None = None
    cancelled_at: Moment | None = None
    display_financial_status: str | None = None
    display_fulfillment_status: str | None = None
    test: bool | None = None
    email: str | None = None
    phone: str | None = None
    tags: list[str] | None = None
    customer_locale: str | None = None
    source_name: str | None = None
    requires_shipping: bool | None = None
    discount_codes: list[str] | None = None
    payment_gateway_names: list[str] | None = None
    custom_attributes: list[RawAttribute] | None = None
    total_price_set: RawMoneyBag | None = None
    payment_collection_details: RawCollection | None = None
    status_page_url: str | None = None
    shipping_line: RawTitle | None = None
    customer: RawCustomer | None = None
    billing_address: RawAddress | None = None
    shipping_address: RawAddress | None = None
    line_items: Connection[RawLine] | None = None
    fulfillments: list[RawParcel] | None = None
    refunds: list[RawRefund] | None = None
    returns: Connection[RawReturn] | None = None
    transactions: list[RawTransaction] | None = None


class RawCheckout(
    Struct, frozen=True, gc=False, rename="camel", kw_only=True, tag="AbandonedCheckout", tag_field="__typename"
):
    id: str
    name: str | None = None
    created_at: Moment
    updated_at: Moment
    completed_at: Moment | None = None
    abandoned_checkout_url: str | None = None
    discount_codes: list[str] | None = None
    custom_attributes: list[RawAttribute] | None = None
    total_price_set: RawMoneyBag | None = None
    customer: RawCustomer | None = None
    billing_address: RawAddress | None = None
    shipping_address: RawAddress | None = None
    line_items: Connection[RawLine] | None = None


class RawStamp(Struct, frozen=True, gc=False, rename="camel"):
    """What is left of an order that could not be understood: enough to name it and to walk on."""

    id: Any = None
    updated_at: Any = None
    reason: str = ""


RawNode = RawOrder | RawCheckout | RawStamp


class OrdersAnswer(Struct, frozen=True, gc=False):
    """The answer to `orders`."""

    orders: Connection[Raw]


class CheckoutsAnswer(Struct, frozen=True, gc=False, rename="camel"):
    """The answer to `checkouts`."""

    abandoned_checkouts: Connection[Raw]


class NodesAnswer(Struct, frozen=True, gc=False):
    """The answer to `nodes`, in the order of the ids that were asked for."""

    nodes: list[Raw]


ODD = (msgspec.DecodeError, RecursionError, UnicodeDecodeError)
"""How decoding fails."""

_NODE: msgspec.json.Decoder[RawOrder | RawCheckout] = msgspec.json.Decoder(RawOrder | RawCheckout)
_STAMP = msgspec.json.Decoder(RawStamp)


def read_nodes(pieces: Iterable[Raw]) -> list[RawNode]:
    """The orders and checkouts in a list of nodes, each read by itself so that an odd one spoils no other.

    What cannot be understood comes as RawStamp; what is null is left out.
    """
    return [node for piece in pieces if (node := _node(piece)) is not None]


def stamp_of(node: RawOrder | RawCheckout, error: Exception) -> RawStamp:
    """What is left of an order of which a part, answered by itself, is one of `ODD`."""
    return RawStamp(node.id, node.updated_at.isoformat(), _why(error))


def model_id(gid: str) -> str:
    """The model's id for an order's or a checkout's global id."""
    return CHECKOUT + tail(gid) if "/AbandonedCheckout/" in gid else tail(gid)


def global_id(order_id: str) -> str:
    """The global id of what is, in the model, an order or, by its prefix, an abandoned checkout."""
    if order_id.startswith(CHECKOUT):
        return "gid://shopify/AbandonedCheckout/" + order_id.removeprefix(CHECKOUT)
    return "gid://shopify/Order/" + order_id


def tail(gid: str) -> str:
    """The last part of a global id, without the query that some end in."""
    path = gid.partition("?")[0] if "?" in gid else gid
    return path[path.rfind("/") + 1 :]


def _node(piece: Raw) -> RawNode | None:
    if bytes(piece) == b"null":
        return None
    try:
        return _NODE.decode(piece)
    except ODD as error:
        why = _why(error)
    try:
        stamp = _STAMP.decode(piece)
    except ODD:
        stamp = RawStamp()
    return msgspec.structs.replace(stamp, reason=why)


def _why(error: Exception) -> str:
    """What is odd. msgspec names types and paths, and but one value; the others' words are not repeated."""
    if not isinstance(error, msgspec.ValidationError):
        return "it is nested too deeply" if isinstance(error, RecursionError) else "it holds text that is not UTF-8"
    if "__typename" in str(error):
        return "it is neither an order nor an abandoned checkout"
    return str(error).replace("`", "'")
