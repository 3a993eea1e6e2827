"""Keys: every key of an invented song, modulation at its bar line, relative keys by their chords."""

from __future__ import annotations

import numpy as np
import pytest

from ritornello.analysis.chords import find_chords
from ritornello.analysis.key import find_keys, key_features, key_histograms, key_log_probabilities
from ritornello.score import Key, Part, Song, make_notes

from .songs import band


@pytest.mark.parametrize("tonic", range(12))
def test_every_major_key(tonic: int) -> None:
    song = band(rounds=2, tonic=tonic)
    regions, confidence = find_keys(song, find_chords(song)[0])
    assert [region.key for region in regions] == [Key(tonic)]
    assert regions[0].tick == 0
    assert confidence > 0.5


@pytest.mark.parametrize("tonic", [0, 5, 9])
def test_minor_is_told_from_its_relative_major(tonic: int) -> None:
    progression = [(0, 3, 7), (5, 8, 12), (7, 11, 14), (0, 3, 7)] * 6
    onset, pitch = [], []
    for bar, tones in enumerate(progression):
        onset += [48 * bar] * 4
        pitch += [48 + tonic + tones[0], *(60 + tonic + tone for tone in tones)]
    song = Song(parts=(Part("", make_notes(onset, [48] * len(onset), pitch)),))
    regions, _ = find_keys(song, find_chords(song)[0])
    assert [region.key for region in regions] == [Key(tonic, "minor")]


def test_a_modulation_is_found_near_its_bar() -> None:
    first, second = band(rounds=2), band(rounds=2, tonic=2)
    parts = []
    for before, after in zip(first.parts, second.parts, strict=True):
        later = after.notes.copy()
        later["onset"] += 48 * 32
        parts.append(before.with_notes(np.concatenate([before.notes, later])))
    song = first.replace(parts=tuple(parts))
    regions, _ = find_keys(song, find_chords(song)[0])
    assert [region.key for region in regions] == [Key(0), Key(2)]
    assert abs(regions[1].tick - 48 * 32) <= 48 * 2
    assert regions[1].tick in song.bar_lines


def test_no_pitch_no_key() -> None:
    kit = Part("kit", make_notes(range(0, 192, 12), [6] * 16, [36] * 16), is_drums=True)
    assert find_keys(Song(parts=(kit,)), ()) == ((), 0.0)


def test_log_probabilities_are_normalised_and_turn_with_the_key() -> None:
    def seen(tonic: int) -> np.ndarray:
        song = band(rounds=1, tonic=tonic)
        return key_log_probabilities(key_features(key_histograms(song, find_chords(song)[0]).sum(axis=0)[None]))[0]

    low, high = seen(0), seen(3)
    assert np.exp(low).sum() == pytest.approx(1)
    assert np.allclose(np.roll(low[:12], 3), high[:12])
    assert np.allclose(np.roll(low[12:], 3), high[12:])
