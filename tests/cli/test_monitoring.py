"""What is told to those who watch: by `run` to machines, by `status` to people."""

from __future__ import annotations

import json
import signal
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest
import requests

from tests.channels.mail_server import mail_server
from tests.cli.conftest import Shop
from tests.monitor import Monitor, listening

HELLO = '- { id: hello, trigger: order.placed, actions: [ { add_note: "Hello {{ order.number }}" } ] }'


# Metrics and health -------------------------------------------------------------------------------------------


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def test_the_daemon_serves_metrics_and_health_until_it_is_told_to_stop(shop: Shop) -> None:
    port = free_port()
    shop.config(shop.store.url, f"metrics: {{ port: {port} }}\n")
    shop.rules(HELLO)
    shop.begin()
    shop.order()
    shop.let_polls_be_due()
    daemon = shop.start("run")
    assert daemon.stderr is not None
    events = (json.loads(line) for line in daemon.stderr)
    assert next(events)["event"] == "started"
    while next(events)["event"] != "tended":
        pass
    health = requests.get(f"http://127.0.0.1:{port}/healthz", timeout=5)
    metrics = requests.get(f"http://127.0.0.1:{port}/metrics", timeout=5).text
    daemon.send_signal(signal.SIGTERM)
    daemon.communicate(timeout=30)
    assert daemon.returncode == 0
    assert (health.status_code, health.json()["healthy"]) == (200, True)
    done = 'aftersale_outcomes_total{channel="",client="config",outcome="done",rule="hello",store="tea"} 1.0'
    assert done in metrics
    assert 'aftersale_requests_total{client="config",status="200",store="tea"}' in metrics
    with pytest.raises(requests.ConnectionError):
        requests.get(f"http://127.0.0.1:{port}/healthz", timeout=5)


def test_a_port_that_is_taken_is_told_and_the_customers_are_looked_after(noted: Shop) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        noted.config(noted.store.url, f"metrics: {{ port: {other.getsockname()[1]} }}\n")
        number = noted.order()
        noted.let_polls_be_due()
        daemon = noted.start("run")
        assert daemon.stderr is not None
        events = [json.loads(daemon.stderr.readline())]
        while events[-1]["event"] != "tended":
            events.append(json.loads(daemon.stderr.readline()))
        daemon.send_signal(signal.SIGTERM)
        daemon.communicate(timeout=30)
    assert (events[0]["event"], events[0]["level"]) == ("metrics are not served", "error")
    assert noted.notes(number) == [f"Hello {number}"]


# The heartbeat ------------------------------------------------------------------------------------------------


@pytest.fixture
def monitor() -> Iterator[Monitor]:
    with listening() as monitor:
        yield monitor


@pytest.fixture
def watched(noted: Shop, monitor: Monitor) -> Shop:
    """A shop of whose good runs the monitoring service hears."""
    noted.config(noted.store.url, f"heartbeat: {monitor.url}\n")
    return noted


def test_a_good_run_has_a_heartbeat(watched: Shop, monitor: Monitor) -> None:
    assert watched.type("run", "--once").code == 0
    assert monitor.beats == ["/ping/0b7c1a2d"]


def test_a_run_that_a_store_did_not_let_do_its_work_has_none(watched: Shop, monitor: Monitor) -> None:
    watched.store.stop()
    assert watched.type("run", "--once").code == 1
    assert monitor.beats == []


def test_a_dry_run_tells_nobody(watched: Shop, monitor: Monitor) -> None:
    assert watched.type("run", "--once", "--mode", "dry").code == 0
    assert monitor.beats == []


def test_a_heartbeat_that_nobody_hears_is_no_failure_of_the_run(noted: Shop) -> None:
    noted.config(noted.store.url, f"heartbeat: http://127.0.0.1:{free_port()}/ping/0b7c1a2d\n")
    result = noted.type("run", "--once")
    assert result.code == 0
    assert json.loads(result.err)["event"] == "heartbeat not delivered"
    assert "0b7c1a2d" not in result.err


def test_a_heartbeat_goes_to_https_alone_and_its_address_is_not_repeated(shop: Shop) -> None:
    shop.config(shop.store.url, "heartbeat: http://beats.example.com/0b7c1a2d\n")
    shop.rules(HELLO)
    result = shop.type("check")
    assert result.code == 2
    assert "heartbeat: write an address that begins with https://" in result.err
    assert "0b7c1a2d" not in result.err


# status -------------------------------------------------------------------------------------------------------


def set_state(shop: Shop, **columns: object) -> None:
    with closing(sqlite3.connect(shop.folder / "aftersale.db")) as connection, connection:
        named = ", ".join(f"{name} = ?" for name in columns)
        connection.execute(f"UPDATE stores SET {named}", tuple(columns.values()))


def test_a_store_that_is_well_is_said_to_be(noted: Shop) -> None:
    tea = noted.type("status", "--json").json["stores"]["tea"]
    assert (tea["healthy"], tea["reasons"], tea["due_lag_seconds"], tea["failures"]) == (True, [], None, 0)


def test_a_daemon_that_stands_still_shows_in_the_status(noted: Shop) -> None:
    noted.let_polls_be_due()
    result = noted.type("status")
    assert result.code == 1
    assert "It lags: no poll has come to its end for " in result.out
    assert "Does 'aftersale run' run?" in " ".join(result.out.split())
    tea = noted.type("status", "--json").json["stores"]["tea"]
    assert tea["healthy"] is False
    assert tea["lag_seconds"] > 86400


def test_what_is_due_and_not_done_shows_in_the_status(noted: Shop) -> None:
    noted.order()
    noted.type("run", "--once")
    with closing(sqlite3.connect(noted.folder / "aftersale.db")) as connection, connection:
        connection.execute("UPDATE followups SET due_at = '2026-01-01 00:00:00.000000' WHERE state = 'pending'")
    result = noted.type("status")
    assert "It lags: what is due has been waiting for " in result.out
    assert noted.type("pause").code == 0
    assert "It lags" not in noted.type("status").out


def test_a_store_that_is_left_alone_says_since_when_and_until_when_and_how_often_it_failed(noted: Shop) -> None:
    noted.store.stop()
    for _ in range(3):
        noted.type("run", "--once")
    out = " ".join(noted.type("status").out.split())
    assert "In trouble (since " in out
    assert "refuses connections" in out
    assert "and left alone until then. It failed 3 times in a row." in out
    set_state(noted, retry_at="2026-01-01 00:00:00.000000")
    assert "The next run tries it again. It failed 3 times in a row." in noted.type("status").out


def test_a_channel_that_takes_nothing_is_told_with_the_reason_and_the_next_try(shop: Shop) -> None:
    with mail_server() as mail:
        channel = f'email: {{ type: smtp, url: "smtp://127.0.0.1:{mail.port}", from: tal@tea.example.com }}'
        shop.config(shop.store.url, f"channels: {{ {channel} }}\n")
        shop.rules("- { id: hi, trigger: order.placed, actions: [ { send: { text: Hi, via: email } } ] }")
        shop.begin()
        mail.replies["MAIL"] = "451 4.3.0 later"
        shop.order()
        shop.type("run", "--once")
    result = shop.type("status")
    assert result.code == 1
    assert "Channel email is in trouble (since" in result.out
    assert "Tried again in" in result.out
    [told] = shop.type("status", "--json").json["stores"]["tea"]["channels"]
    assert (told["name"], told["failures"]) == ("email", 1)
    assert "451" in told["error"]
