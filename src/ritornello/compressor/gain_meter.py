"""The gain of a unit seen from outside: the ratio of the levels after and before it, over 5 ms.

A network changes the sound and does not tell by which gain; this is what its meter shows.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ritornello.nn.compiled import Kept, address, load_function

LEVEL_S = 0.005
"""Time constant of the levels."""

FAINTEST_LEVEL = 1e-12
"""Mean square below which no gain can be told, -120 dBFS."""

_SOURCE = Path(__file__).with_suffix(".cpp")
_TINY = 1e-15


class GainMeter:
    """A meter at work, on blocks of any length.

    Args:
        channels: number of channels.
        sample_rate: frames per second.
    """

    def __init__(self, channels: int, sample_rate: float) -> None:
        self._pace = 1 - math.exp(-1 / (LEVEL_S * sample_rate))
        self._levels = Kept(np.zeros((channels, 2)))  # before and after

    def __call__(self, before: NDArray[np.float64], after: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the gain of each frame in dB, ``(channels, frames)``, from two signals of that shape."""
        kernel = _kernel()
        if kernel is None:
            return self._in_numpy(before, after)
        before, after = np.ascontiguousarray(before), np.ascontiguousarray(after)
        decibels = np.empty(before.shape)
        kernel(
            before.shape[1], len(before), self._pace, FAINTEST_LEVEL, address(before), address(after),
            self._levels.place, address(decibels),
        )  # fmt: skip
        return decibels

    def _in_numpy(self, before: NDArray[np.float64], after: NDArray[np.float64]) -> NDArray[np.float64]:
        from scipy.signal import lfilter

        last, keep = self._levels.array, 1 - self._pace
        power = np.stack([before, after], axis=1) ** 2  # (channels, 2, frames)
        levels, _ = lfilter([self._pace], [1.0, -keep], power, axis=2, zi=keep * last[..., None])
        last[:] = np.where(levels[..., -1] < _TINY, 0.0, levels[..., -1])
        first, second = np.maximum(levels, FAINTEST_LEVEL).swapaxes(0, 1)
        decibels: NDArray[np.float64] = 10 * np.log10(second / first)
        return decibels


@functools.cache
def _kernel() -> Callable[..., None] | None:
    return load_function(_SOURCE, "measure", "nnddpppp")
