from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from ritornello.datasets import Pop909
from ritornello.errors import ArgumentError
from ritornello.evaluation.bar_notes import bars_of_notes
from ritornello.evaluation.bar_similarity import (
    LAGS,
    LagTotals,
    lag_totals,
    pair_similarity,
    plan_following,
    self_similarity,
    similarity_error,
    similarity_floor,
)

Piece = list[NDArray[np.int64]]


def bar(*notes: tuple[int, int, int, int]) -> NDArray[np.int64]:
    return np.array(notes, np.int64).reshape(-1, 4)


def random_piece(rng: np.random.Generator, bars: int, kinds: int = 3) -> Piece:
    """A piece whose notes come from so few kinds that its bars share some."""

    def notes() -> NDArray[np.int64]:
        size = int(rng.integers(0, 6))
        columns = (12 * rng.integers(0, 4, size), 60 + rng.integers(0, kinds, size), 1 + rng.integers(0, 2, size))
        return np.stack([*columns, rng.integers(0, 2, size)], axis=1)

    return [notes() for _ in range(bars)]


def naive_similarity(one: NDArray[np.int64], other: NDArray[np.int64], tracks: str) -> float | None:
    sets = []
    for notes in (one, other):
        rows = {tuple(row) for row in notes.tolist()}
        sets.append({row[:3] for row in rows if row[3] == 0} if tracks == "melody" else rows)
    union = sets[0] | sets[1]
    return len(sets[0] & sets[1]) / len(union) if union else None


def test_bars_by_hand() -> None:
    a = bar((0, 60, 12, 0), (12, 62, 12, 0), (0, 36, 3, 1))
    b = bar((0, 60, 12, 0), (12, 64, 12, 0), (0, 36, 3, 1))
    longer = bar((0, 60, 24, 0), (12, 62, 12, 0), (0, 36, 3, 2))
    piece = [a, b, a, longer, bar(), bar()]
    melody, everything = self_similarity(piece), self_similarity(piece, "all")
    assert melody[0, :4].tolist() == [1, 1 / 3, 1, 1 / 3]
    assert everything[0, :4].tolist() == [1, 2 / 4, 1, 1 / 5]  # the same pitch by another family is another note
    assert melody[0, 4] == everything[0, 5] == 0  # a bar with notes beside an empty one
    assert np.isnan(melody[4:, 4:]).all()  # two empty bars
    np.testing.assert_array_equal(melody, melody.T)
    assert self_similarity([]).shape == (0, 0)


@pytest.mark.parametrize("tracks", ["melody", "all"])
def test_the_matrix_and_the_totals_are_those_of_sets(tracks: str) -> None:
    rng = np.random.default_rng(1)
    pieces = [random_piece(rng, bars) for bars in (1, 2, 30, 60)]
    totals = lag_totals(pieces, tracks)
    for row, piece in enumerate(pieces):
        expected = [[naive_similarity(one, other, tracks) for other in piece] for one in piece]
        found = self_similarity(piece, tracks)
        np.testing.assert_allclose(found, np.array(expected, np.float64), atol=1e-12)
        for lag in range(1, LAGS + 1):
            values = [expected[i][i + lag] for i in range(len(piece) - lag)]
            known = [value for value in values if value is not None]
            assert totals.pairs[row, lag - 1] == len(known)
            assert totals.similarity[row, lag - 1] == pytest.approx(sum(known))


def test_pairs_of_bars_are_pooled_not_averaged_by_piece() -> None:
    a, b = bar((0, 60, 12, 0)), bar((0, 62, 12, 0))
    totals = lag_totals([[a, a], [a, b, a, b]])
    assert totals.curve()[:3].tolist() == [1 / 4, 1, 0]  # one like pair of 1 + 3, two of 2, none of 1
    assert np.isnan(totals.curve()[3:]).all()


def test_transposing_changes_nothing() -> None:
    rng = np.random.default_rng(2)
    pieces = [random_piece(rng, 50) for _ in range(4)]
    moved = [[notes + np.array([0, 5, 0, 0]) for notes in piece] for piece in pieces]
    for tracks in ("melody", "all"):
        one, other = lag_totals(pieces, tracks), lag_totals(moved, tracks)
        np.testing.assert_array_equal(one.similarity, other.similarity)


def test_songs_repeat_at_the_lengths_of_phrases(pack: Pop909) -> None:
    songs = [pack.load(id).song for id in pack.ids[:60]]
    melodies = [song.replace(parts=tuple(part for part in song.parts if part.role == "melody")) for song in songs]
    quadruple = [song for song in melodies if all(meter.bar_ticks == 48 for meter in song.meters)]
    assert len(quadruple) > 50
    curve = lag_totals([bars_of_notes(song) for song in quadruple]).curve()
    for phrase in (4, 8, 16, 32):
        assert curve[phrase - 1] > 1.5 * max(curve[phrase - 2], curve[phrase])


def test_the_error_is_the_mean_gap_in_percentage_points() -> None:
    same = [[bar((0, 60, 12, 0))] * 60]
    apart = [[bar((0, 60 + i, 12, 0)) for i in range(60)]]
    alternating = [[bar((0, 60 + i % 2, 12, 0)) for i in range(60)]]
    one, none, half = lag_totals(same), lag_totals(apart), lag_totals(alternating)
    assert similarity_error(one, none).value == pytest.approx(100)
    assert similarity_error(half, none).value == pytest.approx(50)  # 1 at even distances, 0 at odd ones
    assert similarity_error(half, one).value == pytest.approx(50)
    nothing = similarity_error(one, one)
    assert (nothing.value, nothing.low, nothing.high) == (0, 0, 0)
    with pytest.raises(ArgumentError):
        similarity_error(lag_totals([same[0][:1]]), one)


def test_the_interval_holds_the_error_of_many_pieces() -> None:
    rng = np.random.default_rng(3)

    def totals(pieces: int, kinds: int) -> LagTotals:
        return lag_totals([random_piece(rng, 50, kinds) for _ in range(pieces)])

    real = totals(300, 3)
    alike, unlike = similarity_error(totals(20, 3), real), similarity_error(totals(20, 9), real)
    truth = similarity_error(totals(300, 9), real).value
    assert alike.low == 0 < alike.value < alike.high
    assert 0 < unlike.low < truth < unlike.high
    assert similarity_error(totals(80, 9), real).low > unlike.low  # more pieces, less noise
    assert similarity_error(real, real, seed=1) == similarity_error(real, real, seed=1)


def test_the_floor_is_the_error_among_real_songs() -> None:
    rng = np.random.default_rng(4)
    real = lag_totals([random_piece(rng, 50) for _ in range(60)])
    few, many = similarity_floor(real, 5, draws=200), similarity_floor(real, 30, draws=200)
    assert 0 < many.mean < many.high < few.mean < few.high
    picks = np.random.default_rng(5)
    errors = []
    for _ in range(200):
        order = picks.permutation(len(real))
        sides = [LagTotals(real.similarity[part], real.pairs[part]) for part in (order[:30], order[30:])]
        errors.append(100 * np.abs(sides[0].curve() - sides[1].curve()).mean())
    assert many.mean == pytest.approx(np.mean(errors), rel=0.1)
    assert many.high == pytest.approx(np.quantile(errors, 0.95), rel=0.1)
    for pieces in (0, 60):
        with pytest.raises(ArgumentError):
            similarity_floor(real, pieces)


def test_plan_following_is_the_gain_of_planned_pairs() -> None:
    rng = np.random.default_rng(6)
    free = [random_piece(rng, 16) for _ in range(12)]
    copied = [[*piece[:8], *piece[:8]] for piece in free]
    pairs = [[(8 + i, i) for i in range(8)]] * 12
    followed = plan_following(copied, free, pairs)
    assert followed.planned.value == followed.planned.low == 1  # copies; empty bars beside empty ones do not count
    assert followed.difference.value == pytest.approx(1 - followed.unplanned.value)
    assert 0 < followed.difference.low < followed.difference.value < followed.difference.high
    ignored = plan_following(free, free, pairs)
    assert (ignored.difference.value, ignored.difference.low, ignored.difference.high) == (0, 0, 0)
    assert pair_similarity(copied[0], [(8, 0)], "all")[0] == 1
    with pytest.raises(ArgumentError, match="bar 17 is not in the piece"):
        pair_similarity(free[0], [(16, 0)])
    with pytest.raises(ArgumentError):
        plan_following(copied, free[:3], pairs)
    with pytest.raises(ArgumentError):
        plan_following([[bar(), bar()]], [[bar(), bar()]], [[(1, 0)]])
