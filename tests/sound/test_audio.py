"""Audio: validation, files in every format, one-line errors, resampling and channels."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ritornello.errors import ArgumentError, ReadError, WriteError
from ritornello.sound import Audio, read_audio
from sound.measure import cents, level_db, sine_hz


def tone(hz: float = 441.0, seconds: float = 1.0, rate: int = 44100, channels: int = 2) -> Audio:
    wave = 0.5 * np.sin(2 * np.pi * hz * np.arange(round(seconds * rate)) / rate)
    return Audio(np.tile(wave, (channels, 1)).astype(np.float32), rate)


def test_shape_rate_duration_and_peak() -> None:
    audio = tone(seconds=0.5)
    assert (audio.channels, audio.frames, audio.sample_rate) == (2, 22050, 44100)
    assert audio.duration_s == 0.5
    assert audio.peak == pytest.approx(0.5, abs=1e-4)
    assert audio.samples.dtype == np.float32


def test_one_dimension_is_mono_and_samples_are_read_only() -> None:
    audio = Audio(np.zeros(10, np.float32), 8000)
    assert audio.samples.shape == (1, 10)
    with pytest.raises(ValueError, match="read-only"):
        audio.samples[0, 0] = 1.0


@pytest.mark.parametrize("bad", [np.zeros((2, 3, 4)), np.zeros((65, 3)), np.array([0.0, np.nan]), np.array([np.inf])])
def test_bad_samples_are_refused(bad: np.ndarray) -> None:
    with pytest.raises(ArgumentError):
        Audio(bad, 44100)


@pytest.mark.parametrize("rate", [0, -1, 3999, 384_001])
def test_bad_rates_are_refused(rate: int) -> None:
    with pytest.raises(ArgumentError, match="out of range"):
        Audio(np.zeros((1, 4)), rate)
    with pytest.raises(ArgumentError, match="out of range"):
        tone().resample(rate)


def test_resampling_keeps_pitch_level_and_duration() -> None:
    audio = tone(1000.0)
    moved = audio.resample(48000)
    assert moved.sample_rate == 48000
    assert moved.duration_s == pytest.approx(1.0, abs=1e-3)
    assert abs(cents(sine_hz(moved.samples, 0.1, 0.9, 48000), 1000.0)) < 0.1
    assert level_db(moved.samples, 0.1, 0.9, 48000) == pytest.approx(level_db(audio.samples, 0.1, 0.9), abs=0.01)


def test_mono_is_the_mean_and_stereo_doubles_mono() -> None:
    audio = Audio(np.array([[1.0, 0.0], [0.0, 0.5]]), 8000)
    assert audio.to_mono().samples.tolist() == [[0.5, 0.25]]
    assert audio.to_mono().to_stereo().samples.tolist() == [[0.5, 0.25], [0.5, 0.25]]
    with pytest.raises(ArgumentError, match="3 channels"):
        Audio(np.zeros((3, 2)), 8000).to_stereo()


def test_gain_in_decibels() -> None:
    audio = tone()
    assert level_db(audio.with_gain_db(-6.0).samples, 0, 1) == pytest.approx(
        level_db(audio.samples, 0, 1) - 6, abs=1e-3
    )


@pytest.mark.parametrize(
    ("name", "subtype", "tolerance"),
    [
        ("a.wav", "PCM_16", 1.1 / 32768), ("a.wav", "PCM_24", 1.1 / 2**23), ("a.wav", "FLOAT", 0.0),
        ("a.FLAC", "PCM_16", 1.1 / 32768), ("ä ö.flac", "PCM_24", 1.1 / 2**23),
    ],
)  # fmt: skip
def test_written_audio_comes_back(tmp_path, name: str, subtype: str, tolerance: float) -> None:
    audio = tone()
    audio.write(tmp_path / name, subtype)
    back = read_audio(tmp_path / name)
    assert back.sample_rate == audio.sample_rate
    assert np.abs(back.samples - audio.samples).max() <= tolerance
    assert [path.name for path in tmp_path.iterdir()] == [name]  # nothing temporary stays


def test_ogg_keeps_pitch_and_level(tmp_path) -> None:
    audio = tone(1000.0, 4.0)
    audio.write(tmp_path / "a.ogg")
    back = read_audio(tmp_path / "a.ogg")
    assert abs(cents(sine_hz(back.samples, 1, 3), 1000.0)) < 0.5
    assert level_db(back.samples, 1, 3) == pytest.approx(level_db(audio.samples, 1, 3), abs=0.2)


@pytest.mark.parametrize(
    ("kind", "start"), [("WAV", b"RIFF"), ("FLAC", b"fLaC"), ("OGG", b"OggS"), ("MP3", b"\xff\xfb")]
)
def test_encoded_bytes_are_audio_of_the_kind(tmp_path, kind: str, start: bytes) -> None:
    audio = tone(1000.0)
    data = audio.encode(kind)
    assert data.startswith(start)
    assert kind == "OGG" or data == audio.encode(kind)  # Ogg streams have a number that is drawn
    (tmp_path / "x").write_bytes(data)
    back = read_audio(tmp_path / "x")
    assert back.frames == audio.frames
    assert abs(cents(sine_hz(back.samples, 0.1, 0.9), 1000.0)) < 1
    assert level_db(back.samples, 0.1, 0.9) == pytest.approx(level_db(audio.samples, 0.1, 0.9), abs=0.1)


def test_integers_clip_instead_of_wrapping(tmp_path) -> None:
    Audio(np.array([[2.0, -2.0]]), 8000).write(tmp_path / "loud.wav")
    assert read_audio(tmp_path / "loud.wav").samples[0] == pytest.approx([1.0, -1.0], abs=1e-4)


def test_unknown_suffix_bad_subtype_and_missing_folder(tmp_path) -> None:
    with pytest.raises(ArgumentError, match=r"\.xyz"):
        tone().write(tmp_path / "a.xyz")
    with pytest.raises(ArgumentError, match="FLAC"):
        tone().write(tmp_path / "a.flac", "FLOAT")
    with pytest.raises(WriteError):
        tone().write(tmp_path / "no" / "a.wav")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"RIFF", b"no audio at all" * 9, b"RIFF\xff\xff\xff\xffWAVEfmt "])
def test_what_is_no_audio_is_one_line(tmp_path, content: bytes) -> None:
    path = tmp_path / "x.wav"
    path.write_bytes(content)
    with pytest.raises(ReadError) as caught:
        read_audio(path)
    assert "x.wav" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_file_and_folder(tmp_path) -> None:
    with pytest.raises(ReadError, match="no such file"):
        read_audio(tmp_path / "none.wav")
    with pytest.raises(ReadError, match="folder"):
        read_audio(tmp_path)


def test_a_rate_out_of_range_and_samples_that_are_no_numbers_are_refused(tmp_path) -> None:
    soundfile.write(tmp_path / "slow.wav", np.zeros(10), 1000)
    with pytest.raises(ReadError, match=r"slow\.wav.*1000"):
        read_audio(tmp_path / "slow.wav")
    soundfile.write(tmp_path / "nan.wav", np.array([np.nan, 0.0], np.float32), 8000, subtype="FLOAT")
    with pytest.raises(ReadError, match=r"nan\.wav.*finite"):
        read_audio(tmp_path / "nan.wav")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cut=st.integers(1, 300), flips=st.lists(st.tuples(st.integers(0, 299), st.integers(0, 255)), max_size=8))
def test_damaged_files_raise_read_error_or_are_audio(tmp_path, cut: int, flips: list[tuple[int, int]]) -> None:
    path = tmp_path / "damaged.wav"
    tone(seconds=0.01, channels=1).write(path)
    data = bytearray(path.read_bytes()[:cut])
    for position, value in flips:
        if position < len(data):
            data[position] = value
    path.write_bytes(bytes(data))
    try:
        assert read_audio(path).frames >= 0
    except ReadError as error:
        assert "\n" not in str(error)
