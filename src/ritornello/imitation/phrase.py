"""A phrase that was made, and the line it is part of."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ritornello.evaluation.imitation import agreement
from ritornello.imitation.contexts import Place
from ritornello.imitation.data import ChordSymbol, IntArray


@dataclass(frozen=True)
class NewPhrase:
    """A phrase that was made, relative to the key.

    Attributes:
        letter: its letter.
        bars: length.
        place: where it ends.
        chords: one symbol per beat.
        onsets, durations, pitches: ``(n,)`` the melody: steps from the start of the phrase, semitones above the
            reference.
        basics: basic pitch of each rhythm segment, None where nothing sounds.
        score: the score of the candidate.
        source: index of the phrase that it repeats, or None.
    """

    letter: str
    bars: int
    place: Place
    chords: tuple[ChordSymbol, ...]
    onsets: IntArray
    durations: IntArray
    pitches: IntArray
    basics: tuple[int | None, ...] = ()
    score: float = 0.0
    source: int | None = None

    def roll(self, steps: int, offset: int = 1000) -> IntArray:
        """Return the held pitch plus ``offset`` at each step, 0 for a rest."""
        held = np.zeros(steps, np.int64)
        for onset, duration, pitch in zip(self.onsets, self.durations, self.pitches, strict=True):
            held[onset : onset + duration] = pitch + offset
        return held


@dataclass
class Line:
    """The melody so far, in steps of the whole song, for the copy guard."""

    onsets: list[int] = field(default_factory=list)
    pitches: list[int] = field(default_factory=list)

    def plus(self, start: int, phrase: NewPhrase) -> Line:
        """Return the line with a phrase appended."""
        return Line(self.onsets + (phrase.onsets + start).tolist(), self.pitches + phrase.pitches.tolist())


def rolls_agree(one: NewPhrase, other: NewPhrase, steps_per_bar: int) -> float:
    """Return the agreement of two new phrases, position by position."""
    return agreement(one.roll(one.bars * steps_per_bar), other.roll(other.bars * steps_per_bar))
