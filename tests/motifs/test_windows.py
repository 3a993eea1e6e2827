"""Windows on frames: what is cut where, and that nothing depends on order or on the other windows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ritornello.errors import ArgumentError
from ritornello.motifs.windows import (
    LOWEST_PITCH,
    PITCHES,
    Window,
    cut_windows,
    heard_onsets,
    lowered,
    note_frames,
    onsets,
    sounding,
)

NOTES = st.lists(
    st.tuples(st.integers(0, 31), st.integers(0, 40), st.integers(LOWEST_PITCH, LOWEST_PITCH + PITCHES - 1)),
    min_size=1, max_size=12,
)  # fmt: skip


def window(notes: list[tuple[int, int, int]], length: float = 4.0) -> Window:
    onset, duration, pitch = np.array(notes).T
    return Window(onset / 8, duration / 8, pitch, length)


def test_a_note_fills_the_frames_from_its_onset_to_before_its_end_cut_at_the_window() -> None:
    roll = sounding(note_frames([window([(0, 4, 60), (28, 8, 64)])]))
    assert roll.shape == (1, 32, PITCHES)
    assert np.flatnonzero(roll[0, :, 60 - LOWEST_PITCH]).tolist() == [0, 1, 2, 3]
    assert np.flatnonzero(roll[0, :, 64 - LOWEST_PITCH]).tolist() == [28, 29, 30, 31]
    assert roll.sum() == 8


def test_repeated_notes_without_a_gap_are_told_apart_by_onsets_only() -> None:
    notes = note_frames([window([(0, 8, 60), (8, 8, 60)])])
    assert onsets(notes)[0, :, 60 - LOWEST_PITCH].sum() == 2
    assert heard_onsets(sounding(notes)).sum() == 1


@given(NOTES)
def test_rolls_do_not_depend_on_the_order_of_notes_or_on_other_windows(notes: list[tuple[int, int, int]]) -> None:
    alone = sounding(note_frames([window(notes)]), 32)
    together = sounding(note_frames([window([(0, 1, 60)] * 20), window(notes[::-1])]), 32)
    assert np.array_equal(alone[0], together[1])
    for frame, duration, pitch in notes:
        assert alone[0, frame : frame + duration, pitch - LOWEST_PITCH].all()


@given(NOTES, st.integers(-12, 12))
def test_lowered_rolls_are_blind_to_transposition(notes: list[tuple[int, int, int]], semitones: int) -> None:
    moved = [(onset, duration, pitch + semitones) for onset, duration, pitch in notes]
    if all(LOWEST_PITCH <= pitch < LOWEST_PITCH + PITCHES for *_, pitch in moved):
        first, second = (lowered(sounding(note_frames([window(own)]))) for own in (notes, moved))
        assert np.array_equal(first, second)
        assert first.sum() == sounding(note_frames([window(notes)])).sum()


def test_windows_take_the_notes_that_begin_in_them() -> None:
    cut = cut_windows([0, 3.999, 4, 8], [10, 1, 1, 1], [60, 61, 62, 63], [0, 4, 8, 12], 4)
    assert [own.pitch.tolist() for own in cut] == [[60, 61], [62], [63], []]
    assert cut[0].duration[0] == 10


def test_stretched_windows_have_a_bars_frames() -> None:
    notes = note_frames([Window(np.array([0, 4]), np.array([4, 4]), np.array([60, 62]), 8.0)], bar_frames=32)
    assert notes.frames.tolist() == [32]
    assert notes.start[0].tolist() == [0, 16]
    assert notes.end[0].tolist() == [16, 32]


@pytest.mark.parametrize(
    ("onset", "duration", "pitch", "length"),
    [([4.0], [1], [60], 4.0), ([-0.1], [1], [60], 4.0), ([0], [-1], [60], 4.0), ([0], [1], [128], 4.0),
     ([0, 1], [1], [60], 4.0), ([np.nan], [1], [60], 4.0), ([0], [1], [60], 0.0), ([0], [np.inf], [60], 4.0)],
)  # fmt: skip
def test_impossible_windows_are_refused(
    onset: list[float], duration: list[float], pitch: list[int], length: float
) -> None:
    with pytest.raises(ArgumentError):
        Window(np.array(onset), np.array(duration), np.array(pitch), length)
