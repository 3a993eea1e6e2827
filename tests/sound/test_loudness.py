"""Loudness against pyloudnorm and the standard's own check; true peaks between samples."""

from __future__ import annotations

import numpy as np
import pyloudnorm
import pytest

from ritornello.errors import ArgumentError
from ritornello.sound.loudness import integrated_lufs, true_peak


@pytest.mark.parametrize("rate", [22050, 44100, 48000])
def test_agrees_with_pyloudnorm_on_music_like_noise(rate: int) -> None:
    rng = np.random.default_rng(1)
    seconds = 12
    samples = rng.standard_normal((2, seconds * rate)) * 0.1
    samples[:, 3 * rate : 6 * rate] *= 0.01  # a quiet passage that the gate leaves out
    samples[0] += 0.3 * np.sin(2 * np.pi * 60 * np.arange(seconds * rate) / rate)
    expected = pyloudnorm.Meter(rate).integrated_loudness(samples.T)
    assert integrated_lufs(samples.astype(np.float32), rate) == pytest.approx(expected, abs=0.02)


def test_a_full_scale_sine_at_997_hz_in_one_channel_reads_minus_3_lufs() -> None:
    # BS.1770-4, annex 1: 0 dBFS at 997 Hz on one front channel indicates -3.01 LKFS.
    samples = np.zeros((2, 480_000), np.float32)
    samples[0] = np.sin(2 * np.pi * 997 * np.arange(480_000) / 48_000)
    assert integrated_lufs(samples, 48_000) == pytest.approx(-3.01, abs=0.05)


def test_silence_and_short_sound_have_no_loudness() -> None:
    assert integrated_lufs(np.zeros((2, 48_000), np.float32), 48_000) == -np.inf
    assert integrated_lufs(np.ones((1, 100), np.float32), 48_000) == -np.inf
    with pytest.raises(ArgumentError):
        integrated_lufs(np.zeros((3, 48_000), np.float32), 48_000)


def test_true_peak_sees_between_the_samples() -> None:
    # A quarter of the rate, 45 degrees off: every sample is 0.707, the signal reaches 1.
    samples = np.sin(2 * np.pi * (np.arange(8000) / 4 + 1 / 8)).astype(np.float32)[None]
    assert np.abs(samples).max() == pytest.approx(0.7071, abs=1e-3)
    assert true_peak(samples) == pytest.approx(1.0, abs=0.02)
    assert true_peak(np.zeros((2, 0), np.float32)) == 0.0
