"""Are probabilities true? Negative log-likelihood, expected calibration error, and one scale on the logits.

Guo et al., *On calibration of modern neural networks* (ICML 2017): 15 bins of equal width; temperature scaling.

Axes: M predictions, K classes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ritornello.errors import ArgumentError

BINS = 15
"""Bins of confidence, of equal width."""

LARGEST_LOG_SCALE = 6.0
"""The scale is looked for between e^-6 and e^6."""

_SMALLEST = 1e-12

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


def softmax(z: FloatArray) -> FloatArray:
    """Return softmax of logits ``(M, K)``."""
    e = np.exp(z - z.max(1, keepdims=True))
    found: FloatArray = e / e.sum(1, keepdims=True)
    return found


def negative_log_likelihood(p: FloatArray, labels: IntArray) -> float:
    """Return the mean of -log of the true class's probability, in nats; probabilities below 1e-12 count as that.

    Raises:
        ArgumentError: if there is no prediction or shapes do not fit.
    """
    _check(p, labels)
    return float(-np.log(np.maximum(p[np.arange(len(p)), labels], _SMALLEST)).mean())


def calibration_error(p: FloatArray, labels: IntArray) -> float:
    """Return the expected calibration error: by how much confidence and accuracy differ, mean over predictions.

    Args:
        p: probabilities ``(M, K)``, rows summing to 1.
        labels: true classes ``(M,)``.

    Raises:
        ArgumentError: if there is no prediction or shapes do not fit.
    """
    _check(p, labels)
    confidence, hit = p.max(1), (p.argmax(1) == labels).astype(np.float64)
    bins = np.clip(np.ceil(confidence * BINS).astype(np.int64) - 1, 0, BINS - 1)
    gaps = np.bincount(bins, hit - confidence, BINS)  # a bin's number of predictions times its gap
    return float(np.abs(gaps).sum() / len(p))


def fitted_scale(z: FloatArray, labels: IntArray) -> float:
    """Return the factor on logits ``(M, K)`` under which softmax is likeliest.

    Raises:
        ArgumentError: if there is no prediction or shapes do not fit.
    """
    from scipy.optimize import minimize_scalar

    _check(z, labels)
    found = minimize_scalar(
        lambda log_scale: negative_log_likelihood(softmax(np.exp(log_scale) * z), labels),
        bounds=(-LARGEST_LOG_SCALE, LARGEST_LOG_SCALE),
        method="bounded",
    )
    return float(np.exp(found.x))


def _check(p: FloatArray, labels: IntArray) -> None:
    if p.ndim != 2 or labels.shape != (len(p),) or not len(p):
        raise ArgumentError(f"predictions of shape {p.shape} and labels of shape {labels.shape}: give (M, K) and (M,)")
