"""The few statistics that a report needs: how sure a number is, and whether two of them differ.

Intervals are at 95 %. Shares have Wilson's interval, and the difference of two shares has Newcombe's (his method 10,
1998), which hold for small groups and for shares near 0 and 1. Means differ by Welch's interval, in which the groups
need not be alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from math import sqrt
from typing import NamedTuple

Z = 1.959963984540054
"""The normal distribution's quantile for 95 %."""


class Interval(NamedTuple):
    """A value, and between which two it lies with a confidence of 95 %."""

    low: float
    value: float
    high: float

    @property
    def excludes_zero(self) -> bool:
        """Whether a difference is more than chance."""
        return self.low > 0 or self.high < 0


def share(hits: int, of: int) -> Interval:
    """Which share `hits` are `of` so many (one at the least), by Wilson's score interval."""
    value = hits / of
    middle = (value + Z * Z / (2 * of)) / (1 + Z * Z / of)
    half = Z * sqrt(value * (1 - value) / of + Z * Z / (4 * of * of)) / (1 + Z * Z / of)
    return Interval(max(0.0, middle - half), value, min(1.0, middle + half))


def difference_of_shares(one: Interval, other: Interval) -> Interval:
    """By how much one share exceeds the other, by Newcombe's method; both as `share` gives them."""
    value = one.value - other.value
    low = value - sqrt((one.value - one.low) ** 2 + (other.high - other.value) ** 2)
    high = value + sqrt((one.high - one.value) ** 2 + (other.value - other.low) ** 2)
    return Interval(low, value, high)


class Mean(NamedTuple):
    """A mean, and its squared standard error."""

    value: float
    error: float


def mean(count: int, total: Decimal, squares: Decimal) -> Mean:
    """The mean of so many numbers (two at the least), of which the sum and the sum of the squares are known."""
    variance = (squares - total * total / count) / (count - 1)
    return Mean(float(total / count), float(variance / count))


def difference_of_means(one: Mean, other: Mean) -> Interval:
    """By how much one mean exceeds the other, by Welch's method for groups of 50 or more."""
    value = one.value - other.value
    half = Z * sqrt(one.error + other.error)
    return Interval(value - half, value, value + half)


def quantile(ordered: Sequence[float], part: float) -> float:
    """Below which number this part of them lies; between two numbers, in proportion. They are in order."""
    place = part * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)
