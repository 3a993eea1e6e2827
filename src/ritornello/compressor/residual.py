"""The learned residual at work: a correction of the gain, once a hop, on blocks of any length; see `residual_network`.

Level and gain are gathered over a hop (32 frames at 44.1 kHz, as long at other rates); the network runs at its end, and
what it says is reached, linearly, at the end of the next hop. No frame is delayed and none of it needs torch, but to
read the weights.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ritornello.compressor.s4_block import BlockNumbers
from ritornello.errors import MissingDependencyError
from ritornello.nn.compiled import address, load_function

if TYPE_CHECKING:
    from ritornello.compressor.residual_network import ResidualNetwork

Signal = NDArray[np.float64]

HOP, HOP_RATE_HZ = 32, 44_100
"""Frames of a hop at the rate that residuals are trained at."""

BOUND = 0.5
"""A residual changes a gain by at most this share of it."""

FULL_FROM = 20.0
"""Peak Reduction from which a residual acts in full; it does nothing at 0."""

_SOURCE = Path(__file__).with_name("residual_cell.cpp")
_SUMS = 4  # of each channel: the correction before and after this hop, power and gain of the hop so far
_LEAST, _LOUDEST_DB = 1e-4, 20.0
_DB = 20 / np.log(10)


def hop_of(sample_rate: float) -> int:
    """Return the frames of a hop at a sample rate."""
    return round(HOP * sample_rate / HOP_RATE_HZ)


def level_of(power: Signal) -> Signal:
    """Return the level of hops of a mean power as the network hears it, in dB: -80 in silence, 20 at most."""
    level: Signal = np.minimum(_DB * np.log(np.sqrt(power) + _LEAST), _LOUDEST_DB)
    return level


def load_residual(folder: Path) -> ResidualNetwork:
    """Return the residual that lies beside a model.

    Raises:
        ReadError: if it is damaged.
        MissingDependencyError: if torch is not installed.
    """
    try:
        from ritornello.compressor.residual_network import read_residual
    except ImportError:
        raise MissingDependencyError(
            f'{folder}: a residual needs torch and safetensors; run: pip install "ritornello[ml]"'
        ) from None
    return read_residual(folder)


class GainResidual:
    """A residual at work, from silence on.

    Args:
        network: its weights.
        sample_rate: frames per second.
        channels: number of channels; each is corrected by itself, or linked ones as the gain path links them.
        is_limit: the switch.
        peak_reduction: the knob.
    """

    def __init__(
        self, network: ResidualNetwork, sample_rate: float, channels: int, is_limit: bool, peak_reduction: float
    ) -> None:
        config = network.config
        self.network, self.channels, self.hop = network, channels, hop_of(sample_rate)
        self._ratio = self.hop / sample_rate * HOP_RATE_HZ / HOP
        self._sizes = (config.channels, config.states, config.blocks)
        self._bank = 2 * config.channels * config.states * config.blocks
        numbers = network.numbers(is_limit, peak_reduction, self._ratio)
        self._setting = (is_limit, peak_reduction)
        self._from = self._target = numbers[: -self._bank]
        self._row = self._target.copy()
        self._counters = np.array([0, 0, 1])  # frames of this hop, hops left of a knob's way, hops of it in all
        self._memory = np.zeros((channels, _SUMS + self._bank))
        self._memory[:, _SUMS:] = numbers[-self._bank :]

    def turn(self, is_limit: bool, peak_reduction: float, frames: int) -> None:
        """Move to another setting, over some frames."""
        if self._setting == (is_limit, peak_reduction):
            return
        self._setting = (is_limit, peak_reduction)
        self._from = self._row.copy()
        self._target = self.network.numbers(is_limit, peak_reduction, self._ratio)[: -self._bank]
        hops = max(1, round(frames / self.hop))
        self._counters[1:] = hops, hops

    def correct(self, wet: Signal, decibels: Signal, numbers: Signal) -> tuple[Signal, Signal]:
        """Return a signal with its gain corrected, and the gain in dB.

        Args:
            wet: what the gain path put out, ``(channels, frames)``.
            decibels: its gain, make-up included, as much.
            numbers: where the gain path is going: `GainNumbers.at_rate`.
        """
        wet, decibels = np.array(wet, order="C"), np.array(decibels, order="C")
        mean, link, makeup = numbers[-3:].tolist()
        kernel = _kernel() if self._sizes[0] <= 64 else None
        if kernel is None:
            self._correct_in_numpy(wet, decibels, makeup, mean, link)
        else:
            arrays = (self._from, self._target, self._row, self._counters, self._memory)
            kernel(
                wet.shape[1], self.channels, self.hop, *self._sizes, len(self._row), *map(address, arrays),
                makeup, mean, link, address(wet), address(decibels),
            )  # fmt: skip
        return wet, decibels

    def _correct_in_numpy(self, wet: Signal, decibels: Signal, makeup: float, mean: float, link: float) -> None:
        """Do what ``residual_cell.cpp`` does, in place."""
        counters, memory, done = self._counters, self._memory, 0
        while done < wet.shape[1]:
            stretch = slice(done, min(done + self.hop - int(counters[0]), wet.shape[1]))
            length = stretch.stop - stretch.start
            place = (counters[0] + 1 + np.arange(length)) / self.hop
            factor = 1 + memory[:, :1] + (memory[:, 1:2] - memory[:, :1]) * place
            memory[:, 2] += (wet[:, stretch] ** 2).sum(axis=1)
            memory[:, 3] += (decibels[:, stretch] - makeup).sum(axis=1)
            wet[:, stretch] *= factor
            decibels[:, stretch] += _DB * np.log(factor)
            counters[0] += length
            done = stretch.stop
            if counters[0] < self.hop:
                break
            counters[0], counters[1] = 0, max(0, counters[1] - 1)
            share = 1 - counters[1] / counters[2] if counters[1] else 1.0
            self._row = self._from + share * (self._target - self._from)
            power = memory[:, 2]
            common = power.max() + mean * (power.mean() - power.max())
            level = level_of((power + link * (common - power)) / self.hop)
            after = self._step((level + 80) / 40, memory[:, 3] / self.hop / 10)
            memory[:, 0], memory[:, 1] = memory[:, 1], after
            memory[:, 2:_SUMS] = 0

    def _step(self, level: Signal, gain: Signal) -> Signal:
        """Return the corrections ``(channels,)`` after a hop; the states move."""
        size, states, blocks = self._sizes
        expand, rest = self._row[: 3 * size].reshape(3, size), self._row[3 * size :]
        now = level[:, None] * expand[0] + gain[:, None] * expand[1] + expand[2]  # (channels, H)
        memory = self._memory[:, _SUMS:].reshape(-1, blocks, 2, states, size)
        for own in memory.swapaxes(0, 1):
            block = BlockNumbers.read(rest, size, states)
            rest = rest[block.size :]
            now, state = block.step(block.mix(now), now, own[:, 0] + 1j * own[:, 1])
            own[:, 0], own[:, 1] = state.real, state.imag
        settled, amount = rest[size:]
        corrections: Signal = amount * np.tanh(now @ rest[:size] - settled)
        return corrections


def _kernel() -> Callable[..., None] | None:
    return load_function(_SOURCE, "correct", "nnnnnnnpppppdddpp")
