"""Marks on orders: who may act under a key, once and for all, and how far that has come.

A mark is a custom field of our own on the order, named by the follow-up's key. Shopify changes it only if it is still
the one that was read, so of two that are at the same thing one is turned away.
"""

from __future__ import annotations

from msgspec import Struct

from adapters.errors import UnknownOutcome
from adapters.shopify.client import Client
from adapters.shopify.order import existing, order_gid

NAMESPACE = "$app:aftersale"
"""Reserved for our app: nobody else can write there. The documents that read marks repeat it."""


class Mark(Struct, frozen=True, rename="camel"):
    """What stands there now; `compare_digest` is how Shopify knows it again."""

    value: str
    compare_digest: str | None = None


class _Set(Struct, frozen=True):
    metafields: tuple[Mark, ...] | None = None


class _Written(Struct, frozen=True, rename="camel"):
    metafields_set: _Set


class _Order(Struct, frozen=True):
    metafield: Mark | None = None


class _Read(Struct, frozen=True):
    order: _Order | None = None


def set_mark(client: Client, order_id: str, key: str, value: str, instead_of: Mark | None) -> Mark:
    """Set the mark of this key if what stands there is still `instead_of` (None: nothing yet); returns it.

    Raises Refused where something else stands there, and the errors of a write.
    """
    field = {
        "ownerId": order_gid(order_id),
        "namespace": NAMESPACE,
        "key": key,
        "type": "single_line_text_field",
        "value": value,
        # None is no omission: it says "only if there is none".
        "compareDigest": instead_of.compare_digest if instead_of is not None else None,
    }
    written = client.write("claim", {"metafields": [field]}, _Written).metafields_set.metafields
    if not written:
        raise UnknownOutcome(f"{client.http.where} does not say whether it has marked order {order_id}.")
    return written[0]


def find_mark(client: Client, order_id: str, key: str) -> Mark | None:
    """The mark of this key. Raises NotFound for an order that is not there, and the errors of reading."""
    order = client.read("claim_find", {"id": order_gid(order_id), "key": key}, _Read).order
    return existing(client, order_id, order).metafield
