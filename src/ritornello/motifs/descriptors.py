"""Training-free vectors of windows, by the frames of a bar: the baselines of the retrieval test, and what ours joins.

The authors' baselines are the roll and the roll moved to its lowest pitch (Wu et al., arXiv 2309.10597). Equal rhythms
are most of what a listener calls the same accompaniment figure, so the plain number of onsets a frame is a strong
opponent; `combined` adds bass, density and outline. Windows of other lengths are stretched to the frames of a bar.

Axes: W windows, T = 32 frames, P pitches, D numbers of a vector.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from ritornello.motifs.windows import (
    BAR_FRAMES,
    LOWEST_PITCH,
    Roll,
    Window,
    heard_onsets,
    lowered,
    note_frames,
    sounding,
)

Vectors = NDArray[np.float32]

BASS_BELOW = 55
"""Onsets below this pitch (G3) count as bass."""

MAX_SHIFT = 24
"""Semitones that two rolls are moved against each other, up and down."""

COMBINED = ("log_onsets", "any_onset", "bass_onset", "sounding", "lowest", "highest")
"""The curves of `combined`, each of T numbers."""


def bar_rolls(windows: Sequence[Window]) -> Roll:
    """Return what sounds in each window, bool ``(W, 32, 84)``; windows of other lengths are stretched to a bar."""
    return sounding(note_frames(windows, BAR_FRAMES), BAR_FRAMES)


def roll_vectors(rolls: Roll) -> Vectors:
    """Return rolls as rows ``(W, T * P)``: the authors' baseline."""
    return rolls.reshape(len(rolls), -1).astype(np.float32)


def lowered_vectors(rolls: Roll) -> Vectors:
    """Return rolls, each moved down to its lowest pitch, as rows ``(W, T * P)``: the authors' other baseline."""
    return roll_vectors(lowered(rolls))


def onset_counts(rolls: Roll) -> Vectors:
    """Return how many pitches begin to sound in each frame, ``(W, T)``: rhythm alone."""
    return np.asarray(heard_onsets(rolls).sum(axis=2), np.float32)


def log_onset_counts(rolls: Roll) -> Vectors:
    """Return log(1 + onsets) of each frame, ``(W, T)``."""
    logs: Vectors = np.log1p(onset_counts(rolls))
    return logs


def combined(rolls: Roll) -> Vectors:
    """Return the curves of `COMBINED` one after the other, ``(W, 6 * T)``.

    The lowest and the highest sounding pitch are octaves above the window's lowest, held through rests, and 0 before
    the first note.
    """
    onset = heard_onsets(rolls)
    counts = onset.sum(axis=2)
    curves = [
        np.log1p(counts),
        counts > 0,
        onset[:, :, : BASS_BELOW - LOWEST_PITCH].any(axis=2),
        rolls.sum(axis=2),
        *_outline(rolls),
    ]
    return np.concatenate([np.asarray(curve, np.float32) for curve in curves], axis=1)


def _outline(rolls: Roll) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The lowest and the highest sounding pitch of each frame, in octaves above the window's lowest."""
    pitches = rolls.shape[2]
    sounds = rolls.any(axis=2)
    lowest = np.argmax(rolls, axis=2)
    highest = pitches - 1 - np.argmax(rolls[:, :, ::-1], axis=2)
    base = np.where(sounds, lowest, pitches).min(axis=1, keepdims=True)
    last = np.maximum.accumulate(np.where(sounds, np.arange(rolls.shape[1]), -1), axis=1)
    low, high = (np.take_along_axis(curve, np.maximum(last, 0), axis=1) - base for curve in (lowest, highest))
    return np.where(last < 0, 0, low) / 12, np.where(last < 0, 0, high) / 12


VECTORS: dict[str, Callable[[Roll], Vectors]] = {
    "roll": roll_vectors,
    "roll_lowered": lowered_vectors,
    "onsets": onset_counts,
    "log_onsets": log_onset_counts,
}
"""Descriptors that compare by Euclidean distance as they are."""


def best_shift_similarity(rolls: Roll, max_shift: int = MAX_SHIFT) -> NDArray[np.float32]:
    """Return the cosine of every two rolls at their best transposition, float32 ``(W, W)``.

    Args:
        rolls: bool ``(W, T, P)``, sounding or onsets.
        max_shift: semitones that one is moved against the other, at most.
    """
    count, frames, pitches = rolls.shape
    flat = rolls.reshape(count, -1).astype(np.float32)
    norm = np.maximum(np.linalg.norm(flat, axis=1), 1e-9)
    best = np.full((count, count), -1, np.float32)
    for shift in range(max_shift + 1):
        moved = np.zeros_like(rolls)
        moved[:, :, shift:] = rolls[:, :, : pitches - shift]
        product = flat @ moved.reshape(count, frames * pitches).astype(np.float32).T
        best = np.maximum(best, product)  # up for one is down for the other
        best = np.maximum(best, product.T)
    cosine: NDArray[np.float32] = best / norm[:, None] / norm[None]
    return cosine
