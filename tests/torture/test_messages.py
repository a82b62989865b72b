"""Whatever fails, nobody is written to against their will, at night, or more often than the caps allow."""

from __future__ import annotations

import pytest

from torture import messages
from torture.stalls import STALLS


@pytest.mark.parametrize(("dialect", "seed"), [(dialect, seed) for seed, dialect in enumerate(STALLS, 1)])
def test_a_day_of_messages_and_troubles_bothers_nobody(dialect: str, seed: int) -> None:
    count = messages.a_week(dialect, seed, days=1, often=0.4)
    assert count.orders >= 2
    assert count.is_clean, count.wrong
