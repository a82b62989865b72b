"""How long to leave a store alone that did not let us go on."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import timedelta

FIRST = timedelta(seconds=30)
LONGEST = timedelta(hours=1)
LONGEST_WISH = timedelta(days=1)
"""A store that asks for more than this is asked again all the same."""


def delay_after(error: Exception, failures: int, chance: Callable[[], float] = random.random) -> timedelta:
    """What the store asks for, else longer with each failure in a row, up to an hour; never all at the same moment.

    `chance` gives a number from 0 to 1, of which a fifth of the time depends.
    """
    asked = getattr(error, "retry_after", None)
    if asked is not None:
        return min(timedelta(seconds=asked), LONGEST_WISH)
    longest = min(LONGEST, FIRST * (1 << min(failures - 1, 10)))
    return longest * (0.8 + 0.2 * chance())
