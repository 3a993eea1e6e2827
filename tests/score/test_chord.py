from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from song_strategies import chords, keys

from ritornello.errors import ArgumentError
from ritornello.score import Chord, Key
from ritornello.score.chord import QUALITIES, SUFFIXES


@given(chords, keys)
def test_symbols_and_harte_labels_read_back(chord: Chord, key: Key):
    assert Chord.parse(chord.symbol(key)) == chord
    assert Chord.parse(chord.harte) == chord


@given(chords, st.integers(-24, 24))
def test_transposition_moves_all_pitch_classes_alike(chord: Chord, semitones: int):
    moved = chord.transpose(semitones)
    assert moved.pitch_classes == {(pitch_class + semitones) % 12 for pitch_class in chord.pitch_classes}
    assert (moved.quality, moved.triad) == (chord.quality, chord.triad)
    assert moved.transpose(-semitones) == chord


@pytest.mark.parametrize(
    ("text", "root", "quality", "bass"),
    [
        ("C", 0, "maj", 0), ("F#m7", 6, "min7", 6), ("Bb/D", 10, "maj", 2), ("G:maj7/3", 7, "maj7", 11),
        ("B:min7/b7", 11, "min7", 9), ("A♭:maj/5", 8, "maj", 3), ("Dsus", 2, "sus4", 2), ("Bø7", 11, "hdim7", 11),
        ("C6/9", 0, "maj6", 0), ("E7#9(foo)", 4, None, 4), ("G7(b9)", 7, "7", 7), ("C:maj6(9)/2", 0, "maj6", 2),
        ("Cm(maj7)", 0, "minmaj7", 0), ("D:hdim7", 2, "hdim7", 2), ("C-7", 0, "min7", 0), (" Am ", 9, "min", 9),
    ],
)  # fmt: skip
def test_usual_spellings(text: str, root: int, quality: str | None, bass: int):
    if quality is None:
        with pytest.raises(ArgumentError, match="quality"):
            Chord.parse(text)
    else:
        assert Chord.parse(text) == Chord(root, quality, bass)


@pytest.mark.parametrize("text", ["N", "N.C.", "", "H", "hello", "C:foo", "C/X", "7"])
def test_what_is_no_chord_is_refused(text: str):
    with pytest.raises(ArgumentError, match=text or "no chord"):
        Chord.parse(text)


@pytest.mark.parametrize("arguments", [(12,), (-1,), (0, "majestic"), (0, "maj", 12), (0, "maj", -2)])
def test_chords_out_of_range_are_refused(arguments: tuple[object, ...]):
    with pytest.raises(ArgumentError):
        Chord(*arguments)


def test_every_quality_has_a_suffix_a_root_and_rising_tones():
    assert set(SUFFIXES) == set(QUALITIES)
    for steps in QUALITIES.values():
        assert steps[0] == 0
        assert list(steps) == sorted(set(steps))
        assert steps[-1] < 12


def test_the_bass_belongs_to_the_pitch_classes():
    assert Chord(0, "maj", 2).pitch_classes == {0, 2, 4, 7}
    assert Chord(0).bass == 0
    assert str(Chord(9, "min7", 7)) == "Am7/G"
