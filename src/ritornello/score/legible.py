"""Performed notes made readable: onsets on sixteenths or triplets, lengths without splinters of rests.

`musicxml_writer` writes every tick as it is, and a performance read to the tick is unreadable. This is for the eye
only: what sounds keeps its own timing. Per beat the grid that lies nearer is taken, sixteenths unless triplets fit
clearly better (our own rule, after Cemgil, Desain and Kappen, *Rhythm quantization for transcription*, 2000: distance
to the grid plus a price for its complexity).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ritornello.score.song import Song
from ritornello.score.timeline import TICKS_PER_QUARTER

TICKS_PER_EIGHTH = TICKS_PER_QUARTER // 2

_SIXTEENTHS = np.array([0, 3, 6, 9, 12])
_TRIPLETS = np.array([0, 4, 8, 12])
_TRIPLET_PRICE_TICKS = 1.5
_LENGTH_WEIGHT = 0.5
_PERFORMED_SHARE = 0.1
"""Share of onsets off both grids from which a part counts as performed."""


def legible(song: Song) -> Song:
    """Return a song for reading: performed parts on sixteenths and triplets, and no rests shorter than an eighth.

    A note then lasts to the next eighth if no other begins before, and over a sixteenth's rest within its beat: scores
    do not write how short a singer sang. Parts that stand on the grid keep their onsets; drums keep everything else.
    """
    lines = song.bar_lines
    parts = []
    for part in song.parts:
        notes = _on_grid(part.notes, lines)
        parts.append(part.with_notes(notes if part.is_drums else _without_splinters(notes, lines)))
    return song.replace(parts=tuple(parts))


def _on_grid(notes: NDArray[np.void], lines: NDArray[np.int64]) -> NDArray[np.void]:
    starts, ends = notes["onset"].astype(np.int64), (notes["onset"] + notes["duration"]).astype(np.int64)
    start_beats, start_places = _beats(starts, lines)
    off_grid = (start_places % 3 != 0) & (start_places % 4 != 0)
    if not len(notes) or off_grid.mean() < _PERFORMED_SHARE:
        return notes
    end_beats, end_places = _beats(ends, lines)
    cost: dict[int, NDArray[np.float64]] = {}  # by beat: total distance to sixteenths and to triplets
    for beats, places, weight in ((start_beats, start_places, 1.0), (end_beats, end_places, _LENGTH_WEIGHT)):
        for beat, place in zip(beats.tolist(), places.tolist(), strict=True):
            distances = cost.setdefault(beat, np.array([0.0, _TRIPLET_PRICE_TICKS]))
            distances += weight * np.array([np.abs(grid - place).min() for grid in (_SIXTEENTHS, _TRIPLETS)])
    new_starts = _snap(start_beats, start_places, cost)
    new_ends = np.maximum(_snap(end_beats, end_places, cost), new_starts + 3)
    result = notes.copy()
    result["onset"], result["duration"] = new_starts, new_ends - new_starts
    return result


def _beats(ticks: NDArray[np.int64], lines: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    # The tick at which the quarter-note beat of each tick begins, counted from its bar line, and the place in it.
    bars = lines[np.searchsorted(lines, ticks, side="right") - 1]
    places = (ticks - bars) % TICKS_PER_QUARTER
    return ticks - places, places


def _snap(
    beats: NDArray[np.int64], places: NDArray[np.int64], cost: dict[int, NDArray[np.float64]]
) -> NDArray[np.int64]:
    snapped = []
    for beat, place in zip(beats.tolist(), places.tolist(), strict=True):
        grid = _SIXTEENTHS if cost[beat][0] <= cost[beat][1] else _TRIPLETS
        snapped.append(beat + int(grid[np.abs(grid - place).argmin()]))
    return np.array(snapped, dtype=np.int64)


def _without_splinters(notes: NDArray[np.void], lines: NDArray[np.int64]) -> NDArray[np.void]:
    if not len(notes):
        return notes
    notes = notes[np.argsort(notes["onset"], kind="stable")]
    starts = notes["onset"].astype(np.int64)
    ends = starts + notes["duration"]
    bars = lines[np.searchsorted(lines, ends, side="right") - 1]
    later = np.append(np.unique(starts), lines[-1])
    following = later[np.searchsorted(later, ends, side="left").clip(max=len(later) - 1)]
    following = np.maximum(following, ends)  # the first onset at or after the note's end
    rounded = np.minimum(ends + (bars - ends) % TICKS_PER_EIGHTH, following)
    within_beat = (starts - bars) // TICKS_PER_QUARTER == (following - bars - 1) // TICKS_PER_QUARTER
    fills = within_beat & (following - ends <= TICKS_PER_EIGHTH // 2)
    result = notes.copy()
    result["duration"] = np.where(fills, following, rounded) - starts
    return result
