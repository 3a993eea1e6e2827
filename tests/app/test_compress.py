"""`ritornello compress`: formats, metadata and length are kept, traces, loudness, and every error in one line."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
import soundfile

from ritornello.app.cli import run
from ritornello.compressor.process import Leveller, pre_roll

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
    unit = Leveller(RATE, 2, peak_reduction=75, mode="limit", gain_db=2)
    dark = unit.process(sound().T)
    unit.reset()
    unit.warm_up(pre_roll(sound().T, 2 * RATE))
    lit = unit.process(sound().T)
    for block, wanted, more in (("997", lit, []), ("65536", lit, []), ("4096", dark, ["--pre-roll", "0"])):
        out = tmp_path / f"{block}.wav"
        options = ["--peak-reduction", "75", "--mode", "limit", "--gain", "2", "--block", block, "--quiet", *more]
        assert run(["compress", str(source), str(out), *options]) == 0
        assert np.abs(soundfile.read(out, dtype="float32")[0].T - wanted).max() < 1e-6


def test_the_report_and_a_wanted_loudness(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, out = write(tmp_path / "in.wav", sound(60_000), subtype="FLOAT"), tmp_path / "out.wav"
    assert run(["compress", str(source), str(out), "--peak-reduction", "70", "--target-lufs", "-23", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["loudness_after_lufs"] == pytest.approx(-23, abs=0.05)
    assert report["max_reduction_db"] > report["mean_reduction_db"] > 0
    assert report["frames"] == 60_000
    assert run(["compress", str(source), str(out), "--gain", "-3", "--force"]) == 0
    printed = capsys.readouterr().out
    assert "make-up gain -3.0 dB" in printed and "LUFS before" in printed and "dBFS before" in printed


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
    assert "not found" in fails(capsys, good, out, "--model", "")
    assert "one cell" in fails(capsys, good, out, "--model", "sim", "--link", "off")
    assert "contradict" in fails(capsys, good, out, "--link", "off", "--link-amount", "0.5")
    assert names(tmp_path) == before


def test_a_recording_that_is_cut_off_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("a.wav", "a.aiff", "a.flac"):
        whole = write(tmp_path / name).read_bytes()
        place = tmp_path / f"cut-{name}"
        place.write_bytes(whole[: len(whole) // 2])
        assert "cut off" in fails(capsys, place, tmp_path / f"o-{name}") or name == "a.flac"
        assert not (tmp_path / f"o-{name}").exists()
    data = bytearray((tmp_path / "a.wav").read_bytes())
    start = data.index(b"data") + 4
    data[start : start + 4] = b"\xff\xff\xff\xff"  # what a program writes into a pipe, not knowing the length yet
    (tmp_path / "piped.wav").write_bytes(data)
    assert run(["compress", str(tmp_path / "piped.wav"), str(tmp_path / "o.wav"), "--quiet"]) == 0
    assert soundfile.info(tmp_path / "o.wav").frames == 30_000


def test_a_link_to_an_input_is_the_input(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good = write(tmp_path / "in.wav")
    before = good.read_bytes()
    (tmp_path / "soft.wav").symlink_to(good)
    (tmp_path / "hard.wav").hardlink_to(good)
    for name in ("soft.wav", "hard.wav"):
        assert "overwrite" in fails(capsys, good, tmp_path / name, "--force")
    assert good.read_bytes() == before


@pytest.mark.parametrize(("out", "trace"), [("o.wav", "t.png"), ("o.flac", "t.png"), ("o.ogg", "t.csv")])
def test_a_full_disk_leaves_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str], out: str, trace: str) -> None:
    resource = pytest.importorskip("resource")  # no such limits on Windows
    source = write(tmp_path / "in.wav", sound(150_000, 1))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, before[1]))
    try:
        line = fails(capsys, source, tmp_path / out, "--trace", tmp_path / trace)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert "cannot be written" in line
    assert (trace if trace == "t.csv" else out) in line
    assert names(tmp_path) == ["in.wav"]


def test_a_stop_in_the_middle_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    source, seen = write(tmp_path / "in.wav"), []
    work = Leveller.process_with_gain

    def stopped(unit: Leveller, *blocks: object) -> object:
        seen.append(names(tmp_path))
        if len(seen) == 3:
            raise KeyboardInterrupt
        return work(unit, *blocks)

    monkeypatch.setattr(Leveller, "process_with_gain", stopped)
    options = ["--block", "1000", "--pre-roll", "0", "--trace", str(tmp_path / "t.csv"), "--quiet"]
    assert run(["compress", str(source), str(tmp_path / "o.wav"), *options]) == 130
    assert len(seen[-1]) == 3  # the recording and two under temporary names
    assert names(tmp_path) == ["in.wav"]


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.aiff"])
def test_without_wet_signal_or_reduction_the_file_keeps_its_samples(tmp_path: Path, name: str) -> None:
    source = write(tmp_path / name, subtype="PCM_24")
    for number, options in enumerate((["--mix", "0"], ["--peak-reduction", "0", "--no-colour"])):
        out = tmp_path / f"{number}-{name}"
        assert run(["compress", str(source), str(out), "--quiet", *options]) == 0
        assert np.array_equal(soundfile.read(out)[0], soundfile.read(source)[0])


def test_a_loudness_that_no_make_up_gain_reaches_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = write(tmp_path / "in.wav", sound(40_000, 1) * 5e-3, subtype="FLOAT")
    line = fails(capsys, source, tmp_path / "o.wav", "--target-lufs", "-5")
    assert "LUFS" in line and "at most 40 dB" in line
    assert names(tmp_path) == ["in.wav"]


def test_what_is_no_number_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    samples = sound(5000, 1)
    samples[[10, 20, 30]] = np.array([[np.nan], [np.inf], [1e30]])
    source = write(tmp_path / "in.wav", samples, subtype="FLOAT")
    assert run(["compress", str(source), str(tmp_path / "o.wav")]) == 0
    assert "3 samples were no finite number" in capsys.readouterr().out
    assert np.isfinite(soundfile.read(tmp_path / "o.wav")[0]).all()


def test_a_file_of_one_frame_and_of_nothing_but_silence(tmp_path: Path) -> None:
    for name, samples in (("one.wav", np.full((1, 1), 0.5)), ("silence.wav", np.zeros((5000, 2)))):
        source = write(tmp_path / name, samples.astype(np.float32), subtype="FLOAT")
        assert run(["compress", str(source), str(tmp_path / f"out-{name}"), "--quiet"]) == 0
        found = soundfile.read(tmp_path / f"out-{name}", always_2d=True)[0]
        assert found.shape == samples.shape
        assert samples.any() or not found.any()
