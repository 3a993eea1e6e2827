"""The reader of JKU-PDD: a tiny set of the same layout, and the real one's counts where it is at hand."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ritornello.datasets.jku_pdd import PIECES, JkuPdd
from ritornello.errors import ArgumentError, ReadError

NOTES = (
    "0.0, 60.0, 60.0, 1.0, 0.0\n1.33333, 64.0, 62.0, 1.0, 0.0\n0.0, 60.0, 60.0, 2.0, 1.0\n-1.0, 55.0, 57.0, 1.0, 0.0\n"
)


def write_set(root: Path) -> Path:
    for piece in PIECES:
        notes = root / piece / "polyphonic" / "csv"
        notes.mkdir(parents=True)
        (notes / "piece.csv").write_text(NOTES)
        for annotator in ("people", "barlowAndMorgenstern"):
            folder = root / piece / "polyphonic" / "repeatedPatterns" / annotator / "A" / "occurrences" / "csv"
            folder.mkdir(parents=True)
            (folder / "occ1.csv").write_text("0.0, 60.0\n1.33333, 64.0\n")
            (folder / "occ2.csv").write_text("4.0, 60.0\n5.33333, 64.0\n")
    return root


def test_notes_are_sorted_rounded_and_told_once(tmp_path: Path) -> None:
    table = JkuPdd(write_set(tmp_path)).notes(PIECES[0])
    assert table[:, :2].tolist() == [[-1.0, 55.0], [0.0, 60.0], [1.333, 64.0]]
    assert table[1, 3] == 1.0  # the first of the two equal notes


def test_patterns_leave_out_what_was_revised(tmp_path: Path) -> None:
    data = JkuPdd(write_set(tmp_path))
    found = data.patterns(PIECES[1])
    assert list(found) == ["people/A"]
    assert found["people/A"][0] == {(0.0, 60.0), (1.333, 64.0)}
    assert len(data.patterns(PIECES[1], left_out=())) == 2


def test_folder_and_zip_say_the_same(tmp_path: Path) -> None:
    root = write_set(tmp_path / "jku-pdd")
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        for file in sorted(root.rglob("*.csv")):
            archive.write(file, file.relative_to(tmp_path))
    for piece in PIECES:
        assert (JkuPdd(tmp_path / "set.zip").notes(piece) == JkuPdd(root).notes(piece)).all()
        assert JkuPdd(tmp_path / "set.zip").patterns(piece) == JkuPdd(root).patterns(piece)


def test_errors_name_what_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match="bach"):
        JkuPdd(tmp_path)
    data = JkuPdd(write_set(tmp_path))
    with pytest.raises(ArgumentError, match="gibbons"):
        data.notes("nothing")
    (tmp_path / PIECES[2] / "polyphonic" / "csv" / "piece.csv").write_text("1.0, many, 3, 4, 5\n")
    with pytest.raises(ReadError, match="no table of 5 numbers"):
        data.notes(PIECES[2])


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    root = write_set(tmp_path_factory.mktemp("set"))
    (root / PIECES[0] / "polyphonic" / "csv" / "piece.csv").write_bytes(text.encode(errors="replace"))
    try:
        assert JkuPdd(root).notes(PIECES[0]).shape[1] == 5
    except ReadError as error:
        assert "\n" not in str(error)


def test_the_real_set_has_the_known_counts(data_folder: Path) -> None:
    path = data_folder / "jku-pdd.zip"
    if not path.exists():
        pytest.skip("jku-pdd.zip is not in the data folder")
    data = JkuPdd(path)
    assert [len(data.notes(piece)) for piece in data.ids] == [731, 1538, 2075, 333, 1744]
    patterns = [data.patterns(piece) for piece in data.ids]
    assert [len(found) for found in patterns] == [3, 7, 4, 4, 9]
    assert [sum(map(len, found.values())) for found in patterns] == [21, 22, 20, 26, 40]
