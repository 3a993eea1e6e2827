"""For reading, performed notes come to sixteenths and triplets, and notes on the grid stay where they are."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ritornello.score import Part, Song, make_notes
from ritornello.score.legible import legible


def read_out(onsets: list[int], durations: list[int], pitches: list[int] | None = None) -> list[tuple[int, int]]:
    song = legible(Song((Part("Part", make_notes(onsets, durations, pitches or [60] * len(onsets))),)))
    return [(int(note["onset"]), int(note["duration"])) for note in song.parts[0].notes]


def test_a_performance_near_sixteenths_and_triplets_comes_to_them() -> None:
    late = read_out([1, 13, 19, 25, 37, 40], [11, 5, 5, 11, 2, 7])
    assert [onset for onset, _ in late] == [0, 12, 18, 24, 36, 39]
    triplet = read_out([1, 12, 16, 20, 25, 37], [10, 4, 4, 4, 11, 11])
    assert [onset for onset, _ in triplet] == [0, 12, 16, 20, 24, 36]


def test_short_rests_are_filled() -> None:
    assert read_out([0, 6, 12, 24], [3, 4, 9, 13]) == [(0, 6), (6, 6), (12, 12), (24, 18)]
    assert read_out([0, 36], [12, 12]) == [(0, 12), (36, 12)]  # a real rest stays


def test_chords_keep_together() -> None:
    assert read_out([0, 0, 24], [10, 10, 10], [60, 64, 62]) == [(0, 12), (0, 12), (24, 12)]


onsets = st.lists(st.integers(0, 200), min_size=1, max_size=20)


@given(onsets, st.integers(1, 30))
def test_nothing_is_lost_and_nothing_moves_far(starts: list[int], duration: int) -> None:
    song = Song((Part("Part", make_notes(starts, duration, np.arange(len(starts)) + 40)),))
    read = legible(song).parts[0].notes
    by_pitch = {int(note["pitch"]): int(note["onset"]) for note in read}
    assert len(by_pitch) == len(starts) and read["duration"].min() >= 1
    for note in song.parts[0].notes:
        assert abs(by_pitch[int(note["pitch"])] - int(note["onset"])) <= 2


@given(st.lists(st.integers(0, 60), min_size=1, max_size=20), st.sampled_from((3, 4, 6)))
def test_onsets_on_a_grid_stay(steps: list[int], unit: int) -> None:
    starts = sorted({step * unit for step in steps})
    assert [onset for onset, _ in read_out(starts, [unit] * len(starts))] == starts
