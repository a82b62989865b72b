"""A store, the shop that looks after it, and the time: what every chapter is told with."""

from __future__ import annotations

import json
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import Any

from pydantic import SecretStr
from sqlalchemy.exc import DBAPIError

from adapters.base import StoreAdapter
from adapters.channels.base import Channel
from adapters.channels.registry import connect
from adapters.registry import create
from adapters.sandbox.clock import MovableClock
from connector import deciding
from connector.channel_keys import ChannelConfig
from connector.config import StoreConfig
from connector.cycle import Report, run_cycle
from connector.loading import Loaded, load
from connector.opening import Client, open_client
from connector.shop import Clock, Shop
from connector.staff import Staff
from connector.store import followups
from connector.store.followups import Followup
from torture.letterboxes import LETTERBOXES, TEMPLATE, Letterbox, sending
from torture.rules import RULES, Rule, as_file, left_by
from torture.stalls import STALLS, Stall

MONDAY = datetime(2026, 6, 1, 9, 0, tzinfo=UTC)

CONFIG = """\
version: 1
timezone: Asia/Jerusalem
locale: en
business_hours: {{ sun-thu: "09:00-18:00", fri: "09:00-13:00" }}
database: {database}
stores:
  - {{ id: tea, platform: {dialect}, {keys} }}
"""

_SAID = re.compile(r"Order (?P<number>\d+) by (?P<rule>[\w-]+)\.")
"""What a message of a template says."""

EVERY = ("pending", "done", "skipped", "held", "failed", "unknown")


@dataclass
class Scene:
    """What goes on in one folder. The shop in it is opened in this process, or run by a command on `config`."""

    folder: Path
    stall: Stall
    clock: MovableClock
    database: str = "sqlite:///aftersale.db"
    rules: Sequence[Rule] = RULES
    boxes: Sequence[Letterbox] = ()
    more: Mapping[str, Any] = field(default_factory=dict)
    """Further keys of config.yaml."""
    timeout: float = 5.0
    """Seconds that the store and the channels have for an answer."""
    orders: list[str] = field(default_factory=list)
    """Those that were placed here."""
    told: list[str] = field(default_factory=list)
    client: Client | None = None
    after_run: Callable[[], None] | None = None
    """Called after each cycle."""
    signs: Mapping[str, str] = field(default_factory=dict)
    """What tells the messages of a rule, by its id, where they do not name it."""
    _completed: int = 0

    @property
    def config(self) -> Path:
        return self.folder / "config.yaml"

    @property
    def wanted(self) -> Counter[str]:
        """What each order has to have received of the rules in the end."""
        return left_by(self.rules)

    def write(self) -> None:
        """Put config, rules and templates on disk."""
        (self.folder / "rules").mkdir(exist_ok=True)
        (self.folder / "rules" / "rules.yaml").write_text(as_file(self.rules))
        for name in re.findall(r"template: ([\w-]+)", as_file(self.rules)):
            (self.folder / "templates" / name).mkdir(parents=True, exist_ok=True)
            (self.folder / "templates" / name / "en.md").write_text(TEMPLATE.format(rule=name))
        keys = {"database": self.database, "dialect": self.stall.dialect, "keys": self.stall.config}
        more = dict(self.more)
        for box in self.boxes:
            channels = {**more.get("channels", {}), **box.config.get("channels", {})}
            more.update(box.config, channels=channels)
        self.config.write_text(CONFIG.format(**keys) + "".join(f"{key}: {json.dumps(more[key])}\n" for key in more))

    # What happens in the store

    def place(self) -> str:
        """An order comes in; gives its id."""
        self.orders.append(self.stall.place())
        return self.orders[-1]

    def complete(self) -> None:
        """The store is done with the oldest order that it still had to send."""
        if self._completed < len(self.orders):
            self.stall.complete(self.orders[self._completed])
            self._completed += 1

    def complete_all(self) -> None:
        while self._completed < len(self.orders):
            self.complete()

    def received(self, order: str) -> Counter[str]:
        """What an order and its customer have received by now, by whatever way."""
        number = self.stall.number(order)
        messages = (rule for box in self.boxes for about, rule in self.said_in(box) if about == number)
        return self.stall.received(order) + Counter(f"message: {rule}" for rule in messages)

    def said_in(self, box: Letterbox) -> list[tuple[str, str]]:
        """What came by one channel: each message's order, as people call it, and the rule that it goes by."""
        found = [_SAID.search(text) for text in box.texts()]
        return [(said["number"], said["rule"]) for said in found if said is not None]

    # What the shop does

    def open(self) -> None:
        """As a restart does: read everything on disk, and open the state again."""
        self.close()
        loaded = load(self.config, {})
        assert isinstance(loaded, Loaded), "\n".join(map(str, loaded))
        staff = Staff((SecretStr("json://staff"),), self._tell)
        self.client = open_client(
            loaded, self.clock, make_adapter=self._adapter, make_channel=self._channel, staff=staff
        )

    def close(self) -> None:
        if self.client is not None:
            self.client.close()
            self.client = None

    @property
    def shop(self) -> Shop:
        assert self.client is not None
        return self.client.shops[0]

    def run(self) -> Report:
        """One cycle, now. An internal fault is never right, whatever else may go wrong."""
        report = run_cycle(self.shop, threading.Event())
        if report.error is not None and "internal fault" in report.error:
            raise AssertionError(report.error)
        if self.after_run is not None:
            self.after_run()
        return report

    def run_safely(self) -> None:
        """A cycle whose database may go away: what is raised then would be logged by the command, and is over."""
        with suppress(DBAPIError):
            self.run()

    def later(self, **span: float) -> None:
        self.clock.advance(timedelta(**span))

    def run_for(self, **span: float) -> None:
        """A cycle every half hour for that long."""
        end = self.clock() + timedelta(**span)
        while self.clock() < end:
            self.later(minutes=30)
            self.run()

    def rows(self, *states: str) -> list[Followup]:
        with self.shop.database.read() as connection:
            found = followups.in_state(connection, states or EVERY)  # type: ignore[arg-type]
        return sorted(found, key=lambda row: row.id)

    def said(self) -> str:
        """All that was said of actions and to the staff: nothing of it may be secret."""
        return "\n".join(map(str, [*self.told, *((row.reason, row.passed_over, row.basis) for row in self.rows())]))

    def settle_as_a_person(self) -> int:
        """What is held for its outcome is told as it is by somebody who looks; what is more than usual is let go. Gives
        how many there were.
        """
        held = self.rows("held")
        deciding.let_go(self.shop, [row.id for row in held if row.held_for == "approval"])
        for row in held:
            if row.held_for == "approval":
                continue
            if row.kind not in ("send", "call_webhook"):
                raise AssertionError(f"{row.kind} of order {row.order_id} was left to a person: {row.reason}")
            messages = [what for what in self.received(row.order_id) if what.startswith(("mail: ", "message: "))]
            sign = self.signs.get(row.rule, row.rule)
            deciding.take_word(self.shop, [row.id], sent=any(sign in what for what in messages))
        return len(held)

    def _adapter(self, config: StoreConfig, clock: Clock) -> StoreAdapter:
        settings = config.plain_settings()
        return create(config.platform, **settings, clock=clock, timeout=self.timeout, sleep=lambda seconds: None)

    def _channel(self, config: ChannelConfig, clock: Clock) -> Channel:
        return connect(config.name, config.kind, config.settings, timeout=self.timeout, clock=clock)

    def _tell(self, urls: object, title: str, body: str) -> bool:
        self.told.append(f"{title}: {body}")
        return True


@contextmanager
def scene(
    dialect: str,
    database: str = "sqlite:///aftersale.db",
    rules: Sequence[Rule] = RULES,
    boxes: Sequence[str] = (),
    more: Mapping[str, Any] = MappingProxyType({}),
) -> Iterator[Scene]:
    """A new store of that dialect, those letterboxes beside it, and an empty folder to look after it from.

    Each of the letterboxes has a rule of its own, and if they are several channels, one may choose among them.
    """
    clock = MovableClock(MONDAY)
    with TemporaryDirectory(prefix="aftersale-torture-") as folder, ExitStack() as stack:
        stall = STALLS[dialect](clock)
        stack.callback(stall.store.stop)
        there = [LETTERBOXES[name](clock) for name in boxes]
        for box in there:
            stack.callback(box.close)
        channels = [box.via for box in there if box.via is not None]
        either = [sending("either", channels)] if len(channels) > 1 else []
        told = (*rules, *(box.rule for box in there), *either)
        made = Scene(Path(folder), stall, clock, database, told, there, more)
        stack.callback(made.close)
        made.write()
        yield made


@dataclass
class Count:
    """What was tried, and what came of it. `wrong` has a line for everything that must not be."""

    tried: int = 0
    orders: int = 0
    twice: int = 0
    lost: int = 0
    held: int = 0
    refused: int = 0
    """What the store refused for good, so that it failed where everybody sees it."""
    wrong: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    def add(self, other: Count) -> None:
        self.tried += other.tried
        self.orders += other.orders
        self.twice += other.twice
        self.lost += other.lost
        self.held += other.held
        self.refused += other.refused
        self.wrong += other.wrong
        self.remarks += other.remarks

    @property
    def is_clean(self) -> bool:
        return not (self.twice or self.lost or self.wrong)


def compare(
    stage: Scene,
    wanted: Mapping[str, int] | None = None,
    *,
    where: str = "",
    failed: Mapping[str, int] = MappingProxyType({}),
) -> Count:
    """What the orders received against what the rules wanted for each, or `wanted`.

    As many of an order's actions as `failed` visibly may be missing.
    """
    ought = stage.wanted if wanted is None else Counter(wanted)
    count = Count(orders=len(stage.orders))
    for order in stage.orders:
        received = stage.received(order)
        more, less = received - ought, ought - received
        if less.total() <= failed.get(order, 0):
            count.refused += less.total()
            less = Counter()
        count.twice += more.total()
        count.lost += less.total()
        count.wrong += [f"{where}: order {order}: {times} too many of '{what}'" for what, times in more.items()]
        count.wrong += [f"{where}: order {order}: {times} missing of '{what}'" for what, times in less.items()]
    coupons = sum(what.startswith("mail: CODE") for what in ought) * len(stage.orders)
    spare = len(stage.stall.store.coupons) - coupons
    if spare > 0:
        count.twice += spare
        count.wrong.append(f"{where}: {spare} coupons too many")
    return count
