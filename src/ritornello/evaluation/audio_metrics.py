"""How near a processed recording is to the hardware's: errors of the waveform, of levels and of the gain over time.

Conventions of the black-box modelling literature: error-to-signal ratio (ESR) plain and after the pre-emphasis
``1 - .85 z^-1`` (Wright and Valimaki, *Perceptual loss function for neural modelling of audio systems*, 2020), mean
absolute error, crest factor, integrated loudness (ITU-R BS.1770-4) and, ours, the gain trajectory: the level of the
model minus that of the target in windows of 50 ms every 10 ms. Differences are always model minus target. An inverted
model (ESR near 4) is turned before it is measured, and told as polarity -1.

Axes: C channels, N frames; arrays of shape ``(N,)`` are one channel.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ritornello.errors import ArgumentError
from ritornello.evaluation.audio_spectra import mr_stft_distance
from ritornello.sound.loudness import integrated_lufs

PRE_EMPHASIS = 0.85
"""Coefficient of the pre-emphasis of `esr_preemphasis`."""

WINDOW_S, HOP_S = 0.05, 0.01
"""Windows of the gain trajectory, in seconds."""

LEAST_INPUT_DBFS, LEAST_TARGET_DBFS = -50.0, -80.0
"""Windows with a quieter input or target say nothing about the gain and are left out."""

_TINY = 1e-30

Signal = NDArray[np.float64]


@dataclass(frozen=True)
class AudioDistance:
    """How far a model's output is from its target.

    Attributes:
        mae: mean absolute error, full scale 1.
        esr: error energy over the target's energy.
        esr_preemphasis: the same after pre-emphasis.
        mr_stft: multi-resolution STFT distance, with whatever noise the output has.
        lufs_error_db: absolute difference of integrated loudness.
        crest_error_db: difference of peak over RMS.
        gain_bias_db: mean of the gain trajectory.
        gain_sd_db: its standard deviation.
        polarity: 1, or -1 if the output was turned before measuring.
    """

    mae: float
    esr: float
    esr_preemphasis: float
    mr_stft: float
    lufs_error_db: float
    crest_error_db: float
    gain_bias_db: float
    gain_sd_db: float
    polarity: int


def validate(output: ArrayLike, target: ArrayLike) -> tuple[Signal, Signal]:
    """Return both signals as float64 ``(C, N)``.

    Raises:
        ArgumentError: if shapes differ, there is no sample, a value is not finite, or the target is silent.
    """
    found, wanted = (np.atleast_2d(np.asarray(x, np.float64)) for x in (output, target))
    if found.shape != wanted.shape or found.ndim != 2:
        raise ArgumentError(f"signals of shapes {found.shape} and {wanted.shape} cannot be compared")
    if not wanted.size:
        raise ArgumentError("signals without a sample cannot be compared")
    if not (np.isfinite(found).all() and np.isfinite(wanted).all()):
        raise ArgumentError("signals that are compared must be finite")
    if not wanted.any():
        raise ArgumentError("the target is silent: an error in relation to it has no meaning")
    return found, wanted


def polarity(output: ArrayLike, target: ArrayLike) -> int:
    """Return -1 if the output looks like the inverted target, else 1."""
    found, wanted = validate(output, target)
    return -1 if float(np.vdot(found, wanted)) < 0 else 1


def mean_absolute_error(output: ArrayLike, target: ArrayLike) -> float:
    """Return the mean absolute difference of samples, full scale 1."""
    found, wanted = validate(output, target)
    return float(np.abs(found - wanted).mean())


def error_to_signal_ratio(output: ArrayLike, target: ArrayLike, pre_emphasis: float = 0.0) -> float:
    """Return the energy of the difference over the energy of the target.

    Args:
        output: ``(C, N)`` or ``(N,)``.
        target: of the same shape.
        pre_emphasis: coefficient a of the filter ``1 - a z^-1`` on both; 0 for none. The first sample has no forerunner
            and is left out.

    Raises:
        ArgumentError: see `validate`.
    """
    found, wanted = validate(output, target)
    if pre_emphasis:
        found, wanted = (x[:, 1:] - pre_emphasis * x[:, :-1] for x in (found, wanted))
    return float(((found - wanted) ** 2).sum() / max(float((wanted**2).sum()), _TINY))


def crest_factor_db(signal: ArrayLike) -> float:
    """Return peak over RMS in decibels; 0 for silence."""
    data = np.asarray(signal, np.float64)
    power = float((data**2).mean()) if data.size else 0.0
    return float(20 * np.log10(np.abs(data).max() / np.sqrt(power))) if power > 0 else 0.0


def loudness_error_db(output: ArrayLike, target: ArrayLike, sample_rate: int) -> float:
    """Return the absolute difference of integrated loudness in LU; 0 if both are silent, infinite if only one is."""
    found, wanted = validate(output, target)
    first, second = (integrated_lufs(x.astype(np.float32), sample_rate) for x in (found, wanted))
    return 0.0 if first == second else abs(first - second)


def level_trajectory_db(signal: ArrayLike, sample_rate: int, hop_s: float = HOP_S) -> Signal:
    """Return the RMS level in dBFS of windows of 50 ms every ``hop_s``, over all channels: float64 ``(windows,)``."""
    data = np.atleast_2d(np.asarray(signal, np.float64))
    window, hop = round(WINDOW_S * sample_rate), round(hop_s * sample_rate)
    running = np.concatenate([[0.0], np.cumsum((data**2).mean(axis=0))])
    starts = np.arange(0, data.shape[1] - window + 1, hop)
    power = (running[starts + window] - running[starts]) / window
    levels: Signal = 10 * np.log10(np.maximum(power, _TINY))
    return levels


def gain_trajectory_db(
    source: ArrayLike, output: ArrayLike, target: ArrayLike, sample_rate: int, hop_s: float = HOP_S
) -> Signal:
    """Return the level of the output minus that of the target, in windows where input and target are loud enough.

    Args:
        source: the input that both were made from, ``(C, N)`` or ``(N,)``.
        output: the model's output.
        target: the hardware's output.
        sample_rate: frames per second.
        hop_s: from window to window.

    Returns:
        float64 ``(windows,)``, perhaps empty.
    """
    before, found, wanted = (level_trajectory_db(x, sample_rate, hop_s) for x in (source, output, target))
    heard = (before > LEAST_INPUT_DBFS) & (wanted > LEAST_TARGET_DBFS)
    return found[heard] - wanted[heard]


def audio_distance(source: ArrayLike, output: ArrayLike, target: ArrayLike, sample_rate: int) -> AudioDistance:
    """Measure a model's output against the target.

    Args:
        source: the input that both were made from, ``(C, N)`` or ``(N,)``.
        output: the model's output, of the same shape.
        target: the hardware's output, of the same shape.
        sample_rate: frames per second.

    Raises:
        ArgumentError: see `validate`.
    """
    found, wanted = validate(output, target)
    sign = polarity(found, wanted)
    found = found * sign
    gain = gain_trajectory_db(source, found, wanted, sample_rate)
    return AudioDistance(
        mae=mean_absolute_error(found, wanted),
        esr=error_to_signal_ratio(found, wanted),
        esr_preemphasis=error_to_signal_ratio(found, wanted, PRE_EMPHASIS),
        mr_stft=mr_stft_distance(found, wanted),
        lufs_error_db=loudness_error_db(found, wanted, sample_rate),
        crest_error_db=crest_factor_db(found) - crest_factor_db(wanted),
        gain_bias_db=float(gain.mean()) if len(gain) else 0.0,
        gain_sd_db=float(gain.std()) if len(gain) else 0.0,
        polarity=sign,
    )
