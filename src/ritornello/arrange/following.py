"""Parts that go along with the melody, in unison, octaves or parallel steps: they go along with the new one too.

Our design.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ritornello.arrange.plan import ArrangePlan, ChordFinder, notes_by_bar
from ritornello.score import Part, Song

FOLLOWING_SHARE = 0.75
"""A part with this share of its notes on the melody's onsets, near one distance from it, follows the melody."""

SAME_DISTANCE = 2
"""Furthest, in semitones, that a follower's distance wanders from its middle."""


def follows_melody(part: Part, melody: Part) -> bool:
    """Return whether most notes of a part start with a melody note, at about the same distance."""
    if part.is_drums or not len(part.notes) or not len(melody.notes):
        return False
    distances = _distances(part, melody)
    if not len(distances):
        return False
    near = np.abs(distances - np.median(distances)) <= SAME_DISTANCE
    return float(near.sum()) >= FOLLOWING_SHARE * len(part.notes)


def following_notes(seed: Song, part: Part, melody: Part, plan: ArrangePlan) -> NDArray[np.void]:
    """Return the part's notes along the new melody, in the bars where it played.

    Octaves are exact; other distances go to the nearest note of the chord or the key.
    """
    distance = round(float(np.median(_distances(part, melody))))
    active = set(notes_by_bar(seed, part))
    playing = np.array([source in active for source in plan.source_bars])
    bars = np.minimum(plan.melody["onset"] // plan.bar_ticks, len(playing) - 1)
    notes: NDArray[np.void] = plan.melody[playing[bars]].copy()
    notes["velocity"] = int(np.median(part.notes["velocity"]))
    finder = ChordFinder(plan.chords)
    for note in notes:
        wanted = int(note["pitch"]) + distance
        if distance % 12:
            chord = finder.at(int(note["onset"]))
            wanted = _fitting(
                wanted, chord.pitch_classes if chord is not None else frozenset(), frozenset(plan.key.scale)
            )
        note["pitch"] = min(127, max(0, wanted))
    return notes


def _distances(part: Part, melody: Part) -> NDArray[np.int64]:
    """Return the semitones from the melody of the part's notes that start with one of its notes."""
    onsets = melody.notes["onset"].astype(np.int64)
    place = np.clip(np.searchsorted(onsets, part.notes["onset"] - 1), 0, len(onsets) - 1)
    together = np.abs(onsets[place] - part.notes["onset"]) <= 1
    own, other = part.notes["pitch"][together], melody.notes["pitch"][place[together]]
    distances: NDArray[np.int64] = own.astype(np.int64) - other.astype(np.int64)
    return distances


def _fitting(pitch: int, chord: frozenset[int], scale: frozenset[int]) -> int:
    """Return the nearest chord tone within a semitone, else the nearest note of the scale."""
    for classes, reach in ((chord, 1), (scale, 2)):
        for step in range(reach + 1):
            for candidate in (pitch - step, pitch + step):
                if candidate % 12 in classes:
                    return candidate
    return pitch
