from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ritornello.datasets import BandMidi
from ritornello.errors import ArgumentError
from ritornello.museformer.tokens import vocabulary as v
from ritornello.museformer.tokens.encoding import (
    TokenSong,
    decode,
    encode,
    normalising_shift,
    split_bars,
    text_to_tokens,
    tokens_to_text,
)
from ritornello.museformer.tokens.families import arrange_families
from ritornello.museformer.tokens.grammar_check import grammar_errors
from ritornello.score.midi_reader import read_midi
from ritornello.score.midi_writer import midi_bytes
from ritornello.score.song import Part, Song, make_notes
from ritornello.score.timeline import Tempo

from .band_songs import arranged_songs, band, line


def same_bars(one: TokenSong, other: TokenSong) -> bool:
    return len(one) == len(other) and all(np.array_equal(a, b) for a, b in zip(one.bars, other.bars, strict=True))


def test_a_bar_reads_as_in_the_spec() -> None:
    assert tokens_to_text(encode(band()).bars[:1]) == (
        "t-35 "
        "o-0 i-80 p-72 d-6 v-20 i-128 p-164 d-3 v-25 i-43 p-36 d-16 v-20 "
        "i-0 p-67 d-18 v-15 p-64 d-18 v-15 p-60 d-18 v-15 "
        "o-12 i-80 p-74 d-6 v-20 "
        "o-24 i-80 p-76 d-6 v-20 i-128 p-166 d-3 v-25 i-43 p-43 d-16 v-20 "
        "i-0 p-67 d-18 v-15 p-64 d-18 v-15 p-60 d-18 v-15 "
        "o-40 i-80 p-79 d-6 v-20 "
        "b-1\n"
    )


def test_empty_bars_stay_inside_and_go_at_both_ends() -> None:
    song = Song(parts=(Part("a", line([48 * 2, 48 * 5], [60, 62]), 0),))
    tokens = encode(song)
    assert (len(tokens), tokens.leading_bars) == (4, 2)
    assert tokens_to_text(tokens.bars[1:3]) == "t-35 b-1\nt-35 b-1\n"
    assert decode(tokens).parts[0].notes["onset"].tolist() == [0, 48 * 3]
    assert decode(tokens, keep_leading_bars=True).parts[0].notes["onset"].tolist() == [96, 240]


def test_each_bar_has_the_tempo_at_its_start() -> None:
    song = band(4).replace(tempi=(Tempo(0, 120.0), Tempo(50, 60.0), Tempo(144, 240.0)))
    steps = [int(bar[0]) - v.TEMPO0 for bar in encode(song).bars]
    assert steps == [35, 35, 23, 44]
    assert [tempo.tick for tempo in decode(encode(song)).tempi] == [0, 96, 144]


@settings(deadline=None, max_examples=60)
@given(arranged_songs())
def test_tokens_survive_midi_and_follow_the_grammar(song: Song) -> None:
    tokens = encode(song)
    assert grammar_errors(tokens.bars) == []
    song = decode(tokens)
    again = encode(read_midi(midi_bytes(song), "x.mid"), pitch_shift=tokens.pitch_shift)
    assert same_bars(tokens, again)
    assert same_bars(tokens, encode(song, pitch_shift=tokens.pitch_shift))


@settings(deadline=None, max_examples=30)
@given(arranged_songs())
def test_decoding_gives_the_notes_back_up_to_rounding(song: Song) -> None:
    back = decode(encode(song), keep_leading_bars=True)
    for before, after in zip(song.parts, back.parts, strict=True):
        for column in ("onset", "pitch"):
            assert np.array_equal(before.notes[column], after.notes[column])
        assert np.abs(before.notes["velocity"] - after.notes["velocity"]).max(initial=0) <= 2
        shortened = before.notes["duration"] - after.notes["duration"]
        assert (shortened >= 0).all() and (shortened <= before.notes["duration"] // 4).all()


@given(st.integers(-24, 24))
def test_transposition_changes_the_shift_and_nothing_else(semitones: int) -> None:
    song = arrange_families(band())
    one, other = encode(song), encode(song.transpose(semitones))
    assert (one.pitch_shift - other.pitch_shift - semitones) % 12 == 0
    distance = one.pitch_shift - other.pitch_shift - semitones  # a whole number of octaves
    shifted = TokenSong(encode(song, pitch_shift=one.pitch_shift - distance).bars)
    assert same_bars(shifted, other)


@pytest.mark.parametrize(
    ("pitches", "weights", "shift"),
    [
        ([60, 62, 64, 65, 67, 69, 71], [3, 1, 1, 1, 2, 1, 1], 0),  # C major
        ([60, 62, 64, 65, 67, 69, 71], [1, 1, 1, 1, 2, 3, 1], 0),  # A minor
        ([67, 69, 71, 72, 74, 76, 78], [3, 1, 1, 1, 2, 1, 1], -7),  # G major
        ([64, 66, 67, 69, 71, 72, 74], [3, 1, 1, 1, 2, 1, 1], 5),  # E minor
        ([2, 4, 6, 7, 9, 11, 1], [3, 1, 1, 1, 2, 1, 1], 10),  # D major, too low to go down
    ],
)
def test_keys_move_to_c_major_or_a_minor(pitches: list[int], weights: list[int], shift: int) -> None:
    notes = make_notes(list(range(7)), np.array(weights) * 12, pitches, 80)
    assert normalising_shift(notes) == shift


def test_notes_that_span_all_pitches_are_not_moved() -> None:
    notes = make_notes([0, 0, 12, 24], [12, 12, 48, 48], [0, 127, 67, 71], 80)
    assert normalising_shift(notes) == 0
    assert normalising_shift(make_notes()) == 0


def test_a_shift_can_be_given_or_left_out() -> None:
    song = band().transpose(2)
    assert encode(song).pitch_shift == -2
    assert encode(song, normalise=False).pitch_shift == 0
    assert encode(song, pitch_shift=3).pitch_shift == 3
    with pytest.raises(ArgumentError, match="pitch shift of 60"):
        encode(song, pitch_shift=60)


def test_generated_pitches_that_the_shift_takes_out_of_range_move_by_octaves() -> None:
    bar = text_to_tokens("t-35 o-0 i-80 p-127 d-6 v-20 p-0 d-6 v-20 b-1")
    assert decode(TokenSong(bar, pitch_shift=-3)).parts[0].notes["pitch"].tolist() == [3, 118]
    assert decode(TokenSong(bar, pitch_shift=3)).parts[0].notes["pitch"].tolist() == [9, 124]


def test_overlapping_notes_of_a_pitch_are_cut_on_the_way_out() -> None:
    bar = text_to_tokens("t-35 o-0 i-80 p-60 d-24 v-20 o-12 i-80 p-60 d-12 v-20 b-1")
    assert decode(TokenSong(bar)).parts[0].notes["duration"].tolist() == [12, 12]


def test_control_tokens_make_no_music() -> None:
    plain = text_to_tokens("t-30 o-0 i-0 p-60 d-6 v-20 b-1")
    steered = text_to_tokens("<c> u-1 t-30 o-0 i-0 p-60 d-6 v-20 b-1")
    assert decode(TokenSong(plain)) == decode(TokenSong(steered))


@pytest.mark.parametrize(
    "text",
    [
        "t-35 i-80 p-60 d-6 v-20 b-1",
        "t-35 o-0 p-60 d-6 v-20 b-1",
        "t-35 o-0 i-80 p-60 v-20 d-6 b-1",
        "t-35 o-0 i-80 p-60 d-6 b-1",
        "t-35 o-48 i-80 p-60 d-6 v-20 b-1",
        "t-35 o-0 i-80 p-200 d-6 v-20 b-1",
        "t-35 o-0 i-128 p-60 d-6 v-20 b-1",
        "t-35 o-0 i-80 p-60 d-6 v-20 b-1 t-35 p-60 d-6 v-20 b-1",
        "t-35 o-0 i-80 p-60 d-6 v-20 o-12 p-60 d-6 v-20 b-1",
    ],
)
def test_tokens_without_sense_are_refused(text: str) -> None:
    with pytest.raises(ArgumentError, match=r"grammar|another kind"):
        decode(TokenSong(text_to_tokens(text)))


def test_flat_rows_and_text_come_back_as_bars() -> None:
    tokens = encode(band())
    row = np.array([v.START, *np.concatenate(tokens.bars), v.END])
    padded = np.concatenate([row, np.full(3, v.PAD)])
    assert same_bars(tokens, TokenSong(split_bars(padded)))
    assert same_bars(tokens, TokenSong(text_to_tokens(tokens_to_text(tokens.bars))))
    assert split_bars(row[:5])[0].tolist() == row[1:5].tolist()


def test_a_song_of_no_bars_is_silence() -> None:
    song = decode(TokenSong(()), "nothing")
    assert [len(part.notes) for part in song.parts] == [0] * 6
    assert song.title == "nothing"


PARTS = 8


@pytest.mark.parametrize("part", range(PARTS))
def test_every_real_song_survives_midi(data_folder: Path, part: int) -> None:
    path = data_folder / "band-midi.zip"
    if not path.exists():
        pytest.skip("band-midi.zip is not in the data folder")
    data = BandMidi(path)
    assert len(data.ids) >= PARTS
    for id in data.ids[part::PARTS]:
        tokens = encode(data.load(id))
        written = midi_bytes(decode(tokens, id))
        assert same_bars(tokens, encode(read_midi(written, id), pitch_shift=tokens.pitch_shift)), id
