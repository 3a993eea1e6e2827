"""Pairs of recordings, and folders in the layout of SignalTrain: alignment, splits, damage."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ritornello.datasets.la2a_clips import LevellerClips
from ritornello.datasets.signaltrain import SignalTrain, pair_names
from ritornello.errors import ArgumentError, ReadError
from ritornello.sound import Audio

HEADER = "id,device,input,target,mode,peak_reduction,target_lag_samples,polarity\n"


def ramp(frames: int = 400) -> np.ndarray:
    return np.linspace(-0.5, 0.5, frames, dtype=np.float32)


def write_pack(folder: Path, row: str = "a,LA-2A,in.wav,out.wav,compress,65,0,1", **files: np.ndarray) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "pairs.csv").write_text(HEADER + row + "\n")
    for name, samples in {"in": ramp(), "out": ramp(), **files}.items():
        Audio(samples, 44_100).write(folder / f"{name}.wav", "FLOAT")
    return folder


@pytest.mark.parametrize("lag", [-7, 0, 12])
def test_a_pair_is_aligned_by_its_lag(tmp_path: Path, lag: int) -> None:
    source = ramp()
    target = source[-lag:] if lag < 0 else np.concatenate([np.zeros(lag, np.float32), source])
    pack = write_pack(tmp_path / "p", f"a,x,in.wav,out.wav,limit,40,{lag},-1", out=-target)
    pair = LevellerClips(pack).load("a")
    assert np.array_equal(pair.source.samples, pair.target.samples)
    assert (pair.mode, pair.peak_reduction) == ("limit", 40.0)


def test_a_zip_reads_like_its_folder(tmp_path: Path) -> None:
    pack = write_pack(tmp_path / "p")
    with zipfile.ZipFile(tmp_path / "p.zip", "w") as archive:
        for file in pack.iterdir():
            archive.write(file, f"top/{file.name}")
    assert LevellerClips(tmp_path / "p.zip").load("a").source == LevellerClips(pack).load("a").source


@pytest.mark.parametrize(
    ("row", "word"),
    [
        ("a,x,in.wav,out.wav,squash,65,0,1", "mode"),
        ("a,x,in.wav,out.wav,limit,650,0,1", "peak_reduction"),
        ("a,x,in.wav,out.wav,limit,x,0,1", "no number"),
        ("a,x,in.wav,out.wav,limit,65,0,3", "polarity"),
        ("a,x,../in.wav,out.wav,limit,65,0,1", "not a file"),
        ("a,x,,out.wav,limit,65,0,1", "input"),
    ],
)
def test_a_damaged_row_is_named(tmp_path: Path, row: str, word: str) -> None:
    with pytest.raises(ReadError, match=word):
        LevellerClips(write_pack(tmp_path / "p", row))


def test_unknown_settings_and_missing_files(tmp_path: Path) -> None:
    clips = LevellerClips(write_pack(tmp_path / "p", "a,x,in.wav,gone.wav,,,,"))
    assert clips.with_known_setting() == ()
    with pytest.raises(ReadError, match="gone"):
        clips.load("a")
    with pytest.raises(ReadError, match="no pair"):
        clips.load("b")


@given(text=st.text(max_size=200))
def test_any_table_is_read_or_refused_with_a_readable_error(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    folder = tmp_path_factory.mktemp("fuzz")
    (folder / "pairs.csv").write_bytes(b"id,input,target\n" + text.encode("utf-8", "surrogatepass"))
    try:
        LevellerClips(folder)
    except ReadError as error:
        assert "\n" not in str(error)


def write_signaltrain(folder: Path, split: str, number: int, frames: int = 300) -> None:
    place = folder / split
    place.mkdir(parents=True, exist_ok=True)
    source, target = pair_names(number, "2c", True, 65)
    Audio(ramp(), 44_100).write(place / source, "FLOAT")
    Audio(ramp(frames), 44_100).write(place / target, "FLOAT")


def test_the_folder_decides_the_split_and_test_files_are_never_for_training(tmp_path: Path) -> None:
    for split, number in (("Train", 3), ("Test", 9)):
        write_signaltrain(tmp_path, split, number, 400)
    data = SignalTrain(tmp_path)
    (pair,) = data.for_training()
    assert (pair.number, pair.group, pair.is_limit, pair.peak_reduction) == ("3", "2c", True, 65.0)
    assert np.array_equal(pair.read(10, 50)[0], ramp()[10:60])
    assert [found.number for found in data.split("test")] == ["9"]
    with pytest.raises(ArgumentError, match="never for training"):
        data.for_training("test")
    with pytest.raises(ArgumentError, match="no pair"):
        data.for_training("validation")


def test_pairs_that_do_not_fit_are_named(tmp_path: Path) -> None:
    write_signaltrain(tmp_path, "Train", 3, 300)
    with pytest.raises(ReadError, match="300 frames"):
        SignalTrain(tmp_path).for_training()
    (tmp_path / "Train" / "input_3_.wav").unlink()
    with pytest.raises(ReadError, match="input"):
        SignalTrain(tmp_path).for_training()
    with pytest.raises(ReadError, match="Train"):
        SignalTrain(tmp_path / "Train")
