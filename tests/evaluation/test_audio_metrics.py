"""Audio metrics: hand-worked cases, laws, and the reference implementation of the STFT distance."""

from __future__ import annotations

import numpy as np
import pytest

from ritornello.errors import ArgumentError
from ritornello.evaluation.audio_metrics import (
    audio_distance,
    crest_factor_db,
    error_to_signal_ratio,
    gain_trajectory_db,
    loudness_error_db,
    mean_absolute_error,
    polarity,
)
from ritornello.evaluation.audio_spectra import mr_stft_distance

RATE = 44_100


def noise(frames: int = 30_000, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(frames) * 0.1


def test_errors_by_hand() -> None:
    assert mean_absolute_error([1.0, 0.0], [0.0, 0.5]) == pytest.approx(0.75)
    assert error_to_signal_ratio([1.0, 2.0], [1.0, 1.0]) == pytest.approx(0.5)
    # After 1 - .5 z^-1 the second samples are 2 - .5 and 1 - .5.
    assert error_to_signal_ratio([1.0, 2.0], [1.0, 1.0], 0.5) == pytest.approx(4.0)
    assert crest_factor_db([1.0, -1.0, 1.0]) == pytest.approx(0)
    assert crest_factor_db(np.sin(np.arange(1000) * np.pi / 50)) == pytest.approx(3.01, abs=0.01)


def test_an_inverted_output_is_turned_and_told() -> None:
    signal = noise()
    assert error_to_signal_ratio(-signal, signal) == pytest.approx(4)
    assert polarity(-signal, signal) == -1
    found = audio_distance(signal, -signal, signal, RATE)
    assert found.polarity == -1
    assert found.esr == 0 and found.mae == 0 and found.gain_sd_db == pytest.approx(0, abs=1e-9)


def test_a_louder_output_is_that_much_louder_everywhere() -> None:
    signal = noise(60_000)
    louder = signal * 10 ** (1.5 / 20)
    assert loudness_error_db(louder, signal, RATE) == pytest.approx(1.5, abs=1e-3)
    gain = gain_trajectory_db(signal, louder, signal, RATE)
    assert gain.mean() == pytest.approx(1.5) and gain.std() == pytest.approx(0, abs=1e-9)
    assert audio_distance(signal, louder, signal, RATE).crest_error_db == pytest.approx(0, abs=1e-9)


def test_windows_of_silence_say_nothing_about_the_gain() -> None:
    signal = noise(60_000)
    signal[30_000:] *= 1e-6
    assert (
        len(gain_trajectory_db(signal, signal, signal, RATE))
        < len(gain_trajectory_db(noise(60_000), *[noise(60_000)] * 2, RATE)) * 0.6
    )


def test_a_longer_hop_takes_fewer_of_the_same_windows() -> None:
    signal = noise(60_000)
    every = gain_trajectory_db(signal, signal * np.linspace(1, 2, 60_000), signal, RATE)
    fewer = gain_trajectory_db(signal, signal * np.linspace(1, 2, 60_000), signal, RATE, hop_s=0.05)
    np.testing.assert_allclose(fewer, every[::5], atol=1e-9)


@pytest.mark.parametrize("frames", [5_000, 30_001])
def test_the_stft_distance_is_that_of_auraloss(frames: int) -> None:
    auraloss = pytest.importorskip("auraloss")
    import torch

    first, second = noise(frames), noise(frames, 1) * np.linspace(0, 1, frames)
    reference = auraloss.freq.MultiResolutionSTFTLoss()
    wanted = reference(*(torch.tensor(x, dtype=torch.float64)[None, None].float() for x in (first, second)))
    assert mr_stft_distance(first, second) == pytest.approx(float(wanted), rel=1e-4)


def test_what_cannot_be_compared_is_refused() -> None:
    for output, target in (([1.0], [1.0, 2.0]), ([], []), ([np.nan], [1.0]), ([1.0], [0.0])):
        with pytest.raises(ArgumentError):
            error_to_signal_ratio(output, target)
    with pytest.raises(ArgumentError, match="1024"):
        mr_stft_distance(np.ones(1000), np.ones(1000))
