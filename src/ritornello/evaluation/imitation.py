"""Measures of an imitation: style distance, phrase agreement, cadences. They know no model.

Our design. The style distance is the mean of five square roots of Jensen–Shannon divergences
(base 2, so 0..1) between histograms over the bars of the melodic phrases. Measured anchors on POP909 (780 songs in
4/4): halves of one song .258, two songs .538; phrases of one letter agree at .846 of their sixteenths, of other
letters .209.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from ritornello.analysis.phrase_grid import Phrase, PhraseGrid

STYLE_PARTS = ("rhythm", "interval", "pitch_in_chord", "chord_change", "bass")
"""The five histograms of the style distance, in order."""

Histogram = Counter[Hashable]
StyleHistograms = tuple[Histogram, Histogram, Histogram, Histogram, Histogram]


def style_histograms(grid: PhraseGrid, bars: Iterable[int] | None = None) -> StyleHistograms:
    """Count the five histograms of a song.

    Args:
        grid: the song.
        bars: the bars to count; the bars of its melodic phrases if left out.

    Returns:
        Counters of: onset patterns per half bar; intervals of neighbouring notes, clipped to ± 12; pitch class above
        the chord root with the first letters of the quality, per note; chord changes (root step, quality before,
        quality after); chord bass above the root with the beat in the bar and "changed here", per beat.
    """
    chosen = sorted(melodic_bars(grid) if bars is None else bars)
    inside = np.zeros(grid.bars + 1, np.bool_)
    inside[chosen] = True
    rhythm: Histogram = Counter()
    flags, size = grid.onset_flags(), grid.segment_steps
    for bar in chosen:
        for start in range(bar * grid.steps_per_bar, (bar + 1) * grid.steps_per_bar, size):
            rhythm[flags[start : start + size].tobytes()] += 1
    note_inside = inside[np.minimum(grid.onsets // grid.steps_per_bar, grid.bars)]
    neighbours = note_inside[1:] & note_inside[:-1]
    interval: Histogram = Counter(np.clip(np.diff(grid.pitches), -12, 12)[neighbours].tolist())
    in_chord: Histogram = Counter()
    for onset, pitch in zip(grid.onsets[note_inside].tolist(), grid.pitches[note_inside].tolist(), strict=True):
        chord = grid.chords[onset // grid.steps_per_beat]
        if chord is not None:
            in_chord[((pitch - chord.root) % 12, chord.quality[:3])] += 1
    change, bass = _chord_histograms(grid, chosen, inside)
    return rhythm, interval, in_chord, change, bass


def _chord_histograms(grid: PhraseGrid, bars: Sequence[int], inside: NDArray[np.bool_]) -> tuple[Histogram, Histogram]:
    change: Histogram = Counter()
    bass: Histogram = Counter()
    for bar in bars:
        for beat in range(grid.beats_per_bar):
            at = bar * grid.beats_per_bar + beat
            chord = grid.chords[at]
            if chord is None:
                continue
            before = grid.chords[at - 1] if at else None
            bass[((chord.bass - chord.root) % 12, beat, before != chord)] += 1
            known = before is not None and inside[(at - 1) // grid.beats_per_bar]
            if known and before is not None and (before.root, before.quality) != (chord.root, chord.quality):
                change[((chord.root - before.root) % 12, before.quality, chord.quality)] += 1
    return change, bass


def melodic_bars(grid: PhraseGrid) -> list[int]:
    """Return the bars of the melodic phrases, in order."""
    return [bar for phrase in grid.melodic_phrases for bar in range(phrase.start_bar, min(phrase.stop_bar, grid.bars))]


def jensen_shannon_distance(one: Histogram, other: Histogram) -> float:
    """Return the square root of the Jensen–Shannon divergence (base 2) of two counts, 0..1; 1 if just one is empty."""
    total_one, total_other = sum(one.values()), sum(other.values())
    if not total_one or not total_other:
        return float(total_one != total_other)
    # In the order of counting: a set's order, and with it the last digit of the sum, differs from run to run.
    keys = list(dict.fromkeys([*one, *other]))
    p = np.array([one[key] for key in keys]) / total_one
    q = np.array([other[key] for key in keys]) / total_other
    mean = (p + q) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(p > 0, p * np.log2(p / mean), 0.0) + np.where(q > 0, q * np.log2(q / mean), 0.0)
    return float(np.sqrt(max(0.0, terms.sum() / 2)))


@dataclass(frozen=True, slots=True)
class StyleDistance:
    """A style distance and its five parts (see `STYLE_PARTS`), each 0..1."""

    parts: tuple[float, ...]

    @property
    def mean(self) -> float:
        """The style distance: the mean of the parts."""
        return sum(self.parts) / len(self.parts)

    def as_dict(self) -> dict[str, float]:
        """Return the mean and the parts by name."""
        return {"mean": self.mean, **dict(zip(STYLE_PARTS, self.parts, strict=True))}


def style_distance(one: StyleHistograms, other: StyleHistograms) -> StyleDistance:
    """Return the style distance of two songs, from their histograms."""
    return StyleDistance(tuple(jensen_shannon_distance(a, b) for a, b in zip(one, other, strict=True)))


def half_to_half_distance(grid: PhraseGrid) -> StyleDistance:
    """Return the style distance between the first and the second half of a song's melodic bars."""
    bars = melodic_bars(grid)
    half = len(bars) // 2
    return style_distance(style_histograms(grid, bars[:half]), style_histograms(grid, bars[half:]))


def agreement(one: NDArray[np.integer], other: NDArray[np.integer]) -> float:
    """Return the share of equal positions over the shorter length; rests agree with rests."""
    length = min(len(one), len(other))
    return float((one[:length] == other[:length]).mean()) if length else 0.0


@dataclass(frozen=True)
class PhraseAgreements:
    """Agreement of held pitch for every pair of a song's melodic phrases (X left out).

    Attributes:
        same: for each letter the agreements of its pairs.
        other: agreements of pairs with different letters.
    """

    same: dict[str, list[float]]
    other: list[float]

    @property
    def all_same(self) -> list[float]:
        """The agreements of all pairs with one letter."""
        return [value for values in self.same.values() for value in values]


def phrase_agreements(grid: PhraseGrid) -> PhraseAgreements:
    """Compare all melodic phrases of a song, position by position."""
    held = grid.held_pitch()
    return agreements_of_pairs(
        [(p.letter, phrase_slice(grid, held, p)) for p in grid.melodic_phrases if p.letter != "X"]
    )


def agreements_of_pairs(rows: Sequence[tuple[str, NDArray[np.int64]]]) -> PhraseAgreements:
    """Compare all pairs of phrases, each given by its letter and its values, position by position."""
    same: dict[str, list[float]] = {}
    other: list[float] = []
    for (letter, one), (letter_b, two) in combinations(rows, 2):
        if letter == letter_b:
            same.setdefault(letter, []).append(agreement(one, two))
        else:
            other.append(agreement(one, two))
    return PhraseAgreements(same, other)


def phrase_slice(grid: PhraseGrid, held: NDArray[np.int64], phrase: Phrase) -> NDArray[np.int64]:
    """Return a phrase's part of an array with one value a step."""
    return held[phrase.start_bar * grid.steps_per_bar : phrase.stop_bar * grid.steps_per_bar]


@dataclass(frozen=True)
class Cadences:
    """Endings of melodic phrases (X left out), sorted by place.

    Attributes:
        v_to: for ``"section_end"``, ``"phrase_end"`` and ``"elsewhere"``: one entry for each V that stands just before
            the phrase's last chord (elsewhere: before any other chord of it), true if that chord is I.
        final_degrees: for the two ends, the last melody note in semitones above the tonic.
    """

    v_to: dict[str, list[bool]]
    final_degrees: dict[str, list[int]]


def cadences(grid: PhraseGrid) -> Cadences:
    """Read the endings of a song's phrases; phrases without a known key are left out."""
    v_to: dict[str, list[bool]] = {"section_end": [], "phrase_end": [], "elsewhere": []}
    degrees: dict[str, list[int]] = {"section_end": [], "phrase_end": []}
    for phrase in grid.melodic_phrases:
        if phrase.letter == "X" or phrase.key is None:
            continue
        place = "section_end" if phrase.is_section_end else "phrase_end"
        roots: list[int] = []
        for chord in grid.chords[phrase.start_bar * grid.beats_per_bar : phrase.stop_bar * grid.beats_per_bar]:
            if chord is not None and (not roots or roots[-1] != (chord.root - phrase.key.tonic) % 12):
                roots.append((chord.root - phrase.key.tonic) % 12)
        for position in range(1, len(roots)):
            if roots[position - 1] == 7:
                v_to[place if position == len(roots) - 1 else "elsewhere"].append(roots[position] == 0)
        notes = grid.notes_between(phrase.start_bar * grid.steps_per_bar, phrase.stop_bar * grid.steps_per_bar)
        if notes.stop > notes.start:
            degrees[place].append(int(grid.pitches[notes.stop - 1] - phrase.key.tonic) % 12)
    return Cadences(v_to, degrees)


def melody_shape(grid: PhraseGrid) -> NDArray[np.float64]:
    """Features of the melody that neither the style distance nor a generator's tables count.

    Returns:
        float64 vector: shares of the 27 contours (down, same, up) of four successive notes; notes per bar for the
        first, inner and last bars of phrases; highest, lowest and mean pitch above the song's mean for the first three
        letters; range; share of rests. Each part is scaled to weigh about alike.
    """
    contours = np.zeros(27)
    signs = np.sign(np.diff(grid.pitches)) + 1
    inside = set(melodic_bars(grid))
    for a, b, c, onset in zip(signs, signs[1:], signs[2:], grid.onsets, strict=False):
        if onset // grid.steps_per_bar in inside:
            contours[int(9 * a + 3 * b + c)] += 1
    contours /= max(1.0, contours.sum())
    held = grid.held_pitch()
    bar_notes = np.bincount(grid.onsets // grid.steps_per_bar, minlength=grid.bars)
    places: list[list[float]] = [[], [], []]
    by_letter: dict[str, list[NDArray[np.int64]]] = {}
    for phrase in grid.melodic_phrases:
        for bar in range(phrase.start_bar, min(phrase.stop_bar, grid.bars)):
            place = 0 if bar == phrase.start_bar else 2 if bar == phrase.stop_bar - 1 else 1
            places[place].append(float(bar_notes[bar]))
        by_letter.setdefault(phrase.letter, []).append(phrase_slice(grid, held, phrase))
    melody = np.concatenate([roll for rolls in by_letter.values() for roll in rolls] or [held])
    sounding = melody[melody > 0]
    mean = float(sounding.mean()) if len(sounding) else 0.0
    registers: list[float] = []
    for letter in list(by_letter)[:3] + [""] * max(0, 3 - len(by_letter)):
        pitches = np.concatenate(by_letter[letter]) if letter else np.zeros(0, np.int64)
        pitches = pitches[pitches > 0]
        registers += (
            [float(v) - mean for v in (pitches.max(), pitches.min(), pitches.mean())] if len(pitches) else [0.0] * 3
        )
    density = [float(np.mean(values)) if values else 0.0 for values in places]
    spread = float(np.ptp(sounding)) if len(sounding) else 0.0
    rests = float((melody == 0).mean()) if len(melody) else 0.0
    return np.concatenate(
        [np.sqrt(contours) * 2, np.array(density) / 2, np.array(registers) / 4, [spread / 4, rests * 5]]
    )
