"""Lines: what of a song is searched as a tune. Each part's highest notes, and the highest notes of all parts.

Two notes less than `TOGETHER_TICKS` apart count as struck together, so that a performed chord has one top note.

Axes: n notes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ritornello.score import Part, Song, make_notes

SKYLINE = "skyline"
"""The name of the line of the highest notes of all pitched parts."""

TOGETHER_TICKS = 1
"""Notes that begin within so many ticks of another are one chord."""

IntArray = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Line:
    """A tune.

    Attributes:
        name: the part's name, or `SKYLINE`.
        part: index of the part, -1 for the skyline.
        onset: ``(n,)`` ticks, rising.
        duration: ``(n,)`` ticks.
        pitch: ``(n,)`` MIDI.
    """

    name: str
    part: int
    onset: IntArray
    duration: IntArray
    pitch: IntArray

    def __len__(self) -> int:
        return len(self.onset)

    def between(self, start: int, stop: int) -> Line:
        """Return the notes with onsets in [start, stop)."""
        first, last = np.searchsorted(self.onset, [start, stop])
        cut = slice(int(first), int(last))
        return Line(self.name, self.part, self.onset[cut], self.duration[cut], self.pitch[cut])


def top_line(notes: NDArray[np.void], name: str, part: int) -> Line:
    """Return the highest note of each onset, for notes in order of onset, then pitch."""
    if not len(notes):
        nothing = np.zeros(0, np.int64)
        return Line(name, part, nothing, nothing, nothing)
    group = np.concatenate([[0], np.cumsum(np.diff(notes["onset"]) > TOGETHER_TICKS)])
    order = np.lexsort((notes["pitch"], group))
    last = np.append(np.diff(group[order]) > 0, True)
    top = notes[order[last]]
    first = np.searchsorted(group, np.arange(group[-1] + 1))
    # A chord begins where its first note does.
    return Line(
        name, part, *(np.asarray(column, np.int64) for column in (notes["onset"][first], top["duration"], top["pitch"]))
    )


def lines_of_song(song: Song) -> list[Line]:
    """Return the lines of a song: every pitched part that has notes and, of several, the skyline of all."""
    return lines_of_parts(song.parts)


def lines_of_parts(parts: Sequence[Part]) -> list[Line]:
    """Return the lines of parts, see `lines_of_song`."""
    pitched = [(index, part) for index, part in enumerate(parts) if not part.is_drums and len(part.notes)]
    lines = [top_line(part.notes, part.name, index) for index, part in pitched]
    if len(pitched) > 1:
        every = np.concatenate([part.notes for _, part in pitched])
        every = every[np.lexsort((every["pitch"], every["onset"]))]
        lines.append(top_line(every, SKYLINE, -1))
    return lines


def line_notes(line: Line) -> NDArray[np.void]:
    """Return a line as a note array, each note cut where the next begins."""
    room = np.append(np.diff(line.onset), np.iinfo(np.int32).max)
    return make_notes(line.onset, np.maximum(np.minimum(line.duration, room), 1), line.pitch)
