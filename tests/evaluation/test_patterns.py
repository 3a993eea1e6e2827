"""Metrics of pattern discovery: laws, a case by hand, and mir_eval's numbers."""

from __future__ import annotations

import mir_eval
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ritornello.errors import ArgumentError
from ritornello.evaluation.patterns import Scores, pattern_scores

point = st.tuples(st.integers(0, 6).map(float), st.integers(60, 63).map(float))
patterns = st.lists(
    st.lists(st.frozensets(point, min_size=1, max_size=6), min_size=1, max_size=4), min_size=1, max_size=4
)

THEME = frozenset({(0.0, 60.0), (1.0, 62.0), (2.0, 64.0), (3.0, 65.0)})
LATER = frozenset((onset + 8, pitch) for onset, pitch in THEME)


@settings(max_examples=150)
@given(patterns, patterns)
def test_equals_mir_eval(reference: list[list[frozenset]], estimate: list[list[frozenset]]) -> None:
    ours = pattern_scores(reference, estimate)
    theirs = (
        [[[tuple(p) for p in notes] for notes in pattern] for pattern in reference],
        [[[tuple(p) for p in notes] for notes in pattern] for pattern in estimate],
    )
    for score, expected in (
        (ours.establishment, mir_eval.pattern.establishment_FPR(*theirs)),
        (ours.occurrence_50, mir_eval.pattern.occurrence_FPR(*theirs, thres=0.5)),
        (ours.occurrence_75, mir_eval.pattern.occurrence_FPR(*theirs, thres=0.75)),
        (ours.three_layer, mir_eval.pattern.three_layer_FPR(*theirs)),
    ):
        np.testing.assert_allclose([score.f1, score.precision, score.recall], expected, atol=1e-9)


@given(patterns)
def test_the_reference_itself_is_perfect(reference: list[list[frozenset]]) -> None:
    scores = pattern_scores(reference, reference)
    for score in (scores.establishment, scores.three_layer):
        assert score == Scores(pytest.approx(1), pytest.approx(1), pytest.approx(1))


def test_a_case_by_hand() -> None:
    half = frozenset(sorted(THEME)[:2])
    scores = pattern_scores([[THEME, LATER]], [[half], [frozenset({(50.0, 40.0)})]])
    assert scores.establishment == Scores(pytest.approx(1 / 3), pytest.approx(0.25), pytest.approx(0.5))
    # One pair at .5: its only occurrence is half of one, and on average a quarter of the two of the reference.
    assert scores.occurrence_50 == Scores(pytest.approx(1 / 3), pytest.approx(0.5), pytest.approx(0.25))
    assert scores.occurrence_75 == Scores(0.0, 0.0, 0.0)


def test_nothing_found_is_nothing() -> None:
    assert pattern_scores([[THEME]], []).three_layer == Scores(0.0, 0.0, 0.0)
    assert pattern_scores([], [[THEME]]).establishment == Scores(0.0, 0.0, 0.0)


@pytest.mark.parametrize("bad", [[[]], [[frozenset()]]])
def test_empty_patterns_are_refused(bad: list) -> None:
    with pytest.raises(ArgumentError, match="reference"):
        pattern_scores(bad, [[THEME]])
    with pytest.raises(ArgumentError, match="estimate"):
        pattern_scores([[THEME]], bad)
