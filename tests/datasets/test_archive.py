from __future__ import annotations

import pickle
import zipfile
from pathlib import Path

import pytest

from ritornello.datasets.archive import Archive
from ritornello.errors import ReadError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "däta"
    (root / "structure" / "001").mkdir(parents=True)
    (root / "structure" / "001" / "melody.txt").write_text("60 4\n")
    (root / "empty.txt").write_bytes(b"")
    return root


def zipped(folder: Path, target: Path, prefix: str = "") -> Path:
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                archive.write(file, prefix + file.relative_to(folder).as_posix())
    return target


def test_folder_zip_and_nested_zip_answer_alike(folder: Path, tmp_path: Path) -> None:
    archives = [
        Archive(folder, "structure"),
        Archive(folder.parent, "structure"),
        Archive(zipped(folder, tmp_path / "a.zip"), "structure"),
        Archive(zipped(folder, tmp_path / "b.zip", "inner/"), "structure"),
    ]
    for archive in archives:
        assert archive.children("structure") == ("001",)
        assert archive.read_text("structure/001/melody.txt") == "60 4\n"
        assert archive.has("structure/001/melody.txt")
        assert not archive.has("structure/001/other.txt")
        for missing in ("structure/002/melody.txt", "structure/001", "empty.txt"):
            with pytest.raises(ReadError) as caught:
                archive.read(missing)
            assert "\n" not in str(caught.value)


def test_open_zip_can_be_sent_to_another_process(folder: Path, tmp_path: Path) -> None:
    archive = Archive(zipped(folder, tmp_path / "a.zip"), "structure")
    archive.read("structure/001/melody.txt")
    assert pickle.loads(pickle.dumps(archive)).read_text("structure/001/melody.txt") == "60 4\n"


def test_a_member_larger_than_the_bound_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("structure/big.txt", b"0" * 5_000_000)
    with pytest.raises(ReadError, match="larger than"):
        Archive(path, "structure").read_text("structure/big.txt")


def test_damage_is_reported_with_the_name(folder: Path, tmp_path: Path) -> None:
    path = zipped(folder, tmp_path / "a.zip")
    data = bytearray(path.read_bytes())
    place = data.index(b"melody.txt") + len(b"melody.txt")
    data[place : place + 4] = b"\xff\xff\xff\xff"
    path.write_bytes(bytes(data))
    with pytest.raises(ReadError, match=r"a\.zip: structure/001/melody\.txt"):
        Archive(path, "structure").read("structure/001/melody.txt")


@pytest.mark.parametrize("kind", ["missing", "file", "other layout"])
def test_wrong_path_is_refused(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "x"
    if kind == "file":
        path.write_text("no zip")
    elif kind == "other layout":
        path.mkdir()
    with pytest.raises(ReadError, match="x: "):
        Archive(path, "structure")
