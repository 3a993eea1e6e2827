"""From a Song to what a synthesizer is told: notes in seconds, controllers as curves, a default mix.

Controller meanings follow the MIDI 1.0 specification and General MIDI Level 1: sustain pedal (64), all sound off (120),
reset all controllers (121), all notes off (123), registered parameter 0 (pitch bend range, two semitones at first).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ritornello.errors import ArgumentError
from ritornello.score import Part, Song
from ritornello.score.song import PITCH_BEND

BANK, WHEEL, DATA, VOLUME, PAN, EXPRESSION, DATA_FINE, PEDAL = 0, 1, 6, 7, 10, 11, 38, 64
RPN_FINE, RPN_COARSE, SOUND_OFF, RESET, NOTES_OFF = 100, 101, 120, 121, 123
BEND_RANGE = 129
"""The number under which the pitch bend range in semitones is kept, beside the controllers and `PITCH_BEND`."""

DEFAULTS = {VOLUME: 100.0, PAN: 64.0, EXPRESSION: 127.0, PITCH_BEND: 0.0, BEND_RANGE: 2.0}
"""Values before the first event; all other controllers start at 0."""

ROLE_VOLUME = {"melody": 110, "bridge": 92, "chords": 84, "bass": 98, "drums": 96, "other": 84, None: 100}
"""Volume (CC7) of a part that sets none: the melody in front, the accompaniment about 5 dB behind."""

BEHIND_MELODY = 88
"""Volume of a part that sets none and has no role, if another part of the song is the melody."""

ROLE_PAN = {"melody": 64, "bridge": 82, "chords": 48, "bass": 64, "drums": 64, "other": 84, None: 64}
"""Pan (CC10) of a part that sets none: melody, bass and drums in the middle, the rest a little to the sides."""

RAMP_S = 0.01
"""A controller reaches its new value in this time, so that steps are not heard as clicks."""

PLAYED_NOTE_DTYPE = np.dtype([("onset_s", "<f8"), ("release_s", "<f8"), ("key", "<i4"), ("velocity", "<i4")])
EVENT_DTYPE = np.dtype([("time_s", "<f8"), ("number", "<i4"), ("value", "<f8")])

_Timing = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]  # onsets, releases, controllers


@dataclass(frozen=True, eq=False)
class Curve:
    """A controller over time: it keeps each value until the next event and then moves there within `RAMP_S`.

    Attributes:
        times_s: ``(n,)`` corners, rising.
        values: ``(n,)`` values at the corners.
    """

    times_s: NDArray[np.float64]
    values: NDArray[np.float64]

    def at(self, times_s: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the value at each time."""
        result: NDArray[np.float64] = np.interp(times_s, self.times_s, self.values)
        return result

    def value(self, time_s: float) -> float:
        """Return the value at one time."""
        return float(np.interp(time_s, self.times_s, self.values))

    def is_constant(self, start_s: float, stop_s: float) -> bool:
        """Whether the value does not change in a span of time."""
        inside = self.values[np.searchsorted(self.times_s, start_s) : np.searchsorted(self.times_s, stop_s)]
        return bool(np.all(inside == self.value(start_s))) and self.value(stop_s) == self.value(start_s)


@dataclass(frozen=True, eq=False)
class PartPerformance:
    """One part as it is played.

    Attributes:
        name: the part's name.
        program: General MIDI program or drum kit, 0..127.
        is_drums: whether it plays a drum kit.
        notes: ``(n,)`` of `PLAYED_NOTE_DTYPE`, sorted by onset; ``release_s`` is when the key goes up.
        events: ``(m,)`` of `EVENT_DTYPE`, sorted by time: controllers, `PITCH_BEND` and `BEND_RANGE`.
    """

    name: str
    program: int
    is_drums: bool
    notes: NDArray[np.void]
    events: NDArray[np.void]

    def curve(self, number: int) -> Curve:
        """Return a controller's course over time."""
        if number not in self._curves:
            self._curves[number] = _curve(self.events[self.events["number"] == number], DEFAULTS.get(number, 0.0))
        return self._curves[number]

    @cached_property
    def _curves(self) -> dict[int, Curve]:
        return {}

    @cached_property
    def bank(self) -> int:
        """The bank that is chosen (CC0) when the first note starts."""
        banks = self.events[self.events["number"] == BANK]
        if not len(self.notes) or not len(banks):
            return 0
        before = banks["value"][banks["time_s"] <= self.notes["onset_s"][0]]
        return int(before[-1]) if len(before) else 0

    @cached_property
    def sounding_until_s(self) -> NDArray[np.float64]:
        """When each note is let go ``(n,)``: pedal, all-notes-off and a repeated key are taken into account."""
        until = self.notes["release_s"].copy()
        numbers = self.events["number"]
        for off_s in self.events["time_s"][(numbers == NOTES_OFF) | (numbers == SOUND_OFF)]:
            until = np.where((self.notes["onset_s"] < off_s) & (until > off_s), off_s, until)
        pedal = self.events[numbers == PEDAL]
        if len(pedal):
            is_down = np.concatenate([[False], pedal["value"] >= 64])
            down_before = is_down[np.searchsorted(pedal["time_s"], until, side="right")]
            # For a note that ends under the pedal: the first event after its end that lifts the pedal.
            lifts = np.append(pedal["time_s"][pedal["value"] < 64], np.inf)
            until = np.where(down_before, lifts[np.searchsorted(lifts, until, side="right")], until)
        last_s = float(max(self.notes["release_s"].max(), pedal["time_s"].max() if len(pedal) else 0.0))
        until = np.minimum(until, last_s)
        for key in np.unique(self.notes["key"]):  # a key that is struck again lets its former note go
            same = np.flatnonzero(self.notes["key"] == key)
            until[same[:-1]] = np.minimum(until[same[:-1]], self.notes["onset_s"][same[1:]])
        result: NDArray[np.float64] = np.maximum(until, self.notes["onset_s"])
        return result


def perform(song: Song, *, as_played: bool = False) -> tuple[PartPerformance, ...]:
    """Return how each part of a song is played, in order; parts that set no volume or pan get those of their role.

    Args:
        song: the song.
        as_played: take times from the MIDI file that the song was read from, not from its grid.

    Raises:
        ArgumentError: with ``as_played``, if the song was not read from MIDI or its notes have changed since.
    """
    timings = [_grid_timing(song, part) for part in song.parts] if not as_played else _file_timings(song)
    has_melody = song.part("melody") is not None
    performances = []
    for part, timing in zip(song.parts, timings, strict=True):
        role = "drums" if part.is_drums and part.role is None else part.role
        volume = BEHIND_MELODY if role is None and has_melody else ROLE_VOLUME[role]
        performances.append(with_default_mix(_perform_part(part, *timing), volume, ROLE_PAN[role]))
    return tuple(performances)


def _grid_timing(song: Song, part: Part) -> _Timing:
    onset, end = part.notes["onset"], part.notes["onset"] + part.notes["duration"]
    return song.seconds(onset), song.seconds(end), song.seconds(part.controls["tick"])


def _file_timings(song: Song) -> list[_Timing]:
    """Return the exact times of each part's notes and controllers."""
    from ritornello.score import smf
    from ritornello.score.midi_notes import raw_parts
    from ritornello.score.midi_performance import performance

    original = song.original
    if original is None or not smf.is_midi(original.data):
        raise ArgumentError("the song was not read from a MIDI file: there are no played times to render")
    times = performance(song)
    file = smf.parse(original.data, original.name)
    raw = raw_parts(file, original.name)
    # Controllers stand in file ticks; the notes say which second each tick is. Ticks and seconds rise together.
    ticks = np.concatenate([[0], *(np.sort(part.onset) for part in raw), *(np.sort(part.end) for part in raw)])
    seconds = np.concatenate([[0.0], *(np.sort(t.onset_s) for t in times), *(np.sort(t.end_s) for t in times)])
    ticks, first = np.unique(ticks, return_index=True)
    seconds = seconds[first]
    # A pedal is often lifted after the last note.
    end = max(int(part.controls[0].max(initial=0)) for part in raw)
    if end > ticks[-1]:
        rest_s = (end - ticks[-1]) * 60.0 / (song.tempi[-1].qpm * file.ticks_per_quarter)
        ticks, seconds = np.append(ticks, end), np.append(seconds, seconds[-1] + rest_s)
    return [
        (time.onset_s, time.end_s, np.interp(part.controls[0], ticks, seconds))
        for time, part in zip(times, raw, strict=True)
    ]


def _perform_part(
    part: Part, onset_s: NDArray[np.float64], release_s: NDArray[np.float64], control_s: NDArray[np.float64]
) -> PartPerformance:
    notes = np.zeros(len(part.notes), PLAYED_NOTE_DTYPE)
    notes["onset_s"], notes["release_s"] = onset_s, release_s
    notes["key"], notes["velocity"] = part.notes["pitch"], part.notes["velocity"]
    notes = notes[np.argsort(notes["onset_s"], kind="stable")]
    events = np.zeros(len(part.controls), EVENT_DTYPE)
    # A file's controllers beyond the longest song are not in the part.
    events["time_s"] = np.sort(control_s)[: len(events)]
    events["number"], events["value"] = part.controls["number"], part.controls["value"]
    return PartPerformance(part.name, part.program, part.is_drums, notes, plain_events(events))


def with_default_mix(performance: PartPerformance, volume: int, pan: int) -> PartPerformance:
    """Return the performance with a volume and a pan at its start where it sets none itself."""
    missing = [(n, v) for n, v in ((VOLUME, volume), (PAN, pan)) if not np.any(performance.events["number"] == n)]
    added = np.array([(0.0, number, value) for number, value in missing], EVENT_DTYPE)
    return replace(performance, events=np.concatenate([added, performance.events]))


def plain_events(events: NDArray[np.void]) -> NDArray[np.void]:
    """Return the events with resets and registered parameters written out as plain values.

    Args:
        events: ``(m,)`` of `EVENT_DTYPE`, sorted by time.
    """
    if not np.isin(events["number"], (RESET, RPN_FINE, RPN_COARSE)).any():
        return events[~np.isin(events["number"], (DATA, DATA_FINE))]
    plain: list[tuple[float, int, float]] = []
    parameter, coarse = [127, 127], 2.0
    for time_s, number, value in events.tolist():
        if number == RESET:
            resets = ((PITCH_BEND, 0.0), (WHEEL, 0.0), (EXPRESSION, 127.0), (PEDAL, 0.0))
            plain.extend((time_s, other, reset) for other, reset in resets)
            parameter = [127, 127]
        elif number in (RPN_FINE, RPN_COARSE):
            parameter[number - RPN_FINE] = int(value)
        elif number == DATA and parameter == [0, 0]:
            coarse = min(value, 24.0)
            plain.append((time_s, BEND_RANGE, coarse))
        elif number == DATA_FINE and parameter == [0, 0]:
            plain.append((time_s, BEND_RANGE, coarse + value / 100.0))
        elif number not in (DATA, DATA_FINE):
            plain.append((time_s, number, value))
    return np.array(plain, EVENT_DTYPE)


def _curve(events: NDArray[np.void], default: float) -> Curve:
    times, values = [0.0], [default]
    for time_s, value in zip(events["time_s"].tolist(), events["value"].tolist(), strict=True):
        if time_s <= times[-1]:  # several at once, or within the ramp of the one before: the last one counts
            values[-1] = value
        else:
            times += [time_s, time_s + RAMP_S]
            values += [values[-1], value]
    return Curve(np.array(times), np.array(values))
