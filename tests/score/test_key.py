from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from song_strategies import keys

from ritornello.errors import ArgumentError
from ritornello.score import Key
from ritornello.score.key import note_name_at_fifths, parse_note_name


@given(keys)
def test_a_key_reads_back_from_its_name_and_from_its_signature(key: Key):
    assert Key.parse(key.name) == key
    assert Key.parse(str(key)) == key
    assert Key.from_fifths(key.fifths, key.mode) == key
    assert -6 <= key.fifths <= 5


@given(keys)
def test_the_scale_is_spelled_with_seven_letters_and_the_signature(key: Key):
    names = [key.spell(pitch_class) for pitch_class in key.scale]
    assert len({name[0] for name in names}) == 7
    assert [parse_note_name(name) for name in names] == list(key.scale)
    assert sum(name.count("#") - name.count("b") for name in names) == key.fifths


@given(keys)
def test_only_minor_lacks_the_leading_tone(key: Key):
    raised = (key.tonic - 1) % 12
    assert key.scale_with_leading_tone - set(key.scale) == ({raised} if key.mode == "minor" else set())


@given(keys, st.integers(0, 11))
def test_spelling_keeps_the_pitch_class(key: Key, pitch_class: int):
    assert parse_note_name(key.spell(pitch_class)) == pitch_class


@given(keys, st.integers(-24, 24))
def test_transposition_moves_the_scale(key: Key, semitones: int):
    assert key.transpose(semitones).scale == tuple((tone + semitones) % 12 for tone in key.scale)


@given(st.integers(-20, 20))
def test_the_line_of_fifths(place: int):
    assert parse_note_name(note_name_at_fifths(place)) == place * 7 % 12


@pytest.mark.parametrize(
    ("text", "tonic", "mode"),
    [
        ("G", 7, "major"), ("Em", 4, "minor"), ("e", 4, "minor"), ("e minor", 4, "minor"), ("Gb:maj", 6, "major"),
        ("F# minor", 6, "minor"), ("B♭", 10, "major"), ("C:min", 0, "minor"), ("AM", 9, "major"), (" D ", 2, "major"),
    ],
)  # fmt: skip
def test_usual_spellings(text: str, tonic: int, mode: str):
    assert Key.parse(text) == Key(tonic, mode)


@pytest.mark.parametrize("text", ["", "H", "C dorian", "Cmm", "G#b#", "major"])
def test_what_is_no_key_is_refused(text: str):
    with pytest.raises(ArgumentError, match="is no key"):
        Key.parse(text)


def test_keys_out_of_range_are_refused():
    for arguments in ((12,), (-1,), (0, "dorian")):
        with pytest.raises(ArgumentError):
            Key(*arguments)
    with pytest.raises(ArgumentError, match="note name"):
        parse_note_name("x")
