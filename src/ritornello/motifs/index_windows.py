"""Windows of a line as short vectors: what the index compares before anything is aligned.

A window begins at a note and lasts half a bar or a bar of 4/4. Its vector has three blocks of length 1 each: the curve
of pitch about its mean, the onsets, and the directions of the steps. The inner product with a query whose blocks are
multiplied by weights is the weighted sum of three cosines, so other weights need no other index; turning the first and
the last block's signs gives the inversion. Vectors are kept as int8, 127 for 1.

Axes: A anchors (windows), F frames, D = 2 F + 2 + onsets' frames.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ritornello.motifs.align import Weights

SCALE = 127
"""int8 value of 1."""

FEWEST_NOTES = 3
"""Windows with fewer notes are left out."""

_BENDS = 2.0  # semitones: curves flatter than this count as flat
_STEPS = 0.5
_BLUR = 0.5

SingleArray = NDArray[np.float32]
IntArray = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class WindowKind:
    """A length of window.

    Attributes:
        ticks: its length, 12 a quarter note.
        frames: frames of the pitch curve and of the directions.
        onset_frames: frames of the onsets.
    """

    ticks: int
    frames: int
    onset_frames: int

    @property
    def dimensions(self) -> int:
        """D."""
        return 2 * self.frames + 2 + self.onset_frames


KINDS = (WindowKind(24, 8, 8), WindowKind(48, 8, 16))
"""Half a bar and a bar of 4/4."""


def window_vectors(onset: IntArray, pitch: IntArray, anchors: IntArray, kind: WindowKind) -> SingleArray:
    """Return vectors ``(A, D)`` of the windows of a line that begin at some of its notes.

    Args:
        onset: ``(n,)`` ticks, rising.
        pitch: ``(n,)`` MIDI.
        anchors: ``(A,)`` indices of the notes.
        kind: the length.
    """
    start = onset[anchors]
    frame_ticks = kind.ticks / kind.frames
    frames = start[:, None] + np.arange(kind.frames) * frame_ticks
    sounding = np.searchsorted(onset, frames, side="right") - 1
    curve = pitch[sounding].astype(np.float32)
    curve = np.clip(curve - curve.mean(axis=1, keepdims=True), -12, 12)

    steps = np.concatenate([[0], np.cumsum(np.sign(np.diff(pitch)))]) if len(pitch) else np.zeros(0)
    edges = np.searchsorted(onset, start[:, None] + np.arange(kind.frames + 1) * frame_ticks)
    # The step into the window's first note is not a part of it.
    edges[:, 0] = anchors + 1
    until = steps[np.maximum(edges - 1, 0)]
    directions = np.clip(np.diff(until, axis=1), -1, 1).astype(np.float32)

    edges = np.searchsorted(onset, start[:, None] + np.arange(kind.onset_frames + 1) * (kind.ticks / kind.onset_frames))
    onsets = (np.diff(edges, axis=1) > 0).astype(np.float32)
    blocks = (
        _unit(_with_constant(curve, _BENDS)), _unit(_blurred(onsets)),
        _unit(_with_constant(_blurred(directions), _STEPS)),
    )  # fmt: skip
    return np.concatenate(blocks, axis=1)


def weighted(vectors: SingleArray, kind: WindowKind, weights: Weights) -> SingleArray:
    """Return query vectors with their blocks multiplied by the weights, as shares."""
    pitch, rhythm, contour = weights.shares
    sizes = (kind.frames + 1, kind.onset_frames, kind.frames + 1)
    factors: SingleArray = np.repeat(np.array([pitch, rhythm, contour], np.float32), sizes)
    return vectors * factors


def packed(vectors: SingleArray) -> NDArray[np.int8]:
    """Return vectors as int8."""
    return np.rint(vectors * SCALE).astype(np.int8)


def notes_within(onset: IntArray, ticks: int) -> IntArray:
    """Return for each note how many notes begin within so many ticks from its onset on, itself included ``(n,)``."""
    counts: IntArray = np.searchsorted(onset, onset + ticks) - np.arange(len(onset))
    return counts


def _with_constant(block: SingleArray, scale: float) -> SingleArray:
    # One more component tells flat from curved: without it all flat windows would have no direction at all.
    constant = np.full((len(block), 1), scale * np.sqrt(block.shape[1]), np.float32)
    return np.concatenate([block, constant], axis=1)


def _blurred(block: SingleArray) -> SingleArray:
    blurred = block.copy()
    blurred[:, 1:] += _BLUR * block[:, :-1]
    blurred[:, :-1] += _BLUR * block[:, 1:]
    return blurred


def _unit(block: SingleArray) -> SingleArray:
    result: SingleArray = (block / np.maximum(np.linalg.norm(block, axis=1, keepdims=True), 1e-6)).astype(np.float32)
    return result
