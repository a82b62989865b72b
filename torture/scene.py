"""A store, the shop that looks after it, and the time: what every chapter is told with."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy.exc import DBAPIError

from adapters.base import StoreAdapter
from adapters.registry import create
from adapters.sandbox.clock import MovableClock
from connector import deciding
from connector.config import StoreConfig
from connector.cycle import Report, run_cycle
from connector.loading import Loaded, load
from connector.opening import Client, open_client
from connector.shop import Clock, Shop
from connector.staff import Staff
from connector.store import followups
from connector.store.followups import Followup
from torture.stalls import STALLS, Stall

MONDAY = datetime(2026, 6, 1, 9, 0, tzinfo=UTC)

RULES = """\
version: 1
rules:
  - id: thanks
    trigger: order.placed
    steps:
      - actions:
          - create_coupon: { percent: 10 }
          - send: "{{ coupon.code }} is yours"
          - add_note: Thanked
      - wait: 30 minutes
        actions:
          - add_note: Half an hour later
          - add_tag: thanked
  - id: watch
    trigger: order.placed
    wait: 20 minutes
    actions:
      - add_note: Thanked
"""
WANTED = Counter({"mail: CODE is yours": 1, "note: Thanked": 2, "note: Half an hour later": 1, "tag: thanked": 1})
"""What each order has to have received of these rules in the end."""

CONFIG = """\
version: 1
timezone: Asia/Jerusalem
locale: en
business_hours: {{ sun-thu: "09:00-18:00", fri: "09:00-13:00" }}
database: {database}
stores:
  - {{ id: tea, platform: {dialect}, {keys} }}
"""

EVERY = ("pending", "done", "skipped", "held", "failed", "unknown")


@dataclass
class Scene:
    """What goes on in one folder. The shop in it is opened in this process, or run by a command on `config`."""

    folder: Path
    stall: Stall
    clock: MovableClock
    database: str = "sqlite:///aftersale.db"
    timeout: float = 0.5
    """Seconds that the store has for an answer."""
    told: list[str] = field(default_factory=list)
    client: Client | None = None

    @property
    def config(self) -> Path:
        return self.folder / "config.yaml"

    def write(self, rules: str = RULES) -> None:
        """Put config and rules on disk."""
        (self.folder / "rules").mkdir(exist_ok=True)
        (self.folder / "rules" / "rules.yaml").write_text(rules)
        keys = {"database": self.database, "dialect": self.stall.dialect, "keys": self.stall.config}
        self.config.write_text(CONFIG.format(**keys))

    def open(self) -> None:
        """As a restart does: read everything on disk, and open the state again."""
        self.close()
        loaded = load(self.config, {})
        assert isinstance(loaded, Loaded), "\n".join(map(str, loaded))
        staff = Staff(("json://staff",), self._tell)
        self.client = open_client(loaded, self.clock, make_adapter=self._adapter, staff=staff)

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

    def settle_as_a_person(self) -> int:
        """What is held for its outcome is told as it is, by somebody who looks into the store; gives how many."""
        held = [row for row in self.rows("held") if row.held_for == "outcome"]
        for row in held:
            sent = any(what.startswith("mail: ") for what in self.stall.received(row.order_id))
            if row.kind != "send":
                raise AssertionError(f"{row.kind} of order {row.order_id} was left to a person: {row.reason}")
            deciding.take_word(self.shop, [row.id], sent=sent)
        return len(held)

    def _adapter(self, config: StoreConfig, clock: Clock) -> StoreAdapter:
        settings = config.plain_settings()
        return create(config.platform, **settings, clock=clock, timeout=self.timeout, sleep=lambda seconds: None)

    def _tell(self, urls: object, title: str, body: str) -> bool:
        self.told.append(title)
        return True


@contextmanager
def scene(dialect: str, database: str = "sqlite:///aftersale.db", rules: str = RULES) -> Iterator[Scene]:
    """A new store of that dialect, and an empty folder to look after it from."""
    clock = MovableClock(MONDAY)
    stall = STALLS[dialect](clock)
    with TemporaryDirectory(prefix="aftersale-torture-") as folder:
        made = Scene(Path(folder), stall, clock, database)
        made.write(rules)
        try:
            yield made
        finally:
            made.close()
            stall.store.stop()


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
    stall: Stall,
    orders: Sequence[str],
    wanted: Mapping[str, int] = WANTED,
    *,
    where: str = "",
    failed: Collection[str] = (),
) -> Count:
    """What these orders received against what the rules wanted for each; those `failed` visibly may lack something."""
    count = Count(orders=len(orders))
    for order in orders:
        received = stall.received(order)
        more, less = received - Counter(wanted), Counter(wanted) - received
        if order in failed:
            count.refused += less.total()
            less = Counter()
        count.twice += more.total()
        count.lost += less.total()
        count.wrong += [f"{where}: order {order}: {times} too many of '{what}'" for what, times in more.items()]
        count.wrong += [f"{where}: order {order}: {times} missing of '{what}'" for what, times in less.items()]
    coupons = sum(what.startswith("mail: CODE") for what in wanted) * len(orders)
    spare = len(stall.store.coupons) - coupons
    if spare > 0:
        count.twice += spare
        count.wrong.append(f"{where}: {spare} coupons too many")
    return count
