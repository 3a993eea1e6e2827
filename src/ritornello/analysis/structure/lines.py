"""What the structure analysis reads off a song: a flat melody, chord tones per beat, bars, and tests on bars.

Follows the definitions of Dai, Zhang and Dannenberg (2020) as their public code has them: ``B`` sixteenths a bar,
one pitch or rest per sixteenth, notes cut at the edges of the fragment that is looked at.

Axes: S sixteenths, N bars. Positions are sixteenths from bar 0; a fragment is a range of whole bars.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ritornello.errors import UnsuitableSongError
from ritornello.score import ChordSpan, Meter, Song
from ritornello.score.timeline import TICKS_PER_QUARTER, TICKS_PER_SIXTEENTH

REST = -1000
"""Value of a silent sixteenth in a flat melody; far from every pitch difference."""

MAX_BARS = 400
"""Longest song that is analysed: all pairs of bars are compared, so the time grows with the square."""

SHORT_BAR = 8
"""Sixteenths in a bar of 2/4. The paper's thresholds are in sixteenths of 4/4; dances in 2/4 are written in half the
values, so such songs are read in double values (our design)."""

EMPTY_MARGIN = 4
LONG_REST = 40

IntArray = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class CutNote:
    """A note as a fragment shows it.

    Attributes:
        start: position of its first sixteenth inside the fragment.
        sound_end: where it stops sounding.
        end: where the next note starts, or the fragment ends: the rest after a note counts as part of it.
        pitch: MIDI pitch.
    """

    start: int
    sound_end: int
    end: int
    pitch: int


@dataclass(frozen=True, eq=False)
class Lines:
    """A song as the structure analysis sees it.

    Attributes:
        sixteenths_per_bar: B, 16 or 12 (any multiple of 4 from 8 to 32 works).
        onsets: ``(n,)`` note onsets in sixteenths, strictly rising.
        ends: ``(n,)`` where each note stops sounding, not after the next onset.
        pitches: ``(n,)`` MIDI pitches.
        chord_masks: one 12-bit set of pitch classes a beat.
        several_keys: whether the song has two or more keys.
    """

    sixteenths_per_bar: int
    onsets: tuple[int, ...]
    ends: tuple[int, ...]
    pitches: tuple[int, ...]
    chord_masks: tuple[int, ...]
    several_keys: bool
    _cuts: dict[tuple[int, int], tuple[int, list[CutNote]]] = field(default_factory=dict, repr=False)

    @cached_property
    def bars(self) -> int:
        """N: bars that are analysed, usually one more than a person counts."""
        by_chords = len(self.chord_masks) // (self.sixteenths_per_bar // 4) + 1
        return max(by_chords, (self.ends[-1] - 1) // self.sixteenths_per_bar + 1)

    @cached_property
    def real_start(self) -> int:
        """The bar in which the melody starts; a pick-up of at most 6 sixteenths counts to the next bar."""
        bar, rest = divmod(self.onsets[0], self.sixteenths_per_bar)
        return bar + (rest >= self.sixteenths_per_bar - 6)

    @cached_property
    def real_end(self) -> int:
        """The bar line after the melody's last bar."""
        return min((self.ends[-1] - 1) // self.sixteenths_per_bar + 1, self.bars)

    @property
    def melodic_bars(self) -> int:
        """L: bars from `real_start` to `real_end`."""
        return self.real_end - self.real_start

    @cached_property
    def flat(self) -> IntArray:
        """``(S,)`` pitch or `REST` of each sixteenth, two bars longer than the song."""
        line = np.full((self.bars + 2) * self.sixteenths_per_bar, REST, dtype=np.int64)
        for onset, end, pitch in zip(self.onsets, self.ends, self.pitches, strict=True):
            line[onset:end] = pitch
        return line

    @cached_property
    def events(self) -> NDArray[np.bool_]:
        """``(S,)`` whether a note starts at each sixteenth."""
        marks = np.zeros(len(self.flat), dtype=bool)
        marks[list(self.onsets)] = True
        return marks

    @cached_property
    def _sounding(self) -> list[int]:
        return [0, *np.cumsum(self.flat != REST).tolist()]

    def is_empty(self, first: int, stop: int, margin: int = EMPTY_MARGIN) -> bool:
        """Return whether bars ``first`` to ``stop`` are silent but for ``margin`` sixteenths at either edge."""
        start, end = first * self.sixteenths_per_bar + margin, stop * self.sixteenths_per_bar - margin
        return self._sounding[end] == self._sounding[start]

    def is_held_over(self, first: int, stop: int) -> bool:
        """Return whether bars hold nothing but a note of the bar before (or are empty)."""
        if self.is_empty(first, stop):
            return True
        line = first * self.sixteenths_per_bar
        index = bisect_left(self.onsets, line) - 1
        if index < 0:
            return False
        onset, end = self.onsets[index], self.ends[index]
        after = self.onsets[index + 1] if index + 1 < len(self.onsets) else stop * self.sixteenths_per_bar
        starts_before = line - self.sixteenths_per_bar <= onset < line - 2
        return starts_before and end > line and after >= stop * self.sixteenths_per_bar - 4

    def cut(self, start: int, end: int) -> tuple[int, list[CutNote]]:
        """Return the opening rest and the notes between two positions in sixteenths."""
        known = self._cuts.get((start, end))
        if known is not None:
            return known
        low = bisect_right(self.ends, start)
        high = bisect_left(self.onsets, end)
        notes: list[CutNote] = []
        for index in range(low, high):
            after = self.onsets[index + 1] if index + 1 < len(self.onsets) else end
            begin = max(self.onsets[index], start)
            notes.append(CutNote(begin, min(self.ends[index], end), min(after, end), self.pitches[index]))
        result = (notes[0].start - start if notes else end - start, notes)
        self._cuts[start, end] = result
        return result

    def cut_bars(self, first: int, stop: int) -> tuple[int, list[CutNote]]:
        """Return the opening rest and the notes of bars ``first`` to ``stop``."""
        return self.cut(first * self.sixteenths_per_bar, stop * self.sixteenths_per_bar)

    def is_gapped(self, first: int, stop: int) -> bool:
        """Return whether bars contain a rest of 40 sixteenths or more."""
        return self.long_rest(first, stop) is not None

    def long_rest(self, first: int, stop: int) -> tuple[int, int] | None:
        """Return the first rest of 40 sixteenths or more between two bar lines as a range, or None."""
        opening, notes = self.cut_bars(first, stop)
        position = first * self.sixteenths_per_bar
        if opening >= LONG_REST:
            return position, position + opening
        return next(((n.sound_end, n.end) for n in notes if n.end - n.sound_end >= LONG_REST), None)

    @cached_property
    def longest_notes(self) -> list[int]:
        """``(N,)`` LN: the longest note of each bar with the rest after it, at least 1."""
        return [self.longest_note(bar, bar + 1) for bar in range(self.bars + 1)]

    def longest_note(self, first: int, stop: int) -> int:
        """Return the longest note of a range of bars with the rest after it, at least 1."""
        return max([note.end - note.start for note in self.cut_bars(first, stop)[1]], default=1)

    def longest_held(self, first: int, stop: int) -> int:
        """Return E: as `longest_note`, where equal pitches that follow each other without a rest are one note."""
        longest = 1
        start = 0
        before: CutNote | None = None
        for note in self.cut_bars(first, stop)[1]:
            if before is None or before.pitch != note.pitch or before.sound_end != note.start:
                start = note.start
            longest = max(longest, note.end - start)
            before = note
        return longest

    def longest_opening(self, first: int, stop: int) -> int:
        """Return the longest of an opening rest and the first two notes with the rests after them."""
        opening, notes = self.cut_bars(first, stop)
        return max(opening, *(note.end - note.start for note in notes[:2]), 0)


def lines_of(song: Song, chord_tones: Sequence[frozenset[int]] | None = None) -> Lines:
    """Read a song for the structure analysis.

    Args:
        song: a melody (role ``"melody"``, or the only part), chords, keys and one metre of two to eight quarter beats.
        chord_tones: pitch classes per beat; taken from the song's chords if not given.

    Raises:
        UnsuitableSongError: if there is no melody, the metre is another or changes, or the song is too long.
    """
    per_bar = _sixteenths_per_bar(song)
    if per_bar == SHORT_BAR:
        song, per_bar = _in_double_values(song), 2 * per_bar
        chord_tones = None if chord_tones is None else [tones for tones in chord_tones for _ in range(2)]
    part = song.part("melody") or (song.parts[0] if len(song.parts) == 1 else None)
    if part is None or not len(part.notes):
        raise UnsuitableSongError("the song has no melody, so its form cannot be found; name the part that carries it")
    onsets, ends, pitches = _single_line(part.notes)
    if ends[-1] > MAX_BARS * per_bar:
        raise UnsuitableSongError(f"the song is longer than the {MAX_BARS} bars whose form can be found")
    masks = _chord_masks(song) if chord_tones is None else [sum(1 << tone for tone in set(t)) for t in chord_tones]
    masks = masks[: MAX_BARS * per_bar // 4]
    return Lines(per_bar, onsets, ends, pitches, tuple(masks), len(song.keys) > 1)


def _sixteenths_per_bar(song: Song) -> int:
    bars = {meter.bar_ticks for meter in song.meters}
    per_bar, rest = divmod(max(bars), TICKS_PER_SIXTEENTH)
    if len(bars) > 1 or rest or per_bar % 4 or not 8 <= per_bar <= 32:
        names = ", ".join(dict.fromkeys(str(meter) for meter in song.meters))
        raise UnsuitableSongError(f"the form of a song in {names} cannot be found; one metre such as 4/4 or 3/4 can")
    return per_bar


def _in_double_values(song: Song) -> Song:
    """Return what the analysis reads of a song in double values: 2/4 stands in 4/4 with the same bars."""
    parts = []
    for part in song.parts:
        notes = part.notes.copy()
        notes["onset"] *= 2
        notes["duration"] *= 2
        parts.append(part.with_notes(notes))
    return song.replace(
        parts=tuple(parts),
        meters=tuple(Meter(2 * meter.tick, 2 * meter.numerator, meter.denominator) for meter in song.meters),
        chords=tuple(ChordSpan(2 * span.onset, 2 * span.duration, span.chord) for span in song.chords),
    )


def _single_line(notes: NDArray[np.void]) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    """Return onsets, ends, pitches in sixteenths: the highest note of each onset, cut at the next onset."""
    starts = np.round(notes["onset"] / TICKS_PER_SIXTEENTH).astype(np.int64)
    stops = np.maximum(
        np.round((notes["onset"] + notes["duration"]) / TICKS_PER_SIXTEENTH).astype(np.int64), starts + 1
    )
    line: dict[int, tuple[int, int]] = {}
    for start, stop, pitch in zip(starts.tolist(), stops.tolist(), notes["pitch"].tolist(), strict=True):
        if start not in line or pitch > line[start][1]:
            line[start] = (stop, pitch)
    onsets = sorted(line)
    nexts = [*onsets[1:], line[onsets[-1]][0]]
    ends = tuple(min(line[onset][0], after) for onset, after in zip(onsets, nexts, strict=True))
    return tuple(onsets), ends, tuple(line[onset][1] for onset in onsets)


def _chord_masks(song: Song) -> list[int]:
    """Return the chord that sounds longest in each beat, as a set of pitch classes."""
    if not song.chords:
        return []
    beats = -(-song.chords[-1].end // TICKS_PER_QUARTER)
    best = [(0, 0)] * beats
    for span in song.chords:
        mask = sum(1 << tone for tone in span.chord.pitch_classes)
        for beat in range(span.onset // TICKS_PER_QUARTER, -(-span.end // TICKS_PER_QUARTER)):
            overlap = min(span.end, (beat + 1) * TICKS_PER_QUARTER) - max(span.onset, beat * TICKS_PER_QUARTER)
            if overlap > best[beat][0]:
                best[beat] = (overlap, mask)
    return [mask for _, mask in best]
