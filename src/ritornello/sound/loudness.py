"""Loudness and true peak after ITU-R BS.1770-4, fast enough to master a song in a fraction of a second.

The K-weighting filters are those of pyloudnorm; the gated blocks are computed here, on running sums of single-precision
filter output, because pyloudnorm's own loop takes almost a second for three minutes. Tests hold both together.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ritornello.errors import ArgumentError

_BLOCK_S, _HOP_S = 0.4, 0.1
_PEAK_BLOCKS = 512
_ABSOLUTE_GATE_LUFS, _RELATIVE_GATE_LU = -70.0, -10.0


def integrated_lufs(samples: NDArray[np.float32], sample_rate: int) -> float:
    """Return the integrated loudness in LUFS; ``-inf`` for silence and for less than one block of 0.4 s.

    Args:
        samples: ``(channels, frames)``, one or two channels; mono counts as one loudspeaker.
        sample_rate: frames per second.
    """
    if samples.shape[0] > 2:
        raise ArgumentError(f"loudness is measured on one or two channels, not {samples.shape[0]}")
    return gated_lufs(_block_powers(samples, sample_rate))


def gated_lufs(powers: NDArray[np.float64]) -> float:
    """Return the loudness of blocks of K-weighted power ``(blocks,)`` after both gates; ``-inf`` if none passes."""
    with np.errstate(divide="ignore"):
        loudness = -0.691 + 10.0 * np.log10(powers)
        powers = powers[loudness > _ABSOLUTE_GATE_LUFS]
        loudness = loudness[loudness > _ABSOLUTE_GATE_LUFS]
        if not len(powers):
            return float("-inf")
        gate = -0.691 + 10.0 * np.log10(powers.mean()) + _RELATIVE_GATE_LU
        return float(-0.691 + 10.0 * np.log10(powers[loudness > gate].mean()))


def _block_powers(samples: NDArray[np.float32], sample_rate: int) -> NDArray[np.float64]:
    """Return the K-weighted power of each overlapping block, summed over the channels: float64 ``(blocks,)``."""
    from scipy.signal import sosfilt

    hop = round(_HOP_S * sample_rate)
    hops = samples.shape[1] // hop
    width = round(_BLOCK_S / _HOP_S)
    if hops < width:
        return np.zeros(0)
    sections = k_weighting(sample_rate)
    powers = np.zeros(hops)
    for channel in samples:
        weighted = sosfilt(sections.astype(np.float32), channel[: hops * hop])
        powers += np.einsum("ij,ij->i", *(weighted.reshape(hops, hop),) * 2, dtype=np.float64)
    running = np.concatenate([[0.0], np.cumsum(powers)])
    blocks: NDArray[np.float64] = (running[width:] - running[:-width]) / (width * hop)
    return blocks


def k_weighting(sample_rate: int) -> NDArray[np.float64]:
    """Return the second-order sections of the K-weighting: ``(2, 6)``."""
    from pyloudnorm import IIRfilter

    shelf = IIRfilter(4.0, 1.0 / np.sqrt(2.0), 1500.0, sample_rate, "high_shelf")
    high_pass = IIRfilter(0.0, 0.5, 38.0, sample_rate, "high_pass")
    return np.array([[*section.b, *section.a] for section in (shelf, high_pass)])


def true_peak(samples: NDArray[np.float32]) -> float:
    """Return the largest absolute value between the samples, at four times the rate (BS.1770-4, annex 2).

    Only the surroundings of the highest samples are oversampled, which is what makes it fast.

    Args:
        samples: ``(channels, frames)``; 0 is returned without frames.
    """
    import soxr

    if samples.shape[1] == 0:
        return 0.0
    width = 1024
    count = samples.shape[1] // width * width
    shaped = samples[:, :count].reshape(len(samples), -1, width)
    blocks = np.maximum(shaped.max(axis=2, initial=0.0), -shaped.min(axis=2, initial=0.0))
    peak = float(max(blocks.max(initial=0.0), np.abs(samples[:, count:]).max(initial=0.0)))
    # The highest blocks decide: between samples a signal rises rarely by more than 3 dB.
    candidates = np.argwhere(blocks >= 0.7 * peak)
    order = np.argsort(-blocks[tuple(candidates.T)], kind="stable")[:_PEAK_BLOCKS]
    for channel, block in candidates[order].tolist():
        start = max(block * width - 64, 0)
        piece = samples[channel, start : (block + 1) * width + 64]
        peak = max(peak, float(np.abs(soxr.resample(piece, 1.0, 4.0, quality="HQ")).max()))
    return peak
