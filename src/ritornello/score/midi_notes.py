"""MIDI events to instruments: note-ons paired with note-offs, and who owns programs and controllers.

Times stay in file ticks here; `midi_reader` puts them on the grid, `midi_performance` turns them into seconds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ritornello.errors import ReadError
from ritornello.score import smf
from ritornello.score.song import PITCH_BEND

MAX_NOTES = 300_000
"""Most notes of a song. The longest orchestral scores have about half of that."""

DRUM_CHANNEL = 9

Columns = NDArray[np.int64]


@dataclass(frozen=True)
class RawPart:
    """The notes of one track on one channel under one program, with the controllers that shape them.

    Attributes:
        track: index of the track chunk.
        program: General MIDI program, 0..127.
        is_drums: whether it is on channel 10.
        onset: ``(n,)`` file ticks.
        end: ``(n,)`` file ticks, at or after the onset.
        pitch: ``(n,)`` 0..127.
        velocity: ``(n,)`` 1..127.
        controls: ``(3, m)``: file ticks, controller number or `PITCH_BEND`, value.
    """

    track: int
    program: int
    is_drums: bool
    onset: Columns
    end: Columns
    pitch: Columns
    velocity: Columns
    controls: Columns


@dataclass(frozen=True)
class _Line:
    """What one track plays and sets on one channel."""

    track: int
    notes: Columns  # (4, n): onset, end, pitch, velocity
    programs: Columns  # (2, p): tick, program
    controls: Columns  # (3, m): tick, number, value


def raw_parts(file: smf.MidiFile, name: str) -> list[RawPart]:
    """Return the instruments of a file that have notes, by track, channel and first use of a program.

    Tracks on one channel share its controllers, as in a synthesizer, and its programs where they set none of their
    own. Tracks that set different programs on one channel were meant as different instruments: they share nothing.

    Raises:
        ReadError: if there are more than `MAX_NOTES` notes.
    """
    channels: dict[tuple[int, int], list[_Line]] = {}
    notes = 0
    for index, track in enumerate(file.tracks):
        port = next((meta.data[0] for meta in track.metas if meta.kind == smf.PORT and meta.data), 0)
        all_notes = pair_notes(track)
        notes += all_notes.shape[1]
        if notes > MAX_NOTES:
            raise ReadError(f"{name}: has more than {MAX_NOTES} notes; no song needs so many")
        kind, channel_of = track.status & 0xF0, track.status & 0x0F
        for channel in np.unique(channel_of):
            here = channel_of == channel
            program_rows = here & (kind == smf.PROGRAM_CHANGE)
            line = _Line(
                index,
                all_notes[:4, all_notes[4] == channel],
                np.stack([track.tick[program_rows], track.data1[program_rows]]),
                _controls(track, here, kind),
            )
            channels.setdefault((port, int(channel)), []).append(line)
    parts: list[tuple[int, int, RawPart]] = []
    for (_, channel), lines in channels.items():
        for number, part in enumerate(_channel_parts(lines, channel == DRUM_CHANNEL)):
            parts.append((part.track, channel * 1000 + number, part))
    return [part for _, _, part in sorted(parts, key=lambda entry: entry[:2])]


def pair_notes(track: smf.Track) -> Columns:
    """Return the notes of a track, ``(5, n)``: onset, end, pitch, velocity, channel, by onset.

    A note-off ends the oldest sounding note of its pitch and channel; one that ends nothing is ignored. Where a
    pitch has more note-ons than note-offs, each of its notes ends at the next on or off of that pitch, the last one
    with the track: a lost note-off then costs one note, not all that follow.
    """
    kind = track.status & 0xF0
    is_note = (kind == smf.NOTE_ON) | (kind == smf.NOTE_OFF)
    tick, pitch, velocity = track.tick[is_note], track.data1[is_note], track.data2[is_note]
    channel = track.status[is_note] & 0x0F
    is_on = (kind[is_note] == smf.NOTE_ON) & (velocity > 0)
    group = channel * 128 + pitch
    order = np.argsort(group, kind="stable")
    keep = order[~_stray_offs(group[order], is_on[order])]
    group_s, is_on_s, tick_s = group[keep], is_on[keep], tick[keep]
    ons = np.flatnonzero(is_on_s)
    surplus = np.bincount(group_s, weights=np.where(is_on_s, 1, -1), minlength=2048) > 0
    # First the rule for lost note-offs, for all; then the oldest-first rule where ons and offs balance.
    following = np.minimum(ons + 1, max(len(tick_s) - 1, 0))
    has_following = (ons + 1 < len(tick_s)) & (group_s[following] == group_s[ons])
    ends = np.where(has_following, tick_s[following], track.end)
    balanced = ~surplus[group_s]
    ends[balanced[ons]] = tick_s[balanced & ~is_on_s]
    source = keep[ons]
    notes = np.stack([tick[source], ends, pitch[source], velocity[source], channel[source]])
    return notes[:, np.argsort(source, kind="stable")]


def _stray_offs(group: Columns, is_on: NDArray[np.bool_]) -> NDArray[np.bool_]:
    # Sounding notes per pitch = running sum of +1 and -1. An off that takes the sum to a new low below zero finds
    # nothing to end. The offset that falls from group to group restarts the running minimum at each of them.
    if not len(group):
        return np.zeros(0, dtype=bool)
    step = np.where(is_on, 1, -1)
    first = np.concatenate([[True], group[1:] != group[:-1]])
    number = np.cumsum(first) - 1
    total = np.cumsum(step)
    base = (total - step)[first][number]
    floor = -number * (2 * len(group) + 2)
    level = total - base + floor
    lowest = np.minimum(np.minimum.accumulate(level), floor)
    before = np.where(first, floor, np.concatenate([[0], lowest[:-1]]))
    stray: NDArray[np.bool_] = lowest < before
    return stray


def _controls(track: smf.Track, here: NDArray[np.bool_], kind: Columns) -> Columns:
    rows = here & ((kind == smf.CONTROL_CHANGE) | (kind == smf.BEND))
    is_bend = kind[rows] == smf.BEND
    number = np.where(is_bend, PITCH_BEND, track.data1[rows])
    value = np.where(is_bend, (track.data2[rows] << 7 | track.data1[rows]) - 8192, track.data2[rows])
    return np.stack([track.tick[rows], number, value])


def _channel_parts(lines: list[_Line], is_drums: bool) -> list[RawPart]:
    playing = [line for line in lines if line.notes.shape[1]]
    setup = [line for line in lines if not line.notes.shape[1]]
    own = {tuple(line.programs[1]) for line in playing if line.programs.shape[1]}
    are_separate = len(own) > 1
    parts: list[RawPart] = []
    for line in playing:
        sharing = [*setup, line] if are_separate else lines
        controls = _merge([other.controls for other in sharing])
        programs = line.programs if line.programs.shape[1] else _merge([other.programs for other in sharing])
        onset = line.notes[0]
        if programs.shape[1]:
            place = np.searchsorted(programs[0], onset, side="right") - 1
            program = np.where(place >= 0, programs[1][np.maximum(place, 0)], 0)
        else:
            program = np.zeros_like(onset)
        for value in dict.fromkeys(program.tolist()):
            notes = line.notes[:, program == value]
            parts.append(RawPart(line.track, value, is_drums, notes[0], notes[1], notes[2], notes[3], controls))
    return parts


def _merge(columns: list[Columns]) -> Columns:
    merged = np.concatenate(columns, axis=1)
    return merged[:, np.argsort(merged[0], kind="stable")]
