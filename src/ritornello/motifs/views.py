"""Views: a bar as it might come back, for learning without labels.

Wu et al. (arXiv 2309.10597), as their program has it: the note that ends last gets another duration, one note is
deleted or none, one note is moved by up to two semitones, all are transposed by up to six. The first view of a bar is
the bar itself.
"""

from __future__ import annotations

import numpy as np

from ritornello.motifs.windows import FRAMES_PER_QUARTER, NoteFrames

_DURATION_FRAMES = FRAMES_PER_QUARTER // 4  # new durations are quarters of a quarter note

MAX_MOVE, MAX_TRANSPOSITION = 2, 6


def view(notes: NoteFrames, rng: np.random.Generator, drop: float = 0.0) -> NoteFrames:
    """Return a changed copy of each window.

    Args:
        notes: the windows.
        rng: chance.
        drop: chance of each further note to be deleted; the paper's views have 0. One note always stays.
    """
    start, end, pitch, is_note = notes.start, notes.end.copy(), notes.pitch.copy(), notes.is_note.copy()
    rows = np.arange(len(notes))
    count = is_note.sum(axis=1)
    if not is_note.shape[1]:
        return notes
    # The note that ends last; its new duration is within the window.
    last = np.argmax(np.where(is_note, end, -1), axis=1)
    longest = (notes.frames - start[rows, last]) // _DURATION_FRAMES
    changes = (count > 0) & (longest > 0)
    length = 1 + np.floor(rng.random(len(notes)) * longest).astype(np.int64)
    end[rows, last] = np.where(changes, start[rows, last] + _DURATION_FRAMES * length, end[rows, last])
    # Notes stand at the beginning of their row, so the number of a note is its column; the number n deletes none.
    deleted = np.floor(rng.random(len(notes)) * (count + 1)).astype(np.int64)
    deletes = (deleted < count) & (count > 1)
    is_note[rows[deletes], deleted[deletes]] = False
    if drop:
        dropped = is_note & (rng.random(is_note.shape) < drop)
        dropped[(is_note & ~dropped).sum(axis=1) == 0] = False
        is_note &= ~dropped
    moved = np.minimum(np.floor(rng.random(len(notes)) * np.maximum(count, 1)).astype(np.int64), is_note.shape[1] - 1)
    pitch[rows, moved] += rng.integers(-MAX_MOVE, MAX_MOVE + 1, len(notes))
    pitch += rng.integers(-MAX_TRANSPOSITION, MAX_TRANSPOSITION + 1, (len(notes), 1))
    return NoteFrames(start, end, np.clip(pitch, 0, 127), is_note, notes.frames)
