"""Retrieval against worked examples, another implementation and its laws."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ritornello.errors import ArgumentError
from ritornello.evaluation.retrieval import CUTS, MEASURES, Retrieval, euclidean, relative_gain, report, retrieve

SONGS = ["x", "x", "x", "y", "y"]
MOTIFS = [1, 1, 2, 1, 1]


def line(positions: list[float]) -> np.ndarray:
    return np.abs(np.subtract.outer(positions, positions))


def test_a_worked_example() -> None:
    # On a line: x1 0, x1 3, x2 1, y1 2, y1 10. Equal motif numbers of two songs are two motifs.
    found = retrieve(line([0, 3, 1, 2, 10]), SONGS, MOTIFS)
    # x1 at 0 sees x2, y1, then its own at rank 3; x1 at 3 sees y1, x2, its own; y1 at 2 sees x2 (1), x1 (3: later
    # in order), x1 (0), its own; y1 at 10 sees x1, its own at rank 2.
    assert found.average_precision.tolist() == pytest.approx([1 / 3, 1 / 3, 1 / 4, 1 / 2])
    assert found.in_song.tolist() == pytest.approx([1 / 2, 1 / 2, 1, 1])
    assert found.precision[:, 0].tolist() == [0, 0, 0, 0]
    assert found.precision[:, 1].tolist() == [1 / 5] * 4  # P@k divides by k, also where fewer items are there
    assert (found.recall[:, 1:] == 1).all()
    assert found.song.tolist() == [0, 0, 1, 1]
    assert found.measures()["map"] == pytest.approx((1 / 3 + 1 / 3 + 1 / 4 + 1 / 2) / 4)


def test_the_area_is_made_of_trapezoids() -> None:
    count = len(CUTS)
    precision = np.linspace(0.8, 0.1, count)[None]
    recall = np.linspace(0.1, 0.8, count)[None]
    found = Retrieval(np.zeros(1, np.int64), np.ones(1), np.ones(1), precision, recall).measures()
    assert found["auprc"] == pytest.approx(np.trapezoid(precision[0], recall[0]))
    assert found["auprc_from_zero"] == pytest.approx(found["auprc"] + 0.1 * 0.8)


def test_perfect_and_worst_vectors() -> None:
    songs, motifs = ["a"] * 6 + ["b"] * 6, [1, 1, 1, 2, 2, 2] * 2
    groups = np.repeat(np.eye(4), 3, axis=0)
    best = retrieve(euclidean(groups), songs, motifs).measures()
    assert best["map"] == best["in_song_map"] == best["precision_at_1"] == 1
    worst = retrieve(-euclidean(groups), songs, motifs).measures()
    assert worst["map"] < 0.3
    assert worst["precision_at_1"] == 0


@given(st.integers(0, 10_000))
def test_measures_do_not_depend_on_the_order_of_items(seed: int) -> None:
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(12, 3))
    songs, motifs = rng.integers(0, 3, 12), rng.integers(0, 2, 12)
    order = rng.permutation(12)
    first = retrieve(euclidean(vectors), songs.tolist(), motifs.tolist()).measures()
    second = retrieve(euclidean(vectors[order]), songs[order].tolist(), motifs[order].tolist()).measures()
    assert first == pytest.approx(second)
    assert all(0 <= value <= 1 for value in first.values())


def test_average_precision_is_scikit_learns_definition() -> None:
    rng = np.random.default_rng(1)
    distances = rng.random((20, 20))
    songs, motifs = [0] * 20, rng.integers(0, 4, 20).tolist()
    found = retrieve(distances, songs, motifs)
    expected = []
    for query in range(20):
        relevant = [motifs[item] == motifs[query] for item in np.argsort(distances[query]) if item != query]
        recall, area = 0.0, 0.0
        for rank in range(1, 20):  # sum of precision times the step in recall
            step = relevant[rank - 1] / sum(relevant)
            area += step * np.mean(relevant[:rank])
            recall += step
        expected.append(area)
    assert found.average_precision.tolist() == pytest.approx(expected)


def test_equal_rows_are_at_distance_zero() -> None:
    rows = np.random.default_rng(0).normal(size=(4, 300)) * 100
    rows[3] = rows[0]
    distances = euclidean(rows)
    assert distances[0, 3] == distances[1, 1] == 0
    assert distances[0, 1] == pytest.approx(np.linalg.norm(rows[0] - rows[1]))


def test_reports_are_means_over_seeds_with_intervals_around_them() -> None:
    rng = np.random.default_rng(0)
    songs, motifs = np.repeat(np.arange(6), 8).tolist(), np.tile([0, 0, 0, 0, 1, 1, 1, 1], 6).tolist()
    centres = rng.normal(size=(12, 4)).repeat(4, axis=0)
    found = [retrieve(euclidean(centres + rng.normal(size=(48, 4))), songs, motifs) for _ in range(3)]
    made = report(found)
    for name in MEASURES:
        assert made[name] == pytest.approx(np.mean([one.measures()[name] for one in found]), abs=1e-4)
        low, high = made["intervals"][name]
        assert low <= made[name] <= high
        assert low < high
        assert len(made["seeds"][name]) == 3
    assert report(found) == made
    poor = [retrieve(rng.random((48, 48)), songs, motifs)]
    gain = relative_gain(found, poor, "map")
    assert gain.value == pytest.approx(made["map"] / poor[0].measures()["map"] - 1, abs=1e-3)
    assert 0 < gain.low < gain.value < gain.high
    same = relative_gain(found, found, "auprc")
    assert same.value == same.low == same.high == 0


def test_what_cannot_be_judged_is_refused() -> None:
    with pytest.raises(ArgumentError, match="no motif"):
        retrieve(np.zeros((2, 2)), ["a", "b"], [1, 1])
    with pytest.raises(ArgumentError, match="one row"):
        retrieve(np.zeros((2, 3)), ["a", "a"], [1, 1])
    with pytest.raises(ArgumentError, match="not a number"):
        retrieve(np.full((2, 2), np.nan), ["a", "a"], [1, 1])
    with pytest.raises(ArgumentError, match="unknown"):
        relative_gain([], [], "recall")
