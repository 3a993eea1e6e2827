"""How alike two fragments are: chords, rhythm, melody, and whether they match.

Follows the similarity rules of Dai, Zhang and Dannenberg (2020). Every quantity that depends on bars alone is a table
over pairs of bars, summed along its diagonals; the costly contour is left to the last and done for all pairs together.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ritornello.analysis.structure.candidates import CandidatePairs
from ritornello.analysis.structure.contour import Contours
from ritornello.analysis.structure.lines import IntArray, Lines

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True)
class Matches:
    """The pairs of one length that match.

    Attributes:
        bars: the length.
        first: ``(M,)`` start bar of the earlier fragment.
        second: ``(M,)`` start bar of the later one.
        melodic: ``(M,)`` whether they have a melody.
        score: ``(M,)`` chord similarity times combined similarity, the pair's part of a family's match score.
    """

    bars: int
    first: IntArray
    second: IntArray
    melodic: BoolArray
    score: FloatArray


class Similarity:
    """Similarities within one song.

    Args:
        lines: the song.
    """

    def __init__(self, lines: Lines) -> None:
        self.lines = lines
        self.contours = Contours(lines)
        self.bars = lines.bars
        self._same_onsets = [_diagonal_sums(table) for table in self._rhythm_tables()]
        self._chord_sums: dict[int, FloatArray] = {}
        self._window_table: dict[int, float] = {}
        bars = range(self.bars + 1)
        self._last_held = np.array([lines.longest_held(bar, bar + 1) for bar in range(self.bars)])
        self._last_two_held = np.array([0] + [lines.longest_held(bar - 1, bar + 1) for bar in range(1, self.bars)])
        self._quiet2 = np.array([lines.is_empty(bar, bar + 1, 2) for bar in range(self.bars)])
        self._two_quiet2 = np.array([False] + [lines.is_empty(bar - 1, bar + 1, 2) for bar in range(1, self.bars)])
        self._silent = np.array([lines.is_empty(bar, bar + 1, 0) for bar in range(self.bars)])
        self._non_melodic = np.array([lines.is_empty(bar, bar + 1) for bar in bars])

    # ---- chords

    def chords(self, a: IntArray, b: IntArray, bars: int, shift: int) -> FloatArray:
        """Return S_c, the mean F1 of the chord tones beat by beat, the second fragment moved by semitones."""
        if shift not in self._chord_sums:
            self._chord_sums[shift] = _diagonal_sums(self._chord_table(shift))
        return _along(self._chord_sums[shift], a, b, bars) / (bars * self.lines.sixteenths_per_bar // 4)

    def _chord_table(self, shift: int) -> FloatArray:
        """Return ``(N, N)`` sums of F1 over the beats of two bars."""
        beats = self.lines.sixteenths_per_bar // 4
        masks = np.zeros(self.bars * beats, dtype=np.int64)
        given = self.lines.chord_masks[: len(masks)]
        masks[: len(given)] = given
        moved = ((masks << shift) | (masks >> (12 - shift))) & 0xFFF
        own, own_index = np.unique(masks, return_inverse=True)
        other, other_index = np.unique(moved, return_inverse=True)
        count = np.array([int(mask).bit_count() for mask in range(4096)])
        common = count[own[:, None] & other[None, :]]
        f1 = 2 * common / np.maximum(1, count[own][:, None] + count[other][None, :])
        own_bars, other_bars = own_index.reshape(-1, beats), other_index.reshape(-1, beats)
        table: FloatArray = f1[own_bars[:, None, :], other_bars[None, :, :]].sum(axis=2)
        return table

    # ---- rhythm

    def _rhythm_tables(self) -> list[FloatArray]:
        """Return ``(N, N)`` counts of equal sixteenths of two bars: as they are, first line later, second later."""
        per_bar = self.lines.sixteenths_per_bar
        marks = self.lines.events[: self.bars * per_bar]
        later = np.concatenate([[False], marks[:-1]])
        tables = []
        for x, y in ((marks, marks), (later, marks), (marks, later)):
            one, other = (np.where(line, 1.0, -1.0).reshape(self.bars, per_bar) for line in (x, y))
            tables.append((one @ other.T + per_bar) / 2)
        return tables

    def rhythm(self, a: IntArray, b: IntArray, bars: int, late: int = 0) -> FloatArray:
        """Return S_r, the share of sixteenths on which both or neither have an onset; the first sixteenth is left out.

        Args:
            a: start bars of one fragment.
            b: start bars of the other.
            bars: length of both.
            late: 1 to move the first line one sixteenth later, 2 for the second line, 0 for neither.
        """
        per_bar = self.lines.sixteenths_per_bar
        marks = self.lines.events
        equal = _along(self._same_onsets[late], a, b, bars)
        x0, y0 = a * per_bar, b * per_bar
        # What the tables hold for the first sixteenth, and for the one that an onset at the very first one moves to.
        before = [marks[np.maximum(x0 - 1, 0)] & (x0 > 0), marks[np.maximum(y0 - 1, 0)] & (y0 > 0)]
        at = [marks[x0], marks[y0]]
        first_x, first_y = (before[0] if late == 1 else at[0]), (before[1] if late == 2 else at[1])
        equal = equal - (first_x == first_y)
        if late:
            moved, fixed = (at[0], marks[y0 + 1]) if late == 1 else (at[1], marks[x0 + 1])
            equal = equal - (moved == fixed) + ~fixed
        share: FloatArray = equal / (bars * per_bar - 1)
        return share

    # ---- melody and the combined measure

    def match(self, pairs: CandidatePairs) -> Matches:
        """Return the pairs that match; in a song of several keys also under transposition."""
        shifts = range(12) if self.lines.several_keys else range(1)
        found = np.zeros(len(pairs.first), dtype=bool)
        score = np.zeros(len(pairs.first))
        for shift in shifts:
            rest = np.flatnonzero(~found)
            if len(rest):
                a, b, melodic = pairs.first[rest], pairs.second[rest], pairs.melodic[rest]
                matched, value = self._match(a, b, pairs.bars, melodic, shift)
                found[rest], score[rest] = matched, value
        return Matches(pairs.bars, pairs.first[found], pairs.second[found], pairs.melodic[found], score[found])

    def _match(
        self, a: IntArray, b: IntArray, bars: int, melodic: BoolArray, shift: int
    ) -> tuple[BoolArray, FloatArray]:
        chord = self.chords(a, b, bars, shift)
        rhythm = [self.rhythm(a, b, bars, late) for late in range(3)]
        best_rhythm = np.maximum(np.maximum(rhythm[0], rhythm[1]), rhythm[2])
        possible = ((chord >= 0.55) & (best_rhythm >= 0.55)) | (best_rhythm >= 0.95)
        matched = np.zeros(len(a), dtype=bool)
        score = np.zeros(len(a))
        index = np.flatnonzero(possible & ~melodic)
        matched[index] = _is_match(chord[index], rhythm[0][index])
        score[index] = chord[index] * rhythm[0][index]
        index = np.flatnonzero(possible & melodic)
        index = index[self._endings_agree(a[index], b[index], bars)]
        if len(index):
            own_rhythm = [values[index] for values in rhythm]
            lenient, strict = self._melodic(a[index], b[index], bars, shift, own_rhythm)
            matched[index] = _is_match(chord[index], lenient)
            score[index] = chord[index] * strict
        return matched, score

    def _endings_agree(self, a: IntArray, b: IntArray, bars: int) -> BoolArray:
        """Return whether the rules on silent first and last bars let a pair pass."""
        per_bar = self.lines.sixteenths_per_bar
        ends = [a + bars - 1, b + bars - 1]
        fail = self._silent[ends[0]] & self._silent[ends[1]]
        fail |= self._quiet2[a] | self._quiet2[b]
        for one, other in (ends, ends[::-1]):
            fail |= self._two_quiet2[one] & ~self._two_quiet2[other] & (self._last_two_held[other] < 2 * per_bar - 4)
            # "Its E over two bars >= 16" is said of the sounding fragment; measured on the labels, the silent one must
            # not be longer either (a note that rings on from the bar before is another ending).
            short = (self._last_held[other] < per_bar - 6) | (self._last_two_held[other] >= 16)
            short |= self._last_two_held[one] > 16
            fail |= self._quiet2[one] & ~self._quiet2[other] & short
        result: BoolArray = ~fail
        return result

    def _melodic(
        self, a: IntArray, b: IntArray, bars: int, shift: int, rhythm: list[FloatArray]
    ) -> tuple[FloatArray, FloatArray]:
        """Return S without and with the ending factor where it may be left out."""
        apart = self.contours.means[0, a, bars] - self.contours.means[0, b, bars] - shift
        far = np.flatnonzero(np.abs(apart) >= 5)
        rows = np.concatenate([np.arange(len(a)), far])
        moves = np.concatenate([np.full(len(a), shift), shift + 12 * np.sign(apart[far])])
        full, r0, r1_filled = self._contour(a[rows], b[rows], bars, moves)
        best = np.arange(len(a))
        octave = np.full(len(a), -1)
        octave[far] = len(a) + np.arange(len(far))
        best = np.where((octave >= 0) & (full[octave] > full[best]), octave, best)
        full, r0, r1_filled = full[best], r0[best], r1_filled[best]
        factor = self._ending_factor(a + bars - 1, b + bars - 1)
        lenient = np.where(self._ends_freely(a + bars) | self._ends_freely(b + bars), 1.0, factor)
        return tuple(_combine(full * g, rhythm, r0, r1_filled) for g in (lenient, factor))  # type: ignore[return-value]

    def _ends_freely(self, stop: IntArray) -> BoolArray:
        result: BoolArray = (stop == self.lines.real_end) | self._non_melodic[stop]
        return result

    def _ending_factor(self, last_a: IntArray, last_b: IntArray) -> FloatArray:
        one, other = self._last_held[last_a], self._last_held[last_b]
        differ = (np.abs(one - other) >= 4) & (np.minimum(one, other) < 4)
        return np.where(differ, 0.7, np.where((one < 4) & (other < 4), 0.8, 1.0))

    def _contour(
        self, a: IntArray, b: IntArray, bars: int, move: IntArray
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return R_full (0 where a gate closes), r0, and r1 of the filled lines."""
        opening = 2 if bars == 4 else 4
        r0 = self._unique(a, b, np.ones_like(a), np.ones_like(a), move)
        length = np.full_like(a, opening)
        r1_filled = self._unique(a, b, length, np.ones_like(a), move)
        r1 = np.maximum(r1_filled, self._unique(a, b, length, np.zeros_like(a), move))
        open_gate = ~(((r0 < 0.45) | (r1 < 0.3)) & (r0 < 0.6) & (r1 < 0.6))
        full = np.zeros(len(a))
        index = np.flatnonzero(open_gate)
        if bars >= 12 and len(index):
            index = index[self._both(a[index], b[index], bars // 2, move[index]) >= 0.5]
        if len(index):
            whole = self._both(a[index], b[index], bars, move[index])
            start = np.maximum(r0, r1)[index]
            mixed = (0.5 * start + whole) / 1.5 if bars >= 10 else (start + whole) / 2
            full[index] = np.maximum(whole, mixed)
        return full, r0, r1_filled

    def _both(self, a: IntArray, b: IntArray, bars: int, move: IntArray) -> FloatArray:
        """Return R+, the better of raw and filled lines."""
        length, raw = np.full_like(a, bars), np.zeros_like(a)
        return np.maximum(
            self.contours.similarity(a, b, length, raw, move), self.contours.similarity(a, b, length, raw + 1, move)
        )

    def _unique(self, a: IntArray, b: IntArray, bars: IntArray, filled: IntArray, move: IntArray) -> FloatArray:
        """Return R of windows that many pairs share, each computed once a song."""
        keys = (((a * 4096 + b) * 32 + bars) * 2 + filled) * 64 + move + 32
        unknown, places = np.unique(keys, return_index=True)
        table = self._window_table
        new = [(key, place) for key, place in zip(unknown.tolist(), places.tolist(), strict=True) if key not in table]
        if new:
            index = np.array([place for _, place in new])
            values = self.contours.similarity(a[index], b[index], bars[index], filled[index], move[index])
            table.update(zip((key for key, _ in new), values.tolist(), strict=True))
        return np.array([table[key] for key in keys.tolist()])


def _is_match(chord: FloatArray, combined: FloatArray) -> BoolArray:
    return (
        ((chord >= 0.6) & (combined >= 0.595))
        | ((combined > 0.8) & (chord >= 0.55))
        | ((chord > 0.9) & (combined >= 0.55))
        | (combined >= 0.95)
    )


def _combine(melody: FloatArray, rhythm: list[FloatArray], r0: FloatArray, r1: FloatArray) -> FloatArray:
    """Return S from the similarity of melody and rhythm, with its second chances."""
    combined = melody * rhythm[0]
    low = combined < 0.6
    retry = low & (melody > 0.9)
    for later in (melody * rhythm[1], melody * rhythm[2]):
        take = retry & (later >= 0.6)
        combined = np.where(take, later, combined)
        retry = retry & ~take
    lift = low & (melody <= 0.9) & (rhythm[0] > 0.85) & (melody > 0.5)
    lift &= ((r0 > 0.5) | (r1 > 0.5)) & (r0 >= 0.45) & (r1 >= 0.3)
    return np.where(lift, 0.6, combined)


def _diagonal_sums(table: FloatArray) -> FloatArray:
    """Return ``(N + 1, N + 1)`` running sums along the diagonals of ``(N, N)``."""
    size = len(table)
    sums = np.zeros((size + 1, size + 1))
    for row in range(size):
        sums[row + 1, 1:] = sums[row, :-1] + table[row]
    return sums


def _along(sums: FloatArray, a: IntArray, b: IntArray, bars: int) -> FloatArray:
    result: FloatArray = sums[a + bars, b + bars] - sums[a, b]
    return result
