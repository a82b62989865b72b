"""`add_tag`: a tag (or several) on the order."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Annotated, ClassVar

from pydantic import BeforeValidator, StringConstraints

from adapters.base import Capability
from connector.actions import Absent, ActionKind, Found, Prepared, Setting, Settlement, Undecidable, World
from rules.schema import ActionSpec

Tag = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=40, pattern=r"^[^,]+$")]


def _one_or_more(value: object) -> object:
    return (value,) if isinstance(value, str) else value


class AddTag(ActionSpec):
    """Add one tag, or a list of them, to the order."""

    shorthand: ClassVar[str] = "tags"
    tags: Annotated[tuple[Tag, ...], BeforeValidator(_one_or_more)]


def prepare(spec: AddTag, setting: Setting) -> Prepared:
    return Prepared(tags=spec.tags)


def perform(prepared: Prepared, world: World) -> None:
    world.adapter.add_tags(world.order_id, prepared.tags)


def settle(prepared: Prepared, world: World, since: datetime, credited: Collection[str]) -> Settlement:
    order = next(iter(world.adapter.get_orders([world.order_id]).orders), None)
    if order is None:
        return Undecidable("")
    return Found() if set(order.tags).issuperset(prepared.tags) else Absent()


ACTION = ActionKind("add_tag", AddTag, prepare, perform, settle, needs=Capability.TAGS)
