from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from ritornello.analysis.phrase_grid import phrase_grid
from ritornello.datasets.pop909 import Pop909
from ritornello.evaluation.imitation import (
    agreement,
    cadences,
    half_to_half_distance,
    jensen_shannon_distance,
    melodic_bars,
    melody_shape,
    phrase_agreements,
    style_distance,
    style_histograms,
)
from ritornello.score import Chord, ChordSpan, Form, Key, KeyRegion, Part, Song, make_notes


def make_song(form: str, degrees: list[int], chords: list[int], tonic: int = 60) -> Song:
    """A note a beat, a chord a bar."""
    onsets = np.arange(len(degrees)) * 12
    notes = make_notes(onsets, np.full(len(degrees), 12), np.array(degrees) + tonic, 80)
    return Song(
        parts=(Part("Tune", notes, role="melody"),),
        keys=(KeyRegion(0, Key(tonic % 12)),),
        chords=tuple(ChordSpan(48 * bar, 48, Chord((root + tonic) % 12)) for bar, root in enumerate(chords)),
        form=Form.parse(form),
    )


def test_distance_is_zero_to_itself_symmetric_and_at_most_one() -> None:
    one, other = Counter({"a": 3, "b": 1}), Counter({"b": 2, "c": 5})
    assert jensen_shannon_distance(one, one) == 0
    assert jensen_shannon_distance(one, other) == pytest.approx(jensen_shannon_distance(other, one))
    assert jensen_shannon_distance(one, Counter({"z": 1})) == pytest.approx(1.0)
    assert jensen_shannon_distance(one, Counter()) == 1.0
    assert jensen_shannon_distance(Counter(), Counter()) == 0.0
    # By hand: p = (1, 0), q = (1/2, 1/2), so H(m) - (H(p) + H(q)) / 2 = 0.8113 - 0.5.
    assert jensen_shannon_distance(Counter(a=2), Counter(a=1, b=1)) == pytest.approx(np.sqrt(0.3112781), abs=1e-6)


def test_style_does_not_depend_on_the_key() -> None:
    song = make_song("A2B2", [0, 2, 4, 5, 7, 5, 4, 2, 9, 7, 5, 4, 2, 0, 2, 0], [0, 5, 7, 0])
    one, other = style_histograms(phrase_grid(song)), style_histograms(phrase_grid(song.transpose(4)))
    assert style_distance(one, other).mean == 0
    assert one[1][2] == 4  # rising whole tones: 0-2, 2-4, 5-7, 0-2
    assert one[3] == Counter({(5, "maj", "maj"): 2, (2, "maj", "maj"): 1})


def test_agreement_counts_equal_positions_over_the_shorter() -> None:
    assert agreement(np.array([1, 2, 3, 4]), np.array([1, 0, 3])) == pytest.approx(2 / 3)
    assert agreement(np.array([], int), np.array([1])) == 0


def test_phrases_agree_by_letter() -> None:
    song = make_song("A1B1A1X1", [0, 2, 4, 5, 7, 9, 11, 12, 0, 2, 4, 7, 0, 2, 4, 5], [0, 0, 0, 0])
    found = phrase_agreements(phrase_grid(song))
    assert found.same == {"A": [0.75]}
    assert found.other == [0.0, 0.0]


def test_cadences_by_place() -> None:
    song = make_song("A2A2x2A2", [0] * 24 + [4] * 8, [7, 0, 7, 9, 0, 0, 7, 0])
    found = cadences(phrase_grid(song))
    assert found.v_to == {"section_end": [False, True], "phrase_end": [True], "elsewhere": []}
    assert found.final_degrees == {"section_end": [0, 4], "phrase_end": [0]}


def test_only_melodic_bars_count() -> None:
    grid = phrase_grid(make_song("i1A1x1B1", [0] * 16, [0] * 4))
    assert melodic_bars(grid) == [1, 3]
    assert sum(style_histograms(grid)[0].values()) == 4


def test_shape_ignores_the_key_and_tells_melodies_apart() -> None:
    song = make_song("A2B2", [0, 2, 4, 5, 7, 5, 4, 2, 9, 7, 5, 4, 2, 0, 2, 0], [0, 5, 7, 0])
    other = make_song("A2B2", [0, 0, 0, 0, 12, 12, 0, 0, 0, 12, 0, 12, 0, 0, 0, 0], [0, 5, 7, 0])
    shape = melody_shape(phrase_grid(song))
    np.testing.assert_allclose(shape, melody_shape(phrase_grid(song.transpose(5))))
    assert np.abs(shape - melody_shape(phrase_grid(other))).sum() > 1


def test_anchors_of_the_ten_seeds_are_reproduced(data_folder: Path) -> None:
    path = data_folder / "pop909.zip"
    if not path.exists():
        pytest.skip("no pop909.zip among the data sets")
    data = Pop909(path)
    ids = ["003", "063", "093", "113", "123", "013", "023", "033", "043", "053"]
    expected = [0.170, 0.136, 0.203, 0.166, 0.444, 0.265, 0.261, 0.183, 0.320, 0.223]
    found = [half_to_half_distance(phrase_grid(data.load(id).song)).mean for id in ids]
    np.testing.assert_allclose(found, expected, atol=0.012)
    assert np.mean(found) == pytest.approx(0.237, abs=0.003)
