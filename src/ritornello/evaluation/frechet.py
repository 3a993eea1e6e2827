"""Fréchet distance between two sets of feature vectors, as if both were normal distributions.

Dowson and Landau (1982); as a measure of generated music by Kilgour et al. (2019) on sound and Retkowski et al. (2024)
on symbols. Whoever calls brings the features: this room knows no model.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from ritornello.errors import ArgumentError


def frechet_distance(features_a: ArrayLike, features_b: ArrayLike) -> float:
    """Return |mean a - mean b|² + Tr(A + B - 2 (A B)^½) with the covariances A and B, unbiased; at least 0.

    Args:
        features_a: ``(n, d)`` a row per piece, n >= 2. The distance is biased upwards where n is near or below d:
            compare only sets of equal size.
        features_b: ``(m, d)`` likewise.

    Raises:
        ArgumentError: if the shapes do not fit or a feature is not finite.
    """
    one, other = np.asarray(features_a, np.float64), np.asarray(features_b, np.float64)
    if one.ndim != 2 or other.ndim != 2 or one.shape[1] != other.shape[1] or min(len(one), len(other)) < 2:
        raise ArgumentError(f"features of shapes {one.shape} and {other.shape}; use (n, d) and (m, d) with n, m >= 2")
    if not np.isfinite(one).all() or not np.isfinite(other).all():
        raise ArgumentError("a feature is not finite")
    shift = one.mean(axis=0) - other.mean(axis=0)
    cov_a, cov_b = (np.atleast_2d(np.cov(rows, rowvar=False)) for rows in (one, other))
    # A B has the eigenvalues of the symmetric A^½ B A^½, whose roots are real even where A is singular.
    values, vectors = np.linalg.eigh(cov_a)
    root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    shared = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ cov_b @ root), 0)).sum()
    return max(0.0, float(shift @ shift + np.trace(cov_a) + np.trace(cov_b) - 2 * shared))
