"""How a phrase ends: where its last note begins, and on which degree, drawn from counts of endings over its chords.

Our design. Both belong to the phrase, not to the layer that asks, and both know the chord that stands under the note:
a section that closes on I closes its melody there as well.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from ritornello.frameworks.chance import Chance
from ritornello.frameworks.draft import Draft
from ritornello.frameworks.tables import Tables, clearer, close_contexts, final_contexts, place_name, root_of, symbol_of


class Closing:
    """Decides the last notes of phrases.

    Args:
        tables: the counts.
        chance: the song's place for endings.
    """

    def __init__(self, tables: Tables, chance: Chance) -> None:
        self.tables, self.chance = tables, chance

    def step(self, draft: Draft, cells: Collection[int]) -> int | None:
        """Return the step at which a phrase's last note is to begin, or None where that is not open.

        Args:
            draft: the phrase; its chords are decided.
            cells: the cells whose rhythm is drawn; the ending is open in those at the end of which nothing is asked.
        """
        first = draft.cells
        while first - 1 in cells and draft.onsets[first - 1] is None and not draft.asks(first - 1):
            first -= 1
        contexts = close_contexts(draft.steps_per_bar, draft.key.mode, place_name(draft.ends_section))
        items, weights = self.tables["close"].distribution(*contexts)
        places = [(draft.steps - int(left), int(root)) for left, root in (str(item).split(" ") for item in items)]
        sounding = (note.onset + note.duration for row in draft.fixed for note in row)
        open_from = max(first * draft.cell_steps, *sounding, 0)
        fits = np.array([step >= open_from and _root(draft, step) == root for step, root in places], np.float64)
        if not fits.any():
            return None
        return places[self.chance.at("step", draft.phrase.id).draw(clearer(weights, draft.ends_section) * fits)][0]

    def pitch(self, draft: Draft, cells: Collection[int]) -> tuple[int, int] | None:
        """Return the cell of a phrase's last note and the pitch class that is to end it, or None if it is not open.

        Args:
            draft: the phrase; its chords and patterns are decided.
            cells: the cells that are drawn.
        """
        last = max((cell for cell in range(draft.cells) if draft.patterns[cell]), default=-1)
        if last not in cells:
            return None
        step = last * draft.cell_steps + (draft.patterns[last] or 0).bit_length() - 1
        contexts = final_contexts(draft.key.mode, place_name(draft.ends_section), _root(draft, step))
        items, weights = self.tables["final"].distribution(*contexts)
        if not items:
            return None
        weights = clearer(weights, draft.ends_section)
        return last, (int(items[self.chance.at(draft.phrase.id).draw(weights)]) + draft.tonic) % 12


def _root(draft: Draft, step: int) -> int:
    return root_of(symbol_of(draft.beats[step // draft.steps_per_beat], draft.tonic))
