"""The multi-resolution STFT distance of Yamamoto et al., *Parallel WaveGAN* (2020), in NumPy.

Spectral convergence plus the mean absolute difference of log magnitudes, averaged over three resolutions; numbers and
edge cases follow auraloss's ``MultiResolutionSTFTLoss`` with its defaults, which tests compare to. It does not hear
polarity. Frames are computed in strips, so that a long recording needs little memory.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ritornello.errors import ArgumentError

RESOLUTIONS = ((1024, 120, 600), (2048, 240, 1200), (512, 50, 240))
"""FFT size, hop and window length of each resolution, in samples."""

POWER_FLOOR = 1e-8
"""Least power of a bin."""

_STRIP_FRAMES = 512


def mr_stft_distance(output: ArrayLike, target: ArrayLike) -> float:
    """Return the distance of two signals of equal shape, ``(channels, frames)`` or ``(frames,)``.

    Raises:
        ArgumentError: if shapes differ or there are fewer than 1025 frames, which the padding by reflection needs.
    """
    found, wanted = (np.atleast_2d(np.asarray(x, np.float64)) for x in (output, target))
    if found.shape != wanted.shape:
        raise ArgumentError(f"signals of shapes {found.shape} and {wanted.shape} cannot be compared")
    if found.shape[1] <= RESOLUTIONS[1][0] // 2:
        raise ArgumentError(f"an STFT distance needs more than 1024 frames, not {found.shape[1]}")
    return sum(_distance(found, wanted, *resolution) for resolution in RESOLUTIONS) / len(RESOLUTIONS)


def _distance(found: NDArray[np.float64], wanted: NDArray[np.float64], size: int, hop: int, width: int) -> float:
    difference = energy = logs = 0.0
    bins = 0
    for first, second in zip(found, wanted, strict=True):
        pairs = zip(_magnitudes(first, size, hop, width), _magnitudes(second, size, hop, width), strict=True)
        for ours, theirs in pairs:
            difference += float(((theirs - ours) ** 2).sum())
            energy += float((theirs**2).sum())
            logs += float(np.abs(np.log(ours / theirs)).sum())
            bins += ours.size
    return float(np.sqrt(difference / energy)) + logs / bins


def _magnitudes(signal: NDArray[np.float64], size: int, hop: int, width: int) -> Iterator[NDArray[np.float64]]:
    """Yield magnitudes ``(frames of the strip, size / 2 + 1)``, never below the floor."""
    padded = np.pad(signal, size // 2, mode="reflect")
    window = np.zeros(size)
    start = (size - width) // 2
    window[start : start + width] = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(width) / width)
    frames = np.lib.stride_tricks.sliding_window_view(padded, size)[::hop]
    for first in range(0, len(frames), _STRIP_FRAMES):
        spectrum = np.fft.rfft(frames[first : first + _STRIP_FRAMES] * window)
        yield np.sqrt(np.maximum(spectrum.real**2 + spectrum.imag**2, POWER_FLOOR))
