"""Features and masks: what is possible by the rhythm form is exactly what has that form."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ritornello.analysis.segments import rhythm_labels
from ritornello.errors import ArgumentError
from ritornello.frameworks.features import (
    BITS,
    COLUMNS,
    TASKS,
    UNKNOWN,
    basic_features,
    features_of,
    melody_features,
    rhythm_features,
    rhythm_form,
    targets_of,
)
from ritornello.frameworks.masks import rhythm_allowed, rhythm_mask, same_rhythm

from .invented import plan, song

PATTERNS = st.lists(st.sampled_from([0, 1, 5, 17, 21, 85, 87, 170, 255, 16, 2]), min_size=4, max_size=4)


@given(PATTERNS)
@settings(max_examples=25, deadline=None)
def test_possible_is_what_gives_the_label_and_complexity(patterns: list[int]) -> None:
    phrase = plan(2)
    labels, complexities = rhythm_form(phrase, patterns)
    features = rhythm_features(phrase, labels, complexities)
    mask = rhythm_mask(features, np.array(patterns))
    for unit in range(4):
        # A repeated label asks for likeness to the unit it points to, even where an earlier one would do as well.
        expected = [
            other.bit_count() == complexities[unit]
            and (
                rhythm_labels([patterns[labels[unit]], other], 8)[-1] == 0
                if labels[unit] < unit
                else rhythm_labels([*patterns[:unit], other], 8)[-1] == unit
            )
            for other in range(256)
        ]
        assert mask[unit].tolist() == expected
        assert mask[unit, patterns[unit]]


def test_without_a_form_only_the_length_of_a_unit_counts() -> None:
    features = rhythm_features(plan(1, steps_per_bar=12))
    history = np.zeros((3, 1), np.int64)
    assert rhythm_allowed(features, history[:, :0]).all()
    assert rhythm_allowed(features, history).sum(1).tolist() == [16] * 3


def test_beams_have_masks_of_their_own() -> None:
    features = rhythm_features(plan(1), [0, 0])
    allowed = rhythm_allowed(features, np.array([[17], [255]]))
    assert allowed[0, 17] and not allowed[1, 17]
    assert (allowed[0] == same_rhythm(8)[17]).all()


@pytest.mark.parametrize("steps_per_bar", [16, 12])
@pytest.mark.parametrize("task", TASKS)
def test_features_fit_their_tables(task: str, steps_per_bar: int) -> None:
    for seed in range(5):
        for phrase in song(seed, "AB", 9, steps_per_bar).phrases:
            features = features_of(task, phrase)  # type: ignore[arg-type]
            assert len(features) == len(targets_of(task, phrase))  # type: ignore[arg-type]
            sizes = np.array(list(COLUMNS[task].values()))  # type: ignore[index]
            assert (features.numbers >= 0).all() and (features.numbers < sizes).all()
            assert features.bits.shape == (len(features), BITS[task])  # type: ignore[index]


def column(features: object, name: str) -> list[int]:
    task = features.task  # type: ignore[attr-defined]
    place = list(COLUMNS[task]).index(name)
    return list(features.numbers[:, place].tolist())  # type: ignore[attr-defined]


def test_chords_around_a_segment() -> None:
    features = basic_features(plan(3))
    assert column(features, "root") == [0, 0, 9, 9, 5, 5]
    assert column(features, "root_before") == [12, 12, 0, 0, 9, 9]
    assert column(features, "root_after") == [9, 9, 5, 5, 12, 12]
    assert column(features, "beats_before") == [0, 0, 4, 4, 4, 4]
    assert column(features, "beats_after") == [4, 4, 4, 4, 0, 0]
    assert column(features, "begins") == [1, 0] * 3
    assert features.bits[2].reshape(4, 12).nonzero()[1].tolist() == [0, 4, 7, 0, 4, 9, 0, 4, 9, 0, 5, 9]
    assert column(features, "bars_left") == [3, 3, 2, 2, 1, 1]


def test_notes_know_their_segment() -> None:
    features = melody_features(plan(1), [0, 4, 6, 12], [4, 2, 6, 2], [60, UNKNOWN])
    assert column(features, "wait") == [4, 2, 6, 4]
    assert column(features, "in_segment") == [0, 1, 2, 0]
    assert column(features, "segment_left") == [2, 1, 0, 0]
    assert column(features, "overlap") == [4, 2, 2, 2]
    assert column(features, "spill") == [0, 0, 4, 0]
    assert column(features, "basic") == [60, 60, 60, 128]
    assert features.references.tolist() == [[60, -1, -1]] * 3 + [[-1, -1, 60]]


def test_what_does_not_fit_the_phrase_is_refused() -> None:
    with pytest.raises(ArgumentError, match="3 labels for 2 places"):
        rhythm_features(plan(1), [0, 0, 0])
    with pytest.raises(ArgumentError, match="an earlier one"):
        rhythm_features(plan(1), [1, 1])
    with pytest.raises(ArgumentError, match="rising onsets"):
        melody_features(plan(1), [4, 4], [1, 1])
    with pytest.raises(ArgumentError, match="outside the phrase of 16 steps"):
        melody_features(plan(1), [4, 16], [1, 1])
    with pytest.raises(ArgumentError, match="1 basic pitches for 2 places"):
        melody_features(plan(1), [4], [1], [60])
