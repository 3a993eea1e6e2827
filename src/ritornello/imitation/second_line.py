"""A second melody for seeds that have one: the seed's rhythm in each bar, new pitches over the new chords.

Our design. The bridge is a tune, so its notes are not moved like an accompaniment's: they are drawn from models of
its own, and its own copy guard watches over them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from ritornello.analysis.phrase_grid import Phrase
from ritornello.analysis.segments import pattern_of
from ritornello.arrange import ArrangePlan
from ritornello.imitation.composer import Composer
from ritornello.imitation.data import SongEvents, song_events
from ritornello.imitation.model import SongModel, Tables
from ritornello.imitation.originality_guard import CopyGuard, CopyLimits
from ritornello.imitation.phrase import Line, NewPhrase
from ritornello.score import Part, Song, make_notes

LEAST_NOTES = 8
"""A second melody of fewer notes is left out."""


def bridge_part(
    part: Part,
    seed: Song,
    events: SongEvents,
    plan: ArrangePlan,
    phrases: Sequence[Phrase],
    written: Sequence[NewPhrase],
    references: Sequence[int],
    prior: Tables,
    strength: float,
    rng: np.random.Generator,
) -> Part | None:
    """Return a new second melody on the rhythm of the seed's, or None if it has too few notes to learn from.

    Args:
        part: the seed's second melody.
        seed: the seed.
        events: its events.
        plan: which seed bar each new bar follows.
        phrases: the new segments.
        written: the new phrases, for their chords.
        references: MIDI pitch of the tonic in each new segment.
        prior: the prior's tables.
        strength: λ.
        rng: source of chance.
    """
    if len(part.notes) < LEAST_NOTES:
        return None
    tune = dataclasses.replace(part, role="melody")
    own = song_events(seed.replace(parts=(tune,)))
    model = SongModel(own, prior, strength, every_segment=True)
    composer = Composer(model, CopyGuard(own.grid.onsets, own.grid.pitches, CopyLimits()), rng)
    grid, size = own.grid, own.grid.segment_steps
    line = Line()
    rows: list[tuple[int, int, int, int]] = []
    for phrase, new, reference in zip(phrases, written, references, strict=True):
        steps = phrase.bars * grid.steps_per_bar
        onsets: list[int] = []
        durations: list[int] = []
        velocities: list[int] = []
        for bar in range(phrase.bars):
            start = plan.source_bars[phrase.start_bar + bar] * grid.steps_per_bar
            notes = grid.notes_between(start, start + grid.steps_per_bar)
            onsets += (grid.onsets[notes] - start + bar * grid.steps_per_bar).tolist()
            durations += grid.durations[notes].tolist()
            velocities += part.notes["velocity"][grid.sources[notes]].tolist()
        if not onsets:
            continue
        onset_steps = np.array(onsets, np.int64)
        patterns = [pattern_of(onset_steps, at, size) for at in range(0, steps, size)]
        basics, _ = composer.melody.draw_basics(phrase.letter, new.chords, patterns, "free")
        pitches, _ = composer.melody.draw_pitches(
            phrase.letter, onset_steps, new.chords, basics, line, phrase.start_bar * grid.steps_per_bar
        )
        fresh = NewPhrase(phrase.letter, phrase.bars, "free", new.chords, onset_steps, np.array(durations), pitches)
        line = line.plus(phrase.start_bar * grid.steps_per_bar, fresh)
        octave = own.reference - events.reference
        for onset, duration, pitch, velocity in zip(onsets, durations, pitches.tolist(), velocities, strict=True):
            first = (phrase.start_bar * grid.steps_per_bar + onset) * grid.step_ticks
            rows.append((first, duration * grid.step_ticks, int(pitch + reference + octave), velocity))
    table = np.array(rows, np.int64).reshape(-1, 4)
    room = np.diff(np.append(table[:, 0], plan.end))
    lengths = np.maximum(1, np.minimum(table[:, 1], room))
    notes_array = make_notes(table[:, 0], lengths, np.clip(table[:, 2], 0, 127), table[:, 3])
    return dataclasses.replace(part, notes=notes_array, controls=part.controls[:0])
