from __future__ import annotations

import hashlib
import json
import zipfile
from pathlib import Path

import pytest
import symusic

from ritornello.datasets import BandMidi
from ritornello.datasets.band_midi import official_held_out, split_of
from ritornello.errors import ArgumentError, ReadError


def one_note(pitch: int = 60) -> bytes:
    score = symusic.Score(480)
    track = symusic.Track(name="Lead")
    track.notes.append(symusic.Note(0, 480, pitch, 80))
    score.tracks.append(track)
    return bytes(score.dumps_midi())


def test_files_are_listed_and_read(tmp_path: Path) -> None:
    (tmp_path / "band-midi").mkdir()
    for name in ("b.mid", "a.MID"):
        (tmp_path / "band-midi" / name).write_bytes(one_note())
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


def test_any_folder_or_zip_is_searched_for_midi(tmp_path: Path) -> None:
    folder = tmp_path / "music"
    (folder / "rock" / "live").mkdir(parents=True)
    (folder / ".hidden").mkdir()
    names = ["b.mid", "rock/a.MIDI", "rock/live/a.mid", "rock/c.mid", "rock/c.midi"]
    for pitch, name in enumerate(["readme.txt", "rock/._a.mid", ".hidden/x.mid", *names], start=60):
        (folder / name).write_bytes(one_note(pitch))
    (folder / "rock" / "circle").symlink_to(folder / "rock" / "live")
    with zipfile.ZipFile(tmp_path / "music.zip", "w") as archive:
        for name in names:
            archive.write(folder / name, f"music/{name}")
        archive.write(folder / "b.mid", "__MACOSX/music/b.mid")
    data = BandMidi(folder)
    assert data.ids == ("b", "rock/a", "rock/c", "rock/c.midi", "rock/circle/a", "rock/live/a")
    assert data.load("rock/c.midi").parts[0].notes["pitch"].tolist() == [67]
    zipped = BandMidi(tmp_path / "music.zip")
    assert zipped.ids == ("music/b", "music/rock/a", "music/rock/c", "music/rock/c.midi", "music/rock/live/a")
    assert zipped.hashes("music/b") == data.hashes("b")


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match=r"no \.mid file in it"):
        BandMidi(tmp_path)


@pytest.mark.parametrize(("digits", "split"), [("3", "test"), ("5", "validation"), ("0", "train"), ("9", "train")])
def test_the_split_is_the_first_eight_digits_modulo_ten(digits: str, split: str) -> None:
    first = next(number for number in range(16**7, 16**7 + 10) if str(number)[-1] == digits)
    assert split_of(f"{first:08x}" + "f" * 32) == split


def test_splits_are_disjoint_and_follow_the_bytes(tmp_path: Path) -> None:
    for pitch in range(40, 80):
        (tmp_path / f"{pitch}.mid").write_bytes(one_note(pitch))
    data = BandMidi(tmp_path)
    splits = {name: data.split(name) for name in ("train", "validation", "test")}
    assert sorted(id for ids in splits.values() for id in ids) == list(data.split("all"))
    assert len(set(map(len, splits.values()))) > 1
    for id in splits["test"]:
        assert int(hashlib.sha1(one_note(int(id))).hexdigest()[:8], 16) % 10 == 3
    with pytest.raises(ArgumentError, match="train, validation, test, all"):
        data.split("dev")


def test_the_index_says_the_hashes_without_reading(tmp_path: Path) -> None:
    (tmp_path / "band-midi").mkdir()
    (tmp_path / "band-midi" / "a.mid").write_bytes(one_note())
    index = tmp_path / "band-midi" / "index.json"
    index.write_text(json.dumps([{"file": "a.mid", "sha1": "00000003" + "0" * 32, "md5": "abc"}]))
    assert BandMidi(tmp_path).split("test") == ("a",)
    assert BandMidi(tmp_path).hashes("a")[1] == "abc"
    index.write_text("[{}]")
    with pytest.raises(ReadError, match="index"):
        BandMidi(tmp_path).split("test")


def test_official_held_out_files_leave_training_only(tmp_path: Path) -> None:
    for pitch in range(40, 80):
        (tmp_path / f"{pitch}.mid").write_bytes(one_note(pitch))
    data = BandMidi(tmp_path)
    train, test = data.split("train"), data.split("test")
    rows = [(data.hashes(train[0])[1], "test"), (data.hashes(train[1])[1], "train"), (data.hashes(test[0])[1], "valid")]
    table = tmp_path / "official.tsv"
    table.write_text("md5\tsplit\n" + "".join(f"{md5}\t{split}\n" for md5, split in rows))
    keep_out = official_held_out(table)
    assert keep_out == {rows[0][0], rows[2][0]}
    assert data.split("train", keep_out) == train[1:]
    assert data.split("test", keep_out) == test


@pytest.mark.parametrize(
    ("text", "reason"), [("a\tb\n", "columns md5 and split"), ("md5\tsplit\nx\tdev\n", "train, valid")]
)
def test_another_table_is_refused(tmp_path: Path, text: str, reason: str) -> None:
    table = tmp_path / "official.tsv"
    table.write_text(text)
    with pytest.raises(ReadError, match=reason):
        official_held_out(table)


def test_the_real_split_has_the_sizes_of_the_spec(data_folder: Path) -> None:
    path, table = data_folder / "band-midi.zip", data_folder / "museformer-official-split.tsv"
    if not path.exists() or not table.exists():
        pytest.skip("band-midi.zip or the official split is not in the data folder")
    data = BandMidi(path)
    assert [len(data.split(name)) for name in ("train", "validation", "test")] == [1138, 166, 186]
    assert len(data.split("train", official_held_out(table))) == 1138 - 25
    assert split_of(hashlib.sha1(data.midi_bytes(data.ids[0])).hexdigest()) == split_of(data.hashes(data.ids[0])[0])


def test_the_real_files_are_listed(data_folder: Path) -> None:
    path = data_folder / "band-midi.zip"
    if not path.exists():
        pytest.skip("band-midi.zip is not in the data folder")
    data = BandMidi(path)
    assert len(data) == 1490
    assert all(len(data.load(id).parts) > 1 for id in data.ids[:4])
