"""Calibration: worked by hand, and what a scale can and cannot do."""

from __future__ import annotations

import numpy as np
import pytest

from ritornello.errors import ArgumentError
from ritornello.evaluation.calibration import calibration_error, fitted_scale, negative_log_likelihood, softmax
from ritornello.evaluation.statistics import holm, signed_rank_p


def test_errors_by_hand() -> None:
    p = np.array([[0.9, 0.1], [0.9, 0.1], [0.3, 0.7], [0.45, 0.55]])
    labels = np.array([0, 1, 1, 1])
    # Three bins hold predictions: .9 twice (half right), .7 (right), .55 (right).
    assert calibration_error(p, labels) == pytest.approx((abs(1 - 1.8) + 0.3 + 0.45) / 4)
    assert negative_log_likelihood(p, labels) == pytest.approx(-np.log([0.9, 0.1, 0.7, 0.55]).mean())
    assert negative_log_likelihood(np.array([[1.0, 0.0]]), np.array([1])) == pytest.approx(-np.log(1e-12))


def test_what_is_drawn_from_its_probabilities_is_calibrated_and_its_scale_is_found() -> None:
    rng = np.random.default_rng(0)
    z = 2 * rng.normal(size=(20_000, 5))
    labels = np.array([rng.choice(5, p=row) for row in softmax(z)])
    assert calibration_error(softmax(z), labels) < 0.015
    assert calibration_error(softmax(4 * z), labels) > 0.1
    assert fitted_scale(4 * z, labels) == pytest.approx(0.25, rel=0.05)


def test_shapes_are_checked() -> None:
    with pytest.raises(ArgumentError, match=r"\(3, 2\).*\(2,\)"):
        calibration_error(np.ones((3, 2)) / 2, np.zeros(2, np.int64))


def test_holm_and_signed_ranks() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([]) == []
    assert signed_rank_p([1, 2, 3, 4, 5]) == pytest.approx(2 / 2**5)
    assert signed_rank_p([0, 0]) == 1
    with pytest.raises(ArgumentError, match="finite"):
        signed_rank_p([np.nan])
