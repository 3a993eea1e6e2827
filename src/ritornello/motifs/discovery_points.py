"""A piece as a set of points (onset, pitch), with chromatic and morphetic pitch, for the discovery of patterns.

After Meredith, Lemström and Wiggins, *Algorithms for discovering repeated patterns in multidimensional representations
of polyphonic music* (2002). Morphetic pitch is the height of the note on the staff: the same tune on another degree of
the scale is a translation there and none in semitones.

Axes: n points.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ritornello.errors import ArgumentError, UnsuitableSongError
from ritornello.score import Key, KeyRegion, Song
from ritornello.score.spelling import spell_notes

TABLE_TICKS_PER_BEAT = 24
"""Grid of the onsets of a table of notes: sixteenths, triplets and most grace notes are exact."""

PITCH_SPACE = 256
"""Pitches and pitch differences lie in 0 .. PITCH_SPACE - 1 after an offset of half of it."""

MAX_POINTS = 30_000
"""Largest piece that is searched for patterns."""

IntArray = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class PointSet:
    """The notes of a piece as points, each (onset, pitch) once, in order of onset, then pitch.

    Attributes:
        onset: ``(n,)`` ticks.
        pitch: ``(n,)`` MIDI pitch.
        step: ``(n,)`` height on the staff in steps of the scale (morphetic pitch).
        note: ``(n,)`` row of the note in the table that the set was made of.
    """

    onset: IntArray
    pitch: IntArray
    step: IntArray
    note: IntArray

    def __len__(self) -> int:
        return len(self.onset)

    @classmethod
    def of(cls, onset: ArrayLike, pitch: ArrayLike, step: ArrayLike) -> PointSet:
        """Return the set of notes given as columns of integers, in any order; of equal notes the first is kept.

        Raises:
            ArgumentError: if the columns differ in length or a pitch is out of range.
        """
        columns = [np.asarray(column, np.int64) for column in (onset, pitch, step)]
        if len({column.shape for column in columns}) != 1 or columns[0].ndim != 1:
            raise ArgumentError("onsets, pitches and steps must be columns of equal length")
        for values in columns[1:]:
            if len(values) and (values.min() < -PITCH_SPACE // 4 or values.max() >= PITCH_SPACE // 2):
                raise ArgumentError(f"a pitch or step is out of range {-PITCH_SPACE // 4} to {PITCH_SPACE // 2 - 1}")
        _, first = np.unique(np.stack(columns[:2], axis=1), axis=0, return_index=True)
        return cls(columns[0][first], columns[1][first], columns[2][first], first.astype(np.int64))

    @classmethod
    def of_table(cls, table: ArrayLike) -> PointSet:
        """Return the set of a table ``(n, 3 or more)``: onset in beats, MIDI pitch, morphetic pitch."""
        rows = np.asarray(table, np.float64)
        if rows.ndim != 2 or rows.shape[1] < 3:
            raise ArgumentError(f"a table of notes needs onset, pitch and morphetic pitch, not shape {rows.shape}")
        onset = np.round(rows[:, 0] * TABLE_TICKS_PER_BEAT)
        return cls.of(onset, np.round(rows[:, 1]), np.round(rows[:, 2]))

    @cached_property
    def ends(self) -> IntArray:
        """For each point, the index after the last point of its onset ``(n,)``."""
        return np.searchsorted(self.onset, self.onset, side="right").astype(np.int64)

    def heights(self, morphetic: bool) -> IntArray:
        """Return the steps, or the chromatic pitches, ``(n,)``."""
        return self.step if morphetic else self.pitch

    def between(self, first: int, last: int) -> IntArray:
        """Return the indices of all points with onsets from that of one point to that of another."""
        start = int(np.searchsorted(self.onset, self.onset[first], side="left"))
        return np.arange(start, int(self.ends[last]))


def points_of_song(song: Song, only: int | None = None) -> tuple[PointSet, IntArray]:
    """Return a song's pitched notes as points, and for each row of its table the part and the note in it.

    Args:
        song: the song.
        only: index of the one part that is taken; all if not given.

    Returns:
        The points, and ``(m, 2)`` part index and note index, to which `PointSet.note` refers.

    Raises:
        UnsuitableSongError: if there is no pitched note, or too many.
    """
    spelled = song if song.keys else song.replace(keys=(KeyRegion(0, _key_of(song)),))
    onsets, pitches, steps, sources = [], [], [], []
    for index, part in enumerate(spelled.parts):
        if part.is_drums or not len(part.notes) or only not in (None, index):
            continue
        onsets.append(part.notes["onset"])
        pitches.append(part.notes["pitch"])
        steps.append([7 * note.octave + "CDEFGAB".index(note.step) for note in spell_notes(spelled, part.notes)])
        sources.append(np.stack([np.full(len(part.notes), index), np.arange(len(part.notes))], axis=1))
    name = song.title or (song.original.name if song.original else "the song")
    if not onsets:
        raise UnsuitableSongError(f"{name}: has no notes with pitch, so nothing that could come back is found")
    points = PointSet.of(*(np.concatenate(column) for column in (onsets, pitches, steps)))
    if len(points) > MAX_POINTS:
        raise UnsuitableSongError(f"{name}: has {len(points)} notes; pieces of up to {MAX_POINTS} notes are searched")
    return points, np.concatenate(sources)


def _key_of(song: Song) -> Key:
    # The major key whose scale holds most notes: steps need a signature, no more.
    counts = np.zeros(12)
    for part in song.parts:
        if not part.is_drums:
            counts += np.bincount(part.notes["pitch"] % 12, minlength=12)
    fits = [sum(counts[(tonic + degree) % 12] for degree in (0, 2, 4, 5, 7, 9, 11)) for tonic in range(12)]
    return Key(int(np.argmax(fits)))
