from __future__ import annotations

import numpy as np

from ritornello.imitation.data import (
    NO_CHORD,
    chord_of,
    in_mode,
    song_events,
    symbol_of,
)
from ritornello.imitation.model import bar_relations, chord_mask, count_song, empty_tables
from ritornello.score import Chord, Song


def test_chords_survive_the_way_into_the_key_and_back() -> None:
    for chord in (Chord(7, "min7", 10), Chord(0), Chord(11, "hdim7")):
        for tonic in range(12):
            assert chord_of(symbol_of(chord, tonic), tonic) == chord
    assert chord_of(symbol_of(None, 3), 3) is None


def test_transposed_songs_have_the_same_events(seed_song: Song) -> None:
    one, other = song_events(seed_song), song_events(seed_song.transpose(3))
    for a, b in zip(one.phrases, other.phrases, strict=True):
        assert np.array_equal(a.pitches, b.pitches)
        assert a.chords == b.chords


def test_the_other_mode_and_back_gives_the_same_events(seed_song: Song) -> None:
    events = song_events(seed_song)
    minor = in_mode(events, "minor")
    assert minor.mode == "minor"
    assert in_mode(minor, "minor") is minor
    pitches = {int(p) % 12 for phrase in minor.phrases for p in phrase.pitches}
    assert pitches <= {0, 2, 3, 5, 7, 8, 10, 11}
    assert {c[1] for phrase in minor.phrases for c in phrase.chords if c[0] == 0} == {"min"}
    assert {c for phrase in minor.phrases for c in phrase.chords if c[0] == 7} == {(7, "7", 0)}


def test_bar_relations_find_repeats_of_each_kind(seed_song: Song) -> None:
    events = song_events(seed_song)
    phrase = next(p for p in events.phrases if p.phrase.letter == "B")
    relations = bar_relations(phrase, events.grid.steps_per_bar)
    assert relations[0] == ("new", 0)
    assert relations[2][0] in ("rhythm", "transposed")
    assert relations[2][1] == 2


def test_chord_mask_marks_changes() -> None:
    a, b = (0, "maj", 0), (7, "maj", 0)
    assert chord_mask([a, a, b, b]) == 0b0101
    assert chord_mask([a, a, a, a]) == 1
    assert chord_mask([NO_CHORD, a, a, b]) == 0b1011


def test_counting_twice_doubles_every_count(seed_song: Song) -> None:
    events = song_events(seed_song)
    once, twice = empty_tables(), empty_tables()
    count_song(events, once, is_prior=False)
    for _ in range(2):
        count_song(events, twice, is_prior=False)
    for name, counts in once.items():
        for context, row in counts.counts.items():
            assert {item: 2 * count for item, count in row.items()} == twice[name].counts[context]
