"""How long a store is left alone that did not let us go on."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import pytest

from adapters.errors import RateLimited, Unavailable
from connector.waiting import delay_after


@pytest.mark.parametrize(
    ("failures", "seconds"), [(1, 30), (2, 60), (3, 120), (6, 960), (8, 3600), (50, 3600), (10_000, 3600)]
)
def test_it_is_left_alone_longer_with_each_failure_and_an_hour_at_most(failures: int, seconds: int) -> None:
    assert delay_after(Unavailable("down"), failures, chance=lambda: 1.0) == timedelta(seconds=seconds)


def test_stores_that_failed_together_are_not_tried_again_together() -> None:
    soonest, latest = (delay_after(Unavailable("down"), 3, chance=partial(float, luck)) for luck in (0.0, 1.0))
    assert (soonest, latest) == (timedelta(seconds=96), timedelta(seconds=120))
    assert len({delay_after(Unavailable("down"), 3) for _ in range(20)}) > 10


def test_what_the_store_asks_for_counts_more() -> None:
    assert delay_after(RateLimited("slow down", 7.0), 9) == timedelta(seconds=7)


def test_a_store_that_asks_for_more_than_a_day_is_asked_after_a_day() -> None:
    assert delay_after(RateLimited("slow down", 1e7), 1) == timedelta(days=1)
