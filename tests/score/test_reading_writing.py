from __future__ import annotations

import os
from pathlib import Path

import pytest
from midi_builder import midi_file, note

import ritornello
from ritornello.errors import ArgumentError, ReadError, WriteError
from ritornello.score.reading import kind_of, read, read_data
from ritornello.score.writing import write

MIDI = midi_file(note(0, 480, 60))
ABC = b"X:1\nT:Tune\nK:C\nCDEF|\n"


@pytest.mark.parametrize(
    ("data", "name", "kind"),
    [
        (MIDI, "song.mid", "midi"),
        (MIDI, "song.txt", "midi"),
        (MIDI, "song.xml", "midi"),
        (b"RIFF\0\0\0\0RMIDdata", "song.rmi", "midi"),
        (b"hello", "song.kar", "midi"),
        (b"<?xml version='1.0'?><score-partwise/>", "song", "musicxml"),
        (b"\xef\xbb\xbf\n <!DOCTYPE score-partwise>", "song.abc", "musicxml"),
        ("<?xml version='1.0'?>".encode("utf-16"), "song", "musicxml"),
        (b"PK\x03\x04....", "song.mxl", "musicxml"),
        (ABC, "song", "abc"),
        (b"%abc-2.1\n% a book\n\n" + ABC, "song.txt", "abc"),
        (b"C D E", "song.abc", "abc"),
    ],
)
def test_content_decides_then_the_suffix(data: bytes, name: str, kind: str):
    assert kind_of(data, name) == kind


@pytest.mark.parametrize(
    ("data", "name", "reason"),
    [
        (b"RIFF\0\0\0\0WAVEfmt ", "song.mid", "audio"),
        (b"%PDF-1.5", "song.pdf", "a PDF"),
        (b"hello", "song.docx", "supported are MIDI"),
        (b"\0" * 99, "noise", "supported are MIDI"),
    ],
)
def test_other_kinds_are_refused_with_what_is_supported(data: bytes, name: str, reason: str):
    with pytest.raises(ReadError, match=reason) as caught:
        read_data(data, name)
    assert "ABC (.abc)" in str(caught.value)
    assert str(caught.value).startswith(name)


windows_path = pytest.param(
    "C:\\music\\song.mid", marks=pytest.mark.skipif(os.name == "nt", reason="a real place there")
)


@pytest.mark.parametrize("name", ["song.mid", "Übung 曲 №1.mid", "a b'c.MID", windows_path])
def test_a_song_is_written_and_read_under_any_name(tmp_path: Path, name: str):
    path = tmp_path / name
    song = read_data(MIDI, "x.mid")
    song.write(path)
    assert ritornello.read(path) == song
    assert ritornello.Song.read(str(path)) == song
    assert [file.name for file in tmp_path.iterdir()] == [name]


def test_nothing_is_overwritten_unless_asked_and_the_input_never(tmp_path: Path):
    path = tmp_path / "song.mid"
    path.write_bytes(MIDI)
    song = read(path)
    for force in (False, True):
        with pytest.raises(WriteError, match=r"song\.mid"):
            write(song, path, force=force)
    assert path.read_bytes() == MIDI
    path.write_bytes(b"something else")
    with pytest.raises(WriteError, match="exists already"):
        write(song, path)
    write(song, path, force=True)
    assert read(path) == song


def test_a_suffix_that_nobody_writes_is_refused(tmp_path: Path):
    for name in ("song.wav", "song", "song.abc"):
        with pytest.raises(ArgumentError, match=r"\.mid"):
            write(read_data(MIDI, "x.mid"), tmp_path / name)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("empty.mid", b"", "empty"),
        ("silent.mid", midi_file([]), "no notes"),
        ("rests.abc", b"X:1\nK:C\nz4|", "no notes"),
        ("cut.mid", MIDI[:-9], "truncated"),
        ("noise.mid", b"\x9e\x01\x77" * 50, "not a MIDI file"),
    ],
)
def test_files_without_a_song_are_refused(tmp_path: Path, name: str, data: bytes, reason: str):
    (tmp_path / name).write_bytes(data)
    with pytest.raises(ReadError, match=reason) as caught:
        read(tmp_path / name)
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_files_and_folders_are_named(tmp_path: Path):
    with pytest.raises(ReadError, match="no such file"):
        read(tmp_path / "missing.mid")
    with pytest.raises(ReadError, match="folder"):
        read(tmp_path)


def test_a_file_beyond_the_bound_is_refused_before_it_is_read(tmp_path: Path):
    path = tmp_path / "huge.mid"
    with path.open("wb") as file:
        file.truncate(200_000_000)  # sparse: takes no room
    with pytest.raises(ReadError, match="200 MB is too large"):
        read(path)


def test_the_package_gives_its_names_and_no_others():
    assert set(ritornello.__all__) <= set(dir(ritornello))
    for name in ritornello.__all__:
        assert getattr(ritornello, name) is not None
    with pytest.raises(AttributeError, match="nothing_such"):
        ritornello.nothing_such  # noqa: B018
