"""What the seed's phrases of each letter look like: the histograms that new phrases should match.

The histograms are those of the style distance (`evaluation.imitation`), counted per letter: a chorus is compared with
choruses. The contour of the basic melody is kept only smoothed, so that it says where a phrase lies and not how it
goes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ritornello.analysis.segments import basic_pitches, pattern_of
from ritornello.evaluation.imitation import Histogram, jensen_shannon_distance
from ritornello.imitation.contexts import MAX_INTERVAL, quality_class
from ritornello.imitation.data import NO_CHORD, ChordSymbol, IntArray, SongEvents
from ritornello.imitation.phrase import NewPhrase
from ritornello.imitation.tables import FloatArray

CONTOUR_WINDOW = 5
"""Rhythm segments over which the contour is smoothed."""


@dataclass(frozen=True)
class LetterStyle:
    """What the seed's phrases of one letter look like: histograms, and the smoothed contour of the basic melody."""

    rhythm: Histogram
    interval: Histogram
    in_chord: Histogram
    change: Histogram
    bass: Histogram
    contour: FloatArray


class Styles:
    """The styles of a seed's letters.

    Args:
        events: the seed.
    """

    def __init__(self, events: SongEvents) -> None:
        self.events = events
        grid = events.grid
        self.steps_per_bar, self.steps_per_beat = grid.steps_per_bar, grid.steps_per_beat
        self.beats, self.size = grid.beats_per_bar, grid.segment_steps
        self._styles: dict[str, LetterStyle] = {}

    def of(self, letter: str) -> LetterStyle:
        """Return the histograms of the seed's phrases of a letter; of all its melodic phrases for a new letter."""
        found = self._styles.get(letter)
        if found is None:
            found = self._styles[letter] = self._letter_style(letter)
        return found

    def _letter_style(self, letter: str) -> LetterStyle:
        phrases = [p for p in self.events.phrases if p.phrase.letter == letter]
        if not phrases:
            phrases = [p for p in self.events.phrases if p.phrase.is_melodic == letter.isupper()]
        rhythm: Histogram = Counter()
        interval: Histogram = Counter()
        in_chord: Histogram = Counter()
        change: Histogram = Counter()
        bass: Histogram = Counter()
        contours: list[FloatArray] = []
        for events in phrases:
            steps = events.phrase.bars * self.steps_per_bar
            for start in range(0, steps, self.size):
                rhythm[pattern_of(events.onsets, start, self.size)] += 1
            interval.update(np.clip(np.diff(events.pitches), -MAX_INTERVAL, MAX_INTERVAL).tolist())
            in_chord.update(self._in_chord_counts(events.chords, events.onsets, events.pitches))
            more_change, more_bass = self.chord_counts(events.chords)
            change.update(more_change)
            bass.update(more_bass)
            basics = basic_pitches(events.onsets, events.durations, events.pitches, steps, self.size)
            known = [(i, b) for i, b in enumerate(basics) if b is not None]
            if known:
                places, values = zip(*known, strict=True)
                contours.append(np.interp(np.arange(len(basics)), places, values))
        return LetterStyle(rhythm, interval, in_chord, change, bass, _mean_contour(contours))

    def _in_chord_counts(self, chords: Sequence[ChordSymbol], onsets: IntArray, pitches: IntArray) -> Histogram:
        counts: Histogram = Counter()
        for onset, pitch in zip(onsets.tolist(), pitches.tolist(), strict=True):
            chord = chords[min(onset // self.steps_per_beat, len(chords) - 1)]
            if chord != NO_CHORD:
                counts[((pitch - chord[0]) % 12, quality_class(chord[1]))] += 1
        return counts

    def chord_counts(self, chords: Sequence[ChordSymbol]) -> tuple[Histogram, Histogram]:
        """Return the histograms of chord changes and of chord basses."""
        change: Histogram = Counter()
        bass: Histogram = Counter()
        for at, chord in enumerate(chords):
            before = chords[at - 1] if at else None
            if chord == NO_CHORD:
                continue
            bass[(chord[2], at % self.beats, before != chord)] += 1
            if before is not None and before != NO_CHORD and before[:2] != chord[:2]:
                change[((chord[0] - before[0]) % 12, before[1], chord[1])] += 1
        return change, bass

    def melody_distance(self, letter: str, phrase: NewPhrase) -> float:
        """Return how far a phrase's intervals and pitches in the chord are from the seed's letter, 0..1."""
        style = self.of(letter)
        interval: Histogram = Counter(np.clip(np.diff(phrase.pitches), -MAX_INTERVAL, MAX_INTERVAL).tolist())
        in_chord = self._in_chord_counts(phrase.chords, phrase.onsets, phrase.pitches)
        distance = jensen_shannon_distance(interval, style.interval)
        return (distance + jensen_shannon_distance(in_chord, style.in_chord)) / 2

    def chord_distance(self, letter: str, *phrases: Sequence[ChordSymbol]) -> float:
        """Return how far the chord changes and basses of phrases together are from the seed's letter, 0..1."""
        style = self.of(letter)
        change: Histogram = Counter()
        bass: Histogram = Counter()
        for chords in phrases:
            more_change, more_bass = self.chord_counts(chords)
            change += more_change
            bass += more_bass
        return (jensen_shannon_distance(change, style.change) + jensen_shannon_distance(bass, style.bass)) / 2

    def rhythm_distance(self, letter: str, patterns: Sequence[int]) -> float:
        """Return how far a phrase's onset patterns are from the seed's letter, 0..1."""
        return jensen_shannon_distance(Counter(patterns), self.of(letter).rhythm)

    def contour(self, letter: str, segments: int, centre: float) -> FloatArray:
        """Return the smoothed contour over a number of segments; the centre if the seed has none."""
        contour = self.of(letter).contour
        if not len(contour):
            return np.full(segments, centre)
        return contour[np.minimum(np.arange(segments), len(contour) - 1)]


def _mean_contour(contours: Sequence[FloatArray]) -> FloatArray:
    """Return the mean of contours over their common places, smoothed."""
    if not contours:
        return np.zeros(0)
    longest = max(len(contour) for contour in contours)
    padded = np.full((len(contours), longest), np.nan)
    for row, contour in zip(padded, contours, strict=True):
        row[: len(contour)] = contour
    mean = np.nanmean(padded, axis=0)
    window = np.ones(CONTOUR_WINDOW)
    result: FloatArray = np.convolve(mean, window, "same") / np.convolve(np.ones(longest), window, "same")
    return result
