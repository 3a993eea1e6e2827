"""What a new phrase costs: distance from the seed's style, copies of the seed, stuck repetitions, likeness to a phrase.

Our design. Candidates and redrawn half bars are compared by this cost, in nats per event like their likelihood. Copies
are runs that `originality_guard` counts; likeness sees what runs do not, a phrase that follows one of the seed's with
notes changed here and there.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ritornello.imitation.composer import Composer
from ritornello.imitation.data import IntArray, PhraseEvents
from ritornello.imitation.originality_guard import LEAST_PHRASE_BARS, LIKENESS_LIMIT, likeness
from ritornello.imitation.phrase import Line, NewPhrase
from ritornello.imitation.settings import STYLE_WEIGHT

LIKENESS_WEIGHT = 10.0
"""What likeness to a phrase of the seed costs, beyond half its limit, in nats per event."""

COPY_COST = 20.0
"""What a note that completes a run over a copy limit costs."""

REPETITION_COST = 3.0
"""What a note costs that repeats its pitch more often than the seed ever does."""

TAIL_NOTES = 16
"""Notes before a phrase that a run could begin in."""


class PhraseCost:
    """Compares new phrases with the seed.

    Args:
        composer: the writers, for the seed's models, histograms and copy guard.
    """

    def __init__(self, composer: Composer) -> None:
        self.composer = composer
        self.model = composer.model
        self._seed_degrees = [
            _degrees(events, events.phrase.bars * composer.steps_per_bar)
            for events in self.model.events.phrases
            if events.phrase.is_melodic and events.phrase.bars >= LEAST_PHRASE_BARS
        ]

    def of(self, new: NewPhrase, line: Line, start_step: int) -> float:
        """Return the cost of a phrase.

        Args:
            new: the phrase.
            line: the melody before it.
            start_step: step of the song at which it starts.
        """
        return (
            STYLE_WEIGHT * self.model.strength * self.composer.styles.melody_distance(new.letter, new)
            + COPY_COST * len(self.violations(new, line, start_step))
            + REPETITION_COST * len(overlong_repetitions(new.pitches.tolist(), self.model.longest_repetition))
            + LIKENESS_WEIGHT * max(0.0, self.likeness(new) - LIKENESS_LIMIT / 2)
        )

    def likeness(self, new: NewPhrase) -> float:
        """Return how like a phrase is to the likest phrase of the seed, 0..1; 0 without a copy guard."""
        if self.composer.guard is None or new.bars < LEAST_PHRASE_BARS:
            return 0.0
        mine = _degrees(new, new.bars * self.composer.steps_per_bar)
        return max((likeness(mine, roll) for roll in self._seed_degrees), default=0.0)

    def violations(self, new: NewPhrase, line: Line, start_step: int) -> list[int]:
        """Return the notes of a phrase that complete too long a run, after the melody so far."""
        guard = self.composer.guard
        if guard is None or not len(new.onsets):
            return []
        before = Line(line.onsets[-TAIL_NOTES:], line.pitches[-TAIL_NOTES:])
        whole = before.plus(start_step, new)
        first = len(before.onsets)
        return [index - first for index in guard.violations(whole.onsets, whole.pitches) if index >= first]


def overlong_repetitions(pitches: Sequence[int], limit: int) -> list[int]:
    """Return the indices of notes that repeat the pitch before them more than ``limit`` notes in a row."""
    found, length = [], 1
    for index in range(1, len(pitches)):
        length = length + 1 if pitches[index] == pitches[index - 1] else 1
        if length > limit:
            found.append(index)
    return found


def _degrees(phrase: NewPhrase | PhraseEvents, steps: int) -> IntArray:
    """Return the scale degree at each step, -1 for a rest."""
    roll = np.full(steps, -1, np.int64)
    for onset, duration, pitch in zip(phrase.onsets, phrase.durations, phrase.pitches, strict=True):
        roll[onset : onset + duration] = pitch % 12
    return roll
