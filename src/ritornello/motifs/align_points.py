"""Match chords: the points of a query that come back, moved by one translation in time and pitch.

The point-set view of Wiggins, Lemström and Meredith, *SIA(M)ESE* (2002): every pair of a query's and a target's note
votes for the translation that takes one to the other; the translation with most votes tells which notes come back.

Axes: m notes of the query, n notes of the target.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ritornello.motifs.align import Pairs

TOLERANCE_TICKS = 1
"""Notes so far from their place count as there: stretched times are rounded, performed chords are spread."""


@dataclass(frozen=True)
class PointMatch:
    """The notes of a query that come back together.

    Attributes:
        share: of the query's notes, 0 to 1.
        shift: ticks from query to target.
        transposition: semitones.
        pairs: (note of the query, note of the target), by the query's notes.
    """

    share: float
    shift: int
    transposition: int
    pairs: Pairs


def match_points(
    query_onset: ArrayLike, query_pitch: ArrayLike, target_onset: ArrayLike, target_pitch: ArrayLike
) -> PointMatch:
    """Return the translation that brings most of a query's notes back, and which.

    Args:
        query_onset: ``(m,)`` ticks, stretched.
        query_pitch: ``(m,)`` semitones, negative heights for an inversion.
        target_onset: ``(n,)`` ticks.
        target_pitch: ``(n,)`` MIDI.

    Returns:
        The match; of equally good translations the one that moves least in pitch, then in time. Without notes on
        either side a share of 0.
    """
    onset, pitch = np.rint(np.asarray(query_onset, np.float64)).astype(np.int64), np.asarray(query_pitch, np.int64)
    there, height = np.asarray(target_onset, np.int64), np.asarray(target_pitch, np.int64)
    if not len(onset) or not len(there):
        return PointMatch(0.0, 0, 0, ())
    shifts, rises = there[None, :] - onset[:, None], height[None, :] - pitch[:, None]  # (m, n)
    vectors = np.unique(np.stack([shifts.ravel(), rises.ravel()], axis=1), axis=0)
    # A vector's votes: notes of the query with a partner within the tolerance. The frequent ones are looked at closely.
    codes = (shifts * 1024 + rises).ravel()
    values, counts = np.unique(codes, return_counts=True)
    likely = vectors[
        np.argsort(-counts[np.searchsorted(values, vectors[:, 0] * 1024 + vectors[:, 1])], kind="stable")[:32]
    ]
    best: tuple[int, int, int, int, int] | None = None
    for shift, rise in likely.tolist():
        votes = int((_partners(shifts, rises, shift, rise) >= 0).sum())
        rank = (-votes, abs(rise), abs(shift), shift, rise)
        best = rank if best is None or rank < best else best
    assert best is not None
    shift, rise = best[3], best[4]
    partners = _partners(shifts, rises, shift, rise)
    pairs = tuple((note, int(place)) for note, place in enumerate(partners.tolist()) if place >= 0)
    return PointMatch(len(pairs) / len(onset), shift, rise, pairs)


def _partners(shifts: np.ndarray, rises: np.ndarray, shift: int, rise: int) -> np.ndarray:
    """Return for each note of the query its partner under a translation ``(m,)``, -1 where there is none."""
    distance = np.where(rises == rise, np.abs(shifts - shift), TOLERANCE_TICKS + 1)
    nearest = distance.argmin(axis=1)
    found: np.ndarray = np.where(distance[np.arange(len(nearest)), nearest] <= TOLERANCE_TICKS, nearest, -1)
    return found
