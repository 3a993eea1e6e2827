from __future__ import annotations

import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from song_strategies import songs

from ritornello.score import ChordSpan, Form, Key, KeyRegion, Part, Song, make_notes, smf
from ritornello.score.chord import QUALITIES, Chord
from ritornello.score.midi_notes import raw_parts
from ritornello.score.midi_reader import read_midi
from ritornello.score.midi_writer import midi_bytes
from ritornello.score.song import CONTROL_DTYPE

relaxed = settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))


@relaxed
@given(songs())
def test_a_song_survives_midi_unchanged(song: Song):
    assert read_midi(midi_bytes(song), "song.mid") == song


@relaxed
@given(songs())
def test_the_same_song_gives_the_same_bytes(song: Song):
    assert midi_bytes(song) == midi_bytes(read_midi(midi_bytes(song), "song.mid"))


def test_every_chord_and_bass_survives():
    spans = [
        ChordSpan(index * 12, 12, Chord(root, quality, bass))
        for index, (root, quality, bass) in enumerate(
            (root, quality, bass) for root in range(12) for quality in QUALITIES for bass in range(12)
        )
    ]
    for tonic in (0, 6, 11):
        song = Song(chords=spans[tonic::12], keys=[_region(tonic)])
        assert read_midi(midi_bytes(song), "song.mid").chords == song.chords


def _region(tonic: int):
    return KeyRegion(0, Key(tonic))


def test_more_parts_than_channels_stay_apart():
    parts = [Part(f"Part {index}", make_notes([index], [12], [60]), index) for index in range(40)]
    drums = [Part(f"Kit {index}", make_notes([index], [12], [36]), is_drums=True) for index in range(3)]
    song = Song(parts=[*parts, *drums])
    assert read_midi(midi_bytes(song), "song.mid") == song


def test_a_track_a_part_and_a_marker_a_segment():
    song = Song(
        parts=[
            Part("Tune", make_notes([0], [48 * 12], [72]), role="melody"),
            Part("Kit", make_notes([0], [3], [36]), 0, True),
        ],
        form=Form.parse("i4A8"),
        title="A Song",
    )
    file = smf.parse(midi_bytes(song), "song.mid")
    assert file.format == 1
    assert [track.texts(smf.TRACK_NAME) for track in file.tracks] == [[b"A Song"], [b"Tune"], [b"Kit"]]
    assert [(m.tick, m.data) for m in file.tracks[0].metas if m.kind == smf.MARKER] == [
        (0, b"i4"),
        (4 * 4 * 480, b"A8"),
    ]
    assert {status & 15 for status in file.tracks[2].status.tolist()} == {9}


def test_a_note_inside_another_of_its_pitch_keeps_onsets_and_ends():
    notes = make_notes([0, 12], [48, 12], [60, 60])
    back = read_midi(midi_bytes(Song(parts=[Part("Tune", notes)])), "song.mid").parts[0].notes
    assert back["onset"].tolist() == [0, 12]
    assert sorted((back["onset"] + back["duration"]).tolist()) == [24, 48]


def test_bank_select_comes_before_the_program():
    controls = np.array([(0, 7, 100), (0, 0, 1), (0, 32, 2), (0, 10, 30)], dtype=CONTROL_DTYPE)
    song = Song(parts=[Part("Tune", make_notes([0], [12], [60]), 5, controls=controls)])
    track = smf.parse(midi_bytes(song), "song.mid").tracks[1]
    kinds = [(status & 0xF0, data) for status, data in zip(track.status.tolist(), track.data1.tolist(), strict=True)]
    assert kinds.index((0xB0, 32)) < kinds.index((0xC0, 5)) < kinds.index((0x90, 60))


def _real_files(data_folder: Path):
    for archive, step in (("pop909.zip", 45), ("band-midi.zip", 75)):
        if not (data_folder / archive).is_file():
            pytest.skip(f"{archive} is not in {data_folder}")
        with zipfile.ZipFile(data_folder / archive) as zipped:
            names = sorted(name for name in zipped.namelist() if name.endswith(".mid"))
            for name in names[::step]:
                yield name, zipped.read(name)


def test_real_songs_survive_midi_unchanged(data_folder: Path):
    count = 0
    for name, data in _real_files(data_folder):
        song = read_midi(data, name)
        again = read_midi(midi_bytes(song), name)
        assert again == song, name
        assert replace(again, original=None) == replace(song, original=None)
        count += 1
    assert count >= 30


def test_real_songs_have_the_notes_that_symusic_finds(data_folder: Path):
    symusic = pytest.importorskip("symusic")
    different = []
    for name, data in _real_files(data_folder):
        tracks = symusic.Score.from_midi(data).tracks
        theirs = sorted((n.time, n.time + n.duration, n.pitch, n.velocity) for track in tracks for n in track.notes)
        ours: list[tuple[int, ...]] = []
        for part in raw_parts(smf.parse(data, name), name):
            ours += map(tuple, np.stack([part.onset, part.end, part.pitch, part.velocity]).T.tolist())
        ours.sort()
        if ours != theirs:
            different.append(name)
            assert len(ours) > len(theirs), name  # symusic leaves out notes whose note-off was lost
    assert len(different) <= 3
