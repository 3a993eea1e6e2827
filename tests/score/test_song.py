from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from song_strategies import songs

from ritornello.errors import ArgumentError
from ritornello.score import Chord, ChordSpan, Form, Key, KeyRegion, Meter, Original, Part, Song, Tempo, make_notes
from ritornello.score.song import MAX_TICKS, join_chords

relaxed = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))


def tune(**changes: object) -> Song:
    song = Song(parts=[Part("Tune", make_notes([12, 0], [12, 12], [64, 60]), role="melody")])
    return song.replace(**changes)


def test_notes_and_controls_are_sorted_and_read_only():
    part = tune().parts[0]
    assert part.notes["onset"].tolist() == [0, 12]
    with pytest.raises(ValueError, match="read-only"):
        part.notes["pitch"] += 1
    with pytest.raises(ValueError, match="read-only"):
        part.controls["tick"] = 3


@pytest.mark.parametrize(
    "columns",
    [
        {"onset": [-1]},
        {"onset": [MAX_TICKS + 1]},
        {"duration": [0]},
        {"pitch": [128]},
        {"pitch": [-1]},
        {"velocity": [0]},
        {"velocity": [128]},
    ],
)
def test_notes_out_of_range_are_refused_by_column(columns: dict[str, list[int]]):
    values = {"onset": [0], "duration": [1], "pitch": [60], "velocity": [80]} | columns
    with pytest.raises(ArgumentError, match=next(iter(columns))):
        Part("Tune", make_notes(**values))


@pytest.mark.parametrize("changes", [{"program": 128}, {"role": "singer"}])
def test_parts_out_of_range_are_refused(changes: dict[str, object]):
    with pytest.raises(ArgumentError, match="Tune"):
        dataclasses.replace(tune().parts[0], **changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"tempi": []},
        {"tempi": [Tempo(1, 100.0)]},
        {"tempi": [Tempo(0, 100.0), Tempo(0, 90.0)]},
        {"meters": [Meter(4, 4, 4)]},
        {"keys": [KeyRegion(4, Key(0)), KeyRegion(4, Key(1))]},
        {"chords": [ChordSpan(0, 12, Chord(0)), ChordSpan(11, 12, Chord(0))]},
        {"chords": [ChordSpan(0, 0, Chord(0))]},
    ],
)
def test_songs_that_contradict_themselves_are_refused(changes: dict[str, object]):
    with pytest.raises(ArgumentError):
        tune(**changes)


@relaxed
@given(songs(), st.integers(-3, 3))
def test_transposition_moves_every_pitch_key_and_chord_alike(song: Song, semitones: int):
    pitched = [part for part in song.parts if not part.is_drums]
    if any(len(p.notes) and not 3 <= p.notes["pitch"].min() <= p.notes["pitch"].max() <= 124 for p in pitched):
        return
    moved = song.transpose(semitones)
    for before, after in zip(song.parts, moved.parts, strict=True):
        step = 0 if before.is_drums else semitones
        assert sorted(before.notes["pitch"] + step) == sorted(after.notes["pitch"])
    assert [r.key for r in moved.keys] == [r.key.transpose(semitones) for r in song.keys]
    assert [s.chord.root for s in moved.chords] == [(s.chord.root + semitones) % 12 for s in song.chords]
    assert moved.transpose(-semitones) == song


def test_transposition_out_of_range_is_refused():
    with pytest.raises(ArgumentError, match="pitch"):
        tune().transpose(70)


@relaxed
@given(songs())
def test_bar_lines_rise_and_hold_everything(song: Song):
    lines = song.bar_lines
    assert lines[0] == 0
    assert (np.diff(lines) > 0).all()
    assert lines[-1] >= song.end
    assert {meter.tick for meter in song.meters} <= set(lines.tolist())
    assert song.bars >= (song.form.bars if song.form else 1)


@relaxed
@given(songs(), st.integers(-5, 600))
def test_a_tick_lies_in_the_bar_around_it(song: Song, tick: int):
    bar, lines = int(song.bars_at(tick)), song.bar_lines
    assert lines[bar] <= tick or (tick < 0 and bar == 0)
    assert tick < lines[bar + 1] or bar == song.bars - 1


def test_the_form_lengthens_the_bar_lines():
    assert tune().bars == 1
    assert tune(form=Form.parse("A8")).bar_lines.tolist() == [48 * bar for bar in range(9)]


def test_the_original_does_not_count_for_equality_and_does_not_survive_transposition():
    song = tune(original=Original("x.mid", b"bytes"))
    assert song == tune()
    assert song.transpose(0).original is None
    assert song != tune(title="Other")
    assert song.parts[0] != dataclasses.replace(song.parts[0], program=3)
    assert song != "song"
    with pytest.raises(TypeError):
        hash(song)


def test_parts_are_found_by_role_and_keys_by_tick():
    song = tune(keys=[KeyRegion(12, Key(7)), KeyRegion(24, Key(2))])
    assert song.part("melody") is song.parts[0]
    assert song.part("bass") is None
    assert [song.key_at(tick) for tick in (0, 12, 23, 24)] == [Key(7), Key(7), Key(7), Key(2)]
    assert tune().key_at(0) is None


def test_duration_follows_the_tempi():
    assert tune(tempi=[Tempo(0, 60.0), Tempo(12, 120.0)]).duration_s == pytest.approx(1.5)


def test_equal_chords_that_touch_become_one():
    c, g = Chord(0), Chord(7)
    spans = [ChordSpan(0, 12, c), ChordSpan(12, 12, c), ChordSpan(24, 12, g), ChordSpan(48, 12, g)]
    assert join_chords(spans) == (ChordSpan(0, 24, c), ChordSpan(24, 12, g), ChordSpan(48, 12, g))


def test_the_repr_tells_what_it_is():
    assert repr(tune(title="Tune", form=Form.parse("A1"))) == (
        "Song('Tune', 1 bars of 4/4, 120 qpm, 1 parts, 2 notes, 0 chords, key unknown, A1)"
    )
    assert repr(tune().parts[0]) == "Part('Tune', 2 notes, program 0, role melody)"
