"""Scores of raw analysis: closed cases, a perfect hearing scores 1, and real songs where the data is present."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ritornello.datasets.pop909 import Pop909
from ritornello.evaluation.analysis import METRICS, evaluate_raw, f1, key_score, matched, note_f1
from ritornello.score import Key


@pytest.mark.parametrize(
    ("found", "credit"),
    [("C", 1.0), ("G", 0.5), ("F", 0.5), ("Am", 0.3), ("Cm", 0.2), ("D", 0.0), ("Em", 0.0), ("Gm", 0.0)],
)
def test_near_keys_get_the_credit_of_mirex(found: str, credit: float) -> None:
    assert key_score(Key.parse(found), Key.parse("C")) == credit


def test_relative_keys_of_minor() -> None:
    assert key_score(Key.parse("C"), Key.parse("Am")) == 0.3
    assert key_score(Key.parse("E minor"), Key.parse("Am")) == 0.5


def test_places_are_paired_once() -> None:
    assert matched([0, 1, 10], [0.5, 10], 1.0) == 2
    assert matched([], [1.0], 1.0) == 0
    assert f1(2, 3, 2) == pytest.approx(0.8)
    assert f1(0, 0, 0) == 1.0


def test_notes_need_pitch_and_onset() -> None:
    onsets, pitches = [0, 4, 8, 12], [60, 62, 64, 65]
    assert note_f1(onsets, pitches, onsets, pitches) == 1.0
    assert note_f1(np.array(onsets) + 1, pitches, onsets, pitches) == 1.0
    assert note_f1(np.array(onsets) + 2, pitches, onsets, pitches) == 0.0
    assert note_f1(onsets, [60, 62, 64, 66], onsets, pitches) == 0.75
    assert note_f1([*onsets, 14], [*pitches, 70], onsets, pitches) == pytest.approx(8 / 9)


def test_real_songs_are_heard_from_their_notes_alone(data_folder: Path) -> None:
    path = data_folder / "pop909.zip"
    if not path.is_file():
        pytest.skip("pop909.zip is not in the data folder")
    dataset = Pop909(path)
    result = evaluate_raw(dataset, ("001", "002", "624"), rows=True)
    assert result["songs"] == 2
    assert result["left_out"] == ["624"]
    assert set(METRICS) <= set(result["rows"][0])
    assert result["key_accuracy"] == 1.0
    assert result["melody_f1"] > 0.95
    assert result["chord_root_accuracy"] > 0.85
    assert result["downbeat_f1"] > 0.95
    low, high = result["melody_f1_interval"]
    assert low <= result["melody_f1"] <= high
