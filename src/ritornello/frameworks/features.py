"""What each network sees of a phrase, one row a token: whole numbers for embeddings, and bits of chord tones.

After MusicFrameworks, section 3 (features of position, chords, rhythm form and notes). Ours: numbers are embedded, not
raw; the place in the section, bars left and length of the phrase; chord roots and bass beside their tones; rhythm label
and complexity may be unknown. Axes: T tokens of the phrase, F columns of whole numbers, B bits.

Tokens are the segments for the basic melody, the rhythm units for the rhythm (both two beats of 4/4) and the notes for
the melody.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ritornello.analysis.segments import basic_pitches, pattern_of, rhythm_labels
from ritornello.errors import ArgumentError
from ritornello.frameworks.data import IntArray, PhraseNotes, PhrasePlan
from ritornello.score import Chord

TaskName = Literal["basic", "rhythm", "melody"]
TASKS: tuple[TaskName, ...] = ("basic", "rhythm", "melody")
"""The three networks: basic melody, rhythm, melody."""

CLASSES: dict[TaskName, int] = {"basic": 128, "rhythm": 256, "melody": 128}
"""What they choose from: MIDI pitches in C major or A minor (0 in the basic melody: nothing sounds), onset patterns."""

UNKNOWN = -1
"""A rhythm label, complexity or basic pitch that is not given."""

_PLACE = {
    "position": 64, "left": 64, "bars": 33, "bars_left": 33, "bar_in_four": 4, "ends_section": 2, "minor": 2,
    "step_in_bar": 33, "bar_steps": 33,
}  # fmt: skip
_CHORDS = {
    "root_before": 13, "root": 13, "bass": 13, "root_second_beat": 13, "root_after": 13, "bass_after": 13,
    "beats_before": 9, "beats": 9, "beats_after": 9, "begins": 2,
}  # fmt: skip
_RHYTHM = {"label": 66, "complexity": 10, "unit_steps": 9, "chord_begins": 2, "chord_in_unit": 2}
_NOTES = {
    "wait": 34, "duration": 34, "in_segment": 14, "segment_left": 14, "in_bar": 20, "overlap": 18, "spill": 18,
    "share": 6, "weight": 4, "basic": 129, "basic_before": 129, "basic_after": 129, "basic_after_that": 129,
}  # fmt: skip

COLUMNS: dict[TaskName, dict[str, int]] = {
    "basic": {**_PLACE, **_CHORDS}, "rhythm": {**_PLACE, **_RHYTHM}, "melody": {**_PLACE, **_CHORDS, **_NOTES},
}  # fmt: skip
"""The columns of whole numbers of each network, and how many values each takes."""

BITS: dict[TaskName, int] = {"basic": 48, "rhythm": 0, "melody": 60}
"""Chord tones above C of the chord before, this one, the one at the next beat and the one after; of the melody's
network also those of this chord above the basic pitch."""


@dataclass(frozen=True)
class Features:
    """A phrase as a network sees it.

    Attributes:
        task: whose features they are.
        numbers: ``(T, F)`` int64, one column for each of `COLUMNS`.
        bits: ``(T, B)`` float32.
        places: ``(T,)`` first step of each token in the phrase.
        references: ``(T, R)`` pitches from which the network may count intervals (the melody's: the basic pitches of
            this, the next and the last segment; UNKNOWN where there is none); R = 0 for the others.
        labels: ``(T,)`` rhythm labels, UNKNOWN where not given; only the rhythm's are ever known.
        complexities: ``(T,)`` numbers of onsets, UNKNOWN where not given.
        letter: the letter of the phrase.
        bar_steps: steps in a bar.
        unit_steps: ``(T,)`` steps of a rhythm unit or segment.
    """

    task: TaskName
    numbers: IntArray
    bits: NDArray[np.float32]
    places: IntArray
    references: IntArray
    labels: IntArray
    complexities: IntArray
    letter: str
    bar_steps: int
    unit_steps: IntArray

    def __len__(self) -> int:
        return len(self.places)


def basic_features(plan: PhrasePlan) -> Features:
    """Return the features of the basic melody: one token a segment."""
    places = np.arange(plan.segments) * plan.segment_steps
    columns = {**_place_columns(plan, places), **_chord_columns(plan, places)}
    sizes = np.full(len(places), plan.segment_steps)
    return _features("basic", plan, places, columns, _chord_bits(plan, places), sizes)


def rhythm_features(
    plan: PhrasePlan, labels: Sequence[int] | None = None, complexities: Sequence[int] | None = None
) -> Features:
    """Return the features of the rhythm: one token a rhythm unit.

    Args:
        plan: the phrase.
        labels: for each unit the index of the first unit of its size with the same rhythm, or UNKNOWN.
        complexities: for each unit its number of onsets, or UNKNOWN.

    Raises:
        ArgumentError: if there is not one of each a unit, or a label points ahead.
    """
    units = plan.units
    places, sizes = np.array(units, np.int64).T
    known = _given("labels", labels, len(units))
    counts = _given("complexities", complexities, len(units))
    lag = np.arange(len(units)) - known
    if (lag[known != UNKNOWN] < 0).any():
        raise ArgumentError("a rhythm label is the index of the unit itself or of an earlier one")
    begins = _chord_starts(plan)
    beats = places // plan.steps_per_beat
    inside = [
        bool(begins[beat + 1 : beat + max(1, size // plan.steps_per_beat)].any())
        for beat, size in zip(beats, sizes, strict=True)
    ]
    columns = {
        **_place_columns(plan, places),
        "label": np.where(known == UNKNOWN, 0, lag + 1),
        "complexity": counts + 1,
        "unit_steps": sizes,
        "chord_begins": begins[beats],
        "chord_in_unit": np.array(inside),
    }
    features = _features("rhythm", plan, places, columns, np.zeros((len(places), 0), np.float32), sizes)
    return Features(**{**vars(features), "labels": known, "complexities": counts})


def melody_features(
    plan: PhrasePlan, onsets: Sequence[int] | IntArray, durations: Sequence[int] | IntArray,
    basic: Sequence[int] | None = None,
) -> Features:  # fmt: skip
    """Return the features of the melody: one token a note.

    Args:
        plan: the phrase.
        onsets: steps from the start of the phrase, rising.
        durations: steps, 1 or more.
        basic: the basic pitch of each segment, 0 for none, UNKNOWN where not given.

    Raises:
        ArgumentError: if the notes do not rise, lie outside the phrase, or there is not one basic pitch a segment.
    """
    starts, lengths = np.asarray(onsets, np.int64), np.asarray(durations, np.int64)
    if len(starts) != len(lengths) or (np.diff(starts) <= 0).any() or (lengths < 1).any():
        raise ArgumentError("a melody needs rising onsets and one duration of at least a step for each")
    if len(starts) and not 0 <= starts[0] <= starts[-1] < plan.steps:
        raise ArgumentError(f"an onset lies outside the phrase of {plan.steps} steps")
    pitches = _given("basic pitches", basic, plan.segments)
    size = plan.segment_steps
    segment = starts // size
    wait = np.diff(np.append(starts, plan.steps))
    overlap = np.minimum(lengths, (segment + 1) * size - starts)
    first = np.searchsorted(segment, segment, side="left")
    last = np.searchsorted(segment, segment, side="right")
    sounding = np.bincount(segment, overlap, plan.segments)[segment]
    bar = starts // plan.steps_per_bar
    order = np.arange(len(starts))
    padded = np.concatenate([[UNKNOWN], pitches, [UNKNOWN, UNKNOWN]])
    around = {name: padded[segment + offset] for name, offset in _AROUND.items()}
    on_beat = np.where(starts % size == 0, 0, np.where(starts % plan.steps_per_beat == 0, 1, 2 + starts % 2))
    columns = {
        **_place_columns(plan, starts),
        **_chord_columns(plan, starts),
        "wait": wait,
        "duration": lengths,
        "in_segment": order - first,
        "segment_left": last - 1 - order,
        "in_bar": order - np.searchsorted(bar, bar, side="left"),
        "overlap": overlap,
        "spill": lengths - overlap,
        "share": np.minimum(5, 6 * overlap // np.maximum(1, sounding.astype(np.int64) + 1)),
        "weight": on_beat,
        **{name: values % 129 for name, values in around.items()},  # UNKNOWN becomes 128
    }
    columns["position"], columns["left"] = order, len(starts) - 1 - order
    bits = np.concatenate([_chord_bits(plan, starts), _bits_above(plan, starts, around["basic"])], axis=1)
    features = _features("melody", plan, starts, columns, bits, np.full(len(starts), size))
    references = np.stack([around["basic"], around["basic_after"], around["basic_before"]], axis=1)
    return Features(**{**vars(features), "references": references})


_AROUND = {"basic_before": 0, "basic": 1, "basic_after": 2, "basic_after_that": 3}


def basic_melody(phrase: PhraseNotes) -> list[int]:
    """Return the basic pitch of each segment of a phrase, 0 where nothing sounds."""
    found = basic_pitches(phrase.onsets, phrase.durations, phrase.pitches, phrase.plan.steps, phrase.plan.segment_steps)
    return [pitch or 0 for pitch in found]


def onset_patterns(phrase: PhraseNotes) -> list[int]:
    """Return the onset pattern of each rhythm unit of a phrase, its first step the lowest bit."""
    return [pattern_of(phrase.onsets, start, size) for start, size in phrase.plan.units]


def rhythm_form(plan: PhrasePlan, patterns: Sequence[int]) -> tuple[list[int], list[int]]:
    """Return the rhythm labels and complexities of patterns, one of each a unit; labels join units of one size."""
    sizes = [size for _, size in plan.units]
    labels = list(range(len(patterns)))
    for size in set(sizes):
        own = [index for index, other in enumerate(sizes) if other == size]
        for index, label in zip(own, rhythm_labels([patterns[i] for i in own], size), strict=True):
            labels[index] = own[label]
    return labels, [pattern.bit_count() for pattern in patterns]


def targets_of(task: TaskName, phrase: PhraseNotes) -> list[int]:
    """Return what a network is to predict of a phrase, one class a token."""
    if task == "basic":
        return basic_melody(phrase)
    return onset_patterns(phrase) if task == "rhythm" else phrase.pitches.tolist()


def features_of(task: TaskName, phrase: PhraseNotes, form: Literal["none", "complexity", "full"] = "full") -> Features:
    """Return the features of a phrase whose notes are known.

    Args:
        task: for which network.
        phrase: the phrase.
        form: what the rhythm network is told of the rhythm form: nothing, complexities, or labels too.
    """
    if task == "basic":
        return basic_features(phrase.plan)
    if task == "melody":
        return melody_features(phrase.plan, phrase.onsets, phrase.durations, basic_melody(phrase))
    labels, complexities = rhythm_form(phrase.plan, onset_patterns(phrase))
    return rhythm_features(phrase.plan, labels if form == "full" else None, complexities if form != "none" else None)


def _given(name: str, values: Sequence[int] | None, number: int) -> IntArray:
    if values is None:
        return np.full(number, UNKNOWN, np.int64)
    if len(values) != number:
        raise ArgumentError(f"{len(values)} {name} for {number} places; give one each")
    return np.asarray(values, np.int64)


def _features(
    task: TaskName, plan: PhrasePlan, places: IntArray, columns: dict[str, IntArray], bits: NDArray[np.float32],
    unit_steps: IntArray,
) -> Features:  # fmt: skip
    sizes = COLUMNS[task]
    numbers = np.stack([np.clip(columns[name], 0, size - 1) for name, size in sizes.items()], axis=1).astype(np.int64)
    empty = np.full(len(places), UNKNOWN, np.int64)
    none = np.zeros((len(places), 0), np.int64)
    return Features(task, numbers, bits, places, none, empty, empty, plan.letter, plan.steps_per_bar, unit_steps)


def _place_columns(plan: PhrasePlan, places: IntArray) -> dict[str, IntArray]:
    bar = places // plan.steps_per_bar
    segment = places // plan.segment_steps
    whole = np.ones(len(places), np.int64)
    return {
        "position": segment,
        "left": plan.segments - 1 - segment,
        "bars": plan.bars * whole,
        "bars_left": plan.bars - bar,
        "bar_in_four": bar % 4,
        "ends_section": int(plan.ends_section) * whole,
        "minor": int(plan.is_minor) * whole,
        "step_in_bar": places % plan.steps_per_bar,
        "bar_steps": plan.steps_per_bar * whole,
    }


def _chord_starts(plan: PhrasePlan) -> IntArray:
    """Return ``(beats,)`` whether a chord begins at each beat."""
    return np.array([i == 0 or plan.chords[i] != plan.chords[i - 1] for i in range(len(plan.chords))], np.int64)


def _neighbours(plan: PhrasePlan) -> tuple[IntArray, IntArray]:
    """Return ``(beats,)`` the first beat of each beat's chord and that of the next one (the number of beats: none)."""
    starts = np.flatnonzero(_chord_starts(plan))
    index = np.searchsorted(starts, np.arange(len(plan.chords)), side="right") - 1
    following = np.append(starts[1:], len(plan.chords))
    return starts[index], following[index]


def _chord_columns(plan: PhrasePlan, places: IntArray) -> dict[str, IntArray]:
    beats = places // plan.steps_per_beat
    number = len(plan.chords)
    first, following = _neighbours(plan)
    start, after = first[beats], following[beats]
    before = start - 1  # the last beat of the chord before; -1: none
    last = np.append(following, number)[after]
    roots = np.array([chord.root if chord else 12 for chord in plan.chords] + [12], np.int64)
    basses = np.array([chord.bass if chord else 12 for chord in plan.chords] + [12], np.int64)
    return {
        "root_before": np.where(before >= 0, roots[before], 12),
        "root": roots[beats],
        "bass": basses[beats],
        "root_second_beat": roots[np.minimum(beats + 1, number)],
        "root_after": roots[after],
        "bass_after": basses[after],
        "beats_before": np.where(before >= 0, start - first[before], 0),
        "beats": after - start,
        "beats_after": last - after,
        "begins": np.asarray(start * plan.steps_per_beat == places, np.int64),
    }


def _chord_bits(plan: PhrasePlan, places: IntArray) -> NDArray[np.float32]:
    tones = _tones((*plan.chords, None))
    beats = places // plan.steps_per_beat
    first, following = _neighbours(plan)
    number = len(plan.chords)
    before = np.where(first[beats] > 0, first[beats] - 1, number)
    rows = (before, beats, np.minimum(beats + 1, number), following[beats])
    return np.concatenate([tones[row] for row in rows], axis=1)


def _bits_above(plan: PhrasePlan, places: IntArray, pitches: IntArray) -> NDArray[np.float32]:
    tones = _tones(plan.chords)[places // plan.steps_per_beat]
    turned = np.take_along_axis(tones, (np.arange(12)[None, :] + pitches[:, None]) % 12, axis=1)
    return np.where(pitches[:, None] > 0, turned, 0).astype(np.float32)


def _tones(chords: Sequence[Chord | None]) -> NDArray[np.float32]:
    tones = np.zeros((len(chords), 12), np.float32)
    for row, chord in enumerate(chords):
        if chord is not None:
            tones[row, sorted(chord.pitch_classes)] = 1
    return tones
