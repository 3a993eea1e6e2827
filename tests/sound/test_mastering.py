"""Mastering: loudness reached, ceiling kept, one gain for all stems, the end trimmed but not cut."""

from __future__ import annotations

import numpy as np
import pytest

from ritornello.sound.loudness import integrated_lufs, true_peak
from ritornello.sound.mastering import CEILING_DBTP, plan_master

RATE = 44100
CEILING = 10 ** (CEILING_DBTP / 20)


def noise(seconds: float, level: float, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (rng.standard_normal((2, round(seconds * RATE))) * level).astype(np.float32)


def plucks(seconds: float) -> np.ndarray:
    """High peaks over little loudness: short bursts that die away."""
    t = np.arange(RATE) / RATE
    pluck = np.exp(-70 * t) * np.sin(2 * np.pi * 440 * t)
    return np.tile(pluck, (2, round(seconds))).astype(np.float32)


@pytest.mark.parametrize("level", [1e-4, 0.01, 1.0, 30.0])
def test_loudness_does_not_depend_on_the_level_of_the_mix(level: float) -> None:
    mix = noise(4, level)
    mastered = plan_master(mix, RATE, -16.0).apply(mix)
    assert integrated_lufs(mastered, RATE) == pytest.approx(-16.0, abs=0.1)
    assert true_peak(mastered) <= CEILING


def test_peaks_are_limited_and_the_loudness_is_reached() -> None:
    mix = plucks(10)
    master = plan_master(mix, RATE, -16.0)
    mastered = master.apply(mix)
    assert master.limiter is not None
    assert master.limiter.min() < 1.0
    assert true_peak(mastered) <= CEILING * 1.001
    assert integrated_lufs(mastered, RATE) == pytest.approx(-16.0, abs=1.0)


def test_limiting_has_a_bound() -> None:
    mix = np.zeros((2, 10 * RATE), np.float32)
    mix[:, RATE::RATE] = 1.0  # clicks: no loudness to be had
    master = plan_master(mix, RATE, -10.0)
    assert master.limiter is not None
    assert 20 * np.log10(master.limiter.min()) >= -9.5
    assert true_peak(master.apply(mix)) <= CEILING * 1.001


def test_stems_sum_to_the_mix_under_the_limiter() -> None:
    one, other = plucks(10), noise(10, 0.02)
    mix = one + other
    master = plan_master(mix, RATE, -14.0)
    assert master.limiter is not None
    assert np.abs(master.apply(one) + master.apply(other) - master.apply(mix)).max() < 1e-5


def test_a_stem_that_ends_early_is_filled_up() -> None:
    mix = noise(3, 0.1)
    master = plan_master(mix, RATE, -16.0)
    stem = master.apply(mix[:, :RATE])
    assert stem.shape == (2, master.frames)
    assert not stem[:, RATE:].any()


def test_silence_at_the_end_goes_and_the_tail_stays() -> None:
    mix = np.zeros((2, 6 * RATE), np.float32)
    t = np.arange(2 * RATE) / RATE
    mix[:, : 2 * RATE] = np.exp(-2.3026 * t) * np.sin(2 * np.pi * 300 * t)  # 20 dB a second: audible to its end
    master = plan_master(mix, RATE, -16.0)
    assert 2.0 <= master.frames / RATE < 2.1


def test_shorter_than_a_loudness_block_is_brought_to_the_ceiling() -> None:
    mix = noise(0.2, 0.01)
    mastered = plan_master(mix, RATE, -16.0).apply(mix)
    assert true_peak(mastered) == pytest.approx(CEILING, rel=0.02)
