"""The framework of an analysed song: its form, keys, chords, melody cells and notes on a regular grid.

The reduction follows Dai, Jin, Gomes and Dannenberg (ISMIR 2021), see `ritornello.analysis.segments`; a contour is
drawn by people and left open. Bars of another length than the usual one are made regular, as in `phrase_grid`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from ritornello.analysis.phrase_grid import Phrase, PhraseGrid, phrase_grid, usual_meter, usual_step_ticks
from ritornello.analysis.segments import basic_pitches, pattern_of, rhythm_labels
from ritornello.errors import ArgumentError
from ritornello.score import Chord, Song
from ritornello.score.framework import Cell, ChordCell, Framework, NoteCell, phrases_of_form
from ritornello.score.framework_cells import ONSETS_OF_FULL_COMPLEXITY
from ritornello.score.framework_check import MAX_TEXT


def framework_of(
    song: Song,
    *,
    sources: Sequence[int | None] | None = None,
    seed: int | None = None,
    model_version: str = "",
    step_ticks: int | None = None,
) -> Framework:
    """Return the framework of a song; what repeats have in common with their source is written once.

    Args:
        song: a song whose form is known; where it has no melody or no chords, these stay open. A key that changes
            inside a phrase counts from the next phrase on.
        sources: for each segment of the form the earlier one that it repeats, or None; by default as
            `phrases_of_form`.
        seed: the random seed that made the song, if one did.
        model_version: what made it.
        step_ticks: length of a step; by default sixteenths, or triplets where the melody is in triplets.

    Raises:
        UnsuitableSongError: if the form is unknown, or the metre fits no grid.
        ArgumentError: if `sources` or `step_ticks` do not fit the song.
    """
    grid = phrase_grid(song, step_ticks or usual_step_ticks(song))
    form, meter = song.form, usual_meter(song)
    assert form is not None  # phrase_grid has refused songs without one
    plain = phrases_of_form(form)
    if sources is None:
        sources = [phrase.source for phrase in plain]
    if len(sources) != len(plain):
        raise ArgumentError(f"there are {len(sources)} sources, but the form {form} has {len(plain)} phrases")
    key = song.key_at(0)
    chords = _chord_runs(song, grid) if song.chords else None
    phrases = []
    for phrase, empty, source in zip(grid.phrases, plain, sources, strict=True):
        repeats = source is not None and 0 <= source < len(plain) and plain[source].bars == phrase.bars
        cells, notes = _melody(grid, phrase) if song.part("melody") is not None else (None, None)
        phrases.append(
            dataclasses.replace(
                empty,
                source=source,
                repeat="vary" if repeats else "free",
                key=None if phrase.key == key else phrase.key,
                chords=None if chords is None else _chord_cells(chords, phrase, meter.bar_ticks, meter.beat_ticks),
                cells=cells,
                notes=notes,
            )
        )
    return Framework(
        form, tuple(phrases), key, song.tempi[0].qpm, meter, grid.step_ticks, song.title[:MAX_TEXT], seed, model_version
    ).shared()


def _melody(grid: PhraseGrid, phrase: Phrase) -> tuple[tuple[Cell, ...] | None, tuple[NoteCell, ...]]:
    start, steps, size = phrase.start_bar * grid.steps_per_bar, phrase.bars * grid.steps_per_bar, grid.segment_steps
    inside = grid.notes_between(start, start + steps)
    onsets, pitches = grid.onsets[inside] - start, grid.pitches[inside]
    durations = np.minimum(grid.durations[inside], steps - onsets)
    notes = tuple(map(NoteCell, onsets.tolist(), durations.tolist(), pitches.tolist()))
    if not notes and not phrase.is_melodic:
        return None, ()
    patterns = [pattern_of(onsets, at, size) for at in range(0, steps, size)]
    basics = basic_pitches(onsets, durations, pitches, steps, size)
    cells = tuple(
        Cell(basic or 0, label, pattern.bit_count() / ONSETS_OF_FULL_COMPLEXITY, pattern)
        for basic, label, pattern in zip(basics, rhythm_labels(patterns, size), patterns, strict=True)
    )
    return cells, notes


def _chord_runs(song: Song, grid: PhraseGrid) -> list[tuple[int, int, Chord | None]]:
    """Return the chords as (start, end, chord) in ticks of the regular grid, without gaps from 0 on."""
    bar, beat = grid.steps_per_bar * grid.step_ticks, grid.steps_per_beat * grid.step_ticks
    if (np.diff(song.bar_lines) == bar).all():
        rows = [(span.onset, span.end, span.chord) for span in song.chords]
    else:  # bars were made regular, and chords with them, beat by beat
        rows = [(place * beat, (place + 1) * beat, chord) for place, chord in enumerate(grid.chords) if chord]
    runs: list[tuple[int, int, Chord | None]] = []
    end = 0
    for start, stop, chord in [*rows, (grid.bars * bar, grid.bars * bar, None)]:
        if start > end:
            runs.append((end, start, None))
        if runs and runs[-1][2] == chord:
            start = runs.pop()[0]
        runs.append((start, stop, chord))
        end = stop
    return runs


def _chord_cells(
    runs: list[tuple[int, int, Chord | None]], phrase: Phrase, bar_ticks: int, beat_ticks: int
) -> tuple[ChordCell, ...]:
    start, stop = phrase.start_bar * bar_ticks, phrase.stop_bar * bar_ticks
    cut = ((max(first, start), min(last, stop), chord) for first, last, chord in runs)
    return tuple(ChordCell(chord, (last - first) / beat_ticks) for first, last, chord in cut if first < last)
