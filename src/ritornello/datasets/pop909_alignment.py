"""From POP909's structure grid to its MIDI files: offsets that may change during the song.

The structure folder's makers removed or added bars and beats, nearly always two beats, so one offset does not fit every
song. Our rule: each note of ``melody.txt`` is a step of a path whose state is the offset; a hit
in the MELODY track costs 0, one sixteenth beside it 0.25, none 1, and a change of offset 6; the cheapest path wins.
Positions are sixteenths: ``round(4 * tick / ticks per beat)`` in the MIDI file, running sums in ``melody.txt``.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ritornello.datasets.pop909 import Pop909Song
from ritornello.errors import ReadError
from ritornello.score import Part, Song, make_notes, smf
from ritornello.score.instruments import decode_text
from ritornello.score.midi_notes import raw_parts
from ritornello.score.song import Role
from ritornello.score.timeline import TICKS_PER_QUARTER, TICKS_PER_SIXTEENTH

CANDIDATES = 60
NEAR_COST, MISS_COST, CHANGE_COST = 0.25, 1.0, 6.0
MIN_WITHIN_ONE = 0.8
"""Share of notes within one sixteenth below which a song does not count as aligned (624 and 746 reach .33 and .51)."""

_TRACKS: dict[str, Role] = {"MELODY": "melody", "BRIDGE": "bridge", "PIANO": "chords"}

IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class MidiTrack:
    """A track as the file has it: columns of equal length, times in the file's own ticks."""

    name: str
    onset_ticks: IntArray
    duration_ticks: IntArray
    pitch: IntArray
    velocity: IntArray


@dataclass(frozen=True)
class Alignment:
    """Where the notes of ``melody.txt`` stand in the MIDI file.

    Attributes:
        onsets: ``(n,)`` onsets on the structure grid, in sixteenths.
        offsets: ``(n,)`` offset of each note: MIDI position = onset + offset, in sixteenths.
        constant_offset: the most frequent difference over all pairs of equal pitch.
        exact: share of notes with an onset of their pitch exactly there.
        within_one: the same within one sixteenth.
    """

    onsets: IntArray
    offsets: IntArray
    constant_offset: int
    exact: float
    within_one: float

    @property
    def changes(self) -> tuple[tuple[int, int], ...]:
        """``(onset in sixteenths, offset from there on)`` for the first note and for each change."""
        places = [0, *(np.flatnonzero(np.diff(self.offsets)) + 1)]
        return tuple((int(self.onsets[i]), int(self.offsets[i])) for i in places)

    @property
    def is_reliable(self) -> bool:
        """Whether the song aligns at all."""
        return self.within_one >= MIN_WITHIN_ONE

    def unreliable_bars(self, sixteenths_per_bar: int) -> tuple[int, ...]:
        """Return the structure bars that contain a change, from the last note before it to the first after it."""
        bars: set[int] = set()
        for index in np.flatnonzero(np.diff(self.offsets)):
            first, last = self.onsets[index] // sixteenths_per_bar, self.onsets[index + 1] // sixteenths_per_bar
            bars.update(range(int(first), int(last) + 1))
        return tuple(sorted(bars))

    def to_structure(self, positions: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return where MIDI positions (sixteenths, may be fractional) stand on the structure grid.

        Between two anchors the offset of the earlier one holds. Where bars were removed from the structure version,
        what stood in them has no place and is NaN; so is what lies before bar 0.
        """
        starts, offsets = np.array(self.changes, dtype=np.float64).T
        anchors = np.maximum.accumulate((starts + offsets)[1:]) if len(starts) > 1 else np.zeros(0)
        index = np.searchsorted(anchors, positions, side="right")
        moved = positions - offsets[index]
        limits = np.append(starts[1:], np.inf)
        result: NDArray[np.float64] = np.where((moved >= limits[index]) | (moved < 0), np.nan, moved)
        return result


def read_tracks(data: bytes, name: str) -> tuple[int, dict[str, MidiTrack]]:
    """Return ticks per quarter note and the named tracks of a MIDI file, times as they stand in it.

    Raises:
        ReadError: if the bytes are no MIDI file or no track is called MELODY.
    """
    file = smf.parse(data, name)
    tracks: dict[str, MidiTrack] = {}
    for part in raw_parts(file, name):
        names = file.tracks[part.track].texts(smf.TRACK_NAME)
        title = decode_text(names[0]).strip().upper() if names else ""
        tracks.setdefault(title, MidiTrack(title, part.onset, part.end - part.onset, part.pitch, part.velocity))
    if "MELODY" not in tracks:
        raise ReadError(f"{name}: no track is called MELODY; found {', '.join(map(repr, tracks)) or 'none'}")
    return file.ticks_per_quarter, tracks


def align(song: Pop909Song) -> Alignment:
    """Find the offset of every note of a song between the structure grid and its MIDI file.

    Raises:
        ReadError: if the MIDI file cannot be read or has no MELODY track.
    """
    ticks_per_beat, tracks = read_tracks(song.midi_bytes, f"POP909/{song.id}/{song.id}.mid")
    return align_tracks(song, ticks_per_beat, tracks["MELODY"])


def align_tracks(song: Pop909Song, ticks_per_beat: int, track: MidiTrack) -> Alignment:
    """Find the offsets between a song and a MELODY track; see `align`."""
    melody = song.song.part("melody")
    if melody is None or not len(melody.notes) or not len(track.pitch):
        empty = np.zeros(0, dtype=np.int64)
        return Alignment(empty, empty, 0, 0.0, 0.0)
    onsets = melody.notes["onset"].astype(np.int64) // TICKS_PER_SIXTEENTH
    pitches = melody.notes["pitch"].astype(np.int64)
    midi_onsets = np.round(4 * track.onset_ticks / ticks_per_beat).astype(np.int64)
    difference = (midi_onsets[None, :] - onsets[:, None])[pitches[:, None] == track.pitch[None, :]]
    # Equal counts: the difference met first wins, in the order of the melody's notes.
    frequent = [int(value) for value, _ in Counter(difference.tolist()).most_common(CANDIDATES)]
    if not frequent:
        return Alignment(onsets, np.zeros_like(onsets), 0, 0.0, 0.0)
    hits = _hits(onsets, pitches, midi_onsets, track.pitch, np.array(frequent))
    near = _hits(onsets, pitches, midi_onsets - 1, track.pitch, np.array(frequent))
    near |= _hits(onsets, pitches, midi_onsets + 1, track.pitch, np.array(frequent))
    path = _cheapest_path(np.where(hits, 0.0, np.where(near, NEAR_COST, MISS_COST)))
    rows = np.arange(len(onsets))
    exact = hits[rows, path]
    within_one = exact | near[rows, path]
    offsets = np.array(frequent, dtype=np.int64)[path]
    return Alignment(onsets, offsets, frequent[0], float(exact.mean()), float(within_one.mean()))


def _hits(
    onsets: IntArray, pitches: IntArray, midi_onsets: IntArray, midi: IntArray, offsets: IntArray
) -> NDArray[np.bool_]:
    """Return ``(notes, offsets)`` bool: is there an onset of the note's pitch at its place plus the offset?"""
    known = np.unique(midi_onsets * 128 + midi)
    wanted = (onsets[:, None] + offsets[None, :]) * 128 + pitches[:, None]
    return np.isin(wanted, known)


def _cheapest_path(costs: NDArray[np.float64]) -> IntArray:
    """Return ``(notes,)`` the state per note under costs ``(notes, states)`` and `CHANGE_COST` per change."""
    notes, states = costs.shape
    origin = np.zeros((notes, states), dtype=np.int64)
    total = costs[0]
    stay = np.arange(states)
    for note in range(1, notes):
        best = int(total.argmin())
        change = total[best] + CHANGE_COST < total
        origin[note] = np.where(change, best, stay)
        total = np.where(change, total[best] + CHANGE_COST, total) + costs[note]
    path = np.zeros(notes, dtype=np.int64)
    path[-1] = int(total.argmin())
    for note in range(notes - 1, 0, -1):
        path[note - 1] = origin[note, path[note]]
    return path


def aligned_song(song: Pop909Song) -> tuple[Song, tuple[int, ...]]:
    """Return the song with BRIDGE and PIANO of its MIDI file moved to the structure grid, and the unreliable bars.

    The melody stays that of ``melody.txt``. Other notes keep their performed timing to a tick (12 a quarter note); a
    note at a place that the structure version left out is dropped, one that crosses such a place is cut there.

    Returns:
        The song with the added parts (roles ``"bridge"`` and ``"chords"``), and the bars that contain a change of
        offset: leave them out of bass and accompaniment statistics. If the song does not align, the parts are left
        out and every bar is listed.

    Raises:
        ReadError: if the MIDI file cannot be read or has no MELODY track.
    """
    ticks_per_beat, tracks = read_tracks(song.midi_bytes, f"POP909/{song.id}/{song.id}.mid")
    alignment = align_tracks(song, ticks_per_beat, tracks["MELODY"])
    if not alignment.is_reliable:
        return song.song, tuple(range(song.song.bars))
    parts = [
        Part(name, _moved(track, alignment, ticks_per_beat), role=role)
        for name, role in _TRACKS.items()
        if name != "MELODY" and (track := tracks.get(name)) is not None
    ]
    bars = alignment.unreliable_bars(4 * song.beats_per_bar)
    return song.song.replace(parts=(*song.song.parts, *parts)), bars


def _moved(track: MidiTrack, alignment: Alignment, ticks_per_beat: int) -> NDArray[np.void]:
    sixteenth = ticks_per_beat / 4
    onsets = alignment.to_structure(track.onset_ticks / sixteenth)
    kept = ~np.isnan(onsets)
    starts = np.array([onset for onset, _ in alignment.changes[1:]], dtype=np.float64)
    room = np.append(starts, np.inf)[np.searchsorted(starts, onsets[kept], side="right")] - onsets[kept]
    durations = np.minimum(track.duration_ticks[kept] / sixteenth, room)
    ticks = np.round(onsets[kept] * TICKS_PER_QUARTER / 4)
    lengths = np.maximum(1, np.round(durations * TICKS_PER_QUARTER / 4))
    return make_notes(ticks, lengths, track.pitch[kept], np.clip(track.velocity[kept], 1, 127))
