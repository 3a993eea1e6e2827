"""Notes that keep their promise: the pitch that sounds longest in each cell is its basic pitch.

Our design. Onsets and lengths are known before pitches are chosen, so it can be told at each note which pitches leave
the basic pitch of each cell the chance to sound longest there.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray

from ritornello.frameworks.features import CLASSES
from ritornello.score.framework import NoteCell

IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

_CLASSES = CLASSES["melody"]


class BasicGuard:
    """Says which pitches a note may take.

    Args:
        notes: all notes of the phrase, in order; pitch 0 where it is still to be chosen.
        basics: basic pitch of each cell; below 1 for no wish.
        cell_steps: steps in a cell.
        hard: cells whose wish must hold; others give way where both cannot.
    """

    def __init__(
        self, notes: Sequence[NoteCell], basics: Sequence[int], cell_steps: int, hard: Collection[int]
    ) -> None:
        self.basics, self.hard = basics, hard
        self.pitches = [note.pitch for note in notes]
        self.cells: list[dict[int, int]] = []  # of each note: its steps in each cell
        self.inside: dict[int, list[int]] = {}  # of each cell: the notes that sound in it
        for index, note in enumerate(notes):
            stop = note.onset + note.duration
            steps = {}
            for cell in range(note.onset // cell_steps, min((stop - 1) // cell_steps + 1, len(basics))):
                steps[cell] = min(stop, (cell + 1) * cell_steps) - max(note.onset, cell * cell_steps)
                self.inside.setdefault(cell, []).append(index)
            self.cells.append(steps)

    def allowed(self, chosen: IntArray) -> BoolArray:
        """Return ``(128,)`` which pitches the next note may take after the chosen ones ``(t,)``."""
        note = len(chosen)
        masks = {cell: self._fits(cell, note, chosen) for cell in self.cells[note] if self.basics[cell] > 0}
        own = min(self.cells[note])
        order = sorted(masks, key=lambda cell: (cell not in self.hard, cell != own))
        result = np.ones(_CLASSES, np.bool_)
        for cell in order:
            both = result & masks[cell]
            if both.any():
                result = both
        return result

    def _fits(self, cell: int, note: int, chosen: IntArray) -> BoolArray:
        """Return the pitches after which the cell's basic pitch can still sound longest in it."""
        wanted = self.basics[cell]
        weights = np.zeros(_CLASSES, np.int64)
        first = np.full(_CLASSES, len(self.pitches))
        room = 0  # steps that later notes can still give to the basic pitch
        for index in self.inside[cell]:
            steps = self.cells[index][cell]
            pitch = int(chosen[index]) if index < note else self.pitches[index] if index > note else -1
            if pitch > 0:
                weights[pitch] += steps
                first[pitch] = min(first[pitch], index)
            elif index > note:
                room += steps
        steps = self.cells[note][cell]
        others = weights.copy()
        others[wanted] = 0
        begun = int(first[wanted])
        # Another pitch now: it and all pitches so far must stay below what the basic pitch can reach, or come level
        # with it and be later, since of equals the first counts.
        mine = int(weights[wanted]) + room
        fits: BoolArray = (others + steps < mine) | ((others + steps == mine) & (np.minimum(first, note) > begun))
        if (others > mine).any() or (first[others == mine] < begun).any() or not mine:
            fits[:] = False
        mine += steps
        rivals = first[others == mine]
        fits[wanted] = not (others > mine).any() and not (rivals < min(begun, note)).any()
        return fits
