"""Pickups: the notes before a phrase that follows a segment without melody."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from ritornello.analysis.phrase_grid import Phrase
from ritornello.imitation.composer import Composer
from ritornello.imitation.data import IntArray, PhraseEvents
from ritornello.imitation.phrase import Line, NewPhrase


def add_pickups(composer: Composer, phrases: Sequence[Phrase], written: list[NewPhrase]) -> None:
    """Give phrases after a segment without melody the pickup rhythm that the seed has there, on new pitches.

    Args:
        composer: the writers.
        phrases: the segments of the form.
        written: a phrase for each; changed in place.
    """
    for index, phrase in enumerate(phrases[:-1]):
        following = written[index + 1]
        if phrase.is_melodic or not len(following.onsets):
            continue
        onsets, durations = _pickup_rhythm(composer, phrase, following.letter)
        if not len(onsets):
            continue
        new = written[index]
        steps = phrase.bars * composer.steps_per_bar
        onsets = onsets + steps - composer.steps_per_bar
        line = Line()
        for before, placed in zip(written[:index], phrases, strict=False):
            line = line.plus(placed.start_bar * composer.steps_per_bar, before)
        pitches, _ = composer.melody.draw_pitches(
            following.letter, onsets, new.chords, [None] * (steps // composer.size), line,
            phrase.start_bar * composer.steps_per_bar, following=int(following.pitches[0]),
        )  # fmt: skip
        written[index] = dataclasses.replace(new, onsets=onsets, durations=durations, pitches=pitches)


def _pickup_rhythm(composer: Composer, phrase: Phrase, following: str) -> tuple[IntArray, IntArray]:
    """Return onsets from the start of the bar and durations: the seed's at this place, else before the same letter."""
    seed = composer.model.events.phrases
    chosen: PhraseEvents | None = None
    if phrase.index < len(seed) and (seed[phrase.index].phrase.letter, seed[phrase.index].phrase.bars) == (
        phrase.letter,
        phrase.bars,
    ):
        chosen = seed[phrase.index]
    else:
        for events, after in pairwise(seed):
            if not events.phrase.is_melodic and after.phrase.letter == following:
                chosen = events
                break
    empty = np.zeros(0, np.int64)
    if chosen is None:
        return empty, empty
    start = (chosen.phrase.bars - 1) * composer.steps_per_bar
    inside = chosen.onsets >= start + composer.steps_per_bar // 4
    return chosen.onsets[inside] - start, chosen.durations[inside]
