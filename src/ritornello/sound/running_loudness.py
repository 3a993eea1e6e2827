"""Integrated loudness after ITU-R BS.1770-4 of sound that comes in blocks, in memory of 8 bytes per 100 ms.

The same filters and gates as `loudness`, with the filters' state kept between blocks.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ritornello.errors import ArgumentError
from ritornello.sound.loudness import gated_lufs, k_weighting

HOP_S = 0.1
"""Blocks of loudness are four hops long."""


class RunningLoudness:
    """A loudness meter.

    Args:
        sample_rate: frames per second.
        channels: 1 or 2.

    Raises:
        ArgumentError: with more than two channels.
    """

    def __init__(self, sample_rate: int, channels: int) -> None:
        if channels > 2:
            raise ArgumentError(f"loudness is measured on one or two channels, not {channels}")
        self._sections = k_weighting(sample_rate)
        self._state = np.zeros((len(self._sections), channels, 2))
        self._hop = round(HOP_S * sample_rate)
        self._rest = np.zeros(0)
        self._hops: list[NDArray[np.float64]] = []

    def add(self, block: NDArray[np.float32]) -> None:
        """Listen to a block ``(channels, frames)``."""
        from scipy.signal import sosfilt

        weighted, self._state = sosfilt(self._sections, block.astype(np.float64), axis=1, zi=self._state)
        power = np.concatenate([self._rest, (weighted**2).sum(axis=0)])
        count = len(power) // self._hop
        self._hops.append(power[: count * self._hop].reshape(count, self._hop).sum(axis=1))
        self._rest = power[count * self._hop :]

    def integrated_lufs(self) -> float:
        """Return the integrated loudness so far; ``-inf`` for silence and for less than 0.4 s."""
        hops = np.concatenate(self._hops) if self._hops else np.zeros(0)
        if len(hops) < 4:
            return float("-inf")
        blocks = (hops[:-3] + hops[1:-2] + hops[2:-1] + hops[3:]) / (4 * self._hop)
        return gated_lufs(blocks)
