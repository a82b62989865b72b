"""`set_status`: the order moves to another status, with all that the shop does on such a move."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Annotated, ClassVar

from pydantic import AfterValidator

from adapters.base import Capability
from connector.actions import Absent, ActionKind, Found, Prepared, Setting, Settlement, Undecidable, World
from rules.schema import ActionSpec

_CLOCK_GRAIN = timedelta(seconds=2)
"""Orders are dated, and clocks compared, in whole seconds."""


def _plain(status: str) -> str:
    if status.startswith("wc-"):
        raise ValueError(f"write '{status.removeprefix('wc-')}', without the 'wc-'")
    return status


class SetStatus(ActionSpec):
    """Move the order to this status. The shop may mail the customer about it by itself."""

    shorthand: ClassVar[str] = "status"
    status: Annotated[str, AfterValidator(_plain)]


def prepare(spec: SetStatus, setting: Setting) -> Prepared:
    return Prepared(status=spec.status)


def perform(prepared: Prepared, world: World) -> None:
    assert prepared.status is not None
    world.adapter.set_status(world.order_id, prepared.status)


def settle(prepared: Prepared, world: World, since: datetime, credited: Collection[str]) -> Settlement:
    order = next(iter(world.adapter.get_orders([world.order_id]).orders), None)
    if order is None:
        return Undecidable("")
    if order.status == prepared.status:
        return Found()
    if order.modified_at < since + (world.adapter.skew or timedelta(0)) - _CLOCK_GRAIN:
        return Absent()  # nobody has written to the order since
    return Undecidable("the order has another status now: it may never have got this one, or has moved on since")


ACTION = ActionKind("set_status", SetStatus, prepare, perform, settle, needs=Capability.STATUS)
