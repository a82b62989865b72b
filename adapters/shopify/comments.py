"""What the staff writes: comments on an order's timeline, which can be read but not written.

Of each timeline only the latest lines are asked for, as every line is paid for. Who wrote a comment is not asked: that
takes a scope that few apps are given, and its denial would take the comment with it.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec import Raw, Struct

from adapters.base import Broken, Noted
from adapters.model import LONGEST_REMARK, StaffNote
from adapters.shopify.client import Client, TooDear
from adapters.shopify.raw import ODD, Connection, Moment, NodesAnswer, global_id, tail


class _Event(Struct, frozen=True, rename="camel"):
    """A line of a timeline; only comments have more than their type."""

    id: str | None = None
    created_at: Moment | None = None
    raw_message: str | None = None
    attribute_to_app: bool = False


class _Timeline(Struct, frozen=True):
    id: str
    events: Connection[Raw] = Connection()


def staff_notes(client: Client, ids: Sequence[str]) -> Noted:
    """The comments among the latest lines of these orders' timelines, in as few requests as their cost allows."""
    wanted = list(dict.fromkeys(ids))
    notes: dict[str, tuple[StaffNote, ...]] = {}
    broken: list[Broken] = []
    while wanted:
        batch = wanted[: client.first("comments")]
        try:
            answer = client.read("comments", {"ids": [global_id(order_id) for order_id in batch]}, NodesAnswer)
        except TooDear:
            if len(batch) == 1:
                raise
            continue  # It is known now that they were too many at once.
        del wanted[: len(batch)]
        for order_id, node in zip(batch, answer.nodes, strict=False):
            if bytes(node) not in (b"null", b"{}"):
                notes[order_id], odd = _comments(node)
                broken += [Broken(order_id, "a comment on its timeline cannot be understood")] if odd else []
    return Noted(notes, tuple(broken))


def _comments(node: Raw) -> tuple[tuple[StaffNote, ...], bool]:
    """An order's comments, oldest first, and whether there was something odd among them."""
    try:
        lines = msgspec.json.decode(node, type=_Timeline).events.nodes
    except ODD:
        return (), True
    found: list[StaffNote] = []
    odd = False
    for line in reversed(lines):
        try:
            event = msgspec.json.decode(line, type=_Event)
        except ODD:
            odd = True
            continue
        text = (event.raw_message or "").strip()[:LONGEST_REMARK].rstrip()
        if event.id is not None and event.created_at is not None and text and not event.attribute_to_app:
            found.append(StaffNote(id=tail(event.id), at=event.created_at, text=text))
    return tuple(sorted(found, key=lambda note: note.at)), odd
