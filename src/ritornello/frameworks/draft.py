"""A phrase at work: its layers cell by cell, in C, open where something is still to be drawn.

A draft is made from a `FrameworkPhrase` and becomes one again. Pitches are those of C major or A minor, chords
likewise, as the networks know them; `shift` leads back to the phrase's key. A cell is a segment of the melody.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ritornello.analysis.segments import basic_pitches, pattern_of, rhythm_labels
from ritornello.frameworks.data import PhrasePlan, shift_to_c
from ritornello.frameworks.marks import LAYERS, NO_MARK, Layer, marks_text, parse_marks
from ritornello.score import Chord, Key
from ritornello.score.framework import Cell, ChordCell, Framework, FrameworkPhrase, NoteCell
from ritornello.score.framework_cells import ONSETS_OF_FULL_COMPLEXITY

IntArray = NDArray[np.int64]

Fate = Literal["keep", "copy", "draw"]
"""What becomes of a cell: it stays, is taken from the phrase that is repeated, or is drawn."""

OPEN_CHORD = ChordCell(None, 1, is_open=True)


@dataclass
class Draft:
    """A phrase at work.

    Attributes:
        phrase: the phrase as it was given, with what it takes from its source.
        key: its key.
        beat_ticks: ticks in a beat.
        steps_per_beat: steps in a beat.
        steps_per_bar: steps in a bar.
        cell_steps: steps in a cell.
        ticks: for each tick of the phrase the chord cell that sounds, moved to C.
        patterns: onset pattern of each cell, None where open.
        labels: rhythm label of each cell, None where open.
        onsets: number of onsets of each cell, None where open.
        basics: basic pitch of each cell, 0 for none, None where open.
        contour: drawn curve, None where nothing is drawn.
        notes: notes that start in each cell, rising; None where open.
        fixed: notes that start in each cell and stay, whatever is drawn around them.
        locks: locked items of each cell.
        marks: marks of each layer and cell.
        taken: layers that the phrase takes from its source as a whole.
        fates: for each layer what became of its cells when they were last written.
    """

    phrase: FrameworkPhrase
    key: Key
    beat_ticks: int
    steps_per_beat: int
    steps_per_bar: int
    cell_steps: int
    ticks: list[ChordCell]
    patterns: list[int | None]
    labels: list[int | None]
    onsets: list[int | None]
    basics: list[int | None]
    contour: list[float | None]
    notes: list[list[NoteCell] | None]
    fixed: list[list[NoteCell]]
    locks: list[frozenset[str]]
    marks: dict[Layer, list[str]]
    taken: frozenset[str] = field(default=frozenset())
    fates: dict[Layer, list[Fate]] = field(default_factory=dict)

    @property
    def locked_labels(self) -> dict[int, int]:
        """Locked rhythm labels by cell."""
        cells = self.phrase.cells or ()
        found = ((index, cell.rhythm_label) for index, cell in enumerate(cells) if "rhythm_label" in cell.locks)
        return {index: label for index, label in found if label is not None}

    @property
    def shift(self) -> int:
        """Semitones from the phrase's key to C."""
        return shift_to_c(self.key)

    @property
    def tonic(self) -> int:
        """The tonic of the phrase, which is in C major or A minor."""
        return 0 if self.key.mode == "major" else 9

    @property
    def steps(self) -> int:
        """Length in steps."""
        return self.phrase.bars * self.steps_per_bar

    @property
    def cells(self) -> int:
        """Number of cells."""
        return len(self.patterns)

    @property
    def cells_per_bar(self) -> int:
        """Number of cells in a bar."""
        return self.steps_per_bar // self.cell_steps

    @property
    def step_ticks(self) -> int:
        """Ticks in a step."""
        return self.beat_ticks // self.steps_per_beat

    @property
    def ends_section(self) -> bool:
        """Whether the phrase ends a section."""
        return self.phrase.role == "section end"

    @property
    def beats(self) -> tuple[Chord | None, ...]:
        """The chord at each beat, in C."""
        return tuple(cell.chord for cell in self.ticks[:: self.beat_ticks])

    @property
    def plan(self) -> PhrasePlan:
        """What the networks are told of the phrase."""
        return PhrasePlan(
            self.phrase.letter, self.phrase.bars, self.steps_per_bar, self.steps_per_beat, self.beats,
            self.ends_section, self.key.mode == "minor",
        )  # fmt: skip

    def asks(self, cell: int) -> bool:
        """Return whether a cell has a lock or a fixed note."""
        return bool(self.locks[cell] or self.fixed[cell])

    def flat_notes(self) -> list[NoteCell]:
        """Return the notes of all cells that have any."""
        return [note for row in self.notes for note in row or ()]

    def roll(self) -> IntArray:
        """Return ``(steps,)`` the pitch that sounds at each step, 0 for a rest."""
        held = np.zeros(self.steps, np.int64)
        for note in self.flat_notes():
            held[note.onset : note.onset + note.duration] = note.pitch
        return held

    def chords_in(self, cell: int) -> tuple[tuple[int, str], ...]:
        """Return the chords of a cell: where each starts, in ticks, and its name in C."""
        size = self.cell_steps * self.step_ticks
        names = ["?" if c.is_open else str(c.chord) for c in self.ticks[cell * size : (cell + 1) * size]]
        return tuple((i, name) for i, name in enumerate(names) if not i or name != names[i - 1])

    def notes_in(self, cell: int) -> tuple[tuple[int, int], ...]:
        """Return onset in the cell and pitch of the notes that start in it."""
        start = cell * self.cell_steps
        return tuple((note.onset - start, note.pitch) for note in self.notes[cell] or ())

    def content(self, layer: Layer, cell: int) -> object:
        """Return what a cell holds in a layer, for marks."""
        if layer == "chords":
            return self.chords_in(cell)
        if layer == "rhythm":
            return self.patterns[cell]
        return self.basics[cell] if layer == "basic" else self.notes_in(cell)

    def own_ingredients(self, layer: Layer, cell: int) -> object:
        """Return what a cell that is drawn for this phrase is made from."""
        if layer == "chords":
            return "chords"
        if layer == "rhythm":
            return self.labels[cell], self.onsets[cell]
        if layer == "basic":
            return self.chords_in(cell), self.contour[cell]
        return self.chords_in(cell), self.basics[cell], self.patterns[cell]

    def copied_ingredients(self, layer: Layer, cell: int, source: Draft) -> object:
        """Return what a cell that is taken from a source is made from: the source's, and what must be alike."""
        theirs = source.content(layer, cell)
        if layer == "basic":
            return theirs, source.chords_in(cell), self.chords_in(cell)
        if layer == "melody":
            return theirs, self.chords_in(cell), self.basics[cell], self.patterns[cell]
        return theirs

    def set_chords(self, start: int, stop: int, other: Sequence[ChordCell]) -> None:
        """Put chords into ticks ``start`` to ``stop`` where none is locked."""
        for tick in range(start, stop):
            if not self.ticks[tick].lock:
                self.ticks[tick] = other[tick - start]

    def relabel(self) -> None:
        """Derive rhythm labels and numbers of onsets from the patterns, which are all decided; locked labels stay."""
        patterns = [pattern or 0 for pattern in self.patterns]
        self.labels = list(rhythm_labels(patterns, self.cell_steps))
        for cell, label in self.locked_labels.items():
            self.labels[cell], self.labels[label] = label, label
        for cell, found in enumerate(self.labels):
            if found is not None and self.labels[found] != found:  # a label leads to a cell that leads nowhere else
                self.labels[cell] = self.labels[found]
        self.onsets = [pattern.bit_count() for pattern in patterns]

    def derive_from_notes(self) -> None:
        """Derive patterns and basic pitches from the notes, which are all decided."""
        notes = self.flat_notes()
        onsets, durations, pitches = (
            np.array([(n.onset, n.duration, n.pitch) for n in notes], np.int64).reshape(-1, 3).T
        )
        found = basic_pitches(onsets, durations, pitches, self.steps, self.cell_steps)
        self.basics = [pitch or 0 for pitch in found]
        self.patterns = [pattern_of(onsets, cell * self.cell_steps, self.cell_steps) for cell in range(self.cells)]
        self.relabel()


def draft_of(framework: Framework, index: int, key: Key) -> Draft:
    """Return a phrase of a framework as a draft.

    Args:
        framework: the framework.
        index: the phrase.
        key: the song's key where the framework has none.
    """
    own, whole = framework.phrases[index], framework.effective[index]
    number = own.bars * framework.cells_per_bar
    key = framework.key_of(index) or key
    shift = shift_to_c(key)
    cells = whole.cells or (Cell(),) * number
    taken = {layer for layer, items in _ITEMS.items() if not _decides(own.cells, items)}
    taken |= {"chords"} if own.chords is None else set()
    taken |= {"melody"} if own.notes is None else set()
    notes: list[list[NoteCell]] = [[] for _ in range(number)]
    for note in whole.notes or ():
        notes[note.onset // framework.cell_steps].append(dataclasses.replace(note, pitch=note.pitch + shift))
    is_open = whole.notes is None or whole.notes_are_partial
    fixed = [[n for n in row if n.lock or whole.notes_are_partial] for row in notes]
    return Draft(
        phrase=whole,
        key=key,
        beat_ticks=framework.metre.beat_ticks,
        steps_per_beat=framework.steps_per_beat,
        steps_per_bar=framework.steps_per_bar,
        cell_steps=framework.cell_steps,
        ticks=_ticks(whole, framework, shift),
        patterns=[cell.onset_pattern for cell in cells],
        labels=[cell.rhythm_label for cell in cells],
        onsets=[None if c.complexity is None else round(c.complexity * ONSETS_OF_FULL_COMPLEXITY) for c in cells],
        basics=[cell.basic_pitch + shift if cell.basic_pitch else cell.basic_pitch for cell in cells],
        contour=[cell.contour for cell in cells],
        notes=[None if is_open else row for row in notes],
        fixed=fixed,
        locks=[cell.locks for cell in cells],
        marks=parse_marks(own.made_from, number),
        taken=frozenset(taken if own.repeat != "free" and own.source is not None else ()),
    )


_ITEMS = {"basic": ("basic_pitch",), "rhythm": ("rhythm_label", "complexity", "onset_pattern"), "contour": ("contour",)}


def _decides(cells: Sequence[Cell] | None, items: Sequence[str]) -> bool:
    return any(getattr(cell, item) is not None for cell in cells or () for item in items)


def _ticks(phrase: FrameworkPhrase, framework: Framework, shift: int) -> list[ChordCell]:
    length = phrase.bars * framework.metre.bar_ticks
    if phrase.chords is None:
        return [OPEN_CHORD] * length
    ticks: list[ChordCell] = []
    for cell in phrase.chords:
        moved = dataclasses.replace(cell, chord=cell.chord.transpose(shift)) if cell.chord else cell
        ticks += [moved] * round(cell.beats * framework.metre.beat_ticks)
    return ticks


def finished(draft: Draft) -> FrameworkPhrase:
    """Return a draft, every layer of which is decided, as a phrase with everything written out."""
    shift, phrase = draft.shift, draft.phrase
    cells = None
    if phrase.is_melodic:
        cells = tuple(
            Cell(
                basic_pitch=draft.basics[i] and _playable((draft.basics[i] or 0) - shift),
                rhythm_label=draft.labels[i],
                complexity=(draft.onsets[i] or 0) / ONSETS_OF_FULL_COMPLEXITY,
                onset_pattern=draft.patterns[i],
                contour=draft.contour[i],
                locks=draft.locks[i],
            )
            for i in range(draft.cells)
        )
    return dataclasses.replace(
        phrase,
        chords=_chord_cells(draft),
        cells=cells,
        notes=tuple(dataclasses.replace(n, pitch=_playable(n.pitch - shift)) for n in draft.flat_notes()),
        notes_are_partial=False,
        made_from=marks_text(draft.marks),
    )


def _chord_cells(draft: Draft) -> tuple[ChordCell, ...]:
    rows: list[tuple[ChordCell, int]] = []
    for tick, cell in enumerate(draft.ticks):
        if tick and cell is draft.ticks[tick - 1]:  # by identity: two cells of one chord stay two
            rows[-1] = (cell, rows[-1][1] + 1)
        else:
            rows.append((cell, 1))
    return tuple(
        ChordCell(cell.chord and cell.chord.transpose(-draft.shift), length / draft.beat_ticks, cell.lock)
        for cell, length in rows
    )


def _playable(pitch: int) -> int:
    while pitch > 127:
        pitch -= 12
    while pitch < 1:
        pitch += 12
    return pitch


def no_marks(cells: int) -> dict[Layer, list[str]]:
    """Return marks for a phrase of which nothing is known."""
    return {layer: [NO_MARK] * cells for layer in LAYERS}
