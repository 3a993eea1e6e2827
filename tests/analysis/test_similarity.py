"""The bar-by-bar similarity matrix, and the song with all bars equally long."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from ritornello.analysis import analyze
from ritornello.analysis.similarity import bar_similarity
from ritornello.analysis.straight import regular_meter, straighten
from ritornello.score import ChordSpan, KeyRegion, Meter, Part, Song, make_notes
from ritornello.score.chord import Chord
from ritornello.score.key import Key

from .songs import band


def test_similarity_is_symmetric_and_repeats_are_equal() -> None:
    matrix = bar_similarity(analyze(band(), with_form=False).song)
    assert matrix.shape == (64, 64)
    assert np.allclose(matrix, matrix.T)
    assert np.allclose(np.diag(matrix), 1)
    assert matrix.min() >= 0
    assert matrix[0, 16] > 0.99
    assert matrix[0, 1] < 0.8


def test_similarity_does_not_depend_on_velocity_but_on_pitch() -> None:
    song = analyze(band(rounds=2), with_form=False).song
    melody = song.part("melody")
    assert melody is not None
    quiet, other = melody.notes.copy(), melody.notes.copy()
    quiet["velocity"] = 20
    other["pitch"][:3] += 1
    rest = [part for part in song.parts if part.role != "melody"]
    assert np.array_equal(bar_similarity(song), bar_similarity(song.replace(parts=(melody.with_notes(quiet), *rest))))
    assert bar_similarity(song.replace(parts=(melody.with_notes(other), *rest)))[0, 16] < bar_similarity(song)[0, 16]


def odd_song() -> Song:
    """A pickup of one beat, two bars, a bar with two beats more, a bar cut to two beats, two bars."""
    lengths = [12, 48, 48, 72, 24, 48, 48]
    lines = np.concatenate([[0], np.cumsum(lengths)])
    meters = (Meter(0, 1, 4), Meter(12, 4, 4), Meter(108, 6, 4), Meter(180, 2, 4), Meter(204, 4, 4))
    onset = np.arange(0, lines[-1], 12)
    chords = tuple(ChordSpan(int(a), int(b - a), Chord.parse("C")) for a, b in pairwise(lines))
    notes = make_notes(onset, [12] * len(onset), 60 + np.arange(len(onset)) % 12)
    return Song(
        parts=(Part("", notes),), meters=meters, chords=chords, keys=(KeyRegion(0, Key(0)), KeyRegion(204, Key(2)))
    )


def test_straight_bars_keep_numbers_and_places() -> None:
    song = odd_song()
    straight = straighten(song)
    assert regular_meter(song) == Meter(0, 4, 4)
    assert straight.meters == (Meter(0, 4, 4),)
    assert song.bars == straight.bars == 7
    onsets, pitches = straight.parts[0].notes["onset"], straight.parts[0].notes["pitch"]
    assert onsets[:3].tolist() == [36, 48, 60]  # the pickup stands at the end of a full bar
    assert len(onsets) == len(song.parts[0].notes) - 2  # two inserted beats are left out
    assert (onsets[pitches == 60] % 12 == 0).all()
    assert onsets[(onsets >= 192) & (onsets < 240)].tolist() == [192, 204]  # the short bar, then silence
    assert [span.onset for span in straight.chords] == [36, 48, 96, 144, 192, 240, 288]
    assert [region.tick for region in straight.keys] == [36, 240]


def test_a_regular_song_stays() -> None:
    song = band()
    assert straighten(song) == song
