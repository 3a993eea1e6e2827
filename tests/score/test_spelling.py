"""Chord roots, chord tones and melody notes are spelled as a lead sheet in the key would."""

from __future__ import annotations

import pytest

from ritornello.score import Chord, Key


@pytest.mark.parametrize(
    ("key", "chord", "symbol"),
    [
        ("C", Chord(8), "Ab"),
        ("C", Chord(3, "maj7"), "Ebmaj7"),
        ("C", Chord(8, "dim7"), "G#dim7"),
        ("C", Chord(4, "7", 8), "E7/G#"),
        ("C", Chord(5, "min", 8), "Fm/Ab"),
        ("Gb", Chord(11), "Cb"),
        ("Gb", Chord(4), "E"),
        ("F# minor", Chord(5, "dim7"), "E#dim7"),
        ("D", Chord(10, "maj"), "Bb"),
        ("E", Chord(8, "7", 0), "G#7/B#"),
    ],
)
def test_chord_symbols_are_spelled_for_the_key(key: str, chord: Chord, symbol: str) -> None:
    assert chord.symbol(Key.parse(key)) == symbol


@pytest.mark.parametrize("mode", ["major", "minor"])
def test_symbols_of_every_chord_in_every_key_read_back(mode: str) -> None:
    for tonic in range(12):
        key = Key(tonic, mode)  # type: ignore[arg-type]
        for root in range(12):
            for quality in ("maj", "min7", "dim7", "hdim7", "aug", "7sus4", "maj9"):
                for bass in range(12):
                    chord = Chord(root, quality, bass)
                    assert Chord.parse(chord.symbol(key)) == chord
