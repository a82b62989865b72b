"""`add_note`: a private note on the order, for the staff."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import ClassVar

from adapters.base import Capability
from connector.actions import Absent, ActionKind, Found, Prepared, Setting, Settlement, World
from rules.schema import ActionSpec, Text


class AddNote(ActionSpec):
    """Write a private note on the order; customers do not see it."""

    shorthand: ClassVar[str] = "text"
    text: Text


def prepare(spec: AddNote, setting: Setting) -> Prepared:
    return Prepared(text=setting.render(spec.text))


def perform(prepared: Prepared, world: World) -> str:
    assert prepared.text is not None
    return world.adapter.add_note(world.order_id, prepared.text, world.key)


def settle(prepared: Prepared, world: World, since: datetime, credited: Collection[str]) -> Settlement:
    assert prepared.text is not None
    found = world.adapter.find_note(world.order_id, prepared.text, world.key, since, credited)
    return Found(found) if found is not None else Absent()


ACTION = ActionKind("add_note", AddNote, prepare, perform, settle, needs=Capability.NOTES)
