"""What fills a plan where it is open: counted tables, chords, rhythm forms."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ritornello.errors import ReadError
from ritornello.frameworks.chance import Chance
from ritornello.frameworks.chords import ChordWriter
from ritornello.frameworks.rhythm_form import draw_rhythm_form
from ritornello.frameworks.tables import (
    TABLES,
    TABLES_FILE,
    build_tables,
    chord_of,
    load_tables,
    load_tables_of,
    relation_of,
    root_of,
    symbol_of,
)
from ritornello.score import Chord, Meter
from ritornello.score.chord import QUALITIES

from .composing import human_song, tables

chords = st.builds(Chord, st.integers(0, 11), st.sampled_from(sorted(QUALITIES)), st.integers(-1, 11))


@given(chords, st.integers(0, 11))
def test_symbols_mean_the_same_chord_in_every_key(chord: Chord, tonic: int) -> None:
    symbol = symbol_of(chord, tonic)
    assert chord_of(symbol, tonic) == chord
    assert symbol_of(chord.transpose(5), (tonic + 5) % 12) == symbol
    assert root_of(symbol) == (chord.root - tonic) % 12
    assert chord_of(symbol_of(None, tonic), tonic) is None


def test_tables_are_read_back_and_the_same_songs_give_the_same_bytes(tmp_path: Path) -> None:
    songs = [human_song(seed, Meter(0, 4, 4)) for seed in range(3)]
    made = build_tables(songs, "a note")
    assert made.to_bytes() == build_tables(songs, "a note").to_bytes()
    place = tmp_path / TABLES_FILE
    place.write_bytes(made.to_bytes())
    again = load_tables(place)
    assert (again.songs, again.note) == (3, "a note")
    assert again.to_bytes() == made.to_bytes()
    assert set(again.counts) == set(TABLES)


@given(st.binary(max_size=80))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
def test_what_is_no_table_is_refused_by_name(tmp_path: Path, data: bytes) -> None:
    place = tmp_path / "tables.json.gz"
    for content in (data or b"x", gzip.compress(data), gzip.compress(b'{"format": 1}'), gzip.compress(b"[" * 5000)):
        place.write_bytes(content)
        with pytest.raises(ReadError, match=r"tables\.json\.gz: not tables of ritornello train frameworks"):
            load_tables(place)
    value = json.loads(gzip.decompress(tables().to_bytes()))
    value["version"] = 99
    place.write_bytes(gzip.compress(json.dumps(value).encode()))
    with pytest.raises(ReadError, match="another format or version"):
        load_tables(place)


def test_the_shipped_tables_know_pop_and_both_metres() -> None:
    shipped = load_tables_of("frameworks-pop909")
    assert shipped.songs > 600
    items, shares = shipped["chord"].distribution(("major",))
    assert items[int(shares.argmax())] == "0 maj 0"
    assert {(16,), (12,)} <= set(shipped["relation"].rows)


# --- chords -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["major", "minor"])
@pytest.mark.parametrize("bars", [1, 2, 5, 8])
def test_a_phrase_is_filled_and_a_song_ends_on_its_tonic(mode: str, bars: int) -> None:
    writer = ChordWriter(tables(), mode, 4)
    for seed in range(6):
        assert len(writer.phrase(bars, False, False, Chance((seed,)))) == 4 * bars
        closing = writer.phrase(bars, True, True, Chance((seed,)))
        assert closing[-1] == writer.tonic


def test_endings_are_drawn_as_they_were_counted() -> None:
    writer = ChordWriter(load_tables_of("frameworks-pop909"), "major", 4)
    after_five = [0, 0]
    for seed in range(300):
        roots = [root_of(symbol) for symbol in writer.phrase(8, True, False, Chance((seed,)))]
        changed = [root for i, root in enumerate(roots) if not i or root != roots[i - 1]]
        if len(changed) > 1 and changed[-2] == 7:
            after_five[changed[-1] == 0] += 1
    assert 0.75 < after_five[1] / sum(after_five) < 0.95  # people: .85


def test_an_open_chord_between_given_ones_is_another_than_the_one_before() -> None:
    writer = ChordWriter(tables(), "major", 4)
    for seed in range(10):
        assert writer.single("0 maj 0", "", "5 maj 0", True, Chance((seed,))) != "0 maj 0"


def test_an_unknown_metre_takes_the_changes_of_four_beats() -> None:
    assert len(ChordWriter(tables(), "major", 5).phrase(3, True, False, Chance((1,)))) == 15


# --- rhythm form ------------------------------------------------------------------------------------------------------


@given(st.data(), st.integers(0, 200), st.sampled_from([(16, 8), (12, 12), (20, 20)]))
@settings(max_examples=40)
def test_rhythm_forms_keep_what_is_given_and_are_forms(data: st.DataObject, seed: int, metre: tuple[int, int]) -> None:
    cells = data.draw(st.integers(1, 12))
    given_onsets = [data.draw(st.none() | st.integers(0, metre[1])) for _ in range(cells)]
    labels, onsets = draw_rhythm_form(tables(), [None] * cells, given_onsets, *metre, True, Chance((seed,)))
    for cell, (label, count) in enumerate(zip(labels, onsets, strict=True)):
        assert 0 <= label <= cell and labels[label] == label
        assert 0 <= count <= metre[1]
        assert given_onsets[cell] in (None, count)
    again = draw_rhythm_form(tables(), labels, onsets, *metre, True, Chance((seed + 1,)))
    assert again == (labels, onsets)


def test_a_cell_repeats_the_nearest_lag_that_fits() -> None:
    labels = [0, 1, 0, 1, 4, 1, 0, 7, 0]
    assert [relation_of(labels, cell, 2) for cell in range(9)] == [0, 0, 2, 2, 0, 4, 4, 0, 8]
