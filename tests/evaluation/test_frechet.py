from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import sqrtm

from ritornello.errors import ArgumentError
from ritornello.evaluation.frechet import frechet_distance


def test_against_the_formula_with_the_matrix_root() -> None:
    rng = np.random.default_rng(0)
    one, other = rng.normal(size=(200, 6)) @ rng.normal(size=(6, 6)), 1 + rng.normal(size=(90, 6))
    cov_a, cov_b = np.cov(one.T), np.cov(other.T)
    shift = one.mean(axis=0) - other.mean(axis=0)
    expected = shift @ shift + np.trace(cov_a + cov_b - 2 * sqrtm(cov_a @ cov_b).real)
    assert frechet_distance(one, other) == pytest.approx(expected)
    assert frechet_distance(other, one) == pytest.approx(expected)


def test_closed_forms() -> None:
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(50, 3))
    assert frechet_distance(rows, rows) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(rows, rows + np.array([3, 0, 4])) == pytest.approx(25)
    line = rng.normal(size=(50, 1))  # in one dimension: (difference of means)² + (difference of deviations)²
    deviation = line.std(ddof=1)
    assert frechet_distance(line, 3 * line - line.mean() * 2) == pytest.approx((2 * deviation) ** 2)
    few, other = rng.normal(size=(4, 10)), rng.normal(size=(4, 10))  # singular covariances
    turn = np.linalg.qr(rng.normal(size=(10, 10)))[0]
    assert frechet_distance(few @ turn, other @ turn) == pytest.approx(frechet_distance(few, other))


def test_wrong_features_are_refused() -> None:
    rows = np.zeros((5, 2))
    for one, other in ((rows, rows[:1]), (rows, rows[:, :1]), (rows[0], rows), (rows, rows + np.nan)):
        with pytest.raises(ArgumentError):
            frechet_distance(one, other)
