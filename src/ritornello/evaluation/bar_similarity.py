"""How alike the bars of a piece are, at every distance, against real songs.

The similarity of two bars, its mean by distance and the similarity error are those of Yu et al., *Museformer* (NeurIPS
2022): l(i, j) = |N(i) ∩ N(j)| / |N(i) ∪ N(j)| over notes that are equal if onset in the bar, pitch and duration are;
L(t) = mean l(i, i + t); the error is the mean of |L generated - L real| over t = 1..40.
What the paper leaves open, ours: L pools all pairs of bars of all pieces, pairs of two empty bars are skipped, notes of
all tracks must also be of one family, and every error stands beside its floor, the error that real songs have among
themselves: a hundred pieces cannot tell tenths of a percentage point apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ritornello.errors import ArgumentError
from ritornello.evaluation.bar_notes import DURATION, FAMILY, MELODY, ONSET, PITCH, Bars, Tracks, joined
from ritornello.evaluation.statistics import Estimate, percentile_interval, ratio_estimate, resample_counts

LAGS = 40
"""Distances in bars over which the error is taken: 1..40."""

FLOOR_DRAWS = 1_000
"""Draws of real songs for the floor."""

FloatArray = NDArray[np.float64]


def self_similarity(bars: Bars, tracks: Tracks = "melody") -> FloatArray:
    """Return l(i, j) of every two bars of a piece.

    Args:
        bars: the piece.
        tracks: whose notes to compare.

    Returns:
        ``(bars, bars)`` in 0..1, symmetric; NaN where both bars are empty, else 1 on the diagonal.

    Raises:
        ArgumentError: if the notes are malformed.
    """
    from scipy.sparse import csr_array

    index, notes = joined(bars)
    if tracks == "melody":
        index, notes = index[notes[:, FAMILY] == MELODY], notes[notes[:, FAMILY] == MELODY]
    keys = notes[:, FAMILY] << 50 | notes[:, DURATION] << 16 | notes[:, PITCH] << 8 | notes[:, ONSET]
    known, kind = np.unique(keys, return_inverse=True)
    kinds = max(len(known), 1)
    # Sets, not multisets: a note that stands twice in a bar counts once.
    rows, columns = np.divmod(np.unique(index * kinds + kind), kinds)
    holds = csr_array((np.ones(len(rows)), (rows, columns)), shape=(len(bars), kinds))
    shared = np.asarray((holds @ holds.T).todense(), np.float64)
    sizes = np.bincount(rows, minlength=len(bars)).astype(np.float64)
    union = sizes[:, None] + sizes[None, :] - shared
    return np.divide(shared, union, out=np.full_like(shared, np.nan), where=union > 0)


@dataclass(frozen=True, eq=False)
class LagTotals:
    """What each piece adds to L(t): enough to pool, resample and split pieces without reading them again.

    Attributes:
        similarity: ``(pieces, LAGS)`` sum of l(i, i + t) over the pairs that count, t = 1..LAGS.
        pairs: ``(pieces, LAGS)`` number of these pairs.
    """

    similarity: FloatArray
    pairs: FloatArray

    def __len__(self) -> int:
        return len(self.similarity)

    def curve(self) -> FloatArray:
        """Return L(t) ``(LAGS,)`` for t = 1..LAGS, a share 0..1; NaN where no piece has a pair."""
        return _ratio(self.similarity.sum(axis=0), self.pairs.sum(axis=0))


def lag_totals(pieces: Iterable[Bars], tracks: Tracks = "melody") -> LagTotals:
    """Return the totals of pieces; takes about a millisecond a song.

    Args:
        pieces: the pieces.
        tracks: whose notes to compare.
    """
    sums, counts = [], []
    for bars in pieces:
        matrix = self_similarity(bars, tracks)
        diagonals = [np.diagonal(matrix, lag) for lag in range(1, LAGS + 1)]
        sums.append([float(np.nansum(diagonal)) for diagonal in diagonals])
        counts.append([int(np.count_nonzero(~np.isnan(diagonal))) for diagonal in diagonals])
    return LagTotals(np.array(sums, np.float64).reshape(-1, LAGS), np.array(counts, np.float64).reshape(-1, LAGS))


def similarity_error(generated: LagTotals, real: LagTotals, seed: int | np.random.Generator = 0) -> Estimate:
    """Return the similarity error of generated pieces in percentage points, with a 95 % interval over pieces.

    Both sides are resampled. Noise only ever raises a mean of absolute values, once in the estimate and once more in
    each resample, so the percentile interval lies too high: where nothing differs it misses 0 every time. The high end
    is its upper end. The low end is the error less the size of the noise (97.5th percentile of the error between
    resampled and original curves, by the triangle inequality); it is 0 where noise alone explains the error. Measured
    with 100 of 400 POP909 melodies, true errors 0 to 1.5 points: the interval misses in 0 to 2.3 % of 300 draws.

    Args:
        generated: totals of the generated pieces.
        real: totals of the real songs, over the same tracks.
        seed: seed or generator of the resampling.

    Raises:
        ArgumentError: if no distance occurs in both.
    """
    rng = np.random.default_rng(seed)
    gaps = generated.curve() - real.curve()
    value = float(_size(gaps[None])[0])
    if np.isnan(value):
        raise ArgumentError("the similarity error needs pieces of two bars or more with notes on both sides")
    drawn = np.concatenate([_curves(counts, generated) for counts in resample_counts(len(generated), rng)])
    drawn -= np.concatenate([_curves(counts, real) for counts in resample_counts(len(real), rng)])
    noise = float(np.nanquantile(_size(drawn - gaps), 0.975))
    return Estimate(value, max(0.0, value - noise), max(value, float(np.nanquantile(_size(drawn), 0.975))))


@dataclass(frozen=True, slots=True)
class Floor:
    """Similarity error of real songs against other real songs, in percentage points.

    Attributes:
        pieces: songs in a draw.
        mean: mean over the draws.
        high: 95th percentile: an error above it is more than chance.
    """

    pieces: int
    mean: float
    high: float


def similarity_floor(
    real: LagTotals, pieces: int, seed: int | np.random.Generator = 0, draws: int = FLOOR_DRAWS
) -> Floor:
    """Return the error that ``pieces`` random real songs have against all others.

    Args:
        real: totals of the real songs.
        pieces: songs in a draw, as many as generated pieces; fewer than there are real songs.
        seed: seed or generator of the draws.
        draws: number of draws.

    Raises:
        ArgumentError: if ``pieces`` is out of range.
    """
    if not 1 <= pieces < len(real):
        raise ArgumentError(f"a floor for {pieces} pieces needs more real songs than that, and there are {len(real)}")
    rng = np.random.default_rng(seed)
    chosen = np.zeros((draws, len(real)))
    order = np.argsort(rng.random((draws, len(real))), axis=1)[:, :pieces]
    np.put_along_axis(chosen, order, 1.0, axis=1)
    errors = _size(_curves(chosen, real) - _curves(1 - chosen, real))
    return Floor(pieces, float(np.nanmean(errors)), float(np.nanquantile(errors, 0.95)))


def pair_similarity(bars: Bars, pairs: ArrayLike, tracks: Tracks = "all") -> FloatArray:
    """Return l(i, s(i)) of chosen pairs of bars.

    Args:
        bars: the piece.
        pairs: ``(k, 2)`` bars, from 0.
        tracks: whose notes to compare.

    Returns:
        ``(k,)`` in 0..1, NaN where both bars are empty.

    Raises:
        ArgumentError: if a bar lies outside the piece.
    """
    chosen = np.asarray(pairs, np.int64).reshape(-1, 2)
    wrong = chosen[(chosen < 0) | (chosen >= len(bars))]
    if len(wrong):
        raise ArgumentError(f"bar {wrong[0] + 1} is not in the piece; it has {len(bars)} bars")
    result: FloatArray = self_similarity(bars, tracks)[chosen[:, 0], chosen[:, 1]]
    return result


@dataclass(frozen=True, slots=True)
class PlanFollowing:
    """How much more alike planned repeats are than the same bars without a plan.

    Attributes:
        planned: mean l(i, s(i)) over all planned bars of all pieces.
        unplanned: the same pairs in pieces of the same model without the plan.
        difference: planned minus unplanned; above 0 the plan is followed.
    """

    planned: Estimate
    unplanned: Estimate
    difference: Estimate


def plan_following(
    planned: Sequence[Bars],
    unplanned: Sequence[Bars],
    pairs: Sequence[ArrayLike],
    tracks: Tracks = "all",
    seed: int | np.random.Generator = 0,
) -> PlanFollowing:
    """Measure whether planned repeats become alike; intervals are over pieces, drawn as pairs.

    Args:
        planned: pieces made with a plan.
        unplanned: for each of them one made by the same model without it.
        pairs: for each of them the bars ``(k, 2)``, from 0, and what they repeat.
        tracks: whose notes to compare.
        seed: seed of the resampling.

    Raises:
        ArgumentError: if the lists differ in length or no pair has notes.
    """
    if not len(planned) == len(unplanned) == len(pairs):
        raise ArgumentError(f"{len(planned)} planned and {len(unplanned)} unplanned pieces, {len(pairs)} plans")
    # Columns: sum and count of the planned pieces, then of the unplanned ones.
    totals = np.zeros((len(pairs), 4))
    for row, (with_plan, without, chosen) in enumerate(zip(planned, unplanned, pairs, strict=True)):
        for column, bars in ((0, with_plan), (2, without)):
            found = pair_similarity(bars, chosen, tracks)
            totals[row, column : column + 2] = np.nansum(found), np.count_nonzero(~np.isnan(found))
    if not totals[:, 1].any() or not totals[:, 3].any():
        raise ArgumentError("plan following needs pairs of bars with notes, planned and unplanned")
    with np.errstate(invalid="ignore"):  # a resample of pieces without any note is left out below
        drawn = np.concatenate([counts @ totals for counts in resample_counts(len(totals), seed)])
        differences = drawn[:, 0] / drawn[:, 1] - drawn[:, 2] / drawn[:, 3]
    one, other = ratio_estimate(totals[:, 0], totals[:, 1], seed), ratio_estimate(totals[:, 2], totals[:, 3], seed)
    interval = percentile_interval(differences[np.isfinite(differences)])
    return PlanFollowing(one, other, Estimate(one.value - other.value, *interval))


def _ratio(sums: FloatArray, counts: FloatArray) -> FloatArray:
    result: FloatArray = np.divide(sums, counts, out=np.full(np.shape(sums), np.nan), where=counts > 0)
    return result


def _curves(weights: FloatArray, totals: LagTotals) -> FloatArray:
    """Return L(t) of weighted pieces: weights ``(draws, pieces)`` -> ``(draws, LAGS)``."""
    return _ratio(weights @ totals.similarity, weights @ totals.pairs)


def _size(gaps: FloatArray) -> FloatArray:
    """Return the error in percentage points of differences of curves ``(draws, LAGS)`` -> ``(draws,)``.

    The mean is over the distances that both curves have: all of them if some piece on both sides has over 40 bars.
    """
    known = np.count_nonzero(~np.isnan(gaps), axis=1).astype(np.float64)
    return _ratio(100 * np.nansum(np.abs(gaps), axis=1), known)
