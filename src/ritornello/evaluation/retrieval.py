"""Retrieval of motifs: ranked lists of occurrences, judged query by query, with intervals over songs.

The protocol of Wu et al. (arXiv 2309.10597) as their program has it: every item with another one of its song and motif
is a query against all other items, ranked by rising distance; a hit is an item of the same song and motif.

- AP = mean over the hits of (hits so far) / rank; mAP its mean over queries. In-song AP ranks the items of the query's
  song only: globally a like figure in another song counts as an error, in-song it is not there.
- P@k = hits among the first k, divided by k; R@k = the same divided by the number of hits there are.
- AUPRC = trapezoids over the points (mean R@k, mean P@k), k = 1, 5, 10, 20, 50, 100, 200, 500; "from zero" with the
  point (0, P@1) before them. That this is the paper's AUPRC is our inference.

Axes: I items, Q queries, K cuts.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ritornello.errors import ArgumentError
from ritornello.evaluation.statistics import Estimate, percentile_interval, resample_counts

CUTS = (1, 5, 10, 20, 50, 100, 200, 500)
"""The ranks k of P@k and R@k."""

MEASURES = ("auprc", "auprc_from_zero", "map", "in_song_map", "precision_at_1")
"""The figures of a report."""

_RESAMPLES = 2_000

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Retrieval:
    """What each query found.

    Attributes:
        song: int64 ``(Q,)``, index of the query's song.
        average_precision: ``(Q,)`` over all items.
        in_song: ``(Q,)`` average precision over the items of its song.
        precision: ``(Q, K)`` P@k.
        recall: ``(Q, K)`` R@k.
    """

    song: NDArray[np.int64]
    average_precision: Floats
    in_song: Floats
    precision: Floats
    recall: Floats

    def measures(self) -> dict[str, float]:
        """Return the figures `MEASURES`."""
        return dict(zip(MEASURES, self.resampled(np.ones((1, self.songs)))[:, 0].tolist(), strict=True))

    @property
    def songs(self) -> int:
        """Number of songs that have a query."""
        return int(self.song.max()) + 1

    def resampled(self, counts: Floats) -> Floats:
        """Return the measures ``(5, R)`` where each song counts as often as ``counts (R, songs)`` says."""
        columns = np.column_stack((self.average_precision, self.in_song, self.precision, self.recall))
        sums = np.zeros((self.songs, columns.shape[1]))
        np.add.at(sums, self.song, columns)
        queries = counts @ np.bincount(self.song, minlength=self.songs)
        means = (counts @ sums) / np.maximum(queries, 1)[:, None]
        precision, recall = np.split(means[:, 2:], 2, axis=1)
        area = (np.diff(recall, axis=1) * (precision[:, 1:] + precision[:, :-1]) / 2).sum(axis=1)
        return np.array([area, area + recall[:, 0] * precision[:, 0], means[:, 0], means[:, 1], precision[:, 0]])


def report(found: Sequence[Retrieval], seed: int = 0) -> dict[str, Any]:
    """Return the figures of a system, their 95 % intervals over songs, P@k and R@k as JSON values.

    Args:
        found: what it found with each of its random seeds, for the same queries; figures are means over seeds.
        seed: of the resampling. Songs are drawn whole; the items to be found stay the same.

    Raises:
        ArgumentError: if there is none.
    """
    values, drawn = _mean(found, seed)
    precision, recall = (
        np.mean([getattr(each, name) for each in found], axis=(0, 1)) for name in ("precision", "recall")
    )
    result: dict[str, Any] = {name: round(float(value), 4) for name, value in zip(MEASURES, values, strict=True)}
    result["intervals"] = {
        name: [round(end, 4) for end in percentile_interval(row)] for name, row in zip(MEASURES, drawn, strict=True)
    }
    if len(found) > 1:
        each = [one.measures() for one in found]
        result["seeds"] = {name: [round(measured[name], 4) for measured in each] for name in MEASURES}
    result["precision_at"] = {str(k): round(float(v), 4) for k, v in zip(CUTS, precision, strict=True)}
    result["recall_at"] = {str(k): round(float(v), 4) for k, v in zip(CUTS, recall, strict=True)}
    return result


def relative_gain(ours: Sequence[Retrieval], other: Sequence[Retrieval], measure: str, seed: int = 0) -> Estimate:
    """Return by which share a measure of one system is above another's, means over seeds, with its interval over songs.

    Raises:
        ArgumentError: if the measure is unknown or a system has nothing.
    """
    if measure not in MEASURES:
        raise ArgumentError(f"measure '{measure}' is unknown; use one of {', '.join(MEASURES)}")
    index = MEASURES.index(measure)
    (first, first_drawn), (second, second_drawn) = _mean(ours, seed), _mean(other, seed)
    gains = first_drawn[index] / np.maximum(second_drawn[index], 1e-9) - 1
    return Estimate(float(first[index] / second[index]) - 1, *percentile_interval(gains))


def _mean(found: Sequence[Retrieval], seed: int) -> tuple[Floats, Floats]:
    """The measures ``(5,)`` and those of resamples ``(5, R)``, means over seeds."""
    if not found:
        raise ArgumentError("there is nothing to report: no seed was measured")
    draws = list(resample_counts(found[0].songs, seed, resamples=_RESAMPLES))
    values = np.mean([list(each.measures().values()) for each in found], axis=0)
    drawn = np.mean([np.concatenate([each.resampled(counts) for counts in draws], axis=1) for each in found], axis=0)
    return values, drawn


def retrieve(distances: ArrayLike, songs: Sequence[Hashable], motifs: Sequence[Hashable]) -> Retrieval:
    """Judge a matrix of distances.

    Args:
        distances: ``(I, I)``, from query (row) to item (column); of equal ones the item that stands first comes first.
        songs: the song of each item.
        motifs: the motif of each item, by its name in its song.

    Raises:
        ArgumentError: if shapes do not fit, a distance is not a number, or no motif has two items.
    """
    matrix = np.asarray(distances, np.float64)
    count = len(songs)
    if matrix.shape != (count, count) or len(motifs) != count:
        raise ArgumentError(f"{count} songs, {len(motifs)} motifs and distances {matrix.shape}: one row an item each")
    if np.isnan(matrix).any():
        raise ArgumentError("a distance is not a number")
    song = _numbered(songs)
    same_song = song[:, None] == song[None]
    motif = _numbered(list(zip(song.tolist(), motifs, strict=True)))
    is_hit = motif[:, None] == motif[None]
    np.fill_diagonal(is_hit, False)
    queries = np.flatnonzero(is_hit.any(axis=1))
    if not len(queries):
        raise ArgumentError("no motif has two items, so there is nothing to find")
    average, in_song = np.empty(len(queries)), np.empty(len(queries))
    precision, recall = np.empty((len(queries), len(CUTS))), np.empty((len(queries), len(CUTS)))
    for place, query in enumerate(queries):
        order = np.argsort(matrix[query], kind="stable")
        order = order[order != query]
        hits = is_hit[query, order]
        average[place] = _average_precision(hits)
        in_song[place] = _average_precision(hits[same_song[query, order]])
        found = np.cumsum(hits)[np.minimum(CUTS, len(hits)) - 1]
        precision[place], recall[place] = found / CUTS, found / hits.sum()
    return Retrieval(_numbered(song[queries].tolist()), average, in_song, precision, recall)


def _average_precision(hits: NDArray[np.bool_]) -> float:
    ranks = np.flatnonzero(hits) + 1
    return float(np.mean(np.arange(1, len(ranks) + 1) / ranks))


def _numbered(names: Sequence[Hashable]) -> NDArray[np.int64]:
    """Return a number for each name, by first appearance."""
    known: dict[Hashable, int] = {}
    return np.array([known.setdefault(name, len(known)) for name in names], np.int64)


def euclidean(vectors: ArrayLike) -> Floats:
    """Return the distances of every two rows of ``(I, D)``, float64 ``(I, I)``."""
    rows = np.asarray(vectors, np.float64)
    squares = (rows**2).sum(axis=1)
    squared = np.maximum(squares[:, None] + squares[None] - 2 * rows @ rows.T, 0)
    # Rows that are equal to the last bit are at distance 0, which the expansion misses by rounding.
    distances: Floats = np.sqrt(np.where(squared < 1e-9 * (squares[:, None] + squares[None]), 0, squared))
    return distances
