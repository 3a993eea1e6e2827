"""Which fragments may be phrases: the start test, and the pairs of equal length that are worth comparing.

Follows section "candidate pairs" of Dai, Zhang and Dannenberg's (2020) public code.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ritornello.analysis.structure.lines import IntArray, Lines

SHORTEST, LONGEST = 4, 16
"""Lengths of a phrase in bars."""

LONG_OPENING_REST = 10
LONG_OPENING_NOTE = 12


@dataclass(frozen=True)
class CandidatePairs:
    """Pairs of fragments of one length that may be two instances of a phrase.

    Attributes:
        bars: the length.
        first: ``(P,)`` start bar of the earlier fragment.
        second: ``(P,)`` start bar of the later one, at least ``bars`` after the first.
        melodic: ``(P,)`` whether both have a melody (otherwise neither has).
    """

    bars: int
    first: IntArray
    second: IntArray
    melodic: np.ndarray[tuple[int], np.dtype[np.bool_]]


def starts_a_phrase(lines: Lines, first: int, stop: int) -> bool:
    """Return whether a melodic fragment passes the start test."""
    if lines.is_empty(first, first + 1) or lines.is_held_over(first, first + 1):
        return False
    if lines.cut_bars(first, first + 1)[0] >= LONG_OPENING_REST:
        return False
    if lines.longest_opening(first, first + 1) < LONG_OPENING_NOTE:
        return True
    before = lines.longest_opening(first, first + 2)
    middle = lines.longest_note(first + 2, stop - (2 if stop - first >= 6 else 1))
    return not (middle <= 8 or middle + 4 < before)


def candidate_pairs(lines: Lines, bars: int) -> CandidatePairs:
    """Return all pairs of fragments of a length that are not ruled out by themselves, silent ones with silent ones."""
    first_bar, last_bar = lines.real_start, lines.real_end
    starts: list[int] = []
    melodic: list[bool] = []
    for start in range(first_bar, last_bar - bars + 1):
        stop = start + bars
        if lines.is_empty(start, stop):
            starts.append(start)
            melodic.append(False)
        elif starts_a_phrase(lines, start, stop) and not lines.is_gapped(start, stop):
            starts.append(start)
            melodic.append(True)
    places, sings = np.array(starts, dtype=np.int64), np.array(melodic, dtype=bool)
    i, j = np.triu_indices(len(places), k=1)
    allowed = (places[j] - places[i] >= bars) & (sings[i] == sings[j])
    offset = places[i] - first_bar
    allowed &= (offset == 0) | (offset > 3)
    i, j = i[allowed], j[allowed]
    return CandidatePairs(bars, places[i], places[j], sings[i])
