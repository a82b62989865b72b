"""People who come back get what is due to them, once, whatever fails (`make torture` tells of a week)."""

from __future__ import annotations

import pytest

from torture import customers, faults
from torture.stalls import STALLS, Fault


@pytest.mark.parametrize(("dialect", "seed"), [(dialect, seed) for seed, dialect in enumerate(STALLS, 1)])
def test_a_day_of_people_who_come_back_leaves_each_with_what_was_due(dialect: str, seed: int) -> None:
    count = customers.a_week(dialect, seed, days=1, often=0.4)
    assert count.orders >= 10
    assert count.is_clean, count.wrong


@pytest.mark.parametrize("fault", [("reset", False), ("429 later", False), ("wrong_json", True), ("empty_list", False)])
def test_products_that_the_shop_does_not_tell_stop_nothing_and_let_nothing_slip_through(fault: Fault) -> None:
    count = faults.products(fault, times=2)
    assert count.is_clean, count.wrong
