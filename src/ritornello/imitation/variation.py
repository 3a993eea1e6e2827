"""Phrases changed in places: endings, single half bars, lengths; the rest of the phrase and its framework stay.

Our design, after measured repeats: a repeat is varied like human repeats are, its ending first, then single half bars
over the same basic melody, while its agreement stays above a goal.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from ritornello.analysis.segments import basic_pitches, pattern_of
from ritornello.imitation.composer import Composer
from ritornello.imitation.contexts import ends_section
from ritornello.imitation.phrase import Line, NewPhrase, rolls_agree

NEW_RHYTHM_SHARE = 0.6
"""Share of redrawn half bars that get a new rhythm as well."""

VARIATION_TRIES = 24
"""Half bars tried to bring a repeat down to its goal."""

GOAL_TOLERANCE = 0.03
"""How near to its goal a repeat's agreement is brought."""


class PhraseEditor:
    """Redraws parts of phrases with a composer's models.

    Args:
        composer: the models' writers.
    """

    def __init__(self, composer: Composer) -> None:
        self.composer = composer
        self.rng = composer.rng

    def with_length(self, new: NewPhrase, bars: int, line: Line, start_step: int, closes: bool) -> NewPhrase:
        """Return a phrase cut or continued to a number of bars, with a new ending if that changes it.

        Args:
            new: the phrase.
            bars: the wanted length.
            line: the melody before it.
            start_step: step of the song at which it starts.
            closes: whether the song ends with it.
        """
        steps, old_steps = bars * self.composer.steps_per_bar, new.bars * self.composer.steps_per_bar
        if steps == old_steps:
            return new
        if steps < old_steps:
            inside = new.onsets < steps
            onsets = new.onsets[inside]
            cut = dataclasses.replace(
                new, bars=bars, onsets=onsets, pitches=new.pitches[inside],
                durations=np.minimum(new.durations[inside], steps - onsets),
                basics=new.basics[: steps // self.composer.size],
            )  # fmt: skip
            return self.redrawn(cut, steps - self.composer.steps_per_bar, steps, line, start_step, closes)
        missing = (steps - old_steps) // self.composer.size
        longer = dataclasses.replace(new, bars=bars, basics=new.basics + (None,) * missing)
        return self.redrawn(longer, old_steps, steps, line, start_step, closes)

    def with_ending(self, new: NewPhrase, line: Line, start_step: int, closes: bool) -> NewPhrase:
        """Return a phrase with a new ending for its place: the last bar at a section's end, else the last half bar."""
        steps = new.bars * self.composer.steps_per_bar
        length = self.composer.steps_per_bar if closes or ends_section(new.place) else self.composer.size
        return self.redrawn(new, max(0, steps - length), steps, line, start_step, closes)

    def varied(
        self, new: NewPhrase, old: NewPhrase, goal: float, line: Line, start_step: int, closes: bool
    ) -> NewPhrase:
        """Return a repeat that agrees with its source as much as the goal says, or a little more.

        Args:
            new: the repeat, so far a copy.
            old: its source.
            goal: the wanted agreement, 0..1.
            line: the melody before it.
            start_step: step of the song at which it starts.
            closes: whether the song ends with it.
        """
        size, steps_per_bar = self.composer.size, self.composer.steps_per_bar
        if closes or new.place != old.place or self.rng.random() < 0.5:
            changed = self.with_ending(new, line, start_step, closes)
            other_place = ends_section(new.place) != ends_section(old.place)
            if closes or other_place or rolls_agree(changed, old, steps_per_bar) >= goal - 3 * GOAL_TOLERANCE:
                new = changed
        segments = new.bars * steps_per_bar // size
        for _ in range(VARIATION_TRIES):
            reached = rolls_agree(new, old, steps_per_bar)
            if reached <= goal + GOAL_TOLERANCE:
                break
            at = int(self.rng.integers(0, max(1, segments - 1))) * size
            changed = self.redrawn(new, at, at + size, line, start_step, closes)
            if goal - GOAL_TOLERANCE <= rolls_agree(changed, old, steps_per_bar) < reached:
                new = changed
        return new

    def redrawn(
        self,
        new: NewPhrase,
        start: int,
        stop: int,
        line: Line,
        start_step: int,
        closes: bool,
        rhythm: bool = True,
    ) -> NewPhrase:
        """Return a phrase with the notes that start in its steps ``start`` to ``stop`` drawn anew.

        The basic melody stays where it is. An ending gets a new rhythm; other places do in a share of cases.

        Args:
            new: the phrase.
            start: first step, a multiple of the segment.
            stop: the step after the last.
            line: the melody before the phrase.
            start_step: step of the song at which the phrase starts.
            closes: whether the song ends with it: then the last note is held.
            rhythm: whether the rhythm may change at all.
        """
        composer, size = self.composer, self.composer.size
        steps = new.bars * composer.steps_per_bar
        before, after = new.onsets < start, new.onsets >= stop
        patterns = [pattern_of(new.onsets, at, size) for at in range(0, steps, size)]
        if rhythm and (stop == steps or self.rng.random() < NEW_RHYTHM_SHARE):
            for segment in range(start // size, stop // size):
                patterns[segment] = composer.rhythm.draw_pattern(new.letter, patterns, segment, new.place)
        fresh = composer.rhythm.onsets_of(patterns[start // size : stop // size], start // size)
        if not len(fresh) and (not before.any() or closes):
            fresh = np.array([start], np.int64)
        pitches = np.zeros(0, np.int64)
        if len(fresh):
            basics = list(new.basics) + [None] * (len(patterns) - len(new.basics))
            degree = None
            if not after.any():
                chord = new.chords[min(int(fresh[-1]) // composer.steps_per_beat, len(new.chords) - 1)]
                degree = composer.melody.draw_final_degree(new.place, chord, closes)
            pitches, _ = composer.melody.draw_pitches(
                new.letter, fresh, new.chords, basics, line.plus(start_step, _chosen(new, before)), start_step,
                final_degree=degree,
                following=int(new.pitches[after][0]) if after.any() else None,
                after=int(new.onsets[after][0]) if after.any() else None,
            )  # fmt: skip
        onsets = np.concatenate([new.onsets[before], fresh, new.onsets[after]])
        pitches = np.concatenate([new.pitches[before], pitches, new.pitches[after]])
        durations = np.concatenate([new.durations[before], np.zeros(len(fresh), np.int64), new.durations[after]])
        waits = np.diff(np.append(onsets, steps))
        first, last = int(before.sum()), len(onsets) - 1
        for index in range(max(0, first - 1), len(onsets)):
            if index < first + len(fresh) or (index == last and closes):
                place = new.place if index == last else None
                durations[index] = composer.rhythm.draw_duration(new.letter, int(waits[index]), place, closes)
        durations = np.minimum(durations, waits)
        basics_now = tuple(basic_pitches(onsets, durations, pitches, steps, size))
        return dataclasses.replace(new, onsets=onsets, durations=durations, pitches=pitches, basics=basics_now)


def _chosen(phrase: NewPhrase, chosen: NDArray[np.bool_]) -> NewPhrase:
    return dataclasses.replace(
        phrase, onsets=phrase.onsets[chosen], durations=phrase.durations[chosen], pitches=phrase.pitches[chosen]
    )
