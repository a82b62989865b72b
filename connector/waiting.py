"""How long to leave a store alone that did not let us go on."""

from __future__ import annotations

import random
from datetime import timedelta

FIRST = timedelta(seconds=30)
LONGEST = timedelta(hours=1)
LONGEST_WISH = timedelta(days=1)
"""A store that asks for more than this is asked again all the same."""


def delay_after(error: Exception, failures: int) -> timedelta:
    """What the store asks for, else longer with each failure, up to an hour; never all at the same moment."""
    asked = getattr(error, "retry_after", None)
    if asked is not None:
        return min(timedelta(seconds=asked), LONGEST_WISH)
    longest = min(LONGEST, FIRST * (1 << min(failures - 1, 10)))
    return longest * random.uniform(0.8, 1.0)  # noqa: S311
