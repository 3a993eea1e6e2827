from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ritornello.analysis import analyze, framework_of
from ritornello.datasets import Pop909
from ritornello.errors import ArgumentError, UnsuitableSongError
from ritornello.score import Chord, ChordSpan, Form, Key, KeyRegion, Meter, Part, Song, make_notes
from ritornello.score.framework import Cell, ChordCell, NoteCell
from ritornello.score.framework_reader import parse_framework

from .songs import band

METRES = [(4, 4), (3, 4), (6, 8), (12, 8), (2, 4), (5, 4)]


def two_phrases() -> Song:
    """A2 A2 in G: the same two bars twice, then two bars of X."""
    onsets = [0, 12, 18, 24, 48, 84]
    notes = make_notes(
        [*onsets, *(96 + o for o in onsets), 192],
        [12, 6, 6, 24, 36, 12] * 2 + [96],
        [67, 69, 71, 72, 74, 67] * 2 + [79],
    )
    chords = [ChordSpan(at, 48, Chord.parse(name)) for at, name in ((0, "G"), (48, "D7"), (96, "G"), (144, "D7"))]
    return Song(
        parts=(Part("Tune", notes, role="melody"),), keys=(KeyRegion(0, Key.parse("G")),), chords=tuple(chords),
        form=Form.parse("A2A2X2"), title="Two",
    )  # fmt: skip


def test_every_layer_of_a_small_song() -> None:
    framework = framework_of(two_phrases(), seed=7, model_version="hand")
    assert (framework.title, framework.key, framework.seed, framework.model_version) == ("Two", Key(7), 7, "hand")
    first, again, last = framework.phrases
    assert first.chords == (ChordCell(Chord.parse("G"), 4), ChordCell(Chord.parse("D7"), 4))
    assert first.cells == (
        Cell(67, 0, 3 / 16, 0b01010001), Cell(72, 1, 1 / 16, 1), Cell(74, 1, 1 / 16, 1),
        Cell(74, 3, 1 / 16, 0b00010000),
    )  # fmt: skip
    assert first.notes is not None and first.notes[1] == NoteCell(4, 2, 69)
    assert (again.repeat, again.source, again.chords, again.cells, again.notes) == ("copy", 0, None, None, None)
    assert last.chords == (ChordCell(None, 8),)
    assert last.cells == (Cell(79, 0, 1 / 16, 1), *(Cell(79, 0, 0, 0),) * 3)  # one step of eight may differ


def test_what_is_unknown_stays_open() -> None:
    song = two_phrases()
    assert framework_of(song.replace(chords=())).open_layers(0) == ("chords",)
    assert framework_of(song.replace(parts=())).open_layers(0) == ("basic", "rhythm", "melody")
    with pytest.raises(UnsuitableSongError, match="Two: its form is unknown"):
        framework_of(song.replace(form=None))
    with pytest.raises(ArgumentError, match="there are 2 sources, but the form A2A2X2 has 3 phrases"):
        framework_of(song, sources=[None, 0])


def test_a_repeat_a_tone_higher_is_a_copy_in_another_key() -> None:
    song = two_phrases()
    notes = song.parts[0].notes.copy()
    notes["pitch"][6:12] += 2
    song = song.replace(
        parts=(song.parts[0].with_notes(notes),),
        keys=(*song.keys, KeyRegion(96, Key.parse("A")), KeyRegion(192, Key.parse("G"))),
        chords=tuple(s if s.onset < 96 else ChordSpan(s.onset, s.duration, s.chord.transpose(2)) for s in song.chords),
    )
    framework = framework_of(song)
    assert (framework.phrases[1].repeat, framework.phrases[1].key, framework.phrases[1].notes) == ("copy", Key(9), None)
    assert framework.song().replace(parts=()) == song.replace(parts=())
    assert np.array_equal(framework.melody()["pitch"], notes["pitch"])


def test_sources_of_ones_own() -> None:
    framework = framework_of(two_phrases(), sources=[None, None, 1])
    assert [(phrase.source, phrase.repeat) for phrase in framework.phrases] == [
        (None, "free"),
        (None, "free"),
        (1, "vary"),
    ]


@st.composite
def songs(draw: st.DrawFn) -> Song:
    meter = Meter(0, *draw(st.sampled_from(METRES)))
    form = Form.parse(draw(st.sampled_from(("A2B2A2", "i1A2A2o1", "X3x2B1"))))
    end = form.bars * meter.bar_ticks // 3
    cuts = sorted(draw(st.sets(st.integers(0, end), max_size=20)))
    rows = [
        (3 * start, 3 * draw(st.integers(1, stop - start)), draw(st.integers(1, 127))) for start, stop in pairwise(cuts)
    ]
    marks = sorted(draw(st.sets(st.integers(0, 3 * end), min_size=2, max_size=8)))
    chords = [
        ChordSpan(start, stop - start, Chord(draw(st.integers(0, 11)), draw(st.sampled_from(("maj", "min7")))))
        for start, stop in pairwise(marks)
        if draw(st.booleans())
    ]
    columns = np.array(rows, np.int64).reshape(-1, 3).T
    key = Key(draw(st.integers(0, 11)), draw(st.sampled_from(("major", "minor"))))
    return Song(
        parts=(Part("Melody", make_notes(*columns), role="melody"),), meters=(meter,), keys=(KeyRegion(0, key),),
        chords=tuple(chords), form=form,
    )  # fmt: skip


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(songs())
def test_the_song_comes_back_from_its_framework(song: Song) -> None:
    framework = framework_of(song, step_ticks=3)
    again = framework.song()
    merged = framework_of(again.replace(title=song.title), step_ticks=3)
    assert merged == framework
    assert parse_framework(framework.to_json()) == framework
    old, new = song.parts[0].notes, again.parts[0].notes
    assert np.array_equal(old["onset"], new["onset"]) and np.array_equal(old["pitch"], new["pitch"])
    assert (new["duration"] <= old["duration"]).all()  # a note over the end of its phrase ends with it
    for tick in range(0, song.end, 5):
        assert _chord_at(again, tick) == _chord_at(song, tick)


def _chord_at(song: Song, tick: int) -> Chord | None:
    return next((span.chord for span in song.chords if span.onset <= tick < span.end), None)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(songs(), st.integers(-3, 3))
def test_transposition_moves_pitches_and_chords_alone(song: Song, shift: int) -> None:
    notes = song.parts[0].notes.copy()
    notes["pitch"] = np.clip(notes["pitch"], 10, 110)
    song = song.replace(parts=(song.parts[0].with_notes(notes),))
    one, other = framework_of(song, step_ticks=3), framework_of(song.transpose(shift), step_ticks=3)
    for a, b in zip(one.effective, other.effective, strict=True):
        for mine, theirs in zip(a.cells or (), b.cells or (), strict=True):
            assert (mine.onset_pattern, mine.rhythm_label) == (theirs.onset_pattern, theirs.rhythm_label)
            assert theirs.basic_pitch == (mine.basic_pitch and mine.basic_pitch + shift)


def test_bars_of_another_length_are_made_regular() -> None:
    notes = make_notes([0, 48, 72, 84], [12] * 4, [60, 62, 64, 65])
    song = Song(
        parts=(Part("Tune", notes, role="melody"),), meters=(Meter(0, 4, 4), Meter(48, 2, 4), Meter(72, 4, 4)),
        chords=(ChordSpan(0, 72, Chord(0)), ChordSpan(72, 48, Chord(7))), form=Form.parse("A3"),
    )  # fmt: skip
    framework = framework_of(song)
    assert framework.melody()["onset"].tolist() == [0, 48, 96, 108]
    assert framework.phrases[0].chords == (ChordCell(Chord(0), 6), ChordCell(None, 2), ChordCell(Chord(7), 4))


@pytest.mark.parametrize("meter", [4, 3])
def test_any_song_that_can_be_analysed_has_one(meter: int) -> None:
    song = analyze(band(rounds=2, meter=meter, tonic=3)).song
    framework = framework_of(song)
    assert str(framework.metre) == f"{meter}/4"
    assert framework.form == song.form
    assert not any(framework.open_layers(phrase.id) for phrase in framework.phrases)


def test_real_songs(pack: Pop909) -> None:
    for name in ("005", "034", "015"):  # major, triple metre, minor or with changes of key
        song = pack.load(name).song
        framework = framework_of(song)
        assert parse_framework(framework.to_json()) == framework
        melody = song.part("melody")
        assert melody is not None
        inside = melody.notes["onset"] < framework.form.bars * framework.metre.bar_ticks
        assert np.array_equal(framework.melody()["onset"], melody.notes["onset"][inside])
        assert np.array_equal(framework.melody()["pitch"], melody.notes["pitch"][inside])
