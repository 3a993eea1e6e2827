"""t-SNE: points of many dimensions on a plane, near where they were near (van der Maaten and Hinton, 2008).

The exact algorithm, for the few hundred bars of a piece, with the paper's schedule: early exaggeration, momentum and
adaptive gains. Equal points get equal places but for the random start.

Axes: n points, D dimensions.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]

ITERATIONS, EXAGGERATED = 500, 100
MOST_POINTS = 1_500
"""More points are not worth the time: they are laid out by their two principal components instead."""


def t_sne(vectors: ArrayLike, *, perplexity: float = 15.0, seed: int = 0) -> FloatArray:
    """Return points on a plane ``(n, 2)`` about the origin.

    Args:
        vectors: ``(n, D)``.
        perplexity: effective number of neighbours, lowered for few points.
        seed: of the random start.
    """
    data = np.asarray(vectors, np.float64)
    if len(data) < 5 or len(data) > MOST_POINTS:
        return _principal(data)
    joint = _affinities(data, min(perplexity, (len(data) - 1) / 3))
    rng = np.random.default_rng(seed)
    points = 1e-2 * rng.standard_normal((len(data), 2))
    step, gains = np.zeros_like(points), np.ones_like(points)
    rate = max(len(data) / 4, 20.0)
    for iteration in range(ITERATIONS):
        exaggeration, momentum = (4.0, 0.5) if iteration < EXAGGERATED else (1.0, 0.8)
        near = 1 / (1 + _squared_distances(points))
        np.fill_diagonal(near, 0)
        pull = (exaggeration * joint - near / near.sum()) * near
        gradient = 4 * (pull.sum(axis=1)[:, None] * points - pull @ points)
        gains = np.maximum(np.where(np.sign(gradient) != np.sign(step), gains + 0.2, gains * 0.8), 0.01)
        step = momentum * step - rate * gains * gradient
        points = points + step
        points -= points.mean(axis=0)
    return points


def _affinities(data: FloatArray, perplexity: float) -> FloatArray:
    distances = _squared_distances(data)
    conditional = np.zeros_like(distances)
    for row in range(len(data)):
        others = np.delete(distances[row], row)
        low, high, precision = 0.0, np.inf, 1.0 / max(float(np.median(others)), 1e-12)
        for _ in range(50):
            weights = np.exp(-(others - others.min()) * precision)
            share = weights / weights.sum()
            entropy = -np.sum(share * np.log(np.maximum(share, 1e-300)))
            if abs(entropy - np.log(perplexity)) < 1e-5:
                break
            if entropy > np.log(perplexity):
                low = precision
                precision = precision * 2 if np.isinf(high) else (low + high) / 2
            else:
                high = precision
                precision = (low + high) / 2
        conditional[row, np.arange(len(data)) != row] = share
    joint: FloatArray = (conditional + conditional.T) / (2 * len(data))
    return joint


def _squared_distances(points: FloatArray) -> FloatArray:
    squares = np.sum(points**2, axis=1)
    distances: FloatArray = np.maximum(squares[:, None] + squares - 2 * points @ points.T, 0)
    return distances


def _principal(data: FloatArray) -> FloatArray:
    centred = data - data.mean(axis=0) if len(data) else data
    points = np.zeros((len(data), 2))
    if len(data) > 1:
        left, sizes, _ = np.linalg.svd(centred, full_matrices=False)
        points[:, : len(sizes)] = (left * sizes)[:, :2]
    return points
