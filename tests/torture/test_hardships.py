"""What goes wrong on our own machine costs time, and nothing else."""

from __future__ import annotations

import pytest

from torture import hardships
from torture.postgres import postgresql
from torture.stalls import STALLS


def test_a_full_disk_is_told_and_costs_only_time() -> None:
    _holds(hardships.disk_full())


def test_a_file_that_may_not_be_written_is_told_and_nothing_is_done() -> None:
    _holds(hardships.read_only_file())


def test_a_locked_file_is_told_and_costs_only_time() -> None:
    _holds(hardships.locked_file())


@pytest.mark.parametrize("dialect", STALLS)
def test_our_clock_may_jump(dialect: str) -> None:
    _holds(hardships.clock_jumps(dialect))


def test_over_both_changes_of_the_clocks_each_message_comes_once_and_within_its_hours() -> None:
    _holds(hardships.daylight_saving())


@pytest.mark.every_database
def test_the_second_daemon_on_a_state_stops_with_exit_code_3(database: str) -> None:
    _holds(hardships.two_daemons(database))


def test_a_postgresql_that_takes_no_writes_or_is_restarted_costs_only_time() -> None:
    with postgresql() as server:
        _holds(hardships.read_only_postgresql(server))
        _holds(hardships.postgresql_restarted(server, times=3))


def _holds(count: hardships.Count) -> None:
    assert count.tried
    assert count.is_clean, count.wrong
