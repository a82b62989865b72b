"""What happens in the demo, and when: `story.yaml`, read and made ready to be played."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Struct

from connector.demo.stage import Act, Sale, Stage
from rules.document import parse


@dataclass(frozen=True, slots=True)
class Happening:
    """Something that customers, couriers, an owner or a shop's host do, at `at` (UTC), in the store of this id."""

    at: datetime
    store: str
    act: Act


@dataclass(frozen=True, slots=True)
class Story:
    """All that happens, in order. The stores are looked after from `begins` to `ends` (UTC)."""

    begins: datetime
    ends: datetime
    happenings: tuple[Happening, ...]


def read_story(zone: ZoneInfo, stages: Mapping[str, Stage]) -> Story:
    """The demo's story, to be played on the stages of its stores; its times are on the clocks of `zone`."""
    document = parse(files("connector.demo").joinpath("story.yaml").read_text(encoding="utf-8"), "story.yaml")
    script = msgspec.convert(document.data, _Script)
    begins = _moment(script.begins, zone)
    happenings = [
        Happening(_moment(f"{begins.year}-{moment}", zone), store, act)
        for store, part in script.stores.items()
        for moment, act in _acts(part, stages[store])
    ]
    return Story(begins, _moment(script.ends, zone), tuple(sorted(happenings, key=lambda each: each.at)))


class _Part(Struct):
    """What happens in one store: to its orders, and to the shop as a whole."""

    products: dict[str, dict[str, str | int]]
    orders: list[Sale]
    shop: dict[str, str]


class _Script(Struct):
    begins: str
    ends: str
    stores: dict[str, _Part]


def _acts(part: _Part, stage: Stage) -> Iterator[tuple[str, Act]]:
    for sale in part.orders:
        for moment, what in sale.life.items():
            yield moment, stage.in_order(what, sale, part.products)
    for moment, what in part.shop.items():
        yield moment, stage.in_shop(what)


def _moment(text: str, zone: ZoneInfo) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC)
