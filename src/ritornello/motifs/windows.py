"""Windows of notes, a bar or any other stretch of one part, and what they look like frame by frame.

After Wu et al., *Motif-Centric Representation Learning for Symbolic Music* (arXiv 2309.10597): a bar of 4/4 is a binary
roll of 32 frames, eight a quarter note. Ours are the onset channel (a sustained roll hides repeated notes) and windows
of any length.

Axes: W windows, N notes of the fullest window, T frames, P pitches.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ritornello.errors import ArgumentError

FRAMES_PER_QUARTER = 8
LOWEST_PITCH, PITCHES = 24, 84
"""A roll's rows: MIDI 24 (C1) to 107 (B7)."""

BAR_FRAMES = 32
"""Frames of a bar of 4/4."""

_EXACT = 1e-9  # thirds of a quarter note and their like are not quite exact

Frames = NDArray[np.int64]
Roll = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Window:
    """The notes that begin in one stretch of one part, by onset and, at one onset, by pitch.

    Attributes:
        onset: float64 ``(n,)``, quarter notes from the window's start, in [0, length).
        duration: float64 ``(n,)``, quarter notes, not negative; it may run past the window's end.
        pitch: int64 ``(n,)``, MIDI 0..127.
        length: quarter notes, above 0.

    Raises:
        ArgumentError: if a column has another length, a value is out of range or not finite.
    """

    onset: NDArray[np.float64]
    duration: NDArray[np.float64]
    pitch: NDArray[np.int64]
    length: float

    def __post_init__(self) -> None:
        if not 0 < self.length < np.inf:
            raise ArgumentError(f"a window of {self.length:g} quarter notes has no time for a note; give more than 0")
        onset, duration = np.asarray(self.onset, np.float64), np.asarray(self.duration, np.float64)
        pitch = np.asarray(self.pitch, np.int64)
        if onset.ndim != 1 or not len(onset) == len(duration) == len(pitch):
            raise ArgumentError(
                f"{len(onset)} onsets, {len(duration)} durations, {len(pitch)} pitches: one a note each"
            )
        if len(onset):
            if not (np.isfinite(onset).all() and onset.min() >= 0 and onset.max() < self.length):
                raise ArgumentError("onsets of a window are from 0 to below its length, in quarter notes")
            if not (np.isfinite(duration).all() and duration.min() >= 0):
                raise ArgumentError("durations are finite and not negative")
            if pitch.min() < 0 or pitch.max() > 127:
                raise ArgumentError("pitches are MIDI numbers, 0 to 127")
        order = np.lexsort((pitch, onset))
        for name, column in (("onset", onset), ("duration", duration), ("pitch", pitch)):
            object.__setattr__(self, name, column[order])

    def __len__(self) -> int:
        return len(self.onset)


def cut_windows(
    onset: ArrayLike, duration: ArrayLike, pitch: ArrayLike, starts: Iterable[float], length: float
) -> list[Window]:
    """Cut windows of one length out of a part; each takes the notes whose onset lies in [start, start + length).

    Args:
        onset: ``(n,)`` quarter notes from the part's start, in any order.
        duration: ``(n,)`` quarter notes.
        pitch: ``(n,)`` MIDI.
        starts: where windows begin, quarter notes.
        length: of each, quarter notes.

    Returns:
        One window a start, empty where no note begins.
    """
    onsets = np.asarray(onset, np.float64)
    order = np.argsort(onsets, kind="stable")
    onsets = onsets[order]
    durations, pitches = np.asarray(duration, np.float64)[order], np.asarray(pitch, np.int64)[order]
    windows = []
    for start in starts:
        first, last = np.searchsorted(onsets, [start, start + length])
        inside = np.clip(onsets[first:last] - start, 0, np.nextafter(length, 0))
        windows.append(Window(inside, durations[first:last], pitches[first:last], length))
    return windows


@dataclass(frozen=True, eq=False)
class NoteFrames:
    """Windows as one table of notes in frames, padded to the fullest one.

    Attributes:
        start: int64 ``(W, N)``, first frame of each note.
        end: int64 ``(W, N)``, the frame after its last, at most the window's end; equal to the start where a note is
            shorter than a frame.
        pitch: int64 ``(W, N)``, MIDI.
        is_note: bool ``(W, N)``, False where a row is padded.
        frames: int64 ``(W,)``, length of each window.
    """

    start: Frames
    end: Frames
    pitch: NDArray[np.int64]
    is_note: Roll
    frames: Frames

    def __len__(self) -> int:
        return len(self.frames)

    def take(self, rows: ArrayLike) -> NoteFrames:
        """Return some windows, by their indices."""
        index = np.asarray(rows, np.int64)
        return NoteFrames(
            self.start[index], self.end[index], self.pitch[index], self.is_note[index], self.frames[index]
        )


def note_frames(windows: Sequence[Window], bar_frames: int | None = None) -> NoteFrames:
    """Put windows on frames: a note fills frames floor(8 onset) to floor(8 offset) - 1, cut at the window's end.

    Times that were played, not written, are best rounded to the grid before.

    Args:
        windows: the windows.
        bar_frames: stretch or shrink every window to so many frames; None keeps eight a quarter note.
    """
    width = max((len(window) for window in windows), default=0)
    shape = (len(windows), width)
    start, end, pitch = (np.zeros(shape, np.int64) for _ in range(3))
    is_note = np.zeros(shape, bool)
    frames = np.empty(len(windows), np.int64)
    for row, window in enumerate(windows):
        count = len(window)
        total = bar_frames or max(1, int(np.ceil(window.length * FRAMES_PER_QUARTER - 1e-6)))
        scale = FRAMES_PER_QUARTER if bar_frames is None else bar_frames / window.length
        offset = window.onset + window.duration
        start[row, :count] = np.clip(np.floor(scale * window.onset + _EXACT), 0, total)
        end[row, :count] = np.clip(np.floor(scale * offset + _EXACT), start[row, :count], total)
        pitch[row, :count] = window.pitch
        is_note[row, :count] = True
        frames[row] = total
    return NoteFrames(start, end, pitch, is_note, frames)


def sounding(notes: NoteFrames, frames: int | None = None) -> Roll:
    """Return rolls of what sounds, bool ``(W, T, P)``; pitches outside MIDI 24..107 are left out.

    Args:
        notes: the windows.
        frames: T; the longest window's if left out, longer windows are cut.
    """
    total = int(notes.frames.max(initial=1)) if frames is None else frames
    change = np.zeros((len(notes), total + 1, PITCHES), np.int16)
    row, column = np.nonzero(notes.is_note & (notes.end > notes.start) & _in_range(notes.pitch))
    rows = notes.pitch[row, column] - LOWEST_PITCH
    np.add.at(change, (row, np.minimum(notes.start[row, column], total), rows), 1)
    np.add.at(change, (row, np.minimum(notes.end[row, column], total), rows), -1)
    roll: Roll = np.cumsum(change[:, :-1], axis=1) > 0
    return roll


def onsets(notes: NoteFrames, frames: int | None = None) -> Roll:
    """Return rolls of where notes begin, bool ``(W, T, P)``, also of repeats without a gap."""
    total = int(notes.frames.max(initial=1)) if frames is None else frames
    roll = np.zeros((len(notes), total, PITCHES), bool)
    row, column = np.nonzero(notes.is_note & (notes.start < total) & _in_range(notes.pitch))
    roll[row, notes.start[row, column], notes.pitch[row, column] - LOWEST_PITCH] = True
    return roll


def heard_onsets(roll: Roll) -> Roll:
    """Return where a roll ``(W, T, P)`` begins to sound: a sounding frame after a silent one, or the first frame."""
    before = np.zeros_like(roll)
    before[:, 1:] = roll[:, :-1]
    return roll & ~before


def _in_range(pitch: NDArray[np.int64]) -> Roll:
    return (pitch >= LOWEST_PITCH) & (pitch < LOWEST_PITCH + PITCHES)


def lowered(roll: Roll) -> Roll:
    """Return rolls ``(W, T, P)`` moved down so that each one's lowest sounding pitch is row 0; empty ones stay."""
    lowest = np.argmax(roll.any(axis=1), axis=1)
    place = np.arange(roll.shape[2])[None] + lowest[:, None]
    moved = np.take_along_axis(roll, np.minimum(place, roll.shape[2] - 1)[:, None], axis=2)
    moved &= (place < roll.shape[2])[:, None]
    return moved
