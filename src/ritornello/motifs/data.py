"""Training examples: labelled bars, and a pool of windows without labels, as tables of notes on frames.

The paper's pool are the bars with three notes or more of songs without labels. Ours has windows of half a bar to four
bars of melody, bridge and accompaniment, and knows which windows of one part share their rhythm: a guess at motifs.

Axes: W windows, N notes.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ritornello.datasets.pop909_motifs import BAR_QUARTERS, Build, MotifBar, Pop909Motifs
from ritornello.errors import ArgumentError
from ritornello.motifs.windows import NoteFrames, Window, cut_windows, note_frames

LENGTHS = (4.0, 2.0, 8.0, 16.0)
"""Quarter notes of the pool's windows; the bar comes first."""

LEAST_NOTES = 3

TRACKS = (2, 0, 1)
"""PIANO, MELODY, BRIDGE."""

Numbers = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Examples:
    """Windows of one length, with what belongs together.

    Attributes:
        notes: the windows.
        song: int64 ``(W,)``, number of the song, or of the part of a song.
        group: int64 ``(W,)``, number of the motif, no two songs share one; or of a guess at it.
    """

    notes: NoteFrames
    song: Numbers
    group: Numbers

    def __len__(self) -> int:
        return len(self.song)


def windows_of(bars: Sequence[MotifBar]) -> list[Window]:
    """Return the windows of a data set's bars; what stands outside the bar is left out."""
    windows = []
    for bar in bars:
        inside = (bar.onset >= 0) & (bar.onset < BAR_QUARTERS)
        windows.append(Window(bar.onset[inside], bar.duration[inside], bar.pitch[inside], float(BAR_QUARTERS)))
    return windows


def labelled_examples(bars: Sequence[MotifBar]) -> Examples:
    """Return labelled bars as examples.

    Raises:
        ArgumentError: if no motif has two bars.
    """
    songs = numbered([bar.song for bar in bars])
    groups = numbered([(bar.song, bar.motif) for bar in bars])
    if not len(groups) or np.bincount(groups).max() < 2:
        raise ArgumentError("no motif has two bars, so there is nothing to learn")
    return Examples(note_frames(windows_of(bars)), songs, groups)


def labelled(dataset: Pop909Motifs, split: Sequence[str], build: Build = "bar") -> Examples:
    """Return the labelled bars of songs as examples; see `labelled_examples`."""
    return labelled_examples(dataset.labelled(split, build))


def bar_pool(dataset: Pop909Motifs, progress: Callable[[int, int], None] | None = None) -> Examples:
    """Return the paper's pool: bars of the accompaniment with three notes or more.

    Raises:
        ReadError: if a song cannot be read.
    """
    bars = dataset.bars(dataset.pool(), least_notes=LEAST_NOTES, progress=progress)
    notes = note_frames(windows_of(bars))
    songs = numbered([bar.song for bar in bars])
    return Examples(notes, songs, rhythm_groups(notes, songs))


def window_pool(dataset: Pop909Motifs, progress: Callable[[int, int], None] | None = None) -> tuple[Examples, ...]:
    """Return ours: for each of `LENGTHS` the windows of all parts that begin at multiples of their length.

    Raises:
        ReadError: if a song cannot be read.
    """
    windows: list[list[Window]] = [[] for _ in LENGTHS]
    places: list[list[Hashable]] = [[] for _ in LENGTHS]
    ids = dataset.pool()
    for done, id in enumerate(ids, start=1):
        for track in TRACKS:
            part = dataset.notes(id, track)
            onset, offset = np.round(part.onset * 32) / 32, np.round(part.offset * 32) / 32
            end = float(onset.max(initial=0))
            for index, length in enumerate(LENGTHS):
                cut = cut_windows(onset, offset - onset, part.pitch, np.arange(0, end, length), length)
                own = [window for window in cut if len(window) >= LEAST_NOTES]
                windows[index] += own
                places[index] += [(id, track)] * len(own)
        if progress is not None:
            progress(done, len(ids))
    pools = []
    for own, place in zip(windows, places, strict=True):
        notes, parts = note_frames(own), numbered(place)
        pools.append(Examples(notes, parts, rhythm_groups(notes, parts)))
    return tuple(pools)


def rhythm_groups(notes: NoteFrames, songs: Numbers) -> Numbers:
    """Return a number for each rhythm of each song: the frames in which notes begin; int64 ``(W,)``."""
    total = int(notes.frames.max(initial=1))
    begins = np.zeros((len(notes), total), bool)
    row, column = np.nonzero(notes.is_note & (notes.start < total))
    begins[row, notes.start[row, column]] = True
    packed = np.packbits(begins, axis=1)
    return numbered([(song, rhythm.tobytes()) for song, rhythm in zip(songs.tolist(), packed, strict=True)])


def numbered(names: Sequence[Hashable]) -> Numbers:
    """Return a number for each name, by first appearance."""
    known: dict[Hashable, int] = {}
    return np.array([known.setdefault(name, len(known)) for name in names], np.int64)
