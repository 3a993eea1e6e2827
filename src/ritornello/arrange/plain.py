"""A plain accompaniment for seeds that have none: held chords with voice leading, and their bass notes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ritornello.score import ChordSpan, Part, make_notes

BASS_CENTRE = 43
"""Pitch around which the bass notes lie (G2)."""


def plain_parts(
    chords: Sequence[ChordSpan],
    end: int,
    bar_ticks: int,
    with_bass: bool,
    centre: int = 60,
    velocity: int = 62,
) -> tuple[Part, ...]:
    """Return a part of held chords and, if wanted, one of bass notes.

    Chords are struck where they change and again at each bar line; their tones lie around ``centre``, each as near as
    can be to the chord before.

    Args:
        chords: the chords.
        end: tick at which everything stops.
        bar_ticks: length of a bar.
        with_bass: whether a bass part is wanted.
        centre: pitch in the middle of the chords.
        velocity: their velocity.
    """
    chord_rows: list[tuple[int, int, int, int]] = []
    bass_rows: list[tuple[int, int, int, int]] = []
    voicing: tuple[int, ...] = ()
    for span in chords:
        classes = sorted({(span.chord.root + step) % 12 for step in span.chord.intervals})[:4]
        voicing = _voicing(classes, voicing, centre)
        bass = BASS_CENTRE + (span.chord.bass - BASS_CENTRE + 6) % 12 - 6
        onset = span.onset
        while onset < min(span.end, end):
            stop = min(span.end, end, (onset // bar_ticks + 1) * bar_ticks)
            chord_rows += [(onset, stop - onset, pitch, velocity) for pitch in voicing]
            bass_rows.append((onset, stop - onset, bass, velocity + 8))
            onset = stop
    parts = [Part("Chords", _notes(chord_rows), role="chords")]
    if with_bass:
        parts.append(Part("Bass", _notes(bass_rows), program=32, role="bass"))
    return tuple(parts)


def _notes(rows: list[tuple[int, int, int, int]]) -> np.ndarray[tuple[int], np.dtype[np.void]]:
    table = np.array(rows, dtype=np.int64).reshape(-1, 4)
    return make_notes(table[:, 0], table[:, 1], table[:, 2], table[:, 3])


def _voicing(classes: Sequence[int], before: tuple[int, ...], centre: int) -> tuple[int, ...]:
    """Return the inversion in close position that lies nearest to the chord before, or to the centre at first."""
    wanted = sum(before) / len(before) if before else float(centre)
    wanted = (wanted + centre) / 2  # drift back to the centre
    best: tuple[float, tuple[int, ...]] | None = None
    for first in range(centre - 12, centre + 8):
        if first % 12 not in classes:
            continue
        place = list(classes).index(first % 12)
        order = [*classes[place:], *classes[:place]]
        pitches = [first]
        for pitch_class in order[1:]:
            pitches.append(pitches[-1] + (pitch_class - pitches[-1]) % 12)
        distance = abs(sum(pitches) / len(pitches) - wanted)
        if before:
            distance += sum(min(abs(p - q) for q in before) for p in pitches) / len(pitches)
        if best is None or distance < best[0]:
            best = (distance, tuple(pitches))
    return best[1] if best else ()
