"""The cells of a framework: chords, melody segments and notes, and the phrases that hold them.

After Dai, Jin, Gomes and Dannenberg (ISMIR 2021); `ritornello.score.framework` says how they make a song. They are
plain values; whether they fit each other is checked when a `Framework` is made of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ritornello.score.chord import Chord
from ritornello.score.form import Form
from ritornello.score.key import Key

FRAMEWORK_VERSION = 1
"""Version of the JSON format."""

Role = Literal["phrase end", "section end", "no melody"]
"""What the end of a phrase closes."""

Repeat = Literal["copy", "vary", "free"]
"""How a phrase repeats its source."""

REPEATS: tuple[Repeat, ...] = ("copy", "vary", "free")

ONSETS_OF_FULL_COMPLEXITY = 16
"""Onsets in a cell that count as complexity 1."""

CELL_ITEMS = ("basic_pitch", "rhythm_label", "complexity", "onset_pattern", "contour")
"""What is decided, and locked, one by one in a cell."""

CELL_LAYERS: dict[str, tuple[str, ...]] = {
    "basic": ("basic_pitch",),
    "rhythm": ("rhythm_label", "complexity", "onset_pattern"),
    "contour": ("contour",),
}
"""The layers of the cells; a repeat takes each of them from its source as a whole or not at all."""


@dataclass(frozen=True, slots=True)
class ChordCell:
    """A chord and how long it sounds.

    Attributes:
        chord: the chord; None where no chord sounds (or, with `is_open`, none is decided).
        beats: length in beats of the metre, more than 0; a whole number of ticks.
        lock: whether it is to be kept.
        is_open: whether the chord is still to be decided.
    """

    chord: Chord | None
    beats: float
    lock: bool = False
    is_open: bool = False


@dataclass(frozen=True, slots=True)
class Cell:
    """What is decided about one segment of the melody; None where it is open.

    Attributes:
        basic_pitch: the MIDI pitch (1..127) that sounds longest, 0 where nothing sounds.
        rhythm_label: index of the first cell of the phrase with the same rhythm.
        complexity: number of onsets / 16.
        onset_pattern: steps on which notes start, as a whole number, the first step its lowest bit.
        contour: height of a drawn curve, on any scale.
        locks: the items of `CELL_ITEMS` that are to be kept.
    """

    basic_pitch: int | None = None
    rhythm_label: int | None = None
    complexity: float | None = None
    onset_pattern: int | None = None
    contour: float | None = None
    locks: frozenset[str] = frozenset()

    def has(self, layer: str) -> bool:
        """Return whether anything of a layer of `CELL_LAYERS` is decided."""
        return any(getattr(self, item) is not None for item in CELL_LAYERS[layer])


@dataclass(frozen=True, slots=True)
class NoteCell:
    """A note of the melody.

    Attributes:
        onset: steps from the start of the phrase.
        duration: steps, at least 1.
        pitch: MIDI pitch, 0..127.
        lock: whether it is to be kept.
    """

    onset: int
    duration: int
    pitch: int
    lock: bool = False


@dataclass(frozen=True, slots=True)
class FrameworkPhrase:
    """One segment of the form with what is decided about it.

    Attributes:
        id: its place in the form, from 0.
        letter: its letter.
        bars: length in bars.
        start_bar: first bar, from 0.
        role: what its end closes.
        position_in_section: segments of its section before it, None outside sections.
        source: id of the earlier phrase that it repeats, or None.
        repeat: how it repeats it; "free" without a source.
        key: its key where that is not the song's, else None.
        chords: chord cells that fill it, or None: taken from the source, or open.
        cells: one per segment, or None: as with `chords`.
        notes: rising and not overlapping; empty for silence, or None: as with `chords`.
        notes_are_partial: whether further notes are to be written between the given ones.
        made_from: what the program that wrote its layers made each item from, as it noted it; "" for none.
    """

    id: int
    letter: str
    bars: int
    start_bar: int
    role: Role
    position_in_section: int | None = None
    source: int | None = None
    repeat: Repeat = "free"
    key: Key | None = None
    chords: tuple[ChordCell, ...] | None = None
    cells: tuple[Cell, ...] | None = None
    notes: tuple[NoteCell, ...] | None = None
    notes_are_partial: bool = False
    made_from: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "chords", tuple(self.chords or ()) or None)
        object.__setattr__(self, "cells", tuple(self.cells or ()) or None)
        object.__setattr__(self, "notes", None if self.notes is None else tuple(self.notes))

    @property
    def is_melodic(self) -> bool:
        """Whether it has a melody (a capital letter)."""
        return self.letter.isupper()


def phrases_of_form(form: Form, repeat: Repeat = "vary") -> tuple[FrameworkPhrase, ...]:
    """Return the phrases of a form with all else open; repeats as long as their source repeat it in the given way.

    The source of a phrase is the earlier one of its letter that stands most like it: as long, at the end of a section
    like it, between the same letters; of several the first. In 309 songs of POP909's training split 39 % of repeats
    equal that one, and 29 % the first of their letter.
    """
    ends: set[int] = set()
    positions: dict[int, int] = {}
    for first, stop in form.sections:
        ends.add(max(index for index in range(first, stop) if form.segments[index].is_melodic))
        positions |= {index: index - first for index in range(first, stop)}
    places = [_Place(segment.bars, index in ends, *_neighbours(form, index)) for index, segment in enumerate(form)]
    phrases = []
    for index, (segment, start) in enumerate(zip(form.segments, form.starts, strict=True)):
        role: Role = "section end" if index in ends else "phrase end" if segment.is_melodic else "no melody"
        same = [i for i in range(index) if form.segments[i].letter == segment.letter and segment.is_repeatable]
        source = max(same, key=lambda i: (places[i].likeness(places[index]), -i), default=None)
        same_length = source is not None and form.segments[source].bars == segment.bars
        phrases.append(
            FrameworkPhrase(
                index, segment.letter, segment.bars, start, role, positions.get(index), source,
                repeat if same_length else "free",
            )
        )  # fmt: skip
    return tuple(phrases)


@dataclass(frozen=True)
class _Place:
    """Where a phrase stands in its form: between which letters of its section."""

    bars: int
    ends_section: bool
    before: str
    after: str

    def likeness(self, other: _Place) -> int:
        same = (self.bars == other.bars, self.ends_section == other.ends_section, self.before == other.before)
        return sum(
            weight * equal for weight, equal in zip((8, 4, 2, 1), (*same, self.after == other.after), strict=True)
        )


def _neighbours(form: Form, index: int) -> tuple[str, str]:
    """Return the letters of the phrases with a melody beside one in its section, "" where there is none."""
    first, stop = next(((first, stop) for first, stop in form.sections if first <= index < stop), (index, index + 1))
    before = [segment.letter for segment in form.segments[first:index] if segment.is_melodic]
    after = [segment.letter for segment in form.segments[index + 1 : stop] if segment.is_melodic]
    return before[-1] if before else "", after[0] if after else ""
