from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ritornello.arrange import ArrangePlan, accompany, source_bars
from ritornello.arrange.accompany import split_bass
from ritornello.arrange.following import follows_melody
from ritornello.arrange.plain import plain_parts
from ritornello.arrange.revoice import move_bass, revoice
from ritornello.score import Chord, ChordSpan, Form, Key, KeyRegion, Part, Song, make_notes
from ritornello.score.chord import QUALITIES
from ritornello.score.song import CONTROL_DTYPE

C_MAJOR = frozenset(Key(0).scale)
chords = st.builds(Chord, st.integers(0, 11), st.sampled_from(sorted(QUALITIES)))


def spans(*names: str) -> tuple[ChordSpan, ...]:
    return tuple(ChordSpan(48 * bar, 48, Chord.parse(name)) for bar, name in enumerate(names))


def make_seed(*parts: Part, names: tuple[str, ...] = ("C", "Am", "F", "G7")) -> Song:
    tune = Part("Tune", make_notes([0, 48, 96, 144], [48] * 4, [72, 76, 77, 74]), role="melody")
    return Song(parts=(tune, *parts), keys=(KeyRegion(0, Key(0)),), chords=spans(*names), form=Form.parse("A4"))


def make_plan(names: tuple[str, ...], melody: Part | None = None) -> ArrangePlan:
    notes = melody.notes if melody is not None else make_notes([0], [192], [72])
    return ArrangePlan(48, tuple(range(len(names))), (0,) * len(names), spans(*names), Key(0), notes)


@given(chords, chords, st.lists(st.integers(40, 80), min_size=1, max_size=7, unique=True))
def test_chord_tones_go_to_chord_tones_in_order_and_nearby(source: Chord, target: Chord, pitches: list[int]) -> None:
    tones = tuple(sorted(p for p in pitches if p % 12 in source.pitch_classes))
    moved = revoice(tones, source, target, C_MAJOR, has_bass=False)
    assert all(moved[p] % 12 in target.pitch_classes for p in tones)
    assert all(abs(moved[p] - p) <= 7 for p in tones)
    for low, high in pairwise(tones):
        assert moved[low] <= moved[high]


@given(chords, st.lists(st.integers(30, 90), min_size=1, max_size=7, unique=True))
def test_the_same_chord_moves_nothing(chord: Chord, pitches: list[int]) -> None:
    assert revoice(tuple(sorted(pitches)), chord, chord, C_MAJOR, has_bass=True) == {p: p for p in pitches}


@given(chords, chords, st.integers(28, 55))
def test_bass_goes_to_bass(source: Chord, target: Chord, pitch: int) -> None:
    moved = move_bass(pitch, source, target, C_MAJOR)
    assert abs(moved - pitch) <= 7 or pitch % 12 not in source.pitch_classes
    if pitch % 12 == source.bass:
        assert moved % 12 == target.bass


def test_a_triad_moves_with_its_third_by_the_least_way() -> None:
    moved = revoice((60, 64, 67), Chord(0), Chord(5), C_MAJOR, has_bass=False)
    assert moved == {60: 60, 64: 65, 67: 69}


def test_the_same_chords_give_the_same_accompaniment() -> None:
    piano = Part("Piano", make_notes([0, 12, 24, 48, 96, 144], [12] * 6, [48, 60, 64, 57, 53, 55]), role="chords")
    drums = Part("Drums", make_notes([0, 24, 48, 72], [3] * 4, [36, 38, 36, 38]), is_drums=True, role="drums")
    bass = Part("Bass", make_notes([0, 48, 96, 144], [48] * 4, [36, 33, 29, 31]), program=33, role="bass")
    seed = make_seed(piano, drums, bass)
    result = accompany(seed, make_plan(("C", "Am", "F", "G7")))
    assert result == (piano, drums, bass)


def test_new_chords_move_bass_and_voices_and_leave_drums() -> None:
    piano = Part("Piano", make_notes([0, 0, 0, 48, 48, 48], [48] * 6, [60, 64, 67, 57, 60, 64]), role="chords")
    drums = Part("Drums", make_notes([0, 24], [3, 3], [36, 38]), is_drums=True, role="drums")
    bass = Part("Bass", make_notes([0, 24, 48], [24, 24, 48], [36, 43, 33]), role="bass")
    names = ("F", "Dm", "F", "G7")
    new_piano, new_drums, new_bass = accompany(make_seed(piano, drums, bass), make_plan(names))
    assert new_drums == drums
    assert [p % 12 for p in new_bass.notes["pitch"]] == [5, 0, 2]
    for onset, _, pitch, _ in new_piano.notes.tolist():
        assert pitch % 12 in Chord.parse(names[onset // 48]).pitch_classes
    assert new_piano.notes["velocity"].tolist() == piano.notes["velocity"].tolist()


def test_the_lowest_voice_becomes_a_bass_where_there_is_none() -> None:
    piano = Part("Piano", make_notes([0, 0, 0, 24, 24], [24] * 5, [36, 60, 64, 43, 67]), role="chords")
    bass, rest = split_bass(piano)
    assert bass.notes["pitch"].tolist() == [36, 43]
    assert bass.role == "bass"
    assert rest.notes["pitch"].tolist() == [60, 64, 67]


def test_pedal_moves_with_its_bar() -> None:
    controls = np.array([(0, 64, 127), (40, 64, 0), (0, 7, 99)], CONTROL_DTYPE)
    piano = Part("Piano", make_notes([0, 48], [24, 24], [60, 57]), role="chords", controls=controls)
    seed = make_seed(piano)
    plan = ArrangePlan(48, (1, 0), (0, 0), spans("Am", "C"), Key(0), make_notes([0], [96], [72]))
    part = accompany(seed, plan)[0]
    assert (48, 64, 127) in part.controls.tolist()
    assert (88, 64, 0) in part.controls.tolist()
    assert (0, 7, 99) in part.controls.tolist()


def test_parts_along_with_the_melody_follow_the_new_one() -> None:
    octave = Part("Strings", make_notes([0, 48, 96, 144], [48] * 4, [60, 64, 65, 62]), program=48, role="other")
    other = Part("Pad", make_notes([6, 54], [24, 24], [60, 60]), role="other")
    seed = make_seed(octave, other)
    assert follows_melody(octave, seed.parts[0])
    assert not follows_melody(other, seed.parts[0])
    new = Part("Tune", make_notes([0, 24, 48], [24, 24, 144], [79, 77, 76]))
    strings = accompany(seed, make_plan(("C", "Am", "F", "G7"), new))[0]
    assert strings.notes["pitch"].tolist() == [67, 65, 64]
    assert strings.notes["onset"].tolist() == [0, 24, 48]


def test_a_busy_end_comes_to_rest() -> None:
    piano = Part("Piano", make_notes(np.arange(0, 192, 12), [12] * 16, [60] * 16), role="chords")
    last = accompany(make_seed(piano), make_plan(("C", "C", "C", "C")))[0].notes
    assert last[last["onset"] >= 144].tolist() == [(144, 48, 60, 80)]


def test_plain_parts_hold_every_chord() -> None:
    chords_part, bass = plain_parts(spans("C", "F/A", "G7"), 144, 48, with_bass=True)
    for onset, duration, pitch, _ in chords_part.notes.tolist():
        assert duration == 48
        assert pitch % 12 in Chord.parse(("C", "F/A", "G7")[onset // 48]).pitch_classes
    assert [p % 12 for p in bass.notes["pitch"]] == [0, 9, 7]


def test_source_bars_follow_letters() -> None:
    seed = Form.parse("i2A4B4A4x2B4o2")
    assert source_bars(seed, seed) == tuple(range(seed.bars))
    new = Form.parse("i2B4A4A4C4o4")
    bars = source_bars(seed, new)
    assert len(bars) == new.bars
    assert bars[2:6] == (6, 7, 8, 9)  # the first B
    assert bars[6:14] == (2, 3, 4, 5, 10, 11, 12, 13)  # first and second A
    assert bars[-4:] == (20, 20, 20, 21)  # a longer outro repeats all but its last bar
    assert all(0 <= bar < seed.bars for bar in bars)
