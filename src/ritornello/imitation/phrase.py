"""A phrase that was made, the line it is part of, and how two phrases compare."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ritornello.evaluation.imitation import agreement
from ritornello.imitation.contexts import Place
from ritornello.imitation.data import ChordSymbol, IntArray, PhraseEvents

REST = -1000
"""Stands for a rest, or for no wish, where pitches are expected; pitches above a reference can be negative."""


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

    def roll(self, steps: int) -> IntArray:
        """Return ``(steps,)`` the held pitch at each step, `REST` where nothing sounds."""
        held = np.full(steps, REST, np.int64)
        for onset, duration, pitch in zip(self.onsets, self.durations, self.pitches, strict=True):
            held[onset : onset + duration] = pitch
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


def same_melody(one: NewPhrase, other: NewPhrase) -> bool:
    """Return whether two phrases have one letter and the same notes."""
    return one.letter == other.letter and all(
        np.array_equal(getattr(one, name), getattr(other, name)) for name in ("onsets", "durations", "pitches")
    )


def phrase_as_read(events: PhraseEvents) -> NewPhrase:
    """Return the notes of a seed's phrase as a phrase that can be compared with others; it has no chords."""
    phrase = events.phrase
    return NewPhrase(phrase.letter, phrase.bars, "free", (), events.onsets, events.durations, events.pitches)
