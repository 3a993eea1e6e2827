"""Chords: names, inversions and silences of invented progressions; laws of the path and of the features."""

from __future__ import annotations

import numpy as np
import pytest

from ritornello.analysis.chords import (
    RECOGNISED,
    beats_of,
    best_path,
    chord_log_probabilities,
    find_chords,
    pitch_class_features,
)
from ritornello.score import Chord, Meter, Part, Song, make_notes


def played(symbols: list[str], beats: int = 4, meter: int = 4) -> Song:
    """Each chord struck on every beat in close position over its bass."""
    onset, pitch = [], []
    for index, symbol in enumerate(symbols):
        chord = Chord.parse(symbol)
        tones = [36 + chord.bass] + [60 + (chord.root + step) % 12 for step in chord.intervals]
        for beat in range(beats):
            onset += [12 * (index * beats + beat)] * len(tones)
            pitch += tones
    return Song(parts=(Part("keys", make_notes(onset, [12] * len(onset), pitch)),), meters=(Meter(0, meter, 4),))


@pytest.mark.parametrize(
    "symbols",
    [
        ["C", "Am", "F", "G"],
        ["Dm7", "G7", "Cmaj7", "C"],
        ["C", "C/E", "F", "G/B", "C"],
        ["Ebm", "Cb", "Gb", "Db"],
        ["Gsus4", "G", "C", "Dsus2", "G"],
        ["C", "Bdim", "G"],
    ],
)
def test_plain_chords_are_named(symbols: list[str]) -> None:
    spans, confidence = find_chords(played(symbols))
    assert [span.chord for span in spans] == [Chord.parse(symbol) for symbol in symbols]
    assert [span.onset for span in spans] == [48 * bar for bar in range(len(symbols))]
    assert confidence > 0.5


def test_chords_change_within_three_beat_bars() -> None:
    spans, _ = find_chords(played(["C", "F", "G", "C"], beats=3, meter=3))
    assert [span.duration for span in spans] == [36] * 4


def test_a_long_silence_has_no_chord_and_a_short_one_keeps_it() -> None:
    song = played(["C", "C", "G", "G"])
    notes = song.parts[0].notes
    silent_bar = notes[(notes["onset"] < 48) | (notes["onset"] >= 144)]
    spans, _ = find_chords(song.replace(parts=(song.parts[0].with_notes(silent_bar),)))
    assert [(span.onset, span.end) for span in spans] == [(0, 48), (144, 192)]
    silent_beat = notes[(notes["onset"] < 24) | (notes["onset"] >= 36)]
    spans, _ = find_chords(song.replace(parts=(song.parts[0].with_notes(silent_beat),)))
    assert [(span.onset, span.end) for span in spans] == [(0, 96), (96, 192)]


def test_drums_have_no_chords() -> None:
    kit = Part("kit", make_notes(range(0, 192, 12), [6] * 16, [36] * 16), is_drums=True)
    assert find_chords(Song(parts=(kit,))) == ((), 0.0)


def test_probabilities_turn_with_the_key() -> None:
    song = played(["C", "Am", "F", "G"])
    edges = beats_of(song).edges
    low = chord_log_probabilities(pitch_class_features(song.parts, edges)).reshape(-1, 12, len(RECOGNISED))
    high = chord_log_probabilities(pitch_class_features(song.transpose(2).parts, edges)).reshape(low.shape)
    assert np.allclose(np.exp(low).sum(axis=(1, 2)), 1)
    assert np.allclose(np.roll(low, 2, axis=1), high)


def test_path_follows_overwhelming_evidence_and_stays_without_any() -> None:
    states = 12 * len(RECOGNISED)
    evidence = np.full((6, states), -50.0)
    evidence[[0, 1, 2, 3, 4, 5], [3, 3, 8, 8, 3, 3]] = 0.0
    assert best_path(evidence, np.full(6, 0.3)).tolist() == [3, 3, 8, 8, 3, 3]
    nothing = np.zeros((6, states))
    nothing[0, 5] = 1.0
    assert best_path(nothing, np.full(6, 0.01)).tolist() == [5] * 6


def test_beats_of_mixed_metres() -> None:
    notes = make_notes([0], [48 + 36 + 36], [60])
    song = Song(parts=(Part("", notes),), meters=(Meter(0, 4, 4), Meter(48, 6, 8), Meter(84, 3, 4)))
    beats = beats_of(song)
    assert beats.edges.tolist() == [0, 12, 24, 36, 48, 66, 84, 96, 108, 120]
    assert beats.place.tolist() == [0, 1, 2, 3, 0, 1, 0, 1, 2]
    assert beats.per_bar.tolist() == [4] * 4 + [2] * 2 + [3] * 3
