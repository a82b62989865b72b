"""`notify_staff`: tell the people who run the shop, through apprise. At least once: better twice than never."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import ClassVar

from connector.actions import Absent, ActionKind, Prepared, Setting, Settlement, StaffNotReached, World
from connector.staff import STAFF
from rules.schema import ActionSpec, Text


class NotifyStaff(ActionSpec):
    """Send this text to everyone named under `staff` in the configuration."""

    shorthand: ClassVar[str] = "text"
    to_staff: ClassVar[bool] = True
    text: Text


def prepare(spec: NotifyStaff, setting: Setting) -> Prepared:
    return Prepared(text=setting.render_plain(spec.text), channel=STAFF)


def perform(prepared: Prepared, world: World) -> None:
    assert prepared.text is not None
    if not world.staff.tell(prepared.text.strip().splitlines()[0][:100], prepared.text):
        raise StaffNotReached("the staff could not be reached; check the addresses under 'staff'")


def settle(prepared: Prepared, world: World, since: datetime, credited: Collection[str]) -> Settlement:
    return Absent()


ACTION = ActionKind("notify_staff", NotifyStaff, prepare, perform, settle, needs_staff=True, repeatable=True)
