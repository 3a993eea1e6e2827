from __future__ import annotations

from pathlib import Path

import pytest
import symusic

from ritornello.datasets import BandMidi
from ritornello.errors import ArgumentError, ReadError


def test_files_are_listed_and_read(tmp_path: Path) -> None:
    (tmp_path / "band-midi").mkdir()
    score = symusic.Score(480)
    track = symusic.Track(name="Lead")
    track.notes.append(symusic.Note(0, 480, 60, 80))
    score.tracks.append(track)
    for name in ("b.mid", "a.MID"):
        (tmp_path / "band-midi" / name).write_bytes(score.dumps_midi())
    (tmp_path / "band-midi" / "notes.txt").write_text("no MIDI")
    data = BandMidi(tmp_path)
    assert data.ids == ("a", "b")
    assert len(data) == 2
    assert [song.parts[0].notes["pitch"].tolist() for song in data] == [[60], [60]]
    with pytest.raises(ArgumentError, match="'c'"):
        data.load("c")


def test_a_folder_without_midi_is_refused(tmp_path: Path) -> None:
    (tmp_path / "band-midi").mkdir()
    with pytest.raises(ReadError, match=r"no \.mid file"):
        BandMidi(tmp_path)


def test_the_real_files_are_listed(data_folder: Path) -> None:
    path = data_folder / "band-midi.zip"
    if not path.exists():
        pytest.skip("band-midi.zip is not in the data folder")
    data = BandMidi(path)
    assert len(data) == 1490
    assert all(len(data.load(id).parts) > 1 for id in data.ids[:4])
