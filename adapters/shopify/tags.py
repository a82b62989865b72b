"""Tags: Shopify keeps them as a set, so that adding one twice is adding it once."""

from __future__ import annotations

from collections.abc import Sequence

from adapters.errors import Rejected
from adapters.shopify.client import Client
from adapters.shopify.order import Written, order_gid, read_state


def add_tags(client: Client, order_id: str, tags: Sequence[str]) -> None:
    """Add tags to those that the order has; nothing is written if it has them all.

    Raises Rejected for a tag with a comma, which Shopify would take for two; NotFound, and the errors of a write.
    """
    for tag in tags:
        if "," in tag:
            raise Rejected("a tag on Shopify cannot hold a comma: it would become two tags. Write them as a list.")
    has = {tag.casefold() for tag in read_state(client, order_id).tags}
    missing = [tag for tag in tags if tag.strip().casefold() not in has]
    # Any write dates the order anew, and so comes back with the next poll.
    if missing:
        client.write("tags_add", {"id": order_gid(order_id), "tags": missing}, Written)
