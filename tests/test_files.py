from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from ritornello import errors
from ritornello.errors import ReadError, RitornelloError, WriteError
from ritornello.files import read_bytes, read_json, result_folder, write_bytes, write_json


def test_bytes_are_read_up_to_the_bound(tmp_path: Path):
    path = tmp_path / "file"
    path.write_bytes(b"12345")
    assert read_bytes(path, max_bytes=5) == b"12345"
    with pytest.raises(ReadError, match="too large"):
        read_bytes(path, max_bytes=4)


@pytest.mark.parametrize(("name", "reason"), [("missing", "no such file"), (".", "folder"), ("a\0b", "cannot be read")])
def test_what_cannot_be_read_is_named(tmp_path: Path, name: str, reason: str):
    with pytest.raises(ReadError, match=reason):
        read_bytes(tmp_path / name)


def test_an_empty_file_is_refused(tmp_path: Path):
    (tmp_path / "empty").touch()
    with pytest.raises(ReadError, match="empty"):
        read_bytes(tmp_path / "empty")


def test_json_comes_back_and_what_is_none_is_named(tmp_path: Path):
    path = tmp_path / "value.json"
    write_json(path, {"a": ["曲", None, 1.5]})
    assert read_json(path) == {"a": ["曲", None, 1.5]}
    for text in (b"{", b"\xff\xfe", b"[" * 100_000, b"1" * 5_000):
        path.write_bytes(text)
        with pytest.raises(ReadError, match=r"value\.json: damaged, no JSON"):
            read_json(path)
    with pytest.raises(ReadError, match="too large"):
        read_json(path, max_bytes=4)


def test_a_write_replaces_whole_or_leaves_nothing(tmp_path: Path):
    path = tmp_path / "曲.bin"
    write_bytes(path, b"one")
    write_bytes(path, b"two")
    assert path.read_bytes() == b"two"
    with pytest.raises(WriteError, match="cannot be written"):
        write_bytes(tmp_path / "no folder" / "x", b"x")
    with pytest.raises(TypeError):
        write_bytes(path, "text")  # type: ignore[arg-type]
    assert path.read_bytes() == b"two"
    assert [file.name for file in tmp_path.iterdir()] == ["曲.bin"]


def test_json_is_strict(tmp_path: Path):
    write_json(tmp_path / "x.json", {"name": "é", "values": [1, 2.5, None]})
    text = (tmp_path / "x.json").read_text(encoding="utf-8")
    assert json.loads(text) == {"name": "é", "values": [1, 2.5, None]}
    assert "é" in text
    assert text.endswith("\n")
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "y.json", float("nan"))
    assert not (tmp_path / "y.json").exists()


def test_a_result_folder_appears_whole(tmp_path: Path):
    with result_folder(tmp_path / "new" / "out") as folder:
        (folder / "song.mid").write_bytes(b"1")
        assert not (tmp_path / "new" / "out").exists()
    assert (tmp_path / "new" / "out" / "song.mid").read_bytes() == b"1"
    assert [entry.name for entry in (tmp_path / "new").iterdir()] == ["out"]


def test_a_failed_result_leaves_nothing(tmp_path: Path):
    with pytest.raises(RuntimeError), result_folder(tmp_path / "out") as folder:
        (folder / "song.mid").write_bytes(b"1")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_force_replaces_files_of_the_same_name_only(tmp_path: Path):
    out = tmp_path / "out"
    (out / "stems").mkdir(parents=True)
    (out / "notes.txt").write_text("mine")
    (out / "song.mid").write_bytes(b"old")
    with pytest.raises(WriteError, match="--force"), result_folder(out):
        pass
    with result_folder(out, force=True) as folder:
        (folder / "song.mid").write_bytes(b"new")
        (folder / "stems").mkdir()
        (folder / "stems" / "bass.wav").write_bytes(b"b")
    assert (out / "notes.txt").read_text() == "mine"
    assert (out / "song.mid").read_bytes() == b"new"
    assert (out / "stems" / "bass.wav").read_bytes() == b"b"


def test_a_result_folder_that_is_a_file_is_refused(tmp_path: Path):
    (tmp_path / "out").write_text("x")
    with pytest.raises(WriteError, match="not a folder"), result_folder(tmp_path / "out", force=True):
        pass


def test_every_error_is_ours_and_of_the_usual_python_kind():
    kinds = {"ReadError": ValueError, "WriteError": OSError, "ArgumentError": ValueError,
             "UnsuitableSongError": ValueError, "MissingDependencyError": ImportError}  # fmt: skip
    for name, kind in kinds.items():
        assert issubclass(getattr(errors, name), (RitornelloError,))
        assert issubclass(getattr(errors, name), kind)


def test_a_named_pipe_is_refused_and_not_waited_for(tmp_path: Path):
    if not hasattr(os, "mkfifo"):
        pytest.skip("this system has no named pipes")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ReadError, match="named pipe"):
        read_bytes(tmp_path / "pipe")


def test_a_name_that_is_too_long_is_an_error_of_ours(tmp_path: Path):
    with pytest.raises(ReadError, match="cannot be read"):
        read_bytes(tmp_path / ("n" * 300))
    with pytest.raises(WriteError, match="cannot be written"), result_folder(tmp_path / "a" / ("n" * 300)):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_name_of_the_full_length_is_written(tmp_path: Path):
    write_bytes(tmp_path / ("n" * 255), b"1")
    with result_folder(tmp_path / ("o" * 255)):
        pass
    assert {len(file.name) for file in tmp_path.iterdir()} == {255}


def test_a_failed_result_leaves_no_folder_above_it(tmp_path: Path):
    with pytest.raises(RuntimeError), result_folder(tmp_path / "a" / "b" / "out"):
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_a_folder_where_a_file_belongs_is_found_before_anything_is_replaced(tmp_path: Path):
    out = tmp_path / "out"
    (out / "song.mid").mkdir(parents=True)
    (out / "a.txt").write_text("old")
    with pytest.raises(WriteError, match="in the way"), result_folder(out, force=True) as folder:
        (folder / "a.txt").write_text("new")
        (folder / "song.mid").write_bytes(b"1")
    assert (out / "a.txt").read_text() == "old"


def test_a_result_that_appeared_meanwhile_is_kept(tmp_path: Path):
    out = tmp_path / "out"
    with pytest.raises(WriteError, match="--force"), result_folder(out) as folder:
        (folder / "song.mid").write_bytes(b"ours")
        out.mkdir()
        (out / "song.mid").write_bytes(b"theirs")
    assert (out / "song.mid").read_bytes() == b"theirs"


def test_json_holds_file_names_that_are_no_text(tmp_path: Path):
    name = os.fsdecode(b"caf\xe9.mid")
    write_json(tmp_path / "x.json", {"song": name})
    assert json.loads((tmp_path / "x.json").read_text(encoding="utf-8")) == {"song": name}
