"""Chords: the translation that brings most notes back, whatever else sounds."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ritornello.motifs.align_points import match_points

CHORDS = np.array([(0, 48), (0, 60), (0, 64), (12, 55), (12, 62), (24, 52), (24, 60), (24, 67), (30, 69)])

notes = st.lists(st.tuples(st.integers(0, 96), st.integers(40, 80)), min_size=1, max_size=12, unique=True)


@given(notes, notes, st.integers(-500, 500), st.integers(-20, 20))
def test_a_moved_copy_is_found_whole_among_other_notes(query: list, others: list, shift: int, rise: int) -> None:
    points = np.array(query)
    copy = points + np.array([shift, rise])
    target = np.concatenate([copy, np.array(others) + np.array([700, 0])])
    found = match_points(points[:, 0], points[:, 1], target[:, 0], target[:, 1])
    assert found.share == 1
    for note, place in found.pairs:
        assert abs(target[place, 0] - points[note, 0] - found.shift) <= 1
        assert target[place, 1] - points[note, 1] == found.transposition


def test_missing_notes_lower_the_share_and_late_ones_do_not() -> None:
    late = CHORDS + np.array([96, 5]) + np.array([[1, 0], [0, 0]] * 4 + [[0, 0]])
    found = match_points(CHORDS[:, 0], CHORDS[:, 1], late[:, 0], late[:, 1])
    assert found.share == 1 and found.transposition == 5
    fewer = late[2:]
    assert match_points(CHORDS[:, 0], CHORDS[:, 1], fewer[:, 0], fewer[:, 1]).share == 7 / 9


def test_nothing_matches_nothing() -> None:
    assert match_points([], [], [0], [60]).share == 0
    assert match_points([0], [60], [], []).pairs == ()
