"""The framework of a new song: form, chords, basic melody, rhythm form and notes, level by level, as JSON.

Our design. It says how the song was made, so that a part of it can be changed and the rest kept; no cell is locked in
an imitation.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ritornello.analysis.phrase_grid import PhraseGrid
from ritornello.analysis.segments import basic_pitches, pattern_of, rhythm_labels
from ritornello.files import write_json
from ritornello.score import Chord, Song
from ritornello.score.song import ChordSpan

VERSION = 1


@dataclass(frozen=True)
class Framework:
    """A framework as plain data.

    Attributes:
        data: what `write` writes: version, song fields, ``"phrases"``.
    """

    data: dict[str, Any]

    def write(self, path: str | os.PathLike[str]) -> None:
        """Write it as JSON."""
        write_json(path, self.data)


def framework_of(song: Song, grid: PhraseGrid, sources: Sequence[int | None], seed: int) -> Framework:
    """Return the framework of a song.

    Args:
        song: the song.
        grid: the same song on its grid.
        sources: for each segment the index of the one it repeats, or None.
        seed: the random seed that made it.
    """
    assert song.form is not None
    key = song.key_at(0)
    data: dict[str, Any] = {
        "version": VERSION,
        "key": str(key) if key else None,
        "tempo": song.tempi[0].qpm,
        "metre": str(song.meters[0]),
        "structure": str(song.form),
        "sections": [list(section) for section in song.form.sections],
        "seed": seed,
        "model_version": f"imitation-{VERSION}",
        "phrases": [_phrase(song, grid, index, source) for index, source in enumerate(sources)],
    }
    return Framework(data)


def _phrase(song: Song, grid: PhraseGrid, index: int, source: int | None) -> dict[str, Any]:
    phrase = grid.phrases[index]
    start, steps = phrase.start_bar * grid.steps_per_bar, phrase.bars * grid.steps_per_bar
    notes = grid.notes_between(start, start + steps)
    onsets, durations, pitches = grid.onsets[notes] - start, grid.durations[notes], grid.pitches[notes]
    basics = basic_pitches(onsets, durations, pitches, steps, grid.segment_steps)
    patterns = [pattern_of(onsets, at, grid.segment_steps) for at in range(0, steps, grid.segment_steps)]
    labels = rhythm_labels(patterns, grid.segment_steps)
    role = "section end" if phrase.is_section_end else "phrase end" if phrase.is_melodic else "no melody"
    return {
        "id": index,
        "letter": phrase.letter,
        "bars": phrase.bars,
        "start_bar": phrase.start_bar,
        "role": role,
        "position_in_section": _position_in_section(song, index),
        "source": source,
        "chords": _chord_cells(song.chords, phrase.start_bar, phrase.bars, grid),
        "cells": [
            {
                "basic_pitch": basic or 0, "rhythm_label": label, "complexity": pattern.bit_count() / 16,
                "onset_pattern": pattern, "contour": None,
                "locks": {"basic_pitch": False, "rhythm_label": False, "onset_pattern": False, "contour": False},
            }
            for basic, pattern, label in zip(basics, patterns, labels, strict=True)
        ],
        "notes": [
            {"onset": onset, "duration": duration, "pitch": pitch, "lock": False}
            for onset, duration, pitch in zip(onsets.tolist(), durations.tolist(), pitches.tolist(), strict=True)
        ],
    }  # fmt: skip


def _position_in_section(song: Song, index: int) -> int | None:
    assert song.form is not None
    for first, stop in song.form.sections:
        if first <= index < stop:
            return index - first
    return None


def _chord_cells(chords: Sequence[ChordSpan], start_bar: int, bars: int, grid: PhraseGrid) -> list[dict[str, Any]]:
    bar_ticks = grid.steps_per_bar * grid.step_ticks
    beat_ticks = grid.steps_per_beat * grid.step_ticks
    start, stop = start_bar * bar_ticks, (start_bar + bars) * bar_ticks
    cells = []
    for span in chords:
        first, last = max(span.onset, start), min(span.end, stop)
        if first < last:
            cells.append({**_chord_fields(span.chord), "beats": (last - first) / beat_ticks, "lock": False})
    return cells


def _chord_fields(chord: Chord) -> dict[str, Any]:
    tones = sorted(chord.pitch_classes)
    return {"name": chord.symbol(), "root": chord.root, "tones": tones, "bass": chord.bass}
