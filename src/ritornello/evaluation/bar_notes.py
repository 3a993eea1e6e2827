"""A song as bars of notes: the neutral view on which similarity, piece metrics and copying are counted.

Our design, for music in 4/4 by six instrument families. A piece is a list of bars, a bar an int64 array ``(n, 4)``
with a note in each row: onset in the bar (ticks, 0..47), MIDI pitch, duration (ticks, at least 1), family. Pieces that
are compared must come in the same time values: take real songs through the same quantising as generated ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ritornello.errors import ArgumentError, UnsuitableSongError
from ritornello.score import Song
from ritornello.score.timeline import TICKS_PER_QUARTER

FAMILIES = ("melody", "drums", "bass", "guitar", "piano", "strings")
"""Names of the families by their number in the last column."""

MELODY, DRUMS = 0, 1

ONSET, PITCH, DURATION, FAMILY = 0, 1, 2, 3
"""The columns of a bar."""

BAR_TICKS = 4 * TICKS_PER_QUARTER
"""Onset positions in a bar of 4/4."""

Bars = Sequence[NDArray[np.integer]]
"""A piece: for each bar its notes ``(n, 4)``."""

Tracks = Literal["melody", "all"]
"""What is compared: the melody's notes, or those of all families, drums included."""


def bars_of_notes(song: Song, families: Sequence[int] | None = None) -> list[NDArray[np.int64]]:
    """Return the notes of a song by bar.

    Args:
        song: a song in 4/4.
        families: for each part its number in `FAMILIES`, -1 to leave it out; the order of the parts if not given.

    Returns:
        For each bar its notes ``(n, 4)``, sorted by onset, family and pitch.

    Raises:
        ArgumentError: if the numbers do not fit the parts.
        UnsuitableSongError: if the song is not in 4/4 throughout.
    """
    numbers = list(range(len(song.parts))) if families is None else list(families)
    if len(numbers) != len(song.parts) or any(not -1 <= number < len(FAMILIES) for number in numbers):
        raise ArgumentError(f"families {numbers}: use one number from -1 to {len(FAMILIES) - 1} per part")
    if any(meter.bar_ticks != BAR_TICKS or meter.denominator != 4 for meter in song.meters):
        raise UnsuitableSongError(f"{song.title or 'the song'}: metre {song.meters[0]}; bars of notes are bars of 4/4")
    tables = [
        np.stack(
            [part.notes["onset"], part.notes["pitch"], part.notes["duration"], np.full(len(part.notes), number)], 1
        )
        for part, number in zip(song.parts, numbers, strict=True)
        if number >= 0
    ]
    notes = np.concatenate([np.zeros((0, 4), np.int64), *tables]).astype(np.int64)
    notes = notes[np.lexsort((notes[:, PITCH], notes[:, FAMILY], notes[:, ONSET]))]
    cuts = np.searchsorted(notes[:, ONSET], BAR_TICKS * np.arange(1, song.bars))
    notes[:, ONSET] %= BAR_TICKS
    return [np.asarray(bar) for bar in np.split(notes, cuts)] if song.bars else []


def joined(bars: Bars) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the bar of each note ``(n,)`` and all notes of a piece ``(n, 4)``, in order.

    Raises:
        ArgumentError: if a bar is no integer array ``(n, 4)``, or a column is out of range.
    """
    for number, bar in enumerate(bars, start=1):
        if bar.ndim != 2 or bar.shape[1] != 4 or not np.issubdtype(bar.dtype, np.integer):
            raise ArgumentError(f"bar {number}: shape {bar.shape} of {bar.dtype}; notes are integers (n, 4)")
    index = np.repeat(np.arange(len(bars)), [len(bar) for bar in bars]).astype(np.int64)
    notes = np.concatenate([np.zeros((0, 4), np.int64), *bars]).astype(np.int64)
    limits = (("onset", 0, BAR_TICKS - 1), ("pitch", 0, 127), ("duration", 1, 2**31), ("family", 0, len(FAMILIES) - 1))
    for column, (name, low, high) in enumerate(limits):
        wrong = (notes[:, column] < low) | (notes[:, column] > high)
        if wrong.any():
            at = int(wrong.argmax())
            raise ArgumentError(f"bar {index[at] + 1}: {name} {notes[at, column]} is out of range {low} to {high}")
    return index, notes
