"""The linear part of the unit's colour at any sample rate: a high-pass near 8 Hz and a gentle rise above 4 kHz.

Measured on two recordings of the unit with its gain removed: the phase leads by 8.7 degrees at 50 Hz, the level is .2
dB up at 5 kHz and .56 dB at 10 kHz, the delay above 2 kHz is .3 samples of 44.1 kHz. A first-order high-pass and a
second-order low-pass with its resonance beyond 20 kHz fit all of that; the low-pass becomes a short causal filter by
least squares over the audible range.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ritornello.nn.compiled import Kept, address, load_function

TAPS = 5

_SOURCE = Path(__file__).with_suffix(".cpp")
_TINY = 1e-15


@functools.lru_cache(maxsize=32)
def colour_filter(
    sample_rate: float, low_hz: float, high_hz: float, high_q: float, taps: int = TAPS
) -> tuple[NDArray[np.float64], float]:
    """Return numerator ``(taps + 1,)`` and the one pole of the filter.

    Args:
        sample_rate: frames per second, at least 32 kHz.
        low_hz: corner of the high-pass.
        high_hz: resonance of the low-pass.
        high_q: its quality.
        taps: length of its discrete form; more are used at higher rates, for the same duration.
    """
    taps = math.ceil(taps * sample_rate / 44100)
    measured, beyond = np.linspace(0, 12_000, 400), np.linspace(12_000, 20_000, 200)
    low_pass = 1 / (1 + 1j * measured / (high_q * high_hz) - (measured / high_hz) ** 2)
    # Above 12 kHz only noise of the unit was measured. There the filter is softly held at its level and delay of 12
    # kHz; left to itself it would rise by 4 dB at 44.1 kHz, and by 7 at 48.
    wanted = np.concatenate([low_pass, np.abs(low_pass[-1]) * np.exp(1j * np.angle(low_pass[-1]) * beyond / 12_000)])
    frequency, weight = np.concatenate([measured, beyond]), np.repeat([1.0, 0.05], [400, 200])
    waves = np.exp(-2j * np.pi * np.outer(frequency / sample_rate, np.arange(taps)))
    # Exactly 1 at 0 Hz: the first tap is what the others leave. A little damping keeps the taps small.
    columns, change = (waves[:, 1:] - 1) * weight[:, None], (wanted - 1) * weight
    rows = np.vstack([columns.real, columns.imag, 0.05 * np.eye(taps - 1)])
    asked = np.concatenate([change.real, change.imag, np.zeros(taps - 1)])
    rest = np.linalg.lstsq(rows, asked, rcond=None)[0]
    short = np.concatenate([[1 - rest.sum()], rest])
    pole = math.exp(-2 * math.pi * low_hz / sample_rate)
    numerator = np.convolve(short, [1.0, -1.0]) * (1 + pole) / 2
    numerator.flags.writeable = False
    return numerator, pole


class ColourFilter:
    """The filter at work, on blocks of any length; its numbers are those of `colour_filter`.

    Args:
        channels: number of channels.
        numerator: ``(taps + 1,)``.
        pole: the one pole.
    """

    def __init__(self, channels: int, numerator: NDArray[np.float64], pole: float) -> None:
        self._taps, self._numerator, self._pole = len(numerator), Kept(np.array(numerator)), pole
        self._state = Kept(np.zeros((channels, self._taps)))  # the last inputs, newest last, and the last output

    def __call__(self, signal: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the filtered block ``(channels, frames)``."""
        kernel = _kernel()
        if kernel is None:
            return self._in_numpy(signal)
        signal = np.ascontiguousarray(signal)
        output = np.empty(signal.shape)
        kernel(
            signal.shape[1], len(signal), self._taps, self._numerator.place, self._pole, address(signal),
            self._state.place, address(output),
        )  # fmt: skip
        return output

    def _in_numpy(self, signal: NDArray[np.float64]) -> NDArray[np.float64]:
        from scipy.signal import lfilter

        order, pole, state = self._taps - 1, self._pole, self._state.array
        inputs = np.concatenate([state[:, :order], signal], axis=1)
        mixed = np.stack([np.convolve(row, self._numerator.array, "valid") for row in inputs])
        output: NDArray[np.float64]
        output, _ = lfilter([1.0], [1.0, -pole], mixed, axis=1, zi=pole * state[:, order:])
        state[:, :order] = inputs[:, inputs.shape[1] - order :]
        state[:, order] = np.where(np.abs(output[:, -1]) < _TINY, 0.0, output[:, -1])
        return output


@functools.cache
def _kernel() -> Callable[..., None] | None:
    return load_function(_SOURCE, "colour", "nnnpdppp")
