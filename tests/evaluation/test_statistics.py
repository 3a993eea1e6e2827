from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest

from ritornello.errors import ArgumentError
from ritornello.evaluation.statistics import (
    bootstrap_interval,
    clustered_interval,
    proportion_interval,
    ratio_estimate,
    resample_counts,
)


def test_wilson_interval_against_published_values() -> None:
    # Newcombe, Statistics in Medicine 17 (1998), table I: 81 of 263, 15 of 148, 0 of 20, 1 of 29.
    for successes, trials, low, high in (
        (81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718),
    ):  # fmt: skip
        assert proportion_interval(successes, trials) == (pytest.approx(low, abs=5e-5), pytest.approx(high, abs=5e-5))


def test_exact_interval_against_published_values_and_scipys_wilson() -> None:
    # Clopper-Pearson: Newcombe, Statistics in Medicine 17 (1998), table I.
    for successes, trials, low, high in (
        (81, 263, 0.2527, 0.3676), (15, 148, 0.0578, 0.1617), (0, 20, 0.0, 0.1684), (1, 29, 0.0009, 0.1776),
    ):  # fmt: skip
        exact = proportion_interval(successes, trials, method="exact")
        assert exact == (pytest.approx(low, abs=5e-5), pytest.approx(high, abs=5e-5))
        wilson = binomtest(successes, trials).proportion_ci(0.9, method="wilson")
        assert proportion_interval(successes, trials, 0.9) == pytest.approx((wilson.low, wilson.high))


def test_bootstrap_covers_the_mean_and_is_repeatable() -> None:
    values = np.random.default_rng(0).normal(3, 1, 400)
    low, high = bootstrap_interval(values)
    standard_error = values.std(ddof=1) / 20
    assert low == pytest.approx(values.mean() - 1.96 * standard_error, abs=0.02)
    assert high == pytest.approx(values.mean() + 1.96 * standard_error, abs=0.02)
    assert bootstrap_interval(values) == (low, high)
    assert bootstrap_interval(values, seed=1) != (low, high)
    narrow = bootstrap_interval(values, level=0.5)
    assert low < narrow[0] < narrow[1] < high
    assert bootstrap_interval([2.0]) == (2.0, 2.0)


def test_groups_are_drawn_whole() -> None:
    values = np.random.default_rng(0).normal(3, 1, 100)
    alone = clustered_interval([[value] for value in values])
    assert alone == pytest.approx(bootstrap_interval(values), abs=0.02)
    # Copies of a value in its group say nothing new; as values of their own they would narrow the interval.
    assert clustered_interval([[value] * 5 for value in values]) == pytest.approx(alone)
    assert clustered_interval([[1.0, 2.0], []]) == (1.5, 1.5)
    for groups in ([], [[]], [[float("nan")]]):
        with pytest.raises(ArgumentError):
            clustered_interval(groups)


def test_resamples_draw_as_many_units_as_there_are() -> None:
    blocks = list(resample_counts(7, seed=3, resamples=2_500))
    drawn = np.concatenate(blocks)
    assert drawn.shape == (2_500, 7) and (drawn.sum(axis=1) == 7).all()
    assert drawn.mean(axis=0) == pytest.approx(np.ones(7), abs=0.1)
    assert drawn.var() == pytest.approx(1 - 1 / 7, rel=0.05)  # binomial: 7 draws of one in seven
    values = np.arange(7.0) ** 2
    assert bootstrap_interval(values) == pytest.approx(clustered_interval([[value] for value in values]), rel=0.05)


def test_a_ratio_pools_units_of_unequal_size() -> None:
    estimate = ratio_estimate([3.0, 1.0, 0.0], [1, 3, 0])
    assert (estimate.value, estimate.low, estimate.high) == (1, pytest.approx(1 / 3), 3)
    for sums, sizes in (([1.0], [1, 2]), ([1.0], [0]), ([np.inf], [1])):
        with pytest.raises(ArgumentError):
            ratio_estimate(sums, sizes)


def test_wrong_arguments_are_refused() -> None:
    for values in ([], [float("nan")]):
        with pytest.raises(ArgumentError):
            bootstrap_interval(values)
    with pytest.raises(ArgumentError):
        bootstrap_interval([1.0], level=95)
    with pytest.raises(ArgumentError):
        list(resample_counts(0))
    for successes, trials in ((1, 0), (5, 4), (-1, 4)):
        with pytest.raises(ArgumentError):
            proportion_interval(successes, trials)
