"""Which onset patterns a cell may take: locks, the rhythm form, fixed notes and locked pitches as masks of every step.

Ours, around `masks.rhythm_allowed`. A rhythm label that is locked later in the phrase already counts where the rhythm
that it names is drawn.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np

from ritornello.frameworks.data import IntArray
from ritornello.frameworks.draft import Draft
from ritornello.frameworks.features import CLASSES, UNKNOWN, rhythm_features
from ritornello.frameworks.masks import ONSETS, BoolArray, rhythm_allowed, same_rhythm

_CLASSES: IntArray = np.arange(CLASSES["rhythm"])


class PatternMasks:
    """The masks of one phrase.

    Args:
        draft: the phrase; the patterns of the other cells are decided.
        cells: the cells that are drawn.
        other_than: a pattern that a cell must not have.
        closing: the step at which the last note begins, if that is decided.

    Attributes:
        features: what the rhythm network is told.
    """

    def __init__(
        self, draft: Draft, cells: Collection[int], other_than: Mapping[int, int], closing: int | None = None
    ) -> None:
        self.draft, self.cells, self.other_than = draft, cells, other_than
        self.units = _Units(draft)
        self.features = rhythm_features(draft.plan, *self.units.form())
        self.needed, self.barred = _bits_of_fixed(draft)
        if closing is not None:
            self._close(closing)
        self.asked: dict[int, BoolArray] = {}  # of cells that a locked label names: what can be like the cell with it
        for cell, label in sorted(draft.locked_labels.items(), reverse=True):  # labels point back: the last one first
            if label < cell and self.units.per_cell == 1:
                like = same_rhythm(draft.cell_steps)[:, self._wanted(cell, 0, draft.cell_steps)].any(axis=1)
                self.asked[label] = self.asked.get(label, np.ones(len(_CLASSES), np.bool_)) & like

    def allowed(self, histories: IntArray) -> BoolArray:
        """Return ``[B, 256]`` what the unit after histories ``[B, t]`` may be."""
        unit = histories.shape[1]
        cell, offset, size = self.units.places[unit]
        possible = self._wanted(cell, offset, size)
        if cell not in self.cells:
            return np.broadcast_to(possible, (len(histories), len(possible)))
        if self.units.per_cell == 1 and cell in self.other_than and int(possible.sum()) > 1:
            possible = possible & (self.other_than[cell] != _CLASSES)
        otherwise = np.broadcast_to(self._by_count(unit) & possible, (len(histories), len(possible)))
        label = self.draft.locked_labels.get(cell, cell)
        if label < cell and self.units.per_cell == 1:  # rather another number of onsets than another rhythm
            otherwise = first_possible(same_rhythm(size)[histories[:, label]] & possible, otherwise)
        rows = first_possible(rhythm_allowed(self.features, histories) & possible, otherwise)
        wanted = self.draft.onsets[cell]
        if self.units.per_cell > 1 and wanted is not None:
            rows = self.units.with_count(rows, histories, cell, wanted)
        return first_possible(rows, np.broadcast_to(possible, rows.shape))

    def pattern(self, tokens: list[int], cell: int) -> int:
        """Return the pattern of a cell from those of the units."""
        return self.units.pattern(tokens, cell)

    def fits(self, cell: int, pattern: int) -> bool:
        """Return whether a drawn cell may have a pattern as far as locks and fixed notes go, its own label apart."""
        if "complexity" in self.draft.locks[cell] and pattern.bit_count() != self.draft.onsets[cell]:
            return False
        own = ((offset, size) for at, offset, size in self.units.places if at == cell)
        return all(self._wanted(cell, offset, size)[pattern >> offset & (1 << size) - 1] for offset, size in own)

    def _close(self, step: int) -> None:
        last, offset = divmod(step, self.draft.cell_steps)
        full = (1 << self.draft.cell_steps) - 1
        self.needed[last] |= 1 << offset
        self.barred[last] |= full & ~((2 << offset) - 1)
        self.barred[last + 1 :] = [full] * (self.draft.cells - last - 1)

    def _wanted(self, cell: int, offset: int, size: int) -> BoolArray:
        """Return ``(256,)`` what a unit may be, so that cells whose locked labels name this one can be like it."""
        possible = self._possible(cell, offset, size)
        both = possible & self.asked[cell] if cell in self.asked else possible
        return both if both.any() else possible

    def _possible(self, cell: int, offset: int, size: int) -> BoolArray:
        """Return ``(256,)`` what a unit may be whatever stands before it."""
        mask = (1 << size) - 1
        if cell not in self.cells:
            known: BoolArray = np.equal(_CLASSES, (self.draft.patterns[cell] or 0) >> offset & mask)
            return known
        must, must_not = self.needed[cell] >> offset & mask, self.barred[cell] >> offset & mask
        fits = np.equal(_CLASSES & must, must) & np.equal(_CLASSES & must_not, 0)
        possible: BoolArray = np.logical_and(fits, np.less_equal(_CLASSES, mask))
        if self.units.per_cell == 1 and "complexity" in self.draft.locks[cell]:
            counted = possible & ((self.draft.onsets[cell] or 0) == ONSETS)
            possible = counted if counted.any() else possible
        if self._must_sound(cell) and offset == 0:
            possible = possible & (_CLASSES > 0) if (possible & (_CLASSES > 0)).any() else possible
        carries: BoolArray = possible & _carriers(self.draft, cell, offset, size)
        return carries if carries.any() else possible

    def _must_sound(self, cell: int) -> bool:
        """Return whether a pitch is locked in the silent cell after this one, which only this one can hold."""
        draft, after = self.draft, cell + 1
        return (
            after < draft.cells
            and after not in self.cells
            and not draft.patterns[after]
            and "basic_pitch" in draft.locks[after]
            and bool(draft.basics[after])
        )

    def _by_count(self, unit: int) -> BoolArray:
        wanted = int(self.features.complexities[unit])
        return np.asarray((wanted == ONSETS) | (wanted == UNKNOWN))


def only(token: int, beams: int, classes: int) -> BoolArray:
    """Return ``[beams, classes]`` that allow one class."""
    row = np.zeros((beams, classes), np.bool_)
    row[:, token] = True
    return row


def first_possible(wanted: BoolArray, otherwise: BoolArray) -> BoolArray:
    """Return the wanted rows; those without any class give way to the others."""
    return np.where(wanted.any(axis=-1, keepdims=True), wanted, otherwise)


def _bits_of_fixed(draft: Draft) -> tuple[list[int], list[int]]:
    """Return for each cell the onsets that fixed notes and locked pitches need, and those that they rule out."""
    size = draft.cell_steps
    needed, barred = [0] * draft.cells, [0] * draft.cells
    for row in draft.fixed:
        for note in row:
            needed[note.onset // size] |= 1 << note.onset % size
            for step in range(note.onset + 1, note.onset + note.duration):
                barred[step // size] |= 1 << step % size
    for cell in range(draft.cells):
        if "basic_pitch" in draft.locks[cell] and not draft.basics[cell]:
            barred[cell] = (1 << size) - 1
    return needed, barred


def _carriers(draft: Draft, cell: int, offset: int, size: int) -> BoolArray:
    """Return ``(256,)`` the patterns of a unit that let a locked basic pitch sound longest in its cell.

    Of a cell of several units only the first is asked, and for any note at all.
    """
    classes = range(CLASSES["rhythm"])
    basic = draft.basics[cell]
    if "basic_pitch" not in draft.locks[cell] or not basic or offset:
        return np.ones(len(classes), np.bool_)
    if size < draft.cell_steps:
        return np.array([pattern > 0 for pattern in classes])
    start = cell * size
    fixed = {note.onset - start: note for note in draft.fixed[cell]}
    held = [note for row in draft.fixed[:cell] for note in row if note.onset + note.duration > start]
    result = np.zeros(len(classes), np.bool_)
    for pattern in classes:
        steps: dict[int, int] = {note.pitch: note.onset + note.duration - start for note in held}
        onsets = [step for step in range(size) if pattern >> step & 1]
        for step, after in zip(onsets, [*onsets[1:], size], strict=False):
            pitch = fixed[step].pitch if step in fixed else basic
            length = min(fixed[step].duration, after - step) if step in fixed else after - step
            steps[pitch] = steps.get(pitch, 0) + length
        longest = max(steps, key=lambda pitch: steps[pitch], default=0)  # of equals the first, as basic pitches count
        result[pattern] = longest == basic and steps[basic] > 0
    return result


class _Units:
    """The rhythm units of a draft's cells: one of each in 4/4, several in a bar of 3/4."""

    def __init__(self, draft: Draft) -> None:
        size = draft.cell_steps
        self.draft = draft
        self.places = [(start // size, start % size, steps) for start, steps in draft.plan.units]
        self.per_cell = len(self.places) // max(1, draft.cells)

    def form(self) -> tuple[list[int], list[int]]:
        """Return labels and numbers of onsets of the units, UNKNOWN where the cells do not tell."""
        labels, counts = [], []
        for unit, (cell, _, _) in enumerate(self.places):
            label, count = self.draft.labels[cell], self.draft.onsets[cell]
            if self.per_cell == 1:
                labels.append(UNKNOWN if label is None else label)
                counts.append(UNKNOWN if count is None else count)
            else:
                repeats = label is not None and label < cell
                labels.append((label or 0) * self.per_cell + unit % self.per_cell if repeats else UNKNOWN)
                counts.append(UNKNOWN)
        return labels, counts

    def with_count(self, rows: BoolArray, histories: IntArray, cell: int, wanted: int) -> BoolArray:
        """Return what leaves a cell of several units its number of onsets; the rows as they are where nothing does."""
        unit = histories.shape[1]
        own = [i for i, place in enumerate(self.places) if place[0] == cell]
        room = sum(self.places[i][2] for i in own if i > unit)
        done = np.zeros(len(histories), np.int64)
        for i in own:
            if i < unit:
                done += ONSETS[histories[:, i]]
        left = wanted - done[:, None] - ONSETS[None, :]
        return first_possible(rows & (left >= 0) & (left <= room), rows)

    def pattern(self, tokens: list[int], cell: int) -> int:
        """Return the pattern of a cell from those of its units."""
        own = ((place, token) for place, token in zip(self.places, tokens, strict=True) if place[0] == cell)
        return sum(token << offset for (_, offset, _), token in own)
