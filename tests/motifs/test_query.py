"""Queries: bars as musicians count them, parts by role, name and number, typed notes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ritornello.errors import ArgumentError, RitornelloError, UnsuitableSongError
from ritornello.motifs.query import BarGrid, query_of_song, typed_query
from ritornello.score import Meter, Part, Song, make_notes

from .tunes import random_song

WALTZ = BarGrid((Meter(0, 1, 4), Meter(12, 3, 4)), 9)
"""A pick-up of one beat, then 3/4."""


def test_bars_and_beats_become_ticks() -> None:
    grid = BarGrid((Meter(0, 4, 4),), 12)
    assert grid.ticks("5-6") == (192, 288)
    assert grid.ticks("5") == (192, 240)
    assert grid.ticks("5.3-7.1") == (216, 300)
    assert grid.ticks(" 5.3 - 5.4 ") == (216, 240)
    assert grid.ticks("5.2") == (204, 216)


def test_a_pickup_is_bar_0() -> None:
    assert WALTZ.pickup == 1
    assert WALTZ.ticks("0-1") == (0, 48) and WALTZ.ticks("8") == (12 + 7 * 36, 12 + 8 * 36)
    assert WALTZ.place(0) == (0, 3) and WALTZ.place(12) == (1, 1) and WALTZ.place(12 + 36 + 18) == (2, 2.5)
    assert BarGrid((Meter(0, 4, 4), Meter(96, 3, 4)), 9).pickup == 0


@pytest.mark.parametrize("text", ["", "x", "5-", "3-2", "0", "13", "5.9", "5.0-6.1", "1-99", "-3", "5.4-5.2"])
def test_bars_that_are_not_there_are_refused(text: str) -> None:
    with pytest.raises(ArgumentError):
        BarGrid((Meter(0, 4, 4),), 12).ticks(text)


@given(st.text(max_size=12))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        start, stop = WALTZ.ticks(text)
        assert 0 <= start < stop
    except ArgumentError as error:
        assert "bar" in str(error) or "beat" in str(error)


def test_parts_are_found_by_role_name_and_number() -> None:
    song = random_song(3)
    by_name, by_number = (query_of_song(song, "2-3", part) for part in ("Bass", "2"))
    assert (by_name.line.pitch == by_number.line.pitch).all() and by_name.line.part == 1
    sky = query_of_song(song, "2-3")
    assert sky.line.part == -1 and sky.line.onset.min() >= 48 and sky.line.onset.max() < 144
    stated = song.replace(parts=(song.parts[0], Part("low", song.parts[1].notes, role="melody")))
    assert query_of_song(stated, "2-3").line.name == "low"
    assert query_of_song(song, "2-3").is_chordal is (query_of_song(song, "2-3").notes.shape[1] >= 1.5 * len(sky.line))


@pytest.mark.parametrize(("part", "problem"), [("flute", "no part"), ("9", "no part"), ("drums", "no part")])
def test_parts_that_are_not_there_are_refused(part: str, problem: str) -> None:
    with pytest.raises(ArgumentError, match=problem):
        query_of_song(random_song(3), "2-3", part)


def test_too_little_and_too_much_are_refused() -> None:
    song = random_song(3)
    empty = song.replace(parts=(Part("tune", make_notes([0, 6], [6, 6], [60, 62])), song.parts[1]))
    with pytest.raises(UnsuitableSongError, match="no notes"):
        query_of_song(empty, "5", "tune")
    with pytest.raises(UnsuitableSongError, match="only 2 notes"):
        query_of_song(empty, "1", "tune")
    with pytest.raises(UnsuitableSongError, match="fewer bars"):
        query_of_song(song, None, "tune")
    with pytest.raises(UnsuitableSongError, match="no notes with pitch"):
        query_of_song(Song((Part("d", make_notes([0], [1], [36]), is_drums=True),)), "1")


def test_typed_notes_are_a_query() -> None:
    query = typed_query("G4:1 A4:.5 r:.5, Bb4:1 C5")
    assert query.line.pitch.tolist() == [67, 69, 70, 72] and query.line.onset.tolist() == [0, 12, 24, 36]
    assert np.array_equal(query.notes[2], query.line.pitch)


@given(st.text(alphabet="ABCGr#b0123456789:. ,x", max_size=40))
def test_typed_notes_are_read_or_refused(text: str) -> None:
    try:
        assert len(typed_query(text).line) >= 4
    except RitornelloError as error:
        assert str(error)
