"""Training-free vectors of motifs that are no bars: windows of any length, by sixteenths from their start.

A melodic motif is told by its rhythm, its length and its steps from the first note on. Pitches are counted from the
first note, the lowest if several begin together, and smeared over a major second up and down, because a varied motif
keeps its contour better than its intervals.

Axes: W windows, 32 sixteenths (two bars of 4/4; what comes later is left out), 49 semitones.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ritornello.motifs.descriptors import Vectors
from ritornello.motifs.windows import Window

SIXTEENTHS = 32
SEMITONES = 24
"""How far up and down the first note pitches are told apart."""

BLUR = (0.25, 0.5, 1.0, 0.5, 0.25)
_EXACT = 1e-6


def length_and_count(windows: Sequence[Window]) -> Vectors:
    """Return length in quarter notes and a quarter of the number of notes, ``(W, 2)``."""
    rows = [(window.length, len(window) / 4) for window in windows]
    return np.array(rows, np.float32).reshape(len(windows), 2)


def onset_histogram(windows: Sequence[Window]) -> Vectors:
    """Return how many notes begin in each sixteenth, ``(W, 32)``."""
    counts = np.zeros((len(windows), SIXTEENTHS), np.float32)
    for row, window in enumerate(windows):
        place = np.floor(4 * window.onset + _EXACT).astype(np.int64)
        np.add.at(counts[row], place[place < SIXTEENTHS], 1)
    return counts


def contour_roll(windows: Sequence[Window]) -> Vectors:
    """Return onsets by pitch above or below the first note, smeared, ``(W, 32 * 49)``."""
    rows = 2 * SEMITONES + 1
    roll = np.zeros((len(windows), SIXTEENTHS, rows + 2 * (len(BLUR) // 2)), np.float32)
    margin = len(BLUR) // 2
    for row, window in enumerate(windows):
        if not len(window):
            continue
        place = np.floor(4 * window.onset + _EXACT).astype(np.int64)
        pitch = window.pitch - window.pitch[0] + SEMITONES
        inside = (place < SIXTEENTHS) & (pitch >= 0) & (pitch < rows)
        roll[row, place[inside], pitch[inside] + margin] = 1
    smeared = sum(weight * roll[:, :, shift : shift + rows] for shift, weight in enumerate(BLUR))
    return np.asarray(smeared, np.float32).reshape(len(windows), SIXTEENTHS * rows)


def melodic(windows: Sequence[Window]) -> Vectors:
    """Return contour, twice the rhythm, length and count in one vector ``(W, 1602)``."""
    return np.concatenate((contour_roll(windows), 2 * onset_histogram(windows), length_and_count(windows)), axis=1)
