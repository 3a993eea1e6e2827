from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from ritornello.datasets import Pop909
from ritornello.datasets.pop909_alignment import align, aligned_song, read_tracks
from ritornello.errors import ReadError

from .conftest import write_song


def test_constant_offset_is_found_and_undone(tmp_path: Path) -> None:
    write_song(tmp_path, "001", shift_sixteenths=10)
    loaded = Pop909(tmp_path).load("001")
    found = align(loaded)
    assert found.constant_offset == 10
    assert found.changes == ((16, 10),)
    assert found.exact == found.within_one == 1
    song, bars = aligned_song(loaded)
    assert bars == ()
    melody, bridge, piano = song.parts
    assert [part.role for part in song.parts] == ["melody", "bridge", "chords"]
    for part in (bridge, piano):
        assert np.array_equal(part.notes["onset"], melody.notes["onset"])
        assert np.array_equal(part.notes["duration"], melody.notes["duration"])
        assert np.array_equal(part.notes["pitch"], melody.notes["pitch"] - 12)


def test_a_cut_in_the_structure_version_changes_the_offset(tmp_path: Path) -> None:
    # Quarters that do not repeat; the structure version lacks two beats of rest in the middle of the song.
    pitches = [48 + 7 * index % 31 for index in range(32)]
    melody = "".join(f"{pitch} 4\n" for pitch in pitches)
    write_song(tmp_path, "001", melody=melody)
    loaded = Pop909(tmp_path).load("001")
    import symusic

    score = symusic.Score(480)
    for name in ("MELODY", "PIANO"):
        track = symusic.Track(name=name)
        for index, pitch in enumerate(pitches):
            late = 8 if index >= 16 else 0
            track.notes.append(symusic.Note((4 * index + late) * 120, 480, pitch, 80))
        if name == "PIANO":
            track.notes.append(symusic.Note(66 * 120, 120, 40, 80))  # in the beats that were cut out
        score.tracks.append(track)
    loaded = type(loaded)(**{**loaded.__dict__, "midi_bytes": score.dumps_midi()})
    found = align(loaded)
    assert found.changes == ((0, 0), (64, 8))
    assert found.unreliable_bars(16) == (3, 4)
    song, bars = aligned_song(loaded)
    assert bars == (3, 4)
    piano = song.part("chords")
    assert piano is not None
    assert 40 not in piano.notes["pitch"]
    assert piano.notes["onset"].tolist() == [12 * index for index in range(32)]


def test_a_song_that_does_not_align_keeps_its_melody_alone(tmp_path: Path) -> None:
    write_song(tmp_path, "001", melody="".join(f"{90 + i % 7} 3\n" for i in range(40)))
    song, bars = aligned_song(Pop909(tmp_path).load("001"))
    assert len(song.parts) == 1
    assert bars == tuple(range(song.bars))


def test_bad_midi_is_one_line() -> None:
    with pytest.raises(ReadError, match="MIDI"):
        read_tracks(b"MThd nonsense", "x.mid")


def test_table_of_offsets_on_a_part_of_the_pack(pack: Pop909, data_folder: Path) -> None:
    path = data_folder / "pop909-grid-offsets.csv"
    if not path.exists():
        pytest.skip("pop909-grid-offsets.csv is not in the data folder")
    with path.open(newline="") as file:
        table = {row["song"]: row for row in csv.DictReader(file)}
    ids = (*pack.split("validation"), "226", "624", "746")
    found = {id: align(pack.load(id)) for id in ids}
    assert all(found[id].constant_offset == int(table[id]["offset_16ths"]) for id in ids)
    low = [id for id in ids if found[id].within_one <= 0.95]
    assert low == ["226", "624", "746"]  # the whole pack has no other
    assert [id for id in low if not found[id].is_reliable] == ["624", "746"]
    assert sum(len(found[id].changes) > 1 for id in ids) > 10
