"""The set of phrases: its counts on the data pack, keys, metres, and independence of the song's key."""

from __future__ import annotations

import numpy as np
import pytest

from ritornello.datasets import Pop909
from ritornello.errors import ArgumentError, UnsuitableSongError
from ritornello.frameworks.data import PhrasePlan, belongs, load_songs, phrase_set, shift_to_c, song_phrases
from ritornello.frameworks.features import basic_melody, onset_patterns
from ritornello.frameworks.floors import FLOORS, counted_songs, floor_hits
from ritornello.score import Form, Key, KeyRegion, Meter, Part, Song, make_notes

from .invented import plan

# Specification of the set (frameworks.md, section 5): songs and phrases of train, validation, test. One of the 363
# (310) training songs has no phrase with a letter. The table counts 2,468 phrases of one-key training songs; label 1
# gives one more, of song 621, whose last phrase runs two bars beyond its chords.
ALL_MAJOR = {"train": (362, 2891), "validation": (56, 438), "test": (57, 461)}
ONE_KEY = {"train": (309, 2469), "validation": (43, 336), "test": (48, 384)}

# Section 7, percent: validation, test.
FIGURES = {
    "basic: majority": (14.0, 11.8),
    "basic: previous": (28.2, 22.6),
    "basic: previous + chord": (35.1, 34.0),
    "rhythm: majority": (12.8, 12.5),
    "rhythm: previous": (20.7, 16.4),
    "rhythm: complexity": (42.8, 42.9),
    "rhythm: complexity + previous": (50.9, 44.6),
    "rhythm: same label and complexity, else complexity + previous": (64.1, 61.3),
    "melody: previous": (33.3, 32.0),
    "melody: basic pitch": (54.5, 51.6),
    "melody: basic pitch + previous": (54.2, 51.0),
}


def test_counts_and_floors_of_the_pack(pack: Pop909) -> None:
    counted = {}
    for split in ALL_MAJOR:
        read = list(load_songs(pack, pack.split(split)))
        for songs, expected in (("all-major", ALL_MAJOR), ("one-key", ONE_KEY)):
            own = [song for entry, song in read if belongs(entry, songs)]  # type: ignore[arg-type]
            assert (len(own), sum(len(song.phrases) for song in own)) == expected[split]
        counted[split] = counted_songs(own)  # of the last set, one-key
    for name, figures in FIGURES.items():
        for split, figure in zip(("validation", "test"), figures, strict=True):
            found = 100 * floor_hits(FLOORS[name], counted["train"], counted[split]).accuracy
            assert found == pytest.approx(figure, abs=0.35), (name, split)


def make_song(tonic: int = 0, mode: str = "major", meter: Meter | None = None) -> Song:
    notes = make_notes(np.arange(0, 192, 12), [12] * 16, [60 + tonic + step for step in (0, 2, 4, 5) * 4])
    key = Key(tonic % 12, mode)  # type: ignore[arg-type]
    return Song(
        parts=(Part("MELODY", notes, role="melody"),), meters=(meter or Meter(0, 4, 4),), keys=(KeyRegion(0, key),),
        form=Form.parse("A2B2" if meter is None else "A2"),
    )  # fmt: skip


@pytest.mark.parametrize("tonic", range(-5, 7))
def test_a_song_reads_alike_in_every_key(tonic: int) -> None:
    for one, other in zip(song_phrases(make_song()).phrases, song_phrases(make_song(tonic)).phrases, strict=True):
        assert (one.pitches == other.pitches).all()
        assert other.shift == -tonic if tonic < 7 else 12 - tonic
        assert other.plan == one.plan


def test_minor_keys_are_moved_to_a_minor() -> None:
    assert shift_to_c(Key(9, "minor")) == 0
    assert shift_to_c(Key(4, "minor")) == 5
    assert all(-6 <= shift_to_c(Key(tonic, mode)) <= 5 for tonic in range(12) for mode in ("major", "minor"))
    assert song_phrases(make_song(9, "minor")).phrases[0].plan.is_minor


def test_a_bar_of_three_has_one_basic_pitch_and_two_rhythm_units() -> None:
    phrase = song_phrases(make_song(meter=Meter(0, 3, 4))).phrases[0]
    assert (phrase.plan.segment_steps, phrase.plan.segments) == (12, 2)
    assert phrase.plan.units == ((0, 8), (8, 4), (12, 8), (20, 4))
    assert onset_patterns(phrase) == [0b10001, 1, 0b10001, 1]
    assert basic_melody(phrase) == [60, 65]


def test_units_fill_the_phrase_in_every_metre() -> None:
    for bar, beat in ((16, 4), (12, 4), (8, 4), (20, 4), (12, 6), (18, 6), (12, 3)):
        units = plan(3, steps_per_bar=bar, steps_per_beat=beat).units
        assert [step for start, size in units for step in range(start, start + size)] == list(range(3 * bar))
        assert all(size <= 8 for _, size in units)


def test_what_is_no_phrase_is_refused() -> None:
    with pytest.raises(ArgumentError, match="2 bars has 8 beats, not 3 chords"):
        PhrasePlan("A", 2, 16, 4, (None,) * 3, False)
    with pytest.raises(UnsuitableSongError, match="no melodic phrase"):
        song_phrases(make_song().replace(form=Form.parse("i4")))
    with pytest.raises(ArgumentError, match="no set of songs"):
        belongs(None, "none")  # type: ignore[arg-type]


def test_a_split_of_the_pack(pack: Pop909) -> None:
    songs = phrase_set(pack, "test", "other-metre")
    assert len(songs) == 3
    assert all(phrase.plan.segment_steps == 12 for song in songs for phrase in song.phrases)
