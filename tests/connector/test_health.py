"""Whether a store is well: what may take its time, what may not, and who is told."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from pydantic import SecretStr
from requests.exceptions import ReadTimeout
from responses import RequestsMock
from structlog.testing import capture_logs

from connector.health import Ward, wards_of
from connector.heartbeat import beat, beat_if_well
from connector.store import stores
from connector.store.stores import StoreState
from connector.vitals import Vitals, ailments
from tests.conftest import MONDAY, World, is_write

MINUTES = timedelta(minutes=1)
WELCOME = "- { id: welcome, trigger: order.placed, actions: [ { add_note: Hello } ] }"
URL = "https://beats.example.com/ping/0b7c1a2d"


def looked_after(**known: object) -> StoreState:
    """A store whose first walk is through."""
    base: dict[str, object] = {"baseline_at": MONDAY, "baseline_done_at": MONDAY, "polled_at": MONDAY}
    return StoreState("tea", **{**base, **known})  # type: ignore[arg-type]


def ill(state: StoreState, after: timedelta, *, poll_every: timedelta = 2 * MINUTES, **known: object) -> list[str]:
    """What ails a store so long after Monday morning."""
    base: dict[str, object] = {"counts": {}, "due_since": None, "paused_rules": (), "is_paused": False, "set_aside": 0}
    since = known.pop("since", None)
    assert since is None or isinstance(since, datetime)
    vitals = Vitals(state, **{**base, **known})  # type: ignore[arg-type]
    return list(ailments(vitals, poll_every, MONDAY + after, since))


# What may take its time ---------------------------------------------------------------------------------------


def test_a_store_may_be_without_a_poll_for_a_quarter_of_an_hour() -> None:
    assert ill(looked_after(), 15 * MINUTES) == []
    assert ill(looked_after(), 16 * MINUTES) == ["no poll has come to its end for 16 minutes"]


def test_a_store_that_is_polled_rarely_may_miss_five_polls() -> None:
    assert ill(looked_after(), 300 * MINUTES, poll_every=60 * MINUTES) == []
    assert ill(looked_after(), 301 * MINUTES, poll_every=60 * MINUTES) == ["no poll has come to its end for 5 hours"]


def test_the_first_walk_takes_as_long_as_it_takes() -> None:
    walking = looked_after(polled_at=None, baseline_done_at=None)
    assert ill(walking, 600 * MINUTES) == []


def test_a_first_walk_that_fails_for_long_is_told() -> None:
    failing = looked_after(polled_at=None, baseline_done_at=None, error="out of reach", error_since=MONDAY)
    assert ill(failing, 16 * MINUTES) == ["no poll has come to its end for 16 minutes"]


def test_after_a_long_stop_the_daemon_is_given_time_to_catch_up() -> None:
    began = MONDAY + timedelta(days=3)
    waiting = {"due_since": MONDAY, "since": began}
    assert ill(looked_after(), timedelta(days=3) + 14 * MINUTES, **waiting) == []
    assert ill(looked_after(), timedelta(days=3) + 31 * MINUTES, **waiting) == [
        "no poll has come to its end for 31 minutes",
        "what is due has been waiting for 31 minutes",
    ]


def test_what_is_due_may_wait_for_half_an_hour() -> None:
    polled = looked_after(polled_at=MONDAY + 31 * MINUTES)
    assert ill(polled, 30 * MINUTES, due_since=MONDAY) == []
    assert ill(polled, 31 * MINUTES, due_since=MONDAY) == ["what is due has been waiting for 31 minutes"]


# What waits by somebody's will --------------------------------------------------------------------------------


@pytest.fixture
def ward(world: World) -> Ward:
    world.rules(WELCOME)
    world.run()
    return ward_of(world)


def ward_of(world: World) -> Ward:
    assert world.client is not None
    (ward,) = wards_of([world.client])
    return ward


def due_since(ward: Ward) -> datetime | None:
    return ward.vitals().due_since


@pytest.mark.every_database
def test_what_could_not_be_done_waits_since_it_was_due(world: World, ward: Ward) -> None:
    world.store.add_order()
    world.store.fail_next("401", match=is_write)
    world.run()
    (row,) = world.rows("pending")
    assert due_since(ward) is None  # it was put off for a moment
    world.later(minutes=32)
    assert due_since(ward) == row.due_at
    assert ward.ailments(ward.vitals())[-1] == "what is due has been waiting for 31 minutes"


@pytest.mark.every_database
def test_what_is_paused_does_not_lag(world: World, ward: Ward) -> None:
    with world.shop.database.write() as connection:
        stores.pause(connection, "tea", "welcome", world.clock())
    world.store.add_order()
    world.run()
    world.later(hours=2)
    vitals = ward.vitals()
    assert (vitals.due_since, vitals.paused_rules, vitals.is_paused) == (None, ("welcome",), False)
    assert vitals.counts["pending"] == 1


@pytest.mark.every_database
def test_what_is_held_for_a_person_does_not_lag(world: World) -> None:
    world.rules(WELCOME.replace("trigger", "max_per_run: 1, trigger"))
    world.run()
    for _ in range(2):
        world.store.add_order()
    world.run()
    ward = ward_of(world)
    assert ward.vitals().due_since is None
    assert ward.vitals().counts["held"] == 2


# The heartbeat ------------------------------------------------------------------------------------------------


@pytest.fixture
def monitor() -> Iterator[RequestsMock]:
    """A monitoring service that takes heartbeats."""
    with RequestsMock(assert_all_requests_are_fired=False) as service:
        service.get(URL, body="OK")
        service.add_passthru("http://127.0.0.1")
        yield service


def beats(monitor: RequestsMock) -> int:
    return sum(call.request.url == URL for call in monitor.calls)


def test_while_all_is_well_there_is_a_heartbeat(ward: Ward, monitor: RequestsMock) -> None:
    beat_if_well(SecretStr(URL), [ward])
    assert beats(monitor) == 1


def test_a_store_in_trouble_has_none_and_back_in_order_one_again(
    world: World, ward: Ward, monitor: RequestsMock
) -> None:
    world.store.stop()
    world.run()
    beat_if_well(SecretStr(URL), [ward])
    assert beats(monitor) == 0
    world.store.start()
    world.run()
    beat_if_well(SecretStr(URL), [ward])
    assert beats(monitor) == 1


def test_a_daemon_that_hangs_has_none(world: World, ward: Ward, monitor: RequestsMock) -> None:
    world.later(minutes=16)
    beat_if_well(SecretStr(URL), [ward])
    assert beats(monitor) == 0


def test_a_heartbeat_that_fails_hurts_nobody_and_its_address_is_not_logged(monitor: RequestsMock) -> None:
    monitor.replace("GET", URL, body=ReadTimeout(f"no answer from {URL}"))
    with capture_logs() as logs:
        beat(SecretStr(URL))
    monitor.replace("GET", URL, status=404)
    with capture_logs() as more:
        beat(SecretStr(URL))
    assert [*logs, *more] == [
        {"event": "heartbeat not delivered", "log_level": "warning", "fault": "ReadTimeout"},
        {"event": "heartbeat refused", "log_level": "warning", "status": 404},
    ]


def test_a_heartbeat_follows_no_redirect(monitor: RequestsMock) -> None:
    monitor.replace("GET", URL, status=302, headers={"Location": "https://elsewhere.example.org/"})
    with capture_logs() as logs:
        beat(SecretStr(URL))
    assert logs[0]["event"] == "heartbeat refused"
    assert len(monitor.calls) == 1
