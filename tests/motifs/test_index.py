"""The index: the same for any number of workers, extendable, whole on disk, and told apart from anything else."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ritornello.errors import ReadError
from ritornello.motifs import index_cells
from ritornello.motifs.align import Weights
from ritornello.motifs.index import MotifIndex
from ritornello.motifs.index_store import IndexData, load_index
from ritornello.motifs.index_windows import KINDS, packed, weighted, window_vectors
from ritornello.motifs.lines import lines_of_song, top_line
from ritornello.score import Part, Song, make_notes

from .tunes import MOTIF_ONSET, MOTIF_PITCH, random_song


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("songs")
    for number in range(4):
        random_song(number, bars=8).write(root / f"song-{number}.mid")
    (root / "deep").mkdir()
    random_song(9, bars=8).write(root / "deep" / "song.musicxml")
    return root


@pytest.fixture(scope="module")
def index(folder: Path) -> MotifIndex:
    return MotifIndex(IndexData()).extended(folder)[0]


def equal(one: MotifIndex, other: MotifIndex) -> bool:
    arrays = [*one.data.columns.values(), *one.data.vectors, *one.data.anchors, *one.data.cells, *one.data.centroids]
    others = [*other.data.columns.values(), *other.data.vectors, *other.data.anchors, *other.data.cells]
    others += other.data.centroids
    return one.songs == other.songs and all(np.array_equal(a, b) for a, b in zip(arrays, others, strict=True))


def test_all_files_are_there_with_their_lines(index: MotifIndex) -> None:
    assert [song.name for song in index.songs] == ["deep/song.musicxml", *(f"song-{k}.mid" for k in range(4))]
    assert [name for name, _ in index.songs[1].lines] == ["tune", "bass", "skyline"]
    expected = lines_of_song(random_song(0, bars=8))
    for number, line in enumerate(expected):
        assert np.array_equal(index.line(1, number).onset, line.onset)
        assert np.array_equal(index.line(1, number).pitch, line.pitch)
    assert len(index.notes(1)["pitch"]) == sum(len(part.notes) for part in random_song(0, bars=8).parts)


def test_windows_lead_back_to_their_notes(index: MotifIndex) -> None:
    for kind, window in enumerate(KINDS):
        every = np.arange(len(index.data.anchors[kind]))
        songs, lines, notes = index.places(kind, every)
        for at in every[:: max(1, len(every) // 40)]:
            line = index.line(int(songs[at]), int(lines[at]))
            vector = packed(window_vectors(line.onset, line.pitch, notes[[at]], window))
            assert np.array_equal(vector[0], index.data.vectors[kind][at])
        starts = index.song_windows[kind]
        assert starts[-1] == len(every) and (songs == np.searchsorted(starts, every, side="right") - 1).all()


def test_two_workers_make_the_same_index(folder: Path, index: MotifIndex) -> None:
    assert equal(MotifIndex(IndexData()).extended(folder, workers=2)[0], index)


def test_files_are_read_back_and_the_same_bytes(tmp_path: Path, index: MotifIndex) -> None:
    for name in ("a.index", "b.index"):
        index.save(tmp_path / name)
    assert (tmp_path / "a.index").read_bytes() == (tmp_path / "b.index").read_bytes()
    assert equal(MotifIndex.load(tmp_path / "a.index"), index)


def test_extending_adds_only_what_is_new(folder: Path, index: MotifIndex, tmp_path: Path) -> None:
    same, skipped = index.extended(folder)
    assert equal(same, index) and skipped == []
    random_song(20, bars=8).write(tmp_path / "new.mid")
    (tmp_path / "again.mid").write_bytes((tmp_path / "new.mid").read_bytes())
    (tmp_path / "broken.mid").write_bytes(b"MThd nothing")
    larger, skipped = index.extended(tmp_path)
    assert len(larger.songs) == len(index.songs) + 1
    assert [file.name for file in skipped] == ["broken.mid", "new.mid"]
    assert skipped[1].reason == "equal to another file"
    whole = MotifIndex.of_songs([("x", random_song(20, bars=8))])
    assert np.array_equal(larger.data.vectors[1][index.song_windows[1][-1] :], whole.data.vectors[1])


def test_cells_bring_the_nearest_along(index: MotifIndex, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pytest.importorskip("faiss")
    monkeypatch.setattr(index_cells, "CELL_WINDOWS", 100)
    with_cells = MotifIndex(index_cells.with_cells(index.data, IndexData()))
    with_cells.save(tmp_path / "cells.index")
    with_cells = MotifIndex.load(tmp_path / "cells.index")
    assert len(with_cells.data.cells[1]) and not len(index.data.cells[1])
    queries = index.data.vectors[1][::37].astype(np.float32) / 127
    (exact, similarity), (found, _) = (one.nearest(1, queries, 8) for one in (index, with_cells))
    assert (np.diff(similarity, axis=1) <= 0).all()
    assert np.mean([len(set(a) & set(b)) / 8 for a, b in zip(exact.tolist(), found.tolist(), strict=True)]) > 0.9


def test_missing_folders_and_empty_ones_are_refused(tmp_path: Path) -> None:
    empty = MotifIndex(IndexData())
    with pytest.raises(ReadError, match="no such folder"):
        empty.extended(tmp_path / "none")
    with pytest.raises(ReadError, match="no song"):
        empty.extended(tmp_path)
    (tmp_path / "x.mid").write_bytes(b"MThd")
    with pytest.raises(ReadError, match="none of its 1 files"):
        empty.extended(tmp_path)


def test_other_versions_are_refused_by_name(tmp_path: Path, index: MotifIndex) -> None:
    index.save(tmp_path / "old.index")
    with np.load(tmp_path / "old.index") as archive:
        arrays = dict(archive)
    header = json.loads(bytes(arrays["header"])) | {"version": 99}
    arrays["header"] = np.frombuffer(json.dumps(header).encode(), np.uint8)
    with (tmp_path / "old.index").open("wb") as file:
        np.savez(file, **arrays)
    with pytest.raises(ReadError, match="version 99"):
        load_index(tmp_path / "old.index")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("meters", []),
        ("meters", [[0, 0, 4]]),
        ("tempi", []),
        ("tempi", [[0, 0.0]]),
        ("bars", -1),
        ("lines", [["x", 99]]),
    ],
)
def test_entries_of_no_song_are_refused(tmp_path: Path, index: MotifIndex, field: str, value: object) -> None:
    index.save(tmp_path / "forged.index")
    with np.load(tmp_path / "forged.index") as archive:
        arrays = dict(archive)
    header = json.loads(bytes(arrays["header"]))
    header["songs"][0][field] = value
    arrays["header"] = np.frombuffer(json.dumps(header).encode(), np.uint8)
    with (tmp_path / "forged.index").open("wb") as file:
        np.savez(file, **arrays)
    with pytest.raises(ReadError, match=r"forged\.index"):
        load_index(tmp_path / "forged.index")


def test_what_is_no_index_is_refused(tmp_path: Path) -> None:
    random_song(1).write(tmp_path / "song.mid")
    with (tmp_path / "other.npz").open("wb") as file:
        np.savez(file, numbers=np.arange(3))
    for name in ("song.mid", "other.npz"):
        with pytest.raises(ReadError, match="not a motif index"):
            load_index(tmp_path / name)
    with pytest.raises(ReadError, match="no such file"):
        load_index(tmp_path / "none.index")


@settings(max_examples=40)
@given(st.data())
def test_damage_is_told(tmp_path_factory: pytest.TempPathFactory, index: MotifIndex, data: st.DataObject) -> None:
    path = tmp_path_factory.getbasetemp() / "damaged.index"
    index.save(path)
    raw = bytearray(path.read_bytes())
    if data.draw(st.booleans()):
        del raw[data.draw(st.integers(1, len(raw) - 1)) :]
    for _ in range(data.draw(st.integers(0, 6))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(bytes(raw))
    try:
        assert equal(load_and_wrap(path), index)  # only bytes that mean nothing were hit
    except ReadError as error:
        assert "index" in str(error)


def load_and_wrap(path: Path) -> MotifIndex:
    return MotifIndex(load_index(path))


def test_vectors_tell_pitch_rhythm_and_contour() -> None:
    onset, pitch, first = MOTIF_ONSET, MOTIF_PITCH, np.array([0])
    kind = KINDS[1]

    def cosines(other_onset: np.ndarray, other_pitch: np.ndarray) -> tuple[float, ...]:
        one, other = (window_vectors(*line, first, kind) for line in ((onset, pitch), (other_onset, other_pitch)))
        shares = (Weights(1, 0, 0), Weights(0, 1, 0), Weights(0, 0, 1))
        return tuple(float((weighted(one, kind, share) @ other.T)[0, 0]) for share in shares)

    assert cosines(onset + 96, pitch - 7) == pytest.approx((1, 1, 1), abs=1e-5)
    by_notes = [window_vectors(line, pitch, first, KINDS[2]) for line in (onset, 2 * onset)]
    assert np.allclose(*by_notes, atol=1e-5)  # the same at every speed
    upside_down = cosines(onset, -pitch)
    assert upside_down[0] < -0.5 and upside_down[1] == pytest.approx(1) and upside_down[2] < 0
    assert cosines(onset, np.full(12, 60))[1] == pytest.approx(1)


def test_chords_have_one_top_note() -> None:
    notes = Part("p", make_notes([0, 0, 1, 12, 12], [6] * 5, [60, 64, 67, 50, 48])).notes
    line = top_line(notes, "p", 0)
    assert line.onset.tolist() == [0, 12] and line.pitch.tolist() == [67, 50]
    assert len(lines_of_song(Song((Part("d", notes, is_drums=True), Part("p", notes))))) == 1
