"""How well a song is heard from its raw MIDI file alone: key, chords, melody, downbeats and form against POP909.

The reference stands on the structure grid; what was found in the file is moved there with the alignment of
`datasets.pop909_alignment`. Bars in which that alignment changes its offset say nothing and are left out. Definitions
are ours, except the weights for near keys, which are those of MIREX (audio key detection): 1 for the same key, .5 for a
fifth away in the same mode, .3 for the relative and .2 for the parallel key. A sixteenth of tolerance is granted
throughout, because the alignment itself counts in whole sixteenths.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ritornello.analysis.analyze import Analysis, analyze
from ritornello.datasets.pop909 import Pop909, Pop909Song
from ritornello.datasets.pop909_alignment import Alignment, align
from ritornello.evaluation.statistics import bootstrap_interval, proportion_interval
from ritornello.evaluation.structure import PlacedForm, evaluate_structure, place_form
from ritornello.score import Key, Meter, Song
from ritornello.score.midi_reader import read_midi
from ritornello.score.timeline import TICKS_PER_QUARTER, TICKS_PER_SIXTEENTH

METRICS = ("key_accuracy", "key_mirex", "chord_root_accuracy", "chord_majmin_accuracy", "melody_f1", "downbeat_f1")
"""What `score_analysis` measures; see there."""

FloatArray = NDArray[np.float64]


def key_score(found: Key, reference: Key) -> float:
    """Return MIREX's credit for a key, 0..1."""
    if found == reference:
        return 1.0
    step = (found.tonic - reference.tonic) % 12
    if found.mode == reference.mode:
        return 0.5 if step in (5, 7) else 0.0
    relative = 9 if reference.mode == "major" else 3
    return 0.3 if step == relative else 0.2 if step == 0 else 0.0


def matched(found: ArrayLike, reference: ArrayLike, tolerance: float) -> int:
    """Return how many of two rising rows of places can be paired one to one, at most `tolerance` apart."""
    one, other = np.sort(np.asarray(found, np.float64)), np.sort(np.asarray(reference, np.float64))
    i = j = hits = 0
    while i < len(one) and j < len(other):
        if abs(one[i] - other[j]) <= tolerance:
            hits, i, j = hits + 1, i + 1, j + 1
        elif one[i] < other[j]:
            i += 1
        else:
            j += 1
    return hits


def f1(hits: int, found: int, reference: int) -> float:
    """Return the F1 of counts; 1 if there was nothing to find and nothing was found."""
    return 2 * hits / (found + reference) if found + reference else 1.0


def note_f1(
    found_onsets: ArrayLike, found_pitches: ArrayLike, onsets: ArrayLike, pitches: ArrayLike, tolerance: float = 1.0
) -> float:
    """Return the F1 of notes: equal pitch, onsets at most `tolerance` apart, each note paired once."""
    found_on, found_pitch = np.asarray(found_onsets, np.float64), np.asarray(found_pitches)
    on, pitch = np.asarray(onsets, np.float64), np.asarray(pitches)
    hits = sum(matched(found_on[found_pitch == p], on[pitch == p], tolerance) for p in np.unique(pitch))
    return f1(hits, len(found_on), len(on))


def score_analysis(analysis: Analysis, song: Song, reference: Pop909Song, alignment: Alignment) -> dict[str, float]:
    """Score what was found in a MIDI file.

    Args:
        analysis: the analysis of the song's MIDI file.
        song: the song as it was read from the file.
        reference: the annotated song.
        alignment: from the structure grid to the file; a reliable one.

    Returns:
        ``key_accuracy``: 1 if the first key equals the first listed one; ``key_mirex``; ``chord_root_accuracy``: share
        of annotated beats with the right root at their middle; ``chord_majmin_accuracy``: of the beats with a major or
        minor triad the share with the right root and triad; ``melody_f1``: notes of equal pitch within one sixteenth;
        ``downbeat_f1``: bar lines within one sixteenth.
    """
    per_bar = 4 * reference.beats_per_bar
    unreliable = np.array(alignment.unreliable_bars(per_bar), dtype=np.int64)

    def on_structure(ticks: NDArray[np.generic]) -> FloatArray:
        """Places of the analysed song's ticks on the structure grid in sixteenths, NaN where it has none."""
        return alignment.to_structure(analysis.grid.source_ticks(ticks, song) / TICKS_PER_SIXTEENTH)

    found_key = analysis.song.keys[0].key
    roots, triads = _chord_scores(analysis.song, reference, on_structure, unreliable)
    return {
        "key_accuracy": float(found_key == reference.keys[0]),
        "key_mirex": key_score(found_key, reference.keys[0]),
        "chord_root_accuracy": roots,
        "chord_majmin_accuracy": triads,
        "melody_f1": _melody_score(analysis.song, reference, on_structure),
        "downbeat_f1": _downbeat_score(analysis.song, reference, on_structure, unreliable),
    }


_OnStructure = Callable[[NDArray[np.generic]], FloatArray]


def _chord_scores(
    song: Song, reference: Pop909Song, on_structure: _OnStructure, unreliable: NDArray[np.int64]
) -> tuple[float, float]:
    beats = len(reference.chord_tones)
    middles = np.arange(beats) * 4 + 2.0
    found: list[str | None] = [None] * beats
    found_root = np.full(beats, -1)
    if song.chords:
        onsets = on_structure(np.array([span.onset for span in song.chords]))
        ends = on_structure(np.array([span.end - 1 for span in song.chords])) + 1 / TICKS_PER_SIXTEENTH
        for span, onset, end in zip(song.chords, onsets, ends, strict=True):
            # A chord cut by a place that the structure version left out counts as far as its known edge.
            low = end - span.duration / TICKS_PER_SIXTEENTH if np.isnan(onset) else onset
            high = onset + span.duration / TICKS_PER_SIXTEENTH if np.isnan(end) else end
            for inside in np.flatnonzero((middles >= low) & (middles < high)).tolist():
                found_root[inside], found[inside] = span.chord.root, span.chord.triad
    right_root, right_triad = [], []
    for span in reference.song.chords:
        for beat in range(span.onset // TICKS_PER_QUARTER, min(span.end // TICKS_PER_QUARTER, beats)):
            if beat // reference.beats_per_bar in unreliable:
                continue
            right_root.append(found_root[beat] == span.chord.root)
            if span.chord.triad in ("maj", "min"):
                right_triad.append(right_root[-1] and found[beat] == span.chord.triad)
    return float(np.mean(right_root or [0.0])), float(np.mean(right_triad or [0.0]))


def _melody_score(song: Song, reference: Pop909Song, on_structure: _OnStructure) -> float:
    melody, wanted = song.part("melody"), reference.song.part("melody")
    if melody is None or wanted is None:
        return 0.0
    places = on_structure(melody.notes["onset"])
    known = ~np.isnan(places)
    return note_f1(
        places[known], melody.notes["pitch"][known], wanted.notes["onset"] / TICKS_PER_SIXTEENTH, wanted.notes["pitch"]
    )


def _downbeat_score(
    song: Song, reference: Pop909Song, on_structure: _OnStructure, unreliable: NDArray[np.int64]
) -> float:
    per_bar = 4 * reference.beats_per_bar
    bars = -(-len(reference.chord_tones) // reference.beats_per_bar)
    places = on_structure(song.bar_lines[:-1])
    places = places[~np.isnan(places)]
    nearest_bar = np.floor((places + 1) / per_bar)
    places = places[(nearest_bar < bars) & ~np.isin(nearest_bar, unreliable)]
    wanted = np.setdiff1d(np.arange(bars), unreliable) * float(per_bar)
    return f1(matched(places, wanted, 1.0), len(places), len(wanted))


@dataclass(frozen=True)
class _FileBars:
    """The bars of an analysed song in the ticks of its file: all that `place_form` reads of a song."""

    bar_lines: FloatArray
    meters: tuple[Meter, ...]


def evaluate_raw(
    dataset: Pop909,
    ids: Sequence[str],
    progress: Callable[[int, int], None] | None = None,
    rows: bool = False,
    hide_names: bool = True,
) -> dict[str, Any]:
    """Score the analysis of raw MIDI files against all annotations.

    Args:
        dataset: the data.
        ids: the songs.
        progress: called after each song with the number done and the number in all.
        rows: also return a row per song.
        hide_names: read no track names, so that the melody must be found by its notes.

    Returns:
        What `evaluate_structure` returns, for the form placed on the structure grid, and the means of `METRICS` with
        ``…_interval`` (95 %: Wilson's for key_accuracy, bootstrap over songs, seed 0, for the others). Songs that do
        not align (``left_out``) have no reference; songs that fail count 0 everywhere.
    """
    scores: dict[str, dict[str, float]] = {}

    def analyse(reference: Pop909Song) -> PlacedForm | None:
        alignment = align(reference)
        if not alignment.is_reliable:
            return None
        scores[reference.id] = dict.fromkeys(METRICS, 0.0)
        song = read_midi(reference.midi_bytes, f"{reference.id}.mid")
        analysis = analyze(_without_names(song) if hide_names else song)
        scores[reference.id] = score_analysis(analysis, song, reference, alignment)
        if analysis.song.form is None:
            return PlacedForm(None, (), ())
        file_bars = _FileBars(analysis.grid.source_ticks(analysis.song.bar_lines, song), analysis.song.meters)
        return place_form(analysis.song.form, file_bars, reference, alignment)

    result = evaluate_structure(dataset, ids, analyse, progress, rows)
    for name in METRICS:
        values = [row[name] for row in scores.values()]
        result[name] = float(np.mean(values)) if values else None
        if values:
            exact = name == "key_accuracy"
            interval = proportion_interval(int(sum(values)), len(values)) if exact else bootstrap_interval(values)
            result[f"{name}_interval"] = list(interval)
    if rows:
        for row in result["rows"]:
            row.update(scores[row["song"]])
    return result


def _without_names(song: Song) -> Song:
    return song.replace(parts=tuple(dataclasses.replace(part, name="", role=None) for part in song.parts))
