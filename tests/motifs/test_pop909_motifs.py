"""Motif labels rebuilt: the rules on an invented song, and the published counts on the real set, if it is here."""

from __future__ import annotations

import shutil
import zipfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ritornello.datasets.pop909_motifs import BUILDS, VALIDATION, Build, MotifBar, Pop909Motifs, SongNotes, _bars
from ritornello.errors import ArgumentError, ReadError, RitornelloError

from .motif_pack import write_pack, write_song


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    return write_pack(tmp_path)


def test_a_folder_with_both_zips_beside_and_given_paths_are_found(pack: Path, tmp_path: Path) -> None:
    whole = Pop909Motifs(pack)
    assert whole.ids == ("001", "002", "021", "022", "024", "025", "026")
    assert Pop909Motifs(pack / "labels", pack).ids == whole.ids
    assert Pop909Motifs(pack / "labels").ids == whole.ids  # the music stands around it
    place = tmp_path / "zips"
    place.mkdir()
    for name, folders in (("pop909.zip", ("structure", "POP909")), ("pop909-motif-labels.zip", ("labels",))):
        with zipfile.ZipFile(place / name, "w") as archive:
            for folder in folders:
                for file in sorted((pack / folder).rglob("*.*")):
                    archive.write(file, str(file.relative_to(pack)))
    assert Pop909Motifs(place / "pop909-motif-labels.zip").ids == whole.ids
    assert Pop909Motifs(place).ids == whole.ids
    first, second = (data.labelled(("001",)) for data in (whole, Pop909Motifs(place)))
    assert [(bar.number, bar.motif) for bar in first] == [(bar.number, bar.motif) for bar in second]


def test_missing_labels_or_music_are_one_line(tmp_path: Path) -> None:
    write_song(tmp_path / "pack", "001", 0)
    alone = tmp_path / "elsewhere" / "far" / "labels"
    shutil.copytree(tmp_path / "pack" / "labels", alone)
    with pytest.raises(ReadError, match="--music"):
        Pop909Motifs(alone)
    with pytest.raises(ReadError, match="no motif labels"):
        Pop909Motifs(tmp_path / "pack" / "structure")
    with pytest.raises(ReadError, match="no such"):
        Pop909Motifs(tmp_path / "nothing.zip")


def test_splits_are_the_papers(pack: Path) -> None:
    data = Pop909Motifs(pack)
    assert data.split("validation") == ("001", "002")
    assert data.split("held_out") == ("025",)
    assert data.split("train") == ("021", "022", "024", "025", "026")
    assert set(data.split("learn")) == set(data.split("train")) - {"025"}
    assert not set(data.pool()) & set(VALIDATION)
    with pytest.raises(ArgumentError):
        data.split("test")  # type: ignore[arg-type]


@pytest.mark.parametrize("build", BUILDS)
def test_bars_get_their_motif_and_equal_bars_are_there_once(pack: Path, build: Build) -> None:
    bars = Pop909Motifs(pack).labelled(("002",), build)  # its first beat is half a quarter note after the file's start
    assert {bar.motif for bar in bars} == {1, 2, 3}
    assert len(bars) == 12  # three rhythms by four chords
    for bar in bars:
        assert bar.motif == bar.number % 3 + 1
        assert bar.onset.min() == pytest.approx(0, abs=1e-6)
        assert bar.onset.max() < 4
    write_song(pack, "040", 5, bars=24)
    again = Pop909Motifs(pack).labelled(("040",), build)
    assert len(again) == 12  # bars 12 to 23 equal bars 0 to 11


def test_a_bar_covered_by_no_label_for_more_than_three_beats_is_left_out(pack: Path) -> None:
    import symusic

    label = symusic.Score(480)
    label.tracks.append(symusic.Track())
    for start, beats, pitch in ((0, 3.0, 60), (4, 3.1, 61), (8, 2, 62), (10, 2, 62)):
        label.tracks[0].notes.append(symusic.Note(round(480 * start), round(480 * beats), pitch, 80))
    (pack / "labels" / "001.mid").write_bytes(label.dumps_midi())
    bars = Pop909Motifs(pack).labelled(("001",))
    assert [(bar.number, bar.motif) for bar in bars] == [(1, 1), (2, 2)]


def song(onsets: list[float]) -> SongNotes:
    times = np.array(onsets, float)
    return SongNotes("001", times, times + 1, np.full(len(times), 60), 0.0)


def test_the_papers_counter_lags_after_an_empty_bar() -> None:
    notes = song([0, 1, 12, 13, 17])  # bars 1 and 2 are empty
    assert [bar.number for bar in _bars(notes, 0.0)] == [0, 3, 4]
    chunks = {bar.number: bar.onset.tolist() for bar in _bars(notes, 0.0, chunks=True)}
    assert chunks == {0: [0, 1], 1: [8], 2: [5], 3: [5]}


def test_notes_before_the_origin_are_in_no_bar() -> None:
    assert [bar.number for bar in _bars(song([-2, -0.5, 0, 4]), 0.0)] == [0, 1]
    assert [bar.onset.tolist() for bar in _bars(song([-2, 3, 4.5]), 3.0)] == [[0, 1.5]]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(st.binary(max_size=60), st.integers(0, 200))
def test_damaged_labels_end_in_one_line_or_are_read(pack: Path, junk: bytes, place: int) -> None:
    path = pack / "labels" / "001.mid"
    whole = path.read_bytes()
    try:
        path.write_bytes(whole[:place] + junk + whole[place + len(junk) :])
        bars = Pop909Motifs(pack).labelled(("001",))
        assert all(isinstance(bar, MotifBar) for bar in bars)
    except RitornelloError as error:
        assert "\n" not in str(error)
    finally:
        path.write_bytes(whole)


def test_the_published_counts(data_folder: Path) -> None:
    path = data_folder / "pop909-motif-labels.zip"
    if not path.exists() or not (data_folder / "pop909.zip").exists():
        pytest.skip("pop909-motif-labels.zip or pop909.zip is not in the data folder")
    data = Pop909Motifs(path)
    assert len(data.ids) == 72
    wanted = {  # motifs, occurrences, singletons of validation, and of training the first two
        "bar": ((118, 693, 35), (282, 2272)), "grid": ((131, 691, 47), (328, 2467)), "paper": ((118, 697, 35), None),
    }  # fmt: skip
    for build, (validation, training) in wanted.items():
        bars = data.labelled(data.split("validation"), build)  # type: ignore[arg-type]
        sizes = Counter((bar.song, bar.motif) for bar in bars)
        assert (len(sizes), len(bars), sum(size == 1 for size in sizes.values())) == validation
        if training is not None:
            bars = data.labelled(data.split("train"), build)  # type: ignore[arg-type]
            assert (len({(bar.song, bar.motif) for bar in bars}), len(bars)) == training
