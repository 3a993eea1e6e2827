"""How alike the bars of a song are: the matrix behind the self-similarity picture.

After Foote (1999), *Visualizing music and audio using self-similarity*, on symbols instead of sound: the mean of three
views of a bar, its melody (pitch at each sixteenth), its rhythm (melody onsets) and its chords (chord tones per beat).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ritornello.analysis.melody import melody_line
from ritornello.score import Song
from ritornello.score.timeline import TICKS_PER_QUARTER, TICKS_PER_SIXTEENTH

SLOTS = 16
"""Sixteenths of a bar that are compared; of longer bars the first ones."""

FloatArray = NDArray[np.float64]


def bar_similarity(song: Song) -> FloatArray:
    """Return the similarity of every two bars, float64 ``(bars, bars)`` in 0..1, symmetric, with ones on the diagonal.

    A view in which both bars are empty counts as equal; if only one is, as unlike.

    Args:
        song: a song on its bars, with roles and chords where they are known.
    """
    lines = song.bar_lines
    bars = len(lines) - 1
    held, struck = np.zeros((bars, SLOTS, 128), np.float32), np.zeros((bars, SLOTS), np.float32)
    line = melody_line(song)
    if len(line):
        onset = np.rint(line["onset"] / TICKS_PER_SIXTEENTH).astype(np.int64) * TICKS_PER_SIXTEENTH
        length = np.maximum(1, np.rint(line["duration"] / TICKS_PER_SIXTEENTH).astype(np.int64))
        for step in range(int(min(length.max(), 4 * SLOTS))):
            place = onset + step * TICKS_PER_SIXTEENTH
            bar = np.clip(np.searchsorted(lines, place, side="right") - 1, 0, bars - 1)
            slot = (place - lines[bar]) // TICKS_PER_SIXTEENTH
            inside = (step < length) & (slot < SLOTS) & (slot >= 0)
            held[bar[inside], slot[inside], line["pitch"][inside]] = 1
            if step == 0:
                struck[bar[inside], slot[inside]] = 1
    harmony = np.zeros((bars, 4, 12), np.float32)
    for span in song.chords:
        first = int(np.searchsorted(lines, span.onset, side="right")) - 1
        stop = int(np.searchsorted(lines, span.end, side="left"))
        for index in range(max(first, 0), min(stop, bars)):
            low = max(0, (span.onset - int(lines[index])) // TICKS_PER_QUARTER)
            high = -(-(min(span.end, int(lines[index + 1])) - int(lines[index])) // TICKS_PER_QUARTER)
            harmony[index, low:high, list(span.chord.pitch_classes)] = 1
    melody, rhythm, chords = (_overlap(view.reshape(bars, -1)) for view in (held, struck, harmony))
    return np.clip((melody + rhythm + chords) / 3, 0.0, 1.0)


def _overlap(view: NDArray[np.float32]) -> FloatArray:
    """F1 of the marked places of every two rows ``(bars, places)``; two empty rows are equal."""
    shared = (view @ view.T).astype(np.float64)
    size = view.sum(axis=1, dtype=np.float64)
    total = size[:, None] + size[None, :]
    return np.where(total > 0, 2 * shared / np.maximum(total, 1e-9), 1.0)
