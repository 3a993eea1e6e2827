from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from ritornello.errors import ArgumentError
from ritornello.evaluation.bar_notes import BAR_TICKS, DRUMS, joined
from ritornello.evaluation.piece_metrics import compare, piece_metrics, polyphony

Piece = list[NDArray[np.int64]]


def bar(*notes: tuple[int, int, int, int]) -> NDArray[np.int64]:
    return np.array(notes, np.int64).reshape(-1, 4)


def random_piece(seed: int, bars: int = 12) -> Piece:
    rng = np.random.default_rng(seed)
    sizes = rng.integers(0, 9, bars)
    return [
        np.stack(
            [rng.integers(0, 48, n), rng.integers(40, 80, n), rng.integers(1, 90, n), rng.integers(0, 6, n)], axis=1
        )
        for n in sizes
    ]


def test_a_piece_by_hand() -> None:
    # C major triad held a bar; C and F sharp with a drum; a bar of drums; an empty bar.
    piece = [
        bar((0, 60, 48, 4), (0, 64, 48, 4), (0, 67, 48, 4)),
        bar((0, 48, 12, 2), (12, 54, 24, 2), (12, 36, 3, DRUMS)),
        bar((12, 38, 3, DRUMS)),
        bar(),
    ]
    found = piece_metrics(piece)
    assert found["bars"] == 4
    assert found["notes_per_bar"] == 7 / 4
    assert found["empty_bar_rate"] == 1 / 4
    assert found["pitch_entropy_1"] == pytest.approx((np.log2(3) + 1) / 2)  # bars without pitch are left out
    assert found["pitch_entropy_4"] == pytest.approx(-(0.4 * np.log2(0.4) + 3 * 0.2 * np.log2(0.2)))
    assert found["polyphony"] == pytest.approx((3 * 48 + 12 + 24) / (48 + 36))
    assert found["pitch_range"] == 67 - 48
    assert found["scale_consistency"] == 1  # G major has C, E, F sharp and G
    assert found["groove_consistency"] == pytest.approx(1 - (1 + 1 + 1) / 3 / 48)
    assert found["groove_similarity"] == pytest.approx(1 - (1 + 2 + 1 + 1 + 2 + 1) / 6 / 48)
    assert (found["piano_bars"], found["bass_bars"], found["drums_bars"], found["melody_bars"]) == (
        1 / 4,
        1 / 4,
        1 / 2,
        0,
    )
    assert (found["bass_lowest"], found["bass_highest"]) == (48, 54)
    assert "melody_lowest" not in found and "drums_lowest" not in found


def test_drums_alone_have_no_figures_of_pitch() -> None:
    found = piece_metrics([bar((0, 36, 3, DRUMS))])
    assert set(found) == {"bars", "notes_per_bar", "empty_bar_rate"} | {
        f"{family}_bars" for family in ("melody", "drums", "bass", "guitar", "piano", "strings")
    }
    with pytest.raises(ArgumentError):
        piece_metrics([])


def test_polyphony_is_that_of_a_piano_roll() -> None:
    for seed in range(20):
        index, notes = joined(random_piece(seed))
        onsets = index * BAR_TICKS + notes[:, 0]
        roll = np.zeros((12 * BAR_TICKS + 100, 128), np.bool_)
        for onset, (_, pitch, duration, _) in zip(onsets, notes, strict=True):
            roll[onset : onset + duration, pitch] = True
        sounding = roll.sum(axis=1)
        assert polyphony(onsets, notes[:, 2], notes[:, 1]) == pytest.approx(sounding[sounding > 0].mean())


def test_grooves_are_those_of_all_pairs() -> None:
    piece = random_piece(3)
    flags = [np.isin(np.arange(48), notes[:, 0]) for notes in piece]
    pairs = [1 - np.mean(flags[i] ^ flags[j]) for i in range(12) for j in range(i)]
    neighbours = [1 - np.mean(one ^ other) for one, other in pairwise(flags)]
    found = piece_metrics(piece)
    assert found["groove_similarity"] == pytest.approx(np.mean(pairs))
    assert found["groove_consistency"] == pytest.approx(np.mean(neighbours))


def test_transposing_moves_registers_and_nothing_else() -> None:
    piece = random_piece(5)
    moved = [notes + np.array([0, 7, 0, 0]) for notes in piece]
    one, other = piece_metrics(piece), piece_metrics(moved)
    for name, value in one.items():
        expected = value + 7 if name.endswith(("lowest", "highest")) else value
        assert other[name] == pytest.approx(expected), name


def test_any_mode_of_a_scale_is_consistent() -> None:
    for tonic in range(12):
        minor = [57 + tonic + step for step in (0, 2, 3, 5, 7, 8, 10)]
        assert piece_metrics([bar(*((i, pitch, 1, 0) for i, pitch in enumerate(minor)))])["scale_consistency"] == 1
    chromatic = piece_metrics([bar(*((i, 60 + i, 1, 0) for i in range(12)))])
    assert chromatic["scale_consistency"] == pytest.approx(7 / 12)
    assert chromatic["pitch_entropy_1"] == pytest.approx(np.log2(12))


def test_comparison_holds_both_means_with_intervals() -> None:
    generated = [piece_metrics(random_piece(seed)) for seed in range(10)]
    real = [piece_metrics(random_piece(seed, bars=8)) for seed in range(10, 40)]
    table = compare(generated, [*real, {"bars": 8.0}])  # a piece that lacks a figure does not count for it
    assert table["bars"].generated.value == table["bars"].generated.low == 12
    assert table["bars"].real.high == 8
    polyphonies = [row["polyphony"] for row in real]
    side = table["polyphony"].real
    assert side.value == pytest.approx(np.mean(polyphonies))
    assert side.high - side.low == pytest.approx(2 * 1.96 * np.std(polyphonies) / np.sqrt(30), rel=0.2)
    assert "rare" not in compare([{"bars": 1.0, "rare": 2.0}], [{"bars": 1.0}])
    with pytest.raises(ArgumentError):
        compare([], real)
