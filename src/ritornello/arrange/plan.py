"""What an accompaniment is laid under, and where a seed's notes and chords are found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ritornello.score import Chord, ChordSpan, Key, Part, Song

Note = tuple[int, int, int, int]
"""Onset, duration, pitch, velocity."""

EARLY_TICKS = 2
"""A note this little before a bar line or chord change is meant to be on it."""


@dataclass(frozen=True)
class ArrangePlan:
    """What the accompaniment is to be laid under.

    Attributes:
        bar_ticks: length of every bar of the new song, in ticks.
        source_bars: for each new bar the seed's bar.
        shifts: for each new bar the semitones from the seed's key there to the new key.
        chords: the new chords.
        key: the new key.
        melody: the new melody.
        keep_bass: take the bass notes over as they are (shifted by the key), not moved to the new chords.
    """

    bar_ticks: int
    source_bars: tuple[int, ...]
    shifts: tuple[int, ...]
    chords: tuple[ChordSpan, ...]
    key: Key
    melody: NDArray[np.void]
    keep_bass: bool = False

    @property
    def end(self) -> int:
        """The tick at which the last bar ends."""
        return self.bar_ticks * len(self.source_bars)


class ChordFinder:
    """Finds chords by tick."""

    def __init__(self, chords: Sequence[ChordSpan]) -> None:
        self.chords = chords
        self.onsets = [span.onset for span in chords]

    def at(self, tick: int) -> Chord | None:
        """Return the chord at a tick, or None."""
        index = int(np.searchsorted(self.onsets, tick, side="right")) - 1
        if index < 0 or tick >= self.chords[index].end:
            return None
        return self.chords[index].chord

    def between(self, start: int, stop: int) -> Sequence[ChordSpan]:
        """Spans that start after ``start`` and before ``stop``."""
        first, last = np.searchsorted(self.onsets, [start + 1, stop])
        return self.chords[int(first) : int(last)]


def notes_by_bar(seed: Song, part: Part) -> dict[int, list[Note]]:
    """Return a part's notes by the bar that they start in; a note just before a bar line counts as on it."""
    bars = seed.bars_at(part.notes["onset"].astype(np.int64) + EARLY_TICKS)
    result: dict[int, list[Note]] = {}
    for bar, note in zip(bars.tolist(), part.notes.tolist(), strict=True):
        result.setdefault(bar, []).append(note)
    return result
