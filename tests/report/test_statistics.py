"""The statistics give what the literature gives."""

from __future__ import annotations

import statistics
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.report.statistics import Mean, difference_of_means, difference_of_shares, mean, quantile, share


@pytest.mark.parametrize(
    ("hits", "of", "low", "high"),
    # Newcombe, Interval estimation for the difference between independent proportions; Statistics in Medicine 17 (1998)
    # and, of the same year, Two-sided confidence intervals for the single proportion, table I, method 3.
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_a_share_has_wilsons_interval(hits: int, of: int, low: float, high: float) -> None:
    found = share(hits, of)
    assert (round(found.low, 4), round(found.high, 4)) == (low, high)
    assert found.value == hits / of


@pytest.mark.parametrize(
    ("one", "other", "low", "high"),
    # Newcombe 1998, table II, method 10.
    [
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((10, 10), (0, 20), 0.6791, 1.0),
        ((0, 10), (0, 20), -0.1611, 0.2775),
        ((5, 56), (0, 29), -0.0381, 0.1926),
    ],
)
def test_two_shares_differ_by_newcombes_interval(
    one: tuple[int, int], other: tuple[int, int], low: float, high: float
) -> None:
    found = difference_of_shares(share(*one), share(*other))
    assert (round(found.low, 4), round(found.high, 4)) == (low, high)


def test_a_difference_counts_when_its_interval_leaves_out_zero() -> None:
    assert difference_of_shares(share(56, 70), share(48, 80)).excludes_zero
    assert difference_of_shares(share(48, 80), share(56, 70)).excludes_zero
    assert not difference_of_shares(share(5, 56), share(0, 29)).excludes_zero


def mean_of(numbers: list[Decimal]) -> Mean:
    return mean(len(numbers), sum(numbers, Decimal(0)), sum((number**2 for number in numbers), Decimal(0)))


@given(st.lists(st.decimals(0, 10_000, places=2), min_size=2))
def test_a_mean_is_told_from_sums_alone(numbers: list[Decimal]) -> None:
    found = mean_of(numbers)
    assert found.value == pytest.approx(float(statistics.fmean(numbers)))
    assert found.error == pytest.approx(float(statistics.variance(numbers)) / len(numbers), abs=1e-6)


def test_two_means_differ_by_welchs_interval() -> None:
    one, other = mean_of([Decimal(20), Decimal(30)] * 50), mean_of([Decimal(10), Decimal(30)] * 50)
    low, value, high = difference_of_means(one, other)
    half = 1.959964 * (25 / 99 + 100 / 99) ** 0.5  # variances are 25 and 100, times n / (n - 1)
    assert value == pytest.approx(5)
    assert (low, high) == (pytest.approx(5 - half), pytest.approx(5 + half))


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=60))
def test_a_quantile_is_what_pythons_own_inclusive_method_gives(numbers: list[float]) -> None:
    deciles = statistics.quantiles(numbers, n=10, method="inclusive")
    ordered = sorted(numbers)
    assert quantile(ordered, 0.5) == pytest.approx(statistics.median(numbers), abs=1e-6)
    assert quantile(ordered, 0.9) == pytest.approx(deciles[8], abs=1e-6)


def test_the_quantile_of_one_number_is_that_number() -> None:
    assert quantile([3.0], 0.9) == 3.0
