"""Rhythm and outline joined to a network's vector: the combined descriptor, whitened by labelled bars.

Whitening (our use of a classical idea, within-class covariance normalisation): with W the covariance of bars around the
mean of their motif, distances are taken by (W + (trace W / d) I)⁻¹, so that what varies inside a motif counts less.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ritornello.errors import ArgumentError
from ritornello.motifs.descriptors import COMBINED, Vectors, combined
from ritornello.motifs.windows import Roll


@dataclass(frozen=True, eq=False)
class Whitening:
    """A linear map of the combined descriptor.

    Attributes:
        scale: float32 ``(d,)``, what each number is divided by.
        matrix: float32 ``(d, d)``, applied after it from the right; labelled bars then have a total variance of 1.
    """

    scale: Vectors
    matrix: Vectors

    def __call__(self, rolls: Roll) -> Vectors:
        """Return whitened vectors ``(W, d)`` of rolls ``(W, 32, 84)``."""
        return np.asarray(combined(rolls) / self.scale @ self.matrix, np.float32)


def deviations(vectors: Vectors, by_curve: bool) -> Vectors:
    """Return what the combined descriptor's numbers are divided by, ``(d,)``: their deviations, or their curves'."""
    if by_curve:
        curves = np.split(vectors, len(COMBINED), axis=1)
        return np.repeat([max(float(curve.std()), 1e-3) for curve in curves], curves[0].shape[1]).astype(np.float32)
    found = vectors.std(axis=0)
    return np.where(found < 1e-3, 1, found).astype(np.float32)


def fit_whitening(vectors: Vectors, groups: NDArray[np.int64], by_curve: bool = True) -> Whitening:
    """Learn the map from labelled bars.

    Args:
        vectors: their combined descriptors ``(W, d)``.
        groups: the motif of each; motifs with one bar only give their deviations.
        by_curve: see `deviations`; one number a curve turned out better.

    Raises:
        ArgumentError: if no motif has two bars.
    """
    scale = deviations(vectors, by_curve)
    scaled = (vectors / scale).astype(np.float64)
    rows = [scaled[groups == group] for group in np.unique(groups)]
    around = [own - own.mean(axis=0) for own in rows if len(own) > 1]
    if not around:
        raise ArgumentError("no motif has two bars, so there is nothing to learn")
    inside = np.concatenate(around)
    within = inside.T @ inside / len(inside)
    size = len(within)
    metric = np.linalg.inv(within + np.trace(within) / size * np.eye(size))
    matrix = np.linalg.cholesky(metric)
    matrix /= np.sqrt((scaled @ matrix).var(axis=0).sum())
    return Whitening(scale, matrix.astype(np.float32))
