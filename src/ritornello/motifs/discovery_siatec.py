"""Translational repeats of a point set: maximal translatable patterns, cut at gaps, and all their occurrences.

The SIATEC family: SIA and SIATEC (Meredith, Lemström and Wiggins, 2002) find for every vector the largest pattern that
comes back moved by it, and all places of each pattern; compactness trawling (Collins et al., 2010) cuts what is strewn
over the piece. Ours differs in how it cuts: where a pattern is silent for longer than a gap, so that a repeated section
and a figure in one voice both come out whole; and it works in semitones and in steps of the scale side by side.

Axes: n points of the piece, m points of a pattern, k occurrences.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ritornello.motifs.discovery_points import PITCH_SPACE, IntArray, PointSet

_LIFT = PITCH_SPACE // 2  # heights from below 0 on become columns of a table


@dataclass(frozen=True, eq=False)
class Repeat:
    """A pattern with all its exact translations.

    Attributes:
        occurrences: int64 ``(k, m)`` indices of points, a row for each occurrence, by onset, then height.
        morphetic: whether the translations are exact in steps of the scale rather than in semitones.
        compactness: share of the pattern among all points in the time and range of pitch that it spans, 0 to 1.
    """

    occurrences: IntArray
    morphetic: bool
    compactness: float

    @property
    def size(self) -> int:
        """Number of points of an occurrence."""
        return int(self.occurrences.shape[1])


class Translations:
    """Looks up where patterns of a point set come back, in semitones or in steps.

    Args:
        points: the piece.
        morphetic: whether heights are steps of the scale.
    """

    def __init__(self, points: PointSet, morphetic: bool) -> None:
        self.points = points
        self.heights = points.heights(morphetic) + _LIFT
        self._start = int(points.onset[0]) if len(points) else 0
        length = int(points.onset[-1]) - self._start + 1 if len(points) else 1
        self._index = np.full((length, 2 * PITCH_SPACE), -1, np.int32)
        self._index[points.onset - self._start, self.heights] = np.arange(len(points))

    def occurrences(self, pattern: IntArray) -> IntArray:
        """Return the indices ``(k, m)`` of all exact translations of a pattern, itself included, in time order."""
        onset, height = self.points.onset[pattern] - self._start, self.heights[pattern]
        times, rises = self.points.onset - self._start - onset[0], self.heights - height[0]
        length = len(self._index)
        for time, rise in zip(onset[1:].tolist(), height[1:].tolist(), strict=True):
            at, level = times + time, rises + rise
            fits = (at < length) & (level >= 0) & (level < 2 * PITCH_SPACE)
            fits[fits] = self._index[at[fits], level[fits]] >= 0
            times, rises = times[fits], rises[fits]
        found: IntArray = self._index[times[:, None] + onset, rises[:, None] + height].astype(np.int64)
        return found

    def near_occurrences(self, pattern: IntArray, share: float) -> list[IntArray]:
        """Return occurrences with at least a share of the pattern's points, the fullest first, as sorted indices.

        Those that overlap a fuller one by more than half of the smaller are left out: the same place is told once.
        """
        times = self.points.onset[None, :] - self.points.onset[pattern][:, None]
        rises = self.heights[None, :] - self.heights[pattern][:, None]
        codes = times * (4 * PITCH_SPACE) + rises
        vectors, counts = np.unique(codes, return_counts=True)
        enough = counts >= share * len(pattern) - 1e-9
        vectors, counts = vectors[enough], counts[enough]
        kept: list[IntArray] = []
        # Of equally full ones the pattern itself (vector 0) comes first.
        for vector in vectors[np.lexsort((np.abs(vectors), -counts))]:
            found = np.flatnonzero((codes == vector).any(axis=0))
            if all(len(np.intersect1d(found, other)) <= min(len(found), len(other)) / 2 for other in kept):
                kept.append(found)
        return kept


def translatable_patterns(points: PointSet, morphetic: bool, gap: int, lag_unit: int = 1) -> Iterator[IntArray]:
    """Yield the maximal translatable patterns of a piece, cut where they pause.

    Args:
        points: the piece.
        morphetic: whether heights are steps of the scale.
        gap: longest time in ticks from one onset of a pattern to its next.
        lag_unit: only vectors whose time is a multiple of so many ticks; 1 takes all.

    Yields:
        Indices of the points of each pattern, in time order; the same pattern can come several times.
    """
    heights = points.heights(morphetic)
    rows = {int(height): np.flatnonzero(heights == height) for height in np.unique(heights)}
    lowest, highest = min(rows, default=0), max(rows, default=-1)
    for rise in range(lowest - highest, highest - lowest + 1):
        pairs = [
            _later_pairs(points.onset, row, rows[height + rise], lag_unit)
            for height, row in rows.items()
            if height + rise in rows
        ]
        sources, lags = (np.concatenate([pair[side] for pair in pairs]) for side in (0, 1)) if pairs else ((), ())
        if len(sources):
            yield from _cut(points.onset, np.asarray(sources), np.asarray(lags), gap)


def _later_pairs(onset: IntArray, sources: IntArray, targets: IntArray, lag_unit: int) -> tuple[IntArray, IntArray]:
    lags = onset[targets][None, :] - onset[sources][:, None]
    row, column = np.nonzero((lags > 0) & (lags % lag_unit == 0))
    return sources[row], lags[row, column]


def _cut(onset: IntArray, sources: IntArray, lags: IntArray, gap: int) -> Iterator[IntArray]:
    order = np.lexsort((sources, lags))
    sources, lags = sources[order], lags[order]
    starts = (np.diff(lags) != 0) | (np.diff(onset[sources]) > gap)
    edges = np.concatenate([[0], np.flatnonzero(starts) + 1, [len(sources)]])
    for first, stop in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        if stop - first > 2:
            yield sources[first:stop]


def compactness(points: PointSet, pattern: IntArray) -> float:
    """Return the share of a pattern among all points in the time and the range of pitch that it spans."""
    inside = points.pitch[points.between(int(pattern[0]), int(pattern[-1]))]
    pitch = points.pitch[pattern]
    return len(pattern) / int(np.count_nonzero((inside >= pitch.min()) & (inside <= pitch.max())))


def shape(points: PointSet, pattern: IntArray, morphetic: bool) -> bytes:
    """Return what all translations of a pattern have in common, as bytes to compare."""
    heights = points.heights(morphetic)[pattern]
    both: NDArray[np.int64] = np.stack([points.onset[pattern] - points.onset[pattern[0]], heights - heights[0]])
    return both.tobytes()
