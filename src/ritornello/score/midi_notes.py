"""MIDI events to instruments: note-ons paired with note-offs, and who owns programs and controllers.

Times stay in file ticks here; `midi_reader` puts them on the grid, `midi_performance` turns them into seconds.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ritornello.errors import ReadError
from ritornello.score import smf
from ritornello.score.song import PITCH_BEND

MAX_NOTES = 300_000
"""Most notes of a song. The longest orchestral scores have about half of that."""

MAX_PARTS = 1000
"""Most instruments of a song."""

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
        ReadError: if there are more than `MAX_NOTES` notes or `MAX_PARTS` parts, or more than `smf.MAX_EVENTS`
            controller events after those of shared channels are given to each part.
    """
    channels: dict[tuple[int, int], list[_Line]] = {}
    notes = 0
    for index, track in enumerate(file.tracks):
        port = next((meta.data[0] for meta in track.metas if meta.kind == smf.PORT and meta.data), 0)
        all_notes = pair_notes(track, longest_lost=4 * file.ticks_per_quarter)
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
    controls = 0
    for (_, channel), lines in channels.items():
        for part in _channel_parts(lines, channel == DRUM_CHANNEL):
            parts.append((part.track, channel, part))
            controls += part.controls.shape[1]
            if len(parts) > MAX_PARTS or controls > smf.MAX_EVENTS:
                raise ReadError(f"{name}: has more instruments or controllers than any song needs")
    return [part for _, _, part in sorted(parts, key=lambda entry: entry[:2])]


def pair_notes(track: smf.Track, longest_lost: int) -> Columns:
    """Return the notes of a track, ``(5, n)``: onset, end, pitch, velocity, channel, in file order.

    A note-off ends the oldest sounding note of its pitch and channel; one that ends nothing is ignored. Where a pitch
    never falls silent again, a note-off was lost: from there on each of its notes ends when that pitch is next struck
    or released; the last one ends after ``longest_lost`` file ticks, at the latest with the track. A lost note-off then
    costs one note, not all that follow.
    """
    kind = track.status & 0xF0
    is_note = (kind == smf.NOTE_ON) | (kind == smf.NOTE_OFF)
    tick, pitch, velocity = track.tick[is_note], track.data1[is_note], track.data2[is_note]
    channel = track.status[is_note] & 0x0F
    is_on = (kind[is_note] == smf.NOTE_ON) & (velocity > 0)
    group = channel * 128 + pitch
    order = np.argsort(group, kind="stable")
    order = order[~_stray_offs(group[order], is_on[order])]
    group_s, is_on_s, tick_s = group[order], is_on[order], tick[order]
    is_stuck = _never_silent_again(group_s, is_on_s)
    ons = np.flatnonzero(is_on_s)
    ends = np.minimum(tick_s[ons] + longest_lost, track.end)
    ends[~is_stuck[ons]] = tick_s[~is_stuck & ~is_on_s]
    if is_stuck.any():
        time_in_group = group_s * (track.end + 1) + tick_s
        following = np.searchsorted(time_in_group, time_in_group[ons], side="right")
        has_following = group_s[np.minimum(following, len(group_s) - 1)] == group_s[ons]
        has_following &= following < len(group_s)
        cut = is_stuck[ons] & has_following
        ends[cut] = tick_s[following[cut]]
    source = order[ons]
    notes = np.stack([tick[source], ends, pitch[source], velocity[source], channel[source]])
    return notes[:, np.argsort(source, kind="stable")]


def _stray_offs(group: Columns, is_on: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return which events of sorted groups are note-offs that find nothing to end."""
    # An off that takes the number of sounding notes to a new low below zero is stray. A floor that falls from group
    # to group restarts the running minimum at each of them.
    if not len(group):
        return np.zeros(0, dtype=bool)
    first, sounding = _sounding(group, is_on)
    floor = -(np.cumsum(first) - 1) * (2 * len(group) + 2)
    lowest = np.minimum(np.minimum.accumulate(sounding + floor), floor)
    before = np.where(first, floor, np.concatenate([[0], lowest[:-1]]))
    return np.asarray(lowest < before)


def _never_silent_again(group: Columns, is_on: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return which events of sorted groups come after the last moment at which nothing of their group sounds."""
    if not len(group):
        return np.zeros(0, dtype=bool)
    first, sounding = _sounding(group, is_on)
    place = np.arange(len(group))
    silent = np.maximum.accumulate(np.where(sounding == 0, place, np.where(first, place - 1, -1)))
    last = np.concatenate([np.flatnonzero(first)[1:] - 1, [len(group) - 1]])
    return np.asarray(place > silent[last][np.cumsum(first) - 1])


def _sounding(group: Columns, is_on: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], Columns]:
    """Return which events begin a group, and ons minus offs so far within the group."""
    step = np.where(is_on, 1, -1)
    first = np.concatenate([[True], group[1:] != group[:-1]])
    total = np.cumsum(step)
    return first, total - (total - step)[first][np.cumsum(first) - 1]


def _controls(track: smf.Track, here: NDArray[np.bool_], kind: Columns) -> Columns:
    rows = here & ((kind == smf.CONTROL_CHANGE) | (kind == smf.BEND))
    is_bend = kind[rows] == smf.BEND
    number = np.where(is_bend, PITCH_BEND, track.data1[rows])
    value = np.where(is_bend, (track.data2[rows] << 7 | track.data1[rows]) - 8192, track.data2[rows])
    return np.stack([track.tick[rows], number, value])


def _channel_parts(lines: list[_Line], is_drums: bool) -> Iterator[RawPart]:
    playing = [line for line in lines if line.notes.shape[1]]
    setup = [line for line in lines if not line.notes.shape[1]]
    own = {tuple(line.programs[1].tolist()) for line in playing if line.programs.shape[1]}
    shared = _merge([line.controls for line in lines]), _merge([line.programs for line in lines])
    for line in playing:
        controls, programs = shared
        if len(own) > 1:
            controls = _merge([other.controls for other in [*setup, line]])
        if line.programs.shape[1]:
            programs = line.programs
        onset = line.notes[0]
        place = np.searchsorted(programs[0], onset, side="right") - 1
        program = np.where(place >= 0, np.append(programs[1], 0)[place], 0)
        for value in dict.fromkeys(program.tolist()):
            notes = line.notes[:, program == value]
            yield RawPart(line.track, value, is_drums, notes[0], notes[1], notes[2], notes[3], controls)


def _merge(columns: list[Columns]) -> Columns:
    merged = np.concatenate(columns, axis=1)
    return merged[:, np.argsort(merged[0], kind="stable")]
