"""How songs repeat themselves and how their phrases end, pooled over songs with intervals. They know no model.

The measures of MusicFrameworks that `frameworks` and the human songs beside it share (specification, sections 7 and 9):
agreement of phrases by position on four layers, V to I, the last note's degree and length. Measured anchors on POP909
(447 songs in one major key in 4/4), same letter against other letter: pitch .846 / .209, rhythm .825 / .190, basic
melody .848 / .159, chord root .870 / .349; last note 9.9 sixteenths at section ends, 4.4 at phrase ends inside.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ritornello.analysis.phrase_grid import PhraseGrid
from ritornello.analysis.segments import basic_pitches, pattern_of
from ritornello.evaluation.imitation import PhraseAgreements, agreements_of_pairs, cadences
from ritornello.evaluation.statistics import ratio_estimate
from ritornello.score.timeline import TICKS_PER_SIXTEENTH

IntArray = NDArray[np.int64]

LAYERS = ("pitch", "rhythm", "basic_melody", "chord_root")
"""What two phrases are compared on: pitch held at each step, onset pattern and basic pitch of each segment (two beats
of 4/4, else a bar), chord root at each beat; silence agrees with silence."""

PLACES = ("section_end", "phrase_end")
"""Ends of phrases: of the last melodic phrase of a section, and of one inside."""


def layer_agreements(grid: PhraseGrid) -> dict[str, PhraseAgreements]:
    """Compare all pairs of a song's melodic phrases (X left out) on each of `LAYERS`, position by position."""
    phrases = [phrase for phrase in grid.melodic_phrases if phrase.letter != "X"]
    rows = _rows(grid)
    result = {}
    for layer in LAYERS:
        values, per_bar = rows[layer]
        result[layer] = agreements_of_pairs(
            [(p.letter, values[p.start_bar * per_bar : p.stop_bar * per_bar]) for p in phrases]
        )
    return result


def _rows(grid: PhraseGrid) -> dict[str, tuple[IntArray, int]]:
    """Return for each layer its values over the whole song and how many of them a bar has."""
    steps, size = grid.bars * grid.steps_per_bar, grid.segment_steps
    inside = grid.onsets < steps
    onsets, durations, pitches = (values[inside] for values in (grid.onsets, grid.durations, grid.pitches))
    basic = [pitch or 0 for pitch in basic_pitches(onsets, durations, pitches, steps, size)]
    patterns = [pattern_of(onsets, start, size) for start in range(0, steps, size)]
    roots = [12 if chord is None else chord.root for chord in grid.chords]
    segments = grid.steps_per_bar // size
    return {
        "pitch": (grid.held_pitch(), grid.steps_per_bar),
        "rhythm": (np.array(patterns, np.int64), segments),
        "basic_melody": (np.array(basic, np.int64), segments),
        "chord_root": (np.array(roots, np.int64), grid.beats_per_bar),
    }


def last_notes(grid: PhraseGrid) -> dict[str, list[float]]:
    """Return the last note of each melodic phrase (X left out) in sixteenths, cut at the phrase's end, by `PLACES`."""
    found: dict[str, list[float]] = {place: [] for place in PLACES}
    for phrase in grid.melodic_phrases:
        notes = grid.notes_between(phrase.start_bar * grid.steps_per_bar, phrase.stop_bar * grid.steps_per_bar)
        if phrase.letter != "X" and notes.stop > notes.start:
            left = phrase.stop_bar * grid.steps_per_bar - grid.onsets[notes.stop - 1]
            steps = min(int(grid.durations[notes.stop - 1]), int(left))
            found[PLACES[not phrase.is_section_end]].append(steps * grid.step_ticks / TICKS_PER_SIXTEENTH)
    return found


@dataclass(frozen=True)
class SongMeasures:
    """The values of one song by figure, to be pooled; see `song_measures`.

    Attributes:
        values: figure -> its values in this song.
    """

    values: dict[str, list[float]]


def song_measures(grid: PhraseGrid) -> SongMeasures:
    """Measure one song.

    Returns:
        Values of ``same_letter_agreement`` and ``other_letter_agreement`` (held pitch) and of the same with
        ``_rhythm``, ``_basic_melody``, ``_chord_root``; ``same_letter_exact``; ``v_to_i_section_end``,
        ``_phrase_end``, ``_elsewhere``; ``tonic_last_section_end``, ``_phrase_end``; ``last_note_section_end``,
        ``_phrase_end`` in sixteenths.
    """
    values: dict[str, list[float]] = {}
    for layer, found in layer_agreements(grid).items():
        suffix = "" if layer == "pitch" else f"_{layer}"
        values[f"same_letter_agreement{suffix}"] = found.all_same
        values[f"other_letter_agreement{suffix}"] = found.other
        if layer == "pitch":
            values["same_letter_exact"] = [float(value == 1.0) for value in found.all_same]
    endings = cadences(grid)
    for place, hits in endings.v_to.items():
        values[f"v_to_i_{place}"] = [float(hit) for hit in hits]
    for place, degrees in endings.final_degrees.items():
        values[f"tonic_last_{place}"] = [float(degree == 0) for degree in degrees]
    for place, lengths in last_notes(grid).items():
        values[f"last_note_{place}"] = lengths
    return SongMeasures(values)


def pooled(groups: Sequence[Sequence[SongMeasures]]) -> dict[str, Any]:
    """Return the mean of each figure over all its values, with intervals and counts.

    Args:
        groups: songs by what they were made from; groups are drawn whole in the bootstrap, because songs along one form
            are not independent of each other.

    Returns:
        For each figure its mean, ``…_interval`` (95 %, over groups) and ``…_cases`` (number of values); None for the
        first two where a figure has no value.
    """
    names = dict.fromkeys(name for group in groups for song in group for name in song.values)
    return {
        key: value
        for name in names
        for key, value in figure(name, [[v for s in group for v in s.values.get(name, ())] for group in groups]).items()
    }


def figure(name: str, groups: Sequence[Sequence[float]]) -> dict[str, Any]:
    """Return a mean over all values with its interval over groups and its count, under three names; see `pooled`."""
    cases = sum(len(group) for group in groups)
    if not cases:
        return {name: None, f"{name}_interval": None, f"{name}_cases": 0}
    found = ratio_estimate([sum(group) for group in groups], [len(group) for group in groups])
    return {
        name: round(found.value, 4),
        f"{name}_interval": [round(found.low, 4), round(found.high, 4)],
        f"{name}_cases": cases,
    }
