"""A week of messages by every channel: channels fail, customers opt out, addresses bounce, and people may be asked.

Whoever is on the suppression list gets nothing any more, and nobody gets a message at night, or more than caps allow.
"""

from __future__ import annotations

import random
from collections.abc import Collection
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from connector.people import address_of, mark
from connector.store import suppressions
from connector.store.suppressions import Purpose, Suppression
from torture.faults import ended, inject, kinds
from torture.letterboxes import LINE_UPS, Letterbox, sending
from torture.scene import Count, Scene, scene
from torture.stalls import PATIENCE

REMINDER = sending("reminder", ["email", "sms"], wait="2 days", purpose="marketing")

MOST, A_DAY = 3, timedelta(days=1)
NIGHT = (22, 7)
ZONE = ZoneInfo("Asia/Jerusalem")
PROTECTION = {
    "quiet_times": "22:00-07:00",
    "frequency_caps": [f"at most {MOST} messages a day"],
    "soft_opt_in": ["IL"],
    "unsubscribe": "https://tea.example.com/stop",
}


class Arrival(NamedTuple):
    """A message that a customer got: when, about which order, by which rule and in which letterbox."""

    at: datetime
    order: str
    rule: str
    box: Letterbox


@dataclass
class Observer:
    """Sees what arrives in each cycle, and holds it against who had been suppressed before."""

    stage: Scene
    arrivals: list[Arrival] = field(default_factory=list)
    barred: Collection[Suppression] = ()
    wrong: list[str] = field(default_factory=list)
    seen: dict[str, int] = field(default_factory=dict)

    def look(self) -> None:
        """A cycle is over."""
        orders = {self.stage.stall.number(order): order for order in self.stage.orders}
        for box in self.stage.boxes:
            said = self.stage.said_in(box)
            for number, rule in said[self.seen.get(box.name, 0) :]:
                self._take(Arrival(self.stage.clock(), orders[number], rule, box))
            self.seen[box.name] = len(said)
        with self.stage.shop.database.read() as connection:
            self.barred = suppressions.every(connection)

    def _take(self, arrival: Arrival) -> None:
        if arrival.box.via is None:
            return  # a web service is not a customer
        self.arrivals.append(arrival)
        for row in self.barred:
            if self._bars(row, arrival):
                self.wrong.append(f"order {arrival.order} got {arrival.rule}, and was suppressed ({row.purpose})")
        if not NIGHT[1] <= arrival.at.astimezone(ZONE).hour < NIGHT[0]:
            self.wrong.append(f"order {arrival.order} got {arrival.rule} at night, {arrival.at}")

    def _bars(self, row: Suppression, arrival: Arrival) -> bool:
        stall = self.stage.stall
        if row.purpose == "address":
            return row.address == stall.address(arrival.order, str(arrival.box.via))
        is_theirs = row.address in (stall.address(arrival.order, "email"), stall.address(arrival.order, "sms"))
        return is_theirs and (row.purpose == "everything" or arrival.rule == "reminder")

    def check_caps(self) -> None:
        """Nobody got more in a day than they may."""
        for order in self.stage.orders:
            moments = [arrival.at for arrival in self.arrivals if arrival.order == order]
            for first, one_too_many in zip(moments, moments[MOST:], strict=False):
                if one_too_many - first < A_DAY:
                    self.wrong.append(f"order {order} got {MOST + 1} messages within a day, from {first} on")


def a_week(dialect: str, seed: int, *, days: float = 7, often: float = 0.25) -> Count:
    """Orders come in, customers opt out, and every so often a channel or the store fails in some way, for a week."""
    chance = random.Random(seed)
    count = Count()
    boxes = LINE_UPS[seed % len(LINE_UPS)]
    known = kinds(dialect)
    with scene(dialect, rules=[REMINDER], boxes=boxes, more=PROTECTION) as stage:
        stage.timeout = PATIENCE
        stage.open()
        stage.run()
        observer = Observer(stage)
        stage.after_run = observer.look
        for _ in range(int(days * 48)):
            stage.later(minutes=30)
            if chance.random() < 0.2:
                stage.place()
            if stage.orders and chance.random() < 0.06:
                _opt_out(stage, chance)
            if chance.random() < often / 4:
                inject(stage, chance.choice(stage.stall.faults), chance.choice(known), chance.randint(1, 4))
                count.tried += 1
            with ExitStack() as trouble:
                if chance.random() < often:
                    box = chance.choice(stage.boxes)
                    box.suffer(chance.choice(box.troubles))
                    trouble.callback(box.recover)
                    count.tried += 1
                stage.run()
            if chance.random() < 0.05:
                stage.open()
        result = ended(stage, f"{dialect}: a week of messages, seed {seed}")
        observer.check_caps()
        result.tried = count.tried
        result.wrong += observer.wrong
        return result


def _opt_out(stage: Scene, chance: random.Random) -> None:
    """A customer wants no more messages, or no more marketing: what `aftersale suppression add` does."""
    address = stage.stall.address(chance.choice(stage.orders), chance.choice(("email", "sms")))
    known = mark(address_of(address), stage.shop.secret)
    purposes: tuple[Purpose, ...] = ("everything", "marketing")
    purpose = chance.choice(purposes)
    with stage.shop.database.write() as connection:
        suppressions.put(connection, [Suppression(known, purpose, address, None, False, None, stage.clock())])
