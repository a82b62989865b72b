"""Metrics, health and the heartbeat, as they are asked for over HTTP."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr
from structlog.testing import capture_logs

from adapters.sandbox.clock import MovableClock
from adapters.sandbox.shopify import ShopifySandbox
from adapters.shopify import create
from connector.config import Address
from connector.cycle import run_cycle
from connector.health import Ward, wards_of
from connector.metrics import Metrics
from connector.opening import open_client
from connector.serving import AT_ONCE, serving
from connector.staff import Staff
from connector.store import stores
from connector.store.stores import EVERY
from tests.channels.mail_server import mail_server
from tests.conftest import MONDAY, World, is_write

LOCAL = Address("127.0.0.1", 0)
TEA = {"client": "config", "store": "tea"}

WELCOME = """
    - id: welcome
      trigger: order.placed
      actions: [ { add_note: Hello } ]
"""

pytestmark = pytest.mark.every_database


class Seen:
    """What a daemon on this world would show: its counting adapters, its pages."""

    def __init__(self, world: World) -> None:
        self.metrics = Metrics()
        self.world = world
        loaded = world.client.loaded if world.client is not None else None
        assert loaded is not None
        world.close()
        staff = Staff((SecretStr("json://staff"),), lambda urls, title, body: True)
        world.client = open_client(loaded, world.clock, make_adapter=self.metrics.counted("config"), staff=staff)
        self.wards = wards_of([world.client])
        self.metrics.look_after(self.wards)

    def run(self) -> None:
        (ward,) = self.wards
        run_cycle(ward.shop, threading.Event(), told=self.metrics.told(*ward.names))

    def value(self, name: str, **labels: str) -> float | None:
        return self.metrics.registry.get_sample_value(name, {**TEA, **labels})


@pytest.fixture
def seen(world: World) -> Seen:
    world.rules(WELCOME)
    world.run()
    return Seen(world)


# Counted as it happens ----------------------------------------------------------------------------------------


def test_what_becomes_of_actions_is_counted_by_rule_and_channel(world: World) -> None:
    world.rules("""
        - id: welcome
          trigger: order.placed
          actions: [ { add_note: Hello }, { send: Welcome } ]
    """)
    world.run()
    seen = Seen(world)
    for _ in range(2):
        world.store.add_order()
    seen.run()
    assert seen.value("aftersale_outcomes_total", rule="welcome", channel="platform", outcome="done") == 2
    assert seen.value("aftersale_outcomes_total", rule="welcome", channel="", outcome="done") == 2


def test_what_a_change_of_the_order_cancels_is_counted_as_skipped(world: World) -> None:
    world.rules("""
        - id: later
          trigger: order.placed
          wait: 4 hours
          stop_if: { order.status: cancelled }
          actions: [ { add_note: Hello } ]
    """)
    world.run()
    seen = Seen(world)
    order = world.store.add_order()
    seen.run()
    world.store.set_status(order, "cancelled")
    seen.run()
    assert seen.value("aftersale_outcomes_total", rule="later", channel="", outcome="skipped") == 1


def test_an_outcome_that_is_not_known_is_counted_and_later_what_it_was(seen: Seen) -> None:
    world = seen.world
    world.store.add_order()
    world.store.fail_next("500", match=is_write)
    seen.run()
    assert seen.value("aftersale_outcomes_total", rule="welcome", channel="", outcome="unknown") == 1
    assert seen.value("aftersale_actions", state="unknown") == 1


def test_a_rule_that_is_held_is_counted_by_its_actions(world: World) -> None:
    world.rules(WELCOME.replace("trigger", "max_per_run: 1\n      trigger"))
    world.run()
    seen = Seen(world)
    for _ in range(3):
        world.store.add_order()
    seen.run()
    assert seen.value("aftersale_outcomes_total", rule="welcome", channel="", outcome="held") == 3
    assert seen.value("aftersale_actions", state="held") == 3


def test_every_request_is_counted_by_its_answer_and_timed(seen: Seen) -> None:
    seen.world.store.fail_next("404")
    seen.run()
    seen.run()
    assert seen.value("aftersale_requests_total", status="404") == 1
    good = seen.value("aftersale_requests_total", status="200")
    assert good is not None
    assert seen.value("aftersale_request_seconds_count") == good + 1


def test_a_request_without_an_answer_is_counted_as_such(seen: Seen) -> None:
    seen.world.store.stop()
    seen.run()
    assert seen.value("aftersale_requests_total", status="none") == 3


def test_the_points_that_shopify_has_left_are_told() -> None:
    metrics, clock = Metrics(), MovableClock(MONDAY)
    with ShopifySandbox(clock=clock) as store:
        watch = metrics.watch("config", "mugs")
        adapter = create(url=store.url, access_token=store.access_token, clock=clock, watch=watch)
        adapter.identify()
        adapter.close()
    mugs = {"client": "config", "store": "mugs"}
    most = metrics.registry.get_sample_value("aftersale_points_most", mugs)
    left = metrics.registry.get_sample_value("aftersale_points_left", mugs)
    assert most is not None
    assert left is not None
    assert 0 < left <= most


# Read from the state ------------------------------------------------------------------------------------------


def test_the_lags_grow_with_the_time(seen: Seen) -> None:
    world = seen.world
    world.store.add_order()
    seen.run()
    assert seen.value("aftersale_poll_lag_seconds") == 0
    assert seen.value("aftersale_due_lag_seconds") == 0
    world.store.add_order()
    world.store.fail_next("401", match=is_write)
    seen.run()
    world.later(hours=2)
    assert seen.value("aftersale_poll_lag_seconds") == 7200
    assert 0 < (seen.value("aftersale_due_lag_seconds") or 0) < 7200


def test_failures_in_a_row_are_told_and_when_the_store_is_tried_again(seen: Seen) -> None:
    seen.world.store.stop()
    for _ in range(3):
        seen.run()
    assert seen.value("aftersale_failures_in_a_row") == 3
    assert 60 < (seen.value("aftersale_retry_in_seconds") or 0) <= 120
    seen.world.store.start()
    seen.run()
    assert seen.value("aftersale_failures_in_a_row") == 0
    assert seen.value("aftersale_retry_in_seconds") == 0


def test_what_is_paused_is_told(seen: Seen) -> None:
    shop = seen.world.shop
    with shop.database.write() as connection:
        stores.pause(connection, EVERY, EVERY, shop.clock())
        stores.pause(connection, "tea", "welcome", shop.clock())
    assert seen.value("aftersale_paused") == 1
    assert seen.value("aftersale_rules_paused") == 1


# Over HTTP ----------------------------------------------------------------------------------------------------


@contextmanager
def served(wards: list[Ward], metrics: Metrics | None = None) -> Iterator[str]:
    with serving(LOCAL, metrics or Metrics(), wards) as port:
        assert port is not None
        yield f"http://127.0.0.1:{port}"


def test_prometheus_can_read_what_is_served(seen: Seen) -> None:
    seen.world.store.add_order()
    seen.run()
    with served(seen.wards, seen.metrics) as url:
        answer = requests.get(f"{url}/metrics", timeout=5)
    assert answer.headers["Content-Type"].startswith("text/plain")
    found = {family.name: family for family in text_string_to_metric_families(answer.text)}
    (healthy,) = found["aftersale_healthy"].samples
    assert (healthy.labels, healthy.value) == (TEA, 1)


def test_nothing_of_a_customer_and_no_secret_is_served(seen: Seen) -> None:
    seen.world.store.add_order(billing={"email": "noa@example.com", "first_name": "Noa", "phone": "+972501234567"})
    seen.run()
    with served(seen.wards, seen.metrics) as url:
        pages = [requests.get(f"{url}/{page}", timeout=5).text for page in ("metrics", "healthz")]
    for told in ("noa@example.com", "Noa", "972501234567", "ck_sandbox", "cs_sandbox"):
        assert not any(told in page for page in pages)


def test_health_is_green_while_all_is_well(seen: Seen) -> None:
    with served(seen.wards) as url:
        answer = requests.get(f"{url}/healthz", timeout=5)
    assert answer.status_code == 200
    tea = {**TEA, "healthy": True, "reasons": [], "error": None, "failures": 0}
    assert answer.json() == {"healthy": True, "stores": [tea]}


def test_health_turns_red_when_polls_fail_for_long_and_green_again(seen: Seen) -> None:
    world = seen.world
    world.store.stop()
    seen.run()
    with served(seen.wards) as url:
        assert requests.get(f"{url}/healthz", timeout=5).status_code == 200
        world.later(minutes=16)
        seen.run()
        answer = requests.get(f"{url}/healthz", timeout=5)
        assert answer.status_code == 503
        (tea,) = answer.json()["stores"]
        assert tea["reasons"] == ["no poll has come to its end for 16 minutes"]
        assert tea["error"].startswith("the store at http://127.0.0.1")
        assert tea["failures"] == 2
        world.store.start()
        seen.run()
        assert requests.get(f"{url}/healthz", timeout=5).status_code == 200


def test_only_the_two_pages_are_served_and_only_to_be_read(seen: Seen) -> None:
    with served(seen.wards) as url:
        for path in ("/", "/etc/passwd", "/metrics/", "/%2e%2e/config.yaml"):
            assert requests.get(url + path, timeout=5).status_code == 404
        for method in ("POST", "PUT", "DELETE", "HEAD"):
            assert requests.request(method, f"{url}/metrics", timeout=5).status_code == 405


def test_a_web_page_cannot_have_a_browser_read_it(seen: Seen) -> None:
    with served(seen.wards) as url:
        for host in ("evil.example.com", "127.0.0.1.example.com", "[::", ""):
            assert requests.get(f"{url}/metrics", headers={"Host": host}, timeout=5).status_code == 403
        assert requests.get(f"{url}/metrics", headers={"Host": "localhost:9464"}, timeout=5).status_code == 200


def test_a_client_that_says_nothing_keeps_nobody_waiting(seen: Seen) -> None:
    with served(seen.wards) as url, socket.create_connection(("127.0.0.1", int(url.rsplit(":", 1)[1]))):
        assert requests.get(f"{url}/healthz", timeout=5).status_code == 200


def test_a_crowd_that_says_nothing_takes_no_more_than_a_few_threads(seen: Seen) -> None:
    before = threading.active_count()
    with served(seen.wards) as url, ExitStack() as crowd:
        address = ("127.0.0.1", int(url.rsplit(":", 1)[1]))
        for _ in range(30):
            crowd.enter_context(socket.create_connection(address))
        last = crowd.enter_context(socket.create_connection(address))
        assert last.recv(1) == b""  # all who came before it have been seen to
        assert threading.active_count() <= before + AT_ONCE + 1


def test_a_busy_port_is_logged_and_keeps_nobody_from_work(seen: Seen) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with capture_logs() as logs, serving(Address("127.0.0.1", port), seen.metrics, seen.wards) as served_at:
            assert served_at is None
    assert logs == [
        {
            "event": "metrics are not served",
            "log_level": "error",
            "host": "127.0.0.1",
            "port": port,
            "reason": "Address already in use",
        }
    ]


def test_a_state_that_cannot_be_read_is_red_and_not_a_crash(world: World) -> None:
    world.rules(WELCOME)
    world.run()
    seen = Seen(world)
    with world.shop.database.write() as connection:
        connection.exec_driver_sql("ALTER TABLE followups RENAME TO gone")
    with served(seen.wards, seen.metrics) as url:
        for page in ("metrics", "healthz"):
            answer = requests.get(f"{url}/{page}", timeout=5)
            assert answer.status_code == 503
            assert answer.json() == {"healthy": False, "error": "the database cannot be used just now"}


def test_two_daemons_in_one_process_do_not_share_their_counts(seen: Seen) -> None:
    other = Metrics()
    seen.world.store.add_order()
    seen.run()
    labels = {**TEA, "rule": "welcome", "channel": "", "outcome": "done"}
    assert seen.metrics.registry.get_sample_value("aftersale_outcomes_total", labels) == 1
    assert other.registry.get_sample_value("aftersale_outcomes_total", labels) is None


def test_a_channel_in_trouble_is_told_of_with_how_often_and_for_how_long(world: World) -> None:
    with mail_server() as mail:
        world.extra = (
            f'channels: {{ email: {{ type: smtp, url: "smtp://127.0.0.1:{mail.port}", from: a@example.com }} }}'
        )
        world.rules("- { id: hi, trigger: order.placed, actions: [ { send: { text: Hi, via: email } } ] }")
        world.run()
        seen = Seen(world)
        assert seen.value("aftersale_channel_failures_in_a_row", channel="email") == 0
        mail.replies["MAIL"] = "451 4.3.0 later"
        world.store.add_order()
        seen.run()
        assert seen.value("aftersale_channel_failures_in_a_row", channel="email") == 1
        waits = seen.value("aftersale_channel_retry_in_seconds", channel="email")
        assert waits is not None
        assert 20 < waits <= 30
        mail.replies["MAIL"] = "250 ok"
        world.later(hours=1)
        seen.run()
        assert seen.value("aftersale_channel_failures_in_a_row", channel="email") == 0
