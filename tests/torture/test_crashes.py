"""Killed at any moment and started again, the command repeats nothing and loses nothing (`make torture` kills more)."""

from __future__ import annotations

import pytest

from torture import crashes
from torture.letterboxes import LINE_UPS
from torture.running import started

BOTH = pytest.mark.every_database


@BOTH
def test_a_run_that_is_killed_at_random_repeats_and_loses_nothing(database: str) -> None:
    dialect = "shopify" if database.startswith("sqlite") else "woocommerce"
    count = crashes.at_random(dialect, database, seed=1, kills=10)
    assert count.is_clean, count.wrong


@BOTH
def test_a_run_that_is_killed_at_one_point_after_another_repeats_and_loses_nothing(database: str) -> None:
    dialect = "woocommerce" if database.startswith("sqlite") else "shopify"
    count = crashes.in_turn(dialect, database, every=4)
    assert count.tried >= 6
    assert count.is_clean, count.wrong


@BOTH
def test_an_order_whose_runs_are_killed_again_and_again_gets_each_of_two_notes_of_the_same_words(database: str) -> None:
    dialect = "shopify" if database.startswith("sqlite") else "woocommerce"
    count = crashes.again_and_again(dialect, database, seed=1, kills=10)
    assert count.is_clean, count.wrong


def test_a_first_walk_that_is_killed_again_and_again_still_fires_nothing(database: str) -> None:
    count = crashes.of_first_walk("woocommerce", database)
    assert count.tried >= 8
    assert count.is_clean, count.wrong


def test_the_started_command_is_killed_like_the_forked_one(database: str) -> None:
    count = crashes.at_random("shopify", database, seed=2, kills=2, runner=started)
    assert count.is_clean, count.wrong


@pytest.mark.parametrize("boxes", LINE_UPS, ids="-".join)
def test_a_run_that_is_killed_amid_its_messages_repeats_and_loses_none(database: str, boxes: tuple[str, ...]) -> None:
    count = crashes.at_random("woocommerce", database, seed=1, kills=6, boxes=boxes)
    assert count.is_clean, count.wrong
