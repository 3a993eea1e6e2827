"""Intervals for measured figures: bootstrap over songs, and Wilson's interval for shares.

Efron and Tibshirani, *An Introduction to the Bootstrap* (1993), chapter 13 (percentile interval); Wilson, *Probable
inference, the law of succession, and statistical inference* (1927).
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike

from ritornello.errors import ArgumentError

RESAMPLES = 10_000
"""Resamples of a bootstrap."""

_BLOCK = 1_000


def bootstrap_interval(
    values: ArrayLike, seed: int | np.random.Generator = 0, level: float = 0.95, resamples: int = RESAMPLES
) -> tuple[float, float]:
    """Return the percentile bootstrap interval of a mean.

    Args:
        values: ``(n,)`` one value per song (or other unit that was drawn), n >= 1.
        seed: seed or generator of the resampling.
        level: coverage, between 0 and 1.
        resamples: number of resamples.

    Returns:
        Low and high end; equal if there is only one value.

    Raises:
        ArgumentError: if there is no value, one is not finite, or ``level`` is out of range.
    """
    data = np.asarray(values, dtype=np.float64).ravel()
    _check_level(level)
    if not len(data) or not np.isfinite(data).all():
        raise ArgumentError("an interval needs at least one value, and finite ones")
    rng = np.random.default_rng(seed)
    means = np.concatenate(
        [
            data[rng.integers(0, len(data), size=(min(_BLOCK, resamples - done), len(data)))].mean(axis=1)
            for done in range(0, resamples, _BLOCK)
        ]
    )
    tail = (1 - level) / 2
    low, high = np.quantile(means, [tail, 1 - tail])
    return float(low), float(high)


def clustered_interval(
    groups: Sequence[Sequence[float]], seed: int | np.random.Generator = 0, level: float = 0.95
) -> tuple[float, float]:
    """Return the percentile bootstrap interval of a mean over all values, whose groups are drawn whole.

    Values of one group (the outputs made from one song, say) are not independent of each other.

    Args:
        groups: values by group; empty groups are left out.
        seed: seed or generator of the resampling.
        level: coverage, between 0 and 1.

    Returns:
        Low and high end; equal if there is only one group.

    Raises:
        ArgumentError: if there is no value, one is not finite, or ``level`` is out of range.
    """
    _check_level(level)
    sums = np.array([sum(group) for group in groups if len(group)], np.float64)
    sizes = np.array([len(group) for group in groups if len(group)])
    if not len(sums) or not np.isfinite(sums).all():
        raise ArgumentError("an interval needs at least one value, and finite ones")
    chosen = np.random.default_rng(seed).integers(0, len(sums), (RESAMPLES, len(sums)))
    means = sums[chosen].sum(axis=1) / sizes[chosen].sum(axis=1)
    tail = (1 - level) / 2
    low, high = np.quantile(means, [tail, 1 - tail])
    return float(low), float(high)


def proportion_interval(successes: int, trials: int, level: float = 0.95) -> tuple[float, float]:
    """Return Wilson's interval of a share.

    Args:
        successes: 0 to ``trials``.
        trials: at least 1.
        level: coverage, between 0 and 1.

    Returns:
        Low and high end, within 0..1.

    Raises:
        ArgumentError: if the counts or the level are out of range.
    """
    _check_level(level)
    if trials < 1 or not 0 <= successes <= trials:
        raise ArgumentError(f"{successes} of {trials} is no share; use at least one trial and no more successes")
    z = NormalDist().inv_cdf((1 + level) / 2)
    share = successes / trials
    centre = share + z * z / (2 * trials)
    spread = z * (share * (1 - share) / trials + z * z / (4 * trials * trials)) ** 0.5
    scale = 1 + z * z / trials
    return max(0.0, (centre - spread) / scale), min(1.0, (centre + spread) / scale)


def _check_level(level: float) -> None:
    if not 0 < level < 1:
        raise ArgumentError(f"level {level:g} is out of range; a coverage lies between 0 and 1, such as 0.95")
