"""Voices and staves: how the notes of a part are laid out on paper without losing an overlap.

Notes with one onset and length form a chord; a chord goes into the first voice that is free. A staff has at most four
voices, as notation programs have: what fits into none is written into the last one, cut into tied slices wherever a
note begins or ends. Only the same pitch sounding twice at once opens further voices. Our own rules.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ritornello.score.notation import Event
from ritornello.score.song import Part

MAX_VOICES = 4
"""Voices that a staff has before notes are sliced."""

_SPLIT_PITCH = 60
_CROWDED_SEMITONES = 31


def staves(part: Part) -> list[list[int]]:
    """Return the indices of the part's notes staff by staff: one staff, or two for wide chordal parts.

    Parts with chords or overlaps that reach both more than a third below and above middle C and span more than two and
    a half octaves are written like a piano, split at middle C.
    """
    notes = part.notes
    everything = list(range(len(notes)))
    if part.is_drums or len(notes) < 2 or part.role == "melody":
        return [everything]
    low, high = int(notes["pitch"].min()), int(notes["pitch"].max())
    overlaps = bool((notes["onset"][1:] < notes["onset"][:-1] + notes["duration"][:-1]).any())
    if not overlaps or high - low < _CROWDED_SEMITONES or low > _SPLIT_PITCH - 5 or high < _SPLIT_PITCH + 5:
        return [everything]
    upper = [index for index in everything if notes["pitch"][index] >= _SPLIT_PITCH]
    return [upper, [index for index in everything if notes["pitch"][index] < _SPLIT_PITCH]]


def allocate_voices(notes: NDArray[np.void], indices: Sequence[int]) -> list[list[int]]:
    """Return the indices of a staff's notes voice by voice, at least one voice, the first the busiest."""
    chords: dict[tuple[int, int], list[int]] = {}
    for index in indices:
        chords.setdefault((int(notes["onset"][index]), int(notes["duration"][index])), []).append(index)
    ordered = sorted(chords.items(), key=lambda item: (item[0][0], -max(int(notes["pitch"][i]) for i in item[1])))
    voices: list[list[int]] = [[]]
    ends = [0]
    sounding: list[dict[int, int]] = [{}]  # by voice: pitch -> end of its last note
    for (onset, duration), chord in ordered:
        pitches = {int(notes["pitch"][index]) for index in chord}
        free = [voice for voice, end in enumerate(ends) if end <= onset and voice < MAX_VOICES]
        sliced = [
            voice
            for voice in range(MAX_VOICES - 1, len(voices))
            if all(sounding[voice].get(pitch, 0) <= onset for pitch in pitches)
        ]
        if free:
            voice = free[0]
        elif len(voices) < MAX_VOICES or not sliced:
            voice = len(voices)
            voices.append([])
            ends.append(0)
            sounding.append({})
        else:
            voice = sliced[0]
        voices[voice] += chord
        ends[voice] = max(ends[voice], onset + duration)
        sounding[voice].update(dict.fromkeys(pitches, onset + duration))
    return voices


def slice_voice(notes: NDArray[np.void], indices: Sequence[int]) -> list[Event]:
    """Return a voice as events in song ticks; notes that overlap are cut wherever one of them starts or ends."""
    spans = [(int(notes["onset"][i]), int(notes["onset"][i] + notes["duration"][i]), i) for i in indices]
    spans.sort()
    edges = sorted({edge for start, stop, _ in spans for edge in (start, stop)})
    events: list[Event] = []
    active: list[tuple[int, int, int]] = []
    upcoming = 0
    for start, stop in pairwise(edges):
        active = [span for span in active if span[1] > start]
        while upcoming < len(spans) and spans[upcoming][0] <= start:
            active.append(spans[upcoming])
            upcoming += 1
        if active:
            events.append(Event(start, stop, tuple(sorted(index for _, _, index in active))))
    return events


def bar_events(events: Sequence[Event], bar_lines: Sequence[int]) -> list[list[Event]]:
    """Return the events bar by bar, cut at bar lines, in ticks within each bar."""
    bars: list[list[Event]] = [[] for _ in range(len(bar_lines) - 1)]
    bar = 0
    for event in events:
        while bar_lines[bar + 1] <= event.start:
            bar += 1
        place = bar
        while place < len(bars) and bar_lines[place] < event.stop:
            start = max(event.start, bar_lines[place])
            stop = min(event.stop, bar_lines[place + 1])
            bars[place].append(Event(start - bar_lines[place], stop - bar_lines[place], event.notes))
            place += 1
    return bars


def top_line(notes: NDArray[np.void]) -> NDArray[np.void]:
    """Return the notes as one line: at each onset the highest, cut where the next begins."""
    kept: list[int] = []
    for index in range(len(notes)):  # sorted by onset, then pitch
        if kept and notes["onset"][kept[-1]] == notes["onset"][index]:
            kept.pop()
        kept.append(index)
    line = notes[kept].copy()
    line["duration"][:-1] = np.minimum(line["duration"][:-1], np.diff(line["onset"]))
    return line
