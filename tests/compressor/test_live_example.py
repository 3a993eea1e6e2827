"""The live example: its callback keeps shapes and takes no more memory with time; errors are one line."""

from __future__ import annotations

import importlib.util
import sys
import tracemalloc
import types
from pathlib import Path

import numpy as np
import pytest

from ritornello.compressor import Leveller

EXAMPLE = Path(__file__).parents[2] / "examples" / "live_compressor.py"


class PortAudioError(Exception):
    """As of the library."""


class FakeStream:
    """A sound device that plays some blocks of a tone as it opens."""

    given: list[np.ndarray]
    heard: list[np.ndarray]

    def __init__(self, *, samplerate: int, blocksize: int, channels: int, device: object, dtype: str, callback) -> None:
        if device == 7:
            raise PortAudioError("Error querying device 7")
        time = np.arange(40 * blocksize) / samplerate
        tone = (0.8 * np.sin(2 * np.pi * 500 * time)[:, None] * np.ones(channels)).astype(dtype)
        FakeStream.given, FakeStream.heard = np.split(tone, 40), []
        for number, block in enumerate(FakeStream.given):
            out = np.zeros_like(block)
            callback(block, out, blocksize, None, number == 3)
            FakeStream.heard.append(out)

    def __enter__(self) -> FakeStream:
        return self

    def __exit__(self, *_: object) -> None:
        pass


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    spec = importlib.util.spec_from_file_location("live_compressor", EXAMPLE)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    fake = types.SimpleNamespace(Stream=FakeStream, PortAudioError=PortAudioError)
    monkeypatch.setitem(sys.modules, "sounddevice", fake)
    return module


def start(module: types.ModuleType, monkeypatch: pytest.MonkeyPatch, *options: str) -> int:
    monkeypatch.setattr(sys, "argv", ["live_compressor.py", *options])
    return module.main()


def test_it_plays_what_the_processor_gives_and_shows_the_meter(
    example: types.ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sleeps: list[float] = []

    def stop(seconds: float) -> None:
        sleeps.append(seconds)
        if len(sleeps) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(example.time, "sleep", stop)
    assert start(example, monkeypatch, "--peak-reduction", "80", "--block", "256", "--channels", "2") == 0
    unit = Leveller(48_000, 2, peak_reduction=80)
    for given, heard in zip(FakeStream.given, FakeStream.heard, strict=True):
        assert heard.shape == (256, 2)
        assert np.array_equal(heard, unit.process(given.T).T)
    lines = capsys.readouterr().err.split("\r")
    assert "█" in lines[-2] and "dB" in lines[-2]
    assert "late blocks: 1" in lines[-2]


def test_the_callback_takes_no_more_memory_with_time(example: types.ModuleType) -> None:
    play = example.Player(Leveller(48_000, 1, peak_reduction=60), 64)
    block, out = np.full((64, 1), 0.3, np.float32), np.zeros((64, 1), np.float32)
    sizes = []
    tracemalloc.start()
    for _ in range(4):
        for _ in range(100):
            play(block, out, 64, None, None)
        sizes.append(tracemalloc.get_traced_memory()[0])
    tracemalloc.stop()
    assert sizes[-1] - sizes[1] < 2000


def test_errors_are_one_line(
    example: types.ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for word, options in (
        ("Peak Reduction", ["--peak-reduction", "200"]), ("sample rate", ["--sample-rate", "8000"]),
        ("channels", ["--channels", "0"]), ("--block", ["--block", "5000"]), ("not found", ["--model", "nobody"]),
        ("querying device 7", ["--device", "7"]),
    ):  # fmt: skip
        assert start(example, monkeypatch, *options) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith("live_compressor: ") and word in line
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    assert start(example, monkeypatch) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "pip install" in line
