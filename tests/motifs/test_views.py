"""Views: each change is within its bounds, notes stay inside their window, the same seed gives the same view."""

from __future__ import annotations

import numpy as np

from ritornello.motifs.views import MAX_MOVE, MAX_TRANSPOSITION, view
from ritornello.motifs.windows import NoteFrames, Window, note_frames

ONSETS, PITCHES = np.array([0, 1, 2, 3]), np.array([50, 60, 70, 80])


def windows(count: int) -> NoteFrames:
    return note_frames([Window(ONSETS, np.array([0.5, 0.5, 0.5, 1.0]), PITCHES, 4.0)] * count)


def test_a_view_changes_one_duration_one_pitch_one_note_and_the_key() -> None:
    plain = windows(2_000)
    changed = view(plain, np.random.default_rng(0))
    deleted = 4 - changed.is_note.sum(axis=1)
    assert set(deleted.tolist()) == {0, 1}
    assert 0.15 < (deleted == 0).mean() < 0.25  # one chance in five to delete none
    assert (changed.start == plain.start).all()
    lengths = (changed.end - changed.start)[:, 3]  # of the note that ends last
    assert set(lengths.tolist()) == {2, 4, 6, 8}
    assert (changed.end[:, :3] == plain.end[:, :3]).all()
    moves = changed.pitch - PITCHES
    key = np.median(moves, axis=1, keepdims=True)
    assert np.abs(key).max() == MAX_TRANSPOSITION
    assert ((moves != key).sum(axis=1) <= 1).all()
    assert np.abs(moves - key).max() == MAX_MOVE


def test_the_original_is_left_as_it_is_and_the_seed_decides() -> None:
    plain = windows(5)
    before = plain.pitch.copy()
    first, second = (view(plain, np.random.default_rng(3)) for _ in range(2))
    assert (plain.pitch == before).all()
    assert (first.pitch == second.pitch).all()
    assert (first.pitch != view(plain, np.random.default_rng(4)).pitch).any()


def test_some_note_always_stays() -> None:
    single = note_frames([Window(np.array([0.0]), np.array([1.0]), np.array([60]), 4.0)] * 200)
    assert view(single, np.random.default_rng(0), drop=0.9).is_note.any(axis=1).all()
    assert view(windows(200), np.random.default_rng(0), drop=0.9).is_note.any(axis=1).all()


def test_a_window_without_notes_has_a_view() -> None:
    empty = note_frames([Window(np.array([]), np.array([]), np.array([], int), 4.0)])
    assert len(view(empty, np.random.default_rng(0))) == 1
