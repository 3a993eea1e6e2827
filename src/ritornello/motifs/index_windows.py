"""Windows of a line as short vectors: what the index compares before anything is aligned.

A window begins at a note and lasts half a bar or a bar of 4/4, or eight notes whatever their lengths. Its vector has
three blocks of length 1 each: the curve of pitch about its mean, the onsets (of eight notes the logarithms of their
inter-onset intervals, about their mean), and the directions of the steps. The inner product with a query whose blocks
are multiplied by weights is the weighted sum of three cosines, so other weights need no other index; turning the first
and the last block's signs gives the inversion. Vectors are kept as int8, 127 for 1.

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
_SWINGS = 0.5  # octaves of length: inter-onset intervals that differ less count as even
_BLUR = 0.5

SingleArray = NDArray[np.float32]
IntArray = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class WindowKind:
    """A length of window.

    Attributes:
        ticks: its length, 12 a quarter note; 0 for one of so many notes as it has frames.
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


KINDS = (WindowKind(24, 8, 8), WindowKind(48, 8, 16), WindowKind(0, 8, 8))
"""Half a bar and a bar of 4/4, and eight notes: the same at every speed."""

HALF_BAR, BAR, EIGHT_NOTES = range(3)
"""Indices of the kinds."""


def window_vectors(onset: IntArray, pitch: IntArray, anchors: IntArray, kind: WindowKind) -> SingleArray:
    """Return vectors ``(A, D)`` of the windows of a line that begin at some of its notes.

    Args:
        onset: ``(n,)`` ticks, rising.
        pitch: ``(n,)`` MIDI.
        anchors: ``(A,)`` indices of the notes.
        kind: the length.
    """
    if not kind.ticks:
        return _note_vectors(onset, pitch, anchors, kind)
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


def notes_within(onset: IntArray, kind: WindowKind) -> IntArray:
    """Return for each note how many notes the window holds that begins with it, itself included ``(n,)``."""
    left = len(onset) - np.arange(len(onset))
    if not kind.ticks:
        return np.minimum(left, kind.frames).astype(np.int64)
    counts: IntArray = np.searchsorted(onset, onset + kind.ticks) - np.arange(len(onset))
    return counts


def is_indexed(onset: IntArray, kind: WindowKind) -> NDArray[np.bool_]:
    """Return which notes of a line begin a window that is kept ``(n,)``."""
    return notes_within(onset, kind) >= (FEWEST_NOTES if kind.ticks else kind.frames - 2)


def _note_vectors(onset: IntArray, pitch: IntArray, anchors: IntArray, kind: WindowKind) -> SingleArray:
    # Beyond the line's end its last note goes on.
    places = np.minimum(anchors[:, None] + np.arange(kind.frames), len(onset) - 1)
    heights = pitch[places].astype(np.float32)
    curve = np.clip(heights - heights.mean(axis=1, keepdims=True), -12, 12)
    waits = np.log2(np.maximum(np.diff(onset[places], axis=1), 1)).astype(np.float32)
    waits -= waits.mean(axis=1, keepdims=True)
    directions = np.pad(np.sign(np.diff(heights, axis=1)), ((0, 0), (1, 0)))
    blocks = (
        _unit(_with_constant(curve, _BENDS)), _unit(_with_constant(waits, _SWINGS)),
        _unit(_with_constant(directions, _STEPS)),
    )  # fmt: skip
    return np.concatenate(blocks, axis=1).astype(np.float32)


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
