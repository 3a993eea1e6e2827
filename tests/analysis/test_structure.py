"""Laws of the structure analysis: what repeats is found, and nothing but the music decides."""

from __future__ import annotations

import numpy as np
import pytest

from ritornello.analysis.structure import find_form
from ritornello.errors import UnsuitableSongError
from ritornello.score import Chord, ChordSpan, Form, Key, KeyRegion, Meter, Part, Song, make_notes

PROGRESSIONS = {
    "A": ("C", "Am", "F", "G", "C", "Am", "Dm", "C"),
    "B": ("F", "G", "Em", "Am", "Dm", "E7", "Am", "Am"),
    "C": ("Bb", "Eb", "Ab", "Db", "Gm", "Cm", "F7", "Bb"),
}


def phrase(letter: str, bars: int, beats: int) -> list[tuple[int, int, int]]:
    """An invented phrase as (onset, length, pitch) in sixteenths: its own rhythm and contour, its last bar one note."""
    rng = np.random.default_rng(ord(letter))
    per_bar = 4 * beats
    notes: list[tuple[int, int, int]] = []
    pitch = 64 + 3 * (ord(letter) - ord("A"))
    rhythm = sorted({0, *(int(x) for x in rng.choice(range(2, per_bar, 2), size=3, replace=False))})
    for bar in range(bars - 1):
        for onset, after in zip(rhythm, [*rhythm[1:], per_bar], strict=True):
            pitch = int(np.clip(pitch + rng.integers(-4, 5), 55, 82))
            notes.append((bar * per_bar + onset, after - onset, pitch))
    notes.append(((bars - 1) * per_bar, per_bar - 2, 60))
    return notes


def song_of(form: str, beats: int = 4, tonic: int = 0) -> Song:
    """A song with invented phrases under capital letters and silence under i, x and o."""
    per_bar = 4 * beats
    columns: list[tuple[int, int, int]] = []
    chords: list[ChordSpan] = []
    start = 0
    for segment in Form.parse(form):
        if segment.letter in PROGRESSIONS:
            columns += [(start * per_bar + o, d, p + tonic) for o, d, p in phrase(segment.letter, segment.bars, beats)]
        names = PROGRESSIONS.get(segment.letter, ("C",) * 8)
        for bar in range(segment.bars):
            chord = Chord.parse(names[bar % 8]).transpose(tonic)
            chords.append(ChordSpan((start + bar) * 12 * beats, 12 * beats, chord))
        start += segment.bars
    onsets, lengths, pitches = (np.array(column) for column in zip(*columns, strict=True))
    return Song(
        parts=(Part("m", make_notes(onsets * 3, lengths * 3, pitches), role="melody"),),
        meters=(Meter(0, beats, 4),),
        keys=(KeyRegion(0, Key(tonic % 12)),),
        chords=tuple(chords),
    )


# In each of them a letter is followed by different ones, else two phrases would be one longer phrase.
FORMS = ["i4A8B8B8A8o4", "A8A8B8A8B8B8", "i4A8A8B8x4A8B8B8o4", "i2A8B8C8B8A8C8A8o2", "A4B4B4C8A4C8B4A4"]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("beats", [4, 3])
def test_invented_phrases_are_found_where_they_stand(form: str, beats: int) -> None:
    found = find_form(song_of(form, beats)).form
    # One bar more than a person counts, always at the end (the chords' last bar line opens a bar).
    assert found.bars == Form.parse(form).bars + 1
    wanted = Form.parse(form)
    assert [(s.letter, s.bars) for s in found][: len(wanted) - 1] == [(s.letter, s.bars) for s in wanted][:-1]
    assert found.segments[len(wanted) - 1].letter == wanted.segments[-1].letter


def test_transposition_changes_nothing() -> None:
    one, other = find_form(song_of(FORMS[3])), find_form(song_of(FORMS[3], tonic=5))
    assert one.form == other.form
    assert one.cost == pytest.approx(other.cost)
    assert one.sections == other.sections


def test_same_input_same_answer() -> None:
    song = song_of(FORMS[2])
    assert find_form(song) == find_form(song)


def test_sections_come_from_the_form() -> None:
    found = find_form(song_of("i4A8A8B8x4A8B8B8o4"))
    assert [[str(found.form.segments[i]) for i in range(*section)] for section in found.sections] == [
        ["A8", "A8", "B8"], ["A8", "B8", "B8"],
    ]  # fmt: skip


def test_chord_tones_may_be_given_and_matter() -> None:
    song = song_of("A8B8B8A8")
    melody = song.parts[0]
    notes = melody.notes.copy()
    later = notes["onset"] >= 24 * 48
    notes["pitch"][later] += np.arange(later.sum()) % 3  # the last phrase is like the first, no longer the same
    song = song.replace(parts=(melody.with_notes(notes),))
    same = [frozenset({0, 4, 7})] * 128
    other = [frozenset({0, 4, 7})] * 96 + [frozenset({1, 6, 10})] * 32
    assert str(find_form(song, same).form) == "A8B8B8A8o1"
    assert str(find_form(song, other).form) != "A8B8B8A8o1"


def test_songs_that_cannot_be_analysed_are_refused() -> None:
    song = song_of("A8B8A8B8")
    with pytest.raises(UnsuitableSongError, match="melody"):
        find_form(song.replace(parts=()))
    with pytest.raises(UnsuitableSongError, match="7/8"):
        find_form(song.replace(meters=(Meter(0, 7, 8),)))
    with pytest.raises(UnsuitableSongError, match="one metre"):
        find_form(song.replace(meters=(Meter(0, 4, 4), Meter(48, 3, 4))))


@pytest.mark.parametrize("notes", [1, 5])
def test_a_song_of_few_notes_has_a_form_without_letters(notes: int) -> None:
    part = Part("m", make_notes(range(0, 12 * notes, 12), [12] * notes, [60] * notes), role="melody")
    assert find_form(Song(parts=(part,))).form.letters == ()


def test_one_bar_sixty_times_ends() -> None:
    onsets = np.arange(240) * 12
    part = Part("m", make_notes(onsets, [12] * 240, np.tile([60, 62, 64, 65], 60)), role="melody")
    found = find_form(Song(parts=(part,)), chord_tones=[frozenset({0, 4, 7})] * 240).form
    assert found.bars == 61


def in_half_values(song: Song) -> Song:
    """The same song in 2/4, every value half as long."""
    part = song.parts[0]
    notes = part.notes.copy()
    notes["onset"] //= 2
    notes["duration"] = np.maximum(notes["duration"] // 2, 1)
    return song.replace(
        parts=(part.with_notes(notes),),
        meters=(Meter(0, 2, 4),),
        chords=tuple(ChordSpan(span.onset // 2, span.duration // 2, span.chord) for span in song.chords),
    )


@pytest.mark.parametrize("form", FORMS)
def test_a_dance_in_two_four_has_the_form_it_has_in_four_four(form: str) -> None:
    song = song_of(form)
    assert find_form(in_half_values(song)).form == find_form(song).form
