from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ritornello.analysis.segments import SAME_RHYTHM, basic_pitches, pattern_of, rhythm_labels, rhythm_similarity

PATTERNS = st.integers(0, 255)


def test_patterns_and_basic_pitches() -> None:
    onsets, durations = np.array([0, 2, 6, 11]), np.array([2, 3, 4, 2])
    assert pattern_of(onsets, 0, 8) == 1 + 4 + 64
    assert pattern_of(onsets, 8, 8) == 8
    assert basic_pitches(onsets, durations, np.array([60, 62, 64, 60]), 24, 8) == [62, 64, None]


@given(PATTERNS, PATTERNS)
def test_similarity_is_symmetric_and_whole_for_equals(one: int, other: int) -> None:
    assert rhythm_similarity(one, one, 8) == 1.0
    assert rhythm_similarity(one, other, 8) == rhythm_similarity(other, one, 8)


@given(st.lists(PATTERNS, min_size=1, max_size=12))
def test_a_label_names_the_first_of_its_kind(patterns: list[int]) -> None:
    labels = rhythm_labels(patterns, 8)
    assert labels == [labels[label] for label in labels]
    for index, label in enumerate(labels):
        assert label <= index
        assert rhythm_similarity(patterns[label], patterns[index], 8) >= SAME_RHYTHM
        assert label == labels[patterns.index(patterns[index])]


@pytest.mark.parametrize(("other", "label"), [(0b00010001, 0), (0b00010011, 0), (0b00100010, 0), (0b00010110, 1)])
def test_one_step_of_eight_may_differ_and_either_may_be_shifted(other: int, label: int) -> None:
    assert rhythm_labels([0b00010001, other], 8) == [0, label]
