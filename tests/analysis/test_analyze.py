"""The whole analysis: the stated stays, the hidden is found, what cannot be analysed is refused with a reason."""

from __future__ import annotations

import json

import numpy as np
import pytest

from ritornello.analysis import analyze
from ritornello.errors import UnsuitableSongError
from ritornello.score import Chord, ChordSpan, Form, Key, KeyRegion, Meter, Part, Song, make_notes

from .songs import PROGRESSION, TUNE, band


def test_everything_is_found_in_a_song_without_names_whose_bars_are_shifted() -> None:
    analysis = analyze(band(shift_ticks=30))
    song = analysis.song
    assert analysis.grid.source == "found"
    assert analysis.grid.moved_ticks == -30
    assert song.meters == (Meter(0, 4, 4),)
    assert [region.key for region in song.keys] == [Key(0)]
    assert [str(span.chord) for span in song.chords[:8]] == list(PROGRESSION[:8])
    assert song.form is not None
    assert set(song.form.starts) >= {8, 16, 24, 32, 40, 48, 56}
    melody = song.part("melody")
    assert melody is not None
    assert [tuple(note) for note in melody.notes[["onset", "pitch"]][: len(TUNE)]] == [(3 * o, p) for o, _, p in TUNE]


def test_notes_are_only_moved_in_time() -> None:
    given = band(shift_ticks=30)
    analysis = analyze(given)
    for before, after in zip(given.parts, analysis.song.parts, strict=True):
        assert np.array_equal(before.notes["onset"] + analysis.grid.moved_ticks, after.notes["onset"])
        for column in ("duration", "pitch", "velocity"):
            assert np.array_equal(before.notes[column], after.notes[column])


def test_what_is_stated_is_kept() -> None:
    chords = tuple(ChordSpan(48 * bar, 48, Chord.parse("Dm7")) for bar in range(64))
    stated = band().replace(chords=chords, keys=(KeyRegion(0, Key(2, "minor")),), form=Form.parse("A16B16A16B16"))
    song = analyze(stated).song
    assert song.chords == chords
    assert song.keys == stated.keys
    assert song.form == stated.form


def test_a_stated_melody_part_wins() -> None:
    given = band()
    parts = [Part(p.name, p.notes, role="melody" if index == 1 else None) for index, p in enumerate(given.parts)]
    song = analyze(given.replace(parts=parts), with_form=False).song
    assert [part.role for part in song.parts].index("melody") == 1


def test_transposing_the_song_transposes_what_is_found() -> None:
    low, high = analyze(band()).song, analyze(band(tonic=3)).song
    assert high.form == low.form
    assert [s.chord for s in high.chords] == [s.chord.transpose(3) for s in low.chords]
    assert [r.key for r in high.keys] == [r.key.transpose(3) for r in low.keys]


def test_a_tune_inside_a_piano_part_gets_a_part_of_its_own_and_no_note_is_lost() -> None:
    given = band()
    poured = np.concatenate([part.notes for part in given.parts])
    analysis = analyze(given.replace(parts=(Part("Piano", poured),)))
    melody = analysis.song.part("melody")
    assert melody is not None
    assert len(analysis.song.parts) == 2
    kept = np.sort(np.concatenate([part.notes for part in analysis.song.parts]))
    assert np.array_equal(kept, np.sort(poured))
    tune = {(int(note["onset"]), int(note["pitch"])) for note in given.parts[0].notes}
    found = {(int(note["onset"]), int(note["pitch"])) for note in melody.notes}
    assert len(tune & found) > 0.9 * len(tune)
    assert len(tune & found) > 0.75 * len(found)


def test_plain_data_are_json_and_speak_of_every_bar() -> None:
    analysis = analyze(band())
    data = json.loads(json.dumps(analysis.to_dict(), allow_nan=False))
    assert data["bars"] == 64 == len(data["bar_starts_s"]) == len(data["similarity"])
    assert data["form"] == str(analysis.song.form)
    assert sum(phrase["bars"] for phrase in data["phrases"]) == 64
    assert [part["role"] for part in data["parts"]][:2] == ["melody", "bass"]
    assert data["chords"][0] == {"bar": 1, "beat": 1.0, "time_s": 0.0, "beats": 4.0, "symbol": "C", "harte": "C:maj"}
    assert "C major" in analysis.summary()


def test_form_is_left_out_with_a_reason_where_bars_are_too_odd() -> None:
    notes = make_notes(np.arange(0, 42 * 20, 6), [6] * 140, [60, 62, 64, 65, 67, 64, 62] * 20)
    song = Song(parts=(Part("tune", notes),), meters=(Meter(0, 7, 8),))
    analysis = analyze(song)
    assert analysis.song.form is None
    assert analysis.form_reason


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        ((), "no notes"),
        ((Part("kit", make_notes(range(0, 480, 12), [6] * 40, [36] * 40), is_drums=True),), "only drums"),
        ((Part("tune", make_notes([0], [12], [60])),), "1 notes"),
        ((Part("tune", make_notes(range(0, 480, 12), [6] * 40, [60] * 40)),), "1 pitches"),
        ((Part("tune", make_notes([0, 48, 96, 48 * 2500], [48] * 4, [60, 62, 64, 65])),), "2000 bars"),
    ],
)
def test_songs_without_music_to_analyse_are_refused(parts: tuple[Part, ...], reason: str) -> None:
    with pytest.raises(UnsuitableSongError, match=reason):
        analyze(Song(parts=parts))


def test_four_bars_are_analysed() -> None:
    notes = make_notes([3 * o for o, _, _ in TUNE[:15]], [3 * d for _, d, _ in TUNE[:15]], [p for _, _, p in TUNE[:15]])
    analysis = analyze(Song(parts=(Part("tune", notes),)))
    assert analysis.song.keys[0].key == Key(0)
    assert analysis.song.bars == 4


def test_a_tune_of_power_chords_far_below_any_voice_is_kept_whole() -> None:
    song = band()
    onset = np.repeat(np.arange(0, 48 * 64, 24), 2)
    riff = make_notes(onset, [20] * len(onset), np.tile([33, 40, 35, 42, 36, 43, 31, 38], len(onset) // 8))
    parts = (Part("Melody", riff, role="melody"), *song.parts[1:])
    heard = analyze(song.replace(parts=parts), with_form=False).song
    assert len(heard.parts) == 3
    assert len(heard.part("melody").notes) == len(riff)
