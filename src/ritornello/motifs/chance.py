"""How often chance alone does as well: what a score is worth among songs that have nothing to do with the query.

The best score of the query in each of many background songs follows, as maxima do, a Gumbel law (Gumbel, 1958; Karlin
and Altschul, 1990, for alignments). Fitted to them it tells how often a song that has nothing to do with the query
reaches a score. The same with surrogates, whose intervals and inter-onset intervals are those of the query shuffled,
tells what is mere idiom: what any tune of such steps and such rhythms finds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import optimize, stats

from ritornello.errors import ArgumentError

FEWEST_SONGS = 50
"""With fewer background songs nothing is said about chance."""

BACKGROUND_SONGS, SURROGATES = 256, 200
"""Songs that are drawn from an index, and surrogates of a query."""

_LEAST_SCALE = 1e-4
_TAIL = 0.25  # share of the highest scores to which the law is fitted

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Gumbel:
    """A Gumbel law of best scores: P(score < x) = exp(-exp(-(x - location) / scale)).

    Attributes:
        location: mode.
        scale: above 0.
        songs: number of scores it was fitted to.
    """

    location: float
    scale: float
    songs: int

    @classmethod
    def fit(cls, scores: ArrayLike) -> Gumbel:
        """Return the law that fits the upper part of the scores best, by maximum likelihood.

        Scores below the upper quarter count as below its edge, no more: what chance does at its best is asked for, and
        the bulk, where windows of the index decide, is no Gumbel law.

        Raises:
            ArgumentError: if there are fewer than `FEWEST_SONGS` scores, or one is not finite.
        """
        values = np.sort(np.asarray(scores, np.float64).ravel())
        if len(values) < FEWEST_SONGS:
            raise ArgumentError(f"a chance level needs at least {FEWEST_SONGS} background songs, not {len(values)}")
        if not np.isfinite(values).all():
            raise ArgumentError("scores must be finite")
        edge = float(np.quantile(values, 1 - _TAIL))
        above = values[values >= edge]
        below = len(values) - len(above)
        spread = max(float(values.std()), 1e-3)

        def cost(parameters: FloatArray) -> float:
            location, scale = parameters[0], max(float(np.exp(np.clip(parameters[1], -50, 50))), _LEAST_SCALE)
            z = (above - location) / scale
            with np.errstate(over="ignore"):
                return float(
                    len(above) * np.log(scale) + np.sum(z + np.exp(-z)) + below * np.exp(-(edge - location) / scale)
                )

        start = np.array([values.mean() - 0.45 * spread, np.log(0.78 * spread)])
        found = optimize.minimize(cost, start, method="Nelder-Mead", options={"xatol": 1e-6, "fatol": 1e-8})
        return cls(float(found.x[0]), max(float(np.exp(np.clip(found.x[1], -50, 50))), _LEAST_SCALE), len(values))

    def p_value(self, score: ArrayLike) -> FloatArray:
        """Return how often chance reaches scores, from 0 to 1."""
        p: FloatArray = np.asarray(stats.gumbel_r.sf(np.asarray(score), self.location, self.scale), np.float64)
        return p


def q_values(p_values: ArrayLike, songs: ArrayLike, tests: int) -> FloatArray:
    """Return q values: the share of false ones among all songs that are called true down to each hit.

    Benjamini and Hochberg (1995). A song is one test, however many hits it has.

    Args:
        p_values: ``(h,)`` of hits, rising.
        songs: ``(h,)`` number of different songs among the hits down to each.
        tests: number of songs that were searched.

    Raises:
        ArgumentError: if the p values do not rise, or there are more songs than tests.
    """
    p, counts = np.asarray(p_values, np.float64), np.asarray(songs, np.float64)
    if (np.diff(p) < 0).any() or (len(counts) and counts.max() > tests):
        raise ArgumentError("p values must rise, and no more songs be hit than were searched")
    step_up = p * tests / np.maximum(counts, 1)
    result: FloatArray = np.minimum(np.minimum.accumulate(step_up[::-1])[::-1], 1.0)
    return result


def surrogate(
    onset: Sequence[float] | FloatArray, pitch: Sequence[float] | FloatArray, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    """Return a tune with the intervals and the inter-onset intervals of another, each shuffled.

    Returns:
        Onsets from 0 on and pitches from the first pitch on, both ``(m,)``.
    """
    times, intervals = np.diff(np.asarray(onset, np.float64)), np.diff(np.asarray(pitch, np.float64))
    times, intervals = rng.permutation(times), rng.permutation(intervals)
    first = float(np.asarray(pitch, np.float64)[0])
    return np.concatenate([[0.0], np.cumsum(times)]), first + np.concatenate([[0.0], np.cumsum(intervals)])
