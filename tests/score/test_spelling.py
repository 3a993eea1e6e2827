"""Chord roots, chord tones and melody notes are spelled as a lead sheet in the key would."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ritornello.score import Chord, ChordSpan, Key, KeyRegion, Part, Song, make_notes
from ritornello.score.key import STEP_PITCH_CLASS
from ritornello.score.musicxml_writer import musicxml_bytes
from ritornello.score.spelling import SpelledPitch, key_alterations, spell_notes, spell_pitch_class


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


def _names(key: str, pitches: list[int], chord: str = "") -> list[str]:
    spans = (ChordSpan(0, 12 * len(pitches), Chord.parse(chord)),) if chord else ()
    notes = make_notes(range(0, 12 * len(pitches), 12), 12, pitches)
    song = Song((Part("Melody", notes),), keys=(KeyRegion(0, Key.parse(key)),), chords=spans)
    spelled = spell_notes(song, notes)
    assert [note.octave for note in spelled] == [
        (p - n.alter) // 12 - 1 for p, n in zip(pitches, spelled, strict=True)
    ]  # the octave belongs to the letter
    return [note.step + {-1: "b", 0: "", 1: "#"}[note.alter] for note in spelled]


@pytest.mark.parametrize(
    ("key", "pitches", "chord", "names"),
    [
        ("F", [65, 67, 69, 70], "", ["F", "G", "A", "Bb"]),
        ("Gb", [71, 66], "", ["Cb", "Gb"]),
        ("C", [68, 67], "Fm", ["Ab", "G"]),
        ("C", [68, 69], "E7", ["G#", "A"]),
        ("C", [60, 61, 62, 61, 60], "C", ["C", "C#", "D", "Db", "C"]),
        ("A minor", [68, 69, 66], "", ["G#", "A", "F#"]),
        ("C", [66, 66, 65], "", ["Gb", "Gb", "F"]),
        ("B", [70, 71], "F#7", ["A#", "B"]),
    ],
)
def test_notes_are_spelled_by_key_chord_and_where_they_lead(
    key: str, pitches: list[int], chord: str, names: list[str]
) -> None:
    assert _names(key, pitches, chord) == names


@given(st.integers(0, 127), st.integers(0, 11), st.sampled_from(("major", "minor")))
def test_a_spelled_pitch_is_the_pitch(pitch: int, tonic: int, mode: str) -> None:
    key = Key(tonic, mode)  # type: ignore[arg-type]
    spelled = SpelledPitch.of(pitch, spell_pitch_class(pitch % 12, key))
    assert 12 * (spelled.octave + 1) + STEP_PITCH_CLASS[spelled.step] + spelled.alter == pitch


def test_key_signatures_alter_their_letters() -> None:
    assert key_alterations(Key.parse("D")) == {"C": 1, "D": 0, "E": 0, "F": 1, "G": 0, "A": 0, "B": 0}
    assert key_alterations(Key.parse("F minor")) == {"C": 0, "D": -1, "E": -1, "F": 0, "G": 0, "A": -1, "B": -1}


def _accidentals(pitches: list[int], durations: list[int], key: str = "C") -> list[str]:
    onsets = [sum(durations[:index]) for index in range(len(durations))]
    song = Song((Part("M", make_notes(onsets, durations, pitches)),), keys=(KeyRegion(0, Key.parse(key)),))
    notes = re.findall(r"<note.*?</note>", musicxml_bytes(song).decode())
    found = [re.search(r"<accidental>(.*?)</accidental>", note) for note in notes if "<pitch>" in note]
    return [match[1] if match else "" for match in found]


def test_accidentals_are_printed_once_a_bar_and_cancelled() -> None:
    assert _accidentals([66, 66, 67, 65, 78, 79], [6] * 6) == ["sharp", "", "", "natural", "sharp", ""]
    assert _accidentals([66, 67, 66, 67], [12, 36, 12, 36], "G") == ["", "", "", ""]
    assert _accidentals([65, 66], [12, 12], "G") == ["natural", "sharp"]
    assert _accidentals([66, 66], [60, 12]) == ["sharp", "", "sharp"]  # the note tied over the bar line has none
