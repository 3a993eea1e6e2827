from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings

from ritornello.errors import ArgumentError, UnsuitableSongError
from ritornello.museformer.tokens.families import (
    PART_NAMES,
    arrange_families,
    choose_melody,
    family_ranks,
    paper_filter,
)
from ritornello.score.midi_reader import read_midi
from ritornello.score.midi_writer import midi_bytes
from ritornello.score.song import Part, Song, make_notes
from ritornello.score.timeline import Meter, Tempo

from .band_songs import arranged_songs, band, line


def test_parts_fold_by_program_and_the_tune_becomes_the_melody() -> None:
    arranged = arrange_families(band())
    assert tuple(part.name for part in arranged.parts) == PART_NAMES
    assert [len(part.notes) for part in arranged.parts] == [32, 16, 16, 0, 48, 0]
    assert [part.program for part in arranged.parts] == [80, 0, 43, 25, 0, 48]
    assert [part.is_drums for part in arranged.parts] == [False, True, False, False, False, False]


@pytest.mark.parametrize(
    ("program", "rank"), [(0, 4), (23, 4), (24, 3), (31, 3), (32, 2), (39, 2), (40, 5), (80, 5), (127, 5)]
)
def test_the_borders_of_the_families(program: int, rank: int) -> None:
    song = band()
    added = Part("more", line([0], [60]), program)
    assert family_ranks(song.replace(parts=(*song.parts, added)))[-1] == rank


def test_a_name_outweighs_single_notes_and_single_notes_outweigh_height() -> None:
    onsets = list(range(0, 48 * 8, 12))
    high_chords = np.concatenate([line(onsets, [90] * 32), line(onsets, [94] * 32)])
    parts = [
        Part("a", high_chords, 48),
        Part("b", line(onsets, [60] * 32), 48),
        Part("c", line(onsets, [62] * 32), 48),
    ]
    assert choose_melody(Song(parts=tuple(parts))) == 2
    parts[0] = dataclasses.replace(parts[0], name="Lead Vocal")
    assert choose_melody(Song(parts=tuple(parts))) == 0


def test_a_name_that_the_reader_fills_in_from_the_program_is_no_name() -> None:
    onsets = list(range(0, 48 * 8, 12))
    chords = np.concatenate([line(onsets, [90] * 32), line(onsets, [94] * 32)])
    parts = (Part("Voice Oohs", chords, 53), Part("x (Voice Oohs)", chords, 53), Part("b", line(onsets, [60] * 32), 48))
    assert choose_melody(Song(parts=parts)) == 2


def test_a_part_of_few_notes_or_few_bars_has_no_tune() -> None:
    onsets = list(range(0, 48 * 16, 12))
    full = Part("chords", np.concatenate([line(onsets, [50] * 64), line(onsets, [53] * 64)]), 0)
    few = Part("few", line(onsets[::2][:31], [80] * 31), 73)
    crowded = Part("crowded", line(list(range(40)), [80] * 40, 1), 73)
    assert choose_melody(Song(parts=(full, few, crowded))) == 0
    assert choose_melody(Song(parts=(few,))) == 0  # nothing better


def test_the_user_names_the_melody() -> None:
    song = band()
    assert family_ranks(song, melody=0) == (0, 2, 5, 1)
    for wrong in (3, 4, -1):
        with pytest.raises(ArgumentError, match="pitched part"):
            family_ranks(song, melody=wrong)


def test_equal_notes_merge_to_the_longest_then_the_loudest() -> None:
    notes = make_notes([0, 0, 0, 0], [6, 12, 12, 3], [60, 60, 60, 64], [127, 50, 90, 20])
    parts = (Part("tune", line([0], [80]), 73), Part("p", notes[:2], 0), Part("q", notes[2:], 5))
    piano = arrange_families(Song(parts=parts), melody=0).parts[4].notes
    assert piano.tolist() == [(0, 12, 60, 90), (0, 3, 64, 20)]


def test_notes_are_cut_where_their_pitch_is_struck_again_and_at_16_beats() -> None:
    notes = make_notes([0, 10, 10, 20], [100, 5, 300, 300], [60, 60, 64, 62], 80)
    strings = arrange_families(Song(parts=(Part("s", notes, 48), Part("t", line([0], [80]), 73))), melody=1).parts[5]
    assert strings.notes.tolist() == [(0, 10, 60, 80), (10, 5, 60, 80), (10, 192, 64, 80), (20, 192, 62, 80)]


@settings(deadline=None, max_examples=40)
@given(arranged_songs())
def test_an_arranged_song_stays_and_so_does_its_file(song: Song) -> None:
    assert arrange_families(song) == song
    read = arrange_families(read_midi(midi_bytes(song), "x.mid"))
    assert read.parts == song.parts


def test_our_own_file_is_known_by_names_though_its_sounds_were_changed() -> None:
    song = arrange_families(band())
    played = song.replace(
        parts=tuple(part if part.is_drums else dataclasses.replace(part, program=5) for part in song.parts)
    )
    assert arrange_families(read_midi(midi_bytes(played), "x.mid")).parts == song.parts


def test_a_pickup_is_filled_up_to_a_whole_bar() -> None:
    song = band()
    moved = tuple(part.with_notes(_moved(part.notes, 12)) for part in song.parts)
    pickup = Part("Up", line([3], [67]), 60)
    song = song.replace(
        parts=(*moved, pickup),
        meters=(Meter(0, 1, 4), Meter(12, 4, 4)),
        tempi=(Tempo(0, 100.0), Tempo(12, 90.0)),
    )
    arranged = arrange_families(song)
    assert arranged.meters == (Meter(0, 4, 4),)
    assert arranged.tempi == (Tempo(0, 100.0), Tempo(48, 90.0))
    assert arranged.parts[5].notes["onset"].tolist() == [39]
    assert arranged.parts[0].notes["onset"][:3].tolist() == [48, 60, 72]


def _moved(notes: np.ndarray, ticks: int) -> np.ndarray:
    notes = notes.copy()
    notes["onset"] += ticks
    return notes


@pytest.mark.parametrize(
    ("meters", "reason"),
    [
        ((Meter(0, 3, 4),), "bars of 3/4"),
        ((Meter(0, 4, 4), Meter(96, 6, 8)), "bars of 6/8"),
        ((Meter(0, 4, 4), Meter(60, 4, 4)), "short bar 2"),
    ],
)
def test_other_metres_are_refused_with_the_reason(meters: tuple[Meter, ...], reason: str) -> None:
    with pytest.raises(UnsuitableSongError, match=reason):
        arrange_families(band().replace(meters=meters))


def test_alla_breve_has_the_same_bars() -> None:
    song = band()
    assert arrange_families(song.replace(meters=(Meter(0, 2, 2),))) == arrange_families(song)


def test_a_song_without_notes_is_refused() -> None:
    with pytest.raises(UnsuitableSongError, match="no notes"):
        arrange_families(Song(parts=(Part("empty"),)))


def _with(song: Song, part: int, **changes: object) -> Song:
    notes = song.parts[part].notes.copy()
    for column, value in changes.items():
        notes[column][-1] = value
    parts = list(song.parts)
    parts[part] = parts[part].with_notes(notes)
    return song.replace(parts=tuple(parts))


@pytest.mark.parametrize(
    ("song", "reason"),
    [
        (band(), None),
        (band().replace(parts=(band().parts[2],)), "two instruments"),
        (band().replace(tempi=(Tempo(0, 210.0),)), "tempo"),
        (_with(band(), 1, pitch=20), "pitch"),
        (_with(band(), 1, duration=193), "16 beats"),
        (_with(band(), 2, onset=48 * 11), None),
        (_with(band(), 2, onset=48 * 12), "four empty bars"),
        (band().replace(meters=(Meter(0, 2, 2),)), "4/4"),
    ],
)
def test_the_papers_filters(song: Song, reason: str | None) -> None:
    found = paper_filter(song)
    assert (found is None) if reason is None else (found is not None and reason in found)
