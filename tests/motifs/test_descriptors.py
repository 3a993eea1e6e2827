"""Training-free vectors: what they see and what they are blind to; whitening against its definition."""

from __future__ import annotations

import numpy as np

from ritornello.motifs import descriptors, melodic
from ritornello.motifs.descriptors import best_shift_similarity, combined
from ritornello.motifs.joined import fit_whitening
from ritornello.motifs.windows import BAR_FRAMES, PITCHES, Window


def bar(onsets: list[float], pitches: list[int], duration: float = 0.5, length: float = 4.0) -> Window:
    return Window(np.array(onsets, float), np.full(len(onsets), duration), np.array(pitches), length)


def test_rhythm_vectors_see_rhythm_only_and_count_chords() -> None:
    rolls = descriptors.bar_rolls([bar([0, 1, 1], [60, 64, 67]), bar([0, 1, 1], [40, 41, 50]), bar([0, 2], [60, 64])])
    counts = descriptors.onset_counts(rolls)
    assert np.array_equal(counts[0], counts[1])
    assert counts[0, 0] == 1
    assert counts[0, 8] == 2
    assert counts[2].sum() == 2
    assert np.allclose(descriptors.log_onset_counts(rolls), np.log1p(counts))


def test_the_combined_curves_stand_one_after_the_other() -> None:
    curves = np.split(combined(descriptors.bar_rolls([bar([1, 2], [48, 67], 0.25)]))[0], len(descriptors.COMBINED))
    log_onsets, any_onset, bass, sounding, lowest, highest = curves
    assert np.flatnonzero(any_onset).tolist() == [8, 16]
    assert np.flatnonzero(bass).tolist() == [8]
    assert np.flatnonzero(sounding).tolist() == [8, 9, 16, 17]
    assert np.allclose(log_onsets[[8, 16]], np.log(2))
    assert (lowest[:16] == 0).all()  # silent before the first note, the lowest pitch itself after it
    assert np.allclose(lowest[16:], 19 / 12)  # held through the rest
    assert np.allclose(highest[16:], 19 / 12)


def test_the_combined_descriptor_of_nothing_is_zero() -> None:
    empty = bar([], [])
    assert not combined(descriptors.bar_rolls([empty])).any()
    assert not melodic.contour_roll([empty]).any()


def test_the_best_shift_finds_a_transposition() -> None:
    rolls = descriptors.bar_rolls([bar([0, 1], [60, 64]), bar([0, 1], [67, 71]), bar([0, 1], [60, 65])])
    similarity = best_shift_similarity(rolls)
    assert np.allclose(similarity[0, 1], 1)
    assert np.allclose(similarity, similarity.T)
    assert similarity[0, 2] < 0.6


def test_a_shift_does_not_wrap_around_the_roll() -> None:
    rolls = np.zeros((2, BAR_FRAMES, PITCHES), bool)
    rolls[0, 0, 0] = rolls[1, 0, PITCHES - 1] = True
    assert best_shift_similarity(rolls)[0, 1] == 0


def test_melodic_vectors_are_blind_to_transposition_and_see_contour_length_and_rhythm() -> None:
    first, moved = bar([0, 1, 2], [60, 64, 67]), bar([0, 1, 2], [53, 57, 60])
    other = [bar([0, 1, 2], [67, 64, 60]), bar([0, 1, 2.5], [60, 64, 67]), bar([0, 1, 2], [60, 64, 67], length=3.0)]
    vectors = melodic.melodic([first, moved, *other])
    assert np.array_equal(vectors[0], vectors[1])
    assert all(np.linalg.norm(vectors[0] - vector) > 0.5 for vector in vectors[2:])


def test_whitening_is_the_metric_of_the_covariance_inside_groups() -> None:
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(30), 4)
    vectors = (rng.normal(size=(30, 192)).repeat(4, axis=0) + rng.normal(size=(120, 192))).astype(np.float32)
    whitening = fit_whitening(vectors, groups, by_curve=False)
    scaled = vectors / whitening.scale
    centred = scaled - scaled.reshape(30, 4, -1).mean(axis=1).repeat(4, axis=0)
    within = centred.T.astype(float) @ centred / 120
    metric = np.linalg.inv(within + np.trace(within) / 192 * np.eye(192))
    found = whitening.matrix.astype(float) @ whitening.matrix.T
    assert np.allclose(found / found[0, 0], metric / metric[0, 0], rtol=1e-3, atol=1e-4)
    assert np.isclose((scaled @ whitening.matrix).var(axis=0).sum(), 1, rtol=1e-3)
