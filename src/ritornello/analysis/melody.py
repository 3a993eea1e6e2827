"""The melody line and the bass line as single voices.

Our design, from Uitdenbogerd and Zobel's skyline (1999): in a part that mixes tune and accompaniment each note gets the
log odds that it belongs to the tune, from its height among its neighbours, length and loudness (learned on POP909 with
its three tracks poured into one); the line is the path through the notes with the best sum of odds minus a cost for
leaps, found by dynamic programming. A part that is one voice already is only trimmed to one note at a time.

Axes: n notes, K features.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ritornello.analysis.parameters import table
from ritornello.score import Song, make_notes
from ritornello.score.timeline import TICKS_PER_QUARTER

NOTE_FEATURES = (
    "top of its onset", "highest sounding", "above the local mean", "below the local top", "below the wide top",
    "length", "length to next onset", "velocity", "height", "distance from the voice", "notes at its onset",
)  # fmt: skip
"""Columns of `note_features`."""

LEAP_COST, FREE_LEAP, LEAP_LIMIT = 0.12, 8, 12
"""Cost of a semitone between successive notes of the line beyond the free ones, which are a gain; largest interval."""

BIAS = 1.0
"""Added to every note's log odds: a line that is too full is easier to hear through than one with holes."""

LOOK_BACK = 32
"""How many earlier notes may come directly before a note of the line."""

MIXED_POLYPHONY = 0.3
"""Mean number of further notes struck together with a part's notes from which on it mixes tune and chords."""

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]


def is_mixed(notes: NDArray[np.void]) -> bool:
    """Whether a part holds more than one voice: notes struck together, or held long under later ones."""
    if not len(notes):
        return False
    onsets, index = np.unique(notes["onset"], return_inverse=True)
    following = np.append(onsets[1:], notes["onset"][-1] + 4 * TICKS_PER_QUARTER)[index]
    overlap = notes["onset"] + notes["duration"] - following > TICKS_PER_QUARTER
    return bool(len(notes) / len(onsets) - 1 > MIXED_POLYPHONY or overlap.mean() > 0.5)


def note_features(notes: NDArray[np.void]) -> FloatArray:
    """Return ``(n, K)`` features of notes in order of onset, then pitch, with the columns `NOTE_FEATURES`."""
    onset, pitch = notes["onset"].astype(np.int64), notes["pitch"].astype(np.float64)
    duration = np.minimum(notes["duration"], 4 * TICKS_PER_QUARTER).astype(np.float64)
    onsets, first, index, count = np.unique(onset, return_index=True, return_inverse=True, return_counts=True)
    highest = pitch[first + count - 1]

    slots = int(onset[-1]) // (TICKS_PER_QUARTER // 4) + 18
    slot = onset // (TICKS_PER_QUARTER // 4)
    length = np.maximum(1, np.minimum(notes["duration"] // (TICKS_PER_QUARTER // 4), 16)).astype(np.int64)
    roof = np.full(slots, -1.0)
    for step in range(16):
        sounding = (step < length) & (slot + step < slots)
        np.maximum.at(roof, slot[sounding] + step, pitch[sounding])
    local, wide = _running_max(roof, 8), _running_max(roof, 32)
    total, number = np.bincount(slot, pitch, minlength=slots), np.bincount(slot, minlength=slots)
    box = np.ones(33)
    mean = np.convolve(total, box, "same") / np.maximum(np.convolve(number, box, "same"), 1)
    to_next = np.append(np.diff(onsets), 4 * TICKS_PER_QUARTER)[index]
    velocity = notes["velocity"].astype(np.float64)
    return np.stack(
        [
            (pitch >= highest[index]).astype(float),
            (pitch >= roof[slot]).astype(float),
            (pitch - mean[slot]) / 12,
            (local[slot] - pitch) / 12,
            (wide[slot] - pitch) / 12,
            np.log(duration / TICKS_PER_QUARTER),
            np.clip(duration / to_next, 0, 2),
            (velocity - velocity.mean()) / max(float(velocity.std()), 1.0),
            (pitch - 66) / 12,
            ((pitch - 66) / 12) ** 2,
            np.log(count[index]),
        ],
        axis=1,
    )


def _running_max(values: FloatArray, reach: int) -> FloatArray:
    padded = np.pad(values, reach, constant_values=-1)
    result: FloatArray = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1).max(axis=1)
    return result


def melody_of_mixed(notes: NDArray[np.void]) -> BoolArray:
    """Return which notes of a mixed part make its tune ``(n,)``, for notes in order of onset, then pitch."""
    chosen = np.zeros(len(notes), dtype=bool)
    if not len(notes):
        return chosen
    odds = note_features(notes) @ table("melody_note_weights") + float(table("melody_note_bias")) + BIAS
    candidates = np.flatnonzero(odds > -4.0)  # hopeless notes only cost time
    if not len(candidates):
        return chosen
    onset = notes["onset"][candidates].astype(np.int64)
    pitch = notes["pitch"][candidates].astype(np.float64)
    gain = odds[candidates]
    best = gain.copy()
    came_from = np.full(len(candidates), -1, dtype=np.int64)
    stop_before = np.searchsorted(onset, onset, side="left")  # the notes before this index start earlier
    for note in range(len(candidates)):
        stop = int(stop_before[note])
        if stop == 0:
            continue
        start = max(0, stop - LOOK_BACK)
        leap = np.minimum(np.abs(pitch[start:stop] - pitch[note]), LEAP_LIMIT)
        reach = best[start:stop] - LEAP_COST * (leap - FREE_LEAP)
        previous = int(reach.argmax())
        best[note] = gain[note] + max(0.0, float(reach[previous]))
        came_from[note] = start + previous if reach[previous] > 0 else -1
    note = int(best.argmax())
    while note >= 0:
        chosen[candidates[note]] = True
        note = int(came_from[note])
    return chosen


def one_voice(notes: NDArray[np.void], lowest: bool = False) -> NDArray[np.void]:
    """Return notes as one voice: of notes struck together the highest (or lowest), each cut where the next begins."""
    if not len(notes):
        return notes
    order = np.lexsort((-notes["pitch"] if lowest else notes["pitch"], notes["onset"]))
    ordered = notes[order]
    last_at_onset = np.append(np.diff(ordered["onset"]) > 0, True)
    line: NDArray[np.void] = ordered[last_at_onset].copy()
    room = np.diff(line["onset"])
    line["duration"][:-1] = np.minimum(line["duration"][:-1], room)
    return line


def melody_line(song: Song) -> NDArray[np.void]:
    """Return the melody part's notes as one voice; empty if no part has the role."""
    part = song.part("melody")
    return one_voice(part.notes if part is not None else make_notes())


def bass_line(song: Song) -> NDArray[np.void]:
    """Return the bass as one voice: the part with that role, else the lowest notes of the accompaniment.

    Of the accompaniment a note counts if no other note sounds below it while it begins.
    """
    part = song.part("bass")
    if part is not None and len(part.notes):
        return one_voice(part.notes, lowest=True)
    others = [p.notes for p in song.parts if not p.is_drums and p.role != "melody" and len(p.notes)]
    if not others:
        return make_notes()
    notes = np.concatenate(others)
    notes = notes[np.lexsort((notes["pitch"], notes["onset"]))]
    line = one_voice(notes, lowest=True)
    floor = np.full(int((notes["onset"] + notes["duration"]).max()) + 1, 128)
    for note in notes:
        stop = note["onset"] + min(int(note["duration"]), 4 * TICKS_PER_QUARTER)
        np.minimum(floor[note["onset"] : stop], note["pitch"], out=floor[note["onset"] : stop])
    return one_voice(line[line["pitch"] <= floor[line["onset"]]], lowest=True)
