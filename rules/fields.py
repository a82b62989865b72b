"""The fields that conditions look at: what a scene has, read off the model."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from types import NoneType, UnionType
from typing import Literal, Union, get_args, get_origin, get_type_hints

from msgspec import Struct

from adapters.model import LineItem, Money, Order, Refund, Return, Review, Shipment, StaffNote
from rules.formulas import Formula, every
from rules.timing import Calendar

Kind = Literal["text", "number", "money", "time", "flag"]
Value = str | int | Decimal | Money | datetime | bool | None


class Scene(Struct, frozen=True, gc=False):
    """What a condition looks at: an order, the shipments and items of the follow-up's subject, and now; and the review
    or note that set the rule off, if one did.
    """

    order: Order
    shipments: tuple[Shipment, ...]
    items: tuple[LineItem, ...]
    calendar: Calendar
    now: datetime
    review: Review | None = None
    note: StaffNote | None = None


@dataclass(frozen=True, slots=True)
class Field:
    """Something that conditions can look at: its type, and how to get at it in a scene. A field of which a scene has
    many is found in `loops`, each in the one before.
    """

    name: str
    kind: Kind
    value: Formula
    may_lack: bool = True
    loops: tuple[str, ...] = ()

    def values(self, scene: Scene) -> list[Value]:
        """All that the scene has of it, None for each that is missing."""
        return every(self.value, self.loops)(scene)


META = "order.meta."


def find_field(name: str) -> Field | None:
    """The field of this name, among them `order.meta.<any key>`; None if there is none."""
    if name.startswith(META) and len(name) > len(META):
        return Field(name, "text", Formula("o.meta.get({})", (name.removeprefix(META),)))
    return FIELDS.get(name)


def no_such_field(name: str) -> str:
    """What to say of a field that there is not."""
    close = difflib.get_close_matches(name, FIELDS, n=1, cutoff=0.5)
    hint = f"; did you mean '{close[0]}'?" if close else "; docs/rules.md lists the fields"
    return f"there is no field '{name}'{hint}"


_KINDS: Mapping[object, Kind] = {
    str: "text",
    int: "number",
    Decimal: "number",
    Money: "money",
    datetime: "time",
    bool: "flag",
}


def _read_off(model: type[Struct], noun: str, path: str, loops: tuple[str, ...] = ()) -> Iterator[Field]:
    """The fields of a struct, which `path` leads to, and of the structs within it."""
    hints = get_type_hints(model)
    for name in model.__struct_fields__:
        hint, may_lack = _without_none(hints[name])
        place = f"{path}.{name}"
        if kind := _KINDS.get(hint):
            yield Field(f"{noun}.{name}", kind, Formula(place), may_lack, loops)
        elif get_origin(hint) is tuple and get_args(hint)[0] is str:
            yield Field(f"{noun}.{name}", "text", Formula("text"), may_lack=False, loops=(*loops, f"text in {place}"))
        elif isinstance(hint, type) and issubclass(hint, Struct):
            yield from _read_off(hint, name if name == "customer" else f"{noun}.{name}", place, loops)


def _without_none(hint: object) -> tuple[object, bool]:
    """The type, and whether there may be none of it."""
    if get_origin(hint) in (UnionType, Union):
        return next(part for part in get_args(hint) if part is not NoneType), True
    return hint, False


def _of_a_remark(noun: str, **kinds: Kind) -> Iterator[Field]:
    """What there is to see of the review or note that set the rule off."""
    for name, kind in kinds.items():
        yield Field(f"{noun}.{name}", kind, Formula(f"(s.{noun}.{name} if s.{noun} else None)"))


def _consent(channel: str) -> Formula:
    """What the customer has said about marketing on this channel."""

    def said(order: Order) -> str | None:
        return next((each.state for each in order.customer.consents if each.channel == channel), None)

    return Formula("{}(o)", (said,))


def _all_fields() -> Iterator[Field]:
    yield from _read_off(Order, "order", "o")
    yield from _read_off(LineItem, "item", "each", ("each in s.items",))
    yield from _read_off(Shipment, "shipment", "each", ("each in s.shipments",))
    yield from _read_off(Refund, "refund", "each", ("each in o.refunds",))
    yield from _read_off(Return, "return", "each", ("each in o.returns",))
    yield from _of_a_remark("review", rating="number", text="text", product_name="text")
    yield from _of_a_remark("note", text="text", author="text")
    for channel in ("email", "sms", "whatsapp"):
        yield Field(f"customer.{channel}_consent", "text", _consent(channel))
    yield Field("order.quantity", "number", Formula("sum([item.quantity for item in o.items])"), may_lack=False)
    yield Field("order.refunded_in_full", "flag", Formula("o.refunded_in_full"), may_lack=False)


FIELDS: Mapping[str, Field] = {field.name: field for field in _all_fields()}
