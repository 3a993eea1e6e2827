"""`ritornello compress`: formats, metadata and length are kept, traces, loudness, and every error in one line."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
import soundfile

from ritornello.app.cli import run
from ritornello.compressor import Leveller

RATE = 44_100


def sound(frames: int = 30_000, channels: int = 2) -> np.ndarray:
    rng = np.random.default_rng(0)
    level = np.repeat(10 ** rng.uniform(-1.5, -0.3, -(-frames // 3000)), 3000)[:frames]
    return (rng.standard_normal((frames, channels)) * level[:, None] * 0.3).clip(-1, 1).astype(np.float32)


def names(folder: Path) -> list[str]:
    return sorted(place.name for place in folder.iterdir())


def write(path: Path, samples: np.ndarray | None = None, rate: int = RATE, subtype: str | None = None) -> Path:
    soundfile.write(path, sound() if samples is None else samples, rate, subtype)
    return path


@pytest.mark.parametrize(
    ("name", "subtype", "rate", "channels"),
    [
        ("a.wav", "PCM_16", 44_100, 1), ("a.wav", "PCM_24", 96_000, 2), ("a.wav", "FLOAT", 192_000, 6),
        ("a.flac", "PCM_24", 48_000, 2), ("a.aiff", "PCM_16", 88_200, 1), ("a.ogg", "VORBIS", 44_100, 2),
    ],
)  # fmt: skip
def test_rate_channels_sample_format_length_and_title_stay(
    tmp_path: Path, name: str, subtype: str, rate: int, channels: int
) -> None:
    source, out = tmp_path / name, tmp_path / f"out-{name}"
    with soundfile.SoundFile(source, "w", rate, channels, subtype) as file:
        file.title = "Auld Lang Syne"
        file.write(sound(20_001, channels))
    assert run(["compress", str(source), str(out), "--peak-reduction", "60", "--quiet"]) == 0
    with soundfile.SoundFile(source) as before, soundfile.SoundFile(out) as after:
        assert (after.samplerate, after.channels, after.subtype) == (before.samplerate, before.channels, before.subtype)
        assert after.frames == before.frames
        assert after.title == before.title
    assert names(tmp_path) == sorted([name, f"out-{name}"])


def test_any_block_gives_what_the_processor_gives(tmp_path: Path) -> None:
    source = write(tmp_path / "in.wav", subtype="FLOAT")
    wanted = Leveller(RATE, 2, peak_reduction=75, mode="limit", gain_db=2).process(sound().T)
    for block in ("997", "65536"):
        out = tmp_path / f"{block}.wav"
        options = ["--peak-reduction", "75", "--mode", "limit", "--gain", "2", "--block", block, "--quiet"]
        assert run(["compress", str(source), str(out), *options]) == 0
        assert np.abs(soundfile.read(out, dtype="float32")[0].T - wanted).max() < 1e-6


def test_the_report_and_a_wanted_loudness(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, out = write(tmp_path / "in.wav", sound(60_000), subtype="FLOAT"), tmp_path / "out.wav"
    assert run(["compress", str(source), str(out), "--peak-reduction", "70", "--target-lufs", "-23", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["loudness_after_lufs"] == pytest.approx(-23, abs=0.05)
    assert report["max_reduction_db"] > report["mean_reduction_db"] > 0
    assert report["frames"] == 60_000


def test_a_trace_has_a_line_a_millisecond_or_is_a_picture(tmp_path: Path) -> None:
    source = write(tmp_path / "in.wav", sound(44_100))
    for name in ("t.csv", "t.png"):
        options = ["--peak-reduction", "70", "--trace", str(tmp_path / name), "--block", "1000", "--force", "--quiet"]
        assert run(["compress", str(source), str(tmp_path / "out.wav"), *options]) == 0
    lines = (tmp_path / "t.csv").read_text().splitlines()
    assert lines[0] == "time_s,gain_db_1,gain_db_2"
    assert len(lines) == 1 + -(-44_100 // 44)
    assert min(float(line.split(",")[1]) for line in lines[1:]) < -3
    assert (tmp_path / "t.png").read_bytes().startswith(b"\x89PNG")


def test_options_make_a_difference(tmp_path: Path) -> None:
    source, kick = write(tmp_path / "in.wav"), write(tmp_path / "kick.wav", np.ones((30_000, 1), np.float32) * 0.9)
    results = set()
    choices: list[list[str]] = [
        [], ["--mix", "0.5"], ["--trim", "6"], ["--link", "off"], ["--link-amount", "0.3"], ["--no-colour"], ["--hiss"],
        ["--sidechain", str(kick)], ["--sidechain-highpass", "300"], ["--model", "sim"], ["--hiss", "--seed", "1"],
    ]  # fmt: skip
    for number, options in enumerate(choices):
        out = tmp_path / f"{number}.wav"
        assert run(["compress", str(source), str(out), "--peak-reduction", "70", "--quiet", *options]) == 0
        results.add(out.read_bytes())
    assert len(results) == 11


def fails(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    assert run(["compress", *map(str, arguments)]) == 2
    found = capsys.readouterr()
    assert found.out == ""
    (line,) = found.err.splitlines()
    return line


def test_errors_are_one_line_and_leave_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good, out = write(tmp_path / "in.wav"), tmp_path / "out.wav"
    (tmp_path / "noise.wav").write_bytes(b"RIFF" + os.urandom(500))
    (tmp_path / "empty.wav").write_bytes(b"")
    write(tmp_path / "nothing.wav", np.zeros((0, 1), np.float32))
    write(tmp_path / "low.wav", rate=22_050)
    write(tmp_path / "short.wav", sound(100))
    write(tmp_path / "other.wav", rate=48_000)
    write(tmp_path / "three.wav", sound(30_000, 3))
    before = names(tmp_path)
    for source, word in (
        ("gone.wav", "no such file"), ("noise.wav", "no audio"), ("empty.wav", "empty"), ("nothing.wav", "length is 0"),
        ("low.wav", "22050 Hz"), ("", "folder"),
    ):  # fmt: skip
        assert word in fails(capsys, tmp_path / source, out)
    assert "overwrite" in fails(capsys, good, good, "--force")
    assert "--force" in fails(capsys, good, tmp_path / "short.wav")
    assert "frames" in fails(capsys, good, out, "--sidechain", tmp_path / "short.wav")
    assert "48000 Hz" in fails(capsys, good, out, "--sidechain", tmp_path / "other.wav")
    assert "3 channels" in fails(capsys, good, out, "--sidechain", tmp_path / "three.wav")
    assert "suffix" in fails(capsys, good, tmp_path / "out.mp4")
    assert ".csv" in fails(capsys, good, out, "--trace", tmp_path / "t.txt")
    assert "contradict" in fails(capsys, good, out, "--gain", "3", "--target-lufs", "-16")
    assert "Peak Reduction" in fails(capsys, good, out, "--peak-reduction", "120")
    assert "--block" in fails(capsys, good, out, "--block", "0")
    assert "not found" in fails(capsys, good, out, "--model", "nobody")
    assert names(tmp_path) == before


def test_a_file_of_one_frame_and_of_nothing_but_silence(tmp_path: Path) -> None:
    for name, samples in (("one.wav", np.full((1, 1), 0.5)), ("silence.wav", np.zeros((5000, 2)))):
        source = write(tmp_path / name, samples.astype(np.float32), subtype="FLOAT")
        assert run(["compress", str(source), str(tmp_path / f"out-{name}"), "--quiet"]) == 0
        found = soundfile.read(tmp_path / f"out-{name}", always_2d=True)[0]
        assert found.shape == samples.shape
        assert samples.any() or not found.any()
