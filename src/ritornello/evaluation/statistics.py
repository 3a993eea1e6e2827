"""Intervals for measured figures: bootstrap over songs, or over raters and songs, and intervals of shares.

Efron and Tibshirani, *An Introduction to the Bootstrap* (1993), chapter 13 (percentile interval); Owen, *The pigeonhole
bootstrap* (2007; raters crossed with songs); Wilson, *Probable inference, the law of succession, and statistical
inference* (1927); Clopper and Pearson, *The use of confidence or fiducial limits* (1934).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ritornello.errors import ArgumentError

RESAMPLES = 10_000
"""Resamples of a bootstrap."""

_BLOCK = 1_000
_BLOCK_DRAWS = 4_000_000  # draws held at once, so that many units do not fill the memory


@dataclass(frozen=True, slots=True)
class Estimate:
    """A measured figure with its interval.

    Attributes:
        value: the figure.
        low: low end of its 95 % interval.
        high: high end.
    """

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.4g} ({self.low:.4g} to {self.high:.4g})"


def resample_counts(
    units: int, seed: int | np.random.Generator = 0, resamples: int = RESAMPLES
) -> Iterator[NDArray[np.float64]]:
    """Yield how often each unit is drawn in each bootstrap resample: any sum over a resample is then a matrix product.

    Args:
        units: number of units (songs, pieces), at least 1.
        seed: seed or generator of the resampling.
        resamples: number of resamples.

    Yields:
        Blocks ``(resamples in the block, units)`` of counts, each row summing to ``units``.

    Raises:
        ArgumentError: if there is no unit.
    """
    if units < 1:
        raise ArgumentError("resampling needs at least one song or piece")
    rng = np.random.default_rng(seed)
    block = max(1, min(_BLOCK, _BLOCK_DRAWS // units))
    for done in range(0, resamples, block):
        yield _counts(rng, min(block, resamples - done), units)


def _counts(rng: np.random.Generator, size: int, units: int) -> NDArray[np.float64]:
    cells = rng.integers(0, units, (size, units)) + units * np.arange(size)[:, None]
    return np.bincount(cells.ravel(), minlength=size * units).reshape(size, units).astype(np.float64)


def percentile_interval(values: ArrayLike, level: float = 0.95) -> tuple[float, float]:
    """Return the quantiles between which the middle ``level`` of bootstrap values ``(resamples,)`` lies.

    Raises:
        ArgumentError: if the level is out of range.
    """
    _check_level(level)
    tail = (1 - level) / 2
    low, high = np.quantile(np.asarray(values, np.float64), [tail, 1 - tail])
    return float(low), float(high)


def ratio_estimate(
    sums: ArrayLike, sizes: ArrayLike, seed: int | np.random.Generator = 0, level: float = 0.95
) -> Estimate:
    """Return a pooled mean, the sum of all sums over the sum of all sizes, with its interval over units drawn whole.

    Args:
        sums: ``(n,)`` sum of the values of each unit (song, piece).
        sizes: ``(n,)`` number of values of each unit; units of size 0 are left out.
        seed: seed or generator of the resampling.
        level: coverage, between 0 and 1.

    Returns:
        The mean and its percentile bootstrap interval; a point if there is only one unit.

    Raises:
        ArgumentError: if there is no value, one is not finite, or ``level`` is out of range.
    """
    _check_level(level)
    totals, counts = np.asarray(sums, np.float64).ravel(), np.asarray(sizes, np.float64).ravel()
    if totals.shape != counts.shape:
        raise ArgumentError(f"{len(totals)} sums and {len(counts)} sizes: a pooled mean needs one of each per song")
    totals, counts = totals[counts > 0], counts[counts > 0]
    if not len(totals) or not np.isfinite(totals).all() or not np.isfinite(counts).all():
        raise ArgumentError("an interval needs at least one value, and finite ones")
    means = np.concatenate([(drawn @ totals) / (drawn @ counts) for drawn in resample_counts(len(totals), seed)])
    return Estimate(float(totals.sum() / counts.sum()), *percentile_interval(means, level))


def crossed_estimate(
    sums: ArrayLike, sizes: ArrayLike, seed: int | np.random.Generator = 0, level: float = 0.95
) -> Estimate:
    """Return a pooled mean with its interval over rows and columns, both drawn anew: raters crossed with songs.

    Args:
        sums: ``(rows, columns)`` sum of the values of each cell.
        sizes: ``(rows, columns)`` number of values of each cell, 0 where there is none.
        seed: seed or generator of the resampling.
        level: coverage, between 0 and 1.

    Returns:
        The mean and its percentile bootstrap interval; draws that hit no value are left out.

    Raises:
        ArgumentError: if there is no value, one is not finite, or ``level`` is out of range.
    """
    _check_level(level)
    totals, counts = np.atleast_2d(np.asarray(sums, np.float64)), np.atleast_2d(np.asarray(sizes, np.float64))
    if totals.shape != counts.shape:
        raise ArgumentError(f"sums {totals.shape} and sizes {counts.shape}: a crossed mean needs one of each per cell")
    if not counts.sum() or not np.isfinite(totals).all() or not np.isfinite(counts).all():
        raise ArgumentError("an interval needs at least one value, and finite ones")
    rng = np.random.default_rng(seed)
    rows, columns = totals.shape
    block = max(1, min(_BLOCK, _BLOCK_DRAWS // max(rows, columns)))
    means = []
    for done in range(0, RESAMPLES, block):
        size = min(block, RESAMPLES - done)
        row_counts, column_counts = _counts(rng, size, rows), _counts(rng, size, columns)
        drawn = ((row_counts @ counts) * column_counts).sum(axis=1)
        sampled = ((row_counts @ totals) * column_counts).sum(axis=1)
        means.append(sampled[drawn > 0] / drawn[drawn > 0])
    value, found = float(totals.sum() / counts.sum()), np.concatenate(means)
    return Estimate(value, *(percentile_interval(found, level) if len(found) else (value, value)))


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
    return percentile_interval(means, level)


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
    estimate = ratio_estimate([sum(group) for group in groups], [len(group) for group in groups], seed, level)
    return estimate.low, estimate.high


def proportion_interval(
    successes: int, trials: int, level: float = 0.95, method: Literal["wilson", "exact"] = "wilson"
) -> tuple[float, float]:
    """Return the interval of a share: Wilson's, or the exact one of Clopper and Pearson, which is never too narrow.

    Args:
        successes: 0 to ``trials``.
        trials: at least 1.
        level: coverage, between 0 and 1.
        method: ``"wilson"`` or ``"exact"``.

    Returns:
        Low and high end, within 0..1.

    Raises:
        ArgumentError: if the counts or the level are out of range.
    """
    _check_level(level)
    if trials < 1 or not 0 <= successes <= trials:
        raise ArgumentError(f"{successes} of {trials} is no share; use at least one trial and no more successes")
    if method == "exact":
        from scipy.stats import binomtest

        exact = binomtest(successes, trials).proportion_ci(level, method="exact")
        return float(exact.low), float(exact.high)
    z = NormalDist().inv_cdf((1 + level) / 2)
    share = successes / trials
    centre = share + z * z / (2 * trials)
    spread = z * (share * (1 - share) / trials + z * z / (4 * trials * trials)) ** 0.5
    scale = 1 + z * z / trials
    return max(0.0, (centre - spread) / scale), min(1.0, (centre + spread) / scale)


def _check_level(level: float) -> None:
    if not 0 < level < 1:
        raise ArgumentError(f"level {level:g} is out of range; a coverage lies between 0 and 1, such as 0.95")


def signed_rank_p(differences: ArrayLike) -> float:
    """Return the two-sided p of Wilcoxon's signed-rank test that paired differences are about 0; 1 if all of them are.

    Args:
        differences: ``(n,)``, n >= 1.

    Raises:
        ArgumentError: if there is none, or one is not finite.
    """
    from scipy.stats import wilcoxon

    data = np.asarray(differences, np.float64).ravel()
    if not len(data) or not np.isfinite(data).all():
        raise ArgumentError("a signed-rank test needs at least one difference, and finite ones")
    return float(wilcoxon(data).pvalue) if data.any() else 1.0


def holm(p: Sequence[float]) -> list[float]:
    """Return p values of several tests, corrected so that one false alarm among all stays as rare as one alone.

    Holm, *A simple sequentially rejective multiple test procedure* (1979).
    """
    order = sorted(range(len(p)), key=lambda place: p[place])
    corrected, largest = [0.0] * len(p), 0.0
    for rank, place in enumerate(order):
        largest = max(largest, min(1.0, (len(p) - rank) * p[place]))
        corrected[place] = largest
    return corrected
