from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ritornello.errors import UnsuitableSongError
from ritornello.evaluation.listening.clips import LOUDNESS_LUFS, level, plain_song
from ritornello.evaluation.listening.sections import choose_bars, cut_audio, cut_bars
from ritornello.score import Chord, ChordSpan, Form, Key, KeyRegion, Meter, Part, Song, Tempo, make_notes
from ritornello.score.song import CONTROL_DTYPE
from ritornello.sound import Audio

from .conftest import tune


@given(st.integers(0, 1000), st.floats(8, 40))
def test_a_section_is_about_as_long_as_asked_for(seed: int, length_s: float) -> None:
    song = tune(0, bars=60)
    first, stop = choose_bars(song, length_s, np.random.default_rng(seed))
    lines = song.seconds(song.bar_lines)
    assert abs(lines[stop] - lines[first] - length_s) <= max(0.15 * length_s, 1.0)


def test_a_section_is_whole_phrases_where_the_form_is_known() -> None:
    song = tune(0, bars=60).replace(form=Form.parse("i4" + "A6B6X5" * 3 + "o5"))
    bounds = {*song.form.starts, song.form.bars}
    sections = {choose_bars(song, 34.0, np.random.default_rng(seed)) for seed in range(40)}
    assert len(sections) > 2
    for first, stop in sections:
        assert first in bounds and stop in bounds
        assert sum(first <= start < stop for start in song.form.starts) >= 3


def test_a_short_song_is_taken_whole_without_its_empty_ends() -> None:
    notes = make_notes([96, 240], 12, 60)
    song = Song(parts=(Part("Tune", notes),), form=Form.parse("A10"))
    assert choose_bars(song, 60.0, np.random.default_rng(0)) == (2, 6)


def test_cut_keeps_what_is_in_force_and_ends_with_the_bar() -> None:
    controls = np.array([(0, 7, 90), (10, 64, 127), (40, 64, 0), (60, 7, 50), (100, 64, 127)], CONTROL_DTYPE)
    part = Part("Tune", make_notes([0, 40, 48, 90], [12, 20, 12, 30], [60, 61, 62, 63]), controls=controls)
    song = Song(
        parts=(part,), tempi=(Tempo(0, 100), Tempo(24, 80), Tempo(60, 90)), meters=(Meter(0, 4, 4), Meter(96, 3, 4)),
        keys=(KeyRegion(0, Key.parse("G")),),
        chords=(ChordSpan(0, 60, Chord.parse("G")), ChordSpan(96, 36, Chord.parse("C"))),
    )  # fmt: skip
    cut = cut_bars(song, 1, 2)
    assert cut.parts[0].notes.tolist() == [(0, 12, 62, 80), (42, 6, 63, 80)]
    assert sorted(cut.parts[0].controls.tolist()) == [(0, 7, 90), (0, 64, 0), (12, 7, 50)]
    assert cut.tempi == (Tempo(0, 80), Tempo(12, 90))
    assert cut.meters == (Meter(0, 4, 4),)
    assert [(span.onset, span.duration) for span in cut.chords] == [(0, 12)]
    assert cut.keys == song.keys


def test_cutting_everywhere_loses_no_note() -> None:
    song = tune(3, bars=12)
    pieces = [cut_bars(song, bar, bar + 3) for bar in range(0, 12, 3)]
    for index, part in enumerate(song.parts):
        pitches = np.concatenate([piece.parts[index].notes["pitch"] for piece in pieces])
        assert pitches.tolist() == part.notes["pitch"].tolist()


def test_a_recording_is_cut_where_it_is_quiet() -> None:
    rate = 8000
    time = np.arange(40 * rate) / rate
    sound = np.sin(2 * np.pi * 220 * time) * np.where(time % 1.0 < 0.1, 0.001, 0.5)
    sound[: 2 * rate] = 0
    for seed in range(5):
        cut, start_s = cut_audio(Audio(sound.astype(np.float32), rate), 20.0, np.random.default_rng(seed))
        assert start_s >= 2.0
        assert start_s % 1.0 < 0.1 and (start_s + cut.duration_s) % 1.0 < 0.1
        assert abs(cut.duration_s - 20.0) <= 1.6
    whole, start_s = cut_audio(Audio(sound.astype(np.float32), rate), 36.0, np.random.default_rng(0))
    assert start_s == pytest.approx(2.0, abs=0.15) and start_s + whole.duration_s == pytest.approx(40.0, abs=0.1)


@pytest.mark.parametrize("gain_db", [-40.0, -20.0, 0.0])
def test_clips_are_equally_loud_and_start_and_end_softly(gain_db: float) -> None:
    noise = np.random.default_rng(0).normal(0, 0.2, (2, 44_100 * 4)).clip(-1, 1).astype(np.float32)
    clip = level(Audio(noise, 44_100).with_gain_db(gain_db))
    assert clip.loudness_lufs == pytest.approx(LOUDNESS_LUFS, abs=0.6)
    assert np.abs(clip.samples[:, 0]).max() == 0 and np.abs(clip.samples[:, -30:]).max() < 0.01
    with pytest.raises(UnsuitableSongError, match="silent"):
        level(Audio(np.zeros((2, 44_100), np.float32), 44_100))


def test_plain_is_the_melody_evenly_loud_over_block_chords() -> None:
    song = tune(5).replace(chords=tuple(ChordSpan(48 * bar, 48, Chord.parse("C")) for bar in range(8)))
    loud = song.parts[0].notes.copy()
    loud["velocity"] = np.random.default_rng(0).integers(1, 128, len(loud))
    song = song.replace(parts=(Part("Solo", loud, program=40, role="melody"), Part("Bass", loud, role="bass")))
    plain = plain_song(song)
    assert [part.role for part in plain.parts] == ["melody", "chords"]
    assert {part.program for part in plain.parts} == {0}
    assert len(set(plain.parts[0].notes["velocity"].tolist())) == 1
    assert plain.parts[0].notes["pitch"].tolist() == loud["pitch"].tolist()
    drums = Song(parts=(Part("Drums", make_notes(range(0, 480, 12), 6, 38), is_drums=True),))
    with pytest.raises(UnsuitableSongError):
        plain_song(drums)
