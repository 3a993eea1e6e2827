"""A section of a piece: whole phrases or bars of a score, from one quiet moment to another of a recording."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ritornello.score import ChordSpan, KeyRegion, Meter, Part, Song, Tempo
from ritornello.sound import Audio

TOLERANCE = 0.15
"""How far a section's length may be from the one asked for, as a share of it, where the music allows."""

MIN_PHRASES = 3
"""Fewest phrases of a section whose form is known."""

_START_BARS = 4  # without a form, sections start at every fourth bar: phrases mostly do
_QUIET_REACH_S, _QUIET_WINDOW_S = 1.5, 0.05
_SILENCE_DB = -50.0

_Event = TypeVar("_Event", Tempo, Meter, KeyRegion)


def choose_bars(song: Song, length_s: float, rng: np.random.Generator) -> tuple[int, int]:
    """Choose a section of a song, about as long as asked for; a song that is hardly longer is taken whole.

    Sections start and end with a phrase if the song's form is known, and hold at least three; otherwise they start at a
    fourth bar and end at any bar line. Empty bars at both ends of the song are left out.

    Args:
        song: a song with notes.
        length_s: wanted length in seconds.
        rng: chooses among the sections that fit.

    Returns:
        First bar and the bar after the last.
    """
    first, stop = _sounding_bars(song)
    times = song.seconds(song.bar_lines)
    if times[stop] - times[first] <= (1 + TOLERANCE) * length_s:
        return first, stop
    lines = range(first, stop + 1)
    if song.form is not None:
        bounds = [bar for bar in (*song.form.starts, song.form.bars) if bar in lines]
        fitting = [
            (start, end)
            for index, start in enumerate(bounds)
            for end in bounds[index + MIN_PHRASES :]
            if abs(times[end] - times[start] - length_s) <= TOLERANCE * length_s
        ]
        if fitting:
            return fitting[int(rng.integers(len(fitting)))]
    found: list[tuple[int, int]] = []
    for start in lines[::_START_BARS]:
        end = (
            start + 1 + int(np.abs(times[start + 1 : stop + 1] - times[start] - length_s).argmin())
            if start < stop
            else 0
        )
        if end and abs(times[end] - times[start] - length_s) <= TOLERANCE * length_s:
            found.append((start, end))
    if not found:  # bars longer than the tolerance: the nearest bar line after the first bar
        return first, first + 1 + int(np.abs(times[first + 1 : stop + 1] - times[first] - length_s).argmin())
    return found[int(rng.integers(len(found)))]


def _sounding_bars(song: Song) -> tuple[int, int]:
    onsets = np.concatenate([part.notes["onset"] for part in song.parts])
    last = max(part.end for part in song.parts)
    return int(song.bars_at(onsets.min())), int(song.bars_at(last - 1)) + 1


def cut_bars(song: Song, first: int, stop: int) -> Song:
    """Return some bars of a song as a song of their own, which starts at tick 0.

    Notes that start before the section are left out, notes that last beyond it end with it. Tempo, metre, key and
    controllers that are in force at its start are kept.

    Args:
        song: the song.
        first: the first bar.
        stop: the bar after the last.
    """
    start, end = int(song.bar_lines[first]), int(song.bar_lines[stop])
    return Song(
        parts=tuple(_cut_part(part, start, end) for part in song.parts),
        tempi=tuple(Tempo(tick, event.qpm) for tick, event in _in_force(song.tempi, start, end)),
        meters=tuple(
            Meter(tick, event.numerator, event.denominator) for tick, event in _in_force(song.meters, start, end)
        ),
        keys=tuple(KeyRegion(tick, event.key) for tick, event in _in_force(song.keys, start, end)),
        chords=tuple(
            ChordSpan(max(span.onset, start) - start, min(span.end, end) - max(span.onset, start), span.chord)
            for span in song.chords
            if span.end > start and span.onset < end
        ),
        title=song.title,
    )


def _in_force(events: Sequence[_Event], start: int, end: int) -> list[tuple[int, _Event]]:
    """Return the events of a section with ticks that count from its start, the one in force there at 0."""
    before = [event for event in events if event.tick <= start][-1:]
    return [(0, event) for event in before] + [
        (event.tick - start, event) for event in events if start < event.tick < end
    ]


def _cut_part(part: Part, start: int, end: int) -> Part:
    notes = part.notes[(part.notes["onset"] >= start) & (part.notes["onset"] < end)].copy()
    notes["duration"] = np.minimum(notes["onset"] + notes["duration"], end) - notes["onset"]
    notes["onset"] -= start
    controls = part.controls[part.controls["tick"] < end].copy()
    controls["tick"] = np.maximum(controls["tick"] - start, 0)
    # Of what was set before the section, the last value of each controller is still in force.
    earlier = part.controls["tick"][: len(controls)] <= start
    last = {int(number): index for index, number in enumerate(controls["number"]) if earlier[index]}
    keep = ~earlier
    keep[list(last.values())] = True
    return Part(part.name, notes, part.program, part.is_drums, part.role, controls[keep])


def cut_audio(audio: Audio, length_s: float, rng: np.random.Generator) -> tuple[Audio, float]:
    """Return a section of a recording and the second at which it starts.

    It runs from the quietest moment near a random place to the quietest near the wanted length after it; a recording
    that is hardly longer is taken whole, without the silence before it.

    Args:
        audio: the recording.
        length_s: wanted length in seconds.
        rng: chooses the place.
    """
    power = _power(audio)
    loud = np.flatnonzero(power > power.max() * 10.0 ** (_SILENCE_DB / 10.0))
    first = int(loud[0]) if len(loud) and power.max() > 0 else 0
    stop = int(loud[-1]) + 1 if len(loud) and power.max() > 0 else len(power)
    wanted = round(length_s / _QUIET_WINDOW_S)
    if stop - first > (1 + TOLERANCE) * wanted:
        reach = min(round(_QUIET_REACH_S / _QUIET_WINDOW_S), max(1, round(TOLERANCE * wanted / 2)))
        chosen = int(rng.integers(first, stop - wanted + 1))
        first = _quietest(power, max(chosen - reach, first), min(chosen + reach, stop - wanted))
        stop = _quietest(power, first + wanted - reach, min(first + wanted + reach, stop))
    hop = round(_QUIET_WINDOW_S * audio.sample_rate)
    end = audio.frames if stop == len(power) else stop * hop
    return Audio(audio.samples[:, first * hop : end], audio.sample_rate), first * hop / audio.sample_rate


def _power(audio: Audio) -> NDArray[np.float64]:
    hop = round(_QUIET_WINDOW_S * audio.sample_rate)
    starts = np.arange(0, max(audio.frames, 1), hop)
    square = np.square(audio.samples, dtype=np.float64).mean(axis=0)
    powers: NDArray[np.float64] = np.add.reduceat(square, starts) if len(square) else np.zeros(1)
    return powers


def _quietest(power: NDArray[np.float64], start: int, stop: int) -> int:
    return start + int(power[start : stop + 1].argmin())
