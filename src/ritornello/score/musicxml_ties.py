"""Tied notes joined: the pieces of notes in the measures of a part, as played, become notes in ticks."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from ritornello.errors import ReadError
from ritornello.score.musicxml_measures import ReadMeasure
from ritornello.score.song import MAX_TICKS, make_notes
from ritornello.score.timeline import TICKS_PER_QUARTER

MAX_NOTES = 1_000_000
"""Most notes that a part may have with repeats played out."""


def join_ties(measures: Iterable[tuple[int, ReadMeasure]], name: str) -> NDArray[np.void]:
    """Return the notes of a part.

    Args:
        measures: start in ticks and content of each measure in the order of playing.
        name: the file, for messages.

    A piece that ties back goes on the note of its pitch that ends where it begins, first of its own voice, else of any
    voice; a tie that leads nowhere ends the note.

    Raises:
        ReadError: if there are more than a million pieces.
    """
    notes: list[list[int]] = []  # onset, end, pitch, velocity
    waiting: dict[tuple[int, int], list[tuple[str, int]]] = {}  # (pitch, end) -> voice, note
    count = 0
    for start, measure in measures:
        count += len(measure.notes)
        if count > MAX_NOTES:
            raise ReadError(f"{name}: more than {MAX_NOTES} notes with repeats played out")
        for piece in sorted(measure.notes, key=lambda piece: piece.start):
            onset = start + round(piece.start * TICKS_PER_QUARTER)
            end = max(start + round((piece.start + piece.duration) * TICKS_PER_QUARTER), onset + 1)
            open_ties = waiting.get((piece.pitch, onset), []) if piece.ties_back else []
            tie = next((tie for tie in open_ties if tie[0] == piece.voice), open_ties[0] if open_ties else None)
            if tie is not None:
                open_ties.remove(tie)
                index = tie[1]
                notes[index][1] = end
            else:
                index = len(notes)
                notes.append([onset, end, piece.pitch, piece.velocity])
            if piece.ties_on:
                waiting.setdefault((piece.pitch, end), []).append((piece.voice, index))
    if not notes:
        return make_notes()
    table = np.array(notes)
    return make_notes(table[:, 0], np.minimum(table[:, 1], MAX_TICKS) - table[:, 0], table[:, 2], table[:, 3])
