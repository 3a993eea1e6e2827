"""When notes really sound: the exact times of a song's MIDI file, in the order of the song's notes.

The song's grid rounds a performance; a beat tracker wants the times as played. They come from `Song.original`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ritornello.errors import ArgumentError
from ritornello.score import smf
from ritornello.score.midi_notes import raw_parts
from ritornello.score.midi_reader import grid_notes
from ritornello.score.song import Song

_DEFAULT_MICROSECONDS = 500_000


@dataclass(frozen=True)
class PartTimes:
    """Exact times of one part's notes.

    Attributes:
        onset_s: ``(n,)`` float64 seconds from the start of the file, in the order of ``part.notes``.
        end_s: ``(n,)`` float64 seconds at which each note is released.
    """

    onset_s: NDArray[np.float64]
    end_s: NDArray[np.float64]


def performance(song: Song) -> tuple[PartTimes, ...]:
    """Return the times of every part's notes as played.

    Args:
        song: a song; where it was not read from MIDI, the times of its own grid are returned.

    Raises:
        ArgumentError: if the song came from MIDI, but its notes are no longer those of the file.
    """
    if song.original is None or not smf.is_midi(song.original.data):
        return tuple(
            PartTimes(song.seconds(part.notes["onset"]), song.seconds(part.notes["onset"] + part.notes["duration"]))
            for part in song.parts
        )
    file = smf.parse(song.original.data, song.original.name)
    parts = raw_parts(file, song.original.name)
    times: list[PartTimes] = []
    for raw, part in zip(parts, song.parts, strict=False):
        notes = grid_notes(raw, file.ticks_per_quarter)
        order = np.lexsort((notes["duration"], notes["pitch"], notes["onset"]))  # as Part sorts
        if not np.array_equal(notes[order], part.notes):
            break
        times.append(PartTimes(_seconds(file, raw.onset[order]), _seconds(file, raw.end[order])))
    if len(times) != len(song.parts) or len(parts) != len(song.parts):
        raise ArgumentError(f"{song.original.name}: the song's notes have changed since it was read; read it again")
    return tuple(times)


def _seconds(file: smf.MidiFile, ticks: NDArray[np.int64]) -> NDArray[np.float64]:
    changes = {0: _DEFAULT_MICROSECONDS}
    tempi = (
        meta for track in file.tracks for meta in track.metas if meta.kind == smf.SET_TEMPO and len(meta.data) >= 3
    )
    for meta in sorted(tempi, key=lambda meta: meta.tick):
        changes[meta.tick] = int.from_bytes(meta.data[:3], "big") or changes.get(meta.tick, _DEFAULT_MICROSECONDS)
    starts = np.array(list(changes), dtype=np.int64)
    seconds_per_tick = np.array(list(changes.values())) / (1e6 * file.ticks_per_quarter)
    start_seconds = np.concatenate([[0.0], np.cumsum(np.diff(starts) * seconds_per_tick[:-1])])
    index = np.searchsorted(starts, ticks, side="right") - 1
    result: NDArray[np.float64] = start_seconds[index] + (ticks - starts[index]) * seconds_per_tick[index]
    return result
