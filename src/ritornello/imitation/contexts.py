"""What each model's distribution depends on, longest context first, for a seed and for the prior.

Our design. A seed's contexts know the letter of the phrase (a verse keeps the verse's
rhythms); the prior's know mode and metre instead.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from ritornello.analysis.phrase_grid import Phrase
from ritornello.imitation.data import ChordSymbol
from ritornello.imitation.tables import Context

Place = Literal["song_end", "section_end", "phrase_end", "free"]
"""Where a phrase ends: the last section, another, a phrase inside a section, or a segment without melody."""

MAX_INTERVAL = 12
"""Intervals are clipped to this many semitones."""

START = 99
"""Stands for "nothing before" in contexts."""


def last_section_end(phrases: Iterable[Phrase]) -> int:
    """Return the index of the phrase that ends the last section, -1 if there is no section."""
    return max((phrase.index for phrase in phrases if phrase.is_section_end), default=-1)


def place_of(phrase: Phrase, last: int) -> Place:
    """Return where a phrase ends, given `last_section_end`."""
    if not phrase.is_melodic:
        return "free"
    if phrase.index == last:
        return "song_end"
    return "section_end" if phrase.is_section_end else "phrase_end"


def ends_section(place: Place) -> bool:
    """Return whether a phrase at a place ends a section, the last one or another."""
    return place in ("song_end", "section_end")


def position_of(segment: int, segments: int, place: Place) -> str:
    """Return the position class of a rhythm segment: start, middle, phrase_end or section_end."""
    if segment == segments - 1:
        return "section_end" if ends_section(place) else "phrase_end"
    return "start" if segment == 0 else "middle"


def weight_of(step: int, wait: int, steps_per_beat: int, segment_steps: int) -> int:
    """Return how much a note weighs: 0 if it lasts over a beat, then 1 on a segment's start, 2 on a beat, 3 elsewhere.

    Args:
        step: where it starts.
        wait: steps to the next onset.
        steps_per_beat: steps in a beat.
        segment_steps: steps in a rhythm segment.
    """
    if wait > steps_per_beat:
        return 0
    return 1 if step % segment_steps == 0 else 2 if step % steps_per_beat == 0 else 3


def quality_class(quality: str) -> str:
    """Return the first three letters of a chord quality, as the style distance counts them."""
    return quality[:3]


def clip_interval(interval: int) -> int:
    """Return an interval clipped to ± `MAX_INTERVAL`."""
    return max(-MAX_INTERVAL, min(MAX_INTERVAL, interval))


class Contexts:
    """Contexts of each model, longest first: for the seed with letters, for the prior with mode and metre.

    Args:
        metre: steps in a bar and in a beat.
        mode: ``"major"`` or ``"minor"``.
        is_prior: whether the contexts of the prior are wanted.
    """

    def __init__(self, metre: tuple[int, int], mode: str, is_prior: bool) -> None:
        self.metre, self.mode, self.is_prior = metre, mode, is_prior

    def rhythm(self, letter: str, before: int, position: str) -> tuple[Context, ...]:
        """A segment's onset pattern, after the pattern before it (-1 at the start)."""
        if self.is_prior:
            return (*self._metre(before, position), *self._metre(before), *self._metre())
        return (letter, before, position), (letter, before), (letter, position), (before, position), (before,), ()

    def duration(self, letter: str, wait: int, place: Place | str) -> tuple[Context, ...]:
        """A note's duration, given the steps to the next onset; ``place`` is "inside" but for a phrase's last note."""
        wait = min(wait, 32)
        if self.is_prior:
            return (*self._metre(place, wait), *self._metre("any", wait))
        return (letter, place, wait), (place, wait), ("any", wait)

    def basic(self, letter: str, before: int, root: int, position: str) -> tuple[Context, ...]:
        """A segment's basic pitch, after the one before it, over a chord root."""
        if self.is_prior:
            return (self.mode, before, root), (self.mode, "root", root), (self.mode,), ()
        return (letter, before, root), (before, root), (letter, before), (letter, "position", position), (letter,), ()

    def interval(self, letter: str, before: int) -> tuple[Context, ...]:
        """A melodic interval, after the interval before it."""
        if self.is_prior:
            return (self.mode, before), (before,), ()
        return (letter, before), (before,), ()

    def in_chord(self, chord: ChordSymbol, weight: int) -> tuple[Context, ...]:
        """A pitch class above the chord root."""
        root, quality = chord[0], quality_class(chord[1])
        if self.is_prior:
            return (self.mode, root, quality, weight), (self.mode, root, quality), (quality, weight), (quality,), ()
        return (root, quality, weight), (root, quality), (quality, weight), ()

    def offset(self, weight: int) -> tuple[Context, ...]:
        """A note's distance from the basic pitch of its segment."""
        return (weight,), ()

    def reuse(self, letter: str, bar: int, bars: int) -> tuple[Context, ...]:
        """Whether a bar repeats an earlier one of its phrase."""
        last = bar == bars - 1
        if self.is_prior:
            return ("bar", min(bar, 8), last), ("bar", min(bar, 8)), ()
        return (letter, bar, last), (letter, bar), ("bar", bar % 4, last), ()

    def chord_mask(self, letter: str, bar: int, before: int, last: bool) -> tuple[Context, ...]:
        """The beats of a bar on which a chord starts."""
        if self.is_prior:
            return (*self._metre(before, last), *self._metre(before), *self._metre())
        return (letter, "bar", bar), (letter, before, last), (letter,), (before,), ()

    def chord(self, letter: str, before: ChordSymbol, on_barline: bool) -> tuple[Context, ...]:
        """A chord, after the chord before it."""
        if self.is_prior:
            return (self.mode, before, on_barline), (self.mode, before), (self.mode,), ()
        return (letter, before, on_barline), (letter, before), (before,), (letter,), ()

    def ending(self, place: Place, before_root: int) -> tuple[Context, ...]:
        """The root of a phrase's last chord, after the root before it."""
        if self.is_prior:
            return (self.mode, place, before_root), (self.mode, place), (place,), ()
        return (place, before_root), (place,), ()

    def final_degree(self, place: Place, root: int) -> tuple[Context, ...]:
        """The pitch class of a phrase's last note, over the root of the chord under it."""
        if self.is_prior:
            return (self.mode, place, root), (self.mode, place), (place,), ()
        return (place, root), (place,), ()

    def _metre(self, *rest: object) -> tuple[Context, ...]:
        return ((*self.metre, *rest),)
